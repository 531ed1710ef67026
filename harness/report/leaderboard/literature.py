"""The literature's scores beside ours: which may be compared at all, with what, and how far the protocols agree."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...metrics import METRICS
from ..published import PublishedScore
from .nouns import Board, Entrant, Field, TaskCard, View

COPIED = "copied"
"""Notes that begin so name a score that another paper took over: it stands on the task's page only."""


@dataclass(frozen=True)
class Beside:
    """One published score, and the score of ours that it is held against."""

    score: PublishedScore
    ours: Entrant | None
    difference: float | None
    """Ours minus published: without an interval, since there are no predictions to pair with."""
    agreement: str
    """What is the same in both measurements and what is not."""


@dataclass(frozen=True)
class PublishedRow:
    """One model of one source in the main table."""

    model: str
    protocol: str
    note: str
    origin: str
    values: dict[str, float]
    """Task → value, in the metric that ranks it."""
    parameters: str = ""


def beside(board: Board, field: Field, card: TaskCard) -> list[Beside]:
    """The published scores of a task in the order of their files, each with ours."""
    return [_beside(board, field, card, score) for score in card.published]


def published_rows(view: View) -> list[PublishedRow]:
    """Rows of the main table: a model of one source, by its own name; copies of other papers' figures are left out."""
    rows: dict[tuple[str, ...], PublishedRow] = {}
    for card in view.field.tasks:
        for score in card.published:
            if not score.comparable or score.note.startswith(COPIED) or score.metric != card.metric:
                continue
            if view.protocol not in ("", score.protocol) or score.value is None:
                continue
            words = (score.model, score.protocol, score.note, origin(score.source))
            rows.setdefault(words, PublishedRow(*words, values={})).values.setdefault(card.name, score.value)
    return [rows[words] for words in sorted(rows)]


def origin(source: str) -> str:
    """A source without the place in it: the repository, or the paper.

    >>> origin("MAGICS-LAB/DNABERT_2@d87d29f figures/Performance.png (Table 4, image transcription)")
    'MAGICS-LAB/DNABERT_2@d87d29f'
    >>> origin("the VQDNA paper (VQDNA) Table 3")
    'the VQDNA paper (VQDNA)'
    """
    first = source.split(maxsplit=1)[0] if source.split() else source
    return first if "/" in first else re.split(r"\s\(?(?:Table|Figure|Fig\.|Supplementary)\s", source, maxsplit=1)[0]


def _beside(board: Board, field: Field, card: TaskCard, score: PublishedScore) -> Beside:
    ranking = board.rankings.get((card.name, score.metric))
    if not score.comparable or ranking is None or not ranking.entrants:
        reason = "no score of ours by this metric" if score.comparable else score.note or score.source
        return Beside(score, None, None, f"not compared: {reason}")
    ours = _own(field, score, ranking.entrants) or _best(field, ranking.entrants, ranking.values, score.metric)
    at = ranking.place(ours.key)
    assert at is not None
    assert score.value is not None
    return Beside(
        score, ours, round(ranking.values[at] - score.value, 6), "; ".join(_agreement(field, card, score, ours))
    )


def _own(field: Field, score: PublishedScore, keys: Sequence[str]) -> Entrant | None:
    """The entrant of the same weights or name, letters and digits only; no guess beyond that."""
    wanted = {bare(score.model), bare(score.hub_id)} - {""}
    return next((e for e in field.entrants if e.key in keys and bare(e.model) in wanted), None)


def bare(name: str) -> str:
    """A name as it is compared: without its organisation, letters and digits only.

    >>> bare("zhihan1996/DNABERT-2-117M")
    'dnabert2117m'
    """
    return re.sub(r"[^a-z0-9]", "", name.rpartition("/")[2].lower())


def _best(field: Field, keys: Sequence[str], values: Sequence[float], metric: str) -> Entrant:
    up = 1.0 if METRICS[metric].best > 0 else -1.0
    best = keys[max(range(len(keys)), key=lambda i: (up * values[i], -i))]
    return next(e for e in field.entrants if e.key == best)


def _agreement(field: Field, card: TaskCard, score: PublishedScore, ours: Entrant) -> Iterator[str]:
    entry = field.entry(card.name, ours)
    assert entry is not None
    yield "same metric"
    splits = entry.record.task.get("splits", {})
    verified = bool(splits) and all(facts.get("identity") == "verified" for facts in splits.values())
    yield "ours on the official files" if verified else "our rows are not proved to be the official ones"
    if score.test_rows is not None:
        yield f"{score.test_rows:,} test rows" + ("" if score.test_rows == card.rows else f", ours {card.rows:,}")
    same = score.protocol == ours.protocol
    yield f"both {score.protocol}" if same else f"protocols differ ({score.protocol}, ours {ours.protocol})"
    if score.note:
        yield score.note
