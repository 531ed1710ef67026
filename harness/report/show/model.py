"""One page on a model or a run: everything that is known, and nothing that is not; tasks are in `task.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ...protocols import PROTOCOLS
from ...run.plan import id7
from ...run.store import StoredRecord
from ...types import Adapter, RunRecord, Score
from ..cells import metric_title, without_duplicates
from ..lists import run_table
from ..page import Page, Section, fact_text
from ..render import MISSING, Table
from ..tables import number, value_text

MANY = 12
"""Classes beyond which only some are shown."""


def model_page(adapter: Adapter, description: str, stored: Sequence[StoredRecord] = (), word: str = "") -> Page:
    """A model: what it says of itself, what it can do, and its runs here; `word` is what a user types for it."""
    info = adapter.info
    facts = {name: value for name, value in asdict(info).items() if name not in ("name", "options")}
    able = {s.name: s.title for s in PROTOCOLS.values() if s.capability in adapter.capabilities}
    sections = [
        Section("is", facts | {"id": id7(info), "capabilities": sorted(adapter.capabilities)}),
        Section("options", info.options),
        Section("protocols", able),
        Section("scores here", table=run_table(stored)),
    ]
    return Page(info.name, description, sections, f"dnabench run -m {word or info.name} -s yeast")


def run_page(one: StoredRecord) -> Page:
    """A run: scores with and without the rows that stand in train, checks, cost, provenance."""
    record = one.record
    metric = str(record.task.get("metric", ""))
    title = value_text(record.scores.get(metric)) if record.scores else record.status.replace("_", " ")
    task, protocol = record.task, record.protocol
    sections = [
        Section("what", _what(one)),
        Section("scores", table=_score_table(record)),
        Section("seeds", table=_seed_table(record)),
        Section("data", table=facts_table(task.get("splits", {}), task.get("rows", {}))),
        Section("checks", _flat(record.checks, skip=("scores_without_duplicates",))),
        Section("configuration", protocol.get("config")),
        Section("cost", _flat(record.cost, skip=("replicates",))),
        Section("provenance", _flat(record.provenance, skip=("replicates", "data"))),
    ]
    return Page(f"{record.model['name']} on {task['name']}", title, sections)


def _facts_row(one: Mapping[str, Any], used: int) -> tuple[str, ...]:
    low, median, high = one["lengths"]
    bases = f"{low:,}" if low == high else f"{low:,} to {high:,}, median {median:,}"
    rows = f"{one['rows']:,}" if used == one["rows"] else f"{used:,} of {one['rows']:,}"
    odd = (fact_text(one["lower_case"]), fact_text(one["non_acgt"]))
    return (one["file"], rows, counts_text(one["class_counts"]), bases, *odd, one["identity"], one["fingerprint"][:12])


def facts_table(facts: Mapping[str, Mapping[str, Any]], used: Mapping[str, int]) -> Table:
    """A row per split: file, rows used and in all, classes, lengths, and what the split was proved to be."""
    head = ("split", "file", "rows", "per class", "bases", "lower case", "not ACGT", "identity", "fingerprint")
    rows = tuple((name, *_facts_row(one, used.get(name, one["rows"]))) for name, one in facts.items())
    return Table("", head, rows, (), tuple({"split": name, **one} for name, one in facts.items()))


def counts_text(counts: Sequence[int] | None) -> str:
    """Rows of each class, or how far they range where there are many.

    >>> counts_text((3, 1200)), counts_text(tuple(range(1, 35)))
    ('3, 1,200', '1 to 34, 34 labels')
    """
    if counts is None or len(counts) <= MANY:
        return fact_text(counts)
    return f"{min(counts):,} to {max(counts):,}, {len(counts):,} labels"


def _what(one: StoredRecord) -> dict[str, Any]:
    record = one.record
    model, protocol = record.model, record.protocol
    return {
        "status": record.status.replace("_", " "),
        "because": record.error,
        "task": f"{record.task['name']} version {record.task.get('version')}",
        "model": f"{model['name']}@{model.get('id', '')} ({fact_text(model.get('options', {})) or 'no options'})",
        "weights": model.get("weights"),
        "protocol": f"{protocol.get('name')}.{protocol.get('recipe')}@{protocol.get('id')}",
        "record": str(one.path),
        "predictions": record.predictions[:12],
    }


def _score_table(record: RunRecord) -> Table:
    without = without_duplicates(record)
    more = ("without rows in train",) if without else ()
    head = ("metric", "score [95% interval]", *more, "method")
    rows = tuple(
        (metric_title(name), value_text(s), *((value_text(without.get(name)),) if without else ()), s.note or s.method)
        for name, s in record.scores.items()
    )
    data = tuple({**asdict(s), "without_rows_in_train": _maybe(without.get(name))} for name, s in record.scores.items())
    return Table("", head, rows, (), data)


def _maybe(score: Score | None) -> dict[str, Any] | None:
    return asdict(score) if score else None


def _seed_table(record: RunRecord) -> Table:
    """Each seed's score beside what was chosen on dev, so that a collapsed one is seen."""
    main = record.scores.get(str(record.task.get("metric", "")))
    values = main.per_replicate if main else ()
    rows = []
    for i, one in enumerate(record.replicates):
        chosen = {k: v for k, v in one.get("chosen", {}).items() if not isinstance(v, (list, Mapping))}
        value = number(values[i]) if i < len(values) else MISSING
        rows.append((str(one["name"]), value, fact_text(one.get("bases_seen")), fact_text(chosen)))
    return Table("", ("seed", "score", "bases seen", "chosen on dev"), tuple(rows), (), tuple(record.replicates))


def _flat(facts: Mapping[str, Any], skip: Sequence[str] = ()) -> dict[str, Any]:
    """Nested facts under names of one level.

    >>> _flat({"rows": {"test": 3}, "share": 0.5})
    {'rows: test': 3, 'share': 0.5}
    """
    found: dict[str, Any] = {}
    for name, value in facts.items():
        words = name.replace("_", " ")
        if name in skip:
            continue
        if isinstance(value, Mapping):
            found |= {f"{words}: {key}": one for key, one in _flat(value).items()}
        else:
            found[words] = value
    return found
