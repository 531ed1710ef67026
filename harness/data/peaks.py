"""Chromatin profiles from peaks: bins of a genome labelled with every track whose peaks cover them (DeepSEA).

genome: [20.fa.gz, X.fa.gz]
peaks: {HepG2.CTCF: HepG2/…CTCF….narrowPeak.gz, …}   one file per label, in the order of the task's classes
bins: {size: 200, window: 1000, share: 0.5, group: 1000000,
       chromosomes: {train: ["20"], test: ["X"]}}
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.errors import DataError, TaskFileError
from dnabench.harness.types import FileFacts, Task

from .formats import Rows
from .genome import Window, chromosome_lengths, find_chromosome
from .genomes import genomes_of, read_places
from .opening import read_plain, text_of
from .sources import DataOptions, locate

_PEAK = re.compile(r"^[^\t\n#][^\t\n]*\t[0-9]{1,15}\t[0-9]{1,15}(?=\t|$)", re.MULTILINE)
_COMMENTS = ("#", "track", "browser")
Intervals = Mapping[str, NDArray[np.int64]]
"""Chromosome → (peaks, 2) first and last base, sorted, half-open."""


@dataclass(frozen=True)
class Bins:
    """How a genome is cut, as `source.options.bins` says."""

    size: int
    window: int
    chromosomes: Mapping[str, Sequence[str]]
    share: float = 0.5
    """A bin has a label where peaks cover more than this share of it."""
    group: int = 1_000_000
    """Bins that lie within this many bases are drawn together."""


def read_peaks(task: Task, split: str, options: DataOptions) -> Rows:
    """The bins of a split's chromosomes that have at least one label, each in the middle of its window.

    Windows that leave the chromosome are filled with N; bins behind its end (a file that holds a part of it) are
    left out. Raises DataError for a line that is no peak, TaskFileError for a label without a file, Unavailable
    for missing files.
    """
    bins, files = _bins(task)
    genomes = genomes_of(task, options)
    lengths = {name: n for path in genomes[""] for name, n in chromosome_lengths(path).items()}
    # All splits' chromosomes at once: the files are the same.
    wanted = tuple(name for names in bins.chromosomes.values() for name in names)
    tracks = [_read_track(task, files[name], options, wanted) for name in task.target.classes]
    starts, labels, names = [], [], []
    for chromosome in bins.chromosomes.get(split, ()):
        end = _length(chromosome, lengths, task)
        edges = np.arange(end // bins.size + 1) * bins.size
        covered = np.stack([_covered(track[chromosome], edges, bins.share) for track in tracks])
        kept = np.flatnonzero(covered.any(axis=0))
        starts += (kept * bins.size).tolist()
        digits = covered[:, kept].T + np.uint8(ord("0"))
        labels += [row.tobytes().decode() for row in digits.astype(np.uint8)]
        names += [chromosome] * len(kept)
    if not starts:
        raise DataError(f"{task.name}: no bin of {split} is under a peak: are peaks and genome of one build?")
    sides = (bins.window - bins.size) // 2
    windows = [Window(n, s - sides, s - sides + bins.window) for n, s in zip(names, starts, strict=True)]
    sequences = read_places(genomes, [""] * len(windows), windows, f"{split} bins", True)
    blocks = [f"{n}:{s // bins.group}" for n, s in zip(names, starts, strict=True)]
    return Rows(sequences, [], labels, {"chromosome": names, "block": blocks})


def _length(chromosome: str, lengths: Mapping[str, int], task: Task) -> int:
    name = find_chromosome(chromosome, lengths)
    if name is None:
        known = ", ".join(list(lengths)[:6])
        raise DataError(f"{task.name}: `bins.chromosomes` names {chromosome}, the genome has only {known}")
    return lengths[name]


def _bins(task: Task) -> tuple[Bins, Mapping[str, str]]:
    given, files = task.source.options.get("bins"), task.source.options.get("peaks")
    if not isinstance(given, Mapping) or not isinstance(files, Mapping):
        raise TaskFileError(f"{task.name}: `source.options` must say `bins` and `peaks`")
    missing = [name for name in task.target.classes if name not in files]
    if missing:
        raise TaskFileError(f"{task.name}: `source.options.peaks` has no file for the label {missing[0]!r}")
    return Bins(**given), files


def _read_track(task: Task, file: str, options: DataOptions, chromosomes: tuple[str, ...]) -> Intervals:
    """A narrowPeak or bed file, as it is: overlapping peaks count once."""
    path = locate(task, FileFacts(file), options).path
    state = path.stat()
    return _parsed(path, file, chromosomes, (state.st_size, state.st_mtime_ns))


@lru_cache(maxsize=256)
def _parsed(path: Path, file: str, chromosomes: tuple[str, ...], state: tuple[int, int]) -> Intervals:
    """The peaks on some chromosomes; each split asks for them, and a file is read once as long as its state holds."""
    text = text_of(read_plain(path, file), file)
    # One pass in C says that all lines are peaks; they are looked at singly only where it does not.
    if len(_PEAK.findall(text)) != text.count("\n") + (not text.endswith("\n")):
        _refuse_line(text, file)
    return {name: _peaks_on(name, text) for name in chromosomes}


def _peaks_on(chromosome: str, text: str) -> NDArray[np.int64]:
    pattern = rf"^(?:chr)?{re.escape(chromosome.removeprefix('chr'))}\t([0-9]+)\t([0-9]+)"
    found = np.array(re.findall(pattern, text, re.MULTILINE), np.int64).reshape(-1, 2)
    return found[np.lexsort((found[:, 1], found[:, 0]))]


def _refuse_line(text: str, file: str) -> None:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.startswith(_COMMENTS) and not _PEAK.match(line):
            raise DataError(f"{file}, line {number}: not a peak: chromosome, start and end, separated by tabs")


def _covered(peaks: NDArray[np.int64], edges: NDArray[np.int64], share: float) -> NDArray[np.bool_]:
    """Whether peaks cover more than the share of each bin between two edges; overlapping peaks count once.

    >>> _covered(np.array([[2, 9], [8, 9], [18, 31]]), np.array([0, 10, 20, 30, 40]), 0.5).tolist()
    [True, False, True, False]
    """
    if not len(peaks):
        return np.zeros(len(edges) - 1, bool)
    # Each peak begins where the ones before it have ended: then no base is counted twice.
    reached = np.maximum.accumulate(peaks[:, 1])
    starts = np.maximum(peaks[:, 0], np.concatenate([[0], reached[:-1]]))
    lengths = np.maximum(reached - starts, 0)
    before = np.concatenate([[0], np.cumsum(lengths)])
    at = np.searchsorted(starts, edges, side="right")
    last = np.maximum(at - 1, 0)
    inside = np.minimum(edges - starts[last], lengths[last])
    upto = np.where(at > 0, before[last] + inside, 0)
    covered: NDArray[np.bool_] = np.diff(upto) > share * np.diff(edges)
    return covered
