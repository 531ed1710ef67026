"""Shortcuts of one number: what a task gives away by base composition or length alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeRegressor

from dnabench.harness.sequence import encode, lengths
from dnabench.harness.types import Capability, Inputs, ModelInfo, Split

from .majority import Constant, Table, label_table
from .options import read_options

LEAVES = (1, 2, 3, 4, 6, 8, 12, 16)
DEFAULT_LEAVES = 4
"""Where no dev rows can choose."""


def gc_fraction(sequences: Sequence[str]) -> Table:
    """Share of G and C among the A, C, G, T of each sequence; 0.5 where there are none.

    >>> gc_fraction(["GGCA", "NN", "ATN"]).tolist()
    [0.75, 0.5, 0.0]
    """
    codes, offsets = encode(sequences)
    strong = _sums((codes == 1) | (codes == 2), offsets)
    known = _sums(codes < 4, offsets)
    return np.asarray(np.divide(strong, known, out=np.full(len(sequences), 0.5), where=known > 0))


class _OneNumber:
    """A decision on one number of the sequence, with as many steps as dev supports."""

    name: str
    measure: Callable[[Sequence[str]], NDArray[Any]]

    def __init__(self, **options: Any) -> None:
        self.options = read_options(self.name, options, {})

    @property
    def info(self) -> ModelInfo:
        strands = "both (the number is the same)"
        return ModelInfo(self.name, self.name, 1, options=self.options, strands=strands)

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset({"fit"})

    def fit(self, train: Split, dev: Split, seed: int = 0) -> "Steps":
        """Trees of 1 to 16 leaves on train; the one with the least squared error (Brier score) on dev."""
        measure = type(self).measure
        return choose_steps(measure, train, dev)


class GC(_OneNumber):
    """Shallow tree on the GC fraction alone: what base composition gives away."""

    name = "gc"
    measure = staticmethod(gc_fraction)


class Length(_OneNumber):
    """Shallow tree on the number of bases alone: what the length of a row gives away."""

    name = "length"
    measure = staticmethod(lengths)


@dataclass(frozen=True)
class Steps:
    """A step function of one number of the sequence."""

    measure: Callable[[Sequence[str]], NDArray[Any]]
    tree: Any
    chosen: Mapping[str, Any]

    def predict(self, inputs: Inputs) -> Table:
        if isinstance(self.tree, Constant):
            return self.tree.predict(inputs)
        found = self.tree.predict(_column(self.measure, inputs))
        return np.asarray(found, np.float64).reshape(len(inputs), -1)


def choose_steps(measure: Callable[[Sequence[str]], NDArray[Any]], train: Split, dev: Split) -> Steps:
    """The step function whose number of leaves has the least squared error on dev; ties to fewer leaves.

    A regression tree on one-hot labels splits by Gini impurity and predicts class frequencies, so that one
    tree serves classes, several labels and values.
    """
    if not len(dev):
        tree = _grow(measure, train, DEFAULT_LEAVES)
        return Steps(measure, tree, {"leaves": DEFAULT_LEAVES, "rule": "default: no usable dev rows"})
    truth = label_table(dev)
    errors = {}
    for leaves in LEAVES:
        found = Steps(measure, _grow(measure, train, leaves), {}).predict(dev.inputs)
        errors[leaves] = float(((found - truth) ** 2).mean())
    best = min(LEAVES, key=errors.__getitem__)
    chosen = {"leaves": best, "dev_squared_errors": {str(k): v for k, v in errors.items()}}
    return Steps(measure, _grow(measure, train, best), chosen)


def _grow(measure: Callable[[Sequence[str]], NDArray[Any]], train: Split, leaves: int) -> Any:
    table = label_table(train)
    if leaves == 1:
        return Constant(table.mean(0))
    smallest = max(1, min(50, len(train) // 20))
    tree = DecisionTreeRegressor(max_leaf_nodes=leaves, min_samples_leaf=smallest, random_state=0)
    return tree.fit(_column(measure, train.inputs), table)


def _column(measure: Callable[[Sequence[str]], NDArray[Any]], inputs: Inputs) -> NDArray[np.float32]:
    return measure(inputs.sequences).astype(np.float32)[:, None]


def _sums(flags: NDArray[np.bool_], offsets: NDArray[np.int64]) -> NDArray[np.float64]:
    running = np.concatenate([[0], np.cumsum(flags)])
    return np.diff(running[offsets]).astype(np.float64)
