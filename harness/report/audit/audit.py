"""The audit of tasks: facts about rows, shortcut scores as ordinary cells, and what leaked rows are worth.

tasks ──audit_tasks──► Audit (a TaskAudit each, overlaps between them) ──page──► text, JSON, HTML
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ... import registry
from ...audit.facts import Facts
from ...audit.findings import Finding, findings
from ...audit.here import rows_of_test, splits_here
from ...audit.kept import facts_of
from ...audit.leaks import Without, score_without
from ...audit.near import near_duplicates
from ...audit.overlap import Overlap, Union, overlaps, undeclared
from ...audit.second import second_opinion
from ...data.sources import DataOptions, cache_folder
from ...errors import DnabenchError
from ...run.plan import Request, make_plan
from ...run.run import RunOptions, run_plan
from ...run.store import StoredRecord
from ...types import Adapter, Inputs, RunRecord, Splits, Task
from ..cells import as_test_set, cells, column_names
from .marks import SHORTCUTS, TRIVIAL, Trivial, trivial_marks

LEAKS = {
    "duplicates": "rows in train",
    "contained": "contained rows",
    "words": "rows sharing 32 bases",
    "places": "overlaps",
}
"""Kinds of leaked test rows, and what a table calls them."""


@dataclass(frozen=True)
class Asked:
    """What an audit is to do besides the facts, which are always made."""

    data: DataOptions
    stored: Sequence[StoredRecord] = ()
    """Records of earlier runs: their scores stand beside the shortcuts, with and without leaked rows."""
    shortcuts: bool = True
    align: bool = False
    second: bool = False


@dataclass(frozen=True)
class Leaked:
    """One record's score, and what it owes to one kind of leaked test rows."""

    record: RunRecord
    kind: str
    without: Without


@dataclass(frozen=True)
class TaskAudit:
    """Everything found about one task; without facts where its rows are not here."""

    task: Task
    facts: Facts | None = None
    problem: str = ""
    compared: str = "train"
    records: tuple[RunRecord, ...] = ()
    leaked: tuple[Leaked, ...] = ()
    trivial: Trivial | None = None
    idle: Mapping[str, str] = field(default_factory=dict)
    """Trivial rules that were not fitted because these rows give them nothing to see, and why."""
    near: Mapping[str, Any] = field(default_factory=dict)
    second: Mapping[str, Any] = field(default_factory=dict)

    def name_of(self, record: RunRecord) -> str:
        """A record's model, with what tells it from the others of this name here (its protocol, an option)."""
        found = cells(self.records)
        at = next(i for i, one in enumerate(self.records) if one is record)
        return column_names(found)[found[at].column]

    @property
    def findings(self) -> list[Finding]:
        """The facts in sentences, and the trivial rule that is as good as the best model."""
        found = findings(self.facts.found, self.compared) if self.facts else []
        if rows := self.near.get("rows", 0):
            share = f"{rows:,} test rows ({100 * self.near['share']:.1f} %)"
            found = [
                Finding("leak", f"{share} align to a training row: 80 % identity over 80 % of their bases"),
                *found,
            ]
        return [*found, Finding("shortcut", self.trivial.sentence)] if self.trivial else found


@dataclass(frozen=True)
class Audit:
    """The audits of several tasks, and which test rows they share."""

    tasks: tuple[TaskAudit, ...]
    pairs: tuple[Overlap, ...] = ()
    unions: tuple[Union, ...] = ()
    undeclared: tuple[Overlap, ...] = ()


def audit_tasks(tasks: Sequence[Task], asked: Asked) -> Audit:
    """Audit tasks one by one and against each other; a task whose rows are not here says so."""
    audits = tuple(audit_task(task, asked) for task in tasks)
    tests: dict[str, Inputs] = {}
    for task in tasks if len(tasks) > 1 else ():
        rows = _test_rows(task, asked.data)
        if rows is not None:
            tests[task.name] = rows
    pairs, unions = overlaps(tests)
    declared = {task.name: task.dependence.shares_test_rows_with for task in tasks}
    return Audit(audits, tuple(pairs), tuple(unions), tuple(undeclared(pairs, declared)))


