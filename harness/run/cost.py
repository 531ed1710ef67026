"""What a replicate cost: seconds by stage, peak memory, bases per second."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ..types import Fit

_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_MB = 2**20

T = TypeVar("T")


def measured(work: Callable[[], T]) -> tuple[T, dict[str, Any]]:
    """The result of `work` with its wall seconds and the peak memory while it ran (MB of 2**20 bytes).

    `peak_memory_of` is `cell` where the kernel's high-water mark could be reset, else `process so far`.

    >>> measured(lambda: 1 + 1)[0]
    2
    """
    of = _reset_peak()
    start = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - start
    return result, {
        "seconds": round(seconds, 4),
        "peak_memory_mb": _peak_mb(),
        "peak_memory_of": of,
        "peak_gpu_mb": _peak_gpu_mb(),
    }


def replicate_cost(fit: Fit, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of `measured` with the protocol's own stages and bases."""
    stages = {name: round(seconds, 4) for name, seconds in fit.seconds.items()}
    return {**facts, "stages": stages, "bases": fit.bases}


def total_cost(replicates: Mapping[str, Mapping[str, Any]], shared: Mapping[str, float]) -> dict[str, Any]:
    """The cost of a cell: `shared` stages (load, audit, score) and all its replicates.

    >>> one = {"seconds": 3.0, "stages": {"embed": 2.0}, "bases": 100, "peak_memory_mb": 5.0}
    >>> total = total_cost({"seed 0": one}, {"load": 1.0})
    >>> total["seconds"], total["stages"], total["bases_per_second"]
    (4.0, {'load': 1.0, 'embed': 2.0}, 50.0)
    """
    stages = {name: round(seconds, 4) for name, seconds in shared.items()}
    for one in replicates.values():
        for name, seconds in one["stages"].items():
            stages[name] = round(stages.get(name, 0.0) + seconds, 4)
    seconds = sum(one["seconds"] for one in replicates.values()) + sum(shared.values())
    return {
        "seconds": round(seconds, 4),
        "stages": stages,
        "peak_memory_mb": _largest(replicates, "peak_memory_mb"),
        "peak_gpu_mb": _largest(replicates, "peak_gpu_mb"),
        "bases_per_second": _bases_per_second(replicates),
        "replicates": {name: dict(one) for name, one in replicates.items()},
    }


def _largest(replicates: Mapping[str, Mapping[str, Any]], name: str) -> float | None:
    return max((one[name] for one in replicates.values() if one.get(name) is not None), default=None)


def _bases_per_second(replicates: Mapping[str, Mapping[str, Any]]) -> float | None:
    """Bases over the seconds of the stage that reads them: `embed`, else `predict`."""
    bases = sum(one["bases"] for one in replicates.values())
    seconds = sum(one["stages"].get("embed", one["stages"].get("predict", 0.0)) for one in replicates.values())
    return round(bases / seconds, 1) if bases and seconds else None


def _reset_peak() -> str:
    torch = _torch_with_gpu()
    if torch is not None:
        torch.cuda.reset_peak_memory_stats()
    try:
        _CLEAR.write_text("5")
    except OSError:
        return "process so far"
    return "cell"


def _peak_mb() -> float | None:
    """The high-water mark of resident memory, from the kernel."""
    try:
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
        return round(int(line.split()[1]) * 1024 / _MB, 1)
    except (OSError, StopIteration):
        return _peak_mb_elsewhere()


def _peak_mb_elsewhere() -> float | None:
    if sys.platform == "win32":
        import psutil

        return round(psutil.Process().memory_info().peak_wset / _MB, 1)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / _MB, 1)


def _peak_gpu_mb() -> float | None:
    torch = _torch_with_gpu()
    peak = float(torch.cuda.max_memory_allocated()) if torch is not None else 0.0
    return round(peak / _MB, 1) if peak else None


def _torch_with_gpu() -> Any:
    """torch, where something has put a GPU to use: asking earlier would start CUDA, and its statistics would fail."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_initialized() else None
