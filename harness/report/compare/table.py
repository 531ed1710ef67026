"""Comparisons as a table: both scores, the difference with its interval, p-values, a verdict in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_lowercase
from typing import Any

from ...stats.verdict import POWER, Rules
from ..cells import cell, metric_title, pattern, seeded
from ..evidence import group_notes, rare_notes
from ..render import MISSING, Table
from ..tables import number
from .compare import Comparison, How
from .operands import Operand
from .seeds import seed_notes
from .summary import summary_tables

ADJUSTED = {"holm": "Holm", "step-down": "step-down"}
TESTED = {"bootstrap": "", "permutation": ", by exchanging the two models' answers (means: bootstrap)"}
LONG = 50
"""Characters from which a reason is a footnote."""
Reasons = Mapping[str, tuple[str, str]]
"""Pattern of a reason → its letter and its footnote."""


def compare_table(
    found: Sequence[Comparison],
    groups: Sequence[Operand] | Sequence[Sequence[Operand]],
    rules: Rules,
    how: How | None = None,
) -> Table:
    """One row per task and model, then the means and the summaries; csv and json hold the unrounded numbers.

    `groups`: the operands, or several lists of them, each with its own reference.
    """
    how = how or How()
    nested = [[one] if isinstance(one, Operand) else list(one) for one in groups]
    operands = [one for group in nested for one in group]
    apart = len(nested) > 1 and not isinstance(groups[0], Operand)
    metrics = list(dict.fromkeys(metric_title(one.metric) for one in found))
    several = len(operands) > 2
    reference = "reference" if apart else operands[0].label
    other = "score" if several else operands[1].label
    head = (
        metrics[0] if len(metrics) == 1 else "task",
        *(["metric"] if len(metrics) > 1 else []),
        *(["model"] if several else []),
        "rows",
        reference,
        other,
        f"difference [{100 * rules.level:g}%]",
        "p",
        f"p ({ADJUSTED[how.adjust]})",
        "could show",
        "verdict",
    )
    reasons = _reasons(found)
    rows = tuple(_row(one, len(metrics) > 1, several, verdict_text(one, rules, reasons)) for one in found)
    notes = (*_notes(found, operands, (rules, how)), *(text for _, text in reasons.values()))
    below = () if apart else summary_tables(found, rules)
    return Table("", head, rows, notes, tuple(_datum(one, how) for one in found), below=below)


def signed(value: float | None) -> str:
    """A difference: three decimals with its sign.

    >>> signed(0.0187), signed(-0.5), signed(-1e-5), signed(None)
    ('+0.019', '-0.500', '0.000', '—')
    """
    if value is None:
        return MISSING
    text = number(value)
    return text if text.startswith("-") or float(text) == 0 else f"+{text}"


def p_text(p: float | None) -> str:
    """A p-value as it is printed.

    >>> p_text(0.0312), p_text(1e-9), p_text(1.0), p_text(None)
    ('0.031', '<0.001', '1.000', '—')
    """
    if p is None:
        return MISSING
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def verdict_text(one: Comparison, rules: Rules, reasons: Reasons | None = None) -> str:
    """The verdict in words, or why there is none; `reasons` holds those that are footnotes."""
    if one.difference is None:
        letter, _ = (reasons or {}).get(pattern(one.reason), ("", ""))
        return f"{MISSING} ({letter})" if letter else f"{MISSING} {one.reason}"
    if one.verdict == "equivalent":
        return f"equivalent within ±{rules.margin:g}"
    if one.verdict != "undecided":
        return f"{one.verdict}, but within ±{rules.margin:g}" if one.inside else one.verdict
    if one.difference.note and one.p is None:
        return f"undecided: {one.difference.note}"
    return "undecided"


def _reasons(found: Sequence[Comparison]) -> Reasons:
    """Reasons too long for a cell, those alike under one letter, as in a table of scores."""
    alike: dict[str, list[str]] = {}
    for one in found:
        if len(one.reason) > LONG:
            alike.setdefault(pattern(one.reason), []).append(one.reason)
    marks = {}
    for i, (kind, texts) in enumerate(alike.items()):
        letter = ascii_lowercase[i % 26] * (1 + i // 26)
        rows_alike = f" ({len(texts)} rows alike)" if len(texts) > 1 else ""
        marks[kind] = (letter, f"({letter}) {texts[0]}{rows_alike}")
    return marks


def _row(one: Comparison, with_metric: bool, with_model: bool, verdict: str) -> tuple[str, ...]:
    made = one.difference
    interval = MISSING
    if made is not None:
        interval = f"{signed(made.value)} [{signed(made.low)}, {signed(made.high)}]"
    return (
        _name(one),
        *([metric_title(one.metric)] if with_metric else []),
        *([one.model] if with_model else []),
        _rows(one),
        number(one.scores[0]),
        number(one.scores[1]),
        interval,
        p_text(one.p),
        p_text(one.p_holm),
        number(one.detectable),
        verdict,
    )


def _rows(one: Comparison) -> str:
    """Test rows, and as many equal groups as inform as much where they come in groups."""
    if not one.rows:
        return "" if one.tasks else MISSING
    in_groups = one.joint is not None and one.joint.groups is not None
    return f"{one.rows:,} (G_eff {one.units:,.{0 if one.units >= 100 else 1}f})" if in_groups else f"{one.rows:,}"


def _name(one: Comparison) -> str:
    """A task, or the mean with its coverage: `27/28`."""
    if not one.tasks:
        return one.task
    n = len(one.tasks)
    return f"{one.task}: mean of {f'{n}/{n + one.missing}' if one.missing else n} tasks"


def _drawn(found: Sequence[Comparison]) -> str:
    """Where the intervals of the tasks come from."""
    methods = [one.joint.method for one in found if one.joint is not None and not one.tasks]
    few = sum(method.startswith("influence") for method in methods)
    if not few:
        return "paired bootstrap"
    return "influence functions" if few == len(methods) else "paired bootstrap, of few groups influence functions"


def _notes(found: Sequence[Comparison], operands: Sequence[Operand], by: tuple[Rules, How]) -> list[str]:
    """What the columns mean, who was compared, and what holds for this table only."""
    rules, how = by
    tests = sum(one.p is not None for one in found if not one.tasks)
    references = list(dict.fromkeys(one.reference for one in found))
    against = references[0] if len(references) == 1 else "the same model in the first place named"
    adjusted = ADJUSTED[how.adjust]
    notes = [
        f"difference: score minus that of {against} on the same test rows ({_drawn(found)}); "
        f"p: two-sided{TESTED[how.test]}; {adjusted}: over {tests} comparison{'' if tests == 1 else 's'}, means among "
        "themselves",
        f"better, worse: p ({adjusted}) below {rules.alpha:g}; equivalent: the {100 - 200 * rules.alpha:g}% interval "
        f"lies inside ±{rules.margin:g}, widened where few rows differ; could show: a true difference that such a test "
        f"set shows in {100 * POWER:g}% of cases, tested alone",
        "; ".join(_who(one) for one in operands),
        *group_notes(
            {one.task: one.units for one in found if one.joint and one.joint.groups is not None and not one.tasks}
        ),
        *rare_notes((one.task, one.metric, one.rarest) for one in found),
    ]
    notes += [_checkpoint(one) for one in operands if _one_seed(one)]
    notes += seed_notes(operands)
    if any(one.missing for one in found):
        notes.append("mean: over the tasks that all models have; nothing is filled in for the others")
    remarks = [
        f"{_name(one)}: {one.difference.note}"
        for one in found
        if one.difference and one.difference.note and verdict_text(one, rules) == one.verdict
    ]
    return notes + list(dict.fromkeys(remarks))


def _who(one: Operand) -> str:
    found = cell(one.first)
    how = f" under {found.protocol}.{found.recipe}" if found.protocol else ""
    counts = sorted({len(record.replicates) for record in one.records.values() if record.replicates})
    seeds = f", {'–'.join(map(str, counts[:: len(counts) - 1 or 1]))} seeds" if counts and counts[-1] > 1 else ""
    return f"{one.label}: {found.model}@{found.id7}{how}{seeds}"


def _one_seed(one: Operand) -> bool:
    return any(len(record.replicates) == 1 and seeded(record) for record in one.records.values())


def _checkpoint(one: Operand) -> str:
    return (
        f"{one.label}: one seed, so what is said holds for this checkpoint, not for training it again (run --seeds 0-4)"
    )


def _datum(one: Comparison, how: How) -> dict[str, Any]:
    """One line of csv and json."""
    made = one.difference
    return {
        "kind": "mean" if one.tasks else "task", "task": one.task, "tasks": len(one.tasks) or 1,
        "tasks_missing": one.missing, "reference": one.reference, "model": one.model, "metric": one.metric,
        "rows": one.rows or None, "effective_rows": one.units, "reference_value": one.scores[0], "value": one.scores[1],
        "difference": made.value if made else None,
        "low": made.low if made else None, "high": made.high if made else None,
        "se": made.se if made else None, "p": one.p,
        "p_holm": one.p_holm if how.adjust == "holm" else None,
        "p_step_down": one.p_holm if how.adjust == "step-down" else None, "p_bh_exploratory": one.p_bh,
        "detectable": one.detectable, "verdict": one.verdict if made else None, "inside_margin": one.inside,
        "method": made.method if made else "", "note": made.note if made else one.reason,
    }  # fmt: skip
