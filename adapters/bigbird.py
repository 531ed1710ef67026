"""GENA-LM's BigBird: block-sparse attention over byte pairs, up to 4,096 of them (Fishman et al., NAR 2025)."""

from __future__ import annotations

from .byte_pairs import byte_pairs
from .card import Card, Checkpoint, always

CARD = Card(
    name="bigbird",
    title="GENA-LM (BigBird): masked, byte pairs, 36,000 bases",
    serves=lambda config: config.get("model_type") == "big_bird",
    tokenizer=byte_pairs,
    tokens="byte pairs by their offsets; [CLS] in front, [SEP] behind",
    objective=always("masked"),
    attends=True,
    unknown="N is [UNK]; more than ten in a row are one token",
    context=lambda config: (int(config.get("max_position_embeddings", 4096)), None),
    likelihood="a byte pair's probability is summed over the tokens that agree with the base",
    licence="MIT",
    checkpoints={"AIRI-Institute/gena-lm-bigbird-base-t2t": Checkpoint(None, ("T2T-CHM13v2.0", "1000 Genomes"))},
    lora_targets=("query", "value"),
    ia3_targets=("key", "value", "output.dense"),
    ia3_feedforward=("output.dense",),
    builder="dnabench.adapters.ports.stock:build",
    key={"model_type": "big_bird"},
)
