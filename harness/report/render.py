"""A table and its five faces: console, md, csv, tex, json.

    records ──tables.py──► Table ──render──► text

The words in the cells are the same in every face; csv and json print `data`, one line per cell with unrounded numbers.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from ..errors import RequestError, nearest

Format = Literal["console", "md", "csv", "tex", "json"]
FORMATS: tuple[str, ...] = get_args(Format)
MISSING = "—"
_HARD = "\N{NO-BREAK SPACE}"
HEAD = 28
"""Characters from which a head wraps on the console."""
PROSE = 40
"""Characters from which a last column is prose, which wraps on the console."""


@dataclass(frozen=True)
class Table:
    """Rows of text under a head, with notes below and the same facts as data."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    data: tuple[Mapping[str, Any], ...] = ()
    """For csv and json: one mapping per cell; the rows themselves where it is empty."""
    bold: frozenset[tuple[int, int]] = frozenset()
    """Places (row, column) that stand out: bold, and on the console with a star."""
    below: tuple[Table, ...] = ()
    """Tables that belong under this one; their data continue its own."""


def check_format(name: str) -> str:
    """The format itself if it exists.

    >>> check_format("md")
    'md'
    """
    if name not in FORMATS:
        raise RequestError(f"unknown format {name!r}: {', '.join(FORMATS)}.{nearest(name, FORMATS)}")
    return name


def render(table: Table, form: str, width: int = 100) -> str:
    """The table as text that ends with a newline; only `console` looks at the width.

    >>> print(render(Table("", ("task", "kmer"), (("toy/a", "0.5 [0.4, 0.6]"),)), "md"), end="")
    | task   | kmer           |
    |:-------|:---------------|
    | toy/a  | 0.5 [0.4, 0.6] |
    """
    if check_format(form) in ("csv", "json"):
        return {"csv": _csv, "json": _json}[form](table)
    parts = tuple(map(_printable, (table, *table.below)))
    if form == "console":
        return "\n".join(_console(part, width) for part in parts)
    if form == "tex":
        from .latex import tex_table

        return "\n".join(map(tex_table, parts))
    return "\n".join(map(_markdown, parts))


def columns_that_fit(table: Table, width: int) -> list[Table]:
    """The table in blocks of columns, each at most `width` wide, the first column repeated.

    >>> wide = Table("", ("t", "a" * 9, "b" * 9), (("x", "1", "2"),))
    >>> [t.head for t in columns_that_fit(wide, 16)]
    [('t', 'aaaaaaaaa'), ('t', 'bbbbbbbbb')]
    """
    widths = [n + 2 for n in _widths(table)]
    widths[-1] = min(widths[-1], PROSE)
    blocks: list[list[int]] = [[]]
    for i in range(1, len(widths)):
        used = widths[0] + sum(widths[j] for j in blocks[-1])
        if blocks[-1] and used + widths[i] > width:
            blocks.append([])
        blocks[-1].append(i)
    return [_pick(table, [0, *block], last=block is blocks[-1]) for block in blocks]


def _pick(table: Table, columns: Sequence[int], last: bool) -> Table:
    rows = tuple(tuple(row[i] for i in columns) for row in table.rows)
    notes = table.notes if last else ()
    return Table(table.title, tuple(table.head[i] for i in columns), rows, notes)


def _console(table: Table, width: int) -> str:
    """Aligned columns without lines; a table that is too wide goes on below itself, long sentences wrap."""
    starred = replace(table, rows=tuple(map(tuple, _starred(table, "", "*"))))
    blocks = [_aligned(block, width) for block in columns_that_fit(starred, width)]
    title = [table.title, ""] if table.title else []
    notes = ["", *(line for note in table.notes for line in wrapped(note, max(width, PROSE)))] if table.notes else []
    return "\n".join([*title, "\n\n".join(blocks), *notes]) + "\n"


def _aligned(table: Table, width: int) -> str:
    widths = _widths(table)
    if widths[-1] > PROSE:
        widths[-1] = min(widths[-1], max(width - sum(widths[:-1]) - 2 * len(widths[:-1]), PROSE))
    head, *rows = [_row_lines(words, widths) for words in (table.head, *table.rows)]
    return "\n".join([*head, "  ".join("─" * n for n in widths), *(line for row in rows for line in row)])


def _widths(table: Table) -> list[int]:
    """Characters of each column: those of its longest row; a long head wraps."""
    columns = list(zip(*table.rows, strict=True)) or [()] * len(table.head)
    return [
        max(max(map(len, words), default=0), min(len(head), HEAD), max(map(len, head.split()), default=0))
        for head, words in zip(table.head, columns, strict=True)
    ]


