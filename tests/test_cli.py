"""What a person types, and what comes back: on stdout, on stderr, and as an exit code."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dnabench.harness.cli import run_words
from dnabench.harness.cli.options import model_args, overrides, seeds, words
from dnabench.harness.cli.spellings import respell
from dnabench.harness.errors import RequestError, Unavailable

SUITE = """
suite: toy
title: A toy suite
defaults:
  version: 1
  target: class
  classes: [poor, rich]
  metric: mcc
  metrics: [accuracy]
  source: {embedded: true, kind: files}
tasks:
  gc:
    title: Rich in GC or poor
    source: {files: {train: {path: train.csv}, dev: {path: dev.csv}, test: {path: test.csv}}}
  gone:
    title: A task whose files are not here
    source: {files: {train: {path: no.csv}, dev: {path: no.csv}, test: {path: no.csv}}}
"""


def write_rows(path: Path, rows: int, seed: int) -> None:
    """Rows that GC content tells apart, mostly."""
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.arange(rows) % 2)
    share = np.where(labels, [[0.2], [0.3], [0.3], [0.2]], [[0.3], [0.2], [0.2], [0.3]]).T
    rows_ = ["".join(draw.choice(list("ACGT"), 60, p=p)) + f",{label}" for p, label in zip(share, labels, strict=True)]
    path.write_text("sequence,label\n" + "\n".join(rows_) + "\n")


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a suite of two tasks, one of which has its files; the working folder."""
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "suite.yaml").write_text(SUITE)
    for name, rows, seed in (("train", 200, 1), ("dev", 60, 2), ("test", 120, 3)):
        write_rows(tmp_path / "toy" / f"{name}.csv", rows, seed)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DNABENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


