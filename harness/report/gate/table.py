"""The gate's verdicts as a table and as data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from statistics import median
from typing import Any

from ...stats.verdict import POWER
from ..cells import metric_title
from ..compare.table import p_text, signed
from ..render import MISSING, Table
from ..tables import number
from .gate import NEITHER, Gate, Judged

SIDES = ("BASE", "NEW")


def gate_table(gate: Gate, names: tuple[str, str] = SIDES) -> Table:
    """One row per task and model, failures first; `names` say what BASE and NEW are."""
    metrics = list(dict.fromkeys(metric_title(one.metric) for one in gate.cells if one.metric))
    single = len(metrics) == 1
    tested = any(one.change and not one.exact for one in gate.cells)
    power = tested and gate.rules.strict
    head = (
        metrics[0] if single else "task",
        *([] if single else ["metric"]),
        *("model", *SIDES),
        *([f"change [{100 * gate.rules.level:g}%]", "p (drop)", "p (Holm)"] if tested else ["change"]),
        *(["power"] if power else []),
        "verdict",
    )
    rows = tuple(_row(one, not single, tested, power) for one in gate.cells)
    return Table(headline(gate), head, rows, tuple(_notes(gate, names)), tuple(datum(one) for one in gate.cells))


def headline(gate: Gate) -> str:
    """The verdict in one line.

    >>> from .gate import GateRules
    >>> headline(Gate((Judged("toy/x", "kmer", verdict="pass"),), GateRules()))
    'gate passed: 0 fail, 0 undecided, 1 pass'
    """
    counts = ", ".join(f"{gate.count(word)} {word}" for word in ("fail", "undecided", "pass"))
    return f"gate {'passed' if gate.passed else 'failed'}: {counts}"


def gate_json(gate: Gate, names: tuple[str, str] = SIDES) -> str:
    """The whole gate as JSON: verdict, rules, notes and one entry per task and model."""
    content = {
        "passed": gate.passed,
        "base": names[0],
        "new": names[1],
        "margin": gate.rules.margin,
        "alpha": gate.rules.alpha,
        "strict": gate.rules.strict,
        "counts": {word: gate.count(word) for word in ("fail", "undecided", "pass")},
        "cells": [datum(one) for one in gate.cells],
        "notes": list(_notes(gate, names)),
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def sentence(one: Judged) -> str:
    """What is said of one cell: scores, change, and the reason of its verdict.

    >>> sentence(Judged("toy/x", "kmer", verdict="fail", reason="lost: not in NEW"))
    'lost: not in NEW'
    """
    if one.change is None:
        return one.reason
    scores = f"{one.metric} {number(one.scores[0])} → {number(one.scores[1])} ({_interval(one)})"
    return f"{scores}: {one.reason}" if one.reason else scores


def datum(one: Judged) -> dict[str, Any]:
    """One line of csv and json."""
    made = one.change
    return {
        "task": one.task, "model": one.model, "metric": one.metric, "verdict": one.verdict, "reason": one.reason,
        "base": one.scores[0], "new": one.scores[1], "change": made.value if made else None,
        "low": made.low if made else None, "high": made.high if made else None, "se": made.se if made else None,
        "rows": one.rows or None, "seeds_base": one.seeds[0] or None, "seeds_new": one.seeds[1] or None,
        "exact": one.exact, "p_drop": made.p if made and not one.exact else None, "p_holm": one.p_holm,
        "power": one.power, "inside_margin": one.inside, "method": made.method if made else "",
        "note": "; ".join(one.notes),
    }  # fmt: skip


def _row(one: Judged, with_metric: bool, with_p: bool, with_power: bool) -> tuple[str, ...]:
    p = one.change.p if one.change is not None and not one.exact else None
    return (
        one.task,
        *([metric_title(one.metric) if one.metric else MISSING] if with_metric else []),
        one.model,
        number(one.scores[0]),
        number(one.scores[1]),
        _interval(one),
        *([p_text(p), p_text(one.p_holm)] if with_p else []),
        *([_share(one.power)] if with_power else []),
        # The note below says what the usual `undecided` means.
        f"{one.verdict}: {one.reason}" if one.reason and not one.reason.endswith(NEITHER) else one.verdict,
    )


def _interval(one: Judged) -> str:
    if one.change is None:
        return MISSING
    value = signed(one.change.value)
    return f"{value} exact" if one.exact else f"{value} [{signed(one.change.low)}, {signed(one.change.high)}]"


def _share(power: float | None) -> str:
    return MISSING if power is None else f"{100 * power:.0f}%"


def _notes(gate: Gate, names: tuple[str, str]) -> Iterator[str]:
    """The rule that decided, and what holds for this table only."""
    rules, tests = gate.rules, sum(one.p_holm is not None for one in gate.cells)
    if names != SIDES:
        yield f"BASE: {names[0]}; NEW: {names[1]}"
    yield (
        f"change: NEW minus BASE on the same test rows; fail: a drop of more than {rules.margin:g}, or a lost score, "
        "changed data or a changed protocol"
    )
    if any(one.exact for one in gate.cells):
        yield (
            "exact: no seed decides what the model says, or both sides say the same: the change on these rows is a "
            "fact without noise, and says nothing of other rows"
        )
    trained = [one for one in gate.cells if one.change and not one.exact]
    if trained:
        sides = [sorted({one.seeds[side] for one in trained}) for side in (0, 1)]
        seeds = " and ".join("–".join(map(str, dict.fromkeys((side[0], side[-1])))) for side in sides)
        level = f"{100 * rules.alpha:g}%"
        yield (
            "trained models: one-sided test of the drop against the margin, with the noise of paired rows and of both "
            f"sides' seeds ({seeds}); Holm over {tests} test{'' if tests == 1 else 's'}: a false alarm in at most "
            f"{level} of gates; pass: such a drop is ruled out at {level}, by an interval widened where few rows "
            "differ; undecided: neither"
        )
    if rules.strict:
        yield from _strict(gate)
    if gate.extra:
        yield f"{gate.extra} cell{'s' if gate.extra > 1 else ''} of NEW without one in BASE: not judged"
    for note in dict.fromkeys(note for one in gate.cells for note in one.notes):
        yield f"{note} ({', '.join(f'{one.model} on {one.task}' for one in gate.cells if note in one.notes)})"


def _strict(gate: Gate) -> Iterator[str]:
    """What strictness asks, and how often these test sets would grant it to an unchanged model."""
    yield (
        "strict: every cell must be shown not to have dropped by more than the margin; all must, so each is tested at "
        f"{100 * gate.rules.alpha:g}% without correction (intersection-union)"
    )
    known = [one.power for one in gate.cells if one.power is not None]
    if known:
        all_at_once = max(0.0, 1.0 - sum(1.0 - power for power in known))
        weak = sum(power < POWER for power in known)
        yield (
            f"power: how often an unchanged model passes: median {_share(median(known))}, least {_share(min(known))}, "
            f"below {100 * POWER:g}% in {weak} of {len(known)} cells, all at once in at least {_share(all_at_once)}"
        )
