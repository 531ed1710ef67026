"""A training that is killed goes on where it was and ends with the same bytes; a broken checkpoint is a warning."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'dnabench[torch]'")

from dnabench.harness.engine.checkpoint import Checkpoint, place  # noqa: E402
from dnabench.harness.protocols.finetune import CONFIG, finetune  # noqa: E402
from dnabench.harness.protocols.fit import TrainRows  # noqa: E402
from dnabench.harness.types import Inputs, Split, Target  # noqa: E402

QUICK = {
    **CONFIG, "metric": "mcc", "epochs": 3, "batch_size": 8, "warmup_steps": 2, "device": "cpu", "both_strands": True,
    "evaluate_every": 5, "learning_rate": 0.05,
}  # fmt: skip

SCRIPT = """
import os, signal, sys
from test_checkpoint import Model, rows, QUICK, TEST
from dnabench.harness.protocols import course, finetune as protocol
from dnabench.harness.engine import checkpoint, training

def killed_at(owner, name, call):
    # The process is gone in the middle of its n-th call, whatever else the machine does.
    real, calls = getattr(owner, name), iter(range(1, 10**6))
    def counted(*given):
        if next(calls) == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given)
    setattr(owner, name, counted)

phase = sys.argv[1]
if phase == "a step":
    killed_at(training.Learner, "step", 18)
elif phase == "writing":
    killed_at(checkpoint.os, "replace", 18)
else:
    killed_at(course.Course, "raw", 1)
protocol.finetune(Model(), rows(), TEST, QUICK, 3)
"""


class Small(torch.nn.Module):
    """Base counts, dropout, batch norm and two layers: draws, buffers and momentum all matter."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(4, 16), torch.nn.BatchNorm1d(16), torch.nn.Dropout(0.3), torch.nn.Linear(16, outputs)
        )

    def forward(self, shares: Any) -> Any:
        return self.layers(shares)


class Model:
    """A model of a user: `module` and `collate` are all that is asked."""

    def module(self, outputs: int, length: int) -> Any:
        return Small(outputs)

    def collate(self, sequences: Any) -> dict[str, Any]:
        return {"shares": torch.tensor([[s.count(base) / len(s) for base in "ACGT"] for s in sequences])}


def split(name: str, n: int, seed: int) -> Split:
    draw = np.random.default_rng(seed)
    sequences = ["".join(row) for row in draw.choice(list("ACGT"), (n, 30))]
    labels = np.array([s.count("G") + s.count("A") > 15 for s in sequences], np.int64)
    return Split(name, Inputs(sequences), labels, Target("class", ("0", "1")))


def rows() -> TrainRows:
    return TrainRows(split("train", 100, 1), split("dev", 40, 2))


TEST = split("test", 30, 3).inputs


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DNABENCH_CACHE", str(tmp_path))
    return tmp_path / "training"


def interrupted(cache: Path, monkeypatch: pytest.MonkeyPatch, at: int, **settings: Any) -> None:
    """A training that ends with an error at a step, its checkpoint written after the step before."""
    from dnabench.harness.engine import training

    monkeypatch.setenv("DNABENCH_CHECKPOINT_SECONDS", "0")
    real, steps = training.Learner.step, iter(range(10**6))

    def failing(self: Any, *args: Any) -> Any:
        if next(steps) == at:
            raise KeyboardInterrupt
        return real(self, *args)

    monkeypatch.setattr(training.Learner, "step", failing)
    with pytest.raises(KeyboardInterrupt):
        finetune(Model(), rows(), TEST, {**QUICK, **settings}, 3)
    monkeypatch.setattr(training.Learner, "step", real)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is not known there")
