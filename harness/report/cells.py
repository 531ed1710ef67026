"""A record as a table sees it: the one place that knows the names inside a record."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..run.record_json import FAILED_SEEDS
from ..types import Dependence, RunRecord, Score, Status, Target, TestSet
from .pretraining import pretraining_notes


@dataclass(frozen=True)
class Cell:
    """One model on one task under one protocol, with the score that the table shows."""

    task: str
    model: str
    id7: str
    protocol: str
    recipe: str
    config7: str
    metric: str
    status: Status
    score: Score | None = None
    without_duplicates: Score | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    replicates: int = 0
    rows: int = 0
    duplicates: int = 0
    """Test rows whose sequence, on either strand, is also in train."""
    collapsed: tuple[str, ...] = ()
    """Seeds that gave the same answer for every row: shown, never averaged away in silence."""
    noted: tuple[str, ...] = ()
    """What the protocol said of its runs: a search and its budget, a precision that could not be had."""
    reason: str = ""
    column: str = ""
    """What cells of one column of a table share; `cells` sets it."""
    record: RunRecord | None = field(default=None, compare=False, repr=False)

    @property
    def counts(self) -> bool:
        """True where the cell adds to the coverage: a full record with a defined score."""
        return self.status == "ok" and self.score is not None and self.score.value is not None

    def warnings(self) -> Iterator[tuple[tuple[str, str], str]]:
        """What must be said beside the number: a key that like warnings share, and the sentence."""
        if self.status == "partial":
            yield ("partial", ""), "partial: not all rows (--limit), never ranked"
        if self.collapsed:
            yield ("collapsed", ""), f"collapsed, the same answer for every row: {', '.join(self.collapsed)}"
        yield from ((("noted", sentence), sentence) for sentence in self.noted)
        if self.record is not None:
            yield from ((("pretraining", sentence), sentence) for sentence in pretraining_notes(self.record))
        if self.score and self.score.note and (self.score.low is None or self.score.low == self.score.high):
            yield ("no interval", self.score.note), self.score.note

    @property
    def metric_title(self) -> str:
        return metric_title(self.metric)

    def missing(self) -> tuple[tuple[str, str], str]:
        """Why there is no number: a key that like reasons share, and the sentence."""
        if self.status in ("ok", "partial"):
            note = self.score.note if self.score else f"{self.metric} was not computed for this task"
            others = [
                name for name, score in (self.record.scores if self.record else {}).items() if score.value is not None
            ]
            hint = f"; `dnabench report --metric {others[0]}` has a number" if others else ""
            return ("undefined", note), f"undefined: {note}{hint}"
        status = self.status.replace("_", " ")
        return (status, pattern(self.reason)), f"{status}: {self.reason}"


def metric_title(name: str) -> str:
    """The metric's full name; an unknown one stays as it is written.

    >>> metric_title("mcc")
    'Matthews correlation (MCC)'
    """
    from ..metrics import METRICS

    return METRICS[name].title if name in METRICS else name


def pattern(sentence: str) -> str:
    """A sentence without its names and numbers, to find those that say the same.

    >>> pattern("GUE/EMP/H3/train.csv is not in DIR") == pattern("GUE/tf/0/dev.csv is not in DIR")
    True
    """
    return re.sub(r"\S*[/\d'\"]\S*", "…", sentence)


def cells(records: Sequence[RunRecord], metric: str | None = None) -> list[Cell]:
    """The cells of records, in their order and with their columns; `metric` takes the place of the task's own.

    A column is a model under a protocol and recipe. Its configuration may follow the task (the metric is part of
    it), so configurations make columns of their own only where one task has several.
    """
    found = [cell(record, metric) for record in records]
    seen = Counter((one.task, *_kind(one)) for one in found)
    several = {key[1:] for key, n in seen.items() if n > 1}
    placed = [replace(c, column="|".join((*_kind(c), c.config7 if _kind(c) in several else ""))) for c in found]
    homes = {(c.model, c.id7): c.column for c in reversed(placed) if c.protocol}
    return [c if c.protocol else replace(c, column=homes.get((c.model, c.id7), c.column)) for c in placed]


def _kind(one: Cell) -> tuple[str, ...]:
    return (one.model, one.id7, one.protocol, one.recipe)


def cell(record: RunRecord, metric: str | None = None) -> Cell:
    """One record's cell."""
    name = metric or str(record.task.get("metric", "")) or next(iter(record.scores), "")
    duplicates = record.checks.get("duplicates", {})
    return Cell(
        task=str(record.task["name"]),
        model=str(record.model["name"]),
        id7=str(record.model.get("id", "")),
        protocol=str(record.protocol.get("name") or ""),
        recipe=str(record.protocol.get("recipe") or ""),
        config7=str(record.protocol.get("id", "")),
        metric=name,
        status=record.status,
        # A record that failed or lacks its data has no score, whatever its file holds.
        score=record.scores.get(name) if record.status in ("ok", "partial") else None,
        without_duplicates=without_duplicates(record).get(name),
        options=record.model.get("options", {}),
        replicates=len(record.replicates),
        rows=int(record.task.get("rows", {}).get("test", 0)),
        duplicates=int(duplicates.get("test_rows_in_train", 0)),
        collapsed=tuple(str(r["name"]) for r in record.replicates if any(c.get("collapsed") for c in _accounts(r))),
        noted=notes(record),
        reason=record.error,
        record=record,
    )


