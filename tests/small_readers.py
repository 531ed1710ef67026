"""Small random networks of each kind with their tokenizers, for tests of reading and training; needs torch."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dnabench.adapters import tokenizers
from dnabench.adapters.frames import Frames
from dnabench.adapters.ports import caduceus, convnova, dnabert, dnabert2, hyenadna, nucleotide_transformer
from dnabench.adapters.vocabulary import texts
from dnabench.harness.engine.heads import classifier, collated
from dnabench.harness.engine.reading import Reader
from dnabench.harness.engine.training import Network
from dnabench.harness.sequence import UNKNOWN, encode

SMALL: dict[str, Any] = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
    "initializer_range": 0.5,
}  # fmt: skip

WINDOWS_OF_21 = [(0, 8, 0, 6), (4, 12, 6, 10), (8, 16, 10, 14), (12, 20, 14, 18), (16, 21, 18, 21)]
"""Start, end, first and last own base of windows of 8 bases over 21: bases belong to the nearer window's middle."""


def rows(*lengths: int, seed: int = 0, unknown: float = 0.03) -> list[str]:
    """Random sequences of these lengths with some N."""
    draw = np.random.default_rng([4, seed])
    shares = [*([(1 - unknown) / 4] * 4), unknown]
    return ["".join(draw.choice(list("ACGTN"), n, p=shares)) for n in lengths]


def _hyenadna() -> Reader:
    network = hyenadna.HyenaDNA(hyenadna.Config(d_model=16, n_layer=2, max_seq_len=402, initializer_range=0.5))
    return _reader(network, tokenizers.HYENADNA, attends=False, objective="causal", context_tokens=402)


def _caduceus() -> Reader:
    start = {"initializer_range": 1.0}
    config = caduceus.Config(d_model=16, n_layer=2, vocab_size=12, initializer_cfg=start)
    return _reader(caduceus.Caduceus(config), tokenizers.CADUCEUS, attends=False)


def _convnova() -> Reader:
    network = convnova.from_config({"model_type": "convnova", "hidden_dim": 16, "pretrain": True})
    return _reader(network, tokenizers.CONVNOVA, attends=False)


def _nucleotide_transformer() -> Reader:
    words = tokenizers.nt_vocabulary("v2", 3)
    config = nucleotide_transformer.Config(vocab_size=len(words), position_embedding_type="rotary", gated=True, **SMALL)
    network = nucleotide_transformer.NucleotideTransformer(config)
    return _reader(network, tokenizers.Blocks(words), context_tokens=60)


def _dnabert() -> Reader:
    tokenizer = tokenizers.Overlapping(3)
    config = dnabert.Config(vocab_size=len(tokenizer.vocabulary) + 5, max_position_embeddings=120, **SMALL)
    return _reader(dnabert.DNABERT(config), tokenizer, context_tokens=120)


MAKERS: dict[str, Callable[[], Reader]] = {
    "hyenadna": _hyenadna,
    "caduceus": _caduceus,
    "convnova": _convnova,
    "nucleotide-transformer": _nucleotide_transformer,
    "dnabert": _dnabert,
}
LIKELY = tuple(MAKERS)


@cache
def reader(name: str) -> Reader:
    """The reader of a family, the same weights every time."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return MAKERS[name]()


def _reader(network: nn.Module, tokenizer: Any, **facts: Any) -> Reader:
    given = {"attends": True, "objective": "masked"} | facts
    return Reader(network.eval(), tokenizer, text=texts(tokenizer), **given)


class Composition(nn.Module):
    """A causal network that can be computed by hand: token j + 1 is as likely as its share so far, plus one."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.vocabulary = vocabulary

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Any:
        counts = torch.nn.functional.one_hot(ids, self.vocabulary).float().cumsum(1)
        return SimpleNamespace(last_hidden_state=counts, logits=torch.log1p(counts), hidden_states=())


def generator(k: int = 2) -> Reader:
    """GENERator's tokens with the network above."""
    tokenizer = Frames(k)
    return _reader(Composition(32 + 4**k), tokenizer, objective="causal")


def codes(sequence: str) -> Any:
    """0-3 for A, C, G, T; 4 for N."""
    found = encode([sequence])[0]
    assert found.max(initial=0) <= UNKNOWN
    return found


def small_learner() -> Network:
    """DNABERT-2's network with a head for two classes, without dropout: the same numbers every time."""
    torch.manual_seed(0)
    sizes = {"vocab_size": 69, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    port = dnabert2.from_config({**sizes, "intermediate_size": 32, "hidden_dropout_prob": 0.0})
    reader = Reader(port, tokenizers.Overlapping(3), attends=True, objective="masked")
    return Network(classifier(reader, 2, "mean"), lambda sequences: collated(reader, sequences))
