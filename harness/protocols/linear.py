"""L2-regularised linear models along a path of strengths: logistic, softmax and ridge regression, one solver.

Minimises `C * sum of losses + |W|^2 / 2` over standardised columns with a free intercept, as scikit-learn's
`LogisticRegression(C)` does on the same columns, and `Ridge(alpha=1/C)` for values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit, logsumexp, softmax

from .design import Array, Coordinates, Design, Directions, Features

Loss = Literal["logistic", "softmax", "squared"]

_OPTIONS: Any = {"maxiter": 3000, "maxfun": 4000, "maxcor": 20, "ftol": 1e-14, "gtol": 0.0}


@dataclass(frozen=True)
class LinearModel:
    """Weights that act on features as they come: standardisation is folded in."""

    weights: Array
    bias: Array
    loss: Loss

    def scores(self, features: Features) -> Array:
        """(n, outputs) before the link: log-odds, or the value itself."""
        return np.asarray(features @ self.weights.astype(np.float32), np.float64) + self.bias

    def outputs(self, features: Features, both_classes: bool = False) -> Array:
        """(n, outputs): probabilities, or values; `both_classes` makes [1 - p, p] of one column."""
        z = self.scores(features)
        if self.loss == "squared":
            return z
        if self.loss == "softmax":
            return np.asarray(softmax(z, axis=1))
        # The small one of p and 1 - p keeps its digits only when it is computed by itself.
        return np.hstack([expit(-z), expit(z)]) if both_classes else np.asarray(expit(z))


@dataclass(frozen=True)
class Solution:
    """The model of one strength and how close to the optimum it is known to be."""

    strength: float
    model: LinearModel
    objective: float
    gap: float
    """Upper bound of (objective - optimum) / objective."""
    iterations: int
    converged: bool


def solve_path(
    features: Features, targets: Array, loss: Loss, strengths: Sequence[float], tolerance: float = 1e-5
) -> Iterator[Solution]:
    """The optimum for each strength C in turn, each started from the one before.

    targets (n, K): 0/1 for logistic, one-hot for softmax, numbers for squared. Stops at a proved relative gap
    of `tolerance`: the objective is 1-strongly convex in W, hence objective - optimum <= |gradient|^2 / 2.
    Deterministic, and bit-equal for any number of threads.
    """
    with Design(features, targets.shape[1]) as design:
        objective = _Objective(design, targets, loss)
        weights, bias = np.zeros((design.columns, targets.shape[1])), objective.first_bias()
        for strength in strengths:
            objective.at(strength)
            point, iterations = _minimise(objective, objective.coordinates.point(weights, bias), tolerance)
            weights, bias = objective.coordinates.weights(point)
            raw = weights * design.inverse[:, None]
            model = LinearModel(raw, bias - design.mean @ raw, loss)
            gap = objective.gap / max(objective.value, 1e-300)
            near = objective.near(tolerance)
            yield Solution(strength, model, objective.value, gap, iterations, near)


def _minimise(objective: _Objective, start: Array, tolerance: float) -> tuple[Array, int]:
    """L-BFGS until the proved gap is small enough, in float32 as far as that goes and then in float64."""
    point, iterations = _descend(objective, start, tolerance)
    if not objective.near(tolerance) and objective.design.refine():
        point, more = _descend(objective, point, tolerance)
        iterations += more
    return point, iterations


def _descend(objective: _Objective, start: Array, tolerance: float) -> tuple[Array, int]:
    def stop(intermediate_result: Any) -> None:
        # scipy's last evaluation before it calls this is at the point that it accepted.
        if objective.near(tolerance):
            raise StopIteration

    def value_and_slope(flat: Array) -> tuple[float, Array]:
        value, slope = objective(flat.reshape(start.shape))
        return value, slope.ravel()

    method: Any = "L-BFGS-B"
    found = minimize(value_and_slope, start.ravel(), jac=True, method=method, callback=stop, options=_OPTIONS)
    point = np.asarray(found.x).reshape(start.shape)
    objective(point)
    return point, int(found.nit)


class _Objective:
    """`C * losses + |W|^2 / 2` and its gradient at a table of variables (d + 1, K)."""

    def __init__(self, design: Design, targets: Array, loss: Loss) -> None:
        self.design, self.targets, self.loss = design, targets, _LOSSES[loss]
        self.curvature: Array | float = {"logistic": 0.2, "softmax": 1 / targets.shape[1], "squared": 1.0}[loss]
        self.coordinates: Coordinates = design.coordinates()
        self.shares = targets.mean(axis=0)
        self.eager = loss == "logistic" and isinstance(self.coordinates, Directions)
        if self.eager:
            # Rare labels curve the objective less.
            self.curvature = np.clip(self.shares * (1 - self.shares), 1e-4, 0.2)
        self.strength = 1.0
        self.value = np.inf
        self.gap = np.inf

    def at(self, strength: float) -> None:
        self.strength = strength
        self.coordinates.at(strength, self.curvature)

    def first_bias(self) -> Array:
        """Intercepts to start from: the labels' log-odds where there are many labels, else 0."""
        inside = np.clip(self.shares, 1e-6, 1 - 1e-6)
        return np.asarray(logit(inside)) if self.eager else np.zeros(len(self.shares))

    def near(self, tolerance: float) -> bool:
        """True where the last point is proved good enough; the floor serves objectives that go to 0."""
        return self.gap <= max(tolerance * self.value, 1e-8 * self.strength * len(self.targets))

    def __call__(self, point: Array) -> tuple[float, Array]:
        weights, bias = self.coordinates.weights(point)
        losses, residual, curvature = self.loss(self.design.times(weights) + bias, self.targets)
        slope = self.strength * self.design.transposed_times(residual) + weights
        pull = self.strength * residual.sum(0)
        self.value = self.strength * losses + 0.5 * float(np.vdot(weights, weights))
        # The intercept is free, not strongly convex: its share of the gap is first-order in its curvature.
        free = pull**2 / np.maximum(self.strength * curvature, 1e-300)
        self.gap = 0.5 * float(np.vdot(slope, slope) + free.sum())
        return self.value, self.coordinates.slope(slope, pull)


_LossFunction = Callable[[Array, Array], tuple[float, Array, Array]]
"""(scores, targets) to (sum of losses, derivative by score, sum of second derivatives by column)."""


def _logistic(z: Array, y: Array) -> tuple[float, Array, Array]:
    p = expit(z)
    return float(np.logaddexp(0, np.where(y > 0.5, -z, z)).sum()), p - y, (p * (1 - p)).sum(0)


def _softmax(z: Array, y: Array) -> tuple[float, Array, Array]:
    whole = logsumexp(z, axis=1, keepdims=True)
    p = np.exp(z - whole)
    return float(whole.sum() - (z * y).sum()), p - y, (p * (1 - p)).sum(0)


def _squared(z: Array, y: Array) -> tuple[float, Array, Array]:
    residual = z - y
    return 0.5 * float(np.vdot(residual, residual)), residual, np.full(z.shape[1], float(len(z)))


_LOSSES: dict[str, _LossFunction] = {"logistic": _logistic, "softmax": _softmax, "squared": _squared}
