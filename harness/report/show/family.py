"""One page on a family of pretrained models: what its card says, the checkpoints that it knows, and its options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from ...engine.reader import Reading, choices
from ...making import OWN_CODE
from ..page import Page, Section, fact_text
from ..render import MISSING, Table

TRUST = " --trust-remote-code org/name@COMMIT"
UNSAID = "as its config.json says"
OWN = {"init": "pretrained (or: random)", "size": "one of the sizes, with init=random"}
"""Options that a reading does not have."""


def family_page(card: Any) -> Page:
    """A family by its card: facts, checkpoints of the hub, sizes to build from scratch, options of the adapter."""
    configs = list(card.sizes.values()) or [{}]
    contexts = _said(_context_text(card, config) for config in configs)
    facts = {
        "family": card.name,
        "version": card.version,
        "context": contexts if card.sizes or contexts == UNSAID else f"{contexts}, where config.json says no other",
        "tokenizer": card.tokens,
        "objective": _said(_asked(card.objective, config) for config in configs),
        "strands": _said(_asked(card.strands, config) for config in configs),
        "N": card.unknown,
        "likelihood": card.likelihood,
        "licence": card.licence,
        "LoRA trains": list(card.lora_targets),
    }
    sections = [
        Section("is", facts),
        Section("checkpoints", table=_checkpoints(card.checkpoints)),
        Section("sizes", table=_sizes(card)),
        Section("options", _options(bool(card.sizes))),
    ]
    return Page(card.name, card.title, sections, _next(card))


def _checkpoints(known: Mapping[str, Any]) -> Table:
    rows, data = [], []
    for name, one in known.items():
        rows.append((name, fact_text(one.parameters), ", ".join(one.pretraining) or MISSING, fact_text(one.bases)))
        data.append(
            {"model": name, "parameters": one.parameters, "pretraining": list(one.pretraining), "bases": one.bases}
        )
    head = ("model", "parameters", "pretrained on", "bases it was trained with")
    return Table("", head, tuple(rows), (), tuple(data))


def _sizes(card: Any) -> Table:
    rows, data = [], []
    for name, config in card.sizes.items():
        rows.append((name, _context_text(card, config), fact_text(config)))
        data.append({"size": name, "context": _context_text(card, config), "config": dict(config)})
    return Table("", ("size", "context", "config.json"), tuple(rows), (), tuple(data))


def _options(sizes: bool) -> dict[str, str]:
    """Every option with its default, and what else it may be."""
    known, found = choices(), {}
    for one in fields(Reading):
        others = [word for word in known.get(one.name, ()) if word != one.default]
        default = "as many as fit" if one.default is None else fact_text(one.default)
        found[one.name] = f"{default} (or: {', '.join(others)})" if others else default
    return found | {name: text for name, text in OWN.items() if sizes or name != "size"}


def _context_text(card: Any, config: Mapping[str, Any]) -> str:
    found = _asked(card.context, config)
    if not isinstance(found, tuple):
        return UNSAID
    limits = zip(found, ("tokens", "bases"), strict=True)
    return ", ".join(f"{limit:,} {what}" for limit, what in limits if limit is not None) or "no limit of the network's"


def _asked(fact: Any, config: Mapping[str, Any]) -> Any:
    """What a card says of a configuration; UNSAID where it needs keys that only a checkpoint's own file has."""
    try:
        return fact(config)
    except Exception:  # a card of any plugin
        return UNSAID


def _said(found: Iterator[Any]) -> str:
    return "; ".join(dict.fromkeys(map(str, found)))


def _next(card: Any) -> str:
    named: Sequence[str] = list(card.checkpoints)
    if named:
        return f"dnabench run -m {named[0]} -s yeast"
    if card.sizes:
        return f"dnabench run -m {card.name} --init random -s yeast"
    return "dnabench run -m org/name -s yeast" + (f" --adapter {card.name}" if card.name != OWN_CODE else TRUST)
