"""GENERator: a Llama over 6-mers, up to 98,304 bases (GenerTeam 2025)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .card import Card, Checkpoint, Config, always, vocabulary

if TYPE_CHECKING:
    from dnabench.harness.engine.reader import Tokenizer

K = 6
EUKARYOTES = ("gene regions of RefSeq's eukaryotes (GENERator)",)
PROKARYOTES = ("RefSeq's prokaryotes (GENERator)",)


def serves(config: Config) -> bool:
    """A Llama whose vocabulary is GENERator's: 32 special tokens and all 6-mers, perhaps padded."""
    return config.get("model_type") == "llama" and 32 + 4**K <= vocabulary(config) < 32 + 4**K + 128


def tokenizer(config: Config, folder: Path | None) -> Tokenizer:
    """6-mers whose frame ends at the last base, <s> in front."""
    from .frames import Frames

    return Frames(K)


def context(config: Config) -> tuple[int, int]:
    """Positions, one of them for <s>."""
    tokens = int(config.get("max_position_embeddings", 16_384))
    return tokens, (tokens - 1) * K


CARD = Card(
    name="generator",
    title="GENERator: causal, 6-mers, 98,000 bases",
    serves=serves,
    tokenizer=tokenizer,
    tokens="6 bases to a token, counted from the row's end; up to 5 first bases have none; <s> in front",
    objective=always("causal"),
    attends=True,
    unknown="a 6-mer with N is unknown",
    context=context,
    likelihood="token j predicts 6-mer j + 1, summed over the 6-mers that agree with the base",
    licence="MIT",
    checkpoints={
        f"GenerTeam/GENERator-{kind}-{size}-base": Checkpoint(None, genomes)
        for kind, genomes in (
            ("eukaryote", EUKARYOTES),
            ("v2-eukaryote", EUKARYOTES),
            ("v2-prokaryote", PROKARYOTES),
        )
        for size in ("1.2b", "3b")
    },
    lora_targets=("q_proj", "v_proj"),
    ia3_targets=("k_proj", "v_proj", "down_proj"),
    ia3_feedforward=("down_proj",),
    builder="dnabench.adapters.ports.stock:build",
    key={"model_type": "llama"},
)
