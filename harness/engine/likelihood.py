"""How likely a network finds DNA: probabilities of bases, masked or causal, and their sums over sequences.

k-mer and byte-pair models say how likely a token is. The probability of base b at a place is the sum over all
tokens that have b there, renormalised over A, C, G, T; where several k-mers cover the base, the mean of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..errors import RequestError
from ..sequence import encode
from .reader import Ints, Reader, Reading
from .sites import Mask, base_probabilities, token_log_probs
from .strands import other_strands, placed
from .windows import Piece, blocks, pieces, stretches

__all__ = ["Mask", "base_log_probs", "convention", "log_likelihood", "mean_log_likelihood"]

Floats = NDArray[np.float32]
Floats64 = NDArray[np.float64]
Positions = Sequence[Sequence[int] | Ints] | None


def log_likelihood(reader: Reader, sequences: Sequence[str], reading: Reading) -> NDArray[np.float64]:
    """Natural log of the likelihood of each sequence, summed over what `convention` says, float64 (n,).

    Bases of which the model has no opinion (N, a causal model's first, bases that are not read) add nothing.
    With both strands, the mean of the two.
    """
    return _summed(reader, sequences, reading)[0]


def mean_log_likelihood(reader: Reader, sequences: Sequence[str], reading: Reading) -> NDArray[np.float64]:
    """The log-likelihood of each sequence per base that adds to it, float64 (n,); NaN where none does.

    Dividing by all bases would make rows with many N the likeliest of all.
    """
    sums, counts = _summed(reader, sequences, reading)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def base_log_probs(
    reader: Reader,
    sequences: Sequence[str],
    positions: Positions,
    mask: Mask | None,
    reading: Reading,
) -> list[Floats]:
    """Natural log of the probabilities of A, C, G, T: a list of float32 (positions, 4) whose exp sums to one.

    `positions[i]` are bases of row i, None for all. `mask`: `one` hides one place at a time, `joint` all of the
    row's positions at once, `none` nothing; None is what the reading's likelihood says. A place is a base, with
    all the tokens that cover it. Causal models read what stands before a base and take no mask. NaN where there
    is no opinion. With both strands, the mean of the logs, renormalised.
    """
    _check(reader, reading)
    if mask not in (None, "one", "joint", "none"):
        raise RequestError(f"mask is {mask!r}; it must be one, joint or none.")
    if reader.objective == "causal" and mask in ("one", "joint"):
        raise RequestError("a causal model reads only what stands before a base: there is nothing to mask.")
    chosen: Mask = mask or ("none" if reading.likelihood == "one-pass" or reader.objective == "causal" else "one")
    wanted = [np.asarray(p, np.int64) for p in positions] if positions is not None else None
    _inside(sequences, wanted)
    found, start = [], 0
    for block in blocks(sequences):
        part = wanted[start : start + len(block)] if wanted is not None else None
        found += _both_strands(reader, block, part, chosen, reading)
        start += len(block)
    return found if wanted is None else [rows[at] for rows, at in zip(found, wanted, strict=True)]


def convention(reader: Reader, reading: Reading) -> str:
    """What a log-likelihood of this reading is, in words for the record."""
    how = "each place masked by itself" if reading.likelihood != "one-pass" else "one pass, nothing masked"
    if reader.objective == "causal":
        how = "each from what stands before it"
    strands = ", mean of both strands" if reading.strands == "averaged" else ""
    if reading.likelihood == "tokens":
        return f"sum over tokens of ln p(token) among the whole vocabulary, {how}{strands}"
    summed = any(len(text) > 1 for text in reader.text.values())
    what = "marginalised over tokens and renormalised over A, C, G, T" if summed else "renormalised over A, C, G, T"
    return f"sum over bases of ln p(base), {what}, {how}{strands}"


def _summed(reader: Reader, sequences: Sequence[str], reading: Reading) -> tuple[Floats64, Floats64]:
    """Sums of logs, and of how many bases they are."""
    _check(reader, reading)
    one, single = (_by_tokens if reading.likelihood == "tokens" else _by_bases), replace(reading, strands="one")
    found = []
    for block in blocks(sequences):
        both = one(reader, block, single)
        if reading.strands == "averaged":
            both = (both + one(reader, other_strands(reader, block, reading), single)) / 2
        found.append(both)
    sums, counts = np.concatenate([*found, np.zeros((2, 0))], axis=1)
    return sums, counts


def _check(reader: Reader, reading: Reading) -> None:
    if reader.objective == "none":
        raise RequestError("this model has no language-model head: it gives no likelihoods.")
    if reading.likelihood == "causal" and reader.objective != "causal":
        raise RequestError("likelihood=causal needs a causal model; this one is masked: use exact or one-pass.")


def _inside(sequences: Sequence[str], wanted: list[Ints] | None) -> None:
    if wanted is None:
        return
    if len(wanted) != len(sequences):
        raise RequestError(f"there are positions for {len(wanted)} rows and {len(sequences)} sequences.")
    for row, (sequence, at) in enumerate(zip(sequences, wanted, strict=True)):
        if len(at) and not 0 <= at.min() <= at.max() < len(sequence):
            raise RequestError(f"row {row} has {len(sequence)} bases; positions go from {at.min()} to {at.max()}.")


def _both_strands(
    reader: Reader, sequences: Sequence[str], wanted: list[Ints] | None, mask: Mask, reading: Reading
) -> list[Floats]:
    rows = _log_probs(reader, sequences, wanted, mask, reading)
    if reading.strands == "one":
        return rows
    others = other_strands(reader, sequences, reading)
    places = stretches(reader, sequences, reading)
    mirrored = None
    if wanted is not None:
        ends = zip(wanted, places, strict=True)
        mirrored = [last - 1 - at[(at >= first) & (at < last)] for at, (first, last) in ends]
    found = _log_probs(reader, others, mirrored, mask, reading)
    # A, C, G, T read from behind are T, G, C, A: the complement of each.
    back = [placed(b[::-1, ::-1], place, len(a)) for a, b, place in zip(rows, found, places, strict=True)]
    return [_mean(a, b) for a, b in zip(rows, back, strict=True)]


def _mean(a: Floats, b: Floats) -> Floats:
    """Mean of log-probabilities, renormalised; where one has no opinion, the other's."""
    both = np.where(np.isnan(a), b, np.where(np.isnan(b), a, (a + b) / 2)).astype(np.float64)
    return np.asarray(both - np.log(np.exp(both).sum(1, keepdims=True)), np.float32)


def _log_probs(
    reader: Reader, sequences: Sequence[str], wanted: list[Ints] | None, mask: Mask, reading: Reading
) -> list[Floats]:
    """Log-probabilities of the bases of one strand: rows of all bases, NaN for those that are not asked for."""
    found: list[Floats] = [np.full((len(s), 4), np.nan, np.float32) for s in sequences]
    cut = pieces(reader, sequences, reading)
    probs = base_probabilities(reader, reading, cut, [_own(piece, wanted) for piece in cut], mask)
    start = 0
    for piece in cut:
        part = probs[start + piece.first - piece.start : start + piece.last - piece.start]
        start += piece.end - piece.start
        found[piece.row][piece.first : piece.last] = _logs(part)
    return found


def _own(piece: Piece, wanted: list[Ints] | None) -> Ints:
    """The bases that a piece is asked about, counted from its start."""
    if wanted is None:
        return np.arange(piece.first, piece.last) - piece.start
    at = np.unique(wanted[piece.row])
    return np.asarray(at[(at >= piece.first) & (at < piece.last)] - piece.start)


def _logs(probs: NDArray[np.float64]) -> Floats:
    """Logs of rows of probabilities; one that float32 rounded to 0 counts as its smallest number."""
    small = np.finfo(np.float32).tiny
    sums = np.maximum(probs, small).sum(1, keepdims=True)
    return np.asarray(np.log(np.maximum(probs, small) / sums), np.float32)


def _by_bases(reader: Reader, sequences: Sequence[str], reading: Reading) -> Floats64:
    """(2, n): sums of logs, and the bases that add to them."""
    rows = base_log_probs(reader, sequences, None, None, reading)
    codes, edges = encode(sequences)
    flat = np.concatenate([*rows, np.zeros((0, 4), np.float32)]).astype(np.float64)
    known = codes < len("ACGT")
    logs = np.zeros(len(codes))
    logs[known] = flat[np.flatnonzero(known), codes[known]]
    known &= ~np.isnan(logs)
    logs[~known] = 0
    return np.array([[side[a:b].sum() for a, b in pairwise(edges)] for side in (logs, known)], np.float64)


def _by_tokens(reader: Reader, sequences: Sequence[str], reading: Reading) -> Floats64:
    """The same for whole tokens; all bases that are read count."""
    cut = pieces(reader, sequences, reading)
    found = np.zeros((2, len(sequences)))
    rows = [piece.row for piece in cut]
    np.add.at(found[0], rows, token_log_probs(reader, reading, cut))
    np.add.at(found[1], rows, [piece.read for piece in cut])
    return found
