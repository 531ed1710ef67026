"""The names of `import dnabench`: for notebooks and training loops."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

import dnabench
from dnabench.harness.errors import AdapterError, RecordError, RequestError
from dnabench.harness.types import ModelInfo

Writer = Callable[..., Path]


def counts(sequences: Any) -> Any:
    return np.array([[s.count("TATA"), s.count("A"), s.count("C")] for s in sequences], float)


@pytest.fixture
def task(write_suite: Writer) -> dnabench.Task:
    return dnabench.load_suite(write_suite(("a", "b"))).tasks[0]


def test_every_public_name_is_there_and_documented() -> None:
    assert dir(dnabench) == dnabench.__all__
    for name in dnabench.__all__:
        assert getattr(dnabench, name).__doc__, name
    with pytest.raises(AttributeError, match="has no attribute 'leaderbord'"):
        dnabench.leaderbord  # noqa: B018


def test_the_import_alone_loads_nothing_heavy() -> None:
    code = "import sys, dnabench; print([m for m in ('numpy', 'pydantic', 'yaml', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_a_suite_and_its_tasks_are_loaded_by_name_or_path(write_suite: Writer) -> None:
    assert dnabench.load_suite("yeast").tasks[0] == dnabench.load_task("yeast/coding")
    assert [t.name for t in dnabench.load_suite(write_suite(("x",))).tasks] == ["mine/x"]
    with pytest.raises(RequestError, match="names 4 tasks"):
        dnabench.load_task("yeast")


def test_a_model_is_loaded_with_its_options() -> None:
    one = dnabench.load_model("kmer", name="short", k=3)
    assert (one.info.name, one.info.options["k"]) == ("short", 3)


def test_a_callable_gets_a_record_with_scores_and_predictions(task: dnabench.Task) -> None:
    record = dnabench.run(counts, task, name="mine")
    assert isinstance(record, dnabench.RunRecord)
    assert (record.status, record.model["name"], record.model["weights"]) == ("ok", "mine", "unknown")
    assert record.scores["mcc"].value > 0.5  # type: ignore[operator]
    assert record.outputs is not None
    assert isinstance(record.outputs(), dnabench.Predictions)


def test_a_limit_keeps_that_many_rows_and_the_record_says_partial(task: dnabench.Task) -> None:
    record = dnabench.run("gc", task, limit=20)
    assert (record.status, record.protocol["limit"], len(record.outputs().truth)) == ("partial", 20, 20)  # type: ignore[misc]


def test_a_torch_module_is_measured_and_left_as_it_was(task: dnabench.Task) -> None:
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.table = torch.nn.Embedding(5, 6)
            self.drop = torch.nn.Dropout(0.5)

        def forward(self, tokens: Any) -> Any:
            return self.drop(self.table(tokens)).mean(1)

    def collate(sequences: Any) -> dict[str, Any]:
        return {"tokens": torch.tensor([["ACGT".find(b) % 5 for b in s] for s in sequences])}

    torch.manual_seed(0)
    net = Net().train()
    first = dnabench.run(net, task, collate=collate)
    assert net.training
    assert first.model["weights"].startswith("sha256:")
    assert dnabench.run(net, task, collate=collate).scores == first.scores
    with torch.no_grad():
        net.table.weight += 1
    assert dnabench.run(net, task, collate=collate).model["weights"] != first.model["weights"]
    with pytest.raises(AdapterError, match="needs collate="):
        dnabench.run(net, task)
    with pytest.raises(AdapterError, match=r"returned \(64, 40, 6\) for 64 sequences"):
        dnabench.run(net.table, task, collate=lambda s: collate(s)["tokens"])


@pytest.mark.parametrize(
    ("model", "lacks"),
    [
        (3, "int is no model"),
        (ModelInfo, "ModelInfo is a class: give an instance"),
        (lambda sequences: np.zeros(3), r"shape \(3,\)"),
        (lambda sequences: np.full((len(sequences), 2), np.nan), "NaN"),
    ],
)
def test_what_is_no_model_is_told_what_is_missing(task: dnabench.Task, model: Any, lacks: str) -> None:
    with pytest.raises(AdapterError, match=lacks):
        dnabench.run(model, task)


def test_a_suite_or_a_list_gives_a_list_in_which_failures_stand(write_suite: Writer) -> None:
    suite = dnabench.load_suite(write_suite(("a", "b")))
    (Path(suite.tasks[0].folder) / "a_dev.csv").unlink()
    found = dnabench.run("gc", suite)
    assert [one.status for one in found] == ["unavailable", "ok"]
    assert len(dnabench.run("gc", [suite.tasks[1]])) == 1
    with pytest.raises(RequestError, match="needs a model that offers embed"):
        dnabench.run("gc", suite.tasks[1], protocol="probe")


def test_with_a_folder_named_models_are_run_once_and_held_ones_every_time(task: dnabench.Task, tmp_path: Path) -> None:
    calls: list[int] = []

    def counted(sequences: Any) -> Any:
        calls.append(len(sequences))
        return counts(sequences)

    first = dnabench.run("kmer", task, out=tmp_path / "out")
    assert dnabench.run("kmer", task, out=tmp_path / "out").provenance == first.provenance
    dnabench.run(counted, task, name="mine", out=tmp_path / "out")
    n = len(calls)
    dnabench.run(counted, task, name="mine", out=tmp_path / "out")
    assert len(calls) == 2 * n
    assert [r.model["name"] for r in dnabench.read_runs(tmp_path / "out")] == ["kmer", "mine"]


def test_records_are_compared_whether_held_or_read(task: dnabench.Task, tmp_path: Path) -> None:
    mine = dnabench.run(counts, task, name="mine")
    dnabench.run("majority", task, out=tmp_path)
    (floor,) = dnabench.read_runs(tmp_path)
    there, back = dnabench.compare(floor, mine), dnabench.compare(mine, floor)
    assert there.value == pytest.approx(mine.scores["mcc"].value)
    assert there.value == pytest.approx(-(back.value or 0))
    assert there.low is not None
    assert there.low > 0
    assert dnabench.compare([floor], [mine]) == {"mine/a": there}
    assert dnabench.compare(mine, floor, metric="accuracy").metric == "accuracy"


def test_records_that_cannot_be_compared_say_why(task: dnabench.Task, write_suite: Writer) -> None:
    one, other = dnabench.run("gc", task), dnabench.run("gc", dnabench.load_suite(write_suite(("a", "b"))).tasks[1])
    with pytest.raises(RequestError, match="mine/a and mine/b"):
        dnabench.compare(one, other)
    for change in ({"key": {**one.key, "data": other.key["data"]}}, {"task": {**one.task, "version": 2}}):
        with pytest.raises(RequestError, match="mine/a with different data or versions"):
            dnabench.compare(one, replace(one, **change))
    with pytest.raises(RequestError, match="no task in common"):
        dnabench.compare([one], [other])
    with pytest.raises(RequestError, match="two records of mine/a"):
        dnabench.compare([one, one], [one])
    with pytest.raises(RequestError, match=r"no metric 'mc'\. Did you mean 'mcc'"):
        dnabench.compare(one, one, metric="mc")
    with pytest.raises(RequestError, match="has no predictions: it is failed"):
        dnabench.compare(one, replace(one, status="failed", outputs=None))


def test_arrays_get_a_score_with_an_interval() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 300)
    scores = truth + rng.normal(size=300)
    auroc = dnabench.score(truth, scores, "auroc")
    assert auroc.value == pytest.approx(roc_auc_score(truth, scores))
    assert auroc.low < auroc.value < auroc.high  # type: ignore[operator]
    assert dnabench.score(truth, scores, "auprc").value == pytest.approx(average_precision_score(truth, scores))
    labels = (scores > 0.5).astype(int)
    assert dnabench.score(truth, labels, "accuracy").value == pytest.approx((labels == truth).mean())
    table = np.eye(2)[labels]
    assert dnabench.score(truth, table).value == dnabench.score(truth, labels).value
    grouped = dnabench.score(truth, labels, groups=np.arange(300) // 10)
    assert "30 groups" in grouped.method
    assert dnabench.score(scores, scores + 1, "mse").value == pytest.approx(1.0)
    both = np.stack([truth, 1 - truth], 1)
    assert dnabench.score(both, both.astype(float), "f1_macro").value == 1.0


@pytest.mark.parametrize(
    ("truth", "outputs", "metric", "sentence"),
    [
        ([0, 1], [0], "mcc", "2 truths and 1 outputs"),
        ([0, 1], [0, np.nan], "mcc", "NaN"),
        ([0.5, 1], [0, 1], "mcc", "needs labels"),
        ([0, 1], [0.2, 0.7], "mcc", "needs predicted labels"),
        ([0, 2], [[0.5, 0.5]] * 2, "mcc", "2 columns for 3 classes"),
        ([0, 1], [0, 1], "mcd", "Did you mean"),
    ],
)
def test_arrays_that_do_not_fit_are_one_sentence(truth: Any, outputs: Any, metric: str, sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        dnabench.score(truth, outputs, metric)


def test_a_folder_without_results_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="is no folder of results"):
        dnabench.read_runs(tmp_path / "none")
    (tmp_path / "x.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RecordError, match="not a dnabench record"):
        dnabench.read_runs(tmp_path)
