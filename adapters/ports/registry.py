"""Which network a configuration asks for: the one table of all ports.

A port is a file of this folder with `from_config(config) -> nn.Module`; `config` is the hub's config.json,
or for networks that have no hub file their sizes and `model_type`. To add one: import it, enter it in PORTS
under its family's name, and where `model_type` does not say the family, in MODEL_TYPES or CODE_FILES. A
module whose `load_state_dict` needs help (tied or unused tensors) has a method `load_hub_weights(weights) ->
None`. tests/conformance_folders.py says how each family answers the cases of its conformance folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from dnabench.harness.errors import AdapterError

from . import (
    basset,
    basset_bend,
    bend_cnn,
    caduceus,
    convnova,
    danq,
    dart,
    deepsea,
    dnabert,
    dnabert2,
    gb_cnn,
    gena_lm,
    gpn,
    hyenadna,
    nucleotide_transformer,
)

PORTS: dict[str, Callable[[dict[str, Any]], nn.Module]] = {
    "basset": basset.from_config,
    "basset-bend": basset_bend.from_config,
    "bend-cnn": bend_cnn.from_config,
    "caduceus": caduceus.from_config,
    "convnova": convnova.from_config,
    "danq": danq.from_config,
    "dart-abinitio": dart.ab_initio_from_config,
    "dart-chrombpnet-like": dart.chrombpnet_like_from_config,
    "dart-probe": dart.probe_from_config,
    "deepsea": deepsea.from_config,
    "dnabert": dnabert.from_config,
    "dnabert2": dnabert2.from_config,
    "gb-cnn": gb_cnn.from_config,
    "gena-lm": gena_lm.from_config,
    "gpn": gpn.from_config,
    "hyenadna": hyenadna.from_config,
    "nucleotide-transformer": nucleotide_transformer.from_config,
}
"""Family to builder."""

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
    return family if family in PORTS else None


def build(config: Mapping[str, Any], weights: Mapping[str, Tensor] | None = None) -> nn.Module:
    """The network of a configuration in evaluation mode, with these weights where they are given.

    Raises AdapterError where no port serves the configuration, or the weights are not its weights.
    """
    family = family_of(config)
    if family is None:
        known = ", ".join(sorted(PORTS))
        raise AdapterError(f"no port for model_type {config.get('model_type')!r}; there are ports for {known}")
    network = PORTS[family](dict(config))
    if weights is not None:
        load_weights(network, weights)
    return network.eval()


def load_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Puts tensors into a network by name; AdapterError names the missing, unknown or misshapen ones."""
    try:
        if hasattr(network, "load_hub_weights"):
            network.load_hub_weights(weights)  # type: ignore[operator]  # hasattr is all that nn.Module tells
        else:
            network.load_state_dict(dict(weights), strict=True)
    except RuntimeError as mismatch:
        detail = " ".join(str(mismatch).split())
        raise AdapterError(f"the weights do not fit {type(network).__name__}: {detail}") from mismatch
