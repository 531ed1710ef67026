"""Several models on the same rows, sorted once so that a resample costs one pass over the rows.

Every statistic of a resample is made of sums of weights over sets of rows: the rows of one class that a model
got right, the positives between two thresholds, the rows of one rank. The sets are the same in all resamples:
they are laid out here, one after the other, as segments of one array of row numbers, for both kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from dnabench.harness.metrics import label_problems, ranking_problems
from dnabench.harness.types import OutputKind, Target

Array = NDArray[Any]


@dataclass(frozen=True)
class Panel:
    """What several models, or several seeds of one, said about the same rows."""

    truth: Array
    outputs: tuple[Array, ...]
    """(n, columns) of each model"""
    kinds: tuple[OutputKind, ...]
    """Kind of each model's outputs."""
    target: Target

    def __len__(self) -> int:
        return len(self.outputs)

    def of_labels(self, labels: Array) -> Panel:
        """The same rows with some of a multilabel task's labels."""
        target = Target("multilabel", tuple(self.target.classes[label] for label in labels))
        return Panel(self.truth[:, labels], tuple(o[:, labels] for o in self.outputs), self.kinds, target)


@dataclass(frozen=True)
class Segments:
    """Sets of rows: set k is `rows[bounds[k]:bounds[k + 1]]`."""

    rows: Array
    """int32"""
    bounds: Array
    """int32 (sets + 1,); int64 where there are too many rows"""
    n: int
    """Rows of the test set."""

    @cached_property
    def matrix(self) -> Any:
        """Sets × test rows, CSR of ones: times weights it sums them by set, exact below 2**24 (float32)."""
        ones = np.ones(len(self.rows), np.float32)
        return csr_matrix((ones, self.rows, self.bounds), shape=(len(self.bounds) - 1, self.n))


@dataclass(frozen=True)
class Confusion:
    """Sets behind every label metric: true rows of a class; a model's hits and false calls of a class."""

    true: Segments
    """(problems, classes)"""
    called: Segments
    """(problems, models, classes, [hits, false calls])"""
    shape: tuple[int, int, int]
    """Problems, models, classes."""


@dataclass(frozen=True)
class Steps:
    """A walk down each model's ranking: a step passes negatives, finds positives, then negatives of their score."""

    segments: Segments
    """(steps, [negatives before, positives, tied negatives])"""
    starts: Array
    """int64 (curves + 1,): first step of each curve; curves are ordered (problems, models)."""
    shape: tuple[int, int]
    """Problems that have positives on the whole test set; models."""


@dataclass(frozen=True)
class Ranks:
    """Rows by truth and by each model's value, in segments of equal values."""

    truth: Segments
    models: tuple[Segments, ...]


@dataclass(frozen=True)
class Moments:
    """Columns whose weighted sums make r2, mse and Pearson."""

    columns: Array
    """float64 (2 + 4 · models, n): y, y², then x, x², xy of the models, all centred, and (x - y)²."""


def confusion(panel: Panel) -> Confusion:
    """Sort the rows of every model by predicted class and by right or wrong."""
    pairs = [
        label_problems(panel.truth, outputs, kind, panel.target)
        for outputs, kind in zip(panel.outputs, panel.kinds, strict=True)
    ]
    truths = pairs[0][0]
    classes = 2 if panel.target.kind == "multilabel" else len(panel.target.classes)
    called = [
        _sorted_by(2 * predicted[p] + (predicted[p] != truth), 2 * classes)
        for p, truth in enumerate(truths)
        for _, predicted in pairs
    ]
    true = [_sorted_by(truth, classes) for truth in truths]
    n = truths.shape[1]
    return Confusion(_joined(true, n), _joined(called, n), (len(truths), len(panel), classes))


