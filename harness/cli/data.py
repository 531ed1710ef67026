"""`dnabench data audit`: what leaks, contradicts itself or gives itself away in a task, a suite or a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from ..errors import RequestError
from . import options as o

if TYPE_CHECKING:
    from ..data.sources import DataOptions
    from ..report.audit.audit import Audit
    from ..run.store import StoredRecord

FORMATS = ("console", "md", "json", "html")


def data(  # noqa: PLR0913, PLR0917 - a command's signature is its help page
    action: Annotated[str, Argument(help="audit", metavar="audit")],
    names: Annotated[
        list[str],
        Argument(
            help="Suites, tasks, your csv, or a folder of places (train/ and test/ with a csv per class).",
            metavar="NAME",
        ),
    ],
    data: o.Data = None,
    genome: o.Genomes = [],  # noqa: B006
    results: Annotated[
        Path, Option("-r", "--results", help="Records whose scores are shown without leaked rows.", metavar="DIR")
    ] = Path("results"),
    no_shortcuts: Annotated[bool, Option("--no-shortcuts", help="Facts about rows only: fit no trivial rule.")] = False,
    align: Annotated[bool, Option("--align", help="Near duplicates by alignment too (extra audit; minutes).")] = False,
    second_opinion: Annotated[bool, Option("--second-opinion", help="Ask seqleak too (extra audit).")] = False,
    output: Annotated[Path | None, Option("-o", "--output", help="Write the page to a file.", metavar="FILE")] = None,
    format_name: Annotated[
        str, Option("--format", help="console (default), md, json or html; else by the ending of -o.", metavar="FORMAT")
    ] = "",
    as_json: o.AsJson = False,
) -> int:
    """Audit rows: leaks between splits, labels that contradict, shortcuts, and what leaked rows are worth.

    Facts and the scores of trivial rules are kept in the cache, so that a second call is immediate.
    """
    if action != "audit":
        raise RequestError(f"dnabench data {action}: there is only `dnabench data audit NAME`.")
    face = _face(format_name, as_json, output)
    where = o.where(data, genome)
    text = _text(o.words(names), face, (where, results), (not no_shortcuts, align, second_opinion))
    if output is None:
        print(text, end="")
        return 0
    _write(output, text)
    return 0


def _write(path: Path, text: str) -> None:
    """The whole file or none of it."""
    from .out import say

    staged = path.with_name(f".{path.name}.tmp")
    try:
        staged.write_text(text, encoding="utf-8")
        staged.replace(path)
    except OSError as problem:
        raise RequestError(
            f"{path} cannot be written ({problem.strerror}): name a file in a folder that exists."
        ) from None
    say(f"written: {path}")


def _face(name: str, as_json: bool, output: Path | None) -> str:
    """The format asked for, else what the file's ending says, else text."""
    ending = {".html": "html", ".md": "md", ".json": "json"}.get(output.suffix if output else "", "console")
    face = "json" if as_json else name or ending
    if face not in FORMATS:
        raise RequestError(f"an audit cannot be printed as {face}: {', '.join(FORMATS)}.")
    return face


def _text(names: Sequence[str], face: str, where: tuple[DataOptions, Path], wanted: tuple[bool, bool, bool]) -> str:
    folders = [Path(name) for name in names if _is_folder(name)]
    places = [folder for found in folders for folder in _sets(found)]
    rest = [name for name in names if not (_is_folder(name) and _sets(Path(name)))]
    if places and rest:
        raise RequestError(f"audit folders of places and tasks one by one: {places[0]} is a folder, {rest[0]} a task.")
    if places:
        from ..report.audit.text import places_text

        return places_text(places, face, _width())
    from ..report.audit.text import audit_text

    return audit_text(_audit(rest, where, wanted), face, _width())


def _is_folder(name: str) -> bool:
    return Path(name).is_dir() and not (Path(name) / "suite.yaml").is_file()


def _sets(folder: Path) -> list[Path]:
    """The folder itself, or the sets of places that lie in it."""
    from ..audit.coordinates import is_coordinates

    if is_coordinates(folder):
        return [folder]
    found = sorted(path for path in folder.iterdir() if path.is_dir() and is_coordinates(path))
    if not found:
        raise RequestError(f"{folder} holds no places: train/ and test/ with one csv per class (region, start, end).")
    return found


def _audit(names: Sequence[str], where: tuple[DataOptions, Path], wanted: tuple[bool, bool, bool]) -> Audit:
    from .. import registry
    from ..report.audit.audit import Asked, audit_tasks

    options, results = where
    tasks = registry.find_tasks((), names)
    shortcuts, align, second = wanted
    asked = Asked(options, _stored(results), shortcuts, align, second)
    audit = audit_tasks(tasks, asked)
    if not any(one.facts for one in audit.tasks):
        raise RequestError(f"nothing to audit: {audit.tasks[0].problem}")
    return audit


def _stored(results: Path) -> list[StoredRecord]:
    from ..run.store import read_records

    problems: list[str] = []
    return read_records(results, problems) if results.is_dir() else []


def _width() -> int:
    from .out import terminal_width

    return terminal_width()
