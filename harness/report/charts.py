"""Charts as self-contained SVG text: forest plot, bars, heat map, scatter, histogram.

Texts are escaped, a hole is said and not drawn, the same input gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from . import svg

Mark = Literal["", "best", "baseline", "published", "collapsed"]
ROW, NAMES, PLOT, NUMBERS = 22, 30, 330, 170
"""Height of a row, letters of a label, and pixels of the plot and of the numbers beside it."""
SCATTER = (56, 32, 690, 330)
"""Left, top, right and bottom of the box that holds the dots and names of a scatter plot."""


@dataclass(frozen=True)
class Bar:
    """A labelled value with its interval; None is a hole. `mark` decides the shape: see MARKS."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    mark: Mark = ""


@dataclass(frozen=True)
class Cell:
    """A square of a heat map: what stands in it, how strong its colour is (-1 to 1, None for none), what it says."""

    text: str
    value: float | None = None
    title: str = ""


@dataclass(frozen=True)
class Point:
    """A labelled dot with an interval along y."""

    label: str
    x: float | None
    y: float | None
    low: float | None = None
    high: float | None = None


MARKS: Mapping[Mark, str] = {
    "": "measured",
    "best": "not beaten by any other",
    "baseline": "trivial baseline",
    "published": "published, without interval",
    "collapsed": "a seed collapsed",
}


def forest(rows: Sequence[Bar], title: str = "Scores with their intervals", x_title: str = "") -> str:
    """Values as marks on one axis, each with its interval as a line and in numbers."""
    names = svg.apart([row.label for row in rows], NAMES)
    left, bottom = _label_width(names), 8 + ROW * len(rows)
    scale = svg.axis(_reach(rows), left, left + PLOT)
    parts = svg.x_axis(scale, 4, bottom, x_title)
    for i, (row, name) in enumerate(zip(rows, names, strict=True)):
        parts.append(_forest_row(row, name, scale, 8 + ROW * (i + 0.5)))
    legend, height = _legend(rows, left, bottom + (46 if x_title else 28))
    return svg.drawing(left + PLOT + NUMBERS, height, [*parts, *legend], title, _said(rows))


def bars(rows: Sequence[Bar], title: str = "Values", x_title: str = "") -> str:
    """Values as bars from zero, each with its number."""
    names = svg.apart([row.label for row in rows], NAMES)
    left, bottom = _label_width(names), 8 + ROW * len(rows)
    scale = svg.axis(_reach(rows), left, left + PLOT, zero=True)
    parts = svg.x_axis(scale, 4, bottom, x_title)
    for i, (row, name) in enumerate(zip(rows, names, strict=True)):
        parts.append(_bar_row(row, name, scale, 8 + ROW * (i + 0.5)))
    return svg.drawing(left + PLOT + NUMBERS, bottom + (44 if x_title else 26), parts, title, _said(rows))


def heat(
    labels: Sequence[str],
    cells: Sequence[Sequence[Cell]],
    columns: Sequence[str] | None = None,
    title: str = "Heat map",
    said: str = "",
) -> str:
    """A grid of coloured squares, rows and columns named; the second colour stands for negative values.

    `said` is read aloud in place of what every square says.
    """
    heads = labels if columns is None else columns
    widest = max((len(cell.text) for row in cells for cell in row), default=1)
    names, short = svg.apart(labels, NAMES), svg.apart(heads, NAMES)
    side, left = max(30.0, svg.LETTER * widest + 10), _label_width(names)
    # Heads lean at 45 degrees: their height is the length divided by the square root of two.
    top = max((svg.LETTER * len(head) for head in short), default=0) * 0.72 + 14
    lean = top - 6
    parts = [_leaning(left + side * (j + 0.4), top - 6, head) for j, head in enumerate(short)]
    for i, (label, row) in enumerate(zip(names, cells, strict=True)):
        y = top + 26 * i
        parts.append(_label(label, left - 8, y + 13))
        parts += [_square(cell, left + side * j, y, side) for j, cell in enumerate(row)]
    said = said or "; ".join(cell.title for row in cells for cell in row if cell.title)
    return svg.drawing(left + side * len(heads) + lean, top + 26 * len(labels) + 6, parts, title, said)


