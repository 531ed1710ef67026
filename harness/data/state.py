"""Can a task be run here and now? Told from what lies on this machine; nothing is read, nothing downloaded."""

from __future__ import annotations

from typing import Literal

from dnabench.harness.types import FileFacts, Task

from .sources import DataOptions, find_assembly, find_local, is_genome_file

State = Literal["ready", "needs download", "needs genome", "unavailable"]


def task_state(task: Task, options: DataOptions) -> State:
    """`ready`: all files are here; `needs download`: the hub has them; `needs genome`: only its genome is missing.

    `unavailable`: the suite knows no place to download its files from: bring them by hand (`--data DIR`).
    """
    rule = task.split_rule.kind
    wanted = [facts for name, facts in task.source.files.items() if rule == "fixed" or name == "all"]
    found = [find_local(task, facts, options) for facts in wanted]
    if not all(found):
        return "needs download" if task.source.hub_repo else "unavailable"
    places = task.source.kind == "intervals" or any(one and one.path.is_dir() for one in found)
    genomes = _genomes(task) if places else []
    return "ready" if all(_here(task, word, options) for word in genomes) else "needs genome"


def _genomes(task: Task) -> list[str]:
    options = task.source.options
    named = list(options["genomes"].values()) if "genomes" in options else [options.get("genome", [])]
    return [word for words in named for word in ([words] if isinstance(words, str) else words)]


def _here(task: Task, word: str, options: DataOptions) -> bool:
    if is_genome_file(word):
        return find_local(task, FileFacts(word), options) is not None
    return find_assembly(word, options) is not None
