"""With folds, every row's prediction comes from the one fold that has not learnt from it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import motif_rows
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from dnabench.harness.data.folds import fold_splits
from dnabench.harness.data.load import DataOptions, load_splits
from dnabench.harness.errors import AdapterError
from dnabench.harness.protocols import TrainRows, run_protocol
from dnabench.harness.registry import find_model, find_tasks
from dnabench.harness.run import replicate
from dnabench.harness.run.plan import Request, make_plan
from dnabench.harness.run.run import RunOptions, run_plan
from dnabench.harness.types import Capability, Fit, Inputs, ModelInfo, Split, Target, Task

DATA = DataOptions(offline=True)
FOLDS = 3


@pytest.fixture
def task(tmp_path: Path) -> Task:
    """120 rows of two classes in three folds."""
    seqs, labels = motif_rows(120, seed=1)
    rows = "".join(f"{s},{y}\n" for s, y in zip(seqs, labels, strict=True))
    (tmp_path / "all.csv").write_text("sequence,label\n" + rows, encoding="utf-8")
    (tmp_path / "suite.yaml").write_text(
        "suite: folds\ntitle: folds\ntasks:\n  a:\n    title: a\n    classes: 2\n    metric: mcc\n"
        f"    split: {{kind: kfold, folds: {FOLDS}}}\n"
        "    source: {kind: files, embedded: true, files: {all: {path: all.csv}}}\n",
        encoding="utf-8",
    )
    return find_tasks([tmp_path])[0]


class Watched:
    """Counts of the four bases, and the sequences of every call."""

    info = ModelInfo("watched", "watched", 1)
    capabilities: frozenset[Capability] = frozenset({"embed"})

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def embed(self, sequences: Any) -> Any:
        self.calls.append(list(sequences))
        return counts(sequences)


def counts(sequences: Any) -> Any:
    return np.array([[s.count(a + b) for a in "ACGT" for b in "ACGT"] for s in sequences], np.float32)


def test_a_probe_predicts_each_row_from_the_folds_that_exclude_it(task: Task) -> None:
    model = Watched()
    (one,) = run_plan(make_plan(Request((model,), (task,)), None, DATA), RunOptions(DATA, ""))
    assert one.record.status == "ok", one.record.error
    assert one.record.outputs is not None
    said = one.record.outputs()
    test = load_splits(task, DATA).test
    place = {s: i for i, s in enumerate(test.sequences)}
    seen: list[int] = []
    assert len(model.calls) == 3 * FOLDS
    for fold in range(FOLDS):
        train, dev, held = ([place[s] for s in call] for call in model.calls[3 * fold : 3 * fold + 3])
        assert not set(held) & {*train, *dev}
        assert sorted([*train, *dev, *held]) == list(range(len(test)))
        assert set(said.columns["fold"][held]) == {fold}
        strength = one.record.replicates[0]["chosen"]["folds"][fold]["strength"]
        scale = StandardScaler().fit(counts(test.sequences)[train])
        x = scale.transform(counts(test.sequences))
        oracle = LogisticRegression(C=strength, tol=1e-8, max_iter=5000).fit(x[train], test.labels[train])
        np.testing.assert_allclose(said.outputs[0, held], oracle.predict_proba(x[held]), atol=5e-3)
        seen += held
    assert sorted(seen) == list(range(len(test)))


@pytest.mark.parametrize("protocol", ["probe", "finetune"])
def test_the_protocol_on_each_fold_by_hand_gives_the_same_outputs(task: Task, protocol: Any) -> None:
    if protocol == "finetune":
        pytest.importorskip("torch")
    model = find_model("kmer" if protocol == "probe" else "cnn")
    changes = {"epochs": 1} if protocol == "finetune" else {}
    (cell,) = make_plan(Request((model,), (task,), protocol=protocol, overrides=changes), None, DATA)
    (one,) = run_plan([cell], RunOptions(DATA, ""))
    assert one.record.status == "ok", one.record.error
    assert one.record.outputs is not None
    said, test = one.record.outputs(), load_splits(task, DATA).test
    for train, dev, places in fold_splits(test, task.split_rule):
        held = Inputs([test.sequences[i] for i in places])
        assert not {*train.sequences, *dev.sequences} & set(held.sequences)
        again = run_protocol(protocol, model, TrainRows(train, dev), held, cell.cell.config, 0)
        np.testing.assert_array_equal(said.outputs[0, places], np.asarray(again.outputs, np.float32))


def test_the_account_of_folds_counts_all_their_bases(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two folds of 10 and 30 bases, seen whole and by half: 25 of 40 bases."""
    half = np.full((1, 2), 0.5)
    asked = iter(Fit(half, "probability", {}, {"fit": 1.0}, *one) for one in ((1.0, 7), (0.5, 9)))
    monkeypatch.setattr(replicate, "run_protocol", lambda *_: next(asked))
    folds = [SimpleNamespace(rows=None, test=Inputs(["A" * n]), places=[i]) for i, n in enumerate((10, 30))]
    met = SimpleNamespace(task=task, folds=folds, splits=SimpleNamespace(test=[0, 1]))
    (cell,) = make_plan(Request((Watched(),), (task,)), None, DATA)
    found = replicate.run_replicate(cell.cell, met, 0)  # type: ignore[arg-type]
    assert found.bases_seen == 25 / 40
    assert (found.cost["bases"], found.cost["stages"]) == (16, {"fit": 2.0})
    monkeypatch.setattr(replicate, "run_protocol", lambda *_: Fit(2e38 * 2 * half, "value"))
    assert replicate.run_replicate(cell.cell, met, 0).outputs.max() > 1e38  # type: ignore[arg-type]
    monkeypatch.setattr(replicate, "run_protocol", lambda *_: Fit(1e39 * half, "value"))
    with pytest.raises(AdapterError, match="as float32"):
        replicate.run_replicate(cell.cell, met, 0)  # type: ignore[arg-type]


def test_labels_of_rows_never_reach_their_own_prediction(task: Task) -> None:
    """A model that knows by heart is no better than chance out of fold."""

    class Heart:
        info = ModelInfo("heart", "heart", 1)
        capabilities: frozenset[Capability] = frozenset({"fit"})

        def fit(self, train: Split, dev: Split, seed: int = 0) -> Any:
            assert train.target == Target("class", ("0", "1"))
            self.chosen: dict[str, Any] = {}
            self.known = set(train.sequences) | set(dev.sequences)
            return self

        def predict(self, inputs: Inputs) -> Any:
            assert not self.known & set(inputs.sequences)
            return np.full((len(inputs), 2), 0.5)

    (one,) = run_plan(make_plan(Request((Heart(),), (task,)), None, DATA), RunOptions(DATA, ""))
    assert one.record.status == "ok", one.record.error
