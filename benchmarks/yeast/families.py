"""Near copies among rows: windows that share a 32-mer, on either strand, belong to one family.

Transposons, long terminal repeats, subtelomeric genes and young paralogues are found this way; relatives that
differ about every 30 bases or more often are not.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from dnabench.harness.sequence import encode

from .windows import Row

K = 32
KEEPERS = ("train", "test", "dev")
"""A family that touches several splits stays in the first of these only."""


def families(sequences: Sequence[str]) -> NDArray[np.int64]:
    """A family number per sequence: equal where shared 32-mers, on either strand, chain two of them.

    >>> a = "ACGTTGCATGTCAGTCCATGACGATTACAGGA"
    >>> families([a + "C", "G" * 40, "T" + a]).tolist()
    [0, 1, 0]
    """
    mers, rows = canonical_kmers(sequences)
    _, names, counts = np.unique(mers, return_inverse=True, return_counts=True)
    shared = counts[names] > 1
    # A graph of rows and of the 32-mers that occur twice: an edge where a row holds a 32-mer.
    edges = (rows[shared], len(sequences) + names[shared])
    nodes = len(sequences) + len(counts)
    graph = coo_matrix((np.ones(len(edges[0]), np.int8), edges), (nodes, nodes))
    labels: NDArray[np.int32] = connected_components(graph, directed=False)[1][: len(sequences)]
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def canonical_kmers(sequences: Sequence[str], k: int = K) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Every k-mer (k <= 32) of A, C, G, T as the smaller code of its two strands, and its row."""
    codes, offsets = encode(sequences)
    places = np.arange(max(len(codes) - k + 1, 0))
    rows = np.searchsorted(offsets, places, side="right") - 1
    forward = np.zeros(len(places), np.uint64)
    reverse = np.zeros(len(places), np.uint64)
    broken = places + k > offsets[rows + 1]
    for i in range(k):
        base = codes[i : i + len(places)]
        broken |= base > 3
        forward = forward << np.uint64(2) | base.astype(np.uint64)
        reverse = reverse | (np.uint64(3) - (base & 3).astype(np.uint64)) << np.uint64(2 * i)
    return np.minimum(forward, reverse)[~broken], rows[~broken]


def divided(rows: Sequence[Row], sequences: Sequence[str]) -> list[Row]:
    """Rows with their family, named by its first row; one in several splits keeps one (`KEEPERS`)."""
    numbers = families(sequences)
    names: dict[int, str] = {}
    homes: dict[int, str] = {}
    for number, row in zip(numbers.tolist(), rows, strict=True):
        names.setdefault(number, f"{row.chromosome}:{row.start}")
        homes[number] = min(homes.get(number, row.split), row.split, key=KEEPERS.index)
    return [
        replace(row, family=names[number])
        for number, row in zip(numbers.tolist(), rows, strict=True)
        if row.split == homes[number]
    ]