def notes(record: RunRecord) -> tuple[str, ...]:
    """What a table must say of how numbers were made, each once: rows cut, seeds that failed, the protocol's notes."""
    seen = record.checks.get("bases_seen")
    cut = [f"{seen:.1%} of the test set's bases reached the model"] if seen is not None and seen < 1 else []
    lost = [f"seed {seed} failed: {why}" for seed, why in sorted(record.checks.get(FAILED_SEEDS, {}).items())]
    folds, runs = (record.protocol.get("config") or {}).get("dev_folds"), len(record.replicates)
    parts: list[str] = []
    if isinstance(folds, int) and runs < folds:
        parts = [f"{runs} of {folds} parts of train were dev (--seeds 0-{folds - 1} takes all)"]
    said = [note for one in record.replicates for part in _accounts(one) for note in part.get("notes", ())]
    return tuple(dict.fromkeys((*cut, *lost, *parts, *map(str, said))))


def _accounts(replicate: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What was chosen in a replicate, and in each of its folds."""
    chosen = replicate.get("chosen", {})
    return [chosen, *chosen.get("folds", ())]


def without_duplicates(record: RunRecord) -> dict[str, Score]:
    """The scores of the test rows that do not stand in train."""
    found = record.checks.get("scores_without_duplicates", {})
    return {name: s if isinstance(s, Score) else Score(**{"metric": name, **s}) for name, s in found.items()}


def target_of(record: RunRecord) -> Target:
    """The target as the record has it."""
    return Target(record.task["target"]["kind"], tuple(record.task["target"]["classes"]))


def as_test_set(record: RunRecord, stream: str = "") -> TestSet:
    """The test rows as the record has them; `stream` names other resamples than those that all models share."""
    facts: dict[str, Any] = dict(record.task["dependence"])
    dependence = Dependence(**facts | {"shares_test_rows_with": tuple(facts.get("shares_test_rows_with", ()))})
    return TestSet(target_of(record), dependence, stream or str(record.key["data"]["test"]))


def rarest_class(record: RunRecord) -> int | None:
    """Test rows of the rarest class; None where there are no classes or the record does not tell."""
    counts = record.task.get("splits", {}).get("test", {}).get("class_counts")
    return min(counts) if counts and record.task["target"]["kind"] == "class" else None


def rarest_share(record: RunRecord) -> float | None:
    """Share of the test rows that are of the rarest class; several labels: the harmonic mean of their rarer sides.

    None where there are no classes or the record does not tell.
    """
    counts = record.task.get("splits", {}).get("test", {}).get("class_counts")
    rows = record.task.get("rows", {}).get("test", 0)
    if not counts or not rows:
        return None
    if record.task["target"]["kind"] == "class":
        return float(min(counts) / rows)
    sides = [min(count, rows - count) for count in counts if 0 < count < rows]
    return len(sides) / sum(rows / side for side in sides) if sides else None


def seeded(record: RunRecord) -> bool:
    """True where what a record's model says depends on the seed."""
    from ..protocols import takes_seed

    return takes_seed(str(record.protocol.get("name")), record.protocol.get("config") or {})


def column_names(found: Sequence[Cell]) -> dict[str, str]:
    """Column key → the shortest head that tells the columns apart, with the number of seeds if there are several.

    >>> a = Cell("t/x", "kmer", "1", "probe", "default", "2", "mcc", "ok", options={"k": 6}, column="1")
    >>> b = Cell("t/x", "kmer", "3", "probe", "default", "2", "mcc", "ok", options={"k": 4}, column="2")
    >>> list(column_names([a, b]).values()), list(column_names([a]).values())
    (['kmer k=6', 'kmer k=4'], ['kmer'])
    """
    columns: dict[str, list[Cell]] = {}
    for one in found:
        columns.setdefault(one.column, []).append(one)
    firsts = [next((one for one in group if one.protocol), group[0]) for group in columns.values()]
    return {key: _head(first, firsts) + _seeds(columns[key]) for key, first in zip(columns, firsts, strict=True)}


def _head(one: Cell, columns: Sequence[Cell]) -> str:
    """Model, and of protocol, recipe, options and ids only what is needed."""
    # Of a submission the scores are ours and all else is claimed: its head says so in every table.
    words = [one.model, *(["(submitted)"] if one.protocol == "submitted" else [])]
    rivals = [c for c in columns if c.model == one.model and c is not one]
    parts: tuple[Callable[[Cell], str], ...] = (
        lambda c: c.protocol or "no protocol",
        lambda c: c.recipe,
        lambda c: _differing(one, c, columns),
        lambda c: f"@{c.id7}",
        lambda c: _settings(c, [one, *rivals]),
        lambda c: f"config {c.config7}",
    )
    for part in parts:
        if rivals and any(part(rival) != part(one) for rival in rivals):
            words.append(part(one))
            rivals = [rival for rival in rivals if part(rival) == part(one)]
    return " ".join(word for word in words if word)


def _differing(one: Cell, other: Cell, columns: Sequence[Cell]) -> str:
    """The options in which the columns of this model differ, as `k=4`."""
    twins = [c.options for c in columns if c.model == one.model]
    names = sorted({name for options in twins for name in options})
    differ = [n for n in names if len({repr(options.get(n)) for options in twins}) > 1]
    return " ".join(f"{name}={other.options.get(name)}" for name in differ)


def _settings(one: Cell, twins: Sequence[Cell]) -> str:
    """The protocol's settings in which these columns differ, as `mode=lora`.

    A setting that some of them have not at all follows from another; it is named only where the others tell too little.
    """
    configs = [_config(c) for c in twins]
    differ = [name for name in sorted(set().union(*configs)) if len({repr(c.get(name)) for c in configs}) > 1]
    shared = [name for name in differ if all(name in config for config in configs)]
    mine = _config(one)

    def text(config: Mapping[str, Any], names: Sequence[str]) -> str:
        return " ".join(f"{name}={config[name]}" for name in names if name in config)

    enough = len({text(config, shared) for config in configs}) == len({text(config, differ) for config in configs})
    return text(mine, shared if enough else differ)


def _config(one: Cell) -> dict[str, Any]:
    """The protocol's settings, those of a part as `search.strengths`."""
    found: dict[str, Any] = {}
    for name, value in ((one.record.protocol.get("config") or {}) if one.record is not None else {}).items():
        found |= {f"{name}.{part}": v for part, v in value.items()} if isinstance(value, Mapping) else {name: value}
    return found


def _seeds(group: Sequence[Cell]) -> str:
    counts = sorted({one.replicates for one in group if one.counts})
    if not counts or counts == [1]:
        # One run of a protocol that draws numbers speaks for its checkpoint, not for the recipe.
        return " (1 seed)" if counts and any(one.record is not None and seeded(one.record) for one in group) else ""
    return f" ({counts[0]} seeds)" if len(counts) == 1 else f" ({counts[0]}–{counts[-1]} seeds)"
