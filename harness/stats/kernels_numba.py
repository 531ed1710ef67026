"""The kernels of `kernels_numpy.py`, compiled: same draws, same statistics, for large work (extra `fast`).

A row of a block is 64 bytes, one cache line: a loop over its 64 lanes becomes a few vector instructions.
Counts and sums of ranks are exact integers. `curves_numba.py` has the walks down a ranking.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from dnabench.harness.stats import kernels_numpy
from dnabench.harness.stats.curves_numba import add_rows, auroc, curves
from dnabench.harness.stats.exchange_numba import exchanged
from dnabench.harness.stats.kernels_numpy import unanswered, value_metrics
from dnabench.harness.stats.panel import Confusion, Ranks
from dnabench.harness.stats.weights import LANES
from dnabench.harness.stats.weights_numba import block, compiled
from dnabench.harness.types import Target

Array = NDArray[Any]

__all__ = ["THREADS", "auroc", "block", "curves", "label_values", "spearman", "spearman_gap", "value_metrics"]

THREADS: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined] # set as numba is imported
"""Blocks worked on at once: compiled code lets go of Python's lock."""

MOST_RANKED = 1_000_000
"""Rows whose sums of rank products, 4/3 n³, stay below 2⁶³ with room for resamples of more rows (groups)."""
_LABELS = ("accuracy", "balanced_accuracy", "mcc", "f1_macro", "f1_binary")
_U16, _I32, _I64 = np.uint16, np.int32, np.int64


def label_values(sets: Confusion, weights: Array, metrics: Sequence[str], target: Target) -> dict[str, Array]:
    """Label metrics from three counts per class."""
    problems, models, classes = sets.shape
    true = _sums(sets.true.rows, sets.true.bounds, weights).reshape(problems, classes, LANES)
    called = _sums(sets.called.rows, sets.called.bounds, weights)
    values = _label_values(true, called.reshape(problems, models, classes, 2, LANES))
    by_name = dict(zip(_LABELS, values, strict=True))
    if target.kind == "multilabel":
        by_name["f1_macro"] = by_name["f1_binary"]
    return unanswered({metric: by_name[metric] for metric in metrics}, true, target)


def spearman(sets: Ranks, weights: Array) -> Array:
    """Correlation of the mid-ranks that the rows have within each resample."""
    if len(weights) > MOST_RANKED:
        return kernels_numpy.spearman(sets, weights)
    cubes = _cubes(weights)
    truth = _doubled_ranks(sets.truth.rows, sets.truth.bounds, weights, cubes)
    return np.array([_spearman(m.rows, m.bounds, weights, cubes, *truth) for m in sets.models])


def spearman_gap(sets: Ranks, weights: Array) -> Array:
    """The correlation of one set of answers minus that of the set exchanged with it."""
    return kernels_numpy.spearman_gap(sets, weights) if len(weights) > MOST_RANKED else exchanged(sets, weights)


@compiled
def _sums(rows: Array, bounds: Array, weights: Array) -> Array:
    """Weights added up over long segments: 256 rows of at most 255 fit 16 bits."""
    sums, part = np.zeros((len(bounds) - 1, 64), np.int32), np.empty(64, np.uint16)
    for k in range(len(sums)):
        for begin in range(bounds[k], bounds[k + 1], 256):
            end, part[:] = min(begin + 256, bounds[k + 1]), 0
            for at in range(begin, end - 1, 2):
                a, b = rows[at], rows[at + 1]
                for lane in range(64):
                    part[lane] += _U16(_U16(weights[a, lane]) + _U16(weights[b, lane]))
            a, odd = rows[end - 1], _U16((end - begin) % 2)
            for lane in range(64):
                sums[k, lane] += _I32(part[lane]) + _I32(_U16(weights[a, lane]) * odd)
    return sums


@compiled
def _label_values(true: Array, called: Array) -> Array:
    """(metrics, problems, models, 64) in the order of `_LABELS`."""
    problems, models, classes = called.shape[:3]
    values = np.zeros((5, problems, models, 64))
    sums = np.empty((9, 64))
    for problem in range(problems):
        for model in range(models):
            sums[:] = 0.0
            for c in range(classes):
                _add_class(true[problem, c], called[problem, model, c], sums, c)
            for lane in range(64):
                n, hits, products, squared, own, recall, present, f1, seen = sums[:, lane]
                spread = (n * n - squared) * (n * n - own)
                values[0, problem, model, lane] = hits / n
                values[1, problem, model, lane] = recall / present
                if spread > 0:
                    values[2, problem, model, lane] = (hits * n - products) / np.sqrt(spread)
                values[3, problem, model, lane] = f1 / seen
            _set_f1(true[problem, 1], called[problem, model, 1], values[4, problem, model])
    return values


