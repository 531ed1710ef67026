"""What the tasks of a suite say together: the mean score, the mean rank, the win rate.

All tasks count alike, and the target is these tasks (not tasks like them). Rows that stand in several tasks count
once. Missing scores are never filled in: only models that every task has take part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, rankdata

from dnabench.harness.errors import RequestError
from dnabench.harness.metrics import METRICS
from dnabench.harness.stats.design import ENOUGH_GROUPS
from dnabench.harness.stats.deviates import uniforms
from dnabench.harness.stats.joint import Joint
from dnabench.harness.stats.sampling import DIGITS
from dnabench.harness.stats.shared import effective_rows, families, family_covariance, joint_draws

Array = NDArray[Any]


@dataclass(frozen=True)
class Interval:
    """A number and its ends; None where there is no interval."""

    value: float
    low: float | None = None
    high: float | None = None


def suite_mean(joints: Sequence[Joint]) -> Joint:
    """The mean over tasks of every model that all of them have, as a table to compare in.

    Degrees of freedom by Satterthwaite where a task has few groups or several seeds. Raises RequestError where the
    tasks have different metrics or no model in common.
    """
    tasks, left_out = in_common(joints)
    count, first = len(tasks), tasks[0]
    relatives = families(tasks)
    together = _between_tasks(tasks, relatives)
    covariance = (sum(one.covariance for one in tasks) + together) / count**2
    draws = sum(joint_draws(tasks)) / count
    sharing = sum(map(len, relatives))
    notes = [
        f"{', '.join(left_out)} left out: not in all tasks" if left_out else "",
        "" if all(one.claims for one in tasks) else _silence(tasks),
        f"{sharing} of {count} tasks share test rows, which the interval counts once" if sharing else "",
    ]
    made = replace(
        first, values=np.mean([one.values for one in tasks], axis=0), covariance=covariance,
        draws=np.asarray(draws), keys=np.empty(0, np.uint64), groups=None,
        seeds=tuple(min(each) for each in zip(*(one.seeds for one in tasks), strict=True)),
        units=sum(one.units for one in tasks), effective=effective_rows(tasks),
        claims=all(one.claims for one in tasks), method=f"mean of {count} tasks",
        note="; ".join(note for note in notes if note), absent={}, share=_no_rows,
    )  # fmt: skip
    return replace(made, freedom=_freedom(made, tasks))


def mean_rank(joints: Sequence[Joint], level: float = 0.95) -> dict[str, Interval]:
    """Each model's rank averaged over the tasks (1 is best, ties share), on the test sets as they are.

    The interval says where the mean rank falls on other draws of these test sets: percentiles of the joint draws,
    widened to hold the observed one.
    """
    return _over_tasks(joints, level, lambda ranks, models: ranks)


def win_rate(joints: Sequence[Joint], level: float = 0.95) -> dict[str, Interval]:
    """Share of (task, rival) pairs in which a model scores higher, ties half; intervals as of `mean_rank`."""
    return _over_tasks(joints, level, lambda ranks, models: (models - ranks) / max(models - 1, 1))


def in_common(joints: Sequence[Joint]) -> tuple[list[Joint], list[str]]:
    """The tasks with the models that all of them have, in the first one's order, and the models left out."""
    if not joints:
        raise RequestError("no tasks to average.")
    if len({one.metric for one in joints}) > 1:
        raise RequestError(
            f"a mean needs one metric, these tasks have {', '.join(sorted({j.metric for j in joints}))}."
        )
    every = dict.fromkeys(model for one in joints for model in one.models)
    kept = [model for model in every if all(model in one.models for one in joints)]
    if not kept:
        raise RequestError("no model has a score in every one of these tasks: name fewer tasks.")
    return [_of(one, kept) for one in joints], [model for model in every if model not in kept]


def _no_rows() -> Array:
    return np.empty((0, 0))


def _silence(tasks: Sequence[Joint]) -> str:
    silent = sum(not one.claims for one in tasks)
    return f"no claim: {silent} of {len(tasks)} tasks allow none"


def _of(one: Joint, models: Sequence[str]) -> Joint:
    """The same table with these models only, in this order."""
    if tuple(models) == one.models:
        return one
    at = np.array([one.models.index(model) for model in models])
    square = np.ix_(at, at)
    return replace(
        one, models=tuple(models), values=one.values[at], covariance=one.covariance[square],
        freedom=one.freedom[square], draws=one.draws[at], seeds=tuple(one.seeds[i] for i in at),
        share=lambda: one.rows[at],
    )  # fmt: skip


def _between_tasks(tasks: Sequence[Joint], relatives: Sequence[Sequence[int]]) -> Array:
    """Sum of the covariances between different tasks, (models, models)."""
    m = len(tasks[0].models)
    total = np.zeros((m, m))
    for family in relatives:
        members = [tasks[number] for number in family]
        blocks = family_covariance(members).reshape(len(members), m, len(members), m)
        total += blocks.sum(axis=(0, 2)) - sum(one.covariance for one in members)
    return total


def _freedom(made: Joint, tasks: Sequence[Joint]) -> Array:
    """Satterthwaite's degrees of freedom of differences (diagonal: of scores), no fewer than the least task's."""
    variance, spent = _variances(made), np.zeros_like(made.covariance)
    for one in tasks:
        spent = spent + (_variances(one) / len(tasks) ** 2) ** 2 / one.freedom
    least = np.min([one.freedom for one in tasks], axis=0)
    freedom = np.divide(variance**2, spent, out=np.full(spent.shape, np.inf), where=spent > 0)
    return np.asarray(np.maximum(freedom, least))


def _variances(one: Joint) -> Array:
    found = one.variance.copy()
    np.fill_diagonal(found, np.diag(one.covariance))
    return found


def _over_tasks(joints: Sequence[Joint], level: float, scale: Callable[[Array, int], Array]) -> dict[str, Interval]:
    """Mean over tasks of each model's rank, on `scale`, with percentiles over the joint draws."""
    tasks, _ = in_common(joints)
    models = tasks[0].models
    sign = -1.0 if METRICS[tasks[0].metric].best > 0 else 1.0
    observed = scale(np.mean([_ranks(sign * one.values[:, None]) for one in tasks], axis=0)[:, 0], len(models))
    draws = [_heavy(one, found) for one, found in zip(tasks, joint_draws(tasks), strict=True)]
    drawn = scale(np.mean([_ranks(sign * found) for found in draws], axis=0), len(models))
    if drawn.shape[1] < 2:
        return {model: Interval(float(v)) for model, v in zip(models, observed, strict=True)}
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=1)
    ends = zip(models, observed, np.minimum(low, observed), np.maximum(high, observed), strict=True)
    return {model: Interval(*(round(float(x), DIGITS) for x in numbers)) for model, *numbers in ends}


def _heavy(one: Joint, draws: Array) -> Array:
    """Draws, as multivariate t in place of normal where few groups say how wide: one factor for all models."""
    if not draws.size or one.groups is None or one.effective >= ENOUGH_GROUPS:
        return draws
    freedom = max(one.effective - 1.0, 1.0)
    square = chi2.isf(uniforms(f"{one.stream}\nfew groups", 1, draws.shape[1])[0], freedom)
    middle = one.values[:, None]
    return np.asarray(middle + (draws - middle) * np.sqrt(freedom / square))


def _ranks(values: Array) -> Array:
    return np.asarray(rankdata(np.round(values, DIGITS), axis=0))
