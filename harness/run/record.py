"""A cell's record: replicates in, scores with intervals and checks out.

`with_replicate` is a function of what is stored and one new replicate, so that a run that was killed and resumed
ends with the same scores as an undisturbed one. Only `cost` and `provenance` hold what may differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from ..data.load import DataOptions
from ..errors import DnabenchError
from ..metrics import METRICS
from ..protocols import PROTOCOLS
from ..stats.intervals import score_predictions
from ..types import Predictions, RunRecord, Score, Status
from .cost import total_cost
from .meet import Met, task_facts
from .plan import Cell, cell_key
from .provenance import cell_facts, replicate_facts
from .record_json import FAILED_SEEDS, plain
from .replicate import Replicate
from .store import Pair


@dataclass(frozen=True)
class RunOptions:
    """Where data are looked for, and what is said of this run in the provenance of its records."""

    data: DataOptions
    command: str = ""


def with_replicate(present: Pair | None, cell: Cell, met: Met, new: Replicate, host: Mapping[str, Any]) -> Pair:
    """The pair that is stored plus one replicate, scored anew; a pair of another key is replaced."""
    met = met.for_config(cell.config)
    key = plain(cell_key(cell, met.data))
    kept = present if present and present[1] is not None and present[0].key == key else None
    start = perf_counter()
    predictions = _joined(kept[1] if kept else None, met, new)
    added = _added_metrics(kept[0] if kept else None, met)
    scores = _scores(met, predictions, added)
    task = cell_task_facts(cell) | task_facts(met)
    record = RunRecord(
        status="ok" if cell.limit is None else "partial",
        key=key,
        model=model_facts(cell),
        task=task | {"metrics": [*task["metrics"], *added]},
        protocol=protocol_facts(cell),
        scores=scores,
        replicates=_accounts(kept[0] if kept else None, new),
    )
    lost = without_seeds(kept[0].checks.get(FAILED_SEEDS, {}) if kept else {}, (new.seed,))
    record = replace(record, checks=_checks(met, predictions, record) | lost)
    seconds = {**met.seconds, "score": perf_counter() - start}
    return _with_account(record, kept[0] if kept else None, met, new, (host, seconds)), predictions


def with_failed_seeds(record: RunRecord, lost: Mapping[int, str]) -> RunRecord:
    """A record that tells of seeds which the model failed with: they are missing, not forgotten."""
    there = record.checks.get(FAILED_SEEDS, {})
    said = {**there, **{str(seed): sentence for seed, sentence in lost.items()}}
    have = [int(one["seed"]) for one in record.replicates]
    others = {name: value for name, value in record.checks.items() if name != FAILED_SEEDS}
    return replace(record, checks=others | without_seeds(said, have))


def without_seeds(lost: Mapping[str, str], have: Sequence[int]) -> dict[str, Any]:
    """The entry of `checks` about seeds that failed, without those that there are numbers of; nothing if none is left.

    >>> without_seeds({"1": "NaN", "2": "NaN"}, (2,)), without_seeds({"2": "NaN"}, (2,))
    ({'failed_seeds': {'1': 'NaN'}}, {})
    """
    left = {seed: sentence for seed, sentence in lost.items() if int(seed) not in have}
    return {FAILED_SEEDS: left} if left else {}


def failure(cell: Cell, status: Status, sentence: str, data: Mapping[str, str]) -> RunRecord:
    """The record of a cell that gave no numbers, with the reason; `data` is empty where the data are not here."""
    return RunRecord(
        status=status,
        key=plain(cell_key(cell, data)),
        model=model_facts(cell),
        task=cell_task_facts(cell),
        protocol=protocol_facts(cell),
        error=sentence,
    )


def error_text(problem: Exception) -> str:
    """What went wrong: a DnabenchError's own sentence, else the type, the text and the innermost calls.

    >>> error_text(DnabenchError("no such file"))
    'no such file'
    """
    if isinstance(problem, DnabenchError):
        return str(problem)
    calls = []
    trace = problem.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        calls.append(f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    where = " < ".join(reversed(calls[-4:]))
    # One line, whatever it was: it becomes a table's footnote and a field of a csv.
    said = " ".join(f"{type(problem).__name__}: {problem}".split())
    return said + (f" (at {where})" if where else "")


def model_facts(cell: Cell) -> dict[str, Any]:
    """The model as it is recorded: all that it says of itself, and its id."""
    facts: dict[str, Any] = plain(asdict(cell.model.info))
    return facts | {"id": cell.id7}


def protocol_facts(cell: Cell) -> dict[str, Any]:
    """The protocol as it is recorded: name, version, recipe, whole configuration, and its id."""
    spec = PROTOCOLS.get(cell.protocol)
    return {
        "name": cell.protocol,
        "version": spec.version if spec else None,
        "recipe": cell.recipe,
        "config": plain(cell.config),
        "limit": cell.limit,
        "id": cell.config7 if spec else "",
    }


def cell_task_facts(cell: Cell) -> dict[str, Any]:
    """The task as it is recorded: enough to score and compare the predictions without the task file."""
    task = cell.task
    return {
        "name": task.name,
        "version": task.version,
        "title": task.title,
        "inputs": task.inputs,
        "target": plain(task.target),
        "metric": task.metric,
        "metrics": list(task.all_metrics),
        "dependence": plain(task.dependence),
        "split_rule": plain(task.split_rule),
        "species": task.species,
        "assembly": task.assembly,
    }


def _joined(kept: Predictions | None, met: Met, new: Replicate) -> Predictions:
    """Predictions of all replicates, in the order of their seeds; a seed that is there already is replaced."""
    by_seed = {new.seed: new.outputs}
    if kept is not None:
        there = zip(kept.replicates, kept.outputs, strict=True)
        by_seed = {int(name.split()[-1]): outputs for name, outputs in there} | by_seed
    seeds = sorted(by_seed)
    return Predictions(
        task=met.task.name,
        kind=new.kind,
        keys=met.keys,
        truth=met.splits.test.labels,
        outputs=np.stack([by_seed[seed] for seed in seeds]),
        replicates=tuple(f"seed {seed}" for seed in seeds),
        columns=met.columns,
    )


def _added_metrics(kept: RunRecord | None, met: Met) -> tuple[str, ...]:
    """Metrics that `rescore --write` added to what is stored: a further seed keeps them."""
    there = kept.scores if kept else {}
    return tuple(name for name in there if name in METRICS and name not in met.task.all_metrics)


def _scores(met: Met, predictions: Predictions, added: tuple[str, ...] = ()) -> dict[str, Score]:
    return score_predictions(predictions, (*met.task.all_metrics, *added), met.test_set)


def _accounts(kept: RunRecord | None, new: Replicate) -> tuple[Mapping[str, Any], ...]:
    account = {
        "name": new.name,
        "seed": new.seed,
        "chosen": plain(new.chosen),
        "bases_seen": round(new.bases_seen, 6),
    }
    others = [one for one in (kept.replicates if kept else ()) if one["seed"] != new.seed]
    return tuple(sorted((*others, account), key=lambda one: int(one["seed"])))


def _checks(met: Met, predictions: Predictions, record: RunRecord) -> dict[str, Any]:
    """Bases seen, odd letters, rows that stand twice, and the scores without the test rows that stand in train."""
    audit = dict(met.audit)
    leaked, exact = audit.pop("test_in_train"), audit.pop("test_in_train_exact")
    duplicates = {
        "test_rows_in_train": leaked,
        "exact": exact,
        "reverse_complement": audit.pop("test_in_train_reverse_complement"),
        "share": round(leaked / max(1, len(met.in_train)), 6),
    }
    checks: dict[str, Any] = {
        "bases_seen": min(one["bases_seen"] for one in record.replicates),
        "non_acgt": {name: facts.non_acgt for name, facts in met.splits.facts.items()},
        "duplicates": duplicates,
        "rows": audit,
    }
    if 0 < leaked < len(met.in_train):
        names = tuple(name for name in record.scores if name not in met.task.all_metrics)
        without = _scores(met, predictions.take(met.in_train == 0), names)
        checks["scores_without_duplicates"] = plain(without)
    return checks


def _with_account(
    record: RunRecord,
    kept: RunRecord | None,
    met: Met,
    new: Replicate,
    run: tuple[Mapping[str, Any], Mapping[str, float]],
) -> RunRecord:
    """The record with what may differ between two runs of the same thing: cost and provenance."""
    host, seconds = run
    here = replicate_facts(host, on_gpu=bool(new.cost["peak_gpu_mb"]))
    costs, origins = {}, {}
    if kept:
        costs, origins = dict(kept.cost["replicates"]), dict(kept.provenance["replicates"])
    costs[new.name], origins[new.name] = dict(new.cost), here
    seeds = [int(one["seed"]) for one in record.replicates]
    provenance = cell_facts(host, met.splits.facts, seeds) | {"device": here["device"], "replicates": origins}
    return replace(record, cost=total_cost(costs, seconds), provenance=provenance)
