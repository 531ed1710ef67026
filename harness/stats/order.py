"""Predictions of the same test rows, brought into one order by their content keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.errors import DataError, RequestError
from dnabench.harness.types import Predictions

Array = NDArray[Any]


def in_one_order(predictions: Mapping[str, Predictions]) -> dict[str, Predictions]:
    """Every model's rows in ascending order of keys, then labels, whatever order they came in.

    Raises DataError where the models are not of the same rows, RequestError where there are none.
    """
    if not predictions:
        raise RequestError("no predictions to compare: name at least one model.")
    first, *others = predictions.items()
    order = _sorted(first[1])
    start = first[1] if np.array_equal(order, np.arange(len(order))) else first[1].take(order)
    made = {first[0]: start}
    for name, said in others:
        try:
            made[name] = aligned(said, start)
        except DataError as problem:
            raise DataError(f"{str(problem).rstrip('.')} (first: {first[0]}, second: {name}).") from problem
    return made


def aligned(b: Predictions, a: Predictions) -> Predictions:
    """`b` with its rows in the order of `a`. Raises DataError where the rows or their labels differ."""
    order = slice(None) if np.array_equal(a.keys, b.keys) else _matching(b, a)
    moved = b.take(order)
    if not np.array_equal(moved.truth, a.truth):
        raise DataError(
            f"{a.task}: the two sets of predictions disagree on the labels of the same rows: "
            "score both models on one version of the task."
        )
    return moved


def _matching(b: Predictions, a: Predictions) -> Array:
    """For each row of `a` the row of `b` with its key; equal keys are matched by label, then in order."""
    first, second = _sorted(a), _sorted(b)
    if not np.array_equal(a.keys[first], b.keys[second]):
        ours, theirs = len(np.setdiff1d(a.keys, b.keys)), len(np.setdiff1d(b.keys, a.keys))
        raise DataError(
            f"{a.task}: the two sets of predictions are not of the same rows ({len(a.keys)} and "
            f"{len(b.keys)} rows, {ours} keys only in the first, {theirs} only in the second): "
            "run both on one test set."
        )
    order = np.empty(len(first), np.int64)
    order[first] = second
    return order


def _sorted(predictions: Predictions) -> Array:
    """Rows in order of keys, then labels."""
    labels = np.atleast_2d(predictions.truth.T)
    return np.lexsort((*labels, predictions.keys))
