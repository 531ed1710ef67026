"""What a test set can show, before any model is run: power, and the smallest difference shown in 80% of cases.

Two models are imagined on the task's own class counts. For a label metric both err alike in every class, wrong
answers spread evenly over the other classes; errors go together as the signs of two normal variables with the given
correlation, or as often as `discordance` says. For AUROC both give normal scores (binormal model) with that
correlation inside each class; for correlations all three columns are normal. Rows are independent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import multivariate_normal

from dnabench.harness.errors import RequestError
from dnabench.harness.metrics import METRICS, label_formula
from dnabench.harness.stats.deviates import multinomials, uniforms
from dnabench.harness.types import Target, Task

Array = NDArray[Any]
PLANNED = ("accuracy", "balanced_accuracy", "mcc", "f1_macro", "f1_binary", "auroc", "pearson", "spearman")


@dataclass(frozen=True)
class Setting:
    """A test set and two imagined models."""

    metric: str
    counts: tuple[int, ...]
    """Test rows of each class; one number for values."""
    level: float = 0.7
    """Score of the worse model."""
    correlation: float = 0.8
    """Of the two models' errors (or scores), on the normal scale."""
    discordance: float | None = None
    """Share of rows that only one of the two gets right; takes the place of `correlation` for label metrics."""

    @property
    def rows(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True)
class Power:
    """How often a true difference is shown."""

    power: float
    error: float
    """Monte-Carlo standard error; 0 for a formula."""
    se: float
    """Standard error of the difference on such a test set."""


def counts_of(task: Task) -> tuple[int, ...] | None:
    """Test rows of every class as the task file states them, one number for values; None where it does not."""
    facts = task.source.files.get("test")
    if facts is None:
        return None
    if task.target.kind == "value":
        return None if facts.rows is None else (facts.rows,)
    return facts.class_counts


def power(setting: Setting, difference: float, *, alpha: float = 0.05, tasks: int = 1, draws: int = 4000) -> Power:
    """How often the test shows a true difference, two-sided, at Holm's first step over `tasks` tests.

    Label metrics: test sets drawn as multinomial cells, each judged by difference / SE as `paired_difference` does.
    Others by formula. Raises RequestError where the metric, the level or the difference is not possible.
    """
    _checked(setting, difference)
    limit = -float(ndtri(alpha / tasks / 2))
    se = standard_error(setting, difference)
    if METRICS[setting.metric].kind != "label":
        shown = float(ndtr(difference / se - limit) + ndtr(-difference / se - limit))
        return Power(shown, 0.0, se)
    cells = _cells(setting, difference)
    stream = f"power {setting.metric} {setting.counts} {difference!r}"
    drawn = [
        multinomials(uniforms(f"{stream} {c}", draws, row.shape[0]), n, row / row.sum())
        for c, (n, row) in enumerate(zip(setting.counts, cells.chances, strict=True))
    ]
    gaps, errors = _judged(setting.metric, cells, np.stack(drawn, axis=1).astype(np.float64))
    share = float((np.abs(gaps) > limit * errors).mean())
    return Power(share, float(np.sqrt(share * (1 - share) / draws)), se)


def minimal_difference(setting: Setting, *, alpha: float = 0.05, tasks: int = 1, goal: float = 0.8) -> float | None:
    """The smallest true difference that is shown with chance `goal`: z(alpha / tasks / 2) + z(goal) standard errors.

    None where even a perfect second model would not be told apart.
    """
    reach = -float(ndtri(alpha / tasks / 2)) + float(ndtri(goal))
    most = METRICS[setting.metric].high - setting.level - 1e-6
    _checked(setting, min(1e-6, most))

    def lacking(difference: float) -> float:
        return difference - reach * standard_error(setting, difference)

    return float(brentq(lacking, 1e-9, most, xtol=1e-7)) if lacking(most) > 0 else None


