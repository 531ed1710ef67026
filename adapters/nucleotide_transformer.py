"""Nucleotide Transformer v1 and v2, AgroNT: ESM encoders over 6-mers (Dalla-Torre et al., Nature Methods 2025).

v3 is not here: the sizes of its U-Net stand only in the configurations of its repositories, which are gated, and no
reference vectors exist to prove a port with.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dnabench.harness.errors import AdapterError

from .card import HUMAN, Card, Checkpoint, Config, always, port

if TYPE_CHECKING:
    from dnabench.harness.engine.reader import Tokenizer

SPECIES = ("850 genomes (Nucleotide Transformer)",)
THOUSAND = ("GRCh38", "1000 Genomes")
V2 = "InstaDeepAI/nucleotide-transformer-v2-"


def tokenizer(config: Config, folder: Path | None) -> Tokenizer:
    """Whole k-mers from the left, single letters elsewhere; by vocab.txt, else by the number of rows."""
    from .tokenizers import Blocks, nt_vocabulary
    from .vocabulary import read_vocabulary

    file = folder / "vocab.txt" if folder else None
    if file and file.is_file():
        return Blocks(read_vocabulary(file))
    return Blocks(nt_vocabulary(*version_of(int(config["vocab_size"]))))


def version_of(rows: int) -> tuple[str, int]:
    """Version and k of a vocabulary: k-mers, five letters, and four (v1) or six (v2) special tokens.

    >>> version_of(4105), version_of(4107), version_of(75)
    (('v1', 6), ('v2', 6), ('v2', 3))
    """
    for specials, version in ((4, "v1"), (6, "v2")):
        for k in range(1, 9):
            if rows == specials + 4**k + 5:
                return version, k
    raise AdapterError(f"a vocabulary of {rows} is no Nucleotide Transformer's, and the folder has no vocab.txt")


def context(config: Config) -> tuple[int, int | None]:
    """Positions but the two that ESM leaves out; <cls> takes one token, each other one k bases at most.

    Where the number of rows does not tell k, tokens alone are the limit: a vocab.txt may list fewer.
    """
    tokens = int(config.get("max_position_embeddings", 1026)) - 2
    try:
        _, k = version_of(int(config["vocab_size"]))
    except AdapterError:
        return tokens, None
    return tokens, (tokens - 1) * k


CARD = Card(
    name="nucleotide-transformer",
    title="Nucleotide Transformer v1 and v2, AgroNT: masked, 6-mers (v3 is not here)",
    serves=port("nucleotide-transformer"),
    tokenizer=tokenizer,
    tokens="k bases to a token from the left, single letters in the rest and beside N; <cls> in front",
    objective=always("masked"),
    attends=True,
    unknown="N is a token of its own; the frame of 6-mers starts anew behind it",
    context=context,
    likelihood="a k-mer's probability is summed over the k-mers that agree with the base",
    licence="CC-BY-NC-SA-4.0",
    checkpoints={
        "InstaDeepAI/nucleotide-transformer-500m-human-ref": Checkpoint(485_698_825, HUMAN),
        "InstaDeepAI/nucleotide-transformer-500m-1000g": Checkpoint(485_698_825, THOUSAND),
        "InstaDeepAI/nucleotide-transformer-2.5b-1000g": Checkpoint(2_547_800_585, THOUSAND),
        "InstaDeepAI/nucleotide-transformer-2.5b-multi-species": Checkpoint(2_547_800_585, SPECIES),
        f"{V2}50m-multi-species": Checkpoint(54_855_179, SPECIES),
        f"{V2}100m-multi-species": Checkpoint(96_839_179, SPECIES),
        f"{V2}250m-multi-species": Checkpoint(None, SPECIES),
        f"{V2}500m-multi-species": Checkpoint(496_245_771, SPECIES),
        f"{V2}50m-3mer-multi-species": Checkpoint(None, SPECIES),
        "InstaDeepAI/agro-nucleotide-transformer-1b": Checkpoint(None, ("48 plants (AgroNT)",)),
    },
    lora_targets=("query", "value"),
    ia3_targets=("key", "value", "output.dense"),
    ia3_feedforward=("output.dense",),
)
