"""GPN (Benegas et al., PNAS 2023; Nature Biotechnology 2025): masked language models of single bases by convolution.

    ConvNet   one-hot ─ n × [x + LN GELU Conv x, x + LN GELU Linear x] ─ Linear, GELU, LN, Linear
    GPN       one-hot or embedding ─ n × [x + Linear GELU Conv LN x, x + MLP LN x] ─ LN ─ (Linear, GELU, LN) ─ Linear

The older ConvNet (songlab/gpn-brassicales) and the newer GPN, whose encoder may also be a ByteNet, share this file.
Dilations go up by a base, from one layer to the next or every few, and start again after a cycle.
Key names and arithmetic after songlab-cal/gpn. Ids: [PAD] 0, [MASK] 1, [UNK] 2 (N), a 3, c 4, g 5, t 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .network import HubNetwork, Output, initialise, read_config, require


@dataclass(frozen=True)
class Config:
    """The keys of both families' config.json that decide what is computed; defaults are those of GPNConfig."""

    vocab_size: int = 7
    hidden_size: int = 512
    num_hidden_layers: int = 25
    intermediate_size: int = 2048
    embedding: str = "one_hot"
    encoder: str = "convnet"
    bias: bool = False
    first_kernel_size: int = 9
    rest_kernel_size: int = 5
    depthwise: bool = False
    slim: bool = False
    mlm_head_transform: bool = True
    dilation_base: int = 2
    dilation_cycle: int = 8
    dilation_double_every: int = 1
    dilation_max: int = 9999
    n_aux_features: int = 0
    aux_features_vocab_size: int = 5  # 0, the hub's null: features are numbers as they are
    hidden_dropout_prob: float = 0.0
    initializer_range: float = 0.02
    tie_word_embeddings: bool = False


class GPN(HubNetwork):
    """The newer network with its masked-language-model head; its norms have no bias where `bias` is false."""

    body = "model."

    def __init__(self, config: Config) -> None:
        super().__init__()
        _check(config)
        self.config = config
        width = config.hidden_size
        blocks = {"convnet": ConvBlock, "bytenet": ByteNetBlock}
        layers = [blocks[config.encoder](config, i, dilation) for i, dilation in enumerate(schedule(config))]
        self.model = nn.ModuleDict(
            {
                "encoder": nn.ModuleDict({"layer": nn.ModuleList(layers)}),
                "ln_f": nn.LayerNorm(width, bias=config.bias),
            }
        )
        self.cls = nn.ModuleDict({"decoder": nn.Linear(width, config.vocab_size, bias=config.bias)})
        if config.mlm_head_transform:
            dense, norm = nn.Linear(width, width, bias=config.bias), nn.LayerNorm(width, bias=config.bias)
            self.cls["transform"] = nn.Sequential(dense, nn.GELU(), norm)
        if config.embedding == "embedding":
            words = nn.Embedding(config.vocab_size, width)
            self.model["embeddings"] = nn.ModuleDict({"word_embeddings": words})
        initialise(self, config.initializer_range)
        if config.embedding == "embedding" and config.tie_word_embeddings:
            self.cls["decoder"].weight = words.weight

    def forward(
        self, ids: Tensor, *, aux: Tensor | None = None, all_layers: bool = False, with_logits: bool = True
    ) -> Output:
        """States (input, layers; the last one normed) and logits for ids (batch, length), or base probabilities.

        Probabilities are floats (batch, length, vocab_size); `aux` are integers (batch, length, features) that share
        the one-hot input. The extras' `layer_outputs` are those of the layers before the final norm.
        """
        states = _through(self.model["encoder"]["layer"], self._embed(ids, aux), all_layers)  # type: ignore[index]
        last = self.model["ln_f"](states[-1])
        logits = self._logits(last) if with_logits else None
        return _output(states, last, logits, all_layers)

    def _embed(self, ids: Tensor, aux: Tensor | None) -> Tensor:
        if self.config.embedding == "one_hot":
            return one_hot(ids, aux, self.config).to(next(self.parameters()).dtype)
        embedded: Tensor = self.model["embeddings"]["word_embeddings"](ids)  # type: ignore[index]
        return embedded

    def _logits(self, last: Tensor) -> Tensor:
        x = self.cls["transform"](last) if self.config.mlm_head_transform else last
        logits: Tensor = self.cls["decoder"](x)
        return logits


class ConvNet(HubNetwork):
    """The older network: norms behind every part and none at the end."""

    body = "model."

    def __init__(self, config: Config) -> None:
        super().__init__()
        _check(config)
        self.config = config
        width = config.hidden_size
        layers = [OlderBlock(config, dilation) for dilation in schedule(config)]
        self.model = nn.ModuleDict({"encoder": nn.ModuleList(layers)})
        head = (nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width), nn.Linear(width, config.vocab_size))
        self.cls = nn.ModuleDict({"decoder": nn.Sequential(*head)})
        initialise(self, config.initializer_range)

    def forward(
        self, ids: Tensor, *, aux: Tensor | None = None, all_layers: bool = False, with_logits: bool = True
    ) -> Output:
        """States (input, layers) and logits for ids (batch, length), or base probabilities; see GPN.forward."""
        x = one_hot(ids, aux, self.config).to(next(self.parameters()).dtype)
        states = _through(self.model["encoder"], x, all_layers)
        logits = self.cls["decoder"](states[-1]) if with_logits else None
        return _output(states, states[-1], logits, all_layers)


