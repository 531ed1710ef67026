"""The CNN of Genomic Benchmarks (Grešová et al., BMC Genomic Data 2023), as published and mended.

    codes (n, length) ─ Embedding ─ 3 × [Conv k8, BatchNorm, ReLU, MaxPool 2] ─ Dense 512 ─ Dense

Source of the published layout: ML-Bioinfo-CEITEC/genomic_benchmarks, src/genomic_benchmarks/models/torch.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .network import read_config

KERNEL = 8
CHANNELS = (16, 8, 4)


@dataclass(frozen=True)
class Config:
    """Sizes of the published network."""

    number_of_classes: int
    input_len: int
    vocab_size: int
    embedding_dim: int = 100


class GenomicBenchmarksCNN(nn.Module):
    """Raw outputs (n, outputs) for codes (n, length): an embedding, three convolutions, two dense layers.

    `as_published` restores the two faults of the published PyTorch model: no ReLU after the second and third
    convolution, and a sigmoid on a single output, which the training loss then applies a second time.
    Parameters have the same names and shapes either way. Both have no activation between the dense layers.
    """

    def __init__(
        self,
        outputs: int,
        length: int,
        vocabulary: int,
        embedding_dim: int = 100,
        *,
        as_published: bool = False,
    ) -> None:
        super().__init__()
        self.length = length if as_published else max(length, shortest())
        self.sigmoid = as_published and outputs == 1
        first, second, third = CHANNELS
        self.embeddings = nn.Embedding(vocabulary, embedding_dim)
        self.cnn_model = nn.Sequential(
            nn.Conv1d(embedding_dim, first, KERNEL),
            nn.BatchNorm1d(first),
            nn.ReLU(),
            nn.MaxPool1d(2),
            nn.Conv1d(first, second, KERNEL),
            nn.BatchNorm1d(second),
            _pool(with_relu=not as_published),
            nn.Conv1d(second, third, KERNEL),
            nn.BatchNorm1d(third),
            _pool(with_relu=not as_published),
            nn.Flatten(),
        )
        self.dense_model = nn.Sequential(nn.Linear(third * positions_left(self.length), 512), nn.Linear(512, outputs))

    def forward(self, codes: Tensor) -> Tensor:
        """Raw outputs; as published, the sigmoid of a single one."""
        raw = self.logits(codes)
        return torch.sigmoid(raw) if self.sigmoid else raw

    def logits(self, codes: Tensor) -> Tensor:
        """What the last dense layer gives. Short rows are padded with the vocabulary's last letter."""
        letters = self.embeddings.num_embeddings
        codes = functional.pad(codes, (0, self.length - codes.shape[1]), value=letters - 1)
        # Embedding and first convolution are linear: one filter per letter does both, at a tenth of the cost.
        convolution = self.cnn_model[0]
        assert isinstance(convolution, nn.Conv1d)
        filters = torch.einsum("vd,odk->ovk", self.embeddings.weight, convolution.weight)
        flags = functional.one_hot(codes, letters).to(filters.dtype).transpose(1, 2)
        raw: Tensor = self.dense_model(self.cnn_model[1:](functional.conv1d(flags, filters, convolution.bias)))
        return raw


def from_config(config: Mapping[str, Any]) -> GenomicBenchmarksCNN:
    """The published network of a configuration: two classes share one output."""
    sizes = read_config(Config, config)
    outputs = 1 if sizes.number_of_classes == 2 else sizes.number_of_classes
    return GenomicBenchmarksCNN(outputs, sizes.input_len, sizes.vocab_size, sizes.embedding_dim, as_published=True)


def positions_left(length: int) -> int:
    """Positions that the three valid convolutions and poolings leave of a row.

    >>> positions_left(111), positions_left(57), positions_left(56)
    (7, 1, 0)
    """
    for _ in CHANNELS:
        length = (length - KERNEL + 1) // 2
    return max(length, 0)


def shortest() -> int:
    """The shortest row that leaves a position: shorter ones are padded to it.

    >>> shortest()
    57
    """
    length = 1
    for _ in CHANNELS:
        length = 2 * length + KERNEL - 1
    return length


def _pool(*, with_relu: bool) -> nn.Module:
    # One entry either way, so that the names of all later parameters stay as published.
    return nn.Sequential(nn.ReLU(), nn.MaxPool1d(2)) if with_relu else nn.MaxPool1d(2)
