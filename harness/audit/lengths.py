"""Lengths: what common context sizes cut off, and how far the number of bases alone gives the label away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Whole = NDArray[np.int64]

CONTEXTS = (256, 500, 512, 1000, 1024, 2048, 4096, 8192, 32_768)
"""Bases that models commonly read."""
BINS = 24


def length_facts(
    train: Whole, test: Whole, labels: tuple[Whole, Whole] | None, classes: Sequence[str]
) -> dict[str, Any]:
    """Shortest, median and longest test row, what each context cuts off, and the accuracy of length alone.

    `labels` are the class numbers of train and test, None where labels are no classes. Contexts above the longest
    row are left out. `accuracy_of_length` is what `length_rule` scores on all rows as they are.
    """
    facts: dict[str, Any] = {
        "shortest": int(test.min(initial=0)) if not len(test) else int(test.min()),
        "median": float(np.median(test)) if len(test) else 0.0,
        "longest": int(test.max(initial=0)),
    }
    fits = [context for context in CONTEXTS if context < facts["longest"]]
    facts["cut"] = [cut_facts(train, test, labels, context) for context in fits]
    if labels is not None and len(test) and len(train):
        majority = int(np.bincount(labels[0]).argmax())
        facts["accuracy_of_majority"] = round(float((labels[1] == majority).mean()), 6)
        facts["accuracy_of_length"] = _accuracy(train, test, labels)
    if labels is not None and facts["shortest"] < facts["longest"]:
        facts["histogram"] = histogram(test.astype(np.float64), labels[1], classes)
    return facts


def cut_facts(train: Whole, test: Whole, labels: tuple[Whole, Whole] | None, context: int) -> dict[str, Any]:
    """What a model that reads `context` bases loses of the test rows, and what length still says then."""
    lost = np.maximum(test - context, 0)
    facts: dict[str, Any] = {
        "context": context,
        "rows": int((lost > 0).sum()),
        "share_of_rows": round(float((lost > 0).mean()), 6),
        "share_of_bases": round(float(lost.sum() / max(1, test.sum())), 6),
    }
    if labels is not None and len(train):
        facts["accuracy_of_length"] = _accuracy(np.minimum(train, context), np.minimum(test, context), labels)
    return facts


def length_rule(train: Whole, labels: Whole, test: Whole) -> Whole:
    """The class that is most frequent in train among rows of that length; an unseen length takes the nearest seen.

    >>> length_rule(np.array([5, 5, 9]), np.array([1, 1, 0]), np.array([5, 6, 12])).tolist()
    [1, 1, 0]
    """
    seen, at = np.unique(train, return_inverse=True)
    width = int(labels.max()) + 1
    counts = np.bincount(at.reshape(-1) * width + labels, minlength=len(seen) * width).reshape(len(seen), width)
    above = np.searchsorted(seen, test).clip(0, len(seen) - 1)
    below = (above - 1).clip(0)
    nearest = np.where(np.abs(seen[below] - test) <= np.abs(seen[above] - test), below, above)
    called: Whole = counts[nearest].argmax(1)
    return called


def histogram(values: NDArray[np.float64], labels: Whole, classes: Sequence[str]) -> dict[str, Any]:
    """Counts of a number by class in 24 equal bins between its 0.5 and 99.5 percentiles; the ends hold the rest.

    >>> found = histogram(np.array([1.0, 2.0, 3.0]), np.array([0, 0, 1]), ["a", "b"])
    >>> [sum(counts) for counts in found["counts"].values()]
    [2, 1]
    """
    low, high = np.percentile(values, [0.5, 99.5]) if len(values) else (0.0, 1.0)
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    inside = values.clip(edges[0], edges[-1])
    counts: Mapping[str, list[int]] = {
        name: np.histogram(inside[labels == number], edges)[0].tolist() for number, name in enumerate(classes)
    }
    return {"edges": [round(float(edge), 6) for edge in edges], "counts": dict(counts)}


def _accuracy(train: Whole, test: Whole, labels: tuple[Whole, Whole]) -> float:
    return round(float((length_rule(train, labels[0], test) == labels[1]).mean()), 6)
