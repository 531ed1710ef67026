"""The command line starts at once because it imports nothing heavy: a look at sys.modules, not at a clock."""

import json
import subprocess
import sys

import pytest

HEAVY = ("numpy", "scipy", "pandas", "torch", "sklearn", "numba", "transformers", "huggingface_hub", "rich", "jinja2")


def modules_after(*words: str) -> set[str]:
    """Top-level modules that are loaded after a command line has run in a fresh process."""
    code = (
        "import sys, json, io, contextlib\n"
        "from dnabench.harness.cli import run_words\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        f"    code = run_words({list(words)!r})\n"
        "print(json.dumps([code, sorted({m.partition('.')[0] for m in sys.modules})]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    code_, modules = json.loads(done.stdout)
    assert code_ == 0, done.stderr
    return set(modules)


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["--version"]], ids=" ".join)
def test_help_imports_nothing_heavy_and_reads_no_task_file(words: list[str]) -> None:
    assert not modules_after(*words) & {*HEAVY, "yaml"}


@pytest.mark.parametrize("words", [["list", "tasks"], ["list", "suites"], ["list", "models"]], ids=" ".join)
def test_lists_are_made_without_arrays(words: list[str]) -> None:
    assert not modules_after(*words) & set(HEAVY)


def test_importing_dnabench_imports_no_torch_and_no_pandas() -> None:
    code = "import dnabench, sys; print([m for m in ('torch', 'pandas', 'numba') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
