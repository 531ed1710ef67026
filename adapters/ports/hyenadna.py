"""HyenaDNA (Nguyen et al., NeurIPS 2023): a causal language model of single bases without attention.

    tokens ─ embedding ─ n × [x + Hyena(LN x), x + MLP(LN x)] ─ LN ─ vocabulary

    Hyena(u):  x0, x1, v = depthwise causal Conv1d k3 (Linear u)      three projections
               v = long_conv(v · x1)                                  a filter as long as the sequence
               out = Linear(v · x0)

The long filter is not stored but computed: a small sine network turns positions into filter values, an exponential
window makes channels forget at different speeds. Positions are scaled by `max_seq_len`, so that a checkpoint built with
another length is another model. There is no mask: padding on the left enters the state.
Key names are those of the hub's safetensors files (LongSafari/hyenadna-*-hf). Arithmetic after the hub's
modeling_hyena.py; its two surprises are kept: the inner norms have eps 1e-5 whatever the configuration says, and the
short filter is padded by 2 whatever its length is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .network import HubNetwork, Output, initialise, read_config, require, rounded_up

SHORT_PADDING = 2


@dataclass(frozen=True)
class Config:
    """The keys of the hub's config.json that decide what is computed; defaults are those of its HyenaConfig."""

    d_model: int
    n_layer: int
    max_seq_len: int
    vocab_size: int = 12
    pad_vocab_size_multiple: int = 8
    d_inner: int = 0  # 0: four times d_model
    emb_dim: int = 3
    filter_order: int = 64
    num_inner_mlps: int = 2
    hyena_order: int = 2
    short_filter_order: int = 3
    activation_freq: float = 1
    train_freq: bool = True
    embed_dropout: float = 0.1
    hyena_dropout: float = 0.0
    layer_norm_epsilon: float = 1e-5
    initializer_range: float = 0.02
    tie_word_embeddings: bool = True


class HyenaDNA(HubNetwork):
    """The network with its language-model head: logits at position i predict the token at i + 1."""

    body = "hyena."

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        vocabulary = rounded_up(config.vocab_size, config.pad_vocab_size_multiple)
        words = nn.Embedding(vocabulary, config.d_model)
        self.hyena = nn.ModuleDict({"backbone": Backbone(config, words)})
        self.lm_head = nn.Linear(config.d_model, vocabulary, bias=False)
        initialise(self, config.initializer_range)
        if config.tie_word_embeddings:
            self.lm_head.weight = words.weight

    def forward(self, ids: Tensor, *, all_layers: bool = False, with_logits: bool = True) -> Output:
        """States (embedding, blocks, final norm) and logits for ids (batch, tokens) of at most max_seq_len tokens."""
        states = self.hyena["backbone"](ids, all_layers)
        logits = self.lm_head(states[-1]).float() if with_logits else None
        return Output(states[-1], tuple(states) if all_layers else (), logits)


class Backbone(nn.Module):
    """Embedding, blocks and the final norm."""

    def __init__(self, config: Config, words: nn.Embedding) -> None:
        super().__init__()
        self.longest = config.max_seq_len
        self.embeddings = nn.ModuleDict({"word_embeddings": words})
        self.dropout = nn.Dropout(config.embed_dropout)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.d_model, eps=config.layer_norm_epsilon)

    def forward(self, ids: Tensor, all_layers: bool) -> list[Tensor]:
        """The final state, after every other one if all are wanted."""
        require(
            ids.shape[1] <= self.longest,
            f"{ids.shape[1]} tokens are more than the {self.longest} that this HyenaDNA was built for.",
        )
        x = self.embeddings["word_embeddings"](ids)
        states = [x]
        x = self.dropout(x)
        for layer in self.layers:
            x = layer(x)
            states = [*states, x] if all_layers else [x]
        return [*states, self.ln_f(x)] if all_layers else [self.ln_f(x)]


