"""DeepSEA's windows as places: a csv with `Chr_No` (0 is chromosome 1), `Start`, `End` and a column `y_…` per label.

The layout of HyenaDNA's loader (src/dataloaders/datasets/chromatin_profile_dataset.py of HazyResearch/hyena-dna at
d553021); its files were not shipped (issues 35 and 43). Bases come from the genome.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from dnabench.harness.errors import DataError
from dnabench.harness.types import Task

from .formats import Rows
from .genome import Window
from .genomes import Genomes, read_places
from .opening import lines_of

PLACE = ("Chr_No", "Start", "End")
_CHROMOSOMES = (*(str(i) for i in range(1, 23)), "X", "Y")


def read_profiles(path: Path, genomes: Genomes, task: Task) -> Rows:
    """The rows of one file: the `length` bases around the middle of each place, and the task's labels.

    A task without a length reads the places. `source.options.labels` names the first label, the one after the last,
    and how many the file has. What leaves a chromosome is N. Raises DataError with file and line for another number
    of labels, a place that is none, and a label besides 0 and 1.
    """
    first, end, total = task.source.options["labels"]
    lines = csv.reader(lines_of(path, path.name))
    header = [name.strip() for name in next(lines, [])]
    places = _columns(header, total, path.name)
    chosen = [i for i, name in enumerate(header) if name.startswith("y_")][first:end]
    windows, labels = [], []
    for line, cells in _whole(lines, len(header), path.name):
        windows.append(_window([cells[i] for i in places], task.length, (path.name, line)))
        labels.append(_labels([cells[i] for i in chosen], (path.name, line)))
    bases = read_places(genomes, [""] * len(windows), windows, path.name, pad=True)
    return Rows(bases, [], labels, {"chromosome": [w.chromosome for w in windows]}, [w.row for w in windows])


def _columns(header: Sequence[str], total: int, file: str) -> list[int]:
    missing = [name for name in PLACE if name not in header]
    if missing:
        raise DataError(f"{file} has no column {missing[0]!r}: the first line must name {', '.join(PLACE)} and y_…")
    labels = sum(name.startswith("y_") for name in header)
    if labels != total:
        raise DataError(f"{file} has {labels:,} columns y_…; expected {total:,}, one for each label")
    return [header.index(name) for name in PLACE]


def _whole(lines: Iterator[list[str]], width: int, file: str) -> Iterator[tuple[int, list[str]]]:
    for line, cells in enumerate(lines, 2):
        if len(cells) != width:
            raise DataError(f"{file}, line {line}: {len(cells)} cells where the header has {width}")
        yield line, cells


def _window(place: Sequence[str], length: int | None, where: tuple[str, int]) -> Window:
    for word in place:
        if not (word.isascii() and word.isdigit()):
            raise DataError(f"{where[0]}, line {where[1]}: {word!r} is not a whole number")
    number, start, end = map(int, place)
    if number >= len(_CHROMOSOMES) or end <= start:
        raise DataError(f"{where[0]}, line {where[1]}: {', '.join(place)} is no place: chromosomes are 0 to 23")
    if length is None:
        return Window(_CHROMOSOMES[number], start, end, "+", where[1])
    left = (start + end) // 2 - length // 2
    return Window(_CHROMOSOMES[number], left, left + length, "+", where[1])


def _labels(cells: Sequence[str], where: tuple[str, int]) -> str:
    """
    >>> _labels(["0", "1.0"], ("a.csv", 2))
    '01'
    """
    words = "".join(cell.removesuffix(".0") for cell in cells)
    if len(words) != len(cells) or words.strip("01"):
        raise DataError(f"{where[0]}, line {where[1]}: a label is neither 0 nor 1")
    return words
