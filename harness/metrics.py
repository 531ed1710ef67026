"""Whole arrays in, one number out: every metric that dnabench prints.

A label metric is a formula over three counts per class (true, hit, predicted); a ranking metric asks how well
a score separates positives from the rest; a value metric compares two columns of numbers. The bootstrap and
the jackknife use the same formulas, so a resampled score is the score of the resampled rows.

Degenerate cases: `value` is None and `note` says why where no answer exists (AUROC of one class, a constant's
correlation, AUPRC without positives). MCC is 0 where truth or prediction is constant. F1 of a class neither
true nor predicted is left out of `f1_macro`, and 0 in `f1_binary` and for multilabel. R² of a constant truth
is 1 if met exactly, else 0. All as in scikit-learn and scipy, except AUPRC without positives (there 0).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from dnabench.harness.errors import RequestError, nearest
from dnabench.harness.types import OutputKind, Target, TargetKind

Array = NDArray[Any]


@dataclass(frozen=True)
class Metric:
    """One way to score predictions: its full name, its range, and the targets that it serves."""

    name: str
    title: str
    kind: Literal["label", "ranking", "value"]
    targets: frozenset[TargetKind]
    best: float = 1.0
    """Score of a perfect model."""
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True)
class Value:
    """A score without its interval; None stands for undefined, with `note` saying why."""

    value: float | None
    note: str = ""


_CLASS: frozenset[TargetKind] = frozenset({"class"})
_BOTH: frozenset[TargetKind] = frozenset({"class", "multilabel"})
_VALUE: frozenset[TargetKind] = frozenset({"value"})

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "accuracy", "label", _CLASS),
        Metric("balanced_accuracy", "balanced accuracy", "label", _CLASS),
        Metric("mcc", "Matthews correlation (MCC)", "label", _BOTH, low=-1.0),
        Metric("f1_macro", "F1 (macro)", "label", _BOTH),
        Metric("f1_binary", "F1 of class 1", "label", _CLASS),
        Metric("auroc", "area under the ROC curve (AUROC)", "ranking", _BOTH),
        Metric("auprc", "average precision (AUPRC, step sum)", "ranking", _BOTH),
        Metric("spearman", "Spearman correlation", "value", _VALUE, low=-1.0),
        Metric("pearson", "Pearson correlation", "value", _VALUE, low=-1.0),
        Metric("r2", "coefficient of determination (R²)", "value", _VALUE, low=-np.inf),
        Metric("mse", "mean squared error", "value", _VALUE, best=0.0, high=np.inf),
    )
}


def evaluate(metric: str, truth: Array, outputs: Array, kind: OutputKind, target: Target) -> Value:
    """Score one set of outputs on whole arrays.

    truth: (n,) or (n, labels); outputs: (n, columns), finite. Raises RequestError where the metric is unknown
    or does not serve this target.

    >>> outputs, two = np.array([[0.9, 0.1], [0.2, 0.8]]), Target("class", ("0", "1"))
    >>> evaluate("accuracy", np.array([0, 1]), outputs, "probability", two)
    Value(value=1.0, note='')
    """
    spec = find_metric(metric, target)
    obstacle = no_answer(spec, outputs.shape[1], kind, target) if len(truth) else "there are no rows"
    if obstacle:
        return Value(None, obstacle)
    if spec.kind == "value":
        return _value_metric(metric, np.asarray(truth, np.float64), np.asarray(outputs[:, 0], np.float64))
    if spec.kind == "label":
        return _label_metric(metric, *label_problems(truth, outputs, kind, target), target)
    return _ranking_metric(metric, *ranking_problems(truth, outputs, kind, target))


def find_metric(name: str, target: Target) -> Metric:
    """The metric of that name, if it can score this target; else RequestError with the nearest name."""
    if name not in METRICS:
        raise RequestError(f"no metric {name!r}.{nearest(name, list(METRICS))} Known: {', '.join(METRICS)}.")
    if name == "f1_binary" and len(target.classes) != 2:
        raise RequestError(f"f1_binary needs two classes, this task has {len(target.classes)}: use f1_macro.")
    if target.kind not in METRICS[name].targets:
        fitting = ", ".join(m.name for m in METRICS.values() if target.kind in m.targets)
        raise RequestError(f"{name} does not score a {target.kind} target: use one of {fitting}.")
    return METRICS[name]


def no_answer(metric: Metric, columns: int, kind: OutputKind, target: Target) -> str:
    """Why outputs of this kind cannot be scored by this metric, or an empty string."""
    if metric.kind == "ranking" and kind == "label":
        return "the model gives labels only, which do not rank the rows"
    if metric.kind == "label" and target.kind == "class" and columns == 1:
        return "the model gives one score per row and no threshold"
    if metric.kind == "ranking" and target.kind == "class" and columns == 1 and len(target.classes) > 2:
        return f"one score per row cannot rank {len(target.classes)} classes"
    return ""


def label_problems(truth: Array, outputs: Array, kind: OutputKind, target: Target) -> tuple[Array, Array]:
    """True and predicted classes as int64 (problems, n): one problem, or one per label of a multilabel task.

    The first of tied classes wins. A label is predicted above probability 0.5, or above 0 for other outputs.
    """
    if target.kind == "class":
        return np.asarray(truth, np.int64)[None], np.argmax(outputs, axis=1)[None].astype(np.int64)
    predicted = outputs > (0.5 if kind in ("probability", "label") else 0.0)
    return np.asarray(truth, np.int64).T, predicted.T.astype(np.int64)


def ranking_problems(truth: Array, outputs: Array, kind: OutputKind, target: Target) -> tuple[Array, Array]:
    """Which rows are positive, bool, and their float64 scores, both (problems, n).

    Two classes are one problem, ranked by p1 / p0 so that a p1 which float32 rounds to 1 keeps its order;
    more classes are one problem each, against the rest; labels are one problem each.
    """
    scores = np.asarray(outputs, np.float64)
    if target.kind == "multilabel":
        return np.asarray(truth).T == 1, scores.T
    if scores.shape[1] == 1:
        return np.asarray(truth)[None] == 1, scores.T
    if len(target.classes) == 2:
        return np.asarray(truth)[None] == 1, _odds(scores, kind)[None]
    return np.asarray(truth)[None] == np.arange(len(target.classes))[:, None], scores.T


def _odds(scores: Array, kind: OutputKind) -> Array:
    """Grows with class 1: p1 / p0, infinite where p0 is 0; the difference for other outputs."""
    if kind != "probability":
        return np.asarray(scores[:, 1] - scores[:, 0])
    odds = np.full(len(scores), np.inf)
    np.divide(scores[:, 1], scores[:, 0], out=odds, where=scores[:, 0] > 0)
    return odds


def accuracy(true: Array, hits: Array, predicted: Array) -> Array:
    """Share of rows with the right class.

    Like every label formula: three count arrays of shape (classes, ...) in, shape (...) out.

    >>> float(accuracy(np.array([3, 1]), np.array([2, 1]), np.array([2, 2])))
    0.75
    """
    return _ratio(hits.sum(0), true.sum(0))


def balanced_accuracy(true: Array, hits: Array, predicted: Array) -> Array:
    """Mean recall over the classes that occur in the truth."""
    return _ratio(_ratio(hits, true).sum(0), (true > 0).sum(0))


def mcc(true: Array, hits: Array, predicted: Array) -> Array:
    """Matthews correlation, Gorodkin's R_K for several classes; 0 where truth or prediction is constant.

    >>> float(mcc(np.array([2, 2]), np.array([2, 2]), np.array([2, 2])))
    1.0
    """
    true, predicted = true.astype(np.float64), predicted.astype(np.float64)
    n = true.sum(0)
    covariance = hits.sum(0) * n - (true * predicted).sum(0)
    spread = (n * n - (predicted * predicted).sum(0)) * (n * n - (true * true).sum(0))
    return _ratio(covariance, np.sqrt(spread))


def f1_macro(true: Array, hits: Array, predicted: Array) -> Array:
    """Mean F1 over the classes that occur in truth or prediction."""
    return _ratio(_ratio(2.0 * hits, true + predicted).sum(0), (true + predicted > 0).sum(0))


def f1_binary(true: Array, hits: Array, predicted: Array) -> Array:
    """F1 of class 1; 0 where it is neither true nor predicted."""
    return _ratio(2.0 * hits[1], true[1] + predicted[1])


def label_formula(metric: str, target: Target) -> Callable[[Array, Array, Array], Array]:
    """The formula of a label metric; multilabel macro F1 is the mean over labels of the F1 of class 1."""
    if metric == "f1_macro" and target.kind == "multilabel":
        return f1_binary
    return _FORMULAS[metric]


def label_counts(truth: Array, predicted: Array, classes: int) -> tuple[Array, Array, Array]:
    """True rows, hits and predicted rows of each class, int64 (classes,) each."""
    count = np.bincount
    return (
        count(truth, minlength=classes),
        count(truth[truth == predicted], minlength=classes),
        count(predicted, minlength=classes),
    )


def auroc(positive: Array, score: Array) -> float:
    """Chance that a positive row scores above a negative one, ties counting half; NaN without both classes.

    >>> auroc(np.array([False, True, True]), np.array([0.1, 0.1, 0.7]))
    0.75
    """
    positives = int(positive.sum())
    pairs = positives * (len(positive) - positives)
    if pairs == 0:
        return float("nan")
    return float((rankdata(score)[positive].sum() - positives * (positives + 1) / 2) / pairs)


def auprc(positive: Array, score: Array) -> float:
    """Average precision, the sum of precision times step in recall (no trapezoid); NaN without positives.

    >>> auprc(np.array([False, True, True]), np.array([0.5, 0.1, 0.7]))
    0.8333333333333333
    """
    if not positive.any():
        return float("nan")
    order = np.argsort(-score, kind="stable")
    last = np.flatnonzero(np.append(score[order][1:] != score[order][:-1], True))
    found = np.cumsum(positive[order])[last]
    return float((np.diff(found, prepend=0) * (found / (last + 1))).sum() / found[-1])


def pearson(truth: Array, values: Array) -> float:
    """Linear correlation; NaN where either side is constant.

    >>> round(pearson(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0])), 6)
    0.981981
    """
    if np.ptp(truth) == 0 or np.ptp(values) == 0:
        return float("nan")
    a, b = truth - truth.mean(), values - values.mean()
    return float(np.clip((a / np.linalg.norm(a)) @ (b / np.linalg.norm(b)), -1.0, 1.0))


def spearman(truth: Array, values: Array) -> float:
    """Correlation of mid-ranks; NaN where either side is constant."""
    return pearson(rankdata(truth), rankdata(values))


def mse(truth: Array, values: Array) -> float:
    """Mean of the squared errors."""
    return float(((truth - values) ** 2).mean())


def r2(truth: Array, values: Array) -> float:
    """Share of the truth's variance explained; a constant truth gives 1 if met exactly, else 0."""
    wrong, spread = ((truth - values) ** 2).sum(), ((truth - truth.mean()) ** 2).sum()
    return float(1.0 - wrong / spread) if np.ptp(truth) > 0 else float(wrong == 0)


