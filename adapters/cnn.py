"""The convolutional baseline: a small network trained from nothing on a task's own rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from dnabench.harness.errors import RequestError, nearest, needs_extra
from dnabench.harness.sequence import padded_codes
from dnabench.harness.types import Capability, ModelInfo

if TYPE_CHECKING:
    import torch

LETTERS = 6
"""A, C, G, T, any other letter, padding."""
_DEFAULTS = {"embedding_dim": 100}


class CNN:
    """Genomic Benchmarks CNN, trained from scratch: three convolutions, then two dense layers.

    As published (Grešová et al. 2023, their PyTorch model) but for two faults, mended here: it has no ReLU after
    the second and third convolution, and for two classes it applies a sigmoid before a loss that applies it again.
    Rows shorter than the task's longest are padded at their end with a letter of its own; other letters than
    A, C, G, T share one. Option: embedding_dim, the width of a letter's vector.
    """

    capabilities: frozenset[Capability] = frozenset({"module"})

    def __init__(self, **options: Any) -> None:
        for name in options:
            if name not in _DEFAULTS:
                raise RequestError(f"cnn has no option {name!r}.{nearest(name, list(_DEFAULTS))}")
        self.options: Mapping[str, int] = {**_DEFAULTS, **{k: _whole(k, v) for k, v in options.items()}}

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(
            name="cnn",
            adapter="cnn",
            version=1,
            weights="random",
            options=self.options,
            tokenizer="one letter per base",
            objective="supervised, from scratch",
            strands="one strand",
            licence="Apache-2.0",
        )

    def module(self, outputs: int, length: int) -> torch.nn.Module:
        """A fresh network for rows of up to `length` bases, drawn from torch's current seed."""
        if find_spec("torch") is None:
            raise needs_extra("torch", "torch")
        from dnabench.adapters.ports.gb_cnn import GenomicBenchmarksCNN

        return GenomicBenchmarksCNN(outputs, length, LETTERS, self.options["embedding_dim"])

    def collate(self, sequences: Sequence[str]) -> dict[str, torch.Tensor]:
        """Codes of (n, longest row): A 0, C 1, G 2, T 3, other letters 4, padding 5."""
        import torch

        longest = max(map(len, sequences), default=0)
        return {"codes": torch.from_numpy(padded_codes(sequences, longest).astype("int64"))}


def _whole(name: str, value: Any) -> int:
    if str(value).isdecimal() and int(value) > 0:
        return int(value)
    raise RequestError(f"cnn option {name} is {value!r}; it must be a whole number of at least 1.")
