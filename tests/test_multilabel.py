"""Many labels at once: each is scored as sklearn scores it alone, and none without both classes counts."""

from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from dnabench.harness.metrics import evaluate, over_problems
from dnabench.harness.stats import bootstrap as routes
from dnabench.harness.stats.bootstrap import bootstrap, pieces_of
from dnabench.harness.stats.intervals import score_predictions
from dnabench.harness.stats.jackknife import influence
from dnabench.harness.stats.joint import joint
from dnabench.harness.stats.panel import Panel
from dnabench.harness.stats.perfect import perfect_bound
from dnabench.harness.stats.permutation import swap_p
from dnabench.harness.stats.weights import independent
from dnabench.harness.types import Dependence, Predictions, Target, TestSet

METRICS = ["auroc", "auroc_median", "auprc", "mcc", "f1_macro"]
BACKENDS: list[Any] = ["numpy", pytest.param("numba", marks=pytest.mark.skipif(not routes.compiles(), reason="numba"))]


def made(n: int, labels: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, Target]:
    """Truth, probabilities and target; label 1 is never true, the last one always."""
    rng = np.random.default_rng(seed)
    truth = (rng.random((n, labels)) < rng.uniform(0.1, 0.6, labels)).astype(np.int8)
    outputs = np.round(0.7 * rng.random((n, labels)) + 0.3 * truth, 2).astype(np.float32)
    truth[:, 1], truth[:, -1] = 0, 1
    return truth, outputs, Target("multilabel", tuple(f"l{k}" for k in range(labels)))


def said(truth: np.ndarray, outputs: np.ndarray) -> Predictions:
    return Predictions("t/x", "probability", np.arange(len(truth), dtype=np.uint64), truth, outputs[None], ("a",))


def by_label(truth: np.ndarray, outputs: np.ndarray) -> dict[str, list[float]]:
    """Every metric of every label with both classes, by sklearn."""
    kept = [k for k in range(truth.shape[1]) if 0 < truth[:, k].sum() < len(truth)]
    called = outputs > 0.5
    return {
        "auroc": [sk.roc_auc_score(truth[:, k], outputs[:, k]) for k in kept],
        "auprc": [sk.average_precision_score(truth[:, k], outputs[:, k]) for k in kept],
        "mcc": [sk.matthews_corrcoef(truth[:, k], called[:, k]) for k in kept],
        "f1_macro": [sk.f1_score(truth[:, k], called[:, k]) for k in kept],
    }


@pytest.mark.parametrize("labels", [5, 6, 34])
def test_every_metric_is_that_of_sklearn_over_the_labels_with_both_classes(labels: int) -> None:
    truth, outputs, target = made(200, labels)
    alone = by_label(truth, outputs)
    for metric in METRICS:
        got = evaluate(metric, truth, outputs, "probability", target)
        each = alone["auroc" if metric == "auroc_median" else metric]
        expected = np.median(each) if metric == "auroc_median" else np.mean(each)
        assert got.value == pytest.approx(expected, abs=1e-12), metric
        assert got.note == f"2 of {labels} labels have one class in the test set and are left out"


@pytest.mark.parametrize("metric", ["mcc", "f1_macro"])
def test_a_label_is_called_above_one_half_or_where_the_outputs_are_no_probabilities_above_zero(metric: str) -> None:
    truth, outputs, target = made(200, 6)
    expected = evaluate(metric, truth, outputs, "probability", target)
    assert evaluate(metric, truth, outputs - 0.5, "log_likelihood", target) == expected
    assert evaluate(metric, truth, (outputs > 0.5).astype(float), "label", target) == expected


@pytest.mark.parametrize("metric", METRICS)
def test_labels_of_one_class_alone_have_no_score(metric: str) -> None:
    target = Target("multilabel", ("a", "b"))
    truth = np.repeat([[0, 1]], 20, axis=0)
    got = evaluate(metric, truth, np.random.default_rng(0).random((20, 2)), "probability", target)
    assert (got.value, got.note) == (None, "undefined: every label has one class only")


