"""The probe: its optimum against scikit-learn, and a selection that cannot be fooled by leaked dev rows."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import matthews_corrcoef
from sklearn.preprocessing import StandardScaler

from dnabench.adapters.kmer import Kmer
from dnabench.adapters.onehot import OneHot
from dnabench.harness.metrics import Value, evaluate
from dnabench.harness.protocols import TrainRows
from dnabench.harness.protocols import probe as probe_module
from dnabench.harness.protocols.linear import solve_path
from dnabench.harness.protocols.probe import CONFIG, probe
from dnabench.harness.types import Inputs, Split, Target

TWO = Target("class", ("0", "1"))
STRENGTHS = (1e-4, 1e-2, 1.0)


class Table:
    """A model whose embedding of a row is looked up; the second base of a row is its number."""

    def __init__(self, rows: dict[str, Any]) -> None:
        self.rows = rows

    def embed(self, sequences: Sequence[str]) -> Any:
        return np.array([self.rows[s] for s in sequences])


def problem(n: int = 600, d: int = 30, classes: int = 2, seed: int = 0) -> tuple[Any, Any]:
    """Correlated columns of unlike scales, one of them constant, and labels that are partly noise."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n, d)) @ draw.normal(size=(d, d)) * np.geomspace(0.01, 100, d) + draw.normal(size=d) * 9
    x[:, 3] = 7.0
    scores = (x - x.mean(0)) / (x.std(0) + 1e-9) @ draw.normal(size=(d, classes)) + draw.gumbel(size=(n, classes)) * 3
    return x.astype(np.float32), scores.argmax(1)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("classes", [2, 4])
def test_the_optimum_is_that_of_scikit_learn(sparse: bool, classes: int) -> None:
    x, y = problem(classes=classes)
    x = np.where(np.abs(x) > 3, x, 0) if sparse else x
    targets = y[:, None].astype(float) if classes == 2 else np.eye(classes)[y]
    loss = "logistic" if classes == 2 else "softmax"
    standard = StandardScaler().fit_transform(x.astype(np.float64))
    for found in solve_path(sp.csr_matrix(x) if sparse else x, targets, loss, STRENGTHS):
        theirs = LogisticRegression(C=found.strength, tol=1e-10, max_iter=20_000).fit(standard, y)
        optimum = _objective(theirs, standard, y, found.strength)
        assert found.converged
        assert optimum * (1 - 1e-9) <= found.objective <= optimum * (1 + 1e-4)
        assert (found.objective - optimum) / found.objective <= found.gap + 1e-6
        ours = found.model.outputs(x, both_classes=classes == 2)
        assert np.abs(ours - theirs.predict_proba(standard)).max() < 0.02


def test_a_column_that_is_constant_but_for_rounding_is_left_out() -> None:
    x, y = problem(classes=2)
    noise = 1000 + 1e-3 * np.sign(np.arange(len(y)) % 2 - 0.5).astype(np.float32)
    wide = np.column_stack([x, noise]).astype(np.float32)
    found, without = (next(solve_path(t, y[:, None].astype(float), "logistic", [1.0])).model for t in (wide, x))
    assert found.weights[-1] == 0
    np.testing.assert_allclose(found.weights[:-1], without.weights, atol=1e-3)


def test_several_labels_are_as_many_logistic_regressions() -> None:
    x, y = problem(classes=3)
    labels = np.eye(3)[y]
    joint = next(solve_path(x, labels, "logistic", [0.01])).model.outputs(x)
    for column in range(3):
        single = next(solve_path(x, labels[:, [column]], "logistic", [0.01])).model.outputs(x)
        assert np.abs(joint[:, [column]] - single).max() < 0.01


def test_values_are_ridge_regression() -> None:
    x, _ = problem()
    y = (x[:, 0] * 30 + x[:, 5] + np.random.default_rng(1).normal(size=len(x)))[:, None]
    standard = StandardScaler().fit_transform(x.astype(np.float64))
    for found in solve_path(x, y, "squared", STRENGTHS):
        theirs = Ridge(alpha=1 / found.strength).fit(standard, y.ravel())
        assert np.abs(found.model.outputs(x).ravel() - theirs.predict(standard)).max() < 0.02 * y.std()


