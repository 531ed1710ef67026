"""Suites of installed packages, kept as JSON once they were read and validated, so that `list` starts at once.

A kept suite is used only while its file and the code that reads it are the same, byte by byte.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from dnabench.harness.types import Dependence, FileFacts, Source, SplitRule, Suite, Target, Task

_READERS = ("suite_file.py", "suite_schema.py", "suite_kept.py", "../types.py")


def read_kept(path: Path, cache: Path) -> Suite:
    """The suite of a file, from what was kept of it in the cache, else read, validated and kept.

    Raises TaskFileError as `suite_file.read_suite` does. A cache that cannot be written is no fault.
    """
    place = cache / "suites" / f"{_key(path)}.json"
    kept = _kept(place, str(path.parent))
    if kept is None:
        from .suite_file import read_suite

        kept = read_suite(path)
        _keep(kept, place)
    return kept


def _kept(place: Path, folder: str) -> Suite | None:
    """None where nothing is kept yet, or it was cut short: then the file itself is read."""
    try:
        return _suite(json.loads(place.read_text(encoding="utf-8")), folder)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _keep(suite: Suite, kept: Path) -> None:
    partial = kept.with_suffix(f".{os.getpid()}.tmp")
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(asdict(suite)), encoding="utf-8")
        partial.replace(kept)
    except OSError:
        # A read-only or full disk: the next start reads the file again.
        partial.unlink(missing_ok=True) if os.access(kept.parent, os.W_OK) else None


def _key(path: Path) -> str:
    digest = sha256(str(path.name).encode())
    for file in (path, *(Path(__file__).parent / name for name in _READERS)):
        digest.update(file.read_bytes() if file.is_file() else b"")
    return digest.hexdigest()


def _suite(kept: dict[str, Any], folder: str) -> Suite:
    return Suite(**{**kept, "tasks": tuple(replace(_task(task), folder=folder) for task in kept["tasks"])})


def _task(kept: dict[str, Any]) -> Task:
    target, depends = kept["target"], kept["dependence"]
    return Task(
        **{
            **kept,
            "target": Target(target["kind"], tuple(target["classes"])),
            "source": _source(kept["source"]),
            "split_rule": SplitRule(**kept["split_rule"]),
            "dependence": Dependence(**{**depends, "shares_test_rows_with": tuple(depends["shares_test_rows_with"])}),
            "metrics": tuple(kept["metrics"]),
            "protocols": tuple(kept["protocols"]),
            "notes": tuple(kept["notes"]),
        }
    )


def _source(kept: dict[str, Any]) -> Source:
    files = {
        name: FileFacts(**{**facts, "class_counts": _tuple(facts["class_counts"])})
        for name, facts in kept["files"].items()
    }
    columns = {"folders": tuple(kept["folders"]), "sequence_columns": tuple(kept["sequence_columns"])}
    return Source(**{**kept, **columns, "files": files})


def _tuple(values: list[int] | None) -> tuple[int, ...] | None:
    return None if values is None else tuple(values)
