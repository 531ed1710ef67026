"""ModernGENA and ModernBERT-DNA: ModernBERT over byte pairs (AIRI 2026; Mourad 2024)."""

from __future__ import annotations

from .byte_pairs import byte_pairs
from .card import HUMAN, Card, Checkpoint, always

CARD = Card(
    name="modern-gena",
    title="ModernGENA, ModernBERT-DNA: masked, byte pairs",
    serves=lambda config: config.get("model_type") == "modernbert",
    tokenizer=byte_pairs,
    tokens="byte pairs by their offsets; [CLS] in front, [SEP] behind",
    objective=always("masked"),
    attends=True,
    unknown="N is [UNK]",
    context=lambda config: (int(config.get("max_position_embeddings", 1024)), None),
    likelihood="a byte pair's probability is summed over the tokens that agree with the base",
    licence="MIT (ModernGENA), Apache-2.0 (ModernBERT-DNA)",
    checkpoints={
        "AIRI-Institute/moderngena-base": Checkpoint(136_120_832, ("443 vertebrates (ModernGENA)",)),
        "AIRI-Institute/moderngena-large": Checkpoint(None, ("443 vertebrates (ModernGENA)",)),
        "RaphaelMourad/ModernBERT-DNA-v1-37M-hg38": Checkpoint(None, HUMAN),
    },
    lora_targets=("Wqkv", "Wo"),
    ia3_targets=("Wqkv", "mlp.Wo"),
    ia3_feedforward=("mlp.Wo",),
    builder="dnabench.adapters.ports.stock:build",
    key={"model_type": "modernbert"},
)
