"""GENERator's tokens: whole 6-mers with <s> in front, the frame ending at the row's last base."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from dnabench.harness.engine.reader import Tokens

from .tokenizers import kmers

SPECIALS = 32
"""<oov> 0, <s> 1, </s> 2, <pad> 3, <mask> 4 and 27 marks of regions and species stand before the k-mers."""


@dataclass(frozen=True)
class Frames:
    """K-mers side by side, counted from the row's end; up to k - 1 first bases that fill none have no token.

    The authors cut rows to whole k-mers or put A in front; invented letters would have likelihoods. A k-mer with
    another letter than A, C, G, T is <oov>.

    >>> Frames(2).encode("ACGTN").ids.tolist(), Frames(2).encode("ACGTN").spans.tolist()
    ([1, 43, 0], [[0, 0], [1, 3], [3, 5]])
    """

    k: int = 6
    pad: int = field(init=False, default=3)
    mask: int = field(init=False, default=4)
    left: bool = field(init=False, default=True)

    def encode(self, sequence: str) -> Tokens:
        """<s>, then the k-mers."""
        starts = range(len(sequence) % self.k, len(sequence), self.k)
        ids = [1, *(self.vocabulary.get(sequence[i : i + self.k], 0) for i in starts)]
        spans = [(0, 0), *((i, i + self.k) for i in starts)]
        return Tokens(np.array(ids, np.int64), np.array(spans, np.int64).reshape(-1, 2))

    @cached_property
    def vocabulary(self) -> dict[str, int]:
        """K-mer to id."""
        return {name: SPECIALS + i for i, name in enumerate(kmers(self.k))}
