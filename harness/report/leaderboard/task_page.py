"""The section of a task: its card and audit marks, all scores, who beats whom, and what the literature says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...metrics import METRICS
from .. import charts
from ..cells import metric_title, without_duplicates
from ..compare.table import signed
from ..page import fact_text
from ..render import MISSING
from ..tables import LEAK_SHARE, number
from .board_page import BOLD, heat_of, in_order
from .literature import COPIED, Beside, beside
from .nouns import Board, Entrant, Entry, Field, Ranking, TaskCard
from .sheet import Grid, Head, Item, Line, Notes, Part, Section, facts, model_route, number_item, score_item, task_route
from .words import caveats, detectable_text, rank_text, sentence

CHECKS = {
    "test_rows_in_train": "test rows in train, on either strand",
    "exact": "test rows in train, on the same strand",
    "reverse_complement": "test rows in train, on the other strand",
    "share": "share of test rows in train",
    "contradictory": "rows with a twin of another label",
    "dev_in_train": "dev rows in train, on either strand",
    "dev_in_train_exact": "dev rows in train, on the same strand",
    "test_in_dev": "test rows in dev",
    "repeats_in_train": "repeated rows in train",
    "repeats_in_test": "repeated rows in test",
}
"""What the counts of a record's audit mean."""


def task_section(board: Board, field: Field, card: TaskCard) -> Section:
    """The section of one task, over all protocols."""
    ranking = board.rankings.get((card.name, card.metric), Ranking(()))
    order = _ordered(field, card, ranking)
    published = beside(board, field, card)
    shown = f"This test set could show a difference of {detectable_text(ranking)} (median pair, 80%)."
    remarks = [shown] if ranking.detectable is not None else []
    remarks += [f"{ranking.note}." if ranking.note else "", *marks(field, card, ranking)]
    remarks += map(sentence, caveats(field, [card], card.metrics))
    parts = [
        Part("Scores", tuple(r for r in remarks if r), grid=_scores(board, field, card, order)),
        Part("Intervals", figures=((_forest(field, card, ranking, order, published), _forest_words(card)),)),
        Part("Who beats whom", figures=tuple(_heat(ranking, order, card))),
        Part("Published scores", grid=_published(published) if published else None),
        Part("Data", facts=_card_facts(card), grid=_splits(card)),
        Part("Checks", facts=_checks(field, card)),
        Part("Notes", tuple(map(sentence, card.known.notes)) if card.known else ()),
    ]
    lead = f"{card.record.get('title') or 'A task'}. Ranked by {metric_title(card.metric)}. {BOLD}"
    return Section(task_route(card.name), card.name, lead, tuple(p for p in parts if p.filled), (), field.suite)


def marks(field: Field, card: TaskCard, ranking: Ranking) -> list[str]:
    """What a reader must know before the numbers: leaks, and baselines that nobody beats."""
    found = []
    leaked = max((e.cell.duplicates for e in _entries(field, card)), default=0)
    if leaked and leaked >= LEAK_SHARE * card.rows:
        found.append(f"{leaked:,} of {card.rows:,} test rows also stand in train, on either strand.")
    names = {e.key: e for e in field.entrants}
    best = [names[key] for key, unbeaten in zip(ranking.entrants, ranking.best, strict=False) if unbeaten]
    trained = any(not names[key].baseline for key in ranking.entrants)
    simple = [e.name for e in best if e.baseline]
    if simple and trained:
        found.append(
            f"No pretrained model is shown to beat {', '.join(simple)} here, which learn from this task's rows only."
        )
    return found


def _entries(field: Field, card: TaskCard) -> list[Entry]:
    return [entry for entrant in field.entrants if (entry := field.entry(card.name, entrant)) and entry.counts]


def _ordered(field: Field, card: TaskCard, ranking: Ranking) -> list[Entrant]:
    """Best score first, then those without one by name."""
    up = -1.0 if METRICS[card.metric].best > 0 else 1.0

    def place(entrant: Entrant) -> tuple[Any, ...]:
        at = ranking.place(entrant.key)
        return (at is None, 0.0 if at is None else up * ranking.values[at], entrant.name, entrant.key)

    return sorted(field.entrants, key=place)


