"""A table for a paper compiles whatever stands in it, and bold is what nobody beats."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnabench.harness.report.latex import escaped, tex_table
from dnabench.harness.report.render import Table, render

NASTY = r"""a_b & 50% $x$ #1 {y} ~ ^ \end{table} \input{x} < > | " ` -- --- [3mm] * é ü ł ± ≥ ² 基 🧬 „x“ — … µ"""

needs_pdflatex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")


def compiles(text: str, folder: Path) -> str:
    document = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n" + text + "\\end{document}\n"
    (folder / "t.tex").write_text(document, encoding="utf-8")
    words = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "t.tex"]
    done = subprocess.run(words, cwd=folder, capture_output=True, timeout=120, check=False)
    log = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, log[-2000:]
    return log


@needs_pdflatex
def test_every_character_compiles(tmp_path: Path) -> None:
    rows = tuple((word, NASTY) for word in (NASTY, "[1]", "*", "", "  indented"))
    table = Table(NASTY, (NASTY, "b"), rows, (NASTY, "[2] second"), (), frozenset({(0, 1), (1, 0)}))
    log = compiles(render(table, "tex") + tex_table(table), tmp_path)
    assert "Missing character" not in log


@needs_pdflatex
def test_the_report_compiles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from dnabench.harness.cli import run_words

    results = Path(__file__).resolve().parents[1] / "results"
    assert run_words(["report", str(results), "-t", "human_tf_0", "-m", "gc,kmer", "--format", "tex"]) == 0
    text = capsys.readouterr().out
    assert r"\textbf{0.643" in text
    assert text.count(r"\begin{table}") == 2, "scores, and published scores below"
    compiles(text, tmp_path)


@given(st.text())
def test_no_text_leaves_a_command_or_a_bare_special(text: str) -> None:
    found = escaped(text)
    for bare in "&%#_":
        assert found.count(bare) == found.count("\\" + bare)
    assert found.isascii()


def test_stars_and_bold_stand_where_the_table_says() -> None:
    table = Table("", ("task", "a", "b"), (("t", "0.5", "0.6"),), (), (), frozenset({(0, 2)}))
    assert "| **0.6** |" in render(table, "md")
    assert render(table, "console").splitlines()[2].split() == ["t", "0.5", "0.6*"]
    assert r"0.5 & \textbf{0.6} \\" in render(table, "tex")
    assert "*" not in render(table, "csv") + render(table, "json")
