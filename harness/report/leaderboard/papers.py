"""The board for reading and for papers: a table of standings and a table of tasks for each suite, as md and tex."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...types import Score
from ..cells import metric_title
from ..render import MISSING, Table, render
from ..tables import number, value_text
from .literature import PublishedRow, published_rows
from .nouns import Board, Entrant, Entry, Mean, View
from .words import FACTS, caveats, detectable_text, facts_of, field_title, interval_text, mean_title, rank_text

LEGEND = (
    "Bold: not beaten by any other (max-T over all pairs at 5%), however large the number. Rank: the ranks that this "
    "test set allows, for all models at once. Could show: the true difference that the median pair shows in 80% of "
    "cases. Nothing is filled in for a missing cell."
)


def as_markdown(board: Board) -> str:
    """One page: for each suite its standings and its tasks."""
    parts = ["# Leaderboard\n", f"{LEGEND}\n"]
    for view in _whole(board):
        parts.append(f"## {_safe(field_title(view.field))}\n")
        parts += [render(_escaped(table), "md") for table in (standings_table(view), task_table(view))]
    parts += ["## Left out\n", *(f"- {_safe(problem)}" for problem in board.problems)] if board.problems else []
    return "\n".join(parts).rstrip("\n") + "\n"


def as_tex(board: Board) -> str:
    """The same tables, each in its own environment, with booktabs."""
    tables = [table for view in _whole(board) for table in (standings_table(view), task_table(view))]
    return "\n".join(render(replace(table, notes=(*table.notes, LEGEND)), "tex") for table in tables)


def standings_table(view: View) -> Table:
    """Who stands where in the mean over the suite, with costs; published means below, without intervals."""
    means = view.means
    several = len({mean.metric for mean in means}) > 1
    heads = [head for mean in means for head in ("rank", mean_title(mean, several))]
    head = ("model", "protocol", *heads, "scored", *FACTS)
    rows = [_standing(view, entrant) for entrant in view.entrants]
    bold = {
        (i, 3 + 2 * j)
        for i, entrant in enumerate(view.entrants)
        for j, mean in enumerate(means)
        if (at := mean.ranking.place(entrant.key)) is not None and mean.ranking.best and mean.ranking.best[at]
    }
    rows += [_published(view, row) for row in published_rows(view)]
    notes = tuple(f"{mean_title(mean, several)}: could show {detectable_text(mean.ranking)}" for mean in means)
    notes += tuple(f"{mean_title(m, several)}: {m.ranking.note}" for m in means if m.ranking.note)
    return Table(f"{field_title(view.field)}: standings", head, tuple(rows), notes, bold=frozenset(bold))


def task_table(view: View) -> Table:
    """Tasks down, entrants across; the reason of each hole below."""
    reasons: dict[str, str] = {}
    rows, bold = [], set()
    metrics = {card.metric for card in view.field.tasks}
    for i, card in enumerate(view.field.tasks):
        ranking = view.tasks.get(card.name)
        words = []
        for j, entrant in enumerate(view.entrants):
            words.append(_cell(view.field.entry(card.name, entrant), reasons))
            at = ranking.place(entrant.key) if ranking else None
            if ranking and at is not None and ranking.best and ranking.best[at]:
                bold.add((i, j + 1))
        shown = detectable_text(ranking) if ranking else MISSING
        name = card.name if len(metrics) == 1 else f"{card.name}, {metric_title(card.metric)}"
        rows.append((name, *words, shown))
    title = next(iter(metrics)) if len(metrics) == 1 else ""
    head = (metric_title(title) if title else "task, metric", *(e.name for e in view.entrants), "could show")
    notes = (*caveats(view.field, view.field.tasks), *(f"({letter}) {reason}" for reason, letter in reasons.items()))
    return Table(f"{field_title(view.field)}: tasks", head, tuple(rows), notes, bold=frozenset(bold))


def _whole(board: Board) -> Iterator[View]:
    return (board.view(field.suite) for field in board.fields)


def _standing(view: View, entrant: Entrant) -> tuple[str, ...]:
    means = [word for mean in view.means for word in _mean(mean, entrant)]
    facts = [text for text, _ in facts_of(view, entrant).values()]
    name = entrant.name + (" (baseline)" if entrant.baseline else "")
    return (name, entrant.protocol or MISSING, *means, f"{view.scored(entrant)}/{len(view.field.tasks)}", *facts)


def _mean(mean: Mean, entrant: Entrant) -> tuple[str, str]:
    ranking, at = mean.ranking, mean.ranking.place(entrant.key)
    if at is None:
        return (MISSING, MISSING)
    ends = interval_text(ranking.lows[at], ranking.highs[at]) if ranking.lows else ""
    return rank_text(ranking.ranks[at] if ranking.ranks else None), f"{number(ranking.values[at])} {ends}".strip()


def _published(view: View, row: PublishedRow) -> tuple[str, ...]:
    """A published model: a mean only where every task of it was published."""
    means = []
    for mean in view.means:
        values = [row.values[name] for name in mean.tasks if name in row.values]
        whole = len(values) == len(mean.tasks)
        means += [MISSING, f"{number(sum(values) / len(values))} (published)" if whole else MISSING]
    scored = f"{len(row.values)}/{len(view.field.tasks)}"
    return (f"{row.model}, published: {row.origin}", row.protocol, *means, scored, *[MISSING] * len(FACTS))


def _cell(entry: Entry | None, reasons: dict[str, str]) -> str:
    """The score with its interval, and a letter for what must be said beside it."""
    score: Score | None = entry.cell.score if entry else None
    said = entry.said if entry else "not run"
    if not said:
        return value_text(score)
    letter = reasons.setdefault(said, _letter(len(reasons)))
    return f"{value_text(score)} ({letter})"


def _letter(i: int) -> str:
    """a to z, then aa, ab, …"""
    return (chr(96 + i // 26) if i >= 26 else "") + chr(97 + i % 26)


def _escaped(table: Table) -> Table:
    rows = tuple(tuple(map(_safe, row)) for row in table.rows)
    words: Sequence[str] = table.notes
    return replace(
        table, title=_safe(table.title), head=tuple(map(_safe, table.head)), rows=rows, notes=tuple(map(_safe, words))
    )


def _safe(text: str) -> str:
    r"""Text that markdown prints as it is: no HTML, no line breaks, no emphasis, code or links.

    >>> _safe("<b>"), _safe("__a_b__ [x](y)"), _safe("0.6 [0.5, 0.7]")
    ('&lt;b>', '\\_\\_a_b\\_\\_ [x]\\(y)', '0.6 [0.5, 0.7]')
    """
    one = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    # An underscore inside a word is one, as in the names of tasks.
    return re.sub(r"[\\*`~]|(?<=\])\(|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", one)
