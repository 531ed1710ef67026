"""Two pairs of one cell: what contradicts, and what the two are together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from compare_records import BINARY, record, rows

from dnabench.harness.report.unite import contradiction, united
from dnabench.harness.run.record_json import plain
from dnabench.harness.stats.intervals import score_predictions
from dnabench.harness.types import Dependence, Predictions, RunRecord, Score, TestSet

SAID = replace(rows("toy/x", 0.7, n=200), columns={"in_train": np.arange(200) % 4 == 0})
SET = TestSet(BINARY, Dependence(), "rows of toy/x")


def made(said: Predictions = SAID, **other: Any) -> tuple[RunRecord, Predictions]:
    return record("m", said, scores={"accuracy": Score("accuracy", 0.7)}, **other), said


def of_seed(seed: int, **other: Any) -> tuple[RunRecord, Predictions]:
    said = replace(SAID, outputs=rows("toy/x", 0.7, n=200, model=seed).outputs, replicates=(f"seed {seed}",))
    return made(said, replicates=({"name": f"seed {seed}", "seed": seed},), **other)


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (made(), ""),
        (made(key={"data": {"test": "other"}, "model": {"name": "m"}}), "made from another data"),
        (made(status="partial"), "of another status or kind of output"),
        (made(replace(SAID, kind="log_likelihood")), "of another status or kind of output"),
        (made(replace(SAID, keys=SAID.keys + np.uint64(1))), "of other rows or labels"),
        (made(replace(SAID, truth=1 - SAID.truth)), "of other rows or labels"),
        (made(replace(SAID, columns={})), "of other columns of the same rows"),
        (made(replace(SAID, outputs=1 - SAID.outputs)), "with other outputs of seed 0"),
        (made(replace(SAID, outputs=1 - SAID.outputs, replicates=("seed 1",))), ""),
        (
            (replace(made()[0], scores={"accuracy": Score("accuracy", 0.8)}), SAID),
            "with another accuracy of the same predictions",
        ),
    ],
)
def test_two_pairs_contradict_each_other_in_one_sentence(second: tuple[RunRecord, Predictions], reason: str) -> None:
    assert contradiction(made(), second) == contradiction(second, made()) == reason


def test_united_seeds_stand_in_the_order_of_their_numbers_and_are_scored_together_with_and_without_twins() -> None:
    checks = {"scores_without_duplicates": {}}
    first, second = (
        of_seed(seed, checks=checks | {"bases_seen": seen}, provenance={"replicates": {f"seed {seed}": {"cpu": seed}}})
        for seed, seen in ((10, 0.8), (2, 0.9))
    )
    for one, other in ((first, second), (second, first)):
        both, said = united(one, other)
        assert said.replicates == ("seed 2", "seed 10")
        assert np.array_equal(said.outputs, np.concatenate([second[1].outputs, first[1].outputs]))
        assert both.checks["bases_seen"] == 0.8
        assert both.scores == score_predictions(said, ["accuracy"], SET)
        kept = said.take(np.arange(200) % 4 > 0)
        assert both.checks["scores_without_duplicates"] == plain(score_predictions(kept, ["accuracy"], SET))
        assert both.provenance == {"replicates": {"seed 2": {"cpu": 2}, "seed 10": {"cpu": 10}}, "seeds": [2, 10]}


def test_a_seed_that_failed_elsewhere_is_told_of_where_nothing_else_is_new() -> None:
    lost = {"failed_seeds": {"1": "NaN"}}
    both, _ = united(made(), made(checks=lost))
    assert both.checks == lost
    whole = made()
    assert united(whole, made()) is whole
