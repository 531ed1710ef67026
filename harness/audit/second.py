"""A second opinion: seqleak's linter on the same rows, where it is installed (extra `audit`).

Its checks and thresholds are its own (seqleak 0.4.1); nothing here depends on what it says.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dnabench.harness.data.fingerprint import canonical_csv
from dnabench.harness.types import Split, Splits

SECONDS = 900
_SAID = ("PASS", "WARN", "FAIL", "INFO")


def second_opinion(splits: Splits) -> dict[str, Any]:
    """seqleak's verdict and its checks; `{"skipped": reason}` where it cannot be asked.

    It is run as a process of its own on copies of the rows in a temporary folder, without network.
    """
    if find_spec("seqleak") is None:
        return {"skipped": "seqleak is not installed: pip install 'dnabench[audit]'"}
    if splits.test.target.kind == "multilabel" or splits.test.inputs.seconds or not len(splits.train):
        return {"skipped": "seqleak is asked for one sequence, one label and fixed splits only"}
    with tempfile.TemporaryDirectory(prefix="dnabench-") as name:
        try:
            return _summary(_report(splits, Path(name)))
        except (OSError, ValueError, KeyError, subprocess.SubprocessError) as problem:
            return {"skipped": f"seqleak did not answer: {' '.join(str(problem).split())[-200:]}"}


def _report(splits: Splits, folder: Path) -> Any:
    kind = "regression" if splits.test.target.kind == "value" else "classification"
    words = [sys.executable, "-m", "seqleak", "audit", "--seq-col", "sequence", "--label-col", "label"]
    words += ["--task-type", kind, "--homology", "off", "--threads", "1", "--quiet", "--out", "report.json"]
    for split in (splits.train, splits.dev, splits.test):
        if len(split):
            words += [f"--{split.name}", _written(split, folder)]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    report = folder / "report.json"
    if not report.is_file():
        raise ValueError(done.stderr or f"exit {done.returncode} without a report")
    return json.loads(report.read_text(encoding="utf-8"))


def _written(split: Split, folder: Path) -> str:
    path = folder / f"{split.name}.csv"
    path.write_bytes(canonical_csv(split.inputs, split.labels, split.target))
    return path.name


def _summary(report: Any) -> dict[str, Any]:
    """Verdict and the checks that gave an answer."""
    checks = [
        {"check": name, **{key: one.get(key) for key in ("status", "statistic", "value", "reason")}}
        for name, one in report["checks"].items()
        if one["status"] in _SAID
    ]
    return {"verdict": report["verdict"]["status"], "summary": report["verdict"]["summary"], "checks": checks}