def dnabench(*words: str, **options) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, as people run it."""
    command = [sys.executable, "-m", "dnabench", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **options)


def test_a_run_prints_a_clean_table_and_nothing_else(toy: Path) -> None:
    done = dnabench("run", "-m", "gc,majority", "-s", "toy", "-t", "gc", cwd=toy)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [word.strip() for word in lines[0].split("|")[1:-1]] == [
        "Matthews correlation (MCC) [95% interval]",
        "gc",
        "majority",
    ]
    scores = r"^\| toy/gc +\| 0\.\d{3} \[0\.\d{3}, \d\.\d{3}\] +\| 0\.000 \[0\.000, 0\.000\] \(a\) +\|$"
    assert re.search(scores, done.stdout, re.M)
    assert [line[:9] for line in lines if line and not line.startswith("|")] == ["(a) 0 by "]


def test_the_same_line_again_computes_nothing_and_prints_the_same_bytes(toy: Path, capsys) -> None:
    line = ["run", "-m", "gc,kmer", "-s", "toy", "-t", "gc"]
    assert run_words(line) == 0
    first = capsys.readouterr().out
    stamps = {p: p.stat().st_mtime_ns for p in toy.rglob("results/**/*.json")}
    assert run_words([*line, "-v"]) == 0
    again = capsys.readouterr()
    assert again.out == first
    assert "2 cells: 2 as before" in again.err
    assert stamps == {p: p.stat().st_mtime_ns for p in toy.rglob("results/**/*.json")}


def test_data_that_are_not_here_are_a_hole_a_warning_and_exit_1(toy: Path, capsys) -> None:
    assert run_words(["run", "-m", "gc", "-s", "toy"]) == 1
    shown = capsys.readouterr()
    assert re.search(r"\| toy/gone +\| — \(a\)", shown.out)
    assert "no.csv is missing" in shown.out
    assert shown.err.count("\n") == 1
    assert shown.err.startswith("dnabench: 1 unavailable of 2 cells; gc on toy/gone")


def test_a_model_that_breaks_is_one_failed_cell_and_the_others_are_scored(toy: Path, capsys) -> None:
    Path("broken.py").write_text(
        "from dnabench.harness.types import ModelInfo\n"
        "class Broken:\n"
        "    '''Breaks.'''\n"
        "    capabilities = frozenset({'embed'})\n"
        "    info = ModelInfo('broken', 'broken', 1)\n"
        "    def embed(self, sequences):\n"
        "        print('chatter')\n"
        "        raise ZeroDivisionError('no reason')\n"
    )
    assert run_words(["run", "-m", "broken.py:Broken,gc", "-s", "toy", "-t", "gc"]) == 1
    shown = capsys.readouterr()
    assert "failed: ZeroDivisionError: no reason" in shown.out
    assert "chatter" in shown.err
    assert "chatter" not in shown.out
    assert re.search(r"0\.\d{3} \[", shown.out)


def test_where_no_model_fits_a_task_nothing_ran_which_is_said_and_is_no_failure(toy: Path, capsys) -> None:
    line = ["run", "-m", "gc,kmer", "-s", "toy", "-t", "gc", "-p"]
    assert run_words([*line, "zero_shot"]) == 0
    out, err = capsys.readouterr()
    why = "zero_shot needs a model that offers log_likelihood, which gc does not"
    assert f"not applicable: {why}" in out
    assert err == f"dnabench: nothing ran, no model here fits a task; gc on toy/gc: not applicable: {why}\n"
    assert not (toy / "results").exists()
    assert run_words([*line, "fit"]) == 0
    assert capsys.readouterr().err == "", "one that fits is enough"


def test_lm_evals_spelling_of_a_line_gives_the_same_table(toy: Path, capsys) -> None:
    run_words(["run", "-m", "kmer", "-s", "toy", "-t", "gc", "--model-args", "k=3"])
    own = capsys.readouterr().out
    theirs = ["--model", "kmer", "--model_args", "k=3", "--tasks", "toy/suite.yaml", "--output_path", "results"]
    assert run_words([*theirs, "--batch_size", "auto", "--seed", "0", "--log_samples", "--limit", "50"]) == 1
    assert "--log-samples changes nothing" in capsys.readouterr().err
    assert run_words(["--model", "kmer", "--model_args=k=3", "--suite", "toy", "--tasks", "gc"]) == 0
    assert capsys.readouterr().out == own


@pytest.mark.parametrize(
    "words",
    [
        ["run", "-m", "kmre", "-s", "yeast"],
        ["run", "-m", "kmer", "-s", "yaest"],
        ["run", "-m", "kmer", "-t", "yeast/codin"],
        ["run", "-m", "kmer", "-s", "yeast", "-p", "prob"],
        ["run", "-m", "kmer", "-s", "yeast", "--format", "jsn"],
        ["run", "-m", "kmer", "-s", "yeast", "--model-args", "kk=4"],
        ["run", "-m", "kmer", "-s", "yeast", "--devcie", "cpu"],
        ["runn", "-m", "kmer"],
        ["list", "taks"],
        ["show", "yeast/codin"],
    ],
    ids=" ".join,
)
def test_a_wrong_name_is_one_line_with_the_nearest_right_one_and_exit_2(words, toy: Path, capsys) -> None:
    assert run_words(words) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("dnabench: ")
    assert shown.err.count("\n") == 1
    assert re.search(r"Did you mean|Possible options", shown.err)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "-s", "yeast"], "which model"),
        (["run", "-m", "kmer"], "no task was named"),
        (["run", "-m", "kmer,gc", "-s", "yeast", "--as", "mine"], "--as mine names one model"),
        (["run", "-m", "kmer,gc", "-s", "yeast", "--model-args", "k=4"], "--model-args belong to one model"),
        (["run", "-m", "kmer", "-s", "yeast", "--seeds", "4-0"], "write seeds as 0-4"),
        (["run", "-m", "kmer", "-s", "yeast", "--limit", "0"], "--limit"),
        (["run", "-m", "kmer", "-s", "yeast", "--batch-size", "many"], "whole number"),
        (["run", "-m", "kmer", "-s", "yeast", "--recipe", "gue-official"], "gue-official"),
        (["report", "nowhere"], "nowhere is no folder"),
        (["check"], "check what?"),
        (["show", "gone.json"], "does not exist"),
        (["show", "kmer", "--format", "tex"], "cannot be printed as tex"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_request_that_makes_no_sense_says_what_would(words, says, toy: Path, capsys) -> None:
    assert run_words(words) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--num_fewshot", "--gen_kwargs", "--apply_chat_template", "--system-instruction"])
def test_what_means_nothing_for_dna_is_refused(option: str, capsys) -> None:
    assert run_words(["run", "--model", "kmer", option, "5", "--tasks", "yeast"]) == 2
    assert f"{option} is not a DNA option" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["True"], ["--tasks", "yeast"]], ids=str)
def test_trust_in_remote_code_must_name_what_it_trusts(words: list[str], capsys) -> None:
    assert run_words(["--model", "kmer", "--trust_remote_code", *words]) == 2
    assert "must name what it trusts" in capsys.readouterr().err


def test_trust_that_names_something_trusts_nothing_else(toy: Path, capsys) -> None:
    assert run_words(["-m", "gc", "-s", "toy", "-t", "gc", "--trust_remote_code", "org/name"]) == 0
    assert "org/name: no model asked for is this one, so nothing was trusted" in capsys.readouterr().err


def test_several_words_after_an_option_are_several_names() -> None:
    assert respell(["run", "-m", "a", "b", "-t", "x,y", "z"])[0] == ["run", "-m", "a,b", "-t", "x,y,z"]
    assert respell(["--include_path", "my_dir", "-m", "a"])[0] == ["run", "--include-path", "my_dir", "-m", "a"]
    assert respell(["show", "my_task"])[0] == ["show", "my_task"]
    assert respell(["validate", "--tasks", "gue"])[0] == ["check", "--task", "gue"]


def test_seeds_and_model_options_are_read_in_every_usual_spelling() -> None:
    assert seeds("0-4") == seeds("0,1,2,3,4") == seeds("0 1 2 3-4") == (0, 1, 2, 3, 4)
    assert model_args(["k=4,a=b"]) == model_args(["k=4 a=b"]) == model_args(["k=4", "a=b"]) == {"k": "4", "a": "b"}
    for text in ("x", "3-1", "-1", "1-2-3"):
        with pytest.raises(RequestError):
            seeds(text)


def test_many_names_are_no_file_name_and_odd_digits_no_seeds() -> None:
    assert seeds(",".join(map(str, range(100)))) == tuple(range(100))
    assert len(words([",".join(["kmer"] * 100)])) == 100
    for wrong in ("0-", "-3", "3-1", "²", "1.5", ""):
        with pytest.raises(RequestError, match="write seeds as"):
            seeds(wrong)
    for wrong in ("99999999999999999999", "0-99999999"):
        with pytest.raises(RequestError, match="at most 10,000 seeds, none above 4,294,967,295"):
            seeds(wrong)
    with pytest.raises(RequestError, match="whole number of at least 1"):
        overrides("²", "")


def test_a_model_without_a_network_runs_on_the_cpu_and_nowhere_else(toy: Path, capsys) -> None:
    assert run_words(["run", "-m", "kmer", "-s", "toy", "-t", "gc", "--device", "cpu"]) == 0
    assert run_words(["run", "-m", "kmer", "-s", "toy", "-t", "gc"]) == 0
    assert len(list(toy.glob("results/runs/*/*/*/*.json"))) == 1, "it is the same cell"
    assert run_words(["run", "-m", "kmer", "-s", "toy", "-t", "gc", "--device", "cuda"]) == 2
    assert "device is 'cuda', and nothing of this run has a network to put there: kmer" in capsys.readouterr().err


def test_what_a_model_s_libraries_write_does_not_get_into_the_table(toy: Path) -> None:
    lines = ["import os", "from dnabench.adapters.kmer import Kmer", "class Loud(Kmer):"]
    lines += ["    def embed(self, sequences):", "        os.write(1, b'raw')", "        os.system('echo child')"]
    lines += ["        return super().embed(sequences)"]
    (toy / "loud.py").write_text("\n".join(lines), encoding="utf-8")
    done = dnabench("run", "-m", "loud.py:Loud", "-s", "toy", "-t", "gc", "--json", cwd=toy)
    assert done.returncode == 0, done.stderr
    json.loads(done.stdout)
    assert "raw" in done.stderr
    assert "child" in done.stderr


def test_a_dry_run_prints_the_plan_and_writes_nothing(toy: Path, capsys) -> None:
    assert run_words(["run", "-m", "gc,kmer", "-s", "toy", "-t", "gc", "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [(cell["model"].split("@")[0], cell["state"]) for cell in plan] == [("gc", "to run"), ("kmer", "to run")]
    assert not Path("results").exists()


def test_a_limited_run_is_marked_partial(toy: Path, capsys) -> None:
    assert run_words(["run", "-m", "gc", "-s", "toy", "-t", "gc", "--limit", "40"]) == 0
    assert "partial: not all rows (--limit)" in capsys.readouterr().out


def test_json_and_csv_hold_the_numbers_of_the_table(toy: Path, capsys) -> None:
    line = ["run", "-m", "gc", "-s", "toy", "-t", "gc"]
    run_words([*line, "--json"])
    (cell,) = json.loads(capsys.readouterr().out)
    run_words([*line, "--format", "csv"])
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    run_words(line)
    assert f"{cell['value']:.3f} [{cell['low']:.3f}, {cell['high']:.3f}]" in capsys.readouterr().out
    assert (float(row["value"]), row["status"], row["task"]) == (cell["value"], "ok", "toy/gc")


def test_a_table_of_ones_own_is_a_task(toy: Path, capsys) -> None:
    write_rows(toy / "my data.csv", 240, 7)
    assert run_words(["run", "-m", "gc", "-t", "my data.csv"]) == 0
    assert re.search(r"local/my.data", capsys.readouterr().out)


def test_a_model_gets_the_name_and_the_options_that_are_given(toy: Path, capsys) -> None:
    line = ["run", "-s", "toy", "-t", "gc", "-m", "kmer"]
    assert run_words([*line, "--model-args", "k=2", "--as", "dimers"]) == 0
    assert run_words([*line, "--model-args", "k=3"]) == 0
    capsys.readouterr()
    assert run_words(["report", "results"]) == 0
    assert {"dimers", "kmer"} <= set(re.findall(r"\w+", capsys.readouterr().out.splitlines()[0]))


def test_a_suite_is_found_below_an_include_path(toy: Path, capsys) -> None:
    (toy / "mine").mkdir()
    (toy / "toy").rename(toy / "mine" / "toy")
    assert run_words(["run", "-m", "gc", "-s", "toy", "-t", "gc", "--include_path", "mine"]) == 0


def test_report_reads_only_records_and_chooses_by_name(toy: Path, capsys) -> None:
    run_words(["run", "-m", "majority,gc,kmer", "-s", "toy", "-t", "gc"])
    capsys.readouterr()
    assert run_words(["report", "-m", "kmer,gc", "-t", "gc"]) == 0
    head = capsys.readouterr().out.splitlines()[0]
    assert head.index("kmer") < head.index("| gc")
    assert "majority" not in head
    assert run_words(["report", "--metric", "accuracy", "--format", "tex"]) == 0
    assert "accuracy" in capsys.readouterr().out
    assert run_words(["report", "-m", "kmr"]) == 2
    assert "Did you mean 'kmer'" in capsys.readouterr().err


def test_a_record_that_cannot_be_read_is_a_warning_beside_the_table(toy: Path, capsys) -> None:
    assert run_words(["run", "-m", "gc", "-s", "toy", "-o", "out"]) in (0, 1)
    (toy / "out" / "runs" / "newer.json").write_text('{"schema": 99, "status": "ok"}', encoding="utf-8")
    capsys.readouterr()
    assert run_words(["report", "out"]) == 1
    table, warnings = capsys.readouterr()
    assert "toy/" in table
    assert "newer.json" in warnings
    assert "upgrade dnabench" in warnings


def test_lists_are_filtered_and_can_be_read_by_programs(toy: Path, capsys) -> None:
    assert run_words(["ls", "tasks", "yeast/*", "--json"]) == 0
    names = [task["task"] for task in json.loads(capsys.readouterr().out)]
    assert names
    assert all(name.startswith("yeast/") for name in names)
    for kind in ("suites", "models", "metrics", "runs"):
        assert run_words(["list", kind]) == 0
        assert capsys.readouterr().out


def test_a_task_that_cannot_be_run_here_has_what_to_do_below_the_list(toy: Path, capsys) -> None:
    assert run_words(["list", "tasks", "gue/"]) == 0
    assert "needs download: dnabench fetch TASK brings its files" in capsys.readouterr().out
    assert run_words(["list", "tasks", "yeast/"]) == 0
    assert "needs download" not in capsys.readouterr().out


def test_a_page_says_nothing_of_an_option_that_nobody_gave(toy: Path, capsys) -> None:
    assert run_words(["show", "gue/emp_H3"]) == 0
    shown = capsys.readouterr().out
    assert "the hub was not asked; get it with `dnabench fetch gue`" in " ".join(shown.split())
    assert "--offline" not in shown


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the hub was asked for; it has nothing."""
    names: list[str] = []

    def ask(what, *_):
        names.append(what.name)
        raise Unavailable(f"{what.name} could not be reached")

    monkeypatch.setattr("dnabench.harness.data.sources._from_hub", ask)
    monkeypatch.setattr("dnabench.harness.data.checkpoints._listed", ask)
    return names


