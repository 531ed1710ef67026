"""What the literature says of a task: rows of `results/published/*.csv`."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import RecordError

COLUMNS = ("task", "model", "protocol", "metric", "value", "source")
"""Needed; `error`, `error_kind`, `replicates` and `note` are read where they exist."""


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


def read_published(folder: Path, tasks: Iterable[str] = ()) -> list[PublishedScore]:
    """The published scores of some tasks (all where none are named), in the order of the files.

    An absent folder holds none. Raises RecordError for a file without the needed columns or with a bad number.
    """
    wanted = set(tasks)
    found = [score for path in sorted(folder.glob("*.csv")) for score in _read(path)]
    return [score for score in found if not wanted or score.task in wanted]


def _read(path: Path) -> Iterator[PublishedScore]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines)
        missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise RecordError(f"{path} has no column {missing[0]!r}: published scores need {', '.join(COLUMNS)}")
        for number, row in enumerate(rows, 2):
            yield _score(row, f"{path}:{number}")


def _score(row: Mapping[str, str], where: str) -> PublishedScore:
    words = {name: row.get(name) or "" for name in ("error_kind", "replicates", "note")}
    return PublishedScore(
        **{name: row[name] for name in COLUMNS if name != "value"},
        **words,
        value=_number(row["value"], where),
        error=_number(row.get("error") or "", where),
    )


def _number(text: str, where: str) -> float | None:
    """A number or nothing.

    >>> _number("0.7415", "x.csv:2"), _number("", "x.csv:3")
    (0.7415, None)
    """
    try:
        return float(text) if text.strip() else None
    except ValueError:
        raise RecordError(f"{where}: {text!r} is not a number") from None
