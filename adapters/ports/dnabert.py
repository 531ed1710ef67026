"""DNABERT 3- to 6-mers (Ji et al., Bioinformatics 2021) and GROVER: BERT-base over DNA tokens.

    word + position + type ─ LN ─ n × [LN(x + Attention x), LN(x + MLP x)] ─ vocabulary

Key names are those of the hub's files (zhihan1996/DNA_bert_K, PoetschLab/GROVER). Arithmetic after transformers'
BertForMaskedLM. DNABERT was pre-trained with a fork of transformers 2.5 that differs twice: it never masks padding (a
misspelt variable adds the raw mask of ones and zeros to the scores), and it adds the vocabulary's bias two times.
`fork=True` in the configuration reproduces it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .network import HubNetwork, Output, activation, initialise, read_config, refuse, require, require_heads

# Carried by hub files and read by no language-model output.
UNUSED = ("bert.pooler.*", "bert.embeddings.position_ids", "cls.seq_relationship.*")
DECODER = {
    "is_decoder": "attention to earlier tokens only",
    "add_cross_attention": "attention to another sequence",
    "pruned_heads": "layers with heads cut out",
    "rope_theta": "rotary positions of that base",
}
"""Keys of BERT's configurations that would make another network of it."""


@dataclass(frozen=True)
class Config:
    """The keys of the hub's config.json that decide what is computed, and `fork`; defaults are those of BertConfig."""

    vocab_size: int
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    max_position_embeddings: int = 512
    position_embedding_type: str = "absolute"
    type_vocab_size: int = 2
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-12
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    initializer_range: float = 0.02
    tie_word_embeddings: bool = True
    fork: bool = False


class DNABERT(HubNetwork):
    """The encoder with its masked-language-model head."""

    unused = UNUSED
    body = "bert."

    def __init__(self, config: Config) -> None:
        super().__init__()
        require(
            config.position_embedding_type == "absolute",
            f"position_embedding_type {config.position_embedding_type!r} is not absolute.",
        )
        self.config = config
        embeddings, predictions = Embeddings(config), Predictions(config)
        self.bert = nn.ModuleDict({"embeddings": embeddings, "encoder": Encoder(config)})
        self.cls = nn.ModuleDict({"predictions": predictions})
        initialise(self, config.initializer_range)
        if config.tie_word_embeddings:
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
        x = self.bert["embeddings"](ids, token_types)
        states = self.bert["encoder"](x, self._attend(mask, x.dtype), all_layers)
        logits = self._logits(states[-1]) if with_logits else None
        return Output(states[-1], tuple(states) if all_layers else (), logits)

    def _attend(self, mask: Tensor | None, dtype: torch.dtype) -> Tensor | None:
        if mask is None:
            return None
        wide = mask[:, None, None, :]
        return wide.to(dtype) if self.config.fork else wide.bool()

    def _logits(self, x: Tensor) -> Tensor:
        logits: Tensor = self.cls["predictions"](x)
        return logits + self.cls["predictions"].get_parameter("bias") if self.config.fork else logits


class Embeddings(nn.Module):
    """Word, position and token type, normed."""

    def __init__(self, config: Config, *, with_positions: bool = True) -> None:
        super().__init__()
        width = config.hidden_size
        self.longest = config.max_position_embeddings if with_positions else None
        self.word_embeddings = nn.Embedding(config.vocab_size, width)
        if with_positions:
            self.position_embeddings = nn.Embedding(config.max_position_embeddings, width)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, width)
        self.LayerNorm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, ids: Tensor, token_types: Tensor | None) -> Tensor:
        """(batch, tokens) to (batch, tokens, hidden_size)."""
        tokens = ids.shape[1]
        types = torch.zeros_like(ids) if token_types is None else token_types
        x: Tensor = self.word_embeddings(ids) + self.token_type_embeddings(types)
        if self.longest is not None:
            require(
                tokens <= self.longest,
                f"{tokens} tokens are more than the {self.longest} positions that this model has.",
            )
            x = x + self.position_embeddings(torch.arange(tokens, device=ids.device))
        out: Tensor = self.dropout(self.LayerNorm(x))
        return out


class Encoder(nn.Module):
    """The layers."""

    def __init__(self, config: Config, attention: type[SelfAttention] | None = None) -> None:
        super().__init__()
        kind = attention or SelfAttention
        self.layer = nn.ModuleList(Layer(config, kind(config)) for _ in range(config.num_hidden_layers))

    def forward(self, x: Tensor, attend: Tensor | None, all_layers: bool) -> list[Tensor]:
        """The last state; before it, if wanted, the embedding and the state after every layer."""
        states = [x]
        for layer in self.layer:
            x = layer(x, attend)
            states = [*states, x] if all_layers else [x]
        return states


class Layer(nn.Module):
    """LN(x + Attention x), then LN(x + MLP x)."""

    def __init__(self, config: Config, attention: SelfAttention) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.attention = nn.ModuleDict({"self": attention, "output": AddNorm(config, width)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, inner)})
        self.activation = activation(config.hidden_act)
        self.output = AddNorm(config, inner)

    def forward(self, x: Tensor, attend: Tensor | None) -> Tensor:
        """(batch, tokens, hidden_size) to the same shape."""
        x = self.attention["output"](self.attention["self"](x, attend), x)
        out: Tensor = self.output(self.activation(self.intermediate["dense"](x)), x)
        return out


class SelfAttention(nn.Module):
    """Softmax attention; `attend` is true where a token may be looked at, or a number added to its score."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.hidden_size
        require_heads(width, config.num_attention_heads)
        self.heads, self.dropout = config.num_attention_heads, config.attention_probs_dropout_prob
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(self, x: Tensor, attend: Tensor | None) -> Tensor:
        """(batch, tokens, hidden_size) to the same shape."""
        query, key, value = (
            part(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        query, key = self.turn(query), self.turn(key)
        dropout = self.dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=attend, dropout_p=dropout)
        return mixed.transpose(1, 2).flatten(-2)

    def turn(self, x: Tensor) -> Tensor:
        """Where a family with rotary positions turns queries and keys; BERT does not."""
        return x


class AddNorm(nn.Module):
    """LN(residual + Linear x)."""

    def __init__(self, config: Config, inner: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inner, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        """(batch, tokens, inner) and (batch, tokens, hidden_size) to the latter shape."""
        out: Tensor = self.LayerNorm(self.dropout(self.dense(x)) + residual)
        return out


class Predictions(nn.Module):
    """Linear, activation, norm, vocabulary; the bias has two names in the files and is one tensor."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.hidden_size
        self.activation = activation(config.hidden_act)
        self.transform = nn.ModuleDict(
            {"dense": nn.Linear(width, width), "LayerNorm": nn.LayerNorm(width, eps=config.layer_norm_eps)}
        )
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.decoder = nn.Linear(width, config.vocab_size)
        self.decoder.bias = self.bias

    def forward(self, x: Tensor) -> Tensor:
        """(…, hidden_size) to (…, vocabulary)."""
        out: Tensor = self.decoder(self.transform["LayerNorm"](self.activation(self.transform["dense"](x))))
        return out


def from_config(config: Mapping[str, Any]) -> DNABERT:
    """The network of a hub config.json."""
    refuse(config, DECODER)
    return DNABERT(read_config(Config, config))
