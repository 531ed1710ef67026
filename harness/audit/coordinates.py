"""A folder of coordinates (train and test, one table per class) as Genomic Benchmarks publish them, audited.

    DIR/train/positive.csv.gz   DIR/test/positive.csv.gz   columns: region (or chromosome), start, end

Neither the genome nor the sequences are needed: overlaps, repeats, lengths and a table of intervals say enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from dnabench.harness.data.formats import read_table
from dnabench.harness.data.opening import read_plain, text_of
from dnabench.harness.errors import DataError
from dnabench.harness.types import Score

from .lengths import CONTEXTS, length_facts, length_rule
from .places import Places, lookup_rule, place_facts

Whole = NDArray[np.int64]
SPLITS = ("train", "test")
_NAMES = ("region", "chromosome", "chrom", "chr")
_TABLES = (".csv", ".csv.gz")


@dataclass(frozen=True)
class Rows:
    """The rows of one split: places and class numbers."""

    places: Places
    labels: Whole

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Coordinates:
    """A data set of places: its classes in alphabetical order, and its two splits."""

    name: str
    classes: tuple[str, ...]
    train: Rows
    test: Rows


def is_coordinates(folder: Path) -> bool:
    """True for a folder with tables of places below train/ and test/."""
    return all(_tables(folder / split) for split in SPLITS)


def read_coordinates(folder: Path) -> Coordinates:
    """The places of a folder. Raises DataError (file, line) for tables that are none, or that differ in classes."""
    classes = {split: tuple(_tables(folder / split)) for split in SPLITS}
    if classes["train"] != classes["test"]:
        named = " and ".join(f"{split}: {', '.join(names) or 'none'}" for split, names in classes.items())
        raise DataError(f"{folder}: train and test must have the same classes, here {named}")
    if len(classes["train"]) < 2:
        raise DataError(f"{folder}: one class only ({', '.join(classes['train'])}): a score needs at least two")
    splits = [_read_split(folder / split) for split in SPLITS]
    return Coordinates(folder.resolve().name, classes["train"], *splits)


def coordinate_facts(data: Coordinates) -> dict[str, Any]:
    """Everything that places alone say of a data set: counts, overlaps, repeats, lengths."""
    train, test = data.train, data.test
    return {
        "rows": {split: _counts(rows, data.classes) for split, rows in (("train", train), ("test", test))},
        "places": place_facts(test.places, train.places) | _repeats(train),
        "by_class": {
            name: place_facts(test.places.take(test.labels == i), train.places.take(train.labels == i))
            for i, name in enumerate(data.classes)
        },
        "lengths": length_facts(train.places.lengths, test.places.lengths, (train.labels, test.labels), data.classes),
    }


def coordinate_scores(data: Coordinates) -> dict[str, Score]:
    """Accuracies, with intervals, of rules that never see a base: majority, length (also cut), table of intervals."""
    train, test = data.train, data.test
    long, longest = (train.places.lengths, test.places.lengths), int(test.places.lengths.max())
    majority = int(np.bincount(train.labels).argmax())
    rules = {"majority": np.full(len(test), majority), "length": length_rule(long[0], train.labels, long[1])}
    for cut in (c for c in CONTEXTS if c < longest and c <= 1024):
        first, second = (np.minimum(lengths, cut) for lengths in long)
        rules[f"length, cut at {cut}"] = length_rule(first, train.labels, second)
    rules["table of train intervals"] = lookup_rule(test.places, train.places, train.labels)
    return {name: _accuracy(called, test.labels) for name, called in rules.items()}


def _accuracy(called: Whole, truth: Whole) -> Score:
    """Accuracy is a share of independent rows, so its interval needs no resampling (Wilson 1927)."""
    hits, rows = int((called == truth).sum()), len(truth)
    low, high = binomtest(hits, rows).proportion_ci(method="wilson")
    return Score("accuracy", hits / rows, round(float(low), 10), round(float(high), 10), (hits / rows,), "Wilson")


def _counts(rows: Rows, classes: tuple[str, ...]) -> dict[str, int]:
    return dict(zip(classes, np.bincount(rows.labels, minlength=len(classes)).tolist(), strict=True))


def _repeats(train: Rows) -> dict[str, int]:
    """Places that stand more than once in train, and those with two labels."""
    seen: dict[str, set[int]] = {}
    words = train.places.words()
    for word, label in zip(words, train.labels.tolist(), strict=True):
        seen.setdefault(word, set()).add(label)
    return {
        "repeats_in_train": len(words) - len(seen),
        "places_with_two_labels": sum(len(labels) > 1 for labels in seen.values()),
    }


def _tables(folder: Path) -> dict[str, Path]:
    """Class name → table, in alphabetical order (never the directory's)."""
    if not folder.is_dir():
        return {}
    files = [path for path in folder.iterdir() if path.name.endswith(_TABLES) and path.is_file()]
    return dict(sorted((path.name.removesuffix(".gz").removesuffix(".csv"), path) for path in files))


def _read_split(folder: Path) -> Rows:
    parts = [_read_table(path) for path in _tables(folder).values()]
    places = Places(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    labels = np.repeat(np.arange(len(parts)), [len(part[1]) for part in parts])
    return Rows(places, labels)


def _read_table(path: Path) -> tuple[NDArray[np.str_], Whole, Whole]:
    name = f"{path.parent.name}/{path.name}"
    table, lines = read_table(text_of(read_plain(path, name), name), ",", ("start", "end"), name)
    region = next((column for column in _NAMES if column in table), None)
    if region is None:
        raise DataError(f"{name} has no column for the chromosome: name it one of {', '.join(_NAMES)}")
    starts, ends = (_numbers(table, column, name, lines) for column in ("start", "end"))
    wrong = np.flatnonzero(ends <= starts)
    if len(wrong):
        raise DataError(f"{name}, line {lines[int(wrong[0])]}: the interval is empty: its end must be above its start")
    return np.array(table[region], dtype=np.str_), starts, ends


def _numbers(table: Mapping[str, list[str]], column: str, name: str, lines: Any) -> Whole:
    try:
        return np.array(list(map(int, table[column])), np.int64)
    except ValueError:
        row = next(i for i, word in enumerate(table[column]) if not word.strip().removeprefix("-").isdigit())
        raise DataError(f"{name}, line {lines[row]}: {table[column][row]!r} is no place: give a whole number") from None
