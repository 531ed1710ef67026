"""A training that is killed goes on where it was and ends with the same bytes; a broken checkpoint is a warning."""

import json
import os
import signal
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
import sys, time
from test_checkpoint import Model, rows, QUICK, TEST
from dnabench.harness.protocols.finetune import finetune
from dnabench.harness.engine import training
real = training.Learner.step
def slow(self, *args):
    time.sleep(0.05)
    print("step", flush=True)
    return real(self, *args)
training.Learner.step = slow
finetune(Model(), rows(), TEST, QUICK, 3)
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


def test_a_killed_training_resumes_to_the_same_bytes(cache: Path) -> None:
    whole = finetune(Model(), rows(), TEST, QUICK, 3)
    environment = {**os.environ, "DNABENCH_CHECKPOINT_SECONDS": "0", "PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen([sys.executable, "-c", SCRIPT], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(18):
        assert process.stdout.readline() == "step\n"
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    (left,) = cache.glob("*.safetensors")
    assert json.loads(header(left)["dnabench"])["state"]["position"][0] >= 16
    taken: list[int] = []
    resumed = finetune(counted(taken), rows(), TEST, QUICK, 3)
    assert resumed.outputs.tobytes() == whole.outputs.tobytes()
    assert resumed.chosen == whole.chosen
    assert sum(taken) < 100 * 3, "rows of the first steps were not read again"
    assert not list(cache.iterdir())


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
    for settings, seed in (({}, 4), ({"learning_rate": 0.04}, 3)):
        config = {**QUICK, **settings}
        found = finetune(Model(), rows(), TEST, config, seed)
        monkeypatch.setenv("DNABENCH_CACHE", str(cache / "empty"))
        assert found.outputs.tobytes() == finetune(Model(), rows(), TEST, config, seed).outputs.tobytes()
        monkeypatch.setenv("DNABENCH_CACHE", str(cache.parent))


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
    (tmp_path / "file").write_text("", encoding="utf-8")
    Checkpoint(tmp_path / "file" / "x.safetensors").save({"a": torch.zeros(1)}, {})
    assert "could not be written" in capsys.readouterr().err
    monkeypatch.setenv("DNABENCH_CHECKPOINT_SECONDS", "often")
    assert place(tmp_path, [b""]) is None
    assert "must be a number of seconds or off" in capsys.readouterr().err


def test_a_checkpoint_is_due_after_its_seconds(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "x.safetensors", 0.05)
    assert not Checkpoint(tmp_path / "x", 1000.0).due()
    time.sleep(0.06)
    assert checkpoint.due()
    checkpoint.save({"a": torch.arange(3.0)}, {"b": [1, 0.1]})
    found = checkpoint.load()
    assert found is not None
    assert found[0]["a"].tolist() == [0.0, 1.0, 2.0]
    assert found[1] == {"b": [1, 0.1]}
    checkpoint.remove()
    assert checkpoint.load() is None
