"""Another dev set for each replicate: the ten folds of the Nucleotide Transformer, the test rows untouched."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data.folds import draw_folds
from ..data.rows import take_rows
from ..errors import RequestError
from ..types import Inputs, Split, SplitRule, Task
from .fit import TrainRows

DEV_FOLDS = "dev_folds"
"""The option that all protocols which select on dev share; absent from a configuration that does not ask for it."""


def check_dev_folds(folds: Any) -> int:
    """The number of parts, 0 for the task's own dev rows; RequestError for anything but 0 or 2 to 100."""
    if isinstance(folds, bool) or not isinstance(folds, int) or not (folds == 0 or 2 <= folds <= 100):
        raise RequestError(
            f"{DEV_FOLDS} is {folds!r}; it must be a whole number from 2 to 100, or 0 for the task's dev."
        )
    return folds


def redrawn(rows: TrainRows, folds: int, seed: int, task: Task) -> TrainRows:
    """Train and dev together in `folds` parts by content; part `seed` is dev, the others are train.

    Seeds 0 to folds - 1 use every row as dev once (Dalla-Torre et al. 2024, Methods: ten folds over the training
    set, one fixed test set). Rows of one sequence on either strand, and of one group, stay together. Raises
    DataError where there are fewer of those than parts.
    """
    whole = pooled(rows)
    column = task.split_rule.groups or task.dependence.groups
    part = draw_folds(whole.inputs, whole.columns.get(column or ""), SplitRule(folds=folds, seed=task.split_rule.seed))
    chosen = part == seed % folds
    return TrainRows(
        take_rows(whole, np.flatnonzero(~chosen), "train"), take_rows(whole, np.flatnonzero(chosen), "dev")
    )


def pooled(rows: TrainRows) -> Split:
    """Train and dev as one split, with the columns that both have: what the parts are cut from."""
    train, dev = rows.train, rows.dev
    inputs = Inputs([*train.inputs.sequences, *dev.inputs.sequences], [*train.inputs.seconds, *dev.inputs.seconds])
    shared = [name for name in train.columns if name in dev.columns]
    columns = {name: np.concatenate([train.columns[name], dev.columns[name]]) for name in shared}
    return Split("train", inputs, np.concatenate([train.labels, dev.labels]), train.target, columns)
