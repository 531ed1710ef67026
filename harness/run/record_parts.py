"""What the parts of a record must be where they are there: a record from elsewhere may hold anything.

Only kinds are looked at, so that readers need no guards; whether numbers are true is for `check --results`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

TEXT, NUMBER, COUNT, MAPPING, LIST = "a text", "a number from 0", "a whole number from 0", "a mapping", "a list"

PARTS: Mapping[str, Mapping[str, str]] = {
    "key": dict.fromkeys(("data", "model", "protocol", "task"), MAPPING),
    "model": {"name": TEXT, "id": TEXT, "weights": TEXT, "options": MAPPING, "parameters": COUNT, "pretraining": LIST}
    | dict.fromkeys(("context_tokens", "context_bases"), COUNT),
    "task": dict.fromkeys(("name", "metric", "title"), TEXT)
    | dict.fromkeys(("target", "rows", "splits", "dependence", "split_rule"), MAPPING)
    | {"metrics": LIST},
    "protocol": dict.fromkeys(("name", "recipe", "id"), TEXT) | {"config": MAPPING},
    "checks": dict.fromkeys(("duplicates", "rows", "non_acgt", "scores_without_duplicates"), MAPPING)
    | {"bases_seen": NUMBER},
    "cost": dict.fromkeys(("seconds", "bases_per_second", "peak_memory_mb", "peak_gpu_mb"), NUMBER)
    | dict.fromkeys(("stages", "replicates"), MAPPING),
    "provenance": dict.fromkeys(("packages", "replicates", "data", "submitted"), MAPPING)
    | dict.fromkeys(("command", "commit", "dnabench", "utc"), TEXT),
}
"""Part of a record → what it may hold → what that must be; null stands for unknown."""
REPLICATE = {"name": TEXT, "seed": COUNT, "chosen": MAPPING}


def odd_part(content: Mapping[str, Any]) -> str:
    """The first part of a record, as JSON has it, that is of another kind than its readers take; empty where none is.

    >>> odd_part({"cost": {"seconds": "fast"}}), odd_part({"cost": {"seconds": None}})
    ("cost.seconds is 'fast', not a number from 0", '')
    """
    return next(_odd(content), "")


def _odd(content: Mapping[str, Any]) -> Iterator[str]:
    for part, kinds in PARTS.items():
        yield from _wrong(part, content.get(part, {}), kinds)
    for account in content.get("replicates", []):
        yield from _wrong("replicates", account, REPLICATE)
    for name, score in content.get("scores", {}).items():
        values = [score.get(end) for end in ("value", "low", "high")] if isinstance(score, dict) else [score]
        each = score.get("per_replicate", []) if isinstance(score, dict) else []
        if not isinstance(each, list) or not all(one is None or _finite(one) for one in (*values, *each)):
            yield f"the score {name} is no number"


def _wrong(part: str, content: Mapping[str, Any], kinds: Mapping[str, str]) -> Iterator[str]:
    for name, kind in kinds.items():
        if (value := content.get(name)) is not None and not _is(value, kind):
            yield f"{part}.{name} is {str(value)[:40]!r}, not {kind}"


def _is(value: Any, kind: str) -> bool:
    if kind in (NUMBER, COUNT):
        return _finite(value) and value >= 0 and (kind == NUMBER or value == int(value))
    return isinstance(value, {TEXT: str, MAPPING: dict, LIST: list}[kind])


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