_FORMULAS = {formula.__name__: formula for formula in (accuracy, balanced_accuracy, mcc, f1_macro, f1_binary)}
_VALUES = {"spearman": spearman, "pearson": pearson, "mse": mse, "r2": r2}


def _ratio(above: Array, below: Array) -> Array:
    """above / below, 0 where below is 0."""
    zeros = np.zeros(np.broadcast(above, below).shape)
    return np.asarray(np.divide(above, below, out=zeros, where=below > 0))


def _label_metric(metric: str, truth: Array, predicted: Array, target: Target) -> Value:
    classes = 2 if target.kind == "multilabel" else len(target.classes)
    formula = label_formula(metric, target)
    values = [formula(*label_counts(t, p, classes)) for t, p in zip(truth, predicted, strict=True)]
    constant = metric == "mcc" and len(truth) == 1 and (np.ptp(truth) == 0 or np.ptp(predicted) == 0)
    note = "0 by convention: truth or prediction has one class only" if constant else ""
    return Value(float(np.mean(values)), note)


def _ranking_metric(metric: str, positives: Array, scores: Array) -> Value:
    formula = auroc if metric == "auroc" else auprc
    values = np.array([formula(p, s) for p, s in zip(positives, scores, strict=True)])
    defined = ~np.isnan(values)
    lacking = "no positive rows" if metric == "auprc" else "rows of one class only"
    if not defined.any():
        return Value(None, f"undefined: {lacking}")
    note = f"undefined in {(~defined).sum()} of {len(values)} labels ({lacking}), left out"
    return Value(float(values[defined].mean()), "" if defined.all() else note)


def _value_metric(metric: str, truth: Array, values: Array) -> Value:
    value = _VALUES[metric](truth, values)
    if np.isnan(value):
        return Value(None, "undefined: the truth or the prediction is constant")
    constant = metric == "r2" and np.ptp(truth) == 0
    return Value(value, "the truth is constant: 1 if met exactly, else 0" if constant else "")
