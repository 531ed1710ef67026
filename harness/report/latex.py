"""A table for a paper: booktabs, every character escaped, the best in bold. It compiles as it is with pdflatex."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from .render import Table

HEAD = "% needs \\usepackage{booktabs} in the preamble\n"
SHRINKS = "% wide: \\usepackage{graphicx} shrinks it to the width of the text\n\\providecommand{\\resizebox}[3]{#3}\n"
WIDE = 80
"""Characters from which a table is shrunk to the width of the text."""

_ASCII = {c: "\\" + c for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "`": r"\textasciigrave{}",
}
_SIGNS = {
    "—": "---", "–": "--", "…": r"\ldots{}", "‘": "`", "’": "'", "“": "``", "”": "''", "§": r"\S{}",
    "±": r"$\pm$", "×": r"$\times$", "·": r"$\cdot$", "≤": r"$\leq$", "≥": r"$\geq$", "≈": r"$\approx$",
    "−": "$-$", "→": r"$\rightarrow$", "²": "$^{2}$", "³": "$^{3}$", "°": r"$^{\circ}$", "µ": r"$\mu$", "μ": r"$\mu$",
    "α": r"$\alpha$", "β": r"$\beta$", "λ": r"$\lambda$", "ß": r"\ss{}", "ø": r"\o{}", "Ø": r"\O{}", "æ": r"\ae{}",
    "\N{NO-BREAK SPACE}": "~",
}  # fmt: skip
_ACCENTS = {
    "\u0300": r"\`", "\u0301": r"\'", "\u0302": r"\^", "\u0303": r"\~", "\u0304": r"\=", "\u0306": r"\u",
    "\u0307": r"\.", "\u0308": r"\"", "\u030a": r"\r", "\u030b": r"\H", "\u030c": r"\v", "\u0327": r"\c",
}  # fmt: skip


def tex_table(table: Table) -> str:
    """The table in a `table` environment, its notes below it."""
    lines = [_head(table.head), r"\midrule"]
    for number, row in enumerate(table.rows):
        lines.append(_line(row, {column for line, column in table.bold if line == number}))
    caption = [rf"\caption{{{escaped(table.title)}}}"] if table.title else []
    wide = _characters(table) > WIDE
    body = [
        r"\begin{table}",
        r"\centering\footnotesize\setlength{\tabcolsep}{4pt}",
        *caption,
        *([r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"] if wide else []),
        rf"\begin{{tabular}}{{{'l' * len(table.head)}}}",
        r"\toprule",
        *lines,
        r"\bottomrule",
        r"\end{tabular}" + ("}" if wide else ""),
    ]
    if table.notes:
        notes = [rf"{escaped(note)}\par" for note in table.notes]
        body += [r"\par\smallskip", r"\begin{minipage}{\linewidth}\scriptsize\raggedright", *notes, r"\end{minipage}"]
    return HEAD + (SHRINKS if wide else "") + "\n".join([*body, r"\end{table}"]) + "\n"


def escaped(text: str) -> str:
    """Text that pdflatex prints as it is, whatever characters it holds.

    >>> escaped("emp_H3 & 5% — é"), escaped("--limit"), escaped("基")
    ("emp\\\\_H3 \\\\& 5\\\\% --- \\\\'{e}", '-{}-limit', '[U+57FA]')
    """
    words = unicodedata.normalize("NFC", text).replace("--", "-\0-").replace("-\0--", "-\0-\0-")
    return "".join(_character(c) for c in words)


def _characters(table: Table) -> int:
    """Characters of a line of the table, about."""
    columns = zip(*(table.rows or (table.head,)), strict=True)
    return sum(max(map(len, column)) + 2 for column in columns)


def _head(cells: Sequence[str]) -> str:
    """The head; what stands in brackets goes below its name."""
    parts = []
    for cell in cells:
        name, bracket, rest = cell.partition(" [")
        below = rf" \\ {{}}{escaped('[' + rest)}" if bracket else ""
        parts.append(
            rf"\begin{{tabular}}[t]{{@{{}}l@{{}}}}{escaped(name)}{below}\end{{tabular}}" if below else escaped(cell)
        )
    return " & ".join(parts) + r" \\"


def _line(cells: Sequence[str], bold: set[int] | frozenset[int] = frozenset()) -> str:
    """One row; braces keep a first `[` or `*` from being an option of the row before."""
    parts = []
    for number, cell in enumerate(cells):
        indent = r"\quad " if cell.startswith("  ") else ""
        text = escaped(cell.strip())
        parts.append(indent + (rf"\textbf{{{text}}}" if number in bold else text))
    return ("{}" if parts and parts[0][:1] in ("[", "*") else "") + " & ".join(parts) + r" \\"


def _character(c: str) -> str:
    if c == "\0":
        return "{}"
    if c in _ASCII or c in _SIGNS:
        return _ASCII.get(c) or _SIGNS[c]
    if " " <= c <= "~":
        return c
    if c.isspace() or not c.isprintable():
        return " "
    parts = unicodedata.normalize("NFD", c)
    base, marks = parts[0], parts[1:]
    if base.isascii() and base.isalpha() and marks in _ACCENTS:
        return rf"{_ACCENTS[marks]}{{{base}}}"
    # No font of pdflatex has it: its number says what was there.
    return f"[U+{ord(c):04X}]"
