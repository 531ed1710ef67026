"""What `compare` is asked to compare: models by name, runs, trees, git revisions and files of predictions.

words ──found──► records of one model, one per task ──labels──► Operand
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ... import registry
from ...errors import RequestError, nearest
from ...metrics import METRICS
from ...run.store import StoredRecord, read_records
from ...types import RunRecord, Task
from ..cells import cell
from ..choose import chosen, fits, rows_of
from ..submit.operand import is_submission, submitted_record
from ..trees import is_place, place_name, records_at

SCORED = ("ok", "partial")


@dataclass(frozen=True)
class Operand:
    """One model under one protocol: what was asked for, and its record of each task."""

    word: str
    records: dict[str, RunRecord]
    label: str = ""
    notes: tuple[str, ...] = ()
    """What must be said of it below a table."""

    @property
    def first(self) -> RunRecord:
        """A record that says who this is: one with scores if there is any."""
        found = list(self.records.values())
        return next((r for r in found if r.status in SCORED), found[0])


def matched(
    words: Sequence[str], root: Path, protocol: str = "", tasks: Sequence[str] = (), suites: Sequence[str] = ()
) -> list[list[Operand]]:
    """Operands in groups that are compared among themselves: one group, or, where every word is a place with
    several models, one group for each model that all of them have.

    Operands have labels that tell them apart, in the order asked for. A place with several models stands for the one
    that the other words name. Raises RequestError for names without records, names that stand for several models or
    protocols, and twins.
    """
    asked, stored = _Asked(protocol, tuple(tasks), tuple(_suite_names(suites))), _stored(words, root)
    if any(stored.values()):
        # All are asked before any is left out, so that the sentence names all suites that there are.
        chosen([one.record for mine in stored.values() for one in mine], (), asked.suites)
    stored = {word: asked.of(mine) or mine for word, mine in stored.items()}
    submitted = [word for word in words if is_submission(word)]
    models = {word: _models(stored[word]) for word in words if word not in submitted}
    several = [word for word in words if word in models and is_place(word) and len(models[word]) > 1]
    names = _common(several, models) if several else []
    if not several or len(several) < len(words):
        wanted = [name for word in words if word not in several and word not in submitted for name in models[word]]
        # A name tells nothing where no other word gives one: the places must then be named more closely.
        names = [name for name in names if name in wanted][:1] if len(set(wanted)) == 1 else [""]
        if several and not names:
            raise RequestError(f"{several[0]} has no model {wanted[0]!r}: it has {', '.join(models[several[0]])}.")
    made = []
    for name in names or [""]:
        mine = {word: _of(here, name) if word in several else here for word, here in stored.items()}
        made.append(_group(words, mine, asked, root))
    return made


def task_metrics(
    found: Sequence[Operand], suites: Sequence[str], words: Sequence[str], metric: str = ""
) -> dict[str, str]:
    """The tasks to compare on and the metric of each; a known suite is taken whole, so that holes are seen.

    Raises RequestError for unknown metrics, and for suites or tasks without any record.
    """
    if metric and metric not in METRICS:
        raise RequestError(f"no metric {metric!r}.{nearest(metric, list(METRICS))} Known: {', '.join(METRICS)}.")
    records = chosen([r for one in found for r in one.records.values()], (), _suite_names(suites), words)
    rows = rows_of(records, words)
    lost = [word for word in words if not any(fits(row, word) for row in rows)]
    if lost:
        raise RequestError(f"no task {lost[0]!r} among these records.{nearest(lost[0], rows)}")
    known = {task.name: task.metric for s in {row.split("/")[0] for row in rows} for task in _registered(s)}
    known |= {str(r.task["name"]): str(r.task["metric"]) for r in records}
    return {row: metric or known[row] for row in rows}


@dataclass(frozen=True)
class _Asked:
    """The protocol, tasks and suites that were asked for; all where none is named."""

    protocol: str
    tasks: tuple[str, ...]
    suites: tuple[str, ...]

    def of(self, stored: Sequence[StoredRecord]) -> list[StoredRecord]:
        """The records of these tasks and suites: what a model did elsewhere is nobody's business."""
        names = [str(one.record.task["name"]) for one in stored]
        return [one for one, name in zip(stored, names, strict=True) if self._takes(name)]

    def _takes(self, name: str) -> bool:
        in_suite = not self.suites or name.partition("/")[0] in self.suites
        return in_suite and (not self.tasks or any(fits(name, word) for word in self.tasks))


