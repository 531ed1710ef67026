"""One cell of other rows or labels is named and passed over; it never stops the leaderboard."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from leaderboard_tree import TARGET, write_cell

from dnabench.harness import registry
from dnabench.harness.cli import run_words
from dnabench.harness.data.fingerprint import fingerprint_labels
from dnabench.harness.report.leaderboard.gather import gather
from dnabench.harness.report.leaderboard.nouns import Board
from dnabench.harness.report.leaderboard.standing import stand
from dnabench.harness.run import npz
from dnabench.harness.types import FileFacts, Predictions, Source, Suite, Target, Task

Change = Callable[[Predictions], Predictions]
CHANGES: dict[str, Change] = {
    "labels": lambda p: replace(p, truth=np.where(np.arange(len(p.truth)) < 2, 1 - p.truth, p.truth)),
    "keys": lambda p: replace(p, keys=np.where(np.arange(len(p.keys)) == 5, np.uint64(7), p.keys)),
    "rows": lambda p: replace(p, keys=p.keys[1:], truth=p.truth[1:], outputs=p.outputs[:, 1:]),
}


def forge(path: Path, change: Change) -> None:
    data = npz.to_bytes(change(npz.from_bytes(path.with_suffix(".npz").read_bytes(), "")))
    path.with_suffix(".npz").write_bytes(data)
    content = json.loads(path.read_text(encoding="utf-8"))
    content["predictions"] = hashlib.sha256(data).hexdigest()
    path.write_text(json.dumps(content), encoding="utf-8")


def board_of(root: Path) -> Board:
    problems: list[str] = []
    return stand(gather(root, problems), problems)


def ranked(board: Board, task: str = "toy/a") -> list[str]:
    names = {entrant.key: entrant.name for entrant in board.fields[0].entrants}
    return sorted(names[key] for key in board.rankings[task, "mcc"].entrants)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for model in ("middle", "strong", "weak"):
        write_cell(tmp_path, "toy/a", model, len(model) / 4)
    return tmp_path


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("name", ["aaa", "zzz"])
def test_the_cell_of_other_rows_or_labels_is_passed_over_wherever_it_stands(tree: Path, what: str, name: str) -> None:
    honest = board_of(tree).rankings["toy/a", "mcc"]
    forge(write_cell(tree, "toy/a", name, 1.0), CHANGES[what])
    board = board_of(tree)
    assert board.problems == (f"toy/a, {name}: its rows or labels are not those of 3 of 4 models: it is passed over",)
    assert ranked(board) == ["middle", "strong", "weak"]
    assert board.rankings["toy/a", "mcc"] == honest


def test_the_command_names_it_writes_the_rest_and_exits_1(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forge(write_cell(tree, "toy/a", "forged", 1.0), CHANGES["labels"])
    assert run_words(["leaderboard", str(tree)]) == 1
    said = capsys.readouterr()
    assert "toy/a, forged: its rows or labels are not those of 3 of 4 models" in said.err
    assert "|" not in said.err
    assert "forged: its rows or labels" in (tree / "leaderboard" / "leaderboard.md").read_text(encoding="utf-8")


def test_another_order_of_the_same_rows_is_no_problem(tree: Path) -> None:
    before = board_of(tree).rankings["toy/a", "mcc"]
    path = next(tree.rglob("strong*/*/a.json"))
    forge(path, lambda p: replace(p, keys=p.keys[::-1], truth=p.truth[::-1], outputs=p.outputs[:, ::-1]))
    board = board_of(tree)
    assert not board.problems
    assert board.rankings["toy/a", "mcc"] == before


@pytest.mark.parametrize("version", [1, 2])
def test_the_fingerprint_in_the_task_file_stands_against_a_majority(
    tree: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    honest = npz.from_bytes(next(tree.rglob("strong*/*/a.npz")).read_bytes(), "")
    for model in ("middle", "weak"):
        forge(next(tree.rglob(f"{model}*/*/a.json")), CHANGES["labels"])
    known = FileFacts("test.csv", labels=fingerprint_labels(honest.keys, honest.truth, TARGET))
    task = Task(
        "toy/a", version, "a", "sequence", Target("class", TARGET.classes), "mcc", (), Source("files", {"test": known})
    )
    monkeypatch.setattr(registry, "suites", lambda: ["toy"])
    monkeypatch.setattr(registry, "load_suite", lambda _: Suite("toy", "Toy", (task,)))
    board = board_of(tree)
    # A task file of another version says nothing of these records.
    assert ranked(board) == (["strong"] if version == 1 else ["middle", "weak"])
    assert len(board.problems) == (2 if version == 1 else 1)
    assert ("task file" in board.problems[0]) == (version == 1)


def test_a_cell_without_the_column_of_groups_is_passed_over(tmp_path: Path) -> None:
    for model in ("aaa", "strong", "weak"):
        path = write_cell(tmp_path, "toy/a", model, 1.0)
        content = json.loads(path.read_text(encoding="utf-8"))
        content["task"]["dependence"] = {"groups": "gene"}
        path.write_text(json.dumps(content), encoding="utf-8")
        if model != "aaa":
            forge(path, lambda p: replace(p, columns={"gene": np.arange(len(p.keys)) // 4}))
    board = board_of(tmp_path)
    assert board.problems == ("toy/a, aaa: its rows have no column 'gene', by which the task groups them",)
    assert ranked(board) == ["strong", "weak"]
