"""Files of hub repositories, kept as `<cache>/hub/datasets/org--name/<commit>/…`.

The commit that a branch stood for at the first download is written beside the files and stays in force, so
that a task does not change under a running study.
"""

import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from dnabench.harness.errors import Unavailable

from .paths import relative_path

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SECONDS = 10
_REMEMBERED = 60
_NETWORK = ("httpx", "httpx2", "httpcore", "httpcore2", "requests")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Repository:
    """A repository of the hub; `revision` None is the newest commit of main at the first download."""

    name: str
    revision: str | None = None
    kind: Literal["dataset", "model"] = "dataset"


@dataclass(frozen=True)
class Kept:
    """A file from the hub on this machine."""

    path: Path
    origin: str
    """`hub:org/name@commit7`"""


def find_kept(repository: Repository, file: str, cache: Path) -> Kept | None:
    """A file that was downloaded before, at the pinned or recorded commit; None where there is none."""
    folder = _folder(repository, cache)
    commit = _recorded(folder, repository.revision)
    if commit is None or not (folder / commit / safe_path(file)).is_file():
        return None
    return Kept(folder / commit / file, f"hub:{repository.name}@{commit[:7]}")


def download(repository: Repository, file: str, cache: Path) -> Kept:
    """A file of the repository, downloaded unless it is here already; a half download never counts as one.

    Raises Unavailable with one sentence: no network, no such file, revision or repository, or access not
    granted.
    """
    kept = find_kept(repository, file, cache)
    if kept:
        return kept
    folder = _folder(repository, cache)
    commit = _recorded(folder, repository.revision)
    if commit is None:
        commit = _resolved(repository)
        _record(folder, repository.revision, commit)
    else:
        _resolved(replace(repository, revision=commit))
    _fetch(repository, safe_path(file), commit, folder / commit)
    return Kept(folder / commit / file, f"hub:{repository.name}@{commit[:7]}")


def matches(repository: Repository, pattern: str, cache: Path) -> tuple[str, ...]:
    """The repository's files that fit a pattern (`**/train-*.parquet`), in the order of their names.

    The list is kept beside the files, so that it is known offline. Raises Unavailable where none fits.
    """
    kept = kept_matches(repository, pattern, cache)
    if kept is not None:
        return kept
    folder = _folder(repository, cache)
    commit = _recorded(folder, repository.revision) or _resolved(repository)
    _record(folder, repository.revision, commit)
    names = _listed(replace(repository, revision=commit))
    found = tuple(sorted(safe_path(name) for name in names if fnmatchcase(name, pattern)))
    if not found:
        raise Unavailable(f"{repository.kind} {repository.name} on the hub has no file {pattern}")
    _record(folder, f"{commit} {pattern}", list(found))
    return found


def kept_matches(repository: Repository, pattern: str, cache: Path) -> tuple[str, ...] | None:
    """The same from what was listed before; None where it was not."""
    folder = _folder(repository, cache)
    commit = _recorded(folder, repository.revision)
    listed = _records(folder).get(f"{commit} {pattern}")
    return tuple(map(safe_path, listed)) if isinstance(listed, list) else None


def _listed(repository: Repository) -> list[str]:
    from huggingface_hub import HfApi

    def ask() -> list[str]:
        api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
        return api.list_repo_files(repository.name, revision=repository.revision, repo_type=repository.kind)

    return in_one_sentence(ask, repository, "")


def safe_path(file: str) -> str:
    """The path itself, if it stays inside the folder it is joined to; else Unavailable."""
    try:
        return relative_path(file)
    except ValueError as problem:
        raise Unavailable(f"a path is refused: {problem}") from None


def _folder(repository: Repository, cache: Path) -> Path:
    name = safe_path(repository.name).replace("/", "--")
    return cache / "hub" / f"{repository.kind}s" / name


def _recorded(folder: Path, revision: str | None) -> str | None:
    if revision and _COMMIT.fullmatch(revision):
        return revision
    commit = _records(folder).get(revision or "main")
    return commit if isinstance(commit, str) and _COMMIT.fullmatch(commit) else None


