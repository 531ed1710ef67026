"""Another metric or grouping of what is stored: predictions in, scores with intervals out, no model needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DnabenchError, RecordError, RequestError, nearest
from ..metrics import METRICS, find_metric
from ..run.record_json import plain
from ..run.store import Pair, StoredRecord, update
from ..stats.intervals import score_predictions
from ..types import Predictions, RunRecord, Score, Target
from .cells import as_test_set, cell, cells, column_names, metric_title, target_of
from .recall import METRIC as RECALL
from .recall import recall
from .render import MISSING, Table
from .tables import value_text

CLASS = "class"
"""Groups rows by their true class, as if it were a column."""
LABEL = "label"
"""Scores every label of a multilabel task by itself, on all rows."""
MOST = 200
"""Groups of one task beyond which a column is no grouping."""
SCORED = ("ok", "partial")


class NotGrouped(RequestError):
    """The rows of a task cannot be put into groups; `reason` says it without the task's name."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Rescored:
    """One record's score by one metric, on all rows or on those of one group."""

    record: RunRecord
    metric: str
    score: Score
    rows: int
    group: str = ""
    remark: str = ""
    """Why there are all rows only where groups were asked for."""


def rescore(records: Sequence[RunRecord], metrics: Sequence[str] = (), by: str = "") -> list[Rescored]:
    """Score stored predictions anew; `metrics` take the place of each task's own, `by` names a column of the rows.

    Intervals come from the task's own stream of resamples, so that models stay paired. A task that cannot be grouped
    so says why and has its score on all rows. Raises RequestError for an unknown metric or a column that no task has,
    RecordError where predictions are not here.
    """
    _refuse_unknown(metrics)
    if by == CLASS and set(metrics) - {RECALL}:
        raise RequestError("--by class gives the recall of each class: leave --metric out.")
    usable = [record for record in records if record.status in SCORED and record.outputs is not None]
    if not usable:
        raise RequestError(f"none of {len(records)} records has predictions to score.")
    _refuse_useless(metrics, usable)
    _refuse_no_grouping(usable, by)
    return [one for record in usable for one in _of_record(record, metrics, by)]


def rescored_table(found: Sequence[Rescored], by: str = "") -> Table:
    """Tasks, metrics and groups down, models across."""
    records = list({id(one.record): one.record for one in found}.values())
    columns = {id(record): c.column for record, c in zip(records, cells(records), strict=True)}
    names = column_names(cells(records))
    at = {(*_place(one), columns[id(one.record)]): one for one in found}
    places = dict.fromkeys(_place(one) for one in found)
    rows_of = {_place(one): one.rows for one in found}
    head = ("task", "metric [95% interval]", *((by, "rows") if by else ()), *names.values())
    rows = []
    for place in places:
        scores = [at.get((*place, column)) for column in names]
        group = (place[2], f"{rows_of[place]:,}") if by else ()
        texts = [value_text(one.score) if one else MISSING for one in scores]
        title = "recall" if by == CLASS and place[2] != "all" else metric_title(place[1])
        rows.append((place[0], title, *group, *texts))
    return Table("", head, tuple(rows), _notes(found), tuple(_datum(one, by) for one in found))


def write_metrics(stored: StoredRecord, found: Sequence[Rescored]) -> str:
    """Add scores to a record on disk, atomically and never over one that is there; says what was done.

    Raises RecordError where the predictions changed meanwhile or a stored score is another.
    """
    said: list[str] = []
    update(stored.path, partial(_added, found, stored.path, said))
    return said[0] if said else "nothing to add"


def _refuse_unknown(metrics: Sequence[str]) -> None:
    for name in metrics:
        if name not in METRICS:
            raise RequestError(f"no metric {name!r}.{nearest(name, list(METRICS))} Known: {', '.join(METRICS)}.")


def _refuse_useless(metrics: Sequence[str], records: Sequence[RunRecord]) -> None:
    """A metric that serves some of the records leaves holes at the others; one that serves none is a mistake."""
    for name in metrics:
        problems = []
        for record in records:
            try:
                find_metric(name, target_of(record))
            except RequestError as problem:
                problems.append(problem)
        if len(problems) == len(records):
            raise problems[0]


def _refuse_no_grouping(records: Sequence[RunRecord], by: str) -> None:
    """A grouping that serves some of the records is a remark at the others; one that serves none is a mistake."""
    problems = []
    for record in records if by else ():
        assert record.outputs is not None, "records without predictions were left out"
        try:
            _groups(record, record.outputs(), by)
            return
        except NotGrouped as problem:
            problems.append(problem)
    if problems:
        raise problems[0]


def _of_record(record: RunRecord, metrics: Sequence[str], by: str) -> Iterator[Rescored]:
    assert record.outputs is not None, "records without predictions were left out"
    predictions = record.outputs()
    names = tuple(metrics) or ((RECALL,) if by == CLASS else (str(record.task["metric"]),))
    labels: tuple[str, ...] = ()
    column, remark = np.empty(0, str), ""
    try:
        labels, column = _groups(record, predictions, by)
    except NotGrouped as problem:
        remark = problem.reason
    yield from (replace(one, remark=remark) for one in _scored(record, names, predictions))
    for number, label in enumerate(labels):
        yield from _scored(record, names, _of_label(predictions, number), label, Target("multilabel", (label,)))
    for value in np.unique(column):
        part = predictions.take(column == value)
        if by == CLASS and by not in predictions.columns:
            yield _recalled(record, part, str(value))
        else:
            yield from _scored(record, names, part, str(value))


