"""Exchanging two models' answers, against all exchanges of tiny sets and against other people's tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score, matthews_corrcoef, roc_auc_score
from test_paired import FREE, PLAIN, shuffled, two_models

from dnabench.harness.errors import RequestError
from dnabench.harness.stats.deviates import binomials, multinomials, uniforms
from dnabench.harness.stats.permutation import mcnemar_p, mid_p, swap_p
from dnabench.harness.types import Dependence, Predictions, Target, TestSet


def small(n: int, classes: int, seed: int) -> tuple[Predictions, Predictions]:
    """Two models on n rows whose labels differ often."""
    rng = np.random.default_rng(seed)
    truth, keys = rng.permutation(np.arange(n) % classes), np.arange(n, dtype=np.uint64)
    outputs = rng.dirichlet(np.ones(classes), (2, n)) + 0.7 * np.eye(classes)[truth] * rng.random((2, n, 1))
    one, two = (Predictions("t/x", "value", keys, truth, o[None], ("s",), {"family": keys // 3}) for o in outputs)
    return one, two


Score = Callable[[np.ndarray, np.ndarray], float]


def every_exchange(truth: np.ndarray, pair: list[np.ndarray], score: Score, units: np.ndarray) -> float:
    """The two-sided p-value over all 2ⁿ exchanges of answers (rows, ...); equal answers are scored once."""
    a, b = pair

    @cache
    def scored(said: bytes) -> float:
        return score(truth, np.frombuffer(said, a.dtype).reshape(a.shape))

    gaps = []
    for flips in product([False, True], repeat=int(units.max()) + 1):
        swap = np.array(flips)[units].reshape(-1, *[1] * (a.ndim - 1))
        gaps.append(abs(scored(np.where(swap, b, a).tobytes()) - scored(np.where(swap, a, b).tobytes())))
    return float(np.mean(np.array(gaps) >= gaps[0] - 1e-10))


def macro(truth: np.ndarray, said: np.ndarray) -> float:
    return float(f1_score(truth, said, average="macro"))


@pytest.mark.parametrize(("metric", "score", "classes"), [("mcc", matthews_corrcoef, 2), ("f1_macro", macro, 3)])
@pytest.mark.parametrize("grouped", [False, True])
def test_labels_give_the_p_value_of_all_exchanges(metric: str, score: Score, classes: int, grouped: bool) -> None:
    a, b = small(10, classes, seed=classes)
    target = Target("class", tuple("012"[:classes]))
    units = (np.arange(10) // 3) if grouped else np.arange(10)
    theirs = every_exchange(a.truth, [p.outputs[0].argmax(axis=1) for p in (a, b)], score, units)
    ours = swap_p(a, b, metric, TestSet(target, Dependence(groups="family" if grouped else None), "s"))
    assert ours == pytest.approx(theirs, abs=0.02)


def test_ranks_give_the_p_value_of_all_exchanges_of_ranks() -> None:
    a, b = small(9, 2, seed=5)
    ranked = [stats.rankdata(p.outputs[0, :, 1] - p.outputs[0, :, 0]) for p in (a, b)]
    theirs = every_exchange(a.truth, ranked, roc_auc_score, np.arange(9))
    assert swap_p(a, b, "auroc", PLAIN) == pytest.approx(theirs, abs=0.02)


def test_a_multilabel_row_is_exchanged_whole() -> None:
    rng = np.random.default_rng(2)
    truth, keys = rng.integers(0, 2, (9, 2)).astype(np.int8), np.arange(9, dtype=np.uint64)
    a, b = (Predictions("t/x", "probability", keys, truth, rng.random((1, 9, 2)), ("s",)) for _ in "ab")

    def score(y: np.ndarray, said: np.ndarray) -> float:
        return float(np.mean([matthews_corrcoef(y[:, k], said[:, k]) for k in (0, 1)]))

    theirs = every_exchange(truth, [(p.outputs[0] > 0.5).astype(int) for p in (a, b)], score, np.arange(9))
    ours = swap_p(a, b, "mcc", TestSet(Target("multilabel", ("x", "y")), FREE, "s"))
    assert ours == pytest.approx(theirs, abs=0.02)


def test_a_permutation_agrees_with_the_bootstrap_on_many_rows_and_ignores_their_order() -> None:
    a, b = two_models(600, gap=0.2)
    p = swap_p(a, b, "auroc", PLAIN, swaps=2000)
    assert p == pytest.approx(0.0458, abs=0.015)
    order = np.random.default_rng(0).permutation(600)
    assert swap_p(shuffled(a, order), b, "auroc", PLAIN, swaps=2000) == p
    assert swap_p(b, a, "auroc", PLAIN, swaps=2000) == pytest.approx(p, abs=0.012)


def test_scales_do_not_matter_to_ranking_metrics() -> None:
    a, b = two_models(300, gap=0.2)
    stretched = replace(b, kind="value", outputs=np.exp(3 * b.outputs))
    plain = replace(b, kind="value", outputs=b.outputs)
    ps = [swap_p(replace(a, kind="value"), other, "auroc", PLAIN, swaps=640) for other in (plain, stretched)]
    assert ps[0] == pytest.approx(ps[1], abs=0.05)


def test_equal_models_give_one_and_no_p_value_is_zero() -> None:
    a, _ = two_models(200)
    assert swap_p(a, a, "mcc", PLAIN) == swap_p(a, a, "auroc", PLAIN, swaps=64) == 1.0
    perfect = replace(a, outputs=np.eye(2)[a.truth][None])
    awful = replace(a, outputs=np.eye(2)[1 - a.truth][None])
    assert swap_p(perfect, awful, "mcc", PLAIN, swaps=999) == 0.001


def test_mcnemars_mid_p_is_the_exact_p_less_half_the_last_term() -> None:
    a, b = two_models(300, gap=0.4)
    right = [p.outputs[0].argmax(axis=1) == p.truth for p in (a, b)]
    one, two = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    exact = stats.binomtest(one, one + two).pvalue
    assert mcnemar_p(a, b) == pytest.approx(exact - stats.binom.pmf(min(one, two), one + two, 0.5), abs=1e-9)
    assert mid_p(0, 5) == pytest.approx(2**-5)


def test_an_exchange_that_leaves_no_score_counts_against_a_difference() -> None:
    """Exchanging either row that differs makes a model constant, which has no correlation; both give the same again."""
    truth, keys = np.arange(12.0), np.arange(12, dtype=np.uint64)
    said = np.zeros((2, 1, 12, 1), np.float32)
    said[0, 0, 11], said[1, 0, 0] = 1.0, 1.0
    a, b = (Predictions("t/x", "value", keys, truth, one, ("seed 0",)) for one in said)
    assert swap_p(a, b, "pearson", TestSet(Target("value"), Dependence(), "s"), swaps=200) == 1.0


def test_several_seeds_and_missing_scores_are_refused() -> None:
    a, b = two_models(50, replicates=2)
    with pytest.raises(RequestError, match="2 replicates"):
        swap_p(a, b, "mcc", PLAIN)
    a, b = two_models(50)
    with pytest.raises(RequestError, match="do not rank"):
        swap_p(a, replace(b, kind="label"), "auroc", PLAIN)


def test_drawn_cells_have_the_moments_of_their_law() -> None:
    count, chances = 500, np.array([0.5, 0.3, 0.0, 0.2])
    drawn = multinomials(uniforms("m", 20_000, 4), count, chances)
    assert (drawn.sum(axis=1) == count).all()
    assert drawn.mean(axis=0) == pytest.approx(count * chances, rel=0.005)
    expected = count * (np.diag(chances) - np.outer(chances, chances))
    assert np.cov(drawn.T) == pytest.approx(expected, rel=0.05, abs=1.0)
    coins = binomials(uniforms("b", 1, 20_000)[0], 37, 0.5)
    observed = np.bincount(coins, minlength=38)[10:28]
    law = stats.binom.pmf(np.arange(10, 28), 37, 0.5)
    assert stats.chisquare(observed, law / law.sum() * observed.sum()).pvalue > 0.001


def test_uniform_numbers_are_uniform_and_do_not_depend_on_how_many_are_made() -> None:
    made = uniforms("u", 4, 5000)
    assert stats.kstest(made.ravel(), "uniform").pvalue > 0.001
    assert np.array_equal(uniforms("u", 2, 100), made[:2, :100])
    assert not np.array_equal(uniforms("v", 1, 100), made[:1, :100])
