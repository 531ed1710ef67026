"""Which genome files a task's rows are read from, and the windows of one or several genomes at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dnabench.harness.errors import ChecksumError, DataError, TaskFileError, Unavailable
from dnabench.harness.types import FileFacts, Task

from .assemblies import check_assembly
from .genome import Window, chromosome_lengths, file_sha256, find_chromosome, read_windows
from .sources import GENOMES, DataOptions, find_assembly, is_genome_file, locate

Genomes = Mapping[str, tuple[Path, ...]]
"""Name that rows use → files; the name "" stands for the only genome of a task."""


def genomes_of(task: Task, options: DataOptions) -> Genomes:
    """The genome files of a task: its `genome`, or each of its `genomes` by name; each may be several files.

    A genome is written as a file of the suite (`genome.fa.gz`) or as an assembly (`GRCh38`), which is looked
    for as `genomes/GRCh38.fa` in the data folders and the cache, or named with --genome GRCh38=FILE.
    Raises Unavailable for a missing one, DataError for another build, ChecksumError for other bytes.
    """
    named = task.source.options
    words = {"": named["genome"]} if "genome" in named else named.get("genomes")
    if not isinstance(words, Mapping):
        raise TaskFileError(f"{task.name}: `source.options` must name the `genome` of its intervals")
    found = {
        str(name): tuple(find_genome(task, word, options) for word in _listed(task, words[name])) for name in words
    }
    if named.get("genome_sha256"):
        _check_bytes(found, str(named["genome_sha256"]))
    return found


def find_genome(task: Task, word: str, options: DataOptions) -> Path:
    """The file of one genome, its build checked where it is a known assembly."""
    if is_genome_file(word):
        return locate(task, FileFacts(word), options).path
    path = find_assembly(word, options)
    if path is None:
        copies = f"; or leave these places out: {task.source.hub_repo} on the hub has the sequences"
        raise Unavailable(
            f"{task.name} needs the genome {word}: looked for {GENOMES}/{word}.fa in the data folders and the cache; "
            f"download it and name it with --genome {word}=FILE{copies if task.source.hub_repo else ''}"
        )
    check_assembly(path, word)
    return path


def read_places(genomes: Genomes, names: Sequence[str], windows: Sequence[Window], table: str, pad: bool) -> list[str]:
    """The bases of every window, each from the genome of its name, in the order given.

    With `pad` a window that leaves its chromosome is filled up with N; else it is refused. Raises DataError
    as `read_windows` does, and for a name that stands for no genome.
    """
    found = [""] * len(windows)
    for name in dict.fromkeys(names):
        rows = [i for i, own in enumerate(names) if own == name]
        if name not in genomes:
            known = ", ".join(genomes)
            raise DataError(f"{table}, line {windows[rows[0]].row}: no genome is called {name!r}, only {known}")
        for path, own in _by_file(genomes[name], windows, rows).items():
            bases = _read(path, [windows[i] for i in own], table, pad)
            for i, text in zip(own, bases, strict=True):
                found[i] = text
    return found


def _listed(task: Task, words: Any) -> list[str]:
    listed = [words] if isinstance(words, str) else words
    if not isinstance(listed, list | tuple) or not all(isinstance(word, str) for word in listed):
        raise TaskFileError(f"{task.name}: a genome in `source.options` is a file, an assembly, or a list of them")
    return list(listed)


def _check_bytes(found: Genomes, expected: str) -> None:
    for path in (path for paths in found.values() for path in paths):
        if (seen := file_sha256(path)) != expected:
            raise ChecksumError(
                f"{path} has sha256 {seen}, the task was made from {expected}: "
                "fetch that genome, or install dnabench again"
            )


def _by_file(paths: Sequence[Path], windows: Sequence[Window], rows: Sequence[int]) -> dict[Path, list[int]]:
    """Rows by the file that has their chromosome; those that none has go to the first, which will say so."""
    if len(paths) == 1:
        return {paths[0]: list(rows)}
    lengths = {path: chromosome_lengths(path) for path in paths}
    home = {
        name: next((path for path in paths if find_chromosome(name, lengths[path])), paths[0])
        for name in {windows[i].chromosome for i in rows}
    }
    parted: dict[Path, list[int]] = {}
    for i in rows:
        parted.setdefault(home[windows[i].chromosome], []).append(i)
    return parted


def _read(path: Path, windows: Sequence[Window], table: str, pad: bool) -> list[str]:
    if not pad:
        return read_windows(path, windows, table)
    lengths = chromosome_lengths(path)
    within, missing = [], []
    for window in windows:
        name = find_chromosome(window.chromosome, lengths)
        end = min(window.end, lengths[name]) if name else window.end
        start = max(window.start, 0)
        sides = (start - window.start, window.end - end)
        within.append(Window(window.chromosome, start, end, window.strand, window.row))
        missing.append(sides if window.strand == "+" else sides[::-1])
    read = read_windows(path, within, table)
    return ["N" * left + bases + "N" * right for bases, (left, right) in zip(read, missing, strict=True)]
