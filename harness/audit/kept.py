"""Facts on disk: made once for the same rows, whatever model or command asks."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from dnabench.harness.data.sources import DataOptions, cache_folder
from dnabench.harness.types import Split, Splits, Task

from .facts import VERSION, Facts, audit_fully
from .places import PLACES


def facts_of(task: Task, splits: Splits, options: DataOptions) -> Facts:
    """The facts about a task's rows: from the cache where these rows were audited before, else made and kept.

    A cache that cannot be written is no obstacle: the facts are made again the next time.
    """
    path = cache_folder(options) / "audit" / f"{facts_key(task, splits)}.json"
    known = _read(path)
    if known is not None:
        return known
    text = to_text(audit_fully(task, splits))
    _write(path, text)
    # What is made and what is read again are the same, to the order of the facts.
    return from_text(text)


def facts_key(task: Task, splits: Splits) -> str:
    """What facts depend on: the rows, how many of them, their places and folds, the split rule, what the labels are."""
    parts = (splits.train, splits.dev, splits.test)
    said = {
        "version": VERSION,
        "rows": {name: facts.fingerprint for name, facts in sorted(splits.facts.items())},
        "counts": [len(part) for part in parts],
        "rule": asdict(task.split_rule),
        "target": asdict(task.target),
        "strand": task.strand_matters,
        "columns": {
            name: _columns(part) for name, part in zip(("train", "test"), (splits.train, splits.test), strict=True)
        },
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]


def _columns(split: Split) -> dict[str, str]:
    """The fingerprint of rows knows bases and labels alone: what facts read of a row besides them, hashed."""
    read = {name: split.columns[name] for name in (*PLACES, "fold") if name in split.columns}
    return {
        name: hashlib.sha256("\0".join(map(str, cells.tolist())).encode()).hexdigest() for name, cells in read.items()
    }


def to_text(facts: Facts) -> str:
    """Facts as JSON in the order in which they were made; masks as the hexadecimal of their bits."""
    leaks = {name: [len(mask), np.packbits(mask).tobytes().hex()] for name, mask in facts.leaks.items()}
    return json.dumps({"found": facts.found, "leaks": leaks}, indent=1) + "\n"


def from_text(text: str) -> Facts:
    """The facts that `to_text` wrote. Raises ValueError for anything else."""
    content: Any = json.loads(text)
    if not isinstance(content, dict) or content.get("found", {}).get("version") != VERSION:
        raise ValueError("these are no facts of this version")
    leaks = {
        name: np.unpackbits(np.frombuffer(bytes.fromhex(bits), np.uint8), count=rows).astype(bool)
        for name, (rows, bits) in content["leaks"].items()
    }
    return Facts(content["found"], leaks)


def _read(path: Path) -> Facts | None:
    """None for facts that are not there or not whole: they are made anew."""
    try:
        return from_text(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            file.write(text)
        os.replace(file.name, path)
    except OSError:
        return
