"""`dnabench leaderboard`: tables and one static page of a whole results tree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

Root = Annotated[Path, Argument(help="A results folder.", metavar="RESULTS")]
Into = Annotated[
    Path | None, Option("-o", "--output", help="Folder to write to; RESULTS/leaderboard if not given.", metavar="DIR")
]
Check = Annotated[bool, Option("--check", help="Write nothing; exit 1 where the written files are not these.")]


def leaderboard(root: Root = Path("results"), output: Into = None, check: Check = False) -> int:
    """Write leaderboard.md, .csv, .tex, .json and index.html from stored records and predictions.

    The same results give the same bytes. The page opens from the disk, without any network.
    """
    from ..report.leaderboard.write import build, stale, write
    from .out import say

    folder = output if output is not None else root / "leaderboard"
    board, texts = build(root)
    for problem in board.problems:
        say(problem)
    if not check:
        for path in write(folder, texts):
            print(path)
        return 1 if board.problems else 0
    differing = stale(folder, texts)
    for sentence in differing:
        say(f"{folder}: {sentence}")
    if differing:
        say(f"stale: `dnabench leaderboard {root} -o {folder}` writes it anew")
    return 1 if differing or board.problems else 0
