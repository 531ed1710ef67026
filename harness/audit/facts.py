"""Everything the rows of a task say about themselves, without a model: one audit, made once and kept.

splits ──audit_splits_fully──► Facts ──keep_facts──► <cache>/audit/<fingerprint>.json
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.data.folds import fold_splits
from dnabench.harness.sequence import lengths
from dnabench.harness.types import Inputs, Split, Splits, Task

from .contained import contained_rows
from .duplicates import audit_splits, contradictory_sequences, duplicate_rows
from .lengths import length_facts
from .places import overlapping, place_facts, places_of
from .strands import composition_facts, strand_facts
from .twins import nearest_rows, shuffled_facts, twin_facts
from .words import LENGTH, memory_sentence, shared_words, word_index

Mask = NDArray[np.bool_]
VERSION = 3
"""Raised when any fact may change; kept facts of another version are made anew."""
MOST_BASES = 400_000_000
"""Bases of train and test together above which words are not compared."""


@dataclass(frozen=True)
class Facts:
    """What was found, as plain numbers by heading, and which test rows are leaked in what way."""

    found: Mapping[str, Any]
    leaks: Mapping[str, Mask] = field(default_factory=dict)
    """Kind → mask over the test rows: `duplicates`, `contained`, `words`, `places`."""


@dataclass(frozen=True)
class Fold:
    """Rows to learn from and the test rows that they are asked about; fixed splits are one fold."""

    train: Split
    test: Split
    at: NDArray[np.int64]
    """Where the test rows stand among all test rows."""


def audit_fully(task: Task, splits: Splits) -> Facts:
    """All facts about a task's rows; for `kfold` every test row against the train rows of its own fold.

    Nothing here aligns, trains or downloads: prom_core_all of GUE (59,000 rows of 70 bases) takes a second.
    """
    folds = list(_folds(task, splits))
    names = _classes(task)
    train, test = (splits.train, splits.test) if len(folds) == 1 else (folds[0].train, splits.test)
    counts = audit_splits(splits, both_strands=not task.strand_matters)
    masks, words, contained = _leaks(task, folds, len(splits.test))
    counts["test_in_train"] = int(masks["duplicates"].sum())
    labels = (train.labels, test.labels) if names else None
    found: dict[str, Any] = {
        "version": VERSION,
        "rows": {"train": len(splits.train), "dev": len(splits.dev), "test": len(splits.test), "folds": len(folds)},
        "duplicates": counts,
        "contradictions": contradictory_sequences(train) if names else {},
        "contained": contained,
        "words": words,
        "twins": _twins(folds, names, masks["duplicates"]),
        "shuffled": shuffled_facts(
            _texts(folds[0].test.inputs), _texts(folds[0].train.inputs), _labels(folds[0], names)
        ),
        "lengths": length_facts(_lengths(train.inputs), _lengths(test.inputs), labels, names),
        "composition": composition_facts(_texts(test.inputs), test.labels if names else None, names),
        "strands": strand_facts(test.inputs, train.inputs),
        "places": _places(train, test),
    }
    return Facts(found, {name: mask for name, mask in masks.items() if mask.any()})


def _folds(task: Task, splits: Splits) -> Sequence[Fold]:
    if task.split_rule.kind != "kfold":
        return [Fold(splits.train, splits.test, np.arange(len(splits.test)))]
    from dnabench.harness.data.rows import take_rows

    cuts = fold_splits(splits.test, task.split_rule)
    return [Fold(train, take_rows(splits.test, at), at) for train, _, at in cuts]


def _classes(task: Task) -> tuple[str, ...]:
    """The classes, where labels are classes."""
    return task.target.classes if task.target.kind == "class" else ()


def _leaks(task: Task, folds: Sequence[Fold], rows: int) -> tuple[dict[str, Mask], dict[str, Any], dict[str, Any]]:
    """Masks of leaked test rows, and what is said of shared words and contained rows."""
    masks = {name: np.zeros(rows, bool) for name in ("duplicates", "contained", "words", "places")}
    classes = len(_classes(task))
    votes = np.zeros((rows, max(classes, 1)))
    small = sum(int(_lengths(part.inputs).sum()) for part in (folds[0].train, folds[0].test)) <= MOST_BASES
    for fold in folds:
        test, train = _texts(fold.test.inputs), _texts(fold.train.inputs)
        masks["duplicates"][fold.at] = duplicate_rows(fold.test.inputs, fold.train.inputs).either
        if not small:
            continue
        labels = fold.train.labels if classes else None
        shared = shared_words(word_index(test), train, labels, max(classes, 1))
        votes[fold.at] = shared.votes
        masks["words"][fold.at] = shared.rows
        if not fold.test.inputs.seconds:
            masks["contained"][fold.at] = contained_rows(test, train)[0] | contained_rows(train, test)[1]
        masks["places"][fold.at] = _touching(fold)
    if not small:
        reason = {"skipped": f"more than {MOST_BASES:,} bases: rows are compared as wholes only"}
        return masks, reason, reason
    truth = np.concatenate([fold.test.labels for fold in folds])[np.argsort(np.concatenate([f.at for f in folds]))]
    words = _word_facts(masks["words"], votes, truth if classes else None)
    return masks, words, {"test_rows": int(masks["contained"].sum())}


def _word_facts(shared: Mask, votes: NDArray[np.float64], truth: NDArray[Any] | None) -> dict[str, Any]:
    share = float(shared.mean()) if len(shared) else 0.0
    facts: dict[str, Any] = {"bases": LENGTH, "test_rows": int(shared.sum()), "share": round(share, 6)}
    if truth is not None and shared.any():
        own, found = truth[shared], votes[shared]
        mine = found[np.arange(len(own)), own]
        facts["label_agrees"] = round(float((mine == found.max(1)).mean()), 6)
        facts["any_other_label"] = round(float((found.sum(1) > mine).mean()), 6)
    if sentence := memory_sentence(share):
        facts["memory"] = sentence
    return facts


def _twins(folds: Sequence[Fold], names: Sequence[str], known: Mask) -> Mapping[str, Any]:
    """Of the first fold: the others are alike."""
    if not names:
        return {"skipped": "labels are no classes"}
    fold = folds[0]
    found = nearest_rows(_texts(fold.test.inputs), _texts(fold.train.inputs))
    return twin_facts(found, fold.test.labels, fold.train.labels, known[fold.at])


def _labels(fold: Fold, names: Sequence[str]) -> tuple[NDArray[Any], NDArray[Any]] | None:
    return (fold.test.labels, fold.train.labels) if names else None


def _touching(fold: Fold) -> Mask:
    test, train = places_of(fold.test.columns), places_of(fold.train.columns)
    return np.zeros(len(fold.at), bool) if test is None or train is None else overlapping(test, train)


def _places(train: Split, test: Split) -> Mapping[str, Any]:
    """Overlaps where places are known; else how many chromosomes both splits hold, where those are known."""
    ours, theirs = places_of(test.columns), places_of(train.columns)
    if ours is not None and theirs is not None:
        return place_facts(ours, theirs)
    if "chromosome" not in test.columns or "chromosome" not in train.columns:
        return {}
    shared = np.intersect1d(test.columns["chromosome"], train.columns["chromosome"])
    return {
        "test_chromosomes": len(np.unique(test.columns["chromosome"])),
        "shared_chromosomes": len(shared),
        "share_on_shared_chromosomes": round(float(np.isin(test.columns["chromosome"], shared).mean()), 6),
    }


def _texts(inputs: Inputs) -> Sequence[str]:
    """One text per row; a pair is joined by an N, over which no word reaches."""
    return (
        list(map("N".join, zip(inputs.sequences, inputs.seconds, strict=True))) if inputs.seconds else inputs.sequences
    )


def _lengths(inputs: Inputs) -> NDArray[np.int64]:
    return lengths(inputs.sequences) + (lengths(inputs.seconds) if inputs.seconds else 0)
