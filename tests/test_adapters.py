"""The conventional models: what they answer, and that order and batches do not matter."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnabench.adapters.composition import GC, Length, gc_fraction
from dnabench.adapters.kmer import Kmer
from dnabench.adapters.majority import Majority
from dnabench.adapters.nearest import Nearest
from dnabench.adapters.onehot import OneHot
from dnabench.harness.errors import AdapterError, RequestError
from dnabench.harness.sequence import padded_codes, reverse_complement
from dnabench.harness.types import Adapter, Inputs, Split, Target

TWO = Target("class", ("0", "1"))
FITTED = [Majority, GC, Length, Nearest]
EMBEDDING = [Kmer, lambda: OneHot(length=30)]
ALL = [Majority, GC, Length, Nearest, Kmer, OneHot]


def split(sequences: Sequence[str], labels: Any, target: Target = TWO, name: str = "train") -> Split:
    kinds = {"class": np.int64, "multilabel": np.int8, "value": np.float64}
    return Split(name, Inputs(list(sequences)), np.asarray(labels, kinds[target.kind]), target)


def random_rows(n: int, seed: int = 0, low: int = 20, high: int = 40) -> list[str]:
    draw = np.random.default_rng(seed)
    return ["".join(draw.choice(list("ACGTN"), draw.integers(low, high), p=[0.24] * 4 + [0.04])) for _ in range(n)]


@pytest.mark.parametrize("make", ALL)
def test_every_model_says_what_it_is(make: Any) -> None:
    model = make()
    assert isinstance(model, Adapter)
    assert model.info.weights == "none"
    assert model.info.name == model.info.adapter
    assert model.capabilities <= {"fit", "embed"}
    assert all(callable(getattr(model, capability)) for capability in model.capabilities)
    assert len(make.__doc__.splitlines()[0]) < 110


@pytest.mark.parametrize("make", ALL)
def test_an_unknown_option_is_refused_with_the_nearest(make: Any) -> None:
    with pytest.raises(RequestError, match="no option 'kk'"):
        make(kk=3)


def test_options_may_come_as_text_and_are_checked() -> None:
    assert Kmer(k="4").info.options["k"] == 4
    assert OneHot(length="50").info.context_bases == 50
    with pytest.raises(RequestError, match="expected a whole number"):
        Kmer(k="many")
    with pytest.raises(RequestError, match="outside"):
        Kmer(k=40)
    with pytest.raises(RequestError, match="not positive"):
        OneHot(length=0)


@pytest.mark.parametrize("make", EMBEDDING)
def test_embeddings_do_not_depend_on_order_or_batches(make: Any) -> None:
    rows, model = random_rows(40), make()
    whole = model.embed(rows).toarray()
    backwards = model.embed(rows[::-1]).toarray()[::-1]
    one_by_one = np.vstack([model.embed([row]).toarray() for row in rows])
    assert np.array_equal(whole, backwards)
    assert np.array_equal(whole, one_by_one)


@pytest.mark.parametrize("make", FITTED)
def test_predictions_do_not_depend_on_order_or_batches(make: Any) -> None:
    rows = random_rows(60)
    labels = np.arange(60) % 2
    train, dev = split(rows[:40], labels[:40]), split(rows[40:], labels[40:])
    fitted = make().fit(train, dev, 0)
    test = random_rows(30, seed=1)
    whole = fitted.predict(Inputs(test))
    assert whole.shape == (30, 2)
    assert np.array_equal(whole, fitted.predict(Inputs(test[::-1]))[::-1])
    assert np.array_equal(whole, np.vstack([fitted.predict(Inputs([row])) for row in test]))
    turned = make().fit(split(rows[:40][::-1], labels[:40][::-1]), dev, 0)
    assert np.allclose(whole, turned.predict(Inputs(test)), atol=1e-12)


def test_majority_gives_class_frequencies_and_means() -> None:
    train = split(["A", "C", "G", "T"], [0, 1, 1, 1])
    assert Majority().fit(train, train).predict(Inputs(["A"])).tolist() == [[0.25, 0.75]]
    values = split(["A", "C"], [1.0, 4.0], Target("value"))
    assert Majority().fit(values, values).predict(Inputs(["A"])).tolist() == [[2.5]]
    many = split(["A", "C"], [[1, 0, 1], [1, 0, 0]], Target("multilabel", ("a", "b", "c")))
    assert Majority().fit(many, many).predict(Inputs(["A"])).tolist() == [[1.0, 0.0, 0.5]]


def test_gc_sees_a_shortcut_that_is_not_monotone() -> None:
    rows = ["G" * gc + "A" * (30 - gc) for gc in range(31)] * 4
    labels = [int(10 <= gc <= 20) for gc in range(31)] * 4
    fitted = GC().fit(split(rows, labels), split(rows, labels))
    assert fitted.predict(Inputs(rows)).argmax(1).tolist() == labels
    assert fitted.chosen["leaves"] == 3


def test_a_number_that_says_nothing_is_left_alone() -> None:
    rows = random_rows(400, low=30, high=31)
    labels = np.random.default_rng(0).integers(0, 2, 400)
    fitted = Length().fit(split(rows[:300], labels[:300]), split(rows[300:], labels[300:]))
    assert fitted.chosen["leaves"] == 1


def test_length_predicts_values_without_dev_rows() -> None:
    rows = ["A" * n for n in (5, 6, 50, 60)] * 10
    train = split(rows, [1.0, 1.0, 3.0, 3.0] * 10, Target("value"))
    fitted = Length().fit(train, split([], [], Target("value")))
    assert fitted.predict(Inputs(["A" * 7, "A" * 70])).ravel().tolist() == [1.0, 3.0]
    assert "no usable dev rows" in fitted.chosen["rule"]


def test_gc_fraction_ignores_unknown_letters() -> None:
    assert gc_fraction(["GCNN", "", "AT", "SSGA"]).tolist() == [1.0, 0.5, 0.0, 0.5]


def test_onehot_takes_its_width_from_train_and_tells_what_it_does_not_see() -> None:
    model = OneHot()
    with pytest.raises(AdapterError, match="prepare"):
        model.embed(["ACGT"])
    ready = model.prepare(Inputs(["ACG", "A"]))
    rows = ["ACGTT", "AN", "T"]
    assert np.array_equal(ready.embed(rows).toarray(), np.eye(6)[padded_codes(rows, 3)][..., :4].reshape(3, 12))
    assert ready.info.context_bases == 3
    assert model.info.context_bases is None


def test_nearest_prefers_the_same_sequence_then_the_other_strand() -> None:
    row = random_rows(1, low=30, high=31)[0].replace("N", "A")
    other = reverse_complement(row)
    both = Nearest(k=4).fit(split([row, other], [0, 1]), split([], []))
    assert both.predict(Inputs([row, other])).argmax(1).tolist() == [0, 1]
    single = Nearest(k=4).fit(split([other, "ACGT" * 8], [1, 0]), split([], []))
    assert single.predict(Inputs([row])).tolist() == [[0.0, 1.0]]
    short = Nearest(k=10).fit(split(["AACGC", "CCCCC"], [1, 0]), split([], []))
    assert short.predict(Inputs([reverse_complement("AACGC")])).tolist() == [[0.0, 1.0]], "too short for a k-mer"


def test_copies_with_two_labels_vote_and_strangers_get_the_class_frequencies() -> None:
    train = split(["ACGTACGTAA", "ACGTACGTAA", "CCCCCCCCCC", "CCCCCCCCCC"], [0, 1, 1, 1])
    fitted = Nearest(k=8).fit(train, train)
    assert fitted.predict(Inputs(["ACGTACGTAA", "TTTTTTTTTT"])).tolist() == [[0.5, 0.5], [0.25, 0.75]]


@given(st.integers(0, 1000))
def test_nearest_equals_brute_force(seed: int) -> None:
    rows = random_rows(40, seed, 8, 25)
    train, test = split(rows[:25], np.arange(25) % 3, Target("class", ("a", "b", "c"))), rows[20:]
    found = Nearest(k=4).fit(train, train).predict(Inputs(test))
    expected = [_nearest_by_hand(row, train) for row in test]
    assert np.allclose(found, expected, atol=1e-12)


def _nearest_by_hand(row: str, train: Split) -> Any:
    labels = np.eye(3)[train.labels]
    for strand in (row, reverse_complement(row)):
        same = [i for i, other in enumerate(train.sequences) if other == strand]
        if same:
            return labels[same].mean(0)
    shared = [len(_words(row) & _words(other)) for other in train.sequences]
    if max(shared) == 0:
        return labels.mean(0)
    return labels[np.flatnonzero(np.array(shared) == max(shared))].mean(0)


def _words(row: str) -> set[str]:
    words = (row[i : i + 4] for i in range(len(row) - 3))
    return {min(word, reverse_complement(word)) for word in words if set(word) <= set("ACGT")}
