"""A weighted statistic is that of the rows repeated; leaving one out in closed form is leaving it out."""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from dnabench.harness.errors import RequestError, Unavailable
from dnabench.harness.metrics import METRICS, evaluate
from dnabench.harness.stats import bootstrap as routes
from dnabench.harness.stats.bootstrap import Backend, bootstrap
from dnabench.harness.stats.jackknife import influence
from dnabench.harness.stats.panel import Panel, ranks
from dnabench.harness.stats.weights import Draws, block, grouped, independent, stratified
from dnabench.harness.types import Target, TargetKind

LABEL = ["accuracy", "balanced_accuracy", "mcc", "f1_macro"]
VALUES = ["spearman", "pearson", "r2", "mse"]
Suite = tuple[TargetKind, int, list[str]]
SUITES: list[Suite] = [
    ("class", 2, [*LABEL, "f1_binary", "auroc", "auprc"]),
    ("class", 9, [*LABEL, "auroc", "auprc"]),
    ("multilabel", 5, ["mcc", "f1_macro", "auroc", "auroc_median", "auprc"]),
    ("value", 1, VALUES),
]
BACKENDS = [
    "numpy",
    pytest.param("numba", marks=pytest.mark.skipif(not routes.compiles(), reason="needs numba")),
]


def make_panel(kind: TargetKind, classes: int, n: int, models: int, ties: bool) -> Panel:
    rng = np.random.default_rng(n + classes)
    digits = 1 if ties else 12
    target = Target(kind, tuple(map(str, range(classes))) if kind != "value" else ())
    truth: Any
    if kind == "value":
        truth = np.round(rng.normal(size=n), digits)
        outputs = np.round(truth + rng.normal(size=(models, n)), digits)[..., None]
    elif kind == "multilabel":
        truth = rng.integers(0, 2, (n, classes))
        outputs = np.round(rng.random((models, n, classes)) * 0.7 + truth * 0.3, digits)
    else:
        truth = rng.integers(0, classes, n)
        raw = rng.dirichlet(np.ones(classes), (models, n)) + np.eye(classes)[truth] * 0.3
        outputs = np.round(raw / raw.sum(axis=-1, keepdims=True), digits).astype(np.float32)
    names = ("value" if kind == "value" else "probability",) * models
    return Panel(truth, tuple(outputs), names, target)


