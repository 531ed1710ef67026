"""Standings: one pass of shared resamples per task for all entrants and metrics, then ranks, pairs and means.

predictions of a task ──joint──► Joint per metric ──ranking──► Ranking      (task, metric)
joints of several tasks ──suite_mean──► Joint ──ranking──► Ranking          (suite, protocol)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from dataclasses import field as made_of
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from ...errors import DnabenchError
from ...metrics import METRICS
from ...registry import warn
from ...stats.bootstrap import Backend, compiles, slow_without_compiler
from ...stats.joint import Joint, joint
from ...stats.ranking import pairs, standings, suite_mean
from ...stats.verdict import POWER
from ...types import Predictions, TestSet
from .alike import alike
from .nouns import Board, Entrant, Field, Mean, Ranking, TaskCard, View

Array = NDArray[Any]

ALPHA = 0.05
COMPILED_FROM_OUTPUTS = 60_000
"""Test rows times models and seeds, of all tasks, that keep numpy busy for longer than numba takes to compile."""
DIGITS = 6
"""Decimals kept, so that both routes of the kernels give the same bytes."""


def stand(fields: Sequence[Field], problems: list[str]) -> Board:
    """The board of some fields; sentences on predictions that cannot be read go to `problems`."""
    views: list[View] = []
    rankings: dict[tuple[str, str], Ranking] = {}
    backend = _backend(fields)
    for one in fields:
        ranked, viewed = _stood(one, problems, backend)
        rankings |= ranked
        views += viewed
    return Board(tuple(fields), tuple(views), rankings, tuple(problems))


def _stood(one: Field, problems: list[str], backend: Backend) -> tuple[dict[tuple[str, str], Ranking], list[View]]:
    """The rankings and views of one field; its resamples, megabytes for each task, are let go."""
    measured = _measured(one, problems, backend)
    return measured.rankings, list(_views(measured))


def _backend(fields: Sequence[Field]) -> Backend:
    """The compiled kernels where all tasks together pay for their compilation; both give the same draws."""
    entries = (entry for one in fields for entry in one.entries.values() if entry.counts)
    outputs = sum(entry.cell.rows * entry.cell.replicates for entry in entries)
    if slow := slow_without_compiler(outputs):
        warn(slow)
    return "numba" if outputs > COMPILED_FROM_OUTPUTS and compiles() else "auto"


@dataclass
class _Measured:
    """A field with the joint noise of its tasks, each by its own metric."""

    field: Field
    joints: dict[str, Joint] = made_of(default_factory=dict)
    rankings: dict[tuple[str, str], Ranking] = made_of(default_factory=dict)


def _measured(one: Field, problems: list[str], backend: Backend) -> _Measured:
    found = _Measured(one)
    with ThreadPoolExecutor(2) as pool:  # arithmetic on all pairs of models lets go of Python's lock
        for card in one.tasks:
            noises = _joints(one, card, problems, backend)
            for (metric, noise), ranking in zip(noises.items(), pool.map(_ranking, noises.values()), strict=True):
                found.rankings[card.name, metric] = ranking
                if metric == card.metric:
                    found.joints[card.name] = replace(noise, share=_read_again(one, card, metric))
    return found


def _read_again(one: Field, card: TaskCard, metric: str) -> Callable[[], Array]:
    """The rows' shares, which only means over shared rows need: made then, so that predictions can go now."""

    def rows() -> Array:
        outputs, test_set = _outputs(one, card, [])
        return joint(outputs, [metric], test_set, resamples=0)[metric].rows

    return rows


def _joints(one: Field, card: TaskCard, problems: list[str], backend: Backend) -> Mapping[str, Joint]:
    """The joint noise of a task's entrants by each of its metrics; none where nobody counts."""
    outputs, test_set = _outputs(one, card, problems)
    if not outputs:
        return {}
    return joint(outputs, card.metrics, test_set, backend=backend)


def _outputs(one: Field, card: TaskCard, problems: list[str]) -> tuple[dict[str, Predictions], TestSet]:
    """The predictions of a task's entrants that count, and the test set that they are of."""
    said: dict[str, Predictions] = {}
    streams: dict[str, str] = {}
    for entrant in one.entrants:
        entry = one.entry(card.name, entrant)
        if entry is None or not entry.counts or entry.record.outputs is None:
            continue
        try:
            said[entrant.key] = entry.record.outputs()
        except DnabenchError as problem:
            problems.append(f"{card.name}, {entrant.name}: {problem}")
            continue
        streams[entrant.key] = str(entry.record.key["data"]["test"])
    outputs, odd = alike(said, card)
    problems += [f"{card.name}, {entrant.name}: {odd[entrant.key]}" for entrant in one.entrants if entrant.key in odd]
    return outputs, TestSet(card.target, card.dependence, next((streams[key] for key in outputs), ""))


