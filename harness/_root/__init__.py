"""dnabench measures DNA models: scores with intervals, baselines beside them, data with an identity.

    import dnabench

    record = dnabench.run("kmer", "yeast/coding")
    record.scores["mcc"]                                # value, low, high
    mine = dnabench.run(lambda sequences: embed(sequences), "yeast/coding", name="mine")
    dnabench.compare(record, mine)                      # mine minus the reference, paired, with its interval

Names are imported when they are first used, so that `import dnabench` takes no time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from dnabench.harness.api import compare, load_model, load_suite, load_task, read_runs, rescore, run, score
    from dnabench.harness.types import Predictions, RunRecord, Task

__all__ = [
    "Predictions",
    "RunRecord",
    "Task",
    "__version__",
    "compare",
    "load_model",
    "load_suite",
    "load_task",
    "read_runs",
    "rescore",
    "run",
    "score",
]

_TYPES = ("Predictions", "RunRecord", "Task")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'dnabench' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(import_module("dnabench.harness.types" if name in _TYPES else "dnabench.harness.api"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
