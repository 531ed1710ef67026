"""Rows that stand whole inside another row, on either strand."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.sequence import reverse_complement

from .words import words_of

Mask = NDArray[np.bool_]
Pairs = list[tuple[int, int]]

SHORTEST, USUAL = 16, 32
"""Known bases in a run by which a row is looked for; fewer than 16 are found anywhere by chance."""


def contained_rows(inner: Sequence[str], outer: Sequence[str]) -> tuple[Mask, Mask]:
    """Which of `inner` stand inside a longer row of `outer`, and which of `outer` hold such a row.

    A row of the same length is a duplicate, not a contained one; rows without 16 known bases in a run are not
    looked for.

    >>> long = "ACGGTTCAAGTCCTGA"
    >>> inside, holding = contained_rows([long, "CCCC"], ["TT" + reverse_complement(long), long])
    >>> inside.tolist(), holding.tolist()
    ([True, False], [True, False])
    """
    inside, holding = np.zeros(len(inner), bool), np.zeros(len(outer), bool)
    # The longest run of letters that are known decides, not the length: an N may stand in the middle.
    usual, short = (re.compile(f"[ACGT]{{{k}}}").search for k in (USUAL, SHORTEST))
    plain = [usual(sequence) is not None for sequence in inner]
    broken = [not known and short(sequence) is not None for known, sequence in zip(plain, inner, strict=True)]
    for k, wanted in ((SHORTEST, broken), (USUAL, plain)):
        rows = [i for i, is_wanted in enumerate(wanted) if is_wanted]
        for i, j in _found(rows, inner, outer, k):
            inside[i] = holding[j] = True
    return inside, holding


def _found(rows: Sequence[int], inner: Sequence[str], outer: Sequence[str], k: int) -> Pairs:
    """Pairs of a row and one that holds it."""
    if not rows:
        return []
    anchors, owners = _anchors([inner[i] for i in rows], k)
    pairs: Pairs = []
    for words, at in words_of(outer, k):
        place = np.searchsorted(anchors, words)
        place[place == len(anchors)] = 0
        hit = np.flatnonzero(anchors[place] == words) if len(anchors) else np.zeros(0, np.int64)
        # A repeat gives one word many times in a row.
        seen = set(zip(place[hit].tolist(), at[hit].tolist(), strict=True))
        for anchor, j in sorted(seen):
            pairs += [(i, j) for i in (rows[n] for n in owners[int(anchor)]) if _holds(outer[j], inner[i])]
    return pairs


def _anchors(sequences: Sequence[str], k: int) -> tuple[NDArray[np.uint64], list[list[int]]]:
    """One word of each sequence, sorted and each once, with the sequences that it stands for.

    The word is the one with the greatest hash, so that poly-A tails are no anchors of everything.
    """
    best: dict[int, tuple[int, int]] = {}
    for words, rows in words_of(sequences, k):
        mixed = words * np.uint64(0x9E3779B97F4A7C15)
        order = np.lexsort((mixed, rows))
        last = np.flatnonzero(np.append(np.diff(rows[order]) != 0, True)) if len(order) else order
        best |= {int(rows[order[i]]): (int(words[order[i]]), i) for i in last}
    owners: dict[int, list[int]] = {}
    for row, (word, _) in sorted(best.items()):
        owners.setdefault(word, []).append(row)
    known = sorted(owners)
    return np.array(known, np.uint64), [owners[word] for word in known]


def _holds(outer: str, inner: str) -> bool:
    return len(outer) > len(inner) and (inner in outer or reverse_complement(inner) in outer)
