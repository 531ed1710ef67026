"""The linear shortcuts: what they measure, what they learn, and labels of every kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnabench.adapters.shares import Dinucleotide, NPosition, dinucleotide_shares, unknown_shares
from dnabench.harness.errors import RequestError
from dnabench.harness.types import Inputs, Split, Target

TWO = Target("class", ("0", "1"))


@given(st.lists(st.text("ACGTN", min_size=1, max_size=30), min_size=1, max_size=8))
def test_shares_agree_with_counting_by_hand(sequences: list[str]) -> None:
    pairs = [a + b for a in "ACGT" for b in "ACGT"]
    for row, sequence in zip(dinucleotide_shares(sequences), sequences, strict=True):
        found = [sequence[i : i + 2] for i in range(len(sequence) - 1)]
        known = [pair for pair in found if "N" not in pair]
        expected = [known.count(pair) / max(1, len(known)) for pair in pairs]
        assert row.tolist() == pytest.approx(expected)
    for row, sequence in zip(unknown_shares(sequences), sequences, strict=True):
        assert row[0] == pytest.approx(sequence.count("N") / len(sequence))


def rows(target: Target, labels: np.ndarray, sequences: list[str]) -> Split:
    return Split("train", Inputs(sequences), labels, target)


def drawn(n: int, rng: np.random.Generator, shares: list[float]) -> list[str]:
    return ["".join(rng.choice(list("ACGT"), 60, p=shares)) for _ in range(n)]


def test_composition_is_learnt_and_unknown_letters_are_not_seen() -> None:
    rng = np.random.default_rng(0)
    sequences = drawn(80, rng, [0.4, 0.1, 0.1, 0.4]) + drawn(80, rng, [0.1, 0.4, 0.4, 0.1])
    labels = np.repeat([0, 1], 80)
    fitted = Dinucleotide().fit(rows(TWO, labels, sequences), rows(TWO, labels[:0], []))
    outputs = fitted.predict(Inputs(sequences))
    assert outputs.shape == (160, 2)
    assert np.allclose(outputs.sum(1), 1)
    assert (outputs.argmax(1) == labels).mean() > 0.95
    plain = NPosition().fit(rows(TWO, labels, sequences), rows(TWO, labels[:0], []))
    assert np.allclose(plain.predict(Inputs(sequences)), 0.5, atol=1e-3)


def test_where_the_gap_lies_is_learnt() -> None:
    rng = np.random.default_rng(1)
    left = ["N" * 6 + sequence[6:] for sequence in drawn(50, rng, [0.25] * 4)]
    right = [sequence[:-6] + "N" * 6 for sequence in drawn(50, rng, [0.25] * 4)]
    labels = np.repeat([0, 1], 50)
    fitted = NPosition().fit(rows(TWO, labels, left + right), rows(TWO, labels[:0], []))
    assert (fitted.predict(Inputs(left + right)).argmax(1) == labels).all()


def test_labels_of_every_kind_have_outputs_of_their_shape() -> None:
    rng = np.random.default_rng(2)
    sequences = drawn(40, rng, [0.25] * 4)
    table = np.stack([np.arange(40) % 2, np.zeros(40, np.int64), np.ones(40, np.int64)], 1).astype(np.int8)
    several = Dinucleotide().fit(
        rows(Target("multilabel", ("a", "b", "c")), table, sequences), rows(TWO, table[:0], [])
    )
    outputs = several.predict(Inputs(sequences))
    assert outputs.shape == (40, 3)
    assert (outputs[:, 1] == 0).all()
    assert (outputs[:, 2] == 1).all()
    values = Dinucleotide().fit(rows(Target("value"), rng.random(40), sequences), rows(TWO, table[:0], []))
    assert values.predict(Inputs(sequences)).shape == (40, 1)
    missing = Target("class", ("a", "b", "c"))
    three = Dinucleotide().fit(rows(missing, np.arange(40) % 2, sequences), rows(TWO, table[:0], []))
    assert three.predict(Inputs(sequences)).shape == (40, 3)
    assert (three.predict(Inputs(sequences))[:, 2] == 0).all()


def test_pairs_are_measured_side_by_side() -> None:
    rng = np.random.default_rng(3)
    inputs = Inputs(
        drawn(30, rng, [0.25] * 4), drawn(15, rng, [0.4, 0.1, 0.1, 0.4]) + drawn(15, rng, [0.1, 0.4, 0.4, 0.1])
    )
    labels = np.repeat([0, 1], 15)
    fitted = Dinucleotide().fit(Split("train", inputs, labels, TWO), Split("dev", Inputs([], []), labels[:0], TWO))
    assert (fitted.predict(inputs).argmax(1) == labels).mean() > 0.9


def test_an_option_that_does_not_exist_is_refused() -> None:
    with pytest.raises(RequestError, match="has no option"):
        Dinucleotide(k=3)
