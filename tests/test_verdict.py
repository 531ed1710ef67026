"""One-sided claims, collapsed seeds and the interval on the logit scale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq
from test_intervals import BINARY, PLAIN, predict, simulate

from dnabench.harness.errors import RequestError
from dnabench.harness.stats.collapse import collapsed, without
from dnabench.harness.stats.difference import Difference
from dnabench.harness.stats.intervals import score_predictions
from dnabench.harness.stats.variance import Noise
from dnabench.harness.stats.verdict import Rules, drop, equivalent, noninferior, reach, unseen, verdict, widened
from dnabench.harness.types import Predictions, Target


def gap(value: float, se: float = 0.01, metric: str = "mcc", freedom: float = np.inf) -> Difference:
    return Difference(metric, value, se=se, freedom=freedom)


def test_noninferiority_and_drop_are_the_two_sides_of_one_test() -> None:
    for value in (-0.05, -0.01, 0.0, 0.02):
        assert noninferior(gap(value), 0.01) == pytest.approx(stats.norm.sf((value + 0.01) / 0.01))
        assert drop(gap(value), 0.01) == pytest.approx(1 - noninferior(gap(value), 0.01))  # type: ignore[operator]


def test_few_degrees_of_freedom_make_a_drop_harder_to_show() -> None:
    assert drop(gap(-0.04, freedom=4), 0.01) == pytest.approx(stats.t.sf(3, 4))
    assert drop(gap(-0.04, freedom=4), 0.01) > drop(gap(-0.04), 0.01)  # type: ignore[operator]


def test_of_an_error_a_rise_is_the_drop() -> None:
    assert drop(gap(0.04, metric="mse"), 0.01) == drop(gap(-0.04), 0.01)
    assert noninferior(gap(0.04, metric="mse"), 0.01) == noninferior(gap(-0.04), 0.01)


def test_a_p_value_of_alpha_itself_shows_nothing() -> None:
    words = [verdict(gap(0.1), p, Rules(), 1.0, 0.0)[0] for p in (0.0499, 0.05)]
    assert words == ["better", "undecided"]


def test_a_difference_without_noise_is_a_fact() -> None:
    assert [Noise(0.0, np.inf).p_value(value) for value in (0.1, 0.0)] == [0.0, 1.0]


def test_without_noise_the_answer_is_exact_and_without_a_value_there_is_none() -> None:
    assert (drop(gap(-0.02, 0.0), 0.01), drop(gap(-0.005, 0.0), 0.01)) == (0.0, 1.0)
    assert noninferior(gap(0.0, 0.0), 0.01) == 0.0
    assert drop(Difference("mcc", None), 0.01) is noninferior(Difference("mcc", 0.1), 0.01) is None


def test_equivalence_by_few_differing_rows_is_that_of_clopper_and_pearson() -> None:
    n = 1000
    for wrong in (0, 1, 2, 5, 20):
        share = wrong / n
        made = Difference("accuracy", -share, se=float(np.sqrt(share * (1 - share) / n)))
        bound = float(stats.beta.ppf(0.95, wrong + 1, n - wrong))
        hidden = unseen("accuracy", n, 0.5, 0.05)
        assert not equivalent(made, Rules(margin=0.97 * bound), hidden), wrong
        assert equivalent(made, Rules(margin=1.03 * bound), hidden), wrong


@pytest.mark.parametrize(("rows", "positive"), [(300, 150), (1000, 500), (1000, 100)])
def test_models_apart_by_the_margin_are_rarely_called_equivalent(rows: int, positive: int) -> None:
    rng, share, sets = np.random.default_rng(rows), positive / rows, 20_000
    # One model is perfect, the other lacks so many positives that its MCC is 0.01 lower.
    missed = brentq(lambda m: 1 - np.sqrt((1 - m) * (1 - share) / (1 - share + share * m)) - 0.01, 0, 0.5)
    lost, often = np.unique(rng.binomial(rng.binomial(rows, share, sets), missed), return_counts=True)
    cost = 0.01 / (missed * share)  # of one row more that is missed, in shares of all rows
    values = -cost * lost / rows
    errors = cost * np.sqrt(lost * (1 - lost / rows)) / rows
    hidden = unseen("mcc", rows, share, 0.05)
    called = [equivalent(Difference("mcc", v, se=e), Rules(), hidden) for v, e in zip(values, errors, strict=True)]
    assert often @ np.array(called) / sets <= 0.063


@pytest.mark.parametrize("freedom", [np.inf, 6.0])
@pytest.mark.parametrize("se", [0.0, 0.001, 0.01])
def test_noninferiority_is_shown_where_the_widened_interval_ends_within_the_margin(se: float, freedom: float) -> None:
    for value, hidden, level in ((0.0, 0.004, 0.95), (-0.004, 0.003, 0.9), (0.02, 0.03, 0.95), (-0.03, 0.01, 0.95)):
        made = gap(value, se, freedom=freedom)
        end = widened(reach(se, freedom, 1 - level), hidden) - value
        ps = [noninferior(made, margin, level, hidden) for margin in (0.999 * end, end, 1.001 * end)]
        assert ps[0] > 1 - level > ps[2]  # type: ignore[operator]
        assert ps[1] == pytest.approx(1 - level)
        assert noninferior(made, 0.01, level, hidden) >= noninferior(made, 0.01, level)  # type: ignore[operator]


def test_noninferiority_of_models_that_no_row_tells_apart_is_the_chance_of_such_a_test_set() -> None:
    """If a share of 0.01 of all rows told them apart, 300 rows had none of it with probability 0.99 to the 300."""
    for n in (100, 300, 1000):
        p = noninferior(gap(0.0, 0.0, "accuracy"), 0.01, unseen=unseen("accuracy", n, None, 0.05))
        assert p == pytest.approx(0.99**n, rel=0.04)
    assert noninferior(gap(-0.02, 0.0), 0.01, unseen=0.004) == 1.0


@pytest.mark.parametrize("rows", [60, 300, 1000, 5000])
@pytest.mark.parametrize("other", [0, 1, 3, 10])
def test_at_the_margin_both_one_sided_claims_are_rarely_false(rows: int, other: int) -> None:
    """NEW alone errs on 1% of rows and on `other`/2 more of these, BASE alone on `other`/2 of them."""
    rng, sets = np.random.default_rng([rows, other]), 4_000
    extra = other / rows / 2
    lost, won, _ = rng.multinomial(rows, [0.01 + extra, extra, 0.99 - 2 * extra], sets).T
    values, hidden = (won - lost) / rows, unseen("accuracy", rows, None, 0.05)
    errors = np.sqrt(((lost + won) / rows - values**2) / rows)
    cells, often = np.unique(np.stack([values, errors], axis=1), axis=0, return_counts=True)
    made = [gap(float(v), float(e), "accuracy") for v, e in cells]
    shown = np.array([[noninferior(d, 0.01, unseen=hidden), noninferior(d, 0.01), drop(d, 0.01)] for d in made]) < 0.05
    careful, plain, fallen = often @ shown / sets
    assert careful <= 0.061
    assert fallen <= 0.065
    if rows <= 300 and not other:
        assert plain > 0.15


def test_a_seed_that_gives_one_class_is_collapsed_and_stays_unless_it_is_named() -> None:
    truth, scores = simulate(100, 3)
    scores[1] = 0.3 + np.abs(scores[1])
    said = predict(truth, scores)
    assert collapsed(said, BINARY) == ("seed 1",)
    assert without(said, ["seed 1"]).replicates == ("seed 0", "seed 2")
    assert np.array_equal(without(said, ["seed 1"]).outputs, said.outputs[[0, 2]])
    with pytest.raises(RequestError, match="no replicate seed 9; there are seed 0, seed 1, seed 2"):
        without(said, ["seed 9"])
    with pytest.raises(RequestError, match="would be left"):
        without(said, said.replicates)


def test_values_collapse_where_they_do_not_vary() -> None:
    keys, truth = np.arange(50, dtype=np.uint64), np.linspace(0, 1, 50)
    outputs = np.stack([np.full(50, 0.3), np.linspace(0, 1, 50)])[..., None]
    said = Predictions("t/x", "value", keys, truth, outputs, ("flat", "fine"))
    assert collapsed(said, Target("value")) == ("flat",)


def test_scores_that_vary_in_one_column_or_by_little_of_a_small_number_do_not_collapse() -> None:
    keys, truth = np.arange(50, dtype=np.uint64), np.arange(50) % 2
    varied = np.linspace(0, 1, 50)
    one = Predictions("t/x", "log_likelihood", keys, truth, varied[None, :, None], ("seed 0",))
    assert collapsed(one, BINARY) == ()
    assert collapsed(replace(one, outputs=1e-9 * one.outputs), BINARY) == ()
    assert collapsed(replace(one, outputs=1e6 + 0.1 * one.outputs), BINARY) == ("seed 0",)
    labels = np.stack([np.full(50, 0.3), varied], axis=1)[None]
    several = Predictions("t/x", "probability", keys, np.stack([truth, 1 - truth], axis=1), labels, ("seed 0",))
    assert collapsed(several, Target("multilabel", ("a", "b"))) == ()


def test_the_interval_on_the_logit_scale_is_asked_for_by_name_and_says_so() -> None:
    truth, scores = simulate(300, separation=3.0)
    said = predict(truth, scores)
    plain = score_predictions(said, ["auroc", "mcc"], PLAIN)
    made = score_predictions(said, ["auroc", "mcc"], PLAIN, interval="logit")
    assert made["mcc"] == plain["mcc"]
    score = made["auroc"]
    assert score.method.endswith("normal on the logit")
    low, value, high = (np.log(v / (1 - v)) for v in (score.low, score.value, score.high))
    assert high - value == pytest.approx(value - low, abs=1e-6)
    assert score.value - score.low > score.high - score.value  # type: ignore[operator]
    with pytest.raises(RequestError, match="default or logit"):
        score_predictions(said, ["auroc"], PLAIN, interval="wald")  # type: ignore[arg-type]
