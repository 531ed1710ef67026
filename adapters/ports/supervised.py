"""Supervised networks from scratch: built for a task's length, at least for the shortest that they can read."""

from __future__ import annotations

import warnings
from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .bend_cnn import BENDProbe
from .bend_cnn import Config as ProbeConfig
from .gpn import ConvNet
from .gpn import from_config as gpn_from_config
from .registry import build

LONG_ENOUGH = 4096
"""Rows of this length are long enough for every layout here."""
DANQ_SHORTEST = 26 + 13 - 1
"""A kernel and a pool; the others are tried without memory, which takes long for an LSTM."""
CHANNELS = 4
BEND_LETTERS = (0, 1, 2, 4, 3, 3)
"""BEND sorts its letters A, C, G, N, T: ids of A, C, G, T, any other letter and padding."""
GPN_LETTERS = (3, 4, 5, 6, 2, 0)


class Rows(nn.Module):
    """A network over one-hot rows of one length: shorter rows end in zeros, as letters other than A, C, G, T are."""

    def __init__(self, network: nn.Module, length: int) -> None:
        super().__init__()
        self.network, self.length = network, length

    def forward(self, codes: Tensor) -> Tensor:
        """Raw outputs (n, outputs) for codes (n, at most length): A 0, C 1, G 2, T 3, others above."""
        codes = nn.functional.pad(codes, (0, self.length - codes.shape[1]), value=CHANNELS)
        flags = nn.functional.one_hot(codes.clamp(max=CHANNELS), CHANNELS + 1)[..., :CHANNELS]
        raw: Tensor = self.network(flags.transpose(1, 2).float())
        return raw


class Bend(nn.Module):
    """BEND's two convolutions on letters, or behind its ResNet, averaged over the row."""

    def __init__(self, outputs: int, length: int, trunk: ConvNet | None, **sizes: int) -> None:
        super().__init__()
        width = 5 if trunk is None else trunk.config.hidden_size
        self.length, self.trunk = length, trunk
        self.probe = BENDProbe(ProbeConfig(width, outputs, output_downsample_window=length, **sizes))
        letters = BEND_LETTERS if trunk is None else GPN_LETTERS
        self.register_buffer("letters", torch.tensor(letters), persistent=False)

    def forward(self, codes: Tensor) -> Tensor:
        """Raw outputs (n, outputs) for codes (n, at most length)."""
        codes = nn.functional.pad(codes, (0, self.length - codes.shape[1]), value=CHANNELS + 1)
        ids = self.get_buffer("letters")[codes]
        raw: Tensor = self.probe(ids if self.trunk is None else self.trunk(ids, with_logits=False).last_hidden_state)
        return raw


def network(family: str, outputs: int, length: int, sizes: Mapping[str, Any]) -> nn.Module:
    """A fresh network of a family for rows of up to `length` bases, drawn from torch's current seed."""
    if family == "bend-cnn":
        return Bend(outputs, length, None, **sizes)
    if family == "bend-resnet":
        kept = {"model_type": "ConvNet", "hidden_size": 256, "n_layers": 30, "kernel_size": 9, **sizes}
        trunk = gpn_from_config(kept)
        assert isinstance(trunk, ConvNet)
        trunk.cls = nn.ModuleDict()  # the head for tokens, which nothing here reads
        return Bend(outputs, length, trunk)
    length = shortest(family, length, sizes)
    return Rows(build(config(family, outputs, length, sizes)).train(), length)


def shortest(family: str, length: int, sizes: Mapping[str, Any]) -> int:
    """The length itself, or the shortest above it that leaves a position to the last layer."""
    if family == "danq" or length >= LONG_ENOUGH:
        return max(length, DANQ_SHORTEST) if family == "danq" else length
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of layers without inputs
        return bisect_left(range(LONG_ENOUGH), True, lo=length, key=lambda n: _reads(family, n, sizes))


def config(family: str, outputs: int, length: int, sizes: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a port for a task."""
    dart = family.startswith("dart")
    task = {"out_channels": outputs, "seq_len": length} if dart else {"num_labels": outputs, "sequence_length": length}
    return {"model_type": family, **sizes, **task}


def _reads(family: str, length: int, sizes: Mapping[str, Any]) -> bool:
    run: Callable[[Tensor], Tensor]
    try:
        run = build(config(family, 1, length, sizes))
        return bool(run(torch.zeros(2, CHANNELS, length)).shape == (2, 1))
    except (RuntimeError, ValueError):
        # torch refuses a kernel that is longer than its input, or a layer without inputs.
        return False
