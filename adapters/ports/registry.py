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

from . import basset, basset_bend, bend_cnn, danq, dart, deepsea, gb_cnn

PORTS: dict[str, Callable[[dict[str, Any]], nn.Module]] = {
    "basset": basset.from_config,
    "basset-bend": basset_bend.from_config,
    "bend-cnn": bend_cnn.from_config,
    "danq": danq.from_config,
    "dart-abinitio": dart.ab_initio_from_config,
    "dart-chrombpnet-like": dart.chrombpnet_like_from_config,
    "dart-probe": dart.probe_from_config,
    "deepsea": deepsea.from_config,
    "gb-cnn": gb_cnn.from_config,
}
"""Family to builder."""

MODEL_TYPES: dict[str, str] = {}
"""`model_type` of a hub configuration to family, where the two names differ."""

CODE_FILES: dict[str, str] = {}
"""First part of an entry in `auto_map` (`bert_layers`) to family, looked at before `model_type`."""


def family_of(config: Mapping[str, Any]) -> str | None:
    """Name of the port that a configuration asks for, or None where it asks for none that is here.

    >>> family_of({"model_type": "deepsea"}), family_of({"model_type": "llama"})
    ('deepsea', None)
    """
    code = (str(entry).split(".")[0] for entry in (config.get("auto_map") or {}).values())
    named = [CODE_FILES[file] for file in code if file in CODE_FILES]
    model_type = config.get("model_type")
    family = named[0] if named else MODEL_TYPES.get(str(model_type), model_type)
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
            network.load_hub_weights(weights)  # type: ignore[operator]
        else:
            network.load_state_dict(dict(weights), strict=True)
    except RuntimeError as mismatch:
        detail = " ".join(str(mismatch).split())
        raise AdapterError(f"the weights do not fit {type(network).__name__}: {detail}") from mismatch
