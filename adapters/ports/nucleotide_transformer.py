"""Nucleotide Transformer v1 and v2 and AgroNT (Dalla-Torre et al., Nature Methods 2025): ESM encoders over 6-mers.

    v1   word + learned positions ─ n × [x + Attention(LN x), x + MLP(LN x)] ─ LN ─ vocabulary      GELU, biases
    v2   word                     ─ n × [x + Attention(LN x), x + GLU(LN x)] ─ LN ─ vocabulary      SwiGLU, rotary

Key names are those of the hub's files (InstaDeepAI/nucleotide-transformer-*). Arithmetic of v1 after transformers'
EsmForMaskedLM, of v2 after the hub's modeling_esm.py. v1 keeps ESM's token dropout at inference too: embeddings of
<mask> are zero and all others are scaled by 0.88 / (1 - share of masks): the number of masks changes every state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .network import (
    HubNetwork,
    Output,
    initialise,
    read_config,
    refuse,
    require,
    require_heads,
    rotary_angles,
    rotate,
)

# Carried by hub files, read by nothing here: a head for protein contacts, positions that rotary models never look up,
# buffers that are computed.
UNUSED = (
    "esm.contact_head.*",
    "esm.pooler.*",
    "esm.embeddings.position_ids",
    "esm.embeddings.position_embeddings.weight",
    "*.rotary_embeddings.inv_freq",
)
MASKED_IN_TRAINING = 0.15 * 0.8
OTHERS = {
    "is_decoder": "attention to earlier tokens only",
    "add_cross_attention": "attention to another sequence",
    "is_folding_model": "ESMFold's head",
}
"""Keys of ESM's configurations that would make another network of it."""


@dataclass(frozen=True)
class Config:
    """The keys of the hub's config.json that decide what is computed; `gated` tells v2 from v1."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    mask_token_id: int = 2
    pad_token_id: int = 1
    max_position_embeddings: int = 1026
    position_embedding_type: str = "absolute"
    rope_theta: float = 10_000.0
    emb_layer_norm_before: bool = False
    token_dropout: bool = False
    add_bias_fnn: bool = True
    gated: bool = False
    layer_norm_eps: float = 1e-12
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    initializer_range: float = 0.02
    tie_word_embeddings: bool = True


class NucleotideTransformer(HubNetwork):
    """The encoder with its masked-language-model head."""

    unused = UNUSED
    body = "esm."

    def __init__(self, config: Config) -> None:
        super().__init__()
        require(
            config.position_embedding_type in ("absolute", "rotary"),
            f"position_embedding_type {config.position_embedding_type!r} is none of absolute, rotary.",
        )
        self.config = config
        embeddings = Embeddings(config)
        self.esm = nn.ModuleDict({"embeddings": embeddings, "encoder": Encoder(config)})
        self.lm_head = Head(config)
        initialise(self, config.initializer_range)
        if config.tie_word_embeddings:
            self.lm_head.decoder.weight = embeddings.word_embeddings.weight

    def forward(
        self, ids: Tensor, mask: Tensor | None = None, *, all_layers: bool = False, with_logits: bool = True
    ) -> Output:
        """States (embedding, blocks, the last one normed) and logits for ids (batch, tokens); mask: 1 = a token."""
        x = self.esm["embeddings"](ids, mask)
        states = self.esm["encoder"](x, mask, all_layers)
        logits = self.lm_head(states[-1]) if with_logits else None
        return Output(states[-1], tuple(states) if all_layers else (), logits)


class Embeddings(nn.Module):
    """Words, with token dropout and learned positions where the configuration says so; pads are zero."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        if config.position_embedding_type == "absolute":
            self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        if config.emb_layer_norm_before:
            self.layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, ids: Tensor, mask: Tensor | None) -> Tensor:
        """(batch, tokens) to (batch, tokens, hidden_size)."""
        x: Tensor = self.word_embeddings(ids)
        if self.config.token_dropout:
            x = self._drop_masks(x, ids, mask)
        if self.config.position_embedding_type == "absolute":
            x = x + self.position_embeddings(self._positions(ids))
        if self.config.emb_layer_norm_before:
            x = self.layer_norm(x)
        return x if mask is None else x * mask[..., None].to(x.dtype)

    def _drop_masks(self, x: Tensor, ids: Tensor, mask: Tensor | None) -> Tensor:
        masked = ids == self.config.mask_token_id
        tokens = torch.full_like(ids[:, 0], ids.shape[1]) if mask is None else mask.sum(-1)
        share = masked.sum(-1).float() / tokens
        scale = (1 - MASKED_IN_TRAINING) / (1 - share)
        return x.masked_fill(masked[..., None], 0.0) * scale[:, None, None].to(x.dtype)

    def _positions(self, ids: Tensor) -> Tensor:
        # ESM counts from the pad's id + 1 and leaves that id to the pads, whatever the attention mask says.
        word = (ids != self.config.pad_token_id).long()
        positions = word.cumsum(1) * word + self.config.pad_token_id
        longest = self.config.max_position_embeddings - self.config.pad_token_id - 1
        tokens = ids.shape[1] if ids.shape[1] <= longest else int(word.sum(1).max())  # pads take no position
        require(tokens <= longest, f"{tokens} tokens are more than the {longest} positions that this model has.")
        return positions


