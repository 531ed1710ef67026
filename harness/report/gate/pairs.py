"""Which cell of NEW stands against which cell of BASE: models by name, since new weights are the point."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import RequestError, nearest
from ...run.record_json import canonical
from ...types import RunRecord

Kind = Callable[[RunRecord], Any]


@dataclass(frozen=True)
class Pair:
    """One cell of both sides; None where a side has none."""

    task: str
    model: str
    """The name in NEW, with what tells it apart where a name has several cells."""
    base: RunRecord | None
    new: RunRecord | None


def renames(words: Sequence[str]) -> dict[str, str]:
    """Old names and their new ones from `OLD=NEW`.

    >>> renames(["dnabert=dnabert-large"])
    {'dnabert': 'dnabert-large'}
    """
    found: dict[str, str] = {}
    for word in words:
        old, equals, new = word.partition("=")
        if not (old and equals and new) or old in found:
            raise RequestError(f"--as {word!r}: write OLD=NEW, each old name once.")
        found[old] = new
    return found


def pairs(base: Sequence[RunRecord], new: Sequence[RunRecord], renamed: Mapping[str, str]) -> list[Pair]:
    """Cells of both sides, ordered by task and model; what only NEW has comes without a base.

    `renamed`: name or name@id7 in BASE → that in NEW. Raises RequestError for names that no record has, and where
    the two sides have no model in common.
    """
    _refuse_unknown(base, renamed, "BASE")
    _refuse_unknown(new, renamed.values(), "NEW")
    homes = _homes(base, renamed)
    before = _grouped(base, lambda r: next((homes[n] for n in _names(r) if n in homes), str(r.model["name"])))
    after = _grouped(new, lambda r: next((n for n in _names(r) if n in renamed.values()), str(r.model["name"])))
    now = {homes[old]: name for old, name in renamed.items()}
    if not {now.get(name, name) for _, name in before} & {name for _, name in after}:
        raise RequestError(
            f"no model of BASE is in NEW: {_listed(before)} before, {_listed(after)} now; "
            "--as OLD=NEW pairs renamed ones."
        )
    found = []
    for task, name in sorted({*before, *after}):
        there = after.get((task, now.get(name, name)), [])
        found += _labelled(task, name, _paired(before.get((task, name), []), there))
    return found


def _homes(base: Sequence[RunRecord], renamed: Mapping[str, str]) -> dict[str, str]:
    """Old names and the names that they are judged under; BASE may hold a model of the new name too."""
    kept = {name for record in base if not set(_names(record)) & set(renamed) for name in _names(record)}
    return {old: f"{new} (was {old})" if new in kept else new for old, new in renamed.items()}


def _names(record: RunRecord) -> tuple[str, str]:
    return f"{record.model['name']}@{record.model.get('id', '')}", str(record.model["name"])


def _refuse_unknown(records: Sequence[RunRecord], names: Any, side: str) -> None:
    known = sorted({name for record in records for name in _names(record)})
    for name in names:
        if name not in known:
            raise RequestError(f"--as: {side} has no model {name!r}.{nearest(name, known)}")


def _grouped(records: Sequence[RunRecord], name: Callable[[RunRecord], str]) -> dict[tuple[str, str], list[RunRecord]]:
    found: dict[tuple[str, str], list[RunRecord]] = {}
    for record in records:
        found.setdefault((str(record.task["name"]), name(record)), []).append(record)
    return found


def _listed(groups: Mapping[tuple[str, str], Any]) -> str:
    return ", ".join(sorted({name for _, name in groups})) or "none"


def _paired(base: list[RunRecord], new: list[RunRecord]) -> list[tuple[RunRecord | None, RunRecord | None]]:
    """Pairs of one name on one task: what is alike in most respects first, each record once."""
    found: list[tuple[RunRecord | None, RunRecord | None]] = []
    before, after = list(base), list(new)
    only = len(base) == len(new) == 1
    # A single cell on both sides is one model that changed, whatever changed in it.
    for kind in (_cell, _model, _recipe, *([_anything] if only else [])):
        for old in list(before):
            here = [one for one in before if kind(one) == kind(old)]
            there = [one for one in after if kind(one) == kind(old)]
            if len(here) == len(there) == 1:
                found.append((old, there[0]))
                before.remove(old)
                after.remove(there[0])
    found += [(old, None) for old in before]
    return found + [(_ancestor(one, base), one) for one in after]


def _ancestor(one: RunRecord, base: Sequence[RunRecord]) -> RunRecord | None:
    """The record that a further one in NEW goes back to: a tree may still hold the old weights beside the new."""
    known = [old for old in base if _recipe(old) == _recipe(one) and old.model.get("id") != one.model.get("id")]
    return known[0] if len(known) == 1 else None


def _protocol(record: RunRecord) -> tuple[str, str]:
    return str(record.protocol.get("name") or ""), str(record.protocol.get("recipe") or "")


def _cell(record: RunRecord) -> Any:
    return (*_model(record), record.protocol.get("id"))


def _model(record: RunRecord) -> Any:
    return (*_protocol(record), record.model.get("id"))


def _recipe(record: RunRecord) -> Any:
    """The same model in another version or with other weights."""
    return (*_protocol(record), record.model.get("adapter"), canonical(record.model.get("options", {})))


def _anything(_: RunRecord) -> Any:
    return None


def _labelled(task: str, name: str, found: Sequence[tuple[RunRecord | None, RunRecord | None]]) -> list[Pair]:
    """Pairs with the shortest labels that tell them apart."""
    shown = [one for old, new in found if (one := new or old) is not None]
    faces: tuple[Kind, ...] = (
        lambda r: name,
        lambda r: f"{name}@{r.model.get('id', '')}",
        lambda r: f"{name} {'.'.join(_protocol(r))}",
        lambda r: f"{name}@{r.model.get('id', '')} {'.'.join(_protocol(r))}@{r.protocol.get('id', '')}",
    )
    for face in faces:
        labels = [face(record) for record in shown]
        if len(set(labels)) == len(labels):
            break
    made = [Pair(task, label, *pair) for label, pair in zip(labels, found, strict=True)]
    return sorted(made, key=lambda pair: pair.model)
