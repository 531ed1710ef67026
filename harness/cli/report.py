"""`dnabench report`: the table of what has been run, in the format that a paper or a page needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument

from ..errors import RequestError
from . import options as o


def report(  # noqa: PLR0913, PLR0917 - a command's signature is its help page
    root: Annotated[Path, Argument(help="A results folder, or one below it.", metavar="[RESULTS]")] = Path("results"),
    model: o.Models = [],  # noqa: B006
    suite: o.Suites = [],  # noqa: B006
    task: o.Tasks = [],  # noqa: B006
    protocol: o.ProtocolName = "",
    metric: o.MetricName = "",
    format_name: o.FormatName = "",
    as_json: o.AsJson = False,
) -> int:
    """Print the table of stored records: nothing is computed, and the same records give the same bytes."""
    face = o.form(format_name, as_json)
    from ..registry import warn
    from ..report.choose import chosen, rows_of
    from ..report.tables import score_table
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
    rows, related = rows_of(records, words)
    show_table(score_table(records, rows, metric=metric or None, related=related), face)
    return 1 if problems else 0
