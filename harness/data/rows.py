"""Rows of text → a checked split: letters, labels, ids and columns, each error with its file and line."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.errors import DataError
from dnabench.harness.sequence import IUPAC
from dnabench.harness.types import Inputs, Split, Target

from .formats import Rows

if TYPE_CHECKING:
    from dnabench.harness.types import Labels

_BASES = b"ACGT"
_LETTERS = IUPAC.encode() + IUPAC.lower().encode()
NO_LABEL = {"", "nan", "na", "n/a", "null"}
"""Words, in lower case, that pandas and R write for a missing value."""
_WIDEST = 100
"""Longest entry of a column that no task names but a split still carries."""


@dataclass(frozen=True)
class Checked:
    """A split and which of its rows were written in lower case, wholly or in part."""

    split: Split
    lower_case: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.split)

    def take(self, rows: NDArray[np.int64], name: str) -> Checked:
        """The rows at the given indices, in that order."""
        return Checked(take_rows(self.split, rows, name), self.lower_case[rows])


def check_rows(rows: Rows, target: Target, name: str, file: str, named: Collection[str] = ()) -> Checked:
    """The split that rows of text spell; `named` columns are kept however wide they are.

    Raises DataError (file, line, what to do) for no rows, an empty or impossible sequence, a label that is
    empty or outside the classes, and an id that stands twice.
    """
    if not len(rows):
        raise DataError(f"{file} has no rows below its header: is the file cut short?")
    lower = np.zeros(len(rows), bool)
    sequences = _check_letters(rows.sequences, lower, rows, file)
    seconds = _check_letters(rows.seconds, lower, rows, file)
    labels = _check_labels(rows, target, file)
    _refuse_double_ids(rows, file)
    columns = {
        column: _column(column, cells, rows, file)
        for column, cells in rows.columns.items()
        if column in named or max(map(len, cells)) <= _WIDEST
    }
    return Checked(Split(name, Inputs(sequences, seconds), labels, target, columns), lower)


def take_rows(split: Split, rows: Labels, name: str | None = None) -> Split:
    """The rows of a split at the given indices, in that order."""
    at = rows.tolist()
    inputs = split.inputs
    seconds = [inputs.seconds[i] for i in at] if inputs.seconds else ()
    columns = {column: cells[rows] for column, cells in split.columns.items()}
    taken = Inputs([inputs.sequences[i] for i in at], seconds)
    return Split(name or split.name, taken, split.labels[rows], split.target, columns)


def class_counts(split: Split) -> tuple[int, ...] | None:
    """Rows of each class, positive rows of each label, None for values."""
    if split.target.kind == "value":
        return None
    if split.target.kind == "multilabel":
        return tuple(int(count) for count in split.labels.sum(axis=0, dtype=np.int64))
    return tuple(int(count) for count in np.bincount(split.labels, minlength=len(split.target.classes)))


def count_other_letters(inputs: Inputs) -> int:
    """Bases that are not A, C, G or T.

    >>> count_other_letters(Inputs(["ACGN", "RC"]))
    2
    """
    return len("".join((*inputs.sequences, *inputs.seconds)).encode().translate(None, _BASES))


def _check_letters(sequences: list[str], lower: NDArray[np.bool_], rows: Rows, file: str) -> list[str]:
    """Upper-case sequences; rows that were not are marked in `lower`."""
    if "" in sequences:
        place = rows.place(sequences.index(""))
        raise DataError(f"{file}, {place}: the sequence is empty: fill it in or drop the row")
    # One pass in C over all letters; rows are looked at singly only where something is found.
    rest = "".join(sequences).encode("utf-8", "replace").translate(None, _BASES)
    if rest.translate(None, _LETTERS):
        _refuse_letter(sequences, rows, file)
    if rest.upper() == rest:
        return sequences
    lower |= np.fromiter((not sequence.isupper() for sequence in sequences), bool, len(sequences))
    return [sequence.upper() for sequence in sequences]


def _refuse_letter(sequences: list[str], rows: Rows, file: str) -> NoReturn:
    legal = set(_LETTERS.decode())
    row = next(i for i, sequence in enumerate(sequences) if not legal.issuperset(sequence))
    base = next(i for i, letter in enumerate(sequences[row]) if letter not in legal)
    letter = sequences[row][base]
    advice = {
        "U": "this is RNA, replace U by T",
        "u": "this is RNA, replace u by t",
        "-": "this is a gap, remove it",
        " ": "this is a blank, remove it",
        "\t": "this is a tab, remove it",
    }.get(letter, f"the letters of DNA are {IUPAC} in either case")
    raise DataError(f"{file}, {rows.place(row)}: {letter!r} at base {base + 1} is not a DNA letter: {advice}")


def refuse_missing_labels(rows: Rows, file: str, classes: Collection[str] = ()) -> None:
    """Raise DataError with file and line for a label that is empty or a word for "missing" (NaN, NA, …)."""
    for word in set(rows.labels):
        if word.strip().lower() in NO_LABEL and word not in classes:
            place = rows.place(rows.labels.index(word))
            said = f"is {word!r}" if word.strip() else "is empty"
            raise DataError(f"{file}, {place}: the label {said}: fill it in or drop the row")


def _check_labels(rows: Rows, target: Target, file: str) -> Labels:
    refuse_missing_labels(rows, file, target.classes)
    if target.kind == "class":
        return _class_labels(rows, target, file)
    return _values(rows, file) if target.kind == "value" else _label_sets(rows, target, file)


def _class_labels(rows: Rows, target: Target, file: str) -> Labels:
    """Class numbers from class names or, where those do not fit, from the numbers themselves."""
    found = set(rows.labels)
    number = {word: i for i, word in enumerate(target.classes)}
    if not found <= number.keys():
        counted = {str(i): i for i in range(len(target.classes))}
        number = counted if found <= counted.keys() else number
    wrong = found - number.keys()
    if wrong:
        row = next(i for i, word in enumerate(rows.labels) if word in wrong)
        classes = ", ".join(target.classes[:12]) + (", …" if len(target.classes) > 12 else "")
        raise DataError(
            f"{file}, {rows.place(row)}: the label {rows.labels[row]!r} is none of the classes "
            f"({classes}): mend the label or the task's `classes`"
        )
    return np.fromiter(map(number.__getitem__, rows.labels), np.int64, len(rows.labels))


def _label_sets(rows: Rows, target: Target, file: str) -> Labels:
    width = len(target.classes)
    for word in set(rows.labels):
        if len(word) != width or set(word) - {"0", "1"}:
            place = rows.place(rows.labels.index(word))
            raise DataError(
                f"{file}, {place}: the labels {word[:40]!r} must be {width} digits of 0 and 1, one per label"
            )
    flat = np.frombuffer("".join(rows.labels).encode(), np.uint8) - ord("0")
    return flat.astype(np.int8).reshape(-1, width)


def _values(rows: Rows, file: str) -> Labels:
    return np.array(_numbers(rows.labels, "label", rows, file), np.float64)


def _numbers(words: Sequence[str], column: str, rows: Rows, file: str) -> list[float]:
    numbers = []
    for row, word in enumerate(words):
        try:
            number = float(word)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise DataError(
                f"{file}, {rows.place(row)}: the {column} {word[:40]!r} is not a finite number: drop the row"
            )
        numbers.append(number)
    return numbers


def _refuse_double_ids(rows: Rows, file: str) -> None:
    ids = rows.columns.get("id", [])
    if len(set(ids)) == len(ids):
        return
    first: dict[str, int] = {}
    row = next(i for i, word in enumerate(ids) if first.setdefault(word, i) != i)
    raise DataError(
        f"{file}, {rows.place(row)}: the id {ids[row]!r} stands at {rows.place(first[ids[row]])} already: "
        "rename it or drop the row"
    )


def _column(column: str, cells: list[str], rows: Rows, file: str) -> Labels:
    return np.array(_numbers(cells, column, rows, file) if column == "weight" else cells)
