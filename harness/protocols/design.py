"""A feature matrix as the solver sees it: standardised columns, blocks of rows, coordinates that suit L-BFGS.

The matrix itself is never changed or centred, so that sparse features stay sparse: mean and deviation act on
the weights. Rows are summed in fixed blocks, each by one thread, so that results are bit-equal for any number
of threads.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Array = NDArray[np.float64]
Features = Any
"""(n, d) numpy array or scipy CSR matrix, any real dtype."""

_BLOCK_ROWS = 4096
_NEARLY_CONSTANT = 1e-5
"""A column whose deviation is below this share of its mean is rounding noise, and left out."""
_WIDEST_ROTATION = 2048
MANY = 16
"""Columns of targets from which on products cost more than a few passes to learn the features' main directions."""
_DENSE, _MOST_NUMBERS = 0.1, 1 << 28
"""Share of numbers that are not 0 above which many columns go faster through a dense matrix, if it is not larger."""
_DIRECTIONS = 256


class Design:
    """Products with the standardised columns of a feature matrix; a context, which holds the threads."""

    def __init__(self, features: Features, outputs: int = 1) -> None:
        self.rows, self.columns = features.shape
        self.many = outputs >= MANY
        if self.many and is_sparse(features) and _crowded(features):
            features = features.astype(np.float32).toarray()
        self.precision: type = np.float32
        self.blocks = _row_blocks(features)
        self.sides = [block.T for block in self.blocks]
        self.edges = np.cumsum([0] + [b.shape[0] for b in self.blocks])
        self.mean, deviation = _moments(self.blocks, self.rows)
        varies = deviation > _NEARLY_CONSTANT * np.abs(self.mean)
        self.inverse = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=varies)

    def __enter__(self) -> Design:
        self.limits = threadpool_limits(1, "blas")
        self.pool = ThreadPoolExecutor(min(_threads(), len(self.blocks)))
        return self

    def __exit__(self, *exception: object) -> None:
        self.pool.shutdown()
        self.limits.unregister()

    def times(self, weights: Array) -> Array:
        """(n, K) scores of weights (d, K) on standardised columns."""
        raw = weights * self.inverse[:, None]
        thin = self._thin(raw)
        parts = list(self.pool.map(lambda block: block @ thin, self.blocks))
        return np.concatenate(parts).reshape(self.rows, -1).astype(np.float64) - self.mean @ raw

    def transposed_times(self, residual: Array) -> Array:
        """(d, K) sums over rows of standardised column times residual (n, K)."""
        thin = self._thin(residual)
        cut = zip(self.edges[:-1], self.edges[1:], strict=True)
        parts = self.pool.map(lambda side, ab: side @ thin[ab[0] : ab[1]], self.sides, cut)
        total = np.sum(list(parts), axis=0, dtype=np.float64).reshape(self.columns, -1)
        return np.asarray((total - np.outer(self.mean, residual.sum(0))) * self.inverse[:, None])

    def coordinates(self) -> Coordinates:
        """Rotated for dense matrices of up to 2,048 columns, where the rotation costs less than it saves."""
        if is_sparse(self.blocks[0]) or self.columns > _WIDEST_ROTATION:
            return Directions(self.rows, *self._directions()) if self.many else Coordinates(self.rows)
        sums = sum(self.pool.map(self._gram, self.blocks))
        spread, axes = np.linalg.eigh(np.asarray(sums, np.float64) / self.rows)
        return Coordinates(self.rows, np.maximum(spread, 0.0), axes)

    def refine(self) -> bool:
        """Goes over to float64, where rounding in float32 hides the way down; False if it was done before."""
        if self.precision is np.float64:
            return False
        self.precision = np.float64
        self.blocks = [block.astype(np.float64) for block in self.blocks]
        self.sides = [block.T for block in self.blocks]
        return True

    def _directions(self) -> tuple[NDArray[Any], Array, float]:
        """Main axes of the standardised columns, their spread, and the mean spread of all others.

        Randomised subspace iteration (Halko, Martinsson and Tropp 2011, SIAM Review 53:217), the same at every run.
        """
        count = min(_DIRECTIONS, self.rows, self.columns)
        axes = np.random.default_rng(0).standard_normal((self.columns, count))
        for _ in range(2):
            axes, _ = np.linalg.qr(self.transposed_times(self.times(axes)))
        seen = self.times(axes)
        spread, turn = np.linalg.eigh(seen.T @ seen / self.rows)
        spread = np.maximum(spread, 0.0)
        others = max(int(np.count_nonzero(self.inverse)) - float(spread.sum()), 0.0)
        return axes @ turn, spread, others / max(self.columns - count, 1)

    def _gram(self, block: NDArray[Any]) -> NDArray[Any]:
        standard = (block - self.mean.astype(np.float32)) * self.inverse.astype(np.float32)
        return np.asarray(standard.T @ standard)

    def _thin(self, table: Array) -> NDArray[Any]:
        # One-dimensional where there is one column: the sparse product is twice as fast so.
        rounded: NDArray[Any] = table.astype(self.precision)
        return rounded[:, 0] if rounded.shape[1] == 1 else rounded


