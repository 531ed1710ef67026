"""The parts of a drawing: escaped SVG elements, axes with round numbers, colours that follow the page.

Every colour is a CSS variable with a fallback, so that one drawing serves a light page, a dark page and paper.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

INK = "var(--chart-ink,#1b1f24)"
FAINT = "var(--chart-faint,#d5d9df)"
QUIET = "var(--chart-quiet,#5c6570)"
ACCENT = "var(--chart-accent,#1f5fa8)"
PAPER = "var(--chart-paper,#ffffff)"
BETTER = "var(--chart-better,#2f6fb5)"
WORSE = "var(--chart-worse,#c2612c)"
SERIES = (ACCENT, WORSE, "var(--chart-third,#4a8a3f)", "var(--chart-fourth,#7a559e)", QUIET)

FONT = 12
LETTER = 7.1
"""Mean width of a letter at the size of FONT, on the generous side."""


LEAST = 1e-9
"""Differences below this share are rounding."""


_ENTITIES = {ord(c): e for c, e in zip("&<>\"'", ("&amp;", "&lt;", "&gt;", "&quot;", "&#39;"), strict=True)}
# XML forbids control characters even when they are written as entities.
_ENTITIES |= dict.fromkeys([*range(32), 0x7F, *range(0xD800, 0xE000), 0xFFFE, 0xFFFF], " ")
_SPECIAL = re.compile(f"[{re.escape(''.join(map(chr, _ENTITIES)))}]")


def escaped(text: str) -> str:
    """Text that is safe inside an element and inside a quoted attribute; control characters become blanks.

    >>> escaped("<b> & 'c'")
    '&lt;b&gt; &amp; &#39;c&#39;'
    """
    return text.translate(_ENTITIES) if _SPECIAL.search(text) else text


def element(tag: str, inside: str = "", **attributes: str | float) -> str:
    """One element; attributes are escaped, numbers rounded to a tenth of a pixel, `_` in names becomes `-`.

    >>> element("rect", x=1.234, fill="a<b", stroke_width=2)
    '<rect x="1.2" fill="a&lt;b" stroke-width="2"/>'
    """
    words = "".join(f' {name.replace("_", "-")}="{_attribute(value)}"' for name, value in attributes.items())
    return f"<{tag}{words}>{inside}</{tag}>" if inside else f"<{tag}{words}/>"


def drawing(width: float, height: float, parts: Sequence[str], title: str, description: str = "") -> str:
    """The whole picture, with the words that a screen reader says instead of it; digits take equal widths."""
    said = element("title", escaped(title)) + (element("desc", escaped(description)) if description else "")
    return element(
        "svg",
        said + "".join(parts),
        xmlns="http://www.w3.org/2000/svg",
        role="img",
        viewBox=f"0 0 {_attribute(width)} {_attribute(height)}",
        width=width,
        height=height,
        font_family="system-ui,sans-serif",
        font_size=FONT,
        style=f"fill:{INK};font-variant-numeric:tabular-nums",
    )


def words(x: float, y: float, text: str, anchor: str = "start", colour: str = INK, **more: str | float) -> str:
    """A line of text whose middle stands at `y`."""
    # What the drawing says for all of its texts is not said again.
    own: dict[str, str] = {} if anchor == "start" else {"text_anchor": anchor}
    own |= {} if colour == INK else {"style": f"fill:{colour}"}
    return element("text", escaped(text), x=x, y=y, dominant_baseline="central", **own, **more)


def line(start: tuple[float, float], end: tuple[float, float], colour: str = FAINT, width: float = 1) -> str:
    """A straight line."""
    (x1, y1), (x2, y2) = start, end
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, style=f"stroke:{colour};stroke-width:{width:g}")


def told(text: str, *parts: str) -> str:
    """Parts that say `text` when pointed at."""
    return element("g", element("title", escaped(text)) + "".join(parts))


def shortened(text: str, letters: int) -> str:
    """Text of at most so many letters, its middle left out.

    >>> shortened("InstaDeepAI/nucleotide-transformer", 15)
    'InstaDe…sformer'
    """
    if len(text) <= letters:
        return text
    kept = letters - 1
    return f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"


def apart(texts: Sequence[str], letters: int) -> list[str]:
    """Texts shortened to so many letters, or to as many more as it takes to tell different ones apart.

    >>> apart(["org/model-v2-50m-species", "org/model-v2-100m-species"], 12)
    ['org/model-v2-50m-species', 'org/model-v2…00m-species']
    """
    while True:
        short = [shortened(text, letters) for text in texts]
        if len(set(short)) == len(set(texts)):
            return short
        letters += 4


@dataclass(frozen=True)
class Axis:
    """Numbers to pixels, with the numbers that are written beside it."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]
    log: bool = False

    def at(self, value: float) -> float:
        """The pixel of a value; values beyond the ends stand on them."""
        scale: Callable[[float], float] = math.log10 if self.log else float
        low, high = scale(self.low), scale(self.high)
        share = (scale(max(value, self.low)) - low) / (high - low)
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)

    def label(self, tick: float) -> str:
        """A tick as it is written: no more decimals than its neighbours need."""
        if self.log:
            return f"{tick:,.0f}" if 1 <= tick < 1e6 else f"{tick:g}" if 1e-3 <= tick < 1 else f"{tick:.0e}"
        step = abs(self.ticks[1] - self.ticks[0]) if len(self.ticks) > 1 else 1.0
        text = f"{tick:,.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"
        return text.removeprefix("-") if not text.strip("-0.,") else text