def test_the_result_has_the_same_bits_for_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    for wide in (False, True):
        x, y = problem(n=9000)
        x = sp.csr_matrix(np.where(np.abs(x) > 3, x, 0)) if wide else x
        weights = []
        for threads in ("1", "2", "2"):
            monkeypatch.setenv("OMP_NUM_THREADS", threads)
            path = list(solve_path(x, y[:, None].astype(float), "logistic", STRENGTHS))
            weights.append(np.hstack([s.model.weights for s in path]))
        assert np.array_equal(weights[0], weights[1])
        assert np.array_equal(weights[1], weights[2])


@pytest.mark.parametrize("labels", ["one class", "separable"])
def test_objectives_that_go_to_zero_end_too(labels: str) -> None:
    x, y = problem(n=50)
    y = np.zeros(50) if labels == "one class" else (x[:, 0] > np.median(x[:, 0])).astype(float)
    for found in solve_path(x, y[:, None], "logistic", [1e-5, 1.0, 100.0]):
        assert found.converged
        assert np.isfinite(found.model.outputs(x)).all()


def test_ties_go_to_the_stronger_regularisation() -> None:
    rows, table = _separated(200)
    found = probe(Table(table), rows, rows.dev.inputs, _config(strengths=[1.0, 1e-3, 1e-2]))
    assert found.chosen["dev_scores"] == {"0.001": 1.0, "0.01": 1.0, "1": 1.0}
    assert found.chosen["strength"] == 1e-3


def test_few_dev_rows_or_an_undefined_metric_choose_the_default_strength() -> None:
    rows, table = _separated(200)
    few = TrainRows(rows.train, _first(rows.dev, 5))
    found = probe(Table(table), few, rows.dev.inputs, _config())
    assert found.chosen["strength"] == CONFIG["default_strength"]
    assert "5 usable dev rows" in found.chosen["rule"]
    one_class = TrainRows(rows.train, Split("dev", rows.dev.inputs, np.zeros(len(rows.dev), np.int64), TWO))
    found = probe(Table(table), one_class, rows.dev.inputs, _config(metric="auroc"))
    assert found.chosen["strength"] == CONFIG["default_strength"]
    assert "undefined" in found.chosen["rule"]


def test_the_path_ends_when_dev_falls_behind() -> None:
    draw = np.random.default_rng(0)
    rows, _ = _separated(400)
    signal = np.concatenate([rows.train.labels, rows.dev.labels]) * 1.0
    noise = draw.normal(size=(len(signal), 150)) * 3
    names = [*rows.train.sequences, *rows.dev.sequences]
    table = dict(zip(names, np.hstack([signal[:, None] + draw.normal(size=(len(signal), 1)), noise]), strict=True))
    found = probe(Table(table), rows, rows.dev.inputs, _config(patience=1))
    scores = list(found.chosen["dev_scores"].values())
    assert len(scores) < len(CONFIG["strengths"])
    assert scores[-1] < max(scores)


def test_the_path_ends_at_as_many_strengths_below_the_best_in_a_row_as_patience_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planned = [0.5, 0.4, 0.5, 0.3, 0.6, 0.1, 0.2, 0.9]
    scores = iter(planned)
    monkeypatch.setattr(probe_module, "evaluate", lambda *_: Value(next(scores)))
    rows, table = _separated(200)
    found = probe(Table(table), rows, rows.dev.inputs, _config(strengths=[10.0**n for n in range(-6, 2)], patience=2))
    assert list(found.chosen["dev_scores"].values()) == planned[:-1]
    assert found.chosen["strength"] == 1e-2


def test_leaked_dev_rows_select_nothing() -> None:
    rows, table = _separated(100)
    other = {"A": "T", "C": "G", "G": "C", "T": "A"}
    flipped = ["".join(other[b] for b in reversed(s)) for s in rows.train.sequences[:40]]
    leaked = Split(
        "dev",
        Inputs([*rows.dev.sequences, *rows.train.sequences[40:60], *flipped]),
        np.concatenate([rows.dev.labels, 1 - rows.train.labels[40:60], 1 - rows.train.labels[:40]]),
        TWO,
    )
    with_leak = probe(Table(table), TrainRows(rows.train, leaked), rows.dev.inputs, _config())
    without = probe(Table(table), rows, rows.dev.inputs, _config())
    assert np.array_equal(with_leak.outputs, without.outputs)
    assert with_leak.chosen["dev_scores"] == without.chosen["dev_scores"]
    assert with_leak.chosen["dev_rows_left_out"] == 60
    assert with_leak.chosen["dev_rows_used"] == len(rows.dev)


