"""A suite in one table: mean score, mean rank, win rate and places, on the tasks that all models have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...stats.ranking import standings
from ...stats.suite import Interval, in_common, mean_rank, win_rate
from ...stats.verdict import Rules
from ..cells import metric_title
from ..render import MISSING, Table
from ..tables import number
from .compare import Comparison, common_tasks


def summary_tables(found: Sequence[Comparison], rules: Rules) -> tuple[Table, ...]:
    """One table for each suite and metric of several tasks; none where no task has all models."""
    made = []
    for (suite, metric), (tasks, missing) in common_tasks([one for one in found if not one.tasks]).items():
        means = [one for one in found if one.tasks and (one.task, one.metric) == (suite, metric)]
        joints = [row[0].joint for row in tasks.values() if row[0].joint]
        if means and means[0].joint is not None and len(joints) > 1:
            made.append(_table(means[0], (suite, metric, len(tasks), missing), _ranks(joints, rules), rules))
    return tuple(made)


Ranks = tuple[dict[str, Interval], dict[str, Interval]]


def _ranks(joints: Sequence[Any], rules: Rules) -> Ranks:
    tasks, _ = in_common(joints)
    return mean_rank(tasks, rules.level), win_rate(tasks, rules.level)


def _table(mean: Comparison, about: tuple[str, str, int, int], ranks: Ranks, rules: Rules) -> Table:
    assert mean.joint is not None
    suite, metric, count, missing = about
    stand = standings(mean.joint, rules.alpha)
    level = f"[{100 * rules.level:g}%]"
    head = ("model", f"mean {metric_title(metric)} {level}", f"mean rank {level}", f"win rate {level}", "place")
    rows, data = [], []
    for at, model in enumerate(stand.models):
        score = Interval(stand.value[at], stand.low[at], stand.high[at])
        rank, wins = ranks[0][model], ranks[1][model]
        place = stand.rank[at]
        star = " (beaten by none)" if stand.best[at] else ""
        rows.append((model, _shown(score), _shown(rank, 2), _shown(wins), _place(place) + star))
        data.append(
            {"kind": "summary", "task": suite, "tasks": count, "tasks_missing": missing, "model": model,
             "metric": metric, "value": score.value, "low": score.low, "high": score.high,
             "mean_rank": rank.value, "mean_rank_low": rank.low, "mean_rank_high": rank.high,
             "win_rate": wins.value, "win_rate_low": wins.low, "win_rate_high": wins.high,
             "place_first": place[0], "place_last": place[1], "beaten_by_none": stand.best[at]}
        )  # fmt: skip
    over = f"{count}/{count + missing}" if missing else str(count)
    note = (
        f"place: those that each model may hold, right for all models together at {100 * rules.level:g}% (max-T over "
        "all pairs); rank and win rate: on these test sets, intervals from joint resamples"
    )
    return Table(f"{suite}: {over} tasks that all models have", head, tuple(rows), (note,), tuple(data))


def _shown(one: Interval, digits: int = 3) -> str:
    if one.low is None or one.high is None:
        return f"{one.value:.{digits}f}" if digits != 3 else number(one.value)
    ends = (one.value, one.low, one.high)
    value, low, high = (f"{end:.{digits}f}" if digits != 3 else number(end) for end in ends)
    return f"{value} [{low}, {high}]"


def _place(place: tuple[int, int]) -> str:
    """Places as they are printed.

    >>> _place((1, 1)), _place((2, 3))
    ('1', '2–3')
    """
    if not place[0]:
        return MISSING
    return str(place[0]) if place[0] == place[1] else f"{place[0]}–{place[1]}"
