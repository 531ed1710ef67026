"""Shortcuts of a few numbers: how far a linear rule on dinucleotides, or on the places of N, gets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.sequence import UNKNOWN, encode, kmer_counts, lengths
from dnabench.harness.types import Capability, Inputs, ModelInfo, Split

from .majority import Constant, Table
from .options import read_options

PLACES = 10
"""Stretches of equal length into which a row is cut for the places of N."""


def dinucleotide_shares(sequences: Sequence[str]) -> Table:
    """Share of each of the 16 dinucleotides in each sequence, (n, 16); 0 where there are none.

    >>> dinucleotide_shares(["AAAC", "N"])[:, :2].round(2).tolist()
    [[0.67, 0.33], [0.0, 0.0]]
    """
    counts = kmer_counts(sequences, (2,)).toarray().astype(np.float64)
    return np.asarray(counts / np.maximum(counts.sum(1, keepdims=True), 1))


def unknown_shares(sequences: Sequence[str]) -> Table:
    """Share of letters other than A, C, G, T in the whole row and in each tenth of it, (n, 11).

    >>> unknown_shares(["ANNNNNNNNN"])[0, :3].tolist()
    [0.9, 0.0, 1.0]
    """
    codes, offsets = encode(sequences)
    running = np.concatenate([[0], np.cumsum(codes == UNKNOWN)])
    steps = np.arange(PLACES + 1)
    cuts = offsets[:-1, None] + lengths(sequences)[:, None] * steps // PLACES
    inside, widths = np.diff(running[cuts], axis=1), np.diff(cuts, axis=1)
    places = inside / np.maximum(widths, 1)
    whole = inside.sum(1) / np.maximum(widths.sum(1), 1)
    return np.concatenate([whole[:, None], places], axis=1)


class _Shares:
    """A linear rule on a few shares of the sequence: logistic regression, or ridge for values."""

    name: str
    strands: str
    measure: Callable[[Sequence[str]], Table]

    def __init__(self, **options: Any) -> None:
        self.options = read_options(self.name, options, {})

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(self.name, self.name, 1, options=self.options, strands=self.strands)

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset({"fit"})

    def fit(self, train: Split, dev: Split, seed: int = 0) -> "Rule":
        """Fitted on train alone, with the usual strength: there is hardly anything to choose."""
        return fit_rule(type(self).measure, train)


class Dinucleotide(_Shares):
    """Logistic regression on the 16 dinucleotide frequencies: what composition gives away beyond GC."""

    name = "dinucleotide"
    strands = "one strand"
    measure = staticmethod(dinucleotide_shares)


class NPosition(_Shares):
    """Logistic regression on how much of each tenth of the row is N: what gaps and padding give away."""

    name = "n_position"
    strands = "one strand"
    measure = staticmethod(unknown_shares)


@dataclass(frozen=True)
class Rule:
    """A linear rule on standardised shares; one part per output, or one for all classes."""

    measure: Callable[[Sequence[str]], Table]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    parts: Sequence[Any]
    chosen: Mapping[str, Any] = field(default_factory=dict)

    def predict(self, inputs: Inputs) -> Table:
        table = (_measured(self.measure, inputs) - self.centre) / self.scale
        return np.concatenate([_outputs(part, table, inputs) for part in self.parts], axis=1)


def fit_rule(measure: Callable[[Sequence[str]], Table], train: Split) -> Rule:
    """The rule for a split's target; shares that are the same in all rows say nothing and weigh nothing."""
    from sklearn.linear_model import Ridge

    table = _measured(measure, train.inputs)
    centre, spread = table.mean(0), table.std(0)
    scale = np.where(spread > 1e-12, spread, np.inf)
    scaled = (table - centre) / scale
    labels = np.asarray(train.labels)
    if train.target.kind == "value":
        parts = [Ridge().fit(scaled, labels.reshape(len(labels), -1))]
    elif train.target.kind == "class":
        parts = [_classifier(scaled, labels, slice(train.target.outputs))]
    else:
        # Of the two columns "no" and "yes" a label keeps the second.
        parts = [_classifier(scaled, column, slice(1, 2)) for column in labels.T]
    return Rule(measure, centre, scale, parts)


@dataclass(frozen=True)
class _Columns:
    """A classifier whose probabilities stand in the columns of all classes, also of those train never shows."""

    model: Any
    wanted: slice
    """Columns that are outputs of the task."""


def _classifier(table: Table, labels: NDArray[Any], wanted: slice) -> Any:
    """Logistic regression; the frequencies of train where train shows one class only."""
    from sklearn.linear_model import LogisticRegression

    classes = np.asarray(labels, np.int64)
    if len(np.unique(classes)) < 2:
        return Constant(np.bincount(classes, minlength=wanted.stop)[wanted] / len(classes))
    return _Columns(LogisticRegression(max_iter=1000).fit(table, classes), wanted)


def _outputs(part: Any, table: Table, inputs: Inputs) -> Table:
    if isinstance(part, Constant):
        return part.predict(inputs)
    if not isinstance(part, _Columns):
        return np.asarray(part.predict(table), np.float64).reshape(len(table), -1)
    found = np.zeros((len(table), part.wanted.stop))
    found[:, part.model.classes_] = part.model.predict_proba(table)
    return found[:, part.wanted]


def _measured(measure: Callable[[Sequence[str]], Table], inputs: Inputs) -> Table:
    """The shares of a row, for a pair those of both sequences side by side."""
    first = measure(inputs.sequences)
    return np.concatenate([first, measure(inputs.seconds)], axis=1) if len(inputs.seconds) else first
