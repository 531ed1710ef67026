"""Is this the data that the task was made from? Checksums of the file and of its rows, and counts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from dnabench.harness.errors import ChecksumError, DataError
from dnabench.harness.sequence import lengths
from dnabench.harness.types import FileFacts, Identity, Split, SplitFacts, Task

from .fingerprint import canonical_csv, content_keys, fingerprint_labels, fingerprint_rows, git_sha1
from .rows import Checked, class_counts, count_other_letters


@dataclass(frozen=True)
class Seen:
    """One file as it was read: its name, origin, bytes and rows, and what to do if it is wrong."""

    file: str
    origin: str
    data: bytes
    """Unpacked."""
    checked: Checked
    advice: str
    complete: bool = True
    """False where the rows need more than the file (a genome): then the file's checksum proves nothing."""


def identify(seen: Seen, known: FileFacts) -> SplitFacts:
    """How sure it is that a file's rows are the task's, with the facts of all its rows.

    `verified`: the file's sha256 or git id, or that of its canonical rows, is a known one; `counts only`:
    only rows or class counts are known, and equal; else `unknown`. Raises ChecksumError where checksums are
    known and none fits, or the labels are not those of the rows, DataError where counts differ.
    """
    split = seen.checked.split
    canonical = canonical_csv(split.inputs, split.labels, split.target)
    sha256 = hashlib.sha256(seen.data).hexdigest()
    # In the official layout the file is its own canonical form: one hash less.
    fingerprint = sha256 if canonical == seen.data else hashlib.sha256(canonical).hexdigest()
    proofs = _proofs(seen, known, canonical, (sha256, fingerprint))
    if proofs and not any(found == expected for _, found, expected in proofs):
        _refuse(seen, split, known, proofs[0])
    _check_counts(seen, split, known)
    _check_labels(seen, split, known)
    # A folder of classes has no bytes of its own.
    return _facts(seen.checked, seen, _identity(known, bool(proofs)), (fingerprint, sha256 if seen.data else None))


def identify_part(part: Checked, seen: Seen, whole: SplitFacts, known: FileFacts | None) -> SplitFacts:
    """The facts of some rows of a file whose own facts are `whole`; what is known of these rows is checked.

    Raises ChecksumError and DataError as `identify` does.
    """
    split = part.split
    fingerprint = fingerprint_rows(split.inputs, split.labels, split.target)
    identity = whole.identity
    if known is not None:
        if known.fingerprint not in (None, fingerprint):
            _refuse(seen, split, known, ("fingerprint", fingerprint, str(known.fingerprint)))
        _check_counts(seen, split, known)
        _check_labels(seen, split, known)
        own = _identity(known, known.fingerprint is not None)
        identity = own if whole.identity != "verified" else whole.identity
    return _facts(part, seen, identity, (fingerprint, whole.sha256))


def test_facts(task: Task) -> FileFacts | None:
    """What is known of a task's test rows: of folds, which test every row once, what is known of all rows."""
    files = task.source.files
    return files.get("test") or (files.get("all") if task.split_rule.kind == "kfold" else None)


def _identity(known: FileFacts, proved: bool) -> Identity:
    counted = known.rows is not None or known.class_counts is not None
    return "verified" if proved else "counts only" if counted else "unknown"


def _facts(part: Checked, seen: Seen, identity: Identity, sums: tuple[str, str | None]) -> SplitFacts:
    split = part.split
    bases = lengths(split.sequences) if len(split) else np.zeros(1, np.int64)
    return SplitFacts(
        file=seen.file,
        rows=len(split),
        identity=identity,
        fingerprint=sums[0],
        sha256=sums[1],
        origin=seen.origin,
        class_counts=class_counts(split),
        lengths=(int(bases.min()), int(np.median(bases)), int(bases.max())),
        lower_case=int(part.lower_case.sum()),
        non_acgt=count_other_letters(split.inputs),
    )


def _proofs(seen: Seen, known: FileFacts, canonical: bytes, sums: tuple[str, str]) -> list[tuple[str, str, str]]:
    """(what, found, expected) for every known checksum, of the file and of its canonical rows."""
    sha256, fingerprint = sums
    proofs = [("fingerprint", fingerprint, known.fingerprint)] if known.fingerprint else []
    if known.sha256 and seen.complete:
        proofs += [("sha256", sha256, known.sha256), ("sha256", fingerprint, known.sha256)]
    if known.git_sha1 and seen.complete and not any(found == expected for _, found, expected in proofs):
        proofs += [("git id", git_sha1(data), known.git_sha1) for data in (seen.data, canonical)]
    return proofs


def _refuse(seen: Seen, split: Split, known: FileFacts, proof: tuple[str, str, str]) -> None:
    kind, found, expected = proof
    rows = f"{len(split):,} {split.name} rows" + (f", expected {known.rows:,}" if known.rows is not None else "")
    raise ChecksumError(
        f"{seen.file} has {kind} {found[:12]}…, expected {expected[:12]}… ({rows}): "
        f"it was changed or its download broke: {seen.advice}"
    )


def _check_counts(seen: Seen, split: Split, known: FileFacts) -> None:
    if known.rows is not None and known.rows != len(split):
        raise DataError(f"{seen.file} has {len(split):,} {split.name} rows, expected {known.rows:,}: {seen.advice}")
    found = class_counts(split)
    if known.class_counts is not None and found is not None and found != tuple(known.class_counts):
        raise DataError(
            f"{seen.file} has {list(found)} {split.name} rows by class, "
            f"expected {list(known.class_counts)}: {seen.advice}"
        )


def _check_labels(seen: Seen, split: Split, known: FileFacts) -> None:
    """The fact that stored predictions are held against must be right itself."""
    if known.labels is not None:
        found = fingerprint_labels(content_keys(split.inputs), split.labels, split.target)
        if found != known.labels:
            _refuse(seen, split, known, ("fingerprint of labels", found, known.labels))
