"""Any other model of the hub, by the code that lies beside its weights: only where a user names it at one commit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .card import UNKNOWN, Card, Config, always

if TYPE_CHECKING:
    from dnabench.harness.engine.reader import Tokenizer


def tokenizer(config: Config, folder: Path | None) -> Tokenizer:
    """The repository's own tokenizer, through transformers."""
    from .ports.remote_code import HubTokenizer

    return HubTokenizer(str(folder))


def context(config: Config) -> tuple[int | None, None]:
    """What the configuration says of positions."""
    tokens = config.get("max_position_embeddings")
    return (tokens if isinstance(tokens, int) and tokens > 0 else None), None


CARD = Card(
    name="remote-code",
    title="any other model of the hub by its own code, named with --trust-remote-code NAME@COMMIT: embeddings only",
    serves=always(False),
    tokenizer=tokenizer,
    tokens="the repository's own, its bases by offsets or by the tokens' letters",
    objective=always("none"),
    attends=True,
    unknown=UNKNOWN,
    context=context,
    strands=always(UNKNOWN),
    lora_targets=("query", "value", "q_proj", "v_proj", "Wqkv", "in_proj"),
    ia3_targets=("key", "value", "k_proj", "v_proj", "Wqkv", "in_proj"),
    builder="dnabench.adapters.ports.remote_code:build",
    in_folder=True,
)
