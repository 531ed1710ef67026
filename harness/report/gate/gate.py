"""Did a score regress? Every cell of BASE against its successor in NEW, with one promise for the whole table.

pairs ──holds?──► changed or lost: fail
      ──scores──► exact (no seed) or paired with the noise of both sides ──Holm──► pass, fail, undecided
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from scipy.stats import t as student

from ...errors import DataError, RecordError, RequestError
from ...metrics import METRICS
from ...protocols import PROTOCOLS
from ...stats.difference import Difference, told
from ...stats.multiple import holm
from ...stats.order import aligned
from ...stats.sampling import DIGITS, panel_of, point_values
from ...stats.variance import Noise
from ...stats.verdict import drop, noninferior, reach, unseen, widened
from ...types import Predictions, RunRecord
from ..cells import as_test_set, rarest_share, seeded, target_of
from .changes import changes, holes
from .noise import Spread, moderated, spread
from .pairs import Pair

Word = Literal["pass", "fail", "undecided"]
NEITHER = "neither shown nor ruled out"
SMALL = 1e-9
"""A drop that exceeds the margin by less is the margin: decimal fractions are not exact in binary."""


@dataclass(frozen=True)
class GateRules:
    """What counts as a regression, and how sure one must be."""

    margin: float = 0.01
    alpha: float = 0.05
    strict: bool = False
    resamples: int = 10_000

    @property
    def level(self) -> float:
        """Level of the intervals, whose ends agree with one-sided tests at alpha."""
        return 1.0 - 2.0 * self.alpha


@dataclass(frozen=True)
class Judged:
    """One model on one task: scores, their change, and the verdict with its reason."""

    task: str
    model: str
    metric: str = ""
    scores: tuple[float | None, float | None] = (None, None)
    """In BASE and in NEW; the mean over seeds."""
    change: Difference | None = None
    """NEW minus BASE; its `p` is one-sided, for a drop of no more than the margin. None where nothing was compared."""
    exact: bool = False
    """No seed on either side: what is said is a fact of this test set."""
    p_holm: float | None = None
    power: float | None = None
    """Probability that non-inferiority is shown if nothing changed."""
    inside: bool = False
    """Shown not to have dropped by more than the margin."""
    verdict: Word = "undecided"
    reason: str = ""
    notes: tuple[str, ...] = ()
    rows: int = 0
    """Test rows, where both sides were compared."""
    seeds: tuple[int, int] = (0, 0)
    """Of BASE and of NEW."""
    unseen: float = 0.0
    """The drop that may hide where no row tells the two apart."""
    unread: bool = False
    """The predictions of BASE cannot be read, and those of NEW can."""
    spread: Spread | None = field(default=None, compare=False, repr=False)

    @property
    def compared(self) -> bool:
        return self.change is not None


@dataclass(frozen=True)
class Gate:
    """All verdicts, failures first."""

    cells: tuple[Judged, ...]
    rules: GateRules
    extra: int = 0
    """Cells that only NEW has; they are not judged unless they failed."""

    @property
    def passed(self) -> bool:
        words = {one.verdict for one in self.cells}
        return "fail" not in words and not (self.rules.strict and "undecided" in words)

    def count(self, word: Word) -> int:
        return sum(one.verdict == word for one in self.cells)


def gate(found: Sequence[Pair], rules: GateRules | None = None) -> Gate:
    """The verdicts on pairs of cells.

    Raises RequestError where no two cells can be compared and nothing is lost either: such a gate guards nothing.
    RecordError where nothing failed, but what BASE said of some cell cannot be read: that cell is not guarded.
    """
    rules = rules or GateRules()
    old = [pair for pair in found if pair.base or (pair.new and pair.new.status == "failed")]
    judged = _decided(_tested([_judged(pair, rules) for pair in old], rules), rules)
    failed = any(one.verdict == "fail" for one in judged)
    unread = [f"{one.task}, {one.model}: {one.reason}" for one in judged if one.unread]
    if unread and not failed:
        more = f" (and {len(unread) - 1} more cells)" if len(unread) > 1 else ""
        raise RecordError(f"a drop would not be seen where BASE cannot be read: {unread[0]}{more}.")
    if not failed and not any(one.compared for one in judged):
        why = next((f": {one.task}: {one.reason}" for one in judged), "")
        raise RequestError(f"nothing of BASE can be compared with NEW{why}.")
    order: list[Word] = ["fail", "undecided", "pass"]
    return Gate(tuple(sorted(judged, key=lambda one: order.index(one.verdict))), rules, len(found) - len(old))


def _judged(pair: Pair, rules: GateRules) -> Judged:
    """One cell, its p-value not yet adjusted."""
    empty = Judged(pair.task, pair.model)
    word, reason = holes(pair)
    if reason:
        return replace(empty, verdict=word, reason=reason)
    assert pair.base is not None
    assert pair.new is not None
    empty = replace(empty, metric=str(pair.base.task["metric"]))
    data, protocol = changes(pair.base, pair.new)
    if data:
        return replace(empty, verdict="fail", reason=data)
    made = _scored(empty, pair.base, pair.new, rules)
    return replace(made, verdict="fail", reason=_both(protocol, made.reason)) if protocol else made


def _both(*texts: str) -> str:
    return "; ".join(text for text in texts if text)


def _scored(empty: Judged, base: RunRecord, new: RunRecord, rules: GateRules) -> Judged:
    """The change of the score and its noise, from the predictions of both sides."""
    assert base.outputs is not None
    assert new.outputs is not None
    try:
        # NEW first: what cannot be read there is lost, whatever BASE is like.
        now = new.outputs()
    except RecordError as problem:
        return replace(empty, verdict="fail", reason=f"NEW: {problem}")
    try:
        before = base.outputs()
    except RecordError as problem:
        return replace(empty, reason=f"BASE: {problem}", unread=True)
    try:
        before = aligned(before, now)
    except (RecordError, DataError) as problem:
        return replace(empty, verdict="fail", reason=f"NEW: {problem}")
    empty = replace(empty, rows=len(now.keys), seeds=(len(before.outputs), len(now.outputs)))
    exact = all(_seedless(one) for one in (base, new))
    if exact or _same((base, new), (before, now)):
        return _exact(empty, base, (before, now), exact)
    return _noisy(empty, base, (before, now), rules)


def _seedless(record: RunRecord) -> bool:
    """No seed decides what the model says, so that a rerun says the same."""
    known = str(record.protocol.get("name")) in PROTOCOLS
    return known and not seeded(record) and len(record.replicates) == 1


def _same(records: tuple[RunRecord, RunRecord], said: tuple[Predictions, Predictions]) -> bool:
    """Both sides gave the same answers, and are one model: other models may well agree on every label of few rows."""
    ids = [(str(one.model.get("id")), str(one.protocol.get("id"))) for one in records]
    told = said[0].kind != "label" or ids[0] == ids[1]
    return told and bool(np.array_equal(said[0].outputs, said[1].outputs))


def _exact(empty: Judged, record: RunRecord, said: tuple[Predictions, Predictions], exact: bool) -> Judged:
    """A change without noise: on these rows it is what it is."""
    target = target_of(record)
    before, now = (_mean([v.value for v in point_values(panel_of(one, target), empty.metric)]) for one in said)
    if before is None or now is None:
        return _undefined(replace(empty, scores=(before, now)))
    change = Difference(empty.metric, now - before, se=0.0, method="exact" if exact else "the same predictions")
    return replace(empty, scores=(before, now), change=change, exact=True, power=1.0)


def _undefined(empty: Judged) -> Judged:
    if empty.scores[0] is not None:
        return replace(empty, verdict="fail", reason=f"lost: {empty.metric} is undefined in NEW")
    return replace(empty, reason=f"{empty.metric} is undefined in BASE")


def _noisy(empty: Judged, record: RunRecord, said: tuple[Predictions, Predictions], rules: GateRules) -> Judged:
    """A change with what its rows and seeds say of its noise; the tests come when all tasks are known."""
    test_set = as_test_set(record)
    scores = [[v.value for v in point_values(panel_of(one, test_set.target), empty.metric)] for one in said]
    before, now = (_mean(found) for found in scores)
    empty = replace(empty, scores=(before, now))
    if before is None or now is None:
        return _undefined(empty)
    found = spread(said, empty.metric, test_set, rules.resamples)
    hidden = unseen(empty.metric, found.units, rarest_share(record), rules.alpha)
    seeds = sorted(len(one.outputs) for one in said)
    notes = {1: "one seed on each side: holds for these checkpoints, not for training again"} if seeds[1] == 1 else {
        1: f"one seed on one side: it is taken to vary as the {seeds[1]} of the other"}  # fmt: skip
    note = notes.get(seeds[0], "")
    change = Difference(empty.metric, now - before, method="paired bootstrap")
    empty = replace(empty, unseen=hidden, notes=(note,) if note else ())
    return replace(empty, change=change, spread=found, reason=found.note)


def _mean(found: Sequence[float | None]) -> float | None:
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if len(known) == len(found) else None


def _tested(found: Sequence[Judged], rules: GateRules) -> list[Judged]:
    """One-sided tests of the changes against the margin; the tasks of a model inform each other on its seeds."""
    models: dict[str, list[Judged]] = {}
    for one in found:
        if one.spread is not None and not one.spread.note:
            models.setdefault(one.model, []).append(one)
    noises = {
        (one.task, one.model): noise
        for cells in models.values()
        for one, noise in zip(cells, moderated([c.spread for c in cells if c.spread]), strict=True)
    }
    return [_test(one, noises[one.task, one.model], rules) if (one.task, one.model) in noises else one for one in found]


def _test(one: Judged, noise: Noise, rules: GateRules) -> Judged:
    assert one.change is not None
    assert one.change.value is not None
    change = replace(one.change, se=noise.error, freedom=noise.freedom)
    p, worse = drop(change, rules.margin), noninferior(change, rules.margin, 1.0 - rules.alpha, one.unseen)
    assert p is not None
    assert worse is not None
    by_rows = reach(noise.error, noise.freedom, rules.alpha)
    low, high = (round(end, DIGITS) + 0.0 for end in (one.change.value - by_rows, one.change.value + by_rows))
    change = replace(change, low=low, high=high, p=told(p), se=round(noise.error, DIGITS))
    change = replace(change, method=f"{change.method}, {noise.reference}")
    power = _power(rules.margin - widened(by_rows, one.unseen), noise)
    return replace(one, change=change, power=power, inside=worse < rules.alpha)


def _power(room: float, noise: Noise) -> float:
    """How often a change that is nothing but noise stays within this room."""
    if noise.error == 0.0:
        return float(room > 0)
    return float(student.cdf(room / noise.error, noise.freedom))


def _drop(change: Difference) -> float:
    """By how much the score got worse; negative where it got better."""
    value = float(change.value or 0.0)
    return -value if METRICS[change.metric].best > 0 else value


def _decided(found: Sequence[Judged], rules: GateRules) -> list[Judged]:
    """Verdicts: Holm over all tests; an exact change needs no test and counts as none."""
    tests = [one.change.p if one.change and not one.exact and not one.reason else None for one in found]
    return [_verdict(one, p, rules) for one, p in zip(found, holm(tests), strict=True)]


def _verdict(one: Judged, adjusted: float | None, rules: GateRules) -> Judged:
    if one.change is None or one.reason:
        return one
    beyond = f"a drop of more than {rules.margin:g}"
    if one.exact:
        down = _drop(one.change) > rules.margin + SMALL
        return replace(one, inside=not down, verdict="fail" if down else "pass", reason=beyond if down else "")
    shown = adjusted is not None and adjusted < rules.alpha
    if shown and not rules.strict:
        return replace(one, p_holm=adjusted, verdict="fail", reason=f"{beyond} is shown")
    if one.inside:
        return replace(one, p_holm=adjusted, verdict="pass")
    word: Word = "fail" if shown else "undecided"
    reason = f"{beyond} is {'shown' if shown else NEITHER}"
    return replace(one, p_holm=adjusted, verdict=word, reason=reason)
