"""Whole arrays in, one number out: every metric that dnabench prints.

A label metric is a formula over three counts per class (true, hit, predicted); a ranking metric asks how well
a score separates positives from the rest; a value metric compares two columns of numbers. The bootstrap and
the jackknife use the same formulas, so a resampled score is the score of the resampled rows.

Degenerate cases: `value` is None and `note` says why where no answer exists (AUROC of one class, a constant's
correlation, AUPRC without positives). MCC is 0 where truth or prediction is constant. F1 of a class neither
true nor predicted is left out of `f1_macro`, and 0 in `f1_binary`. R² of a constant truth is 1 if met exactly,
else 0. All as in scikit-learn and scipy, except AUPRC without positives (there 0). A label of a multilabel task that
has one class in the rows scored is left out of every metric, and counted in `note`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.errors import RequestError, nearest
from dnabench.harness.formulas import auprc, auroc, mse, pearson, r2, spearman
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
_LABELS: frozenset[TargetKind] = frozenset({"multilabel"})
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
        Metric("auroc_median", "median AUROC over labels", "ranking", _LABELS),
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
    if target.kind == "multilabel" and not both_classes(truth).any():
        return Value(None, "undefined: every label has one class only")
    if spec.kind == "value":
        return _value_metric(metric, np.asarray(truth, np.float64), np.asarray(outputs[:, 0], np.float64))
    if spec.kind == "label":
        made = _label_metric(metric, *label_problems(truth, outputs, kind, target), target)
    else:
        made = _ranking_metric(metric, *ranking_problems(truth, outputs, kind, target))
    left_out = _left_out(truth) if target.kind == "multilabel" else ""
    return replace(made, note="; ".join(note for note in (left_out, made.note) if note))


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


def both_classes(truth: Array) -> Array:
    """Which labels of a multilabel task (n, labels) have positive and negative rows, bool (labels,).

    >>> both_classes(np.array([[0, 1, 0], [0, 1, 1]])).tolist()
    [False, False, True]
    """
    positives = np.count_nonzero(truth, axis=0)
    return np.asarray((positives > 0) & (positives < len(truth)))


def label_problems(truth: Array, outputs: Array, kind: OutputKind, target: Target) -> tuple[Array, Array]:
    """True and predicted classes, integers (problems, n): one problem, or one per label with both classes.

    The first of tied classes wins. A label is predicted above probability 0.5, or above 0 for other outputs.
    """
    if target.kind == "class":
        return np.asarray(truth, np.int64)[None], np.argmax(outputs, axis=1)[None].astype(np.int64)
    predicted = outputs > (0.5 if kind in ("probability", "label") else 0.0)
    kept = both_classes(truth)
    # Bytes, not words: hundreds of labels of 200,000 rows.
    return np.asarray(truth, np.int8).T[kept], predicted.T[kept].astype(np.int8)


def ranking_problems(truth: Array, outputs: Array, kind: OutputKind, target: Target) -> tuple[Array, Array]:
    """Which rows are positive, bool, and their scores, both (problems, n).

    Two classes are one problem, ranked by p1 / p0 so that a p1 which float32 rounds to 1 keeps its order;
    more classes are one problem each, against the rest; labels with both classes are one problem each.
    """
    if target.kind == "multilabel":
        kept = both_classes(truth)
        return np.asarray(truth).T[kept] == 1, np.asarray(outputs).T[kept]
    scores = np.asarray(outputs, np.float64)
    if scores.shape[1] == 1:
        return np.asarray(truth)[None] == 1, scores.T
    if len(target.classes) == 2:
        return np.asarray(truth)[None] == 1, _odds(scores, kind)[None]
    return np.asarray(truth)[None] == np.arange(len(target.classes))[:, None], scores.T


def over_problems(metric: str, values: Array) -> Array:
    """The score from those of its problems (problems, ...): their median or mean; NaN for no answer, left out.

    >>> over_problems("auroc_median", np.array([[0.9], [0.5], [np.nan], [0.6]]))
    array([0.6])
    """
    if len(values) == 1:
        return np.asarray(values[0])
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    if metric != "auroc_median":
        total = np.where(known, values, 0.0).sum(axis=0)
        return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))
    ordered = np.sort(values, axis=0)
    # NaN sorts last, and stands at place 0 where there is nothing else.
    middle = [np.take_along_axis(ordered, at[None], axis=0)[0] for at in (np.maximum(count - 1, 0) // 2, count // 2)]
    return np.asarray(np.where(count > 0, (middle[0] + middle[-1]) / 2, np.nan))


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
    formula = auprc if metric == "auprc" else auroc
    values = np.array([formula(p, s) for p, s in zip(positives, scores, strict=True)])
    defined = ~np.isnan(values)
    lacking = "no positive rows" if metric == "auprc" else "rows of one class only"
    if not defined.any():
        return Value(None, f"undefined: {lacking}")
    note = f"undefined in {(~defined).sum()} of {len(values)} labels ({lacking}), left out"
    return Value(float(over_problems(metric, values)), "" if defined.all() else note)


def _left_out(truth: Array) -> str:
    """How many labels of a multilabel task have one class, or an empty string."""
    kept = both_classes(truth)
    count = int((~kept).sum())
    what = "has one class in the test set and is" if count == 1 else "have one class in the test set and are"
    return f"{count} of {len(kept)} labels {what} left out" if count else ""


def _value_metric(metric: str, truth: Array, values: Array) -> Value:
    value = _VALUES[metric](truth, values)
    if np.isnan(value):
        return Value(None, "undefined: the truth or the prediction is constant")
    constant = metric == "r2" and np.ptp(truth) == 0
    return Value(value, "the truth is constant: 1 if met exactly, else 0" if constant else "")
