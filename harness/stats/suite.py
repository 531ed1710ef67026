"""The mean difference over the tasks of a suite, with test rows that stand in several tasks counted once.

Each task brings its difference, that difference's standard error, and what each row contributes to it. Rows of
different tasks with one content key, or in groups that meet in one, are drawn together: their contributions make
the covariance of the tasks, to first order that of a joint bootstrap of all distinct rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.stats import t as student

from dnabench.harness.stats.design import Design
from dnabench.harness.stats.jackknife import influence
from dnabench.harness.stats.paired import Difference, aligned
from dnabench.harness.stats.panel import Panel
from dnabench.harness.stats.sampling import DIGITS, panel_of
from dnabench.harness.stats.verdict import freedom_of
from dnabench.harness.types import Predictions, Target

Array = NDArray[Any]


@dataclass(frozen=True)
class Part:
    """One task of a mean."""

    difference: Difference
    rows: Array
    """float64 (n,): contribution of each test row to the difference; they sum to 0."""
    keys: Array
    """uint64 (n,): content keys."""
    groups: Array | None = None
    """int64 (n,): group of each row, where the task declares groups."""


def part_of(difference: Difference, pair: tuple[Predictions, Predictions], target: Target, design: Design) -> Part:
    """A task's part: first model minus second, as `difference` was made; its `se` must be known."""
    first, second = panel_of(pair[0], target), panel_of(aligned(pair[1], pair[0]), target)
    both = Panel(pair[0].truth, first.outputs + second.outputs, first.kinds + second.kinds, target)
    shares = influence(both, difference.metric) / len(pair[0].truth)
    if design.strata is not None:
        shares = design.by_unit(shares)
    rows = shares[: len(first)].mean(axis=0) - shares[len(first) :].mean(axis=0)
    return Part(difference, rows, pair[0].keys, design.groups)


def mean_difference(parts: Sequence[Part], level: float = 0.95) -> Difference:
    """The mean of the tasks' differences: all tasks count alike, and the target is these tasks.

    Degrees of freedom by Satterthwaite where a task has few groups or several seeds. Without interval where a task
    has none. Tasks that share rows are noted.
    """
    values = np.array([part.difference.value for part in parts], np.float64)
    metric, mean = parts[0].difference.metric, float(values.mean())
    if any(part.difference.se is None for part in parts):
        return Difference(metric, mean, note="no interval: a task of the mean has none")
    errors = np.array([part.difference.se for part in parts], np.float64)
    together = shared_covariance(parts)
    variance = max(float((errors**2).sum() + together.sum()), 0.0)
    freedom = _satterthwaite(variance, errors, [freedom_of(part.difference, level) for part in parts])
    se = float(np.sqrt(variance)) / len(parts)
    reach = float(student.ppf((1 + level) / 2, freedom)) * se
    low, high = (round(end, DIGITS) + 0.0 for end in (mean - reach, mean + reach))
    p = float(2 * student.sf(abs(mean) / se, freedom)) if se else float(mean == 0)
    sharing = int((together != 0).any(axis=1).sum())
    note = f"{sharing} of {len(parts)} tasks share test rows, which the interval counts once" if sharing else ""
    method = f"mean of {len(parts)} tasks, " + ("normal" if np.isinf(freedom) else f"t({freedom:.1f})")
    return Difference(metric, mean, low, high, round(p, DIGITS), round(se, DIGITS), method, note)


def shared_covariance(parts: Sequence[Part]) -> Array:
    """Covariance of the tasks' differences, (tasks, tasks), its diagonal left 0; exactly 0 where nothing is shared."""
    units = shared_units(parts)
    tasks = np.repeat(np.arange(len(parts)), [len(part.rows) for part in parts])
    shape = (len(parts), int(units.max()) + 1)
    sums = csr_matrix((np.concatenate([part.rows for part in parts]), (tasks, units)), shape=shape)
    covariance = np.asarray((sums @ sums.T).todense())
    np.fill_diagonal(covariance, 0.0)
    return covariance


def shared_units(parts: Sequence[Part]) -> Array:
    """For every row of all tasks, one after the other, the unit that it is drawn with.

    >>> none = Difference("mcc", 0.0)
    >>> a = Part(none, np.zeros(3), np.array([5, 6, 7]), np.array([0, 0, 1]))
    >>> shared_units([a, Part(none, np.zeros(2), np.array([6, 8]))]).tolist()
    [0, 0, 1, 0, 2]
    """
    _, keys = np.unique(np.concatenate([part.keys for part in parts]), return_inverse=True)
    keys = keys.reshape(-1)
    nodes, start = int(keys.max()) + 1, 0
    ends: list[tuple[Array, Array]] = []
    for part in parts:
        if part.groups is not None:
            ends.append((keys[start : start + len(part.keys)], part.groups + nodes))
            nodes += int(part.groups.max()) + 1
        start += len(part.keys)
    left, right = (np.concatenate([e[i] for e in ends] or [np.empty(0, np.int64)]) for i in (0, 1))
    graph = coo_matrix((np.ones(len(left)), (left, right)), shape=(nodes, nodes))
    _, component = connected_components(graph, directed=False)
    return np.asarray(component[keys])


def _satterthwaite(variance: float, errors: Array, freedoms: Sequence[float]) -> float:
    """Degrees of freedom of a sum of variances; no fewer than the least of its terms."""
    spent = sum(float(e) ** 4 / f for e, f in zip(errors, freedoms, strict=True))
    return max(variance**2 / spent, min(freedoms)) if spent > 0 else np.inf
