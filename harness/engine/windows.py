"""Rows that are longer than a network's context: cropped, cut into windows, or refused; never silently."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..errors import AdapterError, RequestError
from .reader import Long, Reader, Reading, Tokens

Encode = Callable[[str], Tokens]
_BLOCK_BASES = 1 << 22


@dataclass(frozen=True)
class Room:
    """What one pass of a network can hold; None for no limit."""

    bases: int | None
    tokens: int | None
    widest: int = 1
    """Bases of the longest token."""

    def holds(self, bases: int, tokens: int) -> bool:
        """Whether a stretch fits."""
        return (self.bases is None or bases <= self.bases) and (self.tokens is None or tokens <= self.tokens)


@dataclass(frozen=True)
class Piece:
    """A stretch of a row as tokens, whose spans count from `start`, and the bases that it answers for."""

    row: int
    start: int
    end: int
    tokens: Tokens
    first: int
    """Bases `first` to `last` of the row are this piece's own: windows that overlap share them out."""
    last: int

    @property
    def read(self) -> int:
        """How many of its own bases lie between its first and its last token: k-mers may leave out some in front."""
        spans = self.tokens.spans[self.tokens.spans[:, 1] > self.tokens.spans[:, 0]]
        if not len(spans):
            return 0
        start, end = self.start + int(spans[:, 0].min()), self.start + int(spans[:, 1].max())
        return max(0, min(end, self.last) - max(start, self.first))


def room_of(reader: Reader, reading: Reading) -> Room:
    """What one pass can hold: the context, or the fewer bases that the reading asks for."""
    limits = [limit for limit in (reader.context_bases, reading.max_bases) if limit is not None]
    widest = max(map(len, reader.text.values()), default=1)
    return Room(min(limits, default=None), reader.context_tokens, max(1, widest))


def pieces(reader: Reader, sequences: Sequence[str], reading: Reading) -> list[Piece]:
    """Every row as the stretches that the network reads: one for a row that fits, else as `reading.long` says.

    Raises RequestError for a row that does not fit where `long` is `refuse`.
    """
    room, encode = room_of(reader, reading), reader.tokenizer.encode
    found: list[Piece] = []
    for row, sequence in enumerate(sequences):
        whole = encode(sequence) if room.bases is None or len(sequence) <= room.bases else None
        if whole is not None and room.holds(len(sequence), len(whole.ids)):
            found.append(Piece(row, 0, len(sequence), whole, 0, len(sequence)))
        elif reading.long == "refuse":
            raise RequestError(_refusal(row, sequence, room, whole))
        else:
            found += _shared(row, list(_cut(sequence, encode, room, reading.long)))
    return found


def stretches(reader: Reader, sequences: Sequence[str], reading: Reading) -> list[tuple[int, int]]:
    """(first, last) of each row: the bases that reach the network, whatever windows they are read in."""
    found: dict[int, tuple[int, int]] = {}
    for piece in pieces(reader, sequences, reading):
        first, _ = found.get(piece.row, (piece.first, piece.last))
        found[piece.row] = first, piece.last
    return [found[row] for row in range(len(sequences))]


def blocks(sequences: Sequence[str]) -> Iterator[Sequence[str]]:
    """Rows in runs of some million bases: enough to sort by length, few enough to hold as tokens."""
    start = size = 0
    for i, sequence in enumerate(sequences):
        if size and size + len(sequence) > _BLOCK_BASES:
            yield sequences[start:i]
            start, size = i, 0
        size += len(sequence)
    if start < len(sequences):
        yield sequences[start:]


def _cut(sequence: str, encode: Encode, room: Room, long: Long) -> Iterator[tuple[int, int, Tokens]]:
    """(start, end, tokens) of the stretches of a row that does not fit."""
    if long == "crop":
        yield _centre(sequence, encode, room)
        return
    start = end = width = 0
    while end < len(sequence):
        end, tokens = _longest(sequence, start, encode, room)
        if not _stand_for_bases(tokens):
            if not start:
                raise _no_room(room)
            # What is left is shorter than a k-mer: a whole window that ends with the row reads it.
            start = end - width
            tokens = encode(sequence[start:end])
        yield start, end, tokens
        if long == "crop-left":
            return
        width = end - start
        start = end if long == "windows" else start + max(1, width // 2)


def _centre(sequence: str, encode: Encode, room: Room) -> tuple[int, int, Tokens]:
    """The widest stretch around the middle that fits."""
    width = len(sequence) if room.bases is None else min(len(sequence), room.bases)
    if room.tokens is not None:
        width = min(width, room.tokens * room.widest)
    while width:
        start = (len(sequence) - width) // 2
        tokens = encode(sequence[start : start + width])
        if room.holds(width, len(tokens.ids)):
            if not _stand_for_bases(tokens):
                break
            return start, start + width, tokens
        # The number of tokens is nearly proportional to the bases: a few steps suffice.
        width = min(width - 1, width * int(room.tokens or 0) // len(tokens.ids))
    raise _no_room(room)


def _longest(sequence: str, start: int, encode: Encode, room: Room) -> tuple[int, Tokens]:
    """The longest stretch from `start` that fits, ending where a token ends: (end, tokens)."""
    width = len(sequence) - start
    width = width if room.bases is None else min(width, room.bases)
    if room.tokens is not None:
        width = min(width, room.tokens * room.widest)
    while width > 0:
        tokens = encode(sequence[start : start + width])
        if room.holds(width, len(tokens.ids)):
            return start + width, tokens
        ends = tokens.spans[tokens.spans[:, 1] > tokens.spans[:, 0], 1]
        kept = len(ends) - (len(tokens.ids) - int(room.tokens or 0))
        width = min(width - 1, int(ends[kept - 1])) if kept > 0 else 0
    raise _no_room(room)


def _stand_for_bases(tokens: Tokens) -> bool:
    return bool((tokens.spans[:, 1] > tokens.spans[:, 0]).any())


def _shared(row: int, stretches: list[tuple[int, int, Tokens]]) -> list[Piece]:
    """Stretches with the bases that each answers for: a base in two of them goes to the one where it is inner."""
    edges = [stretches[0][0]]
    edges += [(left[1] + right[0]) // 2 for left, right in pairwise(stretches)]
    edges.append(stretches[-1][1])
    own = pairwise(edges)
    return [Piece(row, *stretch, *ends) for stretch, ends in zip(stretches, own, strict=True)]


def _refusal(row: int, sequence: str, room: Room, whole: Tokens | None) -> str:
    size = f"{len(sequence)} bases" if whole is None else f"{len(sequence)} bases ({len(whole.ids)} tokens)"
    limits = [f"{room.bases} bases"] if room.bases is not None else []
    limits += [f"{room.tokens} tokens"] if room.tokens is not None else []
    return (
        f"row {row} has {size}; the model reads {' or '.join(limits)} at a time: "
        "choose long=crop, crop-left, windows or windows-overlapping."
    )


def _no_room(room: Room) -> AdapterError:
    return AdapterError(f"a context of {room.tokens} tokens has no room for a single base beside the special tokens.")
