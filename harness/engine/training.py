"""The training loop: one network, one recipe, the step that is best on dev.

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
from ..sequence import reverse_complement
from .batches import Index, shuffled_batches
from .checkpoint import Checkpoint
from .gradient import Collate, Learner, Lesson, Network, Rows, predict
from .recipe import Recipe
from .tuning import learnt

__all__ = ["Collate", "Exam", "Lesson", "Network", "Rows", "Trained", "predict", "train"]

Raw = NDArray[np.float32]
Judge = Callable[[Raw], tuple[float, ...]]
"""Raw dev outputs to a rank: compared entry by entry, higher is better."""


@dataclass(frozen=True)
class Exam:
    """What selects the step: dev sequences and the judge of the raw outputs for them."""

    sequences: Sequence[str]
    judge: Judge
    seconds: Sequence[str] = ()
    identity: bytes = b""
    """What the judge goes by beside the sequences: its metric and labels."""


@dataclass
class Trained:
    """A trained network, with the step whose weights it holds and how it got there."""

    network: Network
    recipe: Recipe
    """As it ran: `tokens_per_pass` is what fitted the memory, `precision` what the device can do."""
    step: int = 0
    epoch: int = 0
    """In which that step lies, counted from 1; the last one where nothing judged."""
    looks: list[int] = field(default_factory=list)
    """Steps after which dev was looked at."""
    curve: list[tuple[float, ...]] = field(default_factory=list)
    """Rank at every look."""
    losses: list[float] = field(default_factory=list)
    """Mean training loss between two looks."""
    diverged: bool = False
    skipped: int = 0
    """Steps that float16 overflowed in."""

    def raw(self, sequences: Sequence[str], seconds: Sequence[str] = ()) -> Raw:
        """Raw outputs for sequences, float32 (n, outputs), in input order."""
        return predict(self.network, Rows(sequences, seconds), self.recipe)


def train(  # noqa: PLR0913, PLR0917 - a training has these six parts
    network: Network, lesson: Lesson, exam: Exam | None, recipe: Recipe, seed: int, checkpoint: Checkpoint | None = None
) -> Trained:
    """Train on the lesson; keep the weights of the look that the exam ranks first, the earliest of equals.

    Without an exam all steps are made and the last weights are kept. `seed` orders the rows; torch's own draws
    (dropout) come from its generator: see `devices.reproducible`. With a checkpoint, a training that was killed goes
    on where it was, on the CPU to the same bytes; who needs the network no longer removes it. Raises DivergedError
    where no look found numbers.
    """
    return _Training(Learner(network, lesson, recipe), exam, seed, checkpoint).run()


class DivergedError(AdapterError):
    """A training's loss, or what it said of the dev rows, became infinite or NaN before a step could be kept."""