def axis(values: Sequence[float], start: float, end: float, *, log: bool = False, zero: bool = False) -> Axis:
    """An axis with round ends that holds all values; `zero` makes it begin (or end) there.

    >>> axis([0.12, 0.9], 0, 100).ticks
    (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
    >>> axis([3, 2000], 0, 100, log=True).ticks
    (1.0, 10.0, 100.0, 1000.0, 10000.0)
    """
    found = [v for v in values if math.isfinite(v) and (v > LEAST or not log)] or [0.1 if log else 0.0, 1.0]
    low, high = min(found), max(found)
    if log:
        first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
        decades = range(first, max(last, first + 1) + 1)
        # Whole powers only: 10.0**k is exact where it can be, and the labels stay short.
        return Axis(10.0 ** decades[0], 10.0 ** decades[-1], start, end, tuple(10.0**k for k in decades), True)
    low, high = (min(low, 0.0), max(high, 0.0)) if zero else (low, high)
    size = max(abs(low), abs(high))
    # Values that differ by rounding only, or are 0 but for it, are one value.
    span = high - low if high - low > LEAST * max(size, 1.0) else size if size > LEAST else 1.0
    step = _round_step(span)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(round(k * step, 12) for k in range(first, max(last, first + 1) + 1))
    return Axis(ticks[0], ticks[-1], start, end, ticks)


def x_axis(scale: Axis, top: float, bottom: float, title: str = "") -> list[str]:
    """Grid lines from top to bottom with their numbers below."""
    parts = []
    for tick in scale.ticks:
        x = scale.at(tick)
        parts += [line((x, top), (x, bottom)), words(x, bottom + 11, scale.label(tick), "middle", QUIET)]
    middle = (scale.start + scale.end) / 2
    return [*parts, words(middle, bottom + 29, title, "middle", QUIET)] if title else parts


def y_axis(scale: Axis, left: float, right: float, title: str = "") -> list[str]:
    """Grid lines from left to right with their numbers before them."""
    parts = []
    for tick in scale.ticks:
        y = scale.at(tick)
        parts += [line((left, y), (right, y)), words(left - 7, y, scale.label(tick), "end", QUIET)]
    return [*parts, words(left - 7, min(scale.start, scale.end) - 15, title, "start", QUIET)] if title else parts


def _attribute(value: str | float) -> str:
    return escaped(value) if isinstance(value, str) else f"{round(value, 1):g}"


def _round_step(span: float) -> float:
    """A step of 1, 2 or 5 times a power of ten that cuts the span into four to nine parts."""
    power = 10.0 ** math.floor(math.log10(span / 4))
    return max(power * factor for factor in (1, 2, 5) if power * factor <= span / 4 * (1 + 1e-9))
