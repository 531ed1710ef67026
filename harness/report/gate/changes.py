"""What makes two cells incomparable: lost scores, other data, another protocol, each in one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from ...types import RunRecord
from ..cells import cell
from .pairs import Pair

SHOWN = 3
"""Changed settings that are named; the rest are counted."""


def holes(pair: Pair) -> tuple[Literal["fail", "undecided"], str]:
    """The verdict on a pair that has no two full records, with its reason; an empty reason where it has.

    What BASE had must be there; what failed must not be new.
    """
    base, new = _state(pair.base), _state(pair.new)
    if base == "ok":
        if new == "ok":
            return "undecided", ""
        return "fail", "lost: not in NEW" if pair.new is None else f"lost: {_why(pair.new)}"
    if pair.new is not None and pair.new.status == "failed" and base != "failed":
        return "fail", f"new failure: {_why(pair.new)}"
    assert pair.base is not None
    return "undecided", f"no full score in BASE: {_why(pair.base)}"


def changes(base: RunRecord, new: RunRecord) -> tuple[str, str]:
    """What changed in the data and task, and what in the protocol; empty where nothing did.

    Model, weights and options may change: that is what is judged.
    """
    data = [f"{name} rows" for name in _differing(base.key["data"], new.key["data"])]
    for name in ("version", "metric", "target"):
        old, now = base.task.get(name), new.task.get(name)
        if old != now:
            data.append(f"task {name} {_short(old)} → {_short(now)}" if name != "target" else "classes")
    protocol = [*_settings("", _protocol(base), _protocol(new))]
    return _sentence("data changed", data), _sentence("protocol changed", protocol)


def _state(record: RunRecord | None) -> str:
    """`ok` only where there are predictions to compare."""
    if record is None:
        return "none"
    return "no predictions" if record.status == "ok" and record.outputs is None else record.status


def _why(record: RunRecord) -> str:
    if record.status == "ok":
        return "the record has no predictions"
    if record.status == "partial":
        return "partial, not all rows (--limit)"
    return cell(record).missing()[1]


def _protocol(record: RunRecord) -> dict[str, Any]:
    """Everything of a cell's identity that is neither data nor model."""
    found = dict(record.key.get("protocol") or {})
    return {"harness": record.key.get("harness"), "recipe": record.protocol.get("recipe"), **found}


def _settings(path: str, old: Any, new: Any) -> Iterator[str]:
    """Changed settings with their path: `config.epochs 3 → 5`.

    >>> list(_settings("", {"a": {"b": 1}, "c": 2}, {"a": {"b": 3}, "c": 2}))
    ['a.b 1 → 3']
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in _differing(old, new):
            yield from _settings(f"{path}.{name}" if path else name, old.get(name), new.get(name))
    elif old != new:
        yield f"{path} {_short(old)} → {_short(new)}"


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 30 else f"{text[:27]}…"


def _sentence(head: str, parts: list[str]) -> str:
    """Parts under a head, the first few by name.

    >>> _sentence("data changed", ["test rows"]), _sentence("data changed", [])
    ('data changed: test rows', '')
    """
    more = f" and {len(parts) - SHOWN} more" if len(parts) > SHOWN else ""
    return f"{head}: {', '.join(parts[:SHOWN])}{more}" if parts else ""
