"""`dnabench check`: do task files, a model, a results tree keep their promises?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from ..errors import RequestError
from . import options as o

if TYPE_CHECKING:
    from ..data.sources import DataOptions
    from ..making import Loading
    from ..report.check.findings import Finding

Names = Annotated[list[str], Argument(help="Models, tasks, suites or results folders.", metavar="NAME")]
Tasks = Annotated[list[str], Option("-t", "--task", help="Tasks, suites or suite files.", metavar="TASK")]
Results = Annotated[Path | None, Option("-r", "--results", help="A results folder.", metavar="DIR")]
Intervals = Annotated[bool, Option(help="With --results: compute the intervals again too.")]
Golden = Annotated[bool, Option("--golden", help="With --model: compare a hub checkpoint with golden values.")]
GoldenFile = Annotated[Path | None, Option("--golden-file", help="Golden values of yours (json).", metavar="FILE")]


def check(  # noqa: PLR0913, PLR0917 - a command's signature is its help page
    names: Names = [],  # noqa: B006
    model: o.Models = [],  # noqa: B006
    suite: o.Suites = [],  # noqa: B006
    task: Tasks = [],  # noqa: B006
    results: Results = None,
    intervals: Intervals = True,
    model_args: o.ModelArgs = [],  # noqa: B006
    adapter: o.AdapterName = "",
    init: o.Init = "",
    trust_remote_code: o.Trusted = [],  # noqa: B006
    golden: Golden = False,
    golden_file: GoldenFile = None,
    data: o.Data = None,
    genome: o.Genomes = [],  # noqa: B006
    offline: o.Offline = False,
    format_name: o.ListFormat = "",
    as_json: o.AsJson = False,
) -> int:
    """Check a model's adapter, task files or a results tree; exit 1 where a promise is broken.

    --model: outputs do not depend on batch, order, padding or call; finite; the same for the same seed.
    --task: facts agree with each other and with the data. --results: records parse, hashes and scores are right.
    --golden: files, token ids and embedding of a hub checkpoint are those of the authors' own code.
    """
    face = o.form(format_name, as_json, piped="console")
    from ..report.check.findings import faulty, findings_table
    from .out import show_table

    models, tasks, folders = _sorted(names)
    where = o.where(data, genome, offline=offline)
    found: list[Finding] = []
    how = o.loading(adapter, init, trust_remote_code, offline)
    if (golden or golden_file) and not (model or models):
        raise RequestError("--golden needs --model with a checkpoint of the hub.")
    if golden or golden_file:
        found += _golden([*model, *models], golden_file, how)
    elif model or models:
        found += _models([*model, *models], model_args, how)
    if task or tasks or suite:
        found += _tasks([*task, *tasks], suite, where)
    for folder in [results] if results is not None else folders:
        found += _results(folder, intervals, replace(where, offline=True))
    if not found:
        raise RequestError("check what? Name a model, a task, a suite or a results folder.")
    show_table(findings_table(found), face)
    return int(faulty(found))


def _sorted(names: list[str]) -> tuple[list[str], list[str], list[Path]]:
    """Words without an option as models, tasks and results folders, by what they look like."""
    from ..registry import names_model

    words = o.words(names)
    folders = [word for word in words if Path(word, "runs").is_dir()]
    named = [word for word in words if word not in folders and names_model(word)]
    return named, [w for w in words if w not in folders and w not in named], [Path(w) for w in folders]


def _golden(names: list[str], file: Path | None, how: Loading) -> list[Finding]:
    from ..registry import find_model
    from ..report.check.golden import check_golden, golden_entries, golden_entry

    entries = [golden_entry(name, golden_entries(file)) for name in o.words(names)]
    models = (find_model(f"{entry['repo']}@{entry['revision']}", how=how) for entry in entries)
    return [finding for one, entry in zip(models, entries, strict=True) for finding in check_golden(one, entry)]


def _models(names: list[str], args: list[str], how: Loading) -> list[Finding]:
    from ..report.check.model import check_model

    return [finding for adapter in o.adapters(names, o.model_args(args), "", how) for finding in check_model(adapter)]


def _tasks(names: list[str], suites: list[str], where: DataOptions) -> list[Finding]:
    from ..errors import TaskFileError
    from ..registry import find_tasks, usable_suites
    from ..report.check.findings import Finding
    from ..report.check.tasks import check_tasks

    try:
        tasks = find_tasks(suites, names)
    except TaskFileError as error:
        return [Finding(", ".join([*suites, *names]), "task file", "fault", str(error))]
    known = [task.name for suite in usable_suites() for task in suite.tasks]
    return list(check_tasks(tasks, where, known))


def _results(root: Path, intervals: bool, where: DataOptions) -> list[Finding]:
    from ..report.check.results import check_results

    if not root.is_dir():
        raise RequestError(f"{root} is no folder of results.")
    return list(check_results(root, intervals, where))