@pytest.mark.parametrize(
    ("phase", "written", "unread"), [("a step", 17, 168), ("writing", 17, 168), ("the test rows", 39, 0)]
)
def test_a_killed_training_resumes_to_the_same_bytes(phase: str, written: int, unread: int, cache: Path) -> None:
    whole = finetune(Model(), rows(), TEST, QUICK, 3)
    environment = {**os.environ, "DNABENCH_CHECKPOINT_SECONDS": "0", "PYTHONPATH": str(Path(__file__).parent)}
    assert subprocess.run([sys.executable, "-c", SCRIPT, phase], env=environment, check=False).returncode == -9
    (left,) = cache.glob("*.safetensors")
    assert json.loads(header(left)["dnabench"])["state"]["position"][0] == written
    assert len(list(cache.glob("*.part"))) == (phase == "writing")
    taken: list[int] = []
    resumed = finetune(counted(taken), rows(), TEST, QUICK, 3)
    assert resumed.outputs.tobytes() == whole.outputs.tobytes()
    assert resumed.chosen == whole.chosen
    assert sum(taken) == unread, "rows of the first steps were not read again"
    assert not list(cache.iterdir()), "what the killed process left is swept"


def counted(taken: list[int]) -> Any:
    class Counting(Model):
        def collate(self, sequences: Any) -> dict[str, Any]:
            taken.append(len(sequences) if len(sequences) <= 8 else 0)
            return super().collate(sequences)

    return Counting()


def header(path: Path) -> Any:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return file.metadata()


