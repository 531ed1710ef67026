"""The noise of a trained model's change: that of `compare` for one task, moderated over several."""

from __future__ import annotations

import numpy as np
import pytest
from compare_records import BINARY, rows
from scipy.special import polygamma

from dnabench.harness.report.gate.noise import Spread, _inverse_trigamma, moderated, spread
from dnabench.harness.stats.paired import paired_difference
from dnabench.harness.types import Dependence, TestSet


def spreads(observed: np.ndarray, freedom: float = 4.0, by_rows: float = 1e-5) -> list[Spread]:
    return [Spread(2e-5, float(v), by_rows, freedom, 2 / 3) for v in observed]


@pytest.mark.parametrize("seeds", [1, 3, 5])
def test_the_noise_of_one_task_is_that_of_compare(seeds: int) -> None:
    base, new = rows("toy/x", 0.8, model=1, seeds=seeds, n=2000), rows("toy/x", 0.78, model=2, seeds=seeds, n=2000)
    found = spread((base, new), "mcc", TestSet(BINARY, Dependence(), "stream"), 2048)
    mine = moderated([found])[0]
    theirs = paired_difference(new, base, "mcc", TestSet(BINARY, Dependence(), "stream"), resamples=2048)
    assert theirs.se is not None
    assert mine.error == pytest.approx(theirs.se, rel=0.15)
    if seeds == 1:
        assert mine.error == pytest.approx(theirs.se, rel=1e-6)
        assert np.isinf(mine.freedom)


def test_what_rows_explain_of_one_seed_is_the_binomial_variance_where_seeds_err_apart() -> None:
    base, new = (rows("toy/x", 0.8, model=m, seeds=3, n=2000) for m in (1, 2))
    found = spread((base, new), "accuracy", TestSet(BINARY, Dependence(), "stream"), 4096)
    wrong = np.array([one.argmax(1) != said.truth for said in (base, new) for one in said.outputs])
    each = [
        np.cov(part).diagonal().mean() - np.cov(part)[np.triu_indices(3, 1)].mean() for part in (wrong[:3], wrong[3:])
    ]
    assert found.by_rows == pytest.approx(np.mean(each) / 2000, rel=0.1)


def test_few_groups_of_rows_keep_their_few_degrees_of_freedom() -> None:
    from dataclasses import replace

    groups = {"chromosome": np.arange(600) % 20}
    base, new = (replace(rows("toy/x", 0.8, model=m, seeds=3), columns=groups) for m in (1, 2))
    found = spread((base, new), "accuracy", TestSet(BINARY, Dependence(groups="chromosome"), "stream"), 640)
    assert found.example_freedom == pytest.approx(19, abs=0.5)
    assert moderated([found])[0].freedom < 30


def test_few_seeds_count_by_their_number_and_never_less_than_their_degrees_of_freedom() -> None:
    base, new = (rows("toy/x", 0.8, model=m, seeds=s) for m, s in ((1, 3), (2, 2)))
    found = spread((base, new), "accuracy", TestSet(BINARY, Dependence(), "stream"), 128)
    assert (found.freedom, found.share) == (3.0, pytest.approx(1 / 3 + 1 / 2))
    scores = [np.mean(p.outputs.argmax(axis=2) == p.truth, axis=1) for p in (base, new)]
    assert found.observed == pytest.approx(sum(((s - s.mean()) ** 2).sum() for s in scores) / 3)
    made = Spread(examples=0.0, observed=2.0, by_rows=1.0, freedom=4.0, share=1.0).noise(2.0, 4.0)
    assert (made.error, made.freedom) == (1.0, 4.0)


def test_a_rare_class_has_no_noise_to_speak_of() -> None:
    from dataclasses import replace

    said = rows("toy/x", 0.8)
    said = replace(said, truth=(np.arange(600) < 3).astype(np.int64))
    assert "rarest class has 3 rows" in spread((said, said), "mcc", TestSet(BINARY, Dependence(), "s"), 640).note


def test_tasks_that_agree_inform_each_other_and_those_that_do_not_stand_for_themselves() -> None:
    rng = np.random.default_rng(0)
    alike = moderated(spreads(1e-4 * rng.chisquare(4, 12) / 4))
    assert min(one.freedom for one in alike) > 10
    apart = moderated(spreads(np.array([1e-4, 1.0, 1e-4, 1e-2, 1e-4, 3.0])))
    assert apart[1].error == pytest.approx(np.sqrt(2 / 3), rel=0.2)
    assert apart[1].freedom < 8


def test_moderation_keeps_the_truth_on_average() -> None:
    rng = np.random.default_rng(1)
    errors = [one.error**2 for _ in range(200) for one in moderated(spreads(1e-4 * rng.chisquare(4, 8) / 4))]
    assert np.mean(errors) == pytest.approx(2e-5 + 2 / 3 * (1e-4 - 1e-5), rel=0.05)


def test_two_tasks_and_tasks_with_equal_seeds_are_left_alone() -> None:
    pair = spreads(np.array([1e-4, 4e-4]))
    assert [one.error for one in moderated(pair)] == pytest.approx([one.noise(one.observed, 4.0).error for one in pair])
    silent = Spread(2e-5, 0.0, 0.0, 4.0, 2 / 3)
    assert moderated([*spreads(np.full(4, 1e-4)), silent])[-1].error == pytest.approx(np.sqrt(2e-5))


def test_the_inverse_of_trigamma_is_one() -> None:
    for x in (1e-3, 0.5, 3.0, 1e4):
        assert _inverse_trigamma(float(polygamma(1, x))) == pytest.approx(x, rel=1e-6)