def standard_error(setting: Setting, difference: float) -> float:
    """Standard error of the difference of the two imagined models' scores."""
    if setting.metric == "auroc":
        return _auroc_error(setting, difference)
    if METRICS[setting.metric].kind == "value":
        return _correlation_error(setting, difference)
    cells = _cells(setting, difference)
    expected = cells.chances * np.array(setting.counts, np.float64)[:, None]
    return float(_judged(setting.metric, cells, expected[None])[1][0])


@dataclass(frozen=True)
class _Cells:
    """What two models say of a row: the chance of each cell and both answers in it, (true classes, cells)."""

    chances: Array
    first: Array
    second: Array


def _cells(setting: Setting, difference: float) -> _Cells:
    """Both right; only one right, by wrong class; both wrong, by wrong class (the same one)."""
    classes = len(setting.counts)
    worse, better = (_error(setting, level) for level in (setting.level, setting.level + difference))
    both = _both_wrong(setting, better, worse)
    others = classes - 1
    kinds = np.concatenate(
        [[1 - better - worse + both], *(np.full(others, s / others) for s in (better - both, worse - both, both))]
    )
    true = np.arange(classes)[:, None]
    wrong = (true + np.arange(1, classes)) % classes
    right = np.repeat(true, others, axis=1)
    first = np.concatenate([true, wrong, right, wrong], axis=1)
    second = np.concatenate([true, right, wrong, wrong], axis=1)
    return _Cells(np.repeat(kinds[None], classes, axis=0), first, second)


def _error(setting: Setting, level: float) -> float:
    """Share of wrong answers, alike in all classes, at which the expected score is `level`."""
    classes, true = len(setting.counts), np.array(setting.counts, np.float64)
    formula = label_formula(setting.metric, _target(classes))

    def above(error: float) -> float:
        hits = true * (1 - error)
        predicted = hits + (true.sum() - true) * error / (classes - 1)
        return float(formula(true[:, None], hits[:, None], predicted[:, None])[0]) - level

    chance = 1 - 1 / classes
    if above(0.0) <= 0:
        return 0.0
    if above(chance) >= 0:
        raise RequestError(f"{setting.metric} {level:g} is not above chance on classes of {setting.counts} rows.")
    return float(brentq(above, 0.0, chance))


def _both_wrong(setting: Setting, better: float, worse: float) -> float:
    """Share of rows that both get wrong."""
    if setting.discordance is not None:
        return float(np.clip((worse + better - setting.discordance) / 2, 0.0, better))
    if not better:
        return 0.0
    limits, r = ndtri([better, worse]), setting.correlation
    return min(float(multivariate_normal.cdf(limits, cov=[[1, r], [r, 1]])), better)


def _judged(metric: str, cells: _Cells, drawn: Array) -> tuple[Array, Array]:
    """Differences and their standard errors, (draws,), from counts (draws, classes, cells).

    The variance is that of the bootstrap to first order: what one row more in a cell changes, over all rows.
    """
    sides = [_scores(metric, drawn, said) for said in (cells.first, cells.second)]
    n = drawn.sum(axis=(1, 2))
    mean, squares = np.zeros(len(drawn)), np.zeros(len(drawn))
    for true, cell in np.ndindex(cells.first.shape):
        changes = [
            more[true, said[true, cell]] for (_, more), said in zip(sides, (cells.first, cells.second), strict=True)
        ]
        change, share = (changes[0] - changes[1]) * (n + 1), drawn[:, true, cell] / n
        mean += share * change
        squares += share * change**2
    return sides[0][0] - sides[1][0], np.sqrt(np.maximum(squares - mean**2, 0.0) / n)


