"""How bad a model without a single error on the test set may still be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.metrics import METRICS, both_classes, label_formula, over_problems
from dnabench.harness.types import Target

Array = NDArray[Any]


def error_bound(n: float, level: float = 0.95) -> float:
    """Clopper-Pearson upper bound of an error rate after n rows without an error.

    >>> round(error_bound(239), 4)
    0.0125
    """
    return float(1.0 - (1.0 - level) ** (1.0 / n))


def perfect_bound(metric: str, truth: Array, target: Target, effective: float, level: float) -> float:
    """The lowest score that `error_bound` allows, its errors placed where they cost most.

    `effective`: independent rows or groups. A multilabel or one-vs-rest score takes each problem at its worst.
    """
    share = error_bound(effective, level)
    if METRICS[metric].kind == "ranking":
        bound = _worst_auprc if metric == "auprc" else _worst_auroc
        counts = _positives(truth, target)
        return float(over_problems(metric, np.array([bound(p, len(truth) - p, share * len(truth)) for p in counts])))
    formula = label_formula(metric, target)
    if target.kind == "class":
        return _worst_label(formula, np.bincount(truth, minlength=len(target.classes)), share)
    counts = _positives(truth, target)
    return float(np.mean([_worst_label(formula, np.array([len(truth) - p, p]), share) for p in counts]))


def _positives(truth: Array, target: Target) -> Array:
    """Positives of every ranking problem."""
    if target.kind == "multilabel":
        return np.asarray(np.count_nonzero(truth, axis=0)[both_classes(truth)])
    counts = np.bincount(truth, minlength=len(target.classes))
    return counts[1:] if len(target.classes) == 2 else counts


def _worst_label(formula: Callable[[Array, Array, Array], Array], true: Array, share: float) -> float:
    """The errors fall on the rows of one class, all called another: the worst pair of classes."""
    classes = len(true)
    hurt, called = (x.reshape(-1) for x in np.indices((classes, classes)))
    other = hurt != called
    hurt, called = hurt[other], called[other]
    wrong = np.minimum(share * true.sum(), true[hurt])
    pair = np.arange(len(hurt))
    counts = np.repeat(true[:, None].astype(np.float64), len(hurt), axis=1)
    hits, predicted = counts.copy(), counts.copy()
    hits[hurt, pair] -= wrong
    predicted[hurt, pair] -= wrong
    predicted[called, pair] += wrong
    return float(formula(counts, hits, predicted).min())


def _worst_auroc(found: int, passed: int, wrong: float) -> float:
    """The errors are rows of the smaller class at the wrong end of the ranking."""
    return max(0.0, 1.0 - wrong / min(found, passed))


def _worst_auprc(found: int, passed: int, wrong: float) -> float:
    """The errors are negatives above all positives, or positives below all negatives."""
    place = np.arange(1, found + 1)
    above = float((place / (place + min(wrong, passed))).mean())
    kept = max(found - wrong, 0.0)
    below = kept / found + (1 - kept / found) * kept / (kept + passed)
    return min(above, below)
