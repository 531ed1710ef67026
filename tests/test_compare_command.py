"""`dnabench compare`: what its operands may be, its formats on a real run, and its refusals."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from compare_records import operands, record, rows, saved

from dnabench.harness.cli import run_words
from dnabench.harness.errors import RequestError


def test_a_name_that_stands_for_two_models_or_runs_is_refused_and_its_parts_are_taken(tmp_path: Path) -> None:
    said = rows("toy/x", 0.7)
    paths = [
        saved(tmp_path, record("kmer", said, model={"name": "kmer", "id": i, "options": {"k": i}})) for i in ("1", "2")
    ]
    saved(tmp_path, record("gc", rows("toy/x", 0.6, model=3)))
    with pytest.raises(RequestError, match="kmer stands for 2 models: name one of kmer@1, kmer@2"):
        operands(["kmer", "gc"], tmp_path)
    found = operands(["kmer@1", str(paths[1].parent), "gc"], tmp_path)
    assert [one.label for one in found] == ["kmer@1", "kmer@2", "gc@0000002"]
    with pytest.raises(RequestError, match=r"kmer@1 and .* are the same run"):
        operands(["kmer@1", str(paths[0].parent)], tmp_path)
    with pytest.raises(RequestError, match=r"no record of a model 'kmre'\. Did you mean 'kmer'"):
        operands(["kmre", "gc"], tmp_path)
    saved(tmp_path, record("gc", said), config="7654321")
    with pytest.raises(RequestError, match="gc has 2 records of toy/x: name one run folder"):
        operands(["gc", "kmer@1"], tmp_path)


def command(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = run_words(["compare", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_table_of_holes_alone_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved(tmp_path, record("kmer", rows("toy/x", 0.7)))
    saved(tmp_path, record("gc", rows("toy/y", 0.6)))
    code, table, _ = command(capsys, "kmer", "gc", "-r", str(tmp_path), "--format", "md")
    assert (code, table.count("not run")) == (1, 2)
    saved(tmp_path, record("gc", rows("toy/x", 0.6, model=3)))
    assert command(capsys, "kmer", "gc", "-r", str(tmp_path), "--format", "md")[0] == 0


@pytest.fixture(scope="module")
def real_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """gc, kmer and length on a user's own file: class 0 is rich in GC, so that gc wins; the results folder."""
    folder, rng, lines = tmp_path_factory.mktemp("real"), np.random.default_rng(0), ["sequence,label,split"]
    for i in range(600):
        at = 0.3 if i % 2 else 0.2
        split = ("train", "dev", "test")[i // 200]
        lines.append(f"{''.join(rng.choice(list('ACGT'), 80, p=[at, 0.5 - at, 0.5 - at, at]))},{i % 2},{split}")
    (folder / "rich.csv").write_text("\n".join(lines) + "\n")
    results = folder / "results"
    assert run_words(["run", "-m", "gc,kmer,length", "-t", str(folder / "rich.csv"), "-o", str(results)]) == 0
    return results


def test_the_command_compares_a_real_run_in_every_format(real_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    where = ("--suite", "local", "--results", str(real_run))
    code, text, err = command(capsys, "gc", "kmer", "length", *where, "--format", "json")
    assert (code, err) == (0, "")
    data = json.loads(text)
    assert [one["model"] for one in data] == ["kmer", "length"]
    assert data[0]["difference"] == pytest.approx(data[0]["value"] - data[0]["reference_value"])
    assert data[1]["verdict"] == "worse"
    assert command(capsys, "gc", "kmer", "length", *where, "--format", "json")[1] == text
    table = list(csv.DictReader(io.StringIO(command(capsys, "gc", "kmer", *where, "--format", "csv")[1])))
    assert float(table[0]["p_holm"]) == pytest.approx(float(table[0]["p"]))
    assert r"\toprule" in command(capsys, "gc", "kmer", *where, "--format", "tex")[1]
    for face in ("md", "console"):
        assert "local/rich" in command(capsys, "gc", "kmer", *where, "--format", face)[1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["gc"], "at least two"),
        (["gc", "nobody"], "no record of a model 'nobody'"),
        (["gc", "kmer", "--suite", "gue"], "no record of the suite 'gue'"),
        (["gc", "kmer", "--task", "rihc"], "none of 2 records"),
        (["gc", "kmer", "--task", "rich,tf_0"], "no task 'tf_0' among these records"),
        (["gc", "kmer", "--metric", "mc"], "Did you mean 'mcc'"),
        (["gc", "kmer", "--margin", "0"], "the margin above 0"),
        (["gc", "kmer", "--alpha", "0.7"], "alpha lies between 0 and 0.5"),
        (["gc", "kmer", "--protocol", "fit"], "kmer has no record under the protocol 'fit'"),
        (["gc", "kmer", "--results", "nowhere"], "There are no records"),
    ],
)
def test_a_wrong_request_is_one_sentence_and_exit_2(
    real_run: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    capsys.readouterr()
    code, out, err = command(capsys, "--results", str(real_run), *words)
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1
