"""What `gate` is asked to compare: the records of two places, of the suites, tasks and models asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import RequestError, nearest
from ...run.store import read_records
from ...types import RunRecord
from ..choose import fits
from ..trees import is_place, records_at
from .pairs import Pair, pairs, renames


@dataclass(frozen=True)
class Choice:
    """Suites, tasks and models to look at; all where none is named."""

    suites: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    def takes(self, record: RunRecord, renamed: Sequence[str] = ()) -> bool:
        """True where a record is asked for; `renamed` are old names of the models asked for."""
        task, model = str(record.task["name"]), str(record.model["name"])
        names = (model, f"{model}@{record.model.get('id', '')}")
        return (
            (not self.suites or task.partition("/")[0] in self.suites)
            and (not self.tasks or any(fits(task, word) for word in self.tasks))
            and (not self.models or any(name in (*self.models, *renamed) for name in names))
        )


def gate_pairs(words: tuple[str, str], root: Path, choice: Choice, renamed: Sequence[str] = ()) -> list[Pair]:
    """The cells of BASE and NEW side by side.

    Raises RequestError for places without records and for suites, tasks, models or names that fit none.
    """
    names = renames(renamed)
    base, new = (_records(word, root) for word in words)
    _refuse_unknown(choice, [*base, *new])
    old = [old for old, now in names.items() if now in choice.models]
    sides = ([r for r in base if choice.takes(r, old)], [r for r in new if choice.takes(r, old)])
    for word, side in zip(words, sides, strict=True):
        if not side:
            raise RequestError(f"{word} has no record of what was asked for: leave out --suite, --task or --model.")
    return pairs(*sides, names)


def _records(word: str, root: Path) -> list[RunRecord]:
    if is_place(word):
        return [one.record for one in records_at(word)]
    stored = [one.record for one in read_records(root)] if root.is_dir() else []
    found = [r for r in stored if word in (r.model["name"], f"{r.model['name']}@{r.model.get('id', '')}")]
    if not found:
        known = sorted({str(r.model["name"]) for r in stored})
        raise RequestError(
            f"{word} is no folder of results, no git:REV:path, and no model in {root}.{nearest(word, known)}"
        )
    return found


def _refuse_unknown(choice: Choice, records: Sequence[RunRecord]) -> None:
    tasks = sorted({str(record.task["name"]) for record in records})
    models = {str(record.model["name"]) for record in records}
    known = {
        "suite": (choice.suites, sorted({task.split("/")[0] for task in tasks})),
        "model": (choice.models, sorted(models | {f"{r.model['name']}@{r.model.get('id', '')}" for r in records})),
    }
    for kind, (words, there) in known.items():
        for word in words:
            if word not in there:
                raise RequestError(f"no record of the {kind} {word!r}.{nearest(word, there)}")
    for word in choice.tasks:
        if not any(fits(task, word) for task in tasks):
            raise RequestError(f"no task {word!r} among these records.{nearest(word, tasks)}")
