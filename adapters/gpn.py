"""GPN: masked single bases by dilated convolution (Benegas et al., PNAS 2023; Nature Biotechnology 2025)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dnabench.harness.errors import AdapterError

from .card import Card, Checkpoint, Config, always, port

if TYPE_CHECKING:
    from dnabench.harness.engine.reader import Tokenizer


def tokenizer(config: Config, folder: Path | None) -> Tokenizer:
    """Single bases, nothing around them; AdapterError for a network that reads an alignment beside them."""
    from .tokenizers import GPN

    features = config.get("n_aux_features")
    if features:
        raise AdapterError(f"n_aux_features is {features}: this GPN reads an alignment, of which there is none here")
    return GPN


CARD = Card(
    name="gpn",
    title="GPN and its older ConvNet: masked, single bases, convolutions (windows of 512)",
    serves=port("gpn"),
    tokenizer=tokenizer,
    tokens="base i is token i; nothing around",
    objective=always("masked"),
    attends=False,
    unknown="N is unknown",
    likelihood="logits at base i are about base i",
    licence="MIT",
    checkpoints={
        "songlab/gpn-brassicales": Checkpoint(None, ("8 Brassicales, TAIR10 among them (GPN)",)),
        "songlab/gpn-animal-promoter": Checkpoint(None, ("animal promoters (GPN)",)),
    },
    sizes={"brassicales": {"model_type": "ConvNet"}},
    lora_targets=("ffn.0", "ffn.1", "ffn.3"),
    ia3_targets=("ffn.0", "ffn.1", "ffn.3"),
    key={"model_type": "GPN"},
)