class Coordinates:
    """Variables in which the objective is about equally curved in all directions.

    W = axes @ diag(1 + strength * rows * curvature * spread)**-1/2 @ u: the columns' Gram matrix times the
    loss's mean curvature is nearly the Hessian, so that a handful of iterations does in place of hundreds.
    Without axes, u is W itself.
    """

    def __init__(self, rows: int, spread: Array | None = None, axes: Array | None = None) -> None:
        self.rows, self.spread, self.axes = rows, spread, axes
        self.steps = np.ones(0)

    def at(self, strength: float, curvature: Array | float) -> None:
        """Settle the lengths of the steps for one strength."""
        if self.spread is not None:
            self.steps = 1 / np.sqrt(1 + strength * self.rows * curvature * np.append(self.spread, 1.0))

    def weights(self, point: Array) -> tuple[Array, Array]:
        """(W, intercepts) of a table of variables (d + 1, K)."""
        if self.axes is None:
            return point[:-1], point[-1]
        scaled = point * self.steps[:, None]
        return self.axes @ scaled[:-1], scaled[-1]

    def point(self, weights: Array, bias: Array) -> Array:
        """The variables of W and intercepts: the inverse of `weights`."""
        if self.axes is None:
            return np.vstack([weights, bias])
        return np.asarray(np.vstack([self.axes.T @ weights, bias]) / self.steps[:, None])

    def slope(self, weights: Array, bias: Array) -> Array:
        """A gradient by W and intercepts as the gradient by the variables."""
        if self.axes is None:
            return np.vstack([weights, bias])
        return np.asarray(np.vstack([self.axes.T @ weights, bias]) * self.steps[:, None])


class Directions(Coordinates):
    """As `Coordinates`, with the main axes only and with steps of each target's own: for many rare labels at once.

    W = axes @ (steps * (axes.T @ u)) + last step * (u - axes @ axes.T @ u).
    """

    def __init__(self, rows: int, axes: NDArray[Any], spread: Array, others: float) -> None:
        super().__init__(rows, spread, axes)
        self.others = others
        self.last = self.free = np.ones(1)

    def at(self, strength: float, curvature: Array | float) -> None:
        assert self.spread is not None
        bend = strength * self.rows * np.atleast_1d(curvature)
        self.steps = 1 / np.sqrt(1 + np.outer(self.spread, bend))
        self.last, self.free = 1 / np.sqrt(1 + self.others * bend), 1 / np.sqrt(np.maximum(bend, 1e-12))

    def weights(self, point: Array) -> tuple[Array, Array]:
        return self._stretched(point[:-1], self.steps, self.last), point[-1] * self.free

    def point(self, weights: Array, bias: Array) -> Array:
        return np.vstack([self._stretched(weights, 1 / self.steps, 1 / self.last), bias / self.free])

    def slope(self, weights: Array, bias: Array) -> Array:
        return np.vstack([self._stretched(weights, self.steps, self.last), bias * self.free])

    def _stretched(self, table: Array, steps: Array, last: Array) -> Array:
        assert self.axes is not None
        return np.asarray(table * last + self.axes @ ((steps - last) * (self.axes.T @ table)))


def is_sparse(features: Features) -> bool:
    """True for a scipy sparse matrix."""
    return bool(sp.issparse(features))


def _crowded(features: Features) -> bool:
    """True where a sparse matrix is so full that a dense one is faster, and fits."""
    numbers = features.shape[0] * features.shape[1]
    return bool(features.nnz > _DENSE * numbers and numbers <= _MOST_NUMBERS)


def _row_blocks(features: Features) -> list[Features]:
    edges = range(0, max(features.shape[0], 1), _BLOCK_ROWS)
    if not is_sparse(features):
        dense = np.ascontiguousarray(features, np.float32)
        return [dense[a : a + _BLOCK_ROWS] for a in edges]
    data, indices, pointers = features.data.astype(np.float32, copy=False), features.indices, features.indptr
    blocks = []
    for a in edges:
        ends = pointers[a : a + _BLOCK_ROWS + 1]
        held = slice(ends[0], ends[-1])
        shape = (len(ends) - 1, features.shape[1])
        blocks.append(sp.csr_matrix((data[held], indices[held], ends - ends[0]), shape=shape))
    return blocks


def _moments(blocks: Sequence[Features], rows: int) -> tuple[Array, Array]:
    """Mean and standard deviation (divisor n) of every column."""
    mean = np.asarray(sum(np.asarray(b.sum(0, dtype=np.float64)).ravel() for b in blocks) / rows)
    return mean, np.sqrt(np.asarray(sum(_squares(b, mean) for b in blocks)) / rows)


def _squares(block: Features, mean: Array) -> Array:
    """Sums of squared distances from the mean by column, in float64."""
    if not is_sparse(block):
        return np.asarray(((block - mean) ** 2).sum(0))
    columns = len(mean)
    held = np.bincount(block.indices, (block.data - mean[block.indices]) ** 2, columns)
    zeros = block.shape[0] - np.bincount(block.indices, minlength=columns)
    return np.asarray(held + zeros * mean**2)


def _threads() -> int:
    """OMP_NUM_THREADS, or the cores that this process may use."""
    free = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(wanted)) if wanted.isdecimal() else free
