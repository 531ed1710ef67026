"""`dnabench run`: who × what → predictions, scores, costs, and a table."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import options as o

if TYPE_CHECKING:
    from ..run.plan import Planned, Request
    from ..run.run import Outcome


def run(  # noqa: PLR0913, PLR0917 - a command's signature is its help page
    model: o.Models = [],  # noqa: B006 - typer reads a default, nobody changes it
    suite: o.Suites = [],  # noqa: B006
    task: o.Tasks = [],  # noqa: B006
    protocol: o.ProtocolName = "",
    recipe: o.Recipe = "",
    set_: o.Settings = [],  # noqa: B006
    seeds: o.Seeds = "0",
    limit: o.Limit = None,
    model_args: o.ModelArgs = [],  # noqa: B006
    as_name: o.AsName = "",
    adapter: o.AdapterName = "",
    init: o.Init = "",
    trust_remote_code: o.Trusted = [],  # noqa: B006
    data: o.Data = None,
    genome: o.Genomes = [],  # noqa: B006
    output: o.Output = Path("results"),
    batch_size: o.BatchSize = "",
    device: o.Device = "",
    fresh: o.Fresh = False,
    dry_run: o.DryRun = False,
    offline: o.Offline = False,
    include_path: o.Includes = [],  # noqa: B006
    format_name: o.FormatName = "",
    as_json: o.AsJson = False,
    verbose: o.Verbose = False,
) -> int:
    """Score models on tasks and print a table; what is already there is not computed again."""
    face = o.form(format_name, as_json)
    from ..registry import find_tasks
    from ..run.plan import Request, make_plan

    where = o.where(data, genome, offline=offline)
    how = o.loading(adapter, init, trust_remote_code, offline, device)
    request = Request(
        models=o.adapters(model, o.model_args(model_args), as_name, how, absent=True),
        tasks=find_tasks(o.suites(suite, include_path), o.words(task)),
        protocol=protocol or None,
        recipe=recipe or None,
        overrides=o.overrides(batch_size, device) | o.settings(set_),
        seeds=o.seeds(seeds),
        limit=limit,
        fresh=fresh,
    )
    plan = make_plan(request, output, where)
    return _print_plan(plan, face) if dry_run else _run(request, plan, (where, output, face, verbose))


def _print_plan(plan: Sequence[Planned], face: str) -> int:
    from ..report.plans import plan_table
    from .out import show_table

    show_table(plan_table(plan), face)
    return 0


def _run(request: Request, plan: Sequence[Planned], how: tuple[Any, Path, str, bool]) -> int:
    """Run the plan, print its table on stdout and what happened on stderr."""
    from ..report.plans import summary, warning
    from ..report.tables import score_table
    from ..run.run import RunOptions, run_plan
    from .out import counted, quiet, say, show_table

    where, output, face, verbose = how
    command = " ".join(["dnabench", *sys.argv[1:]])
    with _stdout_kept():
        done: list[Outcome] = list(counted(run_plan(plan, RunOptions(where, command)), plan, verbose))
    records = [outcome.record for outcome in done]
    show_table(score_table(records, [task.name for task in request.tasks]), face)
    if verbose or not quiet():
        print("", *summary(done, output), sep="\n", file=sys.stderr)
    if warning(done):
        say(warning(done))
    return int(any(record.status in ("failed", "unavailable") for record in records))


@contextlib.contextmanager
def _stdout_kept() -> Iterator[None]:
    """Inside, what a model prints goes to stderr, what its libraries and child processes write too.

    stdout is the table's, and may be read as csv or json.
    """
    with contextlib.redirect_stdout(sys.stderr), contextlib.ExitStack() as after:
        with contextlib.suppress(OSError):  # one of the two is closed: nothing can get into the table
            kept = os.dup(1)
            after.callback(os.close, kept)
            os.dup2(2, 1)
            after.callback(os.dup2, kept, 1)
        yield
