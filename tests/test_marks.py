"""Best is what nobody is shown to beat, not what is largest; and a table says what it could have shown."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dnabench.harness.cli import run_words
from dnabench.harness.errors import RecordError
from dnabench.harness.report.cells import cells
from dnabench.harness.report.marks import marks_of
from dnabench.harness.report.tables import score_table
from dnabench.harness.stats.intervals import score_predictions
from dnabench.harness.stats.paired import paired_difference
from dnabench.harness.stats.verdict import Rules, detectable
from dnabench.harness.types import Dependence, Predictions, RunRecord, Target, TestSet

TWO = Target("class", ("0", "1"))
ROWS = 400


@cache
def record(model: str, right: float, task: str = "toy/a", seed: int = 0, stream: str = "s") -> RunRecord:
    """A model that is right on a share of the rows, the same rows for every model as far as they go."""
    truth = np.arange(ROWS) % 2
    luck = np.random.default_rng(7).random(ROWS) + 0.05 * np.random.default_rng(seed).standard_normal(ROWS)
    said = np.where(luck < right, truth, 1 - truth)
    keys = np.arange(ROWS, dtype=np.uint64)
    outputs = np.eye(2, dtype=np.float32)[said][None] * 0.8 + 0.1
    predictions = Predictions(task, "probability", keys, truth, outputs, ("seed 0",))
    scores = score_predictions(predictions, ["mcc"], TestSet(TWO, Dependence(), stream))
    return RunRecord(
        status="ok",
        key={"data": {"test": stream}},
        model={"name": model, "id": model},
        task={
            "name": task, "version": 1, "metric": "mcc", "rows": {"test": ROWS},
            "target": {"kind": "class", "classes": ["0", "1"]}, "dependence": {"groups": None},
        },
        protocol={"name": "probe", "recipe": "default", "id": "c"},
        scores=scores,
        replicates=({"name": "seed 0", "seed": 0},),
        outputs=lambda: predictions,
    )  # fmt: skip


def bold(records: list[RunRecord]) -> Mapping[str, list[str]]:
    """Row → the heads of its bold cells."""
    table = score_table(records, marks=marks_of(records, cells(records)))
    found: dict[str, list[str]] = {row[0]: [] for row in table.rows}
    for row, column in sorted(table.bold):
        found[table.rows[row][0]].append(table.head[column])
    return found


def test_two_models_that_cannot_be_told_apart_are_both_best_and_a_third_is_not() -> None:
    found = bold([record("a", 0.8), record("b", 0.79, seed=1), record("c", 0.6, seed=2)])
    assert found["toy/a"] == ["a", "b"]


def test_a_single_model_is_never_best() -> None:
    assert not bold([record("a", 0.8)])["toy/a"]


def test_a_lone_score_in_a_row_is_not_best_for_want_of_others() -> None:
    found = bold([record("a", 0.8), record("b", 0.6, seed=1), record("a", 0.8, "toy/b")])
    assert found["toy/a"] == ["a"]
    assert found["toy/b"] == []


def test_the_mean_has_marks_of_its_own() -> None:
    records = [record(m, p, t, s) for t in ("toy/a", "toy/b") for s, (m, p) in enumerate((("a", 0.8), ("c", 0.6)))]
    found = bold(records)
    assert found["mean of 2 tasks"] == ["a"]


def test_what_could_be_shown_is_the_detectable_difference_of_the_pair() -> None:
    pair = [record("a", 0.8), record("b", 0.79, seed=1)]
    marks = marks_of(pair, cells(pair))
    a, b = (one.outputs() for one in pair if one.outputs)
    expected = detectable(paired_difference(a, b, "mcc", TestSet(TWO, Dependence(), "s")), Rules())
    assert marks.could_show(["toy/a"]) == pytest.approx(expected, rel=0.05)
    table = score_table(pair, marks=marks)
    assert table.head[-1] == "could show"
    assert table.data[0]["could_show"] == pytest.approx(expected, rel=0.05)


def test_of_few_groups_nothing_is_marked_and_no_difference_promised() -> None:
    def in_groups(made: RunRecord) -> RunRecord:
        assert made.outputs is not None
        said = replace(made.outputs(), columns={"chromosome": np.arange(ROWS) // 80})
        return replace(made, task=made.task | {"dependence": {"groups": "chromosome"}}, outputs=lambda: said)

    pair = [in_groups(record("a", 0.8)), in_groups(record("b", 0.5, seed=1))]
    marks = marks_of(pair, cells(pair))
    assert (marks.best(["toy/a"]), marks.could_show(["toy/a"])) == (frozenset(), None)


def test_of_a_single_model_nothing_is_marked_and_no_difference_promised() -> None:
    alone = [record("a", 0.8)]
    table = score_table(alone, marks=marks_of(alone, cells(alone)))
    assert "could show" not in table.head
    assert not any("beaten" in note for note in table.notes)


@pytest.mark.parametrize("why", ["other rows", "no file", "other labels"])
def test_records_that_cannot_be_compared_have_no_marks(why: str) -> None:
    def lost() -> Any:
        raise RecordError("gone")

    def forged() -> Any:
        said = record("b", 0.6).outputs
        assert said is not None
        return replace(said(), truth=1 - said().truth)

    if why == "other rows":
        other = record("b", 0.6, stream="t")
    else:
        other = replace(record("b", 0.6), outputs=lost if why == "no file" else forged)
    assert not bold([record("a", 0.8), other])["toy/a"]


def test_the_report_is_the_same_bytes_twice_and_has_marks_on_request_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import dnabench

    for model in ("gc", "majority"):
        dnabench.run(model, "yeast/promoter", out=tmp_path)
    texts = []
    for more in ([], [], ["--no-marks"]):
        assert run_words(["report", str(tmp_path), "-t", "promoter", *more]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert "**" in texts[0]
    assert "could show" in texts[0]
    assert "**" not in texts[2]
