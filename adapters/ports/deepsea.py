"""DeepSEA (Zhou & Troyanskaya, Nature Methods 2015): three convolutions and two dense layers over one-hot
DNA.

    one-hot (n, 4, length) ─ [Conv k8, ReLU, MaxPool 4] × 2 ─ Conv k8, ReLU ─ flatten (channel, position)
                           ─ Dense, ReLU ─ Dense ─ one logit per chromatin feature

Published widths: 320, 480, 960 filters, 925 hidden, 919 labels, 1,000 bp; convolutions without padding.
Selene's copy takes the number of labels for the hidden width, too; here the two are apart. Key names are
Selene's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from .network import read_config


@dataclass(frozen=True)
class Config:
    """Sizes of the network; defaults are the published ones."""

    num_labels: int = 919
    sequence_length: int = 1000
    conv_channels: Sequence[int] = (320, 480, 960)
    fc: int = 925
    kernel_size: int = 8
    pool: int = 4


class DeepSEA(nn.Module):
    """Logits (n, labels) for one-hot rows (n, 4, length), order A, C, G, T; unknown letters are zeros."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        first, second, third = config.conv_channels
        kernel, pool = config.kernel_size, config.pool
        self.conv_net = nn.Sequential(
            nn.Conv1d(4, first, kernel),
            nn.ReLU(),
            nn.MaxPool1d(pool),
            nn.Dropout(0.2),
            nn.Conv1d(first, second, kernel),
            nn.ReLU(),
            nn.MaxPool1d(pool),
            nn.Dropout(0.2),
            nn.Conv1d(second, third, kernel),
            nn.ReLU(),
            nn.Dropout(0.5),
        )
        self.classifier = nn.Sequential(
            nn.Linear(third * positions_left(config), config.fc),
            nn.ReLU(),
            nn.Linear(config.fc, config.num_labels),
        )

    def forward(self, bases: Tensor) -> Tensor:
        """Logits; their sigmoids are the probabilities."""
        logits: Tensor = self.classifier(self.conv_net(bases).flatten(1))
        return logits


def from_config(config: Mapping[str, Any]) -> DeepSEA:
    """The network of a configuration."""
    return DeepSEA(read_config(Config, config))


def positions_left(config: Config) -> int:
    """Positions that reach the dense layers.

    >>> positions_left(Config())
    53
    """
    cut = config.kernel_size - 1
    return ((config.sequence_length - cut) // config.pool - cut) // config.pool - cut
