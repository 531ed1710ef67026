"""Which records a table is made of, and which tasks it must hold."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from .. import registry
from ..errors import RequestError, nearest
from ..types import RunRecord, Task


def chosen(
    records: Sequence[RunRecord],
    models: Sequence[str] = (),
    suites: Sequence[str] = (),
    tasks: Sequence[str] = (),
    protocol: str = "",
) -> list[RunRecord]:
    """The records of some models, suites, tasks and a protocol; models in the order in which they are named.

    Raises RequestError where a name fits no record, with the nearest one that does.
    """
    _refuse_unknown("model", models, [str(r.model["name"]) for r in records])
    _refuse_unknown("suite", suites, [str(r.task["name"]).split("/")[0] for r in records])
    found = [
        record
        for record in records
        if (not models or record.model["name"] in models)
        and (not suites or str(record.task["name"]).split("/")[0] in suites)
        and (not tasks or any(fits(str(record.task["name"]), word) for word in tasks))
        and (not protocol or record.protocol.get("name") == protocol)
    ]
    if not found:
        raise RequestError(f"none of {len(records)} records is of that kind: `dnabench list runs` prints them.")
    return sorted(found, key=lambda r: models.index(str(r.model["name"]))) if models else found


def rows_of(records: Sequence[RunRecord], words: Sequence[str] = ()) -> list[str]:
    """The tasks that a table of these records must hold.

    A suite that is known here is taken whole, so that what was never run is a hole and not a silence.
    """
    names = list(dict.fromkeys(str(record.task["name"]) for record in records))
    rows: list[str] = []
    for suite in dict.fromkeys(name.split("/")[0] for name in names):
        known = _tasks(suite)
        mine = [name for name in names if name.startswith(f"{suite}/")]
        rows += list(dict.fromkeys([*(task.name for task in known), *mine]))
    return [row for row in rows if not words or any(fits(row, word) for word in words)]


def fits(name: str, word: str) -> bool:
    """True where a word names a task: whole, without its suite, or as a glob.

    >>> fits("gue/emp_H3", "emp_*"), fits("gue/emp_H3", "gue/emp_H3"), fits("gue/emp_H3", "tf")
    (True, True, False)
    """
    return fnmatchcase(name, word) or fnmatchcase(name.partition("/")[2], word)


def _refuse_unknown(kind: str, wanted: Sequence[str], there: Sequence[str]) -> None:
    known = sorted(set(there))
    for name in wanted:
        if name not in known:
            raise RequestError(
                f"no record of the {kind} {name!r}.{nearest(name, known)} There are: {', '.join(known)}."
            )


def _tasks(suite: str) -> Sequence[Task]:
    return registry.load_suite(suite).tasks if suite in registry.suites() else ()