def audit_task(task: Task, asked: Asked) -> TaskAudit:
    """Facts, shortcut scores, scores with and without leaked rows of one task."""
    try:
        splits, compared = splits_here(task, asked.data)
    except DnabenchError as problem:
        return TaskAudit(task, problem=str(problem))
    facts = facts_of(task, splits, asked.data)
    idle = idle_rules(splits) if asked.shortcuts and compared == "train" else {}
    records = _records(task, splits, idle, asked) if compared == "train" else ()
    near, second = _asked_for(splits, asked)
    leaked = tuple(one for record in records for one in _leaked(record, facts))
    trivial = trivial_marks(records).get(task.name)
    return TaskAudit(task, facts, "", compared, tuple(records), leaked, trivial, idle, near, second)


def is_shortcut(record: RunRecord) -> bool:
    """True for a record of a model that knows no biology."""
    return str(record.model.get("adapter") or record.model["name"]) in TRIVIAL


def idle_rules(splits: Splits) -> dict[str, str]:
    """Trivial rules that see the same in every row of these splits, or that cannot read them, with the reason."""
    if len(splits.test.inputs.seconds):
        return dict.fromkeys(SHORTCUTS, "it reads one sequence, these rows are pairs")
    facts = splits.facts.values()
    ends = {end for one in facts for end in (one.lengths[0], one.lengths[2])}
    idle = {"length": f"all rows have {ends.pop():,} bases"} if len(ends) == 1 else {}
    unknown = sum(one.non_acgt for one in facts)
    return idle if unknown else idle | {"n_position": "no row has a letter besides A, C, G, T"}


def _asked_for(splits: Splits, asked: Asked) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Alignment and second opinion, where they were asked for and train is there."""
    if not len(splits.train) or not len(splits.test):
        why = {"skipped": "the task has no fixed splits to compare"}
        return (why if asked.align else {}), (why if asked.second else {})
    near = near_duplicates(splits.test.sequences, splits.train.sequences) if asked.align else {}
    return near, second_opinion(splits) if asked.second else {}


def _test_rows(task: Task, options: DataOptions) -> Inputs | None:
    """None also where the rows cannot be read: the task's own audit says why."""
    try:
        split = rows_of_test(task, options)
        return split.inputs if split else splits_here(task, options)[0].test.inputs
    except DnabenchError:
        return None


def _records(task: Task, splits: Splits, idle: Mapping[str, str], asked: Asked) -> list[RunRecord]:
    """Shortcut cells first, then the other records of these very rows."""
    data = {name: facts.fingerprint for name, facts in splits.facts.items()}
    mine = [one.record for one in asked.stored if one.record.task.get("name") == task.name]
    known = [record for record in mine if record.status == "ok" and record.key.get("data") == data]
    if not asked.shortcuts:
        return known
    fresh = _shortcuts(task, idle, asked.data)
    made = {record.model["name"] for record in fresh}
    return [*fresh, *(record for record in known if record.model["name"] not in made)]


def _shortcuts(task: Task, idle: Mapping[str, str], data: DataOptions) -> list[RunRecord]:
    """The shortcuts' cells, kept in the cache: nothing is written to a results folder that was not asked for."""
    models = tuple(registry.find_model(name) for name in SHORTCUTS if name not in idle)
    try:
        return _run(models, task, data, cache_folder(data) / "audit")
    except (OSError, DnabenchError):
        # A cache that cannot be written, or that a newer dnabench wrote, costs time and nothing else.
        return _run(models, task, data, None)


def _run(models: tuple[Adapter, ...], task: Task, data: DataOptions, folder: Path | None) -> list[RunRecord]:
    plan = make_plan(Request(models, (task,)), folder, data)
    outcomes = run_plan(plan, RunOptions(data, "dnabench data audit"))
    return [outcome.record for outcome in outcomes if outcome.record.status == "ok"]


def _leaked(record: RunRecord, facts: Facts) -> list[Leaked]:
    """The score without each kind of leaked rows that is there and leaves something to score."""
    metric = str(record.task["metric"])
    if record.outputs is None or record.scores.get(metric) is None:
        return []
    test_set = as_test_set(record)
    predictions = record.outputs()
    kinds = {name: mask for name, mask in facts.leaks.items() if mask.any() and not mask.all()}
    fitting = {name: mask for name, mask in kinds.items() if len(mask) == len(predictions.truth)}
    return [Leaked(record, name, score_without(predictions, mask, metric, test_set)) for name, mask in fitting.items()]
