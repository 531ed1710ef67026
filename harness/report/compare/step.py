"""p-values adjusted by stepping down from the largest of all differences of a table (Romano and Wolf 2005)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from ...stats.sampling import DIGITS
from .compare import Comparison

LEAST = 1e-300
"""p-values are rounded: 0 stands for one too small to write."""


def stepped(found: Sequence[Comparison]) -> list[float | None]:
    """Adjusted two-sided p-values over all models and tasks, by how large the largest difference of equals gets.

    The models of a task are drawn together, tasks apart from each other: where they share rows, this errs to caution
    (Šidák 1967, J. Am. Stat. Assoc. 62:626). None stays None.
    """
    known = [at for at, one in enumerate(found) if one.p is not None]
    adjusted: list[float | None] = [None] * len(found)
    if not known:
        return adjusted
    drawn = _drawn([found[at] for at in known])
    reached = np.array([float(norm.isf(max(found[at].p or 0.0, LEAST) / 2)) for at in known])
    order = np.argsort(-reached, kind="stable")
    largest = np.maximum.accumulate(drawn[order][::-1], axis=0)[::-1]
    counts = (largest >= reached[order][:, None] - 1e-9).sum(axis=1)
    steps = np.maximum.accumulate((1 + counts) / (1 + drawn.shape[1]))
    for at, p in zip(order, steps, strict=True):
        adjusted[known[at]] = round(float(p), DIGITS)
    return adjusted


def _drawn(found: Sequence[Comparison]) -> np.ndarray:
    """|difference| of each comparison on draws among equals, in its own standard deviations: (comparisons, k)."""
    rows = []
    for one in found:
        assert one.joint is not None
        first, second = (one.joint.models.index(label) for label in (one.reference, one.model))
        gaps = one.joint.draws[second] - one.joint.draws[first]
        gaps = np.nan_to_num(gaps - np.nanmean(gaps))
        spread = float(gaps.std())
        rows.append(np.abs(gaps / spread) if spread > 0 else np.zeros_like(gaps))
    width = min(map(len, rows))
    return np.array([row[:width] for row in rows])
