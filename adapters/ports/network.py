"""What the networks of this folder share: what they return, how they read a hub configuration, how they start.

Tensors carry the hub's names, so modules nest as the hub nests them, in ModuleDicts. A type checker sees their outer
level only: hence `type: ignore[index]` where a network reaches into one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from dnabench.harness.errors import AdapterError

C = TypeVar("C")
KINDS: dict[str, tuple[type, ...]] = {"bool": (bool, int), "float": (float, int), "int": (int,), "str": (str,)}
"""Types of a configuration's values by the annotations of ours."""
NAMED = 8
"""Tensors that an error names before it counts."""
WRAPPERS = ("module.", "_orig_mod.", "model.")
"""What data parallelism, torch.compile and Lightning write in front of all names."""


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
    Raises AdapterError where a key without a default is missing, or a value is of another kind than the network's.

    >>> @dataclass
    ... class Config:
    ...     width: int
    ...     depth: int = 2
    >>> read_config(Config, {"width": 8, "depth": None, "torch_dtype": "float32"})
    Config(width=8, depth=2)
    """
    known = fields(kind)  # type: ignore[arg-type]  # any dataclass; Python has no bound that says so
    given = {f.name: config[f.name] for f in known if config.get(f.name) is not None}
    missing = [f.name for f in known if f.name not in given and f.default is MISSING and f.default_factory is MISSING]
    if missing:
        raise AdapterError(f"The configuration has no {', '.join(missing)}; the network cannot be built without.")
    for f in known:
        fits = KINDS.get(str(f.type), (object,))
        require(isinstance(given.get(f.name, f.default), (*fits, type(f.default))), _unfit(f.name, given, str(f.type)))
    return kind(**given)


def require(true: bool, sentence: str) -> None:
    """AdapterError with this sentence where a configuration asks for what the port does not do."""
    if not true:
        raise AdapterError(sentence)


def refuse(config: Mapping[str, Any], keys: Mapping[str, str]) -> None:
    """AdapterError for the first of these keys that a configuration sets, with what it asks for.

    >>> refuse({"is_decoder": False}, {"is_decoder": "attention to earlier tokens only"})
    """
    for key, what in keys.items():
        require(not config.get(key), f"{key} is {config.get(key)!r}: the port does not have {what}.")


def require_heads(width: int, heads: int) -> None:
    """AdapterError where a width cannot be shared out among attention heads."""
    require(heads > 0 and width % heads == 0, f"hidden_size {width} is no multiple of num_attention_heads {heads}.")


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """The function that hub configurations call `hidden_act`; AdapterError for one that none of them uses.

    >>> activation("relu")(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    known: dict[str, Callable[[Tensor], Tensor]] = {
        "gelu": functional.gelu,
        "gelu_new": _tanh_gelu,
        "gelu_pytorch_tanh": _tanh_gelu,
        "relu": functional.relu,
        "silu": functional.silu,
        "swish": functional.silu,
        "tanh": torch.tanh,
    }
    require(name in known, f"hidden_act {name!r} is none of {', '.join(known)}.")
    return known[name]


def _tanh_gelu(x: Tensor) -> Tensor:
    return functional.gelu(x, approximate="tanh")


def initialise(network: nn.Module, deviation: float) -> None:
    """Starts linear layers and embeddings from N(0, deviation) with zero biases, as BERT and GPT-2 do."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=deviation)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


def rotary_angles(length: int, size: int, device: torch.device, base: float = 10_000.0) -> tuple[Tensor, Tensor]:
    """Cosines and sines (length, size) that turn position by position (RoFormer, Su et al. 2021)."""
    steps = torch.arange(0, size, 2, dtype=torch.float32, device=device) / size
    turns = torch.outer(torch.arange(length, dtype=torch.float32, device=device), base**-steps)
    angles = torch.cat([turns, turns], dim=-1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turns the pairs (i, i + size / 2) of the last axis by each position's angles.

    >>> quarter = torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 1.0]])
    >>> rotate(torch.tensor([[1.0, 2.0]]), *quarter)
    tensor([[-2.,  1.]])
    """
    first, second = x.chunk(2, dim=-1)
    return (x * cos + torch.cat([-second, first], dim=-1) * sin).to(x.dtype)


def rounded_up(size: int, multiple: int) -> int:
    """The next multiple of a number: vocabularies are padded to one.

    >>> rounded_up(12, 8), rounded_up(16, 8)
    (16, 16)
    """
    return -(-size // multiple) * multiple


class HubNetwork(nn.Module):
    """A network whose tensors have the names of the hub's file, apart from shared and unused ones."""

    unused: ClassVar[tuple[str, ...]] = ()
    """Patterns of names that hub files carry and that no output depends on."""
    optional: ClassVar[tuple[str, ...]] = ()
    """Patterns of names that the configuration says as well, so that files may lack them."""
    body: ClassVar[str] = ""
    """Prefix of all below the heads, which files of the network without a head lack."""

    def load_hub_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Puts the tensors of a hub file in; RuntimeError names those that do not fit."""
        named = renamed(weights, self.state_dict(), self.body, self.unused)
        load_tied(self, named, self.unused, self.optional)


def renamed(
    weights: Mapping[str, Tensor], own: Collection[str], body: str = "", unused: tuple[str, ...] = ()
) -> dict[str, Tensor]:
    """Tensors by the names that a network has, without what wrappers write in front, with or without its body's prefix.

    Names that fit nothing stay as they are. Raises RuntimeError where two names mean one tensor.

    >>> sorted(renamed({"module.dense.weight": torch.ones(1), "other": torch.ones(1)}, {"bert.dense.weight"}, "bert."))
    ['bert.dense.weight', 'other']
    """
    found: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        fits = next((one for one in _spellings(name, body) if one in own or _fits(one, unused)), name)
        if fits in found:
            raise RuntimeError(f"{name} and another tensor of the file are both {fits}")
        found[fits] = tensor
    return found


def load_tied(
    network: nn.Module,
    weights: Mapping[str, Tensor],
    unused: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
) -> None:
    """Puts the tensors of a hub file in by their names, where files leave out or double tensors that are shared.

    A name may be missing if the tensor that it shares has another name in the file, or if it fits `optional`. A name
    that the network does not have may be there if it fits `unused`. All names of a shared tensor must carry the same
    values.
    Raises RuntimeError, as load_state_dict does, with the names that do not fit.
    """
    own = network.state_dict(keep_vars=True)
    given: dict[int, str] = {}
    wrong = [f"{name} (unknown)" for name in weights if name not in own and not _fits(name, unused)]
    for name in sorted(own.keys() & weights.keys()):
        first = given.setdefault(id(own[name]), name)
        if weights[name].shape != own[name].shape:
            wrong.append(f"{name} (of {_size(weights[name])}, not {_size(own[name])})")
        elif first != name and not torch.equal(weights[first], weights[name]):
            wrong.append(f"{name} (differs from {first}, which shares its tensor)")
    lacking = [name for name, tensor in own.items() if id(tensor) not in given and not _fits(name, optional)]
    wrong += [f"{name} (missing)" for name in lacking]
    if wrong:
        more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
        raise RuntimeError(f"{', '.join(sorted(wrong)[:NAMED])}{more}")
    network.load_state_dict({name: weights[name] for name in given.values()}, strict=False)


def _unfit(name: str, given: Mapping[str, Any], kind: str) -> str:
    return f"{name} is {given.get(name)!r}, and the network's is of the kind {kind}."


def _size(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "one number"


def _spellings(name: str, body: str) -> Iterator[str]:
    while True:
        yield from (name, f"{body}{name}", name.removeprefix(body))
        wrapper = next((one for one in WRAPPERS if name.startswith(one)), None)
        if wrapper is None:
            return
        name = name.removeprefix(wrapper)


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
