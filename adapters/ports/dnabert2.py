"""DNABERT-2 and DNABERT-S (Zhou et al., ICLR 2024 and 2024): MosaicBERT over BPE tokens, without positions.

    word + type ─ LN ─ n × [LN(x + Attention x), LN(x + GLU x)] ─ vocabulary (DNABERT-2) or pooler (DNABERT-S)

Attention knows distances by ALiBi (Press et al., ICLR 2022): every head lowers a score by its slope times the distance
between two tokens. Nothing is learned per position, so an input may be longer than `alibi_starting_size`.
Key names are those of the hub's files (zhihan1996/DNABERT-2-117M, zhihan1996/DNABERT-S). Arithmetic after the hub's
bert_layers.py without its Triton kernel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .network import HubNetwork, Output, activation, initialise, read_config, require_heads

UNUSED = ("*embeddings.position_ids", "*embeddings.token_type_ids", "bert.pooler.*")
PAD_SCORE = -10_000.0
HEAD_EPS = 1e-12  # of the norm in the language-model head, whatever layer_norm_eps says


@dataclass(frozen=True)
class Config:
    """The keys of the hub's config.json that decide what is computed; defaults are those of BERT."""

    vocab_size: int
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    type_vocab_size: int = 2
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-12
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.0
    initializer_range: float = 0.02


class DNABERT2(HubNetwork):
    """The encoder below the key prefix `bert.` with its masked-language-model head."""

    unused = UNUSED
    body = "bert."

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        embeddings, predictions = Embeddings(config), Predictions(config)
        self.bert = nn.ModuleDict({"embeddings": embeddings, "encoder": Encoder(config)})
        self.cls = nn.ModuleDict({"predictions": predictions})
        initialise(self, config.initializer_range)
        predictions.decoder.weight = embeddings.word_embeddings.weight

    def forward(
        self,
        ids: Tensor,
        mask: Tensor | None = None,
        token_types: Tensor | None = None,
        *,
        all_layers: bool = False,
        with_logits: bool = True,
    ) -> Output:
        """States (embedding, layers) and logits for ids (batch, tokens); mask: 1 = a token."""
        states = self.bert["encoder"](self.bert["embeddings"](ids, token_types), mask, all_layers)
        logits = self.cls["predictions"](states[-1]) if with_logits else None
        return Output(states[-1], tuple(states) if all_layers else (), logits)


class DNABERTS(HubNetwork):
    """The same encoder without a prefix, and a pooler: DNABERT-S, which has no language-model head."""

    unused = UNUSED
    body = "bert."

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.pooler = nn.ModuleDict({"dense": nn.Linear(config.hidden_size, config.hidden_size)})
        initialise(self, config.initializer_range)

    def forward(
        self,
        ids: Tensor,
        mask: Tensor | None = None,
        token_types: Tensor | None = None,
        *,
        all_layers: bool = False,
        with_logits: bool = False,
    ) -> Output:
        """States (embedding, layers) and, in the extras, `pooler_output` (batch, hidden_size)."""
        states = self.encoder(self.embeddings(ids, token_types), mask, all_layers)
        pooled = torch.tanh(self.pooler["dense"](states[-1][:, 0]))
        return Output(states[-1], tuple(states) if all_layers else (), None, {"pooler_output": pooled})


class Embeddings(nn.Module):
    """Word and token type, normed."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, ids: Tensor, token_types: Tensor | None) -> Tensor:
        """(batch, tokens) to (batch, tokens, hidden_size)."""
        types = torch.zeros_like(ids) if token_types is None else token_types
        x: Tensor = self.dropout(self.LayerNorm(self.word_embeddings(ids) + self.token_type_embeddings(types)))
        return x


class Encoder(nn.Module):
    """The layers, all with the same ALiBi biases."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.slopes = alibi_slopes(config.num_attention_heads)
        self.layer = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))

    def forward(self, x: Tensor, mask: Tensor | None, all_layers: bool) -> list[Tensor]:
        """The last state; before it, if wanted, the embedding and the state after every layer."""
        bias = alibi(self.slopes, x.shape[1], x.device)
        if mask is not None:
            bias = bias + (1.0 - mask[:, None, None, :].float()) * PAD_SCORE
        bias, states = bias.to(x.dtype), [x]
        for layer in self.layer:
            x = layer(x, bias)
            states = [*states, x] if all_layers else [x]
        return states


