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
class Side:
    """One model's replicates: their scores (replicates,) and sampled values (replicates, k)."""

    scores: Array
    sampled: Array


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
        """Two-sided interval around the estimate."""
        reach = float(student.ppf((1 + level) / 2, self.freedom)) * self.error
        return estimate - reach, estimate + reach

    def p_value(self, estimate: float) -> float:
        """Two-sided p-value of a difference of zero; 1 where nothing varies and nothing differs."""
        if self.error == 0:
            return 1.0 if estimate == 0 else 0.0
        return float(2 * student.sf(abs(estimate) / self.error, self.freedom))


def noise(sides: Sequence[Side], example_freedom: float) -> Noise:
    """Noise of a mean over replicates (one side), or of the difference of two means (first minus second).

    Between-seed variance is what the scores vary by, less what the test rows alone make them vary by.
    `example_freedom`: degrees of freedom of the sampled values, infinite for the bootstrap.
    """
    signed = [side.sampled.mean(axis=0) * (1.0 if k == 0 else -1.0) for k, side in enumerate(sides)]
    examples = float(np.var(np.sum(signed, axis=0)))
    seeds = spread = 0.0
    terms = [(examples, example_freedom)]
    for side in sides:
        count = len(side.scores)
        if count > 1:
            observed = float(np.var(side.scores, ddof=1))
            deviations = side.sampled - side.sampled.mean(axis=0)
            by_rows = float(np.var(deviations, axis=1).mean()) * count / (count - 1)
            seeds += (observed - by_rows) / count
            spread += observed / count
            terms.append((observed / count, count - 1.0))
    if seeds <= 0:
        return Noise(float(np.sqrt(examples)), example_freedom)
    total = examples + seeds
    freedom = total**2 / sum(max(v, 1e-300) ** 2 / f for v, f in terms)
    return Noise(float(np.sqrt(total)), max(freedom, min(f for _, f in terms)))
