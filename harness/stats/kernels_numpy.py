"""Every statistic on one block of 64 resamples, in numpy: the route that is always there.

Each function takes sorted structures (`panel.py`) and weights, uint8 (n, 64), and gives float64 (problems, models, 64),
or (models, 64) for values: the statistic of the rows repeated as often as their weights say; NaN for no answer.
`kernels_numba.py` offers the same functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.metrics import label_formula
from dnabench.harness.stats.panel import Confusion, Moments, Ranks, Segments, Steps
from dnabench.harness.stats.weights import LANES, block
from dnabench.harness.types import Target

Array = NDArray[Any]

__all__ = ["THREADS", "auroc", "block", "curves", "label_values", "spearman", "spearman_gap", "value_metrics"]

THREADS = 1
TILE = 32, 128
"""Columns × rows of one product: times 64 lanes so little work that BLAS keeps to one thread."""


def label_values(sets: Confusion, weights: Array, metrics: Sequence[str], target: Target) -> dict[str, Array]:
    """Label metrics from three counts per class."""
    problems, models, classes = sets.shape
    true = _sums(sets.true, weights).reshape(problems, 1, classes, LANES)
    cells = _sums(sets.called, weights).reshape(problems, models, classes, 2, LANES)
    counts = [np.moveaxis(c, 2, 0) for c in (true, cells[..., 0, :], cells.sum(axis=3))]
    values = {metric: label_formula(metric, target)(*counts) for metric in metrics}
    return unanswered(values, true.reshape(problems, classes, LANES), target)


def unanswered(values: dict[str, Array], true: Array, target: Target) -> dict[str, Array]:
    """NaN where a label has one class in a resample, as labels of one class are left out of the score."""
    if target.kind == "multilabel":
        lost, _, lanes = np.nonzero((true == 0).any(axis=1)[:, None])
        for each in values.values():
            each[lost, :, lanes] = np.nan
    return values


def auroc(steps: Steps, weights: Array) -> Array:
    """Pairs in the right order over all pairs, ties half."""
    return curves(steps, weights, ("auroc",))["auroc"]


def curves(steps: Steps, weights: Array, metrics: Sequence[str] = ("auroc", "auprc")) -> dict[str, Array]:
    """AUROC, and AUPRC: precision at each step down the ranking, weighted with the positives found."""
    values: dict[str, list[Array]] = {metric: [] for metric in metrics}
    for before, found, tied in _walks(steps, weights):
        above = _running(found)
        if "auroc" in values:
            pairs = above[-1] * (before.sum(axis=0) + tied.sum(axis=0))
            ordered = np.einsum("ij,ij->j", before, above - found) + np.einsum("ij,ij->j", tied, above - 0.5 * found)
            values["auroc"].append(_over(ordered, pairs))
        if "auprc" in values:
            precision = above / np.maximum(above + _running(before + tied), 1.0)
            values["auprc"].append(_over(np.einsum("ij,ij->j", found, precision), above[-1]))
    return {metric: np.array(each).reshape(*steps.shape, LANES) for metric, each in values.items()}


def spearman(sets: Ranks, weights: Array) -> Array:
    """Correlation of the mid-ranks that the rows have within each resample."""
    truth, spread_y = _centred_ranks(sets.truth, weights)
    by_row = np.empty(weights.shape)
    by_row[sets.truth.rows] = np.repeat(truth, np.diff(sets.truth.bounds), axis=0)
    by_row *= weights
    values = []
    for model in sets.models:
        own, spread_x = _centred_ranks(model, weights)
        covariance = np.einsum("ij,ij->j", own, model.matrix @ by_row)
        values.append(_over(covariance, np.sqrt(spread_x * spread_y)))
    return np.array(values)


def spearman_gap(sets: Ranks, weights: Array) -> Array:
    """The correlation of the answers of weight 1 minus that of the others, float64 (64,).

    `sets` rank two models' answers to the same rows, the second's after the first's; of a row's two answers one has
    the weight 1 and the other 0.
    """
    return np.asarray(spearman(sets, weights)[0] - spearman(sets, 1 - weights)[0])


def value_metrics(columns: Moments, weights: Array) -> dict[str, Array]:
    """Pearson, R² and mean squared error from one product of moments and weights."""
    sums = _products(columns.columns, weights.astype(np.float64))
    n = weights.sum(axis=0, dtype=np.float64)
    (y, yy), (x, xx, xy, errors) = sums[:2], sums[2:].reshape(4, -1, LANES)
    spread_y = yy - y * y / n
    # What cancellation leaves of an exact zero: a constant truth or prediction in this resample.
    floor_y, floor_x = 1e-14 * yy, 1e-14 * xx
    spread_x = xx - x * x / n
    varied = spread_y > floor_y
    correlation = np.where(
        varied & (spread_x > floor_x), _over(xy - x * y / n, np.sqrt(np.maximum(spread_x * spread_y, 0.0))), np.nan
    )
    explained = np.where(varied, 1.0 - _over(errors, spread_y), np.where(errors == 0, 1.0, 0.0))
    return {"pearson": np.clip(correlation, -1.0, 1.0), "r2": explained, "mse": errors / n}


def _products(columns: Array, weights: Array) -> Array:
    """columns @ weights, summed tile by tile: a whole product is rounded otherwise on another number of threads."""
    tall, wide = TILE
    whole = len(weights) // wide * wide
    tiles = weights[:whole].reshape(-1, wide, LANES)
    sums = np.empty((len(columns), LANES))
    for first in range(0, len(columns), tall):
        part = columns[first : first + tall]
        pieces = part[:, :whole].reshape(len(part), -1, wide).swapaxes(0, 1) @ tiles
        sums[first : first + tall] = pieces.sum(axis=0) + part[:, whole:] @ weights[whole:]
    return sums


def _sums(segments: Segments, weights: Array) -> Array:
    """Sum of weights over each set of rows, float64 (sets, 64)."""
    return np.asarray(segments.matrix @ weights.astype(np.float32), np.float64)


def _walks(steps: Steps, weights: Array) -> list[tuple[Array, Array, Array]]:
    """Negatives before, positives and tied negatives by step (steps, 64) of every curve."""
    sums = _sums(steps.segments, weights).reshape(-1, 3, LANES)
    return [(cells[:, 0], cells[:, 1], cells[:, 2]) for cells in np.split(sums, steps.starts[1:-1])]


def _centred_ranks(segments: Segments, weights: Array) -> tuple[Array, Array]:
    """Mid-rank minus the mean rank of each set of equal rows (sets, 64), and their sum of squares (64,)."""
    sums = _sums(segments, weights)
    ends = _running(sums)
    middle = ends - (sums - 1.0) / 2 - (ends[-1] + 1.0) / 2
    return middle, np.einsum("ij,ij,ij->j", sums, middle, middle)


def _running(sums: Array) -> Array:
    """Cumulative sums down the rows, in runs of 32: four times faster than numpy's own along this axis."""
    count = len(sums)
    runs = np.zeros((-(-count // 32), 32, LANES))
    runs.reshape(-1, LANES)[:count] = sums
    for row in range(1, 32):
        runs[:, row] += runs[:, row - 1]
    runs[1:] += np.cumsum(runs[:-1, -1], axis=0)[:, None]
    return runs.reshape(-1, LANES)[:count]


def _over(above: Array, below: Array) -> Array:
    """above / below, NaN where below is not above 0."""
    shape = np.broadcast(above, below).shape
    return np.asarray(np.divide(above, below, out=np.full(shape, np.nan), where=below > 0))
