"""Which of two models is better on one task, by how much, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from dnabench.harness.errors import DataError
from dnabench.harness.stats.bootstrap import Backend
from dnabench.harness.stats.design import design_of, refusal
from dnabench.harness.stats.intervals import DIGITS, SAME, panel_of, point_values, sampled
from dnabench.harness.stats.panel import Panel
from dnabench.harness.stats.variance import Side, noise
from dnabench.harness.types import Dependence, Predictions, Target
from numpy.typing import NDArray

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


def paired_difference(  # noqa: PLR0913 - the options of one public call
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
    values = point_values(both, metric)
    missing = next((v.note for v in values if v.value is None), None)
    if missing is not None:
        return Difference(metric, None, note=missing)
    scores = np.array([v.value for v in values], np.float64)
    cut = len(first)
    value = float(scores[:cut].mean() - scores[cut:].mean())
    design = design_of(a.truth, a.columns, target, dependence, stream)
    refused = refusal(a.truth, target, design)
    if refused:
        return Difference(metric, value, note=refused)
    samples = sampled(both, [metric], design, resamples, backend)[metric]
    answered = ~np.isnan(samples).any(axis=0)
    lost = int((~answered).sum())
    samples = samples[:, answered]
    spread = noise(
        [Side(scores[:cut], samples[:cut]), Side(scores[cut:], samples[cut:])],
        design.effective - 1.0 if design.few_groups else np.inf,
    )
    low, high = (round(end, DIGITS) + 0.0 for end in spread.interval(value, level))
    gaps = f"{lost} of {lost + samples.shape[1]} resamples have no answer and were left out" if lost else ""
    reference = "normal" if np.isinf(spread.freedom) else f"t({spread.freedom:.1f})"
    route = "influence functions" if design.few_groups else "paired bootstrap"
    return Difference(
        metric,
        value,
        low,
        high,
        round(spread.p_value(value if abs(value) > SAME else 0.0), DIGITS),
        round(spread.error, DIGITS),
        f"{route}{design.units}, {reference}",
        "; ".join(note for note in (design.note, gaps) if note),
    )


def aligned(b: Predictions, a: Predictions) -> Predictions:
    """`b` with its rows in the order of `a`. Raises DataError where the rows are not the same."""
    if np.array_equal(a.keys, b.keys):
        order = np.arange(len(a.keys))
    else:
        order = _matching(b, a)
    truth = b.truth[order]
    if not np.array_equal(truth, a.truth, equal_nan=truth.dtype.kind == "f"):
        raise DataError(
            f"{a.task}: the two sets of predictions disagree on the labels of the same rows: "
            "score both models on one version of the task."
        )
    columns = {name: column[order] for name, column in b.columns.items()}
    return Predictions(b.task, b.kind, b.keys[order], truth, b.outputs[:, order], b.replicates, columns)


def _matching(b: Predictions, a: Predictions) -> Array:
    """For each row of `a` the row of `b` with its key; equal keys are matched by label, then in order."""
    first, second = np.lexsort((*_labels(a), a.keys)), np.lexsort((*_labels(b), b.keys))
    if not np.array_equal(a.keys[first], b.keys[second]):
        ours, theirs = len(np.setdiff1d(a.keys, b.keys)), len(np.setdiff1d(b.keys, a.keys))
        raise DataError(
            f"{a.task}: the two sets of predictions are not of the same rows ({len(a.keys)} and {len(b.keys)} "
            f"rows, {ours} keys only in the first, {theirs} only in the second): run both on one test set."
        )
    order = np.empty(len(first), np.int64)
    order[first] = second
    return order


def _labels(predictions: Predictions) -> tuple[Array, ...]:
    """Label columns as sort keys."""
    truth = predictions.truth
    return (truth,) if truth.ndim == 1 else tuple(truth.T)
