"""Where a network runs, and how a run is made repeatable without leaving a trace in the process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..errors import Unavailable


def choose_device(name: str = "auto") -> torch.device:
    """`auto` is cuda where there is one, else the CPU; Unavailable where `cuda` is asked for and is not here.

    >>> choose_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise Unavailable("device cuda was asked for and torch sees none here: use device=auto or device=cpu")
    return torch.device(name)


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
    with torch.random.fork_rng(devices=[torch.cuda.current_device()] if device.type == "cuda" else []):
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
    """The context in which a forward pass runs: bfloat16 where it is safe, or float32 throughout."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")