@compiled
def _add_class(true: Array, called: Array, sums: Array, c: int) -> None:
    for lane in range(64):
        t, h = np.float64(true[lane]), np.float64(called[0, lane])
        p = h + called[1, lane]
        sums[0, lane] += t
        sums[1, lane] += h
        sums[2, lane] += t * p
        sums[3, lane] += p * p
        sums[4, lane] += t * t
        sums[5, lane] += h / max(t, 1.0)
        sums[6, lane] += min(t, 1.0)
        sums[7, lane] += 2.0 * h / max(t + p, 1.0)
        sums[8, lane] += min(t + p, 1.0)


@compiled
def _set_f1(true: Array, called: Array, values: Array) -> None:
    for lane in range(64):
        h = np.float64(called[0, lane])
        values[lane] = 2.0 * h / max(h + called[1, lane] + true[lane], 1.0)


@compiled
def _cubes(weights: Array) -> Array:
    """Σ (w³ - w) over rows, int64 (64,): the ties that resampling makes of rows without equals."""
    cubes = np.zeros(64, np.int64)
    for row in range(len(weights)):
        for lane in range(64):
            w = _I32(weights[row, lane])
            cubes[lane] += _I64(_I32(w * w * w) - w)
    return cubes


@compiled
def _add_ties(rows: Array, weights: Array, size: Array, ties: Array) -> None:
    """Correct Σ (w³ - w) for a set of equal rows, which count as one tie of their joint size."""
    for lane in range(64):
        g = _I64(size[lane])
        ties[lane] += g * g * g - g
    for row in rows:
        for lane in range(64):
            w = _I64(weights[row, lane])
            ties[lane] -= w * w * w - w


@compiled
def _doubled_ranks(rows: Array, bounds: Array, weights: Array, cubes: Array) -> Any:
    """Twice each row's mid-rank, int32 (n, 64), and Σ (g³ - g) over ties of g rows, int64 (64,)."""
    ranks = np.empty((len(rows), 64), np.int32)
    size, doubled, ties = np.zeros(64, np.int32), np.ones(64, np.int32), cubes.copy()
    for k in range(len(bounds) - 1):
        first, last = bounds[k], bounds[k + 1]
        add_rows(rows, first, last, weights, size)
        for at in range(first, last):
            row = rows[at]
            for lane in range(64):
                ranks[row, lane] = doubled[lane] + size[lane]
        if last > first + 1:
            _add_ties(rows[first:last], weights, size, ties)
        for lane in range(64):
            doubled[lane] += 2 * size[lane]
            size[lane] = 0
    return ranks, ties


@compiled
def _spearman(  # noqa: PLR0913, PLR0917 - plain arrays are what numba compiles
    rows: Array, bounds: Array, weights: Array, cubes: Array, truth: Array, tied: Array
) -> Array:
    size, doubled, ties = np.zeros(64, np.int32), np.ones(64, np.int32), cubes.copy()
    products, values = np.zeros(64, np.int64), np.empty(64)
    for k in range(len(bounds) - 1):
        first, last = bounds[k], bounds[k + 1]
        if last == first + 1:
            row = rows[first]
            for lane in range(64):
                w = _I32(weights[row, lane])
                ranked = _I32(w * _I32(doubled[lane] + w))
                doubled[lane] += 2 * w
                products[lane] += _I64(ranked) * _I64(truth[row, lane])
            continue
        add_rows(rows, first, last, weights, size)
        for row in rows[first:last]:
            for lane in range(64):
                ranked = _I32(weights[row, lane]) * _I32(doubled[lane] + size[lane])
                products[lane] += _I64(ranked) * _I64(truth[row, lane])
        _add_ties(rows[first:last], weights, size, ties)
        for lane in range(64):
            doubled[lane] += 2 * size[lane]
            size[lane] = 0
    for lane in range(64):
        n = np.float64((doubled[lane] - 1) // 2)
        spread = (n * n * n - n - ties[lane]) * (n * n * n - n - tied[lane])
        covariance = 3.0 * products[lane] - 3.0 * n * (n + 1.0) * (n + 1.0)
        values[lane] = covariance / np.sqrt(spread) if spread > 0 else np.nan
    return values
