"""A task's splits as far as they are on this machine: where train is missing, test is compared with dev alone."""

from __future__ import annotations

from dataclasses import replace

from dnabench.harness.data.identity import identify
from dnabench.harness.data.load import load_splits, read_file
from dnabench.harness.data.rows import take_rows
from dnabench.harness.data.sources import DataOptions, find_local
from dnabench.harness.errors import Unavailable
from dnabench.harness.types import Split, SplitFacts, Splits, Task


def splits_here(task: Task, options: DataOptions) -> tuple[Splits, str]:
    """The splits, and the name of the split that test can be compared with: `train`, else `dev` in its place.

    Raises Unavailable where not even dev and test are here.
    """
    try:
        return load_splits(task, options), "train"
    except Unavailable as missing:
        parts = {name: _part(task, name, options) for name in ("dev", "test")}
        dev, test = parts["dev"], parts["test"]
        if dev is None or test is None:
            raise missing from None
        none = take_rows(dev[0], dev[0].labels[:0].astype(int), "dev")
        train = replace(dev[0], name="train")
        return Splits(train, none, test[0], {"dev": dev[1], "test": test[1]}), "dev"


def rows_of_test(task: Task, options: DataOptions) -> Split | None:
    """The test rows alone, which need no train; None where they are not here or are drawn from all rows."""
    found = _part(task, "test", options)
    return found[0] if found else None


def _part(task: Task, name: str, options: DataOptions) -> tuple[Split, SplitFacts] | None:
    known = task.source.files.get(name)
    found = find_local(task, known, options) if known and task.split_rule.kind == "fixed" else None
    if known is None or found is None:
        return None
    seen = read_file(task, name, known, found, options)
    return seen.checked.split, identify(seen, known)
