"""Plain arrays as predictions, for those who only want a score with its interval."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import RequestError
from ..metrics import METRICS, find_metric
from ..stats.intervals import score_predictions
from ..types import Dependence, OutputKind, Predictions, Score, Target, TestSet

Array = NDArray[Any]


def score_arrays(truth: ArrayLike, outputs: ArrayLike, metric: str, groups: ArrayLike | None = None) -> Score:
    """A metric of arrays with its interval; `api.score` says what the shapes mean.

    The stream of resamples is drawn from the truth, so that scores of the same rows are paired. Raises
    RequestError for shapes or numbers that do not fit.
    """
    truths, found = np.asarray(truth), np.asarray(outputs)
    if len(truths) != len(found) or not len(truths):
        raise RequestError(f"{len(truths)} truths and {len(found)} outputs: give one of each per row")
    if not np.isfinite(np.asarray(truths, np.float64)).all() or not np.isfinite(found).all():
        raise RequestError("truth or outputs hold NaN or infinity: leave those rows out")
    truths, target = _target(truths, found, metric)
    find_metric(metric, target)
    table, kind = _table(found, target, metric)
    columns = {} if groups is None else {"group": np.asarray(groups)}
    predictions = Predictions(
        "arrays", kind, np.arange(len(truths), dtype=np.uint64), truths, table[None], ("seed 0",), columns
    )
    dependence = Dependence(groups=None if groups is None else "group")
    return score_predictions(predictions, [metric], TestSet(target, dependence, _stream(truths)))[metric]


def _target(truths: Array, found: Array, metric: str) -> tuple[Array, Target]:
    """The truth in its own type, and what it is a truth of."""
    if truths.ndim == 2:
        return truths.astype(np.int8), Target("multilabel", tuple(map(str, range(truths.shape[1]))))
    if metric in METRICS and METRICS[metric].kind == "value":
        return truths.astype(np.float64), Target("value")
    labels = truths.astype(np.int64)
    if (labels != truths).any() or labels.min() < 0:
        raise RequestError(f"{metric} needs labels 0, 1, …: the truth reaches from {truths.min()} to {truths.max()}")
    classes = int(labels.max()) + 1
    if found.ndim == 2:
        classes = max(classes, found.shape[1])
    elif metric in METRICS and METRICS[metric].kind == "label":
        classes = max(classes, int(found.max()) + 1)
    return labels, Target("class", tuple(map(str, range(max(2, classes)))))


def _table(found: Array, target: Target, metric: str) -> tuple[Array, OutputKind]:
    """Outputs as (n, columns) and their kind."""
    if target.kind == "value":
        return found.reshape(len(found), -1)[:, :1].astype(np.float64), "value"
    if found.ndim == 2:
        if found.shape[1] != target.outputs:
            raise RequestError(f"outputs have {found.shape[1]} columns for {target.outputs} classes or labels")
        return found.astype(np.float64), "probability"
    if target.kind == "multilabel":
        raise RequestError("a multilabel truth needs outputs of the same shape")
    if METRICS[metric].kind == "ranking":
        return found.astype(np.float64)[:, None], "value"
    labels = found.astype(np.int64)
    if (labels != found).any() or labels.min() < 0:
        raise RequestError(f"{metric} needs predicted labels 0, 1, …, or (n, classes) probabilities")
    return np.eye(target.outputs)[labels], "label"


def _stream(truths: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(truths).tobytes()).hexdigest()
