"""More operands of `compare`: trees, revisions, files of predictions, seeds left out; other tests and summaries."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from compare_records import compared, operand, operands, record, rows, saved
from git_folder import commit, repository

from dnabench.harness.cli import run_words
from dnabench.harness.errors import DataError, RequestError
from dnabench.harness.report.compare.compare import How, compare_groups
from dnabench.harness.report.compare.operands import Operand, matched
from dnabench.harness.report.compare.seeds import leave_out
from dnabench.harness.report.compare.table import compare_table
from dnabench.harness.run import npz
from dnabench.harness.stats.difference import told
from dnabench.harness.stats.permutation import swap_p
from dnabench.harness.stats.verdict import Rules
from dnabench.harness.types import Dependence, Target, TestSet

TARGET = Target("class", ("0", "1"))


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits: gc stays, kmer gets better; the work tree is the second."""
    folder = repository(tmp_path / "repo")
    for correct in (0.6, 0.9):
        saved(folder / "results", record("kmer", rows("toy/x", correct, model=int(10 * correct))))
        saved(folder / "results", record("gc", rows("toy/x", 0.6, model=1)))
        commit(folder, f"{correct}")
    monkeypatch.chdir(folder)
    return folder


def test_one_model_of_two_revisions_is_told_apart_by_its_label(tree: Path) -> None:
    found = operands(["git:HEAD~1:results", "kmer"], Path("results"))
    assert [one.label for one in found] == ["kmer (HEAD~1)", "kmer (results)"]
    one = compared(*found)[0]
    assert one.difference is not None
    assert one.verdict == "better"
    assert [o.label for o in operands(["kmer", "git:HEAD~1:results", "gc"][:2], Path("results"))] == [
        "kmer (results)",
        "kmer (HEAD~1)",
    ]


def test_two_trees_are_compared_model_by_model(tree: Path) -> None:
    groups = matched(["git:HEAD~1:results", "results"], Path("results"))
    assert [[one.label for one in group] for group in groups] == [
        ["gc (HEAD~1)", "gc (results)"],
        ["kmer (HEAD~1)", "kmer (results)"],
    ]
    found = compare_groups(groups, {"toy/x": "accuracy"}, Rules())
    assert [(one.reference, one.model, one.verdict) for one in found] == [
        ("gc (HEAD~1)", "gc (results)", "equivalent"),
        ("kmer (HEAD~1)", "kmer (results)", "better"),
    ]
    table = compare_table(found, groups, Rules())
    assert table.head[1:3] == ("model", "rows")


def test_trees_without_a_model_in_common_and_twins_are_refused(tree: Path) -> None:
    saved(Path("other"), record("majority", rows("toy/x", 0.5)))
    with pytest.raises(RequestError, match="results has no model 'majority': it has gc, kmer"):
        operands(["results", "other"], Path("nowhere"))
    with pytest.raises(RequestError, match="are the same run"):
        operands(["git:HEAD:results", "git:HEAD:results"], Path("results"))
    (tree / "empty").mkdir()
    with pytest.raises(RequestError, match="holds no records"):
        operands(["empty", "kmer"], Path("results"))


