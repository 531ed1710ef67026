"""Numbers of known laws from the task's own generator: uniform, normal, binomial and multinomial.

A number is a pure function of (key, row, column), so no draw depends on how many others are made.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import binom

from dnabench.harness.stats.weights import stream_key, threefry

Array = NDArray[Any]

_TAIL = 1e-16
"""Chance left out at either end of a binomial: less than a uniform number can tell."""


def words(stream: str, rows: int, columns: int, first: int = 0) -> tuple[Array, Array]:
    """Two independent arrays of 32 random bits, uint32 (rows, columns) each, from row `first` on."""
    x0, x1 = np.empty((rows, columns), np.uint32), np.empty((rows, columns), np.uint32)
    x0[:] = np.arange(columns, dtype=np.uint32)
    x1[:] = np.arange(first, first + rows, dtype=np.uint32)[:, None]
    return threefry(stream_key(stream), x0, x1)


def uniforms(stream: str, rows: int, columns: int) -> Array:
    """Uniform numbers strictly between 0 and 1 with 53 random bits, float64 (rows, columns).

    >>> bool(np.all(uniforms("s", 1, 4) == uniforms("s", 2, 9)[:1, :4]))
    True
    """
    high, low = words(stream, rows, columns)
    whole = (high.astype(np.uint64) << np.uint64(21)) | (low.astype(np.uint64) >> np.uint64(11))
    return np.asarray((whole.astype(np.float64) + 0.5) * 2.0**-53)


def normals(stream: str, rows: int, columns: int) -> Array:
    """Standard normal numbers, float64 (rows, columns)."""
    return np.asarray(ndtri(uniforms(stream, rows, columns)))


def binomials(uniform: Array, count: int, chance: float) -> Array:
    """Successes among `count` trials, int64, by inversion: exact in distribution, its cost free of `count`.

    >>> binomials(np.array([0.1, 0.5, 0.9]), 2, 0.5).tolist()
    [0, 1, 2]
    """
    first, last = (int(binom.ppf(end, count, chance)) for end in (_TAIL, 1.0 - _TAIL))
    below = binom.cdf(np.arange(max(first, 0), last), count, chance)
    return np.asarray(np.searchsorted(below, uniform) + max(first, 0))


def multinomials(uniform: Array, count: int, chances: Array) -> Array:
    """Rows in each cell, int64 (draws, cells), from uniform numbers (draws, cells): one conditional binomial each.

    >>> multinomials(np.array([[0.5, 0.5], [0.9, 0.5]]), 2, np.array([0.5, 0.5])).tolist()
    [[1, 1], [2, 0]]
    """
    left = np.full(len(uniform), count, np.int64)
    rest = np.cumsum(chances[::-1])[::-1]
    drawn = np.empty(uniform.shape, np.int64)
    for cell, chance in enumerate(chances):
        share = min(chance / rest[cell], 1.0) if rest[cell] > 0 else 0.0
        drawn[:, cell] = left if cell == len(chances) - 1 else binom.ppf(uniform[:, cell], left, share)
        left = left - drawn[:, cell]
    return drawn
