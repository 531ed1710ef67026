"""GENA-LM: pre-norm BERT over byte pairs of about nine bases (Fishman et al., NAR 2025)."""

from __future__ import annotations

from .byte_pairs import byte_pairs
from .card import Card, Checkpoint, always, port

# README of AIRI-Institute/GENA_LM, table of models: `base` read a T2T split without the variants of the 1000 Genomes.
T2T = ("T2T-CHM13v2.0", "1000 Genomes")
NAME = "AIRI-Institute/gena-lm-bert-"

CARD = Card(
    name="gena-lm",
    title="GENA-LM (BERT): masked, byte pairs of about nine bases",
    serves=port("gena-lm"),
    tokenizer=byte_pairs,
    tokens="byte pairs by their offsets; [CLS] in front, [SEP] behind",
    objective=always("masked"),
    attends=True,
    unknown="N is [UNK]; more than ten in a row are one token of the t2t vocabulary",
    context=lambda config: (int(config.get("max_position_embeddings", 512)), None),
    likelihood="a byte pair's probability is summed over the tokens that agree with the base",
    licence="MIT",
    checkpoints={
        f"{NAME}base": Checkpoint(None, T2T[:1]),
        f"{NAME}base-t2t": Checkpoint(None, T2T),
        f"{NAME}base-lastln-t2t": Checkpoint(None, T2T),
        f"{NAME}base-t2t-multi": Checkpoint(None, (*T2T, "multi-species (GENA-LM)")),
        f"{NAME}large-t2t": Checkpoint(None, T2T),
    },
    lora_targets=("query", "value"),
    ia3_targets=("key", "value", "output.dense"),
    ia3_feedforward=("output.dense",),
)
