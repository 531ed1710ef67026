"""Made-up records and operands for the tests of `compare`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dnabench.harness.report.compare.compare import Comparison, compare
from dnabench.harness.report.compare.operands import Operand, matched
from dnabench.harness.run import store
from dnabench.harness.stats.verdict import Rules
from dnabench.harness.types import Predictions, RunRecord, Target

BINARY = Target("class", ("0", "1"))


def rows(  # noqa: PLR0913
    task: str, correct: float, *, n: int = 600, model: int = 0, seeds: int = 1, start: int = 0
) -> Predictions:
    """Predictions right on about a share `correct` of the rows; the rows of a task are the same for all models."""
    truth = np.random.default_rng(start + 1).integers(0, 2, n)
    rng = np.random.default_rng([model, start])
    right = rng.random((seeds, n)) < correct
    p = np.where(right == (truth == 1), 0.8, 0.2) + rng.uniform(-0.1, 0.1, (seeds, n))
    keys = np.arange(start, start + n, dtype=np.uint64)
    outputs = np.stack([1 - p, p], -1).astype(np.float32)
    return Predictions(task, "probability", keys, truth, outputs, tuple(f"seed {i}" for i in range(seeds)))


def record(model: str, said: Predictions | None, task: str = "", /, **other: Any) -> RunRecord:
    """A record of these predictions; `other` changes its fields."""
    name = said.task if said else task
    made = RunRecord(
        status="ok" if said else "failed",
        key={"data": {"train": "a", "dev": "b", "test": f"rows of {name}"}, "model": {"name": model}},
        model={"name": model, "id": f"{len(model):07x}", "options": {}},
        task={
            "name": name, "version": 1, "metric": "accuracy", "metrics": ["accuracy", "mcc"],
            "target": {"kind": "class", "classes": ["0", "1"]}, "rows": {"test": 600},
            "dependence": {"groups": None, "reason": "", "shares_test_rows_with": [], "stratified": False},
        },
        protocol={"name": "probe", "recipe": "default", "id": "1234567"},
        replicates=tuple({"name": name, "seed": i} for i, name in enumerate(said.replicates)) if said else (),
        error="" if said else "out of memory",
        outputs=(lambda: said) if said else None,
    )  # fmt: skip
    return replace(made, **other)


def operand(label: str, *records: RunRecord) -> Operand:
    return Operand(label, {str(r.task["name"]): r for r in records}, label)


def operands(words: list[str], root: Path) -> list[Operand]:
    """The operands of words that stand for one group."""
    (group,) = matched(words, root)
    return group


def compared(a: Operand, *others: Operand, rules: Rules | None = None, metric: str = "accuracy") -> list[Comparison]:
    names = list(dict.fromkeys(task for one in (a, *others) for task in one.records))
    return compare([a, *others], dict.fromkeys(names, metric), rules or Rules())


def saved(root: Path, made: RunRecord, config: str = "1234567") -> Path:
    suite, _, task = str(made.task["name"]).partition("/")
    path = (
        root / "runs" / suite / f"{made.model['name']}@{made.model['id']}" / f"probe.default@{config}" / f"{task}.json"
    )
    said = made.outputs() if made.outputs else None
    store.update(path, lambda _: (replace(made, outputs=None), said))
    return path
