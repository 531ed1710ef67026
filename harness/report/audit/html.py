"""Pages as one HTML file that needs nothing else: escaped, light or dark as the reader's system is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..page import Page, Section, fact_text, known
from ..render import Table
from ..svg import escaped

STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--quiet:#5c6570;--line:#d5d9df;--mark:#a33b12}
@media (prefers-color-scheme:dark){:root{--ink:#e6e8eb;--paper:#15181c;--quiet:#a2abb6;--line:#3a4048;--mark:#f0a37e;
--chart-ink:#e6e8eb;--chart-faint:#3a4048;--chart-quiet:#a2abb6;--chart-accent:#7db3f0;--chart-paper:#15181c;
--chart-better:#7db3f0;--chart-worse:#f0a37e;--chart-third:#8fcf83;--chart-fourth:#c7a6ea}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:70rem;margin:2rem auto;
padding:0 1rem}
h1{font-size:1.5rem}article{border-top:2px solid var(--line);margin-top:3rem}h2{font-size:1.1rem;margin:1.8rem 0 .4rem}
table{border-collapse:collapse;font-size:.9rem}th,td{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top;
border-bottom:1px solid var(--line)}div.wide{overflow-x:auto}dl{display:grid;gap:.1rem 1rem;
grid-template-columns:max-content 1fr}dt,p.note{color:var(--quiet)}dd{margin:0}
li.leak,li.labels{color:var(--mark)}figure{margin:1rem 0;overflow-x:auto}svg{max-width:100%;min-width:34rem;height:auto}
nav a{margin-right:1rem}a{color:inherit}
"""


@dataclass(frozen=True)
class Drawn:
    """A page and its drawings by the heading under which they stand."""

    page: Page
    plots: Mapping[str, Sequence[str]] = field(default_factory=dict)


def html_page(pages: Sequence[Drawn]) -> str:
    """One file: the first page on top with links to the others; everything that is text is escaped."""
    title = f"{pages[0].page.name}: {pages[0].page.title}"
    links = "".join(f'<a href="#p{i}">{escaped(one.page.name)}</a> ' for i, one in enumerate(pages) if i)
    bodies = [f'<article id="p{i}">\n{_article(one)}</article>\n' for i, one in enumerate(pages)]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escaped(title)}</title>'
    nav = f"<nav>{links}</nav>\n" if links else ""
    start = f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n<body>\n'
    return "".join([start, nav, *bodies, "</body></html>\n"])


def _article(one: Drawn) -> str:
    page = one.page
    parts = [f"<h1>{escaped(page.name)}: {escaped(page.title)}</h1>\n"]
    for section in page.sections:
        drawings = one.plots.get(section.heading, ())
        if not section.empty or drawings:
            parts.append(f"<section><h2>{escaped(section.heading)}</h2>\n{_section(section)}")
            parts += [f"<figure>{drawing}</figure>\n" for drawing in drawings]
            parts.append("</section>\n")
    return "".join(parts)


def _section(section: Section) -> str:
    facts = {name: fact_text(value) for name, value in (section.facts or {}).items() if known(value)}
    listed = "".join(f"<dt>{escaped(name)}</dt><dd>{escaped(text)}</dd>" for name, text in facts.items())
    parts = [f"<dl>{listed}</dl>\n"] if listed else []
    if section.sentences:
        items = "".join(f"<li{_kind(said)}>{escaped(said)}</li>" for said in section.sentences)
        parts.append(f"<ul>{items}</ul>\n")
    if section.table and section.table.rows:
        parts.append(_table(section.table))
    return "".join(parts)


def _kind(sentence: str) -> str:
    kind = sentence.partition(":")[0]
    return f' class="{kind}"' if kind in ("leak", "labels", "shortcut", "note") else ""


def _table(table: Table) -> str:
    head = "".join(f"<th scope=col>{escaped(word)}</th>" for word in table.head)
    rows = "".join(f"<tr>{''.join(f'<td>{escaped(word)}</td>' for word in row)}</tr>\n" for row in table.rows)
    notes = "".join(f"<p class=note>{escaped(note)}</p>\n" for note in table.notes)
    return f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table></div>\n{notes}"
