"""Where records are read from: a results tree, a run folder, one record, or a folder of another git revision."""

from __future__ import annotations

from pathlib import Path

from ..errors import RequestError
from ..run.store import StoredRecord, read_record, read_records
from .revision import is_revision, read_revision, revision_of


def is_place(word: str) -> bool:
    """True where a word says where records lie, and does not name a model.

    >>> is_place("git:HEAD:results"), is_place("kmer")
    (True, False)
    """
    return is_revision(word) or Path(word).is_dir() or (word.endswith(".json") and Path(word).is_file())


def records_at(word: str) -> list[StoredRecord]:
    """Every record at a place, ordered by path.

    Raises RequestError where there are none, RecordError for a file that is no record.
    """
    if is_revision(word):
        found = read_revision(word)
    elif Path(word).is_dir():
        found = read_records(Path(word))
    else:
        found = [StoredRecord(Path(word), read_record(Path(word)))]
    if not found:
        raise RequestError(f"{word} holds no records: name a results folder, or one below results/runs.")
    return found


def place_name(word: str) -> str:
    """A short name of a place: the revision, or the folder as it was written.

    >>> place_name("git:HEAD~1:results"), place_name("old/results")
    ('HEAD~1', 'old/results')
    """
    return revision_of(word) if is_revision(word) else word
