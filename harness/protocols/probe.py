"""The protocol `probe`: embed every row once, standardise, fit a linear model whose strength dev selects.

Logistic regression for two classes and for every label of a multilabel task, softmax regression for more
classes, ridge regression for values. Columns are standardised with train's mean and deviation (inside the
solver, so that sparse features stay sparse). Only train is fitted, never train and dev together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import AdapterError, RequestError
from ..metrics import METRICS, evaluate
from ..types import Fit, Inputs, Split, Target
from .design import Features, is_sparse
from .fit import TrainRows, bases_seen, count_bases, dev_counts, model_name, output_kind, usable_dev
from .linear import LinearModel, Loss, Solution, solve_path

CONFIG: Mapping[str, Any] = {
    "strengths": [1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0],
    "default_strength": 1e-2,
    "least_dev_rows": 20,
    "patience": 2,
    "tolerance": 1e-5,
    "scaling": "standardised on train",
    "fitted_on": "train",
    "selected_on": "dev rows whose sequence, on either strand, is not in train",
}
"""`strengths` are scikit-learn's C (ridge: 1 / alpha), strongest regularisation first, which wins ties. The
path ends after `patience` strengths in a row that score below the best. `default_strength` serves where fewer
than `least_dev_rows` dev rows are usable or the metric is undefined on them."""

_FIXED = ("scaling", "fitted_on", "selected_on")


def probe(adapter: Any, rows: TrainRows, test: Inputs, config: Mapping[str, Any], seed: int = 0) -> Fit:
    """Fit the linear model on the embedding of train and give its outputs for the test rows."""
    dev = usable_dev(rows)
    start = perf_counter()
    model = prepared(adapter, rows.train.inputs)
    train_x, dev_x, test_x = (embed(model, part) for part in (rows.train.inputs, dev.inputs, test))
    middle = perf_counter()
    chosen_model, chosen = _choose(train_x, rows.train, dev_x, dev, config)
    fitted = perf_counter()
    outputs = _outputs(chosen_model, test_x, rows.train.target)
    return Fit(
        outputs=outputs,
        kind=output_kind(rows.train.target),
        chosen=chosen | dev_counts(rows, dev),
        seconds={"embed": middle - start, "fit": fitted - middle, "predict": perf_counter() - fitted},
        bases_seen=bases_seen(model, test),
        bases=count_bases(rows.train.inputs, dev.inputs, test),
    )


def check_config(config: Mapping[str, Any]) -> None:
    """RequestError for a setting of the probe whose value makes no sense."""
    for name in _FIXED:
        if config[name] != CONFIG[name]:
            raise RequestError(f"probe: {name} is always {CONFIG[name]!r}.")
    strengths = config["strengths"]
    if not isinstance(strengths, list) or not strengths:
        raise RequestError(f"probe: strengths is {strengths!r}; expected a list of numbers above 0.")
    numbers = [("strengths", one) for one in strengths]
    numbers += [(name, config[name]) for name in ("default_strength", "tolerance")]
    for name, value in numbers:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < np.inf:
            raise RequestError(f"probe: {name} holds {value!r}; expected a number above 0.")
    for name in ("least_dev_rows", "patience"):
        if not isinstance(config[name], int) or config[name] < 1:
            raise RequestError(f"probe: {name} is {config[name]!r}; expected a whole number of at least 1.")


def prepared(adapter: Any, train: Inputs) -> Any:
    """The model made ready for a task: `adapter.prepare(train)` where offered, else the adapter itself.

    `prepare` returns a new object with `embed` and `info`; it sees train's sequences only, both of a pair.
    """
    return adapter.prepare(Inputs([*train.sequences, *train.seconds])) if hasattr(adapter, "prepare") else adapter


def embed(model: Any, inputs: Inputs) -> Features:
    """One embedding per row, checked: two-dimensional, one row per sequence, real and finite in float32.

    A pair a, b is [a, b, |a - b|, a * b], each side embedded by itself: a linear model on [a, b] alone could not see
    whether the two belong together.
    """
    if not len(inputs):
        return np.zeros((0, 0), np.float32)
    first = _embedded(model, inputs.sequences)
    return paired(first, _embedded(model, inputs.seconds)) if len(inputs.seconds) else first


def paired(a: Features, b: Features) -> Features:
    """Features of pairs from those of either side: both, their distance and their product, column by column.

    >>> paired(np.array([[2.0]]), np.array([[3.0]])).tolist()
    [[2.0, 3.0, 1.0, 6.0]]
    """
    if not is_sparse(a):
        return np.hstack([a, b, np.abs(a - b), a * b])
    return sp.hstack([a, b, abs(a - b), a.multiply(b)], format="csr")


def _embedded(model: Any, sequences: Sequence[str]) -> Features:
    # A copy: what a model does to its list must not reach the next model's rows.
    found = model.embed(list(sequences))
    table: Features = found.tocsr() if is_sparse(found) else np.asarray(found)
    name, n = model_name(model), len(sequences)
    if table.ndim != 2 or table.shape[0] != n or not table.shape[1]:
        raise AdapterError(f"{name}: embed returned shape {table.shape} for {n} sequences; expected ({n}, features).")
    if table.dtype.kind not in "biuf":
        raise AdapterError(f"{name}: embed returned numbers of type {table.dtype}; expected real numbers.")
    bad = _first_bad_row(table)
    if bad is not None:
        raise AdapterError(
            f"{name}: the embedding of row {bad} ({_short(sequences[bad])}) holds NaN or infinity as float32."
        )
    return table


def _choose(
    train_x: Features, train: Split, dev_x: Features, dev: Split, config: Mapping[str, Any]
) -> tuple[LinearModel, dict[str, Any]]:
    """The model of the strength that dev selects, else of the default one, and the account of the choice."""
    tried: list[tuple[Solution, float | None]] = []
    reason = f"{len(dev)} usable dev rows are fewer than {config['least_dev_rows']}"
    if len(dev) >= config["least_dev_rows"]:
        tried = _try_strengths(train_x, train, dev_x, dev, config)
        reason = f"{config['metric']} is undefined on the dev rows"
    scored = [(solution, score) for solution, score in tried if score is not None]
    if scored:
        # max() keeps the first of equals, and the path begins with the strongest regularisation.
        solution = max(scored, key=lambda one: _merit(config["metric"], one[1]))[0]
        rule = f"best {config['metric']} on dev"
    else:
        strength = config["default_strength"]
        solution = next(_path(train_x, train, [strength], config))
        rule = f"default strength: {reason}"
    return solution.model, {
        "strength": solution.strength,
        "rule": rule,
        "dev_metric": config["metric"],
        "dev_scores": {f"{s.strength:g}": score for s, score in tried},
        "optimality_gap": solution.gap,
        "not_converged": [s.strength for s in (*(s for s, _ in tried), solution) if not s.converged],
    }


def _try_strengths(
    train_x: Features, train: Split, dev_x: Features, dev: Split, config: Mapping[str, Any]
) -> list[tuple[Solution, float | None]]:
    """Dev score of one strength after the other, until `patience` in a row are below the best."""
    metric, kind = config["metric"], output_kind(train.target)
    tried: list[tuple[Solution, float | None]] = []
    best, below = -np.inf, 0
    for solution in _path(train_x, train, config["strengths"], config):
        outputs = _outputs(solution.model, dev_x, train.target)
        score = evaluate(metric, dev.labels, outputs, kind, train.target).value
        tried.append((solution, score))
        merit = -np.inf if score is None else _merit(metric, score)
        below = below + 1 if merit < best else 0
        best = max(best, merit)
        if below == config["patience"]:
            break
    return tried


def _path(train_x: Features, train: Split, strengths: Sequence[float], config: Mapping[str, Any]) -> Iterator[Solution]:
    """The solutions of the path, strongest regularisation first, in the units of the labels."""
    targets, loss, centre, spread = _targets(train)
    for solution in solve_path(train_x, targets, loss, sorted(strengths), config["tolerance"]):
        model = solution.model
        model = replace(model, weights=model.weights * spread, bias=model.bias * spread + centre)
        yield replace(solution, model=model)


def _targets(train: Split) -> tuple[NDArray[np.float64], Loss, float, float]:
    """Targets (n, K) as the solver wants them, the loss, and the labels' centre and spread."""
    target, labels = train.target, np.asarray(train.labels)
    if target.kind == "value":
        centre, spread = float(labels.mean()), float(labels.std()) or 1.0
        return ((labels - centre) / spread)[:, None].astype(np.float64), "squared", centre, spread
    if target.kind == "multilabel":
        return labels.astype(np.float64), "logistic", 0.0, 1.0
    if len(target.classes) == 2:
        return labels[:, None].astype(np.float64), "logistic", 0.0, 1.0
    return np.eye(len(target.classes))[labels], "softmax", 0.0, 1.0


def _outputs(model: LinearModel, features: Features, target: Target) -> NDArray[np.float64]:
    return model.outputs(features, both_classes=target.kind == "class" and len(target.classes) == 2)


def _merit(metric: str, score: float) -> float:
    """Higher is better, whichever way the metric points."""
    return -abs(METRICS[metric].best - score)


def _first_bad_row(table: Features) -> int | None:
    if not is_sparse(table):
        bad = np.flatnonzero(~_fits(table).all(1))
        return int(bad[0]) if len(bad) else None
    bad = np.flatnonzero(~_fits(table.data))
    return int(np.searchsorted(table.indptr, bad[0], side="right") - 1) if len(bad) else None


def _fits(values: NDArray[Any]) -> NDArray[np.bool_]:
    """True where a number is finite, and stays so as float32, in which the linear model computes."""
    with np.errstate(over="ignore"):
        return np.isfinite(values.astype(np.float32, copy=False))


def _short(sequence: str) -> str:
    return sequence if len(sequence) <= 20 else f"{sequence[:17]}..."
