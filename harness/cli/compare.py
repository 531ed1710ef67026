"""`dnabench compare`: which model is better, by how much, how sure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from ..errors import RequestError, nearest
from . import options as o

Margin = Annotated[float, Option(help="Differences up to this one do not matter.", metavar="D")]
Alpha = Annotated[
    float | None, Option(help="Share of false claims allowed over the whole table.  [default: 0.05]", metavar="P")
]
Level = Annotated[
    float | None, Option(help="Level of the intervals, in place of --alpha: 1 - alpha.  [default: 0.95]", metavar="L")
]
Results = Annotated[Path, Option("-r", "--results", help="Results folder in which names are looked up.", metavar="DIR")]
Test = Annotated[
    str, Option("--test", help="Where p comes from: bootstrap, or permutation (one seed each).", metavar="TEST")
]
Adjust = Annotated[str, Option(help="How p is corrected over the whole table: holm or step-down.", metavar="HOW")]
LeaveOut = Annotated[list[str], Option(help="A seed to leave out: 'seed 2', or 'MODEL seed 2'.", metavar="SEED")]
Operands = Annotated[
    list[str],
    Argument(
        help="The reference, then others: name, name@id7, run folder, results tree, git:REV:path, or a file of "
        "predictions (.npz, .csv, .tsv, .parquet).",
        metavar="A B [C...]",
    ),
]


def compare(  # noqa: PLR0913, PLR0917 - a command's signature is its help page
    models: Operands,
    suite: o.OnlySuites = [],  # noqa: B006
    task: o.OnlyTasks = [],  # noqa: B006
    results: Results = Path("results"),
    protocol: o.OnlyProtocol = "",
    metric: o.MetricName = "",
    margin: Margin = 0.01,
    alpha: Alpha = None,
    level: Level = None,
    test: Test = "bootstrap",
    adjust: Adjust = "holm",
    leave_out: LeaveOut = [],  # noqa: B006
    format_name: o.FormatName = "",
    as_json: o.AsJson = False,
) -> int:
    """Compare models with a reference on the same test rows: differences with intervals, p-values, verdicts."""
    face = o.form(format_name, as_json)
    if len(models) < 2:
        raise RequestError(f"compare {models[0]} with what? Name at least two models or run folders.")
    share = _alpha(alpha, level)
    if not 0 < share < 0.5 or not 0 < margin < float("inf"):
        raise RequestError(f"--alpha {share:g} --margin {margin:g}: alpha lies between 0 and 0.5, the margin above 0.")
    _known("--test", test, ("bootstrap", "permutation"))
    _known("--adjust", adjust, ("holm", "step-down"))
    from ..report.compare.compare import How, compare_groups
    from ..report.compare.operands import matched, task_metrics
    from ..report.compare.seeds import leave_out as without
    from ..report.compare.table import compare_table
    from ..stats.verdict import Rules
    from .out import show_table

    groups = without(matched(models, results, protocol, o.words(task), o.words(suite)), leave_out)
    rules, how = Rules(share, margin), How(test, adjust)  # type: ignore[arg-type]  # words that _known has let through
    tasks = task_metrics([one for group in groups for one in group], o.words(suite), o.words(task), metric)
    found = compare_groups(groups, tasks, rules, how)
    show_table(compare_table(found, groups if len(groups) > 1 else groups[0], rules, how), face)
    return 0 if any(one.difference for one in found) else 1


def _alpha(alpha: float | None, level: float | None) -> float:
    """The share of false claims, from either of its spellings.

    >>> _alpha(None, 0.9), _alpha(None, None)
    (0.1, 0.05)
    """
    if alpha is not None and level is not None:
        raise RequestError("--alpha and --level are one thing (level = 1 - alpha): give one of them.")
    return round(1 - level, 12) if level is not None else 0.05 if alpha is None else alpha


def _known(option: str, word: str, words: tuple[str, ...]) -> None:
    if word not in words:
        raise RequestError(f"{option} {word!r} is none of {', '.join(words)}.{nearest(word, words)}")