def steps(panel: Panel, *, each_score: bool = True) -> Steps:
    """Sort the rows of every model into steps: one for each score that positives have, as AUPRC needs them.

    Without `each_score` runs of positives that no negative stands between make one step: enough for AUROC.
    """
    pairs = [
        ranking_problems(panel.truth, outputs, kind, panel.target)
        for outputs, kind in zip(panel.outputs, panel.kinds, strict=True)
    ]
    positives = pairs[0][0]
    problems = np.flatnonzero(positives.any(axis=1))
    wanted = [(positives[p], scores[p], each_score) for p in problems for _, scores in pairs]
    with ThreadPoolExecutor(2) as pool:  # sorting lets go of Python's lock
        curves = list(pool.map(_curve, *zip(*wanted, strict=True)))
    starts = np.cumsum([0, *(len(sizes) // 3 for _, sizes in curves)])
    segments = _joined(curves, positives.shape[1])
    return Steps(segments, starts.astype(np.int64), (len(problems), len(panel)))


def ranks(panel: Panel) -> Ranks:
    """Sort rows by truth and by each model's values, float64."""
    n = len(panel.truth)
    by_model = tuple(_joined([_equal_values(outputs[:, 0])], n) for outputs in panel.outputs)
    return Ranks(_joined([_equal_values(panel.truth)], n), by_model)


def moments(panel: Panel) -> Moments:
    """Centre truth and values, which keeps sums of squares well conditioned."""
    y = np.asarray(panel.truth, np.float64)
    x = np.array([outputs[:, 0] for outputs in panel.outputs], np.float64)
    errors = (x - y) ** 2
    y, x = y - y.mean(), x - x.mean(axis=1, keepdims=True)
    return Moments(np.concatenate([y[None], (y * y)[None], x, x * x, x * y, errors]))


def _sorted_by(codes: Array, count: int) -> tuple[Array, Array]:
    """Rows in order of their codes (0 … count - 1) and the size of each code's segment."""
    small = codes.astype(np.uint16) if count <= 1 << 16 else codes
    return np.argsort(small, kind="stable").astype(np.int32), np.bincount(codes, minlength=count)


def _equal_values(values: Array) -> tuple[Array, Array]:
    order = np.argsort(values, kind="stable")
    first = np.flatnonzero(np.append(True, np.diff(values[order]) != 0))
    return order, np.diff(first, append=len(values))


def _joined(parts: Sequence[tuple[Array, Array]], n: int) -> Segments:
    rows = np.concatenate([rows for rows, _ in parts]).astype(np.int32)
    sizes = np.concatenate([sizes for _, sizes in parts])
    count = np.int32 if len(rows) <= np.iinfo(np.int32).max else np.int64
    return Segments(rows, np.concatenate([[0], np.cumsum(sizes)]).astype(count), n)


def _curve(positive: Array, score: Array, each_score: bool) -> tuple[Array, Array]:
    """Rows in order of steps, and the sizes of each step's segments."""
    # Rows of one score and class share a segment: their order among themselves does not matter.
    order = np.argsort(-score)
    descending, found = score[order], positive[order]
    group = np.cumsum(np.append(True, descending[1:] != descending[:-1])) - 1
    hits = np.bincount(group, weights=found) > 0
    mixed = hits & (np.bincount(group, weights=~found) > 0)
    step = (np.cumsum(_begins(hits, mixed, each_score)) - 1)[group]
    cell = 3 * step + np.where(found, 1, 2 * hits[group])
    sizes = np.bincount(cell, minlength=3 * (step[-1] + 1))
    return order[np.argsort(cell, kind="stable")].astype(np.int32), sizes


def _begins(hits: Array, mixed: Array, each_score: bool) -> Array:
    """Scores, in descending order, that begin a step: those after one with positives (`hits`).

    Where steps are as few as AUROC allows, positives alone (not `mixed`) continue a run of positives alone.
    """
    after = np.append(True, hits[:-1])
    if each_score:
        return after
    alone = hits & ~mixed
    return np.asarray(after & ~(alone & np.append(False, alone[:-1])))
