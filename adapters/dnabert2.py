"""DNABERT-2 and DNABERT-S: BERT with ALiBi over byte pairs (Zhou et al., ICLR 2024 and 2024)."""

from __future__ import annotations

from .byte_pairs import byte_pairs
from .card import Card, Checkpoint, Config, port

SPECIES = ("GRCh38", "135 species (DNABERT-2)")
LONGEST = 10_000  # bases; ALiBi sets no limit, BEND's is taken


def objective(config: Config) -> str:
    """DNABERT-S was trained by contrast and has no head for tokens."""
    return "none" if config.get("architectures") == ["BertModel"] else "masked"


CARD = Card(
    name="dnabert2",
    title="DNABERT-2 and DNABERT-S: masked or contrastive, byte pairs",
    serves=port("dnabert2"),
    tokenizer=byte_pairs,
    tokens="byte pairs by their offsets; [CLS] in front, [SEP] behind",
    objective=objective,
    attends=True,
    unknown="every N is [UNK]",
    context=lambda config: (None, LONGEST),
    likelihood="a byte pair's probability is summed over the tokens that agree with the base",
    licence="Apache-2.0",
    checkpoints={
        "zhihan1996/DNABERT-2-117M": Checkpoint(117_074_176, SPECIES),
        "zhihan1996/DNABERT-S": Checkpoint(None, (*SPECIES, "microbial genomes (DNABERT-S)")),
    },
    lora_targets=("Wqkv",),
    ia3_targets=("Wqkv", "wo"),
    ia3_feedforward=("wo",),
)
