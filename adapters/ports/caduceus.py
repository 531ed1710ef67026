"""Caduceus-PH, Caduceus-PS and PlantCaduceus (Schiff et al., ICML 2024): Mamba in both directions over bases.

    bases ─ embedding ─ n × [add, norm, BiMamba] ─ add, norm ─ vocabulary (tied to the embedding)

    BiMamba(x) = Mamba(x) + reversed(Mamba'(reversed x)); both directions share the projections in and out
    Mamba(x):  u, z = Linear x;  u = SiLU(causal depthwise Conv1d k4 u);  y = scan(u) + D u;  out = Linear(y SiLU z)

PS (`rcps`) is equivariant to the reverse complement: the state has two halves, the strand as read and the other one
with positions and channels reversed, and every part runs on both. The hub's fused add-norm exchanges the halves in
every layer (`fused_add_norm`); weights that were trained so give other outputs without, and so does this port. There is
no mask: padding on the left enters the state. Key names are those of the hub's safetensors files
(kuleshov-group/caduceus-*), which leave out tied tensors. Arithmetic after kuleshov-group/caduceus and mamba-ssm's
reference scan, in float32.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .network import HubNetwork, Output, read_config, require, rounded_up
from .selective_scan import scan


@dataclass(frozen=True)
class Start:
    """The keys of `initializer_cfg`, for a network without weights."""

    initializer_range: float = 0.02
    rescale_prenorm_residual: bool = True
    n_residuals_per_layer: int = 1


@dataclass(frozen=True)
class SSM:
    """The keys of `ssm_cfg`; defaults are those of mamba-ssm's Mamba."""

    d_state: int = 16
    d_conv: int = 4
    expand: int = 2
    dt_rank: int | str = "auto"
    dt_min: float = 0.001
    dt_max: float = 0.1
    dt_scale: float = 1.0
    dt_init: str = "random"
    dt_init_floor: float = 1e-4
    conv_bias: bool = True
    bias: bool = False


@dataclass(frozen=True)
class Config:
    """The keys of the hub's config.json that decide what is computed; defaults are those of CaduceusConfig."""

    d_model: int
    n_layer: int
    vocab_size: int
    pad_vocab_size_multiple: int = 8
    ssm_cfg: Mapping[str, Any] = field(default_factory=dict)
    rms_norm: bool = True
    norm_epsilon: float = 1e-5
    fused_add_norm: bool = True
    residual_in_fp32: bool = True
    bidirectional: bool = True
    bidirectional_strategy: str = "add"
    bidirectional_weight_tie: bool = True
    rcps: bool = False
    complement_map: Mapping[str, int] = field(default_factory=dict)
    initializer_cfg: Mapping[str, Any] = field(default_factory=dict)
    tie_word_embeddings: bool = True


class Caduceus(HubNetwork):
    """The network with its masked-language-model head; logits at a position are about the token there."""

    optional = ("*.complement_map",)
    body = "caduceus."

    def __init__(self, config: Config) -> None:
        super().__init__()
        require(
            config.bidirectional_strategy in ("add", "ew_multiply"),
            f"bidirectional_strategy {config.bidirectional_strategy!r} is none of add, ew_multiply.",
        )
        self.config = config
        require(
            bool(config.complement_map) or not config.rcps,
            "A strand-equivariant Caduceus (rcps) needs a complement_map.",
        )
        vocabulary = rounded_up(config.vocab_size, config.pad_vocab_size_multiple)
        words = nn.Embedding(vocabulary, config.d_model)
        head = nn.Linear(config.d_model, vocabulary, bias=False)
        nn.init.normal_(words.weight, std=read_config(Start, config.initializer_cfg).initializer_range)
        if config.tie_word_embeddings or config.rcps:  # PS ties them whatever the configuration says
            head.weight = words.weight
        self.caduceus = nn.ModuleDict({"backbone": Backbone(config, words)})
        self.lm_head = StrandHead(config, head) if config.rcps else head

    def forward(self, ids: Tensor, *, all_layers: bool = False, with_logits: bool = True) -> Output:
        """States and logits for ids (batch, length); PS states are 2 · d_model wide.

        `hidden_states` as the hub's code reports them: the embedding, then the output of every block but the last
        before it is added; the final normed state ends the list only where `fused_add_norm` is on.
        """
        states = self.caduceus["backbone"](ids, all_layers)
        logits = self.lm_head(states[-1]).float() if with_logits else None
        reported = states if self.config.fused_add_norm else states[:-1]
        return Output(states[-1], tuple(reported) if all_layers else (), logits)


