"""A task's own rows beside stored predictions: forged labels, another order, other groups or facts are found.

Where the data are not here, rows and labels are held against their fingerprint in the task file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ... import registry
from ...data.fingerprint import fingerprint_labels
from ...data.identity import test_facts
from ...data.load import DataOptions
from ...errors import DnabenchError, Unavailable
from ...run.meet import Met, meet
from ...run.record_json import plain
from ...types import Predictions, RunRecord, Task

FACTS = ("inputs", "target", "metric", "dependence", "split_rule")
"""What a record says of its task that decides its scores and intervals."""
WORDS = ("reason", "shares_test_rows_with")
"""Parts of these facts that may be told better without a new version of the task."""


@dataclass
class Truth:
    """The tasks that are known here, each met once; never asks the hub."""

    options: DataOptions
    met: dict[tuple[str, int | None], Met | str] = field(default_factory=dict)

    def compare(self, record: RunRecord, predictions: Predictions) -> tuple[list[str], str]:
        """What a record and its predictions say against the task, and how far that could be looked at."""
        name, version = str(record.task["name"]), record.task.get("version")
        task = self._task(name)
        if task is None:
            return [], "labels not compared: the task is not known here"
        if task.version != version:
            return [], f"labels not compared: made from version {version}, the task is version {task.version}"
        faults = [*_fact_faults(record, task), *_count_faults(record, predictions, task)]
        limit = record.protocol.get("limit")
        found = self._rows(task, limit if isinstance(limit, int) else None)
        if isinstance(found, Met):
            return [*faults, *_row_faults(record, predictions, found)], "labels are the task's"
        if limit is not None:
            return faults, f"labels not compared: {found}, and the record is of some rows only (--limit)"
        known = test_facts(task)
        if known is None or known.labels is None:
            return faults, f"labels not compared: {found}, and the task file has no fingerprint of them"
        return [*faults, *label_faults(predictions, task)], "labels are the task's by the fingerprint in its file"

    def _task(self, name: str) -> Task | None:
        suite = name.partition("/")[0]
        if suite not in registry.suites():
            return None
        return next((task for task in registry.load_suite(suite).tasks if task.name == name), None)

    def _rows(self, task: Task, limit: int | None) -> Met | str:
        at = (task.name, limit)
        if at not in self.met:
            try:
                self.met[at] = meet(task, replace(self.options, limit=limit, offline=True))
            except Unavailable:
                self.met[at] = "the data are not here"
            except DnabenchError as problem:
                self.met[at] = str(problem)
        return self.met[at]


def label_faults(predictions: Predictions, task: Task) -> Iterator[str]:
    """What predictions of all test rows say against the fingerprint of keys and labels in the task file, if any."""
    known = test_facts(task)
    if known is None or known.labels is None:
        return
    found = fingerprint_labels(predictions.keys, predictions.truth, task.target)
    if found != known.labels:
        yield (
            f"its rows or their labels are not the task's: with their keys they have the fingerprint {found[:12]}…, "
            f"the task file says {known.labels[:12]}…"
        )


def _fact_faults(record: RunRecord, task: Task) -> Iterator[str]:
    for name in FACTS:
        said, known = _decisive(record.task.get(name)), _decisive(plain(getattr(task, name)))
        if said != (known if not isinstance(said, dict) else {key: known[key] for key in said if key in known}):
            yield f"says of the task that {name} is {said}, and it is {known}"
    drawn = () if "dev" in task.source.files else ("train",)
    for split, facts in task.source.files.items():
        if split in drawn:  # the record has the rows that were left of the file when dev was drawn
            continue
        said = record.key["data"].get(split)
        if facts.fingerprint and split != "all" and said != facts.fingerprint:
            known = facts.fingerprint
            yield f"its {split} rows have the fingerprint {str(said)[:12]}…, the task file says {known[:12]}…"


def _decisive(fact: Any) -> Any:
    return {key: value for key, value in fact.items() if key not in WORDS} if isinstance(fact, dict) else plain(fact)


def _count_faults(record: RunRecord, predictions: Predictions, task: Task) -> Iterator[str]:
    """Rows by class, known from the task file even where the data are not here."""
    known = test_facts(task)
    if known is None or record.status != "ok":
        return
    if known.rows is not None and known.rows != len(predictions.truth):
        yield f"has predictions of {len(predictions.truth):,} rows, the test set has {known.rows:,}"
    if known.class_counts is not None and task.target.kind == "class":
        counts = np.bincount(np.asarray(predictions.truth, np.int64), minlength=len(task.target.classes)).tolist()
        if tuple(counts) != tuple(known.class_counts):
            yield f"its labels are {counts} by class, the test set has {list(known.class_counts)}"


def _row_faults(record: RunRecord, predictions: Predictions, met: Met) -> Iterator[str]:
    config = record.protocol.get("config")
    test, met = met.splits.test, met.for_config(config if isinstance(config, Mapping) else {})
    if record.key["data"] != met.data:
        yield "its data fingerprints are not those of the rows here"
    if not _equal(predictions.keys, met.keys):
        yield "its rows are not the task's test rows in their order"
        return
    wrong = (predictions.truth != test.labels).reshape(len(test), -1).any(1).sum() if _alike(predictions, test) else -1
    if wrong:
        yield f"{'all' if wrong < 0 else f'{wrong:,} of {len(test):,}'} labels are not the task's"
    for name, column in met.columns.items():
        if not _equal(predictions.columns.get(name), column):
            yield f"its column {name!r} is not the task's"


def _alike(predictions: Predictions, test: Any) -> bool:
    return bool(predictions.truth.shape == test.labels.shape)


def _equal(said: Any, known: Any) -> bool:
    """Equal as text where they are texts: a file keeps them in another type."""
    if said is None or np.shape(said) != np.shape(known):
        return False
    said, known = np.asarray(said), np.asarray(known)
    if said.dtype.kind in "UO" or known.dtype.kind in "UO":
        return bool(np.array_equal(said.astype(str), known.astype(str)))
    return bool(np.array_equal(said, known, equal_nan=known.dtype.kind == "f"))
