"""k-mer counts: the conventional baseline that a pretrained model has to beat."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from dnabench.harness.sequence import kmer_counts
from dnabench.harness.types import Capability, ModelInfo

from .options import read_options, require


class Kmer:
    """Counts of all k-mers of length 1 to k (default 6) with a linear model on them.

    One strand, overlapping occurrences; k-mers with letters other than A, C, G, T are skipped. Options: `k`,
    the longest k-mer; `smallest`, the shortest one.
    """

    def __init__(self, **options: Any) -> None:
        self.options = read_options("kmer", options, {"k": 6, "smallest": 1})
        k, smallest = self.options["k"], self.options["smallest"]
        require("kmer", 1 <= smallest <= k <= 10, f"k-mer lengths {smallest} to {k} are outside 1 to 10.")

    @property
    def info(self) -> ModelInfo:
        return ModelInfo("kmer", "kmer", 1, options=self.options, strands="one strand")

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset({"embed"})

    def embed(self, sequences: Sequence[str]) -> "sp.csr_matrix[Any]":
        """(n, 5460) counts for k = 6, CSR float32: columns by k, then in the order A < C < G < T."""
        ks = tuple(range(self.options["smallest"], self.options["k"] + 1))
        return kmer_counts(sequences, ks).astype(np.float32)
