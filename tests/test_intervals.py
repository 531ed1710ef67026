"""Which interval a score gets, and that it covers what it says."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, f1_score, matthews_corrcoef, roc_auc_score

from dnabench.harness.errors import DataError
from dnabench.harness.metrics import evaluate
from dnabench.harness.stats import bootstrap as routes
from dnabench.harness.stats import variance
from dnabench.harness.stats.bootstrap import bootstrap
from dnabench.harness.stats.design import design_of
from dnabench.harness.stats.intervals import bca, score_predictions
from dnabench.harness.stats.jackknife import acceleration, influence
from dnabench.harness.stats.panel import Panel
from dnabench.harness.stats.perfect import error_bound, perfect_bound
from dnabench.harness.stats.sampling import influence_sums, panel_of
from dnabench.harness.stats.variance import noise
from dnabench.harness.stats.weights import independent
from dnabench.harness.types import Dependence, Predictions, Target, TestSet

BINARY = Target("class", ("0", "1"))
METRICS = ["mcc", "accuracy", "f1_macro", "auroc", "auprc"]
FREE = Dependence()
PLAIN = TestSet(BINARY, FREE, "s")


def predict(truth: np.ndarray, scores: np.ndarray, **columns: np.ndarray) -> Predictions:
    """Predictions of two classes; scores (replicates, n) are log odds."""
    p = 1 / (1 + np.exp(-np.atleast_2d(scores)))
    keys = np.arange(len(truth), dtype=np.uint64)
    names = tuple(f"seed {k}" for k in range(len(p)))
    return Predictions("t/x", "probability", keys, truth, np.stack([1 - p, p], -1), names, columns)


def simulate(n: int, replicates: int = 1, separation: float = 2.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    return truth, rng.normal(size=(replicates, n)) + separation * (truth - 0.5)


def test_bca_equals_scipys_on_the_same_resamples() -> None:
    """scipy leaves out every row in turn; our acceleration has a closed form."""
    truth, scores = simulate(150)
    right = (scores[0] > 0) == truth

    def statistic(rows: np.ndarray) -> float:
        return float(right[rows].mean())

    options: dict[str, Any] = {"n_resamples": 1999, "method": "BCa", "vectorized": False}
    made = stats.bootstrap((np.arange(150),), statistic, rng=np.random.default_rng(0), **options)
    panel = Panel(truth, (predict(truth, scores).outputs[0],), ("probability",), BINARY)
    pull = acceleration(influence(panel, "accuracy")[0])
    ours = bca(made.bootstrap_distribution, statistic(np.arange(150)), pull, 0.95)
    assert ours == pytest.approx(tuple(made.confidence_interval), abs=1e-9)


def test_bca_has_ends_where_no_resample_lies_on_one_side_of_the_score() -> None:
    values = np.linspace(0.5, 0.6, 101)
    for estimate in (0.4, 0.7):
        assert np.isfinite(bca(values, estimate, 0.01, 0.95)).all()


def test_scores_of_one_replicate_get_bca_and_correlations_the_percentile() -> None:
    truth, scores = simulate(400)
    made = score_predictions(predict(truth, scores), METRICS, PLAIN)
    for metric, score in made.items():
        assert score.method == "BCa, 10,048 resamples"
        assert score.low is not None
        assert score.value is not None
        assert score.high is not None
        assert score.low < score.value < score.high
        direct = evaluate(metric, truth, predict(truth, scores).outputs[0], "probability", BINARY)
        assert score.per_replicate == (direct.value,)
    values = np.random.default_rng(0).normal(size=(1, 200, 1))
    ranked = Predictions("t/x", "value", np.arange(200, dtype=np.uint64), values[0, :, 0] + 0.1, values, ("a",))
    noisy = Predictions("t/x", "value", ranked.keys, ranked.truth + np.sin(np.arange(200)), values, ("a",))
    made = score_predictions(noisy, ["spearman", "pearson", "r2", "mse"], TestSet(Target("value"), FREE, "s"))
    assert [s.method.split(",")[0] for s in made.values()] == ["percentile", "percentile", "BCa", "BCa"]


def test_numpy_and_compiled_scores_are_the_same_bytes() -> None:
    if not routes.compiles():
        pytest.skip("needs numba")
    truth, scores = simulate(700, 2)
    for predictions in (predict(truth, scores), predict(truth, scores[:1])):
        slow, fast = (score_predictions(predictions, METRICS, PLAIN, backend=b) for b in ("numpy", "numba"))
        assert slow == fast


def test_two_calls_agree_and_another_stream_does_not() -> None:
    predictions = predict(*simulate(300))
    one, two, other = (
        score_predictions(predictions, ["mcc"], TestSet(BINARY, FREE, s))["mcc"] for s in ("a", "a", "b")
    )
    assert one == two
    assert (one.low, one.high) != (other.low, other.high)


def test_a_perfect_score_is_bounded_by_clopper_and_pearson() -> None:
    truth, _ = simulate(239)
    made = score_predictions(predict(truth, 9.0 * (2 * truth - 1)), METRICS, PLAIN)
    exact = stats.binomtest(239, 239).proportion_ci(0.90, "exact").low
    assert made["accuracy"].low == pytest.approx(exact, abs=1e-9)
    assert error_bound(239) == pytest.approx(0.0125, abs=5e-5)
    for score in made.values():
        assert score.high == score.value == 1.0
        assert score.low is not None
        assert 0.85 < score.low < 1
        assert "Clopper-Pearson" in score.method
        assert score.note == "a perfect score"


def test_the_bound_of_a_perfect_mcc_is_its_worst_value_with_three_errors() -> None:
    truth = np.repeat([0, 1], [180, 59])
    low = score_predictions(predict(truth, 9.0 * (2 * truth - 1)), ["mcc"], PLAIN)["mcc"].low
    called = truth.copy()
    called[-3:] = 0
    assert low == pytest.approx(matthews_corrcoef(truth, called), abs=0.002)
    wrong = 239 * (1 - 0.05 ** (1 / 239))
    cells = ((59 - wrong, 0.0, wrong, 180.0), (59.0, wrong, 0.0, 180 - wrong))  # TP, FP, FN, TN
    each = [(tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)) for tp, fp, fn, tn in cells]
    assert low == pytest.approx(min(each), abs=1e-9)
    # Few groups allow more errors than the small class has rows: the worst is then a model that never names it.
    truth = np.repeat([0, 1], [80, 10])
    worst = f1_score(truth, 0 * truth, average="macro")
    assert perfect_bound("f1_macro", truth, BINARY, 8.0, 0.95) == pytest.approx(worst)


def test_the_bound_of_a_perfect_ranking_is_its_worst_value_with_three_errors_of_ninety() -> None:
    truth = np.repeat([0, 1], [80, 10])
    effective = np.log(0.05) / np.log(1 - 3 / 90)
    lost, raised = truth + np.linspace(0, 0.1, 90), truth + np.linspace(0, 0.1, 90)
    lost[-3:], raised[:3] = -1.0, 2.0
    for metric, score in (("auroc", roc_auc_score), ("auprc", average_precision_score)):
        worst = min(score(truth, lost), score(truth, raised))
        assert perfect_bound(metric, truth, BINARY, effective, 0.95) == pytest.approx(worst, abs=0.02)
    # Eight groups allow more errors than there are positives: all of them may stand below.
    assert perfect_bound("auprc", truth, BINARY, 8.0, 0.95) <= average_precision_score(truth, -truth)


def test_a_constant_prediction_is_what_it_is() -> None:
    truth, _ = simulate(200)
    made = score_predictions(predict(truth, np.full(200, 3.0)), METRICS, PLAIN)
    assert (made["mcc"].value, made["mcc"].low, made["mcc"].high) == (0.0, 0.0, 0.0)
    assert "every resample gives the same score" in made["mcc"].note
    assert (made["auroc"].low, made["auroc"].high) == (0.5, 0.5)
    assert made["accuracy"].low is not None
    assert made["accuracy"].low < made["accuracy"].high  # type: ignore[operator]


def test_no_interval_is_given_where_the_rarest_class_has_under_ten_rows() -> None:
    truth = np.repeat([0, 1], [191, 9])
    scores = np.random.default_rng(0).normal(size=200) + truth
    for score in score_predictions(predict(truth, scores), METRICS, PLAIN).values():
        assert score.value is not None
        assert (score.low, score.high) == (None, None)
        assert score.note == "no interval: the rarest class has 9 rows, fewer than 10"


def test_an_undefined_metric_stays_none_and_the_others_are_scored() -> None:
    truth = np.zeros(50, np.int64)
    made = score_predictions(predict(truth, np.linspace(-1, 1, 50)), ["accuracy", "auroc"], PLAIN)
    assert made["accuracy"].value == 0.5
    assert made["auroc"].value is None
    assert made["auroc"].per_replicate == (None,)
    assert "one class" in made["auroc"].note


def test_a_metric_that_one_replicate_lacks_has_neither_mean_nor_interval() -> None:
    truth, scores = np.random.default_rng(0).normal(size=(2, 50))
    keys, both = np.arange(50, dtype=np.uint64), np.stack([scores, np.full(50, 0.3)])[..., None]
    said = Predictions("t/x", "value", keys, truth, both, ("seed 0", "seed 1"))
    made = score_predictions(said, ["spearman", "mse"], TestSet(Target("value"), FREE, "s"), resamples=128)
    lacking = made["spearman"]
    assert (lacking.value, lacking.low, lacking.high, lacking.per_replicate[1]) == (None, None, None, None)
    assert lacking.note.endswith("; 1 of 2 replicates have no value")
    assert made["mse"].low is not None


def test_resamples_without_an_answer_are_counted_in_the_note() -> None:
    groups = np.repeat(np.arange(60), 5)
    truth = (groups < 3).astype(np.int64)
    scores = np.random.default_rng(1).normal(size=300) + truth
    score = score_predictions(
        predict(truth, scores, family=groups), ["auroc"], TestSet(BINARY, Dependence(groups="family"), "s")
    )["auroc"]
    lost = int(score.note.split(" of 10,048 resamples have no answer")[0])
    assert lost == pytest.approx(10_048 * (1 - 3 / 60) ** 60, rel=0.2)


def test_many_groups_are_resampled_whole_and_few_get_a_t() -> None:
    truth, scores = simulate(600)
    many, few, ten, fewest = (np.arange(600) % g for g in (120, 20, 10, 5))
    uneven = np.maximum(np.arange(600) - 120, 0) // 8  # one of 128 rows, 59 of 8
    predictions = predict(truth, scores, many=many, few=few, ten=ten, fewest=fewest, uneven=uneven)
    methods = {}
    for column in ("many", "few", "ten", "fewest", "uneven"):
        score = score_predictions(predictions, ["mcc"], TestSet(BINARY, Dependence(groups=column), "s"))["mcc"]
        methods[column] = (score.method, score.note)
    assert methods["many"] == ("BCa over 120 groups (many, G_eff 120.0), 10,048 resamples", "")
    assert methods["few"] == ("influence functions over 20 groups (few, G_eff 20.0), t(19.0)", "")
    assert methods["ten"] == ("influence functions over 10 groups (ten, G_eff 10.0), t(9.0)", "")
    assert methods["uneven"][0] == "influence functions over 60 groups (uneven, G_eff 17.9), t(16.9)"
    assert methods["fewest"][1] == "no claim: about 5.0 independent groups, fewer than 10"
    with pytest.raises(DataError, match="no column 'chromosome'"):
        score_predictions(predictions, ["mcc"], TestSet(BINARY, Dependence(groups="chromosome"), "s"))


@pytest.mark.parametrize("metric", METRICS)
def test_influence_over_single_rows_is_the_bootstraps_standard_error(metric: str) -> None:
    """Groups of one row: the sandwich over influence functions and the bootstrap measure the same noise."""
    truth, scores = simulate(2000)
    panel = Panel(truth, (predict(truth, scores).outputs[0],), ("probability",), BINARY)
    drawn = bootstrap(panel, [metric], independent("s", 2000), 4000)[metric][0].std()
    assert np.sqrt((influence(panel, metric)[0] ** 2).sum()) / 2000 == pytest.approx(drawn, rel=0.05)


@pytest.mark.filterwarnings("error")
def test_rows_of_one_group_have_a_score_and_a_sentence_in_place_of_the_interval() -> None:
    truth, scores = simulate(300)
    alone = replace(predict(truth, scores), columns={"chromosome": np.full(300, "chrX")})
    by = Dependence(groups="chromosome")
    made = score_predictions(alone, ["auroc", "mcc"], TestSet(BINARY, by, "s"))
    for one in made.values():
        assert one.value is not None
        assert (one.low, one.high, one.note) == (None, None, "no interval: the rows form one group")
    of_one_class = score_predictions(alone.take(truth == 1), ["auroc"], TestSet(BINARY, by, "s"))["auroc"]
    assert (of_one_class.value, of_one_class.low) == (None, None)
    design = design_of(alone, TestSet(BINARY, by, "s"))
    assert influence_sums(panel_of(alone, BINARY), ["auroc"], design)["auroc"].shape == (1, 0)


def test_rows_that_repeat_in_groups_widen_the_interval() -> None:
    truth, scores = simulate(150)
    copies = predict(np.repeat(truth, 4), np.repeat(scores, 4, axis=1), family=np.repeat(np.arange(150), 4))
    wide, narrow = (
        score_predictions(copies, ["mcc"], TestSet(BINARY, d, "s"))["mcc"] for d in (Dependence(groups="family"), FREE)
    )
    width = [s.high - s.low for s in (wide, narrow) if s.high is not None and s.low is not None]
    assert width[0] / width[1] == pytest.approx(2.0, rel=0.1)


def test_a_row_of_a_stratified_test_set_contributes_what_it_differs_by_from_its_class() -> None:
    truth = np.repeat([0, 1], [30, 10])
    design = design_of(predict(truth, np.zeros((1, 40))), TestSet(BINARY, Dependence(stratified=True), "s"))
    rows = np.random.default_rng(0).normal(size=(2, 40))
    expected = np.concatenate(
        [part - part.mean(axis=1, keepdims=True) for part in (rows[:, :30], rows[:, 30:])], axis=1
    )
    assert design.by_unit(rows) == pytest.approx(expected)


def test_a_stratified_test_set_is_resampled_within_classes() -> None:
    truth = np.repeat([0, 1], [300, 60])
    scores = np.random.default_rng(0).normal(size=360) + 2 * truth - 1
    strata, free = (
        score_predictions(predict(truth, scores), ["auprc"], TestSet(BINARY, Dependence(stratified=s), "s"))["auprc"]
        for s in (True, False)
    )
    assert strata.method == "BCa within classes, 10,048 resamples"
    assert strata.high - strata.low < free.high - free.low  # type: ignore[operator]


def test_several_replicates_give_their_mean_with_both_noises() -> None:
    truth, scores = simulate(500, 5)
    score = score_predictions(predict(truth, scores), ["mcc"], PLAIN)["mcc"]
    each = [matthews_corrcoef(truth, s > 0) for s in scores]
    assert score.per_replicate == pytest.approx(each, abs=1e-12)
    assert score.value == pytest.approx(np.mean(each), abs=1e-12)
    assert score.method.startswith("5 replicates, variance over rows and replicates: bootstrap")


def test_between_seed_variance_is_what_the_rows_do_not_explain() -> None:
    rng = np.random.default_rng(0)
    seeds, rows, crossed = 0.05 * rng.normal(size=8), rng.normal(size=4000), rng.normal(size=(8, 4000))
    values = 0.03 * rows + 0.02 * crossed
    scores = 0.7 + seeds
    made = noise(scores, values, np.inf)
    between = max(0.0, scores.var(ddof=1) - 0.02**2 * 8 / 8)
    assert made.error**2 == pytest.approx(0.03**2 + 0.02**2 / 8 + between / 8, rel=0.03)
    assert 7 <= made.freedom < np.inf
    pair = variance.seeds(np.array([0.6, 0.8]), np.zeros((2, 9)))
    assert (pair.observed, pair.added) == pytest.approx((0.02 / 2, 0.02 / 2)), (
        "the variance of a sample, over two seeds"
    )
    alike = noise(np.full(8, 0.7), values, np.inf)
    assert (alike.error, alike.freedom) == (
        pytest.approx(np.hypot(0.03, 0.02 / np.sqrt(8)), rel=0.03),
        np.inf,
    )


def test_a_collapsed_seed_is_shown_and_widens_the_interval() -> None:
    truth, scores = simulate(500, 4)
    scores[3] = -20.0
    score = score_predictions(predict(truth, scores), ["mcc"], PLAIN)["mcc"]
    assert score.per_replicate[3] == 0.0
    assert score.high - score.low > 0.5  # type: ignore[operator]


def test_multilabel_tasks_are_scored_with_intervals() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, (300, 3))
    outputs = (rng.random((300, 3)) * 0.6 + truth * 0.4)[None]
    predictions = Predictions("t/x", "probability", np.arange(300, dtype=np.uint64), truth, outputs, ("a",))
    made = score_predictions(predictions, ["auroc", "mcc"], TestSet(Target("multilabel", ("a", "b", "c")), FREE, "s"))
    assert all(s.low < s.value < s.high for s in made.values())  # type: ignore[operator]


def test_labels_of_few_positives_are_named_and_only_their_lack_of_others_refuses_an_interval() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, (300, 3))
    outputs = (rng.random((300, 3)) * 0.6 + truth * 0.4)[None]
    truth[9:, 2] = 0
    said = Predictions("t/x", "probability", np.arange(300, dtype=np.uint64), truth, outputs, ("a",))
    target = Target("multilabel", ("a", "b", "c"))
    made = score_predictions(said, ["auroc", "auroc_median", "auprc", "mcc"], TestSet(target, FREE, "s"))
    for score in made.values():
        assert "1 of 3 labels has fewer than 10 rows of the rarer class (c)" in score.note
        assert score.low < score.value < score.high  # type: ignore[operator]
    assert made["auroc_median"].method.startswith("percentile")
    each = [
        evaluate("auroc", truth[:, [k]], outputs[0][:, [k]], "probability", Target("multilabel", "a")).value
        for k in range(3)
    ]
    assert made["auroc"].value == pytest.approx(np.mean(each))  # type: ignore[arg-type]
    assert made["auroc_median"].value == pytest.approx(np.median(each))  # type: ignore[arg-type]
    truth[9:] = 0
    refused = score_predictions(said, ["auroc"], TestSet(target, FREE, "s"))["auroc"]
    assert (refused.low, refused.note) == (
        None,
        "no interval: 0 of 3 labels with 10 rows of each class, fewer than half",
    )


def coverage(metric: str, target: float, draw: Any, sets: int) -> float:
    """Share of simulated test sets whose interval holds the true score."""
    held = 0
    for k in range(sets):
        truth, scores = draw(np.random.default_rng(k))
        test_set = TestSet(BINARY, FREE, f"set {k}")
        score = score_predictions(predict(truth, scores), [metric], test_set, resamples=1024)[metric]
        assert score.low is not None
        assert score.high is not None
        held += score.low <= target <= score.high
    return held / sets


def test_the_interval_of_mcc_covers_its_true_value() -> None:
    """Two normals two sd apart have MCC = 2 Φ(1) - 1; 400 sets leave a Monte-Carlo sd of 1.1 %."""

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        truth = rng.integers(0, 2, 239)
        return truth, rng.normal(size=239) + 2.0 * (truth - 0.5)

    assert 0.915 <= coverage("mcc", 2 * stats.norm.cdf(1.0) - 1, draw, 400) <= 0.985
