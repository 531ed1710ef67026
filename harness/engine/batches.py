"""Rows into batches: by a budget of tokens for reading, by a number of rows for training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import Unavailable

Index = NDArray[np.int64]
Cut = Callable[[Index, int], list[Index]]
"""Lengths and a budget to batches of row numbers."""
_POOL = 32


def token_batches(lengths: Sequence[int] | Index, budget: int) -> list[Index]:
    """Batches of row numbers, longest rows first, whose padded size (rows times longest) fits the budget.

    A row longer than the budget stands alone. The longest come first so that a full memory shows at once.

    >>> [batch.tolist() for batch in token_batches([2, 9, 3, 3], 9)]
    [[1], [2, 3, 0]]
    """
    sizes = np.asarray(lengths, np.int64)
    order = np.argsort(-sizes, kind="stable")
    batches, start = [], 0
    while start < len(order):
        rows = max(1, budget // max(1, int(sizes[order[start]])))
        batches.append(order[start : start + rows])
        start += rows
    return batches


def equal_batches(lengths: Sequence[int] | Index, budget: int) -> list[Index]:
    """As `token_batches`, but only rows of one length go together: for networks that take no padding mask.

    >>> [batch.tolist() for batch in equal_batches([2, 9, 3, 3, 3], 9)]
    [[1], [2, 3, 4], [0]]
    >>> [batch.tolist() for batch in equal_batches([2, 9, 3, 3], 5)]
    [[1], [2], [3], [0]]
    """
    sizes = np.asarray(lengths, np.int64)
    order = np.argsort(-sizes, kind="stable")
    runs = np.split(order, np.flatnonzero(np.diff(sizes[order])) + 1) if len(order) else []
    return [run[batch] for run in runs for batch in token_batches(sizes[run], budget)]


def shuffled_batches(lengths: Index, rows: int, draw: np.random.Generator) -> list[Index]:
    """All rows once in random order, `rows` to a batch; rows of like length go together where lengths differ.

    >>> batches = shuffled_batches(np.array([3, 3, 3, 3, 3]), 2, np.random.default_rng(0))
    >>> [len(b) for b in batches], sorted(int(i) for b in batches for i in b)
    ([2, 2, 1], [0, 1, 2, 3, 4])
    """
    order = draw.permutation(len(lengths))
    if len(lengths) and lengths.min() == lengths.max():
        return [order[a : a + rows] for a in range(0, len(order), rows)]
    # Sorting only inside pools of some batches saves padding and keeps the batches' make-up random.
    pools = [order[a : a + rows * _POOL] for a in range(0, len(order), rows * _POOL)]
    pools = [pool[np.argsort(lengths[pool], kind="stable")] for pool in pools]
    batches = [pool[a : a + rows] for pool in pools for a in range(0, len(pool), rows)]
    return [batches[i] for i in draw.permutation(len(batches))]


def over_batches(
    workers: Sequence[Callable[[Index], Callable[[], Any]]], lengths: Index, budget: int, cut: Cut = token_batches
) -> list[tuple[Index, Any]]:
    """All rows in batches that workers take in turn, one worker to a device: (rows, what came of them) of each.

    A worker starts a batch and returns what waits for its result; it is asked for the result when the next batch
    has been started, so that an accelerator never waits for the host. Where its memory is full the budget is
    halved for all that follows; Unavailable if a single row is too much.
    """
    work = _Work(np.asarray(lengths, np.int64), budget, cut)
    if len(workers) == 1:
        return list(_results(workers[0], work))
    with ThreadPoolExecutor(len(workers)) as pool:
        parts = list(pool.map(lambda worker: list(_results(worker, work)), workers))
    return [one for part in parts for one in part]


@dataclass
class _Work:
    """The batches that nobody has taken yet."""

    lengths: Index
    budget: int
    cut: Cut
    waiting: list[Index] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.waiting = self.cut(self.lengths, self.budget)

    def take(self) -> Index | None:
        with self.lock:
            return self.waiting.pop(0) if self.waiting else None

    def put_back(self, batch: Index) -> None:
        """A batch that was too large: smaller ones from now on, for it and for all that wait."""
        with self.lock:
            self.budget = halved(self.budget, batch, self.lengths)
            left = np.concatenate([batch, *self.waiting])
            self.waiting = [left[part] for part in self.cut(self.lengths[left], self.budget)]

    def stop(self) -> None:
        with self.lock:
            self.waiting = []


def _results(worker: Callable[[Index], Callable[[], Any]], work: _Work) -> Iterator[tuple[Index, Any]]:
    """What one worker makes of the batches that it takes, one batch behind."""
    before: tuple[Index, Callable[[], Any]] | None = None
    try:
        while (batch := work.take()) is not None:
            try:
                started = worker(batch)
            except torch.cuda.OutOfMemoryError:
                work.put_back(batch)
                continue
            if before is not None:
                yield before[0], before[1]()
            before = batch, started
    except BaseException:
        work.stop()
        raise
    if before is not None:
        yield before[0], before[1]()


def halved(budget: int, batch: Index, lengths: Index) -> int:
    """Half of what a batch took that did not fit the memory; Unavailable where it was one row."""
    longest = int(lengths[batch].max())
    if len(batch) == 1:
        raise Unavailable(
            f"a single row of {longest} tokens does not fit the memory of {_accelerator()}: "
            "cut the rows (max_length) or use a larger device"
        )
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return max(1, min(budget, longest * len(batch)) // 2)


def _accelerator() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "this device"
