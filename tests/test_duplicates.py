"""Duplicates between splits: exact counts, both strands, and the known truth of GUE."""

import os
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnabench.harness.audit.duplicates import (
    audit_splits,
    contradictory_rows,
    duplicate_rows,
    repeated_rows,
    rows_in,
)
from dnabench.harness.data.formats import Columns, parse_rows
from dnabench.harness.data.opening import read_plain
from dnabench.harness.data.rows import check_rows
from dnabench.harness.sequence import reverse_complement
from dnabench.harness.types import Inputs, Split, Splits, Target

TWO = Target("class", ("0", "1"))
short = st.lists(st.text("ACGTN", min_size=1, max_size=3), max_size=30)


def split_of(sequences: list[str], labels: list[int]) -> Split:
    return Split("train", Inputs(sequences), np.array(labels, np.int64), TWO)


@given(short, short)
def test_masks_agree_with_comparing_all_rows(test: list[str], train: list[str]) -> None:
    found = duplicate_rows(Inputs(test), Inputs(train))
    assert found.exact.tolist() == [any(a == b for b in train) for a in test]
    assert found.reverse_complement.tolist() == [any(reverse_complement(a) == b for b in train) for a in test]
    assert rows_in(Inputs(test), Inputs(train)).tolist() == found.either.tolist()


@given(short)
def test_repeats_agree_with_looking_back(sequences: list[str]) -> None:
    expected = [
        any(s in (sequences[j], reverse_complement(sequences[j])) for j in range(i)) for i, s in enumerate(sequences)
    ]
    assert repeated_rows(Inputs(sequences)).tolist() == expected


def test_a_pair_is_a_duplicate_only_as_a_whole() -> None:
    train = Inputs(["AAC", "CCA"], ["GGA", "TTG"])
    test = Inputs(["AAC", "AAC", "GTT"], ["GGA", "TTG", "TCC"])
    found = duplicate_rows(test, train)
    assert found.exact.tolist() == [True, False, False]
    assert found.reverse_complement.tolist() == [False, False, True]


def test_contradictions_count_all_rows_of_a_doubtful_sequence() -> None:
    train, test = split_of(["AAC", "CCC", "GGA"], [0, 1, 1]), split_of(["GTT", "CCC"], [1, 1])
    assert contradictory_rows(train, test) == 2
    assert contradictory_rows(train, test, both_strands=False) == 0
    assert contradictory_rows(split_of(["AC", "AC", "AC"], [0, 0, 1])) == 3
    assert contradictory_rows(split_of(["AC", "AC", "AC"], [1, 0, 0])) == 3
    assert contradictory_rows(split_of([], [])) == 0


def test_exactly_the_copies_among_thousands_of_long_rows_are_found() -> None:
    draw = random.Random(0)
    pool = ["".join(draw.choices("ACGT", k=500)) for _ in range(6_000)]
    found = rows_in(Inputs(pool[:5_000]), Inputs(pool[1_000:]))
    assert found.tolist() == [False] * 1_000 + [True] * 4_000


GUE = {
    "tf/4": {"test_in_train": 0, "dev_in_train": 358, "dev_in_train_exact": 358, "repeats_in_train": 3789},
    "prom/prom_300_tata": {"test_in_train": 6, "dev_in_train": 14, "repeats_in_train": 56},
    "prom/prom_core_all": {"test_in_train": 43, "dev_in_train": 54, "repeats_in_train": 148},
    "prom/prom_core_notata": {"test_in_train": 30, "dev_in_train": 29, "repeats_in_train": 114},
    "prom/prom_core_tata": {"test_in_train": 16, "dev_in_train": 8, "repeats_in_train": 57},
}


@pytest.mark.parametrize("name", GUE)
def test_the_leaks_of_gue_are_found(name: str) -> None:
    if "DNABENCH_TEST_DATA" not in os.environ:
        pytest.skip("DNABENCH_TEST_DATA does not name the folder of real data")
    folder = Path(os.environ["DNABENCH_TEST_DATA"]) / "gue" / name

    def load(split: str) -> Split:
        rows = parse_rows(read_plain(folder / f"{split}.csv", split), Columns(), split)
        return check_rows(rows, TWO, split, split).split

    counts = audit_splits(Splits(load("train"), load("dev"), load("test"), {}))
    assert {key: counts[key] for key in GUE[name]} == GUE[name]
