"""`dnabench merge`: several results trees into one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from . import options as o

Trees = Annotated[list[Path], Argument(help="Results folders; --prefer counts them in this order.", metavar="DIR")]
Prefer = Annotated[
    str, Option(help="Which of two contradicting records stands: first, last or newest.", metavar="WHICH")
]


def merge(
    trees: Trees,
    output: Annotated[Path, Option("-o", "--output", help="The tree that they go into.", metavar="DIR")],
    prefer: Prefer = "",
    format_name: o.ListFormat = "",
    as_json: o.AsJson = False,
) -> int:
    """Merge results trees: equal cells once, seeds of one configuration together, contradictions refused and named.

    Only records and their predictions are merged. Nothing is written where any cell is contradicted.
    """
    face = o.form(format_name, as_json, piped="console")
    from ..report.merge import merge as merged
    from ..report.merge import merge_table
    from .out import show_table

    show_table(merge_table(merged(trees, output, prefer)), face)
    return 0
