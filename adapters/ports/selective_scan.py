"""The recurrence of Mamba (Gu & Dao, 2023) in plain PyTorch, and mamba-ssm's kernel where it is installed.

    h_t = exp(δ_t A) h_{t-1} + δ_t x_t B_t          y_t = C_t · h_t          one state per channel, all in float32

The sequence is cut into chunks that run side by side from a zero state; what each chunk should have started from is
then carried over and added. A step of all chunks is a step of Python: about 3 √length of them instead of length.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

BUSY = {"cpu": 2**13, "cuda": 2**21}
"""States that one step must update before more of them take more time."""


def scan(x: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """y (batch, length, channels) of the recurrence, by the fastest way there is.

    x and delta are (batch, length, channels), a (channels, states) is negative, b and c are (batch, length, states).
    mamba-ssm's kernel runs on CUDA tensors; elsewhere `selective_scan`, which in training keeps no states but computes
    them again on the way back.
    """
    kernel = _mamba_kernel() if x.is_cuda else None
    if kernel is not None:
        rows = [part.float().transpose(1, 2).contiguous() for part in (x, delta, b, c)]
        y: Tensor = kernel(rows[0], rows[1], a, rows[2], rows[3])
        return y.transpose(1, 2)
    with torch.autocast(x.device.type, enabled=False):
        parts = (x.float(), delta.float(), a, b.float(), c.float())
        if torch.is_grad_enabled() and any(part.requires_grad for part in parts):
            recomputed: Tensor = checkpoint(selective_scan, *parts, use_reentrant=False)
            return recomputed
        return selective_scan(*parts)


def selective_scan(x: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """y (batch, length, channels) of the recurrence.

    >>> x, delta, b, c = (torch.ones(1, 3, 1) for _ in range(4))
    >>> selective_scan(x, delta, -math.log(2) * torch.ones(1, 1), b, c).flatten()
    tensor([1.0000, 1.5000, 1.7500])
    """
    length = x.shape[1]
    size = -(-length // side_by_side(length, x.shape[0] * a.numel(), x.device.type))
    drive, delta, b, c = (_chunks(part, size) for part in (delta * x, delta, b, c))
    a = a.transpose(0, 1).contiguous()
    y, ends = _from_zero(drive, delta, a, b, c)
    if ends.shape[1] > 1:
        y = y + _from_starts(delta.cumsum(2), a, c, ends)
    return y.flatten(1, 2)[:, :length]


def side_by_side(length: int, states: int, device: str) -> int:
    """How many chunks run at once: √length of them, fewer where a step of fewer keeps the device busy already.

    >>> side_by_side(1024, 8 * 512 * 16, "cpu"), side_by_side(1024, 8 * 512 * 16, "cuda")
    (1, 32)
    """
    busy = BUSY.get(device, BUSY["cuda"])
    return max(1, min(math.isqrt(length), busy // states))


def _chunks(part: Tensor, size: int) -> Tensor:
    # (batch, length, width) to (batch, chunks, size, width); a padded δ of zero leaves the state as it is.
    batch, length, width = part.shape
    return functional.pad(part, (0, 0, 0, -length % size)).reshape(batch, -1, size, width)


def _from_zero(drive: Tensor, delta: Tensor, a: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    # y (batch, chunks, size, channels) and the last states (batch, chunks, states, channels), each chunk from zero.
    h = drive.new_zeros(*drive.shape[:2], *a.shape)
    y = []
    for t in range(drive.shape[2]):
        decay = torch.exp(delta[:, :, t, None] * a)
        h = torch.addcmul(decay * h, b[:, :, t, :, None], drive[:, :, t, None])
        y.append((c[:, :, t, None] @ h).squeeze(-2))
    return torch.stack(y, dim=2), h


def _from_starts(elapsed: Tensor, a: Tensor, c: Tensor, ends: Tensor) -> Tensor:
    # What the states at the start of the chunks add to y; `elapsed` is the sum of the deltas since the chunk began.
    decay = torch.exp(elapsed[:, :, -1, None] * a)
    starts = [torch.zeros_like(ends[:, 0])]
    for chunk in range(ends.shape[1] - 1):
        starts.append(decay[:, chunk] * starts[-1] + ends[:, chunk])
    start = torch.stack(starts, dim=1)
    size = range(elapsed.shape[2])
    y = [(c[:, :, t, None] @ (torch.exp(elapsed[:, :, t, None] * a) * start)).squeeze(-2) for t in size]
    return torch.stack(y, dim=2)


@cache
def _mamba_kernel() -> Callable[..., Any] | None:
    if find_spec("mamba_ssm") is None:
        return None
    found: Callable[..., Any] = import_module("mamba_ssm.ops.selective_scan_interface").selective_scan_fn
    return found
