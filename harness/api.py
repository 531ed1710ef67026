"""dnabench from Python: for notebooks, and for training loops that want to know how a model does.

record = dnabench.run("kmer", "yeast/coding")
mine = dnabench.run(lambda sequences: embed(sequences), "yeast/coding", name="mine")
dnabench.compare(record, mine).value      # mine minus the reference
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from . import registry
from .errors import RequestError, nearest
from .types import Adapter, Predictions, RunRecord, Score, Suite, Task

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .run.run import Outcome
    from .stats.paired import Difference

Model = str | Adapter | Callable[..., Any]
"""A registered name, `file.py:Class`, an adapter, a callable `sequences -> (n, d)`, or a torch module."""
OneTask = str | Path | Task
_RESULTS = Path("results")


def load_suite(name_or_path: str | Path) -> Suite:
    """A suite by its name, folder or suite.yaml: its tasks and what is said of them.

    >>> [task.name for task in load_suite("yeast").tasks][0]
    'yeast/coding'
    """
    return registry.load_suite(name_or_path)


def load_task(name_or_path: str | Path) -> Task:
    """One task by its name, or a csv, tsv, FASTA or parquet file as a task.

    Raises RequestError for an unknown name, and where the name fits several tasks.

    >>> load_task("yeast/coding").metric
    'mcc'
    """
    found = registry.find_tasks(tasks=[name_or_path])
    if len(found) > 1:
        raise RequestError(f"{str(name_or_path)!r} names {len(found)} tasks: give one, or load_suite(...) for all")
    return found[0]


def load_model(spec: str, name: str | None = None, **options: Any) -> Adapter:
    """A model by its registered name or `file.py:Class`, with its options.

    >>> load_model("kmer", k=4).info.options["k"]
    4
    """
    return registry.find_model(spec, options, name)


@overload
def run(
    model: Model,
    task: OneTask,
    *,
    name: str | None = ...,
    protocol: str | None = ...,
    recipe: str | None = ...,
    config: Mapping[str, Any] | None = ...,
    seeds: Sequence[int] = ...,
    limit: int | None = ...,
    data: Path | str | None = ...,
    collate: Callable[..., Any] | None = ...,
    out: Path | str | None = ...,
) -> RunRecord: ...
@overload
def run(
    model: Model,
    task: Suite | list[str] | list[Task] | tuple[OneTask, ...],
    *,
    name: str | None = ...,
    protocol: str | None = ...,
    recipe: str | None = ...,
    config: Mapping[str, Any] | None = ...,
    seeds: Sequence[int] = ...,
    limit: int | None = ...,
    data: Path | str | None = ...,
    collate: Callable[..., Any] | None = ...,
    out: Path | str | None = ...,
) -> list[RunRecord]: ...
def run(  # noqa: PLR0913 - the options of one public call
    model: Model,
    task: OneTask | Suite | Sequence[OneTask],
    *,
    name: str | None = None,
    protocol: str | None = None,
    recipe: str | None = None,
    config: Mapping[str, Any] | None = None,
    seeds: Sequence[int] = (0,),
    limit: int | None = None,
    data: Path | str | None = None,
    collate: Callable[..., Any] | None = None,
    out: Path | str | None = None,
) -> RunRecord | list[RunRecord]:
    """Measure a model on a task and get its record; on a suite or several tasks, a list of records.

    Records and predictions stay in memory, or also go to the results folder `out`, where finished cells are
    not run again. `data` is the folder of official files, `config` options of the protocol, `collate` what a
    torch module needs. One task raises what went wrong; among several a failed one is a record that says so.
    """
    from .data.load import DataOptions
    from .run.memory import hold
    from .run.plan import Request, make_plan
    from .run.run import RunOptions, run_plan

    adapter = registry.find_model(model, {}, name) if isinstance(model, str) else hold(model, name, collate)
    tasks, single = _tasks(task)
    request = Request((adapter,), tasks, protocol, recipe, config or {}, tuple(seeds), limit)
    where = DataOptions(data_dir=Path(data) if data is not None else None)
    plan = make_plan(request, Path(out) if out is not None else None, where)
    outcomes = list(run_plan(plan, RunOptions(where, "dnabench.run")))
    return _record(outcomes[0]) if single else [outcome.record for outcome in outcomes]


@overload
def compare(a: RunRecord, b: RunRecord, metric: str | None = None) -> Difference: ...
@overload
def compare(a: Sequence[RunRecord], b: Sequence[RunRecord], metric: str | None = None) -> dict[str, Difference]: ...
def compare(
    a: RunRecord | Sequence[RunRecord], b: RunRecord | Sequence[RunRecord], metric: str | None = None
) -> Difference | dict[str, Difference]:
    """How far `b` is above the reference `a` on the same test rows, with interval and p-value; per task for lists.

    `dnabench compare A B` prints the same difference. `metric` takes the place of the task's own. Raises
    RequestError where the records are of different tasks or data, or have no predictions.
    """
    if isinstance(a, RunRecord) and isinstance(b, RunRecord):
        return _difference(a, b, metric)
    first, second = _by_task(a), _by_task(b)
    shared = [task for task in first if task in second]
    if not shared:
        raise RequestError(f"no task in common: {', '.join(first) or 'none'} and {', '.join(second) or 'none'}")
    return {task: _difference(first[task], second[task], metric) for task in shared}


def score(truth: ArrayLike, outputs: ArrayLike, metric: str = "mcc", *, groups: ArrayLike | None = None) -> Score:
    """A metric of arrays with its 95% interval.

    truth: (n,) labels 0, 1, … or numbers; (n, L) of 0 and 1 for multilabel. outputs: (n, C) probabilities, or (n,)
    predicted labels, values, or scores of class 1 for a ranking metric. `groups` names rows that are not independent.

    >>> score([0, 1] * 50, [0, 1, 1, 1] * 25, "accuracy").value
    0.75
    """
    from .run.arrays import score_arrays

    return score_arrays(truth, outputs, metric, groups)


def rescore(record: RunRecord, metric: str | None = None, by: str = "") -> dict[str, Score]:
    """Another metric, or the scores of groups, from a record's predictions: `all`, and each value of the column `by`.

    `by` is a column of the test rows (chromosome, a group) or `class`; models stay paired. Raises RequestError for what
    is not there.
    """
    from .report.rescore import rescore as rescored

    found = rescored([record], (metric,) if metric else (), by)
    return {one.group or "all": one.score for one in found}


def read_runs(folder: Path | str = _RESULTS) -> list[RunRecord]:
    """Every record of a results folder; `record.outputs()` reads its predictions.

    Raises RecordError for a file that is no record.
    """
    from .run.store import read_records

    if not Path(folder).is_dir():
        raise RequestError(f"{folder} is no folder of results: run something first, or name another one")
    return [stored.record for stored in read_records(Path(folder))]


def _tasks(task: OneTask | Suite | Sequence[OneTask]) -> tuple[tuple[Task, ...], bool]:
    """The tasks, and whether exactly one was asked for."""
    if isinstance(task, Suite):
        return task.tasks, False
    if isinstance(task, (str, Path, Task)):
        return (task if isinstance(task, Task) else load_task(task),), True
    return tuple(one if isinstance(one, Task) else load_task(one) for one in task), False


def _record(outcome: Outcome) -> RunRecord:
    if outcome.problem is not None:
        raise outcome.problem
    if outcome.record.status == "not_applicable":
        raise RequestError(f"{outcome.planned.cell.task.name}: {outcome.record.error}")
    return outcome.record


def _by_task(records: RunRecord | Sequence[RunRecord]) -> dict[str, RunRecord]:
    """Records with predictions by their task; RequestError where one task has two."""
    found: dict[str, RunRecord] = {}
    for record in [records] if isinstance(records, RunRecord) else records:
        name = str(record.task["name"])
        if name in found:
            raise RequestError(f"two records of {name}: give one model's records under one protocol")
        if record.outputs is not None:
            found[name] = record
    return found


def _difference(a: RunRecord, b: RunRecord, metric: str | None) -> Difference:
    from .report.cells import as_test_set
    from .stats.paired import paired_difference

    name, other = str(a.task["name"]), str(b.task["name"])
    if name != other or a.key["data"] != b.key["data"] or a.task["version"] != b.task["version"]:
        what = f"{name} and {other}" if name != other else f"{name} with different data or versions"
        raise RequestError(f"cannot compare {what}: both records must be of the same test rows")
    known = a.task["metrics"]
    if metric is not None and metric not in known:
        raise RequestError(f"{name} has no metric {metric!r}.{nearest(metric, list(known))}")
    return paired_difference(
        _predictions(b),  # what is measured comes first there, the reference first here
        _predictions(a),
        metric or str(a.task["metric"]),
        as_test_set(a),
    )


def _predictions(record: RunRecord) -> Predictions:
    if record.outputs is None:
        raise RequestError(f"{record.model['name']} on {record.task['name']} has no predictions: it is {record.status}")
    return record.outputs()