def scatter(points: Sequence[Point], x_title: str, y_title: str, log_x: bool = False, title: str = "") -> str:
    """Dots with intervals along y and their names where there is room; points without both numbers are only said."""
    known = [p for p in points if _drawable(p, log_x)]
    across = svg.axis([p.x for p in known if p.x is not None], 56, 500, log=log_x)
    ends = [v for p in known for v in (p.y, p.low, p.high) if v is not None]
    up = svg.axis(ends, 330, 32)
    parts = svg.y_axis(up, 56, 500, y_title) + svg.x_axis(across, 32, 330, x_title)
    taken = [_extent(p, across, up) for p in known]
    names = dict(zip((p.label for p in known), svg.apart([p.label for p in known], 26), strict=True))
    unnamed = 0
    for p in sorted(known, key=lambda p: (-(p.y or 0.0), p.x or 0.0, p.label)):
        name = _name(names[p.label], across.at(p.x or 0.0), up.at(p.y or 0.0), taken)
        parts += [_dot(p, across, up), name]
        unnamed += not name
    if unnamed:
        parts.append(svg.words(SCATTER[2] - 8, 359, f"{unnamed} names without room: point at a dot", "end", svg.QUIET))
    said = "; ".join(f"{p.label}: {_number(p.x)}, {_number(p.y)}" for p in points)
    return svg.drawing(SCATTER[2], 372, parts, title or f"{y_title} against {x_title}", said)


def histogram(
    edges: Sequence[float], counts: Mapping[str, Sequence[float]], title: str = "Histogram", x_title: str = ""
) -> str:
    """Counts between edges as an outline for each series, with a legend; every series has one count less than edges.

    Raises ValueError where a series has another number of counts.
    """
    across = svg.axis(list(edges), 64, 520)
    up = svg.axis([v for series in counts.values() for v in series], 250, 32, zero=True)
    parts = svg.y_axis(up, 64, 520, "rows") + svg.x_axis(across, 32, 250, x_title)
    for i, (name, series) in enumerate(counts.items()):
        colour = svg.SERIES[i % len(svg.SERIES)]
        parts.append(svg.told(name, _outline(edges, series, (across, up), colour)))
        parts += [svg.line((540, 40 + 20 * i), (558, 40 + 20 * i), colour, 3)]
        parts += [svg.words(564, 40 + 20 * i, svg.shortened(name, 20))]
    said = "; ".join(f"{name}: {sum(series):g} in all" for name, series in counts.items())
    return svg.drawing(710, 296 if x_title else 274, parts, title, said)


def _reach(rows: Sequence[Bar]) -> list[float]:
    return [v for row in rows for v in (row.value, row.low, row.high) if v is not None and math.isfinite(v)]


def _forest_row(row: Bar, name: str, scale: svg.Axis, y: float) -> str:
    parts = [_label(name, scale.start - 12, y, bold=row.mark == "best")]
    if row.low is not None and row.high is not None:
        parts.append(svg.line((scale.at(row.low), y), (scale.at(row.high), y), _colour(row.mark), 2))
    if row.value is not None:
        parts.append(_shape(row.mark, scale.at(row.value), y))
    return svg.told(_spoken(row), *parts, svg.words(scale.end + 12, y, _numbers(row)))


def _bar_row(row: Bar, name: str, scale: svg.Axis, y: float) -> str:
    parts = [_label(name, scale.start - 12, y)]
    if row.value is not None:
        zero, end = scale.at(0.0), scale.at(row.value)
        width = max(abs(end - zero), 1.0)
        parts.append(
            svg.element(
                "rect", x=min(zero, end), y=y - 7, width=width, height=14, style=f"fill:{_colour(row.mark)};opacity:.75"
            )
        )
    if row.low is not None and row.high is not None:
        parts.append(svg.line((scale.at(row.low), y), (scale.at(row.high), y), svg.INK, 1.5))
    return svg.told(_spoken(row), *parts, svg.words(scale.end + 12, y, _numbers(row)))


def _shape(mark: Mark, x: float, y: float) -> str:
    """A disc for a measured value, a ring for a baseline, a diamond for a published one, a cross for a collapse."""
    colour = _colour(mark)
    if mark == "published":
        path = f"M{x:.1f} {y - 5.5:.1f}l5.5 5.5l-5.5 5.5l-5.5 -5.5z"
        return svg.element("path", d=path, style=f"fill:{svg.PAPER};stroke:{colour};stroke-width:1.6")
    if mark == "collapsed":
        path = f"M{x - 4.5:.1f} {y - 4.5:.1f}l9 9m0 -9l-9 9"
        return svg.element("path", d=path, style=f"stroke:{colour};stroke-width:2.4;fill:none")
    fill = svg.PAPER if mark == "baseline" else colour
    return svg.element("circle", cx=x, cy=y, r=4.5, style=f"fill:{fill};stroke:{colour};stroke-width:1.6")


def _colour(mark: Mark) -> str:
    return {"": svg.INK, "best": svg.ACCENT, "collapsed": svg.WORSE}.get(mark, svg.QUIET)


