"""A score with the interval that its test set, its groups and its replicates allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from dnabench.harness.metrics import METRICS, Value, evaluate
from dnabench.harness.stats.bootstrap import Backend, bootstrap
from dnabench.harness.stats.design import Design, design_of, refusal
from dnabench.harness.stats.jackknife import acceleration, influence
from dnabench.harness.stats.panel import Panel
from dnabench.harness.stats.perfect import perfect_bound
from dnabench.harness.stats.variance import Side, noise
from dnabench.harness.stats.weights import LANES
from dnabench.harness.types import Dependence, Predictions, Score, Target
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Array = NDArray[Any]

PERCENTILE = frozenset({"spearman", "pearson"})
"""Metrics whose plain percentile interval covers best (statistics.md §1); the others take BCa."""
DIGITS = 10
"""Decimals kept of interval ends, so that both kernels give the same bytes."""
SAME = 1e-10
"""Resampled scores closer than this are equal: kernels differ in the last bits."""


def score_predictions(  # noqa: PLR0913 - the options of one public call
    predictions: Predictions,
    target: Target,
    metrics: Sequence[str],
    dependence: Dependence,
    stream: str,
    *,
    resamples: int = 10_000,
    level: float = 0.95,
    backend: Backend = "auto",
) -> dict[str, Score]:
    """Score stored predictions by every metric, with intervals.

    `stream` names the task's stream of resamples (its test fingerprint): every model gets the same rows. One
    replicate gets BCa (percentile for correlations), several the variance over rows and seeds. Declared groups
    are resampled whole, or summed where there are few. Raises DataError, RequestError.
    """
    panel = panel_of(predictions, target)
    values = {m: point_values(panel, m) for m in metrics}
    design = design_of(predictions.truth, predictions.columns, target, dependence, stream)
    refused = refusal(predictions.truth, target, design)
    defined = [m for m in values if all(v.value is not None for v in values[m]) and not refused]
    samples = sampled(panel, defined, design, resamples, backend)
    return {
        m: _interval(panel, m, values[m], design, samples[m], level)
        if m in samples
        else _without_interval(m, values[m], refused)
        for m in values
    }


def panel_of(predictions: Predictions, target: Target) -> Panel:
    """The replicates of one model as a panel."""
    kinds = (predictions.kind,) * len(predictions.outputs)
    return Panel(predictions.truth, tuple(predictions.outputs), kinds, target)


def point_values(panel: Panel, metric: str) -> list[Value]:
    """The metric of every model on all rows."""
    return [
        evaluate(metric, panel.truth, outputs, kind, panel.target)
        for outputs, kind in zip(panel.outputs, panel.kinds, strict=True)
    ]


def sampled(
    panel: Panel, metrics: Sequence[str], design: Design, resamples: int, backend: Backend
) -> dict[str, Array]:
    """Values whose spread is the sampling noise, (models, k): resampled, or influence sums of few groups."""
    if not metrics:
        return {}
    if not design.few_groups:
        return bootstrap(panel, metrics, design.draws, resamples, backend)
    units = design.draws.units
    scale = units / (len(panel.truth) * np.sqrt(units - 1.0))
    return {m: design.by_unit(influence(panel, m)) * scale for m in metrics}


def bca(values: Array, estimate: float, acceleration: float, level: float) -> tuple[float, float]:
    """Bias-corrected and accelerated bootstrap interval (Efron 1987); values at the estimate count half.

    >>> [round(end, 2) for end in bca(np.linspace(-1, 1, 2001), 0.0, 0.0, 0.9)]
    [-0.9, 0.9]
    """
    below = (np.mean(values < estimate - SAME) + np.mean(values <= estimate + SAME)) / 2
    edge = 1.0 / (len(values) + 1)
    bias = ndtri(np.clip(below, edge, 1 - edge))
    ends = ndtri(np.array([(1 - level) / 2, (1 + level) / 2])) + bias
    low, high = np.quantile(values, ndtr(bias + ends / (1 - acceleration * ends)))
    return float(low), float(high)


def percentile(values: Array, level: float) -> tuple[float, float]:
    """Percentile bootstrap interval."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _without_interval(metric: str, values: Sequence[Value], refused: str) -> Score:
    """A score whose value, or whose interval, does not exist."""
    each = tuple(v.value for v in values)
    undefined = sum(v is None for v in each)
    notes = [v.note for v in values[:1] if not undefined] + [v.note for v in values if v.value is None][:1]
    if undefined and len(each) > 1:
        notes.append(f"{undefined} of {len(each)} replicates have no value")
    value = None if undefined else float(np.mean([v for v in each if v is not None]))
    return Score(metric, value, per_replicate=each, note=_sentence(*notes, "" if undefined else refused))


