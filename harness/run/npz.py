"""Predictions as the bytes of one .npz file: equal content gives equal bytes, on every day and machine."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Mapping
from functools import lru_cache
from tokenize import TokenError
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.errors import RecordError
from dnabench.harness.types import OutputKind, Predictions

Array = NDArray[Any]

BROKEN = (
    ValueError,
    KeyError,
    EOFError,
    OSError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading a foreign or damaged archive raises: encrypted, of an unknown compression, with a head that lies."""
BOMB = 2**30
"""Bytes up to which an archive may unpack, however small it is."""
_COLUMN = "column."
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The oldest time a zip can hold: no clock enters the bytes."""


def to_bytes(predictions: Predictions) -> bytes:
    """Predictions as an uncompressed .npz that `numpy.load` reads; integers take their narrowest type.

    Uncompressed, because deflate differs between zlib builds and keys and floats do not shrink.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, array in sorted(_arrays(predictions).items()):
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, _npy(array))
    return out.getvalue()


def from_bytes(data: bytes, where: str) -> Predictions:
    """Predictions from the bytes of a file; `where` names it in the error."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            refuse_bomb(archive, len(data))
            arrays = {name.removesuffix(".npy"): _from_npy(archive.read(name)) for name in archive.namelist()}
        return _predictions(arrays)
    except BROKEN as problem:
        raise RecordError(
            f"{where} is not a file of predictions ({problem}): delete it and run the cell again"
        ) from problem


def refuse_bomb(archive: zipfile.ZipFile, size: int) -> None:
    """Raise ValueError for an archive that unpacks to a hundred times its `size` in bytes, and to more than 1 GiB."""
    whole = sum(part.file_size for part in archive.infolist())
    if whole > max(BOMB, 100 * size):
        raise ValueError(f"{size / 2**20:.1f} MiB that unpack to {whole / 2**30:.1f} GiB: store it uncompressed")


def _arrays(p: Predictions) -> dict[str, Array]:
    arrays: dict[str, Array] = {
        "task": np.array(p.task),
        "kind": np.array(p.kind),
        "replicates": np.array(p.replicates, dtype=np.str_),
        "keys": np.asarray(p.keys, np.uint64),
        "truth": _narrow(np.asarray(p.truth)),
        "outputs": np.asarray(p.outputs, np.float32),
    }
    return arrays | {_COLUMN + name: _narrow(np.asarray(column)) for name, column in p.columns.items()}


def _predictions(arrays: Mapping[str, Array]) -> Predictions:
    # Tables with row numbers in a column without a name once gave such a column: it says nothing of the rows.
    columns = {k.removeprefix(_COLUMN): _widen(v) for k, v in arrays.items() if k.startswith(_COLUMN) and k != _COLUMN}
    _refuse_uneven(arrays)
    return Predictions(
        task=str(arrays["task"]),
        kind=cast(OutputKind, str(arrays["kind"])),
        keys=arrays["keys"],
        truth=_widen(arrays["truth"]),
        outputs=arrays["outputs"],
        replicates=tuple(str(name) for name in arrays["replicates"]),
        columns=columns,
    )


def _refuse_uneven(arrays: Mapping[str, Array]) -> None:
    """Raise ValueError where the arrays are not of the same rows: a file that was made elsewhere may hold anything."""
    outputs, rows = arrays["outputs"], arrays["keys"].shape
    parts = {name: arrays[name].shape[:1] for name in arrays if name == "truth" or name.startswith(_COLUMN)}
    odd = [name for name, length in parts.items() if length != rows]
    if outputs.ndim != 3 or outputs.shape[1:2] != rows or odd:
        raise ValueError(f"outputs {outputs.shape}, keys {rows}{''.join(f', {n} {parts[n]}' for n in odd)}")
    for name, kinds in (("keys", "iu"), ("truth", "biuf"), ("outputs", "iuf")):
        if arrays[name].dtype.kind not in kinds:
            raise ValueError(f"{name} of type {arrays[name].dtype}")


def _npy(array: Array) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, np.ascontiguousarray(array).reshape(array.shape), (1, 0), allow_pickle=False)
    return out.getvalue()


def _from_npy(data: bytes) -> Array:
    """The array in the bytes of an .npy file. Raises ValueError where it is none, is cut short, or holds objects."""
    if np.lib.format.read_magic(io.BytesIO(data)) != (1, 0):
        raise ValueError("an array of another format than .npy 1.0")
    start = 10 + int.from_bytes(data[8:10], "little")
    shape, columns_first, dtype = _npy_header(data[8:start])
    if dtype.hasobject or not dtype.itemsize or dtype.itemsize * math.prod(shape) != len(data) - start:
        raise ValueError("an array that is cut short or holds objects")
    return np.frombuffer(data, dtype, offset=start).reshape(shape, order="F" if columns_first else "C").copy()


@lru_cache(1024)
def _npy_header(data: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and type: the models of a task have equal ones, and reading one costs more than a small array."""
    found: tuple[tuple[int, ...], bool, np.dtype[Any]] = np.lib.format.read_array_header_1_0(io.BytesIO(data))
    return found


def _narrow(array: Array) -> Array:
    """Integers in the smallest type that holds them, texts as bytes where all is ASCII, little-endian throughout.

    >>> _narrow(np.array([0, 1, 300])).dtype.str, _narrow(np.array(["a", "b"], dtype=object)).dtype.str
    ('<u2', '|S1')
    """
    if array.dtype == object:
        array = array.astype(np.str_)
    if array.dtype.kind == "U":
        points = np.ascontiguousarray(array).view(np.uint32)
        # A fourth of the size: numpy keeps four bytes for each character of a text.
        array = array.astype(np.bytes_) if points.size and points.max() < 128 else array
    if array.dtype.kind in "iu" and array.ndim == 1 and array.size:
        low, high = int(array.min()), int(array.max())
        kinds = (np.uint8, np.uint16, np.uint32, np.uint64) if low >= 0 else (np.int8, np.int16, np.int32, np.int64)
        array = array.astype(next(k for k in kinds if np.iinfo(k).min <= low and high <= np.iinfo(k).max))
    return array.astype(array.dtype.newbyteorder("<"))


def _widen(array: Array) -> Array:
    """What `_narrow` took away: row-wise integers are int64 again (uint64 where they need it), bytes are texts."""
    if array.dtype.kind == "S":
        return array.astype(np.str_)
    if array.dtype.kind not in "iu" or array.ndim != 1 or array.dtype == np.uint64:
        return array
    return array.astype(np.int64)
