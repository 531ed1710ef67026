"""Test rows that stand in several tasks: which are drawn together, and what that makes of the tasks' scores.

Rows of different tasks with one content key, or in groups that meet in one, are one unit. What the units contribute
makes the covariance of the tasks, to first order that of a joint bootstrap of all distinct rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from dnabench.harness.stats.covariance import gaussian
from dnabench.harness.stats.joint import Joint
from dnabench.harness.stats.weights import effective_groups

Array = NDArray[Any]


def families(joints: Sequence[Joint]) -> list[list[int]]:
    """Tasks, by number, that share rows directly or through another; tasks of their own are left out."""
    sizes = [len(one.keys) for one in joints]
    if len(joints) < 2 or not sum(sizes):
        return []
    units, task = shared_units(joints), np.repeat(np.arange(len(joints)), sizes)
    nodes = len(joints) + int(units.max()) + 1
    graph = coo_matrix((np.ones(len(units)), (task, units + len(joints))), shape=(nodes, nodes))
    _, component = connected_components(graph, directed=False)
    found: dict[int, list[int]] = {}
    for number in range(len(joints)):
        found.setdefault(int(component[number]), []).append(number)
    return [family for family in found.values() if len(family) > 1]


def effective_rows(joints: Sequence[Joint]) -> float:
    """Distinct rows of all tasks, or equal groups that inform as much; what several tasks share counts once."""
    relatives = families(joints)
    alone = sorted(set(range(len(joints))) - {number for family in relatives for number in family})
    return sum(_distinct([joints[number] for number in family]) for family in [*relatives, *([one] for one in alone)])


def family_covariance(joints: Sequence[Joint]) -> Array:
    """Covariance of the scores of tasks that share rows, (tasks · models)²; each task's own block is its own."""
    units, start, sums = shared_units(joints), 0, []
    for one in joints:
        here = units[start : start + len(one.keys)]
        sums += [np.bincount(here, weights=row, minlength=int(units.max()) + 1) for row in one.rows]
        start += len(one.keys)
    together, m = np.array(sums) @ np.array(sums).T, len(joints[0].models)
    for number, one in enumerate(joints):
        together[number * m : (number + 1) * m, number * m : (number + 1) * m] = one.covariance
    return np.asarray(together)


def joint_draws(joints: Sequence[Joint]) -> list[Array]:
    """Draws (models, k) of every task, complete, and joint over tasks that share rows (normal ones there)."""
    draws = [_complete(one.draws) for one in joints]
    count = min((found.shape[1] for found in draws), default=0)
    draws = [found[:, :count] for found in draws]
    for family in families(joints) if count else []:
        members = [joints[number] for number in family]
        names = [
            f"{one.stream}\n{number}\n{model}"
            for number, one in zip(family, members, strict=True)
            for model in one.models
        ]
        normal = gaussian(family_covariance(members), names, "shared rows", count)
        for number, part in zip(family, np.split(normal, len(family)), strict=True):
            draws[number] = joints[number].values[:, None] + part
    return draws


def _distinct(joints: Sequence[Joint]) -> float:
    """Distinct rows of tasks that share some, or G_eff of the groups that they make together."""
    if len(joints) == 1 and (joints[0].groups is not None or not len(joints[0].keys)):
        return joints[0].effective
    _, first = np.unique(np.concatenate([one.keys for one in joints]), return_index=True)
    return effective_groups(shared_units(joints)[first])


def _complete(draws: Array) -> Array:
    """The draws in which all models have an answer: the array itself where these are all."""
    answered = ~np.isnan(draws).any(axis=0)
    return draws if answered.all() else draws[:, answered]


def shared_units(joints: Sequence[Joint]) -> Array:
    """For every row of all tasks, one after the other, the unit that it is drawn with, int64."""
    _, keys = np.unique(np.concatenate([one.keys for one in joints]), return_inverse=True)
    keys = keys.reshape(-1)
    nodes, start = int(keys.max()) + 1, 0
    ends: list[tuple[Array, Array]] = []
    for one in joints:
        if one.groups is not None:
            ends.append((keys[start : start + len(one.keys)], one.groups + nodes))
            nodes += int(one.groups.max()) + 1
        start += len(one.keys)
    left, right = (np.concatenate([e[i] for e in ends] or [np.empty(0, np.int64)]) for i in (0, 1))
    graph = coo_matrix((np.ones(len(left)), (left, right)), shape=(nodes, nodes))
    _, component = connected_components(graph, directed=False)
    return np.asarray(component[keys])
