"""The bases that each token of a tokenizer stands for: what likelihoods of bases are summed over."""

from __future__ import annotations

from .frames import Frames
from .tokenizers import Blocks, BytePairs, Letters, Overlapping, Tokenizer


def texts(tokenizer: Tokenizer) -> dict[int, str]:
    """Token id → bases, special and unknown tokens left out.

    >>> from .tokenizers import HYENADNA
    >>> texts(HYENADNA)
    {7: 'A', 8: 'C', 9: 'G', 10: 'T', 11: 'N'}
    """
    found = {token: name for name, token in _names(tokenizer).items() if token not in tokenizer.specials}
    return {token: name for token, name in sorted(found.items()) if name and set(name) <= set("ACGTN")}


def _names(tokenizer: Tokenizer) -> dict[str, int]:
    if isinstance(tokenizer, BytePairs):
        return tokenizer.vocabulary
    if isinstance(tokenizer, Letters | Blocks | Overlapping | Frames):
        return dict(tokenizer.vocabulary)
    return {}