@pytest.mark.parametrize("kind", ["value", "multilabel", "class"])
def test_every_target_is_served(kind: Any) -> None:
    names = ["".join(letters) for letters in np.random.default_rng(0).choice(list("ACGT"), (300, 30))]
    first = np.array([[s.count(b) for b in "ACG"] for s in names], float)
    target = Target(kind, ("a", "b", "c") if kind != "value" else ())
    labels = {
        "value": first[:, 0] * 10 + 500,
        "multilabel": (first > 7).astype(np.int8),
        "class": first.argmax(1).astype(np.int64),
    }[kind]
    metric = {"value": "r2", "multilabel": "auroc", "class": "mcc"}[kind]
    train = Split("train", Inputs(names[:150]), labels[:150], target)
    dev = Split("dev", Inputs(names[150:200]), labels[150:200], target)
    found = probe(Kmer(k=1), TrainRows(train, dev), Inputs(names[200:]), _config(metric=metric))
    assert found.outputs.shape == (100, target.outputs)
    assert max(found.chosen["dev_scores"].values()) > 0.8
    if kind == "value":
        assert np.abs(found.outputs.ravel() - labels[200:]).max() < 3


def test_bases_beyond_the_width_of_train_are_counted_as_unseen() -> None:
    rows = [s * 3 for s in ("ACGT", "CCGT", "TTGT", "GGGG")] * 10
    train = Split("train", Inputs(rows), np.arange(40) % 2, TWO)
    found = probe(OneHot(), TrainRows(train, _first(train, 0)), Inputs(["A" * 24, "C" * 12]), _config())
    assert found.bases_seen == 24 / 36


def test_human_tf_4_is_selected_on_the_642_dev_rows_that_are_not_in_train() -> None:
    train, dev, test = _gue("tf/4")
    found = probe(Kmer(), TrainRows(train, dev), test.inputs, _config(strengths=[1e-5, 1e-4, 1e-3, 1e-2]))
    assert found.chosen["dev_rows_used"] == 642
    assert found.chosen["dev_rows_left_out"] == 358
    assert found.chosen["strength"] == 1e-4
    assert matthews_corrcoef(test.labels, found.outputs.argmax(1)) == pytest.approx(0.74, abs=0.005)


@pytest.mark.slow
def test_the_leaked_dev_rows_of_human_tf_4_would_select_memorising(monkeypatch: pytest.MonkeyPatch) -> None:
    train, dev, test = _gue("tf/4")
    monkeypatch.setattr(probe_module, "usable_dev", lambda rows: rows.dev)
    found = probe(Kmer(), TrainRows(train, dev), test.inputs, _config(strengths=[1e-4, 1e-2, 1.0]))
    assert found.chosen["strength"] == 1.0
    assert matthews_corrcoef(test.labels, found.outputs.argmax(1)) == pytest.approx(0.62, abs=0.01)


@pytest.mark.parametrize("model", [Kmer(), OneHot()])
def test_the_probe_learns_real_promoters(model: Any) -> None:
    train, dev, test = _gue("prom/prom_core_tata")
    found = probe(model, TrainRows(train, dev), test.inputs, _config())
    again = probe(model, TrainRows(train, dev), test.inputs, _config())
    # A constant answer, as majority gives, has MCC 0.
    assert matthews_corrcoef(test.labels, found.outputs.argmax(1)) > 0.4
    assert np.array_equal(found.outputs, again.outputs)
    assert found.chosen == again.chosen


def _config(metric: str = "mcc", **changes: Any) -> dict[str, Any]:
    return {"metric": metric, **CONFIG, **changes}


def _separated(n: int) -> tuple[TrainRows, dict[str, Any]]:
    """Train and dev rows with different sequences whose one feature is the label."""
    draw = np.random.default_rng(n)
    names = sorted({"".join(letters) for letters in draw.choice(list("ACGT"), (2 * n, 25))})
    labels = np.arange(len(names)) % 2
    rows = [Split(s, Inputs(names[i::2]), np.repeat([0, 1], n)[:n], TWO) for i, s in enumerate(("train", "dev"))]
    rows = [Split(s.name, s.inputs, np.arange(len(s)) % 2, TWO) for s in rows]
    table = {name: [float(y)] for s in rows for name, y in zip(s.sequences, s.labels, strict=True)}
    assert len(table) == len(labels)
    return TrainRows(*rows), table