class Backbone(nn.Module):
    """Embedding, blocks and the final norm."""

    def __init__(self, config: Config, words: nn.Embedding) -> None:
        super().__init__()
        self.config = config
        self.embeddings = nn.ModuleDict({"word_embeddings": StrandEmbedding(config, words) if config.rcps else words})
        self.layers = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.norm_f = _norm(config)

    def forward(self, ids: Tensor, all_layers: bool) -> list[Tensor]:
        """The final state; before it, if wanted, the embedding and the output of every block but the last."""
        x, residual = self.embeddings["word_embeddings"](ids), None
        states: list[Tensor] = []
        for layer in self.layers:
            states += [x] if all_layers else []
            x, residual = layer(x, residual)
        x = x if residual is None else x + residual
        return [*states, _normed(self.norm_f, x, self.config)]


class Block(nn.Module):
    """Adds the input to the residual, norms it and mixes: (output, residual)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        mixer = BiMamba(config)
        self.mixer = nn.ModuleDict({"submodule": mixer}) if config.rcps else mixer
        self.norm = _norm(config)

    def forward(self, x: Tensor, residual: Tensor | None) -> tuple[Tensor, Tensor]:
        """Both (batch, length, width)."""
        residual = x if residual is None else x + residual
        if self.config.rcps and self.config.fused_add_norm:
            residual = torch.cat(residual.chunk(2, dim=-1)[::-1], dim=-1)
        x = _normed(self.norm, residual, self.config)
        residual = residual.float() if self.config.residual_in_fp32 else residual
        return (self._both_strands(x) if self.config.rcps else self.mixer(x)), residual

    def _both_strands(self, x: Tensor) -> Tensor:
        read, other = x.chunk(2, dim=-1)
        mixed = self.mixer["submodule"](torch.cat([read, reverse_complement(other)]))  # type: ignore[index]
        read, other = mixed.chunk(2)
        return torch.cat([read, reverse_complement(other)], dim=-1)


class BiMamba(nn.Module):
    """Mamba along the positions and, with scan parameters of its own, against them."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.multiply = config.bidirectional_strategy == "ew_multiply"
        self.mamba_fwd = Mamba(config)
        self.mamba_rev = Mamba(config) if config.bidirectional else None
        if self.mamba_rev is not None and config.bidirectional_weight_tie:
            for name in ("in_proj", "out_proj"):
                ours, theirs = getattr(self.mamba_rev, name), getattr(self.mamba_fwd, name)
                ours.weight, ours.bias = theirs.weight, theirs.bias

    def forward(self, x: Tensor) -> Tensor:
        """(batch, length, d_model) to the same shape."""
        out: Tensor = self.mamba_fwd(x)
        if self.mamba_rev is None:
            return out
        back: Tensor = self.mamba_rev(x.flip(1)).flip(1)
        return out * back if self.multiply else out + back


class Mamba(nn.Module):
    """A selective state-space layer: what enters the state, for how long and what leaves it depends on the input."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        ssm, width = read_config(SSM, config.ssm_cfg), config.d_model
        inner = ssm.expand * width
        self.states = ssm.d_state
        self.rank = math.ceil(width / 16) if ssm.dt_rank == "auto" else int(ssm.dt_rank)
        self.in_proj = nn.Linear(width, 2 * inner, bias=ssm.bias)
        self.conv1d = nn.Conv1d(inner, inner, ssm.d_conv, groups=inner, padding=ssm.d_conv - 1, bias=ssm.conv_bias)
        self.x_proj = nn.Linear(inner, self.rank + 2 * ssm.d_state, bias=False)
        self.dt_proj = nn.Linear(self.rank, inner)
        self.A_log = nn.Parameter(torch.log(torch.arange(1.0, ssm.d_state + 1)).repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, width, bias=ssm.bias)
        _start_steps(self.dt_proj, ssm)
        start = read_config(Start, config.initializer_cfg)
        if start.rescale_prenorm_residual:
            with torch.no_grad():
                self.out_proj.weight /= math.sqrt(start.n_residuals_per_layer * config.n_layer)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, length, d_model) to the same shape; position i sees 0 … i."""
        u, gate = self.in_proj(x).chunk(2, dim=-1)
        u = functional.silu(self.conv1d(u.transpose(1, 2))[..., : x.shape[1]]).transpose(1, 2)
        delta, b, c = self.x_proj(u).split([self.rank, self.states, self.states], dim=-1)
        delta = functional.softplus(self.dt_proj(delta))
        y = scan(u, delta, -torch.exp(self.A_log.float()), b, c) + self.D.float() * u
        out: Tensor = self.out_proj((y * functional.silu(gate)).to(x.dtype))
        return out