def _legend(rows: Sequence[Bar], left: float, y: float) -> tuple[list[str], float]:
    """The marks that occur, in two columns, and the height of the drawing with them."""
    marks = [mark for mark in MARKS if any(row.mark == mark for row in rows)]
    if marks in ([], [""]):
        return [], y + 4
    parts = []
    for i, mark in enumerate(marks):
        x, below = left + 180 * (i % 2), y + 10 + 18 * (i // 2)
        parts += [_shape(mark, x + 5, below), svg.words(x + 16, below, MARKS[mark], colour=svg.QUIET)]
    return parts, y + 10 + 18 * ((len(marks) + 1) // 2)


def _square(cell: Cell, x: float, y: float, side: float) -> str:
    strength = 0.0 if cell.value is None or not math.isfinite(cell.value) else max(-1.0, min(1.0, cell.value))
    colour = f"fill:{svg.BETTER if strength > 0 else svg.WORSE};" if strength else ""
    style = f"{colour}fill-opacity:{abs(strength) * 0.6:.2g};stroke:{svg.FAINT}"
    parts = [svg.element("rect", x=x, y=y, width=side, height=26, style=style)]
    if cell.text:
        parts.append(svg.words(x + side / 2, y + 13, cell.text, "middle"))
    return svg.told(cell.title, *parts) if cell.title else "".join(parts)


def _leaning(x: float, y: float, text: str) -> str:
    return svg.words(x, y, text, transform=f"rotate(-45 {x:.1f} {y:.1f})")


def _drawable(p: Point, log_x: bool) -> bool:
    numbers = (p.x, p.y)
    return all(v is not None and math.isfinite(v) for v in numbers) and (not log_x or (p.x or 0.0) > 0)


def _dot(p: Point, across: svg.Axis, up: svg.Axis) -> str:
    x, y = across.at(p.x or 0.0), up.at(p.y or 0.0)
    parts = [] if p.low is None or p.high is None else [svg.line((x, up.at(p.low)), (x, up.at(p.high)), svg.QUIET, 1.5)]
    spoken = f"{p.label}: {_number(p.x)}, {_numbers(Bar(p.label, p.y, p.low, p.high))}"
    return svg.told(spoken, *parts, svg.element("circle", cx=x, cy=y, r=4.5, style=f"fill:{svg.ACCENT}"))


def _extent(p: Point, across: svg.Axis, up: svg.Axis) -> tuple[float, float, float, float]:
    """The box of a dot with its interval, where no name may stand."""
    x, ends = across.at(p.x or 0.0), [up.at(v) for v in (p.y, p.low, p.high) if v is not None]
    return x - 5, min(ends) - 5, x + 5, max(ends) + 5


def _name(text: str, x: float, y: float, taken: list[tuple[float, float, float, float]]) -> str:
    """The name right or left of its dot where nothing else stands; empty where there is no room."""
    width, (start, top, end, bottom) = svg.LETTER * len(text), SCATTER
    downs = (0, -14, 14, -28, 28, -42, 42)
    for at, level in [(side, y + down) for side in (x + 9, x - 9 - width) for down in downs]:
        box = (at, level - 7, at + width, level + 7)
        inside = start < box[0] and box[2] < end and top - 8 < box[1] and box[3] < bottom
        if inside and not any(_meet(box, other) for other in taken):
            taken.append(box)
            return svg.words(at, level, text)
    return ""


def _meet(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _outline(edges: Sequence[float], series: Sequence[float], axes: tuple[svg.Axis, svg.Axis], colour: str) -> str:
    across, up = axes
    path = f"M{across.at(edges[0]):.1f} {up.at(0.0):.1f}"
    for low, high, count in zip(edges[:-1], edges[1:], series, strict=True):
        path += f"L{across.at(low):.1f} {up.at(count):.1f}L{across.at(high):.1f} {up.at(count):.1f}"
    path += f"L{across.at(edges[-1]):.1f} {up.at(0.0):.1f}"
    return svg.element("path", d=path, style=f"fill:{colour};fill-opacity:.12;stroke:{colour};stroke-width:1.6")


def _label(text: str, x: float, y: float, bold: bool = False) -> str:
    return svg.words(x, y, text, "end", **({"font_weight": "600"} if bold else {}))


def _label_width(labels: Sequence[str]) -> float:
    return svg.LETTER * max(map(len, labels), default=0) + 16


def _said(rows: Sequence[Bar]) -> str:
    return "; ".join(_spoken(row) for row in rows)


def _spoken(row: Bar) -> str:
    more = f" ({MARKS[row.mark]})" if row.mark else ""
    return f"{row.label}: {_numbers(row)}{more}"


def _numbers(row: Bar) -> str:
    if row.low is None or row.high is None:
        return _number(row.value)
    return f"{_number(row.value)} [{_number(row.low)}, {_number(row.high)}]"


def _number(value: float | None) -> str:
    from .tables import number

    return number(value)
