"""Models and suites of other people: a class in a file, another installed package, and packages that are broken."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Writer = Callable[..., Path]
MODEL = '''"""A package of somebody else."""
import numpy as np
from dnabench.harness.types import ModelInfo


class Bases:
    """Counts of the four bases."""

    info = ModelInfo("bases", "bases", 1)
    capabilities = frozenset({"embed"})

    def embed(self, sequences):
        return np.array([[s.count(b) for b in "ACGT"] for s in sequences], float)
'''
ENTRY_POINTS = """[dnabench.models]
bases = other_bases.model:Bases
torn = other_bases.torn:Torn
gone = not_there.model:Model
kmer = other_bases.model:Bases

[dnabench.suites]
other = other_bases.suite
lost = not_there.suite
"""
RUN = """
import json, sys
import dnabench
record = dnabench.run(sys.argv[1], sys.argv[2], out=sys.argv[3])
print(json.dumps({"status": record.status, "model": dict(record.model), "mcc": record.scores["mcc"].value}))
"""


@pytest.fixture
def site(tmp_path: Path, write_suite: Writer) -> Path:
    """A folder of installed packages with one distribution, as pip leaves it."""
    root = tmp_path / "site"
    package = root / "other_bases"
    (root / "other_bases-1.0.dist-info").mkdir(parents=True)
    (root / "other_bases-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: other-bases\nVersion: 1.0\n", encoding="utf-8"
    )
    (root / "other_bases-1.0.dist-info" / "entry_points.txt").write_text(ENTRY_POINTS, encoding="utf-8")
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "model.py").write_text(MODEL, encoding="utf-8")
    (package / "torn.py").write_text("class Torn(:\n", encoding="utf-8")
    write_suite(("a",), name="other").rename(package / "suite")
    (package / "suite" / "__init__.py").write_text("raise RuntimeError('never imported')", encoding="utf-8")
    return root


def python(site: Path | None, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if site:
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, env=environment, timeout=120, check=False
    )


def test_a_model_of_another_package_runs_on_a_suite_of_another_package(site: Path, tmp_path: Path) -> None:
    done = python(site, "-c", RUN, "bases", "other/a", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["status"], found["model"]["adapter"]) == ("ok", "bases")
    assert list((tmp_path / "out" / "runs" / "other").glob("bases@*/probe.default@*/a.json"))


def test_a_model_of_a_file_runs(site: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MODEL, encoding="utf-8")
    done = python(site, "-c", RUN, f"{tmp_path / 'mine.py'}:Bases", "other/a", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"]["options"]["source"].startswith("sha256:")


def test_broken_plugins_are_warning_lines_and_never_a_crash(site: Path) -> None:
    code = (
        "from dnabench.harness import registry as r\n"
        "print(r.models()['bases']); print(r.find_model('kmer').info.adapter)\n"
        "names = [s.name for s in r.usable_suites()]\n"
        "print([n for n in ('gue', 'lost', 'other', 'yeast') if n in names])"
    )
    done = python(site, "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["Counts of the four bases.", "kmer", "['gue', 'other', 'yeast']"]
    lines = done.stderr.splitlines()
    assert all(line.startswith("dnabench: warning: ") for line in lines), done.stderr
    for said in ("other_bases.torn:Torn cannot be read", "not_there", "also calls itself 'kmer'", "'lost'"):
        assert any(said in line for line in lines), said


@pytest.mark.parametrize("name", ["torn", "gone"])
def test_asking_for_a_broken_model_is_one_sentence(site: Path, name: str) -> None:
    code = f"from dnabench.harness import registry as r\ntry: r.find_model({name!r})\nexcept Exception as e: print(e)"
    done = python(site, "-c", code)
    assert "cannot be imported" in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_the_command_line_lists_and_runs_them(site: Path, tmp_path: Path) -> None:
    done = python(site, "-m", "dnabench", "list", "models", "--json")
    assert done.returncode == 0, done.stderr
    assert "bases" in done.stdout
    done = python(site, "-m", "dnabench", "run", "-m", "bases", "-s", "other", "-o", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "bases" in done.stdout
