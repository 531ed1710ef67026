"""What is special about a model family, on one card: no network, no arrays, nothing heavy to import.

A card is found through the entry points of the group `dnabench.families`; `pretrained.py` makes a model of a card and a
folder, `families.py` finds the card that a folder's config.json asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dnabench.harness.engine.reader import Tokenizer

Config = Mapping[str, Any]
"""The hub's config.json."""

UNKNOWN = "not declared"
"""What a card says of a fact that nobody published."""
HUMAN = ("GRCh38",)
OPEN = (None, None)
"""A context without a limit that the network itself sets."""


@dataclass(frozen=True)
class Checkpoint:
    """What is known of one repository of the hub; None or an empty tuple where it is not."""

    parameters: int | None = None
    """Exact number, shared tensors counted once; the network built from its configuration must have it."""
    pretraining: tuple[str, ...] = ()
    bases: int | None = None
    """Length of the sequences that it was trained on, where the network itself has no limit."""


@dataclass(frozen=True)
class Card:
    """One family: how its configuration is known, how DNA becomes tokens, what its outputs mean."""

    name: str
    title: str
    serves: Callable[[Config], bool]
    """Whether a config.json is this family's, by its own keys."""
    tokenizer: Callable[[Config, Path | None], Tokenizer]
    """Of a configuration and the folder that holds the tokenizer's files."""
    tokens: str
    """The token → base map in words."""
    objective: Callable[[Config], str]
    """`masked`, `causal` or `none`."""
    attends: bool
    """A padding mask is accepted; without one, rows of one length go together."""
    unknown: str
    """What becomes of N."""
    context: Callable[[Config], tuple[int | None, int | None]] = lambda config: OPEN
    """Longest input in tokens, specials included, and in bases; None for no limit."""
    strands: Callable[[Config], str] = lambda config: "one strand"
    likelihood: str = ""
    """How a token's probability becomes a base's."""
    licence: str = UNKNOWN
    checkpoints: Mapping[str, Checkpoint] = field(default_factory=dict)
    sizes: Mapping[str, Config] = field(default_factory=dict)
    """Configurations by name, for networks from scratch without a folder; the first is the default."""
    lora_targets: tuple[str, ...] = ()
    ia3_targets: tuple[str, ...] = ()
    ia3_feedforward: tuple[str, ...] = ()
    builder: str = "dnabench.adapters.ports.registry:build"
    """`module:function` of a configuration that returns the network without weights."""
    in_folder: bool = False
    """`builder` is given the folder as well."""
    key: Config = field(default_factory=dict)
    """Keys that tell `builder` the family where a configuration does not; without any, `model_type` is the name."""
    version: int = 1
    """Raised when any output may change."""

    def complete(self, config: Config) -> Config:
        """A configuration as the builder knows it to be this family's, whatever it says of itself."""
        return config if self.serves(config) else {**config, **(self.key or {"model_type": self.name})}

    def known(self, repository: str) -> Checkpoint:
        """The facts of a repository; none where it is not listed."""
        return self.checkpoints.get(repository, Checkpoint())


def always(value: Any) -> Callable[[Config], Any]:
    """A fact that no configuration changes.

    >>> always("masked")({})
    'masked'
    """
    return lambda config: value


def vocabulary(config: Config) -> int:
    """Rows of the embedding by a configuration; 0 where it names no number of them.

    >>> vocabulary({"vocab_size": 4101}), vocabulary({"vocab_size": None})
    (4101, 0)
    """
    rows = config.get("vocab_size")
    return rows if isinstance(rows, int) else 0


def port(name: str) -> Callable[[Config], bool]:
    """Whether the keys of a configuration say that the port of this name is its own.

    >>> port("hyenadna")({"model_type": "hyenadna"})
    True
    """
    from .ports.family import family_of

    return lambda config: family_of(config) == name
