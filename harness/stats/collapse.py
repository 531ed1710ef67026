"""Replicates that learnt nothing: found, shown, and left out only by name.

The rule: a replicate is collapsed where it gives one class for every test row; where the answers are values or
labels, where no column varies (its range is at most 10⁻⁶ of the largest number). Accuracy, MCC and F1 of such a
replicate are those of a constant. A mean over replicates keeps it: leaving it out flatters the
recipe, which does collapse now and then.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from dnabench.harness.errors import RequestError
from dnabench.harness.metrics import label_problems
from dnabench.harness.types import Predictions, Target

FLAT = 1e-6
"""Range over largest size of values that count as constant."""


def collapsed(predictions: Predictions, target: Target) -> tuple[str, ...]:
    """Names of the replicates that say the same of every row; none where there are fewer than two rows.

    >>> outputs = np.array([[[0.6, 0.4], [0.9, 0.1]], [[0.2, 0.8], [0.9, 0.1]]])
    >>> keys = np.arange(2, dtype=np.uint64)
    >>> said = Predictions("t/x", "probability", keys, np.array([1, 0]), outputs, ("seed 0", "seed 1"))
    >>> collapsed(said, Target("class", ("0", "1")))
    ('seed 0',)
    """
    if len(predictions.truth) < 2:
        return ()
    found = zip(predictions.replicates, predictions.outputs, strict=True)
    return tuple(name for name, outputs in found if _constant(predictions, outputs, target))


def without(predictions: Predictions, names: Collection[str]) -> Predictions:
    """The same predictions without the replicates named. Raises RequestError for unknown names and if none is left."""
    unknown = sorted(set(names) - set(predictions.replicates))
    kept = [at for at, name in enumerate(predictions.replicates) if name not in names]
    if unknown or not kept:
        what = f"no replicate {', '.join(unknown)}" if unknown else "no replicate would be left"
        raise RequestError(f"{predictions.task}: {what}; there are {', '.join(predictions.replicates)}.")
    names_kept = tuple(predictions.replicates[at] for at in kept)
    return replace(predictions, outputs=predictions.outputs[kept], replicates=names_kept)


def _constant(predictions: Predictions, outputs: np.ndarray, target: Target) -> bool:
    if target.kind == "class" and outputs.shape[1] > 1:
        _, predicted = label_problems(predictions.truth, outputs, predictions.kind, target)
        return bool((predicted == predicted[:, :1]).all())
    return bool((np.ptp(outputs, axis=0) <= FLAT * np.abs(outputs).max()).all())