def worst_error(panel: Panel, metrics: Sequence[str], draws: Draws, backend: Backend) -> float:
    """Largest gap to `evaluate` on the rows written out as often as their weights say."""
    values = bootstrap(panel, metrics, draws, 64, backend)
    drawn = block(draws, 0)
    worst = 0.0
    for lane in range(0, 64, 5):
        rows = np.repeat(np.arange(len(panel.truth)), drawn[:, lane])
        for metric in metrics:
            for model, outputs in enumerate(panel.outputs):
                direct = evaluate(metric, panel.truth[rows], outputs[rows], panel.kinds[model], panel.target)
                got = values[metric][model, lane]
                if direct.value is None:
                    assert np.isnan(got)
                else:
                    worst = max(worst, abs(got - direct.value))
    return worst


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("n", [12, 239, 1501])
@pytest.mark.parametrize("suite", SUITES, ids=lambda s: f"{s[0]}{s[1]}")
def test_the_weighted_statistic_is_that_of_the_repeated_rows(
    suite: Suite, n: int, ties: bool, backend: Backend
) -> None:
    kind, classes, metrics = suite
    panel = make_panel(kind, classes, n, 2, ties)
    assert worst_error(panel, metrics, independent("k", n), backend) < 1e-12


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("suite", SUITES, ids=lambda s: f"{s[0]}{s[1]}")
def test_the_same_holds_for_groups_and_strata(suite: Suite, backend: Backend) -> None:
    kind, classes, metrics = suite
    panel = make_panel(kind, classes, 400, 2, True)
    assert worst_error(panel, metrics, grouped("k", np.arange(400) // 7), backend) < 1e-12
    assert worst_error(panel, metrics, stratified("k", np.arange(400) % 3), backend) < 1e-12


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("suite", SUITES, ids=lambda s: f"{s[0]}{s[1]}")
def test_both_routes_print_the_same_digits(suite: Suite, ties: bool) -> None:
    pytest.importorskip("numba")
    kind, classes, metrics = suite
    panel = make_panel(kind, classes, 700, 3, ties)
    slow, fast = (bootstrap(panel, metrics, independent("k", 700), 128, b) for b in ("numpy", "numba"))
    for metric in metrics:
        assert np.array_equal(np.round(slow[metric], 10), np.round(fast[metric], 10), equal_nan=True), metric


@pytest.mark.parametrize(("models", "n"), [(1, 7000), (20, 1501)])
def test_metrics_of_values_are_the_same_bits_on_any_number_of_threads(models: int, n: int) -> None:
    threads = pytest.importorskip("threadpoolctl")
    panel = make_panel("value", 1, n, models, False)
    metrics = ["pearson", "r2", "mse"]
    found = []
    for count in (1, 2, 3):
        with threads.threadpool_limits(count):
            found.append(bootstrap(panel, metrics, independent("k", n), 64, "numpy"))
    for metric in metrics:
        assert all(np.array_equal(one[metric], found[0][metric]) for one in found), metric


@pytest.mark.parametrize("backend", BACKENDS)
def test_heavy_runs_of_one_class_and_one_score_are_summed_without_overflow(backend: Backend) -> None:
    n = 20_000
    truth = (np.arange(n) >= n // 2).astype(np.int64)
    sorted_scores, flat = np.arange(n) / n, np.full(n, 0.5)
    outputs = tuple(np.stack([1 - s, s], axis=1) for s in (sorted_scores, 1 - sorted_scores, flat))
    panel = Panel(truth, outputs, ("probability",) * 3, Target("class", ("0", "1")))
    draws = grouped("k", np.arange(n) // 1000)
    values = bootstrap(panel, ["auroc", "accuracy"], draws, 64, backend)
    assert np.allclose(values["auroc"], [[1.0], [0.0], [0.5]], atol=1e-15)
    assert worst_error(panel, ["auroc", "auprc", "mcc"], draws, backend) < 1e-12


@pytest.mark.skipif(not routes.compiles(), reason="needs numba")
def test_ranks_of_more_rows_than_integers_hold_are_summed_as_floats(monkeypatch: pytest.MonkeyPatch) -> None:
    from dnabench.harness.stats import kernels_numba, kernels_numpy

    assert 4 * (3 * kernels_numba.MOST_RANKED // 2) ** 3 // 3 < 2**63
    sets, drawn = ranks(make_panel("value", 1, 50, 2, ties=True)), block(independent("k", 50), 0)
    exact = kernels_numba.spearman(sets, drawn)
    monkeypatch.setattr(kernels_numba, "MOST_RANKED", 49)
    summed = kernels_numba.spearman(sets, drawn)
    assert np.array_equal(summed, kernels_numpy.spearman(sets, drawn))
    assert np.allclose(summed, exact, atol=1e-13)


def test_a_resample_without_an_answer_is_marked_and_not_invented() -> None:
    truth = np.array([1, 0, 0, 0, 0])
    outputs = np.random.default_rng(0).random((5, 1))
    panel = Panel(truth, (outputs,), ("value",), Target("class", ("0", "1")))
    for backend in ["numpy"] + ["numba"] * routes.compiles():
        values = bootstrap(panel, ["auroc"], independent("k", 5), 64, backend)["auroc"][0]
        lost = block(independent("k", 5), 0)[0]
        assert np.array_equal(np.isnan(values), (lost == 0) | (lost == 5))


def test_a_small_table_never_waits_for_a_compiler_and_a_large_one_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "dnabench.harness.stats.kernels_numba", raising=False)
    small, large = (make_panel("class", 2, n, m, False) for n, m in ((7_000, 1), (20_000, 20)))
    seconds = [
        routes.numpy_seconds(p, ["mcc", "auroc"], independent("k", len(p.truth)), 10_000) for p in (small, large)
    ]
    assert routes.kernels("auto", seconds[0]).__name__.endswith("numpy")
    if routes.compiles():
        assert routes.kernels("auto", seconds[1]).__name__.endswith("numba")
    with pytest.raises(RequestError, match="auto, numpy or numba"):
        routes.kernels("cuda", 0.0)  # type: ignore[arg-type]
    monkeypatch.setattr(routes, "compiles", lambda: False)
    with pytest.raises(Unavailable, match="numba is not installed"):
        routes.kernels("numba", 0.0)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("suite", SUITES, ids=lambda s: f"{s[0]}{s[1]}")
def test_leaving_one_row_out_in_closed_form_is_leaving_it_out(suite: Suite, ties: bool) -> None:
    kind, classes, metrics = suite
    n = 90
    panel = make_panel(kind, classes, n, 2, ties)
    for metric in (m for m in metrics if m not in ("spearman", "auroc_median")):
        closed = influence(panel, metric)
        for model, outputs in enumerate(panel.outputs):
            direct = np.empty(n)
            for row in range(n):
                kept = np.arange(n) != row
                value = evaluate(metric, panel.truth[kept], outputs[kept], panel.kinds[model], panel.target).value
                assert value is not None
                direct[row] = value
            expected = (n - 1) * (direct.mean() - direct)
            assert np.allclose(closed[model], expected, rtol=0, atol=1e-10), metric


@pytest.mark.parametrize("ties", [False, True])
def test_the_influence_on_spearman_is_its_response_to_a_little_more_weight(ties: bool) -> None:
    """A row counted once more among 4000 copies of the rows moves Spearman by influence / (4000 n)."""
    panel = make_panel("value", 1, 40, 1, ties)
    truth, values = panel.truth, panel.outputs[0]
    many = np.tile(np.arange(40), 1000)
    whole = evaluate("spearman", truth[many], values[many], "value", panel.target).value
    assert whole is not None
    for row, expected in enumerate(influence(panel, "spearman")[0][:12]):
        more = np.append(many, row)
        moved = evaluate("spearman", truth[more], values[more], "value", panel.target).value
        assert moved is not None
        assert (moved - whole) * len(more) == pytest.approx(expected, abs=2e-2)


def test_every_metric_has_a_kernel_and_an_influence() -> None:
    covered = {metric for _, _, metrics in SUITES for metric in metrics}
    assert covered == set(METRICS)


@pytest.mark.skipif(not routes.compiles(), reason="needs numba")
@pytest.mark.parametrize("ties", [False, True])
def test_exchanged_answers_have_the_gap_of_two_correlations_to_the_bit(
    ties: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dnabench.harness.stats import kernels_numba, kernels_numpy

    one, n = make_panel("value", 1, 301, 2, ties), 301
    answers = np.concatenate([rankdata(o, axis=0) for o in one.outputs])
    sets = ranks(Panel(np.concatenate([one.truth] * 2), (answers,), ("value",), one.target))
    bits = np.random.default_rng(1).integers(0, 2, (n, 64), np.uint8)
    chosen = np.concatenate([bits, 1 - bits])
    gap = kernels_numba.spearman_gap(sets, chosen)
    assert np.array_equal(gap, (kernels_numba.spearman(sets, chosen) - kernels_numba.spearman(sets, 1 - chosen))[0])
    assert np.allclose(gap, kernels_numpy.spearman_gap(sets, chosen), atol=1e-14)
    first, second = answers.reshape(2, n)
    picked = [np.where(bits[:, 5] == 1, *pair) for pair in ((first, second), (second, first))]
    assert gap[5] == pytest.approx(np.subtract(*(spearmanr(one.truth, p).statistic for p in picked)), abs=1e-12)
    monkeypatch.setattr(kernels_numba, "MOST_RANKED", n)
    assert np.array_equal(kernels_numba.spearman_gap(sets, chosen), kernels_numpy.spearman_gap(sets, chosen))
