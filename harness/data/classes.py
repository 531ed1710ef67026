"""Splits that are folders with one entry per class, as Genomic Benchmarks lays them out.

    train/negative.csv.gz   places: id, region, start, end, strand (0-based, half-open)
    train/negative/0.txt …  sequences, one per file
    train/negative.fa.gz    sequences, FASTA; .txt too

Classes are told by name, never by the order in which a disk lists them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dnabench.harness.errors import DataError
from dnabench.harness.types import Task

from .formats import FASTA_SUFFIXES, Rows, fasta_records, read_table
from .genome import Window
from .genomes import Genomes, genomes_of, read_places
from .hub import safe_path
from .intervals import window_of
from .opening import read_plain, text_of
from .sources import DataOptions

_PLACE = ("region", "start", "end", "strand")
_TABLES = (".csv", ".csv.gz")
_FASTA = (*FASTA_SUFFIXES, *(f"{suffix}.gz" for suffix in FASTA_SUFFIXES))


def read_classes(folder: Path, split: str, task: Task, options: DataOptions) -> Rows:
    """The rows of one split, class after class in the order of the task's classes.

    `source.options.entries` names the entry of each class where it is not called as the class is, by split
    where splits lie in one folder; `file.fa#word` stands for the records whose names start with the word.
    Raises DataError for a class without an entry, and Unavailable where places need a genome that is not here.
    """
    named = task.source.options.get("entries") or {}
    named = named.get(split, named)
    entries = {name: _entry(folder, str(named.get(name, name))) for name in task.target.classes}
    places = any(entry.name.endswith(_TABLES) for entry, _ in entries.values())
    genomes = genomes_of(task, options) if places else {}
    parts = [_read(entry, name, word, genomes) for name, (entry, word) in entries.items()]
    for (entry, word), part in zip(entries.values(), parts, strict=True):
        if not len(part):
            what = f"no record that starts with {word!r}" if word else "no rows"
            raise DataError(f"{folder.name}/{entry.name} holds {what}: was it copied whole?")
    shared = set.intersection(*(set(part.columns) for part in parts))
    columns = {key: [cell for part in parts for cell in part.columns[key]] for key in sorted(shared)}
    sequences = [s for part in parts for s in part.sequences]
    return Rows(sequences, [], [label for part in parts for label in part.labels], columns)


def place_table(path: Path) -> tuple[list[Window], dict[str, list[str]]]:
    """The places of one class and all columns of its table."""
    text = text_of(read_plain(path, path.name), path.name)
    table, lines = read_table(text, ",", _PLACE, path.name)
    strands = ["+" if strand.lower() in ("", "nan", ".") else strand for strand in table["strand"]]
    cells = zip(table["region"], map(_whole, table["start"]), map(_whole, table["end"]), strands, strict=True)
    return [window_of(path.name, place, line) for place, line in zip(cells, lines, strict=True)], table


def _entry(folder: Path, named: str) -> tuple[Path, str]:
    name, _, word = named.partition("#")
    for suffix in (*_TABLES, *_FASTA, ".gz", ""):
        path = folder / f"{safe_path(name)}{suffix}"
        if path.is_file() or (path.is_dir() and not suffix):
            return path, word
    seen = ", ".join(sorted(path.name for path in folder.iterdir())[:6])
    raise DataError(f"{folder.name}/ has no class {name!r}, only {seen}: is it the task's folder?")


def _read(entry: Path, name: str, word: str, genomes: Genomes) -> Rows:
    if entry.is_dir():
        files = sorted(entry.glob("*.txt"), key=lambda path: (len(path.stem), path.stem))
        return _labelled([_only_text(f) for f in files], name)
    if not entry.name.endswith(_TABLES):
        records = fasta_records(text_of(read_plain(entry, entry.name), entry.name))
        # Some files have the sequence behind the `>`, without a header.
        return _labelled([bases or header for header, bases, _ in records if header.startswith(word)], name)
    windows, table = place_table(entry)
    own = name if name in genomes else ""
    bases = read_places(genomes, [own] * len(windows), windows, f"{entry.parent.name}/{entry.name}", False)
    return Rows(bases, [], [name] * len(bases), {"chromosome": table["region"]})


def _only_text(file: Path) -> str:
    """The sequence that is a file's only content."""
    name = f"{file.parent.name}/{file.name}"
    text = text_of(read_plain(file, name), name).strip()
    if not text:
        raise DataError(f"{name} is empty: copy it again")
    return text


def _labelled(sequences: Sequence[str], name: str) -> Rows:
    return Rows(list(sequences), [], [name] * len(sequences), {})


def _whole(word: str) -> str:
    """A whole number that pandas wrote as a decimal.

    >>> _whole("12.0"), _whole("12"), _whole("x")
    ('12', '12', 'x')
    """
    return word.removesuffix(".0")
