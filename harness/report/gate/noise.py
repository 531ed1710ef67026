"""The noise of a trained model's change: test rows, paired, and seeds, of which there are few.

Three seeds say little of their own variance. The tasks of one model therefore inform each other, as far as they
agree: each task's between-seed variance is moderated by what all of them show (empirical Bayes, as for the genes of
a microarray; Smyth 2004, Stat. Appl. Genet. Mol. Biol. 3:3). Where tasks disagree, each stands for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import polygamma, psi

from ...stats.design import design_of, refusal
from ...stats.order import in_one_order
from ...stats.panel import Panel
from ...stats.sampling import panel_of, point_values, sample
from ...stats.variance import Noise
from ...types import Predictions, TestSet

Array = NDArray[Any]

FEW = 3
"""Tasks from which on they inform each other."""


@dataclass(frozen=True)
class Spread:
    """What is known of the noise of one change, before other tasks are asked."""

    examples: float
    """Variance of the change by its test rows, paired."""
    observed: float = 0.0
    """Variance of one seed's score around its side's mean, pooled over both sides."""
    by_rows: float = 0.0
    """As much of it as the rows explain: seeds differ in which rows they get right."""
    freedom: float = 0.0
    """Degrees of freedom of `observed`; 0 where both sides have one seed."""
    share: float = 0.0
    """1/seeds of BASE + 1/seeds of NEW: what of a seed's variance is in the change."""
    example_freedom: float = np.inf
    units: float = np.inf
    """Independent test rows, or equal groups that inform as much."""
    note: str = ""
    """Why there is no noise to speak of, or no claim; empty where there is."""

    @property
    def informs(self) -> bool:
        return self.freedom > 0 and self.observed > 0

    def noise(self, observed: float, freedom: float) -> Noise:
        """Rows and seeds together (Satterthwaite 1946), `observed` with its degrees of freedom as given."""
        added = self.share * (observed - self.by_rows)
        if self.freedom == 0 or added <= 0:
            return Noise(float(np.sqrt(self.examples)), self.example_freedom)
        total = self.examples + added
        spent = self.examples**2 / self.example_freedom + (self.share * observed) ** 2 / freedom
        return Noise(float(np.sqrt(total)), float(max(total**2 / spent, min(freedom, self.example_freedom))))


def spread(said: tuple[Predictions, Predictions], metric: str, test_set: TestSet, resamples: int) -> Spread:
    """What test rows and seeds of both sides say."""
    target = test_set.target
    both = list(in_one_order({"base": said[0], "new": said[1]}).values())
    cut = len(both[0].outputs)
    parts = [panel_of(one, target) for one in both]
    panel = Panel(both[0].truth, parts[0].outputs + parts[1].outputs, parts[0].kinds + parts[1].kinds, target)
    design = design_of(both[0], test_set)
    refused = refusal(both[0].truth, target, design)
    if refused:
        return Spread(0.0, note=refused)
    sampled = sample(panel, {metric: point_values(panel, metric)}, design, resamples, "auto")[metric]
    if sampled.values.shape[1] < 2:
        return Spread(0.0, note="no interval: hardly any resample has an answer")
    sides = [(sampled.scores[part], sampled.values[part]) for part in (slice(cut), slice(cut, None))]
    examples = float(np.var(sides[1][1].mean(axis=0) - sides[0][1].mean(axis=0)))
    return Spread(examples, *_seeds(sides), design.freedom, design.effective, design.note)


def _seeds(sides: Sequence[tuple[Array, Array]]) -> tuple[float, float, float, float]:
    """Observed variance of one seed, the part of the rows, degrees of freedom, share in the change."""
    freedom = float(sum(len(scores) - 1 for scores, _ in sides))
    share = float(sum(1.0 / len(scores) for scores, _ in sides))
    if freedom == 0:
        return 0.0, 0.0, 0.0, share
    squares = sum(float(((scores - scores.mean()) ** 2).sum()) for scores, _ in sides)
    by_rows = sum(float(np.var(values - values.mean(axis=0), axis=1).sum()) for _, values in sides)
    return squares / freedom, by_rows / freedom, freedom, share


def moderated(found: Sequence[Spread]) -> list[Noise]:
    """The noise of each change of one model, its tasks informing each other.

    >>> alone = Spread(1e-4, 3e-4, 1e-4, 4.0, 2 / 3)
    >>> [round(one.freedom, 1) for one in moderated([alone])]
    [5.4]
    >>> [round(one.freedom, 1) for one in moderated([alone] * 4)][:1]
    [20.3]
    """
    telling = [one for one in found if one.informs]
    if len(telling) < FEW:
        return [one.noise(one.observed, one.freedom) for one in found]
    expected = _expected(telling)
    ratios = np.array([one.observed for one in telling]) / expected
    freedoms = np.array([one.freedom for one in telling])
    prior, level = _prior(ratios, freedoms)
    ways = iter(zip(telling, expected, ratios, strict=True))
    made = []
    for one in found:
        if not one.informs:
            made.append(one.noise(one.observed, one.freedom))
            continue
        _, usual, ratio = next(ways)
        if np.isinf(prior):
            made.append(one.noise(usual * level, float(freedoms.sum())))
        else:
            together = (prior * level + one.freedom * ratio) / (prior + one.freedom)
            made.append(one.noise(usual * together, min(prior + one.freedom, float(freedoms.sum()))))
    return made


def _expected(found: Sequence[Spread]) -> Array:
    """What one seed's score would vary by if training added the same to every task: by_rows + that."""
    observed, by_rows, freedom = (np.array([getattr(o, n) for o in found]) for n in ("observed", "by_rows", "freedom"))
    floor = max(float(by_rows[by_rows > 0].min(initial=np.inf)), 1e-12) if (by_rows > 0).any() else 1e-12

    def surplus(added: float) -> float:
        return float((freedom * (observed / np.maximum(by_rows + added, floor) - 1.0)).sum())

    if surplus(0.0) <= 0:
        return np.asarray(np.maximum(by_rows, floor))
    most = float(observed.sum()) * len(observed) + floor
    return np.asarray(np.maximum(by_rows + brentq(surplus, 0.0, most), floor))


def _prior(ratios: Array, freedoms: Array) -> tuple[float, float]:
    """Degrees of freedom and level of what all tasks say: moments of log variances (Smyth 2004, section 6.2)."""
    half = freedoms / 2.0
    logs = np.log(ratios) - psi(half) + np.log(half)
    excess = float(np.var(logs, ddof=1) - polygamma(1, half).mean())
    if excess <= 0:
        return float("inf"), float(np.exp(logs.mean()))
    prior = 2.0 * _inverse_trigamma(excess)
    return prior, float(np.exp(logs.mean() + psi(prior / 2) - np.log(prior / 2)))


def _inverse_trigamma(value: float) -> float:
    """The x with trigamma(x) = value.

    >>> round(_inverse_trigamma(float(polygamma(1, 2.5))), 6)
    2.5
    """
    return float(np.exp(brentq(lambda x: float(polygamma(1, np.exp(x))) - value, -20.0, 20.0)))
