"""Auditing a task, and reading, checking and fingerprinting a whole suite, beside `datasets.load_dataset`.

    python tests/speed/audit.py DATA            (DATA holds gue/; the cache used here is a temporary folder)

Aims: prom_core_all audited in 10 s, facts and shortcut cells together; all of GUE that is there read, checked and
fingerprinted in 3 s, and 5 times faster than `datasets` reads the same csv files with an empty cache. Times are of
the wall clock and of this process's CPU, because a shared machine stretches the one and not the other.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

AUDIT_SECONDS, READ_SECONDS, TIMES_FASTER = 10.0, 3.0, 5.0
TASK = "gue/prom_core_all"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder that holds gue/")
    data: Path = parser.parse_args().data
    with tempfile.TemporaryDirectory(prefix="dnabench-") as folder:
        os.environ["DNABENCH_CACHE"] = str(Path(folder, "cache"))
        os.environ["HF_HOME"] = str(Path(folder, "hf"))
        os.environ["HF_HUB_OFFLINE"] = "1"
        import dnabench.harness.api  # noqa: F401 - imports are no part of what is timed

        met = [_facts(data), _whole_audit(data), _reading(data)]
    return 0 if all(met) else 1


def _facts(data: Path) -> bool:
    from dnabench.harness.audit.facts import audit_fully
    from dnabench.harness.data.load import load_splits

    task, options = _task(data)
    splits = load_splits(task, options)
    wall, cpu, _ = _timed(lambda: audit_fully(task, splits))
    return _line(f"facts of {TASK}", wall, cpu, AUDIT_SECONDS)


def _whole_audit(data: Path) -> bool:
    """Facts, five shortcut cells with their intervals, scores without leaked rows; nothing kept from before."""
    from dnabench.harness.report.audit.audit import Asked, audit_tasks
    from dnabench.harness.stats.bootstrap import compiles

    task, options = _task(data)
    compiles()
    wall, cpu, audit = _timed(lambda: audit_tasks([task], Asked(options)))
    again, again_cpu, _ = _timed(lambda: audit_tasks([task], Asked(options)))
    done = _line(f"audit of {TASK}, {len(audit.tasks[0].records)} shortcut cells", wall, cpu, AUDIT_SECONDS)
    return _line("the same from the cache", again, again_cpu, AUDIT_SECONDS) and done


def _reading(data: Path) -> bool:
    from dnabench.harness.data.load import load_splits
    from dnabench.harness.data.sources import find_local
    from dnabench.harness.registry import load_suite

    _, options = _task(data)
    tasks = load_suite("gue").tasks
    found = [(task, [find_local(task, facts, options) for facts in task.source.files.values()]) for task in tasks]
    here = [task for task, parts in found if all(parts)]
    files = [part.path for _, parts in found for part in parts if part is not None and all(parts)]
    load_splits(here[0], options)  # what is imported at the first task is no part of the time
    wall, cpu, splits = _timed(lambda: [load_splits(task, options) for task in here])
    rows = sum(len(part) for one in splits for part in (one.train, one.dev, one.test))
    done = _line(f"reading, checking, identifying {len(files)} files, {rows:,} rows", wall, cpu, READ_SECONDS)
    if find_spec("datasets") is None:
        print("datasets.load_dataset: not measured (datasets is not installed)")
        return done
    _load_dataset(files[:1])
    peer_wall, peer_cpu, _ = _timed(lambda: _load_dataset(files))
    times = peer_cpu / cpu
    print(f"datasets.load_dataset, empty cache: {peer_wall:.2f} s wall, {peer_cpu:.2f} s CPU")
    print(f"{times:.1f} times its CPU seconds ({'met' if times >= TIMES_FASTER else 'MISSED'}: {TIMES_FASTER:g})")
    return done and times >= TIMES_FASTER


def _load_dataset(files: list[Path]) -> None:
    """The same files folder by folder, as its users load a task."""
    import datasets

    datasets.disable_progress_bars()
    for folder in sorted({path.parent for path in files}):
        splits = {path.stem: str(path) for path in files if path.parent == folder}
        datasets.load_dataset("csv", data_files=splits)


def _task(data: Path) -> Any:
    from dnabench.harness.data.sources import DataOptions
    from dnabench.harness.registry import find_tasks

    return find_tasks(tasks=[TASK])[0], DataOptions(data_dir=data, offline=True)


def _timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return time.perf_counter() - wall, time.process_time() - cpu, found


def _line(what: str, wall: float, cpu: float, aim: float) -> bool:
    """The aim is judged in CPU seconds: this machine may be busy with other things."""
    print(f"{what}: {wall:.2f} s wall, {cpu:.2f} s CPU ({'met' if cpu < aim else 'MISSED'}: {aim:g})", flush=True)
    return cpu < aim


if __name__ == "__main__":
    sys.exit(main())
