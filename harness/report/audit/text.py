"""An audit in the format asked for: console, Markdown, JSON, or one HTML file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...audit.coordinates import coordinate_facts, coordinate_scores, read_coordinates
from ...audit.findings import percent
from ...types import Score
from ..page import Page, Section, page_json, page_text
from ..render import MISSING, Table
from ..tables import value_text
from .audit import Audit
from .html import Drawn, html_page
from .page import audit_page, coordinate_sentences, coordinates_page, task_audit_page
from .plots import place_plots, summary_plots, task_plots


def audit_text(audit: Audit, face: str, width: int) -> str:
    """The audit of tasks: over several tasks the console shows the table, the other formats every task too."""
    head = audit_page(audit)
    several = len(audit.tasks) > 1
    tasks = [one for one in audit.tasks if one.facts] if several else []
    if face == "html":
        first = Drawn(head, summary_plots(audit) if several else task_plots(audit.tasks[0]))
        return html_page([first, *(Drawn(task_audit_page(one), task_plots(one)) for one in tasks)])
    return _joined(head, [task_audit_page(one) for one in tasks], face, width)


def places_text(folders: Sequence[Path], face: str, width: int) -> str:
    """The audit of folders of places; over several the console shows the tables only."""
    drawn: list[Drawn] = []
    rows: list[tuple[str, ...]] = []
    said: list[tuple[str, ...]] = []
    for folder in folders:
        data = read_coordinates(folder)
        found, scores = coordinate_facts(data), coordinate_scores(data)
        drawn.append(Drawn(coordinates_page(data.name, found, scores), place_plots(found, scores)))
        rows.append((data.name, *_numbers(found["places"], scores)))
        said += [(data.name, sentence) for sentence in coordinate_sentences(found, scores)]
    if len(drawn) == 1:
        return html_page(drawn) if face == "html" else _joined(drawn[0].page, [], face, width)
    findings = Table("", ("data set", "finding"), tuple(said))
    sections = [Section("data sets", table=_table(rows)), Section("findings", table=findings)]
    head = Page("places", f"audit of {len(folders)} data sets; no sequence was read", sections)
    if face == "html":
        return html_page([Drawn(head), *drawn])
    return _joined(head, [one.page for one in drawn], face, width)


def _numbers(places: Mapping[str, Any], scores: Mapping[str, Score]) -> tuple[str, ...]:
    cut = scores.get("length, cut at 512")
    rules = map(value_text, (scores["majority"], scores["length"], scores["table of train intervals"]))
    counts = (f"{places['test_rows']:,}", f"{places['exact']:,}", percent(places["share_overlapping"]))
    return (*counts, *rules, value_text(cut) if cut else MISSING)


def _table(rows: Sequence[tuple[str, ...]]) -> Table:
    rules = ("majority", "length", "table of train intervals", "length, cut at 512")
    head = ("data set", "test rows", "exact in train", "overlap train", *(f"{rule}: accuracy" for rule in rules))
    return Table("", head, tuple(rows))


def _joined(head: Page, pages: Sequence[Page], face: str, width: int) -> str:
    """Pages one after the other; on the console the first alone, which names the others."""
    if face == "json":
        contents = [json.loads(page_json(page)) for page in (head, *pages)]
        whole = contents[0] | ({"each": contents[1:]} if pages else {})
        return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
    shown = [head] if face == "console" else [head, *pages]
    return "\n".join(page_text(page, width, face) for page in shown)
