"""The written leaderboard: five files, replaced together and each whole, or compared with what stands there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ...errors import RequestError
from ..together import write_together
from .data import COLUMNS, as_csv, as_json, content
from .gather import gather
from .nouns import Board
from .page import MARK, as_page
from .papers import as_markdown, as_tex
from .standing import stand

OWN = {
    "leaderboard.md": "# Leaderboard\n",
    "leaderboard.csv": ",".join(COLUMNS[:4]),
    "leaderboard.tex": "% dnabench leaderboard",
    "leaderboard.json": '"generator": "dnabench leaderboard"',
    "index.html": MARK,
}
"""File → words by which our own older file is known; a foreign one is never replaced."""


def build(root: Path) -> tuple[Board, dict[str, str]]:
    """The board of a results tree, and the text of each of its files: the same tree gives the same bytes."""
    problems: list[str] = []
    board = stand(gather(root, problems), problems)
    data = content(board)
    texts = {
        "leaderboard.md": as_markdown(board),
        "leaderboard.csv": as_csv(board),
        "leaderboard.tex": f"% dnabench leaderboard\n{as_tex(board)}",
        "leaderboard.json": as_json(data),
        "index.html": as_page(board, data),
    }
    return board, texts


def write(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """Write the files, each whole or not at all, none before there is room for all; nothing else is touched.

    Raises RequestError where a file of that name is not ours, or nothing can be written there.
    """
    for name in texts:
        _refuse_foreign(folder / name)
    try:
        write_together(folder, texts)
    except OSError as problem:
        raise RequestError(f"{folder}: cannot be written ({problem}): name another folder with -o.") from problem
    return [folder / name for name in texts]


def stale(folder: Path, texts: Mapping[str, str]) -> list[str]:
    """The files that are missing or say something else than the results do."""
    found = []
    for name, text in texts.items():
        try:
            same = (folder / name).read_bytes() == text.encode()
        except OSError:
            found.append(f"{name} is missing")
            continue
        if not same:
            found.append(f"{name} differs")
    return found


def _refuse_foreign(path: Path) -> None:
    if not path.exists():
        return
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    if OWN[path.name] not in text:
        raise RequestError(f"{path} was not written by `dnabench leaderboard`: name another folder with -o.")
