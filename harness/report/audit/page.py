"""An audit in words and tables: a page per task, a table over all, coordinates without bases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import Any

from ...audit.findings import Finding, findings, percent
from ...audit.overlap import Overlap
from ...types import RunRecord, Score, Task
from ..cells import cell, metric_title
from ..page import Page, Section
from ..render import MISSING, Table
from ..tables import number, value_text
from .audit import LEAKS, Audit, TaskAudit, is_shortcut

NOT_ASKED = "not asked for: --align compares rows by alignment, --second-opinion asks seqleak"
CALLED = {"leak": "leak", "labels": "labels", "shortcut": "shortcut", "note": "note"}


def audit_page(audit: Audit) -> Page:
    """One task's page, or the table over several with their findings."""
    if len(audit.tasks) == 1:
        return task_audit_page(audit.tasks[0])
    suites = sorted({one.task.suite for one in audit.tasks})
    sections = [
        Section("tasks", table=summary_table(audit.tasks)),
        Section("findings", table=_finding_table(audit.tasks)),
        Section("test rows that tasks share", sentences=overlap_sentences(audit), table=overlap_table(audit)),
        Section("not here", {one.task.name: _without_name(one) for one in audit.tasks if one.problem}),
    ]
    return Page(", ".join(suites), f"audit of {len(audit.tasks)} tasks", sections, _next(audit))


def task_audit_page(one: TaskAudit) -> Page:
    """Findings, leaks, what they are worth, shortcuts, lengths, composition of one task."""
    if one.facts is None:
        return Page(one.task.name, "audit", [Section("not here", sentences=[one.problem])])
    found = one.facts.found
    only = [f"train is not here: test is compared with {one.compared} alone"] if one.compared != "train" else []
    sections = [
        Section("findings", sentences=[*only, *_sentences(one.findings)]),
        Section("rows", found["rows"]),
        Section("leaks", _leak_facts(one)),
        Section("scores with and without leaked rows", table=without_table(one)),
        Section("shortcuts", table=shortcut_table(one)),
        Section("lengths", _flat(_without(found["lengths"], "cut", "histogram")), cut_table(found["lengths"])),
        Section("composition", _flat(_without(found["composition"], "histogram"))),
        Section("strands", _flat(found["strands"])),
        Section("places", _flat(found["places"])),
        Section("second opinion (seqleak)", table=_second_table(one.second), sentences=_skipped(one.second)),
        Section("not done", sentences=[] if one.near or one.second else [NOT_ASKED]),
    ]
    return Page(one.task.name, "audit", sections, f"dnabench run -m kmer -t {_asked_by(one.task)}")


def coordinates_page(name: str, found: Mapping[str, Any], scores: Mapping[str, Score]) -> Page:
    """The page of a folder of places."""
    sections = [
        Section("findings", sentences=coordinate_sentences(found, scores)),
        Section(
            "rows", {f"{split}: {kind}": n for split, counts in found["rows"].items() for kind, n in counts.items()}
        ),
        Section("places", _flat(found["places"])),
        Section("places by class", table=_class_table(found["by_class"])),
        Section("rules that see no base", table=rule_table(scores)),
        Section("lengths", _flat(_without(found["lengths"], "cut", "histogram")), cut_table(found["lengths"])),
    ]
    return Page(name, "audit of places; no sequence was read", sections)


def coordinate_sentences(found: Mapping[str, Any], scores: Mapping[str, Score]) -> list[str]:
    """The findings on places, and what the table of train intervals scores where it scores anything."""
    said = _sentences(findings({"places": found["places"], "lengths": found["lengths"]}))
    table, floor = scores["table of train intervals"], scores["majority"]
    if (table.value or 0) > (floor.high or 0):
        said.insert(0, f"leak: a lookup table of train intervals has accuracy {value_text(table)}")
    return said or ["nothing found"]


def rule_table(scores: Mapping[str, Score]) -> Table:
    """Rules on places with their accuracies."""
    rows = tuple((name, value_text(score)) for name, score in scores.items())
    return Table(
        "", ("rule", "accuracy [95% interval]"), rows, (), tuple({"rule": n, **asdict(s)} for n, s in scores.items())
    )


