"""Which of several models is better than a reference on each task, and over the suite.

operands ──per task──► Comparison ──Holm over all──► verdicts ──common tasks──► Mean
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import DnabenchError, RequestError
from ..metrics import METRICS, evaluate, find_metric
from ..stats.design import design_of
from ..stats.multiple import benjamini_hochberg, holm
from ..stats.paired import Difference, paired_difference
from ..stats.suite import Part, mean_difference, part_of
from ..stats.verdict import Rules, Word, detectable, verdict
from ..types import Dependence, Predictions, RunRecord, Target
from .cells import cell
from .operands import Operand


@dataclass(frozen=True)
class Comparison:
    """One model against the reference, on one task or (see `tasks`) in the mean over several."""

    task: str
    model: str
    metric: str
    scores: tuple[float | None, float | None] = (None, None)
    """Of the reference and of the model."""
    difference: Difference | None = None
    """Model minus reference; None for a hole, with the reason."""
    reason: str = ""
    p: float | None = None
    """None too where too few independent groups allow no claim."""
    p_holm: float | None = None
    p_bh: float | None = None
    """Exploratory."""
    detectable: float | None = None
    verdict: Word = "undecided"
    inside: bool = False
    """Shown to lie inside the margin."""
    tasks: tuple[str, ...] = ()
    """Of a mean: the tasks that it is made of."""
    missing: int = 0
    """Of a mean: tasks of the suite that it lacks."""
    units: float = 0.0
    part: Part | None = field(default=None, compare=False, repr=False)


def compare(operands: Sequence[Operand], tasks: Mapping[str, str], rules: Rules) -> list[Comparison]:
    """The first operand against each of the others on all tasks, then the means; `tasks` maps names to metrics.

    Holes say why and are never filled in. Raises RequestError where two records are not of the same rows.
    """
    reference, *others = operands
    found = [_guarded(task, metric, reference, other, rules) for task, metric in tasks.items() for other in others]
    return _judged(found, rules) + _judged(_means(found, [o.label for o in others], rules), rules)


def _guarded(task: str, metric: str, a: Operand, b: Operand, rules: Rules) -> Comparison:
    """A hole with its reason, or the comparison."""
    hole = Comparison(task, b.label, metric)
    pair = (a.records.get(task), b.records.get(task))
    for operand, record in zip((a, b), pair, strict=True):
        reason = _absent(record, metric)
        if reason:
            return replace(hole, reason=f"{operand.label} {reason}")
    assert pair[0] is not None
    assert pair[1] is not None
    _refuse_other_rows(task, pair[0], pair[1], (a.label, b.label))
    return _compared(hole, pair[0], pair[1], rules)


def _absent(record: RunRecord | None, metric: str) -> str:
    """Why a record gives nothing to compare, or an empty string."""
    if record is None:
        return "not run"
    if record.status == "partial":
        return "partial: not all rows (--limit), never compared"
    if record.status != "ok":
        return cell(record).missing()[1]
    if record.outputs is None:
        return "has no predictions"
    try:
        find_metric(metric, target_of(record))
    except RequestError as error:
        return f"has no {metric}: {str(error).rstrip('.')}"
    return ""


def _refuse_other_rows(task: str, a: RunRecord, b: RunRecord, labels: tuple[str, str]) -> None:
    """Same version of the task, same train, dev and test rows."""
    splits = dict.fromkeys((*a.key["data"], *b.key["data"]))
    differing = [name for name in splits if a.key["data"].get(name) != b.key["data"].get(name)]
    if a.task["version"] != b.task["version"]:
        differing = [f"versions {a.task['version']} and {b.task['version']}", *differing]
    if differing:
        raise RequestError(
            f"{task}: the records of {labels[0]} and {labels[1]} are of different data ({', '.join(differing)}): "
            "run both on one version of the task, or leave it out with --task."
        )


def _compared(empty: Comparison, a: RunRecord, b: RunRecord, rules: Rules) -> Comparison:
    assert a.outputs is not None
    assert b.outputs is not None
    first, second = a.outputs(), b.outputs()
    target, stream = target_of(a), str(a.key["data"]["test"])
    dependence = _dependence(a)
    try:
        made = paired_difference(second, first, empty.metric, target, dependence, stream, level=rules.level)
        design = design_of(second.truth, second.columns, target, dependence, stream)
    except DnabenchError as error:
        # The sentence may speak of rows only: the task must be named.
        text = str(error)
        raise RequestError(text if empty.task in text else f"{empty.task}: {text}") from error
    if made.value is None:
        return replace(empty, reason=f"undefined: {made.note}")
    part = part_of(made, (second, first), target, design) if made.se is not None else None
    return replace(
        empty,
        scores=(_score(a, first, empty.metric), _score(b, second, empty.metric)),
        difference=made,
        p=made.p if not design.note else None,
        detectable=detectable(made, rules),
        units=design.effective,
        part=part,
    )


def _score(record: RunRecord, predictions: Predictions, metric: str) -> float | None:
    """The stored score, or that of the stored predictions; the mean over replicates."""
    if metric in record.scores:
        return record.scores[metric].value
    target = target_of(record)
    found = [evaluate(metric, predictions.truth, o, predictions.kind, target).value for o in predictions.outputs]
    known = [value for value in found if value is not None]
    return sum(known) / len(known) if known and len(known) == len(found) else None


def _judged(found: Sequence[Comparison], rules: Rules) -> list[Comparison]:
    """Comparisons with p-values adjusted over all of them, and their verdicts."""
    ps = [one.p for one in found]
    judged = []
    for one, adjusted, exploratory in zip(found, holm(ps), benjamini_hochberg(ps), strict=True):
        word: Word = "undecided"
        inside = False
        if one.difference is not None:
            best = METRICS[one.metric].best
            word, inside = verdict(one.difference, adjusted, rules, best, max(one.units, 1.0))
        judged.append(replace(one, p_holm=adjusted, p_bh=exploratory, verdict=word, inside=inside))
    return judged


def _means(found: Sequence[Comparison], models: Sequence[str], rules: Rules) -> list[Comparison]:
    """For each suite and metric of several tasks, the mean of each model over the tasks that all models have."""
    groups: dict[tuple[str, str], dict[str, list[Comparison]]] = {}
    for one in found:
        groups.setdefault((one.task.split("/")[0], one.metric), {}).setdefault(one.task, []).append(one)
    means = []
    for (suite, metric), tasks in groups.items():
        common = {task: row for task, row in tasks.items() if all(one.difference for one in row)}
        if len(tasks) < 2 or not common:
            continue
        for at, model in enumerate(models):
            row = [comparisons[at] for comparisons in common.values()]
            empty = Comparison(suite, model, metric, tasks=tuple(common), missing=len(tasks) - len(common))
            means.append(_mean(empty, row, rules))
    return means


def _mean(empty: Comparison, row: Sequence[Comparison], rules: Rules) -> Comparison:
    differences = [one.difference for one in row if one.difference is not None]
    parts = [one.part for one in row if one.part is not None]
    values = [d.value for d in differences if d.value is not None]
    if len(parts) == len(row):
        made = mean_difference(parts, rules.level)
    else:
        made = Difference(empty.metric, sum(values) / len(values), note="no interval: a task of the mean has none")
    silent = sum(one.p is None for one in row)
    if silent and made.se is not None:
        made = replace(made, note=f"no claim: {silent} of {len(row)} tasks have too few independent groups")
    return replace(
        empty,
        scores=(_mean_of([one.scores[0] for one in row]), _mean_of([one.scores[1] for one in row])),
        difference=made,
        p=made.p if not silent else None,
        detectable=detectable(made, rules),
        units=sum(one.units for one in row),
    )


def _mean_of(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


def target_of(record: RunRecord) -> Target:
    """The target as the record has it."""
    return Target(record.task["target"]["kind"], tuple(record.task["target"]["classes"]))


def _dependence(record: RunRecord) -> Dependence:
    facts: dict[str, Any] = dict(record.task["dependence"])
    return Dependence(**facts | {"shares_test_rows_with": tuple(facts.get("shares_test_rows_with", ()))})
