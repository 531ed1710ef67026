"""The nearest training row: what a task gives away to whoever remembers train."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from dnabench.harness.sequence import canonical_codes, kmer_counts, reverse_complements
from dnabench.harness.types import Capability, Inputs, ModelInfo, Split

from .majority import Table, label_table
from .options import read_options, require

_BLOCK_PRODUCTS = 1 << 24


class Nearest:
    """Label of the nearest train row: same sequence, else its reverse complement, else most shared k-mers.

    Counted are distinct k-mers (option `k`, default 10) of either strand: nearest is the train row that
    contains most of the test row. Rows that are equally near vote together, so that the order of train does
    not matter; a row that shares nothing gets train's class frequencies.
    """

    def __init__(self, **options: Any) -> None:
        self.options = read_options("nearest", options, {"k": 10})
        require("nearest", 4 <= self.options["k"] <= 12, f"k = {self.options['k']} is outside 4 to 12.")

    @property
    def info(self) -> ModelInfo:
        return ModelInfo("nearest", "nearest", 1, options=self.options, strands="both (canonical k-mers)")

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset({"fit"})

    def fit(self, train: Split, dev: Split, seed: int = 0) -> "Memory":
        known: dict[str, list[int]] = {}
        for row, sequence in enumerate(train.sequences):
            known.setdefault(sequence, []).append(row)
        k = self.options["k"]
        return Memory(label_table(train), known, _kmer_sets(train.sequences, k).T.tocsr(), k)


@dataclass(frozen=True)
class Memory:
    """The train rows: labels, rows by sequence, and which rows hold each k-mer."""

    labels: Table
    known: Mapping[str, list[int]]
    holders: "sp.csr_matrix[Any]"
    k: int
    chosen: Mapping[str, Any] = field(default_factory=dict)

    def predict(self, inputs: Inputs) -> Table:
        """Mean labels of the nearest train rows, (n, outputs)."""
        outputs = np.tile(self.labels.mean(0), (len(inputs), 1))
        unseen = []
        other_strand = reverse_complements(inputs.sequences)
        for row, sequence in enumerate(inputs.sequences):
            rows = self.known.get(sequence) or self.known.get(other_strand[row])
            if rows:
                outputs[row] = self.labels[rows].mean(0)
            else:
                unseen.append(row)
        wanted = _kmer_sets([inputs.sequences[row] for row in unseen], self.k)
        for a, b in _blocks(wanted, self.holders):
            found, means = _best_means(wanted[a:b] @ self.holders, self.labels)
            outputs[np.asarray(unseen[a:b], np.intp)[found]] = means
        return outputs


def _best_means(shared: "sp.csr_matrix[Any]", labels: Table) -> tuple[NDArray[np.intp], Table]:
    """Rows that share anything, and the mean labels of the train rows with which they share most."""
    held = np.diff(shared.indptr)
    rows = np.flatnonzero(held)
    most = np.zeros(shared.shape[0], np.float32)
    most[rows] = np.maximum.reduceat(shared.data, shared.indptr[rows]) if len(rows) else 0
    best = shared.data == np.repeat(most, held)
    voter = np.repeat(np.arange(shared.shape[0]), held)[best]
    # Each pair weighs 1, so that the product sums the labels of the equally near rows.
    pairs = sp.csr_matrix((np.ones(len(voter)), (voter, shared.indices[best])), shape=shared.shape)
    votes = np.bincount(voter, minlength=shared.shape[0])
    return rows, np.asarray(pairs @ labels)[rows] / votes[rows, None]


def _kmer_sets(sequences: Sequence[str], k: int) -> "sp.csr_matrix[Any]":
    """Which canonical k-mers each sequence holds: ones, CSR float32 (n, 4**k)."""
    counts = kmer_counts(sequences, (k,))
    columns = canonical_codes(k)[counts.indices]
    ones = np.ones(len(columns), np.float32)
    sets = sp.csr_matrix((ones, columns, counts.indptr), shape=counts.shape)
    sets.sum_duplicates()
    sets.data[:] = 1
    return sets


def _blocks(wanted: "sp.csr_matrix[Any]", holders: "sp.csr_matrix[Any]") -> Iterator[tuple[int, int]]:
    """Runs of rows whose products stay small in memory, whatever the k-mers."""
    work = np.cumsum(wanted @ np.diff(holders.indptr).astype(np.float64))
    a = 0
    while a < wanted.shape[0]:
        start = work[a - 1] if a else 0.0
        b = max(a + 1, int(np.searchsorted(work, start + _BLOCK_PRODUCTS, side="right")))
        yield a, b
        a = b
