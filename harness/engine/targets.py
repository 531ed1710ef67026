"""What a network's raw outputs mean for each kind of target: the loss to train by, the outputs to store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..errors import AdapterError
from ..stats import collapse
from ..types import OutputKind, Predictions, Target

Array = NDArray[Any]


@dataclass(frozen=True)
class Objective:
    """Cross-entropy for classes, binary cross-entropy per label, squared error of standardised values.

    A track has such a label for each of its bins; -100, for labels and values NaN, is a bin without one.
    """

    target: Target
    centre: float = 0.0
    spread: float = 1.0

    def labels(self, labels: Array) -> Tensor:
        """Labels of a split as the loss wants them: int64 (n,) for classes, else float32 (n, outputs).

        Of tracks: int64 (n, bins), else float32 (n, bins, outputs).
        """
        if self.target.kind == "class":
            return torch.from_numpy(np.asarray(labels, np.int64))
        if self.target.kind == "multilabel":
            return torch.from_numpy(np.asarray(labels, np.float32))
        values = (np.asarray(labels, np.float64) - self.centre) / self.spread
        return torch.from_numpy(values.astype(np.float32)[..., None])

    def loss(self, raw: Tensor, labels: Tensor) -> Tensor:
        """Mean loss of the rows, or of a track's labelled bins; AdapterError for raw outputs of another shape."""
        classes = self.target.kind == "class"
        if raw.ndim == 3:
            labels = labels[:, : raw.shape[1]]
        expected = (*labels.shape, self.target.outputs) if classes else tuple(labels.shape)
        if tuple(raw.shape) != expected:
            # A (n,) against (n, 1) would broadcast to a wrong loss without a word.
            raise AdapterError(f"the network returned shape {tuple(raw.shape)}; expected {expected}")
        if raw.ndim == 3:
            raw, labels = _labelled(raw, labels)
        if classes:
            return functional.cross_entropy(raw, labels)
        if self.target.kind == "multilabel":
            return functional.binary_cross_entropy_with_logits(raw, labels)
        return functional.mse_loss(raw, labels)

    def weight(self, labels: Tensor) -> float:
        """What the mean of the loss is over: rows, or a track's labelled bins."""
        track = 2 if self.target.kind == "class" else 3
        return len(labels) if labels.ndim < track else float(_has_label(labels).sum())

    def outputs(self, raw: Array) -> NDArray[np.float32]:
        """Raw outputs as probabilities or, for values, in the units of the labels; float32 of the same shape."""
        scores = torch.from_numpy(np.asarray(raw, np.float64))
        if self.target.kind == "class":
            scores = torch.softmax(scores, -1)
        elif self.target.kind == "multilabel":
            scores = torch.sigmoid(scores)
        else:
            scores = scores * self.spread + self.centre
        return scores.numpy().astype(np.float32)


def objective_of(target: Target, labels: Array) -> Objective:
    """The objective of a task, with the centre and spread of train's labels where they are values."""
    if target.kind != "value":
        return Objective(target)
    values = np.asarray(labels, np.float64)
    return Objective(target, float(np.nanmean(values)), float(np.nanstd(values)) or 1.0)


def collapsed(outputs: Array, target: Target) -> bool:
    """True where a trained network says the same of every row: one class for all, or constant columns.

    >>> collapsed(np.array([[0.6, 0.4], [0.9, 0.1]]), Target("class", ("0", "1")))
    True
    """
    if len(outputs) < 2:
        return False
    flat = outputs.reshape(-1, outputs.shape[-1])
    unknown = np.zeros(len(flat), np.int64)
    kind: OutputKind = "value" if target.kind == "value" else "probability"
    return bool(collapse.collapsed(Predictions("", kind, unknown, unknown, flat[None], ("",)), target))


def _labelled(raw: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The bins of a track that have a label; none of them counts as one bin without loss."""
    there = _has_label(labels)
    if not there.any():
        return (raw * 0).flatten(0, 1), torch.zeros_like(labels.flatten(0, 1))
    return raw[there], labels[there]


def _has_label(labels: Tensor) -> Tensor:
    return labels >= 0 if labels.dtype == torch.int64 else labels.isfinite().all(-1)
