"""The whole `leaderboard` command on 46 tasks, 20 models and 5 metrics: wall seconds and peak memory of one run.

    python tests/speed/leaderboard.py

Simulated records and predictions with the test sizes of GUE and of the nucleotide-transformer tasks are written to a
temporary folder. The compiled kernels are loaded once before, on one small task, and that time is printed too.
"""

from __future__ import annotations

import hashlib
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from dnabench.harness.metrics import evaluate
from dnabench.harness.run import npz
from dnabench.harness.run.record_json import dumps
from dnabench.harness.types import Predictions, RunRecord, Score, Target

MODELS, METRICS = 20, ("mcc", "accuracy", "f1_macro", "auroc", "auprc")
GUE = (
    1497, 3305, 3488, 3168, 3069, 3679, 2884, 2872, 1461, 3411, 1000, 1000, 1000, 1000, 1000, 810, 6745, 328, 239,
    1883, 5920, 5307, 613, 5920, 5307, 613, 4562, 9168,
)  # fmt: skip
TOTAL = 281_283
BAR_SECONDS, BAR_MEGABYTES = 25.0, 200.0
TARGET = Target("class", ("no", "yes"))


def sizes() -> dict[str, list[int]]:
    """Test rows of every task: 28 as in GUE, and 18 that make up the rest."""
    rest, count = TOTAL - sum(GUE), 18
    return {"gue_like": list(GUE), "nt_like": [rest // count + (i < rest % count) for i in range(count)]}


def write_tree(root: Path, tasks: dict[str, list[int]], models: int = MODELS) -> None:
    """Records and predictions of binormal models, better from model to model."""
    for suite, rows in tasks.items():
        for number, n in enumerate(rows):
            rng = np.random.default_rng([n, number])
            truth = rng.integers(0, 2, n)
            ease = rng.normal(size=n)
            for model in range(models):
                score = 0.6 * ease + 0.8 * rng.normal(size=n) + (0.8 + 0.06 * model) * (2 * truth - 1)
                _write_cell(root, (suite, f"task_{number:02}", f"model_{model:02}"), truth, score)


def _write_cell(root: Path, names: tuple[str, str, str], truth: Any, score: Any) -> None:
    suite, task, model = names
    chance = (1 / (1 + np.exp(-score))).astype(np.float32)
    # No two tasks share rows.
    start = int(hashlib.sha256(f"{suite}/{task}".encode()).hexdigest()[:8], 16) << 32
    keys = np.arange(len(truth), dtype=np.uint64) + np.uint64(start)
    outputs = np.stack([1 - chance, chance], -1)[None]
    predictions = Predictions(f"{suite}/{task}", "probability", keys, truth, outputs, ("seed 0",))
    data = npz.to_bytes(predictions)
    values = {m: evaluate(m, truth, outputs[0].astype(np.float64), "probability", TARGET).value for m in METRICS}
    scores = {m: Score(m, v, v - 0.02, v + 0.02, (v,), "simulated") for m, v in values.items() if v is not None}
    folder = root / "runs" / suite / f"{model}@1234567" / "probe.default@1234567"
    folder.mkdir(parents=True, exist_ok=True)
    record = _record(names, len(truth), scores, hashlib.sha256(data).hexdigest())
    (folder / f"{task}.json").write_text(dumps(record), encoding="utf-8")
    (folder / f"{task}.npz").write_bytes(data)


def _record(names: tuple[str, str, str], n: int, scores: dict[str, Score], digest: str) -> RunRecord:
    suite, task, model = names
    return RunRecord(
        "ok",
        {"data": {"test": hashlib.sha256(f"{suite}/{task}".encode()).hexdigest()}},
        {"name": model, "id": "1234567", "weights": "sha256:0", "options": {}, "parameters": 10_000_000},
        {
            "name": f"{suite}/{task}", "version": 1, "title": "simulated", "inputs": "sequence", "metric": "mcc",
            "metrics": list(METRICS), "target": {"kind": "class", "classes": list(TARGET.classes)},
            "rows": {"train": 10 * n, "dev": n, "test": n}, "dependence": {},
        },
        {"name": "probe", "recipe": "default", "id": "1234567", "config": {}},
        scores,
        ({"name": "seed 0", "seed": 0, "chosen": {}},),
        {"bases_seen": 1.0},
        {"seconds": 1.0 + n / 1000, "bases_per_second": 1e6, "peak_memory_mb": 300.0},
        predictions=digest,
    )  # fmt: skip


def timed(root: Path) -> tuple[float, float]:
    """Wall and CPU seconds of the command in a process of its own."""
    start, before = time.perf_counter(), children_seconds()
    command = [sys.executable, "-m", "dnabench", "leaderboard", str(root)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start, children_seconds() - before


def children_seconds() -> float:
    """CPU seconds of all processes started and ended so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def baseline_megabytes() -> float:
    """Peak memory of a process that only imports what the command imports."""
    names = ("leaderboard.write", "charts")
    imports = "; ".join(f"import dnabench.harness.report.{name}" for name in names)
    code = f"import resource, jinja2; {imports}; import dnabench.harness.stats.kernels_numba"
    code += "; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small"), Path(folder, "large")
        write_tree(small, {"warm": [6000]}, 12)
        print(f"one small task, kernels loaded or compiled: {timed(small)[0]:.1f} s")
        base = baseline_megabytes()
        write_tree(large, sizes())
        seconds, processor = timed(large)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        pages = sum(f.stat().st_size for f in (large / "leaderboard").iterdir()) / 2**20
    cells = sum(map(len, sizes().values())) * MODELS
    print(f"{cells} records, {TOTAL:,} test rows x {MODELS} models x {len(METRICS)} metrics, files of {pages:.0f} MiB")
    print(f"{seconds:.1f} s, bar {BAR_SECONDS:.0f} s: ratio {seconds / BAR_SECONDS:.2f}; {processor:.1f} CPU s")
    print(f"peak memory {peak:.0f} MiB, imports alone {base:.0f} MiB, bar {base + BAR_MEGABYTES:.0f} MiB")
    return 0 if seconds <= BAR_SECONDS and peak <= base + BAR_MEGABYTES else 1


if __name__ == "__main__":
    sys.exit(main())
