"""A run that is killed in the middle, twice, ends with the bytes of an undisturbed one."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dnabench.harness.run.record_json import VOLATILE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is not known there")

MODEL = '''
import os, time
from pathlib import Path
import numpy as np
from dnabench.harness.types import ModelInfo

class Slow:
    """Learns how often A stands where, with a little noise of the seed; stops for ever when it is told to."""

    info = ModelInfo("slow", "slow", 1)
    capabilities = frozenset({"fit"})
    chosen = {}

    def fit(self, train, dev, seed=0):
        log = Path(os.environ["LOG"])
        with log.open("a") as file:
            file.write(f"fit {seed}\\n")
        if os.environ.get("STOP_AT") == str(len(log.read_text().splitlines())):
            Path(os.environ["STOPPED"]).touch()
            time.sleep(600)
        self.noise = np.random.default_rng(seed)
        self.mean = np.mean([s.count("T") for s in train.sequences])
        return self

    def predict(self, inputs):
        score = np.array([s.count("T") for s in inputs.sequences]) - self.mean + self.noise.normal(size=len(inputs))
        p = 1 / (1 + np.exp(-score))
        return np.stack([1 - p, p], 1)
'''

RUN = """
import sys
from dataclasses import replace
from pathlib import Path
from dnabench.harness import protocols, registry
from dnabench.harness.data.load import DataOptions
from dnabench.harness.run.plan import Request, make_plan
from dnabench.harness.run.run import RunOptions, run_plan

# `fit` with seeds, so that cells have replicates without torch.
protocols.PROTOCOLS["fit"] = replace(protocols.PROTOCOLS["fit"], uses_seed=True)
model, suite, out = sys.argv[1:]
request = Request((registry.find_model(model),), registry.find_tasks([suite]), seeds=(0, 1, 2))
data = DataOptions(offline=True)
for outcome in run_plan(make_plan(request, Path(out), data), RunOptions(data, "test")):
    assert outcome.record.status == "ok", outcome.record.error
"""

Started = Callable[[str, int | None], "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kill")


@pytest.fixture(scope="module")
def start(place: Path, write_shared_suite: Callable[..., Path]) -> Started:
    """Start the run into a results folder; it stops for ever at its n-th fit, counted over all its lives."""
    (place / "slow.py").write_text(MODEL, encoding="utf-8")
    suite = write_shared_suite(("a", "b", "c"))

    def started(out: str, stop_at: int | None) -> "subprocess.Popen[str]":
        stop = {"STOP_AT": str(stop_at or 0), "STOPPED": str(place / f"stopped-{stop_at}")}
        environment = {**os.environ, **stop, "LOG": str(place / f"{out}.log"), "OMP_NUM_THREADS": "1"}
        words = [sys.executable, "-c", RUN, f"{place / 'slow.py'}:Slow", str(suite), str(place / out)]
        return subprocess.Popen(words, env=environment, cwd=place, text=True, stderr=subprocess.PIPE)

    return started


@pytest.fixture(scope="module")
def whole(place: Path, start: Started) -> dict[str, bytes]:
    """What an undisturbed run leaves."""
    undisturbed = start("whole", None)
    assert undisturbed.wait(120) == 0, undisturbed.communicate()[1]
    return contents(place / "whole")


def kill_when(file: Path, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 120
    while not file.exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "the run never came so far"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def contents(root: Path) -> dict[str, bytes]:
    """Every file of a results folder, records without cost and provenance."""
    found = {}
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        data = path.read_bytes()
        if path.suffix == ".json":
            record = {k: v for k, v in json.loads(data).items() if k not in VOLATILE}
            data = json.dumps(record, indent=1).encode()
        found[str(path.relative_to(root))] = data
    return found


def test_a_killed_run_resumes_to_the_same_bytes(place: Path, start: Started, whole: dict[str, bytes]) -> None:
    # Fits in order: a0 a1 a2 b0 b1 b2 c0 c1 c2. The first kill falls into b1, the second into c0.
    first = start("killed", 5)
    kill_when(place / "stopped-5", first)
    half = contents(place / "killed")
    seeds = {Path(k).stem: len(json.loads(v)["replicates"]) for k, v in half.items() if k.endswith(".json")}
    assert seeds == {"a": 3, "b": 1}, "a kill loses at most the replicate that was running"

    second = start("killed", 8)
    kill_when(place / "stopped-8", second)
    third = start("killed", None)
    assert third.wait(120) == 0, third.communicate()[1]
    killed = contents(place / "killed")
    assert killed.keys() == whole.keys()
    assert [name for name in whole if killed[name] != whole[name]] == []
    assert len(whole) == 6

    fits = (place / "killed.log").read_text(encoding="utf-8").splitlines()
    assert len(fits) == 9 + 2, "only the two replicates that were running were computed twice"


def test_a_kill_while_files_are_written_resumes_to_the_same_bytes(
    place: Path, start: Started, whole: dict[str, bytes]
) -> None:
    """Kill as soon as the first staged predictions are seen, wherever the commit then stands."""
    process = start("torn", None)
    deadline = time.monotonic() + 120
    while not list((place / "torn").rglob(".*.tmp")) and process.poll() is None:
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGKILL)
    process.communicate()
    again = start("torn", None)
    assert again.wait(120) == 0, again.communicate()[1]
    assert contents(place / "torn") == whole
