"""Who is better than whom among several models, said of all pairs at once.

Every difference is studentised and carried to the normal scale of its own degrees of freedom; the joint draws say
how large the largest of them gets when all models are equal (single-step max-T, Westfall and Young 1993). A model's
rank interval follows from the pairs that are told apart: simultaneous, and as wide as the data are silent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri_exp
from scipy.stats import t as student

from dnabench.harness.errors import RequestError
from dnabench.harness.metrics import METRICS
from dnabench.harness.stats.joint import Joint
from dnabench.harness.stats.sampling import DIGITS, SAME
from dnabench.harness.stats.suite import mean_rank, suite_mean, win_rate

Array = NDArray[Any]

__all__ = ["Pairs", "Standings", "mean_rank", "pairs", "standings", "step_down", "suite_mean", "win_rate"]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Row minus column for every two models; NaN where nothing can be said, and p-values NaN where nothing may."""

    models: tuple[str, ...]
    difference: Array
    low: Array
    high: Array
    """Ends of each difference's own interval."""
    se: Array
    p: Array
    """Two-sided, of each pair alone."""
    p_max: Array
    """Adjusted over all pairs."""


@dataclass(frozen=True)
class Standings:
    """Models in the order of `Joint.models`, with what may be said of their order."""

    models: tuple[str, ...]
    value: tuple[float, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    rank: tuple[tuple[int, int], ...]
    """First and last place that each may hold: right for all models together at level 1 - alpha."""
    best: tuple[bool, ...]
    """True where no model is shown to be better."""


def pairs(joint: Joint, alpha: float = 0.05) -> Pairs:
    """Compare every two models of a task, or of a suite's mean.

    Where the table allows no claim (`joint.claims`), p-values are NaN; intervals stay, where there are any.
    """
    gaps = joint.values[:, None] - joint.values
    se = np.sqrt(joint.variance)
    reach = student.ppf(1.0 - alpha / 2, joint.freedom) * se
    z = _normal_scale(gaps, se, joint.freedom)
    p = np.where(np.isnan(se), np.nan, 2.0 * _upper(z))
    p_max = _adjusted(joint, z)
    if not joint.claims:
        p, p_max = np.full_like(p, np.nan), np.full_like(p, np.nan)
    rounded = (np.round(x, DIGITS) + 0.0 for x in (gaps, gaps - reach, gaps + reach, se, p, p_max))
    return Pairs(joint.models, *rounded)


def standings(joint: Joint, alpha: float = 0.05, made: Pairs | None = None) -> Standings:
    """Scores with their own intervals (value ± t·SE), simultaneous rank intervals, and the set beaten by nobody.

    `made`: the pairs at the same alpha, where they are known already.
    """
    made = pairs(joint, alpha) if made is None else made
    sign = 1.0 if METRICS[joint.metric].best > 0 else -1.0
    shown = made.p_max < alpha
    above = (shown & (sign * made.difference < 0)).sum(axis=1)
    below = (shown & (sign * made.difference > 0)).sum(axis=1)
    ranks = tuple((int(a) + 1, len(joint.models) - int(b)) for a, b in zip(above, below, strict=True))
    values = tuple(float(v) for v in joint.values)
    return Standings(joint.models, values, *_ends(joint, 1.0 - alpha), ranks, tuple(bool(a == 0) for a in above))


def step_down(joint: Joint, reference: str) -> dict[str, float | None]:
    """Adjusted two-sided p-values of every other model against one (Romano and Wolf 2005, Econometrica 73:1237).

    Steps down from the largest difference; the error of the whole family is kept. None where no claim is allowed.
    """
    if reference not in joint.models:
        raise RequestError(f"{reference!r} is not among the models compared: {', '.join(joint.models)}.")
    own = joint.models.index(reference)
    others = [at for at in range(len(joint.models)) if at != own]
    if not joint.claims:
        return {joint.models[at]: None for at in others}
    gaps, se = joint.values[others] - joint.values[own], np.sqrt(joint.variance[others, own])
    z = _normal_scale(gaps, se, joint.freedom[others, own])
    drawn = np.abs(_studentised(_complete(joint), others, joint.variance[others, own], own))
    return dict(zip((joint.models[at] for at in others), _stepped(z, drawn), strict=True))


def _stepped(z: Array, drawn: Array) -> list[float]:
    """Adjusted p-values of |z| (models,) from draws (models, k): the largest of those not yet decided."""
    order = np.argsort(-z, kind="stable")
    largest = np.maximum.accumulate(drawn[order][::-1], axis=0)[::-1]
    counts = (largest >= z[order][:, None] - SAME).sum(axis=1)
    p = np.empty(len(z))
    p[order] = np.maximum.accumulate((1 + counts) / (1 + drawn.shape[1]))
    return [float(q) for q in np.round(p, DIGITS)]


def _normal_scale(gaps: Array, se: Array, freedom: Array) -> Array:
    """|difference| / SE as the normal quantile with the same two-sided p-value; 0 / 0 is 0."""
    gaps = np.where(np.abs(gaps) > SAME, np.abs(gaps), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(gaps == 0, 0.0, gaps / se)
    finite = np.isfinite(freedom) & np.isfinite(t)
    return np.asarray(np.where(finite, -ndtri_exp(student.logsf(t, np.where(finite, freedom, 1.0))), t))


def _upper(z: Array) -> Array:
    return np.asarray(student.sf(z, np.inf))


def _complete(joint: Joint) -> Array:
    """The draws in which every model has an answer, centred."""
    draws = joint.draws[:, ~np.isnan(joint.draws).any(axis=0)]
    if not draws.shape[1]:
        return draws
    return np.asarray(draws - draws.mean(axis=1, keepdims=True))


def _studentised(draws: Array, first: list[int], variance: Array, second: int) -> Array:
    """Draws, centred, of differences over their own standard deviation; 0 where a difference has no variance."""
    gaps = draws[first]
    gaps -= draws[second]
    spread = np.sqrt(np.einsum("ij,ij->i", gaps, gaps) / gaps.shape[1])
    known = (variance > 0) & (spread > 0)
    gaps *= np.divide(1.0, spread, out=np.zeros_like(spread), where=known)[:, None]
    return np.asarray(gaps)


def _adjusted(joint: Joint, z: Array) -> Array:
    """p-values of all pairs: how often the largest studentised difference among equals reaches |z|."""
    draws = _complete(joint)
    if draws.shape[1] < 2:
        return np.full_like(z, np.nan)
    largest = np.zeros(draws.shape[1])
    for at in range(1, len(draws)):
        gaps = _studentised(draws, list(range(at)), joint.variance[:at, at], at)
        np.maximum(largest, np.abs(gaps, out=gaps).max(axis=0), out=largest)
    largest.sort()
    reached = len(largest) - np.searchsorted(largest, z - SAME)
    p = (1.0 + reached) / (1.0 + len(largest))
    np.fill_diagonal(p, 1.0)
    return np.asarray(np.where(np.isnan(z), np.nan, p))


def _ends(joint: Joint, level: float) -> tuple[tuple[float | None, ...], tuple[float | None, ...]]:
    """Lower and upper ends of every score's own interval; None where there is none."""
    spec = METRICS[joint.metric]
    reach = student.ppf((1 + level) / 2, np.diag(joint.freedom)) * np.sqrt(np.diag(joint.covariance))
    low = np.maximum(joint.values - reach, spec.low)
    high = np.minimum(joint.values + reach, spec.high)
    ends = [tuple(None if np.isnan(v) else round(float(v), DIGITS) + 0.0 for v in end) for end in (low, high)]
    return ends[0], ends[1]
