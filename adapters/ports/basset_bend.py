"""BEND's version of Basset (Marin et al., ICLR 2024), its supervised baseline for histone marks and
accessibility.

    one-hot (n, 4, length) ─ [Conv "same", BatchNorm, ReLU, MaxPool] × 3 ─ flatten (channel, position)
                           ─ Dense, ReLU ─ Dense ─ Dense ─ one logit per label

Unlike Basset: convolutions keep the length, pools drop an incomplete window, the dense layers have no batch
norm and the second one no activation. Key names are those of bend/models/basset.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from .network import read_config


@dataclass(frozen=True)
class Config:
    """Sizes of the network; `conv` lists (filters, kernel, pool) of each convolution."""

    num_labels: int
    sequence_length: int = 512
    input_size: int = 4
    conv: Sequence[Sequence[int]] = ((300, 19, 3), (200, 11, 4), (200, 7, 4))
    fc: int = 1000


class BassetBEND(nn.Module):
    """Logits (n, labels) for one-hot rows (n, 4, length)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width, length = config.input_size, config.sequence_length
        for filters, kernel, pool in config.conv:
            convolution = nn.Conv1d(width, filters, kernel, padding="same")
            layers += [convolution, nn.BatchNorm1d(filters), nn.ReLU(), nn.MaxPool1d(pool)]
            width, length = filters, length // pool
        self.conv_net = nn.Sequential(*layers)
        self.clf = nn.Sequential(
            nn.Flatten(),
            nn.Linear(width * length, config.fc),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(config.fc, config.fc),
            nn.Dropout(0.3),
            nn.Linear(config.fc, config.num_labels),
        )

    def forward(self, bases: Tensor) -> Tensor:
        """Logits; their sigmoids are the probabilities."""
        logits: Tensor = self.clf(self.conv_net(bases))
        return logits


def from_config(config: Mapping[str, Any]) -> BassetBEND:
    """The network of a configuration."""
    return BassetBEND(read_config(Config, config))
