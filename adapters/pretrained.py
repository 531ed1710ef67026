"""A pretrained model: a family's card, a folder with config.json, weights and tokenizer, and how it is to be read."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from dnabench.harness.errors import RequestError, needs_extra
from dnabench.harness.types import Capability, ModelInfo

from .blueprint import Blueprint
from .card import UNKNOWN, Card
from .families import card_named, card_of, read_config
from .files import digest, settings_digest, weight_files
from .options import read_options, require
from .vocabulary import clean, texts

if TYPE_CHECKING:
    import torch

    from dnabench.harness.engine.heads import Kind
    from dnabench.harness.engine.reading import Reader, Reading

PASSING = ("device", "tokens_per_batch", "compile")
"""Options that change how fast a model is, not what it says."""
NOT_TUNED = ("strands", "layer", "long", "max_bases", "dtype")
"""Options of a reading that fine-tuning has no use for."""


class Pretrained:
    """A checkpoint of the hub or a folder: `--model org/name@revision`, or a family from scratch with init=random.

    Options are those of a reading (pooling, layer, strands, long, max_bases, dtype, likelihood; device,
    tokens_per_batch, compile) and `init`: `pretrained`, or `random` for the same network without its weights;
    `size` names one of the family's configurations where there is no folder. Sequences are read in upper case,
    IUPAC letters other than A, C, G, T as N.
    """

    def __init__(self, folder: str = "", adapter: str = "", name: str = "", origin: str = "", **options: Any) -> None:
        if find_spec("torch") is None:
            raise needs_extra("torch", "torch")
        from dnabench.harness.engine.reading import Reading

        self.folder = Path(folder) if folder else None
        self.origin = origin or (f"folder {self.folder.name}" if self.folder else "built here")
        where = name or (self.folder.name if self.folder else adapter)
        given = {one.name: one.default for one in fields(Reading)} | {"init": "pretrained", "size": ""}
        self.options = read_options(where, options, given)
        require(where, self.options["init"] in ("pretrained", "random"), "init is not pretrained or random.")
        self.card, self.config = self._described(adapter, where)
        self.name = where if self.trained else f"{where}-random"
        self.blueprint = Blueprint(self.card, self.config, self.folder, self.name)
        self.blueprint.prove()
        dtype = Reading(**self._reading()).dtype
        possible = dtype == "float32" or not self.blueprint.float32_only
        require(where, possible, f"dtype is {dtype!r}, and its network computes in float32 only: leave dtype out.")

    def _described(self, adapter: str, where: str) -> tuple[Card, Mapping[str, Any]]:
        """The card and the configuration, from the folder or, without one, from the card's own sizes."""
        size = self.options["size"]
        if self.folder:
            require(where, not size, "size belongs to a family without a folder: config.json says the sizes.")
            config = read_config(self.folder)
            return (card_named(adapter) if adapter else card_of(config, where)), config
        card = card_named(adapter)
        known = ", ".join(card.checkpoints) or "no checkpoint that is published"
        require(where, not self.trained, f"this is a family: name a checkpoint ({known}) or say --init random.")
        require(where, bool(card.sizes), "has no size to build from scratch: give a checkpoint or a folder.")
        require(where, not size or size in card.sizes, f"size is {size!r}; it has {', '.join(card.sizes)}.")
        self.options["size"] = size or next(iter(card.sizes))
        return card, card.sizes[self.options["size"]]

    @property
    def trained(self) -> bool:
        """False for the random-weight twin."""
        return bool(self.options["init"] == "pretrained")

    @property
    def info(self) -> ModelInfo:
        tokens, bases = self.card.context(self.config)
        known = self.card.known(self._repository)
        averaged = self.options["strands"] == "averaged"
        return ModelInfo(
            self.name,
            self.card.name,
            self.card.version,
            weights=self.weights,
            options={k: v for k, v in self.options.items() if k not in PASSING} | {"config": self._settings},
            parameters=self.parameters,
            context_tokens=tokens,
            context_bases=bases or known.bases,
            tokenizer=self.card.tokens,
            objective=self._objective,
            strands="averaged" if averaged else self.card.strands(self.config),
            licence=self.card.licence,
            pretraining=(known.pretraining or (UNKNOWN,)) if self.trained else (),
            origin=self.origin,
        )

    @property
    def capabilities(self) -> frozenset[Capability]:
        likely: tuple[Capability, ...] = ("log_likelihood", "base_log_probs")
        return frozenset(("embed", "embed_bases", "module", *(likely if self._objective != "none" else ())))

    @property
    def recipe(self) -> Mapping[str, Any]:
        """What `finetune` starts from; RequestError for options of a reading that it would not follow."""
        from dnabench.harness.engine.reading import Reading

        from .recipes import recipe_of

        plain = Reading()
        ignored = [name for name in NOT_TUNED if self.options[name] != getattr(plain, name)]
        if ignored:
            raise RequestError(
                f"finetune reads one strand and the last layer, cuts rows on the right and has a precision of its own: "
                f"leave out {', '.join(f'{name}={self.options[name]}' for name in ignored)}"
            )
        return recipe_of(self.card.name)

    def embed(self, sequences: Sequence[str]) -> Any:
        """One vector per sequence, float32 (n, width)."""
        from dnabench.harness.engine.reading import embed

        return embed(self.reader, clean(sequences), self.reading)

    def embed_bases(self, sequences: Sequence[str]) -> Any:
        """One vector per base: a list of float32 (length, width)."""
        from dnabench.harness.engine.reading import embed_bases

        return embed_bases(self.reader, clean(sequences), self.reading)

    def bases_read(self, sequences: Sequence[str]) -> Any:
        """Bases of each sequence that reach the network, int64 (n,)."""
        from dnabench.harness.engine.reading import bases_read

        return bases_read(self.reader, clean(sequences), self.reading)

    def log_likelihood(self, sequences: Sequence[str]) -> Any:
        """Natural log of each sequence's likelihood, float64 (n,)."""
        from dnabench.harness.engine.reading import log_likelihood

        return log_likelihood(self.reader, clean(sequences), self.reading)

    def mean_log_likelihood(self, sequences: Sequence[str]) -> Any:
        """The same per base that adds to it; NaN where none does."""
        from dnabench.harness.engine.reading import mean_log_likelihood

        return mean_log_likelihood(self.reader, clean(sequences), self.reading)

    def base_log_probs(self, sequences: Sequence[str], positions: Any = None, mask: Any = None) -> Any:
        """Natural log of the probabilities of A, C, G, T: a list of (positions, 4), NaN for no opinion."""
        from dnabench.harness.engine.reading import base_log_probs

        return base_log_probs(self.reader, clean(sequences), positions, mask, self.reading)

    def convention(self) -> str:
        """What a log-likelihood of this model is, in words for the record."""
        from dnabench.harness.engine.reading import convention

        return convention(self.reader, self.reading)

    def module(self, outputs: int, length: int, kind: Kind = "row") -> torch.nn.Module:
        """A fresh copy with a head to fine-tune; a random one is drawn anew from torch's current seed."""
        from dnabench.harness.engine.heads import classifier

        from .ports.common import linear_names

        network = copy.deepcopy(self.network) if self.trained else self.blueprint.built()
        made: Any = classifier(self._reader(network.train()), outputs, self.options["pooling"], kind)
        for part in ("lora_targets", "ia3_targets", "ia3_feedforward"):
            setattr(made, part, linear_names(network, getattr(self.card, part)))
        return cast("torch.nn.Module", made)

    def collate(self, sequences: Sequence[str], max_tokens: int = 0, kind: Kind = "row") -> dict[str, torch.Tensor]:
        """The tensors that the module takes; rows are cut at the model's context and at `max_tokens`."""
        from dnabench.harness.engine.heads import collated

        return collated(self.reader, clean(sequences), max_tokens, kind)

    @cached_property
    def reader(self) -> Reader:
        """The network with its tokenizer, loaded and proved at the first use."""
        return self._reader(self.network)

    @cached_property
    def reading(self) -> Reading:
        """How the options say that sequences are to be read."""
        from dnabench.harness.engine.reading import Reading

        return Reading(**self._reading())

    @cached_property
    def network(self) -> torch.nn.Module:
        """The network on the CPU in evaluation mode: built from the configuration, filled, and proved."""
        known = self.card.known(self._repository).parameters if self.trained else None
        return self.blueprint.filled(self._files if self.trained else (), self.tokenizer, known)

    @cached_property
    def tokenizer(self) -> Any:
        """How DNA becomes tokens."""
        return self.card.tokenizer(self.config, self.folder)

    @property
    def parameters(self) -> int:
        """Number of parameters, shared ones counted once; counted without making them."""
        return self.blueprint.parameters

    @cached_property
    def weights(self) -> str:
        """`sha256:…` of the weights, or `random`."""
        return digest(self._files) if self.trained else "random"

    def _reader(self, network: torch.nn.Module) -> Reader:
        from dnabench.harness.engine.reading import Reader

        tokens, bases = self.card.context(self.config)
        return Reader(
            network,
            self.tokenizer,
            self.card.attends,
            cast(Any, self._objective),
            tokens,
            bases or self.card.known(self._repository).bases,
            texts(self.tokenizer),
        )

    def _reading(self) -> dict[str, Any]:
        return {name: value for name, value in self.options.items() if name not in ("init", "size")}

    @cached_property
    def _files(self) -> list[Path]:
        return weight_files(self.folder) if self.folder else []

    @cached_property
    def _settings(self) -> str:
        return settings_digest(self.config, self.folder, code=self.card.in_folder)

    @property
    def _objective(self) -> str:
        return self.card.objective(self.config)

    @property
    def _repository(self) -> str:
        """`org/name` where the files came from the hub."""
        return self.origin.removeprefix("hub:").partition("@")[0] if self.origin.startswith("hub:") else ""
