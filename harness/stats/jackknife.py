"""What each test row contributes to a score, in closed form: n leave-one-out values at the price of a sort.

`influence` returns (n - 1) · (mean of the leave-one-out scores - leave-one-out score): BCa's acceleration and
the variance over few groups are made of it. Spearman uses its influence function instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from dnabench.harness.formulas import auroc
from dnabench.harness.metrics import METRICS, label_counts, label_formula, label_problems, ranking_problems
from dnabench.harness.stats.panel import Panel
from dnabench.harness.types import Target

Array = NDArray[Any]


def influence(panel: Panel, metric: str) -> Array:
    """Contribution of every row to every model's score, (models, n), mean 0 in each row."""
    kind = METRICS[metric].kind
    truth = np.asarray(panel.truth, np.float64) if kind == "value" else panel.truth
    rows = []
    for outputs, output_kind in zip(panel.outputs, panel.kinds, strict=True):
        if metric == "spearman":
            rows.append(spearman_influence(truth, np.asarray(outputs[:, 0], np.float64)))
            continue
        if kind == "value":
            left = _VALUES[metric](truth, np.asarray(outputs[:, 0], np.float64))
        elif kind == "label":
            left = _label(metric, *label_problems(truth, outputs, output_kind, panel.target), panel.target)
        else:
            left = _ranking(metric, *ranking_problems(truth, outputs, output_kind, panel.target))
        rows.append((len(left) - 1) * (left.mean() - left))
    return np.array(rows)


def acceleration(contributions: Array) -> float:
    """BCa's acceleration from contributions of independent units (Efron 1987, eq. 6.6).

    >>> acceleration(np.array([-1.0, 1.0]))
    0.0
    """
    spread = float((contributions**2).sum())
    return float((contributions**3).sum()) / (6.0 * spread**1.5) if spread > 0 else 0.0


def leave_one_out_labels(formula: Callable[..., Array], truth: Array, predicted: Array, classes: int) -> Array:
    """A label metric without each row in turn: one value for each (true, predicted) cell that occurs."""
    cells, cell_of_row = np.unique(truth * classes + predicted, return_inverse=True)
    true, called = np.divmod(cells, classes)
    counts = [np.repeat(c[:, None], len(cells), axis=1) for c in label_counts(truth, predicted, classes)]
    every = np.arange(len(cells))
    counts[0][true, every] -= 1
    counts[1][true, every] -= true == called
    counts[2][called, every] -= 1
    return np.asarray(formula(*counts)[cell_of_row.reshape(-1)])


def leave_one_out_auroc(positive: Array, score: Array) -> Array:
    """AUROC without each row, from DeLong's placements; needs two rows of each class."""
    found, passed = int(positive.sum()), int((~positive).sum())
    rank = rankdata(score)
    # Ties inside a class cancel in the difference of the two ranks.
    below = rank[positive] - rankdata(score[positive])
    above = found - (rank[~positive] - rankdata(score[~positive]))
    ordered = below.sum()
    left = np.empty(len(score))
    left[positive] = (ordered - below) / ((found - 1) * passed)
    left[~positive] = (ordered - above) / (found * (passed - 1))
    return left


def leave_one_out_auprc(positive: Array, score: Array) -> Array:
    """Average precision without each row; needs two positives.

    A row changes the terms of its own score and of all lower ones: sums from the bottom up.
    """
    _, group = np.unique(-score, return_inverse=True)
    group = group.reshape(-1)
    hits = np.bincount(group, weights=positive)
    above, total = np.cumsum(hits), np.cumsum(np.bincount(group)).astype(np.float64)
    fewer = np.maximum(total - 1.0, 1.0)
    terms = hits * above / total
    before = np.cumsum(terms) - terms
    without_positive, without_negative = hits * (above - 1.0) / fewer, hits * above / fewer
    below_positive = np.cumsum(without_positive[::-1])[::-1] - without_positive
    from_negative = np.cumsum(without_negative[::-1])[::-1]
    own = np.maximum(hits - 1.0, 0.0) * (above - 1.0) / fewer
    one_positive_less = (before + own + below_positive) / (above[-1] - 1.0)
    one_negative_less = (before + from_negative) / above[-1]
    return np.asarray(np.where(positive, one_positive_less[group], one_negative_less[group]))


