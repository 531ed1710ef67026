"""`dnabench gate` on real runs, across git revisions, and on everything that can lie where results should."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest
from git_folder import commit, repository

from dnabench.harness.cli import run_words
from dnabench.harness.run.store import read_records

Capture = pytest.CaptureFixture[str]


def run(results: Path, *words: str) -> None:
    assert run_words(["run", *words, "-t", "yeast/promoter", "-o", str(results)]) == 0


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same two models in `old` and `new`; in `worse` kmer sees single letters only."""
    folder = tmp_path_factory.mktemp("runs")
    run(folder / "old", "-m", "kmer", "--model-args", "k=3")
    run(folder / "old", "-m", "majority")
    shutil.copytree(folder / "old", folder / "new")
    run(folder / "worse", "-m", "kmer", "--model-args", "k=1")
    run(folder / "worse", "-m", "majority")
    return folder


@pytest.fixture
def here(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the runs that a test may break; the current folder."""
    shutil.copytree(runs, tmp_path / "runs")
    monkeypatch.chdir(tmp_path / "runs")
    return tmp_path / "runs"


def gate(capsys: Capture, *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = run_words(["gate", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_rerun_passes_and_a_worse_model_fails_with_a_table(here: Path, capsys: Capture) -> None:
    code, out, err = gate(capsys, "old", "new")
    assert (code, err) == (0, "")
    assert "gate passed: 0 fail, 0 undecided, 2 pass" in out
    code, out, err = gate(capsys, "old", "worse", "--format", "json")
    assert (code, err) == (3, "")
    data = json.loads(out)
    assert [(c["model"], c["verdict"], c["exact"]) for c in data["cells"]] == [
        ("kmer", "fail", True),
        ("majority", "pass", True),
    ]
    assert gate(capsys, "old", "worse", "--format", "json")[1] == out
    assert gate(capsys, "worse", "old")[0] == 0
    assert gate(capsys, "old", "worse", "--margin", "1")[0] == 0
    assert gate(capsys, "old", "worse", "-m", "majority")[0] == 0
    assert gate(capsys, "old", "worse", "--suite", "yeast", "--tasks", "promoter")[0] == 3


def test_run_folders_and_single_records_are_operands_too(here: Path, capsys: Capture) -> None:
    old, worse = (next(Path(side).rglob("kmer@*")) for side in ("old", "worse"))
    assert gate(capsys, str(old), str(worse))[0] == 3
    assert gate(capsys, str(old), str(next(worse.rglob("*.json"))))[0] == 3
    assert gate(capsys, "majority", "majority", "--results", "old")[0] == 0


def test_every_format_says_the_same(here: Path, capsys: Capture) -> None:
    assert "| fail: a drop of more than 0.01" in gate(capsys, "old", "worse", "--format", "md")[1]
    assert r"\toprule" in gate(capsys, "old", "worse", "--format", "tex")[1]
    assert gate(capsys, "old", "worse", "--format", "csv")[1].splitlines()[1].startswith("yeast/promoter,kmer,mcc,fail")
    root = ElementTree.fromstring(gate(capsys, "old", "worse", "--format", "junit")[1])
    assert root.get("failures") == "1"
    code, out, _ = gate(capsys, "old", "worse", "--format", "github")
    assert code == 3
    assert re.match(r"::error title=yeast/promoter%2C kmer::mcc 0\.\d+ → ", out)
    assert "gate failed" in gate(capsys, "old", "worse", "--format", "table")[1]


def test_revisions_of_a_repository_are_gated_from_any_folder(
    here: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = repository(tmp_path / "repo")
    shutil.copytree(here / "old", repo / "results")
    first = commit(repo, "old")
    shutil.rmtree(repo / "results")
    shutil.copytree(here / "worse", repo / "results")
    commit(repo, "worse")
    (repo / "deep").mkdir()
    monkeypatch.chdir(repo / "deep")
    assert gate(capsys, "git:HEAD~1:results", "git:HEAD:results")[0] == 3
    assert gate(capsys, f"git:{first[:8]}:results", "../results")[0] == 3
    assert gate(capsys, "git:HEAD:results", "../results")[0] == 0
    monkeypatch.chdir(repo)
    run_words(["compare", "git:HEAD~1:results", "kmer", "--format", "json"])
    data = json.loads(capsys.readouterr().out)
    (task,) = [one for one in data if one["kind"] == "task" and one["difference"] is not None]
    assert (task["task"], task["verdict"]) == ("yeast/promoter", "worse")
    assert task["reference"].startswith("kmer@")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["old", "nowhere"], "nowhere is no folder of results"),
        (["old", "empty"], "empty holds no records"),
        (["git:HEAD:results", "old"], "not a git repository"),
        (["old", "new", "--suite", "gue"], "no record of the suite 'gue'"),
        (["old", "new", "--task", "promotor"], "no task 'promotor' among these records. Did you mean"),
        (["old", "new", "-m", "kmre"], "Did you mean 'kmer'"),
        (["old", "new", "--as", "kmer"], "write OLD=NEW"),
        (["old", "new", "--margin", "-1"], "the margin from 0 up"),
        (["old", "new", "--margin", "nan"], "the margin from 0 up"),
        (["old", "new", "--alpha", "0"], "alpha lies between"),
        (["old", "new", "--format", "junitt"], "Did you mean 'junit'"),
        (["old"], "Missing argument"),
    ],
)
def test_a_wrong_request_is_one_sentence_and_exit_2(
    here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, words: list[str], sentence: str
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(here.parent))
    (here / "empty").mkdir()
    code, out, err = gate(capsys, *words)
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "code", "sentence"),
    [
        (lambda text: text[: len(text) // 2], 2, "broken JSON"),
        (lambda text: text.replace('"schema": 1', '"schema": 99'), 2, "schema 99 is newer"),
        (lambda text: "[]", 2, "not a dnabench record"),
        (lambda text: text.replace('"name": "yeast/promoter"', '"name": "yeast/other"'), 3, "lost: not in NEW"),
    ],
)
def test_broken_newer_and_changed_records_never_pass(
    here: Path, capsys: Capture, change: object, code: int, sentence: str
) -> None:
    path = next(Path("new").rglob("kmer@*/*/*.json"))
    path.write_text(change(path.read_text()))  # type: ignore[operator]
    made, out, err = gate(capsys, "old", "new")
    assert made == code
    assert sentence in out + err


def test_another_version_of_the_task_fails(here: Path, capsys: Capture) -> None:
    path = next(Path("new").rglob("kmer@*/*/*.json"))
    content = json.loads(path.read_text())
    content["task"]["version"] = 2
    path.write_text(json.dumps(content))
    code, out, _ = gate(capsys, "old", "new")
    assert code == 3
    assert "data changed: task version 1 → 2" in out


def test_predictions_that_were_lost_or_changed_fail(here: Path, capsys: Capture) -> None:
    path = next(Path("new").rglob("kmer@*/*/*.npz"))
    path.write_bytes(path.read_bytes()[:-100] + bytes(100))
    code, out, _ = gate(capsys, "old", "new")
    assert code == 3
    assert "other contents than the record says" in out
    path.unlink()
    assert "is missing" in gate(capsys, "old", "new")[1]


def test_a_base_whose_predictions_cannot_be_read_lets_no_gate_pass(here: Path, capsys: Capture) -> None:
    path = next(Path("old").rglob("kmer@*/*/*.npz"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-100] + bytes(100))
    for words in ((), ("--strict",), ("--format", "json"), ("-m", "kmer")):
        code, out, err = gate(capsys, "old", "new", *words)
        assert (code, out) == (2, "")
        assert "a drop would not be seen where BASE cannot be read: yeast/promoter, kmer" in err
        assert "other contents than the record says" in err
        assert err.count("\n") == 1
    path.unlink()
    assert gate(capsys, "old", "new")[0] == 2
    shutil.rmtree(next(Path("new").rglob("majority@*")))
    code, out, _ = gate(capsys, "old", "new")
    assert code == 3
    assert "lost: not in NEW" in out
    assert "is missing" in out


def test_another_configuration_fails_and_is_named(here: Path, capsys: Capture) -> None:
    path = next(Path("new").rglob("kmer@*/*/*.json"))
    content = json.loads(path.read_text())
    content["key"]["protocol"]["config"]["tolerance"] = 0.5
    path.write_text(json.dumps(content))
    code, out, _ = gate(capsys, "old", "new")
    assert code == 3
    assert "protocol changed: config.tolerance 1e-05 → 0.5" in out
    assert len(read_records(Path("new"))) == 2