def _row_lines(words: Sequence[str], widths: Sequence[int]) -> list[str]:
    """One row as lines: more than one where a head or a sentence does not fit."""
    parts = [wrapped(word, n, indent="") for word, n in zip(words, widths, strict=True)]
    lines = range(max(map(len, parts)))
    cut = [[part[i] if i < len(part) else "" for part in parts] for i in lines]
    return ["  ".join(w.ljust(n) for w, n in zip(line, widths, strict=True)).rstrip() for line in cut]


def wrapped(text: str, width: int, indent: str = "  ") -> list[str]:
    """A text in lines of at most `width`, broken between words only and never inside brackets.

    >>> wrapped("one two three [4, 5]", 18, indent="")
    ['one two three', '[4, 5]']
    """
    if len(text) <= width:
        return [text]
    import textwrap

    lead = text[: len(text) - len(text.lstrip())]
    whole = re.sub(r"\[[^\]]*\]", lambda found: found[0].replace(" ", _HARD), text.strip())
    wrap = textwrap.TextWrapper(width, lead, indent, break_on_hyphens=False, break_long_words=False)
    return [line.replace(_HARD, " ") for line in wrap.wrap(whole)]


def _starred(table: Table, before: str, after: str) -> list[list[str]]:
    """The rows with marks around what stands out."""
    return [
        [f"{before}{word}{after}" if (i, j) in table.bold else word for j, word in enumerate(row)]
        for i, row in enumerate(table.rows)
    ]


def _markdown(table: Table) -> str:
    rows = [[_inert(word) for word in row] for row in _starred(table, "**", "**")]
    title = f"**{_inert(table.title)}**\n\n" if table.title else ""
    notes = "".join(f"\n{_inert(note)}\n" for note in table.notes)
    return f"{title}{_tabulated([_inert(word) for word in table.head], rows, 'pipe')}\n{notes}"


def _inert(text: str) -> str:
    """Text that can neither end a cell nor begin a tag, whatever a record's names hold.

    >>> _inert("a|b <img> <0.001")
    'a\\\\|b &lt;img> <0.001'
    """
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text.replace("|", "\\|"))


def _printable(table: Table) -> Table:
    """The table without line ends and control characters, which a foreign record could send to a terminal."""

    def line(text: str) -> str:
        return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)

    rows = tuple(tuple(map(line, row)) for row in table.rows)
    return replace(
        table,
        title=line(table.title),
        head=tuple(map(line, table.head)),
        rows=rows,
        notes=tuple(map(line, table.notes)),
    )


def _tabulated(head: Sequence[str], rows: Sequence[Sequence[str]], form: str) -> str:
    from tabulate import tabulate

    return tabulate(rows, headers=list(head), tablefmt=form, disable_numparse=True, stralign="left")


def _csv(table: Table) -> str:
    data = rows_as_data(table)
    out = io.StringIO()
    names = list(dict.fromkeys(name for row in data for name in row)) or list(table.head)
    writer = csv.DictWriter(out, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows([{k: "" if v is None else no_formula(v) for k, v in row.items()} for row in data])
    return out.getvalue()


def no_formula(value: Any) -> Any:
    """A field of a csv; text that a spreadsheet would run as a formula gets an apostrophe in front.

    >>> no_formula("=1+cmd|x"), no_formula("-2 +cmd|x"), no_formula("-0.5 [-0.6, -0.4]"), no_formula(-0.5)
    ("'=1+cmd|x", "'-2 +cmd|x", '-0.5 [-0.6, -0.4]', -0.5)
    """
    if not isinstance(value, str) or value[:1] not in ("=", "@", "+", "-", "\t", "\r"):
        return value
    # Nothing but numbers and their brackets: "-1 +HYPERLINK(…)" begins with a number too.
    return value if re.fullmatch(r"[+-]([0-9.]+(e[+-][0-9]+)?)?( \[[-+0-9., ]*\])?", value) else f"'{value}"


def _json(table: Table) -> str:
    return json.dumps(rows_as_data(table), indent=1, ensure_ascii=False) + "\n"


def rows_as_data(table: Table) -> list[dict[str, Any]]:
    """The facts of a table: its data, or its rows under the names of the head."""
    own = table.data or [dict(zip(table.head, row, strict=True)) for row in table.rows]
    return [dict(row) for row in (*own, *(line for part in table.below for line in part.data))]
