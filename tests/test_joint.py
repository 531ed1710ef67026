"""All models of a task at once: the same as pair by pair, whatever else stands in the table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef
from test_paired import BINARY, FREE, PLAIN, shuffled, two_models

from dnabench.harness.errors import DataError, RequestError
from dnabench.harness.stats import bootstrap as routes
from dnabench.harness.stats.joint import Joint, joint
from dnabench.harness.stats.paired import paired_difference
from dnabench.harness.stats.ranking import pairs
from dnabench.harness.stats.weights import block, independent
from dnabench.harness.types import Dependence, Predictions, Target, TestSet

METRICS = ["mcc", "auroc", "auprc"]


def table(n: int = 300, **changes: int) -> dict[str, Predictions]:
    """Four models on the same rows, the last two with three seeds that vary."""
    a, b = two_models(n, gap=0.5)
    c, d = two_models(n, gap=0.3, replicates=3, spread=0.3)
    return {"a": a, "b": b, "c": c, "d": d}


def made(said: dict[str, Predictions], metric: str = "mcc", **options: object) -> Joint:
    settings: dict[str, object] = {"resamples": 640, **options}
    return joint(said, [metric], PLAIN, **settings)[metric]  # type: ignore[arg-type]


def test_the_draws_are_scikit_learns_scores_of_the_same_resamples() -> None:
    said = table()
    weights = block(independent("s", 300), 0)
    found = made({"a": said["a"]}, resamples=64)
    truth, called = said["a"].truth, said["a"].outputs[0].argmax(axis=1)
    theirs = [matthews_corrcoef(truth, called, sample_weight=weights[:, lane]) for lane in range(64)]
    assert found.draws[0] == pytest.approx(theirs, abs=1e-12)
    assert found.covariance[0, 0] == pytest.approx(np.var(theirs))


def test_every_pair_is_judged_as_if_it_were_alone() -> None:
    said = table()
    together = joint(said, METRICS, PLAIN, resamples=640)
    for metric in METRICS:
        for first, second in (("a", "b"), ("c", "a"), ("d", "c")):
            alone = paired_difference(said[first], said[second], metric, PLAIN, resamples=640)
            whole = together[metric]
            at = [whole.models.index(name) for name in (first, second)]
            assert whole.difference(*at) == alone


def test_neither_the_order_of_rows_nor_that_of_models_changes_a_number() -> None:
    said = table()
    straight = made(said)
    order = np.random.default_rng(3).permutation(300)
    mixed = {name: shuffled(said[name], order) for name in reversed(said)}
    turned = made(mixed)
    back = [turned.models.index(name) for name in straight.models]
    assert turned.values[back] == pytest.approx(straight.values, abs=1e-14)
    assert turned.covariance[np.ix_(back, back)] == pytest.approx(straight.covariance, abs=1e-16)
    assert np.array_equal(pairs(turned).p_max[np.ix_(back, back)], pairs(straight).p_max)


def test_another_model_changes_no_interval_of_the_others() -> None:
    said = table()
    few, many = made({k: said[k] for k in "ac"}), made(said)
    at = np.ix_([0, 2], [0, 2])
    assert np.array_equal(pairs(few).low, pairs(many).low[at])
    assert np.array_equal(pairs(few).high, pairs(many).high[at])
    assert np.array_equal(few.draws, many.draws[[0, 2]])


def test_seeds_that_vary_widen_a_model_and_its_differences() -> None:
    found = made(table())
    assert found.seeds == (1, 1, 3, 3)
    examples = np.var(made({"a": table()["a"]}).draws[0])
    assert found.covariance[0, 0] == pytest.approx(examples)
    assert np.isinf(found.freedom[0, 1])
    assert 2 <= found.freedom[2, 3] < np.inf
    assert np.var(found.draws[2]) == pytest.approx(found.covariance[2, 2], rel=0.15)


def test_few_groups_are_summed_and_say_their_degrees_of_freedom() -> None:
    family = np.repeat(np.arange(20), 15)
    said = {k: replace(p, columns={"family": family}) for k, p in table().items()}
    found = joint(said, ["mcc"], TestSet(BINARY, Dependence(groups="family"), "s"))["mcc"]
    assert (found.units, found.effective, found.freedom[0, 1]) == (20, 20.0, 19.0)
    assert "G_eff 20.0" in found.method
    sums = np.array([np.bincount(family, weights=row) for row in found.rows])
    assert found.covariance[0, 1] == pytest.approx(20 / 19 * (sums[0] * sums[1]).sum())
    assert np.cov(found.draws)[:2, :2] == pytest.approx(found.covariance[:2, :2], rel=0.05)


def test_fewer_than_ten_groups_allow_no_claim_and_uneven_groups_count_less() -> None:
    uneven = np.repeat([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [190, *[10] * 11])
    said = {k: replace(p, columns={"family": uneven}) for k, p in table().items()}
    found = joint(said, ["mcc"], TestSet(BINARY, Dependence(groups="family"), "s"), resamples=64)["mcc"]
    assert found.effective == pytest.approx(300**2 / (190**2 + 11 * 100))
    assert not found.claims
    assert "no claim" in found.note
    assert np.isnan(pairs(found).p).all()
    assert np.isnan(pairs(found).p_max).all()
    assert not np.isnan(pairs(found).low[0, 1])


def test_a_model_without_the_metric_is_left_out_and_said_so() -> None:
    said = table()
    labels = {**said, "l": replace(said["a"], kind="label")}
    both = joint(labels, ["mcc", "auroc"], PLAIN, resamples=64)
    assert both["mcc"].models == ("a", "b", "c", "d", "l")
    assert both["auroc"].models == ("a", "b", "c", "d")
    assert "do not rank" in both["auroc"].absent["l"]
    alone = joint(said, ["auroc"], PLAIN, resamples=64)["auroc"]
    assert np.array_equal(alone.draws, both["auroc"].draws)


def test_resamples_without_an_answer_are_counted_and_cost_the_others_nothing() -> None:
    rng = np.random.default_rng(0)
    truth, keys = rng.normal(size=12), np.arange(12, dtype=np.uint64)
    nearly = np.zeros(12)
    nearly[0] = 1.0

    def said(values: np.ndarray) -> Predictions:
        return Predictions("t/x", "value", keys, truth, values[None, :, None].astype(np.float32), ("s",))

    models = {"good": said(truth + 0.1 * rng.normal(size=12)), "flat": said(nearly)}
    found = joint(models, ["pearson"], TestSet(Target("value"), FREE, "s"), resamples=640)["pearson"]
    lost = int(np.isnan(found.draws[1]).sum())
    assert 100 < lost < 350
    assert f"{lost} of 640 resamples have no answer" in found.note
    alone = joint({"good": models["good"]}, ["pearson"], TestSet(Target("value"), FREE, "s"), resamples=640)["pearson"]
    assert alone.covariance[0, 0] == found.covariance[0, 0]


def test_too_few_rows_of_a_class_leave_scores_without_noise() -> None:
    truth = np.repeat([0, 1], [295, 5])
    found = made({k: replace(p, truth=truth) for k, p in table().items()})
    assert np.isnan(found.covariance).all()
    assert found.draws.shape == (4, 0)
    assert not found.claims
    assert found.difference(0, 1).p is None
    assert "rarest class has 5 rows" in found.note


def test_influence_functions_stand_in_for_the_bootstrap_where_no_draws_are_asked_for() -> None:
    said = table(1000)
    closed, drawn = made(said, resamples=0), made(said, resamples=4000)
    assert closed.draws.shape == (4, 0)
    assert np.sqrt(np.diag(closed.covariance)[:2]) == pytest.approx(np.sqrt(np.diag(drawn.covariance)[:2]), rel=0.05)


def test_other_rows_and_no_rows_are_refused() -> None:
    said = table()
    with pytest.raises(DataError, match=r"not of the same rows .*first: a, second: b"):
        made({"a": said["a"], "b": shuffled(said["b"], np.arange(299))})
    with pytest.raises(RequestError, match="no predictions"):
        made({})


def test_both_routes_give_the_same_bytes_for_whole_tables() -> None:
    if not routes.compiles():
        pytest.skip("needs numba")
    said = table()
    slow, fast = (joint(said, METRICS, PLAIN, resamples=640, backend=k) for k in ("numpy", "numba"))
    for metric in METRICS:
        for name in ("difference", "low", "high", "se", "p", "p_max"):
            assert np.array_equal(getattr(pairs(slow[metric]), name), getattr(pairs(fast[metric]), name)), name
