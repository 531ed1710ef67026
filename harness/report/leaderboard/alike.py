"""Which predictions of a task are of the same rows and labels: only those stand in one ranking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from ...data.fingerprint import fingerprint_labels
from ...data.identity import test_facts
from ...errors import DataError
from ...stats.order import aligned
from ...types import Predictions
from .nouns import TaskCard


def alike(said: Mapping[str, Predictions], card: TaskCard) -> tuple[dict[str, Predictions], dict[str, str]]:
    """The predictions that can be compared with each other, and why each of the others cannot.

    The right rows and labels are those that the task file has the fingerprint of, else those of most.
    """
    column = card.dependence.groups
    without = f"its rows have no column {column!r}, by which the task groups them"
    odd = {key: without for key, one in said.items() if column and column not in one.columns}
    left = {key: one for key, one in said.items() if key not in odd}
    home, reason = _home(left, card)
    for key, one in left.items():
        try:
            aligned(one, left[home])
        except DataError:
            odd[key] = reason
    return {key: one for key, one in left.items() if key not in odd}, odd


def _home(said: Mapping[str, Predictions], card: TaskCard) -> tuple[str, str]:
    """Whose rows and labels are the right ones, and what is said of those that have others."""
    first = next(iter(said), "")
    if all(_equal(one, said[first]) for one in said.values()):
        return first, ""
    prints = {key: fingerprint_labels(one.keys, one.truth, card.target) for key, one in said.items()}
    ((right, models),) = Counter(prints.values()).most_common(1)
    reason = f"its rows or labels are not those of {models} of {len(said)} models"
    if _known(card) in prints.values():
        right, reason = _known(card), "its rows or labels are not those that the task file has the fingerprint of"
    return next(key for key, one in prints.items() if one == right), f"{reason}: it is passed over"


def _equal(a: Predictions, b: Predictions) -> bool:
    return np.array_equal(a.keys, b.keys) and np.array_equal(a.truth, b.truth)


def _known(card: TaskCard) -> str:
    """The fingerprint in the task file, where the records are of this version of the task; else empty."""
    facts = test_facts(card.known) if card.known and card.known.version == card.record.get("version") else None
    return facts.labels or "" if facts else ""
