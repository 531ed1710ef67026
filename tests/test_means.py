"""The mean over tasks in a table is the one that `compare` and `leaderboard` speak of."""

from __future__ import annotations

from dataclasses import replace

import pytest
from compare_records import record, rows

from dnabench.harness.report.cells import cells
from dnabench.harness.report.means import mean_score
from dnabench.harness.stats.joint import joint
from dnabench.harness.stats.suite import suite_mean
from dnabench.harness.types import Dependence, RunRecord, Score, Target, TestSet

BINARY = Target("class", ("0", "1"))


def scored(task: str, correct: float, start: int) -> RunRecord:
    said = rows(task, correct, start=start)
    value = float((said.outputs[0].argmax(axis=1) == said.truth).mean())
    return replace(record("kmer", said), scores={"accuracy": Score("accuracy", value)})


def test_the_interval_is_that_of_the_joint_bootstrap_of_the_tasks() -> None:
    made = [scored("toy/a", 0.7, 0), scored("toy/b", 0.8, 1000)]
    tables = [
        joint({"kmer": r.outputs()}, ["accuracy"], TestSet(BINARY, Dependence(), str(k)))["accuracy"]  # type: ignore[misc]
        for k, r in enumerate(made)
    ]
    found, noise = mean_score(cells(made)), suite_mean(tables).noise(0)
    assert (found.low, found.high) == pytest.approx(noise.interval(found.value or 0.0, 0.95), abs=1e-3)


def test_rows_that_stand_in_both_tasks_count_once() -> None:
    one, again = scored("toy/a", 0.7, 0), scored("toy/b", 0.7, 0)
    alone, twice = mean_score(cells([one])), mean_score(cells([one, again]))
    assert (twice.low, twice.high) == pytest.approx((alone.low, alone.high), abs=1e-4)
    assert "2 of 2 tasks share test rows" in twice.note
    apart = mean_score(cells([one, scored("toy/b", 0.7, 1000)]))
    assert apart.high - apart.low < 0.8 * (twice.high - twice.low)  # type: ignore[operator]


def test_without_predictions_there_is_a_mean_and_no_interval() -> None:
    made = [scored("toy/a", 0.7, 0), replace(scored("toy/b", 0.8, 1000), outputs=None)]
    found = mean_score(cells(made))
    assert found.value is not None
    assert (found.low, found.high) == (None, None)
