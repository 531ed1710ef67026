"""The files of a model's folder: which hold its weights, and what they are, by their bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from dnabench.harness.errors import AdapterError, Unavailable

WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "weights.safetensors",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""In this order: pickled weights only where there are no safetensors."""
TOKENIZER = ("tokenizer.json", "tokenizer.json.gz", "vocab.txt")
BESIDE_CODE = (".json", ".txt", ".model")
"""What a repository's own code reads its tokens from, as `data/checkpoints` fetches it: a test compares the two."""
_CHUNK = 1 << 22


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the weights, several where an index names shards.

    Raises Unavailable where there are none or one of them is missing, AdapterError for an index that is none or
    points out of the folder.
    """
    found = [folder / name for name in WEIGHTS if (folder / name).is_file()]
    if not found:
        raise Unavailable(f"{title(folder)} has no weights: none of {', '.join(WEIGHTS)} (--init random needs none)")
    files = _shards(found[0]) if found[0].suffix == ".json" else found[:1]
    for file in files:
        if not file.is_file():
            raise Unavailable(f"{title(folder)} lacks {file.name}, which {found[0].name} names: complete the download")
    return files


def title(folder: Path) -> str:
    """What people call a folder: its name, or the repository's where it is a commit in the Hugging Face cache.

    >>> title(Path("hub/models--org--name/snapshots/0123")), title(Path("my/model"))
    ('org/name', 'model')
    """
    kept = folder.parent.name == "snapshots" and folder.parent.parent.name.startswith("models--")
    return folder.parent.parent.name.removeprefix("models--").replace("--", "/", 1) if kept else folder.name


def digest(files: Iterable[Path]) -> str:
    """`sha256:…` of a file's bytes; of several files, of their names and sha256 in the order of their names."""
    sums = {file.name: _sha256(file, file.stat().st_mtime_ns) for file in files}
    if len(sums) == 1:
        return f"sha256:{next(iter(sums.values()))}"
    lines = "".join(f"{value}  {name}\n" for name, value in sorted(sums.items()))
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


def settings_digest(config: Mapping[str, Any], folder: Path | None, *, code: bool = False) -> str:
    """Twelve digits for the configuration and the tokenizer's files, which change what a model says as weights do.

    So does the `code` of a repository with all that it reads beside it, where that is run.
    """
    text = json.dumps(config, sort_keys=True)
    held = [folder / name for name in TOKENIZER if (folder / name).is_file()] if folder else []
    if folder and code:
        # Not an index of weights: it may be here or not, as the weights were downloaded.
        held += sorted(
            file for file in folder.iterdir() if file.suffix in BESIDE_CODE and ".index" not in file.suffixes
        )
        held += sorted(folder.rglob("*.py"))
    sums = [_sha256(file, file.stat().st_mtime_ns) for file in held]
    return hashlib.sha256("\n".join([text, *sums]).encode()).hexdigest()[:12]


def _shards(index: Path) -> list[Path]:
    try:
        named = sorted({str(name) for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()})
    except (ValueError, KeyError, TypeError, AttributeError):
        raise AdapterError(f"{index.name} is no index of weights: it needs a table `weight_map`") from None
    if not named or any(Path(name).name != name or name in ("", ".", "..") for name in named):
        raise AdapterError(f"{index.name} names files outside of its folder, or none")
    return [index.parent / name for name in named]


@lru_cache(maxsize=256)
def _sha256(file: Path, changed: int) -> str:
    found = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()