WITH_HUB = (
    "run -m gc -t gue/mouse_0",
    "fetch gue/mouse_0",
    "submit p.csv -t gue/mouse_0 --as mine",
    "fetch org/none-1",
)


@pytest.mark.parametrize("line", WITH_HUB)
def test_offline_no_command_asks_the_hub(line: str, toy: Path, asked: list[str], capsys) -> None:
    (toy / "p.csv").write_text("score\n1\n")
    assert run_words(line.split()) > 0
    assert set(asked) == {"org/none-1" if "org" in line else "gue/mouse_0"}
    asked.clear()
    assert run_words([*line.split(), "--offline"]) > 0
    assert not asked


@pytest.mark.parametrize("line", ["data audit gue/mouse_0", "show gue/mouse_0", "list tasks gue/mouse"])
def test_what_only_looks_never_asks_the_hub(line: str, toy: Path, asked: list[str], capsys) -> None:
    run_words(line.split())
    assert not asked


def test_fetch_says_of_every_file_what_it_is(toy: Path, capsys) -> None:
    assert run_words(["fetch", "toy/suite.yaml", "--offline", "--json"]) == 1
    states = {(f["task"], f["state"]) for f in json.loads(capsys.readouterr().out)}
    assert states == {("toy/gc", "here"), ("toy/gone", "missing")}
    assert run_words(["fetch", "kmer"]) == 0
    assert "needs no files" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["", "run", "fetch", "list", "show", "report", "check"])
