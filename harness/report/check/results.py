"""Is a results tree what it says? Records parse, lie at their paths, and their scores follow from their predictions.

With the task's data here, labels, order and columns of the predictions are compared with the task's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...data.load import DataOptions
from ...errors import DnabenchError
from ...metrics import evaluate
from ...run.record_json import canonical, plain
from ...run.store import StoredRecord, read_predictions, read_records
from ...types import Predictions, RunRecord, Score, Target
from ..cells import as_test_set, cell, target_of, without_duplicates
from .findings import Finding
from .truth import Truth

CLOSE = 1e-9
"""Largest difference between a stored and a recomputed score: records hold rounded numbers."""
SHOWN = 4
"""Faults of a record that are named."""
SCORED = ("ok", "partial")


def check_results(root: Path, intervals: bool = False, data: DataOptions | None = None) -> Iterator[Finding]:
    """Findings about each record below a folder; with `intervals` the resampling is done again too."""
    problems: list[str] = []
    stored = read_records(root, problems)
    for text in problems:
        yield Finding(str(root), "record", "fault", text)
    truth = Truth(data or DataOptions(offline=True))
    for one in stored:
        yield _check_record(one, root, intervals, truth)
    if not stored and not problems:
        yield Finding(str(root), "records", "note", "there are none")


def expected_parts(record: RunRecord) -> tuple[str, str, str, str]:
    """The last four parts of a record's path: a function of what it says that it is."""
    shown = cell(record)
    suite, _, task = shown.task.partition("/")
    model = f"{shown.model.replace('/', '--')}@{shown.id7}"
    how = f"{shown.protocol}.{shown.recipe.replace('/', '--')}@{shown.config7}"
    return suite, model, how, f"{task}.json"


def _check_record(one: StoredRecord, root: Path, intervals: bool, truth: Truth) -> Finding:
    subject = str(one.path.relative_to(root))
    said: str = one.record.status
    try:
        faults = [*_path_faults(one), *_identity_faults(one.record)]
        if one.record.status in SCORED:
            predictions = read_predictions(one.path)
            found, labels = truth.compare(one.record, predictions)
            faults += found
            faults += [*_score_faults(one.record, predictions, intervals)]
            said += f", {len(one.record.scores)} scores follow from the predictions, {labels}"
        elif one.record.scores or not one.record.error:
            faults.append(f"status {one.record.status} must have no scores and say why")
    except DnabenchError as error:
        faults = [str(error)]
    except (KeyError, TypeError, ValueError, IndexError) as problem:
        # A record may hold anything: what cannot be read as a record's part is a fault of it.
        faults = [f"is no whole record ({type(problem).__name__}: {problem})"]
    more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    return (
        Finding(subject, "record", "fault", "; ".join(faults[:SHOWN]) + more)
        if faults
        else Finding(subject, "record", "ok", said)
    )


def _path_faults(one: StoredRecord) -> Iterator[str]:
    """The path must be the one of the record's own identity."""
    expected = expected_parts(one.record)
    if one.path.parts[-4:] != expected:
        yield f"lies at {'/'.join(one.path.parts[-4:])}, and says that it is {'/'.join(expected)}"


def _identity_faults(record: RunRecord) -> Iterator[str]:
    """Ids are digests of the key, and what the record says of its model and task is what the key says."""
    key, task = record.key, record.task
    model: Mapping[str, Any] = key["model"]
    for what, part, said in (
        ("model", model, record.model["id"]),
        ("protocol", key["protocol"], record.protocol["id"]),
    ):
        digest = hashlib.sha256(canonical(part).encode()).hexdigest()[:7]
        if digest != said:
            yield f"its {what} id is {said}, its key gives {digest}"
    differing = [name for name in model if model[name] != record.model.get(name)]
    differing += [f"task {name}" for name in key["task"] if key["task"][name] != task.get(name)]
    if differing:
        yield f"its key is of another {', '.join(differing)} than the record says"


def _score_faults(record: RunRecord, predictions: Predictions, intervals: bool) -> Iterator[str]:
    names = tuple(str(replicate["name"]) for replicate in record.replicates)
    target = target_of(record)
    if names != predictions.replicates:
        yield f"replicates {', '.join(names)}, but predictions of {', '.join(predictions.replicates)}"
    if predictions.task != record.task["name"]:
        yield f"its predictions are of {predictions.task}"
    if not np.isfinite(predictions.outputs).all():
        yield "NaN or infinity among its predictions"
    if record.task["metric"] not in record.scores:
        yield f"has no score by the task's own metric, {record.task['metric']}"
    yield from _values(record.scores, predictions, target)
    kept = np.asarray(predictions.columns.get("in_train", np.zeros(len(predictions.truth)))) == 0
    yield from (
        f"without duplicates: {text}" for text in _values(without_duplicates(record), predictions, target, kept)
    )
    if intervals:
        yield from _intervals(record.scores, predictions, record)
        yield from (
            f"without duplicates: {text}"
            for text in _intervals(without_duplicates(record), predictions.take(kept), record)
        )


def _values(
    scores: Mapping[str, Score], predictions: Predictions, target: Target, kept: Any = slice(None)
) -> Iterator[str]:
    """Scores that do not follow: each replicate's value, and their mean."""
    for name, score in scores.items():
        found = [
            evaluate(
                name, predictions.truth[kept], np.asarray(outputs[kept], np.float64), predictions.kind, target
            ).value
            for outputs in predictions.outputs
        ]
        known = [value for value in found if value is not None]
        mean = float(np.mean(known)) if known and len(known) == len(found) else None
        wrong = not _same([mean], [score.value])
        if wrong:
            yield f"{name} is {_shown([mean])}, the record says {_shown([score.value])}"
        if not _same(found, list(score.per_replicate)) and (not wrong or len(found) > 1):
            yield f"{name} of the replicates is {_shown(found)}, the record says {_shown(score.per_replicate)}"


def _same(found: list[float | None], said: list[float | None]) -> bool:
    return len(found) == len(said) and all(
        a is b if a is None or b is None else abs(a - b) <= CLOSE * max(1.0, abs(a))
        for a, b in zip(found, said, strict=True)
    )


def _shown(values: Any) -> str:
    return ", ".join("undefined" if value is None else f"{value:.6f}" for value in values)


def _intervals(scores: Mapping[str, Score], predictions: Predictions, record: RunRecord) -> Iterator[str]:
    """Intervals, methods and notes that resampling again does not give."""
    from ...stats.intervals import score_predictions

    again = score_predictions(predictions, tuple(scores), as_test_set(record)) if scores else {}
    for name, score in again.items():
        said = scores[name]
        # Values and their last digits were looked at before.
        anew = replace(score, value=said.value, per_replicate=said.per_replicate)
        if plain(anew) != plain(said) and _same([score.value], [said.value]):
            yield f"{name} recomputed is {_interval(score)}, the record says {_interval(said)}"


def _interval(score: Score) -> str:
    ends = _shown([score.value, score.low, score.high])
    return " ".join([ends, *(f"({word})" for word in (score.method, score.note) if word)])