def _first(split: Split, n: int) -> Split:
    return Split(split.name, Inputs(list(split.sequences[:n])), split.labels[:n], split.target)


def _objective(model: Any, x: Any, y: Any, strength: float) -> float:
    losses = -np.log(model.predict_proba(x)[np.arange(len(y)), y]).sum()
    return float(strength * losses + 0.5 * (model.coef_**2).sum())


def _gue(task: str) -> list[Split]:
    folder = os.environ.get("DNABENCH_TEST_DATA")
    if not folder:
        pytest.skip("DNABENCH_TEST_DATA is not set: no real data")
    splits = []
    for name in ("train", "dev", "test"):
        with (Path(folder) / "gue" / task / f"{name}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        labels = np.array([int(row["label"]) for row in rows])
        splits.append(Split(name, Inputs([row["sequence"] for row in rows]), labels, TWO))
    return splits


class Pairs:
    """Shares of the four bases: whether two rows belong together is in their distance only."""

    def embed(self, sequences: Sequence[str]) -> Any:
        return np.array([[s.count(base) / len(s) for base in "ACGT"] for s in sequences])


@pytest.mark.parametrize("sparse", [False, True])
def test_a_pair_is_told_by_what_its_sides_have_in_common(sparse: bool) -> None:
    draw = np.random.default_rng(5)

    class Sparse(Pairs):
        def embed(self, sequences: Sequence[str]) -> Any:
            return sp.csr_matrix(super().embed(sequences))

    def rows(n: int) -> Split:
        same = np.arange(n) % 2
        first = draw.dirichlet(np.ones(4), n)
        second = np.where(same[:, None] == 1, first, draw.dirichlet(np.ones(4), n))
        sides = [["".join(draw.choice(list("ACGT"), 200, p=p)) for p in side] for side in (first, second)]
        return Split("x", Inputs(*sides), same.astype(np.int64), TWO)

    train, dev, test = rows(300), rows(100), rows(200)
    model = Sparse() if sparse else Pairs()
    found = probe(model, TrainRows(train, dev), test.inputs, dict(CONFIG) | {"metric": "accuracy"})
    assert (found.outputs.argmax(1) == test.labels).mean() > 0.9
    one = np.array([[1.0, 3.0]])
    paired = probe_module.paired(sp.csr_matrix(one), sp.csr_matrix(one[:, ::-1])).toarray()
    assert paired.tolist() == probe_module.paired(one, one[:, ::-1]).tolist() == [[1, 3, 3, 1, 2, 2, 3, 3]]


def test_a_model_is_made_ready_for_both_sides_of_a_pair() -> None:
    ready = probe_module.prepared(OneHot(), Inputs(["ACG"], ["ACGTACGT"]))
    assert ready.width == 8


def test_labels_of_one_class_in_train_are_predicted_as_that_class_and_do_not_spoil_the_others() -> None:
    x, y = problem(n=400, d=6)
    names = [f"{i:04d}" for i in range(400)]
    labels = np.stack([y, np.zeros(400), np.ones(400), 1 - y], 1).astype(np.int8)
    target = Target("multilabel", ("a", "never", "always", "b"))
    model = Table(dict(zip(names, x, strict=True)))
    parts = [Split("x", Inputs(names[a:b]), labels[a:b], target) for a, b in ((0, 200), (200, 300), (300, 400))]
    found = probe(model, TrainRows(*parts[:2]), parts[2].inputs, dict(CONFIG) | {"metric": "auroc"})
    assert (found.outputs[:, 1] < 0.05).all()
    assert (found.outputs[:, 2] > 0.95).all()
    assert found.outputs[:, 0] == pytest.approx(1 - found.outputs[:, 3], abs=1e-3)
    score = evaluate("auroc", parts[2].labels, found.outputs, "probability", target)
    assert score.value is not None
    assert score.value > 0.6
    assert "2 of 4 labels have one class" in score.note
