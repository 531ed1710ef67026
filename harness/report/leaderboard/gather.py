"""Facts: the records of a results tree as one field of entrants and tasks for each suite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ... import registry
from ...errors import DnabenchError, RequestError
from ...run.store import read_records
from ...stats.weights import effective_groups
from ...types import RunRecord, Suite
from ..cells import Cell, cells, column_names
from ..published import PublishedScore, gathered
from .nouns import Entrant, Entry, Field, TaskCard

Identity = tuple[Any, ...]


def gather(root: Path, problems: list[str]) -> tuple[Field, ...]:
    """The fields of a results tree, in alphabetical order; sentences on unreadable records go to `problems`.

    Raises RequestError where there is no record.
    """
    if not root.is_dir():
        raise RequestError(f"{root} is no folder: name the one that `dnabench run -o DIR` wrote to.")
    records = [stored.record for stored in read_records(root, problems)]
    if not records:
        raise RequestError(f"{root} holds no records: `dnabench run -o {root} …` makes some.")
    published = gathered(root)
    by_suite: dict[str, list[RunRecord]] = {}
    for record in records:
        by_suite.setdefault(str(record.task["name"]).split("/")[0], []).append(record)
    return tuple(_field(suite, by_suite[suite], published) for suite in sorted(by_suite))


def _field(suite: str, records: Sequence[RunRecord], published: Sequence[PublishedScore]) -> Field:
    found = cells(records)
    known = registry.load_suite(suite) if suite in registry.suites() else None
    pairs = list(zip(found, records, strict=True))
    entries: dict[tuple[str, str], Entry] = {}
    cards = []
    for name in _in_order({c.task for c in found}, known):
        mine = [(c, r) for c, r in pairs if c.task == name]
        entered = _entries(mine)
        entries |= {(name, c.column): entry for (c, _), entry in zip(mine, entered, strict=True)}
        cards.append(_card(name, entered, known, published))
    return Field(suite, known, tuple(cards), _entrants(found, records), entries)


def _in_order(names: set[str], known: Suite | None) -> list[str]:
    """Task names in the suite's order, then those that it does not know."""
    listed = [task.name for task in known.tasks] if known else []
    return [name for name in listed if name in names] + sorted(names - set(listed))


def _entries(mine: Sequence[tuple[Cell, RunRecord]]) -> list[Entry]:
    """The entries of one task; those on other rows or of another version than most are set apart."""
    full = [_identity(record) for cell, record in mine if cell.counts]
    counts = Counter(full)
    # Most records first; the newer version, then the text decides between equals, so that order never does.
    home = max(counts, key=lambda one: (counts[one], int(one[0] or 0), repr(one)), default=None)
    entries = []
    for cell, record in mine:
        odd = cell.counts and _identity(record) != home
        entries.append(Entry(cell, record, _difference(_identity(record), home) if odd else ""))
    return entries


def _identity(record: RunRecord) -> Identity:
    """Version of the task, its metric, and the fingerprints of all its rows."""
    data: Mapping[str, Any] = record.key.get("data", {})
    return (record.task.get("version"), record.task.get("metric"), *sorted((k, str(v)) for k, v in data.items()))


def _difference(mine: Identity, home: Identity | None) -> str:
    assert home is not None
    if mine[0] != home[0]:
        return f"not compared: version {mine[0]} of the task, the others have version {home[0]}"
    if mine[1] != home[1]:
        return f"not compared: ranked by {mine[1]}, the others by {home[1]}"
    splits = sorted({name for name, _ in set(mine[2:]) ^ set(home[2:])})
    return f"not compared: other rows than the other models ({', '.join(splits)})"


def _card(name: str, entries: Sequence[Entry], known: Suite | None, published: Sequence[PublishedScore]) -> TaskCard:
    best = min(entries, key=lambda e: (not e.counts, not e.cell.counts, not e.record.task.get("splits"), e.cell.column))
    task = next((task for task in known.tasks if task.name == name), None) if known else None
    told = tuple(score for score in published if score.task == name)
    card = TaskCard(name, best.record.task, task, told)
    return replace(card, groups=_groups(entries, card.dependence.groups)) if card.dependence.groups else card


def _groups(entries: Sequence[Entry], column: str) -> tuple[int, float] | None:
    """How many groups the test rows form, and G_eff, from the first predictions that can be read."""
    for entry in entries:
        if entry.counts and entry.record.outputs is not None:
            try:
                found = entry.record.outputs().columns.get(column)
            except DnabenchError:
                continue  # the standings say whose predictions cannot be read
            if found is not None and len(found):
                return len(np.unique(found)), effective_groups(found)
    return None


def _entrants(found: Sequence[Cell], records: Sequence[RunRecord]) -> tuple[Entrant, ...]:
    """One entrant per column, by name; the facts are those of its first record."""
    # Seeds stand in a column of their own.
    heads = column_names([replace(cell, replicates=1) for cell in found])
    firsts: dict[str, tuple[Cell, RunRecord]] = {}
    for cell, record in zip(found, records, strict=True):
        if cell.column not in firsts or (cell.protocol and not firsts[cell.column][0].protocol):
            firsts[cell.column] = (cell, record)
    made = [
        Entrant(key, heads[key].removesuffix(" (1 seed)"), record.model, cell.protocol, cell.recipe)
        for key, (cell, record) in firsts.items()
    ]
    return tuple(sorted(made, key=lambda one: (one.name, one.key)))
