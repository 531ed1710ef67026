"""A small results tree for the tests of the leaderboard: models on tasks, with known standings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dnabench.harness.metrics import evaluate
from dnabench.harness.run import npz
from dnabench.harness.run.record_json import dumps
from dnabench.harness.types import Predictions, RunRecord, Score, Status, Target

TARGET = Target("class", ("no", "yes"))
METRICS = ("mcc", "accuracy")
"""Cheap to resample; kernels have tests of their own."""
ROWS = 240


def write_cell(  # noqa: PLR0913 - every fact of a cell by its name
    root: Path,
    task: str,
    model: str,
    strength: float = 1.0,
    *,
    seeds: Sequence[int] = (0,),
    collapsed: Sequence[int] = (),
    rows: int = ROWS,
    protocol: str = "probe",
    weights: str = "sha256:1",
    data: str = "",
    parts: Mapping[str, Any] | None = None,
) -> Path:
    """One `ok` cell: binormal predictions whose accuracy grows with `strength`; equal tasks have equal truth."""
    rng = np.random.default_rng(_number(task))
    truth = rng.integers(0, 2, rows)
    noise = np.random.default_rng(_number(f"{task} {model}")).normal(size=(len(seeds), rows))
    score = noise + strength * (2 * truth - 1)
    chance = (1 / (1 + np.exp(-score))).astype(np.float32)
    for seed in collapsed:
        chance[list(seeds).index(seed)] = 0.25
    outputs = np.stack([1 - chance, chance], -1)
    names = tuple(f"seed {seed}" for seed in seeds)
    keys = rng.permutation(rows).astype(np.uint64) + np.uint64(_number(task) % 2**40)
    predictions = Predictions(task, "probability", keys, truth, outputs, names)
    raw = npz.to_bytes(predictions)
    facts = {
        "scores": _scores(truth, outputs),
        "replicates": tuple(
            {"name": f"seed {s}", "seed": s, "chosen": {"collapsed": s in collapsed, "epoch": s + 3}} for s in seeds
        ),
        "predictions": hashlib.sha256(raw).hexdigest(),
        **(parts or {}),
    }
    path = write_record(root, task, model, "ok", protocol=protocol, weights=weights, data=data, rows=rows, parts=facts)
    path.with_suffix(".npz").write_bytes(raw)
    return path


def write_record(  # noqa: PLR0913 - every fact of a cell by its name
    root: Path,
    task: str,
    model: str,
    status: Status,
    *,
    protocol: str = "probe",
    weights: str = "sha256:1",
    data: str = "",
    rows: int = ROWS,
    parts: Mapping[str, Any] | None = None,
) -> Path:
    """One record; without `parts` it is a hole with its reason."""
    facts: dict[str, Any] = {
        "key": {"data": {"test": data or hashlib.sha256(task.encode()).hexdigest()}},
        "model": {
            "name": model, "id": f"{_number(model):07x}"[:7], "weights": weights, "options": {}, "adapter": "some",
            "parameters": 117_000_000, "context_tokens": 512, "pretraining": ["hg38"],
        },
        "task": task_facts(task, rows),
        "protocol": {"name": protocol, "recipe": "default", "id": "abcdef0", "config": {"metric": "mcc"}},
        "checks": {"bases_seen": 1.0, "duplicates": {"test_rows_in_train": 0}},
        "cost": {"seconds": 12.5, "bases_per_second": 1e6, "peak_memory_mb": 300.0},
        "provenance": {"commit": "0123456789abcdef", "dnabench": "0.1.0", "packages": {"numpy": "2.4"}},
        **(parts or {"error": "boom"}),
    }  # fmt: skip
    suite, _, name = task.partition("/")
    folder = (
        root / "runs" / suite / f"{model.replace('/', '--')}@{facts['model']['id']}" / f"{protocol}.default@abcdef0"
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(dumps(RunRecord(status, **facts)), encoding="utf-8")
    return path


def task_facts(task: str, rows: int = ROWS) -> dict[str, Any]:
    """`task` of a record."""
    return {
        "name": task, "version": 1, "title": f"title of {task}", "inputs": "sequence", "metric": "mcc",
        "metrics": list(METRICS), "target": {"kind": "class", "classes": list(TARGET.classes)},
        "rows": {"train": 10 * rows, "test": rows}, "dependence": {}, "split_rule": {"kind": "fixed"},
    }  # fmt: skip


def _scores(truth: Any, outputs: Any) -> dict[str, Score]:
    found = {}
    for metric in METRICS:
        each = [evaluate(metric, truth, o.astype(np.float64), "probability", TARGET).value for o in outputs]
        known = tuple(value for value in each if value is not None)
        mean = float(np.mean(known))
        found[metric] = Score(metric, mean, mean - 0.05, mean + 0.05, known, "simulated")
    return found


def _number(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16)
