"""A score with the interval that its test set, its groups and its replicates allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr, ndtri
from scipy.special import logit as to_logit

from dnabench.harness.errors import RequestError
from dnabench.harness.metrics import METRICS, Value
from dnabench.harness.stats.bootstrap import Backend
from dnabench.harness.stats.design import Design, caution, design_of, refusal
from dnabench.harness.stats.jackknife import acceleration, influence
from dnabench.harness.stats.panel import Panel
from dnabench.harness.stats.perfect import perfect_bound
from dnabench.harness.stats.sampling import DIGITS, SAME, Sampled, panel_of, point_values, sample
from dnabench.harness.stats.variance import Noise, noise
from dnabench.harness.types import Predictions, Score, Target, TestSet

Array = NDArray[Any]

PERCENTILE = frozenset({"spearman", "pearson", "auroc_median"})
"""Correlations, whose plain percentile interval covers best in simulations, and the median, whose jackknife sees only
the labels in the middle; the others take BCa."""
Ends = tuple[float, float] | None


def score_predictions(  # noqa: PLR0913 - the options of one public call
    predictions: Predictions,
    metrics: Sequence[str],
    test_set: TestSet,
    *,
    resamples: int = 10_000,
    level: float = 0.95,
    backend: Backend = "auto",
    interval: Literal["default", "logit"] = "default",
) -> dict[str, Score]:
    """Score stored predictions by every metric, with intervals.

    One replicate gets BCa (percentile for correlations and medians), several the variance over rows and seeds. Groups,
    where declared, are resampled whole, or summed where they are few. `interval="logit"` gives AUROC and AUPRC a normal
    (or t) interval on the logit scale instead, and changes no other metric. Raises DataError, RequestError.
    """
    if interval not in ("default", "logit"):
        raise RequestError(f"unknown interval {interval!r}: use default or logit.")
    target = test_set.target
    panel = panel_of(predictions, target)
    points = {metric: point_values(panel, metric) for metric in metrics}
    design = design_of(predictions, test_set)
    refused = refusal(predictions.truth, target, design)
    rare = "" if refused else caution(predictions.truth, target)
    answered = {m: v for m, v in points.items() if not refused and all(p.value is not None for p in v)}
    sampled = sample(panel, answered, design, resamples, backend)
    scores = {}
    for metric, values in points.items():
        if metric in sampled:
            chosen = interval if METRICS[metric].kind == "ranking" else "default"
            ends, method, note = _ends(panel, sampled[metric], design, level, chosen)
            note = _sentence(values[0].note, design.note, sampled[metric].gaps, note, rare)
            scores[metric] = _score(metric, values, ends, method, note)
        else:
            scores[metric] = _score(metric, values, None, "", _reason(values, refused))
    return scores


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
    """Percentile bootstrap interval.

    >>> [round(end, 2) for end in percentile(np.linspace(-1, 1, 2001), 0.9)]
    [-0.9, 0.9]
    """
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def logit_interval(value: float, spread: Noise, level: float) -> tuple[float, float]:
    """Interval of a score between 0 and 1, symmetric on the logit scale: its SE there is SE / (v (1 - v)).

    >>> [round(end, 3) for end in logit_interval(0.99, Noise(0.005, np.inf), 0.95)]
    [0.974, 0.996]
    """
    there = replace(spread, error=spread.error / (value * (1.0 - value)))
    low, high = expit(there.interval(float(to_logit(value)), level))
    return float(low), float(high)


def _score(metric: str, values: Sequence[Value], ends: Ends, method: str, note: str) -> Score:
    """The mean over replicates, None where one of them is undefined, and its interval."""
    each = tuple(v.value for v in values)
    known = [v for v in each if v is not None]
    value = float(np.mean(known)) if len(known) == len(each) else None
    low, high = (None, None) if ends is None else _within(ends, METRICS[metric].low, METRICS[metric].high)
    return Score(metric, value, low, high, each, method, note)


def _reason(values: Sequence[Value], refused: str) -> str:
    """Why a score, or only its interval, does not exist."""
    undefined = [v.note for v in values if v.value is None]
    if not undefined:
        return _sentence(values[0].note, refused)
    several = f"{len(undefined)} of {len(values)} replicates have no value" if len(values) > 1 else ""
    return _sentence(undefined[0], several)


def _ends(panel: Panel, sampled: Sampled, design: Design, level: float, interval: str) -> tuple[Ends, str, str]:
    """Interval ends, method and note."""
    if sampled.values.shape[1] < 2:
        return None, "", "no interval: hardly any resample has an answer"
    if sampled.constant:
        return _constant(panel, sampled, design, level)
    resampled = f"{design.units}, {sampled.drawn:,} resamples"
    logit = interval == "logit" and 0.0 < float(sampled.scores.mean()) < 1.0
    if len(sampled.scores) > 1 or design.few_groups or logit or _is_mean_over_labels(sampled.metric, panel.target):
        return *_from_variance(sampled, design, resampled, level, logit), ""
    values, value = sampled.values[0], float(sampled.scores[0])
    if sampled.metric in PERCENTILE:
        return percentile(values, level), f"percentile{resampled}", ""
    pull = acceleration(design.by_unit(influence(panel, sampled.metric))[0])
    return bca(values, value, pull, level), f"BCa{resampled}", ""


def _is_mean_over_labels(metric: str, target: Target) -> bool:
    """Repeated rows raise every label's AUPRC a little, and a mean over labels by more than its standard error."""
    return len(target.classes) > 1 and target.kind == "multilabel" and metric not in PERCENTILE


def _from_variance(sampled: Sampled, design: Design, resampled: str, level: float, logit: bool) -> tuple[Ends, str]:
    """Estimate ± t · standard error, on the logit scale where asked for: for several replicates, and for few groups."""
    spread = noise(sampled.scores, sampled.values, design.freedom)
    rows = f"influence functions{design.units}" if design.few_groups else f"bootstrap{resampled}"
    count = len(sampled.scores)
    over = f"{count} replicates, variance over rows and replicates: " if count > 1 else ""
    value = float(sampled.scores.mean())
    method = f"{over}{rows}, {spread.reference}"
    if not logit:
        return spread.interval(value, level), method
    return logit_interval(value, spread, level), f"{method} on the logit"


def _constant(panel: Panel, sampled: Sampled, design: Design, level: float) -> tuple[Ends, str, str]:
    """Every resample gives the same score: a perfect one is bounded, any other is what it is."""
    spec, value = METRICS[sampled.metric], float(sampled.scores.mean())
    if abs(value - spec.best) > SAME:
        return (value, value), f"bootstrap{design.units}", "every resample gives the same score"
    if spec.kind == "value":
        return None, "", "no interval: a perfect score, and so is every resample of it"
    low = perfect_bound(sampled.metric, panel.truth, panel.target, design.effective, level)
    return (low, spec.best), f"Clopper-Pearson bound, no error in {design.effective:.0f}", "a perfect score"


def _within(ends: tuple[float, float], lowest: float, highest: float) -> tuple[float, float]:
    """Ends inside the metric's range, rounded; adding 0 turns -0 into 0."""
    low, high = (round(min(max(end, lowest), highest), DIGITS) + 0.0 for end in ends)
    return low, high


def _sentence(*notes: str) -> str:
    return "; ".join(dict.fromkeys(note for note in notes if note))
