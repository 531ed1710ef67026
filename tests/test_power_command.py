"""The planning table: what each test set can show, with what it assumes, and without a model or data."""

import json

import pytest

from dnabench.harness import registry
from dnabench.harness.cli import run_words
from dnabench.harness.data.load import DataOptions
from dnabench.harness.errors import RequestError
from dnabench.harness.report.power import Plan, Question, plan_table, plan_tasks
from dnabench.harness.stats.planning import Setting, minimal_difference, power


def plans(words: list[str], **question: object) -> list[Plan]:
    return plan_tasks(registry.find_tasks((), words), Question(**question), DataOptions(offline=True))  # type: ignore[arg-type]


def test_numbers_are_those_of_the_statistics() -> None:
    (plan,) = plans(["gue/mouse_4"], delta=0.03)
    setting = Setting("mcc", plan.counts or ())
    assert sum(setting.counts) == plan.rows == 1883
    assert plan.alone == minimal_difference(setting)
    assert plan.power_alone == power(setting, 0.03)


def test_the_rows_it_asks_for_would_show_the_difference_in_four_of_five_cases() -> None:
    (plan,) = plans(["gue/mouse_4"], delta=0.03)
    assert plan.rows_alone is not None
    half = plan.rows_alone // 2
    assert power(Setting("mcc", (half, half)), 0.03).power == pytest.approx(0.8, abs=0.03)


def test_a_family_needs_more_than_one_test() -> None:
    for plan in plans(["gue/mouse_4", "gue/mouse_0"], delta=0.03, tasks=28):
        assert plan.alone is not None
        assert plan.holm is not None
        assert plan.rows_alone is not None
        assert plan.rows_holm is not None
        assert plan.alone < plan.holm
        assert plan.rows_alone < plan.rows_holm


def test_rows_by_class_that_nobody_knows_are_taken_as_equal_and_it_is_said() -> None:
    (plan,) = plans(["gue/mouse_3"])
    assert plan.balanced
    table = plan_table([plan], Question())
    assert any("taken as equal" in note for note in table.notes)
    assert table.data[0]["rows_by_class"] is None


def test_the_command_prints_a_row_per_task_in_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_words(["power", "-s", "yeast", "--delta", "0.05", "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)
    assert {line["tests"] for line in lines} == {4}
    assert all(line["could_show"] < line["could_show_holm"] for line in lines)
    assert run_words(["power", "-t", "yeast/coding", "--format", "console"]) == 0
    assert "2,562" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["-t", "yeast/coding", "--delta", "0"],
        ["-t", "yeast/coding", "--metric", "auprc"],
        ["-t", "yeast/nix"],
        ["-t", "yeast/coding", "--base-score", "1"],
        ["-t", "yeast/coding", "--correlation", "2"],
    ],
)
def test_what_has_no_answer_is_one_line_and_exit_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_words(["power", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_metric_that_serves_no_task_is_refused() -> None:
    with pytest.raises(RequestError, match="does not score"):
        plans(["yeast/coding"], metric="spearman")
