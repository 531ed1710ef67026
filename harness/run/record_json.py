"""A record as text: sorted keys, a schema number, plain numbers, so that git shows what changed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any, cast, get_args

from dnabench.harness.errors import RecordError
from dnabench.harness.types import RunRecord, Score, Status

from .record_parts import odd_part

SCHEMA = 1
UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""From schema n to n + 1, applied on reading; files are never rewritten for it."""

VOLATILE = ("cost", "provenance")
"""What may differ between two runs of one thing; everything else may not."""

FAILED_SEEDS = "failed_seeds"
"""Among the checks: seed → why the model gave no numbers with it, where other seeds gave some."""

_PLAIN = (str, int, bool)
_TUPLES = ("replicates",)
_MAPPINGS = ("key", "model", "task", "protocol", "scores", "checks", "cost", "provenance")
_WRITTEN = tuple(f.name for f in fields(RunRecord) if f.name != "outputs")


class NewerRecordError(RecordError):
    """Written by a newer dnabench: neither read nor overwritten."""


def dumps(record: RunRecord) -> str:
    """The record as JSON text.

    >>> text = dumps(RunRecord("ok", {}, {}, {}, {}, {"mcc": Score("mcc", 0.5)}))
    >>> loads(text, "r.json").scores["mcc"].value
    0.5
    """
    content = {"schema": SCHEMA} | {name: plain(getattr(record, name)) for name in _WRITTEN}
    return canonical(content, indent=1) + "\n"


def loads(text: str, where: str) -> RunRecord:
    """The record in a text; `where` names the file in errors.

    Raises RecordError where the text is truncated or foreign, NewerRecordError where its schema is newer.
    """
    try:
        content = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as problem:
        raise RecordError(
            f"{where}: broken JSON at line {problem.lineno}: delete it and run the cell again"
        ) from problem
    except (ValueError, RecursionError) as problem:
        raise RecordError(f"{where}: no JSON of ours ({problem}): delete it and run the cell again") from problem
    if not isinstance(content, dict) or not isinstance(content.get("schema"), int) or "status" not in content:
        raise RecordError(f"{where}: not a dnabench record (no schema and status): move it out of the results folder")
    return _record(_upgraded(content, where), where)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping of these pairs. Raises ValueError for a key that stands twice: readers would see different things."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} stands twice")
    return found


def canonical(value: Any, indent: int | None = None) -> str:
    """JSON with one spelling for one content: sorted keys, no NaN.

    >>> canonical({"b": 1, "a": (1.0, None)})
    '{"a":[1.0,null],"b":1}'
    """
    separators = (",", ": ") if indent else (",", ":")
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators)


def plain(value: Any) -> Any:
    """Dataclasses, tuples and numpy numbers as JSON's own types; NaN and infinities become null.

    >>> plain({"a": (1, float("nan"))})
    {'a': [1, None]}
    """
    if value is None or type(value) in _PLAIN:
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in (sorted(value) if isinstance(value, (set, frozenset)) else value)]
    known = value.tolist() if hasattr(value, "tolist") else value if isinstance(value, (int, str)) else str(value)
    return plain(known) if known is not value else value


def steady(record: RunRecord) -> dict[str, Any]:
    """All of a record that must be the same in every run of the same thing."""
    return {name: plain(getattr(record, name)) for name in _WRITTEN if name not in VOLATILE}


def settled(record: RunRecord) -> RunRecord:
    """The record exactly as it would come back from disk, its `outputs` kept."""
    return replace(loads(dumps(record), "memory"), outputs=record.outputs)


def _upgraded(content: dict[str, Any], where: str) -> dict[str, Any]:
    schema = content["schema"]
    if schema > SCHEMA:
        raise NewerRecordError(
            f"{where}: schema {schema} is newer than {SCHEMA}, which this dnabench reads: upgrade dnabench"
        )
    while schema < SCHEMA:
        if schema not in UPGRADES:
            raise RecordError(f"{where}: schema {schema} is unknown: run the cell again")
        content, schema = UPGRADES[schema](content), schema + 1
    return content


def _record(content: Mapping[str, Any], where: str) -> RunRecord:
    if content["status"] not in get_args(Status):
        raise RecordError(f"{where}: status {content['status']!r} is none of {', '.join(get_args(Status))}")
    _check_kinds(content, where)
    try:
        values = {name: content[name] for name in _WRITTEN if name in content}
        values["scores"] = {name: _score(score) for name, score in values.get("scores", {}).items()}
        values |= {name: tuple(values.get(name, ())) for name in _TUPLES}
        return RunRecord(**values)
    except (TypeError, AttributeError) as problem:
        raise RecordError(f"{where}: not a whole record ({problem}): delete it and run the cell again") from problem


def _check_kinds(content: Mapping[str, Any], where: str) -> None:
    for name in _MAPPINGS:
        if not isinstance(content.get(name, {}), dict):
            raise RecordError(f"{where}: {name} is no mapping: delete the record and run the cell again")
    accounts = content.get("replicates", [])
    if not isinstance(accounts, list) or not all(isinstance(one, dict) for one in accounts):
        raise RecordError(f"{where}: replicates is no list of mappings: delete the record and run the cell again")
    if odd := odd_part(content):
        raise RecordError(f"{where}: {odd}: delete the record and run the cell again")
    lost = content.get("checks", {}).get(FAILED_SEEDS, {})
    if not isinstance(lost, dict) or not all(seed.isdecimal() and isinstance(why, str) for seed, why in lost.items()):
        raise RecordError(f"{where}: {FAILED_SEEDS} does not say why seeds failed: delete it and run the cell again")


def _score(content: Mapping[str, Any]) -> Score:
    values = dict(content)
    values["per_replicate"] = tuple(cast(list[Any], values.get("per_replicate", [])))
    return Score(**values)
