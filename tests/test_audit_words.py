"""Shared words, contained rows and nearest rows against brute force; the known leaks of GUE by themselves."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnabench.harness.audit.contained import contained_rows
from dnabench.harness.audit.twins import nearest_rows, shuffled_facts, twin_facts
from dnabench.harness.audit.words import memory_sentence, shared_words, word_index
from dnabench.harness.sequence import canonical, reverse_complement

texts = st.lists(st.text("ACGTN", min_size=1, max_size=40), min_size=1, max_size=12)


def words_by_hand(sequence: str, k: int) -> set[str]:
    parts = (sequence[i : i + k] for i in range(len(sequence) - k + 1))
    return {canonical(part) for part in parts if "N" not in part}


@given(texts, texts, st.sampled_from([8, 16, 32]))
def test_shared_words_agree_with_sets_of_canonical_strings(test: list[str], train: list[str], k: int) -> None:
    known = set().union(*(words_by_hand(sequence, k) for sequence in train))
    expected = [bool(words_by_hand(sequence, k) & known) for sequence in test]
    assert shared_words(word_index(test, k), train).rows.tolist() == expected


def test_votes_count_trains_labels_at_every_place_of_a_word() -> None:
    word = "ACGGTTCA"
    shared = shared_words(
        word_index([word + "N" + word], 8), [word, word, reverse_complement(word)], np.array([0, 1, 1]), 2
    )
    assert shared.votes.tolist() == [[2.0, 4.0]]
    other = "CCATGAAC"
    index = word_index([word, other], 8)
    both = shared_words(index, [word, other, other, other], np.array([0, 0, 1, 1]), 2)
    assert both.votes.tolist() == [[1.0, 0.0], [1.0, 2.0]]


def test_a_word_ends_with_its_row() -> None:
    assert shared_words(word_index(["ACGGTTCA"], 8), ["ACGG", "TTCA"]).rows.tolist() == [False]


def test_no_rows_share_nothing() -> None:
    assert shared_words(word_index([], 8), ["ACGGTTCA"]).rows.tolist() == []
    assert shared_words(word_index(["ACGGTTCA"], 8), []).rows.tolist() == [False]


def test_a_share_of_one_half_means_memory_and_less_does_not() -> None:
    assert "50.0 %" in memory_sentence(0.5)
    assert memory_sentence(0.499) == ""


def test_words_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="8, 16 or 32"):
        word_index(["ACGT"], 12)


@st.composite
def nested(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Long rows, and pieces of them and of their other strands beside rows of their own."""
    outer = draw(st.lists(st.text("ACGT", min_size=20, max_size=80), min_size=1, max_size=5))
    inner = draw(st.lists(st.text("ACGT", min_size=10, max_size=50), max_size=3))
    for sequence in outer:
        start = draw(st.integers(0, len(sequence) - 16))
        piece = sequence[start : start + draw(st.integers(16, 60))]
        inner.append(reverse_complement(piece) if draw(st.booleans()) else piece)
    return inner, outer


@given(nested())
def test_contained_rows_agree_with_looking_into_every_row(rows: tuple[list[str], list[str]]) -> None:
    inner, outer = rows

    def holds(big: str, small: str) -> bool:
        return 16 <= len(small) < len(big) and (small in big or reverse_complement(small) in big)

    inside, holding = contained_rows(inner, outer)
    assert inside.tolist() == [any(holds(big, small) for big in outer) for small in inner]
    assert holding.tolist() == [any(holds(big, small) for small in inner) for big in outer]


def test_rows_with_unknown_letters_are_found_by_their_runs_of_known_ones() -> None:
    left, right = "ACGGTTCAAGTCCTGAAC", "TTGACCATGGCATACGGA"
    inner = [left + "N" + right, left + "N" * 20, "ACGT" + "N" + "ACGTTG"]
    outer = ["CC" + reverse_complement(inner[0]), inner[1] + "A", inner[2] + "A", left + "C" + right + "A"]
    inside, holding = contained_rows(inner, outer)
    assert (inside.tolist(), holding.tolist()) == ([True, True, False], [True, True, False, False])


