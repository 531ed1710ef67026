"""Tables of genome windows: rows that name a place (chromosome, start, end, strand) instead of its bases."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dnabench.harness.errors import DataError, TaskFileError
from dnabench.harness.sequence import reverse_complement
from dnabench.harness.types import Task

from .formats import Rows, read_table
from .genome import Window
from .genomes import Genomes, read_places
from .opening import read_plain, text_of

PLACE = ("chromosome", "start", "end", "strand")
_EDGES = ("refuse", "pad")


def read_intervals(path: Path, genomes: Genomes, task: Task) -> Rows:
    """The rows of a table of windows, read from their genome.

    The table is tab-separated, plain or gzipped, with a header that names `chromosome`, `start`, `end`
    (0-based, half-open), `strand` (+ or -; `.` counts as +) and the task's label column; `genome`, where the
    task has several; `reference` (or `ref`), the bases that the + strand must start with. Rows on `-` are
    reverse complemented; `chromosome`, `start` and `end` of what was read, and further columns are kept.
    `source.options`: `flank` widens each window on both sides, `edges: pad` fills windows that leave their
    chromosome with N instead of refusing them.
    Raises DataError with file and line.
    """
    label = task.source.label_column
    text = text_of(read_plain(path, path.name), path.name)
    table, lines = read_table(text, "\t", (*PLACE, label), path.name)
    flank, pad = _options(task)
    places = zip(*(table[name] for name in PLACE), strict=True)
    windows = [_window(path.name, place, line, flank) for place, line in zip(places, lines, strict=True)]
    names = table.get("genome") or [""] * len(windows)
    bases = read_places(genomes, names, windows, path.name, pad)
    for column in (name for name in ("reference", "ref") if name in table):
        _check_reference(bases, windows, table[column], (path.name, flank))
    kept = {name: cells for name, cells in table.items() if name not in (*PLACE[1:], label)}
    # What was read, so that an audit sees overlaps: with its flanks a window may touch another.
    kept |= {"start": [str(w.start) for w in windows], "end": [str(w.end) for w in windows]}
    return Rows(bases, [], table[label], kept, lines)


def window_of(name: str, place: Sequence[str], line: int) -> Window:
    """The window that four words of a table spell; DataError with the line for words that are no place."""
    return _window(name, place, line, 0)


def _options(task: Task) -> tuple[int, bool]:
    given: Mapping[str, Any] = task.source.options
    flank, edges = given.get("flank", 0), given.get("edges", "refuse")
    if isinstance(flank, bool) or not isinstance(flank, int) or flank < 0:
        raise TaskFileError(f"{task.name}: `source.options.flank` is {flank!r}; it must be a whole number of bases")
    if edges not in _EDGES:
        raise TaskFileError(f"{task.name}: `source.options.edges` is {edges!r}; it must be {' or '.join(_EDGES)}")
    return flank, edges == "pad"


def _window(name: str, place: Sequence[str], line: int, flank: int) -> Window:
    chromosome, start, end, strand = place
    for word in (start, end):
        if not (word.isascii() and word.isdigit()):
            raise DataError(f"{name}, line {line}: {word!r} is not a place on {chromosome}: give a whole number")
    return Window(chromosome, int(start) - flank, int(end) + flank, "+" if strand == "." else strand, line)


def _check_reference(
    bases: Sequence[str], windows: Sequence[Window], expected: Sequence[str], where: tuple[str, int]
) -> None:
    """Refuse the first row whose bases are not those that the table gives: the genome is another build."""
    name, flank = where
    for text, window, given in zip(bases, windows, expected, strict=True):
        forward = text if window.strand == "+" else reverse_complement(text)
        found = forward[flank : flank + len(given)]
        if found.upper() != given.upper():
            place = f"{window.chromosome}:{window.start + flank}"
            raise DataError(
                f"{name}, line {window.row}: the genome has {found[:20]} at {place}, the table {given[:20]}: "
                "it was made on another build"
            )
