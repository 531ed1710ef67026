"""What `compare` is asked to compare: names, `name@id7` and run folders become one record per task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import registry
from ..errors import RequestError, nearest
from ..metrics import METRICS
from ..run.store import StoredRecord, read_records
from ..types import RunRecord, Task
from .cells import cell
from .choose import chosen, fits, rows_of

SCORED = ("ok", "partial")


@dataclass(frozen=True)
class Operand:
    """One model under one protocol: what was asked for, and its record of each task."""

    word: str
    records: dict[str, RunRecord]
    label: str = ""

    @property
    def first(self) -> RunRecord:
        """A record that says who this is: one with scores if there is any."""
        found = list(self.records.values())
        return next((r for r in found if r.status in SCORED), found[0])


def operands(words: Sequence[str], root: Path, protocol: str = "") -> list[Operand]:
    """The operands in the order asked for, with labels that tell them apart.

    Raises RequestError for names without records, names that stand for several models or protocols, and twins.
    """
    stored = read_records(root) if root.is_dir() else []
    found = [_operand(word, stored, root, protocol) for word in words]
    for i, one in enumerate(found):
        for other in found[:i]:
            if one.records == other.records:
                raise RequestError(f"{other.word} and {one.word} are the same run: name two that differ.")
    return [Operand(one.word, one.records, label) for one, label in zip(found, _labels(found), strict=True)]


def task_metrics(
    found: Sequence[Operand], suites: Sequence[str], words: Sequence[str], metric: str = ""
) -> dict[str, str]:
    """The tasks to compare on and the metric of each; a known suite is taken whole, so that holes are seen.

    Raises RequestError for unknown metrics, and for suites or tasks without any record.
    """
    if metric and metric not in METRICS:
        raise RequestError(f"no metric {metric!r}.{nearest(metric, list(METRICS))} Known: {', '.join(METRICS)}.")
    names = [registry.load_suite(s).name if s not in registry.suites() and Path(s).exists() else s for s in suites]
    records = chosen([r for one in found for r in one.records.values()], (), names, words)
    rows, _ = rows_of(records, words)
    lost = [word for word in words if not any(fits(row, word) for row in rows)]
    if lost:
        raise RequestError(f"no task {lost[0]!r} among these records.{nearest(lost[0], rows)}")
    known = {task.name: task.metric for s in {row.split("/")[0] for row in rows} for task in _registered(s)}
    known |= {str(r.task["name"]): str(r.task["metric"]) for r in records}
    return {row: metric or known[row] for row in rows}


def _registered(suite: str) -> Sequence[Task]:
    return registry.load_suite(suite).tasks if suite in registry.suites() else ()


def _operand(word: str, stored: Sequence[StoredRecord], root: Path, protocol: str) -> Operand:
    mine = _named(word, stored)
    if not mine and Path(word).is_dir():
        mine = read_records(Path(word))
        if not mine:
            raise RequestError(f"{word} holds no records: name a folder below results/runs.")
    if not mine:
        known = sorted({str(one.record.model["name"]) for one in stored})
        there = f"There are: {', '.join(known)}." if known else "There are no records: `dnabench run` makes some."
        raise RequestError(f"{root} has no record of a model {word!r}.{nearest(word, known)} {there}")
    if protocol:
        mine = [one for one in mine if one.record.protocol.get("name") in (protocol, "", None)]
        if not any(one.record.protocol.get("name") == protocol for one in mine):
            raise RequestError(f"{word} has no record under the protocol {protocol!r}.")
    _refuse_several(word, mine)
    return Operand(word, _by_task(word, mine))


def _named(word: str, stored: Sequence[StoredRecord]) -> list[StoredRecord]:
    """Records of a model's name, or of `name@id7`; a name may hold an @ itself."""
    found = [one for one in stored if one.record.model["name"] == word]
    name, _, id7 = word.rpartition("@")
    return found or [one for one in stored if (one.record.model["name"], one.record.model.get("id")) == (name, id7)]


def _refuse_several(word: str, mine: Sequence[StoredRecord]) -> None:
    scored = [one.record for one in mine if one.record.status in SCORED] or [one.record for one in mine]
    names = sorted({f"{r.model['name']}@{r.model.get('id', '')}" for r in scored})
    if len(names) > 1:
        raise RequestError(f"{word} stands for {len(names)} models: name one of {', '.join(names)}.")


def _by_task(word: str, mine: Sequence[StoredRecord]) -> dict[str, RunRecord]:
    """One record per task: a full one before a partial one before one that gives no numbers."""
    tasks: dict[str, list[StoredRecord]] = {}
    for one in mine:
        tasks.setdefault(str(one.record.task["name"]), []).append(one)
    found = {}
    for task, several in tasks.items():
        full = [one for one in several if one.record.status == "ok"]
        if len(full) > 1:
            folders = ", ".join(str(one.path.parent) for one in full)
            raise RequestError(
                f"{word} has {len(full)} records of {task}: name one run folder, or --protocol ({folders})."
            )
        partial = [one for one in several if one.record.status == "partial"]
        found[task] = (full or partial or several)[0].record
    return found


def _labels(found: Sequence[Operand]) -> list[str]:
    """The shortest names that tell the operands apart."""
    cells = {one.word: cell(one.first) for one in found}
    faces: tuple[Callable[[Operand], str], ...] = (
        lambda one: cells[one.word].model,
        lambda one: f"{cells[one.word].model}@{cells[one.word].id7}",
        lambda one: f"{cells[one.word].model} {cells[one.word].protocol}.{cells[one.word].recipe}",
    )
    for face in faces:
        labels = [face(one) for one in found]
        if len(set(labels)) == len(labels):
            return labels
    return [one.word for one in found]
