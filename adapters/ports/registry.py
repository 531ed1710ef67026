"""Which network a configuration asks for: the one table of all ports.

A port is a file of this folder with `from_config(config) -> nn.Module`; `config` is the hub's config.json,
or for networks that have no hub file their sizes and `model_type`. To add one: import it, enter it in PORTS
under its family's name, and in `family.py`, which also says by which keys its configurations are known. A
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
from .family import family_of
from .network import load_tied, renamed

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
            load_tied(network, renamed(weights, network.state_dict()), optional=("*.num_batches_tracked",))
    except RuntimeError as mismatch:
        detail = " ".join(str(mismatch).split())
        raise AdapterError(f"the weights do not fit {type(network).__name__}: {detail}") from mismatch
