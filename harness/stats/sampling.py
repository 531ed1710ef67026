"""Scores together with the values that they take on other draws of the same test set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.metrics import Value, evaluate
from dnabench.harness.stats.bootstrap import Backend, bootstrap
from dnabench.harness.stats.design import Design
from dnabench.harness.stats.jackknife import influence
from dnabench.harness.stats.panel import Panel
from dnabench.harness.types import Predictions, Target

Array = NDArray[Any]

DIGITS = 10
"""Decimals kept of interval ends, so that both kernels give the same bytes."""
SAME = 1e-10
"""Scores closer than this are equal: kernels differ in the last bits."""


@dataclass(frozen=True)
class Sampled:
    """One metric of several models, and how it varies with the test rows."""

    metric: str
    scores: Array
    """(models,)"""
    values: Array
    """(models, k): the resamples with an answer, or influence sums of groups scaled to the same variance."""
    drawn: int
    """Resamples, those without an answer included."""

    @property
    def gaps(self) -> str:
        """The note on resamples without an answer, or an empty string."""
        lost = self.drawn - self.values.shape[1]
        return f"{lost} of {self.drawn:,} resamples have no answer and were left out" if lost else ""

    @property
    def constant(self) -> bool:
        """Every model scores the same on every resample."""
        return bool(np.ptp(self.scores) < SAME and np.ptp(self.values, axis=1).max() < SAME)


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


def sample(
    panel: Panel, points: dict[str, list[Value]], design: Design, resamples: int, backend: Backend
) -> dict[str, Sampled]:
    """Resample every metric of `points` (none of them undefined), or sum influences where groups are few."""
    if design.few_groups:
        values = influence_sums(panel, list(points), design)
    else:
        values = bootstrap(panel, list(points), design.draws, resamples, backend) if points else {}
    sampled = {}
    for metric, found in points.items():
        answered = values[metric][:, ~np.isnan(values[metric]).any(axis=0)]
        scores = np.array([v.value for v in found], np.float64)
        sampled[metric] = Sampled(metric, scores, answered, values[metric].shape[1])
    return sampled


def influence_sums(panel: Panel, metrics: Sequence[str], design: Design) -> dict[str, Array]:
    """One column per group, scaled so that their variance is that of the score: G/(G-1) · Σ u_g² / n².

    No column where there is one group only: nothing says how groups vary.
    """
    units = design.draws.units
    if units < 2:
        return {m: np.empty((len(panel.outputs), 0)) for m in metrics}
    scale = units / (len(panel.truth) * np.sqrt(units - 1.0))
    return {m: design.by_unit(influence(panel, m)) * scale for m in metrics}
