"""From who × what to cells, and what is left to do for each: nothing, all, more seeds, or again.

A cell is done when a record holds its full key and all its seeds, with the right predictions beside it; not when
a path exists. Records that are `unavailable` or `failed` are run again. A `--limit` is part of the configuration,
so that a partial record lives at a path of its own and never stands where a full one belongs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ..data.load import DataOptions, load_splits
from ..data.sources import require_places
from ..errors import DnabenchError, RecordError, RequestError, nearest
from ..protocols import PROTOCOLS, choose, configure, lacking, option_of, seeds_of, shared_options
from ..types import Adapter, ModelInfo, RunRecord, Splits, Task
from . import store
from .memory import MEMORY
from .record_json import NewerRecordError, canonical, plain

HARNESS = 1
"""Raised when the way from outputs to scores may change any number; part of every cell's key."""

State = Literal["done", "to run", "to extend", "stale", "newer", "unavailable", "not_applicable"]


@dataclass(frozen=True)
class Request:
    """Who is to be measured on what, and how; None leaves the choice to the model and the task."""

    models: tuple[Adapter, ...]
    tasks: tuple[Task, ...]
    protocol: str | None = None
    recipe: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """Options of the protocol; each goes to the protocols that have it."""
    seeds: tuple[int, ...] = (0,)
    limit: int | None = None
    fresh: bool = False


@dataclass(frozen=True)
class Cell:
    """One model on one task under one protocol: all that its numbers depend on, but data and seeds."""

    model: Adapter
    task: Task
    protocol: str
    recipe: str
    config: Mapping[str, Any]
    seeds: tuple[int, ...]
    limit: int | None = None

    @property
    def id7(self) -> str:
        return id7(self.model.info)

    @property
    def config7(self) -> str:
        """Seven digits for the protocol's version and whole configuration."""
        return _digest(_protocol_key(self))[:7]


@dataclass(frozen=True)
class Planned:
    """A cell, where its record lives, and what is left to do."""

    cell: Cell
    state: State
    reason: str
    missing: tuple[int, ...] = ()
    """Seeds to run."""
    path: Path | None = None
    record: RunRecord | None = None
    """The record that is there, where it is of use."""
    afresh: bool = False
    """True where what is there must not be extended."""


def make_plan(request: Request, root: Path | None, data: DataOptions) -> tuple[Planned, ...]:
    """What is left to do for every model on every task, tasks first; `root` is the results folder or None.

    Reads data only where a record exists and the task file does not tell the fingerprints. Raises RequestError
    for a protocol, recipe, option or data folder that does not exist, Unavailable where no cell can be run without a
    package that is not installed. A record of a newer dnabench is left alone.
    """
    require_places(data, request.tasks)
    cells = [(_cell(request, model, task)) for task in request.tasks for model in request.models]
    _refuse_unused(request, [cell for cell, _ in cells])
    planned = []
    for cell, obstacle in cells:
        if reason := getattr(cell.model, "absent", ""):
            planned.append(Planned(cell, "unavailable", reason))
        elif obstacle:
            planned.append(Planned(cell, "not_applicable", obstacle))
        else:
            planned.append(_planned(cell, root, data, request.fresh))
    return _with_packages(_without_repeats(planned))


def id7(info: ModelInfo) -> str:
    """Seven digits for what changes a model's outputs: adapter, its version, options, weights; not its name.

    >>> one = ModelInfo("kmer", "kmer", 1, options={"k": 6})
    >>> id7(one) == id7(ModelInfo("my-kmer", "kmer", 1, options={"k": 6}))
    True
    """
    return _digest(_model_key(info))[:7]


def cell_key(cell: Cell, data: Mapping[str, str]) -> dict[str, Any]:
    """The full identity of a cell; `data` is `data_key` of its splits, empty where they are not here."""
    return {
        "harness": HARNESS,
        "model": _model_key(cell.model.info),
        "task": {"name": cell.task.name, "version": cell.task.version},
        "data": dict(data),
        "protocol": _protocol_key(cell),
    }


def data_key(splits: Splits) -> dict[str, str]:
    """Split name → fingerprint of the rows as they were read."""
    return {name: facts.fingerprint for name, facts in sorted(splits.facts.items())}


def cell_path(root: Path, cell: Cell) -> Path:
    """Where the record of a cell lives below a results folder: a function of what is measured, never of when."""
    suite, _, task = cell.task.name.partition("/")
    model = f"{_in_path(cell.model.info.name)}@{cell.id7}"
    how = f"{cell.protocol}.{_in_path(cell.recipe)}@{cell.config7}"
    return root / "runs" / _in_path(suite) / model / how / f"{_in_path(task)}.json"


def _cell(request: Request, model: Adapter, task: Task) -> tuple[Cell, str]:
    """The cell, and why it cannot be run (empty where it can)."""
    name, reason = choose(task, model, request.protocol)
    if name is None:
        return Cell(model, task, request.protocol or "", request.recipe or "default", {}, ()), reason
    config = configure(name, task, request.recipe, {}, model)
    options = {*config, *shared_options(name)}
    mine = {key: value for key, value in request.overrides.items() if option_of(key) in options}
    config = configure(name, task, request.recipe, mine, model)
    seeds = seeds_of(name, config, request.seeds)
    return Cell(model, task, name, request.recipe or "default", config, seeds, request.limit), ""


