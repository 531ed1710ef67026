"""How a network is trained, as plain numbers: everything that a record needs to repeat a training.

docs/recipes.md explains every key to those who write recipes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ..errors import RequestError, nearest

Precision = Literal["float32", "bfloat16", "float16"]

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "mode": ("full", "lora", "ia3", "head"),
    "schedule": ("constant", "linear", "cosine"),
    "select": ("metric", "loss"),
    "pooling": ("card", "mean", "cls", "last", "max"),
    "head": ("linear", "dense"),
    "precision": ("float32", "bfloat16", "float16"),
    "device": ("auto", "cpu", "cuda", "cuda:N"),
    "devices": ("one", "all"),
}
_MAY_BE_ZERO = ("patience", "warmup_steps", "max_steps", "evaluate_every", "max_tokens")
_SHARES = ("warmup_ratio", "final_rate", "lora_dropout", "head_dropout")
_UNSEARCHABLE = ("search", "select", "device", "devices", "threads", "compile")
"""`select` is what runs are compared by: with two of them there is no best one."""


@dataclass(frozen=True)
class Recipe:
    """AdamW with warm-up, a schedule, gradient clipping, and selection and early stopping on the dev rows."""

    mode: Literal["full", "lora", "ia3", "head"] = "full"
    """What is trained beside the head: all, low-rank updates, IA3's scales, or nothing."""
    learning_rate: float = 2e-3
    head_learning_rate: float = 0.0
    """Of the head; 0: the same as of the rest."""
    batch_size: int = 64
    """Rows of one step, whatever the passes and devices that share them."""
    epochs: int = 20
    """At most; the schedule is laid out over this many."""
    max_steps: int = 0
    """Steps of the whole training, in place of epochs; 0: epochs count."""
    evaluate_every: int = 0
    """Steps between two looks at the dev rows; 0: after every epoch."""
    select: Literal["metric", "loss"] = "metric"
    """What is best on dev: the highest metric (the smaller loss among equals), or the smallest loss."""
    patience: int = 8
    """Looks at dev without a better one before training stops; 0 never stops early."""
    weight_decay: float = 0.1
    """Of matrices and filters; biases, norms and other vectors are left alone."""
    decay_vectors: bool = False
    """Let biases, norms and other vectors decay too."""
    warmup_steps: int = 50
    """The rate rises from 0 over these."""
    warmup_ratio: float = 0.0
    """Share of all steps to warm up over, in place of warmup_steps; 0: those count."""
    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    """After the warm-up: constant, or down to `final_rate` at the last step."""
    final_rate: float = 0.0
    """Share of the learning rate that linear and cosine end at."""
    clip: float = 1.0
    """Largest norm of the gradient; 0 for no limit."""
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    """AdamW's memory of gradients and of their squares, and its smallest divisor."""
    both_strands: bool = False
    """Show each training row as its reverse complement half of the time."""
    max_tokens: int = 0
    """Rows are cut on the right after so many tokens, specials included; 0: at the model's context only."""
    pooling: Literal["card", "mean", "cls", "last", "max"] = "card"
    """How states become one vector; `card`: as the model's own option says."""
    head: Literal["linear", "dense"] = "linear"
    """dense: linear, tanh, dropout, linear, as BERT classifies."""
    head_dropout: float = 0.1
    """In the dense head."""
    lora_rank: int = 8
    lora_alpha: float = 16.0
    lora_dropout: float = 0.05
    lora_targets: tuple[str, ...] = ()
    """Suffixes of module names; empty: those that the model's card names."""
    tokens_per_pass: int = 1 << 17
    """Rows times longest row (in bases) of one pass; halved when the accelerator's memory is full."""
    precision: Precision = "float32"
    device: str = "auto"
    """auto, cpu, cuda, or one accelerator by its number: cuda:1."""
    devices: Literal["one", "all"] = "one"
    threads: int = 1
    """On the CPU. Part of the recipe: sums split over another number of threads end in other digits."""
    compile: bool = False
    """torch.compile the network."""
    search: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Key to values: every combination is trained, the best on dev is kept."""

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of step 0, 1, … of `steps`; the schedules are those of transformers.

        >>> recipe = Recipe(learning_rate=1.0, warmup_steps=2, schedule="linear")
        >>> [recipe.rate(step, 6) for step in range(6)]
        [0.0, 0.5, 1.0, 0.75, 0.5, 0.25]
        """
        warmup = math.ceil(self.warmup_ratio * steps) if self.warmup_ratio else self.warmup_steps
        if step < warmup:
            return self.learning_rate * step / warmup
        if self.schedule == "constant":
            return self.learning_rate
        done = min(1.0, (step - warmup) / max(1, steps - warmup))
        left = 1 - done if self.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2
        return self.learning_rate * (self.final_rate + (1 - self.final_rate) * left)

    def steps(self, rows: int) -> int:
        """Steps of a training on so many rows.

        >>> Recipe(batch_size=32, epochs=10).steps(4904), Recipe(max_steps=1000).steps(4904)
        (1540, 1000)
        """
        return self.max_steps or self.epochs * -(-rows // self.batch_size)

    def as_config(self) -> dict[str, Any]:
        """The recipe as JSON-able numbers, words and lists."""
        config = asdict(self)
        search = {name: list(values) for name, values in self.search.items()}
        return config | {"search": search, "lora_targets": list(self.lora_targets)}


def read_recipe(config: Mapping[str, Any]) -> Recipe:
    """The recipe that a configuration spells out; keys that it leaves out keep their defaults.

    Raises RequestError for an unknown key, a wrong type or a value out of range.

    >>> read_recipe({"epochs": 3}).epochs
    3
    """
    known = Recipe().as_config()
    for name, value in config.items():
        if name not in known:
            raise RequestError(f"finetune has no setting {name!r}.{nearest(name, list(known))}")
        _check(name, value, known[name])
    search = {name: tuple(config["search"][name]) for name in sorted(config.get("search", {}))}
    targets = tuple(config.get("lora_targets", ()))
    return Recipe(**{**config, "search": search, "lora_targets": targets})


def _check(name: str, value: Any, default: Any) -> None:
    if name == "search":
        _check_search(value)
    elif name == "lora_targets":
        if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) and one for one in value):
            raise RequestError(f"{name} is {value!r}; it must be a list of names.")
    elif isinstance(default, bool):
        if not isinstance(value, bool):
            raise RequestError(f"{name} is {value!r}; it must be true or false.")
    elif name in _CHOICES:
        if value not in _CHOICES[name] and not (name == "device" and re.fullmatch(r"cuda:\d+", str(value))):
            raise RequestError(f"{name} is {value!r}; it must be one of {', '.join(_CHOICES[name])}.")
    else:
        _check_number(name, value, default)


def _check_number(name: str, value: Any, default: float) -> None:
    whole = isinstance(default, int)
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise RequestError(f"{name} is {value!r}; it must be a {'whole ' if whole else ''}number.")
    if not whole and not 0 <= value < math.inf:
        raise RequestError(f"{name} is {value!r}; it must be a number of at least 0.")
    if whole and value < (0 if name in _MAY_BE_ZERO else 1):
        raise RequestError(f"{name} is {value!r}; that is too small.")
    if (name in _SHARES or name in ("beta1", "beta2")) and value >= 1:
        raise RequestError(f"{name} is {value!r}; it must be below 1.")


def _check_search(value: Any) -> None:
    if not isinstance(value, Mapping):
        raise RequestError(f"search is {value!r}; write a list of values for each key, as search.learning_rate=[…].")
    known = Recipe().as_config()
    for name, values in value.items():
        if name not in known or name in _UNSEARCHABLE:
            raise RequestError(f"search cannot vary {name!r}.{nearest(name, list(known))}")
        if not isinstance(values, (list, tuple)) or not values:
            raise RequestError(f"search.{name} is {values!r}; it must be a list of values to try.")
        for one in values:
            _check(name, one, known[name])
