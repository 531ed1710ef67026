"""How scores vary together, and joint normal draws that vary as they do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.stats.deviates import normals

Array = NDArray[Any]

FLAT = 1e-12
"""Share of the largest eigenvalue below which a direction does not vary."""


def covariance_of(draws: Array) -> Array:
    """Covariance (models, models) over draws (models, k), each pair from the draws in which both have an answer.

    >>> covariance_of(np.array([[1.0, -1.0, np.nan], [2.0, -2.0, 5.0]])).tolist()
    [[1.0, 2.0], [2.0, 8.222222222222221]]
    """
    holes = np.isnan(draws)
    found = np.empty((len(draws), len(draws)))
    if not holes.any():
        centred = draws - draws.mean(axis=1, keepdims=True)
        for i, first in enumerate(centred):
            found[i, : i + 1] = found[: i + 1, i] = _products(centred[: i + 1], first)
        return np.asarray(found / draws.shape[1])
    for i, first in enumerate(draws):
        for j, second in enumerate(draws[: i + 1]):
            both = ~(holes[i] | holes[j])
            found[i, j] = found[j, i] = _products(*(x[both] - x[both].mean() for x in (first, second))) / both.sum()
    return found


def gaussian(covariance: Array, names: Sequence[str], stream: str, count: int) -> Array:
    """Normal draws (names, count) with mean 0 and this covariance; each name brings its own random numbers.

    The symmetric root makes them follow the names when these are reordered.
    """
    values, vectors = np.linalg.eigh(covariance)
    kept = np.where(values > FLAT * max(values.max(initial=0.0), 0.0), values, 0.0)
    noise = np.array([normals(f"{stream}\n{name}", 1, count)[0] for name in names]).reshape(len(names), count)
    return np.asarray((vectors * np.sqrt(kept)) @ (vectors.T @ noise))


def _products(rows: Array, other: Array) -> Any:
    # No BLAS: its threads would wait busily longer than they work, and add in another order on another machine.
    return np.einsum("...k,k->...", rows, other)
