"""Can a task be run here and now? Told from what lies on this machine; nothing is read, nothing downloaded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from dnabench.harness.types import FileFacts, Task

from .sources import MADE, DataOptions, find_assembly, find_local, is_genome_file, is_places

State = Literal["ready", "needs download", "needs genome", "unavailable"]


def task_state(task: Task, options: DataOptions) -> State:
    """`ready`: all files are here; `needs download`: the hub has them; `needs genome`: only its genome is missing.

    `unavailable`: the suite knows no place to download its files from: bring them by hand (`--data DIR`).
    """
    found = []
    for facts in _files(task):
        one = find_local(task, facts, options)
        if one is None:  # the other files need not be looked for
            return "needs download" if task.source.hub_repo else "unavailable"
        found.append(one.path)
    places = task.source.kind in ("intervals", *MADE) or any(path.is_dir() for path in found)
    places = places or (task.source.kind == "matlab" and any(map(is_places, found)))
    genomes = task_genomes(task, options) if places else {}
    return "ready" if all(genomes.values()) else "needs genome"


def task_genomes(task: Task, options: DataOptions) -> dict[str, bool]:
    """Each genome that a task names, a file or an assembly, and whether it is on this machine."""
    return {word: _here(task, word, options) for word in genome_words(task)}


def genome_words(task: Task) -> list[str]:
    """The genomes that a task names, each once: files of the suite, or assemblies."""
    named = task.source.options
    return list(dict.fromkeys(_words(named["genomes"] if "genomes" in named else named.get("genome") or [])))


def _files(task: Task) -> list[FileFacts]:
    """The files that rows are read from; those of a genome are looked for by themselves."""
    if task.source.kind in MADE:
        return [FileFacts(path) for path in task.source.options.get("peaks", {}).values()]
    whole = task.split_rule.kind == "fixed"
    return [facts for name, facts in task.source.files.items() if whole or name == "all"]


def _words(named: str | list[str] | dict[str, Any]) -> Iterator[str]:
    if isinstance(named, str):
        yield named
        return
    for one in named.values() if isinstance(named, dict) else named:
        yield from _words(one)


def _here(task: Task, word: str, options: DataOptions) -> bool:
    if is_genome_file(word):
        return find_local(task, FileFacts(word), options) is not None
    return find_assembly(word, options) is not None
