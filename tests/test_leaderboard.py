"""The leaderboard follows from the results and from nothing else, fills nothing in, and claims only what is shown."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from leaderboard_tree import METRICS, task_facts, write_cell, write_record

from dnabench.harness.cli import run_words
from dnabench.harness.errors import RequestError
from dnabench.harness.report.leaderboard.data import content, lines
from dnabench.harness.report.leaderboard.gather import gather
from dnabench.harness.report.leaderboard.literature import beside, published_rows
from dnabench.harness.report.leaderboard.nouns import Board, View
from dnabench.harness.report.leaderboard.papers import standings_table, task_table
from dnabench.harness.report.leaderboard.standing import stand
from dnabench.harness.report.leaderboard.write import build, stale, write
from dnabench.harness.run import npz

TASKS = ("toy/a", "toy/b", "toy/c")
HEAD = "task,model,parameters_millions,protocol,metric,value,error,error_kind,replicates,note,source\n"


def plant(root: Path) -> Path:
    """Three tasks; `strong` and `twin` are far better than `weak`, whose weights are random."""
    for task in TASKS:
        write_cell(root, task, "strong", 1.5, seeds=(0, 1, 2))
        write_cell(root, task, "twin", 1.5)
        write_cell(root, task, "weak", 0.1, weights="random", protocol="fit")
    return root


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree to change."""
    return plant(tmp_path)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Board, dict[str, str]]:
    """The board of the unchanged tree, and its files."""
    return build(plant(tmp_path_factory.mktemp("tree")))


def board_of(root: Path) -> Board:
    """The board without its files."""
    problems: list[str] = []
    return stand(gather(root, problems), problems)


def means(view: View) -> dict[str, tuple[float, tuple[int, int] | None, bool]]:
    """Entrant's name → mean, ranks, not beaten."""
    ranking = view.means[0].ranking
    names = {entrant.key: entrant.name for entrant in view.entrants}
    found = zip(ranking.entrants, ranking.values, ranking.ranks, ranking.best, strict=True)
    return {names[key]: (value, rank, best) for key, value, rank, best in found}


def row(view: View, name: str, table: Any = standings_table) -> dict[str, str]:
    made = table(view)
    return next(dict(zip(made.head, r, strict=True)) for r in made.rows if r[0].startswith(name))


def test_the_same_results_give_the_same_bytes(built: tuple[Board, dict[str, str]], tree: Path) -> None:
    assert build(tree)[1] == built[1]


