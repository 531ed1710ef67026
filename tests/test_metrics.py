"""Metrics agree with scikit-learn and scipy wherever those give an answer."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from dnabench.harness.errors import RequestError
from dnabench.harness.metrics import METRICS, evaluate, find_metric
from dnabench.harness.types import Target

BINARY = Target("class", ("no", "yes"))
NINE = Target("class", tuple(map(str, range(9))))
FOUR = Target("multilabel", ("a", "b", "c", "d"))
VALUE = Target("value")

LABEL_ORACLES: dict[str, Callable[..., float]] = {
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "mcc": sk.matthews_corrcoef,
    "f1_macro": lambda y, p: sk.f1_score(y, p, average="macro", zero_division=0),
}
VALUE_ORACLES: dict[str, Callable[..., float]] = {
    "spearman": lambda y, x: stats.spearmanr(y, x).statistic,
    "pearson": lambda y, x: stats.pearsonr(y, x).statistic,
    "r2": sk.r2_score,
    "mse": sk.mean_squared_error,
}


def target_of(metric: str) -> Target:
    """A target that the metric serves."""
    kinds = METRICS[metric].targets
    return VALUE if "value" in kinds else BINARY if "class" in kinds else FOUR


def quietly(oracle: Callable[..., float], *arrays: Any) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(oracle(*arrays))


def one_hot(predicted: np.ndarray, classes: int) -> np.ndarray:
    return np.eye(classes, dtype=np.float32)[predicted]


@given(st.integers(1, 60), st.integers(2, 9), st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9))
@settings(max_examples=150)
def test_label_metrics_equal_sklearn_with_few_rows_and_absent_classes(
    n: int, classes: int, seed: int, true_in: int, called_in: int
) -> None:
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(0, min(true_in, classes), n), rng.integers(0, min(called_in, classes), n)
    target = Target("class", tuple(map(str, range(classes))))
    for name, oracle in LABEL_ORACLES.items():
        got = evaluate(name, truth, one_hot(predicted, classes), "probability", target).value
        assert got == pytest.approx(quietly(oracle, truth, predicted), abs=1e-12), name
    if classes == 2:
        got = evaluate("f1_binary", truth, one_hot(predicted, 2), "label", target).value
        expected = sk.f1_score(truth, predicted, zero_division=0)
        assert got == pytest.approx(expected, abs=1e-12)


@given(st.integers(2, 80), st.integers(0, 2**32 - 1), st.integers(0, 3))
@settings(max_examples=150)
def test_ranking_metrics_equal_sklearn_with_and_without_ties(n: int, seed: int, decimals: int) -> None:
    rng = np.random.default_rng(seed)
    truth, score = rng.integers(0, 2, n), np.round(rng.random(n), decimals)
    outputs = score[:, None]
    roc, pr = (evaluate(m, truth, outputs, "value", BINARY) for m in ("auroc", "auprc"))
    if 0 < truth.sum() < n:
        assert roc.value == pytest.approx(sk.roc_auc_score(truth, score), abs=1e-12)
    else:
        assert roc.value is None
        assert "one class" in roc.note
    if truth.sum() > 0:
        assert pr.value == pytest.approx(sk.average_precision_score(truth, score), abs=1e-12)
    else:
        assert pr.value is None
        assert "no positive rows" in pr.note


@given(st.integers(3, 80), st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 12]))
@settings(max_examples=150)
def test_value_metrics_equal_scipy_and_sklearn(n: int, seed: int, decimals: int) -> None:
    rng = np.random.default_rng(seed)
    truth = np.round(rng.normal(size=n), decimals)
    values = np.round(truth + rng.normal(size=n), decimals)
    for name, oracle in VALUE_ORACLES.items():
        got, expected = (
            evaluate(name, truth, values[:, None], "value", VALUE).value,
            quietly(oracle, truth, values),
        )
        assert (got is None and np.isnan(expected)) or got == pytest.approx(expected, rel=1e-12, abs=1e-12), name


@pytest.mark.parametrize("metric", ["pearson", "spearman", "r2", "mse"])
def test_metrics_of_values_are_the_same_bits_on_any_number_of_threads(metric: str) -> None:
    threads = pytest.importorskip("threadpoolctl")
    truth = np.random.default_rng(0).normal(size=50_000)
    scores, found = (truth + np.random.default_rng(1).normal(size=50_000))[:, None], []
    for count in (1, 2, 3):
        with threads.threadpool_limits(count):
            found.append(evaluate(metric, truth, scores, "value", Target("value")).value)
    assert len(set(found)) == 1


def test_multiclass_and_multilabel_rankings_are_macro_means_over_what_is_defined() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 9, 400)
    outputs = rng.dirichlet(np.ones(9), 400)
    got = evaluate("auroc", truth, outputs, "probability", NINE).value
    expected = sk.roc_auc_score(truth, outputs, multi_class="ovr", average="macro")
    assert got == pytest.approx(expected, abs=1e-12)
    ap = evaluate("auprc", truth, outputs, "probability", NINE).value
    assert ap == pytest.approx(sk.average_precision_score(truth, outputs, average="macro"), abs=1e-12)

    labels, scores = rng.integers(0, 2, (300, 4)), rng.random((300, 4))
    got = evaluate("auroc", labels, scores, "probability", FOUR).value
    assert got == pytest.approx(sk.roc_auc_score(labels, scores, average="macro"), abs=1e-12)
    f1 = evaluate("f1_macro", labels, scores, "probability", FOUR).value
    assert f1 == pytest.approx(sk.f1_score(labels, scores > 0.5, average="macro"), abs=1e-12)
    labels[:, 2] = 1
    partial = evaluate("auroc", labels, scores, "probability", FOUR)
    kept = [0, 1, 3]
    assert partial.value == pytest.approx(sk.roc_auc_score(labels[:, kept], scores[:, kept]), abs=1e-12)
    assert partial.note == "1 of 4 labels has one class in the test set and is left out"


@pytest.mark.parametrize(
    ("truth", "predicted"), [([0, 0, 0], [0, 0, 0]), ([0, 0, 0], [1, 1, 1]), ([0, 1, 0], [1, 1, 1])]
)
def test_mcc_of_a_constant_is_zero_as_in_sklearn_and_says_so(truth: list[int], predicted: list[int]) -> None:
    got = evaluate("mcc", np.array(truth), one_hot(np.array(predicted), 2), "probability", BINARY)
    assert got.value == 0.0 == quietly(sk.matthews_corrcoef, truth, predicted)
    assert "by convention" in got.note


@pytest.mark.parametrize("metric", ["spearman", "pearson"])
def test_a_correlation_with_a_constant_has_no_value(metric: str) -> None:
    ramp, flat = np.arange(5.0), np.full(5, 0.3)
    for truth, values in ((ramp, flat), (flat, ramp), (flat, flat)):
        got = evaluate(metric, truth, values[:, None], "value", VALUE)
        assert (got.value, got.note) == (None, "undefined: the truth or the prediction is constant")


def test_r2_of_a_constant_truth_follows_sklearn() -> None:
    flat = np.full(4, 2.0)
    for values in (flat, flat + np.arange(4)):
        got = evaluate("r2", flat, values[:, None], "value", VALUE)
        assert got.value == sk.r2_score(flat, values)
        assert "constant" in got.note


@pytest.mark.parametrize("metric", list(METRICS))
def test_no_rows_have_no_score(metric: str) -> None:
    target = target_of(metric)
    columns = target.outputs
    got = evaluate(metric, np.zeros(0, np.int64), np.zeros((0, columns)), "probability", target)
    assert (got.value, got.note) == (None, "there are no rows")


def test_probabilities_that_float32_rounds_to_one_still_rank_by_their_odds() -> None:
    p0 = np.array([1e-9, 1e-12, 0.5, 0.0], np.float32)
    outputs = np.stack([p0, np.ones(4, np.float32)], axis=1)
    assert evaluate("auroc", np.array([0, 1, 0, 1]), outputs, "probability", BINARY).value == 1.0


def test_the_first_of_tied_classes_is_predicted() -> None:
    outputs = np.full((3, 2), 0.5)
    assert evaluate("accuracy", np.array([0, 0, 1]), outputs, "probability", BINARY).value == pytest.approx(2 / 3)


def test_outputs_that_cannot_answer_a_metric_say_why() -> None:
    truth = np.array([0, 1])
    assert "do not rank" in evaluate("auroc", truth, one_hot(truth, 2), "label", BINARY).note
    assert "no threshold" in evaluate("mcc", truth, np.ones((2, 1)), "log_likelihood", BINARY).note
    assert "cannot rank 9 classes" in evaluate("auroc", truth, np.ones((2, 1)), "log_likelihood", NINE).note


def test_a_log_likelihood_of_each_class_ranks_by_the_difference() -> None:
    outputs = np.array([[-5.0, -4.0], [-9.0, -3.0], [-1.0, -2.0]])
    assert evaluate("auroc", np.array([0, 1, 0]), outputs, "log_likelihood", BINARY).value == 1.0


def test_unknown_and_unfitting_metrics_are_refused_with_a_suggestion() -> None:
    with pytest.raises(RequestError, match="Did you mean 'auroc'"):
        find_metric("aurok", BINARY)
    with pytest.raises(RequestError, match="does not score a value target"):
        find_metric("mcc", VALUE)
    with pytest.raises(RequestError, match="f1_macro"):
        find_metric("f1_binary", NINE)


def test_every_metric_stays_within_its_declared_range() -> None:
    rng = np.random.default_rng(0)
    for spec in METRICS.values():
        target = target_of(spec.name)
        for _ in range(20):
            shape = (30, 4) if target.kind == "multilabel" else 30
            truth = rng.normal(size=30) if spec.kind == "value" else rng.integers(0, 2, shape)
            outputs = rng.random((30, target.outputs))
            value = evaluate(spec.name, truth, outputs, "probability", target).value
            assert value is not None
            assert spec.low <= value <= spec.high
