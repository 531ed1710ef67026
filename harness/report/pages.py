"""One page on a task, a model or a run: everything that is known, and nothing that is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..audit.duplicates import audit_splits
from ..data.load import load_splits
from ..data.sources import DataOptions
from ..errors import DnabenchError
from ..protocols import PROTOCOLS
from ..run.plan import id7
from ..run.store import StoredRecord
from ..types import Adapter, RunRecord, Score, Splits, Task
from .cells import metric_title, without_duplicates
from .lists import run_table, target_text
from .page import Page, Section, fact_text
from .published import PublishedScore
from .render import MISSING, Table
from .tables import number, value_text


def task_page(
    task: Task, options: DataOptions, published: Sequence[PublishedScore] = (), stored: Sequence[StoredRecord] = ()
) -> Page:
    """A task: what it asks, its data and what they were proved to be, its traps, published and own scores."""
    try:
        splits, obstacle = load_splits(task, options), ""
    except DnabenchError as problem:
        splits, obstacle = None, str(problem)
    sections = [
        Section("asks", _question(task)),
        Section("data", {"licence": task.licence}, _split_table(task, splits), [obstacle] if obstacle else []),
        Section("checks", _audit(task, splits) if splits else None),
        Section("dependence", _dependence(task)),
        Section("protocols", {name: PROTOCOLS[name].title for name in task.protocols if name in PROTOCOLS}),
        Section("recipes", {name: fact_text(dict(recipe)) for name, recipe in task.recipes.items()}),
        Section("notes", sentences=task.notes),
        Section("published scores", table=published_table(published)),
        Section("scores here", table=run_table(stored)),
        Section("cite", sentences=[task.citation] if task.citation else []),
    ]
    return Page(task.name, task.title, sections, f"dnabench run -m kmer -t {task.name}")


def model_page(adapter: Adapter, description: str, stored: Sequence[StoredRecord] = ()) -> Page:
    """A model: what it says of itself, what it can do, and its runs here."""
    info = adapter.info
    facts = {name: value for name, value in asdict(info).items() if name not in ("name", "options")}
    able = {s.name: s.title for s in PROTOCOLS.values() if s.capability in adapter.capabilities}
    sections = [
        Section("is", facts | {"id": id7(info), "capabilities": sorted(adapter.capabilities)}),
        Section("options", info.options),
        Section("protocols", able),
        Section("scores here", table=run_table(stored)),
    ]
    return Page(info.name, description, sections, f"dnabench run -m {info.name} -s yeast")


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
        Section("data", table=_facts_table(task.get("splits", {}), task.get("rows", {}))),
        Section("checks", _flat(record.checks, skip=("scores_without_duplicates",))),
        Section("configuration", protocol.get("config")),
        Section("cost", _flat(record.cost, skip=("replicates",))),
        Section("provenance", _flat(record.provenance, skip=("replicates", "data"))),
    ]
    return Page(f"{record.model['name']} on {task['name']}", title, sections)


def published_table(found: Sequence[PublishedScore]) -> Table:
    """Published scores; their protocols are theirs, so they are compared with care."""
    rows = tuple((s.model, s.protocol, s.metric, _printed(s), _with_note(s)) for s in found)
    data = tuple({**asdict(s), "comparable": s.comparable} for s in found)
    return Table("", ("model", "protocol", "metric", "score", "source"), rows, (), data)


def _with_note(score: PublishedScore) -> str:
    return f"{score.source} ({score.note})" if score.note else score.source


def _printed(score: PublishedScore) -> str:
    """As many digits as were printed."""
    if score.value is None:
        return MISSING
    kind = f" ({score.error_kind})" if score.error_kind else ""
    return f"{score.value:.6g}" + (f" ± {score.error:.6g}{kind}" if score.error is not None else "")


def _question(task: Task) -> dict[str, Any]:
    return {
        "inputs": task.inputs,
        "target": target_text(task),
        "classes": task.target.classes,
        "ranked by": metric_title(task.metric),
        "also scored": [metric_title(name) for name in task.metrics if name != task.metric],
        "bases": task.length,
        "species": task.species,
        "assembly": task.assembly,
        "group": task.group,
        "strand matters": task.strand_matters or None,
        "split rule": task.split_rule.kind + (" (drawn by dnabench)" if task.split_rule.made else ""),
        "version": task.version,
    }


def _split_table(task: Task, splits: Splits | None) -> Table:
    """What the task file promises of each split, or what was read where the data are here."""
    if splits is not None:
        return _facts_table({name: asdict(facts) for name, facts in splits.facts.items()}, {})
    rows = tuple(
        (name, f.path, fact_text(f.rows), fact_text(f.class_counts), (f.sha256 or f.git_sha1 or MISSING)[:12])
        for name, f in task.source.files.items()
    )
    return Table("", ("split", "file", "rows", "per class", "checksum"), rows)


def _facts_table(facts: Mapping[str, Mapping[str, Any]], used: Mapping[str, int]) -> Table:
    head = ("split", "file", "rows", "per class", "bases", "lower case", "not ACGT", "identity", "fingerprint")
    rows = tuple((name, *_facts_row(one, used.get(name, one["rows"]))) for name, one in facts.items())
    return Table("", head, rows, (), tuple({"split": name, **one} for name, one in facts.items()))


def _facts_row(one: Mapping[str, Any], used: int) -> tuple[str, ...]:
    low, median, high = one["lengths"]
    bases = f"{low:,}" if low == high else f"{low:,} to {high:,}, median {median:,}"
    rows = f"{one['rows']:,}" if used == one["rows"] else f"{used:,} of {one['rows']:,}"
    odd = (fact_text(one["lower_case"]), fact_text(one["non_acgt"]))
    return (one["file"], rows, fact_text(one["class_counts"]), bases, *odd, one["identity"], one["fingerprint"][:12])


def _audit(task: Task, splits: Splits) -> dict[str, Any]:
    facts = audit_splits(splits, both_strands=not task.strand_matters)
    return {name.replace("_", " "): value for name, value in facts.items()}


def _dependence(task: Task) -> dict[str, Any]:
    facts = task.dependence
    return {
        "groups": facts.groups,
        "reason": facts.reason,
        "shares test rows with": facts.shares_test_rows_with,
        "class totals fixed by design": facts.stratified or None,
    }


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
