"""Windows drawn from genomes by a seed: the same genomes give the same windows on every machine and version.

genomes: {human: GRCh38, worm: ce2chrX.fa.gz}        one class per genome; {train: A, test: B} for one per split
draw: {length: 1024, rows: {train: 2000, dev: 200, test: 1000}, seed: 1, most_n: 0.0,
       blocks: 500000}                               blocks of chromosomes are dealt to train, dev and test 8:1:1
       chromosomes: {test: ["1", "3"], dev: ["5"]}   or whole chromosomes are named; the rest is train
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from dnabench.harness.errors import DataError, TaskFileError
from dnabench.harness.sequence import reverse_complement
from dnabench.harness.types import Task

from .formats import Rows
from .genome import chromosome_lengths, packed_genome
from .genomes import find_genome
from .sources import DataOptions

_DEAL = ("train",) * 8 + ("dev", "test")
_TRIES = 200
_NEAR = 500_000
"""Bases within which windows count as neighbours where no blocks are named."""


@dataclass(frozen=True)
class Draw:
    """How windows are drawn, as `source.options.draw` says."""

    length: int
    rows: Mapping[str, int]
    seed: int = 0
    most_n: float = 0.0
    """Largest share of letters other than A, C, G, T."""
    blocks: int = 0
    chromosomes: Mapping[str, Sequence[str]] | None = None


@dataclass(frozen=True)
class _Stretch:
    """A part of a chromosome that belongs to one split."""

    path: Path
    chromosome: str
    start: int
    end: int


def read_draws(task: Task, split: str, options: DataOptions) -> Rows:
    """The windows of one split, class after class, on either strand, with the columns chromosome and block.

    Chromosomes are drawn by their length. Windows never leave their block, never hold more unknown bases than
    allowed, and are never filled up. Raises DataError where a genome has no room for them.
    """
    draw = _draw(task)
    if not draw.rows.get(split):
        raise TaskFileError(f"{task.name}: `source.options.draw.rows` asks for no windows of {split}")
    sequences: list[str] = []
    labels: list[str] = []
    columns: dict[str, list[str]] = {"chromosome": [], "block": []}
    for name in task.target.classes:
        paths = _paths(task, name, split, options)
        stretches = [s for path in paths for s in _stretches(path, split, draw)]
        if not stretches:
            raise DataError(_nowhere(paths, draw, f"{name}/{split}"))
        for (chromosome, start), bases in _windows(stretches, draw, f"{name}/{split}"):
            sequences.append(bases)
            labels.append(name)
            columns["chromosome"].append(f"{name}:{chromosome}")
            columns["block"].append(f"{name}:{chromosome}:{start // (draw.blocks or _NEAR)}")
    return Rows(sequences, [], labels, columns)


def _draw(task: Task) -> Draw:
    given = task.source.options.get("draw")
    if not isinstance(given, Mapping):
        raise TaskFileError(f"{task.name}: `source.options.draw` must say length and rows of the windows")
    return Draw(**given)


def _paths(task: Task, name: str, split: str, options: DataOptions) -> list[Path]:
    words = (task.source.options.get("genomes") or {}).get(name)
    if isinstance(words, Mapping):
        words = words.get(split) or words.get("train")
    if not words:
        raise TaskFileError(f"{task.name}: `source.options.genomes` has no genome for the class {name!r}")
    return [find_genome(task, word, options) for word in ([words] if isinstance(words, str) else words)]


def _stretches(path: Path, split: str, draw: Draw) -> Iterator[_Stretch]:
    """The parts of a genome that a split draws from."""
    for name, bases in chromosome_lengths(path).items():
        if draw.blocks:
            for start in range(0, bases, draw.blocks):
                if _DEAL[_number(f"{name}:{start // draw.blocks}", draw.seed) % len(_DEAL)] == split:
                    yield _Stretch(path, name, start, min(start + draw.blocks, bases))
        elif _home(name, draw) in (split, "every"):
            yield _Stretch(path, name, 0, bases)


def _home(chromosome: str, draw: Draw) -> str:
    """The split that a whole chromosome belongs to; every split where none is named (one genome per split)."""
    if not draw.chromosomes:
        return "every"
    # Alternative and unplaced parts (chr1_KI270762v1_alt) belong to their chromosome: elsewhere they would leak.
    bare = chromosome.removeprefix("chr").partition("_")[0]
    return next((split for split, names in draw.chromosomes.items() if bare in names), "train")


def _nowhere(paths: Sequence[Path], draw: Draw, what: str) -> str:
    """Why nothing of these genomes belongs to a split."""
    files = ", ".join(path.name for path in paths)
    names = [name for path in paths for name in chromosome_lengths(path)]
    seen = ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
    wanted = (draw.chromosomes or {}).get(what.split("/")[1])
    if wanted:
        return (
            f"{what}: {files} has no chromosome called {' or '.join(wanted)}, only {seen}: "
            "write 1 or chr1 behind the > of its headers"
        )
    return f"{what}: nothing of {files} ({seen}) falls to this split: give a longer genome, or smaller `blocks`"


def _windows(stretches: Sequence[_Stretch], draw: Draw, what: str) -> Iterator[tuple[tuple[str, int], str]]:
    """As many windows as asked for; each place is tried in the order of its number until its bases are known."""
    room = [max(0, s.end - s.start - draw.length + 1) for s in stretches]
    total, wanted = sum(room), draw.rows.get(what.split("/")[1], 0)
    if wanted > 2 * total > 0:
        raise DataError(f"{what}: {wanted:,} windows of {draw.length:,} bases are more than there are places for them")
    genomes = {path: packed_genome(path) for path in dict.fromkeys(s.path for s in stretches)} if total else {}
    found = 0
    for number in range(wanted * _TRIES if total else 0):
        place = _number(f"{what}:{number}", draw.seed)
        stretch, start = _at(stretches, room, place % total)
        bases = genomes[stretch.path].strings(stretch.chromosome, [start], [start + draw.length])[0].upper()
        if draw.length - sum(map(bases.count, "ACGT")) <= draw.most_n * draw.length:
            yield (stretch.chromosome, start), bases if place // total % 2 else reverse_complement(bases)
            found += 1
            if found == wanted:
                return
    if wanted:
        raise DataError(
            f"{what}: only {found:,} of {wanted:,} windows of {draw.length:,} known bases were found: "
            "is the genome too short, or full of N?"
        )


def _at(stretches: Sequence[_Stretch], room: Sequence[int], place: int) -> tuple[_Stretch, int]:
    for stretch, places in zip(stretches, room, strict=True):
        if place < places:
            return stretch, stretch.start + place
        place -= places
    raise AssertionError("the place lies behind the last stretch")


def _number(words: str, seed: int) -> int:
    """A number of 64 bits that depends on nothing but its words and the seed.

    >>> _number("human/test:0", 1) == _number("human/test:0", 1) != _number("human/test:1", 1)
    True
    """
    return int.from_bytes(blake2b(f"{seed} {words}".encode(), digest_size=8).digest(), "big")
