"""Basset (Kelley et al., Genome Research 2016): three wide convolutions and two dense layers, all
batch-normed.

    one-hot (n, 4, length) ─ [Conv k 19, 11, 7, BatchNorm, ReLU, MaxPool 3, 4, 4] ─ flatten (channel, position)
                           ─ [Dense, BatchNorm, ReLU] × 2 ─ Dense ─ one logit per cell type

As in the released Torch7 checkpoint: convolutions without padding and pools that keep a last, incomplete
window. Published: 300, 200, 200 filters, 1,000 hidden twice, 600 bp, 164 cell types. Key names are those of
the hub's multimolecule/basset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from .network import activation, read_config


@dataclass(frozen=True)
class Config:
    """Sizes of the network; defaults are the published ones."""

    num_labels: int = 164
    sequence_length: int = 600
    conv_channels: Sequence[int] = (300, 200, 200)
    conv_kernel_sizes: Sequence[int] = (19, 11, 7)
    conv_pool_sizes: Sequence[int] = (3, 4, 4)
    fc_sizes: Sequence[int] = (1000, 1000)
    hidden_dropout: float = 0.3
    hidden_act: str = "relu"
    batch_norm_eps: float = 1e-5
    vocab_size: int = 4


class Basset(nn.Module):
    """Logits (n, labels) for one-hot rows (n, 4, length), order A, C, G, T; unknown letters are zeros."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.model = nn.ModuleDict({"encoder": Encoder(config)})
        self.sequence_head = nn.ModuleDict({"decoder": nn.Linear(config.fc_sizes[-1], config.num_labels)})

    def forward(self, bases: Tensor) -> Tensor:
        """Logits; their sigmoids are the probabilities."""
        logits: Tensor = self.sequence_head["decoder"](self.features(bases))
        return logits

    def features(self, bases: Tensor) -> Tensor:
        """What the last hidden layer says of each row (n, width)."""
        features: Tensor = self.model["encoder"](bases)
        return features


class Encoder(nn.Module):
    """All layers but the last."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        widths = [config.vocab_size, *config.conv_channels]
        dense = [config.conv_channels[-1] * positions_left(config), *config.fc_sizes]
        self.layers = nn.ModuleList(ConvolutionLayer(config, i, widths[i]) for i in range(len(widths) - 1))
        self.fc_layers = nn.ModuleList(DenseLayer(config, a, b) for a, b in pairwise(dense))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        x = x.flatten(1)
        for layer in self.fc_layers:
            x = layer(x)
        return x


class ConvolutionLayer(nn.Module):
    """Convolution without padding, batch norm, activation, pool."""

    def __init__(self, config: Config, index: int, width: int) -> None:
        super().__init__()
        filters = config.conv_channels[index]
        self.conv = nn.Conv1d(width, filters, config.conv_kernel_sizes[index])
        self.batch_norm = nn.BatchNorm1d(filters, eps=config.batch_norm_eps)
        self.act = activation(config.hidden_act)
        self.pool = nn.MaxPool1d(config.conv_pool_sizes[index], ceil_mode=True)

    def forward(self, x: Tensor) -> Tensor:
        pooled: Tensor = self.pool(self.act(self.batch_norm(self.conv(x))))
        return pooled


class DenseLayer(nn.Module):
    """Dense layer, batch norm, activation, dropout."""

    def __init__(self, config: Config, width: int, hidden: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, hidden)
        self.batch_norm = nn.BatchNorm1d(hidden, eps=config.batch_norm_eps)
        self.act = activation(config.hidden_act)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.dropout(self.act(self.batch_norm(self.dense(x))))
        return hidden


def from_config(config: Mapping[str, Any]) -> Basset:
    """The network of a configuration."""
    return Basset(read_config(Config, config))


def positions_left(config: Config) -> int:
    """Positions that reach the dense layers.

    >>> positions_left(Config())
    10
    """
    length = config.sequence_length
    for kernel, pool in zip(config.conv_kernel_sizes, config.conv_pool_sizes, strict=True):
        length = -(-(length - kernel + 1) // pool)
    return length
