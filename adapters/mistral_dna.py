"""Mistral-DNA: a small Mixtral over byte pairs (Mourad 2024)."""

from __future__ import annotations

from .byte_pairs import byte_pairs
from .card import HUMAN, Card, Checkpoint, always

NAME = "RaphaelMourad/Mistral-DNA-v1-"

CARD = Card(
    name="mistral-dna",
    title="Mistral-DNA (Mistral, Mixtral): causal, byte pairs",
    serves=lambda config: config.get("model_type") in ("mistral", "mixtral"),
    tokenizer=byte_pairs,
    tokens="byte pairs by their offsets; [CLS] in front, [SEP] behind",
    objective=always("causal"),
    attends=True,
    unknown="every N is [UNK]",
    context=lambda config: (int(config.get("max_position_embeddings", 512)), None),
    likelihood="token j predicts token j + 1, summed over the tokens that agree with the base",
    licence="Apache-2.0",
    checkpoints={f"{NAME}{n}-hg38": Checkpoint(None, HUMAN) for n in ("1M", "17M", "138M", "417M", "422M", "1.6B")},
    lora_targets=("q_proj", "v_proj"),
    ia3_targets=("k_proj", "v_proj"),
    builder="dnabench.adapters.ports.stock:build",
    key={"model_type": "mixtral"},
)