def test_a_file_of_predictions_is_an_operand(tree: Path, tmp_path: Path) -> None:
    said = rows("toy/x", 0.9, model=9)
    file = tmp_path / "mine.npz"
    file.write_bytes(npz.to_bytes(said))
    found = operands(["gc", str(file)], Path("results"))
    assert [one.label for one in found] == ["gc", "mine"]
    one = compared(*found)[0]
    assert one.scores[1] == pytest.approx(np.mean(said.outputs[0].argmax(1) == said.truth))
    for wrong, sentence in (
        (replace(said, keys=said.keys + np.uint64(1)), "not of the same rows"),
        (replace(said, truth=1 - said.truth), "disagree on the labels"),
    ):
        file.write_bytes(npz.to_bytes(wrong))
        with pytest.raises(RequestError, match=sentence):
            compared(*operands(["gc", str(file)], Path("results")))


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [(b"no zip", "x.npz", "cannot be read as .npz"), (None, "gone.csv", "is no file")],
)
def test_a_file_that_is_none_is_one_sentence(
    tree: Path, tmp_path: Path, content: bytes | None, name: str, sentence: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(RequestError, match=sentence):
        operands(["gc", str(tmp_path / name)], Path("results"))


def three_seeds(label: str, model: int = 0, *, flat: int | None = None) -> Operand:
    said = rows("toy/x", 0.8, model=model, seeds=3)
    if flat is not None:
        outputs = said.outputs.copy()
        outputs[flat] = [0.9, 0.1]
        said = replace(said, outputs=outputs)
    return operand(label, record(label, said))


def test_a_collapsed_seed_is_shown_and_left_out_only_by_name() -> None:
    pair = [three_seeds("a"), three_seeds("b", 1, flat=2)]
    with_it = compared(*pair)[0]
    notes = " ".join(compare_table([with_it], pair, Rules()).notes)
    assert "b: seed 2 collapsed (the same answer for every row) on toy/x and counts" in notes
    fewer = leave_out([pair], ["b seed 2"])[0]
    without_it = compared(*fewer)[0]
    assert without_it.scores[0] == with_it.scores[0]
    assert without_it.scores[1] > with_it.scores[1]  # type: ignore[operator]
    notes = " ".join(compare_table([without_it], fewer, Rules()).notes)
    assert "b: without seed 2, left out by name" in notes
    assert "collapsed" not in notes
    alone = [leave_out([[one]], ["seed 0", "seed 1"])[0][0] for one in pair]
    notes = " ".join(compare_table(compared(*alone), alone, Rules()).notes)
    assert "collapsed" not in notes, "the only seed there is cannot be left out"
    both = leave_out([pair], ["seed 2"])[0]
    assert all(len(one.records["toy/x"].outputs().outputs) == 2 for one in both)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["seed 9"], "no record has it"),
        (["c seed 1"], "no model 'c' here: a, b"),
        (["2"], "write 'seed 2'"),
        (["seed 0", "seed 1", "seed 2"], "has no seed but seed 0, seed 1, seed 2"),
    ],
)
def test_a_seed_that_cannot_be_left_out_is_said(words: list[str], sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        leave_out([[three_seeds("a"), three_seeds("b", 1)]], words)


def test_the_permutation_test_gives_its_own_p_and_the_same_difference() -> None:
    a, b = rows("toy/x", 0.75, model=1), rows("toy/x", 0.8, model=2)
    pair = [operand("a", record("a", a)), operand("b", record("b", b))]
    one = compare_groups([pair], {"toy/x": "mcc"}, Rules(), How("permutation"))[0]
    usual = compare_groups([pair], {"toy/x": "mcc"}, Rules())[0]
    assert one.p == swap_p(b, a, "mcc", TestSet(TARGET, Dependence(), "rows of toy/x"))
    assert one.difference == usual.difference
    assert one.p == pytest.approx(usual.p, abs=0.03)
    seeds = [three_seeds("a"), three_seeds("b", 1)]
    (left,) = compare_groups([seeds], {"toy/x": "mcc"}, Rules(), How("permutation"))
    assert (left.p, left.p_holm, left.verdict) == (None, None, "undecided")
    assert left.difference is not None
    assert left.difference.note == "no exchange test for several seeds"


def test_stepping_down_is_never_less_sure_than_holm_by_much_and_keeps_the_order() -> None:
    def of(name: str, number: int) -> Operand:
        said = [rows(f"toy/{t}", 0.7 + 0.015 * number, model=number, start=9 * i) for i, t in enumerate("xyz")]
        return operand(name, *(record(name, one) for one in said))

    group = [of(name, number) for number, name in enumerate("abcd")]
    tasks = dict.fromkeys(("toy/x", "toy/y", "toy/z"), "accuracy")
    usual, stepped = (compare_groups([group], tasks, Rules(), How(adjust=how)) for how in ("holm", "step-down"))  # type: ignore[arg-type]
    for one, other in zip(usual, stepped, strict=True):
        assert one.p is not None
        assert one.p_holm is not None
        assert other.p_holm is not None
        assert one.p - 1e-3 <= other.p_holm <= one.p_holm + 0.02
    table = compare_table(stepped, group, Rules(), How(adjust="step-down"))
    assert "p (step-down)" in table.head
    assert all(row["p_holm"] is None for row in table.data)


def test_a_full_record_stands_before_a_partial_one_and_both_before_a_failure(tmp_path: Path) -> None:
    said = rows("toy/x", 0.7)
    saved(tmp_path, record("b", said))
    for name, statuses in (("a", ("partial", "ok", "failed")), ("c", ("failed", "partial"))):
        for number, status in enumerate(statuses):
            numbers = None if status == "failed" else said
            saved(tmp_path, record(name, numbers, "toy/x", status=status), f"{number:07x}")
    found = operands(["a", "b", "c"], tmp_path)
    assert [one.records["toy/x"].status for one in found] == ["ok", "ok", "partial"]


def test_the_summary_gives_mean_rank_and_win_rate_of_the_tasks_that_all_have() -> None:
    def of(name: str, correct: float, tasks: str) -> Operand:
        said = [rows(f"toy/{t}", correct, model=len(name) + ord(t), start=1000 * ord(t)) for t in tasks]
        return operand(name, *(record(name, one) for one in said))

    group = [of("a", 0.6, "xyz"), of("bb", 0.75, "xyz"), of("ccc", 0.9, "xy")]
    table = compare_table(compared(*group), group, Rules())
    (summary,) = table.below
    assert summary.title == "toy: 2/3 tasks that all models have"
    assert [row[0] for row in summary.rows] == ["a", "bb", "ccc"]
    found = {row["model"]: row for row in summary.data}
    assert [found[m]["mean_rank"] for m in ("a", "bb", "ccc")] == pytest.approx([3, 2, 1])
    assert [found[m]["win_rate"] for m in ("a", "bb", "ccc")] == pytest.approx([0, 0.5, 1])
    assert [found[m]["beaten_by_none"] for m in ("a", "bb", "ccc")] == [False, False, True]
    assert found["ccc"]["value"] == pytest.approx(compared(*group)[-1].scores[1])
    assert [(found[m]["place_first"], found[m]["place_last"]) for m in ("a", "bb", "ccc")] == [(3, 3), (2, 2), (1, 1)]
    assert [row[-1] for row in summary.rows] == ["3", "2", "1 (beaten by none)"]
    (unsure,) = compare_table(compared(*group), group, Rules(alpha=1e-9)).below
    assert {(row["place_first"], row["place_last"]) for row in unsure.data} == {(1, 3)}
    near = [of("a", 0.7, "xy"), of("bb", 0.72, "xy")]
    wide, narrow = (compare_table(compared(*near), near, Rules(alpha=a)).below[0].data[0] for a in (0.001, 0.4))
    for name in ("mean_rank", "win_rate"):
        assert wide[f"{name}_high"] - wide[f"{name}_low"] > narrow[f"{name}_high"] - narrow[f"{name}_low"]
    for row in summary.data:
        for name in ("", "mean_rank_", "win_rate_"):
            middle = row[name.rstrip("_") or "value"]
            assert row[f"{name}low"] <= middle <= row[f"{name}high"]


def command(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = run_words(["compare", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_command_takes_all_of_it(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = command(capsys, "git:HEAD~1:results", "results", "--format", "csv", "--level", "0.9")
    assert (code, err) == (0, "")
    table = list(csv.DictReader(io.StringIO(out)))
    assert [row["model"] for row in table] == ["gc (results)", "kmer (results)"]
    wide = json.loads(command(capsys, "gc", "kmer", "--json")[1])[0]
    narrow = json.loads(command(capsys, "gc", "kmer", "--json", "--level", "0.8")[1])[0]
    assert narrow["high"] - narrow["low"] < wide["high"] - wide["low"]
    assert command(capsys, "gc", "kmer", "--test", "permutation", "--adjust", "step-down")[0] == 0
    for words, sentence in (
        (("--level", "0.9", "--alpha", "0.1"), "one thing"),
        (("--test", "permutations"), "Did you mean 'permutation'"),
        (("--adjust", "none"), "none of holm, step-down"),
        (("--leave-out", "seed 0"), "has no seed but seed 0"),
    ):
        code, out, err = command(capsys, "gc", "kmer", *words)
        assert (code, out) == (2, "")
        assert sentence in err
        assert err.count("\n") == 1


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_the_tex_table_compiles(tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = command(capsys, "git:HEAD~1:results", "results", "--format", "tex")[1]
    text = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n" + body + "\\end{document}\n"
    (tmp_path / "t.tex").write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode("latin-1")[-2000:]


def test_what_a_model_did_in_other_suites_does_not_stop_a_comparison(tmp_path: Path) -> None:
    for name in ("kmer", "cnn"):
        saved(tmp_path, record(name, rows("toy/x", 0.7, model=len(name))))
    for config in ("1234567", "7654321"):
        saved(tmp_path, record("cnn", rows("other/y", 0.8, model=3)), config=config)
    with pytest.raises(RequestError, match=r"cnn has 2 records of other/y: .* or other tasks with --task"):
        operands(["kmer", "cnn"], tmp_path)
    for asked in ({"suites": ["toy"]}, {"tasks": ["toy/*"]}):
        (group,) = matched(["kmer", "cnn"], tmp_path, **asked)
        assert [list(one.records) for one in group] == [["toy/x"], ["toy/x"]]
    with pytest.raises(RequestError, match=r"no record of the suite 'nope'\. There are: other, toy"):
        matched(["kmer", "cnn"], tmp_path, suites=["nope"])


def test_a_model_without_a_record_of_the_suite_is_a_hole_even_where_its_others_are_several(tmp_path: Path) -> None:
    saved(tmp_path, record("kmer", rows("toy/x", 0.7)))
    for config in ("1234567", "7654321"):
        saved(tmp_path, record("cnn", rows("other/y", 0.8, model=3)), config=config)
    (group,) = matched(["kmer", "cnn"], tmp_path, suites=["toy"])
    (one,) = compare_groups([group], {"toy/x": "accuracy"}, Rules())
    assert one.reason == "cnn not run"


def test_a_strangers_file_meets_rows_and_labels_of_a_rival_where_the_data_are_not_here(
    tree: Path, tmp_path: Path
) -> None:
    said, order = rows("toy/x", 0.9, model=9), np.random.default_rng(0).permutation(600)
    usual = compared(*operands(["gc", "kmer"], Path("results")))[0]
    sheet, arrays = tmp_path / "mine.csv", tmp_path / "theirs.npz"
    lines = [f"{said.keys[i]},{said.outputs[0, i, 0]},{said.outputs[0, i, 1]}" for i in order]
    sheet.write_text("\n".join(["key,probability_0,probability_1", *lines]) + "\n")
    np.savez(arrays, outputs=said.outputs[:, order], keys=said.keys[order])
    for file in (sheet, arrays):
        one = compared(*operands(["gc", str(file)], Path("results")))[0]
        assert (one.scores, one.difference and one.difference.value) == (
            usual.scores, usual.difference and usual.difference.value
        )  # fmt: skip
    sheet.write_text("\n".join(["key,probability_0,probability_1", *lines[1:]]) + "\n")
    with pytest.raises(DataError, match="599 rows for 600, 1 of ours missing"):
        operands(["gc", str(sheet)], Path("results"))


def test_no_p_value_is_zero(tmp_path: Path) -> None:
    saved(tmp_path, record("bad", rows("toy/x", 0.1, model=1)))
    saved(tmp_path, record("good", rows("toy/x", 1.0, model=2)))
    one = compared(*operands(["bad", "good"], tmp_path))[0]
    assert one.p is not None
    assert 0 < one.p < 1e-20
    assert told(0.0) > 0
