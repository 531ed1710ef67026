"""The section of a model: what it says of itself, all its scores, each seed, and where the numbers were made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..cells import metric_title
from ..page import fact_text
from ..render import MISSING
from ..tables import number
from .board_page import BOLD
from .data import parameters
from .nouns import Board, Entrant, Entry, Field, Ranking
from .sheet import Grid, Head, Item, Line, Notes, Part, Section, facts, model_route, number_item, score_item, task_route
from .words import count_text, rank_text

SHOWN = ("adapter", "version", "weights", "context_tokens", "context_bases", "tokenizer", "objective", "strands")

CHOSEN = ("strength", "epoch", "learning_rate", "k")
"""What is worth a word of all that a seed chose on dev."""


def model_names(board: Board) -> list[str]:
    """Models of all suites, by name."""
    return sorted({entrant.model for field in board.fields for entrant in field.entrants})


def model_section(board: Board, name: str) -> Section:
    """Everything about the models of one name: one part for each suite and entrant."""
    own = [(field, entrant) for field in board.fields for entrant in field.entrants if entrant.model == name]
    first = own[0][1]
    lead = "A conventional model: it learns from the task's own rows only." if first.baseline else "A pretrained model."
    lead = f"{lead} {BOLD}"
    parts = [Part("Card", facts=_card(*own[0]))]
    for field, entrant in own:
        title = f"{field.suite}: {entrant.name}, {entrant.protocol or 'no protocol'}"
        parts.append(Part(title, facts=_settings(field, entrant), grid=_scores(board, field, entrant)))
        parts.append(Part(f"{title}: provenance", grid=_provenance(field, entrant)))
    return Section(model_route(name), name, lead, tuple(part for part in parts if part.filled))


def _card(field: Field, entrant: Entrant) -> tuple[tuple[str, str], ...]:
    info = entrant.facts
    size = parameters(entrant, field)
    found: dict[str, str | None] = {"parameters": None if size is None else count_text(size)}
    found |= {key.replace("_", " "): _text(info.get(key)) for key in SHOWN}
    return facts(found | {"licence": _text(info.get("licence")), "pretraining": _text(info.get("pretraining"))})


def _text(value: Any) -> str | None:
    return None if value in (None, "", (), []) else fact_text(value)


def _settings(field: Field, entrant: Entrant) -> tuple[tuple[str, str], ...]:
    """Options and configuration: all that changes what the numbers are."""
    entries = [entry for _, entry in _entries(field, entrant)]
    configs = list(dict.fromkeys(_flat(entry.record.protocol.get("config") or {}) for entry in entries))
    found: dict[str, str | None] = {
        "id": str(entrant.facts.get("id", "")),
        "options": _flat(entrant.facts.get("options") or {}),
        "recipe": entrant.recipe,
        "configuration": configs[0] if configs else None,
    }
    if len(configs) > 1:
        found["configuration"] = f"{configs[0]} (and {len(configs) - 1} more, by task)"
    return facts(found)


def _flat(found: Any) -> str:
    return "; ".join(f"{key} = {fact_text(value)}" for key, value in sorted(found.items()))


def _entries(field: Field, entrant: Entrant) -> Iterator[tuple[str, Entry]]:
    return ((name, entry) for name in field.names if (entry := field.entry(name, entrant)))


def _scores(board: Board, field: Field, entrant: Entrant) -> Grid:
    notes = Notes()
    heads = [Head("task", "task", number=False), Head("metric", "metric", number=False), Head("rank", "rank")]
    heads += [
        Head("score", "score"),
        Head("each seed", "seeds", number=False),
        Head("chosen on dev", "chosen", number=False),
    ]
    heads += [Head("bases seen", "bases-seen"), Head("seconds", "seconds"), Head("MB", "memory")]
    lines = [_line(board, name, entry, entrant, notes) for name, entry in _entries(field, entrant)]
    missing = [card.name for card in field.tasks if field.entry(card.name, entrant) is None]
    lines += [Line((Item(name, link=f"#{task_route(name)}"), *[Item(MISSING)] * 8)) for name in missing]
    return Grid(f"{entrant.name} on {field.suite}", tuple(heads), tuple(lines), notes.all())


def _line(board: Board, name: str, entry: Entry, entrant: Entrant, notes: Notes) -> Line:
    cell, record = entry.cell, entry.record
    ranking = board.rankings.get((name, cell.metric), Ranking(()))
    at = ranking.place(entrant.key)
    rank = ranking.ranks[at] if at is not None and ranking.ranks else None
    best = bool(at is not None and ranking.best and ranking.best[at])
    seconds, memory = record.cost.get("seconds"), record.cost.get("peak_gpu_mb") or record.cost.get("peak_memory_mb")
    seen = record.checks.get("bases_seen")
    items = (
        Item(name, "", name, link=f"#{task_route(name)}"),
        Item(metric_title(cell.metric), "", cell.metric),
        Item(rank_text(rank), "", rank[0] + rank[1] / 1000 if rank else None, "number"),
        score_item(cell.score, notes, entry.said, best),
        Item(_seeds(entry), kind="prose"),
        Item(_chosen(entry), kind="prose"),
        number_item(seen, None if seen is None else f"{100 * seen:.3g}%"),
        number_item(seconds, None if seconds is None else f"{seconds:,.1f}"),
        number_item(memory, None if memory is None else f"{memory:,.0f}"),
    )
    return Line(items)


def _seeds(entry: Entry) -> str:
    """Each seed's score; a collapsed one is named."""
    values: Sequence[float | None] = entry.cell.score.per_replicate if entry.cell.score else ()
    said = []
    for i, one in enumerate(entry.record.replicates):
        value = number(values[i]) if i < len(values) else MISSING
        said.append(f"{one['name']}: {value}" + (" (collapsed)" if one["name"] in entry.cell.collapsed else ""))
    return ", ".join(said) or MISSING


def _chosen(entry: Entry) -> str:
    """What every seed chose on dev, numbers and words only."""
    found: dict[str, list[str]] = {}
    for one in entry.record.replicates:
        for key, value in one.get("chosen", {}).items():
            if key in CHOSEN and isinstance(value, (int, float, str)):
                found.setdefault(key, []).append(fact_text(value))
    # Equal choices of all seeds are said once.
    each = {key: values if len(set(values)) > 1 else values[:1] for key, values in found.items()}
    return "; ".join(f"{key} {', '.join(values)}" for key, values in sorted(each.items())) or MISSING


def _provenance(field: Field, entrant: Entrant) -> Grid | None:
    """Which code, packages and machine made which tasks; equal accounts in one row."""
    accounts: dict[tuple[str, ...], list[str]] = {}
    for name, entry in _entries(field, entrant):
        found = entry.record.provenance
        if found:
            commit = str(found.get("commit") or MISSING)[:12] + (" (changed)" if found.get("dirty") else "")
            packages = ", ".join(f"{key} {value}" for key, value in sorted((found.get("packages") or {}).items()))
            words = (
                found.get("dnabench"),
                commit,
                found.get("python"),
                packages,
                found.get("device"),
                found.get("cpu"),
            )
            accounts.setdefault(tuple(str(word or MISSING) for word in words), []).append(name)
    if not accounts:
        return None
    names = ("dnabench", "commit", "Python", "packages", "device", "processor", "tasks")
    heads = tuple(Head(word, word.lower(), number=False) for word in names)
    lines = tuple(
        Line((*(Item(word) for word in account), Item(", ".join(tasks), kind="prose")))
        for account, tasks in sorted(accounts.items())
    )
    return Grid(f"{entrant.name} on {field.suite}: what made the numbers", heads, lines)
