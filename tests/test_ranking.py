"""Who is better than whom, of all pairs at once, and over a suite."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from test_joint import made, table
from test_paired import two_models

from dnabench.harness.errors import RequestError
from dnabench.harness.stats.covariance import gaussian
from dnabench.harness.stats.joint import Joint
from dnabench.harness.stats.ranking import mean_rank, pairs, standings, step_down, suite_mean, win_rate
from dnabench.harness.stats.shared import families, shared_units


def normal(values: list[float], error: float = 1.0, k: int = 20_000, metric: str = "mcc", first_key: int = 0) -> Joint:
    """A table whose scores are independent normal numbers."""
    m = len(values)
    names = tuple(f"m{i}" for i in range(m))
    covariance = error**2 * np.eye(m)
    draws = np.array(values)[:, None] + gaussian(covariance, names, f"{first_key}", k)
    keys = np.arange(first_key, first_key + 5, dtype=np.uint64)
    return Joint(
        metric, names, np.array(values), covariance, np.full((m, m), np.inf), draws, (1,) * m, keys,
        units=5, effective=5.0, stream=f"{first_key}", share=lambda: np.zeros((m, 5)),
    )  # fmt: skip


def test_two_models_need_no_adjustment() -> None:
    found = pairs(normal([2.5, 0.0]))
    assert found.p[0, 1] == pytest.approx(2 * stats.norm.sf(2.5 / np.sqrt(2)), abs=1e-9)
    assert found.p_max[0, 1] == pytest.approx(found.p[0, 1], abs=0.006)


def test_the_largest_of_all_differences_is_tukeys_studentised_range() -> None:
    found = pairs(normal([3.6, 0.5, 0.0, 0.2, 0.1]))
    for i, j in combinations(range(5), 2):
        theirs = stats.studentized_range.sf(abs(found.difference[i, j]), 5, np.inf)
        assert found.p_max[i, j] == pytest.approx(theirs, abs=0.012)


def test_few_degrees_of_freedom_are_honoured() -> None:
    one = normal([3.0, 0.0])
    few = pairs(replace(one, freedom=np.full((2, 2), 4.0)))
    assert few.p[0, 1] == pytest.approx(2 * stats.t.sf(3.0 / np.sqrt(2), 4), abs=1e-9)
    assert few.p_max[0, 1] == pytest.approx(few.p[0, 1], abs=0.01)
    assert few.high[0, 1] - few.low[0, 1] == pytest.approx(2 * stats.t.ppf(0.975, 4) * np.sqrt(2), abs=1e-8)


def test_rank_intervals_follow_from_the_pairs_that_are_told_apart() -> None:
    found = standings(normal([10.0, 0.0, 0.3, -10.0]))
    assert found.rank == ((1, 1), (2, 3), (2, 3), (4, 4))
    assert found.best == (True, False, False, False)
    assert standings(normal([0.0, 0.1, 0.2])).best == (True, True, True)


def test_ranks_are_of_all_pairs_at_once_and_not_of_each_alone() -> None:
    joint = normal([0.0, 0.0, 0.0, 0.0, 0.0, 3.2])
    found = pairs(joint)
    assert found.p[0, 5] < 0.05 < found.p_max[0, 5]
    made = standings(joint)
    assert made.rank == ((1, 6),) * 6
    assert made.best == (True,) * 6


def test_of_errors_the_smallest_is_best() -> None:
    found = standings(normal([30.0, 10.0], metric="mse"))
    assert found.rank == ((2, 2), (1, 1))
    assert found.best == (False, True)


def test_a_model_against_its_copy_is_never_told_apart() -> None:
    said = table()
    found = pairs(made({"a": said["a"], "copy": said["a"], "b": said["b"]}))
    assert (found.difference[0, 1], found.se[0, 1], found.p_max[0, 1]) == (0.0, 0.0, 1.0)
    assert found.p_max[0, 2] == found.p_max[1, 2] == pairs(made({"a": said["a"], "b": said["b"]})).p_max[0, 1]


def test_step_down_is_romano_and_wolfs_by_the_book() -> None:
    one = normal([0.0, 3.6, 2.9, 0.4], k=4000)
    ours = step_down(one, "m0")
    centred = one.draws - one.draws.mean(axis=1, keepdims=True)
    gaps = np.abs((centred[1:] - centred[0]) / (centred[1:] - centred[0]).std(axis=1, keepdims=True))
    observed, left, so_far, theirs = np.abs(one.values[1:]) / np.sqrt(2), [0, 1, 2], 0.0, {}
    while left:
        top = max(left, key=lambda at: observed[at])
        so_far = max(so_far, (1 + (gaps[left].max(axis=0) >= observed[top]).sum()) / 4001)
        theirs[f"m{top + 1}"] = so_far
        left.remove(top)
    assert ours == pytest.approx(theirs)
    single = pairs(one).p_max
    assert all(ours[f"m{k}"] <= single[0, k] for k in (1, 2, 3))  # type: ignore[operator]
    with pytest.raises(RequestError, match="not among the models"):
        step_down(one, "mx")


def test_independent_tasks_average_their_noise() -> None:
    tasks = [normal([1.0, 0.0], error, first_key=10 * i) for i, error in enumerate((1.0, 2.0, 3.0))]
    mean = suite_mean(tasks)
    assert mean.covariance == pytest.approx(np.eye(2) * 14 / 9)
    assert np.cov(mean.draws) == pytest.approx(mean.covariance, abs=0.05)
    assert families(tasks) == []


def test_rows_that_stand_in_two_tasks_count_once() -> None:
    said = table()
    once = made(said)
    twice = suite_mean([once, replace(once, stream="again")])
    assert twice.covariance[:2, :2] == pytest.approx(once.covariance[:2, :2], rel=0.12, abs=2e-5)
    assert np.cov(twice.draws)[:2, :2] == pytest.approx(twice.covariance[:2, :2], rel=0.25, abs=5e-5)
    assert "2 of 2 tasks share test rows" in twice.note


def test_tasks_that_share_rows_keep_their_own_noise_and_vary_together_by_what_the_rows_explain() -> None:
    first, second = np.random.default_rng(0).normal(0, 0.1, size=(2, 2, 5))
    one = replace(normal([1.0, 0.0], 0.5), share=lambda: first)
    other = replace(normal([1.0, 0.0], 0.7), stream="other", share=lambda: second)
    expected = (0.25 + 0.49) * np.eye(2) + first @ second.T + second @ first.T
    assert suite_mean([one, other]).covariance == pytest.approx(expected / 4)


def test_joint_draws_follow_their_names_wherever_these_stand() -> None:
    root = np.random.default_rng(0).normal(size=(3, 3))
    names, order = ["a", "b", "c"], [2, 0, 1]
    drawn = gaussian(root @ root.T, names, "s", 4096)
    moved = gaussian((root @ root.T)[np.ix_(order, order)], [names[i] for i in order], "s", 4096)
    assert moved == pytest.approx(drawn[order])
    assert np.cov(drawn) == pytest.approx(root @ root.T, rel=0.1, abs=0.1)


def test_groups_that_meet_in_one_row_are_one_unit() -> None:
    first = replace(normal([0.0]), keys=np.array([5, 6, 7], np.uint64), groups=np.array([0, 0, 1]))
    second = replace(normal([0.0]), keys=np.array([6, 8], np.uint64), groups=None)
    assert shared_units([first, second]).tolist() == [0, 0, 1, 0, 2]


def test_only_models_of_every_task_are_averaged_and_the_others_named() -> None:
    first, second = normal([1.0, 0.0, 2.0]), normal([0.0, 1.0], first_key=10)
    mean = suite_mean([first, second])
    assert mean.models == ("m0", "m1")
    assert "m2 left out" in mean.note
    with pytest.raises(RequestError, match="one metric"):
        suite_mean([first, normal([1.0], metric="auroc")])
    with pytest.raises(RequestError, match="no model"):
        suite_mean([first, replace(second, models=("x", "y"))])
    with pytest.raises(RequestError, match="no tasks"):
        suite_mean([])


def test_a_task_without_claim_silences_the_mean() -> None:
    mean = suite_mean([normal([1.0, 0.0]), replace(normal([1.0, 0.0], first_key=9), claims=False)])
    assert not mean.claims
    assert mean.note == "no claim: 1 of 2 tasks allow none"
    assert standings(mean).rank == ((1, 2), (1, 2))


def test_mean_rank_and_win_rate_agree_with_counting() -> None:
    tasks = [normal([3.0, 2.0, 1.0], 0.01), normal([1.0, 3.0, 3.0], 0.01, first_key=10)]
    ranks, wins = mean_rank(tasks), win_rate(tasks)
    assert [ranks[m].value for m in ("m0", "m1", "m2")] == [2.0, 1.75, 2.25]
    assert [wins[m].value for m in ("m0", "m1", "m2")] == [0.5, 0.625, 0.375]
    assert (ranks["m0"].low, ranks["m0"].high) == (2.0, 2.0)
    assert ranks["m1"].low < 1.75 < ranks["m1"].high  # type: ignore[operator]


def test_an_interval_of_a_rank_holds_the_rank_itself() -> None:
    close = [normal([0.01, 0.0, -0.01], 1.0, first_key=10 * i) for i in range(4)]
    for one in mean_rank(close).values():
        assert one.low <= one.value <= one.high  # type: ignore[operator]


def test_ranks_of_few_groups_are_drawn_from_a_t_and_those_of_many_from_what_was_drawn() -> None:
    """A gap of 2.1 standard errors: 1.8% of normal draws turn it round, and 3.3% of t with 9 degrees of freedom."""
    many = normal([2.1 * 2**0.5, 0.0], 1.0)
    few = replace(many, groups=np.arange(len(many.keys)), effective=10.0)
    assert mean_rank([many])["m0"].high == 1.0
    assert mean_rank([replace(few, effective=50.0)])["m0"].high == 1.0
    assert mean_rank([few])["m0"].high == 2.0
    assert win_rate([few])["m0"].low == 0.0


def test_a_real_pair_of_models_ranks_as_it_should() -> None:
    a, b = two_models(2000, gap=1.0)
    assert standings(made({"worse": b, "better": a}, "auroc")).rank == ((2, 2), (1, 1))
