"""Several results trees into one: equal cells once, seeds of one configuration together, contradictions refused.

same key, other seeds or metrics    united, scored anew
same key, same seeds                kept once
another key, or other outputs       refused and named, unless --prefer says which stands
a record without numbers            gives way to one that has them
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..errors import RecordError, RequestError
from ..run.record_json import steady
from ..run.store import Pair, StoredRecord, read_predictions, read_record, read_records, update
from ..types import RunRecord
from .check.results import SCORED, expected_parts
from .render import Table
from .unite import contradiction, united

PREFERENCES = ("first", "last", "newest")
PART = re.compile(r"[\w+=,(-][\w.+=,()@-]*")
"""One part of a path; nothing that leaves its folder."""


@dataclass(frozen=True)
class Merged:
    """What became of one cell of one tree."""

    cell: str
    """Its path below `runs`."""
    source: str
    did: str


@dataclass(frozen=True)
class _Source:
    tree: Path
    stored: StoredRecord


def merge(trees: Sequence[Path], out: Path, prefer: str = "") -> list[Merged]:
    """Bring the records of several results trees into `out`, which may hold some already.

    Nothing is written where any cell is contradicted. Raises RequestError that names the contradictions, RecordError
    for a record that is not what its path says, whose predictions are not its own, or that is a link.
    """
    if prefer and prefer not in PREFERENCES:
        raise RequestError(f"--prefer {prefer!r}: {', '.join(PREFERENCES)}.")
    cells: dict[tuple[str, ...], list[_Source]] = {}
    for tree in trees:
        for stored in _records(tree):
            cells.setdefault(_parts(stored), []).append(_Source(tree, stored))
    if not cells:
        raise RequestError(f"there are no records in {', '.join(map(str, trees))}.")
    problems = [problem for parts, sources in cells.items() for problem in _problems(out, parts, sources, prefer)]
    if problems:
        more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
        raise RequestError(f"{'; '.join(problems[:3])}{more}: --prefer first, last or newest says which stands.")
    return [one for parts, sources in cells.items() for one in _written(out, parts, sources, prefer)]


def merge_table(done: Sequence[Merged]) -> Table:
    """What was done, a row per cell and tree, and the sums."""
    counts: dict[str, int] = {}
    for one in done:
        counts[one.did] = counts.get(one.did, 0) + 1
    sums = ", ".join(f"{n} {did}" for did, n in counts.items())
    rows = tuple((one.cell, one.source, one.did) for one in done)
    return Table("", ("cell", "from", "done"), rows, (f"{len(done)} records: {sums}",))


def _records(tree: Path) -> list[StoredRecord]:
    if not tree.is_dir():
        raise RequestError(f"{tree} is no folder of results.")
    found = read_records(tree)
    for one in found:
        _refuse_links(tree, one.path)
    return found


def _refuse_links(root: Path, path: Path) -> None:
    """A link below a tree could show or overwrite what lies elsewhere."""
    steps = path.relative_to(root).parts
    for n in range(1, len(steps) + 1):
        here = root.joinpath(*steps[:n])
        for place in (here, here.with_suffix(".npz")) if n == len(steps) else (here,):
            if place.is_symlink():
                raise RecordError(f"{place} is a link: copy what it points to, links are not followed.")


def _parts(one: StoredRecord) -> tuple[str, ...]:
    """Where a record belongs below `runs`: by what it says, which must be where it lies."""
    parts = expected_parts(one.record)
    if one.path.parts[-4:] != parts:
        raise RecordError(f"{one.path} says that it is {'/'.join(parts)}: put it there, or run the cell again.")
    if not all(PART.fullmatch(part) for part in parts):
        raise RecordError(f"{one.path}: {'/'.join(parts)} is no path of a record.")
    return parts


def _problems(out: Path, parts: tuple[str, ...], sources: Sequence[_Source], prefer: str) -> list[str]:
    """What contradicts what is there or comes before, without writing anything."""
    path = out.joinpath("runs", *parts)
    _refuse_links(out, path)
    problems = []
    pair = _pair(path, read_record(path)) if path.is_file() else None
    for source in sources:
        pair, did = _chosen(pair, _pair(source.stored.path, source.stored.record), prefer)
        if did.startswith("!"):
            problems.append(f"{'/'.join(parts)} in {source.tree} is {did[1:]}")
    return problems


def _written(out: Path, parts: tuple[str, ...], sources: Sequence[_Source], prefer: str) -> list[Merged]:
    path, done = out.joinpath("runs", *parts), list[Merged]()
    for source in sources:
        said: list[str] = []
        update(path, partial(_change, _pair(source.stored.path, source.stored.record), prefer, said))
        done.append(Merged("/".join(parts), str(source.tree), said[0]))
    return done


def _change(new: Pair, prefer: str, said: list[str], present: Pair | None) -> Pair | None:
    pair, did = _chosen(present, new, prefer)
    if did.startswith("!"):
        raise RequestError(f"a cell changed while it was merged: now it is {did[1:]}")
    said.append(did)
    return None if pair is present else pair


def _chosen(present: Pair | None, new: Pair, prefer: str) -> tuple[Pair, str]:
    """The pair that stands, and what was done; `!` begins what contradicts."""
    if present is None:
        return new, "copied"
    there, coming = present[0].status in SCORED, new[0].status in SCORED
    if there != coming or not there:
        return _without_numbers(present, new, coming)
    if present[1] is None or new[1] is None:
        return present, "!without predictions"
    one, other = (present[0], present[1]), (new[0], new[1])
    problem = contradiction(one, other)
    if problem and not prefer:
        return present, f"!{problem}"
    if problem:
        takes = prefer == "last" or (prefer == "newest" and _utc(new[0]) > _utc(present[0]))
        return (new, f"preferred ({problem})") if takes else (present, f"left ({problem})")
    both = united(one, other)
    return (present, "equal") if both is one else (both, "united")


def _without_numbers(present: Pair, new: Pair, coming: bool) -> tuple[Pair, str]:
    """Numbers stand before none; of two records without any the first stands."""
    if coming:
        return new, f"took the place of a record that is {present[0].status}"
    if steady(present[0]) == steady(new[0]):
        return present, "equal"
    return present, f"left ({new[0].status})"


def _utc(record: RunRecord) -> str:
    """When a record was last added to; empty where it does not say."""
    facts: Mapping[str, object] = record.provenance
    return str(facts.get("utc") or "")


def _pair(path: Path, record: RunRecord) -> Pair:
    return record, read_predictions(path) if record.predictions else None