def test_repeats_are_no_burden_for_contained_rows() -> None:
    inner = ["A" * 40 + "CGTACGTAAC"] * 50
    outer = ["A" * 300] * 200 + ["TT" + inner[0] + "GG"]
    inside, holding = contained_rows(inner, outer)
    assert inside.all()
    assert np.flatnonzero(holding).tolist() == [200]


def test_the_nearest_row_is_the_one_that_holds_most_kmers() -> None:
    rng = np.random.default_rng(5)
    train = ["".join(rng.choice(list("ACGT"), 60)) for _ in range(30)]
    test = [reverse_complement(train[7][:40] + "A" * 20), train[3][20:] + train[9][:20]]
    found = nearest_rows(test, train)
    assert found is not None
    assert found.row_in_train.tolist() == [7, 3]


def altered(sequence: str, rng: np.random.Generator) -> str:
    """Twelve of twenty pieces replaced, as the makers of promoter sets do."""
    pieces = [sequence[i : i + 15] for i in range(0, 300, 15)]
    for i in rng.permutation(20)[:12]:
        pieces[i] = "".join(rng.choice(list("ACGT"), 15))
    return "".join(pieces)


def test_substituted_twins_are_found_and_ordinary_rows_are_not() -> None:
    rng = np.random.default_rng(1)
    positives = ["".join(rng.choice(list("ACGT"), 300)) for _ in range(400)]
    twins = [altered(sequence, rng) for sequence in positives]
    labels = np.r_[np.ones(400, np.int64), np.zeros(400, np.int64)]
    rows = np.array(positives + twins)
    order = rng.permutation(800)
    test, train = order[:160], order[160:]

    def facts(truth: np.ndarray) -> dict[str, object]:
        found = nearest_rows(rows[test].tolist(), rows[train].tolist())
        return dict(twin_facts(found, truth[test], truth[train], np.zeros(160, bool)))

    assert facts(labels)["substituted_twins"] is True
    assert facts(rng.permutation(labels))["substituted_twins"] is False


def test_rows_that_are_known_to_stand_in_train_are_no_twins() -> None:
    train = ["ACGGTTCAAGTCCTGA", "CCATAGGCATTGACCA"]
    found = nearest_rows([train[0], train[1] + "A"], train)
    facts = twin_facts(found, np.array([1, 1]), np.array([1, 0]), np.array([True, False]))
    assert (facts["rows"], facts["opposite"]) == (1, 1.0)


def test_a_row_on_the_other_strand_is_no_shuffle() -> None:
    row = "AACAAGAAAACC"
    assert shuffled_facts([reverse_complement(row), row], [row], None)["test_rows"] == 0
    assert shuffled_facts([reverse_complement("AAGAACAAAACC")], [row], None)["test_rows"] == 1


def test_too_much_work_is_skipped_with_the_reason() -> None:
    assert "skipped" in twin_facts(None, np.array([0]), np.array([0]), np.array([False]))


def windows(path: Path, length: int = 1000) -> list[str]:
    text = gzip.decompress(path.read_bytes()).decode("ascii").upper()
    bases = "".join(line for line in text.splitlines() if not line.startswith(">"))
    return [bases[start : start + length] for start in range(0, len(bases) - length, length)]


@pytest.mark.slow
def test_another_strain_of_the_same_species_means_memory() -> None:
    """The positive control: windows of one strain of E. coli against the genome of another, on real genomes."""
    if "DNABENCH_TEST_DATA" not in os.environ:
        pytest.skip("DNABENCH_TEST_DATA does not name the folder of real data")
    folder = Path(os.environ["DNABENCH_TEST_DATA"]) / "genomes_bacteria_phage"
    train, test = (windows(folder / f"E.Coli_{strain}.fasta.gz") for strain in ("MG1655-K12", "DH1"))
    share = shared_words(word_index(test), train).rows.mean()
    assert share > 0.9
    assert "a score here means memory" in memory_sentence(share)
    other = shared_words(word_index(windows(folder / "S.Aureus_N315.fasta.gz")), train).rows.mean()
    assert other < 0.05
    assert memory_sentence(other) == ""
