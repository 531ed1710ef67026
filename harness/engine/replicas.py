"""One network on one device, or the same network on several that share the rows of every step.

A step's gradient is the sum over the passes of all devices, so that the batch is what the recipe says on any number of
them. Threads, not processes: torch lets go of the interpreter while a device works.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import TypeVar

import torch
from torch import Tensor, nn

from .tuning import set_training

T = TypeVar("T")
R = TypeVar("R")


class Replicas:
    """A module and its copies, each on a device of its own; the first one is the module that was given."""

    def __init__(self, module: nn.Module, devices: Sequence[torch.device]) -> None:
        self.devices = tuple(devices)
        self.modules = [module.to(devices[0]), *(deepcopy(module).to(device) for device in devices[1:])]
        self.threads = ThreadPoolExecutor(len(devices)) if len(devices) > 1 else None

    def compile(self) -> None:
        """torch.compile every copy, in place."""
        for module in self.modules:
            module.compile()

    def train(self, mode: bool) -> None:
        """Training or evaluation mode, everywhere."""
        for module in self.modules:
            set_training(module, mode)

    def spread(self) -> None:
        """Gives the copies the numbers of the first module, and forgets all gradients."""
        first = _numbers(self.modules[0])
        with torch.no_grad():
            for copy in self.modules[1:]:
                for to, of in zip(_numbers(copy), first, strict=True):
                    to.copy_(of, non_blocking=True)
        for module in self.modules:
            module.zero_grad(set_to_none=True)

    def gather(self) -> None:
        """Adds the gradients of the copies to those of the first module, in the order of the devices."""
        for copy in self.modules[1:]:
            for to, of in zip(self.modules[0].parameters(), copy.parameters(), strict=True):
                if of.grad is not None:
                    grad = of.grad.to(to.device)
                    to.grad = grad if to.grad is None else to.grad + grad

    def over(self, work: Callable[[nn.Module, torch.device, T], R], jobs: Sequence[T]) -> list[R]:
        """`work` on every job, each device with its share of them in turn; results in the order of the jobs."""
        if self.threads is None:
            return [work(self.modules[0], self.devices[0], job) for job in jobs]
        many = len(self.devices)

        def share(number: int) -> list[R]:
            module, device = self.modules[number], self.devices[number]
            return [work(module, device, job) for job in jobs[number::many]]

        shares = [self.threads.submit(share, number) for number in range(many)]
        # All are waited for before any is read: an error must not leave a device at work behind it.
        failed = [future.exception() for future in shares]
        for problem in failed:
            if problem is not None:
                raise problem
        results = [future.result() for future in shares]
        return [results[i % many][i // many] for i in range(len(jobs))]


def _numbers(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]
