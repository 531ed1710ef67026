"""All models of a task at once: their scores, how these vary together, and what every row contributes.

One pass over the task's stream of resamples serves all models, replicates and metrics. Rows are brought into one
order (of their content keys) first, so neither the order of rows nor which other models stand in the table changes
what is said of two models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.stats.bootstrap import Backend, sweep
from dnabench.harness.stats.covariance import covariance_of, gaussian
from dnabench.harness.stats.design import Design, caution, design_of, refusal
from dnabench.harness.stats.deviates import normals
from dnabench.harness.stats.difference import Difference, with_noise
from dnabench.harness.stats.jackknife import influence
from dnabench.harness.stats.order import in_one_order
from dnabench.harness.stats.panel import Panel
from dnabench.harness.stats.sampling import influence_sums, panel_of, point_values
from dnabench.harness.stats.variance import Noise, Seeds, satterthwaite, seeds
from dnabench.harness.stats.weights import LANES
from dnabench.harness.types import Predictions, Target, TestSet

Array = NDArray[Any]
ROUND = 1e-12
"""Share of two variances below which what is left of their difference is rounding."""


@dataclass(frozen=True, eq=False)
class Joint:
    """One metric of several models on the same rows; a model without this metric is not among `models`."""

    metric: str
    models: tuple[str, ...]
    values: Array
    """(models,): means over replicates."""
    covariance: Array
    """(models, models) of `values`, between-seed variance included; NaN where there is no interval."""
    freedom: Array
    """(models, models): degrees of freedom of each difference's t, and on the diagonal of each score's."""
    draws: Array
    """(models, k): the scores on other draws of rows and seeds; NaN where a resample has no answer."""
    seeds: tuple[int, ...]
    """Replicates of each model."""
    keys: Array
    """uint64 (n,), ascending"""
    groups: Array | None = None
    """int64 (n,)"""
    units: int = 0
    """Rows or groups that are drawn independently."""
    effective: float = 0.0
    """Rows, or G_eff = n² / Σ n_g² of the groups."""
    claims: bool = True
    """False where too few rows or groups allow no claim."""
    method: str = ""
    note: str = ""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Models without this metric, and why."""
    stream: str = ""
    level: float = 0.95
    share: Callable[[], Array] = field(default=lambda: np.empty((0, 0)), repr=False)

    @cached_property
    def rows(self) -> Array:
        """(models, n): what each row contributes to each score; the rows of the matrix sum to 0."""
        return self.share()

    def noise(self, first: int, second: int | None = None) -> Noise:
        """Noise of one model's score, or of the difference of two."""
        c = self.covariance
        if second is None:
            return Noise(float(np.sqrt(c[first, first])), float(self.freedom[first, first]))
        return Noise(float(np.sqrt(self.variance[first, second])), float(self.freedom[first, second]))

    @cached_property
    def variance(self) -> Array:
        """(models, models): variance of each difference of two scores."""
        own = np.diag(self.covariance)
        both = own[:, None] + own
        left = both - 2.0 * self.covariance
        return np.where(left < ROUND * both, 0.0, left)

    def difference(self, first: int = 0, second: int = 1) -> Difference:
        """One model minus another, by their places in `models`."""
        bare = Difference(self.metric, float(self.values[first] - self.values[second]), note=self.note)
        if np.isnan(self.covariance[first, second]):
            return bare
        return with_noise(replace(bare, method=self.method), self.noise(first, second), self.level)


def joint(  # noqa: PLR0913 - the options of one public call
    predictions: Mapping[str, Predictions],
    metrics: Sequence[str],
    test_set: TestSet,
    *,
    resamples: int = 10_000,
    level: float = 0.95,
    backend: Backend = "auto",
) -> dict[str, Joint]:
    """Score all models of a task by every metric, with what is needed to compare them.

    The replicates of a model are its seeds. Rows may come in any order; DataError where they are not the same rows.
    `resamples=0` takes the variance from influence functions, which needs no draws and gives none.
    """
    said, target = in_one_order(predictions), test_set.target
    first = next(iter(said.values()))
    design = design_of(first, test_set)
    refused = refusal(first.truth, target, design)
    rare = "" if refused else caution(first.truth, target)
    empty = Joint(
        "", (), np.empty(0), np.empty((0, 0)), np.empty((0, 0)), np.empty((0, 0)), (), first.keys, design.groups,
        design.draws.units, design.effective, not design.note, "", _noted(design.note, rare), {}, test_set.stream,
        level,
    )  # fmt: skip
    scored = {metric: _scored(said, metric, target) for metric in metrics}
    sampled = {} if refused else _sampled(said, scored, target, design, (resamples, backend))
    made = {}
    for metric, (scores, absent) in scored.items():
        whole = replace(empty, metric=metric, absent=absent, share=_shares(said, metric, scores, target, design))
        known = sampled.get(metric)
        note = refused or "no interval: hardly any resample has an answer"
        made[metric] = (
            _silent(whole, scores, note) if known is None else _joined(whole, scores, known, design, resamples)
        )
    return made


Scores = Mapping[str, Array]
"""Model → the metric of each replicate, or its sampled values (replicates, k)."""


