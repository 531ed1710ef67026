"""Tests that exchange two models' answers row by row: exact under "both models are alike on every row".

For labels only the numbers of rows in each cell (true class, one's class, other's class) matter, and of the rows on
which the two differ, how many are exchanged is binomial: exact in distribution, at a cost free of the number of rows.
Scores are exchanged as ranks within their model, since two models' scales cannot be compared (Venkatraman and Begg
1996, Biometrika 83:835; Bandos et al. 2005, Stat. Med. 24:2873).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, rankdata

from dnabench.harness.errors import RequestError
from dnabench.harness.metrics import (
    METRICS,
    both_classes,
    evaluate,
    find_metric,
    label_formula,
    label_problems,
    ranking_problems,
)
from dnabench.harness.stats.bootstrap import Backend, kernels, numpy_seconds, prepared
from dnabench.harness.stats.deviates import binomials, uniforms, words
from dnabench.harness.stats.order import in_one_order
from dnabench.harness.stats.panel import Panel, ranks
from dnabench.harness.stats.sampling import DIGITS, SAME
from dnabench.harness.stats.weights import LANES, independent
from dnabench.harness.types import Dependence, Predictions, Target, TestSet

Array = NDArray[Any]


@dataclass(frozen=True)
class _Exchange:
    """Two models on the same rows, and what is exchanged: rows, or groups of rows where `unit` names them."""

    sides: tuple[Predictions, Predictions]
    metric: str
    target: Target
    unit: Array
    stream: str
    swaps: int

    @property
    def units(self) -> int:
        return int(self.unit.max()) + 1


def swap_p(  # noqa: PLR0913 - the options of one public call
    a: Predictions,
    b: Predictions,
    metric: str,
    test_set: TestSet,
    *,
    swaps: int = 10_000,
    backend: Backend = "auto",
) -> float:
    """Two-sided p-value (1 + k) / (1 + swaps), k being the exchanges with a difference as large as the observed one.

    Rows of one group are exchanged together. Raises RequestError for several replicates, whose seeds an exchange of
    rows cannot speak for, and where a model has no such score; DataError where the rows differ.
    """
    first, second = _pair(a, b)
    target = test_set.target
    known = [evaluate(find_metric(metric, target).name, p.truth, p.outputs[0], p.kind, target) for p in (first, second)]
    if known[0].value is None or known[1].value is None:
        raise RequestError(f"no test of {metric}: {next(v.note for v in known if v.value is None)}.")
    unit = _units(first, test_set.dependence)
    made = _Exchange((first, second), metric, target, unit, f"{test_set.stream}\nswaps", swaps)
    gaps = _label_gaps(made) if METRICS[metric].kind == "label" else _score_gaps(made, backend)
    # A difference without an answer counts as large.
    reached = int((~(np.abs(gaps) < abs(known[0].value - known[1].value) - SAME)).sum())
    return round((1 + reached) / (1 + len(gaps)), DIGITS)


def mcnemar_p(a: Predictions, b: Predictions) -> float:
    """McNemar's mid-p for the accuracies of two models on independent rows (Fagerland et al. 2013, BMC MRM 13:91)."""
    first, second = _pair(a, b)
    right = [p.outputs[0].argmax(axis=1) == p.truth for p in (first, second)]
    return mid_p(int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum()))


def mid_p(only_first: int, only_second: int) -> float:
    """Two-sided mid-p of a fair coin that fell so often on either side.

    >>> mid_p(1, 3), mid_p(2, 2), mid_p(0, 0)
    (0.375, 1.0, 1.0)
    """
    total, fewer = only_first + only_second, min(only_first, only_second)
    if 2 * fewer == total:
        return 1.0
    return round(float(2 * binom.cdf(fewer, total, 0.5) - binom.pmf(fewer, total, 0.5)), DIGITS)


def _pair(a: Predictions, b: Predictions) -> list[Predictions]:
    several = max(len(a.outputs), len(b.outputs))
    if several > 1:
        raise RequestError(
            f"a permutation of rows compares two checkpoints, and one model here has {several} replicates: "
            "use the paired bootstrap, which adds what seeds vary by."
        )
    return list(in_one_order({"first": a, "second": b}).values())


def _units(first: Predictions, dependence: Dependence) -> Array:
    if dependence.groups is None:
        return np.arange(len(first.truth))
    return np.unique(first.columns[dependence.groups], return_inverse=True)[1].reshape(-1)


