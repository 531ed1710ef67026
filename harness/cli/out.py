"""Where words go: tables to stdout, news to stderr, and silence where nobody watches."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..report.render import Table
    from ..run.plan import Planned
    from ..run.run import Outcome

UNBOUNDED = 10_000


def say(line: str) -> None:
    """One line of news on stderr."""
    print(f"dnabench: {line}", file=sys.stderr)


def show_table(table: Table, face: str) -> None:
    """Print a table in one of its formats."""
    from ..report.render import render

    print(render(table, face, terminal_width()), end="")


def terminal_width() -> int:
    """Columns of the terminal; no bound where stdout is none, so that a file never depends on a window."""
    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else UNBOUNDED


def quiet() -> bool:
    """True where nobody watches stderr."""
    return not sys.stderr.isatty()


def counted(outcomes: Iterable[Outcome], plan: Sequence[Planned], verbose: bool) -> Iterator[Outcome]:
    """The outcomes, with a bar on a terminal or, if asked for, a line per cell."""
    if verbose or quiet():
        return _told(outcomes, len(plan), verbose)
    return _with_bar(outcomes, plan)


def _told(outcomes: Iterable[Outcome], total: int, verbose: bool) -> Iterator[Outcome]:
    from ..report.plans import cell_line

    for number, outcome in enumerate(outcomes, 1):
        if verbose:
            print(f"[{number}/{total}] {cell_line(outcome)}", file=sys.stderr, flush=True)
        yield outcome


def _with_bar(outcomes: Iterable[Outcome], plan: Sequence[Planned]) -> Iterator[Outcome]:
    """A bar that names the cell at work; it is gone when the table comes."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    names = [f"{one.cell.model.info.name} on {one.cell.task.name}" for one in plan] + [""]
    columns = (BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(names[0], total=len(plan))
        for number, outcome in enumerate(outcomes, 1):
            progress.update(bar, advance=1, description=names[number])
            yield outcome