def _scores(board: Board, field: Field, card: TaskCard, order: Sequence[Entrant]) -> Grid:
    notes = Notes()
    leaky = any(e.cell.duplicates and e.cell.without_duplicates for e in _entries(field, card))
    heads = [Head("model", "model", number=False), Head("protocol", "protocol", number=False), Head("rank", "rank")]
    heads += [Head(metric_title(metric), metric) for metric in card.metrics]
    heads += [Head("without rows in train", "without", metric_title(card.metric))] if leaky else []
    heads += [Head("seeds", "seeds"), Head("bases seen", "bases-seen"), Head("seconds", "seconds")]
    lines = [_score_line(board, field, card, entrant, (notes, leaky)) for entrant in order]
    return Grid(f"{card.name}: scores with 95% intervals", tuple(heads), tuple(lines), notes.all(), main=True)


def _score_line(board: Board, field: Field, card: TaskCard, entrant: Entrant, more: tuple[Notes, bool]) -> Line:
    notes, leaky = more
    entry = field.entry(card.name, entrant)
    scores = entry.record.scores if entry else {}
    ranking = board.rankings.get((card.name, card.metric), Ranking(()))
    at = ranking.place(entrant.key)
    rank = ranking.ranks[at] if at is not None and ranking.ranks else None
    baseline = "baseline" if entrant.baseline else ""
    items = [
        Item(entrant.name, baseline, entrant.name, link=f"#{model_route(entrant.model)}"),
        Item(entrant.protocol or MISSING, "", entrant.protocol or None),
        Item(rank_text(rank), "", rank[0] + rank[1] / 1000 if rank else None, "number"),
    ]
    for metric in card.metrics:
        said = (entry.said if entry else "not run") if metric == card.metric or metric not in scores else ""
        items.append(score_item(scores.get(metric), notes, said, _best(board, card, metric, entrant)))
    if leaky:
        without = without_duplicates(entry.record).get(card.metric) if entry else None
        # Without rows in train there is nothing to leave out: the score stands for both.
        shown = without or (entry.cell.score if entry and not entry.cell.duplicates else None)
        items.append(score_item(shown, notes, "" if shown else entry.said if entry else "not run"))
    seen = entry.record.checks.get("bases_seen") if entry else None
    seconds = entry.record.cost.get("seconds") if entry else None
    items += [
        number_item(entry.cell.replicates if entry else None, str(entry.cell.replicates) if entry else None),
        number_item(seen, None if seen is None else f"{100 * seen:.3g}%"),
        number_item(seconds, None if seconds is None else f"{seconds:,.1f}"),
    ]
    return Line(tuple(items), baseline or "measured")


def _best(board: Board, card: TaskCard, metric: str, entrant: Entrant) -> bool:
    ranking = board.rankings.get((card.name, metric))
    at = ranking.place(entrant.key) if ranking else None
    return bool(ranking and at is not None and ranking.best and ranking.best[at])


def _forest(
    field: Field, card: TaskCard, ranking: Ranking, order: Sequence[Entrant], published: Sequence[Beside]
) -> str:
    rows = []
    for entrant in order:
        entry, at = field.entry(card.name, entrant), ranking.place(entrant.key)
        score = entry.cell.score if entry and entry.counts else None
        if entry is None or score is None:
            continue
        best = at is not None and ranking.best and ranking.best[at]
        mark: charts.Mark = (
            "collapsed" if entry.cell.collapsed else "best" if best else "baseline" if entrant.baseline else ""
        )
        rows.append(charts.Bar(entrant.name, score.value, score.low, score.high, mark))
    told = [
        b.score for b in published if b.ours and b.score.metric == card.metric and not b.score.note.startswith(COPIED)
    ]
    up = -1.0 if METRICS[card.metric].best > 0 else 1.0
    told.sort(key=lambda s: (up * (s.value or 0.0), s.model))
    rows += [charts.Bar(score.model, score.value, mark="published") for score in told]
    return charts.forest(rows, f"{card.name}: scores with their intervals", metric_title(card.metric))


def _forest_words(card: TaskCard) -> str:
    return f"{metric_title(card.metric)} with 95% intervals; published scores have none."


