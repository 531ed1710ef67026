"""Where a task's files are: beside the suite, under --data DIR, DNABENCH_DATA, the cache, or on the hub."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dnabench.harness.errors import RequestError, Unavailable
from dnabench.harness.types import FileFacts, Task

from . import hub

DATA_VARIABLE = "DNABENCH_DATA"
CACHE_VARIABLE = "DNABENCH_CACHE"
MADE = ("windows", "peaks")
"""Kinds of source whose rows are made of genomes: their `files` name splits, not files."""
GENOMES = "genomes"
"""The folder of genomes inside a data folder."""
_FASTA = (".fa", ".fasta", ".fna")
_PACKED = ("", ".gz", ".bgz", ".xz")


@dataclass(frozen=True)
class DataOptions:
    """Where to look for data, whether the network may be used, and how many rows of each split to keep."""

    data_dir: Path | None = None
    offline: bool = False
    cache: Path | None = None
    """None: the folder that DNABENCH_CACHE names, else ~/.cache/dnabench."""
    limit: int | None = None
    genomes: Mapping[str, Path] | None = None
    """Assembly → FASTA file, as --genome names them."""


@dataclass(frozen=True)
class Found:
    """A file on this machine and where it came from, in words that are true on every machine."""

    path: Path
    """The first where `parts` are several."""
    origin: str
    parts: tuple[Path, ...] = ()
    """All files of a split that comes in several, in the order of their names."""


def locate(task: Task, facts: FileFacts, options: DataOptions) -> Found:
    """The file that `facts` describe: from --data, DNABENCH_DATA, cache or hub, or beside an embedded suite.

    Each place is tried with each of the source's folders, with the official and the hub's path, plain,
    gzipped and as parquet. Raises Unavailable saying which file is missing where and what to do, RequestError
    for a data folder that does not exist.
    """
    found = find_local(task, facts, options)
    if found:
        return found
    if task.source.embedded:
        raise Unavailable(f"{task.name}: {facts.path} is missing beside the suite file: reinstall or restore it")
    reason = "the hub was not asked"
    if task.source.hub_repo and not options.offline:
        try:
            return _from_hub(task, facts, options)
        except Unavailable as problem:
            reason = str(problem)
    missing = f"{task.name}: {facts.path} is missing: looked in {_looked(task, options)}"
    if not task.source.hub_repo:
        raise Unavailable(f"{missing}; no place to download it from is known: bring it and name its folder, --data DIR")
    mend = f"get it with `dnabench fetch {task.suite}` where there is a network, or name its folder, --data DIR"
    raise Unavailable(f"{missing}; {reason}; {mend}")


def find_local(task: Task, facts: FileFacts, options: DataOptions) -> Found | None:
    """The file where it lies on this machine already; None where it does not."""
    folders = task.source.kind == "classes"
    for root, origin in _roots(task, options):
        if not root.is_dir():  # most are not: one look instead of one per spelling
            continue
        for path in _spellings(facts):
            if (root / path).is_file() or (folders and (root / path).is_dir()):
                return Found(root / path, origin)
            parts = tuple(sorted(root.glob(path))) if "*" in path and root.is_dir() else ()
            if parts:
                return Found(parts[0], origin, parts)
    if task.source.hub_repo and not task.source.embedded:
        return _kept(task, facts, options)
    return None


def require_places(options: DataOptions, tasks: Iterable[Task] = ()) -> None:
    """Raises RequestError for a place that is named and is not there: --data, --genome, and for `tasks` DNABENCH_DATA.

    That is the user's mistake and no task's: it is said once, before anything is run.
    """
    beside = all(task.source.embedded for task in tasks)
    for folder, name in data_folders(options):
        if name.startswith("--data") or not beside:
            _require_folder(folder, name)
    for name, file in (options.genomes or {}).items():
        _require_genome(name, file)


def _require_folder(folder: Path, name: str) -> None:
    if not folder.is_dir():
        raise RequestError(f"{name} is not a folder: name the folder that holds the data")


def _require_genome(name: str, file: Path) -> None:
    if not file.is_file():
        folder = " that is no folder: join its chromosomes (cat chr*.fa > one.fa)" if file.is_dir() else ""
        raise RequestError(f"--genome {name}={file}: {'name a file' if folder else 'there is no such file'}{folder}")


def find_assembly(name: str, options: DataOptions) -> Path | None:
    """The FASTA file of an assembly: the one that --genome names, else `genomes/NAME.fa` in a data folder or the cache.

    Raises RequestError where --genome names a file that is not there.
    """
    given = (options.genomes or {}).get(name)
    if given is not None:
        _require_genome(name, given)
    roots = [*(folder for folder, _ in data_folders(options)), cache_folder(options)]
    spelt = [f"{name}{suffix}{packed}" for suffix in _FASTA for packed in _PACKED]
    folders = [folder for root in roots for folder in (root / GENOMES, root) if folder.is_dir()]
    tried = (folder / file for folder in folders for file in spelt)
    return given or next((path for path in tried if path.is_file()), None)


def is_genome_file(word: str) -> bool:
    """True for a file name, False for an assembly's name.

    >>> is_genome_file("genome.fa.gz"), is_genome_file("GRCh38")
    (True, False)
    """
    return any(word.endswith(f"{suffix}{packed}") for suffix in _FASTA for packed in _PACKED)


def is_places(path: Path) -> bool:
    """True for a csv that stands where a MATLAB file is asked for: it holds places instead of bases.

    >>> is_places(Path("train.mat")), is_places(Path("train_hg19_coords_targets.csv.gz"))
    (False, True)
    """
    return path.name.removesuffix(".gz").endswith(".csv")


def cache_folder(options: DataOptions) -> Path:
    """Where downloads are kept."""
    named = options.cache or os.environ.get(CACHE_VARIABLE)
    return Path(named).expanduser() if named else Path.home() / ".cache" / "dnabench"


def data_folders(options: DataOptions) -> Iterator[tuple[Path, str]]:
    """Each data folder and how the user named it."""
    if options.data_dir is not None:
        yield options.data_dir.expanduser(), f"--data {options.data_dir}"
    named = os.environ.get(DATA_VARIABLE)
    if named:
        yield Path(named).expanduser(), f"{DATA_VARIABLE}={named}"


def _roots(task: Task, options: DataOptions) -> Iterator[tuple[Path, str]]:
    if task.source.embedded:
        yield Path(task.folder), "embedded"
        return
    for folder, name in data_folders(options):
        _require_folder(folder, name)
        yield from ((folder / inner, "data folder") for inner in task.source.folders)
    # The cache is shared by all suites: a file that lies bare in it could be another suite's.
    named = [inner for inner in task.source.folders if inner != "."] or [task.suite]
    yield from ((cache_folder(options) / inner, "cache") for inner in named)


def _spellings(facts: FileFacts) -> list[str]:
    """The names under which one file may lie, official ones first.

    >>> _spellings(FileFacts("tf/0/dev.csv", hub_path="GUE/human_tf_0/dev.csv"))[:3]
    ['tf/0/dev.csv', 'tf/0/dev.csv.gz', 'tf/0/dev.parquet']
    """
    paths = [facts.path] + ([facts.hub_path] if facts.hub_path not in (None, facts.path) else [])
    spelt = []
    for path in map(hub.safe_path, filter(None, paths)):
        stem, point, ending = path.removesuffix(".gz").rpartition(".")
        parquet = [f"{stem}.parquet"] if point and ending in ("csv", "tsv") else []
        spelt += [path, f"{path}.gz", *parquet]
    return spelt


def _kept(task: Task, facts: FileFacts, options: DataOptions) -> Found | None:
    """Files of the hub that were downloaded before: all parts of them, or nothing."""
    path, cache = facts.hub_path or facts.path, cache_folder(options)
    files = hub.kept_matches(_repository(task), path, cache) if "*" in path else (path,)
    kept = [hub.find_kept(_repository(task), file, cache) for file in files or ()]
    return _joined([one for one in kept if one]) if kept and all(kept) else None


def _from_hub(task: Task, facts: FileFacts, options: DataOptions) -> Found:
    path, cache = facts.hub_path or facts.path, cache_folder(options)
    files = hub.matches(_repository(task), path, cache) if "*" in path else (path,)
    return _joined([hub.download(_repository(task), file, cache) for file in files])


def _joined(kept: list[hub.Kept]) -> Found:
    return Found(kept[0].path, kept[0].origin, tuple(one.path for one in kept) if len(kept) > 1 else ())


def _repository(task: Task) -> hub.Repository:
    return hub.Repository(task.source.hub_repo or "", task.source.hub_revision)


def _looked(task: Task, options: DataOptions) -> str:
    tried = ", ".join(f"{inner}/" for inner in task.source.folders)
    places = [f"{name} ({tried})" for _, name in data_folders(options)]
    return " and ".join([*places, "the cache"])
