"""Drawn splits and folds: by content, reproducible, groups and twins undivided."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnabench.harness.data.folds import draw_dev_rows, draw_folds, draw_parts, find_units, fold_splits
from dnabench.harness.errors import DataError
from dnabench.harness.sequence import reverse_complement
from dnabench.harness.types import Inputs, Split, SplitRule, Target

TWO = Target("class", ("0", "1"))
SHARES = (0.7, 0.15, 0.15)
KNOWN_PARTS = [0, 2, 1, 0, 0, 0, 0, 2, 0, 0, 0, 1]
KNOWN_FOLDS = [0, 1, 0, 1, 2, 1, 0, 2, 2, 1, 0, 2]
"""Of the twelve sequences `dna(12, 8)`."""


def dna(n: int, length: int = 20, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    return ["".join(draw.choices("ACGT", k=length)) for _ in range(n)]


def split_of(sequences: list[str], **columns: list[str]) -> Split:
    labels = np.arange(len(sequences)) % 2
    return Split("test", Inputs(sequences), labels, TWO, {k: np.array(v) for k, v in columns.items()})


def test_shares_are_kept_to_a_row_where_all_sequences_differ() -> None:
    parts = draw_parts(Inputs(dna(1000)), None, SHARES)
    assert np.bincount(parts).tolist() == [700, 150, 150]


def test_the_order_of_the_rows_does_not_matter() -> None:
    sequences = dna(200)
    order = random.Random(1).sample(range(200), 200)
    for draw in (
        lambda rows: draw_parts(Inputs(rows), None, SHARES),
        lambda rows: draw_folds(Inputs(rows), None, SplitRule("kfold", folds=4)),
    ):
        assert draw([sequences[i] for i in order]).tolist() == draw(sequences)[order].tolist()


def test_another_seed_draws_otherwise() -> None:
    inputs = Inputs(dna(200))
    assert draw_parts(inputs, None, SHARES, 0).tolist() != draw_parts(inputs, None, SHARES, 1).tolist()


def test_the_draw_is_the_same_on_every_machine() -> None:
    assert draw_parts(Inputs(dna(12, 8)), None, SHARES).tolist() == KNOWN_PARTS
    assert draw_folds(Inputs(dna(12, 8)), None, SplitRule("kfold", folds=3)).tolist() == KNOWN_FOLDS


rows = st.lists(
    st.tuples(st.sampled_from(dna(12, 6)), st.booleans(), st.sampled_from("abcdefgh")), min_size=8, max_size=60
)


@settings(max_examples=60)
@given(rows)
def test_twins_on_either_strand_and_groups_are_never_divided(drawn: list[tuple[str, bool, str]]) -> None:
    sequences = [reverse_complement(s) if flip else s for s, flip, _ in drawn]
    groups = np.array([group for *_, group in drawn])
    for named in (None, groups):
        units = find_units(Inputs(sequences), named).of_row
        if len(set(units.tolist())) < 3:
            continue
        for parts in (
            draw_parts(Inputs(sequences), named, SHARES),
            draw_folds(Inputs(sequences), named, SplitRule("kfold", folds=3)),
        ):
            assert set(parts.tolist()) == {0, 1, 2}
            where: dict[str, int] = {}
            for (sequence, _, group), part in zip(drawn, parts.tolist(), strict=True):
                assert where.setdefault(sequence, part) == part
                if named is not None:
                    assert where.setdefault(f"group {group}", part) == part


def test_units_are_the_connected_components_of_rows_by_brute_force() -> None:
    draw = random.Random(3)
    sequences, groups = (
        [draw.choice(dna(30, 6)) for _ in range(60)],
        [draw.choice("abcdefghijklmnopqrst") for _ in range(60)],
    )
    unit = list(range(60))
    for _ in range(60):
        for i in range(60):
            for j in range(60):
                if sequences[i] == sequences[j] or groups[i] == groups[j]:
                    unit[i] = unit[j] = min(unit[i], unit[j])
    found = find_units(Inputs(sequences), np.array(groups))
    pairs = set(zip(unit, found.of_row.tolist(), strict=True))
    assert len(pairs) == len(set(unit)) == len(set(found.of_row.tolist()))
    assert found.sizes.sum() == 60


def test_folds_are_equal_to_a_row() -> None:
    folds = draw_folds(Inputs(dna(103)), None, SplitRule("kfold", folds=5))
    assert sorted(np.bincount(folds).tolist()) == [20, 20, 21, 21, 21]


def test_a_large_group_does_not_unbalance_the_other_folds() -> None:
    groups = np.array(["big"] * 40 + [f"g{i}" for i in range(60)])
    folds = draw_folds(Inputs(dna(100)), groups, SplitRule("kfold", folds=4))
    assert sorted(np.bincount(folds).tolist()) == [20, 20, 20, 40]


def test_every_row_is_a_test_row_once_and_no_fold_sees_its_own() -> None:
    sequences = dna(90) + [reverse_complement(s) for s in dna(30)]
    rule = SplitRule("kfold", folds=4, groups="gene")
    genes = [f"g{i % 25}" for i in range(120)]
    split = split_of(sequences, gene=genes)
    split.columns["fold"] = draw_folds(split.inputs, split.columns["gene"], rule)  # type: ignore[index]
    tested: list[int] = []
    for train, dev, test in fold_splits(split, rule):
        tested += test.tolist()
        assert len(train) + len(dev) + len(test) == 120
        assert len(dev) > 0
        parts = [set(train.columns["gene"].tolist()), set(dev.columns["gene"].tolist()), {genes[i] for i in test}]
        assert sum(map(len, parts)) == len(set.union(*parts))
    assert sorted(tested) == list(range(120))


def test_dev_rows_inside_a_fold_are_drawn_with_the_seed_of_the_task() -> None:
    split = split_of(dna(90))
    split.columns["fold"] = np.arange(90) % 3  # type: ignore[index]
    firsts = [next(fold_splits(split, SplitRule("kfold", folds=3, seed=seed)))[1].sequences for seed in (0, 1)]
    assert set(firsts[0]) != set(firsts[1])


def test_a_drawn_dev_set_is_fifteen_percent_and_apart_from_train() -> None:
    train, dev = draw_dev_rows(split_of(dna(200)), None)
    assert (len(train), len(dev)) == (170, 30)
    assert sorted([*train.tolist(), *dev.tolist()]) == list(range(200))


def test_too_few_sequences_or_groups_are_refused() -> None:
    with pytest.raises(DataError, match="2 different sequences cannot be divided into 3 splits"):
        draw_parts(Inputs(["AAC", "GTT", "CCC"]), None, SHARES)
    with pytest.raises(DataError, match="2 groups cannot be divided into 5 folds"):
        draw_folds(Inputs(dna(6)), np.array(list("ababab")), SplitRule("kfold"))
