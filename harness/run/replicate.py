"""One seed of one cell: the protocol on every fold, checked, as outputs for all test rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AdapterError
from ..protocols import DEV_FOLDS, redrawn, run_protocol
from ..types import Fit, OutputKind
from .cost import measured, replicate_cost
from .meet import Fold, Met
from .plan import Cell


@dataclass(frozen=True)
class Replicate:
    """What one seed gave: outputs float32 (n, outputs) for all test rows, and the account of it."""

    seed: int
    outputs: NDArray[np.float32]
    kind: OutputKind
    chosen: Mapping[str, Any]
    bases_seen: float
    cost: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"seed {self.seed}"


def run_replicate(cell: Cell, met: Met, seed: int) -> Replicate:
    """Run the cell's protocol with one seed on every fold.

    Raises AdapterError for outputs of a wrong shape or with NaN, and whatever the model raises.
    """
    whole, facts = measured(lambda: _all_folds(cell, met, seed))
    outputs = np.asarray(whole.outputs, np.float32)
    return Replicate(seed, outputs, whole.kind, whole.chosen, whole.bases_seen, replicate_cost(whole, facts))


def _all_folds(cell: Cell, met: Met, seed: int) -> Fit:
    """The folds as one Fit; out-of-fold outputs stand where their rows stand."""
    fits = [_one_fold(cell, fold, met, seed) for fold in met.folds]
    if len(fits) == 1:
        return fits[0]
    outputs = np.empty((len(met.splits.test), fits[0].outputs.shape[1]), np.float64)
    for fold, fit in zip(met.folds, fits, strict=True):
        outputs[fold.places] = fit.outputs
    stages = dict.fromkeys(name for fit in fits for name in fit.seconds)
    weights = [sum(map(len, fold.test.sequences)) for fold in met.folds]
    return Fit(
        outputs=outputs,
        kind=fits[0].kind,
        chosen={"folds": [dict(fit.chosen) for fit in fits]},
        seconds={name: sum(fit.seconds.get(name, 0.0) for fit in fits) for name in stages},
        bases_seen=float(np.average([fit.bases_seen for fit in fits], weights=weights)),
        bases=sum(fit.bases for fit in fits),
    )


def _one_fold(cell: Cell, fold: Fold, met: Met, seed: int) -> Fit:
    config = dict(cell.config)
    folds = config.pop(DEV_FOLDS, 0)
    rows = redrawn(fold.rows, folds, seed, met.task) if folds else fold.rows
    fit = run_protocol(cell.protocol, cell.model, rows, fold.test, config, seed)
    outputs = np.asarray(fit.outputs)
    # A likelihood is one score per row, whatever the classes.
    wanted = (len(fold.test), 1 if fit.kind == "log_likelihood" else met.task.target.outputs)
    name = cell.model.info.name
    if outputs.shape != wanted:
        raise AdapterError(f"{name} gave outputs of shape {outputs.shape} where {wanted} was expected")
    with np.errstate(over="ignore"):
        finite = np.isfinite(outputs.astype(np.float32)).all()
    if not finite:
        raise AdapterError(f"{name} gave NaN or infinity among its {outputs.size} outputs (as float32)")
    return fit
