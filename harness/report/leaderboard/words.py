"""How the board says things: ranks, counts, costs, and the text of every cell of its tables."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from ...metrics import METRICS
from ..cells import metric_title, rarest_class
from ..evidence import group_notes, rare_notes
from ..render import MISSING
from ..tables import number
from .data import parameters
from .nouns import Entrant, Field, Mean, Ranking, TaskCard, View

FACTS = ("parameters", "context", "bases seen", "time", "bases/s", "peak memory", "pretraining", "seeds")


def rank_text(rank: tuple[int, int] | None) -> str:
    """A rank, or the ranks that an entrant may have.

    >>> rank_text((1, 1)), rank_text((2, 4)), rank_text(None)
    ('1', '2–4', '—')
    """
    if rank is None:
        return MISSING
    return str(rank[0]) if rank[0] == rank[1] else f"{rank[0]}–{rank[1]}"


def count_text(value: float | None) -> str:
    """A large number, short.

    >>> count_text(117_068_544), count_text(28_590), count_text(812), count_text(None)
    ('117 M', '28.6 k', '812', '—')
    """
    if value is None:
        return MISSING
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{letter}" if value / size < 999.5 else f"{value / size:.0f}{letter}"
    return f"{value:.3g}"


def duration_text(seconds: float | None) -> str:
    """A time, in the unit that fits it.

    >>> duration_text(8.8), duration_text(1473), duration_text(36_000), duration_text(None)
    ('8.8 s', '24.6 min', '10 h', '—')
    """
    if seconds is None:
        return MISSING
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s" if seconds < 10 else f"{seconds:.0f} s"


def interval_text(low: float | None, high: float | None) -> str:
    """Both ends in brackets, nothing where there is none.

    >>> interval_text(0.7064, 0.7747), interval_text(None, None)
    ('[0.706, 0.775]', '')
    """
    return "" if low is None or high is None else f"[{number(low)}, {number(high)}]"


def mean_title(mean: Mean, several: bool = False) -> str:
    """The head of a column of means."""
    which = "common tasks" if mean.kind == "common" else "tasks"
    return f"mean of {len(mean.tasks)} {which}" + (f", {metric_title(mean.metric)}" if several else "")


def sentence(note: str) -> str:
    """A note as a sentence of the page.

    >>> sentence("rows in groups: 6"), sentence("accuracy (top 1).")
    ('Rows in groups: 6.', 'Accuracy (top 1).')
    """
    return f"{note[:1].upper()}{note[1:]}" + ("" if note.endswith((".", "!", "?")) else ".")


def detectable_text(ranking: Ranking) -> str:
    """What this test set can tell apart.

    >>> detectable_text(Ranking(("a", "b"), detectable=0.0312))
    '±0.031'
    """
    return MISSING if ranking.detectable is None else f"±{number(ranking.detectable)}"


def verdict_words(ranking: Ranking, i: int, j: int, metric: str) -> tuple[str, float]:
    """Better, worse or not told apart, as a word and as -1 to 1: how strongly the row beats the column."""
    p, difference = ranking.p_values[i][j], ranking.differences[i][j]
    if difference == 0 or p >= 0.05:
        return "not told apart", 0.0
    up = (difference > 0) == (METRICS[metric].best > 0)
    return ("better", 1.0) if up else ("worse", -1.0)


def field_title(field: Field) -> str:
    """The suite with its title, and how much of it has been run."""
    title = field.known.title if field.known else ""
    whole = len(field.tasks) + field.unmeasured
    part = f"{len(field.tasks)} of {whole} tasks" if field.unmeasured else f"{whole} task{'s' * (whole != 1)}"
    return f"{field.suite}: {title}, {part}" if title else f"{field.suite}: {part}"


def facts_of(view: View, entrant: Entrant) -> dict[str, tuple[str, float | str | None]]:
    """Name of a fact → how it is printed, and what it is sorted by."""
    field = view.field
    size = parameters(entrant, field)
    context = (entrant.facts.get("context_tokens"), entrant.facts.get("context_bases"))
    seen = min(_checks(field, entrant, "bases_seen"), default=None)
    seconds, speeds = _costs(field, entrant, "seconds"), _costs(field, entrant, "bases_per_second")
    memory = max([*_costs(field, entrant, "peak_memory_mb"), *_costs(field, entrant, "peak_gpu_mb")], default=None)
    pretraining = ", ".join(map(str, entrant.facts.get("pretraining", ()))) or MISSING
    low, high = _seeds(field, entrant)
    return {
        "parameters": (count_text(size), size),
        "context": (_context_text(*context), context[1] or context[0]),
        "bases seen": (MISSING if seen is None else f"{100 * seen:.3g}%", seen),
        "time": (duration_text(sum(seconds) if seconds else None), sum(seconds) or None),
        "bases/s": (count_text(statistics.median(speeds)), statistics.median(speeds)) if speeds else (MISSING, None),
        "peak memory": (MISSING if memory is None else f"{memory:,.0f} MB", memory),
        "pretraining": (pretraining, pretraining if pretraining != MISSING else None),
        "seeds": (MISSING if not high else str(high) if low == high else f"{low}–{high}", high or None),
    }


def caveats(field: Field, cards: Sequence[TaskCard], metrics: Sequence[str] = ()) -> tuple[str, ...]:
    """What must be said of the test rows of some tasks: rows in groups with G_eff, classes of few rows.

    `metrics` are those shown, in place of each task's own.
    """
    groups = {card.name: card.groups[1] for card in cards if card.groups}
    rare = []
    for card in cards:
        entered = (field.entry(card.name, entrant) for entrant in field.entrants)
        rows = next((rarest_class(entry.record) for entry in entered if entry and entry.counts), None)
        rare += [(card.name, metric, rows) for metric in metrics or (card.metric,)]
    return (*group_notes(groups), *rare_notes(rare))


def _context_text(tokens: Any, bases: Any) -> str:
    said = [f"{count_text(n)} {unit}" for n, unit in ((tokens, "tokens"), (bases, "bases")) if n is not None]
    return ", ".join(said) or "any length"


def _checks(field: Field, entrant: Entrant, name: str) -> list[float]:
    return [float(e.record.checks[name]) for e in _counting(field, entrant) if e.record.checks.get(name) is not None]


def _costs(field: Field, entrant: Entrant, name: str) -> list[float]:
    return [float(e.record.cost[name]) for e in _counting(field, entrant) if e.record.cost.get(name) is not None]


def _seeds(field: Field, entrant: Entrant) -> tuple[int, int]:
    counts: Sequence[int] = [e.cell.replicates for e in _counting(field, entrant)] or [0]
    return min(counts), max(counts)


def _counting(field: Field, entrant: Entrant) -> Iterator[Any]:
    entries = (field.entry(name, entrant) for name in field.names)
    return (entry for entry in entries if entry is not None and entry.counts)
