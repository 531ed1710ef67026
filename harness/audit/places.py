"""Places on genomes: rows that overlap, stand twice, or share a chromosome; no bases are needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Whole = NDArray[np.int64]
Mask = NDArray[np.bool_]
_CHROMOSOMES = ("chromosome", "region", "chrom", "chr")
PLACES = (*_CHROMOSOMES, "genome", "start", "end")
"""Columns that may say where a row lies."""


@dataclass(frozen=True)
class Places:
    """Stretches of chromosomes, 0-based and half-open; the strand is told apart nowhere in this file's facts."""

    chromosomes: NDArray[np.str_]
    starts: Whole
    ends: Whole

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def lengths(self) -> Whole:
        return self.ends - self.starts

    def take(self, rows: NDArray[Any]) -> Places:
        """The places at the given indices."""
        return Places(self.chromosomes[rows], self.starts[rows], self.ends[rows])

    def words(self) -> list[str]:
        """One word per place: `chr1:10-20`."""
        rows = zip(self.chromosomes.tolist(), self.starts.tolist(), self.ends.tolist(), strict=True)
        return [f"{chromosome}:{start}-{end}" for chromosome, start, end in rows]


def overlapping(test: Places, train: Places) -> Mask:
    """Which test places share at least one base with a training place, on whatever strand.

    >>> def places(*rows):
    ...     return Places(np.array([r[0] for r in rows]), *(np.array([r[i] for r in rows]) for i in (1, 2)))
    >>> overlapping(places(("1", 0, 5), ("1", 9, 12), ("2", 0, 5)), places(("1", 4, 9))).tolist()
    [True, False, False]
    """
    if not len(test) or not len(train):
        return np.zeros(len(test), bool)
    # All chromosomes on one line, far enough apart: one sort serves thousands of contigs.
    _, codes = np.unique(np.concatenate([test.chromosomes, train.chromosomes]), return_inverse=True)
    shift = codes.reshape(-1) * (1 + max(int(test.ends.max()), int(train.ends.max())))
    ours, theirs = shift[: len(test)], shift[len(test) :]
    order = np.argsort(theirs + train.starts, kind="stable")
    starts = (theirs + train.starts)[order]
    furthest = np.maximum.accumulate((theirs + train.ends)[order])
    before = np.searchsorted(starts, ours + test.ends, side="left")
    found: Mask = (before > 0) & (furthest[before - 1] > ours + test.starts)
    return found


def exact_places(test: Places, train: Places) -> Mask:
    """Which test places are training places, base for base."""
    known = set(train.words())
    return np.fromiter((word in known for word in test.words()), bool, len(test))


def place_facts(test: Places, train: Places) -> dict[str, Any]:
    """Counts of test rows that are, or overlap, training rows, and of chromosomes in both."""
    exact, touching = exact_places(test, train), overlapping(test, train)
    shared = np.intersect1d(test.chromosomes, train.chromosomes)
    words = train.words()
    return {
        "test_rows": len(test),
        "exact": int(exact.sum()),
        "overlapping": int(touching.sum()),
        "share_overlapping": round(float(touching.mean()), 6) if len(test) else 0.0,
        "distinct_train_places": len(set(words)),
        "train_rows": len(words),
        "test_chromosomes": len(np.unique(test.chromosomes)),
        "shared_chromosomes": len(shared),
        "share_on_shared_chromosomes": round(float(np.isin(test.chromosomes, shared).mean()), 6) if len(test) else 0.0,
    }


def lookup_rule(test: Places, train: Places, labels: Whole) -> Whole:
    """The class of the same training place; an unseen place gets what places that stand once in train mostly are.

    Of several labels at one place the most frequent counts, the smaller number at a tie.
    """
    width = int(labels.max()) + 1
    seen: dict[str, list[int]] = {}
    for word, label in zip(train.words(), labels.tolist(), strict=True):
        seen.setdefault(word, [0] * width)[label] += 1
    table = {word: max(range(width), key=counts.__getitem__) for word, counts in seen.items()}
    once = [table[word] for word, counts in seen.items() if sum(counts) == 1]
    # A place met for the first time is like those that train, too, met only once.
    unseen = int(np.bincount(once or labels).argmax())
    return np.fromiter((table.get(word, unseen) for word in test.words()), np.int64, len(test))


def places_of(columns: Mapping[str, NDArray[Any]]) -> Places | None:
    """The places that a split's columns name (chromosome or region or chrom; start, end); None where they do not.

    Where rows come from several genomes (column `genome`), chromosomes of one name are told apart.
    """
    name = next((n for n in _CHROMOSOMES if n in columns), None)
    if name is None or "start" not in columns or "end" not in columns:
        return None
    chromosomes = np.asarray(columns[name]).astype(str)
    if "genome" in columns:
        chromosomes = np.char.add(np.char.add(np.asarray(columns["genome"]).astype(str), ":"), chromosomes)
    try:
        return Places(
            chromosomes,
            np.asarray(columns["start"]).astype(np.int64),
            np.asarray(columns["end"]).astype(np.int64),
        )
    except ValueError:
        return None
