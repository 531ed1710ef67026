"""Which of two models is better on one task, by how much, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.errors import DataError
from dnabench.harness.stats.bootstrap import Backend
from dnabench.harness.stats.design import Design, design_of, refusal
from dnabench.harness.stats.panel import Panel
from dnabench.harness.stats.sampling import DIGITS, SAME, Sampled, panel_of, point_values, sample
from dnabench.harness.stats.variance import Side, noise
from dnabench.harness.types import Dependence, Predictions, Target

Array = NDArray[Any]


@dataclass(frozen=True)
class Difference:
    """First model minus second on the same rows; None for what has no answer, with `note` saying why."""

    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    """Two-sided, for no difference."""
    se: float | None = None
    method: str = ""
    note: str = ""


def paired_difference(  # noqa: PLR0913, PLR0917 - the options of one public call
    a: Predictions,
    b: Predictions,
    metric: str,
    target: Target,
    dependence: Dependence,
    stream: str,
    *,
    resamples: int = 10_000,
    level: float = 0.95,
    backend: Backend = "auto",
) -> Difference:
    """The difference of two models' scores from the same resamples: d ± z·SE, and its p-value.

    The rows of `b` may be in another order; DataError where they are not the rows of `a`. Several replicates
    add their between-seed variance (Satterthwaite's t). Groups as in `score_predictions`.
    """
    first, second = panel_of(a, target), panel_of(aligned(b, a), target)
    both = Panel(a.truth, first.outputs + second.outputs, first.kinds + second.kinds, target)
    points = point_values(both, metric)
    scores = [point.value for point in points if point.value is not None]
    if len(scores) < len(points):
        return Difference(metric, None, note=next(p.note for p in points if p.value is None))
    design = design_of(a.truth, a.columns, target, dependence, stream)
    refused = refusal(a.truth, target, design)
    if refused:
        value = float(np.mean(scores[: len(first)]) - np.mean(scores[len(first) :]))
        return Difference(metric, value, note=refused)
    sampled = sample(both, {metric: points}, design, resamples, backend)[metric]
    return _difference(sampled, len(first), design, level)


def aligned(b: Predictions, a: Predictions) -> Predictions:
    """`b` with its rows in the order of `a`. Raises DataError where the rows or their labels differ."""
    order = slice(None) if np.array_equal(a.keys, b.keys) else _matching(b, a)
    truth = b.truth[order]
    if not np.array_equal(truth, a.truth):
        raise DataError(
            f"{a.task}: the two sets of predictions disagree on the labels of the same rows: "
            "score both models on one version of the task."
        )
    columns = {name: column[order] for name, column in b.columns.items()}
    return replace(b, keys=b.keys[order], truth=truth, outputs=b.outputs[:, order], columns=columns)


def _difference(sampled: Sampled, cut: int, design: Design, level: float) -> Difference:
    """Models before `cut` minus those from it on."""
    scores, values = sampled.scores, sampled.values
    value = float(scores[:cut].mean() - scores[cut:].mean())
    if values.shape[1] < 2:
        return Difference(sampled.metric, value, note="no interval: hardly any resample has an answer")
    spread = noise([Side(scores[:cut], values[:cut]), Side(scores[cut:], values[cut:])], design.freedom)
    low, high = (round(end, DIGITS) + 0.0 for end in spread.interval(value, level))
    p = spread.p_value(value if abs(value) > SAME else 0.0)
    drawn = f"{design.units}, {sampled.drawn:,} resamples"
    route = f"influence functions{design.units}" if design.few_groups else f"paired bootstrap{drawn}"
    note = "; ".join(text for text in (design.note, sampled.gaps) if text)
    method = f"{route}, {spread.reference}"
    error = round(spread.error, DIGITS)
    return Difference(sampled.metric, value, low, high, round(p, DIGITS), error, method, note)


def _matching(b: Predictions, a: Predictions) -> Array:
    """For each row of `a` the row of `b` with its key; equal keys are matched by label, then in order."""
    first, second = _sorted(a), _sorted(b)
    if not np.array_equal(a.keys[first], b.keys[second]):
        ours, theirs = len(np.setdiff1d(a.keys, b.keys)), len(np.setdiff1d(b.keys, a.keys))
        raise DataError(
            f"{a.task}: the two sets of predictions are not of the same rows ({len(a.keys)} and "
            f"{len(b.keys)} rows, {ours} keys only in the first, {theirs} only in the second): "
            "run both on one test set."
        )
    order = np.empty(len(first), np.int64)
    order[first] = second
    return order


def _sorted(predictions: Predictions) -> Array:
    """Rows in order of keys, then labels."""
    labels = np.atleast_2d(predictions.truth.T)
    return np.lexsort((*labels, predictions.keys))
