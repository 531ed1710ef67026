"""One page on a suite: what it measures, its tasks and whether they can be run here, and who has been run on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

from ..lists import task_table
from ..page import Page, Section
from ..render import MISSING, Table

if TYPE_CHECKING:
    from ...data.sources import DataOptions
    from ...run.store import StoredRecord
    from ...types import Suite


def suite_page(suite: Suite, options: DataOptions, records: Iterable[StoredRecord], asked: str) -> Page:
    """A suite's facts, its tasks with their state, its recipes, and how many tasks each of our models has.

    `asked`: what names the suite on the command line, its own name or a path.
    """
    facts = {
        "measures": suite.description.strip(),
        "tasks": len(suite.tasks),
        "licence": suite.licence,
        "citation": suite.citation,
        "home": suite.homepage,
        "recipes": sorted({name for task in suite.tasks for name in task.recipes}),
    }
    sections = [
        Section("is", facts),
        Section("tasks", table=task_table(suite.tasks, "", options)),
        Section("our runs", table=_runs(suite, list(records))),
    ]
    return Page(suite.name, suite.title, sections, f"dnabench run -m majority,kmer,onehot -s {quote(asked)}")


def _runs(suite: Suite, records: Sequence[StoredRecord]) -> Table:
    """Models by protocol with the number of their tasks that have a score."""
    done: dict[tuple[str, str], set[str]] = {}
    for one in records:
        record = one.record
        if record.status == "ok":
            done.setdefault((record.model["name"], record.protocol["name"]), set()).add(record.task["name"])
    rows, data = [], []
    for (model, protocol), tasks in sorted(done.items()):
        rows.append((model, protocol or MISSING, f"{len(tasks)}/{len(suite.tasks)}"))
        found: dict[str, Any] = {"model": model, "protocol": protocol, "scored": len(tasks), "of": len(suite.tasks)}
        data.append(found)
    return Table("", ("model", "protocol", "scored"), tuple(rows), (), tuple(data))
