"""A network and a tokenizer by the code of a repository that a user has named as trusted, through transformers.

The network is built on the CPU from its configuration and filled here: transformers' own loader builds it without
memory first, and what such code fills in by itself (ALiBi, rotary angles) would come back as garbage.
"""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from dnabench.harness.engine.reader import Tokens
from dnabench.harness.errors import AdapterError, needs_extra

from .network import Output, load_tied


class RemoteCode(nn.Module):
    """A network of somebody else's code, called as the ports are."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.takes = set(inspect.signature(model.forward).parameters)

    def forward(
        self, ids: Tensor, mask: Tensor | None = None, *, all_layers: bool = False, with_logits: bool = False
    ) -> Output:
        """States for ids (batch, tokens); code that takes no mask reads row by row, without padding."""
        if "attention_mask" in self.takes or mask is None or bool(mask.all()):
            given = {"attention_mask": mask} if "attention_mask" in self.takes and mask is not None else {}
            return self._said(ids, given, all_layers)
        states: Tensor | None = None
        for row, keep in enumerate(mask.bool()):
            part = self._said(ids[row][None, keep], {}, False).last_hidden_state
            states = part.new_zeros(*ids.shape, part.shape[-1]) if states is None else states
            states[row, keep] = part[0]
        assert states is not None, "a batch holds at least one row"
        return Output(states)

    def _said(self, ids: Tensor, given: Mapping[str, Tensor], all_layers: bool) -> Output:
        wanted = {"output_hidden_states": True} if all_layers and "output_hidden_states" in self.takes else {}
        said = self.model(ids, **given, **wanted)
        states = getattr(said, "last_hidden_state", None)
        states = said[0] if states is None else states
        return Output(states, tuple(getattr(said, "hidden_states", None) or ()))

    def load_hub_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Puts the tensors of a hub file in; heads of the file, which the bare model does not have, stay out."""
        own = self.model.state_dict()
        prefix = f"{getattr(self.model, 'base_model_prefix', '')}."
        if not own.keys() & weights.keys() and any(name.startswith(prefix) for name in weights):
            weights = {n.removeprefix(prefix): t for n, t in weights.items() if n.startswith(prefix)}
        known = {f"model.{name}": tensor for name, tensor in weights.items() if name in own}
        load_tied(self, known)


@dataclass(frozen=True)
class HubTokenizer:
    """The tokenizer of a trusted repository."""

    folder: str
    left: bool = False

    def encode(self, sequence: str) -> Tokens:
        """Ids with the repository's special tokens; bases by offsets, else by the letters of each token in turn."""
        if self._library.is_fast:
            said = self._library(sequence, return_offsets_mapping=True)
            spans = np.array(said["offset_mapping"], np.int64).reshape(-1, 2)
            return Tokens(np.array(said["input_ids"], np.int64), spans)
        ids = self._library(sequence)["input_ids"]
        return Tokens(np.array(ids, np.int64), _matched(sequence, self._library.convert_ids_to_tokens(ids)))

    @property
    def pad(self) -> int:
        found = self._library.pad_token_id
        return 0 if found is None else int(found)

    @property
    def mask(self) -> int:
        found = self._library.mask_token_id
        return self.pad if found is None else int(found)

    @cached_property
    def _library(self) -> Any:
        return _transformers().AutoTokenizer.from_pretrained(self.folder, trust_remote_code=True, local_files_only=True)


def build(config: Mapping[str, Any], folder: Path) -> RemoteCode:
    """The network that the folder's own code builds of its configuration, without weights.

    Raises AdapterError where the code lies in another repository, or fails with this version of transformers.
    """
    _refuse_others(config, folder)
    library = _transformers()
    try:
        settings = library.AutoConfig.from_pretrained(folder, trust_remote_code=True, local_files_only=True)
        model = library.AutoModel.from_config(settings, trust_remote_code=True)
    except Exception as problem:
        # Somebody else's code fails in ways of its own.
        said = " ".join(str(problem).split())[:300]
        raise AdapterError(
            f"its own code fails under transformers {library.__version__} ({type(problem).__name__}: {said})"
        ) from problem
    return RemoteCode(model).eval()


def _refuse_others(config: Mapping[str, Any], folder: Path) -> None:
    file = folder / "tokenizer_config.json"
    tokens = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    for settings in (config, tokens):
        for entry in (settings.get("auto_map") or {}).values():
            if "--" in str(entry):
                raise AdapterError(f"its code lies in another repository ({entry}), and that one was not trusted")


def _transformers() -> Any:
    try:
        return importlib.import_module("transformers")
    except ImportError:
        raise needs_extra("transformers", "hf") from None


def _matched(sequence: str, tokens: list[str]) -> Any:
    """Spans (n, 2) of tokens whose letters are the sequence's next ones; others stand for no base.

    >>> _matched("ACGT", ["[CLS]", "A", "CG", "T", "[SEP]"]).tolist()
    [[0, 0], [0, 1], [1, 3], [3, 4], [0, 0]]
    """
    spans, at = np.zeros((len(tokens), 2), np.int64), 0
    for i, token in enumerate(tokens):
        if token and sequence.startswith(token, at):
            spans[i], at = (at, at + len(token)), at + len(token)
    return spans
