"""What a section of the page is made of; the template knows these and nothing of the board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from ...types import Score
from ..render import MISSING
from ..tables import number
from .words import interval_text


@dataclass(frozen=True)
class Item:
    """A cell of a table."""

    text: str
    below: str = ""
    """A second, smaller line: the interval."""
    sort: float | str | None = None
    """What the column is sorted by; None stands last in both directions."""
    kind: str = ""
    """Words of the style: `number best hole`."""
    title: str = ""
    """Said when pointed at."""
    link: str = ""
    note: str = ""
    """The letter of a note below the table."""


@dataclass(frozen=True)
class Head:
    """The head of a column."""

    text: str
    key: str
    """Its name in a shared link."""
    below: str = ""
    group: str = ""
    """Columns of one group are shown and hidden together."""
    number: bool = True


@dataclass(frozen=True)
class Line:
    """A row of a table; `kind` is `measured`, `baseline` or `published`."""

    items: tuple[Item, ...]
    kind: str = "measured"


@dataclass(frozen=True)
class Grid:
    """A table that is sorted and filtered on the page."""

    caption: str
    heads: tuple[Head, ...]
    lines: tuple[Line, ...]
    notes: tuple[tuple[str, str], ...] = ()
    """Letter and sentence."""
    main: bool = False
    """True for the one table of a section whose order and filter are part of the link."""

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(head.group for head in self.heads if head.group))

    def has(self, kind: str) -> bool:
        return any(line.kind == kind for line in self.lines)


@dataclass(frozen=True)
class Part:
    """A heading with what stands below it."""

    title: str
    sentences: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    grid: Grid | None = None
    figures: tuple[tuple[str, str], ...] = ()
    """SVG and the sentence below it."""

    @property
    def filled(self) -> bool:
        return bool(self.sentences or self.facts or self.grid or self.figures)


@dataclass(frozen=True)
class Section:
    """One page of the page, found by its route."""

    route: str
    title: str
    lead: str
    parts: tuple[Part, ...]
    tabs: tuple[tuple[str, str], ...] = ()
    """Name and route of those beside it."""
    suite: str = ""


class Notes:
    """Sentences by letter, equal ones once."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def letter(self, sentence: str) -> str:
        """The letter of a sentence, nothing for none."""
        if not sentence:
            return ""
        i = len(self._letters)
        return self._letters.setdefault(sentence, (chr(96 + i // 26) if i >= 26 else "") + chr(97 + i % 26))

    def all(self) -> tuple[tuple[str, str], ...]:
        return tuple((letter, sentence) for sentence, letter in self._letters.items())


def model_route(name: str) -> str:
    """Where a model's page is found.

    >>> model_route("zhihan1996/DNABERT-2"), model_route("a b<c>")
    ('model/zhihan1996/DNABERT-2', 'model/a%20b%3Cc%3E')
    """
    return "model/" + quote(name, safe="/")


def task_route(name: str) -> str:
    """Where a task's page is found."""
    return "task/" + quote(name, safe="/")


def score_item(score: Score | None, notes: Notes, said: str = "", best: bool = False, title: str = "") -> Item:
    """A score with its interval below it, or a hole with the letter of its reason."""
    if score is None or score.value is None:
        return Item(MISSING, "", None, "number hole", said, note=notes.letter(said or "not run"))
    below = interval_text(score.low, score.high)
    kind = "number best" if best else "number"
    return Item(number(score.value), below, score.value, kind, title, note=notes.letter(said))


def number_item(value: float | None, text: str | None = None, kind: str = "number", title: str = "") -> Item:
    """A plain number."""
    return Item(number(value) if text is None else text, "", value, kind, title)


def facts(found: Mapping[str, str | None]) -> tuple[tuple[str, str], ...]:
    """Facts that are known."""
    return tuple((name, text) for name, text in found.items() if text)


def joined(words: Sequence[str], limit: int = 6) -> str:
    """Words with commas; beyond a few, how many more.

    >>> joined(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    shown = ", ".join(words[:limit])
    return shown if len(words) <= limit else f"{shown} and {len(words) - limit} more"
