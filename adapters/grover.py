"""GROVER: BERT-base over some 600 byte pairs (Sanabria et al., Nature Machine Intelligence 2024)."""

from __future__ import annotations

from .byte_pairs import byte_pairs
from .card import UNKNOWN, Card, Checkpoint, Config, always, port

ROWS = 609


def serves(config: Config) -> bool:
    """A plain BERT with GROVER's vocabulary."""
    return port("dnabert")(config) and config.get("vocab_size") == ROWS


CARD = Card(
    name="grover",
    title="GROVER: masked, byte pairs of about four bases",
    serves=serves,
    tokenizer=byte_pairs,
    tokens="byte pairs by their offsets (its card: unstable at the edges and below 50 bases); [CLS] and [SEP] around",
    objective=always("masked"),
    attends=True,
    unknown="every N is [UNK]",
    context=lambda config: (int(config.get("max_position_embeddings", 512)), None),
    likelihood="a byte pair's probability is summed over the tokens that agree with the base",
    licence=UNKNOWN,
    checkpoints={"PoetschLab/GROVER": Checkpoint(None, ("Homo sapiens (build not stated)",))},
    lora_targets=("query", "value"),
    ia3_targets=("key", "value", "output.dense"),
    ia3_feedforward=("output.dense",),
    key={"model_type": "dnabert"},
)
