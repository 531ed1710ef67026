"""Seeds of an operand: collapsed ones are shown, and one is left out only where its name is given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...errors import RequestError
from ...stats.collapse import collapsed, without
from ...types import Predictions, RunRecord
from ..cells import target_of
from .operands import Operand


def leave_out(groups: Sequence[Sequence[Operand]], words: Sequence[str]) -> list[list[Operand]]:
    """The operands without the seeds named, as `seed 2` for all models or `cnn seed 2` for one.

    Raises RequestError for seeds that no model has, and where none would be left.
    """
    wanted = [_seed(word) for word in words]
    labels = [(word, model) for word, (model, _) in zip(words, wanted, strict=True) if model]
    known = {name for group in groups for one in group for name in _names(one)}
    for word, model in labels:
        if model not in known:
            raise RequestError(f"--leave-out {word!r}: no model {model!r} here: {', '.join(sorted(known))}.")
    for word, (model, seed) in zip(words, wanted, strict=True):
        if not any(seed in _all_seeds(one) for group in groups for one in group if model in ("", *_names(one))):
            raise RequestError(f"--leave-out {word!r}: no record has it.")
    return [[_without(one, wanted) for one in group] for group in groups]


def seed_notes(operands: Sequence[Operand]) -> Iterator[str]:
    """What must be said of seeds: those that collapsed, and those left out by name."""
    for one in operands:
        yield from one.notes
        found: dict[str, list[str]] = {}
        for task, record in one.records.items():
            if record.outputs is not None and len(record.replicates) > 1:
                for seed in collapsed(record.outputs(), target_of(record)):
                    found.setdefault(seed, []).append(task)
        for seed, tasks in sorted(found.items()):
            yield (
                f"{one.label}: {seed} collapsed (the same answer for every row) on {', '.join(tasks)} and counts; "
                f"--leave-out '{seed}' leaves it out"
            )


def _seed(word: str) -> tuple[str, str]:
    """Model, if there is one, and seed.

    >>> _seed("seed 2"), _seed("cnn seed 2")
    (('', 'seed 2'), ('cnn', 'seed 2'))
    """
    found = re.fullmatch(r"(?:(.+) )?(seed \d+)", word.strip())
    if not found:
        raise RequestError(f"--leave-out {word!r}: write 'seed 2', or 'MODEL seed 2'.")
    return found[1] or "", found[2]


def _names(one: Operand) -> set[str]:
    return {one.label, one.word, str(one.first.model["name"])}


def _without(one: Operand, wanted: Sequence[tuple[str, str]]) -> Operand:
    """The operand with fewer replicates in its records, and a note that says which."""
    mine = {seed for model, seed in wanted if model in ("", *_names(one))}
    records = {task: _fewer(record, mine) for task, record in one.records.items()}
    gone = sorted({name for task, record in one.records.items() for name in _seeds(record) - _seeds(records[task])})
    note = (f"{one.label}: without {', '.join(gone)}, left out by name",) if gone else ()
    return replace(one, records=records, notes=(*one.notes, *note))


def _all_seeds(one: Operand) -> set[str]:
    return {seed for record in one.records.values() for seed in _seeds(record)}


def _seeds(record: RunRecord) -> set[str]:
    return {str(each["name"]) for each in record.replicates}


def _fewer(record: RunRecord, names: set[str]) -> RunRecord:
    gone = names & _seeds(record)
    known = record.outputs
    if not gone or known is None:
        return record

    def outputs() -> Predictions:
        return without(known(), gone)

    if gone == _seeds(record):
        raise RequestError(f"{record.task['name']}: {record.model['name']} has no seed but {', '.join(sorted(gone))}.")
    kept = tuple(each for each in record.replicates if each["name"] not in gone)
    return replace(record, replicates=kept, scores={}, outputs=outputs)
