"""Records and predictions survive kills, neighbours and time."""

import json
import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dnabench.harness.errors import RecordError
from dnabench.harness.run import npz, record_json, store
from dnabench.harness.types import Predictions, RunRecord, Score


def predictions(seeds: int = 1, rows: int = 5, fill: float = 0.25) -> Predictions:
    outputs = np.full((seeds, rows, 2), fill, np.float32)
    names = tuple(f"seed {i}" for i in range(seeds))
    keys = np.arange(rows, dtype=np.uint64) + np.uint64(2**63)
    columns = {"group": np.array([f"g{i}" for i in range(rows)], dtype=object)}
    return Predictions("mine/a", "probability", keys, np.arange(rows) % 2, outputs, names, columns)


def record(**changes: Any) -> RunRecord:
    whole = RunRecord(
        "ok",
        key={"task": {"name": "mine/a"}, "data": {}},
        model={"name": "m"},
        task={"name": "mine/a"},
        protocol={"name": "fit"},
        scores={"mcc": Score("mcc", 0.5, 0.25, 0.75, (0.5,))},
        replicates=({"name": "seed 0", "seed": 0},),
        cost={"seconds": 1.0},
    )
    return replace(whole, **changes)


def cell(tmp_path: Path) -> Path:
    return tmp_path / "results" / "runs" / "mine" / "m@1234567" / "fit.default@7654321" / "a.json"


def put(path: Path, one: RunRecord, outputs: Predictions | None = None) -> RunRecord:
    stored = store.update(path, lambda present: (one, outputs))
    assert stored is not None
    return stored


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = cell(tmp_path)
    written = put(path, record(), predictions())
    again = store.read_record(path)
    assert again == written
    assert again.scores["mcc"] == Score("mcc", 0.5, 0.25, 0.75, (0.5,))
    assert again.outputs is not None
    np.testing.assert_array_equal(again.outputs().outputs, predictions().outputs)
    assert again.outputs().columns["group"].tolist() == [f"g{i}" for i in range(5)]


def test_keys_are_sorted_and_the_schema_number_is_there(tmp_path: Path) -> None:
    path = cell(tmp_path)
    put(path, record(), predictions())
    content = json.loads(path.read_text(encoding="utf-8"))
    assert list(content) == sorted(content)
    assert content["schema"] == 1


