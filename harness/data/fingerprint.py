"""What rows are, whatever file they came from: one hash for a split, one key for a row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

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
