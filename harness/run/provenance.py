"""Where a number comes from: versions, commit, machine, data files, time, command."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from ..types import SplitFacts

_SOURCE = Path(__file__).resolve().parents[2]
_CODE = ("harness", "adapters", "benchmarks", "setup.cfg")
_ALWAYS = ("numpy", "scipy", "scikit-learn")
_IF_LOADED = {"torch": "torch", "numba": "numba", "transformers": "transformers", "pyarrow": "pyarrow"}


def host_facts(command: str) -> dict[str, Any]:
    """What is the same for all cells of one run: versions, commit, machine and the command line."""
    return {
        "dnabench": version("dnabench"),
        **commit_facts(_SOURCE),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cores": _cores(),
        "command": command,
    }


def cell_facts(host: Mapping[str, Any], data: Mapping[str, SplitFacts], seeds: list[int]) -> dict[str, Any]:
    """The provenance of one cell at this moment; packages are read after the model has loaded its own."""
    files = {
        name: {"file": f.file, "sha256": f.sha256, "identity": f.identity, "origin": f.origin}
        for name, f in data.items()
    }
    return {**host, "packages": packages(), "utc": utc(), "data": files, "seeds": seeds}


def replicate_facts(host: Mapping[str, Any], on_gpu: bool) -> dict[str, Any]:
    """What is noted for each replicate, because a cell may be extended elsewhere and later."""
    return {"utc": utc(), "device": _device(on_gpu), **{k: host[k] for k in ("dnabench", "commit", "dirty")}}


def version(package: str) -> str | None:
    """The installed version of a distribution, None where it is not installed.

    >>> version("no-such-distribution") is None
    True
    """
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def packages() -> dict[str, str | None]:
    """Versions of the packages that can change a number; optional ones only where they are loaded."""
    loaded = [name for module, name in _IF_LOADED.items() if module in sys.modules]
    return {name: version(name) for name in (*_ALWAYS, *loaded)}


def commit_facts(folder: Path) -> dict[str, Any]:
    """Commit of the harness and whether its code differs from it; None for both outside a checkout.

    Results and documents do not make it dirty, or every run would.
    """
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != folder or not (folder / "setup.cfg").is_file():
        return {"commit": None, "dirty": None}
    changed = _git(folder, "status", "--porcelain", "--", *_CODE)
    return {"commit": _git(folder, "rev-parse", "HEAD"), "dirty": None if changed is None else bool(changed)}


def utc() -> str:
    """Now, to the second: `2026-11-21T05:14:34Z`."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _git(folder: Path, *words: str) -> str | None:
    import subprocess

    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _cores() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _device(on_gpu: bool) -> str:
    torch = sys.modules.get("torch")
    return str(torch.cuda.get_device_name()) if on_gpu and torch is not None else "cpu"
