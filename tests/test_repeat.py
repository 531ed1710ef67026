"""The commands on a model card run the same cells: their words give the record's whole configuration again."""

import shlex
from dataclasses import replace
from typing import Any

import pytest

import dnabench
from dnabench.harness.cli.options import settings
from dnabench.harness.protocols import configure
from dnabench.harness.report.repeat import known_task, repeat_lines
from dnabench.harness.types import RunRecord


@pytest.fixture(scope="module")
def record() -> RunRecord:
    found = dnabench.run("gc", "yeast/promoter")
    assert isinstance(found, RunRecord)
    return found


def trained(record: RunRecord, changes: dict[str, Any], command: str = "", task: str = "yeast/promoter") -> RunRecord:
    """The record as a fine-tuned one with these settings."""
    known = known_task(task)
    assert known is not None
    config = configure("finetune", known, None, changes)
    facts = {"name": "finetune", "recipe": "default", "id": "1234567", "config": config}
    seeds = ({"name": "seed 3", "seed": 3}, {"name": "seed 4", "seed": 4})
    return replace(
        record, protocol=facts, replicates=seeds, provenance={"command": command}, task={**record.task, "name": task}
    )


def words_of(line: str, option: str) -> list[str]:
    words = shlex.split(line)
    return [words[i + 1] for i, word in enumerate(words) if word == option]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"epochs": 3, "learning_rate": 0.001},
        {"search": {"epochs": [3, 5]}, "schedule": "linear"},
        {"mode": "lora"},
        {"dev_folds": 10},
    ],
)
def test_the_settings_of_a_line_give_the_configuration_of_the_record(
    record: RunRecord, changes: dict[str, Any]
) -> None:
    made = trained(record, changes)
    (line,) = repeat_lines([made])
    task = known_task("yeast/promoter")
    assert task is not None
    assert configure("finetune", task, None, settings(words_of(line, "--set"))) == made.protocol["config"]
    assert words_of(line, "--seeds") == ["3,4"]
    assert words_of(line, "-t") == ["yeast/promoter"]


def test_a_setting_by_hand_that_equals_the_protocol_s_own_is_said(record: RunRecord) -> None:
    own = trained(record, {}).protocol["config"]["epochs"]
    (line,) = repeat_lines([trained(record, {}, f"dnabench run -m gc -t yeast/* --set epochs={own} -o results")])
    assert words_of(line, "--set") == [f"epochs={own}"]


def test_a_model_is_named_as_the_command_that_made_it_named_it(record: RunRecord) -> None:
    command = "dnabench run --model org/net@abc --init random --as mine --data DIR --offline -o out -p finetune"
    (line,) = repeat_lines([trained(record, {}, command)])
    assert line == "dnabench run -m org/net@abc --init random --as mine -t yeast/promoter -p finetune --seeds 3,4"


def test_one_of_several_models_is_named_alone(record: RunRecord) -> None:
    (line,) = repeat_lines([trained(record, {}, "dnabench run -m majority,gc -s yeast --offline")])
    assert line.startswith("dnabench run -m gc -t ")


def test_tasks_with_the_same_words_share_a_line_and_others_have_their_own(record: RunRecord) -> None:
    made = [trained(record, {}), trained(record, {}, task="yeast/coding"), trained(record, {"epochs": 2})]
    lines = repeat_lines(made)
    assert [words_of(line, "-t") for line in lines] == [["yeast/promoter,yeast/coding"], ["yeast/promoter"]]


def test_a_task_that_is_not_known_here_has_the_command_that_made_it(record: RunRecord) -> None:
    command = "dnabench run -m gc -t my.csv"
    own = replace(record, task={**record.task, "name": "mine/my"}, provenance={"command": command})
    assert repeat_lines([own]) == [command]


def test_submissions_cannot_be_run_again(record: RunRecord) -> None:
    assert repeat_lines([replace(record, protocol={**record.protocol, "name": "submitted"})]) == []
