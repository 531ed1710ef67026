"""The answer that ignores the sequence: the floor of every table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.types import Capability, Inputs, ModelInfo, Split

from .options import read_options

Table = NDArray[np.float64]


class Majority:
    """Class frequencies of train for every row (the mean for values): the score of knowing nothing."""

    def __init__(self, **options: Any) -> None:
        self.options = read_options("majority", options, {})

    @property
    def info(self) -> ModelInfo:
        return ModelInfo("majority", "majority", 1, options=self.options, strands="not looked at")

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset({"fit"})

    def fit(self, train: Split, dev: Split, seed: int = 0) -> "Constant":
        return Constant(label_table(train).mean(0))


@dataclass(frozen=True)
class Constant:
    """The same outputs for every row."""

    outputs: Table
    chosen: Mapping[str, Any] = field(default_factory=dict)

    def predict(self, inputs: Inputs) -> Table:
        return np.tile(self.outputs, (len(inputs), 1))


def label_table(split: Split) -> Table:
    """Labels as (n, outputs): one-hot for classes, 0/1 for multilabel, one column for values.

    The mean of some rows of it is what those rows predict: class frequencies or a mean value.
    """
    labels = np.asarray(split.labels)
    if split.target.kind == "class":
        return np.asarray(np.eye(split.target.outputs)[labels])
    return labels.reshape(len(split), -1).astype(np.float64)
