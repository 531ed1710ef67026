"""A genome as one byte per base in a memory-mapped file, so that a window is a slice and costs next to nothing.

The file is made once per genome (named by its sha256) in the cache and shared by all processes; where the cache
cannot be written, it lives in a temporary file for as long as the process.
"""

import json
import mmap
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.errors import DataError

Read = Callable[[], Iterable[tuple[str, bytes]]]
_SCRATCH = "making-"
_STALE = 24 * 3600
"""Seconds."""


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


def packed(read: Read, folder: Path) -> Packed:
    """The packed form kept in `folder`, made from (name, piece of its bases) pairs where it is not there yet.

    `read` starts reading the genome anew, and is called only to make it. A form that is half-written, cut short or
    has a damaged table is made again. Raises DataError where neither the cache nor the folder for temporary files
    can hold it.
    """
    found = _kept(folder)
    if found is None:
        try:
            _make(read(), folder)
        except _Unwritable:
            return _temporary(read, folder)
        found = _kept(folder)
    return found or _temporary(read, folder)


class _Unwritable(Exception):
    """The cache cannot be written; what reading the genome raises is another matter and passes."""


def _kept(folder: Path) -> Packed | None:
    try:
        lengths = json.loads((folder / "bases.json").read_text(encoding="utf-8"))
        with (folder / "bases.u8").open("rb") as file:
            whole = os.fstat(file.fileno()).st_size == sum(lengths.values())
            return _mapped(file, lengths) if whole else None
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _make(chromosomes: Iterable[tuple[str, bytes]], folder: Path) -> None:
    with _writing():
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=folder))
    try:
        with _writing():
            file = (scratch / "bases").open("wb")
        with file:
            lengths = _written(chromosomes, file)
        with _writing():
            (scratch / "table").write_text(json.dumps(lengths), encoding="utf-8")
            os.replace(scratch / "bases", folder / "bases.u8")
            os.replace(scratch / "table", folder / "bases.json")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Remove what a killed process left a day ago: genomes are large."""
    for scratch in folder.glob(f"{_SCRATCH}*"):
        if time.time() - scratch.stat().st_mtime > _STALE:
            shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise _Unwritable(problem.strerror) from problem


def _temporary(read: Read, folder: Path) -> Packed:
    try:
        with ExitStack() as stack:
            with _writing():
                file = stack.enter_context(tempfile.TemporaryFile())
            lengths = _written(read(), file)
            with _writing():
                file.flush()
            return _mapped(file, lengths)
    except _Unwritable as problem:
        raise DataError(
            f"a genome cannot be unpacked: neither {folder.parent} nor the folder for temporary files can hold it "
            f"({problem}): set DNABENCH_CACHE to a folder with room"
        ) from None


def _written(chromosomes: Iterable[tuple[str, bytes]], file: IO[bytes]) -> dict[str, int]:
    lengths: dict[str, int] = {}
    for name, bases in chromosomes:
        with _writing():
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
