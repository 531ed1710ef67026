"""ConvNova: dilated convolutions gated by the complementary strand (Bo et al., ICLR 2025); no weights are published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .card import UNKNOWN, Card, Config, port

if TYPE_CHECKING:
    from dnabench.harness.engine.reader import Tokenizer


def tokenizer(config: Config, folder: Path | None) -> Tokenizer:
    """Single bases; N, padding and the mask are one id."""
    from .tokenizers import CONVNOVA

    return CONVNOVA


def size(width: int, kernel: int, inner: int, **more: bool) -> Config:
    """The configuration of a published size."""
    sizes = {"hidden_dim": width, "kernel_size": kernel, "d_inner": inner, "dilation": 4}
    return {"model_type": "convnova", "ffn": False, **sizes, **more}


CARD = Card(
    name="convnova",
    title="ConvNova: masked, single bases, convolutions; no weights are published, trained from scratch here",
    serves=port("convnova"),
    tokenizer=tokenizer,
    tokens="base i is token i; nothing around",
    objective=lambda config: "masked" if config.get("pretrain") else "none",
    attends=False,
    unknown="N, padding and the mask are one id",
    likelihood="logits at base i are about base i",
    licence=UNKNOWN,
    sizes={
        "386k": size(64, 5, 4, final_conv=True),
        "1.7m": size(128, 9, 2),
        "7m": size(256, 9, 2),
    },
    lora_targets=("milinear.0", "milinear.2", "milinear.4", "milinear.6"),
    ia3_targets=("milinear.0", "milinear.6"),
    ia3_feedforward=("milinear.6",),
)