def summary_table(audits: Sequence[TaskAudit]) -> Table:
    """A line per task: what leaks, what contradicts, and how far the best trivial rule gets."""
    head = (
        "task",
        "test rows",
        "in train",
        "share 32 bases",
        "label agrees",
        "dev in train",
        "two labels",
        "best shortcut",
    )
    return Table("", head, tuple(_summary_row(one) for one in audits if one.facts), _summary_notes(audits))


def without_table(one: TaskAudit) -> Table:
    """Each model's score on all rows, without one kind of leaked rows, and the difference."""
    rows, data = [], []
    for leak in one.leaked:
        without = leak.without
        if without.value == without.difference == 0:
            continue  # a rule that says the same of every row
        difference = Score("", without.difference, without.low, without.high)
        whole = cell(leak.record).score
        kind = f"{without.rows:,} {LEAKS[leak.kind]}"
        name = one.name_of(leak.record)
        rows.append(
            (name, value_text(whole), kind, number(without.value), value_text(difference) if without.rows else MISSING)
        )
        data.append({"model": name, "kind": leak.kind, "score": whole.value if whole else None, **asdict(without)})
    head = ("model", f"{_metric(one)} [95% interval]", "left out", "without", "all minus without [95% interval]")
    return Table("", head, tuple(rows), (), tuple(data))


def shortcut_table(one: TaskAudit) -> Table:
    """Trivial rules and, below, the best of the other models here."""
    rules = sorted((r for r in one.records if is_shortcut(r)), key=_value, reverse=True)
    others = sorted((r for r in one.records if not is_shortcut(r)), key=_value, reverse=True)[:3]
    rows = tuple(
        (one.name_of(r), value_text(cell(r).score), "rule" if is_shortcut(r) else "model") for r in (*rules, *others)
    )
    seen = {str(r.model["name"]) for r in rules}
    idle = tuple((name, MISSING, f"sees nothing: {why}") for name, why in one.idle.items() if name not in seen)
    notes = (f"mark: {one.trivial.sentence}",) if one.trivial else ()
    return Table("", ("rule", f"{_metric(one)} [95% interval]", "kind"), (*rows, *idle), notes)


def cut_table(lengths: Mapping[str, Any]) -> Table:
    """What common context sizes cut off."""
    head = ("context", "test rows cut", "bases lost", "accuracy of length alone")
    rows = tuple(
        (
            f"{cut['context']:,}",
            percent(cut["share_of_rows"]),
            percent(cut["share_of_bases"]),
            _maybe(cut.get("accuracy_of_length")),
        )
        for cut in lengths.get("cut", [])
    )
    return Table("", head, rows, (), tuple(lengths.get("cut", [])))


def overlap_table(audit: Audit) -> Table:
    """Distinct rows that pairs of test sets share, and whether a task file says so."""
    head = ("task", "and", "distinct rows", "of the first", "of the second", "declared")
    rows = tuple(
        (p.first, p.second, f"{p.shared:,}", percent(p.share_of_first), percent(p.share_of_second), _declared(p, audit))
        for p in audit.pairs
    )
    return Table("", head, rows, (), tuple(asdict(p) | {"declared": p not in audit.undeclared} for p in audit.pairs))


def overlap_sentences(audit: Audit) -> list[str]:
    """Unions, and how many pairs share rows that no task file declares."""
    said = [
        f"the test set of {u.whole} is the union of {' and '.join(u.parts)} ({u.rows:,} distinct rows)"
        for u in audit.unions
    ]
    if n := len(audit.undeclared):
        few = "a pair of tasks shares" if n == 1 else f"{n:,} pairs of tasks share"
        why = "a mean over them takes the tasks as independent"
        said.append(f"{few} test rows and no task file declares it (`shares_test_rows_with`): {why}")
    return said


def _without_name(one: TaskAudit) -> str:
    """Why the task's rows cannot be looked at; its name stands before it already."""
    return one.problem.removeprefix(f"{one.task.name}: ")


def _declared(pair: Overlap, audit: Audit) -> str:
    return "no" if pair in audit.undeclared else "yes"


