"""A statistic on thousands of resamples of the same rows, for several models at once."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.errors import RequestError, needs_extra
from dnabench.harness.metrics import METRICS
from dnabench.harness.stats.panel import Panel, confusion, moments, pr_steps, ranks, roc_steps
from dnabench.harness.stats.weights import LANES, Draws

Array = NDArray[Any]
Backend = Literal["auto", "numpy", "numba"]
Kernel = Callable[[Array], Mapping[str, Array]]
"""Weights of one block → (models, 64) of one or several metrics."""
Job = tuple[Panel, Sequence[str]]
"""Models of one test set, and the metrics wanted of them."""

COMPILED_FROM_SECONDS = 6.0
"""Work that keeps numpy busy for longer goes to numba, whose first call compiles for about 5 seconds."""


def bootstrap(
    panel: Panel, metrics: Sequence[str], draws: Draws, resamples: int, backend: Backend = "auto"
) -> dict[str, Array]:
    """Every metric on every resample, float64 (models, resamples) each; NaN where a resample has no answer.

    `resamples` is rounded up to whole blocks of 64. Metrics must have an answer on the whole test set.
    """
    return sweep([(panel, metrics)], draws, resamples, backend)[0]


def sweep(jobs: Sequence[Job], draws: Draws, resamples: int, backend: Backend = "auto") -> list[dict[str, Array]]:
    """`bootstrap` of several panels of the same rows in one pass: each block of weights is drawn once for all."""
    route = kernels(backend, sum(numpy_seconds(*job, draws, resamples) for job in jobs))
    work = [prepared(panel, metrics, route) for panel, metrics in jobs]
    count = -(-resamples // LANES)
    values = [{metric: np.empty((len(panel), count * LANES)) for metric in metrics} for panel, metrics in jobs]

    def fill(number: int) -> None:
        weights = route.block(draws, number)
        for into, statistics in zip(values, work, strict=True):
            for statistic in statistics:
                for metric, lanes in statistic(weights).items():
                    into[metric][:, number * LANES : (number + 1) * LANES] = lanes

    if route.THREADS == 1 or not any(work):
        for number in range(count if any(work) else 0):
            fill(number)
    else:
        with ThreadPoolExecutor(route.THREADS) as pool:
            deque(pool.map(fill, range(count)), maxlen=0)
    return values


def prepared(panel: Panel, metrics: Sequence[str], route: ModuleType) -> list[Kernel]:
    """One kernel for each kind of sorted structure that the metrics need."""
    found: list[Kernel] = []
    labels = [m for m in metrics if METRICS[m].kind == "label"]
    if labels:
        sets = confusion(panel)
        found.append(lambda w: route.label_values(sets, w, labels, panel.target))
    if "auroc" in metrics:
        roc = roc_steps(panel)
        found.append(lambda w: {"auroc": route.auroc(roc, w)})
    if "auprc" in metrics:
        pr = pr_steps(panel)
        found.append(lambda w: {"auprc": route.auprc(pr, w)})
    if "spearman" in metrics:
        sorted_rows = ranks(panel)
        found.append(lambda w: {"spearman": route.spearman(sorted_rows, w)})
    values = [m for m in metrics if m in ("pearson", "r2", "mse")]
    if values:
        columns = moments(panel)
        found.append(lambda w: {m: v for m, v in route.value_metrics(columns, w).items() if m in values})
    return found


def kernels(backend: Backend, seconds: float) -> ModuleType:
    """The module of kernels: numba where asked for, where it is loaded already, or where numpy would be busy long."""
    if backend not in ("auto", "numpy", "numba"):
        raise RequestError(f"unknown backend {backend!r}: use auto, numpy or numba.")
    if backend == "numba" and not compiles():
        raise needs_extra("numba", "fast")
    compiled, plain = (f"dnabench.harness.stats.{name}" for name in ("kernels_numba", "kernels_numpy"))
    pays = compiled in sys.modules or (seconds > COMPILED_FROM_SECONDS and compiles())
    return importlib.import_module(compiled if backend == "numba" or (backend == "auto" and pays) else plain)


def compiles() -> bool:
    """True where the extra `fast` (numba) is installed."""
    return importlib.util.find_spec("numba") is not None


def numpy_seconds(panel: Panel, metrics: Sequence[str], draws: Draws, resamples: int) -> float:
    """Forecast for the numpy route: nanoseconds per weight for drawing, and for each metric and model."""
    curves = panel.target.outputs if panel.target.outputs > 2 else 1
    per_model = {"label": 0.3, "ranking": 5.0 * curves, "value": 10.0}
    own = sum(per_model[METRICS[m].kind] for m in metrics) * len(panel)
    return (10.0 * draws.units + own * draws.rows) * resamples * 1e-9
