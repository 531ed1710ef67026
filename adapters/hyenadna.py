"""HyenaDNA: a causal model of single bases without attention (Nguyen et al., NeurIPS 2023)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .card import HUMAN, Card, Checkpoint, Config, always, port

if TYPE_CHECKING:
    from dnabench.harness.engine.reader import Tokenizer

SPARE = 2  # positions of max_seq_len that are no bases: a checkpoint of 1,024 bases says 1,026


def tokenizer(config: Config, folder: Path | None) -> Tokenizer:
    """Single bases and [SEP] behind; the same for all checkpoints."""
    from .tokenizers import HYENADNA

    return HYENADNA


def context(config: Config) -> tuple[int, int]:
    """The filters are made for `max_seq_len` positions: longer inputs have none, another length is another model."""
    longest = int(config["max_seq_len"])
    return longest, longest - SPARE


def size(width: int, layers: int, longest: int) -> Config:
    """The configuration of a published size."""
    sizes = {"d_model": width, "n_layer": layers, "max_seq_len": longest + SPARE, "emb_dim": 5}
    return {"model_type": "hyenadna", "activation_freq": 10, "tie_word_embeddings": False, **sizes}


CARD = Card(
    name="hyenadna",
    title="HyenaDNA, causal, single bases, up to a million of them",
    serves=port("hyenadna"),
    tokenizer=tokenizer,
    tokens="base i is token i; [SEP] behind",
    objective=always("causal"),
    attends=False,
    unknown="N is a token of its own",
    context=context,
    likelihood="token i predicts base i + 1; the first base has no prediction",
    licence="BSD-3-Clause",
    checkpoints={
        "LongSafari/hyenadna-tiny-1k-seqlen-hf": Checkpoint(438_144, HUMAN),
        "LongSafari/hyenadna-tiny-1k-seqlen-d256-hf": Checkpoint(1_645_184, HUMAN),
        "LongSafari/hyenadna-tiny-16k-seqlen-d128-hf": Checkpoint(438_144, HUMAN),
        "LongSafari/hyenadna-small-32k-seqlen-hf": Checkpoint(3_281_664, HUMAN),
        "LongSafari/hyenadna-medium-160k-seqlen-hf": Checkpoint(6_554_624, HUMAN),
        "LongSafari/hyenadna-medium-450k-seqlen-hf": Checkpoint(6_554_624, HUMAN),
        "LongSafari/hyenadna-large-1m-seqlen-hf": Checkpoint(6_554_624, HUMAN),
    },
    sizes={"tiny-1k": size(128, 2, 1024), "small-32k": size(256, 4, 32_768), "medium-160k": size(256, 8, 160_000)},
    lora_targets=("mixer.in_proj", "mixer.out_proj", "fc1", "fc2"),
    ia3_targets=("mixer.in_proj", "fc2"),
    ia3_feedforward=("fc2",),
)