def test_both_routes_of_the_kernels_give_the_same_bytes(
    built: tuple[Board, dict[str, str]], tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba")
    texts = []
    for backend in ("numpy", "numba"):
        monkeypatch.setattr("dnabench.harness.report.leaderboard.standing._backend", lambda _, route=backend: route)
        texts.append(build(tree)[1])
    assert texts[0] == texts[1] == built[1]


def test_tasks_of_other_metrics_have_means_of_their_own(tree: Path) -> None:
    for task in ("toy/d", "toy/e"):
        for model in ("strong", "twin"):
            facts = task_facts(task) | {"metric": "accuracy"}
            seeds = (0, 1, 2) if model == "strong" else (0,)
            write_cell(tree, task, model, 1.5, seeds=seeds, parts={"task": facts})
    board, texts = build(tree)
    view = board.view("toy")
    assert [(mean.metric, len(mean.tasks)) for mean in view.means] == [("mcc", 3), ("accuracy", 2)]
    assert "mean of 2 tasks, accuracy" in standings_table(view).head
    assert "each task&#39;s own metric" in texts["index.html"]


def test_equals_share_ranks_and_nobody_is_best_alone_among_them(built: tuple[Board, dict[str, str]]) -> None:
    found = means(built[0].view("toy"))
    assert found["strong"][1:] == ((1, 2), True)
    assert found["twin"][1:] == ((1, 2), True)
    assert found["weak"][1:] == ((3, 3), False)


def test_a_mean_is_the_mean_of_the_scores_in_the_records(built: tuple[Board, dict[str, str]]) -> None:
    board = built[0]
    values = [
        line["value"] for line in lines(board) if line["metric"] == "mcc" and line["model"] == "strong"
    ]  # fmt: skip
    assert len(values) == 3
    assert means(board.view("toy"))["strong"][0] == pytest.approx(np.mean(values), abs=1e-5)


def test_a_hole_takes_the_mean_away_and_is_never_filled_in(tree: Path) -> None:
    path = write_record(tree, "toy/d", "weak", "failed", weights="random", protocol="fit")
    for model in ("strong", "twin"):
        write_cell(tree, "toy/d", model, 1.5, seeds=(0, 1, 2) if model == "strong" else (0,))
    view = board_of(tree).view("toy")
    assert path.exists()
    assert row(view, "weak")["scored"] == "3/4"
    assert row(view, "weak")["mean of 4 tasks"] == "—"
    assert row(view, "weak")["mean of 3 common tasks"] != "—"
    assert view.means[1].tasks == TASKS
    assert any("failed: boom" in note for note in task_table(view).notes)


def test_a_cell_that_was_never_run_says_so(tree: Path) -> None:
    write_cell(tree, "toy/d", "strong", 1.5)
    table = task_table(board_of(tree).view("toy"))
    assert any("not run" in note for note in table.notes)


@pytest.mark.parametrize("status", ["partial", "unavailable", "not_applicable", "failed"])
def test_only_full_records_take_part(tree: Path, status: Any) -> None:
    write_record(tree, "toy/a", "other", status)
    view = board_of(tree).view("toy")
    assert "other" not in means(view)
    assert row(view, "other")["scored"] == "0/3"


def test_other_rows_are_set_apart_with_the_reason(tree: Path) -> None:
    write_cell(tree, "toy/a", "stranger", 2.0, data="f" * 64)
    view = board_of(tree).view("toy")
    assert row(view, "stranger")["scored"] == "0/3"
    assert any("other rows than the other models (test)" in note for note in task_table(view).notes)


def test_a_collapsed_seed_is_shown_and_counted(tree: Path) -> None:
    write_cell(tree, "toy/a", "falls", 1.5, seeds=(0, 1, 2), collapsed=(1,))
    board = board_of(tree)
    assert any("collapsed" in note and "seed 1" in note for note in task_table(board.view("toy")).notes)
    line = next(one for one in lines(board) if one["model"] == "falls" and one["metric"] == "mcc")
    assert line["collapsed"] == "seed 1"
    assert line["seeds"] == 3


def test_baselines_are_marked_by_what_they_learnt_from(built: tuple[Board, dict[str, str]]) -> None:
    assert row(built[0].view("toy"), "weak")["model"] == "weak (baseline)"


def test_every_protocol_has_a_view_of_its_own(built: tuple[Board, dict[str, str]]) -> None:
    views = {view.protocol: view for view in built[0].views}
    assert set(views) == {"", "fit", "probe"}
    assert {entrant.name for entrant in views["probe"].entrants} == {"strong", "twin"}
    assert means(views["fit"])["weak"][1:] == ((1, 1), True)


def test_what_a_test_set_could_show_shrinks_with_its_size(tmp_path: Path) -> None:
    for task, rows in (("toy/small", 200), ("toy/large", 3200)):
        for model in ("one", "two"):
            write_cell(tmp_path, task, model, 1.0, rows=rows)
    tasks = board_of(tmp_path).view("toy").tasks
    small, large = tasks["toy/small"].detectable, tasks["toy/large"].detectable
    assert small is not None
    assert large is not None
    assert small / large == pytest.approx(4.0, rel=0.25)


def test_groups_and_few_rows_of_a_class_are_said_below_the_tables(tmp_path: Path) -> None:
    path = write_cell(tmp_path, "toy/a", "only", 1.0)
    record = json.loads(path.read_text(encoding="utf-8"))
    said = npz.from_bytes(path.with_suffix(".npz").read_bytes(), "")
    raw = npz.to_bytes(replace(said, columns={"gene": np.arange(len(said.keys)) // 4}))
    path.with_suffix(".npz").write_bytes(raw)
    record["predictions"] = hashlib.sha256(raw).hexdigest()
    facts: dict[str, Any] = {"metric": "auroc", "dependence": {"groups": "gene", "reason": "", "stratified": False}}
    split = {"file": "test.csv", "rows": 240, "class_counts": [200, 40], "lengths": [9, 9, 9]}
    facts["splits"] = {"test": split | {"identity": "unknown", "fingerprint": "0"}}
    record["task"] |= facts
    record["scores"]["auroc"] = record["scores"]["mcc"] | {"metric": "auroc"}
    path.write_text(json.dumps(record), encoding="utf-8")
    board, texts = build(tmp_path)
    assert board.fields[0].tasks[0].groups == (60, 60.0)
    groups = "ows in groups count as independent groups (G_eff): toy/a 60"
    few = "AUROC, AUPRC with fewer than 50 rows of the rarest class (toy/a 40): read a 95% interval as one of about 90%"
    assert task_table(board.view("toy")).notes == (f"r{groups}", few)
    assert texts["index.html"].count(f"R{groups}.") == texts["index.html"].count(f"{few}.") >= 2
    assert "60, as good as 60.0 of one size (G_eff)" in texts["index.html"]


def test_one_model_alone_is_ranked_without_any_claim(tmp_path: Path) -> None:
    write_cell(tmp_path, "toy/a", "only", 1.0)
    view = board_of(tmp_path).view("toy")
    assert view.means == ()
    assert view.tasks["toy/a"].ranks == ((1, 1),)
    assert view.tasks["toy/a"].detectable is None


def test_published_scores_stand_below_without_interval_or_rank(tree: Path) -> None:
    published(tree, [(task, "Paper", "probe", "mcc", 0.9, "", "a paper") for task in TASKS])
    found = row(board_of(tree).view("toy"), "Paper")
    assert found["model"] == "Paper, published: a paper"
    assert found["mean of 3 tasks"] == "0.900 (published)"
    assert found["rank"] == "—"


def test_a_published_mean_needs_every_task(tree: Path) -> None:
    published(tree, [("toy/a", "Paper", "probe", "mcc", 0.9, "", "a paper")])
    found = row(board_of(tree).view("toy"), "Paper")
    assert (found["mean of 3 tasks"], found["scored"]) == ("—", "1/3")


def test_a_published_score_says_what_it_is_held_against_and_what_agrees(tree: Path) -> None:
    published(tree, [("toy/a", "org/Strong", "finetune", "mcc", 0.9, "", "a paper")])
    board = board_of(tree)
    one = beside(board, board.fields[0], board.fields[0].tasks[0])[0]
    assert one.ours is not None
    assert one.ours.name == "strong"
    value = next(ln["value"] for ln in lines(board) if ln["model"] == "strong" and ln["task"] == "toy/a")
    assert one.difference == pytest.approx(value - 0.9, abs=1e-5), "ours minus published, as `report` says it"
    assert "protocols differ (finetune, ours probe)" in one.agreement


@pytest.mark.parametrize("note", ["AMBIGUOUS: which metric is not stated", "SECONDARY: not a target"])
def test_doubtful_published_scores_are_kept_out_of_comparisons(tree: Path, note: str) -> None:
    published(tree, [("toy/a", "Paper", "probe", "mcc", 0.9, note, "a paper")])
    board = board_of(tree)
    assert published_rows(board.view("toy")) == []
    one = beside(board, board.fields[0], board.fields[0].tasks[0])[0]
    assert (one.ours, one.difference) == (None, None)
    assert one.agreement.startswith("not compared")


def test_the_csv_holds_every_metric_and_every_hole(tree: Path) -> None:
    write_record(tree, "toy/a", "other", "failed")
    rows = list(csv.DictReader(io.StringIO(build(tree)[1]["leaderboard.csv"])))
    assert len(rows) == 9 * len(METRICS) + 3
    assert {r["status"] for r in rows} == {"ok", "failed", "not run"}


def test_the_json_can_be_read_back_and_names_what_is_not_beaten(built: tuple[Board, dict[str, str]]) -> None:
    board, texts = built
    found = json.loads(texts["leaderboard.json"])
    assert found == json.loads(json.dumps(content(board)))
    view = next(v for v in found["views"] if v["protocol"] == "all")
    assert view["means"][0]["best"].count(True) == 2


def test_the_tex_compiles(built: tuple[Board, dict[str, str]], tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    text = built[1]["leaderboard.tex"]
    body = f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}{text}\\end{{document}}"
    (tmp_path / "t.tex").write_text(body, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-800:]
    assert r"\textbf{" in text


def test_markdown_shows_hostile_names_as_text(tmp_path: Path) -> None:
    write_cell(tmp_path, "toy/a", "<img src=x onerror=alert(1)>|`", 1.0)
    text = build(tmp_path)[1]["leaderboard.md"]
    assert "<img" not in text
    assert "&lt;img" in text


def test_writing_touches_its_own_files_only(built: tuple[Board, dict[str, str]], tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    texts = built[1]
    write(folder, texts)
    write(folder, texts)
    assert {path.name for path in folder.iterdir()} == {*texts, "mine.txt"}
    assert stale(folder, texts) == []


@pytest.mark.parametrize("name", ["index.html", "leaderboard.csv", "leaderboard.json", "leaderboard.md"])
def test_a_foreign_file_is_never_replaced(built: tuple[Board, dict[str, str]], tmp_path: Path, name: str) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / name).write_text("my own page")
    with pytest.raises(RequestError, match="was not written by"):
        write(folder, built[1])
    assert [path.name for path in folder.iterdir()] == [name]
    assert (folder / name).read_text() == "my own page"


def test_the_command_writes_and_checks(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_words(["leaderboard", str(tree), "--check"]) == 1
    assert "index.html is missing" in capsys.readouterr().err
    assert run_words(["leaderboard", str(tree)]) == 0
    assert str(tree / "leaderboard" / "index.html") in capsys.readouterr().out
    assert run_words(["leaderboard", str(tree), "--check"]) == 0


def test_the_check_names_what_a_new_record_made_stale(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_words(["leaderboard", str(tree)])
    before = (tree / "leaderboard" / "leaderboard.md").read_bytes()
    write_cell(tree, "toy/a", "newcomer", 1.0)
    capsys.readouterr()
    assert run_words(["leaderboard", str(tree), "--check"]) == 1
    assert "leaderboard.md differs" in capsys.readouterr().err
    assert (tree / "leaderboard" / "leaderboard.md").read_bytes() == before


def test_an_unreadable_record_is_named_and_the_rest_is_shown(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_cell(tree, "toy/a", "broken", 1.0).write_text("{")
    assert run_words(["leaderboard", str(tree)]) == 1
    assert "broken JSON" in capsys.readouterr().err
    assert "broken JSON" in (tree / "leaderboard" / "leaderboard.md").read_text()


def test_lost_predictions_are_named_and_the_score_still_stands(tree: Path) -> None:
    write_cell(tree, "toy/a", "lost", 1.0).with_suffix(".npz").unlink()
    board = board_of(tree)
    assert any("lost" in problem and "is missing" in problem for problem in board.problems)
    assert (
        board.rankings["toy/a", "mcc"].place(next(e.key for e in board.fields[0].entrants if e.name == "lost")) is None
    )


@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_a_folder_without_records_is_a_users_mistake(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    assert run_words(["leaderboard", str(tmp_path / folder)]) == 2


def test_two_suites_make_two_tables(tree: Path) -> None:
    write_cell(tree, "other/x", "strong", 1.0)
    board = board_of(tree)
    assert [field.suite for field in board.fields] == ["other", "toy"]


def published(root: Path, rows: list[tuple[Any, ...]]) -> None:
    """Scores of the literature beside the results."""
    (root / "published").mkdir()
    body = "".join(f'{t},{m},,{p},{k},{v},,,,"{note}","{source}"\n' for t, m, p, k, v, note, source in rows)
    (root / "published" / "toy.csv").write_text(HEAD + body, encoding="utf-8")
