"""DanQ (Quang & Xie, Nucleic Acids Research 2016): one convolution, then an LSTM in both directions.

    one-hot (n, 4, length) ─ Conv k26, ReLU, MaxPool 13 ─ BiLSTM over positions ─ flatten (position, direction)
                           ─ Dense, ReLU ─ Dense ─ one logit per chromatin feature

Published sizes: 320 filters, 320 hidden units per direction, 925 dense, 919 labels, 1,000 bp. Key names are
Selene's; its danQ.py, as it is shipped, runs the LSTM over the rows of the batch, which is not copied here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from .network import read_config


@dataclass(frozen=True)
class Config:
    """Sizes of the network; defaults are the published ones."""

    num_labels: int = 919
    sequence_length: int = 1000
    conv_channels: int = 320
    kernel_size: int = 26
    pool: int = 13
    lstm_hidden: int = 320
    fc: int = 925


class DanQ(nn.Module):
    """Logits (n, labels) for one-hot rows (n, 4, length), order A, C, G, T; unknown letters are zeros."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        positions = (config.sequence_length - config.kernel_size + 1) // config.pool
        self.nnet = nn.Sequential(
            nn.Conv1d(4, config.conv_channels, config.kernel_size),
            nn.ReLU(),
            nn.MaxPool1d(config.pool),
            nn.Dropout(0.2),
        )
        self.bdlstm = nn.Sequential(
            nn.LSTM(config.conv_channels, config.lstm_hidden, batch_first=True, bidirectional=True)
        )
        self.classifier = nn.Sequential(
            nn.Dropout(0.5),
            nn.Linear(positions * 2 * config.lstm_hidden, config.fc),
            nn.ReLU(),
            nn.Linear(config.fc, config.num_labels),
        )

    def forward(self, bases: Tensor) -> Tensor:
        """Logits; their sigmoids are the probabilities."""
        states, _ = self.bdlstm(self.nnet(bases).transpose(1, 2))
        logits: Tensor = self.classifier(states.flatten(1))
        return logits


def from_config(config: Mapping[str, Any]) -> DanQ:
    """The network of a configuration."""
    return DanQ(read_config(Config, config))
