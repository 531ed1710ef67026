"""A user's own table as a task, without a line of configuration: what is inferred is said in the task's notes."""

import re
from collections.abc import Sequence
from pathlib import Path

from dnabench.harness.errors import DataError, RequestError
from dnabench.harness.types import Dependence, FileFacts, Source, SplitRule, Target, Task

from .formats import FASTA_SUFFIXES, Rows, read_rows
from .formats import Columns as RowColumns

MOST_CLASSES = 100
"""Different labels above which a column of whole numbers is a value and a column of words is refused."""
_ENDINGS = (".csv", ".tsv", ".txt", ".parquet", *FASTA_SUFFIXES)


def user_task(path: Path) -> Task:
    """The task `local/<name of the file>` from a csv, tsv, FASTA or parquet file.

    Columns `sequence` and `label`, and where they exist `split` (train, dev, test) and `group` (rows that belong
    together). Without `split` the rows are divided 70 / 15 / 15 by their content. Few whole numbers or words are
    classes, other numbers are values. Raises RequestError where there is no such file, DataError for its rows.
    """
    if not path.is_file():
        raise RequestError(f"{path} does not exist: give a csv, tsv, FASTA or parquet file with sequence and label")
    rows = read_rows(path, RowColumns(), path.name)
    if not len(rows):
        raise DataError(f"{path.name} has no rows below its header: is the file cut short?")
    target, said = infer_target(rows, path.name)
    split_rule, how = _split_rule(rows)
    value = target.kind == "value"
    return Task(
        name=f"local/{_name(path)}",
        version=1,
        title=path.name,
        inputs="sequence",
        target=target,
        metric="spearman" if value else "mcc",
        metrics=("pearson", "r2", "mse") if value else ("accuracy", "f1_macro", "auroc", "auprc")[: 5 - (len(target.classes) > 2)],
        source=Source("files", {"all": FileFacts(path.name)}, embedded=True),
        split_rule=split_rule,
        dependence=Dependence(groups=split_rule.groups, reason="the file's own groups" if split_rule.groups else ""),
        length=_one_length(rows.sequences),
        notes=(said, how),
        folder=str(path.parent),
    )


def infer_target(rows: Rows, file: str) -> tuple[Target, str]:
    """What the labels are, and the sentence that says so.

    >>> infer_target(Rows(["A", "C"], [], ["yes", "no"]), "a.csv")
    (Target(kind='class', classes=('no', 'yes')), "2 classes (no, yes), inferred from the labels")
    """
    words = set(rows.labels)
    numbers = _numbers(words)
    if numbers is not None and (len(words) > MOST_CLASSES or not all(number.is_integer() for number in numbers)):
        return Target("value"), "values to be predicted, inferred from the labels"
    if len(words) > MOST_CLASSES:
        raise DataError(f"{file}: the labels are {len(words):,} different words: more than {MOST_CLASSES} classes need a suite file")
    if len(words) < 2:
        raise DataError(f"{file}: all labels are {rows.labels[0]!r}: a score needs at least two classes")
    classes = tuple(sorted(words, key=float if numbers is not None else str))
    shown = ", ".join(classes[:6]) + (", …" if len(classes) > 6 else "")
    return Target("class", classes), f"{len(classes)} classes ({shown}), inferred from the labels"
