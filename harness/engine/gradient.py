"""One step of an optimizer on one batch, in as many passes and on as many devices as there are.

The gradient is that of the whole batch, whatever its passes: only the order of the sums differs. (Batch norm is the
exception that its inventors made it: its statistics are those of a pass.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import AdapterError
from ..sequence import lengths as bases_of
from .batches import Index, halved, over_batches, token_batches
from .devices import autocast, choose_devices, float32_only, possible_precision
from .recipe import Precision, Recipe
from .replicas import Replicas
from .tuning import groups, running_statistics, set_training

Collate = Callable[[Sequence[str]], Mapping[str, Tensor]]


@dataclass(frozen=True)
class Network:
    """A torch module and what turns sequences into its keyword arguments.

    Where rows are pairs, `collate` is given all first sequences, then all second ones, and the module tensors
    (n, 2, …).
    """

    module: nn.Module
    collate: Collate

    def inputs(self, rows: Rows, device: torch.device) -> dict[str, Tensor]:
        """The keyword arguments for these rows, on a device."""
        found = self.collate([*rows.sequences, *rows.seconds])
        if not isinstance(found, Mapping):
            raise AdapterError(f"collate returned {type(found).__name__}; expected a mapping from names to tensors")
        if len(rows.seconds):
            found = {name: torch.stack(tensor.chunk(2), 1) for name, tensor in found.items()}
        return {name: _sent(tensor, device) for name, tensor in found.items()}


@dataclass(frozen=True)
class Rows:
    """Sequences, and where rows are pairs the second one of each."""

    sequences: Sequence[str]
    seconds: Sequence[str] = ()

    def lengths(self) -> Index:
        """Bases of each row: of the longer one of a pair."""
        first = bases_of(self.sequences)
        return np.maximum(first, bases_of(self.seconds)) if len(self.seconds) else first

    def at(self, index: Index) -> Rows:
        """The rows with these numbers."""
        return Rows([self.sequences[i] for i in index], [self.seconds[i] for i in index] if len(self.seconds) else ())


@dataclass(frozen=True)
class Lesson:
    """What to learn: sequences, their labels (along the first axis), mean loss of (raw outputs, labels)."""

    sequences: Sequence[str]
    labels: Tensor
    loss: Callable[[Tensor, Tensor], Tensor]
    seconds: Sequence[str] = ()
    weight: Callable[[Tensor], float] = len
    """What the mean of the loss is over: rows, or entries of a track that have a label."""

    @property
    def rows(self) -> Rows:
        """The rows without their labels."""
        return Rows(self.sequences, self.seconds)


class Learner:
    """A network on its devices with its optimizer."""

    def __init__(self, network: Network, lesson: Lesson, recipe: Recipe) -> None:
        devices = choose_devices(recipe.device, recipe.devices)
        self.network, self.lesson = network, lesson
        self.device = devices[0]
        self.recipe = replace(recipe, precision=_precision(network.module, self.device, recipe))
        """As it runs: a precision that the device and the network have, passes that fit its memory."""
        self.replicas = Replicas(network.module, devices)
        if recipe.compile:
            self.replicas.compile()
        betas = (recipe.beta1, recipe.beta2)
        self.optimizer = torch.optim.AdamW(
            groups(network.module, recipe), lr=recipe.learning_rate, betas=betas, eps=recipe.epsilon, fused=True
        )
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.recipe.precision == "float16")
        self.skipped = 0
        """Steps whose float16 gradient overflowed: the scale is lowered in place of a step."""

    def step(self, batch: Index, rows: Rows, rate: float) -> Tensor:
        """One step at a learning rate; the mean loss of the batch, float64, still on the device."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        loss = self._gradient(batch, rows)
        self.scaler.unscale_(self.optimizer)
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(self.network.module.parameters(), self.recipe.clip)
        before = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.skipped += self.scaler.get_scale() < before
        return loss

    def _gradient(self, batch: Index, rows: Rows) -> Tensor:
        lengths = rows.lengths()
        whole = _Batch(batch, rows, self.lesson.weight(self.lesson.labels[torch.from_numpy(batch)]) or 1)
        while True:
            self.replicas.spread()
            passes = _passes(lengths, self.recipe.tokens_per_pass, len(self.replicas.devices))
            try:
                losses = self.replicas.over(partial(self._pass, whole), passes)
            except torch.cuda.OutOfMemoryError:
                # The longest pass comes first, so it is the one that tells what fits.
                less = halved(self.recipe.tokens_per_pass, passes[0], lengths)
                self.recipe = replace(self.recipe, tokens_per_pass=less)
                continue
            self.replicas.gather()
            return torch.stack([loss.to(self.device) for loss in losses]).sum()

    def _pass(self, whole: _Batch, module: nn.Module, device: torch.device, part: Index) -> Tensor:
        """Adds the gradient of some rows of a batch; their share of its mean loss."""
        labels = self.lesson.labels[torch.from_numpy(whole.batch[part])]
        share = self.lesson.weight(labels) / whole.weight
        inputs = self.network.inputs(whole.rows.at(part), device)
        with autocast(device, self.recipe.precision):
            raw = _trained_on(module, inputs, len(part))
        loss = self.lesson.loss(raw.float(), _sent(labels, device)) * share
        torch.autograd.backward(self.scaler.scale(loss))
        return loss.detach().double()


@dataclass(frozen=True)
class _Batch:
    batch: Index
    rows: Rows
    weight: float


def _trained_on(module: nn.Module, inputs: Mapping[str, Tensor], rows: int) -> Tensor:
    """Raw outputs in training; one row alone, as the last of an epoch may be, is normed by what came before."""
    try:
        raw: Tensor = module(**inputs)
    except ValueError as problem:
        # One value has no spread: a batch norm refuses it, and the training would end for the sake of one row.
        if rows > 1 or "more than 1 value per channel" not in str(problem):
            raise
        with running_statistics(module):
            raw = module(**inputs)
    return raw


def _passes(lengths: Index, budget: int, devices: int) -> list[Index]:
    """Rows of a batch as passes that keep the budget; at least one for every device where there are rows enough."""
    whole = int(lengths.max(initial=1)) * len(lengths)
    passes = token_batches(lengths, min(budget, -(-whole // devices)))
    # One pass keeps the random order: sorting inside would be harmless, but needless.
    return passes if len(passes) > 1 else [np.arange(len(lengths))]


def _sent(tensor: Tensor, device: torch.device) -> Tensor:
    # From pinned memory the copy does not make the host wait.
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def predict(network: Network, rows: Rows, recipe: Recipe) -> NDArray[np.float32]:
    """Raw outputs of a network in evaluation mode, float32 (n, outputs), in input order; on the first device."""
    device, module = choose_devices(recipe.device, recipe.devices)[0], network.module
    was_training = module.training
    module.to(device).eval()

    def start(batch: Index) -> Callable[[], Any]:
        with torch.inference_mode(), autocast(device, _precision(module, device, recipe)):
            raw = module(**network.inputs(rows.at(batch), device)).float()
        return lambda: raw.cpu().numpy()

    parts = over_batches([start], rows.lengths(), recipe.tokens_per_pass)
    set_training(module, was_training)
    if not parts:
        return np.zeros((0, 0), np.float32)
    found = np.empty((len(rows.sequences), *parts[0][1].shape[1:]), np.float32)
    for batch, part in parts:
        found[batch] = part
    return found


def _precision(module: nn.Module, device: torch.device, recipe: Recipe) -> Precision:
    """The precision that really runs."""
    return "float32" if float32_only(module) else possible_precision(device, recipe.precision)