def test_the_first_line_of_help_can_be_run(command: str, capsys) -> None:
    assert run_words([command, "--help"] if command else ["--help"]) == 0
    first = capsys.readouterr().out.splitlines()[0].split("#")[0].split()
    assert first[:1] == ["dnabench"]
    assert first[1] == (command or "run")


def test_no_words_at_all_print_the_help(capsys) -> None:
    assert run_words([]) == 0
    assert "Commands:" in capsys.readouterr().out


def test_a_bug_of_ours_keeps_its_traceback(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dnabench.harness.run import plan

    monkeypatch.setattr(plan, "make_plan", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_words(["run", "-m", "gc", "-s", "toy"])


HEEDING = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from dnabench.harness.cli import main; main(sys.argv[1:])"
)
"""The command line, also where a shell started the tests in the background, deaf to interrupts."""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupted_run_ends_with_130_and_goes_on_from_there(toy: Path) -> None:
    Path("slow.py").write_text(
        "import time, pathlib\n"
        "from dnabench.harness.types import ModelInfo\n"
        "class Slow:\n"
        "    '''Slow.'''\n"
        "    capabilities = frozenset({'embed'})\n"
        "    info = ModelInfo('slow', 'slow', 1)\n"
        "    def embed(self, sequences):\n"
        "        pathlib.Path('started').touch()\n"
        "        time.sleep(60)\n"
    )
    words = [sys.executable, "-c", HEEDING, "run", "-m", "gc,slow.py:Slow", "-s", "toy", "-t", "gc"]
    process = subprocess.Popen(words, cwd=toy, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not Path("started").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip().startswith("dnabench: interrupted")
    assert len(list(toy.glob("results/runs/toy/gc@*/*/gc.json"))) == 1


def test_a_reader_that_closes_early_is_no_error() -> None:
    code = "from dnabench.harness.cli import main; main(['list', 'tasks'])"
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.wait(timeout=30)
