"""A suite that was kept is the suite that was read, until its file or the code that reads it changes."""

import json
from pathlib import Path

import pytest

from dnabench.harness.data.suite_file import read_suite
from dnabench.harness.data.suite_kept import read_kept
from dnabench.harness.errors import TaskFileError

ROOT = Path(__file__).resolve().parents[1]
SUITES = sorted(path for path in (ROOT / "benchmarks").glob("*/suite.yaml"))


@pytest.mark.parametrize("path", SUITES, ids=lambda p: p.parent.name)
def test_a_kept_suite_equals_the_file_read_afresh(tmp_path: Path, path: Path) -> None:
    fresh = read_suite(path)
    assert read_kept(path, tmp_path) == fresh
    assert [kept.suffix for kept in (tmp_path / "suites").iterdir()] == [".json"]
    assert read_kept(path, tmp_path) == fresh


def test_a_changed_file_is_read_again_and_a_wrong_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    text = (ROOT / "benchmarks" / "yeast" / "suite.yaml").read_text()
    path.write_text(text)
    assert read_kept(path, tmp_path).title == read_suite(path).title
    path.write_text(text.replace("title:", "titel:", 1))
    with pytest.raises(TaskFileError, match="titel"):
        read_kept(path, tmp_path)


def test_the_same_file_in_another_folder_is_read_with_that_folder_s_data(tmp_path: Path) -> None:
    text = (ROOT / "benchmarks" / "yeast" / "suite.yaml").read_text()
    for name in ("old", "new"):
        path = tmp_path / name / "suite.yaml"
        path.parent.mkdir()
        path.write_text(text)
        assert {task.folder for task in read_kept(path, tmp_path).tasks} == {str(path.parent)}


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"name": "x"}'])
def test_a_damaged_kept_suite_is_no_fault(tmp_path: Path, damage: str) -> None:
    path = ROOT / "benchmarks" / "yeast" / "suite.yaml"
    fresh = read_kept(path, tmp_path)
    kept = next((tmp_path / "suites").iterdir())
    kept.write_text(damage)
    assert read_kept(path, tmp_path) == fresh
    assert json.loads(kept.read_text())["name"] == "yeast"


def test_a_cache_that_cannot_be_made_is_no_fault(tmp_path: Path) -> None:
    path = ROOT / "benchmarks" / "yeast" / "suite.yaml"
    (tmp_path / "file").write_text("not a folder")
    assert read_kept(path, tmp_path / "file").name == "yeast"
