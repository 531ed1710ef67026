"""The leaderboard follows from the results and from nothing else, fills nothing in, and claims only what is shown."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from leaderboard_tree import METRICS, TARGET, task_facts, write_cell, write_record

from dnabench.harness.cli import run_words
from dnabench.harness.errors import RequestError
from dnabench.harness.report.leaderboard.board_page import heat_of, in_order
from dnabench.harness.report.leaderboard.data import content, lines
from dnabench.harness.report.leaderboard.gather import gather
from dnabench.harness.report.leaderboard.literature import beside, published_rows
from dnabench.harness.report.leaderboard.model_page import model_section
from dnabench.harness.report.leaderboard.nouns import Board, Ranking, View
from dnabench.harness.report.leaderboard.papers import standings_table, task_table
from dnabench.harness.report.leaderboard.standing import stand
from dnabench.harness.report.leaderboard.task_page import marks, task_section
from dnabench.harness.report.leaderboard.words import verdict_words
from dnabench.harness.report.leaderboard.write import build, stale, write
from dnabench.harness.run import npz
from dnabench.harness.stats.joint import joint
from dnabench.harness.stats.paired import paired_difference
from dnabench.harness.stats.ranking import pairs
from dnabench.harness.stats.verdict import Rules, detectable
from dnabench.harness.types import Dependence, TestSet

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
    newer = task_facts("toy/a") | {"version": 2}
    write_cell(tree, "toy/a", "newer", 2.0, parts={"task": newer})
    write_cell(tree, "toy/a", "exact", 2.0, parts={"task": task_facts("toy/a") | {"metric": "accuracy"}})
    board = board_of(tree)
    view = board.view("toy")
    reasons = {"stranger": "other rows than the other models (test)", "newer": "version 2 of the task, the others have"}
    reasons["exact"] = "ranked by accuracy, the others by mcc"
    for name, reason in reasons.items():
        assert row(view, name)["scored"] == "0/3", "what most records have is what is compared"
        assert any(reason in note for note in task_table(view).notes)
        assert {reason in line["said"] for line in lines(board) if line["model"] == name and line.get("said")} == {True}


def test_a_collapsed_seed_is_shown_and_counted(tree: Path) -> None:
    write_cell(tree, "toy/a", "falls", 1.5, seeds=(0, 1, 2), collapsed=(1,))
    board = board_of(tree)
    assert any("collapsed" in note and "seed 1" in note for note in task_table(board.view("toy")).notes)
    line = next(one for one in lines(board) if one["model"] == "falls" and one["metric"] == "mcc")
    assert line["collapsed"] == "seed 1"
    assert line["seeds"] == 3


def test_a_seed_that_collapsed_in_one_fold_is_said_on_the_page_of_its_model(tree: Path) -> None:
    path = write_cell(tree, "toy/a", "falls", 1.5, seeds=(0, 1))
    record = json.loads(path.read_text(encoding="utf-8"))
    record["replicates"][1]["chosen"] = {"folds": [{"collapsed": False}, {"collapsed": True}]}
    path.write_text(json.dumps(record), encoding="utf-8")
    grid = model_section(board_of(tree), "falls").parts[1].grid
    assert grid is not None
    seeds = grid.lines[0].items[4].text.split(", ")
    assert [text.endswith("(collapsed)") for text in seeds] == [False, True]


def test_a_ranking_says_of_each_pair_what_compare_says_of_it_alone(tree: Path) -> None:
    board = board_of(tree)
    ranking, entries = board.rankings["toy/a", "mcc"], board.fields[0].entries
    records = [entries["toy/a", key].record for key in ranking.entrants]
    said = [one.outputs() for one in records if one.outputs]
    test_set = TestSet(TARGET, Dependence(), records[0].key["data"]["test"])
    shown = []
    for i, j in itertools.permutations(range(3), 2):
        alone = paired_difference(said[i], said[j], "mcc", test_set)
        assert ranking.differences[i][j] == pytest.approx(alone.value, abs=1e-6)
        shown.append(detectable(alone, Rules()) or 0.0)
    assert ranking.detectable == pytest.approx(np.median(shown), rel=1e-3)
    whole = joint(dict(zip(ranking.entrants, said, strict=True)), ["mcc"], test_set)["mcc"]
    assert np.array(ranking.p_values) == pytest.approx(pairs(whole).p_max, abs=1e-6), "adjusted over all pairs"
    for i, one in enumerate(said):
        noise = joint({"one": one}, ["mcc"], test_set)["mcc"].noise(0)
        assert (ranking.lows[i], ranking.highs[i]) == pytest.approx(noise.interval(ranking.values[i], 0.95), abs=1e-5)


def test_a_view_of_one_protocol_is_the_board_of_its_models_alone(tmp_path: Path) -> None:
    for task in TASKS[:2]:
        for name, strength, protocol, seeds in (
            ("a", 0.5, "fit", (0,)),
            ("b", 0.9, "probe", (0, 1, 2)),
            ("c", 0.6, "probe", (0,)),
        ):
            for root in ("all", *(["some"] if protocol == "probe" else [])):
                write_cell(tmp_path / root, task, name, strength, protocol=protocol, seeds=seeds)
    view, alone = board_of(tmp_path / "all").view("toy", "probe"), board_of(tmp_path / "some").view("toy")
    assert view.tasks == alone.tasks
    assert view.means == alone.means


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


def test_the_page_of_a_task_says_what_leaked_and_which_baseline_nobody_beats(tmp_path: Path) -> None:
    leak = {"checks": {"duplicates": {"test_rows_in_train": 12}, "bases_seen": 1.0}}
    write_cell(tmp_path, "toy/a", "plain", 1.5, weights="none", protocol="fit", parts=leak)
    write_cell(tmp_path, "toy/a", "deep", 1.0)
    write_cell(tmp_path, "toy/b", "plain", 0.3, weights="none", protocol="fit")
    write_cell(tmp_path, "toy/b", "deep", 1.5)
    board = board_of(tmp_path)
    field = board.fields[0]
    leaky, clean = (marks(field, card, board.rankings[card.name, "mcc"]) for card in field.tasks)
    assert leaky == [
        "12 of 240 test rows also stand in train, on either strand.",
        "No pretrained model is shown to beat plain here, which learn from this task's rows only.",
    ]
    assert clean == []
    assert task_section(board, field, field.tasks[0]).parts[0].sentences[-2:] == tuple(leaky)


def test_the_agreement_with_a_published_score_names_files_rows_and_metric(tree: Path) -> None:
    splits = {"test": {"identity": "verified", "rows": 240, "class_counts": [], "lengths": [9, 9, 9]}}
    for path in tree.rglob("b.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        record["task"]["splits"] = splits
        path.write_text(json.dumps(record), encoding="utf-8")
    copied = "copied from the other paper"
    published(
        tree,
        [
            ("toy/a", "twin", "probe", "mcc", 0.5, "", "one"),
            ("toy/b", "twin", "probe", "mcc", 0.5, copied, "two"),
            ("toy/b", "nobody", "fit", "accuracy", 0.5, "", "three"),
        ],
    )
    board = board_of(tree)
    field = board.fields[0]
    ((first,), (second, third)) = (beside(board, field, card) for card in field.tasks[:2])
    assert first.agreement == "same metric; our rows are not proved to be the official ones; both probe"
    assert second.agreement == f"same metric; ours on the official files; both probe; {copied}"
    assert [one.ours and one.ours.name for one in (first, second)] == ["twin", "twin"]
    best = max(
        zip(board.rankings["toy/b", "accuracy"].values, board.rankings["toy/b", "accuracy"].entrants, strict=True)
    )
    assert third.ours is not None
    assert third.ours.key == best[1], "a model that was not run here is held against the best that was"
    assert [(one.model, list(one.values)) for one in published_rows(board.view("toy"))] == [("twin", ["toy/a"])]
    assert published_rows(board.view("toy", "fit")) == []


def test_the_costs_and_counts_of_an_entrant_are_those_of_all_its_tasks(tmp_path: Path) -> None:
    for task, seconds, memory, seen, seeds in (
        ("toy/a", 30.0, 500.0, 0.5, (0, 1)),
        ("toy/b", 60.0, 900.0, 0.9, (0, 1, 2)),
    ):
        cost = {"seconds": seconds, "bases_per_second": 1e3 * seconds, "peak_memory_mb": memory}
        write_cell(tmp_path, task, "one", 1.0, seeds=seeds, parts={"cost": cost, "checks": {"bases_seen": seen}})
        write_cell(tmp_path, task, "two", 0.5)
    found = row(board_of(tmp_path).view("toy"), "one")
    told = {"bases seen": "50%", "time": "90 s", "bases/s": "45 k", "peak memory": "900 MB", "seeds": "2–3"}
    assert {name: found[name] for name in told} == told


def test_a_line_of_the_data_has_both_ranks_and_the_score_without_twins(tmp_path: Path) -> None:
    twins = {
        "bases_seen": 1.0, "duplicates": {"test_rows_in_train": 7},
        "scores_without_duplicates": {"mcc": {"value": 0.25, "low": 0.2, "high": 0.3, "per_replicate": [0.25]}},
    }  # fmt: skip
    for name, strength in (("best", 3.0), ("next", 0.5), ("near", 0.5)):
        write_cell(tmp_path, "toy/a", name, strength, parts={"checks": twins})
    found = {line["model"]: line for line in lines(board_of(tmp_path)) if line["metric"] == "mcc"}
    assert [(found[m]["rank_best"], found[m]["rank_worst"]) for m in ("best", "next")] == [(1, 1), (2, 3)]
    assert [found[m]["not_beaten"] for m in ("best", "next", "near")] == [True, False, False]
    one = found["best"]
    assert (one["rows_in_train"], one["value_without"]) == (7, 0.25)
    assert one["low"] < one["value"] < one["high"]


def test_of_an_error_the_lower_of_two_is_better_and_a_p_value_of_alpha_tells_nothing_apart() -> None:
    def said(metric: str, p: float) -> tuple[str, float]:
        pair = Ranking(("a", "b"), differences=((0.0, -0.5), (0.5, 0.0)), p_values=((1.0, p), (p, 1.0)))
        return verdict_words(pair, 0, 1, metric)

    assert said("mse", 0.01) == ("better", 1.0)
    assert said("mcc", 0.01) == ("worse", -1.0)
    assert said("mcc", 0.05) == ("not told apart", 0.0)


def test_what_nobody_beats_is_bold_where_its_mean_stands(built: tuple[Board, dict[str, str]]) -> None:
    table = standings_table(built[0].view("toy"))
    assert {table.head[column] for _, column in table.bold} == {"mean of 3 tasks"}


def test_a_heat_map_says_of_each_row_what_its_differences_say() -> None:
    pair = Ranking(("x", "y"), (0.9, 0.4), differences=((0.0, 0.5), (-0.5, 0.0)), p_values=((1.0, 0.01), (0.01, 1.0)))
    drawn = heat_of(pair, ["ann", "bob"], "mcc", "title")
    assert "ann better than bob: +0.500, p 0.010" in drawn
    assert "bob worse than ann: -0.500, p 0.010" in drawn
    assert "ann: better than 1, worse than 0 of 1; bob: better than 0, worse than 1 of 1" in drawn
    turned = in_order(pair, ["y", "x"])
    assert (turned.entrants, turned.values, turned.differences) == (("y", "x"), (0.4, 0.9), ((0.0, -0.5), (0.5, 0.0)))


def test_few_groups_leave_scores_and_no_rank_or_claim(tmp_path: Path) -> None:
    for name, strength in (("one", 0.2), ("two", 1.5)):
        path = write_cell(tmp_path, "toy/a", name, strength)
        said = npz.from_bytes(path.with_suffix(".npz").read_bytes(), "")
        raw = npz.to_bytes(replace(said, columns={"gene": np.arange(len(said.keys)) // 40}))
        path.with_suffix(".npz").write_bytes(raw)
        record = json.loads(path.read_text(encoding="utf-8")) | {"predictions": hashlib.sha256(raw).hexdigest()}
        record["task"]["dependence"] = {"groups": "gene", "reason": "", "stratified": False}
        path.write_text(json.dumps(record), encoding="utf-8")
    ranking = board_of(tmp_path).rankings["toy/a", "mcc"]
    assert "no claim: about 6.0 independent groups" in ranking.note
    assert (ranking.ranks, ranking.best, ranking.p_values, ranking.detectable) == ((), (), (), None)
    assert None not in ranking.lows


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


def test_who_waits_for_want_of_a_compiler_is_told_why_and_gets_the_same_bytes(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_words(["leaderboard", str(tree)]) == 0
    assert run_words(["report", str(tree)]) == 0
    quick = capsys.readouterr()
    assert "numba" not in quick.err
    monkeypatch.setattr("dnabench.harness.stats.bootstrap.MINUTES_FROM_OUTPUTS", 1)
    monkeypatch.setattr("dnabench.harness.stats.bootstrap.compiles", lambda: False)
    assert run_words(["leaderboard", str(tree), "--check"]) == 0
    assert "without numba: pip install 'dnabench[fast]'" in capsys.readouterr().err
    assert run_words(["report", str(tree)]) == 0
    slow = capsys.readouterr()
    assert slow.out in quick.out
    assert "--no-marks needs none" in slow.err
    assert run_words(["report", str(tree), "--no-marks"]) == 0
    assert "numba" not in capsys.readouterr().err


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
