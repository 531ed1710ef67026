"""Which card a model's folder asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from dnabench.harness.errors import AdapterError, RequestError, nearest

from .card import Card

GROUP = "dnabench.families"
CONFIG = "config.json"


@cache
def cards() -> Mapping[str, Card]:
    """All registered families by name, dnabench's own first."""
    from importlib.metadata import entry_points

    points = sorted(entry_points(group=GROUP), key=lambda p: (not p.value.startswith("dnabench."), p.name))
    found: dict[str, Card] = {}
    for point in points:
        module, _, name = point.value.partition(":")
        try:
            found.setdefault(point.name, getattr(import_module(module), name))
        except (ImportError, AttributeError) as problem:
            raise RequestError(f"the family {point.name!r} ({point.value}) cannot be imported: {problem}") from problem
    return found


def card_named(name: str) -> Card:
    """The card of this name; RequestError with the nearest one for a name that nobody has."""
    known = cards()
    if name not in known:
        raise RequestError(f"there is no family {name!r}.{nearest(name, list(known))} Known: {', '.join(known)}")
    return known[name]


def card_of(config: Mapping[str, Any], where: str) -> Card:
    """The only card that serves a configuration.

    Raises AdapterError where none or several do: the sentence says what the configuration says of itself and what
    to type.
    """
    found = [card for card in cards().values() if card.serves(config)]
    if len(found) == 1:
        return found[0]
    says = f"model_type {config.get('model_type')!r}"
    if found:
        names = " or ".join(card.name for card in found)
        raise AdapterError(f"{where}: its config.json ({says}) fits several families: say --adapter {names}")
    code = sorted({str(entry).split("--")[-1].split(".")[0] for entry in (config.get("auto_map") or {}).values()})
    if code:
        raise AdapterError(
            f"{where} runs code of its own ({', '.join(code)}.py; {says}) and no port here does the same: read that "
            "code, then say --trust-remote-code NAME@COMMIT with exactly this model, or --adapter FAMILY if you know it"
        )
    families = ", ".join(name for name in cards() if name != "remote-code")
    raise AdapterError(f"{where}: no family here knows its config.json ({says}): say --adapter with one of {families}")


def read_config(folder: Path) -> dict[str, Any]:
    """A folder's config.json; AdapterError where it has none or it is no table."""
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except OSError:
        raise AdapterError(f"{folder} has no {CONFIG}: give the folder of a model") from None
    except ValueError as problem:
        raise AdapterError(f"{folder / CONFIG} is no JSON ({problem})") from None
    if not isinstance(config, dict):
        raise AdapterError(f"{folder / CONFIG} is no table of settings")
    return config