def _suite_names(words: Sequence[str]) -> list[str]:
    """Names of suites, of which some may be named by a file or folder of the user's."""
    known = registry.suites() if words else ()
    return [registry.load_suite(word).name if word not in known and Path(word).exists() else word for word in words]


def _registered(suite: str) -> Sequence[Task]:
    return registry.load_suite(suite).tasks if suite in registry.suites() else ()


def _stored(words: Sequence[str], root: Path) -> dict[str, list[StoredRecord]]:
    """The records that each word may mean; files of predictions have none of their own."""
    here = read_records(root) if root.is_dir() else []
    found: dict[str, list[StoredRecord]] = {}
    for word in words:
        mine = _named(word, here)
        if not mine and not is_submission(word):
            mine = records_at(word) if is_place(word) else []
            if not mine:
                raise RequestError(_unknown(word, root, here))
        found[word] = mine
    return found


def _unknown(word: str, root: Path, here: Sequence[StoredRecord]) -> str:
    known = sorted({str(one.record.model["name"]) for one in here})
    there = f"There are: {', '.join(known)}." if known else "There are no records: `dnabench run` makes some."
    return f"{root} has no record of a model {word!r}.{nearest(word, known)} {there}"


def _models(stored: Sequence[StoredRecord]) -> list[str]:
    """Names of models with scores, or of all where none has any."""
    scored = [one for one in stored if one.record.status in SCORED] or stored
    return sorted({str(one.record.model["name"]) for one in scored})


def _common(words: Sequence[str], models: Mapping[str, list[str]]) -> list[str]:
    names = [name for name in models[words[0]] if all(name in models[word] for word in words)]
    if not names:
        raise RequestError(f"{' and '.join(words)} have no model in common: name one run of each.")
    return names


def _of(stored: Sequence[StoredRecord], name: str) -> list[StoredRecord]:
    return [one for one in stored if not name or one.record.model["name"] == name]


def _group(
    words: Sequence[str],
    stored: Mapping[str, Sequence[StoredRecord]],
    asked: _Asked,
    root: Path,
) -> list[Operand]:
    """The operands of one group, labelled; files of predictions take their task's facts from the others."""
    kept = {word: _under(word, mine, asked) for word, mine in stored.items() if mine}
    made = {word: Operand(word, _by_task(word, mine)) for word, mine in kept.items()}
    beside = [record for one in made.values() for record in one.records.values()]
    for word in words:
        if word not in made:
            record = submitted_record(Path(word), asked.tasks, beside)
            made[word] = Operand(word, {str(record.task["name"]): record})
    found = [made[word] for word in words]
    paths = [sorted(str(one.path) for one in kept.get(word, ())) or [word] for word in words]
    for i, one in enumerate(words):
        for j, other in enumerate(words[:i]):
            if paths[i] == paths[j]:
                raise RequestError(f"{other} and {one} are the same run: name two that differ.")
    return [replace(one, label=label) for one, label in zip(found, _labels(found, root), strict=True)]


def _under(word: str, mine: Sequence[StoredRecord], asked: _Asked) -> list[StoredRecord]:
    """The records of one model, under the protocol that was asked for.

    Where none is of what was asked for, one says who the model is, and its scores are holes.
    """
    found, protocol = list(mine), asked.protocol
    if protocol:
        found = [one for one in mine if one.record.protocol.get("name") in (protocol, "", None)]
        if not any(one.record.protocol.get("name") == protocol for one in found):
            raise RequestError(f"{word} has no record under the protocol {protocol!r}.")
    found = asked.of(found) or found[:1]
    _refuse_several(word, found)
    return found


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
            apart = len({one.record.protocol.get("name") for one in full}) > 1
            way = "--protocol" if apart else "other tasks with --task"
            raise RequestError(f"{word} has {len(full)} records of {task}: name one run folder, or {way} ({folders}).")
        partial = [one for one in several if one.record.status == "partial"]
        found[task] = (full or partial or several)[0].record
    return found


def _labels(found: Sequence[Operand], root: Path) -> list[str]:
    """The shortest names that tell the operands apart."""
    cells = {one.word: cell(one.first) for one in found}
    faces: tuple[Callable[[Operand], str], ...] = (
        lambda one: cells[one.word].model,
        lambda one: f"{cells[one.word].model}@{cells[one.word].id7}",
        lambda one: f"{cells[one.word].model} {cells[one.word].protocol}.{cells[one.word].recipe}",
        lambda one: f"{cells[one.word].model} ({place_name(one.word) if is_place(one.word) else root})",
    )
    for face in faces:
        labels = [face(one) for one in found]
        if len(set(labels)) == len(labels):
            return labels
    return [one.word for one in found]
