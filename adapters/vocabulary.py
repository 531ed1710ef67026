"""The letters that models read, and the bases that each token stands for: what likelihoods are summed over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dnabench.harness.engine.reader import Tokenizer

from .frames import Frames
from .tokenizers import Blocks, BytePairs, Letters, Overlapping

LETTERS = bytes(b if chr(b) in "ACGT" else ord("N") for b in range(256))


def texts(tokenizer: Tokenizer) -> dict[int, str]:
    """Token id → bases, special and unknown tokens left out: their names hold other letters.

    >>> from .tokenizers import HYENADNA
    >>> texts(HYENADNA)
    {7: 'A', 8: 'C', 9: 'G', 10: 'T', 11: 'N'}
    """
    found = sorted((token, name) for name, token in _names(tokenizer).items())
    return {token: name for token, name in found if name and set(name) <= set("ACGTN")}


def _names(tokenizer: Tokenizer) -> dict[str, int]:
    if isinstance(tokenizer, BytePairs):
        return tokenizer.vocabulary
    if isinstance(tokenizer, Letters | Blocks | Overlapping | Frames):
        return dict(tokenizer.vocabulary)
    return {}


def read_vocabulary(file: Path) -> dict[str, int]:
    """Token to id of a vocab.txt, a token per line, as transformers reads it."""
    names = enumerate(file.read_text(encoding="utf-8").splitlines())
    return {name.strip(): token for token, name in names if name.strip()}


def clean(sequences: Sequence[str]) -> list[str]:
    """Sequences in upper case, every letter but A, C, G, T as N: what models were trained on.

    >>> clean(["acgR"])
    ['ACGN']
    """
    return [one.upper().encode("latin-1", "replace").translate(LETTERS).decode() for one in sequences]
