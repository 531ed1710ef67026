"""Which of several models is better than a reference on each task, and over the suite.

operands ──per task──► Comparison ──Holm over all──► verdicts ──common tasks──► Mean
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from ...errors import DnabenchError, RequestError
from ...metrics import METRICS, find_metric
from ...stats.difference import Difference
from ...stats.joint import Joint, joint
from ...stats.multiple import benjamini_hochberg, holm
from ...stats.permutation import swap_p
from ...stats.shared import families
from ...stats.suite import suite_mean
from ...stats.verdict import Rules, Word, detectable, unseen, verdict
from ...types import Predictions, RunRecord
from ..cells import as_test_set, cell, rarest_class, rarest_share, target_of
from .operands import Operand


@dataclass(frozen=True)
class Comparison:
    """One model against the reference, on one task or (see `tasks`) in the mean over several."""

    task: str
    model: str
    metric: str
    reference: str = ""
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
    unseen: float = 0.0
    """The difference that may hide where no row tells the two apart."""
    rows: int = 0
    """Test rows; 0 for a mean."""
    rarest: int | None = None
    """Test rows of the rarest class, where the task has classes."""
    joint: Joint | None = field(default=None, compare=False, repr=False)
    """All models of the task, or of the mean."""


@dataclass(frozen=True)
class How:
    """How p-values are made, and how they are adjusted over the table."""

    test: Literal["bootstrap", "permutation"] = "bootstrap"
    adjust: Literal["holm", "step-down"] = "holm"


def compare(operands: Sequence[Operand], tasks: Mapping[str, str], rules: Rules) -> list[Comparison]:
    """The first operand against each of the others on all tasks, then the means; `tasks` maps names to metrics.

    Holes say why and are never filled in. Raises RequestError where two records are not of the same rows.
    """
    return compare_groups([operands], tasks, rules)


def compare_groups(
    groups: Sequence[Sequence[Operand]], tasks: Mapping[str, str], rules: Rules, how: How | None = None
) -> list[Comparison]:
    """The same for several references, each with its own rivals; p-values are adjusted over all of them."""
    how = how or How()
    found: list[Comparison] = []
    means: list[Comparison] = []
    for group in groups:
        mine = [one for task, metric in tasks.items() for one in _on_task(task, metric, group, (rules, how))]
        found += mine
        means += _means(mine, [o.label for o in group], rules)
    return _judged(found, rules, how) + _judged(means, rules, how)


def _on_task(task: str, metric: str, group: Sequence[Operand], by: tuple[Rules, How]) -> list[Comparison]:
    """The others against the first on one task, from one pass over its resamples."""
    reference, *others = group
    why = {one.label: _absent(one.records.get(task), metric) for one in group}
    here = [one for one in group if not why[one.label]]
    made: Joint | None = None
    if not why[reference.label] and len(here) > 1:
        for one in here[1:]:
            _refuse_other_rows(task, reference.records[task], one.records[task], (reference.label, one.label))
        made = _joint(task, metric, here, by[0])
    found = []
    for one in others:
        empty = Comparison(task, one.label, metric, reference.label)
        hole = next((f"{o.label} {why[o.label]}" for o in (reference, one) if why[o.label]), "")
        if hole or made is None:
            found.append(replace(empty, reason=hole))
        else:
            found.append(_compared(empty, (reference, one), made, by))
    return found


def _joint(task: str, metric: str, here: Sequence[Operand], rules: Rules) -> Joint:
    """All models of a task on the same resamples."""
    record = here[0].records[task]
    said = {one.label: _outputs(one.records[task]) for one in here}
    test_set = as_test_set(record)
    try:
        return joint(said, [metric], test_set, level=rules.level)[metric]
    except DnabenchError as error:
        # The sentence may speak of rows only: the task must be named.
        text = str(error)
        raise RequestError(text if task in text else f"{task}: {text}") from error


def _outputs(record: RunRecord) -> Predictions:
    assert record.outputs is not None, "a record without predictions is a hole"
    return record.outputs()


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


def _compared(empty: Comparison, pair: tuple[Operand, Operand], made: Joint, by: tuple[Rules, How]) -> Comparison:
    """One model against the reference, read off the table of all."""
    rules, how = by
    lost = next((made.absent[one.label] for one in pair if one.label in made.absent), "")
    if lost:
        return replace(empty, reason=f"undefined: {lost}")
    first, second = (made.models.index(one.label) for one in pair)
    difference = made.difference(second, first)
    p = difference.p if made.claims else None
    rows, rarest = len(made.keys), rarest_class(pair[0].records[empty.task])
    if how.test == "permutation" and p is not None:
        p, why = _exchanged(empty, pair)
        difference = replace(difference, note=why or difference.note)
    return replace(
        empty,
        scores=(float(made.values[first]), float(made.values[second])),
        difference=difference,
        p=p,
        detectable=detectable(difference, rules) if made.claims else None,
        units=made.effective,
        unseen=unseen(empty.metric, made.effective, rarest_share(pair[0].records[empty.task]), rules.alpha),
        rows=rows,
        rarest=rarest,
        joint=made,
    )


def _exchanged(empty: Comparison, pair: tuple[Operand, Operand]) -> tuple[float | None, str]:
    """The p-value of exchanging the two models' answers, or None and why there is none."""
    records = [one.records[empty.task] for one in pair]
    first, second = map(_outputs, records)
    if max(len(first.outputs), len(second.outputs)) > 1:
        return None, "no exchange test for several seeds"
    try:
        return swap_p(second, first, empty.metric, as_test_set(records[0])), ""
    except RequestError as error:
        return None, str(error).rstrip(".")


