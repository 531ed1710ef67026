"""Recall of one class: the share of its rows that a model gets right, with an interval that holds near 0 and 1 too."""

from __future__ import annotations

import numpy as np
from scipy.stats import t as student

from ..stats.design import RAREST_CLASS, Design, design_of
from ..stats.sampling import DIGITS, panel_of, point_values, sample
from ..stats.variance import noise
from ..types import Predictions, Score, Target, TestSet

METRIC = "accuracy"
"""On rows of one class the accuracy is the recall of that class."""


def recall(part: Predictions, test_set: TestSet, level: float = 0.95) -> Score:
    """The recall on rows of one class, by Wilson's interval (1927, JASA 22:209).

    Groups and seeds take the place of rows by the number of independent rows that would vary as much.
    """
    target = test_set.target
    points = point_values(panel_of(part, target), METRIC)
    if lost := next((one.note for one in points if one.value is None), ""):
        return Score(METRIC, None, note=lost)
    values = tuple(one.value for one in points if one.value is not None)
    value, rows = float(np.mean(values)), len(part.truth)
    design = design_of(part, test_set)
    if rows < RAREST_CLASS or design.draws.units < 2:
        why = f"{rows} rows, fewer than {RAREST_CLASS}" if rows < RAREST_CLASS else "the rows form one group"
        return Score(METRIC, value, None, None, values, note=f"no interval: {why}")
    count, freedom = _independent(part, target, design, value)
    low, high = wilson(value, count, float(student.ppf((1 + level) / 2, freedom)))
    over = f" over {count:.0f} effective rows{design.units}" if count != rows else ""
    return Score(METRIC, value, low, high, values, f"Wilson{over}", design.note)


def wilson(share: float, count: float, quantile: float) -> tuple[float, float]:
    """Interval of a share of `count` rows.

    >>> [round(end, 4) for end in wilson(0.9, 100, 1.959964)]
    [0.8256, 0.9448]
    """
    square = quantile**2 / count
    middle = (share + square / 2) / (1 + square)
    reach = np.sqrt(share * (1 - share) * square + square**2 / 4) / (1 + square)
    return round(max(float(middle - reach), 0.0), DIGITS), round(min(float(middle + reach), 1.0), DIGITS)


def _independent(part: Predictions, target: Target, design: Design, value: float) -> tuple[float, float]:
    """Independent rows that would vary as much as these rows, groups and seeds do, and degrees of freedom."""
    rows = float(len(part.truth))
    if len(part.outputs) == 1 and design.groups is None:
        return rows, float("inf")
    panel = panel_of(part, target)
    sampled = sample(panel, {METRIC: point_values(panel, METRIC)}, design, 10_000, "auto")[METRIC]
    spread = noise(sampled.scores, sampled.values, design.freedom)
    if spread.error == 0:
        return design.effective, design.freedom
    return min(value * (1 - value) / spread.error**2, rows * len(part.outputs)), spread.freedom
