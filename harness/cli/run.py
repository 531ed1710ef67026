"""`dnabench run`: who × what → predictions, scores, costs, and a table."""

from __future__ import annotations

from pathlib import Path

from . import options as o


def run(  # noqa: PLR0913 - a command's signature is its help page
    model: o.Models = [],  # noqa: B006 - typer reads, never changes it
    suite: o.Suites = [],  # noqa: B006
    task: o.Tasks = [],  # noqa: B006
    protocol: o.ProtocolName = "",
    recipe: o.Recipe = "",
    model_args: o.ModelArgs = [],  # noqa: B006
    as_name: o.AsName = "",
    data: o.Data = None,
    output: o.Output = Path("results"),
    seeds: o.Seeds = "0",
    limit: o.Limit = 0,
    fresh: o.Fresh = False,
    dry_run: o.DryRun = False,
    offline: o.Offline = False,
    batch_size: o.BatchSize = "auto",
    device: o.Device = "auto",
    include_path: o.Includes = [],  # noqa: B006
    format_name: o.FormatName = "",
    as_json: o.AsJson = False,
    verbose: o.Verbose = False,
) -> None:
    """Score models on tasks and print a table; what is already there is not computed again."""
