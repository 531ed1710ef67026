"""Strings to arrays and back, against Biopython, CountVectorizer and plain loops."""

import csv
import os
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from Bio.Seq import reverse_complement as biopython_reverse_complement
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from dnabench.harness import sequence
from dnabench.harness.sequence import (
    IUPAC,
    canonical,
    canonical_codes,
    encode,
    kmer_counts,
    padded_codes,
    reverse_complement,
    reverse_complements,
)

DNA = st.text("ACGTACGTACGTN" + IUPAC, max_size=40)
ROWS = st.lists(DNA, max_size=8)


@given(DNA)
def test_reverse_complement_agrees_with_biopython_and_undoes_itself(text: str) -> None:
    assert reverse_complement(text) == biopython_reverse_complement(text)
    assert reverse_complement(reverse_complement(text)) == text
    assert reverse_complements([text, text]) == [reverse_complement(text)] * 2
    assert canonical(text) == canonical(reverse_complement(text))


@given(ROWS)
def test_codes_are_the_letters_in_order(rows: list[str]) -> None:
    codes, offsets = encode(rows)
    assert len(codes) == sum(map(len, rows))
    for i, row in enumerate(rows):
        expected = ["ACGT".find(letter) if letter in "ACGT" else 4 for letter in row]
        assert codes[offsets[i] : offsets[i + 1]].tolist() == expected


@given(ROWS, st.integers(1, 30))
def test_codes_are_padded_at_the_end_and_cut(rows: list[str], length: int) -> None:
    table = padded_codes(rows, length)
    assert table.shape == (len(rows), length)
    assert table.dtype == np.uint8
    for codes, row in zip(table.tolist(), rows, strict=True):
        expected = ["ACGT".find(letter) if letter in "ACGT" else 4 for letter in row[:length]]
        assert codes == expected + [5] * (length - len(expected))
    assert padded_codes(["", ""], 2).tolist() == [[5, 5], [5, 5]]


def test_padded_codes_of_no_rows_and_of_empty_rows_keep_their_shape() -> None:
    assert padded_codes([], 3).shape == (0, 3)
    assert padded_codes(["", ""], 2).tolist() == [[5, 5], [5, 5]]


@given(ROWS, st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True))
def test_kmer_counts_equal_counting_by_hand(rows: list[str], ks: list[int]) -> None:
    found = kmer_counts(rows, tuple(ks))
    words = ["".join(letters) for k in ks for letters in product("ACGT", repeat=k)]
    expected = [[_occurrences(row, word) for word in words] for row in rows]
    assert found.shape == (len(rows), len(words))
    assert found.toarray().tolist() == expected
    assert found.has_sorted_indices


@given(ROWS)
def test_kmer_counts_do_not_depend_on_the_blocks(rows: list[str]) -> None:
    whole = kmer_counts(rows, (1, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sequence, "_BLOCK_BASES", 16)
        assert (kmer_counts(rows, (1, 3)) != whole).nnz == 0


@given(DNA)
def test_canonical_codes_count_the_same_on_both_strands(text: str) -> None:
    stands_for = canonical_codes(3)
    one, other = (kmer_counts([s], (3,)).toarray()[0] for s in (text, reverse_complement(text)))
    assert np.array_equal(np.bincount(stands_for, one, 64), np.bincount(stands_for, other, 64))


@pytest.mark.parametrize("ks", [(), (0,), (13,)])
def test_kmer_lengths_outside_the_range_are_refused(ks: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="outside"):
        kmer_counts(["ACGT"], ks)


def test_long_kmers_fit_their_keys() -> None:
    rows = ["T" * 12, "A" * 13] * 200
    found = kmer_counts(rows, (12,))
    assert found.shape == (400, 4**12)
    assert found[0, 4**12 - 1] == 1
    assert found[399, 0] == 2


def test_6mers_of_real_promoters_equal_count_vectorizer() -> None:
    rows = _promoters()
    words = ["".join(letters) for letters in product("ACGT", repeat=6)]
    vectorizer = CountVectorizer(analyzer="char", ngram_range=(6, 6), lowercase=False, vocabulary=words)
    expected = vectorizer.transform(rows)
    found = kmer_counts(rows, (6,))
    assert found.shape == expected.shape
    assert (found != expected).nnz == 0


def _occurrences(row: str, word: str) -> int:
    return sum(row[i : i + len(word)] == word for i in range(len(row) - len(word) + 1))


def _promoters() -> list[str]:
    folder = os.environ.get("DNABENCH_TEST_DATA")
    if not folder:
        pytest.skip("DNABENCH_TEST_DATA is not set: no real data")
    with (Path(folder) / "gue/prom/prom_core_tata/train.csv").open(newline="") as file:
        return [row["sequence"] for row in csv.DictReader(file)]
