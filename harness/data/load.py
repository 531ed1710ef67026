"""Task → Splits: find the files, read and check them, prove what they are, cut them by the task's rule."""

from pathlib import Path

from dnabench.harness.errors import DataError, RequestError
from dnabench.harness.types import FileFacts, Split, SplitFacts, Splits, Task

from .cuts import by_column, by_fold, draw_dev, limit_splits
from .formats import Columns, Rows, joined, only, parse_rows
from .identity import Seen, identify
from .opening import read_plain
from .rows import Checked, check_rows, class_counts
from .sources import DataOptions, Found, locate

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
        seen = read_file(task, "all", known, locate(task, known, options), options)
        facts = identify(seen, known)
        splits = by_column(task, seen, facts) if task.split_rule.kind == "column" else by_fold(task, seen, facts)
    for split in (splits.train, splits.test):
        _refuse_one_class(split, splits)
    return splits if options.limit is None else limit_splits(task, splits, options.limit)


def read_file(task: Task, split: str, known: FileFacts, found: Found, options: DataOptions) -> Seen:
    """One of a task's files, read and checked row by row but not yet identified."""
    file = Path(known.path).name if task.source.embedded else known.path
    data = b"" if found.path.is_dir() else read_plain(found.path, file)
    rule, depends = task.split_rule, task.dependence
    named = {column for column in (rule.column, rule.groups, depends.groups) if column}
    rows = _rows(task, found, file, data, options)
    checked = check_rows(rows, task.target, split, file, named)
    advice = f"replace it, or remove it and run `dnabench fetch {task.suite}`"
    if task.source.embedded:
        advice = "restore it, or correct what the suite file says of it"
    # A checksum of one file proves the rows only where the file holds exactly them.
    complete = task.source.kind == "files" and not found.parts and "where" not in task.source.options
    return Seen(file, found.origin, data, checked, advice, complete=complete)


def _rows(task: Task, found: Found, file: str, data: bytes, options: DataOptions) -> Rows:
    """The rows of a file, a folder of classes or a table of places, as the task's source says."""
    if task.source.kind == "intervals":
        from .genomes import genomes_of
        from .intervals import read_intervals

        return read_intervals(found.path, genomes_of(task, options), task)
    if found.path.is_dir():
        from .classes import read_classes

        return read_classes(found.path, task, options)
    # The name on this disk tells the format; the official name is what errors say.
    columns = Columns(task.source.sequence_columns, task.source.label_column)
    parts = [parse_rows(data, columns, file)]
    parts += [parse_rows(read_plain(path, path.name), columns, path.name) for path in found.parts[1:]]
    rows = joined(parts)
    where = task.source.options.get("where")
    return only(rows, where, file) if where else rows


def _fixed(task: Task, options: DataOptions) -> Splits:
    files = {name: task.source.files[name] for name in ("train", "dev", "test") if name in task.source.files}
    # All are found before the first is read: a missing file is said at once.
    found = {name: locate(task, known, options) for name, known in files.items()}
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
