"""Where the families with byte pairs have their tokenizer from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dnabench.harness.errors import Unavailable

from .card import Config
from .files import title

if TYPE_CHECKING:
    from dnabench.harness.engine.reader import Tokenizer

FILES = ("tokenizer.json", "tokenizer.json.gz")


def byte_pairs(config: Config, folder: Path | None) -> Tokenizer:
    """The tokenizer.json of the model's folder; Unavailable where it has none."""
    from .tokenizers import BytePairs

    found = [folder / name for name in FILES if (folder / name).is_file()] if folder else []
    if not found:
        where = f"{title(folder)} has" if folder else "a model without a folder has"
        raise Unavailable(
            f"{where} no tokenizer.json, which this family's tokens are read from: put it beside config.json"
        )
    return BytePairs(found[0])
