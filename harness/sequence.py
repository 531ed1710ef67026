"""Strings of DNA to arrays and back: codes, one-hot, k-mer counts, reverse complement.

Everything takes a list of sequences and works on all of them at once. Letters other than A, C, G, T (N and
the other IUPAC codes) are legal everywhere: a k-mer that holds one is not counted, a one-hot row is flat.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Codes = NDArray[np.uint8]

BASES = "ACGT"
IUPAC = "ACGTRYSWKMBDHVN"
UNKNOWN = 4
PADDING = 5
LONGEST_KMER = 12

_COMPLEMENT = str.maketrans(IUPAC + IUPAC.lower(), "TGCAYRSWMKVHDBN" + "tgcayrswmkvhdbn")
_CODE = bytes(BASES.find(chr(i).upper()) if chr(i).upper() in BASES else UNKNOWN for i in range(256))
_BLOCK_BASES = 1 << 22


def reverse_complement(sequence: str) -> str:
    """The other strand, read in its own direction; IUPAC codes and case are kept.

    >>> reverse_complement("AACGRN")
    'NYCGTT'
    """
    return sequence.translate(_COMPLEMENT)[::-1]


def reverse_complements(sequences: Sequence[str]) -> list[str]:
    """The other strand of every sequence.

    >>> reverse_complements(["ACC", "T"])
    ['GGT', 'A']
    """
    return [reverse_complement(sequence) for sequence in sequences]


def canonical(sequence: str) -> str:
    """The alphabetically first of a sequence and its reverse complement: one name for both strands.

    >>> canonical("TTG"), canonical("CAA")
    ('CAA', 'CAA')
    """
    return min(sequence, reverse_complement(sequence))


def encode(sequences: Sequence[str]) -> tuple[Codes, NDArray[np.int64]]:
    """All bases as one array of codes, A 0, C 1, G 2, T 3, anything else 4, and where each sequence starts.

    Row `i` is `codes[offsets[i]:offsets[i + 1]]`; `codes` is read-only. Lower case counts as upper case.

    >>> codes, offsets = encode(["ACGT", "N", "gt"])
    >>> codes.tolist(), offsets.tolist()
    ([0, 1, 2, 3, 4, 2, 3], [0, 4, 5, 7])
    """
    offsets = np.zeros(len(sequences) + 1, np.int64)
    np.cumsum(lengths(sequences), out=offsets[1:])
    return _codes("".join(sequences)), offsets


def lengths(sequences: Sequence[str]) -> NDArray[np.int64]:
    """Bases of every sequence.

    >>> lengths(["ACGT", "N"]).tolist()
    [4, 1]
    """
    return np.fromiter(map(len, sequences), np.int64, len(sequences))


def padded_codes(sequences: Sequence[str], length: int) -> Codes:
    """Codes as a table of (n, length): shorter rows end in 5 (padding), longer ones are cut.

    >>> padded_codes(["ACG", "T"], 2).tolist()
    [[0, 1], [3, 5]]
    """
    codes, offsets = encode(sequences)
    long = np.diff(offsets)
    if len(codes) and (long == length).all():
        return codes.reshape(len(sequences), length)
    kept = np.minimum(long, length)
    table = np.full((len(sequences), length), PADDING, np.uint8)
    table[np.arange(length) < kept[:, None]] = codes[_within(long) < np.repeat(kept, long)]
    return table


def kmer_counts(sequences: Sequence[str], ks: tuple[int, ...]) -> "sp.csr_matrix[Any]":
    """How often each k-mer occurs in each sequence, for every k of `ks` side by side.

    CSR int32 (n, sum of 4**k), columns in the order A < C < G < T within a k, indices sorted. Occurrences may
    overlap; k-mers with letters other than A, C, G, T are skipped. Raises ValueError for k outside 1..12.

    >>> kmer_counts(["AAAC", "ANC"], (1, 2)).toarray()[:, :6].tolist()
    [[3, 1, 0, 0, 2, 1], [1, 1, 0, 0, 0, 0]]
    """
    if not ks or min(ks) < 1 or max(ks) > LONGEST_KMER:
        raise ValueError(f"k-mer lengths {ks} are outside 1..{LONGEST_KMER}")
    blocks = [_count_block(sequences[a:b], ks) for a, b in _blocks(sequences, max(ks))]
    if not blocks:
        return sp.csr_matrix(np.zeros((0, sum(4**k for k in ks)), np.int32))
    return blocks[0] if len(blocks) == 1 else sp.vstack(blocks, format="csr")


def canonical_codes(k: int) -> NDArray[np.int32]:
    """For each k-mer's column in `kmer_counts`, the column that stands for it and its reverse complement.

    >>> canonical_codes(1).tolist()
    [0, 1, 1, 0]
    """
    word = np.arange(4**k, dtype=np.int32)
    other = np.zeros_like(word)
    for place in range(k):
        other = (other << 2) | (3 - ((word >> 2 * place) & 3))
    return np.minimum(word, other)


def _count_block(sequences: Sequence[str], ks: tuple[int, ...]) -> "sp.csr_matrix[Any]":
    # One unknown letter after each sequence keeps k-mers from running into the next one.
    codes = _codes("N".join(sequences) + "N")
    rows = np.repeat(np.arange(len(sequences), dtype=np.int32), lengths(sequences) + 1)
    unknown = codes == UNKNOWN
    word = np.zeros(len(codes), np.int32)
    broken = np.zeros(len(codes), bool)
    parts: dict[int, sp.csr_matrix[Any]] = {}
    for k in range(1, max(ks) + 1):
        n = max(len(codes) - k + 1, 0)
        word = (word[:n] << 2) | codes[k - 1 :]
        broken = broken[:n] | unknown[k - 1 :]
        if k in ks:
            keys = (rows[:n] << 2 * k) | word
            parts[k] = _count_keys(keys[~broken], len(sequences), 4**k)
    return parts[ks[0]] if len(ks) == 1 else sp.hstack([parts[k] for k in ks], format="csr")


def _count_keys(keys: NDArray[np.int32], rows: int, columns: int) -> "sp.csr_matrix[Any]":
    keys.sort()
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]][: len(keys)])
    counts = np.diff(starts, append=len(keys)).astype(np.int32)
    found = keys[starts]
    pointers = np.searchsorted(found, np.arange(rows + 1, dtype=np.int64) * columns).astype(np.int32)
    return sp.csr_matrix((counts, found & (columns - 1), pointers), shape=(rows, columns))


def _blocks(sequences: Sequence[str], k: int) -> list[tuple[int, int]]:
    """Runs of rows whose keys (row, k-mer) fit 31 bits and whose arrays stay small."""
    most = max(1, min(1 << 18, (1 << 31) >> 2 * k) - 1)
    ends = np.cumsum(lengths(sequences) + 1)
    blocks, a = [], 0
    while a < len(sequences):
        start = ends[a - 1] if a else 0
        b = int(np.searchsorted(ends, start + _BLOCK_BASES, side="right"))
        b = min(max(b, a + 1), a + most)
        blocks.append((a, min(b, len(sequences))))
        a = blocks[-1][1]
    return blocks


def _codes(text: str) -> Codes:
    return np.frombuffer(text.encode("latin-1", "replace").translate(_CODE), np.uint8)


def _within(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, …, count - 1 for each count, one after the other."""
    ends = np.cumsum(counts)
    total = int(counts.sum())
    return np.arange(total) - np.repeat(ends - counts, counts)
