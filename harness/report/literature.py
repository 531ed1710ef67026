"""Published scores beside ours: rows without intervals, the difference where we ran the same model, and what matches.

    same metric, test rows; other protocol (finetune)

A figure that is SECONDARY or AMBIGUOUS is compared with nothing: csv and json hold it with `comparable` false.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..types import RunRecord, Score
from .cells import cell, metric_title
from .published import PublishedScore
from .render import MISSING, Table
from .tables import number, value_text

SCORED = ("ok", "partial")


@dataclass(frozen=True)
class Beside:
    """A published score and our record of the same model on the same task, if there is one."""

    score: PublishedScore
    record: RunRecord | None
    rows: int | None
    """Test rows of the task here."""

    @property
    def ours(self) -> Score | None:
        """Our score by the published metric."""
        found = self.record.scores.get(self.score.metric) if self.record else None
        return found if found is not None and found.value is not None else None

    @property
    def difference(self) -> float | None:
        """Ours minus theirs; None where there is nothing of ours, or the figure cannot be compared."""
        if self.ours is None or self.ours.value is None or self.score.value is None or not self.score.comparable:
            return None
        return self.ours.value - self.score.value

    @property
    def inside(self) -> bool | None:
        """True where the published value lies inside our interval."""
        if self.difference is None or self.ours is None or self.ours.low is None or self.ours.high is None:
            return None
        return self.ours.low <= float(self.score.value or 0.0) <= self.ours.high


def literature(records: Sequence[RunRecord], published: Sequence[PublishedScore], every: bool) -> list[Beside]:
    """The published scores of the tasks of these records, in the order of the tasks.

    Of the models that were run here, and of each task the highest comparable one in its own metric; with `every` all.
    """
    tasks = list(dict.fromkeys(str(r.task["name"]) for r in records if r.status in SCORED))
    found = []
    for task in tasks:
        mine = [r for r in records if r.task["name"] == task and r.status in SCORED]
        scores = [score for score in published if score.task == task]
        rows = _test_rows(mine)
        pairs = [Beside(score, record, rows) for score in scores for record in _same_model(score, mine) or [None]]
        best = _highest(scores, str(mine[0].task["metric"]))
        found += [one for one in pairs if every or one.difference is not None or one.score is best]
    return found


def literature_table(found: Sequence[Beside]) -> Table:
    """A row per published score that can be compared, sources below; data hold the others too."""
    shown = [one for one in found if one.score.comparable]
    sources = {source: str(i) for i, source in enumerate(dict.fromkeys(one.score.source for one in shown), 1)}
    compared = any(one.record is not None for one in shown)
    ours = ("ours", "ours − published") if compared else ()
    head = ("task", "published model", "protocol", "metric", "published", *ours, "match", "source")
    rows = tuple(_row(one, sources[one.score.source], compared) for one in shown)
    left = len(found) - len(shown)
    notes = ["published: as its source prints it, without our interval; protocols are the source's own"]
    if any(one.difference is not None for one in shown):
        notes.append("ours − published: ≈ where the published value lies inside our interval")
    if left:
        notes.append(f"{left} SECONDARY or AMBIGUOUS figures are left out (csv and json hold them, comparable: false)")
    notes += [f"[{i}] {source}" for source, i in sources.items()]
    return Table("Published scores", head, rows, tuple(notes), tuple(_datum(one) for one in found))


def match_words(one: Beside) -> str:
    """What a published score and ours have in common, and what not.

    >>> score = PublishedScore("t/a", "m", "finetune", "mcc", 0.5, None, "", "", "", "a paper", "", 100)
    >>> match_words(Beside(score, None, 100)), match_words(Beside(score, None, 90))
    ('same test rows', 'other test rows (100)')
    """
    same: list[str] = []
    other: list[str] = []
    if one.record is not None:
        (same if one.ours is not None else other).append("metric")
    stated = one.score.test_rows
    if "other rows" in one.score.note:
        other.append("test rows")
    elif stated is not None and one.rows is not None:
        same.append("test rows") if stated == one.rows else other.append(f"test rows ({stated:,})")
    if one.record is not None:
        ours = str(one.record.protocol.get("name"))
        if ours == one.score.protocol:
            same.append("kind of protocol")
        else:
            other.append(f"protocol ({ours} here)")
    words = [f"same {', '.join(same)}"] if same else []
    words += [f"other {', '.join(other)}"] if other else []
    if stated is None and "other rows" not in one.score.note:
        words.append("test rows not stated")
    return "; ".join(words)


def _same_model(score: PublishedScore, records: Sequence[RunRecord]) -> list[RunRecord | None]:
    return [r for r in records if score.hub_id and score.hub_id in _names(r.model)]


def _names(model: Mapping[str, Any]) -> set[str]:
    """What a record calls its model, without a revision; a hub id stays in the options under any name."""
    options = model.get("options") or {}
    words = [model.get("name"), options.get("repository"), options.get("repo"), options.get("hub_id")]
    return {str(word).partition("@")[0] for word in words if word}


def _test_rows(records: Sequence[RunRecord]) -> int | None:
    """Rows of the whole test set, whatever part of it was run."""
    for record in records:
        facts = record.task.get("splits", {}).get("test") or record.task.get("splits", {}).get("all")
        if facts:
            return int(facts["rows"])
    return None


def _highest(scores: Sequence[PublishedScore], metric: str) -> PublishedScore | None:
    usable = [score for score in scores if score.comparable and score.metric == metric]
    return max(usable, key=lambda score: score.value or 0.0, default=None)


def _row(one: Beside, source: str, compared: bool) -> tuple[str, ...]:
    score = one.score
    spread = f" ± {number(score.error)} ({score.error_kind})" if score.error is not None else ""
    difference = MISSING
    if one.difference is not None:
        difference = ("+" if round(one.difference, 3) > 0 else "") + number(one.difference)
        difference = f"≈ {difference}" if one.inside else difference
    note = f"; {score.note}" if score.note else ""
    return (
        score.task,
        score.model,
        score.protocol,
        metric_title(score.metric),
        f"{number(score.value)}{spread}",
        *((value_text(one.ours) if one.record is not None else MISSING, difference) if compared else ()),
        f"{match_words(one)}{note}",
        f"[{source}]",
    )


def _datum(one: Beside) -> dict[str, Any]:
    """One line of csv and json, under the names of our own lines where they mean the same."""
    score, ours = one.score, cell(one.record) if one.record else None
    return {
        "task": score.task, "model": score.model, "protocol": score.protocol, "metric": score.metric,
        "value": score.value, "rows": score.test_rows, "status": "published", "reason": score.note,
        "comparable": score.comparable, "error": score.error, "error_kind": score.error_kind,
        "same_model_here": f"{ours.model}@{ours.id7}" if ours else None,
        "protocol_here": f"{ours.protocol}.{ours.recipe}" if ours else None,
        "value_here": one.ours.value if one.ours else None, "difference": one.difference,
        "inside_our_interval": one.inside, "match": match_words(one), "source": score.source,
    }  # fmt: skip
