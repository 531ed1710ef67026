"""`dnabench check` finds what it promises to find: each broken promise is tried, and honest things pass."""

import contextlib
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dnabench.harness import registry
from dnabench.harness.cli import run_words
from dnabench.harness.data.sources import DataOptions
from dnabench.harness.report.check.findings import faulty
from dnabench.harness.report.check.model import check_model, probe_sequences
from dnabench.harness.report.check.results import check_results
from dnabench.harness.report.check.tasks import check_tasks
from dnabench.harness.types import Dependence, ModelInfo


class Honest:
    """Counts of the four bases."""

    capabilities = frozenset({"embed"})
    info = ModelInfo("honest", "honest", 1, strands="one strand")

    def embed(self, sequences: Sequence[str]) -> Any:
        return np.array([[s.count(base) for base in "ACGT"] for s in sequences], float)


class BatchDependent(Honest):
    """Standardises over the batch."""

    def embed(self, sequences: Sequence[str]) -> Any:
        table = super().embed(sequences)
        return table - table.mean(0)


class PaddingDependent(Honest):
    """Averages over the longest row of the batch."""

    def embed(self, sequences: Sequence[str]) -> Any:
        return super().embed(sequences) / max(map(len, sequences))


class OrderDependent(Honest):
    """Adds the place in the batch."""

    def embed(self, sequences: Sequence[str]) -> Any:
        return super().embed(sequences) + np.arange(len(sequences))[:, None]


class Moody(Honest):
    """Says something else every time."""

    def embed(self, sequences: Sequence[str]) -> Any:
        return super().embed(sequences) + np.random.default_rng().random((len(sequences), 4))


class Infinite(Honest):
    """Divides by the length of what is not N."""

    def embed(self, sequences: Sequence[str]) -> Any:
        with np.errstate(divide="ignore", invalid="ignore"):
            return super().embed(sequences) / np.array([s.count("C") for s in sequences])[:, None]


class ShortOfRows(Honest):
    """Forgets the last row."""

    def embed(self, sequences: Sequence[str]) -> Any:
        return super().embed(sequences)[:-1]


class Boastful(Honest):
    """Says that strands are averaged, and does not average them."""

    info = ModelInfo("boastful", "boastful", 1, strands="averaged")


class Unfinished(Honest):
    """Declares a method that it does not have."""

    capabilities = frozenset({"embed", "log_likelihood"})


class Nameless(Honest):
    """Does not say which weights it has."""

    info = ModelInfo("nameless", "nameless", 1, weights="latest")


class Unlucky(Honest):
    """Learns something else for the same seed, and its rows do not sum to 1."""

    capabilities = frozenset({"fit"})

    def fit(self, train: Any, dev: Any, seed: int) -> Any:
        shift = np.random.default_rng().random()
        unlucky = type("Fitted", (), {"chosen": {}})()
        unlucky.predict = lambda inputs: np.full((len(inputs), 2), shift)
        return unlucky


def faults(model: Any) -> set[str]:
    return {finding.promise for finding in check_model(model) if finding.verdict == "fault"}


@pytest.mark.parametrize("name", ["majority", "gc", "length", "kmer", "onehot", "nearest"])
def test_our_own_models_keep_their_promises(name: str) -> None:
    assert not faults(registry.find_model(name))


def test_the_network_keeps_its_promises() -> None:
    pytest.importorskip("torch")
    assert not faults(registry.find_model("cnn"))


def test_an_honest_model_passes() -> None:
    assert not faults(Honest())


@pytest.mark.parametrize(
    ("model", "broken"),
    [
        (BatchDependent, {"batch and padding"}),
        (PaddingDependent, {"batch and padding"}),
        (OrderDependent, {"order of rows", "batch and padding", "equal rows"}),
        (Moody, {"same again", "order of rows", "batch and padding", "equal rows"}),
        (Infinite, {"answers"}),
        (ShortOfRows, {"answers"}),
        (Boastful, {"strands"}),
        (Unfinished, {"capabilities"}),
        (Nameless, {"info"}),
        (Unlucky, {"same seed", "probabilities"}),
    ],
)
def test_a_broken_promise_is_found(model: type[Honest], broken: set[str]) -> None:
    assert faults(model()) == broken


def test_the_probes_are_the_same_on_every_machine_and_differ_in_length() -> None:
    probes = probe_sequences()
    assert hashlib.sha256(" ".join(probes).encode()).hexdigest()[:16] == "8e0793f0fd05824d"
    assert {1, 7, 300} <= {len(s) for s in probes}


def test_task_files_that_ship_are_without_fault() -> None:
    tasks = [*registry.load_suite("yeast").tasks, *registry.load_suite("gue").tasks]
    assert not faulty(check_tasks(tasks, DataOptions(offline=True)))


