"""DART-Eval's supervised networks (Patel et al., NeurIPS 2024): a probe on embeddings and two that read
bases.

    probe            embeddings (n, length, width) ─ Conv k1, ReLU ─ [Conv k8, ReLU] × 2 ─ sum ─ Dense
    ab initio        one-hot ─ Conv k41 "same" + position, ReLU ─ probe
    ChromBPNet-like  one-hot ─ Conv k41 "same" + position, ReLU ─ Conv k21, ReLU ─ residual dilated Convs k3
                     ─ mean ─ Dense

All convolutions of the probe have one position of padding: the first one, of kernel 1, so adds a position at
each end. Key names are those of src/dnalm_bench/task_1_paired_control/supervised/training.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .network import read_config


@dataclass(frozen=True)
class ProbeConfig:
    """Sizes of the probe."""

    input_channels: int
    hidden_channels: int = 32
    kernel_size: int = 8
    out_channels: int = 2


@dataclass(frozen=True)
class FrontConfig:
    """Sizes of the layer that reads bases."""

    seq_len: int
    emb_channels: int = 256
    init_kernel_size: int = 41
    pos_channels: int = 1


@dataclass(frozen=True)
class TrunkConfig:
    """Sizes of the dilated trunk."""

    emb_channels: int = 256
    n_filters: int = 512
    n_residual: int = 7
    trunk_kernel_size: int = 21
    residual_kernel_size: int = 3
    out_channels: int = 2


class Probe(nn.Module):
    """Logits (n, outputs) for embeddings (n, length, width), one for each base."""

    def __init__(self, config: ProbeConfig) -> None:
        super().__init__()
        hidden, kernel = config.hidden_channels, config.kernel_size
        self.conv1 = nn.Conv1d(config.input_channels, hidden, 1, padding=1)
        self.conv2 = nn.Conv1d(hidden, hidden, kernel, padding=1)
        self.conv3 = nn.Conv1d(hidden, hidden, kernel, padding=1)
        self.fc1 = nn.Linear(hidden, config.out_channels)

    def forward(self, embeddings: Tensor) -> Tensor:
        x = embeddings.transpose(1, 2)
        for convolution in (self.conv1, self.conv2, self.conv3):
            x = functional.relu(convolution(x))
        logits: Tensor = self.fc1(x.sum(2))
        return logits


class DilatedTrunk(nn.Module):
    """Logits (n, outputs) by ever wider residual convolutions without padding, averaged over what is left."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        width, kernel = config.n_filters, config.residual_kernel_size
        self.iconv = nn.Conv1d(config.emb_channels, width, config.trunk_kernel_size)
        self.rconvs = nn.ModuleList(nn.Conv1d(width, width, kernel, dilation=2**i) for i in range(config.n_residual))
        self.output_layer = nn.Linear(width, config.out_channels)

    def forward(self, embeddings: Tensor) -> Tensor:
        x = functional.relu(self.iconv(embeddings.transpose(1, 2)))
        for convolution in self.rconvs:
            wider = functional.relu(convolution(x))
            cut = (x.shape[2] - wider.shape[2]) // 2
            x = x[:, :, cut : cut + wider.shape[2]] + wider
        logits: Tensor = self.output_layer(x.mean(2))
        return logits


class BaseReader(nn.Module):
    """Logits (n, outputs) for one-hot rows (n, 4, length): bases and their places, then a trunk."""

    def __init__(self, config: FrontConfig, trunk: nn.Module) -> None:
        super().__init__()
        width = config.emb_channels
        self.iconv = nn.Conv1d(4, width, config.init_kernel_size, padding="same")
        self.pos_emb = nn.Parameter(torch.zeros(config.seq_len, config.pos_channels))
        self.pos_proj = nn.Linear(config.pos_channels, width)
        self.trunk = trunk

    def forward(self, bases: Tensor) -> Tensor:
        places = self.pos_proj(self.pos_emb)
        logits: Tensor = self.trunk(functional.relu(self.iconv(bases).transpose(1, 2) + places))
        return logits


def probe_from_config(config: Mapping[str, Any]) -> Probe:
    """The probe of a configuration."""
    return Probe(read_config(ProbeConfig, config))


def ab_initio_from_config(config: Mapping[str, Any]) -> BaseReader:
    """The probe behind a layer that reads bases."""
    front = read_config(FrontConfig, config)
    return BaseReader(front, probe_from_config({**config, "input_channels": front.emb_channels}))


def chrombpnet_like_from_config(config: Mapping[str, Any]) -> BaseReader:
    """The dilated trunk behind a layer that reads bases."""
    return BaseReader(read_config(FrontConfig, config), DilatedTrunk(read_config(TrunkConfig, config)))
