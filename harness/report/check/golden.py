"""Does a checkpoint of the hub, downloaded here, say what its authors' own code said of it?

A golden file (`dnabench-conformance-golden/1`) holds, for revisions of real checkpoints, the sha256 of their files, a
sequence, its token ids and the pooled embedding. Where all agree, download, tokenizer, port and weights are proved.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import RequestError
from .findings import Finding, guarded

FORMAT = "dnabench-conformance-golden/1"
VARIABLE = "DNABENCH_CONFORMANCE"
TOLERANCE = 2e-4
"""Largest absolute difference: the golden values come from another processor and BLAS."""
Entry = Mapping[str, Any]


def golden_entries(file: Path | None = None) -> list[Entry]:
    """The entries of a golden file, by default that of the folder that DNABENCH_CONFORMANCE names.

    Raises RequestError where there is none or it is something else.
    """
    root = os.environ.get(VARIABLE)
    path = file or (Path(root) / "hub-golden" / "golden.json" if root else None)
    if path is None or not path.is_file():
        where = f"{path} does not exist" if path else f"{VARIABLE} is not set"
        raise RequestError(f"--golden needs a file of golden embeddings: {where}; name one with --golden-file FILE")
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        entries = held["entries"] if held["format"] == FORMAT else None
    except (ValueError, KeyError, TypeError):
        entries = None
    if not isinstance(entries, list):
        raise RequestError(f"{path} is no golden file: it needs format {FORMAT!r} and a list `entries`")
    return entries


def golden_entry(name: str, entries: Sequence[Entry]) -> Entry:
    """The entry of `org/name`; RequestError naming those that there are."""
    for entry in entries:
        if entry["repo"] == name.partition("@")[0]:
            return entry
    known = ", ".join(str(entry["repo"]) for entry in entries)
    raise RequestError(f"there is no golden embedding of {name}; there are some of {known}")


def check_golden(adapter: Any, entry: Entry) -> Iterator[Finding]:
    """Findings about a checkpoint that was loaded at the entry's revision: files, token ids, embedding."""
    name = f"{entry['repo']}@{str(entry['revision'])[:7]}"
    for file, facts in sorted(entry["files"].items()):
        path = Path(adapter.folder) / file
        if path.is_file():
            yield guarded(name, file, lambda path=path, facts=facts: _file(name, path, facts))  # type: ignore[misc]  # bound now, called later
    if entry.get("input_ids"):
        yield guarded(name, "token ids", lambda: _ids(name, adapter, entry))
    yield guarded(name, "embedding", lambda: _embedding(name, adapter, entry))


def _file(name: str, path: Path, facts: Entry) -> Finding:
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    alike = found == facts["sha256"]
    text = f"sha256 {found[:12]}…" if alike else f"sha256 {found[:12]}…, expected {facts['sha256'][:12]}…"
    return Finding(name, path.name, "ok" if alike else "fault", text)


def _ids(name: str, adapter: Any, entry: Entry) -> Finding:
    found, expected = golden_ids(adapter, entry), list(entry["input_ids"])
    text = f"{len(found)} tokens" if found == expected else f"{found}, expected {expected}"
    return Finding(name, "token ids", "ok" if found == expected else "fault", text)


def _embedding(name: str, adapter: Any, entry: Entry) -> Finding:
    found, expected = golden_embedding(adapter, entry), np.array(entry["embedding"], np.float64)
    if found.shape != expected.shape:
        return Finding(name, "embedding", "fault", f"{len(found)} wide, expected {len(expected)}")
    apart = float(np.abs(found - expected).max())
    norms = float(np.linalg.norm(found)) * float(np.linalg.norm(expected))
    cosine = float(found @ expected) / norms if norms else 0.0
    text = f"largest difference {apart:.1e} of {np.abs(expected).max():.3g}, cosine {cosine:.6f}"
    return Finding(name, "embedding", "ok" if apart <= TOLERANCE else "fault", text)


def golden_ids(adapter: Any, entry: Entry) -> list[int]:
    """Token ids of the entry's sequence, with special tokens or, where the entry says so, without."""
    tokens = adapter.tokenizer.encode(entry["sequence"])
    keep = tokens.spans[:, 1] > tokens.spans[:, 0] if "no special tokens" in entry["how"] else slice(None)
    ids: list[int] = tokens.ids[keep].tolist()
    return ids


def golden_embedding(adapter: Any, entry: Entry) -> NDArray[np.float64]:
    """The last state of the entry's sequence, pooled as `how` says: its first row, or the mean over all tokens."""
    import torch

    ids = golden_ids(adapter, entry)
    with torch.inference_mode():
        said = adapter.reader.network(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.long))
    states: NDArray[np.float64] = said.last_hidden_state[0].double().numpy()
    pooled = states[0] if entry["how"].startswith("[CLS]") else states.mean(0)
    return np.asarray(pooled, np.float64)