class StrandEmbedding(nn.Module):
    """A token's embedding beside that of its complement with the channels reversed."""

    complement_map: Tensor

    def __init__(self, config: Config, words: nn.Embedding) -> None:
        super().__init__()
        self.embedding = words
        self.register_buffer("complement_map", complement(config.complement_map, words.num_embeddings))

    def forward(self, ids: Tensor) -> Tensor:
        """(batch, length) to (batch, length, 2 · d_model)."""
        return torch.cat([self.embedding(ids), self.embedding(self.complement_map[ids]).flip(-1)], dim=-1)


class StrandHead(nn.Module):
    """Logits of the strand as read plus those of the other strand for the complementary tokens."""

    complement_map: Tensor

    def __init__(self, config: Config, head: nn.Linear) -> None:
        super().__init__()
        self.lm_head = head
        self.register_buffer("complement_map", complement(config.complement_map, head.out_features))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, length, 2 · d_model) to (batch, length, vocabulary)."""
        read, other = x.chunk(2, dim=-1)
        logits: Tensor = self.lm_head(read) + self.lm_head(other.flip(-1))[..., self.complement_map]
        return logits


def reverse_complement(x: Tensor) -> Tensor:
    """States (batch, length, width) as the other strand has them: positions and channels reversed."""
    return x.flip(1, 2)


def complement(pairs: Mapping[str, int], vocabulary: int) -> Tensor:
    """The complement of every token id; ids that the map lacks are their own. JSON's keys are strings in any order.

    >>> complement({"0": 0, "10": 1, "1": 10}, 12)
    tensor([ 0, 10,  2,  3,  4,  5,  6,  7,  8,  9,  1, 11])
    """
    known = {int(token): int(other) for token, other in pairs.items()}
    return torch.tensor([known.get(token, token) for token in range(vocabulary)])


def from_config(config: Mapping[str, Any]) -> Caduceus:
    """The network of a hub config.json; AdapterError for state-space layers that are not mamba-ssm's first."""
    known = {"use_fast_path", "layer_idx", "device", "dtype", *(one.name for one in fields(SSM))}
    other = {key: value for key, value in (config.get("ssm_cfg") or {}).items() if key not in known}
    require(other in ({}, {"layer": "Mamba1"}), f"ssm_cfg has {other}, and the port's layers are those of Mamba1.")
    return Caduceus(read_config(Config, config))


def _norm(config: Config) -> nn.Module:
    kind = nn.RMSNorm if config.rms_norm else nn.LayerNorm
    norm = kind(config.d_model, eps=config.norm_epsilon)
    return norm if config.fused_add_norm or not config.rcps else nn.ModuleDict({"submodule": norm})


def _normed(norm: Any, x: Tensor, config: Config) -> Tensor:
    norm = norm["submodule"] if isinstance(norm, nn.ModuleDict) else norm
    x = x.to(norm.weight.dtype)
    if not config.rcps:
        normed: Tensor = norm(x)
        return normed
    read, other = x.chunk(2, dim=-1)
    return torch.cat([norm(read), norm(other.flip(-1)).flip(-1)], dim=-1)


def _start_steps(dt_proj: nn.Linear, ssm: SSM) -> None:
    # Steps δ start log-uniform between dt_min and dt_max: the bias is their inverse softplus.
    bound = ssm.dt_scale * dt_proj.in_features**-0.5
    if ssm.dt_init == "constant":
        nn.init.constant_(dt_proj.weight, bound)
    else:
        nn.init.uniform_(dt_proj.weight, -bound, bound)
    low, high = math.log(ssm.dt_min), math.log(ssm.dt_max)
    steps = torch.exp(torch.rand(dt_proj.out_features) * (high - low) + low).clamp(min=ssm.dt_init_floor)
    with torch.no_grad():
        dt_proj.bias.copy_(steps + torch.log(-torch.expm1(-steps)))