@settings(max_examples=40)
@given(
    outputs=hnp.arrays(np.float32, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6)),
    column=st.sampled_from(["int", "text", "float"]),
)
def test_predictions_come_back_bit_for_bit_and_equal_content_is_equal_bytes(outputs: Any, column: str) -> None:
    rows = outputs.shape[1]
    values = {"int": np.arange(rows) * 300 - 1, "text": np.array(["é"] * rows, object), "float": np.ones(rows) / 3}
    one = Predictions(
        "s/t", "value", np.arange(rows, dtype=np.uint64), np.ones(rows) / 7, outputs, ("seed 0",), {"c": values[column]}
    )
    data = npz.to_bytes(one)
    back = npz.from_bytes(data, "here")
    assert npz.to_bytes(back) == data
    np.testing.assert_array_equal(back.outputs, outputs)
    assert back.columns["c"].tolist() == values[column].tolist()
    assert (back.truth == one.truth).all()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"outputs": np.full((1, 5, 2), np.nan, np.float32)}, "hold NaN or infinity"),
        ({"outputs": np.zeros((1, 5, 3), np.float32)}, "have 3 columns for 2 classes"),
        ({"outputs": np.zeros((1, 4, 2), np.float32)}, r"outputs \(1, 4, 2\), keys \(5,\)"),
        ({"truth": np.array([0, 1, 0, 1, 2])}, "have labels other than 0 to 1"),
        ({"truth": np.array([0, 1, 0, 1, -1])}, "have labels other than 0 to 1"),
        ({"truth": np.array([0, 1])}, r"truth \(2,\)"),
        ({"truth": np.array([0, 1, 0, 1, 0.5])}, "have labels of the type float64"),
        ({"truth": np.zeros((5, 2), int)}, r"have labels of the shape \(5, 2\)"),
        ({"kind": "banana"}, "unknown kind, 'banana'"),
    ],
)
def test_predictions_that_cannot_be_the_record_s_are_refused(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    task = {"name": "mine/a", "target": {"kind": "class", "classes": ["0", "1"]}}
    put(cell(tmp_path), record(task=task), replace(predictions(), **changes))
    with pytest.raises(RecordError, match=reason):
        store.read_predictions(cell(tmp_path))


def test_predictions_hold_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    first = npz.to_bytes(predictions())
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert npz.to_bytes(predictions()) == first


def test_a_newer_schema_is_refused_and_never_overwritten(tmp_path: Path) -> None:
    path = cell(tmp_path)
    put(path, record(), predictions())
    newer = path.read_text(encoding="utf-8").replace('"schema": 1', '"schema": 2')
    path.write_text(newer, encoding="utf-8")
    with pytest.raises(RecordError, match="upgrade dnabench"):
        store.read_record(path)
    with pytest.raises(RecordError, match="upgrade dnabench"):
        put(path, record())
    assert path.read_text(encoding="utf-8") == newer


def test_an_older_schema_is_upgraded_on_reading_and_the_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cell(tmp_path)
    put(path, record())
    before = path.read_bytes()
    monkeypatch.setattr(record_json, "SCHEMA", 2)
    monkeypatch.setitem(record_json.UPGRADES, 1, lambda content: content | {"error": "upgraded"})
    assert store.read_record(path).error == "upgraded"
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"schema": 1, "status": "ok", "key"', "broken JSON at line 1"),
        ("[1, 2]", "not a dnabench record"),
        ('{"hello": "world"}', "not a dnabench record"),
        ('{"schema": 1, "status": "fine"}', "status 'fine' is none of"),
        ('{"schema": 1, "status": "ok"}', "not a whole record"),
        ('{"schema": 0, "status": "ok"}', "schema 0 is unknown"),
        ('{"schema": 1, "status": "ok", "task": "a"}', "task is no mapping"),
        ('{"schema": 1, "status": "ok", "replicates": ["a"]}', "replicates is no list of mappings"),
        ('{"schema": 1, "status": "ok", "checks": {"failed_seeds": ["a"]}}', "failed_seeds does not say why"),
        ('{"schema": 1, "status": "ok", "checks": {"failed_seeds": {"x": "y"}}}', "failed_seeds does not say why"),
    ],
)
def test_a_file_that_is_no_record_is_one_sentence_with_its_path(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecordError, match=sentence) as caught:
        store.read_records(tmp_path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_reading_goes_on_past_a_bad_file_where_problems_are_collected(tmp_path: Path) -> None:
    put(cell(tmp_path), record(), predictions())
    cell(tmp_path).with_name("b.json").write_text("{", encoding="utf-8")
    problems: list[str] = []
    found = store.read_records(tmp_path / "results", problems)
    assert [one.path.name for one in found] == ["a.json"]
    assert len(problems) == 1


def test_predictions_of_another_record_are_refused(tmp_path: Path) -> None:
    path = cell(tmp_path)
    put(path, record(), predictions())
    path.with_suffix(".npz").write_bytes(npz.to_bytes(predictions(fill=0.75)))
    with pytest.raises(RecordError, match="other contents"):
        store.read_predictions(path)
    assert not store.has_predictions(path, store.read_record(path))
    path.with_suffix(".npz").unlink()
    with pytest.raises(RecordError, match="is missing"):
        store.read_predictions(path)


def test_large_predictions_go_to_the_content_addressed_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = cell(tmp_path)
    put(path, record(), predictions(fill=0.75))
    monkeypatch.setattr(store, "LARGE", 100)
    one = put(path, record(), predictions())
    assert not path.with_suffix(".npz").exists()
    assert [p.name for p in (tmp_path / "results" / "large").iterdir()] == [f"{one.predictions}.npz"]
    np.testing.assert_array_equal(store.read_predictions(path).keys, predictions().keys)
    assert store.has_predictions(path, one)


def test_a_record_in_a_shallow_folder_has_its_large_ones_beside_it() -> None:
    assert store.large_place(Path("/r.json"), "ab") == Path("/large/ab.npz")
    assert store.large_place(Path("/o/runs/s/m/p/t.json"), "") == Path("/o/large/none.npz")


def test_stray_files_of_killed_runs_are_passed_over_and_swept(tmp_path: Path) -> None:
    path = cell(tmp_path)
    put(path, record(), predictions())
    (path.parent / ".a.json.99.tmp").write_text('{"sch', encoding="utf-8")
    (path.parent / f".a.npz.{'0' * 64}.tmp").write_bytes(b"half")
    assert len(store.read_records(tmp_path)) == 1
    # Another cell's staged predictions may be what its record waits for: that cell itself sweeps them.
    (path.parent / f".b.npz.{'0' * 64}.tmp").write_bytes(b"whole")
    store.recover(path)
    assert sorted(p.name for p in path.parent.iterdir()) == [f".b.npz.{'0' * 64}.tmp", "a.json", "a.npz"]


def _die_at_replace(path: Path, number: int) -> None:
    """In a child process: write a second version and be killed before the given rename."""
    calls = 0
    real = os.replace

    def replacing(*args: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        real(*args)

    os.replace = replacing  # type: ignore[assignment]
    put(path, record(error="second"), predictions(fill=0.75))


@pytest.mark.parametrize(("number", "winner"), [(1, ""), (2, "second")])
def test_a_kill_between_any_two_renames_leaves_one_whole_pair(tmp_path: Path, number: int, winner: str) -> None:
    path = cell(tmp_path)
    put(path, record(), predictions())
    child = multiprocessing.get_context("fork").Process(target=_die_at_replace, args=(path, number))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    assert store.read_record(path).error == winner
    # Before and after the repair the predictions are those of the record.
    for repair in (lambda: None, lambda: store.recover(path)):
        repair()
        assert store.read_predictions(path).outputs[0, 0, 0] == (0.75 if winner else 0.25)
    assert sorted(p.name for p in path.parent.iterdir()) == ["a.json", "a.npz"]


def _add_seeds(path: Path, seeds: range) -> None:
    for seed in seeds:

        def change(present: store.Pair | None, seed: int = seed) -> store.Pair:
            have = {one["seed"] for one in present[0].replicates} if present else set()
            both = tuple({"name": f"seed {i}", "seed": i} for i in sorted(have | {seed}))
            return record(replicates=both), predictions(len(both))

        store.update(path, change)


def test_two_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    path = cell(tmp_path)
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=_add_seeds, args=(path, range(i, 40, 2))) for i in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    assert [one["seed"] for one in store.read_record(path).replicates] == list(range(40))
    assert store.read_predictions(path).outputs.shape[0] == 40


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file", encoding="utf-8")
    with pytest.raises(RecordError, match="cannot be written"):
        put(cell(tmp_path), record())


def test_a_record_without_numbers_takes_the_predictions_away(tmp_path: Path) -> None:
    path = cell(tmp_path)
    put(path, record(), predictions())
    put(path, record(status="failed", scores={}))
    assert not path.with_suffix(".npz").exists()
    assert store.read_record(path).outputs is None


@pytest.mark.parametrize("words", [["gene A", "", "chr2"], ["gène", "β", "x"]])
def test_texts_beside_predictions_come_back_as_they_were_and_ascii_takes_a_byte_a_character(words: list[str]) -> None:
    texts = np.array([word.ljust(100) + "." for word in words] * 1000, dtype=object)
    keys, truth = np.arange(3000, dtype=np.uint64), np.zeros(3000)
    whole = Predictions("s/t", "value", keys, truth, np.zeros((1, 3000, 1)), ("seed 0",), {"group": texts})
    data = npz.to_bytes(whole)
    assert list(npz.from_bytes(data, "here").columns["group"]) == list(texts)
    ascii_only = all(word.isascii() for word in words)
    assert (len(data) < 3000 * 140) == ascii_only
