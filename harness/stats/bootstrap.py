"""A statistic on thousands of resamples of the same rows, for several models at once."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.errors import RequestError, needs_extra
from dnabench.harness.metrics import METRICS, both_classes, over_problems
from dnabench.harness.stats.panel import Panel, confusion, moments, ranks, steps
from dnabench.harness.stats.weights import LANES, Draws

Array = NDArray[Any]
Backend = Literal["auto", "numpy", "numba"]
Kernel = Callable[[Array], Mapping[str, Array]]
"""Weights of one block → (models, 64) of one or several metrics."""
Reduction = Callable[[str, Array], Array]
"""Metric and its values (problems, models, 64) → (models, 64)."""
Job = tuple[Panel, Sequence[str]]
"""Models of one test set, and the metrics wanted of them."""

COMPILED_FROM_SECONDS = 6.0
"""Work that keeps numpy busy for longer goes to numba, whose first call compiles for about 5 seconds."""
MINUTES_FROM_OUTPUTS = 300_000
"""Test rows times models and seeds that keep numpy busy for about a minute."""
MOST_PLACES = 1 << 25
"""Rows × labels × models that are laid out at once: about 12 bytes each."""


def bootstrap(
    panel: Panel, metrics: Sequence[str], draws: Draws, resamples: int, backend: Backend = "auto"
) -> dict[str, Array]:
    """Every metric on every resample, float64 (models, resamples) each; NaN where a resample has no answer.

    `resamples` is rounded up to whole blocks of 64. Metrics must have an answer on the whole test set.
    """
    return sweep([(panel, metrics)], draws, resamples, backend)[0]


def sweep(jobs: Sequence[Job], draws: Draws, resamples: int, backend: Backend = "auto") -> list[dict[str, Array]]:
    """`bootstrap` of several panels of the same rows in one pass: each block of weights is drawn once for all.

    Panels of many labels are read in pieces that fit memory, one pass for each.
    """
    route = kernels(backend, sum(numpy_seconds(*job, draws, resamples) for job in jobs))
    count = -(-resamples // LANES)
    pieces = [pieces_of(panel) for panel, _ in jobs]
    if all(len(several) == 1 for several in pieces):
        return _one_pass(jobs, draws, count, route, over_problems)
    return [_by_pieces(several, job[1], draws, count, route) for several, job in zip(pieces, jobs, strict=True)]


def prepared(
    panel: Panel, metrics: Sequence[str], route: ModuleType, reduced: Reduction = over_problems
) -> list[Kernel]:
    """One kernel for each kind of sorted structure that the metrics need, its problems made into one score."""
    found: list[Kernel] = []
    labels = [m for m in metrics if METRICS[m].kind == "label"]
    if labels:
        sets = confusion(panel)
        every = partial(route.label_values, sets, metrics=labels, target=panel.target)
        found.append(lambda w: {m: reduced(m, v) for m, v in every(weights=w).items()})
    curves = [m for m in metrics if m in ("auroc", "auroc_median", "auprc")]
    if curves:
        found.append(_curves(panel, curves, route, reduced))
    if "spearman" in metrics:
        sorted_rows = ranks(panel)
        found.append(lambda w: {"spearman": route.spearman(sorted_rows, w)})
    values = [m for m in metrics if m in ("pearson", "r2", "mse")]
    if values:
        columns = moments(panel)
        found.append(lambda w: {m: v for m, v in route.value_metrics(columns, w).items() if m in values})
    return found


def _curves(panel: Panel, metrics: Sequence[str], route: ModuleType, reduced: Reduction) -> Kernel:
    """AUROC and AUPRC, from one walk down each ranking where both are wanted."""
    walk = steps(panel, each_score="auprc" in metrics)

    def values(weights: Array) -> dict[str, Array]:
        found = route.curves(walk, weights) if "auprc" in metrics else {"auroc": route.auroc(walk, weights)}
        return {m: reduced(m, found["auroc" if m == "auroc_median" else m]) for m in metrics}

    return values


def pieces_of(panel: Panel) -> list[Panel]:
    """The panel itself, or where rows × labels × models are many, its labels in pieces of at most `MOST_PLACES`."""
    if panel.target.kind != "multilabel":
        return [panel]
    kept = np.flatnonzero(both_classes(panel.truth))
    pieces = -(-len(panel.truth) * len(panel) * len(kept) // MOST_PLACES)
    if pieces < 2:
        return [panel]
    return [panel.of_labels(labels) for labels in np.array_split(kept, min(pieces, len(kept)))]


def _one_pass(
    jobs: Sequence[Job], draws: Draws, count: int, route: ModuleType, reduced: Reduction
) -> list[dict[str, Array]]:
    """Every metric on every resample, (..., models, resamples) each, as `reduced` leaves them."""
    work = [prepared(panel, metrics, route, reduced) for panel, metrics in jobs]
    values: list[dict[str, Array]] = [{} for _ in jobs]

    def fill(number: int) -> None:
        weights = route.block(draws, number)
        for into, statistics in zip(values, work, strict=True):
            for statistic in statistics:
                for metric, lanes in statistic(weights).items():
                    if metric not in into:
                        into[metric] = np.empty((*lanes.shape[:-1], count * LANES))
                    into[metric][..., number * LANES : (number + 1) * LANES] = lanes

    if any(work):
        fill(0)
    if route.THREADS == 1 or not any(work):
        for number in range(1, count if any(work) else 0):
            fill(number)
    else:
        with ThreadPoolExecutor(route.THREADS) as pool:
            deque(pool.map(fill, range(1, count)), maxlen=0)
    return values


def _by_pieces(
    pieces: Sequence[Panel], metrics: Sequence[str], draws: Draws, count: int, route: ModuleType
) -> dict[str, Array]:
    """As `_one_pass` of the whole panel; a mean keeps sums, a median every label's values."""
    found: dict[str, list[Array]] = {metric: [] for metric in metrics}
    for piece in pieces:
        for metric, part in _one_pass([(piece, metrics)], draws, count, route, _unfinished)[0].items():
            if metric == "auroc_median" or not found[metric]:
                found[metric].append(part)
            else:
                found[metric][0] += part
    made = {}
    for metric, parts in found.items():
        if metric == "auroc_median":
            made[metric] = over_problems(metric, np.concatenate(parts))
        else:
            total, known = parts[0]
            made[metric] = np.divide(total, known, out=np.full(total.shape, np.nan), where=known > 0)
    return made


def _unfinished(metric: str, values: Array) -> Array:
    """What one piece of the labels gives: all values for a median, else their sum and number (2, models, 64)."""
    if metric == "auroc_median":
        return values
    known = ~np.isnan(values)
    return np.array([np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0)])


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


def slow_without_compiler(outputs: int) -> str:
    """What to say before so many outputs (test rows times models and seeds) are resampled; empty where it is quick.

    >>> slow_without_compiler(1_000)
    ''
    """
    if outputs < MINUTES_FROM_OUTPUTS or compiles():
        return ""
    return "resampling takes minutes without numba: pip install 'dnabench[fast]' makes it several times faster"


def numpy_seconds(panel: Panel, metrics: Sequence[str], draws: Draws, resamples: int) -> float:
    """Forecast for the numpy route: nanoseconds per weight for drawing, and for each metric and model."""
    curves = panel.target.outputs if panel.target.outputs > 2 else 1
    per_model = {"label": 0.3, "ranking": 5.0 * curves, "value": 10.0}
    own = sum(per_model[METRICS[m].kind] for m in metrics) * len(panel)
    return (10.0 * draws.units + own * draws.rows) * resamples * 1e-9