class OlderBlock(nn.Module):
    """x + LN GELU Conv x, then x + LN GELU Linear x."""

    def __init__(self, config: Config, dilation: int) -> None:
        super().__init__()
        width = config.hidden_size
        conv = nn.Conv1d(width, width, config.first_kernel_size, dilation=dilation, padding="same")
        self.conv = nn.Sequential(Transpose(), conv, Transpose(), nn.GELU(), nn.LayerNorm(width))
        self.ffn = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, length, hidden_size) to the same shape."""
        x = x + self.conv(x)
        out: Tensor = x + self.ffn(x)
        return out


class ConvBlock(nn.Module):
    """x + Linear GELU Conv LN x, then x + MLP LN x."""

    def __init__(self, config: Config, layer: int, dilation: int) -> None:
        super().__init__()
        width, inner, bias = config.hidden_size, config.intermediate_size, config.bias
        self.conv = nn.Sequential(
            nn.LayerNorm(width, bias=bias),
            Transpose(),
            _conv(config, width, layer, dilation),
            Transpose(),
            nn.GELU(),
            nn.Linear(width, width, bias=bias),
            nn.Dropout(config.hidden_dropout_prob),
        )
        self.ffn = nn.Sequential(
            nn.LayerNorm(width, bias=bias),
            nn.Linear(width, inner, bias=bias),
            nn.GELU(),
            nn.Linear(inner, width, bias=bias),
            nn.Dropout(config.hidden_dropout_prob),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, length, hidden_size) to the same shape."""
        x = x + self.conv(x)
        out: Tensor = x + self.ffn(x)
        return out


class ByteNetBlock(nn.Module):
    """x + the bottleneck of ByteNet: LN GELU Linear, LN GELU Conv, LN GELU Linear; `slim` halves its width."""

    def __init__(self, config: Config, layer: int, dilation: int) -> None:
        super().__init__()
        width, bias = config.hidden_size, config.bias
        inner = width // 2 if config.slim else width
        self.layer = nn.Sequential(
            nn.LayerNorm(width, bias=bias),
            nn.GELU(),
            nn.Linear(width, inner, bias=bias),
            nn.LayerNorm(inner, bias=bias),
            nn.GELU(),
            Transpose(),
            _conv(config, inner, layer, dilation),
            Transpose(),
            nn.LayerNorm(inner, bias=bias),
            nn.GELU(),
            nn.Linear(inner, width, bias=bias),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, length, hidden_size) to the same shape."""
        out: Tensor = x + self.layer(x)
        return out


class Transpose(nn.Module):
    """Swaps positions and channels, between the linear layers and the convolutions of a sequence."""

    def forward(self, x: Tensor) -> Tensor:
        """(batch, a, b) to (batch, b, a)."""
        return x.transpose(1, 2)


def one_hot(ids: Tensor, aux: Tensor | None, config: Config) -> Tensor:
    """Ids or probabilities in the first channels of (batch, length, hidden_size), aux features in those behind."""
    parts = [ids if ids.is_floating_point() else functional.one_hot(ids, config.vocab_size).float()]
    if aux is not None:
        known = config.aux_features_vocab_size
        wide = functional.one_hot(aux.long(), known).flatten(-2) if known else aux
        parts.append(wide.float())
    used = sum(part.shape[-1] for part in parts)
    return functional.pad(torch.cat(parts, dim=-1), (0, config.hidden_size - used))


def schedule(config: Config) -> list[int]:
    """The dilation of every layer.

    >>> schedule(Config(num_hidden_layers=7, dilation_cycle=6, dilation_max=16))
    [1, 2, 4, 8, 16, 16, 1]
    """
    steps = [(i % config.dilation_cycle) // config.dilation_double_every for i in range(config.num_hidden_layers)]
    return [min(config.dilation_max, config.dilation_base**step) for step in steps]


def from_config(config: Mapping[str, Any]) -> GPN | ConvNet:
    """The network of a hub config.json: `model_type` is GPN or ConvNet."""
    kind = config.get("model_type")
    require(kind in ("GPN", "ConvNet"), f"model_type {kind!r} is none of GPN, ConvNet.")
    if "aux_features_vocab_size" in config:
        config = {**config, "aux_features_vocab_size": config["aux_features_vocab_size"] or 0}
    if kind == "GPN":
        return GPN(read_config(Config, config))
    older = {"num_hidden_layers": "n_layers", "first_kernel_size": "kernel_size"}
    defaults = {"dilation_cycle": 6, "dilation_max": 32, "hidden_dropout_prob": 0.1}
    renamed = {new: config[old] for new, old in older.items() if old in config}
    return ConvNet(read_config(Config, {**defaults, **config, **renamed}))


def _conv(config: Config, width: int, layer: int, dilation: int) -> nn.Conv1d:
    kernel = config.rest_kernel_size if layer else config.first_kernel_size
    groups = width if config.depthwise and layer else 1
    return nn.Conv1d(width, width, kernel, dilation=dilation, padding="same", groups=groups, bias=config.bias)


def _through(layers: nn.Module, x: Tensor, all_layers: bool) -> list[Tensor]:
    states = [x]
    for layer in layers.children():
        x = layer(x)
        states = [*states, x] if all_layers else [x]
    return states


def _output(states: list[Tensor], last: Tensor, logits: Tensor | None, all_layers: bool) -> Output:
    if not all_layers:
        return Output(last, (), logits)
    return Output(last, (*states[:-1], last), logits, {"layer_outputs": tuple(states[1:])})


def _check(config: Config) -> None:
    require(
        config.encoder in ("convnet", "bytenet"),
        f"GPN's encoder {config.encoder!r} is none of convnet, bytenet, which the port has.",
    )
    require(
        config.embedding in ("one_hot", "embedding"),
        f"GPN's embedding {config.embedding!r} is none of one_hot, embedding.",
    )
    require(
        config.vocab_size + config.n_aux_features <= config.hidden_size,
        f"A hidden size of {config.hidden_size} has no room for {config.vocab_size} one-hot letters"
        f" and {config.n_aux_features} features.",
    )
