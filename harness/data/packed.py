"""A genome as one byte per base in a memory-mapped file, so that a window is a slice and costs next to nothing.

The file is made once per genome (named by its sha256) in the cache and shared by all processes; where the cache
cannot be written, it lives in a temporary file for as long as the process.
"""

import json
import mmap
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Packed:
    """The bases of all chromosomes, one after the other, as the file spells them."""

    bases: mmap.mmap
    """Latin-1 letters, upper and lower case."""
    starts: dict[str, int]
    """Chromosome → where its first base stands in `bases`."""
    lengths: dict[str, int]

    def strings(self, chromosome: str, starts: Iterable[int], ends: Iterable[int]) -> list[str]:
        """Windows as text, 0-based and half-open, on the + strand."""
        first, bases = self.starts[chromosome], self.bases
        return [bases[first + a : first + b].decode("latin-1") for a, b in zip(starts, ends, strict=True)]

    def views(self, chromosome: str, starts: Sequence[int], ends: Sequence[int]) -> list[NDArray[np.uint8]]:
        """Windows as read-only arrays of letters (uint8) that share the file's memory: nothing is copied."""
        first = self.starts[chromosome]
        letters = np.frombuffer(self.bases, np.uint8, self.lengths[chromosome], first)
        return [letters[a:b] for a, b in zip(starts, ends, strict=True)]


def packed(chromosomes: Iterable[tuple[str, bytes]], folder: Path) -> Packed:
    """The packed form kept in `folder`, made from (name, piece of its bases) pairs where it is not there yet.

    `chromosomes` is read only to make it. A half-written file never counts as one.
    """
    data, table = folder / "bases.u8", folder / "bases.json"
    if not (data.is_file() and table.is_file()):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _make(chromosomes, data, table)
        except PermissionError:
            return _temporary(chromosomes)
        except OSError as problem:
            if problem.errno not in (30, 28):  # a read-only or full disk
                raise
            return _temporary(chromosomes)
    with data.open("rb") as file:
        return _mapped(file, json.loads(table.read_text(encoding="utf-8")))


def _make(chromosomes: Iterable[tuple[str, bytes]], data: Path, table: Path) -> None:
    with tempfile.TemporaryDirectory(dir=data.parent) as scratch:
        with Path(scratch, "bases").open("wb") as file:
            lengths = _written(chromosomes, file)
        Path(scratch, "table").write_text(json.dumps(lengths), encoding="utf-8")
        os.replace(Path(scratch, "bases"), data)
        os.replace(Path(scratch, "table"), table)


def _temporary(chromosomes: Iterable[tuple[str, bytes]]) -> Packed:
    with tempfile.TemporaryFile() as file:
        lengths = _written(chromosomes, file)
        file.flush()
        return _mapped(file, lengths)


def _written(chromosomes: Iterable[tuple[str, bytes]], file: IO[bytes]) -> dict[str, int]:
    lengths: dict[str, int] = {}
    for name, bases in chromosomes:
        file.write(bases)
        lengths[name] = lengths.get(name, 0) + len(bases)
    return lengths


def _mapped(file: IO[bytes], lengths: dict[str, Any]) -> Packed:
    ends = np.cumsum(list(lengths.values())).tolist()
    starts = dict(zip(lengths, [0, *ends], strict=False))
    # An empty file cannot be mapped: a genome without bases is one byte that no window reads.
    if not ends or not ends[-1]:
        return Packed(mmap.mmap(-1, 1), starts, lengths)
    return Packed(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), starts, lengths)
