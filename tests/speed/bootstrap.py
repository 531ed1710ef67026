"""The bootstrap against a scikit-learn loop and against scipy.stats.bootstrap, in CPU seconds of one run.

    python tests/speed/bootstrap.py

20 models, 10,048 resamples, sorting included. Peers are timed on a slice (one model, few resamples) and scaled:
both are linear in models and resamples. Every side is the best of several tries in this process, so a busy machine
hurts all alike. The bars hold for the compiled route; the numpy route is shown beside it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

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
    """Metrics computed together, their peers for one model, and how many times faster to be than each."""

    name: str
    metrics: tuple[str, ...]
    loop: Callable[[Array, Array, Array], object]
    """Truth, score, label of one resample, by scikit-learn or scipy."""
    vectorised: Callable[[Array, Array, Array, int], object]
    """The same arrays resampled along axis -1 by scipy.stats.bootstrap."""
    bars: dict[int, tuple[float, float]]
    """Rows → (times faster than the loop, than scipy)."""


def labels_loop(truth: Array, score: Array, label: Array) -> object:
    return (
        sk.matthews_corrcoef(truth, label),
        sk.f1_score(truth, label, average="macro"),
        sk.accuracy_score(truth, label),
    )


def labels_vectorised(y: Array, s: Array, p: Array, axis: int = -1) -> Array:
    tp, fp = (y * p).sum(axis), ((1 - y) * p).sum(axis)
    fn, tn = (y * (1 - p)).sum(axis), ((1 - y) * (1 - p)).sum(axis)
    with np.errstate(all="ignore"):
        mcc = (tp * tn - fp * fn) / np.sqrt(1.0 * (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
        f1 = tp / (2 * tp + fp + fn) + tn / (2 * tn + fp + fn)
    return np.stack([mcc, f1, (tp + tn) / y.shape[axis]])


def auroc_vectorised(y: Array, s: Array, p: Array, axis: int = -1) -> Array:
    positives = y.sum(axis)
    ranks = stats.rankdata(s, axis=axis)
    rest = y.shape[axis] - positives
    return ((ranks * y).sum(axis) - positives * (positives + 1) / 2) / (positives * rest)


def auprc_vectorised(y: Array, s: Array, p: Array, axis: int = -1) -> Array:
    """Without ties, to the peer's advantage."""
    found = np.take_along_axis(y, np.argsort(-s, axis=axis), axis=axis)
    precision = np.cumsum(found, axis=axis) / np.arange(1, y.shape[axis] + 1)
    return (precision * found).sum(axis) / found.sum(axis)


def spearman_vectorised(y: Array, s: Array, p: Array, axis: int = -1) -> Array:
    a, b = (stats.rankdata(v, axis=axis) for v in (y, s))
    a, b = (v - v.mean(axis, keepdims=True) for v in (a, b))
    return (a * b).sum(axis) / np.sqrt((a * a).sum(axis) * (b * b).sum(axis))


def scipys(statistic: Callable[..., Array]) -> Callable[[Array, Array, Array, int], object]:
    def run(y: Array, s: Array, p: Array, resamples: int) -> object:
        options: dict[str, Any] = {"paired": True, "vectorized": True, "method": "percentile", "batch": 200}
        return stats.bootstrap((y, s, p), statistic, n_resamples=resamples, **options)

    return run


JOBS = (
    Job(
        "MCC + F1 + accuracy",
        ("mcc", "f1_macro", "accuracy"),
        labels_loop,
        scipys(labels_vectorised),
        {613: (10_000, 15), 7_000: (2_000, 20)},
    ),
    Job(
        "AUROC",
        ("auroc",),
        lambda y, s, p: sk.roc_auc_score(y, s),
        scipys(auroc_vectorised),
        {613: (5_000, 250), 7_000: (1_000, 300)},
    ),
    Job(
        "AUPRC",
        ("auprc",),
        lambda y, s, p: sk.average_precision_score(y, s),
        scipys(auprc_vectorised),
        {613: (2_000, 100), 7_000: (400, 120)},
    ),
    Job(
        "Spearman",
        ("spearman",),
        lambda y, s, p: stats.spearmanr(y, s),
        scipys(spearman_vectorised),
        {613: (500, 150), 7_000: (200, 120)},
    ),
)


def cpu_seconds(work: Callable[[], object], tries: int) -> float:
    """Least CPU seconds of some tries."""
    times = []
    for _ in range(tries):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def draw(job: Job, n: int) -> tuple[Panel, Array, Array, Array]:
    """Simulated models on one test set, and the arrays of the first of them for the peers."""
    rng = np.random.default_rng(n)
    y: Array = rng.integers(0, 2, n)
    s = rng.normal(size=(MODELS, n)) + 2.0 * (y - 0.5)
    if job.name == "Spearman":
        truth = s[0] + rng.normal(size=n)
        return Panel(truth, tuple(s[..., None]), ("value",) * MODELS, Target("value")), truth, s[0], y
    p = 1 / (1 + np.exp(-s))
    outputs = tuple(np.stack([1 - p, p], -1))
    panel = Panel(y, outputs, ("probability",) * MODELS, Target("class", ("0", "1")))
    return panel, y, s[0], (s[0] > 0).astype(np.int64)


def ours(panel: Panel, job: Job, backend: Backend, resamples: int = RESAMPLES) -> Callable[[], object]:
    draws = independent("speed", len(panel.truth))
    return lambda: bootstrap(panel, job.metrics, draws, resamples, backend)


def compile_seconds() -> float:
    """CPU seconds until every kernel has run once: import of numba, compiling or loading from its cache."""
    start = time.process_time()
    for job in JOBS:
        ours(draw(job, 64)[0], job, "numba", 64)()
    return time.process_time() - start


def measure(job: Job, n: int, tries: int) -> bool:
    """Print one line; False where the compiled route misses a bar."""
    panel, y, s, p = draw(job, n)
    slice_of_loop, slice_of_scipy = 40, 400 if n < 1000 else 200
    scale = MODELS * RESAMPLES
    loop = cpu_seconds(lambda: [job.loop(y, s, p) for _ in range(slice_of_loop)], tries) * scale / slice_of_loop
    scipy = cpu_seconds(lambda: job.vectorised(y, s, p, slice_of_scipy), tries) * scale / slice_of_scipy
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
    tries = parser.parse_args().tries
    warnings.simplefilter("ignore")
    if compiles():
        print(f"compile or load from cache: {compile_seconds():.1f} CPU s (cold caches: delete __pycache__/*.nbi)")
    print(f"CPU seconds for {MODELS} models, {RESAMPLES:,} resamples; × = times faster than the peer")
    print(
        f"{'':20} {'rows':>6} {'sklearn':>9} {'scipy':>9} | {'numpy':>7} {'×skl':>7} {'×sci':>5}"
        f" | {'numba':>7} {'×skl':>7} {'×sci':>5} | {'bars':>6}"
    )
    met = [measure(job, n, tries) for job in JOBS for n in job.bars]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
