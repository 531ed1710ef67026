"""Windows of a genome: a FASTA file, plain, gzipped or xz, opened read-only through its index.

An index that lies beside the file (`.fai`, and `.gzi` for block gzip) is used as it is, whatever its date: an
install gives files new dates, and pyfaidx would rewrite it. A missing one is built in the cache; a file that is
compressed as a whole is unpacked there, once.
"""

import gzip
import hashlib
import lzma
import os
import shutil
import struct
import tempfile
import warnings
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dnabench.harness.errors import DataError
from dnabench.harness.sequence import reverse_complement

from .packed import Packed, packed

COMPRESSED = (".gz", ".bgz")
_UNREADABLE = (OSError, ValueError, IndexError, RuntimeError, StopIteration, struct.error, zlib.error)
"""What pyfaidx and Bio.bgzf raise on truncated or damaged files."""
_DENSE = 20
"""A genome is packed (`packed.py`) when the windows asked for cover more than 1/20 of it."""
_BLOCK_GZIP = b"BC\x02\x00"
"""The extra field at byte 12 of a gzip file that is compressed in blocks."""


@dataclass(frozen=True)
class Window:
    """A stretch of a chromosome, 0-based and half-open; on strand `-` it reads as the reverse complement."""

    chromosome: str
    start: int
    end: int
    strand: str = "+"
    row: int = 0
    """Line of the table that asked for it, for messages; 0 where there is none."""


def read_windows(genome: Path, windows: Sequence[Window], table: str = "") -> list[str]:
    """The sequence of every window, in the order given, with the case of the file.

    `chr1` and `1` name the same chromosome; `table` is the file that errors name beside a window's row.
    Raises DataError for an unknown chromosome, a window that is empty or leaves its chromosome, a strand
    other than + and -, and for a genome or index that cannot be read.
    """
    found = [""] * len(windows)
    with _opened(genome) as fasta:
        wanted = _by_chromosome(fasta, windows, (genome.name, table))
        dense = sum(w.end - w.start for w in windows) * _DENSE > sum(e.rlen for e in fasta.index.values())
        # pyfaidx 0.9.2 cannot read to where a gzip block of full size ends: such files are always packed.
        source = _packed(fasta, genome) if dense or fasta._bgzf else None
        for name, numbered in wanted.items():
            for (i, window), bases in zip(numbered, _fetched(fasta, source, name, numbered), strict=True):
                found[i] = bases if window.strand == "+" else reverse_complement(bases)
    return found


def packed_genome(genome: Path) -> Packed:
    """The whole genome memory-mapped, for reading windows without copying them."""
    with _opened(genome) as fasta:
        return _packed(fasta, genome)


def chromosome_lengths(genome: Path) -> dict[str, int]:
    """Bases of every chromosome of a FASTA file, in file order."""
    with _opened(genome) as fasta:
        return {name: entry.rlen for name, entry in fasta.index.items()}


def file_sha256(path: Path) -> str:
    """The sha256 of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_chromosome(name: str, known: Mapping[str, Any]) -> str | None:
    """How a genome spells a chromosome, with or without `chr`; None where it has no such chromosome.

    >>> find_chromosome("1", {"chr1": 0, "chrM": 0}), find_chromosome("MT", {"chr1": 0, "chrM": 0})
    ('chr1', 'chrM')
    """
    bare = name.removeprefix("chr")
    mitochondrion = ("chrM", "M", "MT", "chrMT") if bare in ("M", "MT") else ()
    return next((n for n in (name, f"chr{bare}", bare, *mitochondrion) if n in known), None)


def _by_chromosome(
    fasta: Any, windows: Sequence[Window], names: tuple[str, str]
) -> dict[str, list[tuple[int, Window]]]:
    """Numbered windows under the genome's own chromosome names; refuses the first that cannot be read."""
    spelt = {name: find_chromosome(name, fasta.index) for name in {w.chromosome for w in windows}}
    if None in spelt.values():
        # Transcripts: tables often leave the version out (ENST00000371014 for ENST00000371014.5).
        bare = {name.partition(".")[0]: name for name in fasta.index}
        spelt = {name: own or bare.get(name) for name, own in spelt.items()}
    wanted: dict[str, list[tuple[int, Window]]] = {}
    for i, window in enumerate(windows):
        name = spelt[window.chromosome]
        fault = _fault(window, fasta.index[name].rlen) if name else f"there is no such chromosome, {_some(fasta)}"
        if name is None or fault:
            genome, table = names
            line = f"{table}, line {window.row}: " if table else ""
            place = f"{window.chromosome}:{window.start}-{window.end}"
            raise DataError(f"{line}{place} is not a window of {genome}: {fault}")
        wanted.setdefault(name, []).append((i, window))
    return wanted


def _fault(window: Window, length: int) -> str:
    if window.strand not in ("+", "-"):
        return f"strand {window.strand!r} is neither + nor -"
    if window.start >= window.end:
        return "it is empty"
    return "" if window.start >= 0 and window.end <= length else f"the chromosome has {length:,} bases"


def _some(fasta: Any) -> str:
    shown = list(fasta.index)[:4]
    return f"only {', '.join(shown)}{', …' if len(fasta.index) > len(shown) else ''}"


