"""Files of a model on the hub: configuration, tokenizer and weights at one commit, in the Hugging Face cache.

The cache is the one that all tools share (HF_HOME, HF_HUB_CACHE), so what transformers downloaded is found, and
machines without network use what is there.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import Unavailable
from .hub import Repository, in_one_sentence, safe_path

CONFIG = "config.json"
TOKENIZER = ("tokenizer.json", "tokenizer.json.gz", "vocab.txt", "tokenizer_config.json")
WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
"""In this order: pickled weights only where there are no safetensors."""
BESIDE_CODE = (".json", ".txt", ".model")
"""What a repository's own code reads its tokens from: vocab.json, merges.txt, special_tokens_map.json, spiece.model."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SECONDS = 10
_TRUE = ("1", "true", "yes", "on")


@dataclass(frozen=True)
class Checkpoint:
    """A model's files on this machine."""

    folder: Path
    name: str
    commit: str

    @property
    def origin(self) -> str:
        """`hub:org/name@commit`, for the record."""
        return f"hub:{self.name}@{self.commit}"


def fetch_checkpoint(
    name: str, revision: str | None = None, *, weights: bool = True, code: bool = False, offline: bool = False
) -> Checkpoint:
    """Configuration, tokenizer and weights of `org/name`, downloaded unless they are here; its `code` where asked for.

    A branch or tag is resolved to a commit, which `Checkpoint.commit` names; offline, to what it was at the last
    download. Raises Unavailable with one sentence: offline and not here, gated, no such repository or revision, or
    a repository without configuration or weights.
    """
    asked = Repository(name, revision, "model")
    if offline or is_offline():
        return _kept(asked, weights)
    try:
        commit, files = _listed(asked)
    except Unavailable as problem:
        if "could not be reached" not in str(problem):
            raise
        return _kept_or(asked, weights, problem)
    wanted = _wanted(asked, files, weights)
    wanted += [file for file in files if code and file not in wanted and _for_code(file)]
    here = [_get(asked, commit, file) for file in wanted]
    folder = here[0].parent
    for shard in _shards(folder, wanted):
        _get(asked, commit, shard)
    return Checkpoint(folder, name, commit)


def is_offline() -> bool:
    """Whether DNABENCH_OFFLINE or HF_HUB_OFFLINE says so."""
    return any(os.environ.get(name, "").lower() in _TRUE for name in ("DNABENCH_OFFLINE", "HF_HUB_OFFLINE"))


def hub_cache() -> Path:
    """The folder that Hugging Face's tools share, from HF_HUB_CACHE or HF_HOME."""
    named = os.environ.get("HF_HUB_CACHE")
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"
    return Path(named).expanduser() if named else Path(home).expanduser() / "hub"


def _listed(asked: Repository) -> tuple[str, list[str]]:
    """Commit and file names of a revision, in one question."""
    from huggingface_hub import HfApi

    def ask() -> tuple[str, list[str]]:
        api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
        info = api.model_info(asked.name, revision=asked.revision, timeout=_SECONDS)
        return str(info.sha), [one.rfilename for one in info.siblings or []]

    commit, files = in_one_sentence(ask, asked, "")
    if not asked.revision or not _COMMIT.fullmatch(asked.revision):
        _remember(asked, commit)
    elif commit != asked.revision:
        # A branch may be named like a commit, and code may be trusted at this very commit alone.
        raise Unavailable(f"model {asked.name}: commit {asked.revision} was asked for, and the hub gave {commit}")
    return commit, files


def _wanted(asked: Repository, files: Sequence[str], weights: bool) -> list[str]:
    """The names of the files to get, config.json first."""
    where = f"model {asked.name} on the hub"
    if CONFIG not in files:
        raise Unavailable(f"{where} has no {CONFIG}: dnabench cannot tell what network it is")
    found = [name for name in WEIGHTS if name in files][:1]
    if weights and not found:
        raise Unavailable(f"{where} has no weights that can be read: none of {', '.join(WEIGHTS)}")
    return [CONFIG, *(name for name in TOKENIZER if name in files), *(found if weights else [])]


def _for_code(file: str) -> bool:
    beside = file.endswith(BESIDE_CODE) and not file.endswith(".index.json") and "/" not in file
    return beside or file.endswith(".py")


def _shards(folder: Path, wanted: Sequence[str]) -> list[str]:
    """The files that an index of weights names; Unavailable for one that is none or points elsewhere."""
    index = [name for name in wanted if name.endswith(".index.json")]
    if not index:
        return []
    try:
        table = json.loads((folder / index[0]).read_text(encoding="utf-8"))["weight_map"]
        return sorted({safe_path(str(file)) for file in table.values()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise Unavailable(f"{index[0]} is no index of weights: it needs a table `weight_map`") from None


def _get(asked: Repository, commit: str, file: str) -> Path:
    from huggingface_hub import hf_hub_download

    def get() -> str:
        return hf_hub_download(
            asked.name,
            safe_path(file),
            revision=commit,
            cache_dir=hub_cache(),
            endpoint=os.environ.get("HF_ENDPOINT"),
            etag_timeout=_SECONDS,
        )

    return Path(in_one_sentence(get, asked, file))


def _folder(asked: Repository) -> Path:
    return hub_cache() / f"models--{safe_path(asked.name).replace('/', '--')}"


def _remember(asked: Repository, commit: str) -> None:
    """Writes a branch's commit where Hugging Face's tools do, so that it is known offline."""
    ref = _folder(asked) / "refs" / safe_path(asked.revision or "main")
    ref.parent.mkdir(parents=True, exist_ok=True)
    partial = ref.with_name(f"{ref.name}.{os.getpid()}.tmp")
    partial.write_text(commit, encoding="utf-8")
    partial.replace(ref)


def _kept(asked: Repository, weights: bool) -> Checkpoint:
    """What was downloaded before; Unavailable where it is not all there."""
    commit = asked.revision or "main"
    ref = _folder(asked) / "refs" / safe_path(commit)
    commit = ref.read_text(encoding="utf-8").strip() if ref.is_file() else commit
    folder = _folder(asked) / "snapshots" / safe_path(commit)
    files = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    here = CONFIG in files and (not weights or any(name in files for name in WEIGHTS))
    if not here:
        at = f"@{asked.revision}" if asked.revision else ""
        more = f" --revision {asked.revision}" if asked.revision else ""
        raise Unavailable(
            f"model {asked.name}{at} is not on this machine and the hub may not be asked (offline): get it where there "
            f"is a network with `hf download {asked.name}{more}`, or give its folder"
        )
    missing = [name for name in _shards(folder, _wanted(asked, files, weights)) if not (folder / name).is_file()]
    if missing:
        raise Unavailable(f"model {asked.name} is here without {missing[0]}: get it where there is a network")
    return Checkpoint(folder, asked.name, commit)


def _kept_or(asked: Repository, weights: bool, problem: Unavailable) -> Checkpoint:
    try:
        return _kept(asked, weights)
    except Unavailable:
        raise problem from None
