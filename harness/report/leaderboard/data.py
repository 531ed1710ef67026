"""The board as data: one line per entrant, task and metric, and the whole as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from ...run.record_json import plain
from ..cells import without_duplicates
from ..render import no_formula
from .literature import Beside, beside
from .nouns import Board, Entrant, Entry, Field, Mean, Ranking, TaskCard, View

SCHEMA = 1
DIGITS = 6
COLUMNS = (
    "source", "suite", "task", "metric", "ranked_by", "model", "model_id", "protocol", "recipe", "config_id",
    "value", "low", "high", "rank_best", "rank_worst", "not_beaten", "seeds", "collapsed", "rows", "rows_in_train",
    "value_without", "bases_seen", "parameters", "context_tokens", "context_bases", "pretraining", "baseline",
    "seconds", "bases_per_second", "peak_memory_mb", "peak_gpu_mb", "status", "said", "against", "difference",
    "reference",
)  # fmt: skip


def lines(board: Board) -> Iterator[dict[str, Any]]:
    """What was measured, then what was published, each in the order of suites, tasks and entrants."""
    for field in board.fields:
        for card in field.tasks:
            for entrant in field.entrants:
                yield from _measured(board, field, card, entrant)
        for card in field.tasks:
            yield from (_published(field, one) for one in beside(board, field, card))


def as_csv(board: Board) -> str:
    """All lines under one head; what is unknown is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_field_text(line.get(name)) for name in COLUMNS] for line in lines(board))
    return out.getvalue()


def as_json(found: Mapping[str, Any]) -> str:
    """The whole board, as `content` makes it, with sorted keys."""
    return _json(found, "") + "\n"


def content(board: Board) -> dict[str, Any]:
    """Suites with tasks and entrants, views with means and pairs, and all lines: plain numbers and texts."""
    found = {
        "generator": "dnabench leaderboard",
        "schema": SCHEMA,
        "suites": [_suite(field) for field in board.fields],
        "views": [_view(view) for view in board.views],
        "scores": [{k: v for k, v in line.items() if v not in (None, "")} for line in lines(board)],
    }
    content_plain: dict[str, Any] = plain(found)
    return content_plain


