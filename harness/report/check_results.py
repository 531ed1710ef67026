"""Is a results tree what it says? Every record parses, lies at its path, and its scores follow from its predictions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import RecordError
from ..metrics import evaluate
from ..run.record_json import plain
from ..run.store import StoredRecord, read_predictions, read_records
from ..types import Dependence, Predictions, RunRecord, Score, Target
from .cells import cell, without_duplicates
from .check import Finding

CLOSE = 1e-9
"""Largest difference between a stored and a recomputed score: records hold rounded numbers."""


def check_results(root: Path, intervals: bool = False) -> Iterator[Finding]:
    """Findings about each record below a folder; with `intervals` the resampling is done again too."""
    problems: list[str] = []
    stored = read_records(root, problems)
    for text in problems:
        yield Finding(str(root), "record", "fault", text)
    for one in stored:
        yield _check_record(one, root, intervals)
    if not stored and not problems:
        yield Finding(str(root), "records", "note", "there are none")


def _check_record(one: StoredRecord, root: Path, intervals: bool) -> Finding:
    subject = str(one.path.relative_to(root))
    faults = [*_path_faults(one)]
    if one.record.status in ("ok", "partial"):
        faults += _score_faults(one, intervals)
    elif one.record.scores or not one.record.error:
        faults.append(f"status {one.record.status} must have no scores and say why")
    if faults:
        return Finding(subject, "record", "fault", "; ".join(faults))
    said = f"{one.record.status}, {len(one.record.scores)} scores follow from the predictions"
    return Finding(subject, "record", "ok", said if one.record.scores else one.record.status)


def _path_faults(one: StoredRecord) -> Iterator[str]:
    """The path must be the one of the record's own identity."""
    shown = cell(one.record)
    suite, _, task = shown.task.partition("/")
    model = f"{shown.model.replace('/', '--')}@{shown.id7}"
    how = f"{shown.protocol}.{shown.recipe.replace('/', '--')}@{shown.config7}"
    expected = (suite, model, how, f"{task}.json")
    if one.path.parts[-4:] != expected:
        yield f"lies at {'/'.join(one.path.parts[-4:])}, and says that it is {'/'.join(expected)}"


def _score_faults(one: StoredRecord, intervals: bool) -> Iterator[str]:
    try:
        predictions = read_predictions(one.path)
    except RecordError as error:
        yield str(error)
        return
    names = tuple(str(replicate["name"]) for replicate in one.record.replicates)
    if names != predictions.replicates:
        yield f"replicates {', '.join(names)}, but predictions of {', '.join(predictions.replicates)}"
    target = _target(one.record)
    yield from _values(one.record.scores, predictions, target)
    kept = np.asarray(predictions.columns.get("in_train", np.zeros(len(predictions.truth)))) == 0
    yield from (
        f"without duplicates: {text}" for text in _values(without_duplicates(one.record), predictions, target, kept)
    )
    if intervals:
        yield from _intervals(one.record, predictions, target)


def _target(record: RunRecord) -> Target:
    found = record.task["target"]
    return Target(found["kind"], tuple(found["classes"]))


def _values(
    scores: dict[str, Score] | Any, predictions: Predictions, target: Target, kept: Any = slice(None)
) -> Iterator[str]:
    """Scores that do not follow: each replicate's value, and their mean."""
    for name, score in scores.items():
        found = [
            evaluate(
                name, predictions.truth[kept], np.asarray(outputs[kept], np.float64), predictions.kind, target
            ).value
            for outputs in predictions.outputs
        ]
        if not _same(found, list(score.per_replicate)):
            yield f"{name} of the replicates is {_shown(found)}, the record says {_shown(score.per_replicate)}"
        known = [value for value in found if value is not None]
        mean = float(np.mean(known)) if known and len(known) == len(found) else None
        if not _same([mean], [score.value]):
            yield f"{name} is {_shown([mean])}, the record says {_shown([score.value])}"


def _same(found: list[float | None], said: list[float | None]) -> bool:
    return len(found) == len(said) and all(
        a is b if a is None or b is None else abs(a - b) <= CLOSE * max(1.0, abs(a))
        for a, b in zip(found, said, strict=True)
    )


def _shown(values: Any) -> str:
    return ", ".join("undefined" if value is None else f"{value:.6f}" for value in values)


def _intervals(record: RunRecord, predictions: Predictions, target: Target) -> Iterator[str]:
    from ..stats.intervals import score_predictions

    facts = record.task["dependence"]
    dependence = Dependence(**{**facts, "shares_test_rows_with": tuple(facts["shares_test_rows_with"])})
    stream = str(record.key["data"]["test"])
    again = score_predictions(predictions, target, tuple(record.scores), dependence, stream)
    for name, score in again.items():
        if plain(score) != plain(record.scores[name]):
            yield f"{name} recomputed is {_interval(score)}, the record says {_interval(record.scores[name])}"


def _interval(score: Score) -> str:
    return _shown([score.value, score.low, score.high])
