"""The first section of a suite: who stands where, on which tasks, at what cost, and who beats whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import quote

from .. import charts
from ..cells import metric_title
from ..compare.table import p_text, signed
from ..render import MISSING
from ..tables import number
from .literature import PublishedRow, published_rows
from .nouns import Entrant, Mean, Ranking, View
from .sheet import (
    Grid,
    Head,
    Item,
    Line,
    Notes,
    Part,
    Section,
    joined,
    model_route,
    number_item,
    score_item,
    task_route,
)
from .words import (
    FACTS,
    caveats,
    detectable_text,
    facts_of,
    field_title,
    interval_text,
    mean_title,
    rank_text,
    sentence,
    verdict_words,
)

TEXT_FACTS = ("context", "pretraining")
BOLD = "Bold: not beaten by any other model (max-T over all pairs, 5%)."


def board_section(view: View, tabs: Sequence[tuple[str, str]]) -> Section:
    """The section of one suite under one protocol, or under all."""
    metrics = {card.metric for card in view.field.tasks}
    one = metric_title(next(iter(metrics))) if len(metrics) == 1 else "each task's own metric"
    under = f", {view.protocol}" if view.protocol else ""
    parts = [
        Part("", tuple(_remarks(view)), grid=_grid(view, one)),
        Part("Score and cost", figures=tuple(_scatter(view))),
        Part("Who beats whom in the mean", figures=tuple(_heats(view))),
        Part("Tasks", grid=_task_index(view)),
    ]
    lead = f"{sentence(f'{one}, 95% intervals')} {BOLD}"
    title = f"{field_title(view.field)}{under}"
    return Section(board_route(view), title, lead, tuple(p for p in parts if p.filled), tuple(tabs), view.field.suite)


def board_route(view: View) -> str:
    return f"board/{quote(view.field.suite, safe='')}/{view.protocol or 'all'}"


def heat_of(ranking: Ranking, names: Sequence[str], metric: str, title: str) -> str:
    """Verdicts on all pairs: row against column."""
    rows = []
    for i, row in enumerate(names):
        cells = []
        for j, column in enumerate(names):
            if i == j:
                cells.append(charts.Cell(""))
                continue
            word, strength = verdict_words(ranking, i, j, metric)
            gap = signed(ranking.differences[i][j])
            said = f"{row} {word} than {column}" if strength else f"{row} and {column} {word}"
            cells.append(charts.Cell(gap, strength, f"{said}: {gap}, p {p_text(ranking.p_values[i][j])}"))
        rows.append(cells)
    said = "; ".join(_beaten(name, cells) for name, cells in zip(names, rows, strict=True))
    return charts.heat(names, rows, title=title, said=said)


def _beaten(name: str, cells: Sequence[charts.Cell]) -> str:
    """A row of the heat map in a few words; the pairs themselves are said when pointed at."""
    better, worse = (sum(cell.value == sign for cell in cells) for sign in (1.0, -1.0))
    return f"{name}: better than {better}, worse than {worse} of {len(cells) - 1}"


def _remarks(view: View) -> Iterator[str]:
    several = len({mean.metric for mean in view.means}) > 1
    for mean in view.means:
        if mean.ranking.detectable is not None:
            head = mean_title(mean, several).capitalize()
            yield f"{head}: this suite could show a difference of {detectable_text(mean.ranking)} (median pair, 80%)."
        if mean.ranking.note:
            yield f"{mean_title(mean, several).capitalize()}: {mean.ranking.note}."
    if any(view.scored(entrant) < len(view.field.tasks) for entrant in view.entrants):
        yield "A mean stands only where no task is missing; nothing is filled in."
    yield from map(sentence, caveats(view.field, view.field.tasks))


def _grid(view: View, metric: str) -> Grid:
    notes = Notes()
    several = len({mean.metric for mean in view.means}) > 1
    heads = [Head("model", "model", number=False), Head("protocol", "protocol", number=False)]
    for i, mean in enumerate(view.means):
        heads += [Head("rank", f"rank{i}"), Head(mean_title(mean, several), f"mean{i}")]
    heads.append(Head("scored", "scored"))
    mixed = len({card.metric for card in view.field.tasks}) > 1
    for card in view.field.tasks:
        below = metric_title(card.metric) if mixed else ""
        heads.append(Head(card.name.partition("/")[2] or card.name, card.name, below, "tasks"))
    heads += [Head(name, name.replace(" ", "-"), "", "facts", name not in TEXT_FACTS) for name in FACTS]
    lines = [_measured(view, entrant, notes) for entrant in view.entrants]
    lines += [_published(view, row, notes) for row in published_rows(view)]
    caption = f"Models by {metric}"
    return Grid(caption, tuple(heads), tuple(lines), notes.all(), main=True)


def _measured(view: View, entrant: Entrant, notes: Notes) -> Line:
    baseline = "learns from the task's own rows only" if entrant.baseline else ""
    name = Item(
        entrant.name, "baseline" if baseline else "", entrant.name, "", baseline, f"#{model_route(entrant.model)}"
    )
    items = [name, Item(entrant.protocol or MISSING, "", entrant.protocol or None)]
    for mean in view.means:
        items += _mean_items(mean, entrant)
    scored = view.scored(entrant)
    items.append(Item(f"{scored}/{len(view.field.tasks)}", "", scored, "number"))
    for card in view.field.tasks:
        entry, ranking = view.field.entry(card.name, entrant), view.tasks.get(card.name)
        at = ranking.place(entrant.key) if ranking else None
        best = bool(ranking and at is not None and ranking.best and ranking.best[at])
        rank = rank_text(ranking.ranks[at]) if ranking and at is not None and ranking.ranks else ""
        said = entry.said if entry else "not run"
        items.append(score_item(entry.cell.score if entry else None, notes, said, best, f"rank {rank}" if rank else ""))
    for name_of, (text, value) in facts_of(view, entrant).items():
        items.append(Item(text, "", value, "" if name_of in TEXT_FACTS else "number"))
    return Line(tuple(items), "baseline" if entrant.baseline else "measured")


def _mean_items(mean: Mean, entrant: Entrant) -> list[Item]:
    ranking, at = mean.ranking, mean.ranking.place(entrant.key)
    if at is None:
        return [Item(MISSING, kind="number hole"), Item(MISSING, kind="number hole", title="a task is missing")]
    rank = ranking.ranks[at] if ranking.ranks else None
    best = bool(ranking.best and ranking.best[at])
    ends = interval_text(ranking.lows[at], ranking.highs[at])
    return [
        Item(rank_text(rank), "", rank[0] + rank[1] / 1000 if rank else None, "number"),
        Item(number(ranking.values[at]), ends, ranking.values[at], "number best" if best else "number"),
    ]


def _published(view: View, row: PublishedRow, notes: Notes) -> Line:
    letter = notes.letter(f"published by {row.origin}, without interval" + (f"; {row.note}" if row.note else ""))
    items = [Item(row.model, "published", row.model, note=letter), Item(row.protocol, "", row.protocol)]
    for mean in view.means:
        values = [row.values[name] for name in mean.tasks if name in row.values]
        whole = len(values) == len(mean.tasks)
        items += [Item(MISSING, kind="number hole"), number_item(sum(values) / len(values) if whole else None)]
    items.append(Item(f"{len(row.values)}/{len(view.field.tasks)}", "", len(row.values), "number"))
    items += [number_item(row.values.get(card.name)) for card in view.field.tasks]
    items += [Item(MISSING, kind="hole") for _ in FACTS]
    return Line(tuple(items), "published")


def _scatter(view: View) -> Iterator[tuple[str, str]]:
    for mean in view.means:
        ranking, points = mean.ranking, []
        for entrant in view.entrants:
            at = ranking.place(entrant.key)
            seconds = facts_of(view, entrant)["time"][1]
            if at is not None and isinstance(seconds, float):
                ends = (ranking.lows[at], ranking.highs[at])
                points.append(charts.Point(entrant.name, seconds, ranking.values[at], *ends))
        if len(points) > 1:
            title = f"{mean_title(mean).capitalize()}: {metric_title(mean.metric)}"
            words = "Seconds for all tasks on the machine of each run: load, train, predict and score. Logarithmic."
            yield charts.scatter(points, "seconds", title, True, f"{title} against seconds"), words


def _heats(view: View) -> Iterator[tuple[str, str]]:
    names = {entrant.key: entrant.name for entrant in view.entrants}
    for mean in view.means:
        if mean.ranking.p_values and len(mean.ranking.entrants) > 1:
            ordered = in_order(mean.ranking, [entrant.key for entrant in view.entrants])
            words = [names[key] for key in ordered.entrants]
            title = f"Row minus column, {mean_title(mean)}, {metric_title(mean.metric)}"
            yield (
                heat_of(ordered, words, mean.metric, title),
                f"{title}. Coloured: told apart among all pairs (max-T, 5%).",
            )


def in_order(ranking: Ranking, keys: Sequence[str]) -> Ranking:
    """The same pairs with entrants in the order of `keys`; only what a heat map needs is kept."""
    places = [ranking.entrants.index(key) for key in keys if key in ranking.entrants]
    return Ranking(
        tuple(ranking.entrants[i] for i in places),
        tuple(ranking.values[i] for i in places),
        differences=tuple(tuple(ranking.differences[i][j] for j in places) for i in places),
        p_values=tuple(tuple(ranking.p_values[i][j] for j in places) for i in places),
    )


def _task_index(view: View) -> Grid:
    """Tasks with their size, who is not beaten, and what they could show."""
    heads = [
        Head("task", "task", number=False),
        Head("title", "title", number=False),
        Head("metric", "metric", number=False),
    ]
    heads += [Head("test rows", "rows"), Head("could show", "could-show"), Head("not beaten", "best", number=False)]
    names = {entrant.key: entrant.name for entrant in view.entrants}
    lines = []
    for card in view.field.tasks:
        ranking = view.tasks.get(card.name, Ranking(()))
        best = [names[key] for key, unbeaten in zip(ranking.entrants, ranking.best, strict=False) if unbeaten]
        lines.append(
            Line((
                Item(card.name, "", card.name, link=f"#{task_route(card.name)}"),
                Item(str(card.record.get("title", "")), "", str(card.record.get("title", ""))),
                Item(metric_title(card.metric), "", card.metric),
                Item(f"{card.rows:,}", "", card.rows, "number"),
                Item(detectable_text(ranking), "", ranking.detectable, "number"),
                Item(joined(best) or MISSING, "", len(best) or None),
            ))
        )  # fmt: skip
    return Grid(
        "Tasks, and the difference that the median pair of models shows in 80% of cases", tuple(heads), tuple(lines)
    )
