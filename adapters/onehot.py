"""One-hot bases: the baseline that knows where each base is and nothing of what stands beside it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from dnabench.harness.errors import AdapterError
from dnabench.harness.sequence import lengths, padded_codes
from dnabench.harness.types import Capability, Inputs, ModelInfo

from .options import read_options, require

_BLOCK_BASES = 1 << 22


class OneHot:
    """One-hot bases with a linear model on them: position by position, no words.

    As wide as the longest train row (or option `length`): shorter rows end in zeros, bases beyond the width
    are not seen, which `bases_seen` reports. Letters other than A, C, G, T are zeros.
    """

    def __init__(self, **options: Any) -> None:
        self.options = read_options("onehot", options, {"length": None})
        self.width: int | None = self.options["length"]
        require("onehot", self.width is None or self.width > 0, f"length {self.width} is not positive.")

    @property
    def info(self) -> ModelInfo:
        return ModelInfo("onehot", "onehot", 1, options=self.options, strands="one strand", context_bases=self.width)

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset({"embed"})

    def prepare(self, train: Inputs) -> "OneHot":
        """This model with its width settled by the longest train row, unless `length` says otherwise."""
        return self if self.width is not None else OneHot(length=int(lengths(train.sequences).max()))

    def embed(self, sequences: Sequence[str]) -> "sp.csr_matrix[Any]":
        """(n, 4 * width), CSR float32: four columns (A, C, G, T) for each position."""
        if self.width is None:
            raise AdapterError("onehot has no width yet: call prepare(train) first or give the option length.")
        rows = max(1, _BLOCK_BASES // self.width)
        starts = range(0, max(len(sequences), 1), rows)
        parts = [_sparse(sequences[a : a + rows], self.width) for a in starts]
        return parts[0] if len(parts) == 1 else sp.vstack(parts, format="csr")


def _sparse(sequences: Sequence[str], width: int) -> "sp.csr_matrix[Any]":
    codes = padded_codes(sequences, width)
    known = codes < 4
    columns = (np.arange(0, 4 * width, 4, dtype=np.int32) + codes)[known]
    pointers = np.concatenate([[0], np.cumsum(known.sum(1))]).astype(np.int32)
    values = np.ones(len(columns), np.float32)
    return sp.csr_matrix((values, columns, pointers), shape=(len(sequences), 4 * width))
