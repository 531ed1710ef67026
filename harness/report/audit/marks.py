"""Marks beside scores: what leaks, and which tasks a trivial rule solves as well as the best model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...types import RunRecord, Score
from ..cells import cell, metric_title

SHORTCUTS = ("length", "gc", "dinucleotide", "n_position", "nearest")
"""Models that know nothing of biology: what they reach, a task gives away."""
TRIVIAL = ("majority", *SHORTCUTS)
WORDS_SHARE = 0.01
LEAK_NOTES = {
    "N in train": "test rows whose sequence, on either strand, is also in train",
    "N % share 32 bases": "test rows with a word of 32 bases, on either strand, that is also in train",
}
"""What the marks of leaked rows mean, for the foot of a table."""
TRIVIAL_NOTE = "a rule that knows no biology comes within the interval of the best model of the row, or above it"


@dataclass(frozen=True)
class Trivial:
    """A task on which a trivial rule comes within the interval of the best model."""

    task: str
    rule: str
    best: str
    score: Score
    """Of the rule."""
    best_score: Score

    @property
    def sentence(self) -> str:
        """What a footnote says."""
        metric = metric_title(self.score.metric)
        value, low = self.score.value or 0.0, self.best_score.low or 0.0
        where = "above" if value > (self.best_score.value or 0.0) else "within the interval of"
        return (
            f"{self.rule} alone has {metric} {value:.3f}, {where} the best model here "
            f"({self.best}, {self.best_score.value:.3f}, from {low:.3f})"
        )


def leak_marks(record: RunRecord) -> str:
    """What a table says of leaked test rows beside a record's score; empty where there are none.

    `43 in train; 11 % share 32 bases`: rows that stand in train on either strand, and the share of rows with a word
    of 32 bases in train where that is 1 % and more.
    """
    checks = record.checks
    rows = int(record.task.get("rows", {}).get("test", 0))
    known = int(checks.get("duplicates", {}).get("test_rows_in_train", 0))
    sharing = int(checks.get("rows", {}).get("test_sharing_words", 0))
    marks = [f"{known:,} in train"] if known else []
    if rows and sharing >= WORDS_SHARE * rows and sharing > known:
        marks.append(f"{100 * sharing / rows:.0f} % share 32 bases")
    return "; ".join(marks)


def trivial_marks(records: Sequence[RunRecord]) -> dict[str, Trivial]:
    """Task → the trivial rule that comes closest, where it reaches the lower end of the best model's interval.

    Only full records count; a task without a model beside the trivial ones has no mark.
    """
    tasks: dict[str, list[RunRecord]] = {}
    for record in records:
        if record.status == "ok":
            tasks.setdefault(str(record.task["name"]), []).append(record)
    marks = {task: _mark(task, found) for task, found in tasks.items()}
    return {task: mark for task, mark in marks.items() if mark is not None}


def _mark(task: str, records: Sequence[RunRecord]) -> Trivial | None:
    scores = [(str(r.model.get("adapter") or r.model["name"]), str(r.model["name"]), cell(r).score) for r in records]
    known = [(kind, name, score) for kind, name, score in scores if score is not None and score.value is not None]
    rules = [(name, score) for kind, name, score in known if kind in TRIVIAL]
    models = [(name, score) for kind, name, score in known if kind not in TRIVIAL]
    if not rules or not models:
        return None
    rule, best = (max(named, key=lambda one: better(one[1])) for named in (rules, models))
    edge = _near_end(best[1])
    within = edge is not None and better(rule[1]) >= edge
    return Trivial(task, rule[0], best[0], rule[1], best[1]) if within else None


def better(score: Score) -> float:
    """A score with its sign so that more is better.

    >>> better(Score("mcc", 0.5)), better(Score("mse", 0.5))
    (0.5, -0.5)
    """
    return _signed(score.metric, score.value or 0.0)


def _near_end(score: Score) -> float | None:
    """The worse end of an interval, more being better."""
    ends = [_signed(score.metric, end) for end in (score.low, score.high) if end is not None]
    return min(ends) if ends else None


def _signed(metric: str, value: float) -> float:
    from ...metrics import METRICS

    spec = METRICS.get(metric)
    return -value if spec is not None and spec.best == spec.low else value
