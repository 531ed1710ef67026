"""A score with and without leaked test rows, and how sure the difference is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from dnabench.harness.errors import DataError
from dnabench.harness.metrics import METRICS
from dnabench.harness.stats.design import Design, design_of, refusal
from dnabench.harness.stats.jackknife import influence
from dnabench.harness.stats.sampling import panel_of, point_values
from dnabench.harness.types import Predictions, Target, TestSet

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Without:
    """What a score owes to leaked rows: the score without them, and the score of all rows minus that."""

    rows: int
    """Leaked test rows."""
    value: float | None
    """Score of the other rows."""
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""


def score_without(
    predictions: Predictions, leaked: Mask, metric: str, test_set: TestSet, level: float = 0.95
) -> Without:
    """The score without the leaked rows and the interval of the difference to that of all rows.

    Both scores are of the same rows, so the difference has its own standard error: from the influence of each row on
    both (by groups where the task declares them), with the membership of rows taken as given. Raises DataError where
    nothing remains.
    """
    target = test_set.target
    if leaked.all():
        raise DataError(f"{predictions.task}: all {len(leaked):,} test rows are leaked: no score remains without them")
    rest = predictions.take(~leaked)
    count = int(leaked.sum())
    whole, clean = (_mean(p, metric, target) for p in (predictions, rest))
    if whole is None or clean is None:
        return Without(count, clean, note=f"{metric} is undefined on {'all' if whole is None else 'the other'} rows")
    difference = whole - clean
    design = design_of(predictions, test_set)
    refused = refusal(rest.truth, target, design)
    if refused or not count:
        return Without(count, clean, difference, note=refused)
    error = _error((predictions, rest), leaked, metric, target, design)
    reach = error * abs(float(stdtrit(min(design.freedom, 1e9), (1 - level) / 2)))
    limit = METRICS[metric].high - METRICS[metric].low
    ends = (max(difference - reach, -limit), min(difference + reach, limit))
    return Without(count, clean, difference, ends[0], ends[1], design.note)


def _mean(predictions: Predictions, metric: str, target: Target) -> float | None:
    values = [value.value for value in point_values(panel_of(predictions, target), metric)]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _error(both: tuple[Predictions, Predictions], leaked: Mask, metric: str, target: Target, design: Design) -> float:
    """Standard error of S(all) - S(rest): a row counts I/n in the one and J/m, if it is there, in the other."""
    whole, rest = (_influence(p, metric, target) / len(p.truth) for p in both)
    apart = whole.copy()
    apart[~leaked] -= rest
    units = design.by_unit(apart[None])[0]
    return float(np.sqrt((units**2).sum()))


def _influence(predictions: Predictions, metric: str, target: Target) -> NDArray[Any]:
    contributions: NDArray[Any] = influence(panel_of(predictions, target), metric).mean(0)
    return contributions