def _fetched(fasta: Any, source: Packed | None, name: str, wanted: Sequence[tuple[int, Window]]) -> Iterable[str]:
    if source is not None:
        return source.strings(name, (w.start for _, w in wanted), (w.end for _, w in wanted))
    return (fasta.fetch(name, w.start + 1, w.end) for _, w in wanted)


def _packed(fasta: Any, genome: Path) -> Packed:
    def chromosomes() -> Iterator[tuple[str, str]]:
        for name, entry in fasta.index.items():
            whole = fasta.fetch(name, 1, entry.rlen)
            if len(whole) != entry.rlen:
                raise DataError(f"{genome}: {name} has {len(whole):,} bases, its index says {entry.rlen:,}")
            yield name, whole

    return packed(chromosomes(), _index_folder(genome))


@contextmanager
def _opened(genome: Path) -> Iterator[Any]:
    """A `pyfaidx.Faidx` on a file and an index that belongs to it."""
    from pyfaidx import Faidx

    if not genome.is_file():
        raise DataError(f"there is no genome {genome}")
    genome = _indexable(genome)
    fai, gzi = _index_of(genome)
    try:
        with warnings.catch_warnings():  # an index older than its file is what an install leaves behind
            warnings.simplefilter("ignore", RuntimeWarning)
            fasta = Faidx(
                str(genome),
                indexname=str(fai),
                gzi_indexname=str(gzi) if gzi else None,
                rebuild=False,
                build_index=False,
                as_raw=True,
                strict_bounds=True,
            )
        try:
            _check_index(genome, fai, fasta)
            yield fasta
        finally:
            fasta.close()
    except _UNREADABLE as error:
        raise DataError(f"{genome} cannot be read through its index {fai.name}: {error}") from error


def _check_index(genome: Path, fai: Path, fasta: Any) -> None:
    """Refuse an index made for another file: the line before each chromosome must be its header."""
    for name in fasta.index:
        header = fasta.get_long_name(name)
        if not header or header.split()[0] != name:
            raise DataError(
                f"{fai} was made for another file than {genome.name} (at {name}): delete it, it is made anew"
            )


def _index_of(genome: Path) -> tuple[Path, Path | None]:
    """Paths of `.fai` and `.gzi`: those beside the file, else in the cache, built there when missing."""
    compressed = genome.name.lower().endswith(COMPRESSED)
    fai, gzi = Path(f"{genome}.fai"), Path(f"{genome}.gzi")
    if fai.is_file() and (gzi.is_file() or not compressed):
        return fai, gzi if compressed else None
    folder = _index_folder(genome)
    fai, gzi = folder / fai.name, folder / gzi.name
    if not fai.is_file() or (compressed and not gzi.is_file()):
        _build_index(genome, folder)
    return fai, gzi if compressed else None


def _index_folder(genome: Path) -> Path:
    from .sources import DataOptions, cache_folder

    facts = genome.stat()
    return cache_folder(DataOptions()) / "genome-index" / _sha256_once(genome, facts.st_size, facts.st_mtime_ns)[:16]


@cache
def _sha256_once(genome: Path, size: int, changed: int) -> str:
    """Hashing three gigabases takes seconds: once per process and state of the file."""
    return file_sha256(genome)


def _build_index(genome: Path, folder: Path) -> None:
    from pyfaidx import Faidx, FastaIndexingError

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            fai, gzi = Path(scratch, f"{genome.name}.fai"), Path(scratch, f"{genome.name}.gzi")
            Faidx(str(genome), indexname=str(fai), gzi_indexname=str(gzi)).close()
            for made in (gzi, fai):
                if made.is_file():
                    os.replace(made, folder / made.name)
    except FastaIndexingError as error:
        raise DataError(f"{genome} is not a FASTA file that can be indexed: {error}") from error
    except OSError as error:
        raise DataError(
            f"{genome} has no index and {folder} cannot be written ({error.strerror}): "
            f"run `samtools faidx {genome.name}` or set DNABENCH_CACHE to a folder of yours"
        ) from error


def _indexable(genome: Path) -> Path:
    """The file itself if parts of it can be read (plain, block gzip), else its unpacked copy in the cache."""
    with genome.open("rb") as file:
        head = file.read(18)
    opener = lzma.open if head.startswith(b"\xfd7zXZ\x00") else gzip.open if head.startswith(b"\x1f\x8b") else None
    if opener is None or (opener is gzip.open and head[12:16] == _BLOCK_GZIP):
        return genome
    folder = _index_folder(genome)
    copy = folder / genome.stem
    if copy.is_file():
        return copy
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            whole = Path(scratch, "unpacked")
            with opener(genome, "rb") as packed_file, whole.open("wb") as plain:
                shutil.copyfileobj(packed_file, plain, 1 << 20)
            os.replace(whole, copy)
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as problem:
        raise DataError(f"{genome} is a damaged archive ({problem}): fetch or copy it again") from problem
    except OSError as problem:
        raise DataError(
            f"{genome} is compressed as a whole and {folder} cannot hold it unpacked ({problem.strerror}): "
            "unpack it yourself or set DNABENCH_CACHE to a folder of yours"
        ) from problem
    return copy
