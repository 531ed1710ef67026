"""ConvNova (Bo et al., ICLR 2025): dilated convolutions whose gates come from the complementary strand.

    bases      ─ Conv k9, GELU ─ F ─ n × [F ← F + GELU(Conv LN F) · g,  F̄ ← F̄ + g] ─ residual MLP ─ vocabulary
    complement ─ Conv k9, GELU ─ F̄          with g = σ(Conv LN̄ F̄)

The complement is not reversed, so both branches see the same positions. No weights are published and no hub file
exists: names are those of the authors' CNNModel.state_dict() (aim-uofa/ConvNova); their Lightning checkpoints put
`model.` in front.
Ids: A 0, C 1, G 2, T 3; N, padding and [MASK] share 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .network import HubNetwork, Output, read_config, require

UNKNOWN = 4
STEM_KERNEL = 9
LONGEST_DILATION = 1024


@dataclass(frozen=True)
class Config:
    """The authors' arguments, their defaults; `d_output` are the classes of a mean-pooling head, 0 for none."""

    hidden_dim: int
    alphabet_size: int = 5
    num_conv1d: int = 5
    num_cnn_stacks: int = 1
    kernel_size: int = 9
    dilation: int = 2
    d_inner: int = 2
    dropout: float = 0.0
    ffn: bool = True
    final_conv: bool = False
    pretrain: bool = False
    d_output: int = 0


class ConvNova(HubNetwork):
    """The network with the head that its configuration names: letters per base, classes per sequence, or none."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        require(config.kernel_size % 2 == 1, f"kernel_size is {config.kernel_size}; ConvNova needs an odd one.")
        require(
            config.alphabet_size == UNKNOWN + 1, f"alphabet_size is {config.alphabet_size}; ConvNova has A, C, G, T, N."
        )
        require(
            not (config.pretrain and config.d_output),
            f"pretrain and a d_output of {config.d_output} are two heads; ConvNova answers with one.",
        )
        self.config = config
        width, letters = config.hidden_dim, config.alphabet_size
        dilations = schedule(config.num_conv1d, config.num_cnn_stacks, config.dilation)
        self.linear = nn.Conv1d(letters, width, STEM_KERNEL, padding="same")
        self.rc_linear = nn.Conv1d(letters, width, STEM_KERNEL, padding="same")
        self.convs = nn.ModuleList(_dilated(config, dilation) for dilation in dilations)
        self.gates = nn.ModuleList(_dilated(config, dilation) for dilation in dilations)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in dilations)
        self.rc_norms = nn.ModuleList(nn.LayerNorm(width) for _ in dilations)
        if config.ffn:
            self.mlpgroup2 = nn.ModuleList(
                nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width)) for _ in dilations
            )
        self.milinear = _residual_mlp(width, width * config.d_inner)
        if config.final_conv:
            self.final_conv = nn.Sequential(nn.Conv1d(width, width, 1), nn.GELU(), nn.Conv1d(width, width, 1))
        if config.pretrain:
            self.out_linear = nn.Linear(width, letters)
        if config.d_output:
            self.decoder = nn.ModuleDict({"output_transform": nn.Linear(width, config.d_output)})
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, ids: Tensor, *, all_layers: bool = False, with_logits: bool = True) -> Output:
        """States and logits for ids (batch, length).

        Logits are (batch, length, letters) after pretraining and (batch, classes) with a head that averages over all
        positions, padding included. `hidden_states` and the extras `stem_and_layer_features` and `complement_features`
        are the two branches before every layer (and after the last one).
        """
        letters = self.config.alphabet_size
        complement = torch.where(ids == UNKNOWN, ids, 3 - ids)
        main = functional.gelu(self.linear(self._one_hot(ids, letters)))
        other = functional.gelu(self.rc_linear(self._one_hot(complement, letters)))
        features, complements = [main], [other]
        for layer in range(len(self.convs)):
            main, other = self._layer(layer, main, other)
            if all_layers:
                features.append(main)
                complements.append(other)
        last = self._last(main)
        logits = self._logits(last) if with_logits else None
        if not all_layers:
            return Output(last, (), logits)
        states = tuple(x.transpose(1, 2) for x in features)
        others = tuple(x.transpose(1, 2) for x in complements[:-1])
        extras = {"stem_and_layer_features": states, "complement_features": others}
        return Output(last, (*states, last), logits, dict(extras))

    def _one_hot(self, ids: Tensor, letters: int) -> Tensor:
        return functional.one_hot(ids, letters).transpose(1, 2).to(self.linear.weight.dtype)

    def _layer(self, layer: int, main: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        normed = _normed(self.norms[layer], self.dropout(main))
        gate = torch.sigmoid(self.gates[layer](_normed(self.rc_norms[layer], self.dropout(other))))
        main = main + functional.gelu(self.convs[layer](normed)) * gate
        if self.config.ffn:
            main = main + _normed(self.mlpgroup2[layer], main)
        return main, other + gate

    def _last(self, main: Tensor) -> Tensor:
        x = main.transpose(1, 2)
        x = x + self.milinear(x)
        return _normed(self.final_conv, x) if self.config.final_conv else x

    def _logits(self, last: Tensor) -> Tensor | None:
        if self.config.d_output:
            classes: Tensor = self.decoder["output_transform"](last.mean(1))
            return classes
        return self.out_linear(last) if self.config.pretrain else None


def schedule(layers: int, stacks: int, base: int) -> list[int]:
    """The dilation of every layer: 1, 1, then powers of the base; with stacks each one comes several times in a row.

    >>> schedule(5, 1, 4), schedule(3, 2, 4)
    ([1, 1, 1, 4, 16], [1, 1, 1, 1, 1, 1])
    """
    dilations = [1 if i < 2 else min(LONGEST_DILATION, base ** (i - 2)) for i in range(layers)]
    return [dilation for dilation in dilations for _ in range(stacks)]


def from_config(config: Mapping[str, Any]) -> ConvNova:
    """The network of a configuration with the authors' argument names."""
    return ConvNova(read_config(Config, config))


def _dilated(config: Config, dilation: int) -> nn.Conv1d:
    width = config.hidden_dim
    return nn.Conv1d(width, width, config.kernel_size, dilation=dilation, padding="same")


def _residual_mlp(width: int, inner: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width, inner),
        nn.GELU(),
        nn.Linear(inner, inner),
        nn.LayerNorm(inner),
        nn.Linear(inner, inner),
        nn.GELU(),
        nn.Linear(inner, width),
        nn.LayerNorm(width),
    )


def _normed(module: nn.Module, x: Tensor) -> Tensor:
    # A module that wants the other order of channels and positions.
    out: Tensor = module(x.transpose(1, 2)).transpose(1, 2)
    return out
