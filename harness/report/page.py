"""A page: headings with facts, sentences and tables below them, as text or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .render import MISSING, Table, render, rows_as_data, wrapped


@dataclass(frozen=True)
class Section:
    """One heading of a page; empty facts and sections are left out."""

    heading: str
    facts: Mapping[str, Any] | None = None
    table: Table | None = None
    sentences: Sequence[str] = ()

    @property
    def empty(self) -> bool:
        facts = any(known(value) for value in (self.facts or {}).values())
        return not (facts or self.sentences or (self.table and self.table.rows))


@dataclass(frozen=True)
class Page:
    """Everything known of one thing, on one page."""

    name: str
    title: str
    sections: Sequence[Section]
    next_line: str = ""
    """A command to try next."""


def known(value: Any) -> bool:
    """False for what is empty: such facts are not printed.

    >>> known(0), known(""), known(None), known(())
    (True, False, False, False)
    """
    return value is not None and value not in ("", (), [], {})


def page_text(page: Page, width: int, form: str = "console") -> str:
    """The page as text: headings, aligned facts, tables; `md` for Markdown."""
    width = max(width, 60)
    mark = {"md": ("# ", "## ")}.get(form, ("", ""))
    parts = [f"{mark[0]}{page.name}" + (f": {page.title}" if page.title else "")]
    for section in page.sections:
        if not section.empty:
            parts.append(f"{mark[1]}{section.heading}\n" + ("\n" if form == "md" else "") + _body(section, width, form))
    if page.next_line:
        parts.append(f"{mark[1]}next\n" + ("\n    " if form == "md" else "  ") + page.next_line)
    return "\n\n".join(parts) + "\n"


def page_json(page: Page) -> str:
    """The page as JSON: heading → facts, rows, sentences."""
    content: dict[str, Any] = {"name": page.name, "title": page.title}
    for section in page.sections:
        if not section.empty:
            content[section.heading] = _content(section)
    return json.dumps(content, indent=1, ensure_ascii=False, default=str) + "\n"


def _body(section: Section, width: int, form: str) -> str:
    lines = [*_fact_lines(section.facts or {}, width, form)]
    start = "- " if form == "md" else "  "
    lines += [line for sentence in section.sentences for line in wrapped(start + sentence, width, indent="  ")]
    if section.table and section.table.rows:
        text = render(section.table, form, max(width - 2, 40)).rstrip("\n")
        lines += ([""] if lines else []) + [line if form == "md" else f"  {line}".rstrip() for line in text.split("\n")]
    return "\n".join(lines)


def _fact_lines(facts: Mapping[str, Any], width: int, form: str) -> list[str]:
    shown = {name: fact_text(value) for name, value in facts.items() if known(value)}
    longest = max(map(len, shown), default=0)
    if form == "md":
        return [f"- {name}: {text}" for name, text in shown.items()]
    pad = " " * (longest + 4)
    return [
        line for name, text in shown.items() for line in wrapped(f"  {name.ljust(longest)}  {text}", width, indent=pad)
    ]


def fact_text(value: Any) -> str:
    """A fact as it is printed.

    >>> fact_text(12000), fact_text(("a", "b")), fact_text({"k": 6}), fact_text(True), fact_text(None)
    ('12,000', 'a, b', 'k=6', 'yes', '—')
    """
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={fact_text(one)}" for key, one in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(map(fact_text, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _content(section: Section) -> Any:
    found: dict[str, Any] = {name: value for name, value in (section.facts or {}).items() if known(value)}
    if section.sentences:
        found["notes"] = list(section.sentences)
    if section.table and section.table.rows:
        found["rows"] = rows_as_data(section.table)
    return found
