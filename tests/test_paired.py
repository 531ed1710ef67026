"""Differences of two models on the same rows."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import matthews_corrcoef, roc_auc_score

from dnabench.harness.errors import DataError
from dnabench.harness.stats import bootstrap as routes
from dnabench.harness.stats.intervals import score_predictions
from dnabench.harness.stats.paired import aligned, paired_difference
from dnabench.harness.types import Dependence, Predictions, Target, TestSet

BINARY = Target("class", ("0", "1"))
FREE = Dependence()
PLAIN = TestSet(BINARY, FREE, "s")


def two_models(
    n: int, *, gap: float = 0.0, seed: int = 0, replicates: int = 1, spread: float = 0.0
) -> tuple[Predictions, Predictions]:
    """Two models whose errors are correlated (0.7), the second worse by `gap`; seeds differ by `spread`."""
    rng = np.random.default_rng(seed)
    truth, shared = rng.integers(0, 2, n), rng.normal(size=n)

    def model(name: str, separation: float) -> Predictions:
        quality = separation + spread * rng.normal(size=(replicates, 1))
        noise = np.sqrt(0.7) * shared + np.sqrt(0.3) * rng.normal(size=(replicates, n))
        p = 1 / (1 + np.exp(-(noise + quality * (truth - 0.5))))
        keys = np.arange(n, dtype=np.uint64) * np.uint64(7919)
        return Predictions("t/x", "probability", keys, truth, np.stack([1 - p, p], -1), (name,) * replicates)

    return model("a", 2.0), model("b", 2.0 - gap)


def test_the_difference_is_that_of_the_scores_and_its_ends_are_symmetric() -> None:
    a, b = two_models(600, gap=0.5)
    made = paired_difference(a, b, "mcc", PLAIN)
    scores = [matthews_corrcoef(p.truth, p.outputs[0].argmax(axis=1)) for p in (a, b)]
    assert made.value == pytest.approx(scores[0] - scores[1], abs=1e-12)
    assert made.se is not None
    assert made.value is not None
    assert made.high == pytest.approx(made.value + stats.norm.ppf(0.975) * made.se, abs=1e-8)
    assert made.p == pytest.approx(2 * stats.norm.sf(made.value / made.se), abs=1e-6)
    assert made.method == "paired bootstrap, 10,048 resamples, normal"


def test_swapping_the_models_changes_the_sign_alone() -> None:
    a, b = two_models(300, gap=0.3)
    there, back = (paired_difference(*pair, "auroc", PLAIN) for pair in ((a, b), (b, a)))
    assert there.value == pytest.approx(-back.value, abs=1e-12)  # type: ignore[operator]
    assert (there.low, there.high, there.p) == pytest.approx((-back.high, -back.low, back.p))  # type: ignore[operator]


def test_pairing_gives_a_narrower_interval_than_two_separate_ones() -> None:
    a, b = two_models(600)
    made = paired_difference(a, b, "auroc", PLAIN)
    separate = [score_predictions(p, ["auroc"], PLAIN)["auroc"] for p in (a, b)]
    widths = [s.high - s.low for s in separate]  # type: ignore[operator]
    assert made.high - made.low < 0.8 * np.hypot(*widths)  # type: ignore[operator]


def test_the_standard_error_of_two_aurocs_is_delongs() -> None:
    a, b = two_models(2000, gap=0.2)
    made = paired_difference(a, b, "auroc", PLAIN)
    positive = a.truth == 1
    placements = []
    for p in (a, b):
        score = p.outputs[0, :, 1]
        below = (score[positive][:, None] > score[~positive]).astype(float)
        placements.append((below.mean(axis=1), below.mean(axis=0)))
        assert below.mean() == pytest.approx(roc_auc_score(a.truth, score))
    gaps = [placements[0][k] - placements[1][k] for k in (0, 1)]
    delong = np.sqrt(sum(g.var(ddof=1) / len(g) for g in gaps))
    assert made.se == pytest.approx(delong, rel=0.03)


def test_a_model_against_itself_differs_by_nothing() -> None:
    a, _ = two_models(200)
    made = paired_difference(a, a, "mcc", PLAIN)
    assert (made.value, made.low, made.high, made.p, made.se) == (0.0, 0.0, 0.0, 1.0, 0.0)


def shuffled(predictions: Predictions, order: np.ndarray) -> Predictions:
    return replace(
        predictions,
        keys=predictions.keys[order],
        truth=predictions.truth[order],
        outputs=predictions.outputs[:, order],
    )


def test_rows_in_another_order_are_matched_by_their_keys() -> None:
    a, b = two_models(300, gap=0.3)
    order = np.random.default_rng(1).permutation(300)
    mixed = shuffled(b, order)
    assert np.array_equal(aligned(mixed, a).outputs, b.outputs)
    assert paired_difference(a, mixed, "mcc", PLAIN) == paired_difference(a, b, "mcc", PLAIN)


def test_repeated_sequences_are_matched_by_their_labels() -> None:
    a, b = (replace(p, keys=p.keys // np.uint64(2 * 7919)) for p in two_models(40))
    mixed = shuffled(b, np.random.default_rng(1).permutation(40))
    assert np.array_equal(aligned(mixed, a).truth, a.truth)


def test_other_rows_and_other_labels_are_refused() -> None:
    a, b = two_models(50)
    with pytest.raises(DataError, match=r"not of the same rows \(50 and 49 rows, 1 keys only in the first"):
        paired_difference(a, shuffled(b, np.arange(49)), "mcc", PLAIN)
    with pytest.raises(DataError, match="1 keys only in the first, 1 only in the second"):
        aligned(replace(b, keys=np.append(b.keys[:-1], np.uint64(5))), a)
    with pytest.raises(DataError, match="disagree on the labels"):
        aligned(replace(b, truth=1 - b.truth), a)


def test_a_model_without_a_score_has_no_difference() -> None:
    a, b = two_models(50)
    labels = replace(b, kind="label")
    made = paired_difference(a, labels, "auroc", PLAIN)
    assert (made.value, made.low) == (None, None)
    assert "do not rank" in made.note


def test_too_few_rows_of_a_class_leave_the_difference_without_an_interval() -> None:
    a, b = two_models(200)
    truth = np.repeat([0, 1], [195, 5])
    made = paired_difference(replace(a, truth=truth), replace(b, truth=truth), "mcc", PLAIN)
    assert made.value is not None
    assert made.p is None
    assert "rarest class has 5 rows" in made.note


def test_groups_are_honoured() -> None:
    a, b = two_models(400, gap=0.3)
    pairs = [replace(p, columns={"family": np.arange(400) % 12}) for p in (a, b)]
    made = paired_difference(pairs[0], pairs[1], "mcc", TestSet(BINARY, Dependence(groups="family"), "s"))
    assert made.method == "influence functions over 12 groups (family, G_eff 12.0), t(11.0)"
    copies = [
        replace(
            shuffled(p, np.repeat(np.arange(400), 3)),
            keys=np.arange(1200, dtype=np.uint64),
            columns={"family": np.repeat(np.arange(400), 3)},
        )
        for p in (a, b)
    ]
    wide, narrow = (
        paired_difference(copies[0], copies[1], "mcc", TestSet(BINARY, d, "s"))
        for d in (Dependence(groups="family"), FREE)
    )
    assert wide.se / narrow.se == pytest.approx(np.sqrt(3), rel=0.05)  # type: ignore[operator]


def test_seeds_that_vary_widen_the_interval_and_bring_a_t() -> None:
    still, wild = (paired_difference(*two_models(2000, replicates=4, spread=s), "mcc", PLAIN) for s in (0.0, 0.3))
    assert wild.se > 2 * still.se  # type: ignore[operator]
    assert ", t(" in wild.method


def test_both_routes_give_the_same_bytes() -> None:
    if not routes.compiles():
        pytest.skip("needs numba")
    a, b = two_models(500, gap=0.2, replicates=2)
    for metric in ("mcc", "auroc", "auprc"):
        slow, fast = (paired_difference(a, b, metric, PLAIN, backend=k) for k in ("numpy", "numba"))
        assert slow == fast


def test_equal_models_are_told_apart_about_one_time_in_twenty() -> None:
    """400 sets leave a Monte-Carlo sd of 1.1 %."""
    pairs = [two_models(239, seed=k) for k in range(400)]
    ps = [
        paired_difference(a, b, "mcc", TestSet(BINARY, FREE, f"{k}"), resamples=512).p for k, (a, b) in enumerate(pairs)
    ]
    assert 0.015 <= np.mean([p < 0.05 for p in ps if p is not None]) <= 0.085
