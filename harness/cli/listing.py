"""`dnabench list`: what there is, by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument

from ..errors import RequestError, nearest
from . import options as o

if TYPE_CHECKING:
    from ..data.sources import DataOptions
    from ..report.render import Table

KINDS = ("suites", "tasks", "models", "metrics", "runs")


def list_names(  # noqa: PLR0913, PLR0917 - a command's signature is its help page
    kind: Annotated[str, Argument(help="suites, tasks, models, metrics or runs.", metavar="KIND")] = "tasks",
    pattern: o.Pattern = "",
    data: o.Data = None,
    genome: o.Genomes = [],  # noqa: B006
    output: o.Results = Path("results"),
    format_name: o.ListFormat = "",
    as_json: o.AsJson = False,
) -> int:
    """List suites, tasks, models, metrics or runs; alias: ls."""
    from .out import show_table

    face, where = o.form(format_name, as_json, piped="console"), o.where(data, genome)
    show_table(_table(_kind(kind), pattern, (output, where)), face)
    return 0


def _kind(word: str) -> str:
    for kind in KINDS:
        if word in (kind, kind.removesuffix("s")):
            return kind
    raise RequestError(f"cannot list {word!r}.{nearest(word, KINDS)} There are: {', '.join(KINDS)}.")


def _table(kind: str, pattern: str, where: tuple[Path, DataOptions]) -> Table:
    from .. import registry
    from ..report import lists

    if kind == "metrics":
        return lists.metric_table(pattern)
    if kind == "models":
        return lists.model_table(registry.models() | registry.family_lines(), pattern)
    output, options = where
    if kind == "runs":
        from ..run.store import read_records

        return lists.run_table(read_records(output), pattern)
    suites = registry.usable_suites()
    if kind == "suites":
        return lists.suite_table(suites, pattern)
    tasks = (task for suite in suites for task in suite.tasks)
    return lists.task_table(tasks, pattern, options)
