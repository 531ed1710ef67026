"""DNABERT 3- to 6-mers: BERT-base over overlapping k-mers (Ji et al., Bioinformatics 2021)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dnabench.harness.errors import AdapterError

from .card import HUMAN, Card, Checkpoint, Config, always, port, vocabulary

if TYPE_CHECKING:
    from dnabench.harness.engine.reader import Tokenizer

SPECIALS = 5


def kmer(config: Config) -> int | None:
    """k of a vocabulary of 4^k k-mers and five special tokens (one more in some files), else None.

    >>> kmer({"vocab_size": 4101}), kmer({"vocab_size": 609})
    (6, None)
    """
    rows = vocabulary(config) - SPECIALS
    return next((k for k in range(1, 9) if rows - 4**k in (0, 1)), None)


def serves(config: Config) -> bool:
    """A plain BERT with the vocabulary of a k."""
    return port("dnabert")(config) and kmer(config) is not None


def tokenizer(config: Config, folder: Path | None) -> Tokenizer:
    """A k-mer from every base, in one piece however long the row is; ids by vocab.txt where there is one."""
    from .tokenizers import DNABERT_SPECIALS, Overlapping, kmers
    from .vocabulary import read_vocabulary

    k, file = kmer(config) or 6, folder / "vocab.txt" if folder else None
    listed = read_vocabulary(file) if file and file.is_file() else {}
    lacks = [name for name in (*DNABERT_SPECIALS, *kmers(k)) if name not in listed]
    if listed and lacks:
        raise AdapterError(f"{file} lacks {lacks[0]}: it lists no tokens of a DNABERT of {k}-mers")
    return Overlapping(k, piece=None, listed=listed)


def context(config: Config) -> tuple[int, int]:
    """Positions, two of them for [CLS] and [SEP]; the last k-mer reaches k - 1 bases further."""
    tokens = int(config.get("max_position_embeddings", 512))
    return tokens, tokens - 3 + (kmer(config) or 6)


CARD = Card(
    name="dnabert",
    title="DNABERT 3- to 6-mers: masked, overlapping k-mers",
    serves=serves,
    tokenizer=tokenizer,
    tokens="k-mer j covers the bases j to j + k - 1; [CLS] in front, [SEP] behind",
    objective=always("masked"),
    attends=True,
    unknown="every k-mer with another letter than A, C, G, T is [UNK]",
    context=context,
    likelihood="k neighbours are masked to hide a base; probabilities of the k-mers that agree with it are summed",
    licence="Apache-2.0",
    checkpoints={f"zhihan1996/DNA_bert_{k}": Checkpoint(None, HUMAN) for k in (3, 4, 5, 6)},
    sizes={f"{k}mer": {"model_type": "bert", "vocab_size": 4**k + SPECIALS} for k in (6, 3, 4, 5)},
    lora_targets=("query", "value"),
    ia3_targets=("key", "value", "output.dense"),
    ia3_feedforward=("output.dense",),
)