class Block(nn.Module):
    """x + Hyena(LN x), then x + MLP(LN x)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.d_model)
        self.mixer = HyenaOperator(config)
        self.norm2 = nn.LayerNorm(config.d_model)
        self.mlp = MLP(config.d_model, config.d_inner or 4 * config.d_model)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, length, d_model) to the same shape."""
        x = x + self.mixer(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class MLP(nn.Module):
    """Linear, tanh-GELU, Linear."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, length, width) to the same shape."""
        out: Tensor = self.fc2(functional.gelu(self.fc1(x), approximate="tanh"))
        return out


class HyenaOperator(nn.Module):
    """Long convolutions between element-wise gates: order - 1 of them."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        longest = 2 * SHORT_PADDING + 1
        require(
            1 <= config.short_filter_order <= longest,
            f"short_filter_order is {config.short_filter_order}; HyenaDNA's padding allows {longest} at most.",
        )
        self.order, self.width = config.hyena_order, config.d_model
        inner = config.d_model * (config.hyena_order + 1)
        self.in_proj = nn.Linear(config.d_model, inner)
        self.out_proj = nn.Linear(config.d_model, config.d_model)
        self.short_filter = nn.Conv1d(inner, inner, config.short_filter_order, padding=SHORT_PADDING, groups=inner)
        self.filter_fn = LongFilter(config)
        self.dropout = nn.Dropout(config.hyena_dropout)

    def forward(self, u: Tensor) -> Tensor:
        """(batch, length, d_model) to the same shape; position i sees 0 … i."""
        length = u.shape[1]
        *gates, v = self.short_filter(self.in_proj(u).transpose(1, 2))[..., :length].split(self.width, dim=1)
        filters = self.filter_fn(length).view(self.order - 1, self.width, length)
        biases = self.filter_fn.bias.view(self.order - 1, self.width, 1)
        for gate, filter_, bias in zip(reversed(gates[1:]), filters, biases, strict=True):
            v = self.dropout(v * gate)
            v = causal_convolution(v, filter_) + v * bias
        out: Tensor = self.out_proj((v * gates[0]).transpose(1, 2))
        return out


class LongFilter(nn.Module):
    """A filter value for every position and channel, from a sine network and an exponential window.

    The same sine frequencies serve after every layer: safetensors keep them once, under `.1.freq`, pickles each time.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        require(
            config.emb_dim % 2 == 1 and config.emb_dim >= 3,
            f"emb_dim is {config.emb_dim}; HyenaDNA's positions need an odd number of at least 3.",
        )
        order, width = config.filter_order, config.d_model * (config.hyena_order - 1)
        sine = Sine(order, config.activation_freq, trained=config.train_freq)
        inner = [layer for _ in range(config.num_inner_mlps) for layer in (nn.Linear(order, order), sine)]
        self.bias = nn.Parameter(torch.randn(width))
        self.pos_emb = Positions(config.max_seq_len, config.emb_dim)
        first, last = nn.Linear(config.emb_dim, order), nn.Linear(order, width, bias=False)
        self.implicit_filter = nn.Sequential(first, sine, *inner, last)
        self.modulation = Window(width)

    def forward(self, length: int) -> Tensor:
        """Filters (channels, length) for the first positions."""
        z, t = self.pos_emb.z[0, :length], self.pos_emb.t[0, :length]
        filters: Tensor = self.implicit_filter(z.to(self.bias.dtype)) * self.modulation(t)
        return filters.transpose(0, 1).contiguous()


class Positions(nn.Module):
    """Time in 0 … 1 (t) and, beside it, cosines and sines of a few frequencies (z); buffers that the file carries."""

    z: Tensor
    t: Tensor

    def __init__(self, length: int, dimensions: int) -> None:
        super().__init__()
        bands = (dimensions - 1) // 2
        t = torch.linspace(0, 1, length)[None, :, None]
        angle = 2 * math.pi * torch.linspace(0, length - 1, length)[None, :, None] / length
        turns = torch.linspace(1e-4, bands - 1, bands)[None, None]
        self.register_buffer("z", torch.cat([t, torch.cos(-turns * angle), torch.sin(-turns * angle)], dim=-1))
        self.register_buffer("t", t)


class Sine(nn.Module):
    """sin(frequency · x), with a frequency per channel that is learned or fixed."""

    def __init__(self, width: int, frequency: float, *, trained: bool) -> None:
        super().__init__()
        freq = frequency * torch.ones(1, width)
        self.freq = nn.Parameter(freq) if trained else nn.Buffer(freq, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return torch.sin(self.freq * x)


class Window(nn.Module):
    """exp(-t |delta|) + 0.05, with decays between a fast and a slow channel."""

    deltas: Tensor

    def __init__(self, width: int, fast: float = 0.3, slow: float = 1.5, target: float = 1e-2) -> None:
        super().__init__()
        deltas = torch.linspace(math.log(target) / slow, math.log(target) / fast, width)
        self.register_buffer("deltas", deltas[None, None])

    def forward(self, t: Tensor) -> Tensor:
        """(length, 1) to (length, width)."""
        return torch.exp(-t * self.deltas[0].abs()) + 0.05


def causal_convolution(x: Tensor, filters: Tensor) -> Tensor:
    """x (batch, channels, length) convolved with a filter per channel (channels, length), in float32 by FFT.

    >>> causal_convolution(torch.tensor([[[1.0, 0, 2]]]), torch.tensor([[3.0, 4, 5]])).round()
    tensor([[[ 3.,  4., 11.]]])
    """
    length = x.shape[-1]
    size = fft_size(2 * length)
    spectrum = torch.fft.rfft(x.float(), n=size) * torch.fft.rfft(filters.float(), n=size)
    convolved: Tensor = torch.fft.irfft(spectrum, n=size)[..., :length]
    return convolved.to(x.dtype)


def fft_size(least: int) -> int:
    """A size that transforms fast: a power of two, or three quarters of one.

    >>> fft_size(100), fft_size(90), fft_size(2)
    (128, 96, 2)
    """
    size = 1 << (least - 1).bit_length()
    return size * 3 // 4 if size * 3 // 4 >= least and size >= 4 else size


def from_config(config: Mapping[str, Any]) -> HyenaDNA:
    """The network of a hub config.json."""
    return HyenaDNA(read_config(Config, config))
