"""One way to call every network, and weights from a folder's files into it."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from dnabench.harness.errors import AdapterError

from .network import Output
from .registry import load_weights

Weights = dict[str, Tensor]


class Network(nn.Module):
    """A port behind the call that all of dnabench makes: `network(input_ids, attention_mask)`.

    The mask is handed on only to ports that take one; `all_layers` and `with_logits` ask for no more than is needed.
    """

    def __init__(self, port: nn.Module) -> None:
        super().__init__()
        self.port = port
        self.masks = "mask" in inspect.signature(port.forward).parameters

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        *,
        all_layers: bool = False,
        with_logits: bool = True,
    ) -> Output:
        """Ids and mask (batch, tokens), 1 where a token is."""
        mask = {"mask": attention_mask} if self.masks else {}
        output: Output = self.port(input_ids, **mask, all_layers=all_layers, with_logits=with_logits)
        return output


def read_weights(files: Sequence[Path]) -> Weights:
    """All tensors of a checkpoint's files; pickled ones are read without running what they hold.

    Raises AdapterError for a file that cannot be read, or two files with a tensor of one name.
    """
    found: Weights = {}
    for file in files:
        part = _read(file)
        twice = found.keys() & part.keys()
        if twice:
            raise AdapterError(f"{file.name} holds {min(twice)}, which another file of the checkpoint holds too")
        found |= part
    return found


def _read(file: Path) -> Weights:
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        with warnings.catch_warnings():
            # What torch warns of, TorchScript and new pickles, is refused or settled below.
            warnings.simplefilter("ignore")
            held = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as problem:
        # Each library has errors of its own for a file that is cut short or not its own.
        raise AdapterError(f"{file.name} cannot be read as weights: {_unreadable(problem)}") from None
    held = held.get("state_dict", held) if isinstance(held, Mapping) else held
    if not isinstance(held, Mapping) or not all(isinstance(one, Tensor) for one in held.values()):
        raise AdapterError(f"{file.name} holds something else than named tensors: convert it to model.safetensors")
    return dict(held)


def _unreadable(problem: Exception) -> str:
    """Why, and what to do: torch's own text tells users to let the file run what it holds.

    >>> _unreadable(EOFError())
    'it is cut short, or no file of weights (EOFError): fetch it again'
    """
    said = str(problem)
    if isinstance(problem, OSError) and problem.strerror:
        return f"{problem.strerror}: make it readable"
    if "weights_only" not in said:
        return f"it is cut short, or no file of weights ({type(problem).__name__}): fetch it again"
    asked = re.search(r"GLOBAL ([\w.]+)", said)
    what = f"it asks for {asked[1]}" if asked else "it is no pickle of tensors"
    return f"{what}, and nothing that a pickle asks for is run: use a copy that has model.safetensors"


def fill(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Puts weights into a port or a network of transformers, in float32; AdapterError names what does not fit."""
    whole = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    load_weights(network, whole)


def parameters(network: nn.Module) -> int:
    """Number of parameters, shared ones counted once."""
    return sum({id(one): one.numel() for one in network.parameters()}.values())


def prove(network: nn.Module, ids: Sequence[int], where: str) -> None:
    """AdapterError unless a short input gives finite states that differ from token to token."""
    try:
        with torch.inference_mode():
            states = network(torch.tensor([list(ids)]), torch.ones(1, len(ids), dtype=torch.long)).last_hidden_state
    except RuntimeError as problem:
        reason = " ".join(str(problem).split())[:200]
        raise AdapterError(f"{where} cannot read a short sequence: its config.json is not its own ({reason})") from None
    if not torch.isfinite(states).all():
        raise AdapterError(f"{where} gives NaN or infinity for a short sequence: its weights are damaged")
    if states.std(dim=1).max() == 0:
        raise AdapterError(f"{where} says the same of every token of a short sequence: its weights were not loaded")


def linear_names(network: nn.Module, suffixes: Sequence[str]) -> tuple[str, ...]:
    """The suffixes that only linear layers' names end with: a family's sizes may call norms by the same numbers.

    >>> linear_names(nn.Sequential(nn.Sequential(nn.Linear(1, 1), nn.GELU())), ("0.0", "0.1", "2"))
    ('0.0',)
    """
    found = []
    for suffix in suffixes:
        fits = [part for name, part in network.named_modules() if f".{name}".endswith(f".{suffix}")]
        if fits and all(isinstance(part, nn.Linear) for part in fits):
            found.append(suffix)
    return tuple(found)
