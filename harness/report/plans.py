"""A plan before it is run, a cell when it is done, and the run in a few lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .render import MISSING, Table
from .tables import value_text

if TYPE_CHECKING:
    from ..run.plan import Planned
    from ..run.run import Outcome

TROUBLE = ("unavailable", "failed")


def plan_table(plan: Sequence[Planned]) -> Table:
    """What `--dry-run` prints: every cell, what is left to do for it, and why."""
    counts = Counter(one.state for one in plan)
    sums = ", ".join(f"{n} {state.replace('_', ' ')}" for state, n in sorted(counts.items()))
    head = ("task", "model", "protocol", "seeds", "state", "why")
    return Table("", head, tuple(map(_plan_row, plan)), (f"{cells(len(plan))}: {sums}",))


def _plan_row(one: Planned) -> tuple[str, ...]:
    cell = one.cell
    how = (
        f"{cell.protocol}.{cell.recipe}@{cell.config7}" if cell.protocol and one.state != "not_applicable" else MISSING
    )
    seeds = ",".join(map(str, one.missing)) or MISSING
    return (cell.task.name, f"{cell.model.info.name}@{cell.id7}", how, seeds, one.state.replace("_", " "), one.reason)


def cell_line(outcome: Outcome) -> str:
    """One cell in a line: its score, or why there is none."""
    record, cell = outcome.record, outcome.planned.cell
    name = f"{cell.model.info.name} on {cell.task.name}"
    if record.status in ("ok", "partial"):
        metric = str(record.task["metric"])
        seconds = record.cost.get("seconds")
        took = "as before" if outcome.planned.state == "done" else f"{seconds:.1f} s" if seconds is not None else ""
        return f"{name}: {metric} {value_text(record.scores.get(metric))} ({took})"
    return f"{name}: {record.status.replace('_', ' ')}: {record.error}"


def summary(outcomes: Sequence[Outcome], root: Path) -> list[str]:
    """What was done, where the records lie, and what to type next."""
    done = Counter(_word(outcome) for outcome in outcomes)
    lines = [f"{cells(len(outcomes))}: " + ", ".join(f"{n} {word}" for word, n in done.items())]
    stored = [outcome for outcome in outcomes if outcome.path is not None]
    if stored:
        lines.append(f"records and predictions: {root / 'runs'}")
        scored = next((o.path for o in reversed(stored) if o.record.status not in TROUBLE), None)
        lines.append(f"next: dnabench report {root}" + (f"   dnabench show {scored}" if scored else ""))
    return lines


def warning(outcomes: Sequence[Outcome]) -> str:
    """The cells that gave no number though they should, or that none could, with the first one's reason; else empty."""
    trouble = [outcome for outcome in outcomes if outcome.record.status in TROUBLE]
    if outcomes and all(outcome.record.status == "not_applicable" for outcome in outcomes):
        return f"nothing ran, no model here fits a task; {cell_line(outcomes[0])}"
    if not trouble:
        return ""
    count = Counter(outcome.record.status for outcome in trouble)
    kinds = " and ".join(f"{n} {status}" for status, n in count.items())
    alike = "" if len(trouble) == 1 else "the first: "
    return f"{kinds} of {cells(len(outcomes))}; {alike}{cell_line(trouble[0])}"


def cells(number: int) -> str:
    """A number of cells.

    >>> cells(1), cells(28)
    ('1 cell', '28 cells')
    """
    return f"{number:,} cell" + ("" if number == 1 else "s")


def _word(outcome: Outcome) -> str:
    if outcome.record.status in ("ok", "partial"):
        return "as before" if outcome.planned.state == "done" else "computed"
    return outcome.record.status.replace("_", " ")
