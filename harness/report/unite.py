"""Two stored pairs of one cell as one: their seeds side by side, scored anew from all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..run.cost import total_cost
from ..run.record import with_failed_seeds
from ..run.record_json import FAILED_SEEDS, plain
from ..stats.intervals import score_predictions
from ..types import Predictions, RunRecord
from .cells import as_test_set

Scored = tuple[RunRecord, Predictions]
SHARED = ("load", "audit", "score")
"""Stages of a cost that belong to the cell and not to a seed."""


def contradiction(a: Scored, b: Scored) -> str:
    """Why two pairs cannot both be right, or an empty string: other keys, rows, or outputs of the same seed."""
    return next(_contradictions(a, b), "")


def _contradictions(a: Scored, b: Scored) -> Iterator[str]:
    (first, one), (second, other) = a, b
    names = dict.fromkeys((*first.key, *second.key))
    changed = [name for name in names if first.key.get(name) != second.key.get(name)]
    if changed:
        yield f"made from another {' and '.join(changed)}"
    if first.status != second.status or one.kind != other.kind:
        yield "of another status or kind of output"
    if not np.array_equal(one.keys, other.keys) or not np.array_equal(one.truth, other.truth):
        yield "of other rows or labels"
    columns = dict.fromkeys((*one.columns, *other.columns))
    if any(not np.array_equal(one.columns.get(name, ()), other.columns.get(name, ())) for name in columns):
        yield "of other columns of the same rows"
    seeds = dict(zip(one.replicates, one.outputs, strict=True))
    for name, outputs in zip(other.replicates, other.outputs, strict=True):
        if name in seeds and not np.array_equal(seeds[name], outputs):
            yield f"with other outputs of {name}"
    for name in sorted(first.scores.keys() & second.scores.keys()):
        if one.replicates == other.replicates and plain(first.scores[name]) != plain(second.scores[name]):
            yield f"with another {name} of the same predictions"


def united(a: Scored, b: Scored) -> Scored:
    """The first pair with the seeds (failed ones too) and metrics that only the second has; itself where none are."""
    (first, one), (second, other) = a, b
    new = [name for name in other.replicates if name not in one.replicates]
    metrics = tuple(dict.fromkeys([*first.scores, *second.scores]))
    told = with_failed_seeds(first, second.checks.get(FAILED_SEEDS, {}))
    if not new and set(metrics) == set(first.scores):
        return a if told.checks == first.checks else (told, one)
    outputs = {name: out for p in (other, one) for name, out in zip(p.replicates, p.outputs, strict=True)}
    names = tuple(sorted(outputs, key=lambda name: int(name.split()[-1])))
    both = replace(one, replicates=names, outputs=np.stack([outputs[name] for name in names]))
    accounts = {str(account["name"]): account for account in (*second.replicates, *first.replicates)}
    record = replace(
        first,
        replicates=tuple(accounts[name] for name in names),
        scores=score_predictions(both, metrics, as_test_set(first)),
        checks=_checks(first, second, both, metrics),
        cost=_cost(first, second),
        provenance=_provenance(first, second, accounts),
        task={**first.task, "metrics": list(dict.fromkeys([*first.task["metrics"], *second.task["metrics"]]))},
        predictions="",
        outputs=lambda: both,
    )
    return with_failed_seeds(record, told.checks.get(FAILED_SEEDS, {})), both


def _checks(first: RunRecord, second: RunRecord, said: Predictions, metrics: tuple[str, ...]) -> dict[str, Any]:
    checks = dict(first.checks)
    seen = [c["bases_seen"] for c in (first.checks, second.checks) if c.get("bases_seen") is not None]
    checks["bases_seen"] = min(seen, default=None)
    if "scores_without_duplicates" in checks:
        kept = np.asarray(said.columns["in_train"]) == 0
        checks["scores_without_duplicates"] = plain(score_predictions(said.take(kept), metrics, as_test_set(first)))
    return checks


def _cost(first: RunRecord, second: RunRecord) -> Mapping[str, Any]:
    """The cost of all seeds; the stages of the cell itself are those of the first."""
    costs = {**second.cost.get("replicates", {}), **first.cost.get("replicates", {})}
    stages = first.cost.get("stages", {})
    return total_cost(costs, {name: stages[name] for name in SHARED if name in stages}) if costs else {}


def _provenance(first: RunRecord, second: RunRecord, accounts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    origins = {**second.provenance.get("replicates", {}), **first.provenance.get("replicates", {})}
    seeds = sorted(int(account["seed"]) for account in accounts.values())
    return {**first.provenance, "replicates": origins, "seeds": seeds}
