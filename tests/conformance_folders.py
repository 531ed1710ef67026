"""Reads conformance folders and says how each family of networks answers their cases.

A folder holds config.json, weights.safetensors, expected.safetensors and cases.json. ANSWERS maps a family
(`adapters.ports.registry.family_of`) to a function of (network, case, arrays) that returns the outputs it can
reproduce, by the names that the case gives them. `arrays` are the case's own arrays, inputs among them. A
name that is neither an input nor answered must stand in LEFT_OUT with the reason; a tensor that is stored
and by the reference's own design does nothing, in IDLE.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from conformance_language_models import dnabert, language_model
from safetensors.torch import load_file
from torch import Tensor, nn

from dnabench.adapters.ports import dart
from dnabench.adapters.ports.registry import build, family_of
from dnabench.harness.sequence import one_hot, padded_codes

Arrays = Mapping[str, Tensor]
Answers = dict[str, Any]
"""Name to tensor, or to a list of tensors where the case lists several arrays under one name."""

VARIABLE = "DNABENCH_CONFORMANCE"
INPUTS = {
    "input",
    "input_ids",
    "embeddings",
    "token_index_per_base",
    "start_end",
    "attention_mask",
    "token_type_ids",
}


@dataclass(frozen=True)
class Folder:
    """One conformance folder."""

    path: Path

    @cached_property
    def config(self) -> dict[str, Any]:
        return dict(json.loads((self.path / "config.json").read_text(encoding="utf-8")))

    @cached_property
    def cases(self) -> dict[str, Any]:
        return dict(json.loads((self.path / "cases.json").read_text(encoding="utf-8")))

    @cached_property
    def family(self) -> str | None:
        return family_of(self.config)

    def network(self) -> nn.Module:
        return build(self.config, load_file(self.path / "weights.safetensors"))

    def arrays(self, case: Mapping[str, Any]) -> dict[str, Tensor]:
        """A case's arrays by name; a list under one name becomes hidden_states.0, hidden_states.1, …"""
        stored = load_file(self.path / "expected.safetensors")
        return {name: stored[key] for name, key in flattened(case["expected"]).items()}

    def tolerance(self, output: str) -> tuple[float, float]:
        """(atol, rtol) of an output."""
        allowed = self.cases["tolerance"]
        by_output = allowed.get("atol_by_output", {})
        return by_output.get(output, by_output.get(output.partition(".")[0], allowed["atol"])), allowed["rtol"]


def folders() -> list[Folder]:
    """Folders with a network under the variable's folder; none where it is unset."""
    root = os.environ.get(VARIABLE)
    found = sorted(Path(root).glob("*/weights.safetensors")) if root else []
    return [Folder(path.parent) for path in found]


def unread(folder: Folder, network: nn.Module, name: str) -> bool:
    """Whether a stored tensor has no effect: the network leaves it in the file, or IDLE names it."""
    idle = IDLE.get(str(folder.family), set())
    return name not in network.state_dict() or any(part in name for part in idle)


def flattened(answers: Mapping[str, Any]) -> dict[str, Any]:
    """Lists spelled out: {"a": [x, y], "b": z} becomes {"a.0": x, "a.1": y, "b": z}."""
    flat: dict[str, Any] = {}
    for name, value in answers.items():
        many = isinstance(value, list | tuple)
        flat |= {f"{name}.{i}": one for i, one in enumerate(value)} if many else {name: value}
    return flat


def answers_of(folder: Folder, network: nn.Module, case: Mapping[str, Any]) -> dict[str, Tensor]:
    """What a network says in a case, lists spelled out."""
    return flattened(ANSWERS[str(folder.family)](network, case, folder.arrays(case)))


def sigmoids(network: nn.Module, case: Mapping[str, Any], arrays: Arrays) -> Answers:
    """Networks over one-hot DNA with one logit per label; the stored input must be our own one-hot."""
    rows = bases(case, arrays["input"])
    logits = network(rows)
    return {"logits": logits, "probabilities": torch.sigmoid(logits)}


def basset(network: Any, case: Mapping[str, Any], arrays: Arrays) -> Answers:
    ids = arrays["input_ids"]
    ours = padded_codes(case["sequences"], ids.shape[1])
    np.testing.assert_array_equal(ids.numpy(), ours)
    rows = bases(case, None)
    return {"logits": network(rows), "features": network.features(rows)}


def gb_cnn(network: Any, case: Mapping[str, Any], arrays: Arrays) -> Answers:
    return {"logits": network.logits(arrays["input"]), "output": network(arrays["input"])}


def bend_cnn(network: nn.Module, case: Mapping[str, Any], arrays: Arrays) -> Answers:
    logits = network(arrays["input"])
    functions: dict[str, Callable[[Tensor], Tensor]] = {
        "softmax": lambda x: torch.softmax(x, -1),
        "sigmoid": torch.sigmoid,
        "softplus": torch.nn.functional.softplus,
    }
    return {"logits": logits} | {name: f(logits) for name, f in functions.items() if name in arrays}


def dart_probe(network: nn.Module, case: Mapping[str, Any], arrays: Arrays) -> Answers:
    if "token_index_per_base" in arrays:
        return {"logits": network(dart.per_base(arrays["embeddings"], arrays["token_index_per_base"]))}
    if "start_end" in arrays:
        pairs = zip(arrays["embeddings"], arrays["start_end"].tolist(), strict=True)
        return {"logits": torch.cat([network(row[None, start:end]) for row, (start, end) in pairs])}
    return {"logits": network(arrays["input"])}


def dart_reader(network: nn.Module, case: Mapping[str, Any], arrays: Arrays) -> Answers:
    return {"logits": network(bases(case, arrays["input"]))}


def bases(case: Mapping[str, Any], stored: Tensor | None) -> Tensor:
    """One-hot (n, 4, length) of the case's sequences, compared with what is stored; else what is stored."""
    if case.get("sequences") is None:
        assert stored is not None
        return stored
    rows = torch.from_numpy(one_hot(case["sequences"], len(case["sequences"][0]))).transpose(1, 2)
    if stored is not None:
        np.testing.assert_array_equal(stored.numpy(), rows.numpy())
    return rows


ANSWERS: dict[str, Callable[[Any, Mapping[str, Any], Arrays], Answers]] = {
    "basset": basset,
    "basset-bend": sigmoids,
    "bend-cnn": bend_cnn,
    "caduceus": language_model,
    "convnova": language_model,
    "danq": sigmoids,
    "dart-abinitio": dart_reader,
    "dart-chrombpnet-like": dart_reader,
    "dart-probe": dart_probe,
    "deepsea": sigmoids,
    "dnabert": dnabert,
    "dnabert2": language_model,
    "gb-cnn": gb_cnn,
    "gena-lm": language_model,
    "gpn": language_model,
    "hyenadna": language_model,
    "nucleotide-transformer": language_model,
}

LEFT_OUT: dict[str, dict[str, str]] = {
    "danq": {"selene_as_is_probabilities": "Selene's LSTM runs over the rows of the batch; the paper's does not"},
}

IDLE: dict[str, set[str]] = {}
"""Family to parts of the names of stored tensors that have no effect on any answer."""
