"""Reading DNA with a network: embeddings of rows and of bases, likelihoods, in batches that do not change a result.

    sequences ─ windows ─ tokens ─ batches by length ─ passes ─ pooled, or per base ─ in input order

What a row gives does not depend on the rows beside it, on padding, or on the order, up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import AdapterError, RequestError
from .batches import Index
from .likelihood import Mask, base_log_probs, convention, log_likelihood, mean_log_likelihood
from .passes import Batch, Job, Needs, devices_of, run
from .pooling import per_base, pool, require_first
from .reader import Ints, Reader, Reading, Tokenizer, Tokens
from .strands import other_strands, placed
from .windows import Piece, blocks, pieces, stretches

__all__ = [
    "Mask", "Reader", "Reading", "Tokenizer", "Tokens", "base_log_probs", "bases_read", "convention", "devices_of",
    "embed", "embed_bases", "log_likelihood", "mean_log_likelihood",
]  # fmt: skip

Floats = NDArray[np.float32]


def embed(reader: Reader, sequences: Sequence[str], reading: Reading) -> Floats:
    """One vector per sequence, float32 (n, width), in input order.

    A row that is read in several windows gets the mean of theirs, weighted by the bases of each.
    """
    found = [row for block in blocks(sequences) for row in _embed_both(reader, block, reading)]
    return np.stack(found) if found else np.zeros((0, 0), np.float32)


def embed_bases(reader: Reader, sequences: Sequence[str], reading: Reading) -> list[Floats]:
    """One vector per base of every sequence: a list of float32 (length, width); NaN for bases that are not read.

    A base has the vector of the token that covers it, the mean of several that do (overlapping k-mers), and of
    overlapping windows that of the one in which it is farther from the edge.
    """
    return [row for block in blocks(sequences) for row in _bases_both(reader, block, reading)]


def bases_read(reader: Reader, sequences: Sequence[str], reading: Reading) -> Ints:
    """How many bases of each sequence reach the network, int64 (n,): all that lie in its tokens, unless cropped."""
    found = []
    for block in blocks(sequences):
        cut = pieces(reader, block, reading)
        rows, read = [piece.row for piece in cut], [piece.read for piece in cut]
        found.append(np.bincount(rows, read, len(block)).astype(np.int64))
    return np.concatenate([*found, np.zeros(0, np.int64)])


def _embed_both(reader: Reader, sequences: Sequence[str], reading: Reading) -> list[Floats]:
    rows = _embed(reader, sequences, reading)
    if reading.strands == "one":
        return rows
    others = _embed(reader, other_strands(reader, sequences, reading), reading)
    return [np.asarray((a + b) / 2, np.float32) for a, b in zip(rows, others, strict=True)]


def _bases_both(reader: Reader, sequences: Sequence[str], reading: Reading) -> list[Floats]:
    rows = _embed_bases(reader, sequences, reading)
    if reading.strands == "one":
        return rows
    others = _embed_bases(reader, other_strands(reader, sequences, reading), reading)
    places = stretches(reader, sequences, reading)
    back = [placed(b[::-1], ends, len(a)) for a, b, ends in zip(rows, others, places, strict=True)]
    return [np.asarray((a + b) / 2, np.float32) for a, b in zip(rows, back, strict=True)]


def _embed(reader: Reader, sequences: Sequence[str], reading: Reading) -> list[Floats]:
    cut = pieces(reader, sequences, reading)
    vectors = _pooled(reader, cut, reading)
    if len(cut) == len(sequences):
        return list(vectors)
    weights = np.array([max(1, piece.end - piece.start) for piece in cut], np.float64)
    rows = np.array([piece.row for piece in cut])
    total = np.zeros((len(sequences), vectors.shape[1]))
    np.add.at(total, rows, vectors * weights[:, None])
    whole = np.bincount(rows, weights, len(sequences))
    return list((total / whole[:, None]).astype(np.float32))


def _pooled(reader: Reader, cut: list[Piece], reading: Reading) -> Floats:
    """One vector per piece, float32 (pieces, width)."""
    if not cut:
        return np.zeros((0, 0), np.float32)
    require_first(cut[0].tokens.spans, reading.pooling)

    def keep(output: Any, batch: Batch) -> Tensor:
        # numpy finds the tokens that stand for bases; on the device that would be one more copy of the spans.
        bases = np.zeros(tuple(batch.ids.shape), bool)
        for line, row, start in zip(bases, batch.rows, batch.shift, strict=True):
            spans = cut[row].tokens.spans
            line[start : start + len(spans)] = spans[:, 1] > spans[:, 0]
        mask = torch.from_numpy(bases).to(batch.ids.device, non_blocking=True)
        return pool(_states(output, reading.layer), mask, batch.real, reading.pooling)

    parts = run(reader, reading, _job(cut, keep, _needs(reading)))
    table = np.empty((len(cut), parts[0][1].shape[1]), np.float32)
    for rows, part in parts:
        table[rows] = part
    return table


def _embed_bases(reader: Reader, sequences: Sequence[str], reading: Reading) -> list[Floats]:
    cut = pieces(reader, sequences, reading)
    found: list[Floats] = [np.zeros((0, 0), np.float32)] * len(sequences)

    def keep(output: Any, batch: Batch) -> Tensor:
        return _states(output, reading.layer)

    for rows, states in run(reader, reading, _job(cut, keep, _needs(reading))):
        left, longest = _left(reader), states.shape[1]
        for row, line in zip(rows, states, strict=True):
            piece = cut[row]
            start = longest - len(piece.tokens.ids) if left else 0
            own = line[start : start + len(piece.tokens.ids)]
            if not found[piece.row].size:
                found[piece.row] = np.full((len(sequences[piece.row]), own.shape[1]), np.nan, np.float32)
            bases = per_base(own, piece.tokens.spans, piece.end - piece.start)
            found[piece.row][piece.first : piece.last] = bases[piece.first - piece.start : piece.last - piece.start]
    return found


def _job(cut: list[Piece], keep: Any, needs: Needs) -> Job:
    lengths: Index = np.array([len(piece.tokens.ids) for piece in cut], np.int64)
    return Job(lengths, lambda row: cut[row].tokens.ids, keep, needs)


def _needs(reading: Reading) -> Needs:
    return "states" if reading.layer == -1 else "layers"


def _left(reader: Reader) -> bool:
    return reader.tokenizer.left and reader.objective != "causal"


def _states(output: Any, layer: int) -> Tensor:
    """The states of a layer (rows, tokens, width); -1 is what the heads read, whatever the list ends with."""
    if layer == -1:
        states: Tensor = output.last_hidden_state
        return states
    every = output.hidden_states or ()
    if not every:
        raise AdapterError("this network reports no hidden states: only layer=-1 can be read.")
    if not -len(every) <= layer < len(every):
        raise RequestError(f"layer is {layer}; this network has layers 0 (the embedding) to {len(every) - 1}.")
    chosen: Tensor = every[layer]
    return chosen
