"""The split rules: a column that names each row's split, folds, a dev set out of train, a limit on rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.errors import DataError, nearest
from dnabench.harness.types import Split, SplitFacts, Splits, Task

from .fingerprint import content_keys
from .folds import PARTS, draw_dev_rows, draw_folds, draw_parts
from .identity import Seen, identify_part
from .rows import Checked, take_rows

if TYPE_CHECKING:
    from dnabench.harness.types import Labels

SPLITS = ("train", "dev", "test")
_MEANING = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "val", "valid", "validation"), "dev"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def by_column(task: Task, seen: Seen, whole: SplitFacts) -> Splits:
    """train, dev and test as a column names them, or drawn by content where the rule says `made`.

    A dev set that the column does not name is drawn from train. Raises DataError for another word and for a
    file without train or test rows.
    """
    rows = seen.checked
    names = _drawn_names(task, rows.split) if task.split_rule.made else _named(task, rows.split, seen.file)
    parts = {name: rows.take(np.flatnonzero(names == name), name) for name in SPLITS}
    for name in ("train", "test"):
        if not len(parts[name]):
            raise DataError(f"{seen.file}: no row has {name!r} in the column {task.split_rule.column!r}: mark some")
    known = task.source.files
    facts = {name: identify_part(parts[name], seen, whole, known.get(name)) for name in SPLITS if len(parts[name])}
    if task.split_rule.made:
        facts = {name: replace(fact, file=f"{fact.file} ({name} drawn by content)") for name, fact in facts.items()}
    if not len(parts["dev"]):
        drawn, drawn_facts = draw_dev(task, replace(seen, checked=parts["train"]), facts["train"])
        parts, facts = parts | drawn, facts | drawn_facts
    return Splits(parts["train"].split, parts["dev"].split, parts["test"].split, facts)


def by_fold(task: Task, seen: Seen, whole: SplitFacts) -> Splits:
    """All rows as test with a column `fold`; train and dev are empty: `folds.fold_splits` makes them."""
    rows = seen.checked
    groups = _groups(task, rows.split, seen.file)
    test = replace(rows, split=_folded(task, replace(rows.split, name="test"), groups))
    nothing = np.empty(0, np.int64)
    facts = {"test": identify_part(test, seen, whole, task.source.files.get("test"))}
    return Splits(take_rows(rows.split, nothing, "train"), take_rows(rows.split, nothing, "dev"), test.split, facts)


def draw_dev(task: Task, seen: Seen, facts: SplitFacts) -> tuple[dict[str, Checked], dict[str, SplitFacts]]:
    """train and dev out of a training set that came without dev: by content, so the same in any row order.

    The facts say that it was drawn; their identity is that of the rows it was drawn from.
    """
    split = seen.checked.split
    column = task.split_rule.groups or task.dependence.groups
    train, dev = draw_dev_rows(split, split.columns.get(column) if column else None, task.split_rule.seed)
    parts = {"train": seen.checked.take(train, "train"), "dev": seen.checked.take(dev, "dev")}
    drawn = {name: identify_part(part, seen, facts, None) for name, part in parts.items()}
    said = {"train": "without the drawn dev rows", "dev": "dev drawn by content"}
    return parts, {name: replace(fact, file=f"{fact.file} ({said[name]})") for name, fact in drawn.items()}


def limit_splits(task: Task, splits: Splits, limit: int) -> Splits:
    """At most `limit` rows of each split, classes balanced, chosen by content; folds are redrawn."""
    train, dev, test = (take_rows(s, balanced_rows(s, limit)) for s in (splits.train, splits.dev, splits.test))
    if task.split_rule.kind == "kfold":
        test = _folded(task, test, _groups(task, test, task.name))
    return replace(splits, train=train, dev=dev, test=test)


def balanced_rows(split: Split, limit: int) -> NDArray[np.int64]:
    """Indices, in file order, of the rows that a limit keeps.

    Within a class rows come in the order of their content's hash; classes take turns until `limit` is
    reached.
    """
    if len(split) <= limit:
        return np.arange(len(split))
    keys = content_keys(split.inputs)
    classes = split.labels if split.target.kind == "class" else np.zeros(len(split), np.int64)
    order = np.lexsort((keys, classes))
    sizes = np.bincount(classes)
    turn = np.arange(len(split)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    kept = order[np.argsort(turn, kind="stable")[:limit]]
    return np.sort(kept)


def _folded(task: Task, split: Split, groups: Labels | None) -> Split:
    fold = draw_folds(split.inputs, groups, task.split_rule)
    return replace(split, columns={**split.columns, "fold": fold})


def _named(task: Task, rows: Split, file: str) -> Labels:
    column = task.split_rule.column
    if column not in rows.columns:
        guess = nearest(column, list(rows.columns))
        raise DataError(f"{file} has no column {column!r} that names each row's split.{guess}")
    words = rows.columns[column]
    meaning = {word: _MEANING.get(str(word).strip().lower(), "") for word in np.unique(words).tolist()}
    for word, name in meaning.items():
        if not name:
            row = int(np.flatnonzero(words == word)[0]) + 1
            raise DataError(
                f"{file}, row {row} below the header: {word!r} is no split: write train, dev (or val) or test"
            )
    return np.array([meaning[word] for word in words.tolist()])


def _drawn_names(task: Task, rows: Split) -> Labels:
    groups = _groups(task, rows, task.name)
    return np.array(SPLITS)[draw_parts(rows.inputs, groups, PARTS, task.split_rule.seed)]


def _groups(task: Task, rows: Split, file: str) -> Labels | None:
    column = task.split_rule.groups
    if column is None:
        return None
    if column not in rows.columns:
        guess = nearest(column, list(rows.columns))
        raise DataError(f"{file} has no column {column!r}, whose groups must stay undivided.{guess}")
    return rows.columns[column]
