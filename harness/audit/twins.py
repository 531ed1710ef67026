"""Does the nearest training row have the same label, or the opposite one more often than chance?

Negatives that were made by altering positives sit closer to a positive than to any other row: where the twin
lies in train, whoever remembers train is wrong on purpose, and scores fall below chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import ndtr

from dnabench.harness.sequence import canonical_codes, kmer_counts, reverse_complement

K = 10
NEAR = 0.25
"""Share of a row's k-mers that its nearest training row holds from which the two are called near."""
MOST_ROWS = 5_000
MOST_PRODUCTS = 5e8
SURE = 1e-3
_BLOCK = 1 << 24
SHUFFLED = 10
"""Bases below which equal dinucleotide counts mean nothing."""


@dataclass(frozen=True)
class Nearest:
    """For some test rows the training row that holds most of their 10-mers, on either strand."""

    rows: NDArray[np.int64]
    row_in_train: NDArray[np.int64]
    """The first of equally near ones; -1 where nothing is shared."""
    share: NDArray[np.float64]
    """Share of the test row's distinct 10-mers that it holds."""


def nearest_rows(test: Sequence[str], train: Sequence[str], k: int = K) -> Nearest | None:
    """The nearest training row of the test rows (of 5,000 at most, evenly chosen); None where that is too much work.

    >>> found = nearest_rows(["ACGGTTCAAGTC", "CCCCCCCCCCCC"], ["ACGGTTCAAGTA"])
    >>> found.row_in_train.tolist(), found.share.round(2).tolist()
    ([0, -1], [0.67, 0.0])
    """
    rows = np.unique(np.linspace(0, len(test) - 1, min(len(test), MOST_ROWS)).astype(np.int64))
    wanted = _kmer_sets([test[i] for i in rows], k)
    holders = _kmer_sets(train, k).T.tocsr()
    work = wanted @ np.diff(holders.indptr).astype(np.float64)
    if not len(rows) or work.sum() > MOST_PRODUCTS:
        return None
    nearest, share = np.full(len(rows), -1), np.zeros(len(rows))
    held = np.maximum(np.diff(wanted.indptr), 1)
    for a, b in _blocks(np.cumsum(work)):
        shared = (wanted[a:b] @ holders).tocsr()
        for row in range(b - a):
            here = slice(shared.indptr[row], shared.indptr[row + 1])
            if here.stop > here.start:
                nearest[a + row], share[a + row] = _first_best(shared.indices[here], shared.data[here])
    return Nearest(rows, nearest, share / held)


def twin_facts(
    found: Nearest | None, test: NDArray[Any], train: NDArray[Any], known: NDArray[np.bool_]
) -> Mapping[str, Any]:
    """How often the nearest row's label is the opposite one, against chance; `known` test rows are left out.

    Chance pairs the labels of both sides at random. `p` is one-sided, for more opposite labels than chance.
    """
    if found is None:
        return {"skipped": "too many rows share k-mers to compare them all"}
    kept = (found.row_in_train >= 0) & ~known[found.rows]
    own, other = test[found.rows[kept]], train[found.row_in_train[kept]]
    near = found.share[kept] >= NEAR
    if not len(own):
        return {"skipped": "no test row shares a 10-mer with train"}
    return {
        "rows": len(own),
        "near_rows": int(near.sum()),
        "near_opposite": round(float((own != other)[near].mean()), 6) if near.any() else None,
        **_against_chance(own, other),
    }


def shuffled_facts(
    test: Sequence[str], train: Sequence[str], labels: tuple[NDArray[Any], NDArray[Any]] | None
) -> dict[str, Any]:
    """Test rows that a training row equals in every dinucleotide's count but not in sequence, and its label there.

    Shuffles that keep dinucleotides are how negatives are often made; by chance hardly any two rows are such twins.

    >>> shuffled_facts(["AACAAGAAAA"], ["AAGAACAAAA"], (np.array([1]), np.array([0])))
    {'test_rows': 1, 'share': 1.0, 'opposite': 1.0}
    """
    known: dict[bytes, int] = {}
    for row, (word, sequence) in enumerate(zip(_dinucleotides(train), train, strict=True)):
        if len(sequence) >= SHUFFLED:
            known.setdefault(word, row)
    pairs = []
    for row, (word, sequence) in enumerate(zip(_dinucleotides(test), test, strict=True)):
        twin = known.get(word)
        if twin is not None and sequence not in (train[twin], reverse_complement(train[twin])):
            pairs.append((row, twin))
    facts: dict[str, Any] = {"test_rows": len(pairs), "share": round(len(pairs) / max(1, len(test)), 6)}
    if pairs and labels is not None:
        own, other = np.array(pairs).T
        facts["opposite"] = round(float((labels[0][own] != labels[1][other]).mean()), 6)
    return facts


def _dinucleotides(sequences: Sequence[str]) -> Iterator[bytes]:
    """The counts of a row's dinucleotides as one word that is the same for both strands."""
    counts = kmer_counts(sequences, (2,)).toarray().astype(np.int32)
    code = np.arange(16)
    other = (3 - code % 4) * 4 + 3 - code // 4
    for row, back in zip(counts, counts[:, other], strict=True):
        yield min(row.tobytes(), back.tobytes())


def _against_chance(own: NDArray[Any], other: NDArray[Any]) -> dict[str, Any]:
    classes = np.union1d(own, other)
    alike = sum(float((own == c).mean() * (other == c).mean()) for c in classes)
    opposite, n = float((own != other).mean()), len(own)
    error = float(np.sqrt(max(alike * (1 - alike), 1e-12) / n))
    # Several test rows may have one nearest row, so that p is a guide and not a verdict.
    p = float(ndtr(-(opposite - (1 - alike)) / error))
    return {
        "opposite": round(opposite, 6),
        "opposite_by_chance": round(1 - alike, 6),
        "p": float(f"{p:.3g}"),
        "substituted_twins": p < SURE and opposite > 1 - alike + 0.02,
    }


def _first_best(rows: NDArray[Any], shared: NDArray[Any]) -> tuple[int, float]:
    most = shared.max()
    return int(rows[shared == most].min()), float(most)


def _kmer_sets(sequences: Sequence[str], k: int) -> sp.csr_matrix[Any]:
    """Which canonical k-mers each sequence holds: ones, CSR float32 (n, 4**k)."""
    counts = kmer_counts(sequences, (k,))
    columns = canonical_codes(k)[counts.indices]
    sets = sp.csr_matrix((np.ones(len(columns), np.float32), columns, counts.indptr), shape=counts.shape)
    sets.sum_duplicates()
    sets.data[:] = 1
    return sets


def _blocks(work: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    a = 0
    while a < len(work):
        start = work[a - 1] if a else 0.0
        b = max(a + 1, int(np.searchsorted(work, start + _BLOCK, side="right")))
        yield a, b
        a = b
