"""Trees become one: equal cells once, seeds together, contradictions named, and nothing outside the tree is touched."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import dnabench
from dnabench.harness.cli import run_words
from dnabench.harness.errors import RecordError, RequestError
from dnabench.harness.report.check.findings import faulty
from dnabench.harness.report.check.results import check_results
from dnabench.harness.report.merge import merge
from dnabench.harness.run.record import with_failed_seeds
from dnabench.harness.run.record_json import steady
from dnabench.harness.run.store import Pair, read_predictions, read_record, read_records, update


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    dnabench.run("gc", "yeast/promoter", out=root / "a")
    dnabench.run("majority", "yeast/promoter", out=root / "b")
    shutil.copytree(root / "a" / "runs", root / "b" / "runs", dirs_exist_ok=True)
    return root


@pytest.fixture
def trees(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "trees"))


def only(root: Path, model: str = "gc") -> Path:
    return next(path for path in root.rglob("promoter.json") if model in str(path))


def as_seed(path: Path, seed: int, shift: float = 0.0) -> None:
    """The record as if it had been run with another seed."""

    def change(present: Pair | None) -> Pair:
        assert present is not None
        record, said = present
        assert said is not None
        name = f"seed {seed}"
        outputs = np.clip(said.outputs + np.float32(shift) * np.array([1, -1], np.float32), 0, 1)
        account = {**record.replicates[0], "name": name, "seed": seed}
        costs = {name: next(iter(record.cost["replicates"].values()))}
        origins = {name: next(iter(record.provenance["replicates"].values()))}
        changed = replace(
            record,
            replicates=(account,),
            cost={**record.cost, "replicates": costs},
            provenance={**record.provenance, "replicates": origins},
        )
        return changed, replace(said, replicates=(name,), outputs=outputs)

    update(path, change)


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_seeds_that_failed_in_a_tree_are_told_of_until_another_tree_has_their_numbers(
    trees: Path, tmp_path: Path
) -> None:
    here = only(trees / "a")
    update(here, lambda present: present and (with_failed_seeds(present[0], {1: "NaN", 2: "NaN"}), present[1]))
    merge([trees / "b", trees / "a"], tmp_path / "out")
    assert read_record(only(tmp_path / "out")).checks["failed_seeds"] == {"1": "NaN", "2": "NaN"}
    as_seed(only(trees / "b"), 1)
    for n, order in enumerate((("a", "b"), ("b", "a"))):
        merge([trees / name for name in order], tmp_path / str(n))
        record = read_record(only(tmp_path / str(n)))
        assert [one["seed"] for one in record.replicates] == [0, 1]
        assert record.checks["failed_seeds"] == {"2": "NaN"}


def test_equal_records_are_kept_once_and_merging_again_changes_no_byte(trees: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = merge([trees / "a", trees / "b"], out)
    assert [one.did for one in done] == ["copied", "equal", "copied"]
    first = files(out)
    assert {one.did for one in merge([trees / "b", trees / "a"], out)} == {"equal"}
    assert files(out) == first
    assert not faulty(list(check_results(out)))


def test_seeds_of_one_configuration_are_united_and_scored_together(trees: Path, tmp_path: Path) -> None:
    as_seed(only(trees / "b"), 3, 0.01)
    for order in (("a", "b"), ("b", "a")):
        out = tmp_path / "".join(order)
        merge([trees / name for name in order], out)
        record = read_record(only(out))
        assert [one["seed"] for one in record.replicates] == [0, 3]
        assert read_predictions(only(out)).replicates == ("seed 0", "seed 3")
        assert sorted(record.cost["replicates"]) == sorted(record.provenance["replicates"]) == ["seed 0", "seed 3"]
        assert record.scores["mcc"].value == pytest.approx(np.mean(record.scores["mcc"].per_replicate))
        assert not faulty(list(check_results(out, intervals=True)))
    assert steady(read_record(only(tmp_path / "ab"))) == steady(read_record(only(tmp_path / "ba")))


def test_contradictions_are_refused_by_name_and_nothing_is_written(trees: Path, tmp_path: Path) -> None:
    as_seed(only(trees / "b"), 0, 0.01)
    with pytest.raises(RequestError, match=r"yeast/gc@.*promoter\.json in .*b is with other outputs of seed 0"):
        merge([trees / "a", trees / "b"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_column_that_one_tree_lacks_is_not_lost_in_silence(trees: Path, tmp_path: Path, order: str) -> None:
    def change(present: Pair | None) -> Pair:
        assert present is not None
        record, said = present
        assert said is not None
        return record, replace(said, columns={**said.columns, "chromosome": np.zeros(len(said.keys), np.uint8)})

    update(only(trees / "b"), change)
    with pytest.raises(RequestError, match="of other columns of the same rows"):
        merge([trees / name for name in order], tmp_path / "out")


@pytest.mark.parametrize(
    ("prefer", "year", "shifted"),
    [("first", 2030, False), ("last", 2020, True), ("newest", 2030, True), ("newest", 2020, False)],
)
def test_a_preference_says_which_stands(trees: Path, tmp_path: Path, prefer: str, year: int, shifted: bool) -> None:
    before = read_predictions(only(trees / "a")).outputs
    for tree, when in (("a", 2025), ("b", year)):
        path = only(trees / tree)
        content = json.loads(path.read_text(encoding="utf-8"))
        content["provenance"]["utc"] = f"{when}-01-01T00:00:00Z"
        path.write_text(json.dumps(content), encoding="utf-8")
    as_seed(only(trees / "b"), 0, 0.01)
    merge([trees / "a", trees / "b"], tmp_path / "out", prefer)
    assert (not np.array_equal(read_predictions(only(tmp_path / "out")).outputs, before)) is shifted


def test_a_record_without_numbers_gives_way_to_one_that_has_them(trees: Path, tmp_path: Path) -> None:
    path = only(trees / "a")

    def fail(present: Pair | None) -> Pair:
        assert present is not None
        return replace(present[0], status="failed", scores={}, replicates=(), error="out of memory"), None

    update(path, fail)
    merge([trees / "a", trees / "b"], tmp_path / "out")
    assert read_record(only(tmp_path / "out")).status == "ok"
    assert {one.did for one in merge([trees / "a"], tmp_path / "out")} == {"left (failed)"}


def test_metrics_that_only_one_tree_has_are_kept(trees: Path, tmp_path: Path) -> None:
    assert run_words(["rescore", str(trees / "b"), "--metric", "balanced_accuracy", "--write"]) == 0
    merge([trees / "a", trees / "b"], tmp_path / "out")
    assert "balanced_accuracy" in read_record(only(tmp_path / "out")).scores


def test_a_path_that_leaves_the_tree_is_refused(trees: Path, tmp_path: Path) -> None:
    path = only(trees / "a")
    content = json.loads(path.read_text(encoding="utf-8"))
    for name in ("../../../../../escape", "/etc/x", ".."):
        content["task"]["name"] = f"yeast/{name}"
        path.write_text(json.dumps(content), encoding="utf-8")
        with pytest.raises(RecordError):
            merge([trees / "a"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_record_that_lies_elsewhere_than_it_says_is_refused(trees: Path, tmp_path: Path) -> None:
    path = only(trees / "a")
    for file in (path, path.with_suffix(".npz")):
        file.rename(file.with_stem("elsewhere"))
    with pytest.raises(RecordError, match=f"says that it is .*/{path.name}: put it there"):
        merge([trees / "a"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_links_are_not_followed_in_or_out(trees: Path, tmp_path: Path) -> None:
    elsewhere, npz = tmp_path / "elsewhere", only(trees / "a").with_suffix(".npz")
    npz.rename(elsewhere)
    npz.symlink_to(elsewhere)
    with pytest.raises(RecordError, match="is a link"):
        merge([trees / "a"], tmp_path / "out")
    (tmp_path / "out" / "runs").mkdir(parents=True)
    (tmp_path / "out" / "runs" / "yeast").symlink_to(tmp_path)
    with pytest.raises(RecordError, match="is a link"):
        merge([trees / "b"], tmp_path / "out")


def test_the_command_says_what_it_did_and_refuses_in_one_line(
    trees: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    assert run_words(["merge", str(trees / "a"), str(trees / "b"), "-o", out]) == 0
    assert "3 records: 2 copied, 1 equal" in capsys.readouterr().out
    assert len(read_records(Path(out))) == 2
    assert run_words(["merge", str(tmp_path / "nothing"), "-o", out]) == 2
    assert run_words(["merge", str(trees / "a"), "-o", out, "--prefer", "best"]) == 2
    assert capsys.readouterr().err.count("\n") == 2