def _interval(
    panel: Panel, metric: str, values: Sequence[Value], design: Design, samples: Array, level: float
) -> Score:
    scores = np.array([v.value for v in values], np.float64)
    value = float(scores.mean())
    answered = ~np.isnan(samples).any(axis=0)
    lost = int((~answered).sum())
    ends, method, note = _ends(panel, metric, scores, design, samples[:, answered], level)
    low, high = (None, None) if ends is None else _rounded(ends, METRICS[metric].low, METRICS[metric].high)
    gaps = f"{lost} of {samples.shape[1]} resamples have no answer and were left out" if lost else ""
    notes = _sentence(values[0].note, design.note, gaps, note)
    return Score(metric, value, low, high, tuple(scores.tolist()), method, notes)


def _ends(
    panel: Panel, metric: str, scores: Array, design: Design, samples: Array, level: float
) -> tuple[tuple[float, float] | None, str, str]:
    """Interval ends, method and note for one metric."""
    value, count = float(scores.mean()), len(scores)
    if samples.shape[1] < 2:
        return None, "", "no interval: hardly any resample has an answer"
    if np.ptp(samples, axis=1).max() < SAME and np.ptp(scores) < SAME:
        return _flat(panel, metric, value, design, level)
    if count > 1 or design.few_groups:
        freedom = design.effective - 1.0 if design.few_groups else np.inf
        spread = noise([Side(scores, samples)], freedom)
        how = (
            f"influence functions{design.units}"
            if design.few_groups
            else _drawn("bootstrap", samples, design)
        )
        over = f"{count} replicates, variance over rows and replicates: " if count > 1 else ""
        reference = "normal" if np.isinf(spread.freedom) else f"t({spread.freedom:.1f})"
        return spread.interval(value, level), f"{over}{how}, {reference}", ""
    if metric in PERCENTILE:
        return percentile(samples[0], level), _drawn("percentile", samples, design), ""
    pull = acceleration(design.by_unit(influence(panel, metric))[0])
    return bca(samples[0], value, pull, level), _drawn("BCa", samples, design), ""


def _flat(
    panel: Panel, metric: str, value: float, design: Design, level: float
) -> tuple[tuple[float, float] | None, str, str]:
    """Every resample gives the same score: a perfect one is bounded, a constant one is what it is."""
    spec = METRICS[metric]
    if abs(value - spec.best) > SAME:
        return (value, value), _flat_method(design), "every resample gives the same score"
    if spec.kind == "value":
        return None, "", "no interval: a perfect score, and resamples of it are perfect"
    low = perfect_bound(metric, panel.truth, panel.target, design.effective, level)
    return (
        (low, spec.best),
        f"Clopper-Pearson bound for no error in {design.effective:.0f}",
        "a perfect score",
    )


def _flat_method(design: Design) -> str:
    return f"influence functions{design.units}" if design.few_groups else f"bootstrap{design.units}"


def _drawn(name: str, samples: Array, design: Design) -> str:
    blocks = -(-samples.shape[1] // LANES)
    return f"{name}{design.units}, {blocks * LANES:,} resamples"


def _rounded(ends: tuple[float, float], lowest: float, highest: float) -> tuple[float, float]:
    """Ends within the metric's range, as printed and stored."""
    low, high = (round(min(max(end, lowest), highest), DIGITS) + 0.0 for end in ends)
    return low, high


def _sentence(*notes: str) -> str:
    return "; ".join(dict.fromkeys(note for note in notes if note))
