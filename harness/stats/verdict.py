"""What a difference and its noise allow to be said: better, worse, equivalent, undecided, and what could be shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scipy.stats import t as student

from dnabench.harness.metrics import METRICS
from dnabench.harness.stats.difference import Difference
from dnabench.harness.stats.sampling import SAME

Word = Literal["better", "worse", "equivalent", "undecided"]
POWER = 0.8


@dataclass(frozen=True)
class Rules:
    """What counts as shown: the error allowed, and the difference that is too small to matter."""

    alpha: float = 0.05
    margin: float = 0.01

    @property
    def level(self) -> float:
        """Level of the intervals that agree with the tests."""
        return 1.0 - self.alpha


def verdict(
    difference: Difference, adjusted: float | None, rules: Rules, best: float, units: float
) -> tuple[Word, bool]:
    """The verdict, and whether the difference is shown to lie inside the margin.

    `adjusted`: p-value over the whole table, None where no claim is allowed; `best`: a perfect model's score (0 means
    that less is better); `units`: independent test rows or groups.
    """
    if adjusted is None or difference.value is None:
        return "undecided", False
    inside = equivalent(difference, rules, units)
    if adjusted < rules.alpha and difference.value != 0:
        return ("better" if (difference.value > 0) == (best > 0) else "worse"), inside
    return ("equivalent" if inside else "undecided"), inside


def equivalent(difference: Difference, rules: Rules, units: float) -> bool:
    """Two one-sided tests: the interval of level 1 - 2·alpha lies inside ±margin (Schuirmann 1987).

    Without any noise (two models that agree on every row) the share of rows on which they could differ is bounded
    by the rule of three instead.

    >>> equivalent(Difference("mcc", 0.001, -0.003, 0.005, 0.6, 0.002), Rules(), 1000)
    True
    >>> [equivalent(Difference("mcc", 0.0, 0.0, 0.0, 1.0, 0.0), Rules(), n) for n in (100, 300)]
    [False, True]
    """
    value, se = difference.value, difference.se
    if value is None or se is None:
        return False
    if se == 0:
        return bool(abs(value) + 1.0 - rules.alpha ** (1.0 / units) <= rules.margin)
    reach = float(student.ppf(1.0 - rules.alpha, difference.freedom)) * se
    return bool(abs(value) + reach < rules.margin)


def noninferior(difference: Difference, margin: float, level: float = 0.95) -> float | None:
    """One-sided p-value of "the first model is worse by the margin or more": a small one shows that it is not.

    Worse is lower, or higher for an error such as `mse`. Without noise the answer is exact: 0 or 1. None where the
    noise is unknown. `level` is free for the caller's threshold and changes nothing.

    >>> round(noninferior(Difference("mcc", 0.0, -0.01, 0.01, 1.0, 0.005), 0.01), 4)
    0.0228
    """
    gain = _gain(difference)
    if gain is None or difference.se is None:
        return None
    return _upper(gain + margin, difference)


def drop(difference: Difference, margin: float) -> float | None:
    """One-sided p-value of "the first model is worse by no more than the margin": a small one shows a drop beyond.

    >>> round(drop(Difference("mcc", -0.03, -0.04, -0.02, 0.0, 0.01), 0.01), 4)
    0.0228
    >>> drop(Difference("mcc", 0.0, 0.0, 0.0, 1.0, 0.0), 0.01)
    1.0
    """
    gain = _gain(difference)
    if gain is None or difference.se is None:
        return None
    return _upper(-gain - margin, difference)


def detectable(difference: Difference, rules: Rules) -> float | None:
    """The true difference that a test set like this one shows in 80% of cases: (z of alpha/2 + z of power) · SE.

    None where nothing is known of the noise.

    >>> round(detectable(Difference("mcc", 0.0, -0.0196, 0.0196, 1.0, 0.01), Rules()), 4)
    0.028
    """
    if not difference.se:
        return None
    freedom = difference.freedom
    return float(student.ppf(1 - rules.alpha / 2, freedom) + student.ppf(POWER, freedom)) * difference.se


def _gain(difference: Difference) -> float | None:
    """How much better the first model is."""
    if difference.value is None:
        return None
    return difference.value if METRICS[difference.metric].best > 0 else -difference.value


def _upper(excess: float, difference: Difference) -> float:
    """Chance of an excess as large as this where the truth is 0."""
    if not difference.se:
        return 0.0 if excess > SAME else 1.0
    return float(student.sf(excess / difference.se, difference.freedom))