class Encoder(nn.Module):
    """The blocks and the norm after them; rotary angles are computed once for all."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.head_size = config.hidden_size // config.num_attention_heads
        self.rotary = config.position_embedding_type == "rotary"
        self.base = config.rope_theta
        self.layer = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.emb_layer_norm_after = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, x: Tensor, mask: Tensor | None, all_layers: bool) -> list[Tensor]:
        """The last state, normed; before it, if wanted, the embedding and the state after every block."""
        attend = None if mask is None else mask[:, None, None, :].bool()
        angles = rotary_angles(x.shape[1], self.head_size, x.device, self.base) if self.rotary else None
        states = [x]
        for layer in self.layer:
            x = layer(x, attend, angles)
            states = [*states, x] if all_layers else [x]
        states[-1] = self.emb_layer_norm_after(x)
        return states


class Block(nn.Module):
    """x + Attention(LN x), then x + MLP(LN x)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        inner = config.intermediate_size
        bias = config.add_bias_fnn
        self.gated = config.gated
        self.attention = Attention(config)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        wide = nn.Linear(config.hidden_size, 2 * inner if config.gated else inner, bias=bias)
        self.intermediate = nn.ModuleDict({"dense": wide})
        self.output = nn.ModuleDict({"dense": nn.Linear(inner, config.hidden_size, bias=bias)})
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor, attend: Tensor | None, angles: tuple[Tensor, Tensor] | None) -> Tensor:
        """(batch, tokens, hidden_size) to the same shape."""
        x = x + self.dropout(self.attention(x, attend, angles))
        h = self.intermediate["dense"](self.LayerNorm(x))
        if self.gated:
            gate, value = h.chunk(2, dim=-1)
            h = functional.silu(gate) * value
        else:
            h = functional.gelu(h)
        out: Tensor = x + self.dropout(self.output["dense"](h))
        return out


class Attention(nn.Module):
    """Norm, self-attention over the tokens that the mask keeps, projection."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.hidden_size
        require_heads(width, config.num_attention_heads)
        self.heads = config.num_attention_heads
        self.dropout = config.attention_probs_dropout_prob
        self.LayerNorm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.self = nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value")})
        self.output = nn.ModuleDict({"dense": nn.Linear(width, width)})

    def forward(self, x: Tensor, attend: Tensor | None, angles: tuple[Tensor, Tensor] | None) -> Tensor:
        """(batch, tokens, hidden_size) to the same shape, without the residual."""
        x = self.LayerNorm(x)
        query, key, value = (
            self.self[name](x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for name in ("query", "key", "value")
        )
        if angles is not None:
            query, key = rotate(query, *angles), rotate(key, *angles)
        dropout = self.dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=attend, dropout_p=dropout)
        out: Tensor = self.output["dense"](mixed.transpose(1, 2).flatten(-2))
        return out


class Head(nn.Module):
    """Linear, GELU, norm, vocabulary."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, x: Tensor) -> Tensor:
        """(…, hidden_size) to (…, vocabulary)."""
        out: Tensor = self.decoder(self.layer_norm(functional.gelu(self.dense(x)))) + self.bias
        return out


def from_config(config: Mapping[str, Any]) -> NucleotideTransformer:
    """The network of a hub config.json: v2 is told by `add_bias_fnn`, which only its own code knows."""
    refuse(config, OTHERS)
    gated = "add_bias_fnn" in config or "modeling_esm" in str(config.get("auto_map"))
    return NucleotideTransformer(read_config(Config, {**config, "gated": gated}))
