"""Rows and labels of predictions are held against one fingerprint in the task file, where the data are not here."""

import hashlib
import json
import shutil
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnabench.harness import registry
from dnabench.harness.cli import run_words
from dnabench.harness.data.fingerprint import content_keys, fingerprint_labels
from dnabench.harness.data.identity import test_facts as facts_of_test
from dnabench.harness.data.load import DataOptions, load_splits
from dnabench.harness.errors import ChecksumError, DataError, RequestError
from dnabench.harness.report.check.results import check_results
from dnabench.harness.report.check.tasks import check_tasks
from dnabench.harness.report.merge import merge
from dnabench.harness.report.submit.operand import submitted_record
from dnabench.harness.report.submit.pack import pack
from dnabench.harness.run import npz
from dnabench.harness.run.store import read_predictions
from dnabench.harness.types import Predictions, Target

SuiteWriter = Callable[..., Path]
Change = Callable[[Predictions], Predictions]
RUNS = Path(__file__).resolve().parents[1] / "results" / "runs"
HERE = "labels are the task's by the fingerprint in its file"
CLASSES, VALUE, SEVERAL = Target("class", ("a", "b", "c")), Target("value"), Target("multilabel", ("a", "b", "c"))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), max_size=12), st.randoms())
def test_it_is_the_hash_of_the_sorted_pairs_of_key_and_label(pairs: list[tuple[int, int]], chance: Any) -> None:
    chance.shuffle(pairs)
    keys, labels = (np.array([pair[i] for pair in pairs], kind) for i, kind in ((0, np.uint64), (1, np.int64)))
    rows = b"".join(struct.pack(">Qf", key, label) for key, label in sorted(pairs))
    expected = hashlib.blake2b(b"class 3\n" + rows, digest_size=16).hexdigest()
    assert fingerprint_labels(keys, labels, CLASSES) == expected


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.1, -2.5, 1e30])), min_size=1), st.randoms())
def test_values_are_the_same_in_any_order_and_as_float32(pairs: list[tuple[int, float]], chance: Any) -> None:
    keys, labels = np.array([p[0] for p in pairs], np.uint64), np.array([p[1] for p in pairs])
    order = np.array(chance.sample(range(len(pairs)), len(pairs)))
    whole = fingerprint_labels(keys, labels, VALUE)
    assert fingerprint_labels(keys[order], labels[order].astype(np.float32), VALUE) == whole
    assert fingerprint_labels(keys, np.where(labels == 0, -0.0, labels), VALUE) == whole
    assert fingerprint_labels(keys, np.where(np.arange(len(keys)) == 0, 2 * labels + 1, labels), VALUE) != whole


def test_labels_of_rows_of_equal_content_may_be_exchanged_and_those_of_others_not() -> None:
    keys, labels = np.array([7, 7, 9], np.uint64), np.array([0, 1, 1])
    whole = fingerprint_labels(keys, labels, CLASSES)
    assert fingerprint_labels(keys, np.array([1, 0, 1]), CLASSES) == whole
    assert fingerprint_labels(keys, np.array([1, 1, 0]), CLASSES) != whole


def test_every_bit_of_several_labels_counts() -> None:
    keys, labels = np.array([2, 1], np.uint64), np.array([[0, 1, 1], [1, 0, 0]], np.int8)
    whole = fingerprint_labels(keys, labels, SEVERAL)
    assert fingerprint_labels(keys[::-1], labels[::-1].astype(np.int64), SEVERAL) == whole
    flips = [np.array([[i == r and j == c for j in range(3)] for i in range(2)]) for r in range(2) for c in range(3)]
    others = {fingerprint_labels(keys, labels ^ flip, SEVERAL) for flip in flips}
    assert len(others | {whole, fingerprint_labels(keys, labels * 2, SEVERAL)}) == 8


def test_a_task_file_with_the_fingerprint_of_other_labels_is_refused_when_rows_are_loaded(
    write_suite: SuiteWriter,
) -> None:
    file = write_suite(("a",)) / "suite.yaml"
    (task,) = registry.find_tasks((), [str(file.parent)])
    test = load_splits(task).test
    right = fingerprint_labels(content_keys(test.inputs), test.labels, test.target)
    (_, data) = check_tasks([task], DataOptions())
    assert f"`labels: {right}`" in data.text
    for known in (right, "0" * 32):
        text = file.read_text(encoding="utf-8").split(", labels")[0].replace("test.csv}", "test.csv")
        file.write_text(f"{text.rstrip()}, labels: '{known}'}}\n", encoding="utf-8")
        (task,) = registry.find_tasks((), [str(file.parent)])
        if known == right:
            assert load_splits(task).test.labels.tolist() == test.labels.tolist()
            assert "labels" not in list(check_tasks([task], DataOptions()))[1].text
    with pytest.raises(ChecksumError, match="fingerprint of labels"):
        load_splits(task)


