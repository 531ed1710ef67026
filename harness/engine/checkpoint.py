"""A training that was killed goes on where it was: its state in one file, written whole or not at all.

The file is safetensors; what is not a tensor stands as JSON in its header, with a sha256 of all tensors. Its name is
the digest of everything that the training depends on, so that no other training can find it.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from torch import Tensor

VARIABLE = "DNABENCH_CHECKPOINT_SECONDS"
"""Seconds of training between two checkpoints; `off` writes none."""
DEFAULT_SECONDS = 300.0
SCHEMA = 1

Tensors = Mapping[str, Tensor]


@dataclass
class Checkpoint:
    """Where the state of one training is kept while it runs, and how often it is written."""

    path: Path
    seconds: float = DEFAULT_SECONDS
    lasting: bool = False
    """Keep the end of the training until `remove`: it is one of several that are compared."""
    last: float = field(default_factory=monotonic)

    def due(self) -> bool:
        """True where the last checkpoint, or the start, is long enough ago."""
        return monotonic() - self.last >= self.seconds

    def save(self, tensors: Tensors, state: Mapping[str, Any]) -> None:
        """Writes the state beside the file and puts it in its place; a full disk is a warning, not an end."""
        from safetensors import SafetensorError
        from safetensors.torch import save_file

        kept = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        words = {"schema": SCHEMA, "sha256": digest(kept), "state": state}
        waiting = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            save_file(kept, waiting, {"dnabench": json.dumps(words, sort_keys=True)})
            os.replace(waiting, self.path)
        except (OSError, SafetensorError) as problem:  # safetensors has its own for a full disk
            _warn(f"the checkpoint {self.path} could not be written ({problem}): training goes on without it")
        finally:
            with suppress(OSError):
                waiting.unlink(missing_ok=True)
        self.last = monotonic()

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Tensors and state of the file; None where there is none, or one that is broken: that is a warning."""
        if not self.path.exists():
            return None
        try:
            return _read(self.path)
        except Exception as problem:
            # safetensors raises its own kind, JSON another: whatever is wrong with it, the file is of no use.
            _warn(f"the checkpoint {self.path} is of no use ({problem}): training starts again")
            return None

    def remove(self) -> None:
        """Nothing is left of a training that is finished, nor of those that were killed while they wrote."""
        with suppress(OSError):
            for left in (self.path, *self.path.parent.glob(f"{self.path.name}.*.part")):
                left.unlink(missing_ok=True)


def place(folder: Path, parts: Iterable[bytes]) -> Checkpoint | None:
    """The checkpoint of the training that depends on these bytes, below a cache folder; None where they are off."""
    wanted = os.environ.get(VARIABLE, "").strip() or str(DEFAULT_SECONDS)
    try:
        seconds = float(wanted)
    except ValueError:
        if wanted != "off":
            _warn(f"{VARIABLE} is {wanted!r}; it must be a number of seconds or off: no checkpoints are written")
        return None
    key = hashlib.sha256()
    for part in parts:
        # The length in front keeps "ab", "c" and "a", "bc" apart.
        key.update(len(part).to_bytes(8, "little") + part)
    return Checkpoint(folder / "training" / f"{key.hexdigest()}.safetensors", seconds)


def digest(tensors: Tensors) -> str:
    """sha256 of names, types, shapes and bytes, in the order of the names.

    >>> digest({"a": torch.zeros(2)}) == digest({"a": torch.zeros(2)})
    True
    >>> digest({"a": torch.zeros(2)}) == digest({"a": torch.zeros(1, 2)})
    False
    """
    key = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        key.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        key.update(tensor.reshape(-1).view(torch.uint8).numpy().data if tensor.numel() else b"")
    return key.hexdigest()


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        words = json.loads((file.metadata() or {})["dnabench"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    if words["schema"] != SCHEMA:
        raise ValueError(f"schema {words['schema']}, not {SCHEMA}")
    if words["sha256"] != digest(tensors):
        raise ValueError("its tensors are not those that were written")
    return tensors, words["state"]


def _warn(sentence: str) -> None:
    print(f"dnabench: warning: {sentence}", file=sys.stderr)
