"""Where a network runs, and how a run is made repeatable without leaving a trace in the process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from ..errors import RequestError, Unavailable
from .recipe import Precision

TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_device(name: str = "auto") -> torch.device:
    """`auto` is cuda where there is one, else the CPU; Unavailable where `cuda` is asked for and is not here.

    Raises RequestError for a word that is no device.

    >>> choose_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise RequestError(f"device is {name!r}; it must be auto, cpu, cuda or cuda:N.")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise Unavailable(
            f"device {name} was asked for and torch sees {count or 'none'} here: use device=auto or device=cpu"
        )
    return device


def choose_devices(name: str, how_many: str) -> tuple[torch.device, ...]:
    """The one device, or all accelerators of its kind; the CPU is always one.

    >>> choose_devices("cpu", "all")
    (device(type='cpu'),)
    """
    device = choose_device(name)
    if device.type != "cuda" or how_many == "one":
        return (device,)
    return tuple(torch.device("cuda", i) for i in range(torch.cuda.device_count()))


def possible_precision(device: torch.device, precision: Precision) -> Precision:
    """The precision that a device can train in: float16 needs an accelerator, the CPU takes float32 for it.

    >>> possible_precision(torch.device("cpu"), "float16"), possible_precision(torch.device("cpu"), "bfloat16")
    ('float32', 'bfloat16')
    """
    return "float32" if precision == "float16" and device.type == "cpu" else precision


def float32_only(module: nn.Module) -> bool:
    """Whether a part of a network declares, by an attribute `float32_only`, that it computes in float32 always."""
    return any(getattr(part, "float32_only", False) for part in module.modules())


@contextmanager
def reproducible(seed: int, device: torch.device, threads: int = 1) -> Iterator[None]:
    """Inside, torch draws from `seed` and, on the CPU, computes the same bytes every time; afterwards all is
    as before.

    The CPU gets deterministic algorithms and `threads` threads, whatever the environment says: sums split
    over another number of threads end in other digits.
    On cuda the draws are seeded but sums may be ordered differently from run to run: a deterministic cuBLAS
    needs an environment variable that is read before the process starts using the device.
    """
    before = torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    lenient = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark, precision = torch.backends.cudnn.benchmark, torch.get_float32_matmul_precision()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count()) if device.type == "cuda" else []):
        try:
            torch.manual_seed(seed)
            if device.type == "cpu":
                torch.set_num_threads(threads)
                torch.use_deterministic_algorithms(True)
            torch.backends.cudnn.benchmark = False
            torch.set_float32_matmul_precision("highest")
            yield
        finally:
            torch.set_num_threads(before)
            torch.use_deterministic_algorithms(strict, warn_only=lenient)
            torch.backends.cudnn.benchmark = benchmark
            torch.set_float32_matmul_precision(precision)


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """The context in which a forward pass runs: half precision where it is safe, or float32 throughout."""
    return torch.autocast(device.type, dtype=TYPES[precision], enabled=precision != "float32")