def _scores(metric: str, drawn: Array, said: Array) -> tuple[Array, Array]:
    """One model's score (draws,), and its change by one row more that is `true` and called `said` (…, …, draws)."""
    classes = len(said)
    formula = label_formula(metric, _target(classes))
    true = drawn.sum(axis=2).T
    hits = (drawn * (said == np.arange(classes)[:, None])).sum(axis=2).T
    called = np.array([(drawn * (said == c)).sum(axis=(1, 2)) for c in range(classes)])
    score = formula(true, hits, called)
    more = np.empty((classes, classes, len(drawn)))
    for t, c in np.ndindex(classes, classes):
        row, column = np.eye(classes)[t][:, None], np.eye(classes)[c][:, None]
        more[t, c] = formula(true + row, hits + row * (t == c), called + column) - score
    return score, more


def _target(classes: int) -> Target:
    return Target("class", tuple(map(str, range(classes))))


def _auroc_error(setting: Setting, difference: float) -> float:
    """DeLong's variance in the binormal model, its placements averaged over a grid of normal quantiles.

    Of a positive row the placement is Φ(x), x normal with mean d; AUROC = Φ(d / √2).
    """
    shift = [np.sqrt(2.0) * ndtri(min(v, 1 - 1e-12)) for v in (setting.level + difference, setting.level)]
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    both = np.outer(weights, weights) / (2 * np.pi)
    r = setting.correlation
    x, y = nodes[:, None], r * nodes[:, None] + np.sqrt(1 - r * r) * nodes
    gap = ndtr(x + shift[0]) - ndtr(y + shift[1])
    variance = float((both * gap**2).sum() - (both * gap).sum() ** 2)
    negatives, positives = setting.counts
    return float(np.sqrt(variance / positives + variance / negatives))


def _correlation_error(setting: Setting, difference: float) -> float:
    """Of two correlations with one truth (Olkin and Siotani 1976); Spearman's vary by 1 + ρ²/2 more (Bonett 2000)."""
    a, b, r = setting.level + difference, setting.level, setting.correlation
    between = a * b + r * np.sqrt(max((1 - a * a) * (1 - b * b), 0.0))
    shared = between * (1 - a * a - b * b) - a * b / 2 * (1 - a * a - b * b - between**2)
    wider = 1 + max(a, b) ** 2 / 2 if setting.metric == "spearman" else 1.0
    return float(np.sqrt(max((1 - a * a) ** 2 + (1 - b * b) ** 2 - 2 * shared, 0.0) * wider / setting.rows))


def _checked(setting: Setting, difference: float) -> None:
    """Raise RequestError for what has no answer."""
    if setting.metric not in PLANNED:
        raise RequestError(f"no power is known for {setting.metric!r}: use one of {', '.join(PLANNED)}.")
    wanted = 1 if METRICS[setting.metric].kind == "value" else 2
    if (len(setting.counts) < wanted) or (wanted == 1 and len(setting.counts) != 1) or min(setting.counts) < 2:
        raise RequestError(f"{setting.metric} needs the rows of each class, at least 2: found {setting.counts}.")
    if setting.metric in ("auroc", "f1_binary") and len(setting.counts) != 2:
        raise RequestError(f"power for {setting.metric} is known for two classes, this task has {len(setting.counts)}.")
    top = METRICS[setting.metric].high
    if not (0 < difference < 1 and setting.level + difference < top):
        raise RequestError(f"a score of {setting.level:g} plus {difference:g} must stay below {top:g}, and grow.")
    if setting.discordance is not None and not 0 < setting.discordance <= _most_discordance(setting, difference):
        most = _most_discordance(setting, difference)
        raise RequestError(
            f"a discordance of {setting.discordance:g} is not possible for these scores: at most {most:.4f}."
        )
    if not -1 < setting.correlation < 1:
        raise RequestError(f"a correlation lies between -1 and 1: {setting.correlation:g}.")


def _most_discordance(setting: Setting, difference: float) -> float:
    if METRICS[setting.metric].kind != "label":
        raise RequestError(f"a discordance counts labels, and {setting.metric} has none: give a correlation.")
    return _error(setting, setting.level) + _error(setting, setting.level + difference)
