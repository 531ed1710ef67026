"""What a difference and its noise allow to be said: better, worse, equivalent, undecided, and what could be shown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from scipy.optimize import brentq
from scipy.stats import t as student

from dnabench.harness.metrics import METRICS
from dnabench.harness.stats.difference import Difference
from dnabench.harness.stats.sampling import SAME

Word = Literal["better", "worse", "equivalent", "undecided"]
POWER = 0.8
LEAST = -700.0
"""Logarithm of the smallest p-value that is told from 0."""
MOVED = 6.0
"""A share s of rows moved from one end of a ranking to the other costs Spearman's correlation at most 6 s."""


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
    difference: Difference, adjusted: float | None, rules: Rules, best: float, unseen: float
) -> tuple[Word, bool]:
    """The verdict, and whether the difference is shown to lie inside the margin.

    `adjusted`: p-value over the whole table, None where no claim is allowed; `best`: a perfect model's score (0 means
    that less is better); `unseen`: see `unseen`.
    """
    if adjusted is None or difference.value is None:
        return "undecided", False
    inside = equivalent(difference, rules, unseen)
    if adjusted < rules.alpha and difference.value != 0:
        return ("better" if (difference.value > 0) == (best > 0) else "worse"), inside
    return ("equivalent" if inside else "undecided"), inside


def equivalent(difference: Difference, rules: Rules, unseen: float) -> bool:
    """Two one-sided tests: the interval of level 1 - 2·alpha lies inside ±margin (Schuirmann 1987).

    `unseen` (see there) widens the interval where few rows tell the two apart: `widened`.

    >>> made = Difference("mcc", 0.001, -0.003, 0.005, 0.6, 0.002)
    >>> equivalent(made, Rules(), 0.005), equivalent(made, Rules(), 0.02)
    (True, False)
    """
    value, se = difference.value, difference.se
    if value is None or se is None:
        return False
    return abs(value) + widened(reach(se, difference.freedom, rules.alpha), unseen) < rules.margin


def reach(se: float, freedom: float, alpha: float) -> float:
    """How far a one-sided interval of level 1 - alpha reaches by the standard error alone.

    >>> round(reach(0.01, float("inf"), 0.05), 4)
    0.0164
    """
    return float(student.isf(alpha, freedom)) * se if se else 0.0


def widened(by_rows: float, unseen: float) -> float:
    """How far the true difference may lie from the observed one, towards a margin that it must not reach.

    Where few rows tell two models apart, the standard error (`by_rows`: its reach) says too little of the rows that
    would: `unseen` (see there) widens it, as Wilson's score does. For rows that one model alone gets wrong the end is
    then Clopper and Pearson's.

    >>> widened(0.02, 0.0), widened(0.0, 0.003)
    (0.02, 0.003)
    """
    return unseen / 2 + math.hypot(by_rows, unseen / 2)


def unseen(metric: str, units: float, rarest: float | None, alpha: float) -> float:
    """The true difference that may hide behind test rows of which none tells two models apart.

    Rule of three: the share of such rows is at most 1 - alpha^(1 / units). They cost accuracy their share, other
    scores of classes as much as if all fell on the rarest class (`rarest`: its share; None: a half), and a correlation
    of ranks six times their share. Other scores of values know no such bound: two models differ on every row there,
    and 0 leaves it to the standard error. `units`: independent test rows or groups.

    >>> [round(unseen(metric, 1000, 0.5, 0.05), 4) for metric in ("accuracy", "mcc", "spearman")]
    [0.003, 0.006, 0.0179]
    """
    share = 1.0 - float(alpha ** (1.0 / max(units, 1.0)))
    if METRICS[metric].kind == "value":
        return share * MOVED if metric == "spearman" else 0.0
    return share if metric == "accuracy" else min(share / (rarest or 0.5), 1.0)


def noninferior(difference: Difference, margin: float, level: float = 0.95, unseen: float = 0.0) -> float | None:
    """One-sided p-value of "the first model is worse by the margin or more": a small one shows that it is not.

    Worse is lower, or higher for an error such as `mse`. It is below 1 - level where the interval of that level, made
    wider by `unseen` (at this level; see there), ends within the margin. Without noise and with nothing unseen the
    answer is exact: 0 or 1. None where the noise is unknown.

    >>> made = Difference("mcc", 0.0, -0.01, 0.01, 1.0, 0.005)
    >>> round(noninferior(made, 0.01), 4), round(noninferior(made, 0.01, unseen=0.004), 4)
    (0.0228, 0.0578)
    """
    gain = _gain(difference)
    if gain is None or difference.se is None:
        return None
    room = gain + margin
    if unseen <= 0.0:
        return _upper(room, difference)
    return 1.0 if room <= SAME else _until(room, difference, unseen / math.log(1.0 - level))


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


def _until(room: float, difference: Difference, per_log: float) -> float:
    """The p-value at which the widened interval just fills the room; what is unseen grows as log p does."""

    def beyond(log_p: float) -> float:
        by_rows = max(reach(difference.se or 0.0, difference.freedom, math.exp(log_p)), 0.0)
        return widened(by_rows, per_log * log_p) - room

    return math.exp(brentq(beyond, LEAST, 0.0, xtol=1e-12)) if beyond(LEAST) > 0 else 0.0
