"""`check --results` refuses what was forged: each number, label, order and fact of a record is changed in turn."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dnabench
from dnabench.harness.report.check.results import check_results
from dnabench.harness.run import npz
from dnabench.harness.run.store import read_predictions
from dnabench.harness.types import Predictions


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with one record of a task whose data come with dnabench."""
    root = tmp_path_factory.mktemp("honest")
    dnabench.run("gc", "yeast/promoter", out=root)
    return root


@pytest.fixture
def tree(honest: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(honest, tmp_path / "results"))


def said(root: Path, intervals: bool = False) -> str:
    """All faults of a tree in one text."""
    return " ".join(f.text for f in check_results(root, intervals) if f.verdict == "fault")


def edit(root: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    path = next(root.rglob("promoter.json"))
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def forge(root: Path, change: Callable[[Predictions], Predictions], *, again: bool = True) -> None:
    """Other predictions with their right hash and, as a clever forger would, the scores that follow from them."""
    path = next(root.rglob("promoter.json"))
    changed = change(read_predictions(path))
    data = npz.to_bytes(changed)
    path.with_suffix(".npz").write_bytes(data)
    edit(root, lambda content: content.update(predictions=hashlib.sha256(data).hexdigest()))
    if again:
        from dnabench.harness.report.cells import as_test_set
        from dnabench.harness.run.record_json import plain
        from dnabench.harness.run.store import read_record
        from dnabench.harness.stats.intervals import score_predictions

        record = read_record(path)
        scores = score_predictions(changed, list(record.scores), as_test_set(record))
        edit(root, lambda content: content.update(scores=plain(scores)))


def test_an_honest_tree_passes_and_says_that_labels_were_compared(honest: Path) -> None:
    (found,) = check_results(honest, intervals=True)
    assert found.verdict == "ok"
    assert "labels are the task's" in found.text


@pytest.mark.parametrize("field", ["value", "low", "high", "method"])
def test_a_score_an_end_or_a_method_that_does_not_follow_is_found(tree: Path, field: str) -> None:
    def change(content: dict[str, Any]) -> None:
        score = content["scores"]["mcc"]
        score[field] = score[field] + 0.001 if field != "method" else "BCa, 1,000,000 resamples"

    edit(tree, change)
    assert "mcc" in said(tree, intervals=True)


def test_forged_labels_are_found_though_every_score_follows_from_them(tree: Path) -> None:
    forge(tree, lambda p: replace(p, truth=np.where(np.arange(len(p.truth)) < 2, 1 - p.truth, p.truth)))
    text = said(tree, intervals=True)
    assert "2 of 620 labels are not the task's" in text
    assert "recomputed" not in text


def test_labels_exchanged_between_rows_are_found_by_the_rows(tree: Path) -> None:
    forge(tree, lambda p: replace(p, truth=p.outputs[0].argmax(1).astype(np.int64)))
    assert "labels are not the task's" in said(tree)


def test_another_order_other_rows_and_other_groups_are_found(tree: Path, honest: Path, tmp_path: Path) -> None:
    forge(tree, lambda p: replace(p, keys=p.keys[::-1].copy()))
    assert "not the task's test rows in their order" in said(tree)


def test_predictions_of_another_task_are_found(tree: Path) -> None:
    forge(tree, lambda p: replace(p, task="yeast/splice"), again=False)
    assert "its predictions are of yeast/splice" in said(tree)


def test_forged_columns_are_found(tree: Path) -> None:
    forge(tree, lambda p: replace(p, columns={**p.columns, "in_train": np.ones(len(p.truth), np.uint8)}), again=False)
    assert "column 'in_train' is not the task's" in said(tree)


def test_other_predictions_under_the_old_hash_are_found(tree: Path) -> None:
    path = next(tree.rglob("promoter.npz"))
    path.write_bytes(path.read_bytes() + b" ")
    assert "has other contents than the record says" in said(tree)


FACTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "key gives": lambda c: c["model"].update(id="0000000"),
    "key is of another": lambda c: c["model"].update(options={"k": 2}),
    "dependence": lambda c: c["task"]["dependence"].update(groups=None),
    "metric is accuracy": lambda c: c["task"].update(metric="accuracy"),
    "fingerprint": lambda c: c["key"]["data"].update(test="0" * 64),
    "its data fingerprints are not those of the rows here": lambda c: c["key"]["data"].update(train="0" * 64),
    "no score by the task's own metric": lambda c: c["scores"].pop("mcc"),
    "replicates": lambda c: c["replicates"][0].update(name="seed 9"),
    "no whole record": lambda c: c["task"].pop("target"),
    "must have no scores": lambda c: c.update(status="failed"),
}


def test_a_record_of_some_rows_is_held_against_these_rows(tmp_path: Path) -> None:
    dnabench.run("gc", "yeast/promoter", limit=60, out=tmp_path)
    (found,) = check_results(tmp_path)
    assert found.verdict == "ok"
    assert "labels are the task's" in found.text


def test_a_record_of_another_version_of_the_task_is_said_to_be_one_and_not_held_against_this(tree: Path) -> None:
    edit(tree, lambda c: (c["task"].update(version=9), c["key"]["task"].update(version=9)))
    texts = [f.text for f in check_results(tree, False)]
    assert any("labels not compared: made from version 9, the task is version" in text for text in texts), texts


@pytest.mark.parametrize("reason", FACTS)
def test_facts_that_do_not_agree_are_found(tree: Path, reason: str) -> None:
    edit(tree, FACTS[reason])
    assert reason in said(tree)
