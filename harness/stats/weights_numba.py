"""The stream of row weights, compiled: bit for bit that of `weights.py` (extra `fast`).

numba widens integers as it computes, so every step of the generator is cast back to 32 bits; unsigned indices
spare it the test for negative ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

from dnabench.harness.stats.weights import LANES, PARITY, ROTATIONS, Draws

Array = NDArray[Any]
F = TypeVar("F", bound=Callable[..., Any])

_U8, _U32, _U64 = np.uint8, np.uint32, np.uint64
_R0, _R1, _R2, _R3, _R4, _R5, _R6, _R7 = (np.uint32(r) for r in ROTATIONS)


def compiled(function: F, inline: str = "never") -> F:
    """Compile at the first call, and keep the machine code on disk where a folder for it can be written."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "inline": inline}
    try:
        kept: F = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba found no folder for its cache
        kept = numba.njit(**options)(function)
    return kept


def inlined(function: F) -> F:
    """Compiled as a part of each caller: a call costs as much as adding up a row."""
    return compiled(function, "always")


def block(draws: Draws, number: int) -> Array:
    """Block `number` of the stream: weights by row, uint8 (n, 64)."""
    key0, key1 = draws.key
    keys = np.array([key0, key1, PARITY ^ key0 ^ key1], np.uint32)
    first_lane = np.uint32(number * (LANES // 2) % (1 << 32))
    return draws.spread(_draw(draws.strata, keys, first_lane))


@compiled
def _rotated(x: Any, distance: Any) -> Any:
    return _U32((x << distance) | (x >> (_U32(32) - distance)))


@compiled
def _four_rounds(x0: Any, x1: Any, a: Any, b: Any, c: Any, d: Any) -> Any:  # noqa: PLR0913, PLR0917
    x0 = _U32(x0 + x1)
    x1 = _rotated(x1, a) ^ x0
    x0 = _U32(x0 + x1)
    x1 = _rotated(x1, b) ^ x0
    x0 = _U32(x0 + x1)
    x1 = _rotated(x1, c) ^ x0
    x0 = _U32(x0 + x1)
    x1 = _rotated(x1, d) ^ x0
    return x0, x1


@compiled
def _threefry(x0: Any, x1: Any, k0: Any, k1: Any, k2: Any) -> Any:
    """13 rounds of Threefry-2x32 on one counter, as `weights.threefry`."""
    x0, x1 = _four_rounds(_U32(x0 + k0), _U32(x1 + k1), _R0, _R1, _R2, _R3)
    x0, x1 = _four_rounds(_U32(x0 + k1), _U32(x1 + k2 + _U32(1)), _R4, _R5, _R6, _R7)
    x0, x1 = _four_rounds(_U32(x0 + k2), _U32(x1 + k0 + _U32(2)), _R0, _R1, _R2, _R3)
    x0 = _U32(x0 + k0)
    x1 = _U32(x1 + k1 + _U32(3))
    x0 = _U32(x0 + x1)
    return x0, _rotated(x1, _R4) ^ x0


@compiled
def _draw(strata: Array, keys: Array, first_lane: Any) -> Array:
    """Weights by place in the strata, uint8 (units, 64): every draw adds 1 in each lane."""
    units = strata.sum()
    weights = np.zeros(units * 64, np.uint8)
    low, high = np.empty(32, np.uint32), np.empty(32, np.uint32)
    k0, k1, k2 = keys[0], keys[1], keys[2]
    start = _U64(0)
    for rows in strata:
        size = _U64(rows)
        for draw in range(rows):
            for lane in range(32):
                a, b = _threefry(_U32(start + _U64(draw)), _U32(first_lane + _U32(lane)), k0, k1, k2)
                low[lane] = _U32((_U64(a) * size) >> _U64(32))
                high[lane] = _U32((_U64(b) * size) >> _U64(32))
            for lane in range(32):
                weights[(start + _U64(low[lane])) * _U64(64) + _U64(lane)] += _U8(1)
                weights[(start + _U64(high[lane])) * _U64(64) + _U64(lane + 32)] += _U8(1)
        start += size
    return weights.reshape((units, 64))