def _of_label(predictions: Predictions, number: int) -> Predictions:
    """All rows with one of their labels."""
    one = slice(number, number + 1)
    return replace(predictions, truth=predictions.truth[:, one], outputs=predictions.outputs[:, :, one])


def _scored(
    record: RunRecord, names: Sequence[str], part: Predictions, group: str = "", target: Target | None = None
) -> Iterator[Rescored]:
    """One metric at a time: one that does not serve this target leaves the others alone."""
    test_set = as_test_set(record)
    test_set = replace(test_set, target=target or test_set.target)
    for name in names:
        try:
            score = score_predictions(part, [name], test_set)[name]
        except DnabenchError as problem:
            score = Score(name, None, note=str(problem))
        yield Rescored(record, name, score, len(part.truth), group)


def _recalled(record: RunRecord, part: Predictions, group: str) -> Rescored:
    return Rescored(record, RECALL, recall(part, as_test_set(record)), len(part.truth), group)


def _groups(record: RunRecord, predictions: Predictions, by: str) -> tuple[tuple[str, ...], NDArray[Any]]:
    """Labels that are scored one by one, or the group of every row; neither where no grouping is asked for."""
    target = target_of(record)
    if by == LABEL and target.kind == "multilabel":
        return target.classes, np.empty(0, str)
    return (), _column(record, predictions, by) if by else np.empty(0, str)


def _column(record: RunRecord, predictions: Predictions, by: str) -> NDArray[Any]:
    """The groups of the rows as text."""
    task, target = str(record.task["name"]), target_of(record)
    known = [*predictions.columns, *({"class": [CLASS], "multilabel": [LABEL]}.get(target.kind, []))]
    if by == CLASS and by in known:
        return np.array(target.classes)[predictions.truth]
    if by not in predictions.columns:
        raise NotGrouped(
            f"{task} has no column {by!r} in its predictions.{nearest(by, known)} There are: {', '.join(known)}.",
            f"no column {by!r}",
        )
    column = np.asarray(predictions.columns[by]).astype(str)
    values = len(np.unique(column))
    if values > MOST:
        why = f"the column {by!r} has {values:,} values; a grouping has at most {MOST}"
        raise NotGrouped(f"{task}: {why}.", why)
    return column


def _place(one: Rescored) -> tuple[str, str, str]:
    return str(one.record.task["name"]), one.metric, one.group or "all"


def _notes(found: Sequence[Rescored]) -> tuple[str, ...]:
    """Why scores or their intervals are missing, each reason once with the places that it holds for."""
    reasons: dict[str, list[str]] = {}
    alone: dict[str, list[str]] = {}
    for one in found:
        if one.remark:
            alone.setdefault(one.remark, []).append(str(one.record.task["name"]))
        if one.score.note and (one.score.value is None or one.score.low is None):
            reasons.setdefault(one.score.note, []).append(one.group or str(one.record.task["name"]))
    partial_ones = any(one.record.status == "partial" for one in found)
    notes = [f"{MISSING} {', '.join(_few(list(dict.fromkeys(places))))}: {note}" for note, places in reasons.items()]
    notes += [f"not grouped: {', '.join(_few(list(dict.fromkeys(tasks))))}: {why}" for why, tasks in alone.items()]
    return (*notes, *(["some records are partial: not all rows (--limit)"] if partial_ones else []))


def _few(names: Sequence[str]) -> list[str]:
    """
    >>> _few(["a", "b", "c", "d", "e"])
    ['a', 'b', 'c', '2 more']
    """
    return [*names[:3], f"{len(names) - 3} more"] if len(names) > 4 else list(names)


def _datum(one: Rescored, by: str) -> dict[str, Any]:
    """One line of csv and json."""
    shown = cell(one.record)
    group = {"by": by, "group": one.group or None} if by else {}
    return {
        "task": shown.task, **group, "rows": one.rows, "model": shown.model, "model_id": shown.id7,
        "protocol": shown.protocol, "recipe": shown.recipe, "config_id": shown.config7,
        "metric": one.metric, "value": one.score.value, "low": one.score.low, "high": one.score.high,
        "replicates": len(one.score.per_replicate), "status": shown.status, "method": one.score.method,
        "note": one.score.note or one.remark,
    }  # fmt: skip


def _added(found: Sequence[Rescored], path: Path, said: list[str], present: Pair | None) -> Pair | None:
    """The pair with the metrics that it lacks, on all rows and on those that are not in train."""
    if present is None or present[1] is None or present[0].predictions != found[0].record.predictions:
        raise RecordError(f"{path} changed while it was scored: run the line again.")
    record, predictions = present[0], present[1]
    new = {one.metric: one.score for one in found if one.score.value is not None}
    for name, score in new.items():
        if name in record.scores and plain(record.scores[name]) != plain(score):
            raise RecordError(
                f"{path} holds another {name}: `dnabench check --results` says which scores do not follow."
            )
    lacking = {name: score for name, score in new.items() if name not in record.scores}
    if not lacking:
        return None
    said.append(f"added {', '.join(lacking)}")
    checks = dict(record.checks)
    kept = np.asarray(predictions.columns.get("in_train", np.zeros(len(predictions.truth)))) == 0
    if "scores_without_duplicates" in checks:
        without = _scored(record, tuple(lacking), predictions.take(kept))
        checks["scores_without_duplicates"] = {
            **checks["scores_without_duplicates"],
            **{one.metric: plain(one.score) for one in without},
        }
    metrics = list(dict.fromkeys([*record.task["metrics"], *lacking]))
    scores = {**record.scores, **lacking}
    return replace(record, scores=scores, checks=checks, task={**record.task, "metrics": metrics}), predictions
