"""Records and predictions on disk: one JSON and one .npz per cell, written whole or not at all.

commit:  lock folder → stage .npz under its hash → replace .json → rename the staged .npz
killed:  before the .json: the old pair stands     after it: `recover` finishes the rename
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np

from dnabench.harness.errors import RecordError
from dnabench.harness.types import OutputKind, Predictions, RunRecord

from . import npz
from .record_json import NewerRecordError, dumps, loads

LARGE = 20 * 2**20
"""Bytes of predictions above which they go to `<results>/large/<sha256>.npz`, which git need not keep."""

Pair = tuple[RunRecord, Predictions | None]


@dataclass(frozen=True)
class StoredRecord:
    """A record and where it lies."""

    path: Path
    record: RunRecord


def read_records(root: Path, problems: list[str] | None = None) -> list[StoredRecord]:
    """Every record below a results folder, ordered by path; temporary files of killed runs are passed over.

    Raises RecordError for a file that is no record; with `problems`, its sentence goes there instead.
    """
    runs = root / "runs"
    found: list[StoredRecord] = []
    for path in sorted((runs if runs.is_dir() else root).rglob("*.json")):
        if path.name.startswith("."):
            continue
        try:
            found.append(StoredRecord(path, read_record(path)))
        except RecordError as problem:
            if problems is None:
                raise
            problems.append(str(problem))
    return found


def read_record(path: Path) -> RunRecord:
    """One record; its `outputs` reads the predictions beside it when called.

    Raises RecordError where the file is missing, truncated, foreign, or of a newer schema.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise RecordError(f"{path}: cannot be read as a record ({problem})") from problem
    record = loads(text, str(path))
    return replace(record, outputs=partial(read_predictions, path)) if record.predictions else record


def read_predictions(path: Path) -> Predictions:
    """The predictions of the record at `path` (.json), checked against the hash that the record holds.

    Raises RecordError where they are missing or are not those of the record.
    """
    record = read_record(path.with_suffix(".json"))
    wanted = record.predictions
    if not wanted:
        raise RecordError(f"{path}: this record has no predictions")
    for place in _places(path, wanted):
        data = _bytes(place)
        if data is not None and hashlib.sha256(data).hexdigest() == wanted:
            return _of_target(npz.from_bytes(data, str(place)), record, place)
    beside = path.with_suffix(".npz")
    state = "has other contents than the record says" if beside.exists() else "is missing"
    raise RecordError(f"{beside} {state} (sha256 {wanted[:12]}…): bring it back or run the cell with --fresh")


def _of_target(said: Predictions, record: RunRecord, place: Path) -> Predictions:
    """The predictions, refused where they cannot be of the record's target: a file made elsewhere may hold anything."""
    target = record.task.get("target", {})
    kind, classes = target.get("kind"), len(target.get("classes", ()))
    width, odd, truth = said.outputs.shape[2], "", said.truth
    if said.kind not in get_args(OutputKind):
        odd = f"are of an unknown kind, {said.kind!r}"
    elif truth.shape[1:] != ((classes,) if kind == "multilabel" else ()):
        odd = f"have labels of the shape {truth.shape}"
    elif kind == "class" and truth.dtype.kind not in "iu":
        odd = f"have labels of the type {truth.dtype}"
    elif kind == "class" and not ((truth >= 0) & (truth < classes)).all():
        odd = f"have labels other than 0 to {classes - 1}"
    elif kind in ("class", "multilabel") and width not in (classes, 1):
        odd = f"have {width} columns for {classes} classes"
    elif not np.isfinite(said.outputs).all():
        odd = "hold NaN or infinity"
    if odd:
        raise RecordError(f"{place}: its predictions {odd}: run the cell again with --fresh")
    return said


def has_predictions(path: Path, record: RunRecord) -> bool:
    """True where the right predictions of a record are here; large ones are known by their name."""
    large = large_place(path, record.predictions)
    if large.exists():
        return True
    data = _bytes(path.with_suffix(".npz"))
    return data is not None and hashlib.sha256(data).hexdigest() == record.predictions


