"""The pictures of an audit: lengths and GC by class, leaked shares, shortcuts beside the best models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...types import RunRecord, Score
from ..cells import cell, metric_title
from ..charts import Bar, bars, forest, histogram
from .audit import LEAKS, Audit, TaskAudit, is_shortcut
from .marks import better

Plots = Mapping[str, Sequence[str]]
"""Heading of a section → SVG drawings."""
MOST_SERIES = 5
"""Classes that a histogram can tell apart."""


def task_plots(one: TaskAudit) -> Plots:
    """What is drawn on a task's page."""
    if one.facts is None:
        return {}
    found = one.facts.found
    plots = {
        "leaks": _leak_bars(one),
        "shortcuts": _forest(one),
        "lengths": _histogram(found["lengths"], "Length of test rows by class", "bases"),
        "composition": _histogram(found["composition"], "GC of test rows by class", "share of G and C"),
    }
    return {heading: drawings for heading, drawings in plots.items() if drawings}


def summary_plots(audit: Audit) -> Plots:
    """Over tasks: the share of test rows that share 32 bases with train."""
    rows = [
        Bar(one.task.name, one.facts.found["words"]["share"])
        for one in audit.tasks
        if one.facts and "share" in one.facts.found["words"]
    ]
    title = "Share of test rows with a word of 32 bases in train"
    return {"tasks": [bars(rows, title, title)]} if rows else {}


def place_plots(found: Mapping[str, Any], scores: Mapping[str, Score]) -> Plots:
    """What is drawn of a folder of places."""
    rows = [Bar(name, score.value, score.low, score.high) for name, score in scores.items()]
    lengths = _histogram(found["lengths"], "Length of test rows by class", "bases")
    return {"rules that see no base": [forest(rows, "Rules that see no base", "accuracy")], "lengths": lengths}


def _leak_bars(one: TaskAudit) -> list[str]:
    assert one.facts is not None
    rows = [Bar(LEAKS[kind], float(mask.mean())) for kind, mask in one.facts.leaks.items()]
    return [bars(rows, "Leaked test rows", "share of the test rows")] if rows else []


def _forest(one: TaskAudit) -> list[str]:
    known = [(record, score) for record in one.records if (score := cell(record).score) and score.value is not None]
    known.sort(key=lambda pair: better(pair[1]), reverse=True)
    rows = [_bar(one.name_of(record), record, score) for record, score in known]
    return [forest(rows, "Trivial rules and models", metric_title(one.task.metric))] if rows else []


def _bar(name: str, record: RunRecord, score: Score) -> Bar:
    rule = " (rule)" if is_shortcut(record) else ""
    return Bar(f"{name}{rule}", score.value, score.low, score.high)


def _histogram(facts: Mapping[str, Any], title: str, x_title: str) -> list[str]:
    found = facts.get("histogram")
    if not found:
        return []
    shown = dict(list(found["counts"].items())[:MOST_SERIES])
    left = len(found["counts"]) - len(shown)
    more = f" (the first {MOST_SERIES} of {len(found['counts'])} classes)" if left else ""
    return [histogram(found["edges"], shown, title + more, x_title)]
