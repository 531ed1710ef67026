"""The walks down a ranking, compiled: AUROC and AUPRC of a block of 64 resamples (extra `fast`).

Counts are exact integers. Most segments hold few rows, hence the paths for short ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.stats.panel import Steps
from dnabench.harness.stats.weights import LANES
from dnabench.harness.stats.weights_numba import compiled, inlined

Array = NDArray[Any]

_U16, _I32, _I64 = np.uint16, np.int32, np.int64


def auroc(steps: Steps, weights: Array) -> Array:
    """Pairs in the right order over all pairs, ties half."""
    parts = steps.segments
    values: Array = _auroc(parts.rows, parts.bounds, steps.starts, weights)
    return values.reshape(*steps.shape, LANES)


def curves(steps: Steps, weights: Array) -> dict[str, Array]:
    """AUROC, and AUPRC: precision at each step down the ranking, weighted with the positives found."""
    parts = steps.segments
    auroc, auprc = _curves(parts.rows, parts.bounds, steps.starts, weights)
    return {"auroc": auroc.reshape(*steps.shape, LANES), "auprc": auprc.reshape(*steps.shape, LANES)}


@compiled
def _auroc(rows: Array, bounds: Array, starts: Array, weights: Array) -> Array:
    values = np.empty((len(starts) - 1, 64))
    passed, found, tied = np.zeros(64, np.int32), np.zeros(64, np.int32), np.zeros(64, np.int32)
    above, below, doubled = np.empty(64, np.int32), np.empty(64, np.int32), np.empty(64, np.int64)
    for curve in range(len(values)):
        above[:], below[:], doubled[:] = 0, 0, 0
        for step in range(starts[curve], starts[curve + 1]):
            first, middle = bounds[3 * step], bounds[3 * step + 1]
            end, last = bounds[3 * step + 2], bounds[3 * step + 3]
            add_rows(rows, first, middle, weights, passed)
            _pass(passed, above, below, doubled)
            if last == end:
                add_rows(rows, middle, end, weights, above)
                continue
            add_rows(rows, middle, end, weights, found)
            add_rows(rows, end, last, weights, tied)
            _find_tied(found, tied, above, below, doubled)
        for lane in range(64):
            values[curve, lane] = doubled[lane] / (2.0 * above[lane] * below[lane])
    return values


@inlined
def _pass(passed: Array, above: Array, below: Array, doubled: Array) -> None:
    """Negatives below all positives found so far."""
    for lane in range(64):
        below[lane] += passed[lane]
        doubled[lane] += 2 * _I64(passed[lane]) * _I64(above[lane])
        passed[lane] = 0


@inlined
def _find_tied(found: Array, tied: Array, above: Array, below: Array, doubled: Array) -> None:
    """Positives and negatives of one score, whose pairs count half."""
    for lane in range(64):
        f, t = _I64(found[lane]), _I64(tied[lane])
        doubled[lane] += t * (2 * _I64(above[lane]) + f)
        above[lane] += found[lane]
        below[lane] += tied[lane]
        found[lane], tied[lane] = 0, 0


@compiled
def _curves(rows: Array, bounds: Array, starts: Array, weights: Array) -> Any:
    auroc, auprc = np.empty((len(starts) - 1, 64)), np.empty((len(starts) - 1, 64))
    passed, found, tied = np.zeros(64, np.int32), np.zeros(64, np.int32), np.zeros(64, np.int32)
    above, below, doubled = np.empty(64, np.int32), np.empty(64, np.int32), np.empty(64, np.int64)
    over, under, precise = np.empty((4, 64), np.int32), np.empty((4, 64), np.int32), np.empty(64)
    for curve in range(len(auroc)):
        above[:], below[:], doubled[:], precise[:], kept = 0, 0, 0, 0.0, 0
        for step in range(starts[curve], starts[curve + 1]):
            first, middle = bounds[3 * step], bounds[3 * step + 1]
            end, last = bounds[3 * step + 2], bounds[3 * step + 3]
            if middle > first:
                add_rows(rows, first, middle, weights, passed)
                _pass(passed, above, below, doubled)
            if last == middle + 1:
                row = rows[middle]
                for lane in range(64):
                    f = _I32(weights[row, lane])
                    a = _I32(above[lane] + f)
                    above[lane] = a
                    over[kept, lane], under[kept, lane] = _I32(f * a), max(_I32(a + below[lane]), _I32(1))
                kept += 1
                if kept == 4:
                    _add_fractions(over, under, precise)
                    kept = 0
                continue
            add_rows(rows, middle, end, weights, found)
            add_rows(rows, end, last, weights, tied)
            for lane in range(64):
                f, a = found[lane], above[lane] + found[lane]
                precise[lane] += np.float64(f) * a / max(a + below[lane] + tied[lane], 1)
            _find_tied(found, tied, above, below, doubled)
        over[kept:], under[kept:] = 0, 1
        _add_fractions(over, under, precise)
        for lane in range(64):
            auroc[curve, lane] = doubled[lane] / (2.0 * above[lane] * below[lane])
            auprc[curve, lane] = precise[lane] / above[lane]
    return auroc, auprc


@inlined
def _add_fractions(over: Array, under: Array, total: Array) -> None:
    """Add four fractions by one division, which costs as much as ten products."""
    for lane in range(64):
        a, b, c, d = (
            np.float64(under[0, lane]),
            np.float64(under[1, lane]),
            np.float64(under[2, lane]),
            np.float64(under[3, lane]),
        )
        first = np.float64(over[0, lane]) * b + np.float64(over[1, lane]) * a
        second = np.float64(over[2, lane]) * d + np.float64(over[3, lane]) * c
        total[lane] += (first * (c * d) + second * (a * b)) / ((a * b) * (c * d))


@inlined
def add_rows(rows: Array, begin: int, end: int, weights: Array, total: Array) -> None:
    """Add the weights of rows[begin:end] to `total`, int32 (64,); four rows of at most 255 fit 16 bits."""
    at = begin
    while at + 4 <= end:
        a, b, c, d = rows[at], rows[at + 1], rows[at + 2], rows[at + 3]
        for lane in range(64):
            total[lane] += _I32(
                _U16(weights[a, lane]) + _U16(weights[b, lane]) + _U16(weights[c, lane]) + _U16(weights[d, lane])
            )
        at += 4
    while at < end:
        a = rows[at]
        for lane in range(64):
            total[lane] += _I32(weights[a, lane])
        at += 1
