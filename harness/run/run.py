"""Run what a plan says is missing: task by task, one record at a time, whatever happens to single cells."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from ..errors import AdapterError, Unavailable
from ..types import Predictions, RunRecord, Status
from . import store
from .meet import Met, meet
from .plan import Cell, Planned
from .provenance import host_facts, utc
from .record import RunOptions, error_text, failure, with_failed_seeds, with_replicate
from .record_json import settled, steady
from .replicate import Replicate, run_replicate
from .store import Pair

__all__ = ["Outcome", "RunOptions", "run_plan"]

Host = Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What became of one planned cell: its record, and where it lies (None where it is kept in memory only)."""

    planned: Planned
    record: RunRecord
    path: Path | None = None
    problem: Exception | None = None
    """What was raised, where the cell gave no numbers."""


def run_plan(plan: Sequence[Planned], options: RunOptions) -> Iterator[Outcome]:
    """Each cell of the plan in turn, finished cells at once, with its record written before it is yielded.

    A task is loaded and audited once for all models. A cell that fails becomes a record with the status `failed`
    or `unavailable` and the run goes on; an interrupt ends it with every finished replicate already on disk.
    """
    host = host_facts(options.command)
    for _, group in groupby(plan, key=lambda one: (one.cell.task.name, one.cell.limit)):
        yield from _run_task(list(group), options, host)


def _run_task(plan: Sequence[Planned], options: RunOptions, host: Host) -> Iterator[Outcome]:
    met: Met | Exception | None = None
    for one in plan:
        if one.state == "done" and one.record is not None:
            yield Outcome(one, one.record, one.path)
        elif one.state == "not_applicable":
            yield Outcome(one, settled(failure(one.cell, "not_applicable", one.reason, {})))
        elif one.state in ("newer", "unavailable"):
            yield Outcome(one, settled(failure(one.cell, "unavailable", one.reason, {})), one.path)
        else:
            met = met if met is not None else _meet(one.cell, options)
            yield _run_cell(one, met, host)


def _meet(cell: Cell, options: RunOptions) -> Met | Exception:
    """The task, or why it could not be met: that belongs into the record of each of its cells."""
    try:
        return meet(cell.task, replace(options.data, limit=cell.limit))
    except Exception as problem:
        return problem


def _run_cell(one: Planned, met: Met | Exception, host: Host) -> Outcome:
    if isinstance(met, Exception):
        return _failed(one, met, {}, host)
    try:
        return _replicates(one, met, host)
    except Exception as problem:
        return _failed(one, problem, met.data, host)


def _replicates(one: Planned, met: Met, host: Host) -> Outcome:
    """Every missing seed, each saved as soon as it is finished, so that a kill loses at most one.

    Where the model fails with one (a training diverged, its outputs are NaN), the others are run all the same.
    """
    pair: Pair | None = None
    record: RunRecord | None = None
    lost: dict[int, Exception] = {}
    if one.path is not None:
        store.require_writable(one.path)
    for seed in one.missing:
        try:
            new = _one_seed(one.cell, met, seed)
        except Unavailable:
            raise
        except Exception as problem:
            lost[seed] = problem
            if isinstance(problem, AdapterError):
                continue
            break
        first = record is None and pair is None
        add = partial(_add, replace(one, afresh=one.afresh and first), met, new, host)
        if one.path is None:
            pair = add(pair)
        else:
            record = store.update(one.path, add)
    if lost:
        kept = record is not None or len(one.missing) < len(one.cell.seeds)
        return _lost(one, lost, met.data, host, kept)
    if pair is not None:
        record = settled(replace(pair[0], outputs=partial(_held, pair)))
    assert record is not None, "a cell that is not done misses at least one seed"
    return Outcome(one, record, one.path)


def _one_seed(cell: Cell, met: Met, seed: int) -> Replicate:
    """One replicate; where the model's own code exits, panics or forks, that ends the seed and not the run."""
    name, process = cell.model.info.name, os.getpid()
    try:
        return run_replicate(cell, met, seed)
    except (Exception, KeyboardInterrupt):
        raise
    except SystemExit as end:
        raise AdapterError(f"{name} called sys.exit({end.code!r}): it must raise instead") from end
    except BaseException as panic:
        # A panic of Rust, in which tokenizers are written, is no Exception.
        raise AdapterError(f"{name} ended in {' '.join(f'{type(panic).__name__}: {panic}'.split())}") from panic
    finally:
        if os.getpid() != process:
            # A copy of this process that the model made and let come back must not write records too.
            os._exit(1)


def _add(one: Planned, met: Met, new: Replicate, host: Host, present: Pair | None) -> Pair:
    """What is stored plus one replicate; where it is to be made afresh, the replicate alone."""
    return with_replicate(None if one.afresh else present, one.cell, met, new, host)


def _held(pair: Pair) -> Predictions:
    predictions = pair[1]
    assert predictions is not None, "with_replicate always gives predictions"
    return predictions


def _lost(one: Planned, lost: Mapping[int, Exception], data: dict[str, str], host: Host, kept: bool) -> Outcome:
    """A cell some of whose seeds failed: it says which, and what is stored of the others says so too."""
    (seed, first), *more = lost.items()
    if len(one.cell.seeds) == 1:
        return _failed(one, first, data, host)
    also = f"; so did seed{'s' * (len(more) > 1)} {', '.join(str(other) for other, _ in more)}" if more else ""
    sentence = f"seed {seed}: {error_text(first)}{also}" + ("; the numbers of the other seeds are kept" if kept else "")
    problem = AdapterError(sentence) if isinstance(first, AdapterError) else first
    told = {number: str(said) for number, said in lost.items() if isinstance(said, AdapterError)}
    return _failed(one, problem, data, host, (sentence, told))


def _failed(
    one: Planned, problem: Exception, data: dict[str, str], host: Host, said: tuple[str, Mapping[int, str]] = ("", {})
) -> Outcome:
    """The record of a cell without numbers; `said`: its sentence, and what is to stand beside other seeds' numbers."""
    status: Status = "unavailable" if isinstance(problem, Unavailable) else "failed"
    record = failure(one.cell, status, said[0] or error_text(problem), data)
    record = settled(replace(record, provenance={**host, "utc": utc()}))
    if one.path is not None:
        store.update(one.path, partial(_unless_better, record, said[1]))
    return Outcome(one, record, one.path, problem)


def _unless_better(new: RunRecord, lost: Mapping[int, str], present: Pair | None) -> Pair | None:
    """A record without numbers never takes the place of numbers that still hold, nor of its own twin.

    Where the data or an extra are not here, nobody can say that the old numbers do not hold. Numbers of the same cell
    are told which seeds are `lost`.
    """
    if present is None:
        return new, None
    old = present[0]
    scored = old.status in ("ok", "partial")
    holds = new.status == "unavailable" or old.key == new.key
    told = with_failed_seeds(old, lost) if scored and old.key == new.key else old
    if steady(told) != steady(old):
        return told, present[1]
    return None if (scored and holds) or steady(old) == steady(new) else (new, None)