def update(path: Path, change: Callable[[Pair | None], Pair | None]) -> RunRecord | None:
    """Replace the pair at `path` by `change(pair there)`, alone among processes; None leaves it as it is.

    The pair there is None where nothing is of use: no file, a broken one, predictions that are not its own.
    Raises RecordError for a record of a newer schema, which is never overwritten, and where nothing can be written.
    """
    with _locked(path.parent):
        _finish(path)
        present = _present(path)
        new = change(present)
        if new is None:
            return present[0] if present else None
        return _commit(path, *new)


def require_writable(path: Path) -> None:
    """Raises RecordError where no record can be written at `path`: better known before a training than after it."""
    with _locked(path.parent):
        probe = path.parent / f".{path.name}.{os.getpid()}.tmp"
        try:
            probe.touch()
            probe.unlink()
        except OSError as problem:
            raise RecordError(_cannot(path.parent, problem)) from problem


def recover(path: Path) -> None:
    """Finish a commit that a kill cut short and sweep what other killed runs of this cell left behind."""
    if path.parent.is_dir() and any(_strays(path)):
        with _locked(path.parent):
            _finish(path)


def _present(path: Path) -> Pair | None:
    try:
        record = read_record(path)
        return record, read_predictions(path) if record.predictions else None
    except NewerRecordError:
        raise
    except RecordError:
        # Described by the plan; a broken pair at a cell's own path is replaced by the next commit.
        return None


def _commit(path: Path, record: RunRecord, predictions: Predictions | None) -> RunRecord:
    if predictions is None:
        _write(path, dumps(replace(record, predictions="")).encode())
        path.with_suffix(".npz").unlink(missing_ok=True)
        return read_record(path)
    data = npz.to_bytes(predictions)
    digest = hashlib.sha256(data).hexdigest()
    staged = _staged(path, digest)
    _write_through(staged, data)
    _write(path, dumps(replace(record, predictions=digest)).encode())
    _publish(path, staged)
    return read_record(path)


def _finish(path: Path) -> None:
    """Under the lock every temporary file is a stray: rename the one the record waits for, drop the rest."""
    strays = list(_strays(path))
    if not strays:
        return
    try:
        staged = _staged(path, read_record(path).predictions)
    except RecordError:
        staged = None
    for stray in strays:
        if stray == staged:
            _publish(path, stray)
        else:
            stray.unlink(missing_ok=True)


def _publish(path: Path, staged: Path) -> None:
    """Give staged predictions their place: beside the record, or among the large ones under their hash."""
    beside, large = path.with_suffix(".npz"), large_place(path, staged.name.split(".")[-2])
    if staged.stat().st_size <= LARGE:
        os.replace(staged, beside)
        return
    large.parent.mkdir(parents=True, exist_ok=True)
    os.replace(staged, large)
    beside.unlink(missing_ok=True)


def _places(path: Path, digest: str) -> tuple[Path, ...]:
    return path.with_suffix(".npz"), large_place(path, digest), _staged(path, digest)


def large_place(path: Path, digest: str) -> Path:
    """`<results>/large/…` for a record at `<results>/runs/<suite>/<model>/<protocol>/<task>.json`; beside one that
    lies less deep."""
    above = path.absolute().parents
    return (above[4] if len(above) > 4 else above[0]) / "large" / f"{digest or 'none'}.npz"


def _staged(path: Path, digest: str) -> Path:
    return path.parent / f".{path.stem}.npz.{digest}.tmp"


def _strays(path: Path) -> Iterator[Path]:
    """Hidden temporary files of this one cell."""
    for kind in ("json", "npz"):
        yield from path.parent.glob(f".{path.stem}.{kind}.*tmp")


def _write(path: Path, data: bytes) -> None:
    staged = path.parent / f".{path.name}.{os.getpid()}.tmp"
    _write_through(staged, data)
    os.replace(staged, path)


def _write_through(path: Path, data: bytes) -> None:
    try:
        with path.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as problem:
        raise RecordError(_cannot(path.parent, problem)) from problem


def _cannot(folder: Path, problem: OSError) -> str:
    what = "make room" if problem.errno == errno.ENOSPC else "name another folder"
    return f"{folder}: results cannot be written there ({problem}): {what}"


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder alone; the kernel lets go when a process dies. Without flock (Windows) the last wins."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise RecordError(_cannot(folder, problem)) from problem
    if sys.platform == "win32":
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
