"""One static page: everything inlined, nothing fetched, every text escaped by the template or in the drawings.

A content-security policy lets only the page's own script run, by its hash: text that slips through stays text.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from ..render import MISSING
from .board_page import board_route, board_section
from .model_page import model_names, model_section
from .nouns import Board
from .sheet import Section
from .task_page import task_section

MARK = '<meta name="generator" content="dnabench leaderboard">'


def as_page(board: Board, data: Mapping[str, Any]) -> str:
    """The page as text; `data` is what it carries along, as `data.content` makes it."""
    from markupsafe import Markup

    script = _file("board.js")
    words: dict[str, Any] = {
        "sections": list(sections(board)),
        "suites": [(field.suite, f"#{board_route(board.view(field.suite))}") for field in board.fields],
        "problems": board.problems,
        "missing": MISSING,
        # Safe as they are: files of this package, drawings of `charts`, and JSON without angle brackets.
        "style": Markup(_file("board.css")),
        "script": Markup(script),
        "policy": _policy(script),
        "data": Markup(json_in_html(data)),
        "drawing": Markup,
    }
    return str(_template().render(words))


def sections(board: Board) -> Iterator[Section]:
    """Suites and protocols first, then tasks, then models."""
    for field in board.fields:
        views = [view for view in board.views if view.field is field]
        tabs = [(view.protocol or "all protocols", f"#{board_route(view)}") for view in views]
        yield from (board_section(view, tabs if len(tabs) > 1 else []) for view in views)
    yield from (task_section(board, field, card) for field in board.fields for card in field.tasks)
    yield from (model_section(board, name) for name in model_names(board))


def json_in_html(value: Any) -> str:
    r"""JSON that is safe inside a script element: no angle bracket, no ampersand, no line separator.

    >>> json_in_html({"a": "</script>"})
    '{"a":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    rules = ("default-src 'none'", "style-src 'unsafe-inline'", f"script-src 'sha256-{digest}'", "base-uri 'none'")
    return "; ".join((*rules, "form-action 'none'"))


@cache
def _template() -> Any:
    import jinja2

    loader = jinja2.FunctionLoader(_file)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )  # fmt: skip
    return environment.get_template("page.html.j2")


def _file(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")
