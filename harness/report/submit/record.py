"""A file of predictions as a stored record: rows, labels and scores are proved, how it was made is only claimed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...data.load import DataOptions
from ...errors import RequestError
from ...protocols import PROTOCOLS
from ...registry import models
from ...run.meet import Met, meet
from ...run.plan import Cell, cell_path
from ...run.provenance import host_facts
from ...run.record import with_replicate
from ...run.record_json import plain, settled, steady
from ...run.replicate import Replicate
from ...run.store import Pair, update
from ...types import Capability, ModelInfo, Predictions, RunRecord, Task
from .match import submitted_predictions

PROTOCOL = "submitted"
"""Not in `PROTOCOLS`: nothing here can run it again."""
RECIPE = "claimed"
_NO_COST: Mapping[str, Any] = {"peak_gpu_mb": None, "peak_memory_mb": None, "seconds": 0.0, "bases": 0, "stages": {}}


@dataclass(frozen=True)
class Claim:
    """What the sender says of a model; only the name is needed, and nothing of it is proved."""

    name: str
    by: str = ""
    weights: str = ""
    made: str = ""
    """How the predictions came about: protocol, training rows, selection."""
    code: str = ""
    parameters: int | None = None


@dataclass(frozen=True)
class Where:
    """Where data are looked for, where the record goes (None: nowhere), and whether it may replace another."""

    data: DataOptions
    root: Path | None = None
    replacing: bool = False
    command: str = ""


@dataclass(frozen=True)
class Submitted:
    """A submission that was checked and scored; `path` is None where it was not stored."""

    record: RunRecord
    path: Path | None
    said: str


@dataclass(frozen=True)
class _Unknown:
    """The model behind a file: it has a name and can do nothing."""

    info: ModelInfo
    capabilities: frozenset[Capability] = frozenset()


def submit(file: Path, task: Task, claim: Claim, where: Where) -> Submitted:
    """Check a file of predictions row by row against a task, score it, and store it as a record.

    Raises what `read_submission` raises, and RequestError for a name of ours, and where other predictions of the same
    claim are stored and may not be replaced.
    """
    if claim.name in models():
        raise RequestError(f"{claim.name} is a model of dnabench: a submission needs a name of its own.")
    met = meet(task, where.data)
    predictions = submitted_predictions(file, met)
    cell = Cell(_Unknown(_info(claim)), task, PROTOCOL, RECIPE, {"made": claim.made, "code": claim.code}, ())
    made = _record(cell, met, predictions, _account(file, claim), host_facts(where.command))
    if where.root is None:
        record = settled(replace(made, outputs=lambda: predictions))
        return Submitted(record, None, "checked and scored, not stored")
    path, said = cell_path(where.root, cell), list[str]()
    stored = update(path, partial(_unless_other, (made, predictions), where.replacing, path, said))
    assert stored is not None, "an update that is refused raises"
    return Submitted(stored, path, said[0])


def _info(claim: Claim) -> ModelInfo:
    weights = claim.weights or "unknown"
    return ModelInfo(name=claim.name, adapter=PROTOCOL, version=1, weights=weights, parameters=claim.parameters)


def _account(file: Path, claim: Claim) -> dict[str, Any]:
    claimed = {"by": claim.by, "weights": claim.weights, "made": claim.made, "code": claim.code}
    return {
        "file": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "claimed": {name: value for name, value in claimed.items() if value} | {"model": claim.name},
        "proved": "rows and labels are the task's; scores follow from the predictions",
    }


def _record(
    cell: Cell, met: Met, predictions: Predictions, account: Mapping[str, Any], host: Mapping[str, Any]
) -> RunRecord:
    """The record of all replicates; what nobody measured here (bases seen, cost) is null."""
    assert PROTOCOL not in PROTOCOLS, "a submission is no protocol that can be run"
    pair: Pair | None = None
    for name, outputs in zip(predictions.replicates, predictions.outputs, strict=True):
        one = Replicate(int(name.split()[-1]), np.asarray(outputs), predictions.kind, {}, 0.0, _NO_COST)
        pair = with_replicate(pair, cell, met, one, host)
    assert pair is not None, "a file has at least one replicate"
    record = pair[0]
    return replace(
        record,
        protocol={**record.protocol, "id": cell.config7, "version": 0},
        replicates=tuple({**one, "bases_seen": None} for one in record.replicates),
        checks={**record.checks, "bases_seen": None},
        cost={},
        provenance={**record.provenance, "device": None, "replicates": {}, "submitted": plain(account)},
    )


def _unless_other(new: Pair, replacing: bool, path: Path, said: list[str], present: Pair | None) -> Pair | None:
    """The new pair where nothing is there; nothing to do for the same; other predictions only where asked for."""
    if present is None or replacing:
        said.append(f"stored at {path}" if present is None else f"replaced {path}")
        return new
    there, made = replace(present[0], predictions=""), replace(new[0], predictions="")
    if present[1] is not None and new[1] is not None and _same(present[1], new[1]) and steady(there) == steady(made):
        said.append(f"is there already: {path}")
        return None
    raise RequestError(f"{path} holds other predictions of that claim: --fresh replaces them, --as takes another name.")


def _same(a: Predictions, b: Predictions) -> bool:
    return a.replicates == b.replicates and a.kind == b.kind and np.array_equal(a.outputs, b.outputs)
