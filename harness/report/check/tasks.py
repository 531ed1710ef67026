"""Do task files say what can be true? The file itself, its facts against each other, and the data where it is here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from ...data.fingerprint import content_keys, fingerprint_labels
from ...data.identity import test_facts
from ...data.load import load_splits
from ...data.sources import DataOptions
from ...errors import DnabenchError, Unavailable
from ...metrics import find_metric
from ...protocols import PROTOCOLS, configure
from ...types import Splits, Task
from .findings import Finding


def check_tasks(tasks: Sequence[Task], options: DataOptions, known: Collection[str] = ()) -> Iterator[Finding]:
    """Findings about each task: what the file says, and what the data says where it is on this machine.

    `known` are all task names there are: shared test rows must point at one of them.
    """
    names = {*known, *(task.name for task in tasks)}
    for task in tasks:
        faults = [*_metrics(task), *_facts(task), *_recipes(task), *_shared(task, names)]
        if faults:
            yield from (Finding(task.name, "task file", "fault", text) for text in faults)
        else:
            yield Finding(task.name, "task file", "ok", _identity(task))
        yield _data(task, options)


def _metrics(task: Task) -> Iterator[str]:
    for metric in task.all_metrics:
        try:
            find_metric(metric, task.target)
        except DnabenchError as error:
            yield str(error)


def _facts(task: Task) -> Iterator[str]:
    """Counts that contradict each other."""
    for split, facts in task.source.files.items():
        counts = facts.class_counts
        if counts is None:
            continue
        if task.target.kind == "class" and len(counts) != len(task.target.classes):
            yield f"{split}: {len(counts)} class counts for {len(task.target.classes)} classes"
        if task.target.kind == "class" and facts.rows is not None and sum(counts) != facts.rows:
            yield f"{split}: class counts sum to {sum(counts):,}, rows are {facts.rows:,}"


def _recipes(task: Task) -> Iterator[str]:
    """Recipes that none of the task's protocols can follow."""
    for recipe in task.recipes:
        problems = []
        for protocol in (p for p in task.protocols if p in PROTOCOLS):
            try:
                configure(protocol, task, recipe)
            except DnabenchError as error:
                problems.append(str(error))
            else:
                break
        else:
            yield f"no protocol can follow the recipe {recipe}: {problems[-1] if problems else 'none is offered'}"


def _shared(task: Task, names: Collection[str]) -> Iterator[str]:
    for other in task.dependence.shares_test_rows_with:
        if other not in names:
            yield f"shares_test_rows_with names {other}, which is no task"


def _identity(task: Task) -> str:
    files = task.source.files.values()
    proved = sum(bool(f.sha256 or f.git_sha1 or f.fingerprint) for f in files)
    return f"version {task.version}, {task.metric}; {proved} of {len(files)} files have a checksum"


def _data(task: Task, options: DataOptions) -> Finding:
    try:
        splits = load_splits(task, options)
    except Unavailable as missing:
        return Finding(task.name, "data", "note", f"not here: {missing}")
    except DnabenchError as error:
        return Finding(task.name, "data", "fault", str(error))
    said = [f"{name} {facts.rows:,} rows {facts.identity}" for name, facts in splits.facts.items()]
    return Finding(task.name, "data", "ok", ", ".join(said) + _labels(task, splits, options))


def _labels(task: Task, splits: Splits, options: DataOptions) -> str:
    """The fingerprint that a task file may hold of its test rows and their labels, where it has none yet."""
    known, test = test_facts(task), splits.test
    if (known is not None and known.labels) or options.limit is not None:
        return ""
    found = fingerprint_labels(content_keys(test.inputs), test.labels, test.target)
    return f"; its file may say of the test rows: `labels: {found}`"
