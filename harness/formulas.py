"""Rankings and values: one column of truth and one of scores in, one number out; NaN where no answer exists."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Array = NDArray[Any]


def auroc(positive: Array, score: Array) -> float:
    """Chance that a positive row scores above a negative one, ties counting half; NaN without both classes.

    >>> auroc(np.array([False, True, True]), np.array([0.1, 0.1, 0.7]))
    0.75
    """
    positives = int(positive.sum())
    pairs = positives * (len(positive) - positives)
    if pairs == 0:
        return float("nan")
    below, above = np.sort(score[~positive]), np.sort(score[positive])
    # Pairs in order counted twice: numpy sorts and searches many times faster than scipy ranks.
    doubled = sum(int(np.searchsorted(below, above, side).sum()) for side in ("left", "right"))
    return doubled / (2 * pairs)


def auprc(positive: Array, score: Array) -> float:
    """Average precision, the sum of precision times step in recall (no trapezoid); NaN without positives.

    >>> auprc(np.array([False, True, True]), np.array([0.5, 0.1, 0.7]))
    0.8333333333333333
    """
    if not positive.any():
        return float("nan")
    order = np.argsort(-score)
    last = np.flatnonzero(np.append(score[order][1:] != score[order][:-1], True))
    found = np.cumsum(positive[order])[last]
    return float((np.diff(found, prepend=0) * (found / (last + 1))).sum() / found[-1])


def pearson(truth: Array, values: Array) -> float:
    """Linear correlation; NaN where either side is constant.

    >>> round(pearson(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0])), 6)
    0.981981
    """
    if np.ptp(truth) == 0 or np.ptp(values) == 0:
        return float("nan")
    a, b = truth - truth.mean(), values - values.mean()
    # Sums of numpy's own: a product by BLAS is rounded otherwise on another number of threads.
    return float(np.clip((a / np.sqrt((a * a).sum()) * (b / np.sqrt((b * b).sum()))).sum(), -1.0, 1.0))


def spearman(truth: Array, values: Array) -> float:
    """Correlation of mid-ranks; NaN where either side is constant."""
    return pearson(rankdata(truth), rankdata(values))


def mse(truth: Array, values: Array) -> float:
    """Mean of the squared errors."""
    return float(((truth - values) ** 2).mean())


def r2(truth: Array, values: Array) -> float:
    """Share of the truth's variance explained; a constant truth gives 1 if met exactly, else 0."""
    wrong, spread = ((truth - values) ** 2).sum(), ((truth - truth.mean()) ** 2).sum()
    return float(1.0 - wrong / spread) if np.ptp(truth) > 0 else float(wrong == 0)
