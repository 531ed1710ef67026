"""Where a network is asked about tokens: which are masked together, which are read, and what comes of the logits.

A site is one forward pass over a piece of a row: some of its tokens are hidden, some (the same, where any are
hidden) are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import AdapterError
from .passes import Batch, Job, run
from .pooling import covering
from .reader import Ints, Reader, Reading
from .windows import Piece

Mask = Literal["one", "joint", "none"]
NOWHERE = -1
_LOGITS = 1 << 26


@dataclass(frozen=True)
class Sites:
    """`pieces` (sites,) piece numbers; `tokens` (sites, most) the tokens that are read, padded with -1; `bases`
    (sites,) the one base that a site is about, -1 where it is about all that its tokens cover."""

    pieces: Ints
    tokens: Ints
    bases: Ints
    hidden: bool


def sites_of(cut: list[Piece], asked: list[Ints], mask: Mask) -> Sites:
    """The passes that answer for the bases `asked` of each piece (counted from its start)."""
    pieces: list[int] = []
    tokens: list[Ints] = []
    bases: list[int] = []
    for number, (piece, wanted) in enumerate(zip(cut, asked, strict=True)):
        for base, places in _of_piece(piece, wanted, mask):
            pieces.append(number)
            tokens.append(places)
            bases.append(base)
    table = np.full((len(tokens), max(map(len, tokens), default=0)), NOWHERE, np.int64)
    for line, places in zip(table, tokens, strict=True):
        line[: len(places)] = places
    return Sites(np.array(pieces, np.int64), table, np.array(bases, np.int64), mask != "none")


def base_probabilities(
    reader: Reader, reading: Reading, cut: list[Piece], asked: list[Ints], mask: Mask
) -> NDArray[np.float64]:
    """Probabilities of A, C, G, T at every base of all pieces, one after the other; NaN where not asked or unknown."""
    sites, edges = sites_of(cut, asked, mask), _edges(cut)
    total, count = np.zeros((edges[-1], 4)), np.zeros(edges[-1])
    tokens = _Tokens(cut)
    for rows, parts in _read(reader, reading, tokens, sites, _Letters(reader)):
        places, probs = _located(tokens, sites, edges, rows, parts.reshape(*parts.shape[:2], -1, 4))
        sums = probs.sum(1)
        known = sums > 0
        np.add.at(total, places[known], probs[known] / sums[known, None])
        np.add.at(count, places[known], 1.0)
    return np.divide(total, count[:, None], out=np.full_like(total, np.nan), where=count[:, None] > 0)


def token_log_probs(reader: Reader, reading: Reading, cut: list[Piece]) -> NDArray[np.float64]:
    """Sum of ln p(token) among the whole vocabulary over each piece's own tokens that stand for bases, (pieces,)."""
    causal = reader.objective == "causal"
    asked = [np.arange(piece.end - piece.start) for piece in cut]
    sites = sites_of(cut, asked, "none") if causal else _each_token(cut)

    def chosen(logits: Tensor, tokens: Tensor) -> Tensor:
        logs = torch.log_softmax(logits.float(), -1)
        return logs.gather(-1, tokens[..., None])

    found = np.zeros(len(cut))
    for rows, parts in _read(reader, reading, _Tokens(cut), sites, chosen):
        for row, logs in zip(rows, parts[..., 0], strict=True):
            piece, places = cut[sites.pieces[row]], sites.tokens[row]
            places = places[places != NOWHERE]
            starts = piece.tokens.spans[places, 0] + piece.start
            own = (starts >= piece.first) & (starts < piece.last)
            found[sites.pieces[row]] += np.nansum(logs[: len(places)][own], dtype=np.float64)
    return found


def _of_piece(piece: Piece, wanted: Ints, mask: Mask) -> Iterator[tuple[int, Ints]]:
    """(base, tokens) of every site of a piece."""
    tokens, bases = covering(piece.tokens.spans)
    if len(wanted) < piece.end - piece.start:
        keep = np.isin(bases, wanted)
        tokens, bases = tokens[keep], bases[keep]
    if not len(tokens):
        return
    if mask != "one":
        yield NOWHERE, np.unique(tokens)
    elif len(np.unique(bases)) == len(bases):
        yield from ((NOWHERE, one) for one in np.unique(tokens)[:, None])
    else:
        order = np.argsort(bases, kind="stable")
        known, first = np.unique(bases[order], return_index=True)
        yield from zip(known.tolist(), np.split(tokens[order], first[1:]), strict=True)


def _each_token(cut: list[Piece]) -> Sites:
    """A site for every token that stands for bases, overlapping or not."""
    spans = [piece.tokens.spans for piece in cut]
    tokens = [np.flatnonzero(one[:, 1] > one[:, 0]) for one in spans]
    pieces = np.repeat(np.arange(len(cut)), list(map(len, tokens)))
    table = np.concatenate([*tokens, np.zeros(0, np.int64)])[:, None]
    return Sites(pieces, table, np.full(len(table), NOWHERE), True)