@pytest.mark.parametrize("at", [1, 13, 14, 26, 38])
def test_it_does_not_matter_where_a_training_was_interrupted(
    at: int, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = finetune(Model(), rows(), TEST, QUICK, 3)
    interrupted(cache, monkeypatch, at)
    assert len(list(cache.glob("*.safetensors"))) == 1
    resumed = finetune(Model(), rows(), TEST, QUICK, 3)
    assert resumed.outputs.tobytes() == whole.outputs.tobytes()
    assert resumed.chosen == whole.chosen


def test_another_training_does_not_find_the_checkpoint(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted(cache, monkeypatch, 20)
    monkeypatch.setenv("DNABENCH_CHECKPOINT_SECONDS", "off")
    for settings, seed in (({}, 4), ({"learning_rate": 0.04}, 3), ({"metric": "auroc"}, 3)):
        config = {**QUICK, **settings}
        found = finetune(Model(), rows(), TEST, config, seed)
        monkeypatch.setenv("DNABENCH_CACHE", str(cache / "empty"))
        assert found.outputs.tobytes() == finetune(Model(), rows(), TEST, config, seed).outputs.tobytes()
        monkeypatch.setenv("DNABENCH_CACHE", str(cache.parent))


def test_whatever_its_numbers_depend_on_makes_a_training_another_one(cache: Path) -> None:
    from dataclasses import replace

    from dnabench.harness.engine.recipe import Recipe
    from dnabench.harness.engine.targets import objective_of
    from dnabench.harness.protocols.course import Course
    from dnabench.harness.protocols.finetune import _exam
    from dnabench.harness.types import ModelInfo

    class Pooled(Model):
        """The seed plays no part in its first weights."""

        def __init__(self, pooling: str, start: float) -> None:
            self.info, self.start = ModelInfo("small", "small", 1, options={"pooling": pooling}), start

        def module(self, outputs: int, length: int) -> Any:
            made = super().module(outputs, length)
            for tensor in made.parameters():
                torch.nn.init.constant_(tensor, self.start)
            return made

    def name(train: Split, dev: Split, *, pooling: str = "cls", start: float = 0.1, seed: int = 3) -> str:
        objective = objective_of(dev.target, train.labels)
        course = Course(Pooled(pooling, start), train, TEST, objective, _exam(dev, objective, QUICK), seed)
        course.train(Recipe(max_steps=1, device="cpu"))
        return course.checkpoints[0].path.name

    def paired(rows: Split, shift: int) -> Split:
        return replace(rows, inputs=Inputs(rows.sequences, [*rows.sequences[shift:], *rows.sequences[:shift]]))

    train, dev = rows().train, rows().dev
    known = [name(train, dev), name(train, dev, pooling="mean"), name(train, dev, start=0.2), name(train, dev, seed=4)]
    for split_ in (train, dev):
        changed = (replace(split_, labels=1 - split_.labels), replace(split_, inputs=Inputs(split_.sequences[::-1])))
        known += [name(*((one, dev) if split_ is train else (train, one))) for one in changed]
    known += [name(paired(train, a), paired(dev, b)) for a, b in ((1, 1), (2, 1), (1, 2))]
    assert name(train, dev) == known[0]
    assert len({*known}) == len(known) == 11


def test_a_training_that_diverges_leaves_nothing_behind(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dnabench.harness.engine.training import DivergedError

    monkeypatch.setenv("DNABENCH_CHECKPOINT_SECONDS", "0")
    for search in ({}, {"search": {"learning_rate": [1e38, 1e37]}}):
        with pytest.raises(DivergedError):
            finetune(Model(), rows(), TEST, {**QUICK, "learning_rate": 1e38, "clip": 0.0, **search}, 3)
        assert not list(cache.iterdir())


@pytest.mark.parametrize("fault", ["cut", "flipped", "empty", "foreign"])
def test_a_broken_checkpoint_is_a_warning_and_a_fresh_start(
    fault: str, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = finetune(Model(), rows(), TEST, QUICK, 3)
    interrupted(cache, monkeypatch, 20)
    (path,) = cache.glob("*.safetensors")
    content = bytearray(path.read_bytes())
    if fault == "flipped":
        content[-5] ^= 1
    path.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "foreign": b"PK\3\4" * 99}.get(fault, content))
    again = finetune(Model(), rows(), TEST, QUICK, 3)
    assert again.outputs.tobytes() == whole.outputs.tobytes()
    assert "is of no use" in capsys.readouterr().err


def test_a_search_that_is_interrupted_does_not_repeat_its_finished_runs(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = {"search": {"learning_rate": [0.01, 0.05, 0.1]}}
    whole = finetune(Model(), rows(), TEST, {**QUICK, **search}, 3)
    interrupted(cache, monkeypatch, 39 + 5, **search)
    assert len(list(cache.glob("*.safetensors"))) == 2, "the first run at its end, the second at its fifth step"
    taken: list[int] = []
    resumed = finetune(counted(taken), rows(), TEST, {**QUICK, **search}, 3)
    assert resumed.outputs.tobytes() == whole.outputs.tobytes()
    assert resumed.chosen == whole.chosen
    assert sum(taken) < 100 * 3 * 2
    assert not list(cache.iterdir())


def test_a_folder_that_cannot_be_written_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors import SafetensorError

    (tmp_path / "file").write_text("", encoding="utf-8")
    Checkpoint(tmp_path / "file" / "x.safetensors").save({"a": torch.zeros(1)}, {})
    assert "could not be written" in capsys.readouterr().err

    def full(*given: Any) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    with monkeypatch.context() as patched:
        patched.setattr("safetensors.torch.save_file", full)
        Checkpoint(tmp_path / "x.safetensors").save({"a": torch.zeros(1)}, {})
    assert "No space left on device (os error 28)): training goes on without it" in capsys.readouterr().err
    monkeypatch.setenv("DNABENCH_CHECKPOINT_SECONDS", "often")
    assert place(tmp_path, [b""]) is None
    assert "must be a number of seconds or off" in capsys.readouterr().err


def test_a_checkpoint_is_due_after_its_seconds(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "x.safetensors", 1000.0, last=time.monotonic() - 1001)
    assert not Checkpoint(tmp_path / "x", 1000.0).due()
    assert checkpoint.due()
    checkpoint.save({"a": torch.arange(3.0)}, {"b": [1, 0.1]})
    assert not checkpoint.due()
    found = checkpoint.load()
    assert found is not None
    assert found[0]["a"].tolist() == [0.0, 1.0, 2.0]
    assert found[1] == {"b": [1, 0.1]}
    checkpoint.remove()
    assert checkpoint.load() is None


def test_a_checkpoint_of_another_version_or_of_other_parts_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint, other = (place(tmp_path, parts) for parts in ([b"ab", b"c"], [b"a", b"bc"]))
    assert checkpoint is not None
    assert other is not None
    assert checkpoint.path != other.path
    checkpoint.save({"a": torch.ones(1)}, {})
    monkeypatch.setattr("dnabench.harness.engine.checkpoint.SCHEMA", 99)
    assert checkpoint.load() is None
    assert "schema 1, not 99" in capsys.readouterr().err
