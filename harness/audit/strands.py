"""Strands and composition by class: what leans to one strand, and what GC alone would say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.data.fingerprint import row_words
from dnabench.harness.sequence import encode, reverse_complements
from dnabench.harness.types import Inputs

from .lengths import histogram

Whole = NDArray[np.int64]
LEANING = 5.0
"""Standard errors from which a difference in skew between classes is called one."""


def strand_facts(test: Inputs, train: Inputs) -> dict[str, Any]:
    """How many test rows have their reverse complement among the other rows of train or test."""
    known = set(row_words(train.sequences, train.seconds)) | set(row_words(test.sequences, test.seconds))
    own = row_words(test.sequences, test.seconds)
    other = row_words(reverse_complements(test.sequences), reverse_complements(test.seconds))
    twins = sum(b in known and a != b for a, b in zip(own, other, strict=True))
    return {"rows_with_other_strand": twins, "palindromes": sum(a == b for a, b in zip(own, other, strict=True))}


def composition_facts(sequences: Sequence[str], labels: Whole | None, classes: Sequence[str]) -> dict[str, Any]:
    """GC by class, and the skews (A - T)/(A + T) and (G - C)/(G + C) by class with their difference in standard errors.

    Where classes differ in skew, the label depends on the strand that is given: averaging over strands would hide it.
    """
    gc, skews = compositions(sequences)
    facts: dict[str, Any] = {"gc": round(float(gc.mean()), 6) if len(gc) else None}
    if labels is None or not len(gc):
        return facts
    facts["gc_by_class"] = {name: _mean(gc[labels == i]) for i, name in enumerate(classes)}
    facts["histogram"] = histogram(gc, labels, classes)
    for name, skew in zip(("at_skew", "gc_skew"), skews, strict=True):
        groups = [skew[labels == i] for i in range(len(classes))]
        facts[name] = {kind: _mean(group) for kind, group in zip(classes, groups, strict=True)}
        facts[f"{name}_apart"] = _apart(groups)
    facts["strands_differ"] = max(facts["at_skew_apart"], facts["gc_skew_apart"]) >= LEANING
    return facts


def compositions(sequences: Sequence[str]) -> tuple[NDArray[np.float64], tuple[NDArray[np.float64], ...]]:
    """GC fraction of every row, and its skews of A against T and of G against C; 0 where there is nothing to count.

    >>> gc, (at, skew) = compositions(["AAAT", "GGGC"])
    >>> gc.tolist(), at.tolist(), skew.tolist()
    ([0.0, 1.0], [0.5, 0.0], [0.0, 0.5])
    """
    codes, offsets = encode(sequences)
    a, c, g, t = (_sums(codes == base, offsets) for base in range(4))
    return _ratio(c + g, a + c + g + t), (_ratio(a - t, a + t), _ratio(g - c, g + c))


def _apart(groups: Sequence[NDArray[np.float64]]) -> float:
    """The largest difference between two classes' means, in standard errors (Welch)."""
    known = [group for group in groups if len(group) > 1]
    means = np.array([group.mean() for group in known])
    errors = np.array([group.var(ddof=1) / len(group) for group in known])
    gaps = np.abs(means[:, None] - means) / np.sqrt(np.maximum(errors[:, None] + errors, 1e-30))
    return round(float(gaps.max(initial=0.0)), 2)


def _mean(values: NDArray[np.float64]) -> float | None:
    return round(float(values.mean()), 6) if len(values) else None


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.divide(part, whole, out=np.zeros_like(part), where=whole > 0))


def _sums(flags: NDArray[np.bool_], offsets: Whole) -> NDArray[np.float64]:
    running = np.concatenate([[0], np.cumsum(flags)])
    return np.diff(running[offsets]).astype(np.float64)
