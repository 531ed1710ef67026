"""`git:REV:path`: records and predictions of another revision, without a touch of the work tree."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from compare_records import record, rows, saved
from git_folder import commit, git, repository

from dnabench.harness.errors import DnabenchError, RecordError, RequestError
from dnabench.harness.report.revision import read_revision
from dnabench.harness.run.record_json import steady
from dnabench.harness.run.store import read_records


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits of results: kmer at 0.7, then at 0.9."""
    folder = repository(tmp_path / "repo")
    for correct in (0.7, 0.9):
        saved(folder / "results", record("kmer", rows("toy/x", correct)))
        saved(folder / "results", record("gc", rows("toy/x", 0.6, model=1)))
        commit(folder, f"{correct}")
    monkeypatch.chdir(folder)
    return folder


def test_records_and_predictions_are_those_of_the_revision(repo: Path) -> None:
    now = read_records(Path("results"))
    same = read_revision("git:HEAD:results")
    assert [steady(one.record) for one in same] == [steady(one.record) for one in now]
    old = {one.record.model["name"]: one.record for one in read_revision("git:HEAD~1:results")}
    assert old["kmer"].outputs is not None
    assert np.array_equal(old["kmer"].outputs().outputs, rows("toy/x", 0.7).outputs)
    assert str(same[0].path).startswith("git:HEAD:results/runs/toy/gc@")


def test_the_work_tree_and_the_index_are_not_touched(repo: Path) -> None:
    (repo / "results" / "unsaved.txt").write_text("mine")
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in repo.rglob("*") if p.is_file()}
    for one in read_revision("git:HEAD~1:results"):
        assert one.record.outputs is not None
        one.record.outputs()
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in repo.rglob("*") if p.is_file()} == before


def test_a_path_is_seen_from_the_current_folder_and_from_the_top(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo / "notebooks" / "deep").mkdir(parents=True)
    monkeypatch.chdir(repo / "notebooks" / "deep")
    for path in ("results", "../../results", f"{repo}/results", "results/runs/toy", "results/"):
        assert len(read_revision(f"git:main:{path}")) == 2
    monkeypatch.chdir(repo / "results")
    assert len(read_revision("git:main:.")) == len(read_revision("git:main:runs")) == 2


def test_a_record_of_the_store_for_large_files_is_read_from_git_or_from_beside(repo: Path) -> None:
    path = saved(repo / "results", record("kmer", rows("toy/x", 0.8)))
    wanted = read_records(path.parent)[0].record.predictions
    large = repo / "results" / "large" / f"{wanted}.npz"
    large.parent.mkdir()
    shutil.move(path.with_suffix(".npz"), large)
    commit(repo, "with large")
    large_in_git = read_revision("git:HEAD:results")[1].record
    git(repo, "rm", "-q", "--cached", "-r", "results/large")
    git(repo, "commit", "-q", "-m", "without")
    for found in (large_in_git, read_revision("git:HEAD:results")[1].record):
        assert found.outputs is not None
        assert np.array_equal(found.outputs().outputs, rows("toy/x", 0.8).outputs)
    large.unlink()
    with pytest.raises(RecordError, match=r"predictions are not in that revision \(sha256 .*commit the \.npz"):
        read_revision("git:HEAD:results")[1].record.outputs()  # type: ignore[misc]


def test_predictions_of_another_record_are_refused(repo: Path) -> None:
    path = saved(repo / "results", record("kmer", rows("toy/x", 0.8)))
    path.with_suffix(".npz").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    commit(repo, "a pointer")
    with pytest.raises(RecordError, match="predictions are not those of the record"):
        read_revision("git:HEAD:results")[1].record.outputs()  # type: ignore[misc]


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("git:", "write git:REV:path"),
        ("git:HEAD", "write git:REV:path"),
        ("git:HEAD:", "write git:REV:path"),
        ("git:nowhere:results", "no revision 'nowhere' in .*git fetch"),
        ("git:--all:results", "no revision '--all'"),
        ("git:HEAD:nothing", "there is no folder 'nothing' in revision 'HEAD'"),
        ("git:HEAD:results/runs/toy/kmer@0000004/probe.default@1234567/x.json", "there is no folder"),
        ("git:HEAD:../../..", "lies outside the repository"),
        ("git:HEAD:/", "lies outside the repository"),
        ("git:HEAD:../other/results", "there is no folder|lies outside the repository"),
    ],
)
def test_what_is_not_there_is_one_clear_sentence(repo: Path, word: str, sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence) as refused:
        read_revision(word)
    assert "\n" not in str(refused.value)


def test_a_folder_that_is_no_repository_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(RequestError, match=r"git:HEAD:results: not a git repository"):
        read_revision("git:HEAD:results")


def test_a_machine_without_git_is_said(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repo))
    with pytest.raises(RequestError, match="git cannot be run"):
        read_revision("git:HEAD:results")


def test_links_are_never_followed(repo: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret.json"
    outside.write_text("{}")
    link = repo / "results" / "runs" / "toy" / "link.json"
    link.symlink_to(outside)
    commit(repo, "a link")
    assert len(read_revision("git:HEAD:results")) == 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"schema": 1, "sta', "x.json: broken JSON"),
        ('{"schema": 99, "status": "ok"}', "schema 99 is newer than"),
        ("\udcff", "cannot be read as a record"),
    ],
)
def test_a_broken_or_newer_record_names_revision_and_file(repo: Path, text: str, sentence: str) -> None:
    path = saved(repo / "results", record("kmer", rows("toy/x", 0.8)))
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    commit(repo, "broken")
    with pytest.raises(DnabenchError, match=rf"git:HEAD:results/.*{sentence}"):
        read_revision("git:HEAD:results")


def test_names_with_blanks_and_foreign_letters_are_read(repo: Path) -> None:
    made = replace(record("kmer", rows("toy/x", 0.8)), model={"name": "k mér", "id": "0000009", "options": {}})
    saved(repo / "résultats", made)
    commit(repo, "names")
    assert read_revision("git:HEAD:résultats")[0].record.model["name"] == "k mér"


def test_an_empty_tree_has_no_records(repo: Path) -> None:
    (repo / "empty").mkdir()
    (repo / "empty" / "README.md").write_text("nothing yet")
    commit(repo, "empty")
    assert read_revision("git:HEAD:empty") == []
