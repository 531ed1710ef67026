"""What the networks of this folder share: what they return, how they read a hub configuration, how they start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dnabench.harness.errors import AdapterError

C = TypeVar("C")


@dataclass(frozen=True)
class Output:
    """What a network says about a batch of tokens.

    `last_hidden_state` (batch, tokens, width) is always what the family's own heads read, after its final norm if it
    has one. `hidden_states` are the states that the family's own code reports, in its order, empty unless asked for.
    `extras` holds what only some families have (pooler output, features of a second branch).
    """

    last_hidden_state: Tensor
    hidden_states: tuple[Tensor, ...] = ()
    logits: Tensor | None = None
    extras: dict[str, Tensor | tuple[Tensor, ...]] = field(default_factory=dict)


def read_config(kind: type[C], config: Mapping[str, Any]) -> C:
    """The configuration of a network from the keys of a hub `config.json`; keys that it does not know are left out.

    A key that is absent, or null where the network has a default, takes the default of the family's own code.
    Raises AdapterError where a key without a default is missing.

    >>> @dataclass
    ... class Config:
    ...     width: int
    ...     depth: int = 2
    >>> read_config(Config, {"width": 8, "depth": None, "torch_dtype": "float32"})
    Config(width=8, depth=2)
    """
    known = fields(kind)  # type: ignore[arg-type]
    given = {f.name: config[f.name] for f in known if config.get(f.name) is not None}
    missing = [
        f.name
        for f in known
        if f.name not in given and f.default is MISSING and f.default_factory is MISSING
    ]
    if missing:
        raise AdapterError(f"The configuration has no {', '.join(missing)}; the network cannot be built without.")
    return kind(**given)


def require(true: bool, sentence: str) -> None:
    """AdapterError with this sentence where a configuration asks for what the port does not do."""
    if not true:
        raise AdapterError(sentence)


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """The function that hub configurations call `hidden_act`; AdapterError for one that none of them uses.

    >>> activation("relu")(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    known: dict[str, Callable[[Tensor], Tensor]] = {
        "gelu": F.gelu,
        "gelu_new": _tanh_gelu,
        "gelu_pytorch_tanh": _tanh_gelu,
        "relu": F.relu,
        "silu": F.silu,
        "swish": F.silu,
        "tanh": torch.tanh,
    }
    require(name in known, f"hidden_act {name!r} is none of {', '.join(known)}.")
    return known[name]


def _tanh_gelu(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


def initialise(network: nn.Module, deviation: float) -> None:
    """Starts linear layers and embeddings from N(0, deviation) with zero biases, as BERT and GPT-2 do."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=deviation)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


def rounded_up(size: int, multiple: int) -> int:
    """The next multiple of a number: vocabularies are padded to one.

    >>> rounded_up(12, 8), rounded_up(16, 8)
    (16, 16)
    """
    return -(-size // multiple) * multiple
