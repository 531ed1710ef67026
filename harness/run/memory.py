"""Models held in memory: a callable or a torch module of a notebook or training loop as an adapter."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AdapterError
from ..making import Renamed, check_adapter
from ..types import Adapter, Capability, ModelInfo

MEMORY = "memory"
"""Adapter name of models held in memory: no identity outlives the process, so they are run every time."""

ROWS = 64
"""Sequences per call of a torch module."""


def hold(model: Any, name: str | None = None, collate: Callable[..., Any] | None = None) -> Adapter:
    """An adapter for what you have: an adapter, a callable `sequences -> (n, d)`, or a torch module with `collate`.

    A module is called as `module(**collate(sequences))` (or `module(collate(sequences))` for a single tensor), without
    gradients and in eval mode, and must return (n, d). Raises AdapterError that says what is missing.
    """
    kind = type(model).__name__
    if isinstance(model, type):
        raise AdapterError(f"{model.__name__} is a class: give an instance, {model.__name__}(...)")
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module) and not hasattr(model, "capabilities"):
        if collate is None:
            raise AdapterError(f"the torch module {kind} needs collate=: a function sequences -> dict of tensors")
        info = ModelInfo(_name(name, kind), MEMORY, 1, _state_sha256(model), {"module": kind})
        return _Module(info, model, collate)
    if hasattr(model, "info") or hasattr(model, "capabilities"):
        adapter = check_adapter(model, kind)
        return Renamed(adapter, replace(adapter.info, name=name)) if name else adapter
    if not callable(model):
        raise AdapterError(
            f"{kind} is no model: give a callable sequences -> (n, d) array, a torch module with collate=, or an "
            "object with `info`, `capabilities` and a method for each capability"
        )
    return _Callable(ModelInfo(_name(name, getattr(model, "__name__", kind)), MEMORY, 1, "unknown"), model)


@dataclass(frozen=True)
class _Callable:
    info: ModelInfo
    call: Callable[[Sequence[str]], Any]
    capabilities: frozenset[Capability] = frozenset({"embed"})

    def embed(self, sequences: Sequence[str]) -> Any:
        found = self.call(list(sequences))
        return found.detach().cpu().numpy() if hasattr(found, "detach") else found


@dataclass(frozen=True)
class _Module:
    info: ModelInfo
    module: Any
    collate: Callable[..., Any]
    capabilities: frozenset[Capability] = frozenset({"embed"})

    def embed(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        import torch

        was_training = self.module.training
        self.module.eval()
        try:
            with torch.no_grad():
                parts = [self._batch(sequences[i : i + ROWS]) for i in range(0, len(sequences), ROWS)]
        finally:
            self.module.train(was_training)
        return np.concatenate(parts)

    def _batch(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        tensors = self.collate(list(sequences))
        device = next((p.device for p in self.module.parameters()), "cpu")
        if isinstance(tensors, Mapping):
            found = self.module(**{k: v.to(device) if hasattr(v, "to") else v for k, v in tensors.items()})
        else:
            found = self.module(tensors.to(device))
        if getattr(found, "ndim", None) != 2 or len(found) != len(sequences):
            shape = tuple(getattr(found, "shape", ())) or type(found).__name__
            raise AdapterError(
                f"{self.info.name} returned {shape} for {len(sequences)} sequences: return one row of features "
                "per sequence, (n, d), for example the mean over positions"
            )
        return np.asarray(found.detach().float().cpu().numpy())


def _name(given: str | None, found: str) -> str:
    """The given name, else the object's own where it can stand in a path.

    >>> _name(None, "<lambda>"), _name("mine", "f"), _name(None, "f")
    ('callable', 'mine', 'f')
    """
    return given or (found if re.fullmatch(r"\w+", found) else "callable")


def _state_sha256(module: Any) -> str:
    """`sha256:…` over names, types, shapes and bytes of a module's state."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}\n".encode())
        digest.update(values.flatten().view(_uint8()).numpy().tobytes() if values.numel() else b"")
    return f"sha256:{digest.hexdigest()}"


def _uint8() -> Any:
    import torch

    return torch.uint8
