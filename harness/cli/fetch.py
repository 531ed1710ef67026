"""`dnabench fetch`: bring files here before going where there is no network."""

from __future__ import annotations

from typing import Annotated

from typer import Argument

from . import options as o


def fetch(  # noqa: PLR0913, PLR0917 - a command's signature is its help page
    names: Annotated[list[str], Argument(help="Suites, tasks or models.", metavar="SUITE|TASK|MODEL")],
    data: o.Data = None,
    genome: o.Genomes = [],  # noqa: B006
    offline: o.Offline = False,
    format_name: o.ListFormat = "",
    as_json: o.AsJson = False,
) -> int:
    """Download what a suite, task or model needs, check it, and say what each file was proved to be."""
    face = o.form(format_name, as_json, piped="console")
    from ..data.fetch import fetch_task
    from ..registry import find_tasks, models, names_model
    from ..report.lists import fetched_table
    from .out import say, show_table

    options, words = o.where(data, genome, offline=offline), o.words(names)
    for name in (word for word in words if word in models()):
        say(f"{name} needs no files: it learns from the task alone")
    for name in (word for word in words if word not in models() and names_model(word)):
        say(_model(name, offline))
    wanted = [word for word in words if not names_model(word)]
    if not wanted:
        return 0
    done = [got for task in find_tasks((), wanted) for got in fetch_task(task, options, _told)]
    show_table(fetched_table(done), face)
    return int(any(got.problem for got in done))


def _model(name: str, offline: bool) -> str:
    """A line about a checkpoint that is here now."""
    from ..making import Loading
    from ..registry import find_model

    info = find_model(name, how=Loading(offline=offline)).info
    return f"{name}: {info.origin}, {info.parameters or 0:,} parameters, {info.weights}"


def _told(line: str) -> None:
    from .out import quiet, say

    if not quiet():
        say(line)