def _json(value: Any, indent: str) -> str:
    """JSON in lines: what holds no further lists or mappings takes one."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not any(isinstance(one, (dict, list)) for one in inside):
        return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
    below = indent + " "
    if isinstance(value, dict):
        parts = [f"{_json(name, '')}: {_json(value[name], below)}" for name in sorted(value)]
    else:
        parts = [_json(one, below) for one in value]
    opened, closed = "{}" if isinstance(value, dict) else "[]"
    return f"{opened}\n{below}{f',{chr(10)}{below}'.join(parts)}\n{indent}{closed}"


def parameters(entrant: Entrant, field: Field) -> int | None:
    """Parameters that the model states, or those that a fine-tuned network was counted to have."""
    stated = entrant.facts.get("parameters")
    if stated is not None:
        return int(stated)
    counted = [
        one["chosen"]["parameters"]
        for name in field.names
        if (entry := field.entry(name, entrant))
        for one in entry.record.replicates
        if isinstance(one.get("chosen", {}).get("parameters"), int)
    ]
    return max(counted, default=None)


def rounded(value: float | None) -> float | None:
    """A number of the table: six decimals, 0 without a sign."""
    return None if value is None else round(value, DIGITS) + 0.0


def _measured(board: Board, field: Field, card: TaskCard, entrant: Entrant) -> Iterator[dict[str, Any]]:
    entry = field.entry(card.name, entrant)
    base: dict[str, Any] = {"source": "measured", "suite": field.suite, "task": card.name, "ranked_by": card.metric}
    base |= {"model": entrant.model, "model_id": entrant.facts.get("id"), "protocol": entrant.protocol}
    base |= {"recipe": entrant.recipe, "baseline": entrant.baseline, "parameters": parameters(entrant, field)}
    base |= {k: entrant.facts.get(k) for k in ("context_tokens", "context_bases", "pretraining")}
    if entry is None:
        yield base | {"metric": card.metric, "status": "not run"}
        return
    base |= _facts(entry)
    if not entry.record.scores:
        yield base | {"metric": card.metric, "said": entry.said}
    for metric in (m for m in card.metrics if m in entry.record.scores):
        yield base | {"metric": metric} | _score(entry, metric, entrant, board.rankings.get((card.name, metric)))


def _facts(entry: Entry) -> dict[str, Any]:
    cell, record = entry.cell, entry.record
    cost = {k: record.cost.get(k) for k in ("seconds", "bases_per_second", "peak_memory_mb", "peak_gpu_mb")}
    return cost | {
        "config_id": cell.config7,
        "seeds": cell.replicates,
        "collapsed": ", ".join(cell.collapsed),
        "rows": cell.rows,
        "rows_in_train": cell.duplicates,
        "bases_seen": record.checks.get("bases_seen"),
        "status": cell.status,
    }


def _score(entry: Entry, metric: str, entrant: Entrant, ranking: Ranking | None) -> dict[str, Any]:
    score, without = entry.record.scores[metric], without_duplicates(entry.record).get(metric)
    line = {
        "value": rounded(score.value),
        "low": rounded(score.low),
        "high": rounded(score.high),
        "value_without": rounded(without.value) if without else None,
        "said": entry.odd or score.note or entry.said,
    }
    at = ranking.place(entrant.key) if ranking else None
    if ranking is None or at is None or not ranking.ranks:
        return line
    low, high = ranking.ranks[at] or (None, None)
    return line | {"rank_best": low, "rank_worst": high, "not_beaten": ranking.best[at]}


def _published(field: Field, one: Beside) -> dict[str, Any]:
    score = one.score
    return {
        "source": "published", "suite": field.suite, "task": score.task, "metric": score.metric,
        "ranked_by": next(c.metric for c in field.tasks if c.name == score.task), "model": score.model,
        "protocol": score.protocol, "value": score.value, "seeds": score.replicates,
        "status": "published", "said": one.agreement, "reference": score.source,
        "against": one.ours.name if one.ours else "", "difference": one.difference,
    }  # fmt: skip


def _suite(field: Field) -> dict[str, Any]:
    return {
        "name": field.suite,
        "title": field.known.title if field.known else "",
        "tasks_of_the_suite": len(field.known.tasks) if field.known else len(field.tasks),
        "tasks": [dict(card.record) | {"name": card.name} for card in field.tasks],
        "entrants": {e.key: {**e.facts, "protocol": e.protocol, "recipe": e.recipe} for e in field.entrants},
    }


def _view(view: View) -> dict[str, Any]:
    return {
        "suite": view.field.suite,
        "protocol": view.protocol or "all",
        "order": [entrant.key for entrant in view.entrants],
        "scored": {entrant.key: view.scored(entrant) for entrant in view.entrants},
        "means": [_mean(mean) for mean in view.means],
        "tasks": {name: _task(view, name, ranking) for name, ranking in view.tasks.items()},
    }


def _task(view: View, name: str, ranking: Ranking) -> dict[str, Any]:
    """Ranks and pairs of a task, with the intervals of its scores: a score has one."""
    scores = [view.field.entries[name, key].cell.score for key in ranking.entrants]
    ends = {f"{end}s": tuple(rounded(getattr(score, end, None)) for score in scores) for end in ("low", "high")}
    return vars(ranking) | ends


def _mean(mean: Mean) -> dict[str, Any]:
    return {"metric": mean.metric, "tasks": mean.tasks, "kind": mean.kind, **vars(mean.ranking)}


def _field_text(value: Any) -> Any:
    """A value as a field of a csv.

    >>> _field_text(True), _field_text(("hg38", "mm10")), _field_text(None)
    ('yes', 'hg38, mm10', '')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (str, float, int)):
        return no_formula(value)
    if isinstance(value, Mapping):
        return json.dumps(plain(value), sort_keys=True)
    if isinstance(value, (list, tuple)):
        return no_formula(", ".join(map(str, value)))
    return value
