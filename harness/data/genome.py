"""Windows of a genome: a FASTA file, plain or compressed, opened read-only.

A few windows of a plain file are read through its index by pyfaidx. Many windows, and those of a compressed file
(gzip, block gzip, xz), come from the packed form (`packed.py`), which is made once in the cache. An index that lies
beside the file is used as it is, whatever its date: an install gives files new dates, and pyfaidx would rewrite it.
"""

import gzip
import hashlib
import lzma
import os
import re
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

_UNREADABLE = (OSError, ValueError, IndexError, RuntimeError, StopIteration)
"""What pyfaidx raises on damaged files and indices."""
_DENSE = 20
"""A plain file is packed when the windows asked for cover more than 1/20 of it."""
_PIECE = 1 << 24


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
    bases = sum(max(0, w.end - w.start) for w in windows)
    if _compression(genome) or bases * _DENSE > genome.stat().st_size:
        whole = packed_genome(genome)
        return _read(_by_chromosome(whole.lengths, windows, (genome.name, table)), whole.strings)
    with _indexed(genome) as fasta:
        lengths = {name: entry.rlen for name, entry in fasta.index.items()}

        def fetch(name: str, starts: Iterable[int], ends: Iterable[int]) -> list[str]:
            return [fasta.fetch(name, a + 1, b) for a, b in zip(starts, ends, strict=True)]

        return _read(_by_chromosome(lengths, windows, (genome.name, table)), fetch)


def packed_genome(genome: Path) -> Packed:
    """The whole genome memory-mapped, for reading windows without copying them; DataError for a damaged file."""
    opener = _compression(genome) or Path.open
    try:
        return packed(lambda: _chromosomes(genome, opener), _cache_folder(genome))
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as problem:
        raise DataError(f"{genome} is a damaged archive ({problem}): fetch or copy it again") from problem


def chromosome_lengths(genome: Path) -> dict[str, int]:
    """Bases of every chromosome of a FASTA file, in file order."""
    if _compression(genome):
        return dict(packed_genome(genome).lengths)
    with _indexed(genome) as fasta:
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


def _read(wanted: dict[str, list[tuple[int, Window]]], fetch: Any) -> list[str]:
    found = [""] * sum(map(len, wanted.values()))
    for name, numbered in wanted.items():
        texts = fetch(name, [w.start for _, w in numbered], [w.end for _, w in numbered])
        for (i, window), bases in zip(numbered, texts, strict=True):
            found[i] = bases if window.strand == "+" else reverse_complement(bases)
    return found


def _by_chromosome(
    lengths: Mapping[str, int], windows: Sequence[Window], names: tuple[str, str]
) -> dict[str, list[tuple[int, Window]]]:
    """Numbered windows under the genome's own chromosome names; refuses the first that cannot be read."""
    spelt = {name: find_chromosome(name, lengths) for name in {w.chromosome for w in windows}}
    if None in spelt.values():
        # Transcripts: tables often leave the version out (ENST00000371014 for ENST00000371014.5).
        bare = {name.partition(".")[0]: name for name in lengths}
        spelt = {name: own or bare.get(name) for name, own in spelt.items()}
    wanted: dict[str, list[tuple[int, Window]]] = {}
    for i, window in enumerate(windows):
        name = spelt[window.chromosome]
        fault = _fault(window, lengths[name]) if name else f"there is no such chromosome, {_some(lengths)}"
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


def _some(lengths: Mapping[str, int]) -> str:
    shown = list(lengths)[:4]
    return f"only {', '.join(shown)}{', …' if len(lengths) > len(shown) else ''}"


def _compression(genome: Path) -> Any:
    """What opens a compressed file, told by its first bytes; None for a plain one."""
    if not genome.is_file():
        raise DataError(f"there is no genome {genome}")
    with genome.open("rb") as file:
        head = file.read(6)
    return gzip.open if head.startswith(b"\x1f\x8b") else lzma.open if head == b"\xfd7zXZ\x00" else None


def _chromosomes(genome: Path, opener: Any) -> Iterator[tuple[str, bytes]]:
    """(name, bases) in pieces: a chromosome comes in as many pairs as it takes. Read as a stream: genomes are large."""
    name, seen = "", set()
    with opener(genome, "rb") as file:
        while block := file.read(_PIECE) + file.readline():
            for part in re.split(rb"^(>.*)$", block, flags=re.MULTILINE):
                if part.startswith(b">"):
                    name = (part[1:].decode("latin-1").split() or [""])[0]
                    if not name or name in seen:
                        raise DataError(f"{genome} is not a FASTA file that can be read: the name {name!r} is repeated")
                    seen.add(name)
                bases = part.translate(None, b"\r\n\t ") if not part.startswith(b">") else b""
                if bases and not name:
                    raise DataError(f"{genome} is not a FASTA file: it does not start with '>'")
                if name:
                    yield name, bases


def _cache_folder(genome: Path) -> Path:
    from .sources import DataOptions, cache_folder

    facts = genome.stat()
    return cache_folder(DataOptions()) / "packed" / _sha256_once(genome, facts.st_size, facts.st_mtime_ns)[:16]


@cache
def _sha256_once(genome: Path, size: int, changed: int) -> str:
    """Hashing three gigabases takes seconds: once per process and state of the file."""
    return file_sha256(genome)


@contextmanager
def _indexed(genome: Path) -> Iterator[Any]:
    """A `pyfaidx.Faidx` on a plain FASTA file and an index that belongs to it."""
    from pyfaidx import Faidx

    fai = _index_of(genome)
    try:
        with warnings.catch_warnings():  # an index older than its file is what an install leaves behind
            warnings.simplefilter("ignore", RuntimeWarning)
            fasta = Faidx(
                str(genome), indexname=str(fai), rebuild=False, build_index=False, as_raw=True, strict_bounds=True
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


def _index_of(genome: Path) -> Path:
    """The `.fai` beside the file, else in the cache, built there when missing."""
    beside = Path(f"{genome}.fai")
    if beside.is_file():
        return beside
    fai = _cache_folder(genome) / beside.name
    if not fai.is_file():
        _build_index(genome, fai)
    return fai


def _build_index(genome: Path, fai: Path) -> None:
    from pyfaidx import Faidx, FastaIndexingError

    try:
        fai.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=fai.parent) as scratch:
            made = Path(scratch, fai.name)
            Faidx(str(genome), indexname=str(made)).close()
            os.replace(made, fai)
    except FastaIndexingError as error:
        raise DataError(f"{genome} is not a FASTA file that can be indexed: {error}") from error
    except OSError as error:
        raise DataError(
            f"{genome} has no index and {fai.parent} cannot be written ({error.strerror}): "
            f"run `samtools faidx {genome.name}` or set DNABENCH_CACHE to a folder of yours"
        ) from error
