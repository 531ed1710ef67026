"""What is read and how: a network with its tokenizer, and the choices that change what it says of a sequence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args, get_type_hints

import numpy as np
from numpy.typing import NDArray

from ..errors import RequestError

if TYPE_CHECKING:
    # Cards and tokenizers read this file, and need no torch to describe a model.
    from torch import nn

_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")
Ints = NDArray[np.int64]
Objective = Literal["masked", "causal", "none"]
Pooling = Literal["mean", "cls", "last", "max"]
Strands = Literal["one", "averaged"]
Long = Literal["crop", "crop-left", "windows", "windows-overlapping", "refuse"]
Precision = Literal["float32", "bfloat16", "float16"]
Likelihood = Literal["exact", "one-pass", "causal", "tokens"]


@dataclass(frozen=True)
class Tokens:
    """One sequence as tokens: ids (n,) and spans (n, 2), the first and the end base of each; (0, 0) for specials."""

    ids: Ints
    spans: Ints


class Tokenizer(Protocol):
    """What turns bases into tokens; `left` says on which side a batch is padded."""

    @property
    def pad(self) -> int: ...

    @property
    def mask(self) -> int: ...

    @property
    def left(self) -> bool: ...

    def encode(self, sequence: str) -> Tokens:
        """One sequence with the special tokens that the model was trained with."""
        ...


@dataclass(frozen=True)
class Reader:
    """A network with its tokenizer.

    `network(input_ids, attention_mask)` returns an object with `last_hidden_state` (batch, tokens, width),
    `logits` and `hidden_states`; the mask is given only where it `attends`. Where its `forward` has parameters
    `all_layers` and `with_logits` (ours) or `output_hidden_states` (transformers'), only what is needed is
    asked for.
    """

    network: nn.Module
    tokenizer: Tokenizer
    attends: bool
    """A padding mask is accepted. Where not, rows of one length are read together; causal networks are padded
    on the right, which what stands before cannot see."""
    objective: Objective = "none"
    context_tokens: int | None = None
    """Most tokens of one pass, specials included; None for no limit."""
    context_bases: int | None = None
    text: Mapping[int, str] = field(default_factory=dict)
    """Token id to the bases it stands for; likelihoods of bases are summed over it."""


@dataclass(frozen=True)
class Reading:
    """The choices of a reading; all but `device`, `tokens_per_batch` and `compile` are part of a model's identity."""

    pooling: Pooling = "mean"
    """`mean` and `max` over the tokens that stand for bases; `cls` the first token, `last` the last one."""
    layer: int = -1
    """-1: what the model's own heads read, after its final norm. Others count in `hidden_states`, 0 the embedding."""
    strands: Strands = "one"
    """`averaged`: the mean of what is said of the sequence and of its reverse complement."""
    long: Long = "crop"
    """Rows that exceed the context: `crop` keeps the centre, `crop-left` the first bases, `windows` reads adjacent
    stretches, `windows-overlapping` stretches that overlap by half, `refuse` is an error."""
    max_bases: int | None = None
    """Most bases of one pass, where that is to be fewer than the context."""
    dtype: Precision = "float32"
    """In which matrix products and convolutions are computed; outputs are float32 always."""
    likelihood: Likelihood = "exact"
    """Masked models: `exact` masks one place at a time, `one-pass` none; causal models are `causal` by either name.
    Both are probabilities of bases. `tokens` is DART-Eval's: log p of whole tokens among the whole vocabulary."""
    device: str = "auto"
    """`auto` (cuda where there is one), `cpu`, `cuda`, `cuda:1`, `all`, or several with commas between."""
    tokens_per_batch: int | None = None
    """Rows times longest row of one pass: 2,048 on the CPU, where more no longer fit its caches, 65,536 elsewhere.
    Halved when the accelerator's memory is full."""
    compile: bool = False

    def __post_init__(self) -> None:
        for name, known in choices().items():
            value = getattr(self, name)
            if value not in known:
                raise RequestError(f"{name} is {value!r}; it must be one of {', '.join(known)}.")
        for name, value in (("max_bases", self.max_bases), ("tokens_per_batch", self.tokens_per_batch)):
            if value is not None and value < 1:
                raise RequestError(f"{name} is {value}; it must be at least 1.")
        if self.device != "all" and not all(_DEVICE.fullmatch(part.strip()) for part in self.device.split(",")):
            raise RequestError(f"device is {self.device!r}; it must be auto, cpu, cuda, cuda:N, or all.")


def choices() -> dict[str, tuple[Any, ...]]:
    """Option of a reading → the words that it may be; only those that are words of a list."""
    hints = get_type_hints(Reading)
    return {one.name: get_args(hints[one.name]) for one in fields(Reading) if _is_choice(hints[one.name])}


def _is_choice(hint: Any) -> bool:
    return hasattr(hint, "__origin__") and hint.__origin__ is Literal
