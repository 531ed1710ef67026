"""`dnabench report`: the table of what has been run, in the format that a paper or a page needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from ..errors import RequestError
from . import options as o

if TYPE_CHECKING:
    from ..report.render import Table
    from ..types import RunRecord

Published = Annotated[
    bool | None,
    Option(
        "--published/--no-published",
        help="All published scores of these tasks, or none; else those of our models and each task's highest.",
    ),
]
Folder = Annotated[
    Path | None, Option("--published-dir", help="A folder of published scores of yours (csv).", metavar="DIR")
]
WithMarks = Annotated[
    bool, Option("--marks/--no-marks", help="Mark what nobody beats, and say what the test rows could show.")
]


def report(  # noqa: PLR0913, PLR0917 - a command's signature is its help page
    root: Annotated[Path, Argument(help="A results folder, or one below it.", metavar="RESULTS")] = Path("results"),
    model: o.OnlyModels = [],  # noqa: B006
    suite: o.OnlySuites = [],  # noqa: B006
    task: o.OnlyTasks = [],  # noqa: B006
    protocol: o.OnlyProtocol = "",
    metric: o.MetricName = "",
    published: Published = None,
    published_dir: Folder = None,
    marks: WithMarks = True,
    format_name: o.FormatName = "",
    as_json: o.AsJson = False,
) -> int:
    """Print the table of stored records: no model is run, and the same records give the same bytes.

    Bold (on the console a star) is what no other model of the row is shown to beat; published scores stand below.
    """
    face = o.form(format_name, as_json)
    from ..registry import warn
    from ..report.choose import chosen
    from ..run.store import read_records
    from .out import show_table

    if not root.is_dir():
        raise RequestError(f"{root} is no folder: name the one that `dnabench run -o DIR` wrote to.")
    problems: list[str] = []
    stored = [one.record for one in read_records(root, problems)]
    for problem in problems:
        warn(problem)
    if not stored:
        raise RequestError(f"{root} holds no records: `dnabench run -o {root} …` makes some.")
    words = o.words(task)
    records = chosen(stored, o.words(model), o.words(suite), words, protocol)
    table = _table(records, words, metric, marks)
    if published is not False:
        table = _with_published(table, records, root, published_dir, every=bool(published))
    show_table(table, face)
    return 1 if problems else 0


def _table(records: list[RunRecord], words: list[str], metric: str, with_marks: bool) -> Table:
    from ..registry import warn
    from ..report.cells import cells
    from ..report.choose import rows_of
    from ..report.marks import marks_of
    from ..report.tables import score_table
    from ..stats.bootstrap import slow_without_compiler

    rows, shown = rows_of(records, words), cells(records, metric or None)
    if with_marks and (slow := slow_without_compiler(sum(cell.rows * cell.replicates for cell in shown))):
        warn(f"{slow}, --no-marks needs none")
    marks = marks_of(records, shown) if with_marks else None
    return score_table(records, rows, metric=metric or None, marks=marks)


def _with_published(table: Table, records: list[RunRecord], root: Path, named: Path | None, every: bool) -> Table:
    from dataclasses import replace

    from ..report.literature import literature, literature_table
    from ..report.published import gathered

    found = literature(records, gathered(root, named, {str(r.task["name"]) for r in records}), every)
    return replace(table, below=(literature_table(found),)) if found else table
