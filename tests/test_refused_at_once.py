"""A place that is not there, a package that is not installed, a file of no kind: one sentence before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnabench.harness import api, registry
from dnabench.harness.cli import run_words
from dnabench.harness.data.load import DataOptions
from dnabench.harness.errors import RequestError, Unavailable
from dnabench.harness.registry import find_model, find_tasks
from dnabench.harness.run.plan import Request, make_plan

COMMANDS = [
    ["run", "-m", "gc", "-s", "gue", "-o", "out"],
    ["run", "-m", "gc", "-s", "gue", "-o", "out", "--dry-run"],
    ["fetch", "gue", "--offline"],
    ["data", "audit", "gue"],
    ["check", "gue", "--offline"],
    ["check", "--model", "gc"],
    ["show", "gue/emp_H3"],
    ["list"],
    ["list", "models"],
    ["power", "-s", "gue"],
    ["submit", "mine.csv", "-t", "gue/emp_H3", "--as", "mine"],
]


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line with which a command is refused."""
    assert run_words(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1, said.err
    return said.err


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DNABENCH_DATA", raising=False)
    return tmp_path


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_data_folder_that_is_not_there_is_refused_by_every_command(
    words: list[str], elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(capsys, *words, "--data", "nowhere")
    assert "--data nowhere is not a folder: name the folder that holds the data" in said
    assert not (elsewhere / "out").exists()


@pytest.mark.parametrize("words", [words for words in COMMANDS if words[0] != "power"], ids=" ".join)
def test_a_genome_that_is_not_there_is_refused_by_every_command(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "--genome hg38=nowhere.fa: there is no such file" in refusal(capsys, *words, "--genome", "hg38=nowhere.fa")


def test_a_folder_of_the_environment_counts_where_a_task_is_looked_for_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DNABENCH_DATA", "nowhere")
    assert "DNABENCH_DATA=nowhere is not a folder" in refusal(capsys, "run", "-m", "gc", "-s", "gue", "-o", "out")
    (one,) = make_plan(Request((find_model("gc"),), find_tasks(tasks=["yeast/coding"])), None, DataOptions())
    assert one.state == "to run", "its rows lie beside the suite"


def test_python_is_told_of_a_missing_folder_too() -> None:
    with pytest.raises(RequestError, match="nowhere is not a folder"):
        api.run("gc", ["gue/emp_H3", "gue/emp_H4"], data="nowhere")


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import util

    known = util.find_spec

    def absent(name: str) -> object:
        return None if name == "torch" else known(name)

    monkeypatch.setattr("dnabench.harness.protocols.finetune.find_spec", absent)
    monkeypatch.setattr("dnabench.adapters.pretrained.find_spec", absent)


@pytest.mark.parametrize(
    "model", [["-m", "cnn"], ["-m", "hyenadna", "--init", "random"], ["-m", "cnn,hyenadna", "--init", "random"]]
)
@pytest.mark.usefixtures("no_torch")
def test_without_torch_nothing_is_run_and_the_sentence_says_what_to_install(
    model: list[str], elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(capsys, "run", *model, "-s", "yeast", "-o", "out")
    assert said == "dnabench: torch is not installed: pip install 'dnabench[torch]'\n"
    assert not (elsewhere / "out").exists()


@pytest.mark.parametrize("model", [["-m", "cnn"], ["-m", "hyenadna", "--init", "random"]])
@pytest.mark.usefixtures("no_torch")
def test_without_torch_a_network_is_not_checked(model: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(capsys, "check", *model).endswith("torch is not installed: pip install 'dnabench[torch]'\n")


@pytest.mark.usefixtures("no_torch")
def test_without_torch_the_models_that_need_none_are_run() -> None:
    models = (find_model("cnn"), find_model("gc"))
    cnn, gc = make_plan(Request(models, find_tasks(tasks=["yeast/coding"])), None, DataOptions())
    assert (cnn.state, gc.state) == ("unavailable", "to run")
    assert cnn.reason == "torch is not installed: pip install 'dnabench[torch]'"


def test_without_peft_lora_is_refused_before_anything_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"torch": object()}.get
    monkeypatch.setattr("dnabench.harness.protocols.finetune.find_spec", found)
    request = Request((find_model("cnn"),), find_tasks(tasks=["yeast/coding"]), overrides={"mode": "lora"})
    with pytest.raises(Unavailable, match=r"peft is not installed: pip install 'dnabench\[finetune\]'"):
        make_plan(request, None, DataOptions())


@pytest.mark.parametrize("words", [["run", "-m", "gc", "-t"], ["show"], ["check"], ["fetch"]], ids=" ".join)
def test_a_file_of_no_kind_that_is_read_is_told_the_kinds(
    words: list[str], elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (elsewhere / "notes.txt").write_text("sequence,label\nACGT,1\n")
    said = refusal(capsys, *words, "notes.txt")
    assert "notes.txt is a file, but of no kind that is read: .csv, .tsv, .fa, .fasta, .fna, .parquet" in said


def test_a_file_with_the_name_of_a_task_hides_no_task(elsewhere: Path) -> None:
    (elsewhere / "yeast").write_text("")
    assert find_tasks(tasks=["yeast"])[0].suite == "yeast"


def test_a_misspelt_task_is_no_model_of_the_hub() -> None:
    assert not any(map(registry.names_model, ("yest/coding", "gue/emp_H33", "gue2/emp_H3")))
    cards = registry.families().values()
    assert all(registry.names_model(name) for card in cards for name in card.checkpoints)
    assert registry.names_model("mine/promoter_model")
