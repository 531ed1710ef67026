"""What a difference and its noise allow to be said: better, worse, equivalent, undecided, and what could be shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import brentq
from scipy.stats import t as student

from dnabench.harness.stats.paired import Difference

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
    reach = float(student.ppf(1.0 - rules.alpha, freedom_of(difference, rules.level))) * se
    return bool(abs(value) + reach < rules.margin)


def detectable(difference: Difference, rules: Rules) -> float | None:
    """The true difference that a test set like this one shows in 80% of cases: (z of alpha/2 + z of power) · SE.

    None where nothing is known of the noise.

    >>> round(detectable(Difference("mcc", 0.0, -0.0196, 0.0196, 1.0, 0.01), Rules()), 4)
    0.028
    """
    if not difference.se:
        return None
    freedom = freedom_of(difference, rules.level)
    return float(student.ppf(1 - rules.alpha / 2, freedom) + student.ppf(POWER, freedom)) * difference.se


def freedom_of(difference: Difference, level: float) -> float:
    """Degrees of freedom of a difference's t, read back from its interval; infinite for a normal.

    >>> freedom_of(Difference("mcc", 0.0, -1.96, 1.96, 1.0, 1.0), 0.95)
    inf
    >>> reach = float(student.ppf(0.975, 7.5))
    >>> round(freedom_of(Difference("mcc", 0.0, -reach, reach, 1.0, 1.0), 0.95), 6)
    7.5
    """
    if difference.low is None or difference.high is None or not difference.se:
        return np.inf
    reach = (difference.high - difference.low) / 2 / difference.se
    # The record keeps ten decimals: beyond some thousand degrees a t cannot be told from a normal.
    if reach <= float(student.ppf((1 + level) / 2, 1e4)):
        return np.inf
    return float(brentq(lambda f: float(student.ppf((1 + level) / 2, f)) - reach, 0.5, 1e4))
