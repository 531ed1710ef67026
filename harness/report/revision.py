"""Records and predictions of another git revision, `git:REV:path`, read without touching the work tree.

git:HEAD~1:results ──ls-tree──► names ──cat-file──► records; predictions are read when they are asked for
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

from ..errors import RecordError, RequestError
from ..run import npz
from ..run.record_json import loads
from ..run.store import StoredRecord
from ..types import Predictions

PREFIX = "git:"
_FILES = ("100644", "100755")
"""Modes of regular files: links and submodules are never followed."""


@dataclass(frozen=True)
class _Place:
    """A folder of one commit."""

    top: str
    """The repository's top folder."""
    commit: str
    word: str
    """`REV:path`, as it was asked for."""
    path: str
    """From the top, with forward slashes; empty for the top itself."""


def is_revision(word: str) -> bool:
    """True for `git:REV:path`.

    >>> is_revision("git:HEAD~1:results"), is_revision("results")
    (True, False)
    """
    return word.startswith(PREFIX)


def revision_of(word: str) -> str:
    """The revision named in `git:REV:path`.

    >>> revision_of("git:origin/main:results")
    'origin/main'
    """
    return word.removeprefix(PREFIX).partition(":")[0]


def read_revision(word: str) -> list[StoredRecord]:
    """Every record below the path of `git:REV:path`, ordered by path.

    The path is taken from the current folder, or else from the top of the repository. Raises RequestError where
    there is no git, no repository, no such revision or path, RecordError for a file that is no record.
    """
    place = _place(word)
    blobs = _blobs(place)
    runs = {name: blob for name, blob in blobs.items() if name.startswith("runs/")} or blobs
    texts = {
        name: blob for name, blob in runs.items() if name.endswith(".json") and not name.split("/")[-1].startswith(".")
    }
    found = _contents(place.top, list(texts.values()))
    return [_stored(place, name, found[blob], blobs) for name, blob in sorted(texts.items())]


def _place(word: str) -> _Place:
    revision, colon, path = word.removeprefix(PREFIX).partition(":")
    if not (revision and colon and path):
        raise RequestError(f"{word!r}: write git:REV:path, as in git:HEAD~1:results.")
    top = _git(["rev-parse", "--show-toplevel"], word).decode().rstrip("\n")
    # A word that begins with a dash would be read as an option of git.
    known = not revision.startswith("-") and _tried(["rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"])
    if not known:
        raise RequestError(
            f"{word}: no revision {revision!r} in {top}: `git fetch` brings what a shallow clone does not have."
        )
    commit = known.decode().strip()
    for inside in _inside(word, path, Path(top)):
        kind = _tried(["cat-file", "-t", f"{commit}:{inside}"])
        if kind and kind.strip() == b"tree":
            return _Place(top, commit, f"{revision}:{path}", inside)
    raise RequestError(f"{word}: there is no folder {path!r} in revision {revision!r}.")


def _inside(word: str, path: str, top: Path) -> list[str]:
    """The path as seen from the current folder and from the top, both inside the repository."""
    home = Path(os.path.realpath(top))
    ways = dict.fromkeys(os.path.normpath(start / path) for start in (Path(os.path.realpath(".")), home))
    found = [Path(way).relative_to(home).as_posix() for way in ways if Path(way).is_relative_to(home)]
    if not found:
        raise RequestError(f"{word}: {path!r} lies outside the repository {top}.")
    return ["" if one == "." else one for one in found]


def _blobs(place: _Place) -> dict[str, str]:
    """Files below the place: name from there → object id."""
    listed = _git(["ls-tree", "-r", "-z", "--full-tree", f"{place.commit}:{place.path}"], place.word)
    found = {}
    for line in listed.decode("utf-8", "surrogateescape").split("\0"):
        facts, _, name = line.partition("\t")
        if facts and facts.split()[0] in _FILES:
            found[name] = facts.split()[2]
    return found


def _contents(top: str, blobs: Sequence[str]) -> dict[str, bytes]:
    """The contents of objects, in one call."""
    out = _git(["cat-file", "--batch"], top, "\n".join(blobs).encode()) if blobs else b""
    found, at = {}, 0
    for blob in blobs:
        end = out.index(b"\n", at)
        size = int(out[at:end].split()[2])
        found[blob] = out[end + 1 : end + 1 + size]
        at = end + 1 + size + 1
    return found


def _stored(place: _Place, name: str, text: bytes, blobs: Mapping[str, str]) -> StoredRecord:
    path = PurePosixPath(f"{PREFIX}{place.word}") / name
    try:
        record = loads(text.decode("utf-8"), str(path))
    except UnicodeDecodeError as problem:
        raise RecordError(f"{path}: cannot be read as a record ({problem})") from problem
    if record.predictions:
        places = (name.removesuffix(".json") + ".npz", f"large/{record.predictions}.npz")
        kept = [blobs[one] for one in places if one in blobs]
        record = replace(record, outputs=partial(_predictions, place, str(path), kept, record.predictions))
    return StoredRecord(Path(path), record)


def _predictions(place: _Place, path: str, kept: Sequence[str], wanted: str) -> Predictions:
    """Predictions from git, or, where git does not keep large ones, from the work tree, known by their hash."""
    beside = Path(place.top, place.path, "large", f"{wanted}.npz")
    for data in (*_contents(place.top, kept).values(), beside.read_bytes() if beside.is_file() else b""):
        if hashlib.sha256(data).hexdigest() == wanted:
            return npz.from_bytes(data, path)
    state = "are not those of the record" if kept else "are not in that revision"
    raise RecordError(f"{path}: its predictions {state} (sha256 {wanted[:12]}…): commit the .npz with the record")


def _git(words: Sequence[str], asked: str, given: bytes = b"") -> bytes:
    """What git says; its own first sentence where it refuses."""
    done = _run(words, given)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["git gave no reason"]
        raise RequestError(f"{asked}: {said[0].removeprefix('fatal: ')} (from git {words[0]})")
    return done.stdout


def _tried(words: Sequence[str]) -> bytes:
    """What git says, or nothing where it refuses."""
    done = _run(words, b"")
    return b"" if done.returncode else done.stdout


def _run(words: Sequence[str], given: bytes) -> subprocess.CompletedProcess[bytes]:
    settings = os.environ | {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        return subprocess.run(["git", *words], input=given, capture_output=True, env=settings, check=False)
    except OSError as problem:
        raise RequestError(f"git cannot be run ({problem}): install it, or name a folder of results.") from problem
