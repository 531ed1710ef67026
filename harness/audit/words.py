"""Words of 32 bases that rows share, on either strand: one is hardly ever chance, so it means common origin.

A word is packed into 64 bits and stands for both strands; words with letters other than A, C, G, T are skipped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.sequence import UNKNOWN, encode, lengths

Words = NDArray[np.uint64]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]

LENGTH = 32
MEMORY_SHARE = 0.5
"""Share of test rows with a word in train from which a score means memory."""
_BLOCK_BASES = 1 << 22
_FILTER_BITS = 24
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class WordIndex:
    """The words of some rows: each once, in order, with the places where they stand."""

    words: Words
    """Sorted, each once."""
    word_of: Rows
    """For each place the number of its word in `words`."""
    row_of: Rows
    """For each place the row."""
    rows: int
    k: int
    filter: Mask
    """True at the hash of every word: most foreign words are told by one look."""

    def find(self, words: Words) -> tuple[Rows, Rows]:
        """Which of other rows' words are here: their indices, and the numbers of the words."""
        near = np.flatnonzero(self.filter[_hashes(words)])
        number = np.searchsorted(self.words, words[near])
        number[number == len(self.words)] = 0
        hit = self.words[number] == words[near] if len(self.words) else np.zeros(len(near), bool)
        return near[hit], number[hit]


@dataclass(frozen=True)
class Shared:
    """Which rows share a word with train, and what train's labels say there."""

    rows: Mask
    """Rows with at least one word in train."""
    votes: NDArray[np.float64]
    """(rows, classes): train's words at this row's words, by label; one column where labels are no classes."""


def word_index(sequences: Sequence[str], k: int = LENGTH) -> WordIndex:
    """The words of all sequences, ready to be looked up."""
    parts = list(words_of(sequences, k))
    found = np.concatenate([words for words, _ in parts]) if parts else np.zeros(0, np.uint64)
    rows = np.concatenate([at for _, at in parts]) if parts else np.zeros(0, np.int64)
    words, word_of = np.unique(found, return_inverse=True)
    seen = np.zeros(1 << _FILTER_BITS, bool)
    seen[_hashes(words)] = True
    return WordIndex(words, word_of.reshape(-1), rows, len(sequences), k, seen)


def shared_words(
    index: WordIndex, train: Sequence[str], labels: NDArray[Any] | None = None, classes: int = 1
) -> Shared:
    """Which of the indexed rows share a word with train, on either strand: the measure of memory.

    `labels` (n,) are train's class numbers.

    >>> index = word_index(["ACGGTTCA", "CCCCCCCC"], 8)
    >>> shared_words(index, ["TTGAACCGTT"]).rows.tolist()
    [True, False]
    """
    counts = np.zeros((len(index.words), classes))
    for words, rows in words_of(train, index.k):
        at, number = index.find(words)
        kind = labels[rows[at]] if labels is not None else np.zeros(len(at), np.int64)
        counts += np.bincount(number * classes + kind, minlength=counts.size).reshape(counts.shape)
    columns = [np.bincount(index.row_of, counts[index.word_of, c], minlength=index.rows) for c in range(classes)]
    votes = np.stack(columns, axis=1).astype(np.float64)
    return Shared(votes.sum(1) > 0, votes)


def memory_sentence(share: float) -> str:
    """What a share of test rows with a word in train means for scores; empty below one half.

    >>> memory_sentence(0.94)
    'a score here means memory: 94.0 % of the test rows share a word of 32 bases with train'
    >>> memory_sentence(0.3)
    ''
    """
    if share < MEMORY_SHARE:
        return ""
    return f"a score here means memory: {100 * share:.1f} % of the test rows share a word of {LENGTH} bases with train"


def words_of(sequences: Sequence[str], k: int = LENGTH) -> Iterator[tuple[Words, Rows]]:
    """The words of rows, block by block: each as the smaller of its two strands, and the row where it stands.

    `k` is 8, 16 or 32; a word counts once for each place.

    >>> [(words.tolist(), rows.tolist()) for words, rows in words_of(["AAAAAAAAC", "GTTTTTTTT", "ACGT"], 8)]
    [([0, 1, 1, 0], [0, 0, 1, 1])]
    """
    if k not in (8, 16, 32):
        raise ValueError(f"words of {k} bases are not packed here: 8, 16 or 32")
    long = lengths(sequences) + 1
    ends = np.cumsum(long)
    first = 0
    while first < len(sequences):
        start = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, start + _BLOCK_BASES, side="right")))
        # One unknown letter after each sequence keeps words from running into the next one.
        codes, _ = encode(["N".join(sequences[first:last]) + "N"])
        at = _places(codes, k)
        rows = np.repeat(np.arange(first, last, dtype=np.int64), long[first:last])
        yield _packed(codes, k)[at], rows[at]
        first = last


def _places(codes: NDArray[np.uint8], k: int) -> Rows:
    """Where a word of known bases begins."""
    if len(codes) < k:
        return np.zeros(0, np.int64)
    running = np.concatenate([[0], np.cumsum(codes == UNKNOWN)])
    return np.flatnonzero(running[k:] == running[:-k])


def _packed(codes: NDArray[np.uint8], k: int) -> Words:
    """The word at every place, each strand by doubling its length: 1, 2, 4, … k bases."""
    forward = (codes & 3).astype(np.uint64)
    backward = forward ^ np.uint64(3)
    size = 1
    while size < k:
        shift = np.uint64(2 * size)
        forward = (forward[:-size] << shift) | forward[size:]
        backward = backward[:-size] | (backward[size:] << shift)
        size *= 2
    smaller: Words = np.minimum(forward, backward)
    return smaller


def _hashes(words: Words) -> Words:
    mixed: Words = (words * _MIX) >> np.uint64(64 - _FILTER_BITS)
    return mixed
