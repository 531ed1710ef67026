"""A stranger's file of predictions as ours: matched row by row with the task's test set, checked, labelled by our data.

.npz: arrays `outputs` (seeds, rows, outputs) and, where they are, `keys`, `kind`, `replicates`, `task`, `truth`.
.csv, .tsv, .parquet: a row per test row (`sheet.py` names the columns). Labels in a file are compared, never used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...data.load import DataOptions
from ...errors import DataError, RequestError
from ...run import npz
from ...run.meet import Met, meet
from ...types import OutputKind, Predictions, Task
from .sheet import Said, read_sheet

Array = NDArray[Any]

KINDS: tuple[OutputKind, ...] = ("probability", "value", "log_likelihood", "label")
SUM = 0.01
"""How far the probabilities of a row may be from a sum of 1: bfloat16 rounds that much."""


def read_submission(path: Path, task: Task, options: DataOptions | None = None) -> Predictions:
    """The predictions of a file on a task's test rows, in our order and with our labels.

    Raises RequestError for a file that is not there or of no known kind, DataError for rows that are missing,
    foreign or repeated, for outputs that are no finite numbers or no probabilities, and for labels that are not
    the task's; what loading raises where the data are not here.
    """
    return submitted_predictions(path, meet(task, options or DataOptions()))


def submitted_predictions(path: Path, met: Met) -> Predictions:
    """The same for a task whose rows are here."""
    if not path.is_file():
        raise RequestError(f"{path} is no file: name an .npz, .csv, .tsv or .parquet of predictions.")
    said = _npz(path, met) if path.suffix == ".npz" else read_sheet(path, met)
    parts = [_in_our_order(part, met, path) for part in said.parts]
    with np.errstate(over="ignore"):
        outputs = np.stack([part[0] for part in parts]).astype(np.float32)
    for number, (_, labels) in enumerate(parts):
        _check_labels(labels, met, f"{path}, {said.replicates[number]}")
    _check_outputs(outputs, said.kind, met, path)
    return Predictions(
        task=met.task.name,
        kind=said.kind,
        keys=met.keys,
        truth=met.splits.test.labels,
        outputs=outputs,
        replicates=said.replicates,
        columns=met.columns,
    )


def _npz(path: Path, met: Met) -> Said:
    arrays = _arrays(path)
    if "outputs" not in arrays:
        raise DataError(f"{path} has no array `outputs` (seeds, rows, outputs): it has {', '.join(arrays) or 'none'}.")
    outputs = arrays["outputs"][None] if arrays["outputs"].ndim == 2 else arrays["outputs"]
    if outputs.ndim != 3 or outputs.dtype.kind not in "fiu" or not len(outputs):
        raise DataError(f"{path}: outputs are {outputs.dtype} of shape {outputs.shape}, not (seeds, rows, outputs).")
    named = str(arrays.get("task", np.array(met.task.name)))
    if named != met.task.name:
        raise DataError(f"{path} holds predictions of {named}, not of {met.task.name}.")
    kind = str(arrays.get("kind", np.array("value" if met.task.target.kind == "value" else "probability")))
    known = next((one for one in KINDS if one == kind), None)
    if known is None:
        raise DataError(f"{path}: kind {kind!r} is none of {', '.join(KINDS)}.")
    names = [str(name) for name in np.atleast_1d(arrays.get("replicates", _numbered(len(outputs))))]
    if len(set(names)) != len(outputs) or not all(re.fullmatch(r"seed \d{1,9}", name) for name in names):
        raise DataError(f"{path}: replicates must be {len(outputs)} different names `seed N`, not {', '.join(names)}.")
    keys, truth = arrays.get("keys"), arrays.get("truth")
    return Said(known, tuple(names), tuple((keys, one, truth) for one in outputs))


def _numbered(count: int) -> Array:
    return np.array([f"seed {i}" for i in range(count)])


def _arrays(path: Path) -> Mapping[str, Array]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DataError(f"{path} is one array, not an .npz with `outputs` and `keys`.")
            if archive.zip is not None:
                npz.refuse_bomb(archive.zip, path.stat().st_size)
            return {name: archive[name] for name in archive.files}
    except npz.BROKEN as problem:
        raise DataError(f"{path} cannot be read as .npz ({problem}): write it with numpy.savez.") from problem


def _in_our_order(part: tuple[Array | None, Array, Array | None], met: Met, path: Path) -> tuple[Array, Array | None]:
    """Outputs (n, outputs) and claimed labels in the order of the test file, every row once."""
    keys, outputs, labels = part
    rows, wanted = len(met.keys), met.task.target.outputs
    ranks = met.task.target.kind == "class" and wanted == 2 and outputs.shape[1] == 1
    if outputs.shape[1] != wanted and not ranks:
        raise DataError(f"{path} has {outputs.shape[1]} outputs per row, {met.task.name} needs {wanted}.")
    if labels is not None and len(labels) != len(outputs):
        raise DataError(f"{path} has {len(outputs):,} rows of outputs and {len(labels):,} labels.")
    if keys is None:
        if len(outputs) != rows:
            raise DataError(
                f"{path} has {len(outputs):,} rows and the test set of {met.task.name} {rows:,}: without a column "
                "`key` or `sequence` every row must be there, in the order of the test file."
            )
        return outputs, labels
    if keys.ndim != 1 or len(keys) != len(outputs) or keys.dtype.kind not in "ui":
        raise DataError(f"{path}: keys must be one whole number (uint64) per row of outputs.")
    order = _matched(keys.astype(np.uint64), met, path)
    return outputs[order], None if labels is None else labels[order]


def _matched(keys: Array, met: Met, path: Path) -> Array:
    """For each of our rows the file's row; rows of equal content are matched in the order in which they stand."""
    mine, theirs = np.argsort(met.keys, kind="stable"), np.argsort(keys, kind="stable")
    if not np.array_equal(met.keys[mine], keys[theirs]):
        lost, foreign = len(np.setdiff1d(met.keys, keys)), len(np.setdiff1d(keys, met.keys))
        raise DataError(
            f"{path} is not of the test rows of {met.task.name}: {len(keys):,} rows for {len(met.keys):,}, {lost:,} "
            f"of ours missing, {foreign:,} foreign"
            + ("; some stand too often or too seldom." if not lost and not foreign else ".")
        )
    order = np.empty(len(mine), np.int64)
    order[mine] = theirs
    return order


