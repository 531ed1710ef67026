"""What the literature says of a task: rows of `results/published/*.csv`."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import RecordError, RequestError

COLUMNS = ("task", "model", "protocol", "metric", "value", "source")
"""Needed; `hub_id`, `error`, `error_kind`, `replicates`, `test_rows` and `note` are read where they exist."""
NOT_COMPARABLE = ("SECONDARY", "AMBIGUOUS", "not a target")
"""Words of a note or source that keep a figure out of every comparison."""


@dataclass(frozen=True)
class PublishedScore:
    """One number of a paper or repository; values are fractions."""

    task: str
    model: str
    protocol: str
    metric: str
    value: float | None
    error: float | None
    error_kind: str
    """What the error is: standard deviation, standard error; empty where there is none."""
    replicates: str
    note: str
    source: str
    hub_id: str = ""
    """The weights on the hub, where the source leaves no doubt which."""
    test_rows: int | None = None
    """Rows of the test set, where the source states them."""

    @property
    def comparable(self) -> bool:
        """False where it is not known what the figure is, or it is somebody's summary of it."""
        told = f"{self.note} {self.source}"
        return self.value is not None and not any(word in told for word in NOT_COMPARABLE)


def read_published(folder: Path, tasks: Iterable[str] = ()) -> list[PublishedScore]:
    """The published scores of some tasks (all where none are named), in the order of the files.

    An absent folder holds none. Raises RecordError for a file without the needed columns or with a bad number.
    """
    wanted = set(tasks)
    found = [score for path in sorted(folder.glob("*.csv")) for score in _read(path)]
    return [score for score in found if not wanted or score.task in wanted]


def packaged() -> Path | None:
    """The folder of published scores that comes with dnabench, None where it was left out."""
    from importlib import resources

    try:
        folder = Path(str(resources.files("dnabench.published")))
    except ModuleNotFoundError:
        return None
    return folder if folder.is_dir() else None


def gathered(results: Path | None, named: Path | None = None, tasks: Iterable[str] = ()) -> list[PublishedScore]:
    """Published scores of a folder that was named, else those beside the results and those that come with dnabench.

    A figure that stands in both counts once. Raises RequestError where the named folder is none, RecordError as
    `read_published`.
    """
    if named is not None and not named.is_dir():
        raise RequestError(f"{named} is no folder of published scores (csv).")
    own = None if results is None else results / "published"
    folders = [named] if named is not None else [folder for folder in (own, packaged()) if folder is not None]
    wanted = tuple(tasks)
    return list(dict.fromkeys(score for folder in folders for score in read_published(folder, wanted)))


def _read(path: Path) -> Iterator[PublishedScore]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines)
        missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise RecordError(f"{path} has no column {missing[0]!r}: published scores need {', '.join(COLUMNS)}")
        for number, row in enumerate(rows, 2):
            yield _score(row, f"{path}:{number}")


def _score(row: Mapping[str, str], where: str) -> PublishedScore:
    words = {name: row.get(name) or "" for name in ("error_kind", "replicates", "note", "hub_id")}
    rows = _number(row.get("test_rows") or "", where)
    return PublishedScore(
        **{name: row[name] or "" for name in COLUMNS if name != "value"},
        **words,
        value=_number(row["value"] or "", where),
        error=_number(row.get("error") or "", where),
        test_rows=None if rows is None else int(rows),
    )


def _number(text: str, where: str) -> float | None:
    """A number or nothing.

    >>> _number("0.7415", "x.csv:2"), _number("", "x.csv:3")
    (0.7415, None)
    """
    try:
        found = float(text) if text.strip() else None
    except ValueError:
        found = math.nan
    if found is not None and not math.isfinite(found):
        raise RecordError(f"{where}: {text!r} is not a number")
    return found
