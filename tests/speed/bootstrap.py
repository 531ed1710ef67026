"""The bootstrap against a scikit-learn loop and against scipy.stats.bootstrap, in CPU seconds of one run.

    python tests/speed/bootstrap.py

20 models, 10,048 resamples, sorting included. Peers are timed on a slice and scaled: both are linear in models and
resamples. scipy resamples row numbers, and its statistic scores all models on them at once. Every side is the best
of several tries in this process, so a busy machine hurts all alike. The bars hold for the compiled route; the numpy
route is shown beside it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from sklearn import metrics as sk

from dnabench.harness.stats.bootstrap import Backend, bootstrap, compiles
from dnabench.harness.stats.panel import Panel
from dnabench.harness.stats.weights import independent
from dnabench.harness.types import Target

MODELS, RESAMPLES = 20, 10_048
Array = Any


@dataclass(frozen=True)
class Job:
    """Metrics computed together, their peers, and how many times faster than each to be."""

    name: str
    metrics: tuple[str, ...]
    loop: Callable[[Array, Array], object]
    """Truth and score of one resample of one model, by scikit-learn or scipy."""
    vectorised: Callable[[Array, Array], Array]
    """Truth (resamples, n) and scores (models, resamples, n), along the last axis."""
    bars: dict[int, tuple[float, float]]
    """Rows → (times faster than the loop, than scipy)."""


def labels_loop(y: Array, s: Array) -> object:
    p = s > 0
    return sk.matthews_corrcoef(y, p), sk.f1_score(y, p, average="macro"), sk.accuracy_score(y, p)


def labels_vectorised(y: Array, p: Array) -> Array:
    n = y.shape[-1]
    tp, true, called = (1.0 * (v).sum(-1) for v in (y & p, y, p))
    mcc = (tp * n - true * called) / np.sqrt(true * (n - true) * called * (n - called))
    tn = n - true - called + tp
    f1 = tp / (true + called) + tn / (2 * n - true - called)
    return np.stack([np.broadcast_to(mcc, f1.shape), f1, (tp + tn) / n])


def auroc_vectorised(y: Array, s: Array) -> Array:
    found = 1.0 * y.sum(-1)
    ranked = (stats.rankdata(s, axis=-1) * y).sum(-1)
    return (ranked - found * (found + 1) / 2) / (found * (y.shape[-1] - found))


def auprc_vectorised(y: Array, s: Array) -> Array:
    """Precision at the last row of each score, as resampling makes ties."""
    order = np.argsort(-s, axis=-1)
    s, y = (np.take_along_axis(v, order, axis=-1) for v in (s, np.broadcast_to(y, s.shape)))
    found = np.cumsum(y, axis=-1, dtype=float)
    last = np.ones(s.shape, bool)
    last[..., :-1] = s[..., 1:] != s[..., :-1]
    until = np.maximum.accumulate(np.where(last, found, 0), axis=-1)
    step = found - np.concatenate([np.zeros((*s.shape[:-1], 1)), until[..., :-1]], axis=-1)
    precision = found / np.arange(1, s.shape[-1] + 1)
    return np.where(last, step * precision, 0).sum(-1) / found[..., -1]


def spearman_vectorised(y: Array, s: Array) -> Array:
    a, b = (stats.rankdata(v, axis=-1) for v in (y, s))
    a, b = (v - v.mean(-1, keepdims=True) for v in (a, b))
    return (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))


JOBS = (
    Job(
        "MCC + F1 + accuracy",
        ("mcc", "f1_macro", "accuracy"),
        labels_loop,
        labels_vectorised,
        {613: (10_000, 15), 7_000: (2_000, 20)},
    ),
    Job("AUROC", ("auroc",), sk.roc_auc_score, auroc_vectorised, {613: (5_000, 250), 7_000: (1_000, 300)}),
    Job("AUPRC", ("auprc",), sk.average_precision_score, auprc_vectorised, {613: (2_000, 100), 7_000: (400, 120)}),
    Job("Spearman", ("spearman",), stats.spearmanr, spearman_vectorised, {613: (500, 150), 7_000: (200, 120)}),
)


def cpu_seconds(work: Callable[[], object], tries: int) -> float:
    """Least CPU seconds of some tries."""
    times = []
    for _ in range(tries):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def draw(job: Job, n: int) -> tuple[Panel, Array, Array]:
    """Simulated models on one test set; truth (n,) and scores (models, n) for the peers."""
    rng = np.random.default_rng(n)
    y: Array = rng.integers(0, 2, n) == 1
    s = rng.normal(size=(MODELS, n)) + 2.0 * (y - 0.5)
    if job.name == "Spearman":
        truth = s[0] + rng.normal(size=n)
        return Panel(truth, tuple(s[..., None]), ("value",) * MODELS, Target("value")), truth, s
    p = 1 / (1 + np.exp(-s))
    outputs = tuple(np.stack([1 - p, p], -1))
    return Panel(y.astype(np.int64), outputs, ("probability",) * MODELS, Target("class", ("0", "1"))), y, s


def scipys(job: Job, y: Array, s: Array, resamples: int) -> object:
    values = s > 0 if job.vectorised is labels_vectorised else s

    def statistic(rows: Array, axis: int = -1) -> Array:
        return job.vectorised(y[rows], values[:, rows])

    options: dict[str, Any] = {"vectorized": True, "method": "percentile", "batch": resamples}
    return stats.bootstrap((np.arange(len(y)),), statistic, n_resamples=resamples, rng=0, **options)


def ours(panel: Panel, job: Job, backend: Backend, resamples: int = RESAMPLES) -> Callable[[], object]:
    draws = independent("speed", len(panel.truth))
    return lambda: bootstrap(panel, job.metrics, draws, resamples, backend)


def first_calls() -> float:
    """CPU seconds until every kernel has run once: import of numba, then compiling or loading from its cache."""
    start = time.process_time()
    for job in JOBS:
        ours(draw(job, 64)[0], job, "numba", 64)()
    return time.process_time() - start


def cold_first_calls() -> str:
    """The same in a fresh process with an empty cache."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--first-calls"]
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def measure(job: Job, n: int, tries: int) -> bool:
    """Print one line; False where the compiled route misses a bar."""
    panel, y, s = draw(job, n)
    calls, resamples = 40, 400 if n < 1000 else 40
    loop = cpu_seconds(lambda: [job.loop(y, s[0]) for _ in range(calls)], tries) * MODELS * RESAMPLES / calls
    scipy = cpu_seconds(lambda: scipys(job, y, s, resamples), tries) * RESAMPLES / resamples
    numpy = cpu_seconds(ours(panel, job, "numpy", 1_280), 2) * RESAMPLES / 1_280
    bars = job.bars[n]
    line = f"{job.name:20} {n:6,} {loop:9.1f} {scipy:9.1f} | {numpy:7.2f} {loop / numpy:7,.0f} {scipy / numpy:5,.0f}"
    if not compiles():
        print(f"{line} | numba is not installed")
        return True
    fast = cpu_seconds(ours(panel, job, "numba"), tries + 2)
    met = loop / fast >= bars[0] and scipy / fast >= bars[1]
    print(
        f"{line} | {fast:7.4f} {loop / fast:7,.0f} {scipy / fast:5,.0f} | {bars[0]:6,.0f} {bars[1]:4,.0f}"
        f" {'met' if met else 'MISSED'}",
        flush=True,
    )
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tries", type=int, default=3, help="tries of which the best counts")
    parser.add_argument("--first-calls", action="store_true", help="only print the seconds of the first calls")
    options = parser.parse_args()
    if options.first_calls:
        print(f"{first_calls():.1f}")
        return 0
    warnings.simplefilter("ignore")
    if compiles():
        cold = cold_first_calls()
        print(f"first calls of the compiled kernels: {cold} CPU s without a cache, {first_calls():.1f} now")
    print(f"CPU seconds for {MODELS} models, {RESAMPLES:,} resamples; × = times faster than the peer")
    print(
        f"{'':20} {'rows':>6} {'sklearn':>9} {'scipy':>9} | {'numpy':>7} {'×skl':>7} {'×sci':>5}"
        f" | {'numba':>7} {'×skl':>7} {'×sci':>5} | {'bars':>6}"
    )
    met = [measure(job, n, options.tries) for job in JOBS for n in job.bars]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
