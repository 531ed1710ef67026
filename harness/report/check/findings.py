"""Findings of a check: what was looked at, what was found, and whether a promise is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ...errors import DnabenchError
from ..render import Table

Verdict = Literal["ok", "fault", "note"]


@dataclass(frozen=True)
class Finding:
    """One promise, kept (`ok`), broken (`fault`), or not to be judged here (`note`)."""

    subject: str
    promise: str
    verdict: Verdict
    text: str = ""


def findings_table(findings: Sequence[Finding]) -> Table:
    """Findings as a table; its last note counts the faults.

    >>> findings_table([Finding("kmer", "order", "ok", "exact")]).notes
    ('1 checked, no fault',)
    """
    rows = tuple((f.subject, f.promise, f.verdict, f.text) for f in findings)
    return Table("", ("checked", "promise", "verdict", "found"), rows, (count(findings),))


def faulty(findings: Iterable[Finding]) -> bool:
    """True where a promise is broken.

    >>> faulty([Finding("kmer", "order", "ok")])
    False
    """
    return any(f.verdict == "fault" for f in findings)


def count(findings: Sequence[Finding]) -> str:
    """The findings in one line.

    >>> count([Finding("kmer", "order", "fault")])
    '1 checked, 1 fault'
    """
    faults = sum(f.verdict == "fault" for f in findings)
    return f"{len(findings)} checked, {faults or 'no'} fault{'s' if faults > 1 else ''}"


def guarded(subject: str, promise: str, look: Callable[[], Finding]) -> Finding:
    """What `look` finds; an error of the checked thing is a fault of it, not ours."""
    try:
        return look()
    except Exception as problem:  # a model's own code may raise anything; the check goes on
        return raised(subject, promise, problem)


def raised(subject: str, promise: str, problem: Exception) -> Finding:
    """An error as a fault: its own sentence if it is one of ours, else its type too."""
    text = str(problem) if isinstance(problem, DnabenchError) else f"{type(problem).__name__}: {problem}"
    return Finding(subject, promise, "fault", text)
