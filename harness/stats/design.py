"""How the rows of a test set depend on each other, hence what is resampled and which interval is honest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.errors import DataError
from dnabench.harness.stats.weights import Draws, effective_groups, grouped, independent, stratified
from dnabench.harness.types import Predictions, Target, TestSet

Array = NDArray[Any]

ENOUGH_GROUPS = 50.0
"""Effective groups from which on whole groups are resampled; below it influence functions and t take over."""
TOO_FEW_GROUPS = 10.0
"""Effective groups below which intervals cover less than they say (simulated, also with t)."""
RAREST_CLASS = 10
"""Rows of the rarest class below which an interval is refused."""
NAMED = 3
"""Rare labels that a note names."""


@dataclass(frozen=True)
class Design:
    """The units of a test set that are independent of each other: single rows, or groups of rows."""

    draws: Draws
    effective: float
    """Rows, or the number of equal groups that would inform as much."""
    groups: Array | None = None
    """Group of every row as int64; None for independent rows."""
    strata: Array | None = None
    """Class of every row where class totals are fixed."""
    name: str = ""
    """Column of the groups."""
    note: str = ""

    @property
    def few_groups(self) -> bool:
        return self.groups is not None and self.effective < ENOUGH_GROUPS

    @property
    def freedom(self) -> float:
        """Degrees of freedom of a sampling variance: infinite for the bootstrap."""
        return self.effective - 1.0 if self.few_groups else float("inf")

    @property
    def units(self) -> str:
        """What was resampled, for the score's method."""
        if self.groups is None:
            return " within classes" if self.strata is not None else ""
        return f" over {self.draws.units} groups ({self.name}, G_eff {self.effective:.1f})"

    def by_unit(self, contributions: Array) -> Array:
        """Contributions of independent units (models, units) from those of rows (models, n)."""
        if self.groups is not None:
            return np.array([np.bincount(self.groups, weights=row) for row in contributions])
        if self.strata is None:
            return contributions
        means = [np.bincount(self.strata, weights=row) / np.bincount(self.strata) for row in contributions]
        return np.array([row - mean[self.strata] for row, mean in zip(contributions, means, strict=True)])


def design_of(said: Predictions, test_set: TestSet) -> Design:
    """The design that a task declares, for these rows. Raises DataError where the column of groups is missing."""
    truth, columns, dependence, stream = said.truth, said.columns, test_set.dependence, test_set.stream
    n = len(truth)
    if dependence.groups is not None:
        if dependence.groups not in columns:
            raise DataError(
                f"the test rows have no column {dependence.groups!r}, by which the task groups them: "
                "add it to the test file or change `dependence.groups`."
            )
        draws = grouped(stream, np.asarray(columns[dependence.groups]))
        assert draws.unit_of_row is not None
        effective = effective_groups(draws.unit_of_row)
        few = f"no claim: about {effective:.1f} independent groups, fewer than {TOO_FEW_GROUPS:.0f}"
        note = few if effective < TOO_FEW_GROUPS else ""
        return Design(draws, effective, draws.unit_of_row, None, dependence.groups, note)
    if dependence.stratified and test_set.target.kind == "class":
        _, strata = np.unique(truth, return_inverse=True)
        return Design(stratified(stream, truth), float(n), None, strata.reshape(-1))
    return Design(independent(stream, n), float(n))


def refusal(truth: Array, target: Target, design: Design) -> str:
    """Why no interval can be given, or an empty string."""
    if design.draws.units < 2:
        return "no interval: the rows form one group"
    if target.kind == "value":
        return "" if len(truth) >= RAREST_CLASS else f"no interval: {len(truth)} rows, fewer than {RAREST_CLASS}"
    if target.kind == "class":
        rarest = int(np.bincount(np.asarray(truth, np.int64), minlength=len(target.classes)).min())
        few = f"no interval: the rarest class has {rarest} rows, fewer than {RAREST_CLASS}"
        return "" if rarest >= RAREST_CLASS else few
    rows = rarer_rows(truth)
    scored, enough = int((rows > 0).sum()), int((rows >= RAREST_CLASS).sum())
    few = f"no interval: {enough} of {scored} labels with {RAREST_CLASS} rows of each class, fewer than half"
    return "" if enough and 2 * enough >= scored else few


def caution(truth: Array, target: Target) -> str:
    """Which labels of a multilabel task are in the score, but perhaps too rare for its interval to be wide enough."""
    if target.kind != "multilabel":
        return ""
    rows = rarer_rows(truth)
    rare = np.flatnonzero((rows > 0) & (rows < RAREST_CLASS))
    if not len(rare):
        return ""
    first = ", ".join(target.classes[label] for label in rare[:NAMED])
    names = first if len(rare) <= NAMED else f"{first} and {len(rare) - NAMED} more"
    what = f"{len(rare)} of {len(rows)} labels {'has' if len(rare) == 1 else 'have'}"
    return f"{what} fewer than {RAREST_CLASS} rows of the rarer class ({names}): the interval may be too narrow"


def rarer_rows(truth: Array) -> Array:
    """Rows of the rarer class of every label of a multilabel task (n, labels).

    >>> rarer_rows(np.array([[0, 1], [1, 1], [1, 1]])).tolist()
    [1, 0]
    """
    positives = np.count_nonzero(truth, axis=0)
    return np.asarray(np.minimum(positives, len(truth) - positives))
