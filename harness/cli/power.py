"""`dnabench power`: which differences test sets can show, before any model is run."""

from __future__ import annotations

from typing import Annotated

from typer import Option

from ..errors import RequestError
from . import options as o

Delta = Annotated[float, Option(help="The true difference that should be shown.", metavar="D")]
Base = Annotated[float, Option("--base-score", help="Score of the worse of the two models.", metavar="S")]
Correlation = Annotated[float, Option(help="How much the errors of the two models go together.", metavar="R")]
Family = Annotated[
    int, Option("--tasks-in-family", min=0, help="Tests that share the error; else the tasks asked for.", metavar="N")
]
Alpha = Annotated[float, Option(help="Share of false claims allowed over the family.", metavar="P")]


def power(  # noqa: PLR0913, PLR0917 - a command's signature is its help page
    task: o.Tasks = [],  # noqa: B006
    suite: o.Suites = [],  # noqa: B006
    delta: Delta = 0.01,
    metric: Annotated[str, Option("--metric", help="A metric in place of the tasks' own.", metavar="METRIC")] = "",
    base_score: Base = 0.7,
    correlation: Correlation = 0.8,
    tasks_in_family: Family = 0,
    alpha: Alpha = 0.05,
    data: o.Data = None,
    format_name: o.FormatName = "",
    as_json: o.AsJson = False,
) -> int:
    """Plan a comparison: the smallest difference each test set can show, power at --delta, and rows that it would take.

    Needs no model and, where the task file states rows by class, no data.
    """
    face = o.form(format_name, as_json)
    if not 0 < delta < 1 or not 0 < alpha < 0.5:
        raise RequestError(f"--delta {delta:g} --alpha {alpha:g}: delta lies between 0 and 1, alpha between 0 and 0.5.")
    if not (task or suite):
        raise RequestError("power for which tasks? --task or --suite: `dnabench list tasks` prints them.")
    from ..registry import find_tasks
    from ..report.power import Question, plan_table, plan_tasks
    from .out import show_table

    where = o.where(data)
    tasks = find_tasks(o.words(suite), o.words(task))
    question = Question(delta, metric, base_score, correlation, tasks_in_family, alpha)
    plans = plan_tasks(tasks, question, where)
    show_table(plan_table(plans, question), face)
    return 0