def _records(folder: Path) -> dict[str, Any]:
    """What was written down of a repository; nothing where that was cut short: it is asked and written anew."""
    try:
        known = json.loads((folder / "revisions.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _record(folder: Path, revision: str | None, found: str | list[str]) -> None:
    record = folder / "revisions.json"
    known = _records(folder) | {revision or "main": found}
    folder.mkdir(parents=True, exist_ok=True)
    partial = record.with_suffix(f".{os.getpid()}.tmp")
    partial.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(record)


def _resolved(repository: Repository) -> str:
    """The commit of a revision, asked for once a minute at most.

    Failures are remembered as long: a suite of 28 tasks without network would else wait 84 times, and the
    download itself tries for 20 seconds before it gives up.
    """
    settings = (os.environ.get("HF_ENDPOINT"), os.environ.get("HF_TOKEN"))
    answer = _ask(repository, settings, int(time.monotonic() // _REMEMBERED))
    if isinstance(answer, Unavailable):
        raise answer
    return answer


@lru_cache(maxsize=64)
def _ask(repository: Repository, settings: tuple[str | None, str | None], minute: int) -> str | Unavailable:
    from huggingface_hub import HfApi

    def ask() -> Any:
        api = HfApi(endpoint=settings[0])
        return api.repo_info(repository.name, revision=repository.revision, repo_type=repository.kind, timeout=_SECONDS)

    try:
        return str(in_one_sentence(ask, repository, "").sha)
    except Unavailable as problem:
        return problem


def _fetch(repository: Repository, file: str, commit: str, folder: Path) -> None:
    from huggingface_hub import hf_hub_download

    def get() -> str:
        return hf_hub_download(
            repository.name,
            file,
            repo_type=repository.kind,
            revision=commit,
            local_dir=folder,
            endpoint=os.environ.get("HF_ENDPOINT"),
            etag_timeout=_SECONDS,
        )

    in_one_sentence(get, repository, file)


def in_one_sentence(call: Callable[[], _Result], repository: Repository, file: str) -> _Result:
    """What `call` returns, or Unavailable in our own words for each of the hub client's errors."""
    from huggingface_hub import errors

    where = f"{repository.kind} {repository.name} on the hub"
    # Of a data set the sentence goes on: what to do is said where the file is missed.
    mend = "" if repository.kind == "dataset" else ": fetch it where there is a network, or name a folder"
    try:
        return call()
    except errors.GatedRepoError:
        kind = "datasets/" if repository.kind == "dataset" else ""
        page = f"https://huggingface.co/{kind}{repository.name}"
        said = f"{where} is gated: ask for access on its page ({page}), then `hf auth login` or set HF_TOKEN"
    except errors.RevisionNotFoundError:
        known = "correct the suite's `hub.revision`" if repository.kind == "dataset" else "its page lists them"
        said = f"{where} has no revision {repository.revision or 'main'!r}: {known}"
    except errors.RepositoryNotFoundError:
        said = f"{where} does not exist or is private: check the name, or `hf auth login`"
    except errors.OfflineModeIsEnabled:
        said = "the hub is not asked because HF_HUB_OFFLINE is set"
    except errors.LocalEntryNotFoundError:
        said = f"{where} could not be reached{mend}"
    except errors.EntryNotFoundError:
        said = f"{where} has no file {file}"
    except errors.HfHubHTTPError as problem:
        said = f"{where} answered with status {problem.response.status_code}"
    except (OSError, errors.HFValidationError) as problem:
        said = f"{where} could not be downloaded ({type(problem).__name__}: {_first_line(problem)})"
    except Exception as problem:
        # The client's network library changes with its versions: told by module, not by class.
        if type(problem).__module__.split(".")[0] not in _NETWORK:
            raise
        said = f"{where} could not be reached ({type(problem).__name__}){mend}"
    raise Unavailable(said) from None


def _first_line(problem: Exception) -> str:
    return (str(problem).splitlines() or [""])[0][:120]
