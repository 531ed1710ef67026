"""Test sets drawn from populations whose scores are known, for models that err together.

Scores are normal (binormal model): a row of class 1 scores `separation` higher than one of class 0; of two models'
scores on one row the correlation inside a class is `together`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from dnabench.harness.metrics import f1_macro, mcc
from dnabench.harness.types import Predictions, Target

Array = Any
BINARY = Target("class", ("0", "1"))
CHROMOSOMES = np.array(
    [249, 242, 198, 190, 182, 171, 159, 145, 139, 134, 135, 133, 114, 107, 102, 90, 84, 80, 59, 64, 47, 51]
)
"""Lengths of the human autosomes, Mb (GRCh38)."""


@dataclass(frozen=True)
class Population:
    """Where test sets come from."""

    name: str
    rows: int
    separation: float = 2.3
    positive: float = 0.5
    together: float = 0.7

    def truth(self, rng: np.random.Generator) -> Array:
        return (rng.random(self.rows) < self.positive).astype(np.int64)

    def value(self, metric: str, separation: float | None = None) -> float:
        """The score on infinitely many rows."""
        d = self.separation if separation is None else separation
        right, p = ndtr(d / 2), self.positive
        true, hits = np.array([1 - p, p]), np.array([1 - p, p]) * right
        called = hits + np.array([p, 1 - p]) * (1 - right)
        if metric == "auprc":
            return _average_precision(d, p)
        known = {"accuracy": right, "auroc": ndtr(d / np.sqrt(2)), "mcc": mcc(true, hits, called)}
        return float(known.get(metric, f1_macro(true, hits, called)))


def _average_precision(separation: float, positive: float) -> float:
    at = ndtri((np.arange(200_000) + 0.5) / 200_000) + separation / 2
    above = ndtr(-(at - separation / 2)) * positive
    return float((above / (above + ndtr(-(at + separation / 2)) * (1 - positive))).mean())


def said(truth: Array, scores: Array, name: str = "t/x", **columns: Array) -> Predictions:
    """Predictions of one model from log odds (replicates, n)."""
    p = 1 / (1 + np.exp(-np.atleast_2d(scores)))
    names = tuple(f"seed {k}" for k in range(len(p)))
    keys = np.arange(len(truth), dtype=np.uint64)
    return Predictions(name, "probability", keys, truth, np.stack([1 - p, p], -1), names, columns)


def models(population: Population, count: int, rng: np.random.Generator, gaps: Array = 0.0) -> dict[str, Predictions]:
    """`count` models on one new test set; each one's separation is smaller by its gap."""
    truth, shared = population.truth(rng), rng.normal(size=population.rows)
    own = rng.normal(size=(count, population.rows))
    r, separation = population.together, population.separation - np.broadcast_to(gaps, count)
    scores = np.sqrt(r) * shared + np.sqrt(1 - r) * own + separation[:, None] * (truth - 0.5)
    return {f"m{k}": said(truth, row) for k, row in enumerate(scores)}


def seeded(population: Population, seeds: int, spread: float, rng: np.random.Generator) -> list[Predictions]:
    """Two models of one recipe, each trained `seeds` times; separations vary by `spread` between seeds."""
    truth, shared = population.truth(rng), rng.normal(size=population.rows)
    made = []
    for _ in range(2):
        own = rng.normal(size=(seeds, population.rows))
        separation = population.separation + spread * rng.normal(size=(seeds, 1))
        r = population.together
        made.append(said(truth, np.sqrt(r) * shared + np.sqrt(1 - r) * own + separation * (truth - 0.5)))
    return made


def clustered(population: Population, sizes: Array, share: float, rng: np.random.Generator) -> Predictions:
    """One model on rows in groups of the relative `sizes`; `share` of the scores' variance is common to a group."""
    group = rng.choice(len(sizes), population.rows, p=sizes / sizes.sum())
    truth = population.truth(rng)
    noise = np.sqrt(share) * rng.normal(size=len(sizes))[group] + np.sqrt(1 - share) * rng.normal(size=population.rows)
    return said(truth, noise + population.separation * (truth - 0.5), group=group)