class _Training:
    """State of one training."""

    def __init__(self, learner: Learner, exam: Exam | None, seed: int, checkpoint: Checkpoint | None) -> None:
        self.learner, self.exam, self.checkpoint = learner, exam, checkpoint
        self.rows = learner.lesson.rows
        self.lengths = self.rows.lengths()
        self.steps = learner.recipe.steps(len(self.lengths))
        self.done = Trained(learner.network, learner.recipe)
        self.best: dict[str, Tensor] = {}
        self.draw = np.random.default_rng(seed)
        self.before: Mapping[str, Any] = {}
        """State of `draw` in which the present epoch began."""
        self.batches: list[Index] = []
        self.step = self.at = self.counted = 0
        self.ended = False
        """True where patience, or a loss that is no number, ended the training before its last step."""
        self.total = torch.zeros((), dtype=torch.float64, device=learner.device)
        """Sum of the losses of the `counted` rows since the last look."""

    def run(self) -> Trained:
        self._resume()
        self.learner.replicas.train(True)
        while not self.ended and self.step < self.steps:
            self._one_step()
            self.ended = self._look() if self._is_due() else False
            if self.checkpoint is not None and self.checkpoint.due():
                self.checkpoint.save(*self._state())
        if self.counted and not self.done.diverged:
            self._close()
        self._finish()
        return self.done

    def _one_step(self) -> None:
        if self.at == len(self.batches):
            self._begin_epoch()
        recipe, batch = self.learner.recipe, self.batches[self.at]
        # A step that float16 skipped does not move the schedule, as in transformers.
        rate = recipe.rate(self.step - self.learner.skipped, self.steps)
        self.total += self.learner.step(batch, self._shown(batch), rate) * len(batch)
        self.counted += len(batch)
        self.step += 1
        self.at += 1

    def _begin_epoch(self) -> None:
        self.before = self.draw.bit_generator.state
        self.batches, self.at = shuffled_batches(self.lengths, self.learner.recipe.batch_size, self.draw), 0

    def _shown(self, batch: Index) -> Rows:
        """The rows of a batch, on either strand where the recipe says so."""
        rows = self.rows.at(batch)
        if not self.learner.recipe.both_strands:
            return rows
        turned = [self.draw.random() < 0.5 for _ in batch]
        first, second = (
            [reverse_complement(s) if turn else s for s, turn in zip(side, turned, strict=False)]
            for side in (rows.sequences, rows.seconds)
        )
        return Rows(first, second)

    def _is_due(self) -> bool:
        every = self.learner.recipe.evaluate_every
        if self.step == self.steps:
            return not every or not self.done.looks or self.step % every == 0
        return self.step % every == 0 if every else self.at == len(self.batches)

    def _look(self) -> bool:
        """Whether the training ends with what dev says now."""
        if not self._close():
            return True
        done = self.done
        done.looks.append(self.step)
        if self.exam is None:
            return False
        done.recipe = self.learner.recipe
        rank = self.exam.judge(done.raw(self.exam.sequences, self.exam.seconds))
        # Outputs that are no numbers rank lowest by all that judges: they are never kept.
        if any(map(np.isfinite, rank)) and rank > max(done.curve, default=()):
            done.step, self.best = self.step, _copied(self.learner.network.module)
        done.curve.append(rank)
        waited = len(done.looks) - (1 + done.looks.index(done.step) if self.best else 0)
        return 0 < self.learner.recipe.patience <= waited

    def _close(self) -> bool:
        """Ends a stretch between two looks; False where its loss is no longer a number."""
        mean = float(self.total) / self.counted
        self.total.zero_()
        self.counted = 0
        self.done.diverged = not np.isfinite(mean)
        if not self.done.diverged:
            self.done.losses.append(mean)
        return not self.done.diverged

    def _finish(self) -> None:
        done, recipe, module = self.done, self.learner.recipe, self.learner.network.module
        done.recipe, done.skipped = recipe, self.learner.skipped
        if self.checkpoint is not None and self.checkpoint.lasting:
            self.checkpoint.save(*self._state())
        per_epoch = -(-len(self.lengths) // recipe.batch_size)
        if not self.best and (done.diverged or done.curve):
            what = "training loss" if done.diverged else "outputs for the dev rows"
            raise DivergedError(
                f"the {what} became infinite or NaN in epoch {-(-self.step // per_epoch)}: lower learning_rate "
                f"(now {recipe.learning_rate:g}) or raise warmup_steps (now {recipe.warmup_steps})"
            )
        if self.best:
            _restore(module, self.best)
        else:
            done.step = self.step
        done.epoch = -(-done.step // per_epoch)
        module.eval()

    def _state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the rest of the training depends on."""
        learner, done = self.learner, self.done
        tensors = {f"module/{name}": tensor for name, tensor in learnt(learner.network.module).items()}
        tensors |= {f"best/{name}": tensor for name, tensor in self.best.items()}
        for number, entries in learner.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{number}/{name}": tensor for name, tensor in entries.items()}
        tensors |= {f"random/{name}": state for name, state in _random_states(learner.replicas.devices).items()}
        return tensors, {
            "position": [self.step, self.at, self.counted],
            "total": float(self.total),
            "draws": [self.before, self.draw.bit_generator.state],
            "done": [done.step, done.looks, done.curve, done.losses, done.diverged],
            "ended": self.ended,
            "tokens_per_pass": learner.recipe.tokens_per_pass,
            "skipped": learner.skipped,
            "scaler": learner.scaler.state_dict(),
        }

    def _resume(self) -> None:
        found = self.checkpoint.load() if self.checkpoint is not None else None
        if found is None:
            return
        tensors, state = found
        learner, done = self.learner, self.done
        _restore(learner.network.module, _below("module/", tensors))
        self.best = _below("best/", tensors)
        learner.optimizer.load_state_dict(
            {"state": _entries(tensors), "param_groups": learner.optimizer.state_dict()["param_groups"]}
        )
        self.step, self.at, self.counted = state["position"]
        self.total.fill_(state["total"])
        self.draw.bit_generator.state = self.before = state["draws"][0]
        self.batches = shuffled_batches(self.lengths, learner.recipe.batch_size, self.draw)
        self.draw.bit_generator.state = state["draws"][1]
        done.step, done.looks, curve, done.losses, done.diverged = state["done"]
        self.ended = state["ended"]
        done.curve = [tuple(rank) for rank in curve]
        learner.recipe = replace(learner.recipe, tokens_per_pass=state["tokens_per_pass"])
        learner.skipped = state["skipped"]
        learner.scaler.load_state_dict(state["scaler"])
        _set_random_states(_below("random/", tensors))


def _copied(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in learnt(module).items()}


def _restore(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, tensor in learnt(module).items():
            tensor.copy_(tensors[name])


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _entries(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """The optimizer's own nesting: number of the parameter → name → tensor."""
    found: dict[int, dict[str, Tensor]] = {}
    for path, tensor in _below("optimizer/", tensors).items():
        number, name = path.split("/")
        found.setdefault(int(number), {})[name] = tensor
    return found


def _random_states(devices: Sequence[torch.device]) -> dict[str, Tensor]:
    on_cuda = {str(device.index or 0): torch.cuda.get_rng_state(device) for device in devices if device.type == "cuda"}
    return {"cpu": torch.get_rng_state()} | on_cuda


def _set_random_states(states: Mapping[str, Tensor]) -> None:
    for name, state in states.items():
        if name == "cpu":
            torch.set_rng_state(state)
        else:
            torch.cuda.set_rng_state(state, int(name))