def test_facts_of_a_task_that_contradict_each_other_are_found() -> None:
    task = registry.load_suite("yeast").tasks[0]
    test = task.source.files["test"]
    wrong = replace(
        task,
        metrics=("spearman",),
        dependence=Dependence(shares_test_rows_with=("yeast/nothing",)),
        recipes={"odd": {"learning_speed": 1}},
        source=replace(task.source, files={**task.source.files, "test": replace(test, rows=7)}),
    )
    texts = [f.text for f in check_tasks([wrong], DataOptions(offline=True)) if f.verdict == "fault"]
    for part in ("spearman does not score", "rows are 7", "recipe odd", "yeast/nothing, which is no task"):
        assert any(part in text for text in texts), (part, texts)


def test_a_broken_task_file_is_a_fault_with_file_line_and_key(tmp_path: Path, capsys) -> None:
    (tmp_path / "suite.yaml").write_text("suite: x\ntitle: x\ntasks:\n  a:\n    titel: x\n")
    assert run_words(["check", "--tasks", str(tmp_path / "suite.yaml")]) == 1
    out = capsys.readouterr().out
    assert "fault" in out
    assert re.search(r"suite\.yaml.*5.*titel", out)


@pytest.fixture(scope="module")
def honest(write_shared_suite: Callable[..., Path]) -> Path:
    """A folder with a suite and the results of two models on it."""
    root = write_shared_suite(("a",), leaks=4).parent
    with contextlib.chdir(root):
        assert run_words(["run", "-m", "gc,kmer", "-s", "mine", "--json"]) == 0
    return root


@pytest.fixture
def results(honest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(shutil.copytree(honest, tmp_path / "copy"))
    return tmp_path / "copy" / "results"


def change(path: Path, edit: Any) -> None:
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def test_a_results_tree_of_ours_is_without_fault_intervals_included(results: Path) -> None:
    found = list(check_results(results, intervals=True))
    assert len(found) == 2
    assert not faulty(found)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda r: r["scores"]["mcc"].update(value=0.99), "the record says 0.990000"),
        (lambda r: r["scores"]["mcc"].update(per_replicate=[0.99]), "the record says 0.990000"),
        (lambda r: r["checks"]["scores_without_duplicates"]["mcc"].update(value=0.99), "without duplicates: mcc"),
        (lambda r: r.update(predictions="0" * 64), "has other contents than the record says"),
        (lambda r: r["model"].update(name="other"), "says that it is mine/other@"),
        (lambda r: r.update(replicates=[]), "replicates"),
        (lambda r: r.update(status="failed"), "must have no scores"),
    ],
)
def test_a_record_that_was_tampered_with_is_found(results: Path, edit: Any, says: str) -> None:
    (path,) = results.glob("runs/mine/kmer@*/*/a.json")
    change(path, edit)
    (fault,) = [f for f in check_results(results) if f.verdict == "fault"]
    assert says in fault.text


def test_an_interval_that_was_tampered_with_is_found_when_asked_for(results: Path) -> None:
    (path,) = results.glob("runs/mine/kmer@*/*/a.json")
    change(path, lambda r: r["scores"]["mcc"].update(low=r["scores"]["mcc"]["low"] + 0.01))
    assert not faulty(check_results(results))
    assert faulty(check_results(results, intervals=True))


def test_a_file_that_is_no_record_is_a_fault_and_the_others_are_still_looked_at(results: Path, capsys) -> None:
    (results / "runs" / "mine" / "notes.json").write_text("{")
    assert run_words(["check", "results"]) == 1
    out = capsys.readouterr().out
    assert "broken JSON" in out
    assert out.count(" ok ") == 2


def test_words_without_an_option_are_taken_for_what_they_are(results: Path, capsys) -> None:
    assert run_words(["check", "kmer", "mine/suite.yaml", "results", "--offline", "--json"]) == 0
    subjects = {finding["checked"] for finding in json.loads(capsys.readouterr().out)}
    assert {"kmer embed", "mine/a"} <= subjects
    assert any(subject.startswith("runs/mine/kmer@") for subject in subjects)


def test_the_examples_of_the_contributors_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (suite,) = re.findall(r"```yaml\n(.*?)```", text, re.S)
    (model,) = re.findall(r"```python\n(.*?)```", text, re.S)
    Path("suite.yaml").write_text(suite)
    Path("purines.py").write_text(model)
    assert run_words(["check", "--tasks", "suite.yaml", "--offline"]) == 0
    assert run_words(["check", "--model", "purines.py:Purines"]) == 0
