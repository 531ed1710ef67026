"""The convolutional baseline: a small network trained from nothing on a task's own rows."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from dnabench.harness.errors import needs_extra
from dnabench.harness.sequence import padded_codes
from dnabench.harness.types import Capability, ModelInfo

from .options import read_options, require

if TYPE_CHECKING:
    import torch

LETTERS = 6
"""A, C, G, T, any other letter, padding."""


class CNN:
    """Genomic Benchmarks CNN, trained from scratch: three convolutions, then two dense layers.

    The published PyTorch model (Grešová et al. 2023) but for its two faults, mended here: no ReLU after the
    second and third convolution, and, for two classes, a sigmoid before a loss that applies it again. Rows
    shorter than the task's longest end in padding; letters other than A, C, G, T share one vector.
    Option: `embedding_dim`, the width of a letter's vector.
    """

    def __init__(self, **options: Any) -> None:
        self.options = read_options("cnn", options, {"embedding_dim": 100})
        require("cnn", self.options["embedding_dim"] > 0, "embedding_dim is not positive.")

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(
            "cnn",
            "cnn",
            1,
            weights="random",
            options=self.options,
            tokenizer="single bases",
            strands="one strand",
        )

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset({"module"})

    def module(self, outputs: int, length: int) -> torch.nn.Module:
        """A fresh network for rows of up to `length` bases, drawn from torch's current seed."""
        if find_spec("torch") is None:
            raise needs_extra("torch", "torch")
        from .ports.gb_cnn import GenomicBenchmarksCNN

        return GenomicBenchmarksCNN(outputs, length, LETTERS, self.options["embedding_dim"])

    def collate(self, sequences: Sequence[str]) -> dict[str, torch.Tensor]:
        """Codes (n, longest row): A 0, C 1, G 2, T 3, other letters 4, padding 5."""
        import torch

        longest = max(map(len, sequences), default=0)
        return {"codes": torch.from_numpy(padded_codes(sequences, longest).astype("int64"))}
