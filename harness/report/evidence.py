"""What must be said of test rows below a table: that they hang together in groups, that a class has few of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..metrics import METRICS

FEW = 50
"""Rows of the rarer class below which AUROC and AUPRC covered 89-91% at 95% (docs/statistics.md, Measured)."""
MANY = 6
"""Tasks beyond which a note gives the range instead of each."""


def group_notes(known: Mapping[str, float]) -> tuple[str, ...]:
    """One sentence on the tasks whose rows come in groups, from task → G_eff.

    >>> group_notes({"t/a": 2492.4, "t/b": 600.6})
    ('rows in groups count as independent groups (G_eff): t/a 2,492, t/b 601',)
    """
    each = [f"{task} {units:,.0f}" for task, units in known.items()]
    if len(each) > MANY:
        low, high = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
        each = [f"{known[low]:,.0f} ({low}) to {known[high]:,.0f} ({high})"]
    return (f"rows in groups count as independent groups (G_eff): {', '.join(each)}",) if each else ()


def rare_notes(places: Iterable[tuple[str, str, int | None]]) -> tuple[str, ...]:
    """One sentence on the tasks whose AUROC or AUPRC rests on few rows, from (task, metric, rows of the rarest class).

    >>> rare_notes([("t/a", "auroc", 31), ("t/b", "mcc", 31), ("t/c", "auroc", 500)])
    ('AUROC, AUPRC with fewer than 50 rows of the rarest class (t/a 31): read a 95% interval as one of about 90%',)
    """
    few: dict[str, int] = {}
    for task, metric, rarest in places:
        ranking = metric in METRICS and METRICS[metric].kind == "ranking"
        if ranking and rarest is not None and rarest < FEW:
            few[task] = rarest
    if not few:
        return ()
    named = [f"{task} {rows}" for task, rows in few.items()]
    more = f" and {len(named) - MANY} more" if len(named) > MANY else ""
    few_rows = f"fewer than {FEW} rows of the rarest class ({', '.join(named[:MANY])}{more})"
    return (f"AUROC, AUPRC with {few_rows}: read a 95% interval as one of about 90%",)
