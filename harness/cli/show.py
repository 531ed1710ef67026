"""`dnabench show`: one page on a task, a suite, a model, a family of models or a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument

from ..errors import RequestError, nearest
from . import options as o

if TYPE_CHECKING:
    from ..data.sources import DataOptions
    from ..report.page import Page
    from ..run.store import StoredRecord

    Where = tuple[DataOptions, Path, Path]


def show(  # noqa: PLR0913, PLR0917 - a command's signature is its help page
    name: Annotated[str, Argument(help="A task, suite, model, family, or the .json of a run.", metavar="NAME|RUN")],
    data: o.Data = None,
    genome: o.Genomes = [],  # noqa: B006
    output: o.Results = Path("results"),
    published: o.Published = Path("results/published"),
    model_args: o.ModelArgs = [],  # noqa: B006
    format_name: o.PageFormat = "",
    as_json: o.AsJson = False,
) -> int:
    """Show everything known of a task (data, identity, traps, scores), a suite, a model, or a run."""
    face = o.form(format_name, as_json, piped="console")
    if face not in ("console", "md", "json"):
        raise RequestError(f"a page cannot be printed as {face}: console, md or json.")
    from ..report.page import page_json, page_text
    from .out import terminal_width

    where = o.where(data, genome)
    page = _page(name, (where, output, published), model_args)
    print(page_json(page) if face == "json" else page_text(page, terminal_width(), face), end="")
    return 0


def _page(name: str, where: Where, args: list[str]) -> Page:
    from .. import registry

    output = where[1]
    if name.endswith(".json"):
        return _run_page(Path(name), output)
    if name in registry.families() and name not in registry.models() and not args:
        from ..report.show.family import family_page

        return family_page(registry.families()[name])
    if registry.names_model(name):
        from ..report.show.model import model_page

        adapter = registry.find_model(name, o.model_args(args))
        return model_page(
            adapter,
            (registry.models() | registry.family_lines()).get(name, ""),
            _stored(output, "model", adapter.info.name),
            name,
        )
    if name in registry.suites():
        return _suite_page(name, where)
    return _task_page(name, where)


def _suite_page(name: str, where: Where) -> Page:
    from .. import registry
    from ..report.show.suite import suite_page

    options, output, _ = where
    suite = registry.load_suite(name)
    records = [one for one in _read(output) if str(one.record.task.get("name", "")).startswith(f"{suite.name}/")]
    return suite_page(suite, options, records, name)


def _task_page(name: str, where: Where) -> Page:
    from .. import registry

    options, output, published = where
    found = registry.find_tasks((), [_known(name)])
    if len(found) > 1 and Path(name).exists():
        return _suite_page(name, where)
    if len(found) > 1:
        raise RequestError(f"{name!r} fits {len(found)} tasks: show one of them, such as {found[0].name}.")
    from ..report.published import gathered
    from ..report.show.task import task_page

    task = found[0]
    # The folder of a checkout need not be here: an installed dnabench brings its own.
    named = published if published.is_dir() else None
    scores = gathered(output, named, [task.name])
    asked = name if Path(name).exists() else ""
    return task_page(task, options, scores, _stored(output, "task", task.name), asked)


def _known(name: str) -> str:
    """The name, if it can be a task; a word that is nothing at all is told from a misspelt task."""
    from .. import registry

    if "/" in name or "." in name:
        return name
    tasks = [task.name for suite in registry.usable_suites() for task in suite.tasks]
    ids = [task for task in tasks if task.partition("/")[2] == name]
    if not ids:
        found = [*registry.models(), *registry.families(), *registry.suites(), *tasks]
        guess = nearest(name, [*found, *(task.partition("/")[2] for task in tasks)])
        raise RequestError(
            f"{name!r} is no task, suite, model, family or run.{guess or ' `dnabench list tasks` prints the tasks.'}"
        )
    return ids[0]


def _run_page(path: Path, output: Path) -> Page:
    from ..report.show.model import run_page
    from ..run.store import StoredRecord, read_record

    found = next((p for p in (path, output / path, output / "runs" / path) if p.is_file()), None)
    if found is None:
        raise RequestError(f"{path} does not exist: `dnabench list runs` prints the paths of all runs.")
    return run_page(StoredRecord(found, read_record(found)))


def _stored(output: Path, kind: str, name: str) -> list[StoredRecord]:
    return [
        one for one in _read(output) if (one.record.task if kind == "task" else one.record.model).get("name") == name
    ]


def _read(output: Path) -> list[StoredRecord]:
    from ..run.store import read_records

    return read_records(output, []) if output.is_dir() else []