def _read(
    reader: Reader, reading: Reading, all_tokens: _Tokens, sites: Sites, take: Callable[[Tensor, Tensor], Tensor]
) -> Iterator[tuple[Ints, NDArray[np.float32]]]:
    """(sites, what `take` makes of the logits and the true ids at their tokens) batch by batch."""
    ids, edges = all_tokens.ids, all_tokens.edges
    back = int(reader.objective == "causal")

    def ids_of(site: int) -> Ints:
        piece = sites.pieces[site]
        own = ids[edges[piece] : edges[piece + 1]]
        if sites.hidden:
            own = own.copy()
            places = sites.tokens[site]
            own[places[places != NOWHERE]] = reader.tokenizer.mask
        return own

    def keep(output: Any, batch: Batch) -> Tensor:
        places = sites.tokens[batch.rows]
        true = ids[edges[sites.pieces[batch.rows], None] + np.maximum(places, 0)]
        at = np.where(places < back, 0, places - back + batch.shift[:, None])
        found = take(_gathered(output.logits, at), torch.from_numpy(true).to(batch.ids.device))
        nothing = torch.from_numpy(places < back).to(found.device)
        return found.masked_fill(nothing[..., None], torch.nan)

    if len(sites.pieces):
        widest = 1 + max([*reader.text, 0])
        job = Job(np.diff(edges)[sites.pieces], ids_of, keep, "logits")
        yield from run(reader, reading, job, max(1, _LOGITS // widest))


def _gathered(logits: Tensor | None, at: Ints) -> Tensor:
    """Logits (sites, tokens read, vocabulary)."""
    if logits is None:
        raise AdapterError("the network gives no logits: it was built without its language-model head.")
    places = torch.from_numpy(at).to(logits.device)
    return logits[torch.arange(len(at), device=logits.device)[:, None], places]


class _Tokens:
    """The tokens of all pieces one after the other; piece i has those from `edges[i]` to `edges[i + 1]`."""

    def __init__(self, cut: list[Piece]) -> None:
        self.ids: Ints = np.concatenate([piece.tokens.ids for piece in cut] or [np.zeros(0, np.int64)])
        self.spans: Ints = np.concatenate([piece.tokens.spans for piece in cut] or [np.zeros((0, 2), np.int64)])
        self.edges: Ints = np.cumsum([0, *(len(piece.tokens.ids) for piece in cut)])


class _Letters:
    """Sums over the vocabulary: the probability of each of A, C, G, T at each place inside a token."""

    def __init__(self, reader: Reader) -> None:
        self.text = {token: text.upper() for token, text in reader.text.items()}
        self.widest = max(map(len, self.text.values()), default=0)
        self.tables: dict[tuple[str, int], Tensor] = {}
        if not self.widest:
            raise AdapterError("the reader does not say which bases its tokens stand for (text is empty).")

    def __call__(self, logits: Tensor, tokens: Tensor) -> Tensor:
        """(sites, read, places inside a token * 4), not normalised, of logits (sites, read, vocabulary)."""
        table = self._table(logits.device, logits.shape[-1])
        # Tokens that stand for no base drop out before the softmax: what is left cannot underflow beside them.
        told = logits.float().masked_fill(~table.any(1), -torch.inf)
        return torch.softmax(told, -1) @ table

    def _table(self, device: torch.device, vocabulary: int) -> Tensor:
        key = (str(device), vocabulary)
        if key not in self.tables:
            table = np.zeros((vocabulary, self.widest, 4), np.float32)
            for token, text in self.text.items():
                for place, letter in enumerate(text if token < vocabulary else ""):
                    if letter in "ACGT":
                        table[token, place, "ACGT".index(letter)] = 1.0
            self.tables[key] = torch.from_numpy(table.reshape(vocabulary, -1)).to(device)
        return self.tables[key]


def _located(
    tokens: _Tokens, sites: Sites, edges: Ints, rows: Ints, parts: NDArray[np.float32]
) -> tuple[Ints, NDArray[np.float32]]:
    """(base among all pieces', probabilities of the four) for every base of every token that was read."""
    places = sites.tokens[rows]
    lines, columns = np.nonzero((places != NOWHERE) & ~np.isnan(parts[:, :, 0, 0]))
    owners = sites.pieces[rows][lines]
    spans = tokens.spans[tokens.edges[owners] + places[lines, columns]]
    token, base = covering(spans)
    asked = sites.bases[rows][lines][token]
    about = (asked == base) | (asked == NOWHERE)
    token, base = token[about], base[about]
    inside = base - spans[token, 0]
    known = inside < parts.shape[2]
    token, base, inside = token[known], base[known], inside[known]
    probs = parts[lines[token], columns[token], inside]
    return edges[owners[token]] + base, probs


def _edges(cut: list[Piece]) -> Ints:
    """Where each piece's bases start in one long array, and where the last one's end."""
    return np.cumsum([0, *(piece.end - piece.start for piece in cut)])
