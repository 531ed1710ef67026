"""What a leaderboard is made of: a board of suites, whose tasks are crossed by entrants, and their standings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...types import Dependence, RunRecord, Suite, Target, Task
from ..cells import Cell
from ..published import PublishedScore


@dataclass(frozen=True)
class Entrant:
    """A model under one protocol and recipe: a row of the table."""

    key: str
    """What the cells of this row share (`cells.Cell.column`)."""
    name: str
    """The shortest name that tells the rows of the board apart."""
    facts: Mapping[str, Any]
    """The model as it was recorded."""
    protocol: str
    recipe: str

    @property
    def model(self) -> str:
        return str(self.facts["name"])

    @property
    def baseline(self) -> bool:
        """True where nothing but the task's own rows was learnt from: conventional models and random twins."""
        return str(self.facts.get("weights", "")) in ("none", "random")


@dataclass(frozen=True)
class Entry:
    """One entrant on one task."""

    cell: Cell
    record: RunRecord
    odd: str = ""
    """Why a full record takes no part in comparisons: it was measured on other rows than the rest."""

    @property
    def counts(self) -> bool:
        """True where the entry is compared and adds to the coverage."""
        return self.cell.counts and not self.odd

    @property
    def said(self) -> str:
        """Why there is no number, or what must be said beside it; empty where nothing must."""
        if self.odd:
            return self.odd
        if self.cell.score is None or self.cell.score.value is None:
            return self.cell.missing()[1]
        return "; ".join(sentence for _, sentence in self.cell.warnings())


@dataclass(frozen=True)
class TaskCard:
    """A task as the records have it, and as its suite describes it where that is installed."""

    name: str
    record: Mapping[str, Any]
    """`task` of a record that takes part in comparisons."""
    known: Task | None = None
    published: tuple[PublishedScore, ...] = ()
    groups: tuple[int, float] | None = None
    """Groups of the test rows, and how many equal ones inform as much (G_eff); None where rows are independent."""

    @property
    def metric(self) -> str:
        return str(self.record["metric"])

    @property
    def metrics(self) -> tuple[str, ...]:
        return (self.metric, *(m for m in self.record["metrics"] if m != self.metric))

    @property
    def target(self) -> Target:
        facts = self.record["target"]
        return Target(facts["kind"], tuple(facts["classes"]))

    @property
    def dependence(self) -> Dependence:
        facts = dict(self.record.get("dependence", {}))
        return Dependence(**facts | {"shares_test_rows_with": tuple(facts.get("shares_test_rows_with", ()))})

    @property
    def rows(self) -> int:
        """Rows of the test set."""
        return int(self.record.get("rows", {}).get("test", 0))


@dataclass(frozen=True)
class Field:
    """All entrants on all tasks of a suite."""

    suite: str
    known: Suite | None
    tasks: tuple[TaskCard, ...]
    """Those with at least one record, in the order of the suite."""
    entrants: tuple[Entrant, ...]
    entries: Mapping[tuple[str, str], Entry]
    """(task, entrant's key) → entry; a pair that is not there was not run."""

    @property
    def unmeasured(self) -> int:
        """Tasks of the suite without any record."""
        return len(self.known.tasks) - len({t.name for t in self.known.tasks} & set(self.names)) if self.known else 0

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(task.name for task in self.tasks)

    def entry(self, task: str, entrant: Entrant) -> Entry | None:
        return self.entries.get((task, entrant.key))


@dataclass(frozen=True)
class Ranking:
    """Who stands where by one score, and what this test set can tell apart. All tuples follow `entrants`."""

    entrants: tuple[str, ...]
    """Keys."""
    values: tuple[float, ...] = ()
    lows: tuple[float | None, ...] = ()
    highs: tuple[float | None, ...] = ()
    ranks: tuple[tuple[int, int] | None, ...] = ()
    """Best and worst rank that the data allow, for all entrants at once."""
    best: tuple[bool, ...] = ()
    """Not beaten by any other."""
    differences: tuple[tuple[float, ...], ...] = ()
    """Row minus column."""
    p_values: tuple[tuple[float, ...], ...] = ()
    """Adjusted over all pairs (max-T)."""
    detectable: float | None = None
    """The difference that an ordinary pair of these entrants shows in 80% of cases."""
    note: str = ""

    def place(self, key: str) -> int | None:
        """Position of an entrant, None where it takes no part."""
        return self.entrants.index(key) if key in self.entrants else None


@dataclass(frozen=True)
class Mean:
    """Standings over several tasks of one metric."""

    metric: str
    tasks: tuple[str, ...]
    ranking: Ranking
    kind: str = "all"
    """`all` tasks of the board, or those `common` to all entrants."""


@dataclass(frozen=True)
class View:
    """A table of the page: the entrants of one suite under one protocol, or under all of them."""

    field: Field
    protocol: str
    """Empty for all protocols."""
    entrants: tuple[Entrant, ...]
    """In the order of the standings."""
    tasks: Mapping[str, Ranking]
    """By task, of its own metric."""
    means: tuple[Mean, ...] = ()

    @property
    def route(self) -> str:
        return f"{self.field.suite}/{self.protocol or 'all'}"

    def scored(self, entrant: Entrant) -> int:
        """Tasks on which the entrant counts."""
        entries = (self.field.entry(task, entrant) for task in self.field.names)
        return sum(entry is not None and entry.counts for entry in entries)


@dataclass(frozen=True)
class Board:
    """Everything that the leaderboard shows."""

    fields: tuple[Field, ...]
    views: tuple[View, ...]
    rankings: Mapping[tuple[str, str], Ranking] = field(default_factory=dict)
    """(task, metric) → standings of all entrants."""
    problems: Sequence[str] = ()

    def view(self, suite: str, protocol: str = "") -> View:
        return next(v for v in self.views if v.field.suite == suite and v.protocol == protocol)