class Layer(nn.Module):
    """LN(x + Attention x), then LN(x + GLU x)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.attention = nn.ModuleDict({"self": Attention(config), "output": AddNorm(config)})
        self.mlp = GatedMLP(config)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """(batch, tokens, hidden_size) to the same shape."""
        x = self.attention["output"](self.attention["self"](x, bias), x)
        out: Tensor = self.mlp(x)
        return out


class Attention(nn.Module):
    """Softmax attention with a bias on every score; one projection gives query, key and value."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        require_heads(config.hidden_size, config.num_attention_heads)
        self.heads = config.num_attention_heads
        self.dropout = config.attention_probs_dropout_prob
        self.Wqkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """(batch, tokens, hidden_size) to the same shape."""
        query, key, value = self.Wqkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        dropout = self.dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias, dropout_p=dropout)
        return mixed.transpose(1, 2).flatten(-2)


class AddNorm(nn.Module):
    """LN(residual + Linear x)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        """Both (batch, tokens, hidden_size)."""
        out: Tensor = self.LayerNorm(self.dropout(self.dense(x)) + residual)
        return out


class GatedMLP(nn.Module):
    """LN(x + Linear(GELU(first half) · second half)): the GLU of Shazeer (2020) without biases before it."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.gated_layers = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=False)
        self.wo = nn.Linear(config.intermediate_size, config.hidden_size)
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, tokens, hidden_size) to the same shape."""
        gate, value = self.gated_layers(x).chunk(2, dim=-1)
        out: Tensor = self.layernorm(self.wo(self.dropout(functional.gelu(gate) * value)) + x)
        return out


class Predictions(nn.Module):
    """Linear, activation, norm, and the vocabulary, whose weights are those of the word embeddings."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.hidden_size
        self.activation = activation(config.hidden_act)
        self.transform = nn.ModuleDict(
            {"dense": nn.Linear(width, width), "LayerNorm": nn.LayerNorm(width, eps=HEAD_EPS)}
        )
        self.decoder = nn.Linear(width, config.vocab_size)

    def forward(self, x: Tensor) -> Tensor:
        """(…, hidden_size) to (…, vocabulary)."""
        out: Tensor = self.decoder(self.transform["LayerNorm"](self.activation(self.transform["dense"](x))))
        return out


def alibi(slopes: list[float], length: int, device: torch.device) -> Tensor:
    """What ALiBi adds to the attention scores: (1, heads, length, length), minus slope times distance."""
    position = torch.arange(length, device=device)
    distance = (position[:, None] - position[None, :]).abs()
    return -torch.tensor(slopes, device=device)[None, :, None, None] * distance


def alibi_slopes(heads: int) -> list[float]:
    """A slope per head: 2^(-8 i / heads), and every other one of twice as many for what exceeds a power of two.

    >>> alibi_slopes(3)
    [0.0625, 0.00390625, 0.25]
    """
    power = 2 ** math.floor(math.log2(heads))
    slopes = [2.0 ** (-8 * i / power) for i in range(1, power + 1)]
    return slopes if power == heads else slopes + alibi_slopes(2 * power)[0::2][: heads - power]


def from_config(config: Mapping[str, Any]) -> DNABERT2 | DNABERTS:
    """The network of a hub config.json: DNABERT-S names the bare BertModel as its architecture."""
    bare = config.get("architectures") == ["BertModel"]
    return (DNABERTS if bare else DNABERT2)(read_config(Config, config))
