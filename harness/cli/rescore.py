"""`dnabench rescore`: another metric or grouping of stored predictions; no model is run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from ..errors import RequestError
from . import options as o

if TYPE_CHECKING:
    from ..report.rescore import Rescored
    from ..run.store import StoredRecord

By = Annotated[
    str, Option(help="A column of the test rows (chromosome, group, in_train), class or label.", metavar="COLUMN")
]
Write = Annotated[bool, Option("--write", help="Add the metrics to the records, never over one that is there.")]


def rescore(  # noqa: PLR0913, PLR0917 - a command's signature is its help page
    root: Annotated[Path, Argument(help="A results folder, or one below it.", metavar="RESULTS")] = Path("results"),
    metric: Annotated[list[str], Option("--metric", help="Metrics; several with commas.", metavar="METRIC")] = [],  # noqa: B006
    by: By = "",
    model: o.OnlyModels = [],  # noqa: B006
    suite: o.OnlySuites = [],  # noqa: B006
    task: o.OnlyTasks = [],  # noqa: B006
    protocol: o.OnlyProtocol = "",
    write: Write = False,
    format_name: o.FormatName = "",
    as_json: o.AsJson = False,
) -> int:
    """Score stored predictions by another metric, or per chromosome, class or group, with intervals."""
    face = o.form(format_name, as_json)
    if write and (by or not metric):
        raise RequestError("--write adds metrics of all rows: name them with --metric, without --by.")
    from ..report.choose import chosen
    from ..report.rescore import rescore as rescored
    from ..report.rescore import rescored_table
    from .out import show_table

    stored = _stored(root)
    words = [o.words(one) for one in (model, suite, task)]
    records = chosen([one.record for one in stored], words[0], words[1], words[2], protocol)
    found = rescored(records, o.words(metric), by)
    show_table(rescored_table(found, by), face)
    if write:
        _write(stored, found)
    return 0


def _stored(root: Path) -> list[StoredRecord]:
    from ..registry import warn
    from ..run.store import read_records

    if not root.is_dir():
        raise RequestError(f"{root} is no folder: name the one that `dnabench run -o DIR` wrote to.")
    problems: list[str] = []
    stored = read_records(root, problems)
    for problem in problems:
        warn(problem)
    if not stored:
        raise RequestError(f"{root} holds no records: `dnabench run -o {root} …` makes some.")
    return stored


def _write(stored: Sequence[StoredRecord], found: Sequence[Rescored]) -> None:
    from ..report.rescore import write_metrics
    from .out import say

    for one in stored:
        mine = [part for part in found if part.record is one.record]
        if mine:
            say(f"{one.path}: {write_metrics(one, mine)}")
