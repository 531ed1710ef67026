"""What there is, by name: suites, tasks, models, metrics, runs. numpy stays out of the first three."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from ..data.state import task_state
from .render import MISSING, Table

if TYPE_CHECKING:
    from ..data.fetch import Fetched
    from ..data.sources import DataOptions
    from ..run.store import StoredRecord
    from ..types import Suite, Task


MISSING_FILES = {
    "needs download": "dnabench fetch TASK brings its files",
    "needs genome": "name its genome, --genome NAME=FILE",
    "unavailable": "no place to download it from is known: bring the files, --data DIR",
}
"""What a state of a task asks of its reader."""


def matches(name: str, pattern: str) -> bool:
    """True where a name holds the pattern or fits it as a glob; an empty one fits everything.

    >>> matches("gue/emp_H3", "emp"), matches("gue/emp_H3", "gue/emp_*"), matches("gue/emp_H3", "tf")
    (True, True, False)
    """
    return not pattern or pattern.lower() in name.lower() or fnmatchcase(name, pattern)


def suite_table(suites: Iterable[Suite], pattern: str = "") -> Table:
    """Suites with the number of their tasks."""
    found = [suite for suite in suites if matches(suite.name, pattern)]
    return _table(
        found,
        {
            "suite": lambda s: s.name,
            "tasks": lambda s: len(s.tasks),
            "title": lambda s: s.title,
            "licence": lambda s: s.licence,
        },
        shown=("suite", "tasks", "title"),
    )


def task_table(tasks: Iterable[Task], pattern: str, options: DataOptions) -> Table:
    """Tasks with what they ask, how they are scored, and whether they can be run here and now."""
    found = [task for task in tasks if matches(task.name, pattern)]
    table = _table(
        found,
        {
            "task": lambda t: t.name,
            "version": lambda t: t.version,
            "metric": lambda t: t.metric,
            "inputs": lambda t: t.inputs,
            "target": target_text,
            "bases": lambda t: t.length,
            "state": lambda t: task_state(t, options),
            "train": lambda t: _rows(t, "train"),
            "test": lambda t: _rows(t, "test"),
            "species": lambda t: t.species,
            "group": lambda t: t.group,
            "title": lambda t: t.title,
        },
        shown=("task", "state", "metric", "target", "bases", "train", "test", "title"),
    )
    states = {row["state"] for row in table.data}
    return replace(table, notes=table.notes + tuple(f"{s}: {what}" for s, what in MISSING_FILES.items() if s in states))


def model_table(models: Mapping[str, str], pattern: str = "") -> Table:
    """Models with the first line of their description."""
    found = [item for item in models.items() if matches(item[0], pattern)]
    return _table(found, {"model": lambda item: item[0], "what it is": lambda item: item[1]})


def metric_table(pattern: str = "") -> Table:
    """Metrics with their full names, what they score, and their range."""
    from ..metrics import METRICS

    found = [metric for metric in METRICS.values() if matches(metric.name, pattern)]
    return _table(
        found,
        {
            "metric": lambda m: m.name,
            "full name": lambda m: m.title,
            "for": lambda m: ", ".join(sorted(m.targets)),
            "range": lambda m: f"{m.low:g} to {m.high:g}".replace("inf", "∞"),
            "best": lambda m: f"{m.best:g}",
        },
    )


def run_table(stored: Iterable[StoredRecord], pattern: str = "") -> Table:
    """Records below a results folder; the path is what `dnabench show` takes."""
    from .cells import cell
    from .tables import value_text

    rows = [(one.path, cell(one.record)) for one in stored]
    found = [row for row in rows if matches(str(row[0]), pattern)]
    return _table(
        found,
        {
            "task": lambda row: row[1].task,
            "model": lambda row: row[1].model,
            "status": lambda row: row[1].status.replace("_", " "),
            "metric": lambda row: row[1].metric,
            "score": lambda row: value_text(row[1].score),
            "run": lambda row: str(row[0]),
        },
    )


def fetched_table(done: Sequence[Fetched]) -> Table:
    """What `dnabench fetch` brought or found, with what each file was proved to be; missing ones by their cause.

    As data every file has its row.
    """
    columns: dict[str, Callable[[Any], Any]] = {
        "task": lambda got: got.task,
        "file": lambda got: got.file,
        "from": lambda got: got.origin,
        "identity": lambda got: got.identity,
        "state": _fetched_state,
        "problem": lambda got: got.problem,
    }
    here = [got for got in done if got.origin or not got.problem]
    wrong = sum(bool(got.problem) for got in here)
    table = _table(here, columns, shown=tuple(columns) if wrong else tuple(columns)[:-1])
    said = f"{len(done):,} files, {len(here) - wrong:,} here and checked"
    data = _table(done, columns).data
    notes = (*_missing([got for got in done if got not in here]), said)
    return replace(table, notes=notes, data=data)


def _missing(files: Sequence[Fetched]) -> Iterator[str]:
    """A sentence for each cause, with how many files it holds back."""
    causes: dict[str, list[Fetched]] = {}
    for got in files:
        bare = got.problem.removeprefix(f"{got.task}: ").removeprefix(f"{got.task} ")
        causes.setdefault(bare.removeprefix(f"{got.file} is missing: "), []).append(got)
    for cause, held in causes.items():
        one = f"{held[0].task} {held[0].file}"
        which = f"{one} is" if len(held) == 1 else f"{len(held):,} files, {one} the first of them, are"
        yield f"{which} missing: {cause}"


def _fetched_state(got: Fetched) -> str:
    if got.problem:
        return "not usable" if got.origin else "missing"
    return "downloaded" if got.new else "here"


def target_text(task: Task) -> str:
    """What is predicted, in a word or two."""
    names = {"class": "classes", "multilabel": "labels"}
    return f"{len(task.target.classes)} {names[task.target.kind]}" if task.target.kind in names else "value"


def _rows(task: Task, split: str) -> int | None:
    """Rows of a split where they are known; with folds every row is a test row once."""
    files = task.source.files
    facts = files.get(split) or (files.get("all") if split == "test" and task.split_rule.kind == "kfold" else None)
    return facts.rows if facts else None


def _table(found: Sequence[Any], columns: Mapping[str, Callable[[Any], Any]], shown: Sequence[str] = ()) -> Table:
    """A table of things: `shown` columns (all if none) as text, every column as data."""
    data = tuple({name: value(one) for name, value in columns.items()} for one in found)
    head = tuple(shown) or tuple(columns)
    rows = tuple(tuple(_text(row[name]) for name in head) for row in data)
    return Table("", head, rows, () if rows else ("nothing of that name",), data)


def _text(value: Any) -> str:
    return MISSING if value in (None, "") else f"{value:,}" if isinstance(value, int) else str(value)
