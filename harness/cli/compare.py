"""`dnabench compare`: which model is better, by how much, how sure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from ..errors import RequestError
from . import options as o

Margin = Annotated[float, Option(help="Differences up to this one do not matter.", metavar="D")]
Alpha = Annotated[float, Option(help="Share of false claims allowed over the whole table.", metavar="P")]
Results = Annotated[Path, Option("--results", "-r", help="Folder of the results.", metavar="DIR")]


def compare(  # noqa: PLR0913, PLR0917 - a command's signature is its help page
    models: Annotated[
        list[str], Argument(help="The reference, then others: name, name@id7, or a run folder.", metavar="A B [C...]")
    ],
    suite: o.Suites = [],  # noqa: B006
    task: o.Tasks = [],  # noqa: B006
    results: Results = Path("results"),
    protocol: o.ProtocolName = "",
    metric: o.MetricName = "",
    margin: Margin = 0.01,
    alpha: Alpha = 0.05,
    format_name: o.FormatName = "",
    as_json: o.AsJson = False,
) -> int:
    """Compare models with a reference on the same test rows: differences with intervals, p-values, verdicts."""
    face = o.form(format_name, as_json)
    if len(models) < 2:
        raise RequestError(f"compare {models[0]} with what? Name at least two models or run folders.")
    if not 0 < alpha < 0.5 or not 0 < margin < float("inf"):
        raise RequestError(f"--alpha {alpha:g} --margin {margin:g}: alpha lies between 0 and 0.5, the margin above 0.")
    from ..report.compare import compare as compared
    from ..report.compare_table import compare_table
    from ..report.operands import operands, task_metrics
    from ..stats.verdict import Rules
    from .out import show_table

    found = operands(models, results, protocol)
    rules = Rules(alpha, margin)
    tasks = task_metrics(found, o.words(suite), o.words(task), metric)
    show_table(compare_table(compared(found, tasks, rules), found, rules), face)
    return 0