def _ranking(noise: Joint) -> Ranking:
    """Ranks and pairs, rounded; only values and intervals where the table allows no claim."""
    duels = pairs(noise, ALPHA)
    stood = standings(noise, ALPHA, duels)
    plain = Ranking(
        noise.models,
        tuple(_rounded(noise.values)),
        tuple(_rounded(stood.low)),
        tuple(_rounded(stood.high)),
        note=noise.note,
    )
    if not noise.claims or not noise.models:
        return plain
    return replace(
        plain,
        ranks=stood.rank,
        best=stood.best,
        differences=tuple(tuple(_rounded(row)) for row in duels.difference),
        p_values=tuple(tuple(_rounded(row)) for row in duels.p_max),
        detectable=_detectable(duels.se, noise.freedom),
    )


def _rounded(values: Iterable[float | None]) -> Iterator[Any]:
    """Numbers of a few decimals; what is not finite is None, and 0 has no sign."""
    return (round(float(v), DIGITS) + 0.0 if v is not None and np.isfinite(v) else None for v in values)


def _detectable(errors: Array, freedom: Array) -> float | None:
    """The true difference that the median pair shows in 80% of cases, at 5% for one pair."""
    above = np.triu_indices(len(errors), 1)
    known, degrees = errors[above], freedom[above]
    known, degrees = known[known > 0], degrees[known > 0]
    if not len(known):
        return None
    reach = student.ppf(1 - ALPHA / 2, degrees) + student.ppf(POWER, degrees)
    return round(float(np.median(reach * known)), DIGITS)


def _views(measured: _Measured) -> Iterator[View]:
    """The view of all protocols, then, where there are several, one for each."""
    one = measured.field
    protocols = sorted({entrant.protocol for entrant in one.entrants if entrant.protocol})
    for protocol in ["", *(protocols if len(protocols) > 1 else [])]:
        yield _view(measured, protocol, [e for e in one.entrants if protocol in ("", e.protocol)])


def _view(measured: _Measured, protocol: str, entrants: Sequence[Entrant]) -> View:
    one, keys = measured.field, [entrant.key for entrant in entrants]
    if len(keys) == len(one.entrants):
        tasks = {c.name: measured.rankings[c.name, c.metric] for c in one.tasks if c.name in measured.joints}
    else:
        kept = {name: _restricted(noise, keys) for name, noise in measured.joints.items()}
        tasks = {name: _ranking(noise) for name, noise in kept.items() if len(noise.models)}
    means = tuple(_means(measured, entrants))
    view = View(one, protocol, tuple(entrants), tasks, means)
    return replace(view, entrants=tuple(sorted(entrants, key=lambda e: _order(view, e))))


def _restricted(noise: Joint, keys: Sequence[str]) -> Joint:
    """The same noise of some of the models, in their order."""
    models = tuple(key for key in keys if key in noise.models)
    if models == noise.models:
        return noise
    at = np.array([noise.models.index(key) for key in models], np.intp)
    square = np.ix_(at, at)
    return replace(
        noise,
        models=models,
        values=noise.values[at],
        covariance=noise.covariance[square],
        freedom=noise.freedom[square],
        draws=noise.draws[at],
        seeds=tuple(noise.seeds[i] for i in at),
        share=lambda: noise.rows[at],
    )


def _means(measured: _Measured, entrants: Sequence[Entrant]) -> Iterator[Mean]:
    """For each metric of at least two tasks, the mean of those who have all of them; else also over common tasks."""
    groups: dict[str, list[str]] = {}
    for card in measured.field.tasks:
        if card.name in measured.joints:
            groups.setdefault(card.metric, []).append(card.name)
    for metric, names in groups.items():
        there = {e.key: [n for n in names if e.key in measured.joints[n].models] for e in entrants}
        present = [key for key, has in there.items() if has]
        complete = [key for key in present if len(there[key]) == len(names)]
        common = [n for n in names if all(n in there[key] for key in present)]
        if len(names) > 1 and complete:
            yield Mean(metric, tuple(names), _mean_ranking(measured, names, complete))
        if len(complete) < len(present) and len(common) > 1:
            yield Mean(metric, tuple(common), _mean_ranking(measured, common, present), "common")


def _mean_ranking(measured: _Measured, names: Sequence[str], keys: Sequence[str]) -> Ranking:
    return _ranking(suite_mean([_restricted(measured.joints[name], keys) for name in names]))


def _order(view: View, entrant: Entrant) -> tuple[Any, ...]:
    """Best mean first, then the means over common tasks, then coverage, then names."""
    found: list[Any] = []
    for mean in sorted(view.means, key=lambda m: m.kind):
        at = mean.ranking.place(entrant.key)
        up = -1.0 if METRICS[mean.metric].best > 0 else 1.0
        found += [at is None, 0.0 if at is None else up * mean.ranking.values[at]]
    for name, ranking in list(view.tasks.items())[: 1 if not view.means else 0]:
        at = ranking.place(entrant.key)
        up = -1.0 if METRICS[_metric(view, name)].best > 0 else 1.0
        found += [at is None, 0.0 if at is None else up * ranking.values[at]]
    return (*found, -view.scored(entrant), entrant.name, entrant.key)


def _metric(view: View, task: str) -> str:
    return next(card.metric for card in view.field.tasks if card.name == task)
