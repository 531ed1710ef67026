"""Splits and folds drawn from content: the same rows give the same answer, whatever their order in the file.

What is drawn is never a row but a unit: all rows with one sequence on either strand and, where a task names a
group column, all rows of a group and of every group that shares a sequence with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dnabench.harness.errors import DataError
from dnabench.harness.sequence import canonical
from dnabench.harness.types import Inputs, Split, SplitRule

from .fingerprint import hash_words, row_words
from .rows import take_rows

if TYPE_CHECKING:
    from dnabench.harness.types import Labels

PARTS = (0.70, 0.15, 0.15)
"""Shares of train, dev and test where a user's file names no splits."""
DEV_SHARE = 0.15
"""Share of the training rows that become dev where there is none."""


def fold_splits(split: Split, rule: SplitRule) -> Iterator[tuple[Split, Split, NDArray[np.int64]]]:
    """Each fold's train, dev and the indices of its test rows in `split`, told apart by its column `fold`.

    dev is drawn from the rows outside the fold, units undivided. Over all folds every row is a test row once.
    """
    folds = split.columns["fold"]
    for fold in range(rule.folds):
        rest = np.flatnonzero(folds != fold)
        others = take_rows(split, rest)
        train, dev = draw_dev_rows(others, others.columns[rule.groups] if rule.groups else None, rule.seed)
        yield take_rows(others, train, "train"), take_rows(others, dev, "dev"), np.flatnonzero(folds == fold)


def draw_dev_rows(train: Split, groups: Labels | None, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the rows that stay in train and of those that become dev, where there is no dev set."""
    part = draw_parts(train.inputs, groups, (1 - DEV_SHARE, DEV_SHARE), seed)
    return np.flatnonzero(part == 0), np.flatnonzero(part == 1)


def draw_parts(inputs: Inputs, groups: Labels | None, shares: Sequence[float], seed: int = 0) -> NDArray[np.int64]:
    """The part (0, 1, …) of each row: units in the order of their hash are cut at the shares of all rows.

    Every part gets at least one unit. Raises DataError where there are fewer units than parts.

    >>> parts = draw_parts(Inputs(["AAC", "GTT", "CCC", "GAG"]), None, (0.5, 0.25, 0.25))
    >>> bool(parts[0] == parts[1]), sorted(set(parts.tolist()))
    (True, [0, 1, 2])
    """
    units = find_units(inputs, groups, seed)
    if len(units.keys) < len(shares):
        what = "groups" if groups is not None else "different sequences"
        raise DataError(f"{len(units.keys)} {what} cannot be divided into {len(shares)} splits: give more rows")
    order = np.argsort(units.keys, kind="stable")
    middle = np.cumsum(units.sizes[order]) - units.sizes[order] / 2
    cuts = np.cumsum(np.asarray(shares, float))[:-1] * len(inputs)
    part = np.empty(len(order), np.int64)
    part[order] = _at_least_one_each(np.searchsorted(cuts, middle, side="right"), len(shares))
    return part[units.of_row]


def draw_folds(inputs: Inputs, groups: Labels | None, rule: SplitRule) -> NDArray[np.int64]:
    """The fold of each row: units, largest first and then by hash, go to the fold that is smallest so far.

    Raises DataError where there are fewer units than folds.
    """
    units = find_units(inputs, groups, rule.seed)
    if len(units.keys) < rule.folds:
        what = "groups" if groups is not None else "different sequences"
        raise DataError(f"{len(units.keys)} {what} cannot be divided into {rule.folds} folds: ask for fewer folds")
    fold = np.empty(len(units.keys), np.int64)
    sizes = [(0, f) for f in range(rule.folds)]
    heapify(sizes)
    for unit in np.lexsort((units.keys, -units.sizes)).tolist():
        rows, smallest = sizes[0]
        fold[unit] = smallest
        heapreplace(sizes, (rows + int(units.sizes[unit]), smallest))
    return fold[units.of_row]


@dataclass(frozen=True)
class Units:
    """Rows that must stay together: the unit of each row, and each unit's hash and number of rows."""

    of_row: NDArray[np.int64]
    keys: NDArray[np.uint64]
    sizes: NDArray[np.int64]


def find_units(inputs: Inputs, groups: Labels | None, seed: int = 0) -> Units:
    """Rows joined by a sequence (either strand) or a group, with a hash of their content."""
    first = list(map(canonical, inputs.sequences))
    words = row_words(first, list(map(canonical, inputs.seconds)))
    hashes = hash_words(words, salt=seed.to_bytes(8, "little"))
    keys, row_key, sizes = np.unique(hashes, return_inverse=True, return_counts=True)
    if groups is None:
        return Units(row_key.astype(np.int64), keys, sizes.astype(np.int64))
    names, row_group = np.unique(groups, return_inverse=True)
    nodes = len(keys) + len(names)
    edges = coo_array((np.ones(len(row_key), bool), (row_key, len(keys) + row_group)), shape=(nodes, nodes))
    count, component = connected_components(edges, directed=False)
    unit_keys = np.full(count, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(unit_keys, component[: len(keys)], keys)
    of_row = component[row_key].astype(np.int64)
    return Units(of_row, unit_keys, np.bincount(of_row, minlength=count))


def _at_least_one_each(part: NDArray[np.int64], parts: int) -> NDArray[np.int64]:
    """Parts of units in order, moved as little as needed so that none is empty.

    >>> _at_least_one_each(np.array([0, 0, 0, 2]), 3).tolist()
    [0, 0, 1, 2]
    """
    starts = np.searchsorted(part, np.arange(parts))
    for i in range(1, parts):
        starts[i] = max(starts[i], starts[i - 1] + 1)
    for i in range(parts - 1, 0, -1):
        starts[i] = min(starts[i], len(part) - (parts - i))
    return np.searchsorted(starts, np.arange(len(part)), side="right") - 1
