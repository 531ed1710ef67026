"""Test sets that share rows: scores on them are not independent, so a mean over them must know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dnabench.harness.types import Inputs

from .duplicates import canonical_rows


@dataclass(frozen=True)
class Overlap:
    """Distinct rows, on either strand, that two test sets share."""

    first: str
    second: str
    shared: int
    share_of_first: float
    share_of_second: float


@dataclass(frozen=True)
class Union:
    """A test set that is exactly the union of others."""

    whole: str
    parts: tuple[str, ...]
    rows: int


def overlaps(tests: Mapping[str, Inputs]) -> tuple[list[Overlap], list[Union]]:
    """Pairs of test sets that share rows, and test sets that are unions of others.

    >>> pairs, unions = overlaps({"all": Inputs(["AC", "GG"]), "a": Inputs(["GT"]), "b": Inputs(["CC"])})
    >>> [(p.first, p.second, p.shared) for p in pairs], unions
    ([('all', 'a', 1), ('all', 'b', 1)], [Union(whole='all', parts=('a', 'b'), rows=2)])
    """
    rows = {name: frozenset(canonical_rows(inputs)) for name, inputs in tests.items()}
    names = list(rows)
    pairs = []
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            shared = len(rows[first] & rows[second])
            if shared:
                pairs.append(Overlap(first, second, shared, shared / len(rows[first]), shared / len(rows[second])))
    return pairs, [union for name in names if (union := _union(name, rows))]


def undeclared(pairs: Sequence[Overlap], declared: Mapping[str, Sequence[str]]) -> list[Overlap]:
    """Pairs of which neither task file says that they share test rows."""
    return [
        pair
        for pair in pairs
        if pair.second not in declared.get(pair.first, ()) and pair.first not in declared.get(pair.second, ())
    ]


def _union(whole: str, rows: Mapping[str, frozenset[str]]) -> Union | None:
    """Which others a test set is made of; None where they do not make it up, or where one alone does."""
    parts = tuple(name for name in rows if name != whole and rows[name] < rows[whole])
    covered = frozenset[str]().union(*(rows[name] for name in parts))
    return Union(whole, parts, len(rows[whole])) if len(parts) > 1 and covered == rows[whole] else None
