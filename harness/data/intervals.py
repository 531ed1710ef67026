"""Tables of genome windows: rows that name a place (chromosome, start, end, strand) instead of its bases."""

from collections.abc import Sequence
from pathlib import Path

from dnabench.harness.errors import ChecksumError, DataError
from dnabench.harness.types import Task

from .formats import Rows, read_table
from .genome import Window, file_sha256, read_windows
from .opening import read_plain, text_of

PLACE = ("chromosome", "start", "end", "strand")


def read_intervals(path: Path, genome: Path, task: Task) -> Rows:
    """The rows of a table of windows, read from a genome.

    The table is tab-separated, plain or gzipped, with a header that names `chromosome`, `start`, `end`
    (0-based, half-open), `strand` (+ or -; `.` counts as +) and the task's label column. Rows on `-` are
    reverse complemented; `chromosome` and further columns are kept. Raises DataError with file and line, and
    ChecksumError where the task states a `genome_sha256` and this genome has another one.
    """
    label = task.source.label_column
    text = text_of(read_plain(path, path.name), path.name)
    table, lines = read_table(text, "\t", (*PLACE, label), path.name)
    places = zip(*(table[name] for name in PLACE), strict=True)
    windows = [_window(path.name, place, line) for place, line in zip(places, lines, strict=True)]
    _check_genome(genome, task.source.options.get("genome_sha256"))
    bases = read_windows(genome, windows, path.name)
    kept = {name: cells for name, cells in table.items() if name not in (*PLACE[1:], label)}
    return Rows(list(bases), [], table[label], kept, lines)


def _check_genome(genome: Path, expected: str | None) -> None:
    if expected and genome.is_file() and (found := file_sha256(genome)) != expected:
        raise ChecksumError(
            f"{genome} has sha256 {found}, the task was made from {expected}: "
            "fetch that genome, or install dnabench again"
        )


def _window(name: str, place: Sequence[str], line: int) -> Window:
    chromosome, start, end, strand = place
    for word in (start, end):
        if not (word.isascii() and word.isdigit()):
            raise DataError(f"{name}, line {line}: {word!r} is not a place on {chromosome}: give a whole number")
    return Window(chromosome, int(start), int(end), "+" if strand == "." else strand, line)
