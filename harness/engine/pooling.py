"""From states of tokens to one vector per row, or to one per base."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import RequestError
from .reader import Ints, Pooling


def pool(states: Tensor, bases: Tensor, real: Tensor, pooling: Pooling) -> Tensor:
    """One vector per row, float32 (rows, width), of states (rows, tokens, width).

    `bases` (rows, tokens) is true for tokens that stand for bases, `real` for all that are no padding. A row
    without bases (shorter than a k-mer) is read from its special tokens.

    >>> states = torch.tensor([[[9.0], [1.0], [3.0], [9.0]]])
    >>> bases, real = torch.tensor([[0, 1, 1, 0]]).bool(), torch.tensor([[1, 1, 1, 0]]).bool()
    >>> [float(pool(states, bases, real, how)) for how in ("mean", "max", "cls", "last")]
    [2.0, 3.0, 9.0, 3.0]
    """
    states = states.float()
    if pooling in ("cls", "last"):
        places = torch.arange(real.shape[1], device=real.device)
        far = places.numel()
        at = torch.where(real, places, far).amin(1) if pooling == "cls" else torch.where(real, places, -1).amax(1)
        return states[torch.arange(len(states), device=real.device), at]
    kept = torch.where(bases.any(1, keepdim=True), bases, real)[..., None]
    if pooling == "max":
        return states.masked_fill(~kept, -torch.inf).amax(1)
    # A product would turn what is infinite in the padding into NaN; where() does not.
    return states.masked_fill(~kept, 0.0).sum(1) / kept.sum(1)


def require_first(spans: Ints, pooling: Pooling) -> None:
    """RequestError where `cls` is asked for and no special token stands in front."""
    if pooling == "cls" and len(spans) and spans[0, 1] > spans[0, 0]:
        raise RequestError("pooling cls needs a special token in front, which this tokenizer does not put: use mean.")


def per_base(states: NDArray[Any], spans: Ints, length: int) -> NDArray[np.float32]:
    """One vector per base, float32 (length, width), from the states (tokens, width) of the tokens that cover it.

    A base that several k-mers cover gets their mean. One that none covers (GENA-LM's token for a run of N covers
    the last one only) takes the vector of the next base that has one, else of the one before; where no token
    stands for a base, all get the mean of the special tokens.

    >>> per_base(np.array([[9.0], [1.0], [3.0]]), np.array([[0, 0], [0, 2], [1, 3]]), 4).ravel().tolist()
    [1.0, 2.0, 3.0, 3.0]
    """
    tokens, bases = covering(spans)
    if not len(tokens):
        return np.broadcast_to(states.mean(0, dtype=np.float32), (length, states.shape[1])).copy()
    count = np.bincount(bases, minlength=length)
    if len(bases) == length and (count == 1).all():
        found = np.empty((length, states.shape[1]), np.float32)
        found[bases] = states[tokens]
        return found
    total = np.zeros((length, states.shape[1]), np.float64)
    np.add.at(total, bases, states[tokens])
    known = np.flatnonzero(count)
    after = np.minimum(np.searchsorted(known, np.arange(length)), len(known) - 1)
    return np.asarray((total / np.maximum(count, 1)[:, None])[known[after]], np.float32)


def covering(spans: Ints) -> tuple[Ints, Ints]:
    """Pairs (token, base) for every base of every token, in the order of the tokens.

    >>> [side.tolist() for side in covering(np.array([[0, 0], [0, 2], [1, 3]]))]
    [[1, 1, 2, 2], [0, 1, 1, 2]]
    """
    widths = spans[:, 1] - spans[:, 0]
    tokens = np.repeat(np.arange(len(spans)), widths)
    inside = np.arange(len(tokens)) - np.repeat(np.cumsum(widths) - widths, widths)
    return tokens, spans[tokens, 0] + inside
