"""The gate keeps its promise: few false alarms over equal reruns, and a real drop is found (also with three seeds)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gate_simulation import WORLDS, World, alarms, caught, separation
from scipy.special import ndtr
from scipy.stats import binom

from dnabench.harness.report.gate.gate import GateRules

RULES = GateRules(resamples=256)


def most(share: float, count: int) -> float:
    """The largest share that `count` gates show by chance in 99.9% of cases where the true one is `share`."""
    return float(binom.ppf(0.999, count, share)) / count


def test_the_simulated_models_score_what_they_are_meant_to() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 400_000)
    said = ndtr((truth - 0.5) * separation(0.68) + rng.standard_normal(len(truth))) > 0.5
    assert np.corrcoef(truth, said)[0, 1] == pytest.approx(0.68, abs=0.005)


@pytest.mark.slow
def test_equal_reruns_rarely_raise_an_alarm() -> None:
    assert alarms(WORLDS[0], 60, RULES) <= most(0.05, 60)


@pytest.mark.slow
def test_a_drop_of_five_points_in_one_task_is_found() -> None:
    assert caught(replace(WORLDS[0], drop=0.05), 40, RULES) >= 0.7


@pytest.mark.slow
def test_the_family_wise_promise_holds_where_every_task_dropped_by_the_margin() -> None:
    small = World(sizes=(2000, 2000, 1000, 1000, 613), drop=0.01, lower=0.01)
    assert alarms(small, 100, RULES) <= most(0.05, 100)


@pytest.mark.slow
def test_tasks_whose_seeds_vary_more_than_the_others_do_not_break_the_promise() -> None:
    wild = World(sizes=(2000, 2000, 1000, 1000, 613), between=0.005, wilder=8.0)
    assert alarms(wild, 100, RULES) <= most(0.05, 100)
