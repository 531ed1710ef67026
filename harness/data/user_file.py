"""A user's own table as a task, without configuration: what is inferred is said in the task's notes."""

import re
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from difflib import SequenceMatcher
from pathlib import Path

from dnabench.harness.errors import DataError, RequestError
from dnabench.harness.types import Dependence, FileFacts, Source, SplitRule, Target, Task

from .formats import FASTA_SUFFIXES, Columns, Rows, column_names, parse_rows
from .opening import read_plain
from .rows import check_rows, refuse_missing_labels

MOST_CLASSES = 100
"""Different labels above which whole numbers are values and words are refused."""
_SEQUENCE = re.compile(r"(?:sequence|seq)[ _.-]?(1|2|a|b|)", re.IGNORECASE)
_PAIRS = (["", "2"], ["", "b"], ["1", "2"], ["a", "b"])
_RESERVED = ("split", "group")
_NEAR = 0.8
_CLASS_METRICS = ("accuracy", "f1_macro", "auroc")
_VALUE_METRICS = ("pearson", "r2", "mse")


def user_task(path: Path) -> Task:
    """The task `local/<name of the file>` from a csv, tsv, FASTA or parquet file.

    Columns `sequence` and `label` (pairs: `sequence1` and `sequence2`), and where they exist `split` (train, dev,
    test) and `group` (rows that belong together). Without `split` the rows are divided 70 / 15 / 15 by their
    content. Few whole numbers or words are classes, other numbers are values. Every row is checked here, before a
    run begins. Raises RequestError where there is no such file, DataError for its rows.
    """
    if not path.is_file():
        raise RequestError(f"{path} does not exist: give a csv, tsv, FASTA or parquet file with sequence and label")
    data = read_plain(path, path.name)
    columns = Columns(sequence_columns(column_names(data, path.name), path.name))
    rows = parse_rows(data, columns, path.name)
    if not len(rows):
        raise DataError(f"{path.name} has no rows below its header: is the file cut short?")
    refuse_missing_labels(rows, path.name)
    _refuse_near_names(list(rows.columns), path.name)
    _refuse_no_group(rows, path.name)
    target, said = infer_target(rows, path.name)
    check_rows(rows, target, "all", path.name)
    split_rule, how = _split_rule(rows)
    value = target.kind == "value"
    return Task(
        name=f"local/{_name(path)}",
        version=1,
        title=path.name,
        inputs="pair" if rows.seconds else "sequence",
        target=target,
        metric="spearman" if value else "mcc",
        metrics=_VALUE_METRICS if value else _CLASS_METRICS,
        source=Source("files", {"all": FileFacts(path.name)}, sequence_columns=columns.sequences, embedded=True),
        split_rule=split_rule,
        dependence=Dependence(groups=split_rule.groups, reason="the file's own groups" if split_rule.groups else ""),
        length=_one_length([*rows.sequences, *rows.seconds]),
        notes=(said, how, *_said_of_pairs(columns.sequences)),
        folder=str(path.parent),
    )


def sequence_columns(names: Sequence[str], file: str) -> tuple[str, ...]:
    """The one column of a table that holds sequences, or the two of a table of pairs.

    Raises DataError where the names leave it open: two sequences read as one would be a wrong task without a word.

    >>> sequence_columns(["sequence", "label"], "a.csv"), sequence_columns(["seq_a", "seq_b", "label"], "a.csv")
    (('sequence',), ('seq_a', 'seq_b'))
    """
    found = {name: match[1].lower() for name in names if (match := _SEQUENCE.fullmatch(name))}
    if len(found) < 2:
        return ("sequence",)
    if len(found) == 2 and sorted(found.values()) in _PAIRS:
        first, second = sorted(found, key=found.__getitem__)
        return first, second
    raise DataError(
        f"{file}: the columns {', '.join(map(repr, found))} all look like sequences: name one of them `sequence`, "
        "or two of them `sequence1` and `sequence2` for a task of pairs, and the others something else"
    )


