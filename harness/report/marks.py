"""What the statistics say of a table: which scores nobody beats, and which differences its test sets could show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import median

from ..errors import DataError, RecordError
from ..stats.joint import Joint, joint
from ..stats.ranking import standings
from ..stats.suite import suite_mean
from ..stats.verdict import POWER, Rules, detectable
from ..types import Predictions, RunRecord
from .cells import Cell, as_test_set
from .evidence import group_notes


@dataclass(frozen=True)
class Marks:
    """The columns of each task of a table, taken together on the same resamples."""

    joints: Mapping[str, Joint] = field(default_factory=dict)
    """Task → its models, under the keys of their columns."""
    rules: Rules = field(default_factory=Rules)
    left: tuple[str, ...] = ()
    """Tasks with several scores that cannot be taken together."""
    memory: dict[tuple[str, ...], tuple[frozenset[str], float | None]] = field(default_factory=dict, compare=False)
    """What was found of some tasks, because a table asks for each cell."""

    @property
    def compares(self) -> bool:
        """Some task has several scores: of a single column nothing can be said."""
        return bool(self.left) or any(len(one.models) > 1 for one in self.joints.values())

    def best(self, tasks: Sequence[str]) -> frozenset[str]:
        """The columns that no other is shown to beat, on one task or in the mean over several.

        Empty where nothing may be claimed, and where there is nobody to beat.
        """
        return self._found(tuple(tasks))[0]

    def could_show(self, tasks: Sequence[str]) -> float | None:
        """The difference that these test rows show in 80% of cases: the median over pairs of columns.

        None where nothing may be claimed.
        """
        return self._found(tuple(tasks))[1]

    def _found(self, tasks: tuple[str, ...]) -> tuple[frozenset[str], float | None]:
        if tasks not in self.memory:
            made = self._joint(tasks)
            self.memory[tasks] = (frozenset(), None)
            if made is not None and made.claims:
                self.memory[tasks] = (self._best(made), self._could_show(made))
        return self.memory[tasks]

    def _best(self, made: Joint) -> frozenset[str]:
        if len(made.models) < 2:
            return frozenset()
        best = standings(made, self.rules.alpha).best
        return frozenset(model for model, mark in zip(made.models, best, strict=True) if mark)

    def _could_show(self, made: Joint) -> float | None:
        pairs = combinations(range(len(made.models)), 2)
        each = [detectable(made.difference(i, j), self.rules) for i, j in pairs]
        known = [one for one in each if one is not None]
        return median(known) if known else None

    def _joint(self, tasks: Sequence[str]) -> Joint | None:
        """The joint of one task, or of the mean; None where a task or a model is missing in some."""
        found = [self.joints[task] for task in tasks if task in self.joints]
        if len(found) != len(tasks) or len({one.models for one in found}) != 1:
            return None
        return found[0] if len(found) == 1 else suite_mean(found)

    def notes(self) -> list[str]:
        """What the marks mean."""
        percent = f"{100 * POWER:g}%"
        more = f" and {len(self.left) - 3} more" if len(self.left) > 3 else ""
        lost = f"; none for {', '.join(self.left[:3])}{more}, whose predictions are not here or of other rows"
        groups = group_notes({task: made.effective for task, made in self.joints.items() if made.groups is not None})
        if not self.compares:
            return list(groups)
        return [
            f"bold or *: not beaten by any other column of the row (all pairs together, error {self.rules.alpha:g}); "
            f"could show: a true difference that these test rows show in {percent} of cases, tested alone (median over "
            "pairs)" + (lost if self.left else ""),
            *groups,
        ]


def marks_of(records: Sequence[RunRecord], found: Sequence[Cell], rules: Rules | None = None) -> Marks:
    """Marks for the cells of these records, from their stored predictions; `found[i]` is the cell of `records[i]`.

    A task has none where its records are of different rows or their predictions are not here.
    """
    tasks: dict[str, dict[str, tuple[RunRecord, Cell]]] = {}
    for record, one in zip(records, found, strict=True):
        if one.counts and record.outputs is not None:
            tasks.setdefault(one.task, {})[one.column] = (record, one)
    joints = {task: _joined([*columns.values()]) for task, columns in tasks.items()}
    left = tuple(task for task, made in joints.items() if made is None and len(tasks[task]) > 1)
    return Marks({task: made for task, made in joints.items() if made is not None}, rules or Rules(), left)


def _joined(pairs: Sequence[tuple[RunRecord, Cell]]) -> Joint | None:
    first, shown = pairs[0]
    streams = {str(record.key["data"]["test"]) for record, _ in pairs if "test" in record.key.get("data", {})}
    versions = {record.task.get("version") for record, _ in pairs}
    if len(streams) != 1 or len(versions) != 1:
        return None
    predictions = _predictions(pairs)
    if predictions is None:
        return None
    try:
        return joint(predictions, [shown.metric], as_test_set(first, streams.pop()))[shown.metric]
    except DataError:
        # Predictions of other rows or labels: `check --results` says whose; the scores are shown without marks.
        return None


def _predictions(pairs: Sequence[tuple[RunRecord, Cell]]) -> dict[str, Predictions] | None:
    found = {}
    for record, one in pairs:
        try:
            found[one.column] = record.outputs() if record.outputs else None
        except RecordError:
            return None
    return {column: said for column, said in found.items() if said is not None}
