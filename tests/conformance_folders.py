"""Reads conformance folders and says how each family of networks answers their cases.

A folder holds config.json, expected.safetensors, cases.json and its weights. ANSWERS maps a family
(`adapters.ports.registry.family_of`) to a function of (network, case, arrays) that returns the outputs it can
reproduce, by the names that the case gives them. `arrays` are the case's own arrays, inputs among them. A
name that is neither an input nor answered must stand in LEFT_OUT with the reason; a tensor that is stored
and by the reference's own design does nothing, in IDLE. What cannot be tested at all says why in `complaint`.
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
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from dnabench.adapters.files import WEIGHTS, weight_files
from dnabench.adapters.ports import stock
from dnabench.adapters.ports.common import read_weights
from dnabench.adapters.ports.registry import build, family_of, load_weights
from dnabench.harness.errors import DnabenchError
from dnabench.harness.sequence import padded_codes

Arrays = Mapping[str, Tensor]
Answers = dict[str, Any]
"""Name to tensor, or to a list of tensors where the case lists several arrays under one name."""

VARIABLE = "DNABENCH_CONFORMANCE"
STOCK = "transformers"
"""The family of folders that are read through transformers' own classes."""
FILES = ("config.json", "cases.json", "expected.safetensors")
GIVEN = ("input_ids", "attention_mask", "token_type_ids")
"""Inputs that stand in a case's text where they are no arrays."""
CLOSE = 1e-5
"""What the reference allows where a folder does not say."""
INPUTS = {
    "input",
    "input_ids",
    "input_probs",
    "aux_features",
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
        return family_of(self.config) or (STOCK if self.config.get("model_type") in stock.CLASSES else None)

    @cached_property
    def weights(self) -> dict[str, Tensor]:
        return read_weights(weight_files(self.path))

    def built(self, weights: Mapping[str, Tensor]) -> nn.Module:
        """The folder's network with these tensors."""
        if self.family != STOCK:
            return build(self.config, weights)
        network = stock.build(self.config)
        load_weights(network, weights)
        return network

    def network(self) -> nn.Module:
        return self.built(self.weights)

    def arrays(self, case: Mapping[str, Any]) -> dict[str, Tensor]:
        """A case's arrays by name; a list under one name becomes hidden_states.0, hidden_states.1, …"""
        stored = load_file(self.path / "expected.safetensors")
        written = {name: torch.tensor(case[name]) for name in GIVEN if case.get(name) is not None}
        return written | {name: stored[key] for name, key in flattened(case["expected"]).items()}

    def tolerance(self, output: str) -> tuple[float, float]:
        """(atol, rtol) of an output; the largest that the folder names where it does not name this one's."""
        allowed = self.cases.get("tolerance") or {}
        by_output = allowed.get("atol_by_output") or {}
        most = allowed.get("atol", max(by_output.values(), default=CLOSE))
        atol = by_output.get(output, by_output.get(output.partition(".")[0], most))
        return float(atol), float(allowed.get("rtol", CLOSE))

    @cached_property
    def complaint(self) -> str:
        """Why nothing of the folder can be tested, or not all of it, in a sentence; empty where all can."""
        missing = [name for name in FILES if not (self.path / name).is_file()]
        if missing:
            return f"it has no {', '.join(missing)}"
        try:
            listed = [(case["name"], flattened(case["expected"]).values()) for case in self.cases["cases"]]
            with safe_open(self.path / "expected.safetensors", "pt") as file:
                stored = set(file.keys())
            if self.family is None:
                return f"nothing here serves a model_type of {self.config.get('model_type')!r}"
            self.network()
        except (ValueError, TypeError, KeyError, AttributeError, OSError, SafetensorError, DnabenchError) as problem:
            return f"it cannot be read ({type(problem).__name__}: {problem})"
        lost = [f"{key} of the case {name}" for name, keys in listed for key in keys if key not in stored]
        return f"expected.safetensors lacks {', '.join(lost)}" if lost else "" if listed else "it has no case"


def folders() -> list[Folder]:
    """Folders of networks, complete or not, under the variable's folder; none where it is unset."""
    root = os.environ.get(VARIABLE)
    found = sorted(path for path in Path(root).iterdir() if path.is_dir()) if root else []
    return [Folder(path) for path in found if any((path / name).is_file() for name in ("config.json", *WEIGHTS))]


def sound() -> list[Folder]:
    """Those that can be tested."""
    return [folder for folder in folders() if not folder.complaint]


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


def compared(case: Mapping[str, Any], arrays: Mapping[str, Any], found: Any) -> Any:
    """Where two arrays must agree: everywhere, or where the attention mask is 1 if the case says so."""
    if not str(case.get("compare_where", "")).startswith("attention_mask == 1") or found.ndim < 3:
        return ...
    mask = arrays["attention_mask"].numpy().astype(bool)
    return mask if found.shape[:2] == mask.shape else ...


def sigmoids(network: nn.Module, case: Mapping[str, Any], arrays: Arrays) -> Answers:
    """Networks over one-hot DNA with one logit per label; the stored input must be our own one-hot."""
    rows = bases(case, arrays["input"])
    logits = network(rows)
    return {"logits": logits, "probabilities": torch.sigmoid(logits)}


def basset(network: Any, case: Mapping[str, Any], arrays: Arrays) -> Answers:
    ids = arrays["input_ids"]
    if case.get("sequences"):
        ours = padded_codes(case["sequences"], ids.shape[1])
        np.testing.assert_array_equal(ids.numpy(), ours)
    rows = torch.nn.functional.one_hot(ids.clamp(max=4), 5)[..., :4].transpose(1, 2).float()
    return {"logits": network(rows), "features": network.features(rows)}


def gb_cnn(network: Any, case: Mapping[str, Any], arrays: Arrays) -> Answers:
    return {"logits": network.logits(arrays["input"]), "output": network(arrays["input"])}


def bend_cnn(network: nn.Module, case: Mapping[str, Any], arrays: Arrays) -> Answers:
    logits = network(arrays["input"], case.get("length"))
    functions: dict[str, Callable[[Tensor], Tensor]] = {
        "softmax": lambda x: torch.softmax(x, -1),
        "sigmoid": torch.sigmoid,
        "softplus": torch.nn.functional.softplus,
    }
    return {"logits": logits} | {name: f(logits) for name, f in functions.items() if name in arrays}


def dart_probe(network: nn.Module, case: Mapping[str, Any], arrays: Arrays) -> Answers:
    if "token_index_per_base" in arrays:
        states, token = arrays["embeddings"], arrays["token_index_per_base"][:, :, None]
        return {"logits": network(states.gather(1, token.expand(-1, -1, states.shape[2])))}
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
    codes = padded_codes(case["sequences"], max(map(len, case["sequences"])))
    rows = torch.eye(6)[torch.from_numpy(codes).long()][..., :4].transpose(1, 2)
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
    STOCK: language_model,
}

LEFT_OUT: dict[str, dict[str, str]] = {
    "danq": {"selene_as_is_probabilities": "Selene's LSTM runs over the rows of the batch; the paper's does not"},
}

IDLE: dict[str, set[str]] = {}
"""Family to parts of the names of stored tensors that have no effect on any answer."""
