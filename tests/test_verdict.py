"""One-sided claims, collapsed seeds and the interval on the logit scale."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from test_intervals import BINARY, FREE, predict, simulate

from dnabench.harness.errors import RequestError
from dnabench.harness.stats.collapse import collapsed, without
from dnabench.harness.stats.difference import Difference
from dnabench.harness.stats.intervals import score_predictions
from dnabench.harness.stats.verdict import drop, noninferior
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


def test_without_noise_the_answer_is_exact_and_without_a_value_there_is_none() -> None:
    assert (drop(gap(-0.02, 0.0), 0.01), drop(gap(-0.005, 0.0), 0.01)) == (0.0, 1.0)
    assert noninferior(gap(0.0, 0.0), 0.01) == 0.0
    assert drop(Difference("mcc", None), 0.01) is noninferior(Difference("mcc", 0.1), 0.01) is None


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


def test_the_interval_on_the_logit_scale_is_asked_for_by_name_and_says_so() -> None:
    truth, scores = simulate(300, separation=3.0)
    said = predict(truth, scores)
    plain = score_predictions(said, BINARY, ["auroc", "mcc"], FREE, "s")
    made = score_predictions(said, BINARY, ["auroc", "mcc"], FREE, "s", interval="logit")
    assert made["mcc"] == plain["mcc"]
    score = made["auroc"]
    assert score.method.endswith("normal on the logit")
    low, value, high = (np.log(v / (1 - v)) for v in (score.low, score.value, score.high))
    assert high - value == pytest.approx(value - low, abs=1e-6)
    assert score.value - score.low > score.high - score.value  # type: ignore[operator]
    with pytest.raises(RequestError, match="default or logit"):
        score_predictions(said, BINARY, ["auroc"], FREE, "s", interval="wald")  # type: ignore[arg-type]