def _label_gaps(made: _Exchange) -> Array:
    """Differences of a label metric; units that change the counts alike are one cell with a binomial number."""
    problems = [label_problems(p.truth, p.outputs[0], p.kind, made.target) for p in made.sides]
    truths, classes = problems[0][0], 2 if made.target.kind == "multilabel" else len(made.target.classes)
    counts = [_counts(truths, predicted, classes) for _, predicted in problems]
    change, sizes = _cells(made.unit, counts[0] - counts[1])
    total = counts[0].sum(axis=0) + counts[1].sum(axis=0)
    uniform = (uniforms(f"{made.stream}\n{cell}", 1, made.swaps)[0] for cell in range(len(sizes)))
    moved = np.zeros((made.swaps, change.shape[1]))
    for numbers, size, row in zip(uniform, sizes, change, strict=True):
        moved += np.outer(2 * binomials(numbers, int(size), 0.5) - size, row)
    formula = label_formula(made.metric, made.target)
    true = np.array([np.bincount(t, minlength=classes) for t in truths])[..., None]
    values = []
    for side in (total + moved, total - moved):
        hits, predicted = np.moveaxis((side / 2).reshape(-1, len(truths), 2, classes), 0, -1).swapaxes(0, 1)
        values.append(np.mean([formula(*p) for p in zip(true + 0 * hits, hits, predicted, strict=True)], axis=0))
    return np.asarray(values[0] - values[1])


def _counts(truths: Array, predicted: Array, classes: int) -> Array:
    """Hits and predictions of every class of every problem, by row: int32 (n, problems · 2 · classes)."""
    called = predicted.T[:, :, None] == np.arange(classes)
    hits = called & (truths.T == predicted.T)[:, :, None]
    return np.stack([hits, called], axis=2).astype(np.int32).reshape(len(called), -1)


def _cells(unit: Array, change: Array) -> tuple[Array, Array]:
    """The different changes that units make, up to their sign, and how many units make each."""
    rows = np.flatnonzero(change.any(axis=1))
    kept, place = np.unique(unit[rows], return_inverse=True)
    by_unit = np.zeros((len(kept), change.shape[1]), np.int64)
    np.add.at(by_unit, place.reshape(-1), change[rows])
    by_unit = by_unit[by_unit.any(axis=1)]
    leading = np.take_along_axis(by_unit, (by_unit != 0).argmax(axis=1)[:, None], axis=1)
    cells, sizes = np.unique(by_unit * np.sign(leading), axis=0, return_counts=True)
    return cells, sizes


def _score_gaps(made: _Exchange, backend: Backend) -> Array:
    """Differences of a ranking or value metric: every model's answers stand in one table, and weights pick."""
    columns = [_comparable(p, made.metric, made.target) for p in made.sides]
    truth = np.concatenate([made.sides[0].truth] * 2)
    if made.target.kind == "multilabel":
        truth = truth[:, both_classes(truth)]
    panel = Panel(truth, (np.concatenate(columns),), ("value",), made.target)
    seconds = 2 * numpy_seconds(panel, [made.metric], independent("", len(truth)), made.swaps)
    gap = _gap(panel, made.metric, kernels(backend, seconds))
    found = []
    for number in range(-(-made.swaps // LANES)):
        bits = _bits(made, number)[made.unit]
        found.append(gap(np.concatenate([bits, 1 - bits])))
    return np.concatenate(found)[: made.swaps]


def _gap(panel: Panel, metric: str, route: ModuleType) -> Callable[[Array], Array]:
    """Who is chosen, uint8 (2 · n, 64), to the score of the chosen answers minus that of the others, (64,)."""
    if metric == "spearman":
        gap: Callable[[Array], Array] = partial(route.spearman_gap, ranks(panel))
        return gap
    (statistic,) = prepared(panel, [metric], route)
    return lambda chosen: np.asarray(statistic(chosen)[metric][0] - statistic(1 - chosen)[metric][0])


def _bits(made: _Exchange, number: int) -> Array:
    """Who answers for each unit in 64 exchanges, uint8 (units, 64)."""
    both = np.stack([w[0] for w in words(made.stream, 1, made.units, number)], axis=-1)
    return np.unpackbits(both.astype("<u4").view(np.uint8), axis=-1)


def _comparable(said: Predictions, metric: str, target: Target) -> Array:
    """Answers (n, columns) on a scale that two models share: ranks, standardised values, or values as they are."""
    if METRICS[metric].kind == "ranking":
        _, scores = ranking_problems(said.truth, said.outputs[0], said.kind, target)
        return np.asarray(rankdata(scores, axis=1).T)
    values = np.asarray(said.outputs[0][:, :1], np.float64)
    if metric == "spearman":
        return np.asarray(rankdata(values, axis=0))
    return np.asarray((values - values.mean()) / values.std()) if metric == "pearson" else values
