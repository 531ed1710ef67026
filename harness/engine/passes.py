"""Forward passes over many rows of tokens: sorted by length, in batches, on one device or several."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import AdapterError, RequestError
from .batches import Index, equal_batches, over_batches, token_batches
from .devices import choose_device, float32_only
from .reader import Ints, Reader, Reading

ON_CPU, ELSEWHERE = 1 << 11, 1 << 16
"""Tokens of a batch where the reading does not say."""
Needs = Literal["states", "layers", "logits"]


@dataclass(frozen=True)
class Batch:
    """Rows of one pass: `ids` and `real` (rows, longest) on the device, `shift` (rows,) where a row's tokens start."""

    rows: Index
    ids: Tensor
    real: Tensor
    shift: Index
    padded: bool


@dataclass(frozen=True)
class Job:
    """What to run: how many tokens each row has, the ids of a row, and what to keep of a pass.

    `keep(output, batch)` returns a tensor whose first axis is the batch's rows.
    """

    lengths: Index
    ids: Callable[[int], Ints]
    keep: Callable[[Any, Batch], Tensor]
    needs: Needs = "states"


def run(reader: Reader, reading: Reading, job: Job, most: int | None = None) -> list[tuple[Index, Any]]:
    """(rows, kept) of every batch of at most `most` tokens, `kept` as a numpy array; between them every row once.

    Rows of different lengths go together where the network takes a padding mask, or is causal and cannot see
    padding on the right. Raises AdapterError for a row without tokens, RequestError for 16 bits of a network that has
    only float32.
    """
    if reading.dtype != "float32" and float32_only(reader.network):
        raise RequestError(f"dtype is {reading.dtype!r}, and this network computes in float32 only: leave dtype out")
    empty = np.flatnonzero(job.lengths == 0)
    if len(empty):
        raise AdapterError(f"row {empty[0]} has no tokens: it is empty.")
    cut = token_batches if reader.attends or reader.objective == "causal" else equal_batches
    with _exact_arithmetic():
        places = _placed(reader.network, reading)
        budget = reading.tokens_per_batch or (ON_CPU if places[0].device.type == "cpu" else ELSEWHERE)
        workers = [_worker(reader, reading, job, place) for place in places]
        return over_batches(workers, job.lengths, min(budget, most or budget), cut)


def devices_of(name: str) -> list[torch.device]:
    """The devices that a reading names: `all` is every accelerator, else the CPU; several have commas between.

    >>> devices_of("cpu,cpu")
    [device(type='cpu'), device(type='cpu')]
    """
    if name == "all":
        found = [torch.device("cuda", i) for i in range(torch.cuda.device_count())]
        return found or [torch.device("cpu")]
    return [choose_device(part.strip()) for part in name.split(",")]


@dataclass(frozen=True)
class _Placed:
    """A network on its device, as it is called."""

    device: torch.device
    call: Callable[..., Any]
    plain: nn.Module


def _placed(network: nn.Module, reading: Reading) -> list[_Placed]:
    """The network on the first device and a copy of it on every other one."""
    first, *others = devices_of(reading.device)
    network.eval()
    copies = [copy.deepcopy(network).to(device) for device in others]
    modules = [network.to(first), *copies]
    called = [torch.compile(module, dynamic=True) if reading.compile else module for module in modules]
    return [_Placed(*parts) for parts in zip((first, *others), called, modules, strict=True)]


def _worker(reader: Reader, reading: Reading, job: Job, place: _Placed) -> Callable[[Index], Callable[[], Any]]:
    takes = set(inspect.signature(place.plain.forward).parameters)
    asked = _asked(takes, job.needs)
    parameters = list(inspect.signature(place.plain.forward).parameters.values())
    # Attention without a mask is faster, so none is given where nothing is padded and the network can do without.
    optional = len(parameters) > 1 and parameters[1].default is None

    def start(rows: Index) -> Callable[[], Any]:
        with torch.inference_mode(), _precision(place.device, reading.dtype):
            batch = collated(reader, rows, [job.ids(int(row)) for row in rows], place.device)
            mask: tuple[Tensor | None, ...] = (batch.real.long(),) if reader.attends else ()
            if mask and optional and not batch.padded:
                mask = (None,)
            kept = job.keep(place.call(batch.ids, *mask, **asked), batch)
        return lambda: kept.float().cpu().numpy()

    return start


def _asked(takes: set[str], needs: Needs) -> dict[str, bool]:
    """Keyword arguments that spare a network what is not needed, where its forward knows them."""
    wanted = {"all_layers": needs == "layers", "output_hidden_states": needs == "layers"}
    wanted["with_logits"] = needs == "logits"
    return {name: value for name, value in wanted.items() if name in takes}


def collated(reader: Reader, rows: Index, ids: Sequence[Ints], device: torch.device) -> Batch:
    """Rows of ids as one padded batch: on the tokenizer's side, on the right for causal networks."""
    lengths = np.array([len(one) for one in ids], np.int64)
    longest, left = int(lengths.max()), reader.tokenizer.left and reader.objective != "causal"
    shift = longest - lengths if left else np.zeros_like(lengths)
    if (lengths == longest).all():
        table = np.stack(ids)
    else:
        table = np.full((len(ids), longest), reader.tokenizer.pad, np.int64)
        for line, one, start in zip(table, ids, shift, strict=True):
            line[start : start + len(one)] = one
    places = np.arange(longest)
    real = (places >= shift[:, None]) & (places < (shift + lengths)[:, None])
    return Batch(rows, _sent(table, device), _sent(real, device), shift, not real.all())


def _sent(table: Any, device: torch.device) -> Tensor:
    tensor = torch.from_numpy(table)
    # From pinned memory the copy does not make the host wait.
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def _precision(device: torch.device, name: str) -> torch.autocast:
    """The context of a pass: products in 16 bits where that is asked for, norms and sums in float32."""
    dtype = torch.bfloat16 if name == "bfloat16" else torch.float16
    return torch.autocast(device.type, dtype=dtype, enabled=name != "float32")


@contextmanager
def _exact_arithmetic() -> Iterator[None]:
    """float32 means float32: convolutions on cuda use TF32 otherwise, which has 10 bits of mantissa."""
    with torch.backends.cudnn.flags(
        enabled=torch.backends.cudnn.enabled,
        benchmark=torch.backends.cudnn.benchmark,
        deterministic=torch.backends.cudnn.deterministic,
        allow_tf32=False,
    ):
        yield
