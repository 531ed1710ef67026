"""What `finetune` starts from for a model family, where neither the user nor a named recipe says otherwise.

Settings that the families' own papers or code fine-tuned with, as far as they are published; a random-weight twin has
those of the model that it is compared with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Settings = Mapping[str, Any]

TRANSFORMER: Settings = {
    "learning_rate": 3e-5,
    "batch_size": 32,
    "epochs": 10,
    "patience": 3,
    "weight_decay": 0.01,
    "schedule": "linear",
    "warmup_steps": 50,
}
"""Rate, rows, decay, warm-up and schedule with which DNABERT-2 was fine-tuned on GUE (Zhou et al. 2024)."""

FAMILIES: Mapping[str, Settings] = {
    # hyena-dna, configs/experiment/hg38/nucleotide_transformer.yaml
    "hyenadna": {"learning_rate": 6e-4, "batch_size": 128, "weight_decay": 0.1, "warmup_ratio": 0.01},
    # Schiff et al. 2024, appendix: 1e-3 or 2e-3, 256 rows on Genomic Benchmarks, 10 epochs
    "caduceus": {"learning_rate": 1e-3, "batch_size": 256, "epochs": 10, "weight_decay": 0.1, "warmup_ratio": 0.01},
    # ConvNova, configs for Genomic Benchmarks: 4 GPUs with 32 rows, 10 epochs
    "convnova": {"learning_rate": 1e-3, "batch_size": 128, "epochs": 10, "weight_decay": 0.1, "warmup_ratio": 0.01},
    # A convolutional network; no recipe of its authors is published.
    "gpn": {"learning_rate": 1e-4, "batch_size": 32, "epochs": 10, "weight_decay": 0.01},
}


def recipe_of(family: str) -> Settings:
    """The settings of a family; those of a transformer where it has none of its own.

    >>> recipe_of("hyenadna")["learning_rate"], recipe_of("dnabert2")["learning_rate"]
    (0.0006, 3e-05)
    """
    return FAMILIES.get(family, TRANSFORMER)
