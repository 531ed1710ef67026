"""How a network is trained, as plain numbers: everything that a record needs to repeat a training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from ..errors import RequestError, nearest

SCHEDULES = ("constant", "linear", "cosine")
PRECISIONS = ("float32", "bfloat16")
DEVICES = ("auto", "cpu", "cuda")
_CHOICES = {"schedule": SCHEDULES, "precision": PRECISIONS, "device": DEVICES}
_NUMBERS = ("learning_rate", "weight_decay", "clip", "beta2")


@dataclass(frozen=True)
class Recipe:
    """AdamW with warm-up, a schedule, gradient clipping, and early stopping on the dev rows."""

    learning_rate: float = 2e-3
    batch_size: int = 64
    epochs: int = 20
    """At most; the schedule is laid out over this many."""
    patience: int = 8
    """Epochs without a better dev score before training stops; 0 never stops early."""
    weight_decay: float = 0.1
    """Of matrices and filters; biases, norms and other vectors are left alone."""
    warmup_steps: int = 50
    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    """After the warm-up: constant, or down to 0 at the last step of the last epoch."""
    clip: float = 1.0
    """Largest norm of the gradient; 0 for no limit."""
    beta2: float = 0.999
    """AdamW's memory of squared gradients."""
    both_strands: bool = False
    """Show each training row as its reverse complement half of the time."""
    tokens_per_pass: int = 1 << 20
    """Rows times longest row of one pass; halved when the accelerator's memory is full."""
    precision: Literal["float32", "bfloat16"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = 1
    """On the CPU. Part of the recipe: sums split over another number of threads end in other digits."""

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of step 0, 1, … of `steps`.

        >>> recipe = Recipe(learning_rate=1.0, warmup_steps=2, schedule="linear")
        >>> [recipe.rate(step, 6) for step in range(6)]
        [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]
        """
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        done = (step - self.warmup_steps) / max(1, steps - self.warmup_steps)
        if self.schedule == "constant":
            return self.learning_rate
        if self.schedule == "linear":
            return self.learning_rate * (1 - done)
        return self.learning_rate * (1 + math.cos(math.pi * done)) / 2

    def as_config(self) -> dict[str, Any]:
        """The recipe as JSON-able numbers and words."""
        return asdict(self)


def read_recipe(config: Mapping[str, Any]) -> Recipe:
    """The recipe that a configuration spells out; keys that it leaves out keep their defaults.

    Raises RequestError for an unknown key, a wrong type or a value out of range.

    >>> read_recipe({"epochs": 3}).epochs
    3
    """
    known = {one.name: one.default for one in fields(Recipe)}
    for name, value in config.items():
        if name not in known:
            raise RequestError(f"finetune has no setting {name!r}.{nearest(name, list(known))}")
        _check(name, value, known[name])
    return Recipe(**config)


def _check(name: str, value: Any, default: Any) -> None:
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise RequestError(f"{name} is {value!r}; it must be true or false.")
    elif name in _CHOICES:
        if value not in _CHOICES[name]:
            raise RequestError(f"{name} is {value!r}; it must be one of {', '.join(_CHOICES[name])}.")
    elif name in _NUMBERS:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            raise RequestError(f"{name} is {value!r}; it must be a number of at least 0.")
    elif isinstance(value, bool) or not isinstance(value, int):
        raise RequestError(f"{name} is {value!r}; it must be a whole number.")
    elif value < (0 if name in ("patience", "warmup_steps") else 1):
        raise RequestError(f"{name} is {value!r}; that is too small.")