def leave_one_out_pearson(truth: Array, values: Array) -> Array:
    """Pearson without each row: centred sums shrink by the row's product times n / (n - 1)."""
    y, x = truth - truth.mean(), values - values.mean()
    more = len(y) / (len(y) - 1)
    yy, xx, xy = ((a * b).sum() - more * a * b for a, b in ((y, y), (x, x), (x, y)))
    return np.asarray(xy / np.sqrt(yy * xx))


def leave_one_out_r2(truth: Array, values: Array) -> Array:
    """R² without each row."""
    y, wrong = truth - truth.mean(), (truth - values) ** 2
    spread = (y * y).sum() - y * y * len(y) / (len(y) - 1)
    return np.asarray(1.0 - (wrong.sum() - wrong) / spread)


def leave_one_out_mse(truth: Array, values: Array) -> Array:
    """Mean squared error without each row."""
    wrong = (truth - values) ** 2
    return np.asarray((wrong.sum() - wrong) / (len(wrong) - 1))


def spearman_influence(truth: Array, values: Array) -> Array:
    """Influence function of the correlation of mid-ranks: a row's own, and how it shifts all others."""
    g, f = ((rankdata(v) - 0.5) / len(v) - 0.5 for v in (truth, values))
    shift_f, shift_g = _share_above(values, g), _share_above(truth, f)
    covariance = _centred(f * g + shift_f + shift_g)
    spread_f = _centred(f * f + 2.0 * _share_above(values, f))
    spread_g = _centred(g * g + 2.0 * _share_above(truth, g))
    ff, gg, fg = (f * f).mean(), (g * g).mean(), (f * g).mean()
    scale = np.sqrt(ff * gg)
    return np.asarray(covariance / scale - 0.5 * fg / scale * (spread_f / ff + spread_g / gg))


def _share_above(values: Array, weights: Array) -> Array:
    """Mean over all rows of `weights` where they lie above each row's value, half where equal."""
    _, group = np.unique(values, return_inverse=True)
    sums = np.bincount(group.reshape(-1), weights=weights)
    above = sums.sum() - np.cumsum(sums) + sums / 2
    return np.asarray(above[group.reshape(-1)] / len(values))


def _centred(values: Array) -> Array:
    return np.asarray(values - values.mean())


def _label(metric: str, truths: Array, predicted: Array, target: Target) -> Array:
    several = target.kind == "multilabel"
    classes = 2 if several else len(target.classes)
    formula = label_formula(metric, target)
    parts = (leave_one_out_labels(formula, t, p, classes) for t, p in zip(truths, predicted, strict=True))
    if not several:
        return next(parts)
    return _mean_over_labels(np.where(_alone(t == 1), np.nan, part) for t, part in zip(truths, parts, strict=True))


def _ranking(metric: str, positives: Array, scores: Array) -> Array:
    left = leave_one_out_auprc if metric == "auprc" else leave_one_out_auroc
    kept = positives.any(axis=1) & (~positives.all(axis=1) if metric != "auprc" else True)
    pairs = list(zip(positives[kept], scores[kept], strict=True))
    if metric == "auroc_median":
        order = np.argsort([auroc(p, s) for p, s in pairs], kind="stable")
        # To first order a median moves with the labels in its middle.
        pairs = [pairs[at] for at in (order[(len(order) - 1) // 2], order[len(order) // 2])]
    return _mean_over_labels(np.where(_alone(p), np.nan, left(p, s)) for p, s in pairs)


def _alone(positive: Array) -> Array:
    """Rows without which a label has one class, and then no score."""
    found = np.count_nonzero(positive)
    return np.asarray((positive & (found == 1)) | (~positive & (len(positive) - found == 1)))


def _mean_over_labels(parts: Iterable[Array]) -> Array:
    """Mean of leave-one-out values over the labels that have one, one label after the other."""
    total, known = np.zeros(()), np.zeros(())
    with np.errstate(divide="ignore", invalid="ignore"):
        for part in parts:
            defined = ~np.isnan(part)
            total, known = total + np.where(defined, part, 0.0), known + defined
        left = total / known
    # Rows without which nothing is left count as the others do.
    return np.where(known > 0, left, left[known > 0].mean())


_VALUES = {"pearson": leave_one_out_pearson, "r2": leave_one_out_r2, "mse": leave_one_out_mse}