def _summary_row(one: TaskAudit) -> tuple[str, ...]:
    assert one.facts is not None
    found = one.facts.found
    counts, words = found["duplicates"], found["words"]
    star = "" if one.compared == "train" else " (a)"
    rules = [r for r in one.records if is_shortcut(r)]
    best = max(rules, key=_value, default=None)
    shown = f"{best.model['name']} {value_text(cell(best).score)}{' (b)' if one.trivial else ''}" if best else MISSING
    return (
        one.task.name + star,
        f"{found['rows']['test']:,}",
        f"{counts['test_in_train']:,}",
        percent(words["share"]) if "share" in words else MISSING,
        _maybe(words.get("label_agrees")),
        f"{counts['dev_in_train']:,}",
        f"{found['contradictions'].get('sequences', 0):,}",
        shown,
    )


def _summary_notes(audits: Sequence[TaskAudit]) -> tuple[str, ...]:
    notes = ["in train: test rows, on either strand; two labels: distinct sequences of train"]
    if any(one.facts and one.compared != "train" for one in audits):
        notes.append("(a) train is not here: compared with dev alone")
    if any(one.trivial for one in audits):
        notes.append("(b) comes within the interval of the best model here, or above it")
    return tuple(notes)


def _finding_table(audits: Sequence[TaskAudit]) -> Table:
    rows = tuple((one.task.name, CALLED[f.kind], f.text) for one in audits for f in one.findings)
    return Table("", ("task", "kind", "finding"), rows)


def _sentences(found: Sequence[Finding]) -> list[str]:
    return [f"{CALLED[finding.kind]}: {finding.text}" for finding in found] or ["nothing found"]


def _leak_facts(one: TaskAudit) -> dict[str, Any]:
    assert one.facts is not None
    found = one.facts.found
    contained = found["contained"].get("test_rows", found["contained"].get("skipped"))
    facts = {
        **found["duplicates"],
        "contained test rows": contained,
        "words of 32 bases": _without(found["words"], "memory", "bases"),
        "nearest training row": found["twins"],
        "shuffled twins in train": found["shuffled"],
        "two labels in train": found["contradictions"],
        "near duplicates by alignment": _without(one.near, "nearest"),
    }
    return _flat(facts)


def _class_table(found: Mapping[str, Mapping[str, Any]]) -> Table:
    head = ("class", "test rows", "exact in train", "overlapping", "train rows", "distinct in train")
    names = ("test_rows", "exact", "overlapping", "train_rows", "distinct_train_places")
    return Table("", head, tuple((kind, *(f"{one[n]:,}" for n in names)) for kind, one in found.items()))


def _second_table(second: Mapping[str, Any]) -> Table:
    checks = second.get("checks", ())
    rows = tuple((c["check"], c["status"], _maybe_number(c["value"]), str(c["statistic"] or "")) for c in checks)
    notes = (f"verdict: {second['verdict']} ({second['summary']})",) if checks else ()
    return Table("", ("check", "status", "value", "statistic"), rows, notes, tuple(checks))


def _skipped(facts: Mapping[str, Any]) -> list[str]:
    return [str(facts["skipped"])] if "skipped" in facts else []


def _metric(one: TaskAudit) -> str:
    return metric_title(one.task.metric)


def _value(record: RunRecord) -> float:
    from .marks import better

    score = cell(record).score
    return better(score) if score is not None and score.value is not None else float("-inf")


def _maybe(share: float | None) -> str:
    return MISSING if share is None else percent(share)


def _maybe_number(value: Any) -> str:
    return number(value) if isinstance(value, (int, float)) else MISSING


def _without(facts: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in names}


def _flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts under names without underscores, however deep."""
    return {
        name.replace("_", " "): _flat(value) if isinstance(value, Mapping) else value for name, value in facts.items()
    }


def _next(audit: Audit) -> str:
    here = [_asked_by(one.task) for one in audit.tasks if one.facts]
    return f"dnabench data audit {here[0]}" if here else ""


def _asked_by(task: Task) -> str:
    """What names a task on the command line: its own name, or the path of a user's file."""
    return quote(Path(task.folder, task.title).as_posix()) if task.suite == "local" else task.name