def _judged(found: Sequence[Comparison], rules: Rules, how: How) -> list[Comparison]:
    """Comparisons with p-values adjusted over all of them, and their verdicts."""
    ps = [one.p for one in found]
    adjusted = holm(ps)
    if how.adjust == "step-down":
        from .step import stepped

        adjusted = stepped(found)
    judged = []
    for one, p, exploratory in zip(found, adjusted, benjamini_hochberg(ps), strict=True):
        word: Word = "undecided"
        inside = False
        if one.difference is not None:
            best = METRICS[one.metric].best
            word, inside = verdict(one.difference, p, rules, best, one.unseen)
        judged.append(replace(one, p_holm=p, p_bh=exploratory, verdict=word, inside=inside))
    return judged


def common_tasks(found: Sequence[Comparison]) -> dict[tuple[str, str], tuple[dict[str, list[Comparison]], int]]:
    """For each suite and metric of several tasks those on which every model was compared, and how many lack one."""
    groups: dict[tuple[str, str], dict[str, list[Comparison]]] = {}
    for one in found:
        groups.setdefault((one.task.split("/")[0], one.metric), {}).setdefault(one.task, []).append(one)
    common = {}
    for key, tasks in groups.items():
        whole = {task: row for task, row in tasks.items() if all(one.difference for one in row)}
        if len(tasks) > 1 and whole:
            common[key] = (whole, len(tasks) - len(whole))
    return common


def _means(found: Sequence[Comparison], labels: Sequence[str], rules: Rules) -> list[Comparison]:
    """For each suite and metric of several tasks, the mean of each model over the tasks that all models have."""
    means = []
    for (suite, metric), (tasks, missing) in common_tasks(found).items():
        joints = [row[0].joint for row in tasks.values() if row[0].joint]
        whole = suite_mean(joints)
        hidden = _unseen_in_mean([row[0].unseen for row in tasks.values()], families(joints))
        for at, model in enumerate(labels[1:]):
            row = [comparisons[at] for comparisons in tasks.values()]
            empty = Comparison(
                suite, model, metric, labels[0], tasks=tuple(tasks), missing=missing, unseen=hidden, joint=whole
            )
            means.append(_mean(empty, row, rules))
    return means


def _unseen_in_mean(each: Sequence[float], relatives: Sequence[Sequence[int]]) -> float:
    """Rows of which none was drawn may all be of one task, or of tasks that share them (by number)."""
    return max([*each, *(sum(each[task] for task in family) for family in relatives)]) / len(each)


def _mean(empty: Comparison, row: Sequence[Comparison], rules: Rules) -> Comparison:
    assert empty.joint is not None
    first, second = (empty.joint.models.index(label) for label in (empty.reference, empty.model))
    made = empty.joint.difference(second, first)
    if made.se is None:
        made = replace(made, note="no interval: a task of the mean has none")
    silent = sum(one.joint is None or not one.joint.claims for one in row)
    if silent and made.se is not None:
        made = replace(made, note=f"no claim: {silent} of {len(row)} tasks have too few independent groups")
    return replace(
        empty,
        scores=(_mean_of([one.scores[0] for one in row]), _mean_of([one.scores[1] for one in row])),
        difference=made,
        p=made.p if not silent else None,
        detectable=detectable(made, rules) if not silent else None,
        units=empty.joint.effective,
    )


def _mean_of(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None
