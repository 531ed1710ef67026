"""Getting a suite's files before going where there is no network."""

from dataclasses import dataclass
from pathlib import Path

from dnabench.harness.errors import DataError, Unavailable
from dnabench.harness.types import FileFacts, Progress, Task

from .identity import identify
from .load import load_splits, read_file
from .sources import GENOMES, MADE, DataOptions, Found, find_local, is_genome_file, locate
from .state import genome_words


@dataclass(frozen=True)
class Fetched:
    """One file of a task: where it is now, what it was proved to be, or why it is not here."""

    task: str
    file: str
    origin: str = ""
    """Empty for a file that is not here; with a problem: the file is, but its rows cannot be read or are others."""
    identity: str = ""
    """As in SplitFacts; empty for a file that holds no rows (a genome)."""
    new: bool = False
    """True where it was downloaded by this call."""
    problem: str = ""
    """One sentence; empty where the file is here and is the right one."""


def fetch_task(task: Task, options: DataOptions, progress: Progress) -> list[Fetched]:
    """The files of one task, downloaded where they are not on this machine, and checked.

    Those that rows are made with come first. `progress` is told each file that is here. Nothing is raised for a
    file that cannot be had: its entry says why.
    """
    done = []
    for split, known in (*((None, FileFacts(path)) for path in _needed(task)), *_files(task).items()):
        got = _fetch_part(task, known, options) if split is None else _fetch_file(task, split, known, options)
        news = got.problem or ("downloaded, " if got.new else "here, ") + (got.identity or "not checked")
        if got.origin:
            progress(f"{task.name} {got.file}: {news}")
        done.append(got)
    return done


def _needed(task: Task) -> list[str]:
    """Files that rows are made with: genomes, peaks, a library of sequences. Assemblies are the user's to bring."""
    asked = task.source.options
    genomes = [word for word in genome_words(task) if is_genome_file(word)]
    library = [asked["join"]["file"]] if "join" in asked else []
    return [*genomes, *dict.fromkeys((asked.get("peaks") or {}).values()), *library]


def _files(task: Task) -> dict[str, FileFacts]:
    """Files by split; a part of the file `all` is no file of its own."""
    files = dict(task.source.files)
    return {"all": files["all"]} if "all" in files else files


def _fetch_part(task: Task, known: FileFacts, options: DataOptions) -> Fetched:
    try:
        here = find_local(task, known, options)
        return Fetched(task.name, known.path, (here or locate(task, known, options)).origin, new=here is None)
    except Unavailable as problem:
        return Fetched(task.name, known.path, problem=str(problem))


def _fetch_file(task: Task, split: str, known: FileFacts, options: DataOptions) -> Fetched:
    found = None
    try:
        here = Found(Path(known.path), GENOMES) if task.source.kind in MADE else find_local(task, known, options)
        found = here or locate(task, known, options)
        try:
            identity = _identity(task, split, found, options)
        except DataError:
            if here is None or not found.origin.startswith("hub:"):
                raise
            # A download of ours that went bad on this disk is the one thing that may be replaced unasked.
            found.path.unlink()
            here, found = None, locate(task, known, options)
            identity = _identity(task, split, found, options)
        return Fetched(task.name, known.path, found.origin, identity, new=here is None)
    except (Unavailable, DataError) as problem:
        # Rows that are made of a missing genome are missing themselves.
        made = task.source.kind in MADE and isinstance(problem, Unavailable)
        return Fetched(task.name, known.path, found.origin if found and not made else "", problem=str(problem))


def _identity(task: Task, split: str, found: Found, options: DataOptions) -> str:
    if split == "all":
        # Rows that need more than this file (a genome) are proved split by split: the weakest proof counts.
        states = {facts.identity for facts in load_splits(task, options).facts.values()}
        return next(state for state in ("unknown", "counts only", "verified") if state in states)
    known = task.source.files[split]
    return identify(read_file(task, split, known, found, options), known).identity
