"""Many comparisons at once: p-values that keep their promise for the whole table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dnabench.harness.errors import RequestError

P = float | None


def holm(p: Sequence[P]) -> list[P]:
    """Step-down adjusted p-values: below alpha for a true null at most alpha of the time, whatever the dependence.

    None (no test) stays None and does not count. Raises RequestError for values outside 0 … 1.
    Source: Holm 1979, Scand. J. Statist. 6:65-70.

    >>> [round(q, 10) for q in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    >>> holm([0.2, None])
    [0.2, None]
    """
    known, order = _ordered(p)
    m = len(order)
    steps = np.maximum.accumulate(known[order] * (m - np.arange(m)))
    return _back(p, order, steps)


def benjamini_hochberg(p: Sequence[P]) -> list[P]:
    """Step-up adjusted p-values for a false discovery rate: exploratory, never a verdict.

    Valid for independent or positively dependent tests. None stays None. Raises RequestError as `holm`.
    Source: Benjamini and Hochberg 1995, J. R. Statist. Soc. B 57:289-300.

    >>> [round(q, 10) for q in benjamini_hochberg([0.01, 0.04, 0.03])]
    [0.03, 0.04, 0.04]
    """
    known, order = _ordered(p)
    m = len(order)
    ratios = known[order] * m / np.arange(1, m + 1)
    return _back(p, order, np.minimum.accumulate(ratios[::-1])[::-1])


def _ordered(p: Sequence[P]) -> tuple[np.ndarray, np.ndarray]:
    """The p-values there are, and their ascending order."""
    known = np.array([q for q in p if q is not None], np.float64)
    if not ((known >= 0) & (known <= 1)).all():
        raise RequestError(f"p-values must lie between 0 and 1: {', '.join(map(str, known))}.")
    return known, np.argsort(known, kind="stable")


def _back(p: Sequence[P], order: np.ndarray, steps: np.ndarray) -> list[P]:
    """Adjusted values at their old places, at most 1."""
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(steps, 1.0)
    left = iter(adjusted.tolist())
    return [None if q is None else next(left) for q in p]
