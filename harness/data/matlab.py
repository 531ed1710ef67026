"""DeepSEA's files: one-hot windows and labels of one split in a MATLAB file, v7.3 (HDF5) or older.

`<split>xdata` holds (rows, 4, 1000) or its transpose, channels in the order A, G, C, T; `<split>data` holds the
labels. Either may come with its axes reversed: HDF5 stores MATLAB's arrays that way round.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.errors import DataError, needs_extra

from .formats import Rows

CHANNELS = "AGCT"
_HDF5 = b"\x89HDF"
_LETTERS = np.frombuffer(CHANNELS.encode() + b"N", np.uint8)


def read_matlab(path: Path, labels: Sequence[int], forward_only: bool) -> Rows:
    """The rows of one file: sequences, and the labels from `labels[0]` up to, not including, `labels[1]`.

    `labels[2]` is how many there are in all. With `forward_only` the second half of the rows, which holds the
    reverse complements of the first, is left out. Raises DataError for arrays of another shape, Unavailable
    without h5py where the file is HDF5.
    """
    inputs, targets = _arrays(path)
    targets = targets if targets.ndim == 2 and targets.shape[1] == labels[2] else targets.T
    rows = targets.shape[0]
    if targets.shape != (rows, labels[2]):
        raise DataError(f"{path.name}: labels of shape {targets.shape}; expected {labels[2]} for each row")
    inputs = _oriented(inputs, rows, path)
    kept = slice(0, rows // 2 if forward_only else rows)
    chosen = targets[kept, labels[0] : labels[1]]
    words = ["".join(map(str, row)) for row in chosen.astype(np.uint8).tolist()]
    return Rows(_sequences(inputs[kept]), [], words, {})


def _arrays(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """The two arrays of a file, whatever its version."""
    with path.open("rb") as file:
        modern = file.read(512 + 4)[512:].startswith(_HDF5) or (file.seek(0) == 0 and file.read(4) == _HDF5)
    found = _hdf5(path) if modern else _older(path)
    inputs = [array for name, array in found.items() if name.endswith("xdata")]
    targets = [array for name, array in found.items() if name.endswith("data") and not name.endswith("xdata")]
    if len(inputs) != 1 or len(targets) != 1:
        raise DataError(f"{path.name} holds {', '.join(sorted(found)) or 'nothing'}; it needs *xdata and *data")
    return inputs[0], targets[0]


def _hdf5(path: Path) -> dict[str, NDArray[Any]]:
    try:
        import h5py
    except ImportError:
        raise needs_extra("h5py", "mat") from None
    try:
        with h5py.File(path, "r") as file:
            return {name: np.asarray(item) for name, item in file.items() if name.endswith("data")}
    except OSError as problem:
        raise DataError(f"{path.name} is a damaged HDF5 file ({problem}): fetch it again") from None


def _older(path: Path) -> dict[str, NDArray[Any]]:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        found = loadmat(path)
    except (MatReadError, ValueError, TypeError, OSError, EOFError) as problem:
        raise DataError(f"{path.name} is not a MATLAB file that can be read ({problem}): fetch it again") from None
    return {name: np.asarray(item) for name, item in found.items() if name.endswith("data")}


def _oriented(inputs: NDArray[Any], rows: int, path: Path) -> NDArray[Any]:
    """(rows, length, 4): the channels stand in the middle, the rows first or, with the axes reversed, last."""
    if inputs.ndim == 3 and inputs.shape[1] == len(CHANNELS) and rows in (inputs.shape[0], inputs.shape[2]):
        return inputs.transpose(0, 2, 1) if inputs.shape[0] == rows else inputs.transpose(2, 0, 1)
    raise DataError(f"{path.name}: sequences of shape {inputs.shape} for {rows:,} rows of labels and 4 channels")


def _sequences(inputs: NDArray[Any]) -> list[str]:
    """Letters of one-hot rows; a position without a one is N."""
    found = []
    for start in range(0, len(inputs), 10_000):
        part = np.asarray(inputs[start : start + 10_000])
        letters = _LETTERS[np.where(part.any(axis=2), part.argmax(axis=2), 4)]
        found += [row.tobytes().decode() for row in letters]
    return found
