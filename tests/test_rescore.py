"""Stored predictions are scored anew: the same numbers as a run gives, groups that are subsets, nothing overwritten."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from compare_records import record, rows
from scipy.stats import binomtest, norm
from scipy.stats import t as student
from sklearn.metrics import balanced_accuracy_score, matthews_corrcoef, roc_auc_score

import dnabench
from dnabench.harness.cli import run_words
from dnabench.harness.errors import RequestError
from dnabench.harness.report.check.findings import faulty
from dnabench.harness.report.check.results import check_results
from dnabench.harness.report.recall import recall, wilson
from dnabench.harness.report.rescore import _added, rescore, rescored_table
from dnabench.harness.run.store import read_records
from dnabench.harness.types import Dependence, Predictions, Target, TestSet

TARGET = Target("class", ("0", "1"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rescore")
    for model in ("gc", "majority"):
        dnabench.run(model, "yeast/coding", out=folder)
    return folder


def test_the_task_s_own_metric_comes_out_as_the_run_stored_it(root: Path) -> None:
    for one in rescore([stored.record for stored in read_records(root)]):
        assert one.score == one.record.scores["mcc"]


def test_a_group_is_scored_on_its_rows_alone(root: Path) -> None:
    record = read_records(root)[0].record
    assert record.outputs is not None
    said = record.outputs()
    for one in rescore([record], by="chromosome"):
        mine = np.ones(len(said.truth), bool) if not one.group else said.columns["chromosome"] == one.group
        expected = matthews_corrcoef(said.truth[mine], said.outputs[0, mine].argmax(1))
        assert one.score.value == pytest.approx(expected)
        assert one.rows == mine.sum()


def test_by_class_is_the_recall_of_each_class(root: Path) -> None:
    record = read_records(root)[0].record
    found = {one.group: one.score.value for one in rescore([record], ["accuracy"], "class")}
    assert record.outputs is not None
    said = record.outputs()
    mean = np.mean([found["coding"], found["intergenic"]])
    assert mean == pytest.approx(balanced_accuracy_score(said.truth, said.outputs[0].argmax(1)))


def test_the_interval_of_a_recall_is_wilson_s_and_no_other_metric_is_given_by_class(root: Path) -> None:
    record = read_records(root)[0].record
    for one in rescore([record], by="class"):
        if one.group:
            assert one.score.value is not None
            right = round(one.score.value * one.rows)
            known = binomtest(right, one.rows).proportion_ci(method="wilson")
            # Rows of one family count less than rows of their own.
            assert one.score.low == pytest.approx(known.low, abs=0.004)
            assert one.score.high == pytest.approx(known.high, abs=0.004)
    with pytest.raises(RequestError, match="gives the recall of each class"):
        rescore([record], ["mcc"], "class")


def test_seeds_widen_the_interval_of_a_recall() -> None:
    said = rows("toy/x", 0.8, model=1)
    part = said.take(said.truth == 1)
    one = recall(part, TestSet(TARGET, Dependence(), "toy"))
    several = np.concatenate([part.outputs, 1 - part.outputs, part.outputs])
    three = replace(part, outputs=several, replicates=("seed 0", "seed 1", "seed 2"))
    made = recall(three, TestSet(TARGET, Dependence(), "toy"))
    assert None not in (one.low, one.high, made.low, made.high)
    assert float(made.high or 0) - float(made.low or 0) > 3 * (float(one.high or 0) - float(one.low or 0))
    few = part.take(np.arange(len(part.truth)) < 9)
    assert recall(few, TestSet(TARGET, Dependence(), "toy")).note == "no interval: 9 rows, fewer than 10"


def test_a_metric_that_is_added_is_scored_without_twins_too() -> None:
    said = replace(rows("toy/x", 0.8), columns={"in_train": np.arange(600) % 3 == 0})
    made = record("m", said, checks={"scores_without_duplicates": {}})
    pair = _added(rescore([made], ["mcc"]), Path("x.json"), [], (made, said))
    assert pair is not None
    kept = np.arange(600) % 3 > 0
    expected = matthews_corrcoef(said.truth[kept], said.outputs[0].argmax(axis=1)[kept])
    assert pair[0].checks["scores_without_duplicates"]["mcc"]["value"] == pytest.approx(expected)
    again, words = (replace(pair[0], outputs=lambda: said), said), list[str]()
    assert _added(rescore([again[0]], ["mcc"]), Path("x.json"), words, again) is None
    assert words == [], "nothing is said to be added that was there"


def test_rows_of_one_group_count_once_in_a_recall() -> None:
    right = np.random.default_rng(0).random(100) < 0.8
    for calls, share in ((right, right.mean()), (np.ones(100, bool), 1.0)):
        outputs = np.repeat(np.stack([~calls, calls], -1), 4, axis=0).astype(np.float32)[None]
        columns = {"gene": np.arange(400) // 4, "chromosome": np.arange(400) // 20, "arm": np.arange(400) // 80}
        keys = np.arange(400, dtype=np.uint64)
        part = Predictions("toy/x", "probability", keys, np.ones(400, np.int64), outputs, ("seed 0",), columns)
        made = {by: recall(part, TestSet(TARGET, Dependence(groups=by), "toy")) for by in columns}
        genes = made["gene"]
        assert (genes.low, genes.high) == pytest.approx(wilson(share, 100, norm.ppf(0.975)), abs=0.01)
        assert "effective rows over 100 groups (gene, G_eff 100.0)" in genes.method
        assert "no claim: about 5.0 independent groups" in made["arm"].note
        one = recall(replace(part, columns={"arm": np.zeros(400)}), TestSet(TARGET, Dependence(groups="arm"), "toy"))
        assert (one.value, one.low, one.note) == (share, None, "no interval: the rows form one group")
        if share == 1.0:
            assert made["chromosome"].low == wilson(1.0, 20, student.ppf(0.975, 19))[0]


@pytest.mark.slow
def test_a_further_seed_keeps_what_rescoring_added(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    words = ["run", "-m", "cnn", "-t", "yeast/promoter", "-o", str(tmp_path), "--limit", "200", "--set", "epochs=1"]
    assert run_words([*words, "--seeds", "0"]) == 0
    assert run_words(["rescore", str(tmp_path), "--metric", "balanced_accuracy", "--write"]) == 0
    assert run_words([*words, "--seeds", "0,1"]) == 0
    (one,) = read_records(tmp_path)
    assert len(one.record.replicates) == 2
    assert len(one.record.scores["balanced_accuracy"].per_replicate) == 2
    assert "balanced_accuracy" in one.record.task["metrics"]


def test_by_label_scores_each_label_of_a_multilabel_record_alone(root: Path) -> None:
    record = read_records(root)[0].record
    assert record.outputs is not None
    said = record.outputs()
    truth = np.stack([said.truth, 1 - said.truth, np.arange(len(said.truth)) % 3 == 0], axis=1).astype(np.int8)
    outputs = np.random.default_rng(0).random((1, *truth.shape)).astype(np.float32)
    several = replace(
        record,
        task={**record.task, "metric": "auroc", "target": {"kind": "multilabel", "classes": ["a", "b", "c"]}},
        outputs=lambda: replace(said, truth=truth, outputs=outputs),
    )
    found = {one.group: one.score for one in rescore([several], by="label")}
    alone = [roc_auc_score(truth[:, k], outputs[0, :, k]) for k in range(3)]
    assert [found[label].value for label in "abc"] == pytest.approx(alone)
    assert found[""].value == pytest.approx(np.mean(alone))
    assert all(score.low < score.value < score.high for score in found.values())  # type: ignore[operator]


def test_writing_adds_a_metric_and_never_changes_one(tmp_path: Path, root: Path) -> None:
    import shutil

    tree = Path(shutil.copytree(root, tmp_path / "results"))
    before = {one.path: one.record.scores for one in read_records(tree)}
    words = ["rescore", str(tree), "--metric", "balanced_accuracy,mcc", "--write"]
    assert run_words(words) == 0
    for one in read_records(tree):
        assert set(one.record.scores) - set(before[one.path]) == {"balanced_accuracy"}
        assert all(one.record.scores[name] == score for name, score in before[one.path].items())
        assert one.record.scores["balanced_accuracy"].method
    assert not faulty(list(check_results(tree, intervals=True)))
    content = {path: path.read_bytes() for path in tree.rglob("*.json")}
    assert run_words(words) == 0
    assert content == {path: path.read_bytes() for path in tree.rglob("*.json")}


def test_a_stored_score_that_is_another_is_not_overwritten(tmp_path: Path, root: Path) -> None:
    import shutil

    tree = Path(shutil.copytree(root, tmp_path / "results"))
    path = next(tree.rglob("coding.json"))
    content = json.loads(path.read_text(encoding="utf-8"))
    content["scores"]["mcc"]["low"] = 0.0123
    path.write_text(json.dumps(content), encoding="utf-8")
    assert run_words(["rescore", str(tree), "--metric", "mcc", "--write"]) == 2
    assert json.loads(path.read_text(encoding="utf-8"))["scores"]["mcc"]["low"] == 0.0123


@pytest.mark.parametrize(
    ("metrics", "by", "reason"),
    [
        (["mc"], "", "Did you mean 'mcc'"),
        (["mse"], "", "does not score"),
        ([], "chromosom", "Did you mean 'chromosome'"),
    ],
)
def test_what_is_not_there_is_refused_with_the_nearest(root: Path, metrics: list[str], by: str, reason: str) -> None:
    with pytest.raises(RequestError, match=reason):
        rescore([one.record for one in read_records(root)], metrics, by)


def test_a_task_that_cannot_be_grouped_says_so_and_the_others_go_on(root: Path) -> None:
    record = read_records(root)[0].record
    said, own = rows("toy/labels", 0.8, n=300), rows("toy/own", 0.8, n=300)
    many = replace(said, truth=(said.outputs[0] > 0.4).astype(int), columns={})
    own = replace(own, columns={"label": np.arange(300)})
    free = {**record.task, "dependence": {**record.task["dependence"], "groups": None}}
    two = {"metric": "auroc", "target": {"kind": "multilabel", "classes": ["a", "b"]}}
    multilabel = replace(record, outputs=lambda: many, task={**free, **two, "name": "toy/labels"})
    column = replace(record, outputs=lambda: own, task={**free, "name": "toy/own"})
    found = rescore([column, record, multilabel], by="label")
    assert [(one.record.task["name"], one.group) for one in found] == [
        ("toy/own", ""), ("yeast/coding", ""), ("toy/labels", ""), ("toy/labels", "a"), ("toy/labels", "b"),
    ]  # fmt: skip
    assert all(one.score.value is not None for one in found)
    assert rescored_table(found, "label").notes == (
        "not grouped: toy/own: the column 'label' has 300 values; a grouping has at most 200",
        "not grouped: yeast/coding: no column 'label'",
    )
    with pytest.raises(RequestError, match="has no column 'label'"):
        rescore([record], by="label")


def test_a_column_that_names_every_row_is_no_grouping(root: Path) -> None:
    with pytest.raises(RequestError, match="a grouping has at most"):
        rescore([one.record for one in read_records(root)], by="gene")


def test_csv_holds_a_line_per_score(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_words(["rescore", str(root), "--by", "chromosome", "--format", "csv"]) == 0
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {line["group"] for line in lines} == {"", "chrXIV", "chrXV", "chrXVI"}
    assert run_words(["rescore", str(root), "--write"]) == 2


def test_python_gives_the_same_scores(root: Path) -> None:
    record = read_records(root)[0].record
    found = dnabench.rescore(record, "accuracy", by="chromosome")
    assert list(found) == ["all", "chrXIV", "chrXV", "chrXVI"]
    assert found["all"] == record.scores["accuracy"]
    assert dnabench.rescore(record) == {"all": record.scores["mcc"]}