def test_every_task_with_committed_records_has_the_fingerprint() -> None:
    tasks = {path.relative_to(RUNS).parts[0] + "/" + path.stem for path in RUNS.rglob("*.json")}
    facts = {name: facts_of_test(registry.find_tasks((), [name])[0]) for name in tasks}
    assert facts
    assert not [name for name, known in facts.items() if known is None or known.labels is None]


def labels_exchanged(p: Predictions) -> Predictions:
    """The labels of two rows, which differ, exchanged."""
    pair = [0, int(np.flatnonzero(p.truth != p.truth[0])[0])]
    truth = p.truth.copy()
    truth[pair] = truth[pair[::-1]]
    return replace(p, truth=truth)


FORGED: dict[str, Change] = {
    "two labels exchanged": labels_exchanged,
    "a changed key": lambda p: replace(p, keys=p.keys ^ (np.arange(len(p.keys)) == 3).astype(np.uint64)),
    "keys in another order than labels": lambda p: replace(p, keys=p.keys[::-1].copy()),
    "a row less": lambda p: taken(p, slice(1, None)),
}


def taken(p: Predictions, order: Any) -> Predictions:
    columns = {name: column[order] for name, column in p.columns.items()}
    return replace(p, keys=p.keys[order], truth=p.truth[order], outputs=p.outputs[:, order], columns=columns)


@pytest.fixture(params=["gue/mouse_2", "classics/nucleosome_yeast", "grna/HL60"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """One committed record of a task whose data are not here: fixed splits, folds, values."""
    suite, _, name = request.param.partition("/")
    path = next((RUNS / suite).glob(f"gc@*/*/{name}.json"))
    folder = tmp_path / "results" / "runs" / path.parent.relative_to(RUNS)
    folder.mkdir(parents=True)
    for file in (path, path.with_suffix(".npz")):
        shutil.copy(file, folder)
    return tmp_path / "results"


def forge(root: Path, change: Change) -> Path:
    """Other predictions under their own hash; the scores stay, since here only rows and labels are looked at."""
    path = next(root.rglob("*.json"))
    data = npz.to_bytes(change(read_predictions(path)))
    path.with_suffix(".npz").write_bytes(data)
    content = json.loads(path.read_text(encoding="utf-8"))
    content["predictions"] = hashlib.sha256(data).hexdigest()
    path.write_text(json.dumps(content), encoding="utf-8")
    return path.with_suffix(".npz")


def test_an_honest_record_passes_and_says_by_what(tree: Path) -> None:
    (found,) = check_results(tree)
    assert found.verdict == "ok"
    assert HERE in found.text


def test_rows_in_another_order_with_their_keys_pass(tree: Path) -> None:
    forge(tree, lambda p: taken(p, np.random.default_rng(1).permutation(len(p.keys))))
    (found,) = check_results(tree)
    assert found.verdict == "ok", found.text
    assert HERE in found.text


@pytest.mark.parametrize("what", FORGED)
def test_forged_rows_and_labels_are_refused_with_the_reason(tree: Path, what: str) -> None:
    forge(tree, FORGED[what])
    (found,) = check_results(tree)
    assert found.verdict == "fault"
    assert "its rows or their labels are not the task's" in found.text


def test_a_run_is_sent_and_merged_only_with_its_own_labels(tree: Path, tmp_path: Path) -> None:
    pack(tree, tmp_path / "sent", DataOptions(offline=True))
    merge([tmp_path / "sent"], tmp_path / "merged")
    assert HERE in next(iter(check_results(tmp_path / "merged"))).text
    forge(tmp_path / "merged", labels_exchanged)
    assert run_words(["check", "--results", str(tmp_path / "merged"), "--no-intervals", "--offline"]) == 1
    forge(tree, labels_exchanged)
    with pytest.raises(RequestError, match="not the task's"):
        pack(tree, tmp_path / "sent again", DataOptions(offline=True))
    assert not (tmp_path / "sent again").exists()


def test_a_file_of_predictions_is_an_operand_only_with_the_tasks_labels(tree: Path, tmp_path: Path) -> None:
    path = next(tree.rglob("*.npz"))
    assert submitted_record(path, (), ()).outputs is not None
    with pytest.raises(DataError, match="not the task's"):
        submitted_record(forge(tree, labels_exchanged), (), ())


def test_without_a_fingerprint_labels_are_not_compared_and_the_reason_is_said(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dnabench.harness.report.check.truth.test_facts", lambda task: None)
    (found,) = check_results(tree, intervals=False)
    reason = "the data are not here, and the task file has no fingerprint of them"
    assert found.text.endswith(f"labels not compared: {reason}")


def test_a_record_of_some_rows_is_not_held_against_the_fingerprint_of_all(tree: Path) -> None:
    path = next(tree.rglob("*.json"))
    content = json.loads(path.read_text(encoding="utf-8"))
    content["protocol"]["limit"] = 20
    content["status"] = "partial"
    path.write_text(json.dumps(content), encoding="utf-8")
    forge(tree, lambda p: taken(p, slice(20)))
    (found,) = check_results(tree, intervals=False)
    assert "not the task's" not in found.text