@pytest.mark.parametrize("backend", BACKENDS)
def test_labels_read_in_pieces_give_what_one_pass_gives(backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    truth, outputs, target = made(90, 12)
    truth[:, 5] = np.arange(90) == 7  # in a third of the resamples without an answer
    panel = Panel(truth, (outputs, outputs[::-1]), ("probability",) * 2, target)
    draws = independent("s", 90)
    whole = bootstrap(panel, METRICS, draws, 128, backend)
    monkeypatch.setattr(routes, "MOST_PLACES", 90 * 2 * 3)
    assert len(pieces_of(panel)) == 4
    pieces = bootstrap(panel, METRICS, draws, 128, backend)
    for metric in METRICS:
        np.testing.assert_allclose(pieces[metric], whole[metric], rtol=0, atol=1e-12)


def test_scores_and_intervals_are_the_same_bytes_on_both_routes() -> None:
    pytest.importorskip("numba")
    truth, outputs, target = made(150, 9)
    slow, fast = (
        score_predictions(
            said(truth, outputs), METRICS, TestSet(target, Dependence(), "s"), resamples=512, backend=backend
        )
        for backend in ("numpy", "numba")
    )
    assert slow == fast
    assert slow["auroc_median"].method == "percentile, 512 resamples"
    assert slow["auprc"].method == "bootstrap, 512 resamples, normal"
    for score in slow.values():
        assert score.low < score.value < score.high  # type: ignore[operator]


def test_a_comparison_names_the_labels_that_are_rare_too() -> None:
    truth, outputs, target = made(150, 9)
    truth[:, 2] = np.arange(150) < 4
    both = {"a": said(truth, outputs), "b": said(truth, outputs[::-1])}
    note = joint(both, ["auroc"], TestSet(target, Dependence(), "s"), resamples=64)["auroc"].note
    assert "fewer than 10 rows of the rarer class (l2): the interval may be too narrow" in note


def test_the_mean_of_many_auprcs_stays_inside_its_interval() -> None:
    """BCa put both ends above the score here: repeated rows raise precision."""
    rng = np.random.default_rng(0)
    truth = (rng.random((400, 200)) < 0.05).astype(np.int8)
    outputs = rng.normal(size=truth.shape) + truth
    target = Target("multilabel", tuple(map(str, range(200))))
    scored = score_predictions(said(truth, outputs), ["auprc"], TestSet(target, Dependence(), "s"), resamples=128)[
        "auprc"
    ]
    assert scored.low < scored.value < scored.high  # type: ignore[operator]


def test_the_median_moves_with_the_labels_in_its_middle() -> None:
    truth, outputs, target = made(120, 7)
    alone = np.array(by_label(truth, outputs)["auroc"])
    kept = [k for k in range(7) if k not in (1, 6)]
    middle = kept[int(np.argsort(alone)[len(alone) // 2])]
    one = Panel(truth, (outputs,), ("probability",), target).of_labels(np.array([middle]))
    whole = Panel(truth, (outputs,), ("probability",), target)
    np.testing.assert_allclose(influence(whole, "auroc_median"), influence(one, "auroc"))


def test_a_label_with_a_single_positive_row_spoils_no_influence() -> None:
    truth, outputs, target = made(60, 5)
    truth[:, 2] = np.arange(60) == 7
    for metric in METRICS:
        assert np.isfinite(influence(Panel(truth, (outputs,), ("probability",), target), metric)).all()


def test_groups_pairs_and_exchanges_know_the_median() -> None:
    truth, outputs, target = made(200, 6)
    other = np.random.default_rng(5).random(outputs.shape).astype(np.float32)
    both = {"a": said(truth, outputs), "b": said(truth, other)}
    found = joint(both, METRICS, TestSet(target, Dependence(), "s"), resamples=256)
    for metric in METRICS:
        difference = found[metric].difference()
        assert difference.low is not None
        assert difference.low > 0, metric
        assert swap_p(both["a"], both["b"], metric, TestSet(target, Dependence(), "s"), swaps=199) < 0.02
    few = {"block": np.arange(200) // 10}
    grouped = Predictions("t/x", "probability", both["a"].keys, truth, outputs[None], ("a",), few)
    score = score_predictions(grouped, ["auroc_median"], TestSet(target, Dependence("block"), "s"))["auroc_median"]
    assert score.method.startswith("influence functions over 20 groups (block, G_eff 20.0)")
    assert score.low < score.value < score.high  # type: ignore[operator]


def test_perfect_labels_are_bounded_without_those_of_one_class() -> None:
    truth, _, target = made(200, 5)
    kept = [0, 2, 3]
    alone = [perfect_bound("auroc", truth[:, [k]], Target("multilabel", ("x",)), 200.0, 0.95) for k in kept]
    assert perfect_bound("auroc", truth, target, 200.0, 0.95) == pytest.approx(np.mean(alone))
    assert perfect_bound("auroc_median", truth, target, 200.0, 0.95) == pytest.approx(np.median(alone))


def test_a_median_or_mean_without_any_value_has_none() -> None:
    values = np.array([[np.nan, 0.2], [np.nan, 0.4]])
    for metric in ("auroc_median", "auroc"):
        np.testing.assert_allclose(over_problems(metric, values), [np.nan, 0.3])


def test_nine_hundred_labels_of_two_thousand_rows_are_scored_at_once() -> None:
    truth, outputs, target = made(2000, 919)
    panel = Panel(truth, (outputs,), ("probability",), target)
    values = bootstrap(panel, ["auroc", "auroc_median"], independent("s", 2000), 64, "numpy")
    each = [sk.roc_auc_score(truth[:, k], outputs[:, k]) for k in range(919) if k not in (1, 918)]
    assert values["auroc"].shape == (1, 64)
    assert abs(float(values["auroc_median"].mean()) - np.median(each)) < 0.01
