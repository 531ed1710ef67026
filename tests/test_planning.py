"""Power before any model is run, against simulation, closed forms and the study's own table."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dnabench.harness.errors import RequestError
from dnabench.harness.stats.paired import paired_difference
from dnabench.harness.stats.planning import Setting, minimal_difference, power, standard_error
from dnabench.harness.types import Dependence, Predictions, Target, TestSet

BINARY = Target("class", ("0", "1"))


@pytest.mark.parametrize(
    ("n", "level", "known", "over_19"),
    [(239, 0.38, 0.153, 0.211), (1000, 0.68, 0.062, 0.085), (7000, 0.68, 0.025, 0.034), (1000, 0.90, 0.039, 0.054)],
)
def test_minimal_differences_are_near_those_of_simulated_models(
    n: int, level: float, known: float, over_19: float
) -> None:
    """A study with normal scores and an error correlation of 0.8, both models around the level."""
    setting = Setting("mcc", (n // 2, n - n // 2), level)
    assert minimal_difference(setting) == pytest.approx(known, rel=0.12)
    assert minimal_difference(setting, tasks=19) == pytest.approx(over_19, rel=0.12)


def test_the_standard_error_is_that_of_the_paired_bootstrap_on_such_predictions() -> None:
    rng = np.random.default_rng(0)
    n = 4000
    truth, keys = np.arange(n) % 2, np.arange(n, dtype=np.uint64)
    normal = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], n)
    wrong = normal < stats.norm.ppf([0.14, 0.16])
    a, b = (
        Predictions("t/x", "label", keys, truth, np.eye(2)[np.where(w, 1 - truth, truth)][None], ("s",))
        for w in wrong.T
    )
    made = paired_difference(a, b, "mcc", TestSet(BINARY, Dependence(), "s"))
    setting = Setting("mcc", (n // 2, n // 2), 0.68)
    assert made.se == pytest.approx(standard_error(setting, 0.04), rel=0.08)


def test_accuracy_follows_the_formula_of_the_discordant_share() -> None:
    setting = Setting("accuracy", (500, 500), 0.8, discordance=0.1)
    found = minimal_difference(setting)
    assert found is not None
    assert found == pytest.approx(2.8016 * np.sqrt((0.1 - found**2) / 1000), rel=1e-3)


def test_the_power_of_the_minimal_difference_is_four_fifths() -> None:
    for setting in (
        Setting("mcc", (500, 500), 0.68),
        Setting("f1_macro", (800, 200), 0.6),
        Setting("auroc", (300, 300), 0.9),
    ):
        found = minimal_difference(setting)
        assert found is not None
        made = power(setting, found)
        assert made.power == pytest.approx(0.8, abs=0.04)


def test_a_difference_of_nothing_is_shown_as_often_as_the_error_allows() -> None:
    assert power(Setting("auroc", (300, 300), 0.9), 1e-9).power == pytest.approx(0.05, abs=1e-4)
    assert power(Setting("auroc", (300, 300), 0.9), 1e-9, tasks=5).power == pytest.approx(0.01, abs=1e-4)


def test_power_grows_with_rows_and_shrinks_with_the_number_of_tasks() -> None:
    few, many = (power(Setting("mcc", (n, n), 0.68), 0.03).power for n in (500, 5000))
    assert few < 0.5 < many
    assert (
        power(Setting("mcc", (5000, 5000), 0.68), 0.02, tasks=28).power
        < power(Setting("mcc", (5000, 5000), 0.68), 0.02).power
    )


def test_aurocs_standard_error_is_delongs_in_the_binormal_model() -> None:
    rng = np.random.default_rng(1)
    shift, n = np.sqrt(2) * stats.norm.ppf([0.92, 0.90]), 4000
    x = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 2 * n)
    truth = np.repeat([0, 1], n)
    keys = np.arange(2 * n, dtype=np.uint64)
    scores = x + shift * truth[:, None]
    a, b = (Predictions("t/x", "value", keys, truth, np.stack([-s, s], -1)[None] / 2, ("s",)) for s in scores.T)
    made = paired_difference(a, b, "auroc", TestSet(BINARY, Dependence(), "s"), resamples=2000)
    assert made.se == pytest.approx(standard_error(Setting("auroc", (n, n), 0.90), 0.02), rel=0.06)


def test_correlations_follow_a_simulation() -> None:
    rng, gaps = np.random.default_rng(2), []
    truth_a, truth_b, r = 0.7, 0.65, 0.8
    for _ in range(1500):
        y = rng.normal(size=400)
        e = rng.multivariate_normal([0, 0], [[1, r], [r, 1]], 400)
        a, b = truth_a * y + np.sqrt(1 - truth_a**2) * e[:, 0], truth_b * y + np.sqrt(1 - truth_b**2) * e[:, 1]
        gaps.append(np.corrcoef(y, a)[0, 1] - np.corrcoef(y, b)[0, 1])
    assert standard_error(Setting("pearson", (400,), truth_b), truth_a - truth_b) == pytest.approx(
        np.std(gaps), rel=0.06
    )


@pytest.mark.parametrize(
    ("setting", "difference", "words"),
    [
        (Setting("r2", (100,)), 0.1, "no power is known"),
        (Setting("mcc", (100,)), 0.1, "rows of each class"),
        (Setting("auroc", (10, 10, 10)), 0.1, "two classes"),
        (Setting("mcc", (100, 100), 0.95), 0.1, "below 1"),
        (Setting("mcc", (100, 100), 0.5), -0.1, "grow"),
        (Setting("mcc", (100, 100), 0.5, correlation=1.0), 0.1, "between -1 and 1"),
        (Setting("mcc", (100, 100), 0.9, discordance=0.5), 0.05, "not possible"),
        (Setting("auroc", (100, 100), 0.9, discordance=0.1), 0.05, "counts labels"),
        (Setting("accuracy", (100, 100), 0.4), 0.05, "above chance"),
    ],
)
def test_impossible_plans_are_refused(setting: Setting, difference: float, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        power(setting, difference)


def test_a_small_test_set_near_the_ceiling_cannot_tell_even_a_perfect_model() -> None:
    assert minimal_difference(Setting("mcc", (30, 30), 0.97)) is None
