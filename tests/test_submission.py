"""A file of predictions is matched with our rows, scored against our labels, and refused where it is not of them."""

import csv
import gzip
import re
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnabench.harness import registry
from dnabench.harness.cli import run_words
from dnabench.harness.data.fingerprint import content_keys
from dnabench.harness.data.load import DataOptions, load_splits
from dnabench.harness.errors import DataError, RequestError
from dnabench.harness.report.check.findings import faulty
from dnabench.harness.report.check.results import check_results
from dnabench.harness.report.submit.match import _check_outputs, read_submission
from dnabench.harness.report.submit.record import Claim, Where, submit
from dnabench.harness.report.submit.sheet import _classes
from dnabench.harness.run.meet import Met
from dnabench.harness.run.npz import to_bytes
from dnabench.harness.run.store import read_records
from dnabench.harness.types import Target, Task

SuiteWriter = Callable[..., Path]


@pytest.fixture
def task(write_suite: SuiteWriter) -> Task:
    return registry.find_tasks((), [str(write_suite(("a",)))])[0]


def rows_to_predict(task: Task) -> tuple[Sequence[str], Any]:
    split = load_splits(task).test
    return split.sequences, split.labels


def sheet(path: Path, head: Iterable[str], *columns: Iterable[Any]) -> Path:
    mark = "\t" if ".tsv" in path.name else ","
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=mark).writerows([tuple(head), *zip(*columns, strict=True)])
    return path


def probabilities(n: int) -> list[float]:
    return [round(float(p), 6) for p in np.random.default_rng(3).random(n)]


def test_rows_in_any_order_are_matched_by_their_sequence(task: Task, tmp_path: Path) -> None:
    sequences, labels = rows_to_predict(task)
    said, order = probabilities(len(sequences)), np.random.default_rng(1).permutation(len(sequences))
    columns = ([sequences[i].lower() for i in order], [said[i] for i in order], [labels[i] for i in order])
    path = sheet(tmp_path / "p.csv", ["sequence", "probability", "label"], *columns)
    read = read_submission(path, task)
    np.testing.assert_allclose(read.outputs[0, :, 1], said, atol=1e-6)
    np.testing.assert_array_equal(read.truth, labels)
    np.testing.assert_array_equal(read.keys, content_keys(load_splits(task).test.inputs))
    assert read.kind == "probability"


@pytest.mark.parametrize("name", ["p.csv", "p.tsv", "p.csv.gz", "p.parquet"])
def test_every_kind_of_table_says_the_same(task: Task, tmp_path: Path, name: str) -> None:
    pytest.importorskip("pyarrow")
    import pandas as pd

    sequences, _ = rows_to_predict(task)
    keys = content_keys(load_splits(task).test.inputs)
    said = probabilities(len(sequences))
    path = tmp_path / name
    if name.endswith("parquet"):
        pd.DataFrame({"key": keys, "Probability": said}).to_parquet(path)
    else:
        sheet(path, ["key", "Probability"], keys.tolist(), said)
    np.testing.assert_allclose(read_submission(path, task).outputs[0, :, 1], said, atol=1e-6)


def test_our_own_npz_comes_back_as_it_was(task: Task, tmp_path: Path) -> None:
    n = len(rows_to_predict(task)[0])
    first = read_submission(sheet(tmp_path / "p.csv", ["probability"], probabilities(n)), task)
    (tmp_path / "p.npz").write_bytes(to_bytes(first))
    again = read_submission(tmp_path / "p.npz", task)
    np.testing.assert_array_equal(first.outputs, again.outputs)
    assert first.replicates == again.replicates


