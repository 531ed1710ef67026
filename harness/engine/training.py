"""The training loop: one network, one recipe, the epoch that is best on dev.

A network is any `torch.nn.Module` whose `forward(**collate(sequences))` returns raw outputs (n, outputs).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import AdapterError
from ..sequence import lengths as bases_of
from ..sequence import reverse_complement
from .batches import Index, halved, in_batches, shuffled_batches, token_batches
from .devices import autocast, choose_device
from .recipe import Recipe

Collate = Callable[[Sequence[str]], Mapping[str, Tensor]]
Raw = NDArray[np.float32]
Judge = Callable[[Raw], tuple[float, ...]]
"""Raw dev outputs to a rank: compared entry by entry, higher is better."""


@dataclass(frozen=True)
class Network:
    """A torch module and what turns sequences into its keyword arguments."""

    module: nn.Module
    collate: Collate


@dataclass(frozen=True)
class Lesson:
    """What to learn: sequences, their labels (along the first axis), mean loss of (raw outputs, labels)."""

    sequences: Sequence[str]
    labels: Tensor
    loss: Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Exam:
    """What selects the epoch: dev sequences and the judge of the raw outputs for them."""

    sequences: Sequence[str]
    judge: Judge


@dataclass
class Trained:
    """A trained network, with the epoch whose weights it holds and how it got there."""

    network: Network
    recipe: Recipe
    """As it ended: `tokens_per_pass` is what fitted the memory."""
    epoch: int = 0
    """Counted from 1; the last one where nothing judged."""
    curve: list[tuple[float, ...]] = field(default_factory=list)
    """Rank of every epoch."""
    losses: list[float] = field(default_factory=list)
    """Mean training loss of every epoch."""
    diverged: bool = False

    def raw(self, sequences: Sequence[str]) -> Raw:
        """Raw outputs for sequences, float32 (n, outputs), in input order."""
        return predict(self.network, sequences, self.recipe)


def train(network: Network, lesson: Lesson, exam: Exam | None, recipe: Recipe, seed: int) -> Trained:
    """Train on the lesson; keep the weights of the epoch that the exam ranks first, the earliest of equals.

    Without an exam all epochs are trained and the last one is kept. `seed` orders the rows; torch's own draws
    (dropout) come from its generator: see `devices.reproducible`. Raises AdapterError where the loss is not
    finite before any epoch was selected.
    """
    return _Training(network, lesson, exam, recipe, seed).run()


def predict(network: Network, sequences: Sequence[str], recipe: Recipe) -> Raw:
    """Raw outputs of a network in evaluation mode, float32 (n, outputs), in input order."""
    device, module = choose_device(recipe.device), network.module
    was_training = module.training
    module.to(device).eval()

    def forward(batch: list[str]) -> Raw:
        with torch.inference_mode(), autocast(device, recipe.precision):
            return np.asarray(module(**_moved(network.collate(batch), device)).float().cpu().numpy())

    found = in_batches(forward, sequences, recipe.tokens_per_pass)
    module.train(was_training)
    return found


class _Training:
    """State of one training."""

    def __init__(self, network: Network, lesson: Lesson, exam: Exam | None, recipe: Recipe, seed: int) -> None:
        self.lesson, self.exam = lesson, exam
        self.device = choose_device(recipe.device)
        self.module = network.module.to(self.device)
        self.lengths = bases_of(lesson.sequences)
        self.draw = np.random.default_rng(seed)
        self.steps = recipe.epochs * -(-len(lesson.sequences) // recipe.batch_size)
        self.step = 0
        self.trained = Trained(network, recipe)
        self.optimizer = torch.optim.AdamW(_groups(self.module, recipe), betas=(0.9, recipe.beta2))
        self.best: dict[str, Tensor] = {}

    def run(self) -> Trained:
        done = self.trained
        for epoch in range(1, done.recipe.epochs + 1):
            if not self._epoch():
                done.diverged = True
                break
            if self.exam is None:
                done.epoch = epoch
                continue
            rank = self.exam.judge(done.raw(self.exam.sequences))
            if not done.curve or rank > max(done.curve):
                done.epoch, self.best = epoch, _copied(self.module)
            done.curve.append(rank)
            if 0 < done.recipe.patience <= epoch - done.epoch:
                break
        if done.diverged and not self.best:
            raise AdapterError(
                f"the training loss became infinite or NaN in epoch {done.epoch + 1}: lower learning_rate "
                f"(now {done.recipe.learning_rate:g}) or raise warmup_steps (now {done.recipe.warmup_steps})"
            )
        if self.best:
            self.module.load_state_dict(self.best)
        self.module.eval()
        return done

    def _epoch(self) -> bool:
        """One pass over the rows; False where the loss is no longer a number."""
        self.module.train()
        total = torch.zeros((), dtype=torch.float64)
        for batch in shuffled_batches(self.lengths, self.trained.recipe.batch_size, self.draw):
            total += self._update(batch) * len(batch)
        mean = float(total) / len(self.lesson.sequences)
        if not np.isfinite(mean):
            return False
        self.trained.losses.append(mean)
        return True

    def _update(self, batch: Index) -> float:
        """One step of the optimizer on one batch, in as many passes as the memory asks for."""
        recipe = self.trained.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.rate(self.step, self.steps)
        sequences = [self._strand(self.lesson.sequences[i]) for i in batch]
        loss = self._gradient(batch, sequences)
        if recipe.clip:
            nn.utils.clip_grad_norm_(self.module.parameters(), recipe.clip)
        self.optimizer.step()
        self.step += 1
        return loss

    def _gradient(self, batch: Index, sequences: list[str]) -> float:
        while True:
            recipe = self.trained.recipe
            passes = token_batches(self.lengths[batch], recipe.tokens_per_pass)
            # One pass keeps the random order: sorting inside would be harmless, but needless.
            passes = passes if len(passes) > 1 else [np.arange(len(batch))]
            self.optimizer.zero_grad(set_to_none=True)
            part = passes[0]
            try:
                return sum(self._pass(batch[part], [sequences[i] for i in part], len(batch)) for part in passes)
            except torch.cuda.OutOfMemoryError:
                # The longest pass comes first, so it is the one that tells what fits.
                less = halved(recipe.tokens_per_pass, batch[part], self.lengths)
                self.trained.recipe = replace(recipe, tokens_per_pass=less)

    def _pass(self, part: Index, sequences: list[str], rows: int) -> float:
        inputs = _moved(self.trained.network.collate(sequences), self.device)
        labels = self.lesson.labels[torch.from_numpy(part)].to(self.device)
        with autocast(self.device, self.trained.recipe.precision):
            raw = self.module(**inputs)
        loss = self.lesson.loss(raw.float(), labels) * (len(part) / rows)
        torch.autograd.backward(loss)
        return float(loss.detach())

    def _strand(self, sequence: str) -> str:
        if self.trained.recipe.both_strands and self.draw.random() < 0.5:
            return reverse_complement(sequence)
        return sequence


def _groups(module: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Parameters with and without weight decay."""
    learnt = [p for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in learnt if p.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [p for p in learnt if p.ndim < 2], "weight_decay": 0.0},
    ]


def _moved(inputs: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    return {name: tensor.to(device) for name, tensor in inputs.items()}


def _copied(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in module.state_dict().items()}