def _heat(ranking: Ranking, order: Sequence[Entrant], card: TaskCard) -> Iterator[tuple[str, str]]:
    if len(ranking.entrants) > 1 and ranking.p_values:
        sorted_pairs = in_order(ranking, [entrant.key for entrant in order])
        names = [entrant.name for entrant in order if entrant.key in ranking.entrants]
        title = f"Row minus column, {metric_title(card.metric)}"
        yield (
            heat_of(sorted_pairs, names, card.metric, title),
            f"{title}. Coloured: told apart among all pairs (max-T, 5%).",
        )


def _published(found: Sequence[Beside]) -> Grid:
    heads = (
        Head("model", "model", number=False), Head("protocol", "protocol", number=False),
        Head("metric", "metric", number=False), Head("published", "published"),
        Head("ours − published", "difference"),
        Head("ours", "ours", number=False), Head("agreement", "agreement", number=False),
        Head("source", "source", number=False),
    )  # fmt: skip
    lines = []
    for one in found:
        score = one.score
        error = "" if score.error is None else f"± {number(score.error)} {score.error_kind}".strip()
        lines.append(
            Line((
                Item(score.model, "", score.model),
                Item(score.protocol, "", score.protocol),
                Item(metric_title(score.metric), "", score.metric),
                Item(number(score.value), error, score.value, "number"),
                number_item(one.difference, signed(one.difference)),
                Item(one.ours.name if one.ours else MISSING, "", one.ours.name if one.ours else None),
                Item(one.agreement, kind="prose"),
                Item(score.source, kind="prose"),
            ), "published")
        )  # fmt: skip
    return Grid(
        "Published scores, without intervals: a difference is a reason to look, not a result", heads, tuple(lines)
    )


def _card_facts(card: TaskCard) -> tuple[tuple[str, str], ...]:
    record, known = card.record, card.known
    dependence, rule = card.dependence, record.get("split_rule", {})
    found = {
        "inputs": str(record.get("inputs", "")),
        "target": f"{card.target.kind}: {', '.join(card.target.classes)}" if card.target.classes else card.target.kind,
        "version": str(record.get("version", "")),
        "split rule": str(rule.get("kind", "")) + (" (drawn by dnabench)" if rule.get("made") else ""),
        "groups": dependence.groups or "",
        "groups of test": _groups(card),
        "shares test rows with": ", ".join(dependence.shares_test_rows_with),
        "dependence": dependence.reason,
    }
    if known:
        found |= {
            "species": known.species, "assembly": known.assembly, "group": known.group, "licence": known.licence,
            "official files": known.source.hub_repo or "", "cite": known.citation,
        }  # fmt: skip
    return facts(found)


def _groups(card: TaskCard) -> str:
    if card.groups is None:
        return ""
    return f"{card.groups[0]:,}, as good as {card.groups[1]:,.1f} of one size (G_eff)"


def _splits(card: TaskCard) -> Grid | None:
    splits: Mapping[str, Mapping[str, Any]] = card.record.get("splits", {})
    if not splits:
        return None
    names = ("split", "file", "rows", "per class", "shortest", "median", "longest", "identity", "fingerprint")
    heads = tuple(
        Head(name, name.replace(" ", "-"), number=name in ("rows", "shortest", "median", "longest")) for name in names
    )
    lines = []
    for split, one in splits.items():
        bases = [number_item(length, f"{length:,}") for length in one["lengths"]]
        items = (
            Item(split, "", split), Item(str(one["file"]), "", str(one["file"])),
            number_item(one["rows"], f"{one['rows']:,}"), Item(fact_text(one["class_counts"])), *bases,
            Item(str(one["identity"])), Item(str(one["fingerprint"]), kind="code"),
        )  # fmt: skip
        lines.append(Line(items))
    return Grid("What was read of each split", heads, tuple(lines))


def _checks(field: Field, card: TaskCard) -> tuple[tuple[str, str], ...]:
    """What the audit counted; the same for every model, so the first full record tells it."""
    checks = next((e.record.checks for e in _entries(field, card)), {})
    counted = {**checks.get("duplicates", {}), **checks.get("rows", {})}
    said = {CHECKS.get(name, name.replace("_", " ")): fact_text(value) for name, value in counted.items()}
    odd = checks.get("non_acgt", {})
    said |= {"bases that are not ACGT": ", ".join(f"{name} {count:,}" for name, count in sorted(odd.items()))}
    return facts(said)
