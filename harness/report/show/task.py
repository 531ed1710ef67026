"""The page of a task: what it asks, its data, its traps, what it is recommended to be run with, and its scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from shlex import quote
from typing import Any

from ...audit.duplicates import audit_splits
from ...data.load import load_splits
from ...data.sources import DataOptions
from ...data.state import task_genomes, task_state
from ...errors import DnabenchError
from ...protocols import PROTOCOLS
from ...run.store import StoredRecord
from ...stats.weights import effective_groups
from ...types import SplitRule, Splits, Task
from ..cells import metric_title
from ..lists import run_table, target_text
from ..page import Page, Section, fact_text
from ..published import PublishedScore
from ..render import MISSING, Table
from .model import MANY, counts_text, facts_table

_SOURCES = {
    "files": "tables or FASTA files",
    "intervals": "a table of places, read from a genome",
    "classes": "a folder with one entry per class; places are read from a genome",
    "windows": "windows drawn from genomes by a seed",
    "peaks": "peaks, as labels of the bins of a genome",
    "matlab": "MATLAB files of one-hot windows, or a csv of places and a genome",
}


def task_page(
    task: Task,
    options: DataOptions,
    published: Sequence[PublishedScore] = (),
    stored: Sequence[StoredRecord] = (),
    asked: str = "",
) -> Page:
    """A task: what it asks, its data and what they were proved to be, its traps, published and own scores.

    `asked` is the file that it was named by, where no command knows it by its name.
    """
    try:
        splits, obstacle = load_splits(task, options), ""
    except DnabenchError as problem:
        splits, obstacle = None, str(problem)
    sections = [
        Section("asks", _question(task)),
        Section("data", _data(task, options), _split_table(task, splits), [obstacle] if obstacle else []),
        Section("checks", _audit(task, splits) if splits else None),
        Section("dependence", _dependence(task, splits)),
        Section("protocols", {name: PROTOCOLS[name].title for name in task.protocols if name in PROTOCOLS}),
        Section("recipes", {name: fact_text(dict(recipe)) for name, recipe in task.recipes.items()}),
        Section("notes", sentences=task.notes),
        Section("published scores", table=published_table(published)),
        Section("scores here", table=run_table(stored)),
        Section("cite", sentences=[task.citation] if task.citation else []),
    ]
    return Page(task.name, task.title, sections, f"dnabench run -m kmer -t {quote(asked or task.name)}")


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
        "classes": _some(task.target.classes),
        "ranked by": metric_title(task.metric),
        "also scored": [metric_title(name) for name in task.metrics if name != task.metric],
        "bases": task.length,
        "species": task.species,
        "assembly": task.assembly,
        "group": task.group,
        "strand matters": task.strand_matters or None,
        "split rule": _split_words(task.split_rule),
        "version": task.version,
    }


def _some(words: Sequence[str]) -> Sequence[str]:
    """The first classes and how many more there are: a chromatin profile has hundreds.

    >>> _some([str(i) for i in range(919)])[-2:]
    ['11', 'and 907 more']
    """
    return words if len(words) <= MANY + 1 else [*words[:MANY], f"and {len(words) - MANY:,} more"]


def _split_words(rule: SplitRule) -> str:
    """What is done to get train, dev and test.

    >>> _split_words(SplitRule("kfold", folds=5, groups="guide", seed=1))
    'kfold: 5 folds, seed 1, rows of one guide undivided'
    """
    words = {
        "fixed": "fixed files",
        "column": "drawn by content" if rule.made else f"by the column {rule.column}",
        "kfold": f"kfold: {rule.folds} folds, seed {rule.seed}",
    }[rule.kind]
    whole = f", rows of one {rule.groups} undivided" if rule.groups else ""
    return words + whole


def _data(task: Task, options: DataOptions) -> dict[str, Any]:
    """Whether the task can be run here and now, and where its rows come from."""
    genomes = {word: "here" if here else "not here" for word, here in task_genomes(task, options).items()}
    hub = f"{task.source.hub_repo}@{task.source.hub_revision or 'main'}" if task.source.hub_repo else None
    draw = task.source.options.get("draw") or task.source.options.get("bins")
    return {
        "state": task_state(task, options),
        "rows from": _SOURCES[task.source.kind],
        "genomes": [f"{word} ({where})" for word, where in genomes.items()],
        "drawn": [f"{name} {_inner(value)}" for name, value in (draw or {}).items()],
        "hub": hub,
        "licence": task.licence,
    }


def _inner(value: Any) -> str:
    """What a suite file writes as a map inside a map.

    >>> _inner({"train": ["1", "2"], "test": ["X"]}), _inner(1024)
    ('(train 1 2, test X)', '1,024')
    """
    if isinstance(value, Mapping):
        return f"({', '.join(f'{key} {_inner(one)}' for key, one in value.items())})"
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else fact_text(value)


def _split_table(task: Task, splits: Splits | None) -> Table:
    """What the task file promises of each split, or what was read where the data are here."""
    if splits is not None:
        return facts_table({name: asdict(facts) for name, facts in splits.facts.items()}, {})
    rows = tuple(
        (name, f.path, fact_text(f.rows), counts_text(f.class_counts), (f.sha256 or f.git_sha1 or MISSING)[:12])
        for name, f in task.source.files.items()
    )
    return Table("", ("split", "file", "rows", "per class", "checksum"), rows)


def _audit(task: Task, splits: Splits) -> dict[str, Any]:
    facts = audit_splits(splits, both_strands=not task.strand_matters)
    return {name.replace("_", " "): value for name, value in facts.items()}


def _dependence(task: Task, splits: Splits | None) -> dict[str, Any]:
    facts = task.dependence
    column = splits.test.columns.get(facts.groups) if splits and facts.groups else None
    groups = None
    if column is not None:
        groups = f"{len(set(column.tolist())):,}, as good as {effective_groups(column):,.1f} of one size (G_eff)"
    return {
        "groups": facts.groups,
        "groups of test": groups,
        "reason": facts.reason,
        "shares test rows with": facts.shares_test_rows_with,
        "class totals fixed by design": facts.stratified or None,
    }
