"""A file of predictions as an operand: a record without an origin, of the rows that other records are of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ... import registry
from ...errors import DataError, RecordError, RequestError, Unavailable
from ...run import npz
from ...run.meet import Met
from ...run.record_json import plain
from ...types import InputKind, Inputs, Predictions, RunRecord, Source, Split, Splits, Task
from ..cells import target_of
from ..check.truth import label_faults
from ..choose import fits
from .match import read_submission, submitted_predictions

KINDS = (".npz", ".csv", ".tsv", ".parquet")


def is_submission(word: str) -> bool:
    """True where a word is a file of predictions.

    >>> is_submission("kmer"), is_submission("nowhere.npz")
    (False, True)
    """
    return Path(word).suffix.lower() in KINDS and not Path(word).is_dir()


def submitted_record(path: Path, tasks: Sequence[str], beside: Sequence[RunRecord]) -> RunRecord:
    """The record of a file of predictions; its task is its own, the one asked for, or that of the records beside it.

    Raises RequestError where the task cannot be told, and what reading the file raises.
    """
    if not path.is_file():
        raise RequestError(f"{path} is no file: name an .npz, .csv, .tsv or .parquet of predictions.")
    name = _task_of(path, tasks, beside)
    known = next((record for record in beside if record.task["name"] == name and record.outputs), None)
    said = _read(path, name, known)
    facts = dict(known.task) if known else _facts(_registered(name))
    data = known.key["data"] if known else {"test": name}
    return RunRecord(
        status="ok",
        key={"data": data, "harness": "submitted"},
        model={"name": path.stem, "id": "file", "options": {}},
        task=facts,
        protocol={"name": "", "recipe": "", "id": ""},
        replicates=tuple({"name": one, "seed": i} for i, one in enumerate(said.replicates)),
        outputs=lambda: said,
    )


def _task_of(path: Path, tasks: Sequence[str], beside: Sequence[RunRecord]) -> str:
    """The task that the file names itself, else the only one that may be meant."""
    if path.suffix.lower() == ".npz" and (own := _own_task(path)):
        return own
    known = sorted({str(record.task["name"]) for record in beside if record.outputs})
    named = [name for name in known if any(fits(name, word) for word in tasks)] if tasks else known
    if tasks and not named:
        named = [task.name for task in registry.find_tasks((), tasks)]
    if len(named) != 1:
        seen = f"{len(named)} tasks may be meant" if named else "no task is known"
        raise RequestError(f"{path}: which task are these predictions of? {seen}: name one with --task suite/task.")
    return named[0]


def _own_task(path: Path) -> str:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return str(arrays["task"]) if "task" in arrays.files else ""
    except Exception as problem:  # numpy raises many kinds for a file that is none of its own
        raise RequestError(f"{path} cannot be read as .npz ({problem}): write it with numpy.savez.") from problem


def _read(path: Path, name: str, rival: RunRecord | None) -> Predictions:
    """Checked against the task's own rows where they are here; else rows and labels are met by those of the rival."""
    try:
        return read_submission(path, _registered(name))
    except (RequestError, Unavailable) as problem:
        if path.suffix.lower() == ".npz" and (said := _as_stored(path, name)):
            if isinstance(problem, Unavailable):
                _refuse_labels(path, said, _registered(name))
            return said
        if rival is None or rival.outputs is None:
            raise
        return submitted_predictions(path, _met_by(rival, rival.outputs()))


def _as_stored(path: Path, name: str) -> Predictions | None:
    """A file as `dnabench run` writes it, with rows and labels of its own; None for any other."""
    try:
        return replace(npz.from_bytes(path.read_bytes(), str(path)), task=name)
    except RecordError:
        return None


def _met_by(rival: RunRecord, said: Predictions) -> Met:
    """A task whose data are not here, as the predictions of another model know it: its test rows without sequences."""
    facts, nothing, rows = rival.task, Inputs(()), len(said.keys)
    target = target_of(rival)
    inputs: InputKind = facts.get("inputs", "sequence")
    task = Task(said.task, facts["version"], "", inputs, target, facts["metric"], (), Source("files", {}))
    test = Split("test", Inputs([""] * rows, [""] * rows if inputs == "pair" else ()), said.truth, target, said.columns)
    train, dev = (Split(part, nothing, said.truth[:0], target) for part in ("train", "dev"))
    in_train = np.asarray(said.columns.get("in_train", np.zeros(rows)), np.uint8)
    return Met(task, Splits(train, dev, test, {}), (), said.keys, in_train, {}, {})


def _refuse_labels(path: Path, said: Predictions, task: Task) -> None:
    """Raise DataError where a file's own rows or labels are not those that the task file has the fingerprint of."""
    for fault in label_faults(said, task):
        raise DataError(f"{path}: {fault}.")


def _registered(name: str) -> Task:
    return registry.find_tasks((), [name])[0]


def _facts(task: Task) -> dict[str, object]:
    """As in a record: what scoring and comparing need."""
    return {
        "name": task.name,
        "version": task.version,
        "metric": task.metric,
        "metrics": list(task.all_metrics),
        "target": plain(task.target),
        "dependence": plain(task.dependence),
    }
