"""BEND's probe (Marin et al., ICLR 2024): two small convolutions and a dense layer at every position.

    embeddings (n, length, width) ─ [Conv k3, GELU] × 2 ─ optional mean over windows ─ Dense per position

Integer input is made one-hot first; BEND sorts its letters, so that N is 3 and T is 4. Key names are those of
bend/models/downstream.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from .network import read_config


@dataclass(frozen=True)
class Config:
    """Sizes of the probe; `output_downsample_window` positions share an output, none or null keeps all."""

    input_size: int = 5
    output_size: int = 2
    hidden_size: int = 64
    kernel_size: int = 3
    upsample_factor: int = 0
    """Positions that an embedding stands for: it is stretched linearly over them."""
    output_downsample_window: int = 0


class BENDProbe(nn.Module):
    """Logits (n, positions, outputs); with windows or one output (n, positions * outputs)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.conv1 = nn.Sequential(
            Transpose(), nn.Conv1d(config.input_size, config.hidden_size, config.kernel_size, padding=1)
        )
        self.conv2 = nn.Sequential(
            Transpose(), nn.Conv1d(config.hidden_size, config.hidden_size, config.kernel_size, padding=1)
        )
        self.linear = nn.Sequential(nn.Linear(config.hidden_size, config.output_size))

    def forward(self, x: Tensor, length: int | None = None) -> Tensor:
        """x: embeddings (n, length, width) or ids (n, length); `length` cuts what was stretched."""
        config = self.config
        if x.ndim == 2:
            x = functional.one_hot(x, config.input_size).float()
        if config.upsample_factor:
            x = functional.interpolate(x.transpose(1, 2), scale_factor=config.upsample_factor, mode="linear")
            x = x.transpose(1, 2)[:, :length]
        x = functional.gelu(self.conv1(x).transpose(1, 2))
        x = functional.gelu(self.conv2(x).transpose(1, 2))
        if config.output_downsample_window:
            x = functional.avg_pool1d(x.transpose(1, 2), config.output_downsample_window).transpose(1, 2)
        logits: Tensor = self.linear(x)
        flat = config.output_downsample_window or config.output_size == 1
        return logits.flatten(1) if flat else logits


class Transpose(nn.Module):
    """(n, length, width) to (n, width, length); a module, so that the convolution is number 1 behind it."""

    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)


def from_config(config: Mapping[str, Any]) -> BENDProbe:
    """The probe of a configuration."""
    return BENDProbe(read_config(Config, config))
