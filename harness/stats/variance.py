"""Two noises kept apart: which rows were in the test set, and which seed the model was trained with.

The sampled values (replicates, k) of one metric are bootstrap values, or influence sums scaled so that their
variance is the sampling variance. Satterthwaite (1946) turns the sum of both variances into a t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

Array = NDArray[Any]


@dataclass(frozen=True)
class Noise:
    """Standard error of an estimate and the degrees of freedom of its t; infinite for a normal."""

    error: float
    freedom: float

    @property
    def reference(self) -> str:
        """The distribution that intervals and p-values refer to."""
        return "normal" if np.isinf(self.freedom) else f"t({self.freedom:.1f})"

    def interval(self, estimate: float, level: float) -> tuple[float, float]:
        """Both ends: estimate ± quantile · error."""
        reach = float(student.ppf((1 + level) / 2, self.freedom)) * self.error
        return estimate - reach, estimate + reach

    def p_value(self, estimate: float) -> float:
        """Two-sided p-value of a difference of zero; 1 where nothing varies and nothing differs."""
        if self.error == 0:
            return 1.0 if estimate == 0 else 0.0
        return float(2 * student.sf(abs(estimate) / self.error, self.freedom))


@dataclass(frozen=True)
class Seeds:
    """What training again adds to the variance of a mean over replicates."""

    added: Any = 0.0
    """0 where the rows explain all that the scores vary by; a number, or an array of several models."""
    observed: Any = 0.0
    """Variance of the scores over their number."""
    freedom: Any = float("inf")


def seeds(scores: Array, sampled: Array) -> Seeds:
    """The between-seed part: what scores (replicates,) vary by, less what the rows alone make them vary by.

    `sampled`: (replicates, k), complete. One replicate says nothing of seeds.
    """
    count = len(scores)
    if count < 2:
        return Seeds()
    observed = float(np.var(scores, ddof=1)) / count
    by_rows = float(np.var(sampled - sampled.mean(axis=0), axis=1).mean()) / (count - 1)
    added = max(observed - by_rows, 0.0)
    return Seeds(added, observed, count - 1.0)


def noise(scores: Array, sampled: Array, example_freedom: float) -> Noise:
    """Noise of one model's mean over replicates.

    `example_freedom`: degrees of freedom of the sampled values, infinite for the bootstrap.
    """
    examples = float(np.var(sampled.mean(axis=0)))
    extra = seeds(scores, sampled)
    total, freedom = satterthwaite(np.array([examples]), example_freedom, [extra])
    return Noise(float(np.sqrt(total[0])), float(freedom[0]))


def satterthwaite(examples: Array, example_freedom: float, extras: Sequence[Seeds]) -> tuple[Array, Array]:
    """Total variance and its degrees of freedom, where seeds add to that of `examples`; all broadcast.

    No fewer degrees than the least of the terms has (Satterthwaite 1946, Biometrics Bull. 2:110-114).
    """
    total = np.asarray(examples, np.float64)
    spent, least = total**2 / example_freedom, np.full(total.shape, example_freedom)
    for extra in extras:
        counts = np.asarray(extra.added) > 0
        total = total + extra.added
        spent = spent + np.where(counts, extra.observed, 0.0) ** 2 / extra.freedom
        least = np.minimum(least, np.where(counts, extra.freedom, np.inf))
    freedom = np.divide(total**2, spent, out=np.full(total.shape, np.inf), where=spent > 0)
    return total, np.asarray(np.maximum(freedom, least))
