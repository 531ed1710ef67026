"""What many tests need: an empty cache, and a small suite of a user's own."""

import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

# Before numpy and torch start threads: those of two workers on two cores wait for each other, for most of the time.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import numpy as np
import pytest

# What fails once fails again, and nothing fails because a machine is slow. HYPOTHESIS_PROFILE=default draws anew.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

# The folder tests/coverage stands on the path and would pass for the package `coverage`, which numba asks for.
if getattr(importlib.util.find_spec("coverage"), "origin", None) is None:
    sys.modules.setdefault("coverage", None)  # type: ignore[arg-type]

SuiteWriter = Callable[..., Path]


def pytest_configure(config: pytest.Config) -> None:
    """No test, no fixture of a module and no line at a file's top sees this machine's data folder or cache."""
    empty = tempfile.TemporaryDirectory(prefix="dnabench-", ignore_cleanup_errors=True)
    config.add_cleanup(empty.cleanup)
    os.environ.pop("DNABENCH_DATA", None)
    os.environ["DNABENCH_CACHE"] = str(Path(empty.name, "cache"))


@pytest.fixture
def one_thread() -> Iterator[None]:
    """torch adds in one order."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def without_gradients() -> Iterator[None]:
    """torch keeps nothing for a backward pass."""
    with pytest.importorskip("torch").inference_mode():
        yield


@pytest.fixture
def write_suite(tmp_path: Path) -> SuiteWriter:
    """Write a suite folder with tasks of two classes that a motif tells apart; returns the folder."""
    return partial(_suite, tmp_path)


@pytest.fixture(scope="module")
def write_shared_suite(tmp_path_factory: pytest.TempPathFactory) -> SuiteWriter:
    """The same in a folder that all tests of a file share."""
    return partial(_suite, tmp_path_factory.mktemp("shared"))


def _suite(
    root: Path, tasks: tuple[str, ...] = ("a", "b"), *, extra: str = "", leaks: int = 0, name: str = "mine"
) -> Path:
    folder = root / name
    folder.mkdir(exist_ok=True)
    lines = [f"suite: {name}", "title: A small suite", "defaults:", "  classes: [plain, motif]", "  metric: mcc"]
    lines += ["  metrics: [accuracy, auroc]", *(f"  {line}" for line in extra.splitlines()), "tasks:"]
    for number, task in enumerate(tasks):
        lines += [
            f"  {task}:",
            f"    title: task {task}",
            "    source:",
            "      kind: files",
            "      embedded: true",
        ]
        lines += ["      files:"]
        previous: list[str] = []
        for split, rows in (("train", 120), ("dev", 40), ("test", 60)):
            seqs, labels = motif_rows(rows, seed=10 * number + len(split))
            if split == "test" and leaks:
                seqs = [*previous[:leaks], *seqs[leaks:]]
            previous = previous or seqs
            text = "".join(f"{s},{y}\n" for s, y in zip(seqs, labels, strict=True))
            (folder / f"{task}_{split}.csv").write_text("sequence,label\n" + text, encoding="utf-8")
            lines.append(f"        {split}: {{path: {task}_{split}.csv}}")
    (folder / "suite.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def motif_rows(rows: int, seed: int) -> tuple[list[str], list[int]]:
    """Random 40-mers, every second one with TATAAA in nine of ten cases."""
    rng = np.random.default_rng(seed)
    seqs, labels = [], []
    for i in range(rows):
        letters = "".join(rng.choice(list("ACGT"), 40))
        if (i % 2) != (rng.random() < 0.1):
            letters = letters[:10] + "TATAAA" + letters[16:]
        seqs.append(letters)
        labels.append(i % 2)
    return seqs, labels