def _check_labels(labels: Array | None, met: Met, where: str) -> None:
    """Labels in the file are never used; where they are not ours, the file was made for something else."""
    if labels is None:
        return
    ours = met.splits.test.labels
    same = labels.shape == ours.shape and labels.dtype.kind in "fiu"
    wrong = len(ours) if not same else int((~np.isclose(labels, ours, rtol=1e-6)).reshape(len(ours), -1).any(1).sum())
    if wrong:
        raise DataError(
            f"{where}: {wrong:,} of {len(ours):,} labels are not those of {met.task.name}: the file was made for other "
            "data or another order of classes, or its labels were changed."
        )


def _check_outputs(outputs: Array, kind: OutputKind, met: Met, path: Path) -> None:
    """Finite; probabilities between 0 and 1, and of sum 1 where the classes exclude each other."""
    seed, row = _first(~np.isfinite(outputs).all(-1))
    if seed >= 0:
        raise DataError(f"{path}: NaN or infinity in the outputs of test row {row + 1:,}.")
    if outputs.shape[-1] != met.task.target.outputs and kind in ("probability", "label"):
        raise DataError(
            f"{path}: one {kind} per row, and {met.task.name} has {met.task.target.outputs} outputs: give one for each."
        )
    if kind not in ("probability", "label"):
        return
    seed, row = _first(((outputs < -1e-6) | (outputs > 1 + 1e-6)).any(-1))
    if seed >= 0:
        raise DataError(f"{path}: test row {row + 1:,} has a {kind} outside 0 to 1: {_shown(outputs[seed, row])}.")
    if met.task.target.kind == "class":
        seed, row = _first(np.abs(outputs.sum(-1) - 1.0) > SUM)
        if seed >= 0:
            total = outputs[seed, row].sum()
            raise DataError(
                f"{path}: the {kind} values of test row {row + 1:,} sum to {total:.4g}, not 1: "
                f"{_shown(outputs[seed, row])}."
            )


def _first(bad: Any) -> tuple[int, int]:
    """Replicate and row of the first fault, or -1, -1.

    >>> _first(np.array([[False, False], [False, True]]))
    (1, 1)
    """
    found = np.argwhere(bad)
    return (int(found[0][0]), int(found[0][1])) if len(found) else (-1, -1)


def _shown(values: Array) -> str:
    return ", ".join(f"{value:.4g}" for value in values[:6])