def _scored(said: Mapping[str, Predictions], metric: str, target: Target) -> tuple[Scores, dict[str, str]]:
    """The scores of the models that have them, and why others have none."""
    scores, absent = {}, {}
    for name, one in said.items():
        found = point_values(panel_of(one, target), metric)
        lacking = [value.note for value in found if value.value is None]
        if lacking:
            absent[name] = lacking[0]
        else:
            scores[name] = np.array([value.value for value in found], np.float64)
    return scores, absent


def _sampled(
    said: Mapping[str, Predictions],
    scored: Mapping[str, tuple[Scores, Any]],
    target: Target,
    design: Design,
    options: tuple[int, Backend],
) -> dict[str, Scores]:
    """Sampled values of every metric; metrics that the same models have share a panel, all share the resamples."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for metric, (scores, _) in scored.items():
        if scores:
            alike.setdefault(tuple(scores), []).append(metric)
    jobs = [(_panel([said[name] for name in names], target), metrics) for names, metrics in alike.items()]
    if design.few_groups or not options[0]:
        found = [influence_sums(panel, metrics, design) for panel, metrics in jobs]
    else:
        found = sweep(jobs, design.draws, *options)
    sampled: dict[str, Scores] = {}
    for names, values in zip(alike, found, strict=True):
        ends = np.cumsum([len(said[name].outputs) for name in names])[:-1]
        for metric, all_values in values.items():
            if (~np.isnan(all_values)).any(axis=0).sum() >= 2:
                sampled[metric] = dict(zip(names, np.split(all_values, ends), strict=True))
    return sampled


def _panel(said: Sequence[Predictions], target: Target) -> Panel:
    parts = [panel_of(one, target) for one in said]
    outputs = tuple(o for part in parts for o in part.outputs)
    return Panel(said[0].truth, outputs, tuple(k for part in parts for k in part.kinds), target)


def _shares(
    said: Mapping[str, Predictions], metric: str, scores: Scores, target: Target, design: Design
) -> Callable[[], Array]:
    """Makes `Joint.rows` when it is asked for: a sort for every replicate."""

    def rows() -> Array:
        every = [influence(panel_of(said[name], target), metric).mean(axis=0) for name in scores]
        shares = np.array(every).reshape(len(scores), -1) / max(len(next(iter(said.values())).truth), 1)
        return design.by_unit(shares) if design.strata is not None else shares

    return rows


def _silent(empty: Joint, scores: Scores, note: str) -> Joint:
    """Scores without intervals."""
    m = len(scores)
    values = np.array([each.mean() for each in scores.values()])
    nothing, counts = np.full((m, m), np.nan), tuple(map(len, scores.values()))
    note = note if m else "no model has this metric"
    empty = replace(empty, covariance=nothing, freedom=np.full((m, m), np.inf), draws=np.empty((m, 0)))
    return replace(empty, models=tuple(scores), values=values, seeds=counts, claims=False, note=note)


def _joined(empty: Joint, scores: Scores, sampled: Scores, design: Design, resamples: int) -> Joint:
    """Scores with their covariance and their joint draws."""
    values = np.array([each.mean() for each in scores.values()])
    draws = np.array([each.mean(axis=0) for each in sampled.values()])
    extras = [seeds(scores[name], each[:, ~np.isnan(each).any(axis=0)]) for name, each in sampled.items()]
    examples = covariance_of(draws)
    covariance = examples + np.diag([extra.added for extra in extras])
    made = replace(
        empty,
        models=tuple(scores),
        values=values,
        seeds=tuple(map(len, scores.values())),
        covariance=covariance,
        freedom=_freedom(examples, design.freedom, extras),
        method=f"paired bootstrap{design.units}, {draws.shape[1]:,} resamples",
        note=_noted(empty.note, _gaps(draws)),
    )
    if design.few_groups or not resamples:
        # A normal draw for every resample: sums over few groups say nothing of their extremes.
        normal = gaussian(covariance, made.models, made.stream, -(-resamples // LANES) * LANES)
        return replace(made, draws=values[:, None] + normal, method=f"influence functions{design.units}")
    return replace(made, draws=_with_seeds(made, draws, extras))


def _with_seeds(made: Joint, draws: Array, extras: Sequence[Seeds]) -> Array:
    """The resamples, with normal noise of each model's own where its seeds vary."""
    for at, (name, extra) in enumerate(zip(made.models, extras, strict=True)):
        if extra.added > 0:
            draws[at] += np.sqrt(extra.added) * normals(f"{made.stream}\nseeds\n{name}", 1, draws.shape[1])[0]
    return draws


def _freedom(examples: Array, example_freedom: float, extras: Sequence[Seeds]) -> Array:
    """Degrees of freedom of differences, and on the diagonal of scores."""
    own = np.diag(examples)
    apart = own[:, None] + own - 2.0 * examples
    np.fill_diagonal(apart, own)
    added, observed, freedom = (
        np.array([getattr(e, name) for e in extras]) for name in ("added", "observed", "freedom")
    )
    single = 1.0 - np.eye(len(own))
    first = Seeds(added[:, None], observed[:, None], freedom[:, None])
    second = Seeds(added * single, observed * single, freedom)
    return satterthwaite(apart, example_freedom, [first, second])[1]


def _noted(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _gaps(draws: Array) -> str:
    lost = int(np.isnan(draws).any(axis=0).sum())
    return f"{lost} of {draws.shape[1]:,} resamples have no answer and were left out" if lost else ""
