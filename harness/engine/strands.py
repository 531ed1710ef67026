"""The other strand of what is read, and how numbers about its bases come back onto this one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sequence import reverse_complements
from .reader import Reader, Reading
from .windows import stretches


def other_strands(reader: Reader, sequences: Sequence[str], reading: Reading) -> list[str]:
    """The reverse complement of what is read of each row: both strands of one stretch, not two stretches."""
    places = stretches(reader, sequences, reading)
    return reverse_complements([s[first:last] for s, (first, last) in zip(sequences, places, strict=True)])


def placed(rows: NDArray[Any], place: tuple[int, int], length: int) -> NDArray[Any]:
    """Rows of the bases `place` as rows of all bases, NaN elsewhere.

    >>> placed(np.array([[1.0], [2.0]]), (1, 3), 4).ravel().tolist()
    [nan, 1.0, 2.0, nan]
    """
    if len(rows) == length:
        return rows
    found = np.full((length, rows.shape[1]), np.nan, rows.dtype)
    found[slice(*place)] = rows
    return found
