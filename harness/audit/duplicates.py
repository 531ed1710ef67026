"""Rows that stand twice: between splits, on either strand, within a split, and with two labels.

Rows are compared as whole sequences through Python's sets of strings, so the counts are exact, not hashed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.data.fingerprint import label_words, row_words
from dnabench.harness.sequence import reverse_complements
from dnabench.harness.types import Inputs, Split, Splits

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Duplicates:
    """For every row of one split, whether another split holds it: as it is, or as its reverse complement."""

    exact: Mask
    reverse_complement: Mask
    """True where the other strand is found; a row can be both."""

    @property
    def either(self) -> Mask:
        return self.exact | self.reverse_complement


def duplicate_rows(test: Inputs, train: Inputs) -> Duplicates:
    """Which rows of `test` are in `train`, told apart by strand.

    A pair counts as reverse complemented where both of its sequences are.

    >>> found = duplicate_rows(Inputs(["AAC", "GTT", "CCC"]), Inputs(["AAC"]))
    >>> found.exact.tolist(), found.reverse_complement.tolist()
    ([True, False, False], [False, True, False])
    """
    known = set(row_words(train.sequences, train.seconds))
    forward = row_words(test.sequences, test.seconds)
    backward = row_words(reverse_complements(test.sequences), reverse_complements(test.seconds))
    return Duplicates(_found(forward, known), _found(backward, known))


def rows_in(these: Inputs, those: Inputs) -> Mask:
    """Which rows of `these` are in `those`, on either strand.

    >>> rows_in(Inputs(["AAC", "GTT", "CCC"]), Inputs(["AAC"])).tolist()
    [True, True, False]
    """
    return duplicate_rows(these, those).either


def repeated_rows(inputs: Inputs) -> Mask:
    """Which rows repeat an earlier row of the same split, on either strand.

    >>> repeated_rows(Inputs(["AAC", "GTT", "CCC", "AAC"])).tolist()
    [False, True, False, True]
    """
    first: dict[str, int] = {}
    rows = canonical_rows(inputs)
    return np.fromiter((first.setdefault(row, i) != i for i, row in enumerate(rows)), bool, len(rows))


def contradictory_rows(*splits: Split, both_strands: bool = True) -> int:
    """How many rows of all splits together have a twin with another label.

    `both_strands=False` compares rows as they stand, for tasks whose label depends on the strand.
    """
    rows = [row for s in splits for row in (canonical_rows(s.inputs) if both_strands else _words(s.inputs))]
    labels = [word for s in splits for word in label_words(s.labels, s.target)]
    seen: dict[str, str] = {}
    doubtful = {row for row, label in zip(rows, labels, strict=True) if seen.setdefault(row, label) != label}
    return sum(row in doubtful for row in rows) if doubtful else 0


def contradictory_sequences(split: Split) -> dict[str, int]:
    """Within one split: distinct sequences that stand with several labels, and their rows; strands told apart.

    >>> from dnabench.harness.types import Target
    >>> labels = np.array([0, 1, 1, 0])
    >>> contradictory_sequences(Split("train", Inputs(["AC", "AC", "AC", "GG"]), labels, Target("class", ("0", "1"))))
    {'sequences': 1, 'rows': 3}
    """
    labels: dict[str, set[str]] = {}
    rows = _words(split.inputs)
    for row, label in zip(rows, label_words(split.labels, split.target), strict=True):
        labels.setdefault(row, set()).add(label)
    doubtful = {row for row, found in labels.items() if len(found) > 1}
    return {"sequences": len(doubtful), "rows": sum(row in doubtful for row in rows)}


def audit_splits(splits: Splits, *, both_strands: bool = True) -> dict[str, int]:
    """The counts that go with every task: rows shared between splits, repeats within train, contradictions.

    `test_in_train` counts the test rows that train holds on either strand, `test_in_train_exact` on the same.
    """
    train, dev, test = splits.train, splits.dev, splits.test
    leaked, chosen = duplicate_rows(test.inputs, train.inputs), duplicate_rows(dev.inputs, train.inputs)
    return {
        "test_in_train": int(leaked.either.sum()),
        "test_in_train_exact": int(leaked.exact.sum()),
        "dev_in_train": int(chosen.either.sum()),
        "dev_in_train_exact": int(chosen.exact.sum()),
        "test_in_dev": int(rows_in(test.inputs, dev.inputs).sum()),
        "repeats_in_train": int(repeated_rows(train.inputs).sum()),
        "repeats_in_test": int(repeated_rows(test.inputs).sum()),
        "contradictory": contradictory_rows(train, dev, test, both_strands=both_strands),
    }


def canonical_rows(inputs: Inputs) -> list[str]:
    """One word per row that is the same for both strands.

    >>> canonical_rows(Inputs(["GTT", "AAC"]))
    ['AAC', 'AAC']
    """
    backward = row_words(reverse_complements(inputs.sequences), reverse_complements(inputs.seconds))
    return list(map(min, _words(inputs), backward))


def _words(inputs: Inputs) -> Sequence[str]:
    return row_words(inputs.sequences, inputs.seconds)


def _found(words: Iterable[str], known: set[str]) -> Mask:
    return np.fromiter(map(known.__contains__, words), bool)
