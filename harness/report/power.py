"""What test sets can show before any model is run: a planning table, one row per task."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..data.load import DataOptions, load_splits
from ..data.rows import class_counts
from ..errors import DnabenchError, RequestError, Unavailable
from ..metrics import find_metric
from ..stats.planning import Power, Setting, counts_of, minimal_difference, power
from ..stats.verdict import POWER
from ..types import Task
from .cells import metric_title
from .render import MISSING, Table
from .tables import number


@dataclass(frozen=True)
class Question:
    """What is to be shown, and of which imagined models."""

    delta: float = 0.01
    metric: str = ""
    """In place of each task's own."""
    base_score: float = 0.7
    correlation: float = 0.8
    tasks: int = 0
    """Tests that share the error; 0 for as many as there are tasks."""
    alpha: float = 0.05


@dataclass(frozen=True)
class Plan:
    """What one task's test set can show; None where it is not known, with the reason."""

    task: str
    metric: str
    counts: tuple[int, ...] | None = None
    alone: float | None = None
    """Smallest difference shown in 80% of cases by one test."""
    holm: float | None = None
    """The same at Holm's first step."""
    power_alone: Power | None = None
    power_holm: Power | None = None
    rows_alone: int | None = None
    """Test rows that would show `delta` in 80% of cases."""
    rows_holm: int | None = None
    balanced: bool = False
    """The rows by class are not known here and were taken as equal."""
    reason: str = ""

    @property
    def rows(self) -> int | None:
        return sum(self.counts) if self.counts else None


def plan_tasks(tasks: Sequence[Task], question: Question, options: DataOptions) -> list[Plan]:
    """A plan for each task; data are read only where the task file does not state rows by class.

    Raises RequestError where a metric serves none of the tasks, or no task can be planned with these scores.
    """
    found = [_plan(task, question, question.tasks or len(tasks), options) for task in tasks]
    if all(one.reason for one in found):
        raise RequestError(found[0].reason)
    return found


def plan_table(plans: Sequence[Plan], question: Question) -> Table:
    """The plans with what they assume."""
    family = question.tasks or len(plans)
    several = family > 1
    metrics = list(dict.fromkeys(one.metric for one in plans))
    percent, delta = f"{100 * POWER:g}%", f"{question.delta:g}"
    head = (
        metric_title(metrics[0]) if len(metrics) == 1 else "task",
        *(["metric"] if len(metrics) > 1 else []),
        "test rows",
        "could show",
        *(["could show (Holm)"] if several else []),
        f"power at {delta}",
        *(["power (Holm)"] if several else []),
        f"rows for {percent}",
        *(["rows (Holm)"] if several else []),
    )
    rows = tuple(_row(one, len(metrics) > 1, several) for one in plans)
    over = f"; Holm: the first step over {family} tests" if several else ""
    notes = [
        f"could show: the true difference that a paired test at {question.alpha:g}, two-sided, shows in {percent} of "
        f"cases{over}; rows: test rows that would show {delta}",
        f"assumed: the worse model scores {question.base_score:g}, the errors of the two models go together with a "
        f"correlation of {question.correlation:g}, rows are independent (--base-score, --correlation)",
    ]
    guessed = [one.task for one in plans if one.balanced]
    if guessed:
        notes.append(f"{', '.join(guessed)}: rows by class are not known here and were taken as equal")
    for one in plans:
        if one.reason:
            notes.append(f"{MISSING} {one.task}: {one.reason.removeprefix(f'{one.task}: ')}")
    return Table("", head, rows, tuple(notes), tuple(_datum(one, question, family) for one in plans))


def _plan(task: Task, question: Question, family: int, options: DataOptions) -> Plan:
    metric = question.metric or task.metric
    try:
        find_metric(metric, task.target)
        counts, balanced = _counts(task, options)
        setting = Setting(metric, counts, question.base_score, question.correlation)
        alone = power(setting, question.delta, alpha=question.alpha)
        together = power(setting, question.delta, alpha=question.alpha, tasks=family)
        least = [minimal_difference(setting, alpha=question.alpha, tasks=n) for n in (1, family)]
    except DnabenchError as problem:
        return Plan(task.name, metric, reason=str(problem))
    needed = [_rows_needed(setting.rows, alone.se, question, n) for n in (1, family)]
    return Plan(task.name, metric, counts, least[0], least[1], alone, together, needed[0], needed[1], balanced)


def _counts(task: Task, options: DataOptions) -> tuple[tuple[int, ...], bool]:
    """Test rows by class as the task file states them, else as they are read, else taken as equal (True)."""
    stated = counts_of(task)
    if stated:
        return stated, False
    if task.target.kind == "multilabel":
        raise RequestError(f"{task.name} has several labels per row: no power is known for its metrics.")
    facts, classes = task.source.files.get("test"), len(task.target.classes)
    try:
        test = load_splits(task, options).test
    except Unavailable:
        if facts is None or facts.rows is None:
            raise
        return tuple(facts.rows // classes + (i < facts.rows % classes) for i in range(classes)), True
    return tuple(class_counts(test) or (len(test),)), False


def _rows_needed(rows: int, se: float, question: Question, tests: int) -> int:
    """The standard error falls with the square root of the rows."""
    from scipy.special import ndtri

    reach = -float(ndtri(question.alpha / tests / 2)) + float(ndtri(POWER))
    return math.ceil(rows * (reach * se / question.delta) ** 2)


def _row(one: Plan, with_metric: bool, several: bool) -> tuple[str, ...]:
    pairs = (
        (number(one.alone), number(one.holm)),
        (_percent(one.power_alone), _percent(one.power_holm)),
        (_count(one.rows_alone), _count(one.rows_holm)),
    )
    found = [word for alone, together in pairs for word in ((alone, together) if several else (alone,))]
    return one.task, *([metric_title(one.metric)] if with_metric else []), _count(one.rows), *found


def _percent(found: Power | None) -> str:
    """
    >>> _percent(Power(0.1234, 0.0, 0.01)), _percent(Power(0.9999, 0.0, 0.01)), _percent(None)
    ('12%', '>99%', '—')
    """
    if found is None:
        return MISSING
    return ">99%" if found.power > 0.99 else f"{100 * found.power:.0f}%"


def _count(n: int | None) -> str:
    return MISSING if n is None else f"{n:,}"


def _datum(one: Plan, question: Question, family: int) -> dict[str, Any]:
    """One line of csv and json."""
    return {
        "task": one.task, "metric": one.metric, "test_rows": one.rows,
        "rows_by_class": None if one.balanced or not one.counts else list(one.counts),
        "delta": question.delta, "base_score": question.base_score, "correlation": question.correlation,
        "alpha": question.alpha, "tests": family,
        "could_show": _rounded(one.alone), "could_show_holm": _rounded(one.holm),
        "power": _rounded(one.power_alone.power if one.power_alone else None),
        "power_holm": _rounded(one.power_holm.power if one.power_holm else None),
        "rows_needed": one.rows_alone, "rows_needed_holm": one.rows_holm, "reason": one.reason,
    }  # fmt: skip


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
