"""GENA-LM (Fishman et al., NAR 2025): BERT over BPE tokens with the norms in front of every part.

    word + position + type ─ LN ─ n × [x + Attention(LN x), x + MLP(LN x)] ─ (LN) ─ vocabulary, pooler

The parts are DNABERT's; what moved are the norms, and whether the last state has one (`last_layer_norm`; absent means
yes). The files have almost the names of a plain BERT: a plain BERT loads them without a shape error and is wrong.
Key names and arithmetic after the hub's modeling_bert.py (AIRI-Institute/gena-lm-bert-*). Its block-sparse attention
needs DeepSpeed and is not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from . import dnabert
from .dnabert import Embeddings, Encoder, Predictions, SelfAttention
from .network import HubNetwork, Output, activation, initialise, read_config, refuse, require, rotary_angles, rotate

# Carried by hub files, read by nothing here: a buffer, and heads that the named architecture does not have.
UNUSED = (
    "bert.embeddings.position_ids",
    "bert.pooler.*",
    "cls.seq_relationship.*",
    "*.rotary_emb.inv_freq",
)


@dataclass(frozen=True)
class Config(dnabert.Config):
    """BERT's keys and those of the hub's modeling_bert.py; `pretraining`: the file has a pooler and a pair head."""

    pre_layer_norm: bool = False
    last_layer_norm: bool | None = None  # absent: as pre_layer_norm
    rotary_base: float = 10_000.0
    rotary_dim: int = 0  # 0: the whole head
    sparse_config_cls: str = ""
    pretraining: bool = False


class GENALM(HubNetwork):
    """The encoder with its masked-language-model head and, for BertForPreTraining, the pooler and the pair head."""

    unused = UNUSED
    body = "bert."

    def __init__(self, config: Config) -> None:
        super().__init__()
        _check(config)
        self.config = config
        embeddings = Embeddings(config, with_positions=config.position_embedding_type == "absolute")
        attention = RotaryAttention if config.position_embedding_type == "rotary" else SelfAttention
        layers = PreNormEncoder if config.pre_layer_norm else Encoder
        encoder = layers(config, attention)
        self.bert = nn.ModuleDict({"embeddings": embeddings, "encoder": encoder})
        predictions = Predictions(config)
        self.cls = nn.ModuleDict({"predictions": predictions})
        if config.pretraining:
            width = config.hidden_size
            self.bert["pooler"] = nn.ModuleDict({"dense": nn.Linear(width, width)})
            self.cls["seq_relationship"] = nn.Linear(width, 2)
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
        """States (embedding, layers; the last as the heads read it) and logits for ids (batch, tokens).

        The extras of a pretraining file: `pooler_output` (batch, hidden_size), `seq_relationship_logits` (batch, 2).
        """
        attend = None if mask is None else mask[:, None, None, :].bool()
        states = self.bert["encoder"](self.bert["embeddings"](ids, token_types), attend, all_layers)
        logits = self.cls["predictions"](states[-1]) if with_logits else None
        return Output(states[-1], tuple(states) if all_layers else (), logits, self._pooled(states[-1]))

    def _pooled(self, x: Tensor) -> dict[str, Tensor | tuple[Tensor, ...]]:
        if not self.config.pretraining:
            return {}
        pooled = torch.tanh(self.bert["pooler"]["dense"](x[:, 0]))  # type: ignore[index]
        return {"pooler_output": pooled, "seq_relationship_logits": self.cls["seq_relationship"](pooled)}


class PreNormEncoder(nn.Module):
    """Pre-norm layers and, where the configuration says so, a norm after the last."""

    def __init__(self, config: Config, attention: type[SelfAttention]) -> None:
        super().__init__()
        self.layer = nn.ModuleList(PreNormLayer(config, attention(config)) for _ in range(config.num_hidden_layers))
        self.normed = config.last_layer_norm is not False
        if self.normed:
            self.last_layer_ln = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, x: Tensor, attend: Tensor | None, all_layers: bool) -> list[Tensor]:
        """The last state; before it, if wanted, the embedding and the state after every layer."""
        states = [x]
        for layer in self.layer:
            x = layer(x, attend)
            states = [*states, x] if all_layers else [x]
        if self.normed:
            states[-1] = self.last_layer_ln(x)
        return states


class PreNormLayer(nn.Module):
    """x + Attention(LN x), then x + MLP(LN x)."""

    def __init__(self, config: Config, attention: SelfAttention) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.pre_attention_ln = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.post_attention_ln = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.attention = nn.ModuleDict({"self": attention, "output": nn.ModuleDict({"dense": nn.Linear(width, width)})})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, inner)})
        self.output = nn.ModuleDict({"dense": nn.Linear(inner, width)})
        self.activation = activation(config.hidden_act)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor, attend: Tensor | None) -> Tensor:
        """(batch, tokens, hidden_size) to the same shape."""
        mixed = self.attention["self"](self.pre_attention_ln(x), attend)
        x = x + self.dropout(self.attention["output"]["dense"](mixed))  # type: ignore[index]
        inner = self.activation(self.intermediate["dense"](self.post_attention_ln(x)))
        out: Tensor = x + self.dropout(self.output["dense"](inner))
        return out


class RotaryAttention(SelfAttention):
    """Attention whose queries and keys turn with their position, in the first `rotary_dim` channels of a head."""

    def __init__(self, config: dnabert.Config) -> None:
        super().__init__(config)
        assert isinstance(config, Config), "GENA-LM's own configuration"
        self.turned = config.rotary_dim or config.hidden_size // config.num_attention_heads
        self.base = config.rotary_base

    def turn(self, x: Tensor) -> Tensor:
        """(batch, heads, tokens, head size) to the same shape."""
        cos, sin = rotary_angles(x.shape[2], self.turned, x.device, self.base)
        return torch.cat([rotate(x[..., : self.turned], cos, sin), x[..., self.turned :]], dim=-1)


def _check(config: Config) -> None:
    require(
        config.position_embedding_type in ("absolute", "rotary"),
        f"position_embedding_type {config.position_embedding_type!r} is none of absolute, rotary.",
    )
    require(
        not config.sparse_config_cls,
        "This GENA-LM has DeepSpeed's block-sparse attention, which the port does not have.",
    )
    require(
        config.pre_layer_norm or not config.last_layer_norm,
        "last_layer_norm needs pre_layer_norm; the configuration has it without.",
    )


def from_config(config: Mapping[str, Any]) -> GENALM:
    """The network of a hub config.json; its architecture says whether the file has a pooler."""
    refuse(config, dnabert.DECODER)
    told: dict[str, Any] = {"pretraining": "pretraining" in str(config.get("architectures")).lower()}
    if "last_layer_norm" in config:
        told["last_layer_norm"] = bool(config["last_layer_norm"])  # null is not absent: it means no
    return GENALM(read_config(Config, {**config, **told}))
