"""What is the same for all models on a task: its rows, its folds, and the test rows that stand in train."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..audit.duplicates import duplicate_rows
from ..audit.kept import facts_of
from ..data.fingerprint import content_keys
from ..data.folds import fold_splits
from ..data.load import DataOptions, load_splits
from ..protocols import DEV_FOLDS, TrainRows, pooled
from ..types import Inputs, Splits, Task, TestSet
from .plan import data_key

if TYPE_CHECKING:
    from ..types import Labels

_SPAN = ("start", "end")


@dataclass(frozen=True)
class Fold:
    """What a protocol gets of one fold: rows to learn from and unlabelled test rows."""

    rows: TrainRows
    test: Inputs
    places: NDArray[np.int64]
    """Where the test rows stand among all test rows."""


@dataclass(frozen=True)
class Met:
    """A task whose rows are here, audited."""

    task: Task
    splits: Splits
    folds: tuple[Fold, ...]
    """One for fixed splits."""
    keys: NDArray[np.uint64]
    in_train: NDArray[np.uint8]
    """Per test row: 1 where its sequence is in train, 2 its reverse complement, 3 both, else 0."""
    audit: Mapping[str, int]
    seconds: Mapping[str, float]

    @property
    def test_set(self) -> TestSet:
        """The test rows as the statistics take them, the same for every model."""
        return TestSet(self.task.target, self.task.dependence, self.splits.facts["test"].fingerprint)

    @property
    def data(self) -> dict[str, str]:
        return data_key(self.splits)

    @property
    def columns(self) -> dict[str, Labels]:
        """What is stored beside a task's predictions; the places of `intervals` stand in the task's own table."""
        whole = self.splits.test.columns
        left = _SPAN if self.task.source.kind == "intervals" else ()
        return {name: cells for name, cells in whole.items() if name not in left} | {"in_train": self.in_train}

    @cached_property
    def in_train_or_dev(self) -> NDArray[np.uint8]:
        """As `in_train`, of train and dev together."""
        return _in_train(tuple(replace(fold, rows=_all_learnt(fold.rows)) for fold in self.folds), len(self.in_train))

    def for_config(self, config: Mapping[str, Any]) -> Met:
        """The task as this configuration meets it: where parts of train and dev are dev in turn, all of both is learnt.

        Its test rows are then counted against both, whichever parts have been run so far.
        """
        if not config.get(DEV_FOLDS):
            return self
        in_train = self.in_train_or_dev
        return replace(self, in_train=in_train, audit={**self.audit, **_leaks(in_train)})


def meet(task: Task, options: DataOptions) -> Met:
    """Load and audit a task once for all models.

    Raises what loading raises: Unavailable, ChecksumError, DataError.
    """
    start = perf_counter()
    splits = load_splits(task, options)
    loaded = perf_counter()
    folds = _folds(task, splits)
    in_train = _in_train(folds, len(splits.test))
    audit = _audited(task, splits, options) | _leaks(in_train)
    seconds = {"load": loaded - start, "audit": perf_counter() - loaded}
    return Met(task, splits, folds, content_keys(splits.test.inputs), in_train, audit, seconds)


def task_facts(met: Met) -> dict[str, Any]:
    """What a record says of its task's rows; which mirror they came from stands in its provenance."""
    splits = {name: asdict(facts) for name, facts in met.splits.facts.items()}
    for facts in splits.values():
        del facts["origin"], facts["sha256"]
    parts = (met.splits.train, met.splits.dev, met.splits.test)
    rows = {name: len(part) for name, part in zip(("train", "dev", "test"), parts, strict=True)}
    return {"splits": splits, "rows": rows, "folds": len(met.folds)}


def _folds(task: Task, splits: Splits) -> tuple[Fold, ...]:
    test = splits.test.inputs
    if task.split_rule.kind != "kfold":
        return (Fold(TrainRows(splits.train, splits.dev), test, np.arange(len(test))),)
    cuts = fold_splits(splits.test, task.split_rule)
    return tuple(Fold(TrainRows(train, dev), _rows(test, places), places) for train, dev, places in cuts)


def _all_learnt(rows: TrainRows) -> TrainRows:
    return TrainRows(pooled(rows), rows.dev)


def _rows(inputs: Inputs, places: NDArray[np.int64]) -> Inputs:
    pick = places.tolist()
    seconds = [inputs.seconds[i] for i in pick] if len(inputs.seconds) else ()
    return Inputs([inputs.sequences[i] for i in pick], seconds)


def _in_train(folds: tuple[Fold, ...], rows: int) -> NDArray[np.uint8]:
    found = np.zeros(rows, np.uint8)
    for fold in folds:
        twins = duplicate_rows(fold.test, fold.rows.train.inputs)
        found[fold.places] = twins.exact + 2 * twins.reverse_complement.astype(np.uint8)
    return found


def _audited(task: Task, splits: Splits, options: DataOptions) -> dict[str, int]:
    """Counts that go with every score, from the kept facts: these rows are audited once for all runs."""
    found = facts_of(task, splits, options).found
    counts = {
        "test_contained": found["contained"].get("test_rows"),
        "test_sharing_words": found["words"].get("test_rows"),
    }
    return dict(found["duplicates"]) | {name: int(n) for name, n in counts.items() if n is not None}


def _leaks(in_train: NDArray[np.uint8]) -> dict[str, int]:
    """Over all folds, which `audit_splits` alone cannot see.

    >>> _leaks(np.array([0, 1, 3, 2], np.uint8))["test_in_train"]
    3
    """
    return {
        "test_in_train": int((in_train > 0).sum()),
        "test_in_train_exact": int((in_train & 1 > 0).sum()),
        "test_in_train_reverse_complement": int((in_train & 2 > 0).sum()),
    }
