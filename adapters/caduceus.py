"""Caduceus-PH, Caduceus-PS and PlantCaduceus: Mamba in both directions over bases (Schiff et al., ICML 2024)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from .card import HUMAN, Card, Checkpoint, Config, always, port

if TYPE_CHECKING:
    from dnabench.harness.engine.reader import Tokenizer

PLANTS = ("16 flowering plants (PlantCaduceus)",)
PS = {str(token): token for token in range(16)} | {"7": 10, "8": 9, "9": 8, "10": 7}


def tokenizer(config: Config, folder: Path | None) -> Tokenizer:
    """Caduceus' letters, [SEP] behind; PlantCaduceus, whose vocabulary has 8 ids, names its letters in a file."""
    from .tokenizers import CADUCEUS, GPN, Letters

    if int(config["vocab_size"]) > 8:
        return CADUCEUS
    file = folder / "tokenizer.json" if folder else None
    if not file or not file.is_file():
        return GPN
    named = json.loads(file.read_text(encoding="utf-8"))["model"]["vocab"]
    letters = {name.upper(): token for name, token in named.items() if name.upper() in tuple("ACGT")}
    pad, mask, unknown = (int(named[name]) for name in ("[PAD]", "[MASK]", "[UNK]"))
    return Letters(letters, unknown=unknown, pad=pad, mask=mask, upper=True)


def strands(config: Config) -> str:
    """PS treats both strands alike by construction; PH must be averaged over them from outside."""
    return "equivariant" if config.get("rcps") else "one strand"


def size(width: int, layers: int, *, both: bool) -> Config:
    """The configuration of a published size, PS where `both`."""
    return {
        "model_type": "caduceus",
        "d_model": width,
        "n_layer": layers,
        "vocab_size": 16,
        "residual_in_fp32": False,
        **({"rcps": True, "complement_map": PS} if both else {}),
    }


def _published(kind: str) -> dict[str, Checkpoint]:
    name = f"kuleshov-group/caduceus-{kind}_seqlen-"
    return {
        f"{name}1k_d_model-118_n_layer-4_lr-8e-3": Checkpoint(470_702, HUMAN, 1024),
        f"{name}1k_d_model-256_n_layer-4_lr-8e-3": Checkpoint(1_934_592, HUMAN, 1024),
        f"{name}131k_d_model-256_n_layer-16": Checkpoint(7_725_312, HUMAN, 131_072),
    }


CARD = Card(
    name="caduceus",
    title="Caduceus-PH, Caduceus-PS, PlantCaduceus: masked, single bases, Mamba both ways",
    serves=port("caduceus"),
    tokenizer=tokenizer,
    tokens="base i is token i; [SEP] behind (none for PlantCaduceus)",
    objective=always("masked"),
    attends=False,
    unknown="N is a token of its own (unknown for PlantCaduceus)",
    strands=strands,
    likelihood="logits at base i are about base i",
    licence="Apache-2.0",
    checkpoints={
        **_published("ph"),
        **_published("ps"),
        **{f"kuleshov-group/PlantCaduceus_l{n}": Checkpoint(None, PLANTS, 512) for n in (20, 24, 28, 32)},
    },
    sizes={
        "ph-1k": size(256, 4, both=False),
        "ps-1k": size(256, 4, both=True),
        "ph-131k": size(256, 16, both=False),
        "ps-131k": size(256, 16, both=True),
    },
    lora_targets=("in_proj", "x_proj", "out_proj"),
    ia3_targets=("in_proj", "out_proj"),
    ia3_feedforward=("out_proj",),
)
