"""How often each test row occurs in each resample: one stream of row weights per task.

The stream is a pure function of (key, block, lane, draw): a counter-based generator, so blocks can be made in
any order, on any machine, in numpy or compiled, and every model and metric of a task sees the same resamples.
That is what makes comparisons paired. A block is 64 resamples ("lanes") as uint8 (n, 64).

Draw j of a resample picks row `start + (u * size >> 32)` of its stratum, u being 32 random bits: n draws make
an exact multinomial, up to the rounding of each row's probability by less than 2**-32.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.errors import DataError

Array = NDArray[Any]

LANES = 64
ROUNDS = 13
"""Threefry-2x32 passes the Crush batteries from 13 rounds on (Salmon et al., SC11, Table 2)."""
ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = 0x1BD11BDA
_CHUNK = 1 << 15
"""Counters worked on at once: three arrays of them fit a level-2 cache."""


@dataclass(frozen=True)
class Draws:
    """Which units are resampled, within which strata, and under which key.

    A unit is a test row, or a whole group of rows where `unit_of_row` (int64, n) says so. `strata` (int64)
    are the strata's sizes, `unit_at` (int64) the units in order of strata; None where that order is 0, 1, …
    """

    key: tuple[int, int]
    strata: Array
    unit_at: Array | None = None
    unit_of_row: Array | None = None

    @property
    def units(self) -> int:
        return int(self.strata.sum())

    @property
    def rows(self) -> int:
        return self.units if self.unit_of_row is None else len(self.unit_of_row)

    def spread(self, weights: Array) -> Array:
        """Weights by row, uint8 (n, 64), from weights by place in the strata."""
        if self.unit_at is not None:
            by_unit = np.empty_like(weights)
            by_unit[self.unit_at] = weights
            weights = by_unit
        return weights if self.unit_of_row is None else weights[self.unit_of_row]


def independent(stream: str, rows: int, seed: int = 0) -> Draws:
    """Resample single rows, all alike."""
    return Draws(stream_key(stream, seed), np.array([rows], np.int64))


def stratified(stream: str, strata: Array, seed: int = 0) -> Draws:
    """Resample single rows within strata, whose sizes stay as they are; `strata` names each row's stratum."""
    _, codes, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    return Draws(stream_key(stream, seed), sizes.astype(np.int64), np.argsort(codes, kind="stable"))


def grouped(stream: str, groups: Array, seed: int = 0) -> Draws:
    """Resample whole groups of rows; `groups` names each row's group."""
    names, codes = np.unique(groups, return_inverse=True)
    return Draws(stream_key(stream, seed), np.array([len(names)], np.int64), None, codes.reshape(-1))


def stream_key(stream: str, seed: int = 0) -> tuple[int, int]:
    """The generator's key: the first 64 bits of SHA-256 over the stream's name and the seed.

    >>> stream_key("gue/emp_H3") == stream_key("gue/emp_H3", 0) != stream_key("gue/emp_H3", 1)
    True
    """
    digest = hashlib.sha256(f"{stream}\n{seed}".encode()).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:8], "little")


def block(draws: Draws, number: int) -> Array:
    """Block `number` of the stream: weights by row, uint8 (n, 64)."""
    start, size = places(draws.strata)
    units = len(start)
    weights = np.empty((LANES, units), np.uint8)
    together = max(1, _CHUNK // max(units, 1))
    for lane in range(0, LANES // 2, together):
        lanes = np.arange(lane, min(lane + together, LANES // 2), dtype=np.uint32)
        words = random_words(draws.key, units, number, lanes)
        for half, drawn in enumerate(words):
            chosen = ((drawn * size) >> np.uint64(32)).astype(np.int64) + start
            for at, indices in zip(lanes + half * (LANES // 2), chosen, strict=True):
                weights[at] = np.bincount(indices, minlength=units)
    return draws.spread(np.ascontiguousarray(weights.T))


def blocks(draws: Draws, count: int) -> Iterator[Array]:
    """The first `count` blocks of the stream."""
    return (block(draws, number) for number in range(count))


def places(strata: Array) -> tuple[Array, Array]:
    """For every draw its stratum's first place (int64) and size (uint64).

    >>> [x.tolist() for x in places(np.array([2, 1]))]
    [[0, 0, 2], [2, 2, 1]]
    """
    first = np.cumsum(strata) - strata
    return np.repeat(first, strata), np.repeat(strata, strata).astype(np.uint64)


def random_words(key: tuple[int, int], draws: int, number: int, lanes: Array) -> tuple[Array, Array]:
    """Random bits for `lanes` and for those 32 above, uint32 (lanes, draws) each."""
    x0 = np.empty((len(lanes), draws), np.uint32)
    x0[:] = np.arange(draws, dtype=np.uint32)
    x1 = np.empty_like(x0)
    x1[:] = (np.uint32(number * (LANES // 2)) + lanes)[:, None]
    return threefry(key, x0, x1)


def threefry(key: tuple[int, int], x0: Array, x1: Array, rounds: int = ROUNDS) -> tuple[Array, Array]:
    """Threefry-2x32 (Salmon et al., SC11) of the counters x0, x1, uint32 arrays that are overwritten.

    >>> [hex(int(x[0])) for x in threefry((0, 0), np.zeros(1, np.uint32), np.zeros(1, np.uint32), 20)]
    ['0x6b200159', '0x99ba4efe']
    """
    keys = tuple(np.uint32(k) for k in (*key, PARITY ^ key[0] ^ key[1]))
    spare = np.empty_like(x0)
    x0 += keys[0]
    x1 += keys[1]
    for turn in range(rounds):
        distance = ROTATIONS[turn % 8]
        x0 += x1
        np.right_shift(x1, np.uint32(32 - distance), out=spare)
        np.left_shift(x1, np.uint32(distance), out=x1)
        x1 |= spare
        x1 ^= x0
        if turn % 4 == 3:
            injection = turn // 4 + 1
            x0 += keys[injection % 3]
            x1 += keys[(injection + 1) % 3]
            x1 += np.uint32(injection)
    return x0, x1


def effective_groups(groups: Array) -> float:
    """How many groups of equal size would inform as much: n² / Σ n_g².

    >>> effective_groups(np.array(["chr1", "chr1", "chr2", "chr2"]))
    2.0
    """
    sizes = np.unique(groups, return_counts=True)[1].astype(np.float64)
    if not len(sizes):
        raise DataError("no rows to group: the test split is empty")
    return float(sizes.sum() ** 2 / (sizes**2).sum())
