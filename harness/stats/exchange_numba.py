"""Spearman's correlation of two models whose answers are exchanged row by row, compiled (extra `fast`).

Every row is answered once on either side, so the ranks of the truth never change, and one walk up the joint ranking of
all answers serves both sides.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.stats.panel import Ranks, Segments
from dnabench.harness.stats.weights_numba import compiled

Array = NDArray[Any]

_I32, _I64 = np.int32, np.int64


def exchanged(sets: Ranks, weights: Array) -> Array:
    """The gap of `kernels_numpy.spearman_gap`."""
    truth, tied = _fixed(sets.truth)
    (answers,) = sets.models
    sides = _sides(answers.rows, answers.bounds, weights, truth, tied)
    return np.asarray(sides[0] - sides[1])


def _fixed(sets: Segments) -> tuple[Array, int]:
    """Twice the mid-rank of each row's truth among the rows of one side, int64 (2 · n,), and Σ (g³ - g) over ties."""
    starts, sizes = sets.bounds[:-1].astype(np.int64), np.diff(sets.bounds).astype(np.int64) // 2
    doubled = np.empty(len(sets.rows), np.int64)
    doubled[sets.rows] = np.repeat(starts + sizes + 1, 2 * sizes)
    return doubled, int((sizes**3 - sizes).sum())


@compiled
def _sides(rows: Array, bounds: Array, weights: Array, truth: Array, tied: int) -> Array:
    """The correlations of both sides, float64 (2, 64)."""
    size, doubled = np.zeros((2, 64), np.int32), np.ones((2, 64), np.int32)
    products, ties, values = np.zeros((2, 64), np.int64), np.zeros((2, 64), np.int64), np.empty((2, 64))
    for k in range(len(bounds) - 1):
        first, last = bounds[k], bounds[k + 1]
        _count(rows[first:last], weights, size)
        for row in rows[first:last]:
            true = _I32(truth[row])
            for lane in range(64):
                chosen = _I32(weights[row, lane])
                here, there = doubled[0, lane] + size[0, lane], doubled[1, lane] + size[1, lane]
                products[0, lane] += _I64(_I32(chosen * here)) * _I64(true)
                products[1, lane] += _I64(_I32((1 - chosen) * there)) * _I64(true)
        for side in range(2):
            for lane in range(64):
                g = _I64(size[side, lane])
                ties[side, lane] += g * g * g - g
                doubled[side, lane] += 2 * size[side, lane]
    n = np.float64(len(rows) // 2)
    cube = n * n * n - n
    for side in range(2):
        for lane in range(64):
            spread = (cube - ties[side, lane]) * (cube - tied)
            covariance = 3.0 * products[side, lane] - 3.0 * n * (n + 1.0) * (n + 1.0)
            values[side, lane] = covariance / np.sqrt(spread) if spread > 0 else np.nan
    return values


@compiled
def _count(rows: Array, weights: Array, size: Array) -> None:
    """How many of some answers stand on either side."""
    size[:] = 0
    for row in rows:
        for lane in range(64):
            chosen = _I32(weights[row, lane])
            size[0, lane] += chosen
            size[1, lane] += 1 - chosen