def test_seeds_classes_and_scores_have_columns_of_their_own(task: Task, tmp_path: Path) -> None:
    n = len(rows_to_predict(task)[0])
    names = ["motif", "plain"] * (n // 2)
    seeds = sheet(tmp_path / "s.csv", ["seed", "prediction"], [0] * n + [4] * n, names + names[::-1])
    read = read_submission(seeds, task)
    assert (read.kind, read.replicates, read.outputs.shape) == ("label", ("seed 0", "seed 4"), (2, n, 2))
    ranks = read_submission(sheet(tmp_path / "r.csv", ["score"], np.arange(n) * -1.5), task)
    assert (ranks.kind, ranks.outputs.shape) == ("value", (1, n, 1))


def broken(head: Sequence[str], change: Callable[[dict[str, list[Any]]], None]) -> Callable[[Task, Path], Path]:
    def write(task: Task, path: Path) -> Path:
        sequences, labels = rows_to_predict(task)
        n = len(sequences)
        columns: dict[str, list[Any]] = {
            "sequence": list(sequences),
            "probability": [0.25] * n,
            "probability_plain": [0.75] * n,
            "probability_motif": [0.25] * n,
            "label": labels.tolist(),
            "seed": [0] * n,
            "key": ["1"] * n,
            "prediction": ["motif"] * n,
        }
        change(columns)
        return sheet(path, head, *(columns[name] for name in head))

    return write


FAULTS = {
    "of ours missing": broken(["sequence", "probability"], lambda c: [v.pop() for v in c.values()] and None),
    "1 foreign": broken(["sequence", "probability"], lambda c: c["sequence"].__setitem__(0, "A" * 40)),
    "in the order of the test file": broken(["probability"], lambda c: c["probability"].pop() and None),
    "NaN or infinity in the outputs of test row 3": broken(
        ["probability"], lambda c: c["probability"].__setitem__(2, "nan")
    ),
    "outside 0 to 1": broken(["probability"], lambda c: c["probability"].__setitem__(0, 1.2)),
    "sum to 0.5": broken(
        ["probability_plain", "probability_motif"], lambda c: c["probability_plain"].__setitem__(5, 0.25)
    ),
    "not a number": broken(["probability"], lambda c: c["probability"].__setitem__(1, "high")),
    "labels are not those": broken(["label", "probability"], lambda c: c.update(label=[1 - y for y in c["label"]])),
    "no class of plain, motif": broken(["prediction"], lambda c: c["prediction"].__setitem__(7, "TATA")),
    "no column `probability_motif`": broken(["probability_plain"], lambda c: None),
    "no column `probability_plain`": broken(["label"], lambda c: None),
    "whole numbers from 0": broken(["seed", "probability"], lambda c: c["seed"].__setitem__(0, 0.5)),
    "column `key` must hold": broken(["key", "probability"], lambda c: c["key"].__setitem__(0, "-1")),
}


def test_a_negative_probability_is_refused_though_its_row_sums_to_1() -> None:
    three = SimpleNamespace(task=SimpleNamespace(target=Target("class", ("a", "b", "c")), name="t"))
    with pytest.raises(DataError, match="test row 2 has a probability outside 0 to 1: "):
        _check_outputs(np.array([[[0.2, 0.4, 0.4], [-0.2, 0.6, 0.6]]]), "probability", cast(Met, three), Path("p.csv"))


@pytest.mark.parametrize("reason", FAULTS)
def test_a_file_that_is_not_of_the_task_is_refused_with_the_reason(task: Task, tmp_path: Path, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        read_submission(FAULTS[reason](task, tmp_path / "p.csv"), task)


def test_an_npz_with_forged_labels_another_task_or_no_outputs_is_refused(task: Task, tmp_path: Path) -> None:
    sequences, labels = rows_to_predict(task)
    outputs, path = np.full((len(sequences), 2), 0.5), tmp_path / "p.npz"
    for arrays, reason in (
        ({"outputs": outputs, "truth": 1 - labels}, "60 of 60 labels"),
        ({"outputs": outputs, "task": np.array("mine/b")}, "predictions of mine/b"),
        ({"other": outputs}, "no array `outputs`"),
        ({"outputs": outputs[None, None]}, r"not \(seeds, rows, outputs\)"),
        ({"outputs": outputs, "kind": np.array("odds")}, "kind 'odds'"),
        ({"outputs": outputs, "replicates": np.array(["../x"])}, "seed N"),
        ({"outputs": np.full((len(sequences), 3), 0.5)}, "3 outputs per row"),
        ({"outputs": outputs, "keys": np.arange(3, dtype=np.uint64)}, "one whole number"),
        ({"outputs": np.array([object()])}, "cannot be read"),
    ):
        np.savez(path, **arrays)  # type: ignore[arg-type]
        with pytest.raises(DataError, match=reason):
            read_submission(path, task)
    for head in (b"(1000000,1000000,2)", b"(1099511627776,)"):  # more than any memory, in a few bytes
        with zipfile.ZipFile(path, "w") as archive:
            words = b"{'descr': '<f4', 'fortran_order': False, 'shape': " + head + b", }\n"
            archive.writestr("outputs.npy", b"\x93NUMPY\x01\x00" + len(words).to_bytes(2, "little") + words)
        with pytest.raises(DataError, match="cannot be read"):
            read_submission(path, task)
    path.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(DataError, match="cannot be read"):
        read_submission(path, task)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b'"', b"sequence,probability\n", b"a,a\n1,2\n", b"probability\n0.5,0.7\n"]
)
def test_any_bytes_are_refused_in_one_sentence(task: Task, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.csv").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_submission(tmp_path / "p.csv", task)
    assert "\n" not in str(caught.value)


@settings(max_examples=50)
@given(st.permutations(["b", "a", "7"]))
def test_a_class_is_known_by_its_name_before_its_number(names: list[str]) -> None:
    target = Target("class", tuple(names))
    import pandas as pd

    assert _classes(pd.Series(names), target, Path("p.csv")).tolist() == [0, 1, 2]


def test_a_submission_is_stored_as_a_claim_and_stands_up_to_the_check(task: Task, tmp_path: Path) -> None:
    n, where = len(rows_to_predict(task)[0]), Where(DataOptions(), tmp_path / "results")
    file = sheet(tmp_path / "p.csv", ["probability"], probabilities(n))
    done = submit(file, task, Claim("theirs", by="somebody", weights="org/name@abc"), where)
    record = done.record
    assert record.protocol["name"] == "submitted"
    assert record.provenance["submitted"]["claimed"] == {"by": "somebody", "model": "theirs", "weights": "org/name@abc"}
    assert record.checks["bases_seen"] is None
    assert not faulty(list(check_results(tmp_path / "results", intervals=True)))
    assert "already" in submit(file, task, Claim("theirs", by="somebody", weights="org/name@abc"), where).said
    with pytest.raises(RequestError, match="--fresh replaces"):
        submit(file, task, Claim("theirs", weights="org/name@abc", parameters=7), where)
    other = sheet(tmp_path / "q.csv", ["probability"], [1 - p for p in probabilities(n)])
    with pytest.raises(RequestError, match="other predictions"):
        submit(other, task, Claim("theirs", weights="org/name@abc"), where)
    paler = sheet(tmp_path / "r.csv", ["probability"], [0.5 + 0.9 * (p - 0.5) for p in probabilities(n)])
    with pytest.raises(RequestError, match="other predictions"):
        submit(paler, task, Claim("theirs", by="somebody", weights="org/name@abc"), where)
    replacing = Where(DataOptions(), tmp_path / "results", replacing=True)
    assert submit(other, task, Claim("theirs", weights="org/name@abc"), replacing).said.startswith("replaced")
    assert len(read_records(tmp_path / "results")) == 1


def test_the_command_scores_a_file_and_says_what_is_wrong_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sequences = load_splits(registry.find_tasks((), ["yeast/promoter"])[0]).test.sequences
    file = sheet(tmp_path / "p.csv", ["sequence", "probability"], sequences, probabilities(len(sequences)))
    words = ["submit", str(file), "-t", "yeast/promoter", "-o", str(tmp_path / "results")]
    assert run_words([*words, "--as", "mine", "--dry-run"]) == 0
    assert not (tmp_path / "results").exists()
    assert run_words([*words, "--as", "mine"]) == 0
    assert "yeast/promoter" in capsys.readouterr().out
    assert run_words([*words, "--as", "kmer"]) == 2
    assert run_words([*words, "--as", "../../mine"]) in (0, 2)
    assert run_words(["submit", str(tmp_path / "no.csv"), "-t", "yeast/promoter", "--as", "mine"]) == 2
    assert run_words(["submit", str(file), "-t", "yeast/*", "--as", "mine"]) == 2
    inside = [one.path for one in read_records(tmp_path / "results")]
    assert all(path.is_relative_to(tmp_path / "results" / "runs") for path in inside)


def test_a_whole_run_is_checked_and_copied_with_its_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    import dnabench

    dnabench.run("gc", "yeast/promoter", out=tmp_path / "mine")
    run = next((tmp_path / "mine" / "runs" / "yeast").iterdir())
    assert run_words(["submit", str(run), "-o", str(tmp_path / "sent")]) == 0
    folder = tmp_path / "sent" / "runs" / "yeast" / run.name
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {".json", ".npz", ".md", ".svg"}
    assert not faulty(list(check_results(tmp_path / "sent")))
    record = next(run.rglob("promoter.json"))
    for part, said in (("low", 0.77), ("value", 0.99)):
        content = json.loads(record.read_text(encoding="utf-8"))
        content["scores"]["mcc"][part] = said
        record.write_text(json.dumps(content), encoding="utf-8")
        capsys.readouterr()
        assert run_words(["submit", str(run), "-o", str(tmp_path / "forged")]) == 2
        assert re.search(f"the record says .*{said}", capsys.readouterr().err)
        assert not (tmp_path / "forged").exists()
    assert run_words(["submit", str(run), "-o", str(tmp_path / "mine")]) == 2


def test_a_table_says_whose_scores_were_submitted(task: Task, tmp_path: Path) -> None:
    from dnabench.harness.report.tables import score_table

    file = sheet(tmp_path / "p.csv", ["probability"], probabilities(len(rows_to_predict(task)[0])))
    done = submit(file, task, Claim("theirs"), Where(DataOptions()))
    assert score_table([done.record]).head[1] == "theirs (submitted)"
