"""Task → Splits: find the files, read and check them, prove what they are, cut them by the task's rule."""

from pathlib import Path

from dnabench.harness.errors import DataError, RequestError
from dnabench.harness.types import FileFacts, Split, SplitFacts, Splits, Task

from .cuts import by_column, by_fold, draw_dev, limit_splits
from .formats import Rows
from .identity import Seen, identify
from .opening import read_plain
from .rows import Checked, check_rows, class_counts
from .sources import MADE, DataOptions, Found, is_places, locate

__all__ = ["DataOptions", "load_splits", "read_file"]


def load_splits(task: Task, options: DataOptions | None = None) -> Splits:
    """A task's train, dev and test rows with the facts of each: identity, counts, origin.

    The facts describe the whole splits also where `options.limit` keeps some rows only. Raises Unavailable
    (which file is missing, where it was looked for, what to do), ChecksumError where a file is not the
    task's, DataError for rows that cannot be used.
    """
    options = options or DataOptions()
    if options.limit is not None and options.limit < 1:
        raise RequestError(f"a limit of {options.limit} rows leaves nothing: give 1 or more")
    if task.split_rule.kind == "fixed":
        splits = _fixed(task, options)
    else:
        known = task.source.files["all"]
        seen = read_file(task, "all", known, _found(task, known, options), options)
        facts = identify(seen, known)
        splits = by_column(task, seen, facts) if task.split_rule.kind == "column" else by_fold(task, seen, facts)
    for split in (splits.train, splits.test):
        _refuse_one_class(split, splits)
    return splits if options.limit is None else limit_splits(task, splits, options.limit)


def read_file(task: Task, split: str, known: FileFacts, found: Found, options: DataOptions) -> Seen:
    """One of a task's files, read and checked row by row but not yet identified."""
    file = Path(known.path).name if task.source.embedded else known.path
    data = read_plain(found.path, file) if found.path.is_file() and task.source.kind != "matlab" else b""
    rule, depends = task.split_rule, task.dependence
    named = {column for column in (rule.column, rule.groups, depends.groups) if column}
    rows = _rows(task, split, (found, file, data), options)
    checked = check_rows(rows, task.target, split, file, named)
    advice = f"replace it, or remove it and run `dnabench fetch {task.suite}`"
    if task.source.embedded:
        advice = "restore it, or correct what the suite file says of it"
    # A checksum of one file proves the rows only where the file holds exactly them.
    complete = task.source.kind == "files" and not found.parts and not task.source.options.keys() & {"where", "join"}
    return Seen(file, found.origin, data, checked, advice, complete=complete)


def _found(task: Task, known: FileFacts, options: DataOptions) -> Found:
    """Where a split's rows come from; those made of genomes have no file of their own."""
    return Found(Path(known.path), "genomes") if task.source.kind in MADE else locate(task, known, options)


def _rows(task: Task, split: str, seen: tuple[Found, str, bytes], options: DataOptions) -> Rows:
    """The rows of a file, a folder of classes, a table of places or a genome, as the task's source says."""
    found, file, data = seen
    if task.source.kind == "windows":
        from .draws import read_draws

        return read_draws(task, split, options)
    if task.source.kind == "peaks":
        from .peaks import read_peaks

        return read_peaks(task, split, options)
    if task.source.kind == "matlab":
        return _deepsea(task, found.path, options)
    if task.source.kind == "intervals":
        from .genomes import genomes_of
        from .intervals import read_intervals

        return read_intervals(found.path, genomes_of(task, options), task)
    if found.path.is_dir():
        from .classes import read_classes

        return read_classes(found.path, split, task, options)
    from .shaping import read_table_rows

    # The name on this disk tells the format; the official name is what errors say.
    return read_table_rows(task, found, data, file, options)


def _deepsea(task: Task, path: Path, options: DataOptions) -> Rows:
    if is_places(path):
        from .genomes import genomes_of
        from .profiles import read_profiles

        return read_profiles(path, genomes_of(task, options), task)
    from .matlab import read_matlab

    asked = task.source.options
    return read_matlab(path, asked["labels"], asked.get("forward_only", False))


def _fixed(task: Task, options: DataOptions) -> Splits:
    files = {name: task.source.files[name] for name in ("train", "dev", "test") if name in task.source.files}
    # All are found before the first is read: a missing file is said at once.
    found = {name: _found(task, known, options) for name, known in files.items()}
    parts: dict[str, Checked] = {}
    facts: dict[str, SplitFacts] = {}
    for name, known in files.items():
        seen = read_file(task, name, known, found[name], options)
        parts[name], facts[name] = seen.checked, identify(seen, known)
        if name == "train" and "dev" not in files:
            parts, facts = draw_dev(task, seen, facts["train"])
    return Splits(parts["train"].split, parts["dev"].split, parts["test"].split, facts)


def _refuse_one_class(split: Split, splits: Splits) -> None:
    counts = class_counts(split)
    if split.target.kind == "class" and counts and len(split) and sum(count > 0 for count in counts) < 2:
        only = split.target.classes[max(range(len(counts)), key=counts.__getitem__)]
        raise DataError(
            f"{splits.facts[split.name].file}: all {len(split):,} {split.name} rows are of class {only!r}: "
            "a score needs at least two classes in train and in test"
        )
