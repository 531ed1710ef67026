"""The commands under one roof, each help page beginning with a line to try."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from .card import card
from .check import check
from .compare import compare
from .data import data
from .fetch import fetch
from .gate import gate
from .leaderboard import leaderboard
from .listing import list_names
from .merge import merge
from .power import power
from .report import report
from .rescore import rescore
from .run import run
from .show import show
from .submit import submit

EXAMPLES = {
    "dnabench": "dnabench run -m kmer -s yeast        # a first table in seconds, no download",
    "run": "dnabench run -m majority,kmer,onehot -s yeast",
    "list": "dnabench list tasks yeast",
    "show": "dnabench show yeast/coding",
    "fetch": "dnabench fetch gue        # before going to a machine without network",
    "report": "dnabench report results --format md > table.md",
    "compare": "dnabench compare kmer onehot --suite yeast",
    "leaderboard": "dnabench leaderboard results           # tables and one page that opens from the disk",
    "rescore": "dnabench rescore results -s yeast --metric auroc --by chromosome",
    "data": "dnabench data audit yeast/coding        # leaks, contradictions, shortcuts",
    "power": "dnabench power --suite yeast --delta 0.01",
    "check": "dnabench check --model kmer",
    "gate": "dnabench gate git:origin/main:results results",
    "submit": "dnabench submit predictions.csv -t yeast/coding --as mine",
    "merge": "dnabench merge mine/results theirs/results -o results",
    "card": "dnabench card kmer results -o my_model/README.md",
}
"""The line to try at the top of each help page."""


class Group(TyperGroup):
    """A help page whose first line can be run."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        formatter.write(EXAMPLES["dnabench"] + "\n\n")
        super().format_usage(ctx, formatter)


class Command(TyperCommand):
    """The same for one command."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        formatter.write(EXAMPLES[self.name or "dnabench"] + "\n\n")
        super().format_usage(ctx, formatter)


# Markup and pretty tracebacks would import rich at every start.
app = typer.Typer(
    cls=Group,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
for name, function, line in (
    ("run", run, "Score models on tasks and print a table."),
    ("list", list_names, "List suites, tasks, models, metrics or runs."),
    ("show", show, "Show all that is known of a task, a model or a run."),
    ("fetch", fetch, "Download and check what a suite, task or model needs."),
    ("report", report, "Print the table of what has been run."),
    ("compare", compare, "Compare models on the same test rows."),
    ("leaderboard", leaderboard, "Write tables and one page of a results folder."),
    ("rescore", rescore, "Score stored predictions anew, or by groups of rows."),
    ("data", data, "Audit rows: leaks, contradictions, shortcuts."),
    ("power", power, "Tell which differences a test set can show."),
    ("check", check, "Check a model, task files or a results folder."),
    ("gate", gate, "Fail where a score dropped (for CI)."),
    ("submit", submit, "Check and score a file of predictions."),
    ("merge", merge, "Merge results folders into one."),
    ("card", card, "Write the scores into a model card."),
):
    app.command(name, cls=Command, short_help=line)(function)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"dnabench {version('dnabench')}")
        raise typer.Exit()


@app.callback()
def top(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Measure DNA models: tables with intervals, baselines beside them, data with an identity.

    Tables go to stdout, the rest to stderr. Exit codes: 0 done, 1 some cells failed or their data is not here,
    2 the request was wrong, 3 the gate said no, 130 interrupted.
    """