def infer_target(rows: Rows, file: str) -> tuple[Target, str]:
    """What the labels are, and the sentence that says so.

    >>> infer_target(Rows(["A", "C"], [], ["yes", "no"]), "a.csv")
    (Target(kind='class', classes=('no', 'yes')), '2 classes (no, yes), inferred from the labels')
    """
    words = set(rows.labels)
    numbers = _numbers(words)
    if numbers is not None and (len(words) > MOST_CLASSES or not all(map(_whole, numbers.values()))):
        return Target("value"), "values to be predicted, inferred from the labels"
    if len(words) > MOST_CLASSES:
        raise DataError(f"{file}: the labels are {len(words):,} different words: more than {MOST_CLASSES} need a suite")
    _refuse_two_spellings(numbers or {word: word.strip() for word in words}, file)
    if len(words) < 2:
        raise DataError(f"{file}: all labels are {min(words, default='')!r}: a score needs at least two classes")
    classes = tuple(sorted(words, key=numbers.__getitem__ if numbers else str))
    shown = ", ".join(classes[:6]) + (", …" if len(classes) > 6 else "")
    return Target("class", classes), f"{len(classes)} classes ({shown}), inferred from the labels"


def _refuse_near_names(names: Sequence[str], file: str) -> None:
    """Raise DataError for a column that is nearly `split` or `group`: ignored, it would change every number."""
    for wanted in (word for word in _RESERVED if word not in names):
        for name in names:
            if SequenceMatcher(None, wanted, name.casefold()).ratio() >= _NEAR:
                raise DataError(
                    f"{file}: the column {name!r} looks like {wanted!r}: rename it to {wanted!r}, "
                    "or to something else if it means something else"
                )


def _refuse_no_group(rows: Rows, file: str) -> None:
    """Raise DataError for a row without a group: all such rows together would be one."""
    for row, word in enumerate(rows.columns.get("group", ())):
        if not word.strip():
            raise DataError(f"{file}, {rows.place(row)}: the group is empty: name one, a row alone is its own group")


def _numbers(words: Collection[str]) -> dict[str, Decimal] | None:
    """Each word as a number of any size, None where one is no number.

    >>> _numbers(["1", " 2.50"]), _numbers(["1", "yes"])
    ({'1': Decimal('1'), ' 2.50': Decimal('2.50')}, None)
    """
    try:
        return {word: Decimal(word.strip()) for word in words}
    except InvalidOperation:
        return None


def _whole(number: Decimal) -> bool:
    return number.is_finite() and number == number.to_integral_value()


def _refuse_two_spellings(words: Mapping[str, Decimal | str], file: str) -> None:
    """Raise DataError where two labels are one number or word (`1` and `1.0`, `yes` and `yes `)."""
    seen: dict[Decimal | str, str] = {}
    for word, meaning in sorted(words.items()):
        if (same := seen.setdefault(meaning, word)) != word:
            raise DataError(f"{file}: the labels {same!r} and {word!r} are one in two spellings: write one of them")


def _split_rule(rows: Rows) -> tuple[SplitRule, str]:
    groups = "group" if "group" in rows.columns else None
    if "split" in rows.columns:
        return SplitRule("column", groups=groups), "splits as the file's column `split` names them"
    undivided = "groups" if groups else "rows of one sequence, on either strand,"
    said = f"the file names no splits: drawn 70/15/15 by content, {undivided} undivided"
    return SplitRule("column", groups=groups, made=True), said


def _said_of_pairs(columns: Sequence[str]) -> tuple[str, ...]:
    return (f"a task of pairs: the columns {columns[0]!r} and {columns[1]!r}",) if len(columns) > 1 else ()


def _name(path: Path) -> str:
    """
    >>> _name(Path("my peaks.csv.gz")), _name(Path("v1.2.fa"))
    ('my-peaks', 'v1.2')
    """
    stem = path.name.removesuffix(".gz")
    endings = (".csv", ".tsv", ".txt", ".parquet", *FASTA_SUFFIXES)
    stem = next((stem.removesuffix(ending) for ending in endings if stem.endswith(ending)), stem)
    return re.sub(r"[^\w.-]+", "-", stem) or "table"


def _one_length(sequences: Collection[str]) -> int | None:
    lengths = set(map(len, sequences))
    return lengths.pop() if len(lengths) == 1 else None
