"""What rows are, whatever file they came from: one hash for a split, one key for a row."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dnabench.harness.types import Inputs, Target

if TYPE_CHECKING:
    from dnabench.harness.types import Labels


def fingerprint_rows(inputs: Inputs, labels: Labels, target: Target) -> str:
    """The sha256 of a split's canonical csv: for GUE this is the sha256 of the official file itself.

    >>> import numpy as np
    >>> fingerprint_rows(Inputs(["ACGT"]), np.array([1]), Target("class", ("0", "1")))[:12]
    '57469e0820ec'
    """
    return hashlib.sha256(canonical_csv(inputs, labels, target)).hexdigest()


def canonical_csv(inputs: Inputs, labels: Labels, target: Target) -> bytes:
    """Header `sequence,label` (pairs: `sequence1,sequence2,label`), one LF line per row, upper case.

    Labels are class numbers, 0/1 strings for multilabel, and Python's shortest decimal for values.

    >>> import numpy as np
    >>> canonical_csv(Inputs(["AC", "GT"]), np.array([0.5, 2.0]), Target("value"))
    b'sequence,label\\nAC,0.5\\nGT,2.0\\n'
    """
    header = "sequence1,sequence2,label" if inputs.seconds else "sequence,label"
    columns = [inputs.sequences, inputs.seconds] if inputs.seconds else [inputs.sequences]
    rows = map(",".join, zip(*columns, label_words(labels, target), strict=True))
    return "\n".join((header, *rows, "")).encode()


def label_words(labels: Labels, target: Target) -> list[str]:
    """Labels as the canonical csv writes them.

    >>> import numpy as np
    >>> label_words(np.array([[0, 1], [1, 1]], np.int8), Target("multilabel", ("a", "b")))
    ['01', '11']
    """
    if target.kind == "class":
        words = list(map(str, range(len(target.classes))))
        return [words[label] for label in labels.tolist()]
    if target.kind == "multilabel":
        return ["".join(map(str, row)) for row in labels.astype(int).tolist()]
    return list(map(repr, labels.astype(float).tolist()))


def fingerprint_labels(keys: NDArray[np.uint64], labels: Labels, target: Target) -> str:
    """One hash for the content keys (n,) of some rows and their labels, in whatever order the rows come.

    Rows are sorted by key, then label. Values count to the 24 bits of a float32, and -0 as 0. Of a task's own test
    rows and of a file of predictions it is the same where the rows and the label of each are.

    >>> import numpy as np
    >>> keys, target = np.array([3, 1], np.uint64), Target("class", ("0", "1"))
    >>> fingerprint_labels(keys, np.array([0, 1]), target), fingerprint_labels(keys[::-1], np.array([1, 0]), target)
    ('1411c4e4c11abc04be4eb2067340fcfd', '1411c4e4c11abc04be4eb2067340fcfd')
    """
    rows = np.hstack([_bytes_of(keys[:, None], ">u8"), _label_bytes(labels, target)])
    # As one void each, rows are compared byte by byte: by key first, since its highest byte comes first.
    ordered = np.sort(rows.view(f"V{rows.shape[1]}"), axis=0)
    head = f"{target.kind} {target.outputs}\n".encode()
    return hashlib.blake2b(head + ordered.tobytes(), digest_size=16).hexdigest()


def _label_bytes(labels: Labels, target: Target) -> NDArray[np.uint8]:
    """(n, bytes): the label of each row, or the labels of a multilabel row as bits."""
    cells = labels.reshape(len(labels), math.prod(labels.shape[1:]))
    if target.kind == "multilabel" and ((cells == 0) | (cells == 1)).all():
        return np.packbits(cells.astype(bool), axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        return _bytes_of(np.add(cells, 0.0), ">f4")


def _bytes_of(cells: NDArray[Any], kind: str) -> NDArray[np.uint8]:
    """(n, columns * size): the bytes of each row of numbers, which are brought into one type first."""
    return np.ascontiguousarray(cells, kind).view(np.uint8)


def git_sha1(data: bytes) -> str:
    """git's blob id of a file's bytes, as `git hash-object` prints it.

    >>> git_sha1(b"")
    'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'
    """
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def content_keys(inputs: Inputs) -> NDArray[np.uint64]:
    """A 64-bit key per row that depends on its bases only: rows are joined by it across models and files.

    The first 8 bytes (little endian) of the row's BLAKE2b hash; a pair hashes `first,second`. Different rows
    collide with a chance of about n**2 / 2**65.

    >>> content_keys(Inputs(["ACGT", "ACGT", "TTTT"])).tolist()
    [5148239889300062058, 5148239889300062058, 4497898940806191941]
    """
    return hash_words(row_words(inputs.sequences, inputs.seconds))


def hash_words(words: Iterable[str], salt: bytes = b"") -> NDArray[np.uint64]:
    """A 64-bit hash of each word, the same on every machine."""
    start = hashlib.blake2b(digest_size=8, salt=salt)
    return np.frombuffer(b"".join(_digests(words, start)), dtype="<u8").astype(np.uint64)


def row_words(sequences: Sequence[str], seconds: Sequence[str]) -> Sequence[str]:
    """Each row as one word.

    >>> row_words(["A", "C"], ["G", "T"])
    ['A,G', 'C,T']
    """
    return list(map(",".join, zip(sequences, seconds, strict=True))) if seconds else sequences


def _digests(words: Iterable[str], start: hashlib.blake2b) -> Iterator[bytes]:
    for word in words:
        state = start.copy()
        state.update(word.encode())
        yield state.digest()
