"""What a card and a configuration describe: a network that can be counted without its numbers, built, and filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from dnabench.harness.errors import AdapterError

from .card import Card

if TYPE_CHECKING:
    import torch

    from dnabench.harness.engine.reader import Tokenizer

PROBE = "ACGTTGCAAC" * 6
FAULTS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What building a network of a configuration without sense may raise."""


@dataclass(frozen=True)
class Blueprint:
    """A network of a family, by the model's name in errors."""

    card: Card
    config: Mapping[str, Any]
    folder: Path | None
    name: str

    def prove(self) -> None:
        """AdapterError where the configuration lacks what the family's network is built from."""
        try:
            self.card.context(self.config)
            self.parameters  # noqa: B018 - counting builds the network without its numbers
        except FAULTS as problem:
            said = f"describes no {self.card.name} that can be built ({type(problem).__name__}: {problem})"
            raise AdapterError(f"{self.name}: its config.json {said}") from None

    @cached_property
    def outline(self) -> torch.nn.Module:
        """The network without its numbers."""
        import torch

        with torch.device("meta"):
            return self.built()

    @cached_property
    def parameters(self) -> int:
        """Number of parameters, shared ones counted once."""
        from .ports.common import parameters

        return parameters(self.outline)

    @property
    def float32_only(self) -> bool:
        """True where the network computes in float32 whatever it is asked for."""
        from dnabench.harness.engine.devices import float32_only

        return float32_only(self.outline)

    def built(self) -> torch.nn.Module:
        """A fresh network, its numbers drawn from torch's current seed."""
        from .ports.common import Network

        module, _, name = self.card.builder.partition(":")
        build = getattr(import_module(module), name)
        return Network(
            build(self.config, self.folder) if self.card.in_folder else build(self.card.complete(self.config))
        )

    def filled(self, files: Sequence[Path], tokenizer: Tokenizer, parameters: int | None = None) -> torch.nn.Module:
        """The network on the CPU in evaluation mode, with the weights of these files (none: drawn from seed 0).

        Raises AdapterError where a tensor is missing, unknown or misshapen, where the number of parameters is not the
        published one, or where a short sequence gives no finite, varied states.
        """
        import torch

        from .ports.common import fill, prove, read_weights

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network: Any = self.built()
        if parameters not in (None, self.parameters):
            said = f"describes {self.parameters:,} parameters, and the model has {parameters:,}"
            raise AdapterError(f"{self.name}: its config.json {said}")
        if files:
            fill(network.port, read_weights(files))
        try:
            tokens, _ = self.card.context(self.config)
            prove(network, tokenizer.encode(PROBE).ids[:tokens].tolist(), self.name)
        except IndexError:
            raise AdapterError(f"{self.name}: its tokenizer gives ids that its network has no row for") from None
        return cast("torch.nn.Module", network.eval())