def _planned(cell: Cell, root: Path | None, data: DataOptions, fresh: bool) -> Planned:
    if root is None:
        return Planned(cell, "to run", "kept in memory", cell.seeds)
    path = cell_path(root, cell)
    store.recover(path)
    if not path.exists():
        return Planned(cell, "to run", "no record yet", cell.seeds, path)
    try:
        record = store.read_record(path)
    except NewerRecordError as problem:
        return Planned(cell, "newer", f"{problem}; left as it is", (), path)
    except RecordError as problem:
        return Planned(cell, "to run", f"the record there is of no use ({problem})", cell.seeds, path)
    if fresh or cell.model.info.adapter == MEMORY:
        why = "asked for afresh" if fresh else "a model held in memory has no lasting identity"
        return Planned(cell, "to run", why, cell.seeds, path, afresh=True)
    return _compared(cell, path, record, data)


def _with_packages(plan: Sequence[Planned]) -> tuple[Planned, ...]:
    """The plan, its cells without what has to be installed first; Unavailable where that leaves nothing to do."""
    absent = [lacking(one.cell.protocol, one.cell.config) if one.missing else None for one in plan]
    found = tuple(
        replace(one, state="unavailable", reason=str(lacks), missing=(), path=None) if lacks else one
        for one, lacks in zip(plan, absent, strict=True)
    )
    first = next(filter(None, absent), None)
    if first is not None and all(one.state in ("unavailable", "not_applicable") for one in found):
        raise first
    return found


def _compared(cell: Cell, path: Path, record: RunRecord, data: DataOptions) -> Planned:
    """The state of a cell whose record can be read."""
    if record.status not in ("ok", "partial"):
        return Planned(cell, "to run", f"{record.status} before: {record.error}", cell.seeds, path, record)
    difference = _difference(cell, record, data)
    if difference:
        return Planned(cell, "stale", difference, cell.seeds, path, record)
    if not store.has_predictions(path, record):
        return Planned(cell, "to run", "its predictions are missing or not its own", cell.seeds, path)
    there = {int(one["seed"]) for one in record.replicates}
    missing = tuple(seed for seed in cell.seeds if seed not in there)
    if missing:
        have = ", ".join(map(str, sorted(there)))
        return Planned(cell, "to extend", f"seeds {have} are there", missing, path, record)
    return Planned(cell, "done", "the record has the full key", (), path, record)


def _difference(cell: Cell, record: RunRecord, data: DataOptions) -> str:
    """What a record was made from that is no longer so, as a sentence; empty where nothing changed."""
    present = record.key.get("data", {})
    expected = _declared(cell)
    if expected is None or expected.keys() != present.keys():
        try:
            expected = data_key(load_splits(cell.task, data))
        except DnabenchError as problem:
            return f"its data cannot be compared: {problem}"
    key = plain(cell_key(cell, expected))
    changed = [name for name in key if key[name] != record.key.get(name)]
    return f"made from another {' and '.join(changed)}" if changed else ""


def _declared(cell: Cell) -> dict[str, str] | None:
    """The fingerprints that the task file promises and loading enforces; None where it does not tell all."""
    files = {name: facts for name, facts in cell.task.source.files.items() if name != "all"}
    known = {name: facts.fingerprint for name, facts in files.items() if facts.fingerprint}
    return known if known and len(known) == len(files) else None


def _model_key(info: ModelInfo) -> dict[str, Any]:
    return {
        "adapter": info.adapter,
        "version": info.version,
        "options": plain(info.options),
        "weights": info.weights,
    }


def _protocol_key(cell: Cell) -> dict[str, Any]:
    spec = PROTOCOLS.get(cell.protocol)
    key = {"name": cell.protocol, "version": spec.version if spec else 0, "config": plain(cell.config)}
    return key if cell.limit is None else key | {"limit": cell.limit}


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def _in_path(name: str) -> str:
    """A name as one part of a path, `/` written `--`.

    >>> _in_path("zhihan1996/DNABERT-2-117M")
    'zhihan1996--DNABERT-2-117M'
    """
    part = name.replace("/", "--")
    if not re.fullmatch(r"[\w+=,(-][\w.+=,()@-]*", part):
        raise RequestError(f"{name!r} cannot be part of a path: use letters, digits, dot, dash or underscore")
    return part


def _refuse_unused(request: Request, cells: Sequence[Cell]) -> None:
    # Where no protocol can be used at all, the cells say why: that comes first.
    if not any(cell.config for cell in cells):
        return
    known = sorted({key for cell in cells for key in (*cell.config, *shared_options(cell.protocol))})
    for key, value in request.overrides.items():
        # The device is an option of models too: where their networks are read. What has no network runs on the CPU.
        if option_of(key) in known or any(key in getattr(m, "options", {}) for m in request.models):
            continue
        if key == "device" and value != "cpu":
            names = ", ".join(sorted({model.info.name for model in request.models}))
            raise RequestError(f"device is {value!r}, and nothing of this run has a network to put there: {names}")
        if key != "device":
            raise RequestError(f"no protocol of this run has an option {key!r}.{nearest(key, known)}")


def _without_repeats(plan: Sequence[Planned]) -> list[Planned]:
    """One of each cell, however often it was asked for."""
    seen: dict[tuple[str, str, str, str], Planned] = {}
    for one in plan:
        cell = one.cell
        seen.setdefault((cell.task.name, cell.model.info.name, cell.id7, cell.protocol), one)
    return list(seen.values())
