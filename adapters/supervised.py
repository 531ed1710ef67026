"""Supervised networks of the literature, trained from scratch on a task's own rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from dnabench.harness.errors import needs_extra
from dnabench.harness.sequence import padded_codes
from dnabench.harness.types import Capability, ModelInfo

from .options import read_options

if TYPE_CHECKING:
    import torch


class Supervised:
    """A network of published layout, built for the task's longest row and its number of outputs.

    Rows that are shorter end in zeros; a task whose rows are too short for the layout's convolutions and pools is
    padded to the shortest length that they can read. Letters other than A, C, G, T are zeros, too.
    """

    family: ClassVar[str] = ""
    sizes: ClassVar[Mapping[str, Any]] = {}
    """Options: sizes that may be changed, with the published ones."""

    def __init__(self, **options: Any) -> None:
        self.options = read_options(self.name, options, self.sizes)

    @property
    def name(self) -> str:
        """As it is registered."""
        return self.family.replace("-", "_")

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(
            self.name,
            self.name,
            1,
            weights="random",
            options=self.options,
            tokenizer="single bases",
            objective="none",
            strands="one strand",
        )

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset({"module"})

    def module(self, outputs: int, length: int) -> torch.nn.Module:
        """A fresh network for rows of up to `length` bases, drawn from torch's current seed."""
        if find_spec("torch") is None:
            raise needs_extra("torch", "torch")
        from .ports.supervised import network

        return network(self.family, outputs, length, self.options)

    def collate(self, sequences: Sequence[str]) -> dict[str, torch.Tensor]:
        """Codes (n, longest row): A 0, C 1, G 2, T 3, other letters 4, padding 5."""
        import torch

        longest = max(map(len, sequences), default=0)
        return {"codes": torch.from_numpy(padded_codes(sequences, longest).astype("int64"))}


class DeepSEA(Supervised):
    """DeepSEA from scratch: three convolutions and two dense layers (Zhou & Troyanskaya 2015)."""

    family = "deepsea"
    sizes: ClassVar[Mapping[str, Any]] = {"fc": 925}


class DanQ(Supervised):
    """DanQ from scratch: a convolution, a bidirectional LSTM and two dense layers (Quang & Xie 2016)."""

    family = "danq"
    sizes: ClassVar[Mapping[str, Any]] = {"conv_channels": 320, "lstm_hidden": 320, "fc": 925}


class Basset(Supervised):
    """Basset from scratch: three wide convolutions and two dense layers, batch-normed (Kelley et al. 2016)."""

    family = "basset"


class BassetBend(Supervised):
    """BEND's Basset from scratch: "same" convolutions, plain dense layers (Marin et al. 2024)."""

    family = "basset-bend"


class DartCNN(Supervised):
    """DART-Eval's ab-initio CNN from scratch: a wide convolution with positions, then its probe (Patel et al. 2024)."""

    family = "dart-abinitio"
    sizes: ClassVar[Mapping[str, Any]] = {"emb_channels": 256, "hidden_channels": 32}

    @property
    def name(self) -> str:
        return "dart_cnn"


class ChromBPNetLike(Supervised):
    """DART-Eval's ChromBPNet-like CNN from scratch: seven residual dilated convolutions (Patel et al. 2024)."""

    family = "dart-chrombpnet-like"
    sizes: ClassVar[Mapping[str, Any]] = {"emb_channels": 256, "n_filters": 512, "n_residual": 7}

    @property
    def name(self) -> str:
        return "chrombpnet_like"


class BendCNN(Supervised):
    """BEND's CNN from scratch: two small convolutions on one-hot letters, averaged over the row (Marin et al. 2024)."""

    family = "bend-cnn"
    sizes: ClassVar[Mapping[str, Any]] = {"hidden_size": 64}


class BendResNet(Supervised):
    """BEND's ResNet from scratch: thirty dilated residual convolutions before its CNN (Marin et al. 2024)."""

    family = "bend-resnet"
    sizes: ClassVar[Mapping[str, Any]] = {"hidden_size": 256, "n_layers": 30}
