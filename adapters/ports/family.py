"""Which family a hub configuration belongs to, by its own keys; no network is imported for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FAMILIES = (
    "basset",
    "basset-bend",
    "bend-cnn",
    "caduceus",
    "convnova",
    "danq",
    "dart-abinitio",
    "dart-chrombpnet-like",
    "dart-probe",
    "deepsea",
    "dnabert",
    "dnabert2",
    "gb-cnn",
    "gena-lm",
    "gpn",
    "hyenadna",
    "nucleotide-transformer",
)
"""Families with a port; `registry.PORTS` has a builder for each."""

MODEL_TYPES: dict[str, str] = {
    "ConvNet": "gpn",
    "GPN": "gpn",
    "bert": "dnabert",
    "esm": "nucleotide-transformer",
}
"""`model_type` of a hub configuration to family, where the two names differ."""

CODE_FILES: dict[str, str] = {
    "bert_layers": "dnabert2",
    "modeling_bert": "gena-lm",
    "modeling_caduceus": "caduceus",
    "modeling_esm": "nucleotide-transformer",
    "modeling_hyena": "hyenadna",
}
"""First part of an entry in `auto_map` (`bert_layers`) to family, looked at before `model_type`."""

OWN_KEYS: dict[str, str] = {
    "add_bias_fnn": "nucleotide-transformer",
    "alibi_starting_size": "dnabert2",
    "pre_layer_norm": "gena-lm",
}
"""A key that only one family's configurations have, to family: several say `bert` or nothing as `model_type`."""


def family_of(config: Mapping[str, Any]) -> str | None:
    """Name of the port that a configuration asks for, or None where it asks for none that is here.

    >>> family_of({"model_type": "deepsea"}), family_of({"model_type": "llama"})
    ('deepsea', None)
    """
    code = [str(entry).split("--")[-1].split(".")[0] for entry in (config.get("auto_map") or {}).values()]
    told = [CODE_FILES[file] for file in code if file in CODE_FILES]
    told += [family for key, family in OWN_KEYS.items() if key in config]
    if not told and config.get("model_type") == "bert" and any("model" in file for file in code):
        return None  # a BERT with code of its own that no port knows is not a BERT
    family = told[0] if told else MODEL_TYPES.get(str(config.get("model_type")), config.get("model_type"))
    return family if family in FAMILIES else None
