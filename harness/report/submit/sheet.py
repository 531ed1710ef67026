"""Columns of a csv, tsv or parquet file as what a model said of each row.

which row   `key` (content key) or `sequence` (pairs: `sequence1`, `sequence2`); without either, the test file's order
classes     `probability_<class>` for each, `probability` (of the second of two), `prediction` (a class), or `score`
            (grows with the second class); several labels: `probability_<label>` for each
values      `value`
seed        a number, where there are several; `label` (the truth) is compared with ours and never used
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...data.fingerprint import content_keys
from ...errors import DataError, RequestError, needs_extra
from ...run.meet import Met
from ...types import Inputs, OutputKind, Target

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[Any]
Part = tuple[Array | None, Array, Array | None]
"""Keys, outputs (rows, outputs) and claimed labels of one seed, in the file's order."""

PREFIXES = ("probability_", "p_", "p")
VALUES = ("value", "prediction", "score")
ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")


@dataclass(frozen=True)
class Said:
    """What a file says: the kind of its outputs, its replicates, and the rows of each."""

    kind: OutputKind
    replicates: tuple[str, ...]
    parts: tuple[Part, ...]


def read_sheet(path: Path, met: Met) -> Said:
    """The rows of a table file by seed. Raises RequestError for another kind of file, DataError for its contents."""
    frame = _frame(path)
    if not len(frame):
        raise DataError(f"{path} has no rows: one is needed for each of {len(met.keys):,} test rows.")
    kind, outputs = _outputs(frame, met.task.target, path)
    keys, labels = _keys(frame, met, path), _labels(frame, met.task.target, path)
    seeds = _numbers(frame, "seed", path) if "seed" in frame else np.zeros(len(frame))
    if (seeds != np.floor(seeds)).any() or (seeds < 0).any() or (seeds > 1e9).any():
        raise DataError(f"{path}: the column `seed` must hold whole numbers from 0.")
    found = sorted({int(seed) for seed in seeds})
    parts = tuple(_part((keys, outputs, labels), seeds == seed) for seed in found)
    return Said(kind, tuple(f"seed {seed}" for seed in found), parts)


def _part(whole: Part, rows: Array) -> Part:
    keys, outputs, labels = whole
    return None if keys is None else keys[rows], outputs[rows], None if labels is None else labels[rows]


def _frame(path: Path) -> pd.DataFrame:
    """The file as texts (csv) or as typed columns (parquet), with names in lower case."""
    import pandas as pd

    name = path.name.lower()
    if not name.endswith(ENDINGS):
        raise RequestError(f"{path}: predictions are read from .npz, {', '.join(ENDINGS)}.")
    try:
        if name.endswith(".parquet"):
            frame = pd.read_parquet(path)
        else:
            mark = "\t" if ".tsv" in name else ","
            with warnings.catch_warnings():
                # A row that is longer than the head is only a warning there, and its end would be lost.
                warnings.simplefilter("error")
                frame = pd.read_csv(
                    path, sep=mark, dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False
                )
    except ImportError:
        raise needs_extra("pyarrow", "parquet") from None
    except Exception as problem:  # pandas and pyarrow raise many kinds, and the file is anybody's
        raise DataError(f"{path} cannot be read ({' '.join(str(problem).split())[:200]}).") from problem
    frame.columns = [str(column).strip().lower() for column in frame.columns]
    if len(set(frame.columns)) < len(frame.columns):
        raise DataError(f"{path} has two columns of one name: {', '.join(frame.columns)}.")
    return frame


def _outputs(frame: pd.DataFrame, target: Target, path: Path) -> tuple[OutputKind, Array]:
    """The kind of what is said, and it as float64 (rows, outputs)."""
    if target.kind == "value":
        column = _one_of(frame, VALUES)
        if column:
            return "value", _numbers(frame, column, path)[:, None]
        raise DataError(f"{path} has no column {_listed(VALUES)}: it has {', '.join(frame.columns)}.")
    columns = [_one_of(frame, _spellings(name, i)) for i, name in enumerate(target.classes)]
    if all(columns):
        return "probability", np.stack([_numbers(frame, str(column), path) for column in columns], 1)
    if target.kind == "class":
        one = _single(frame, target, path)
        if one is not None:
            return one
    lost = next(name for name, column in zip(target.classes, columns, strict=True) if not column)
    more = "" if target.kind == "multilabel" else ", nor `probability`, `prediction` or `score`"
    raise DataError(f"{path} has no column `probability_{lost}`{more}: it has {', '.join(frame.columns)}.")


def _single(frame: pd.DataFrame, target: Target, path: Path) -> tuple[OutputKind, Array] | None:
    """One column of a task with classes."""
    if "probability" in frame and len(target.classes) == 2:
        second = _numbers(frame, "probability", path)
        return "probability", np.stack([1.0 - second, second], 1)
    if "prediction" in frame:
        return "label", np.eye(len(target.classes))[_classes(frame["prediction"], target, path)]
    for name, kind in (("log_likelihood", "log_likelihood"), ("score", "value")):
        if name in frame:
            return ("log_likelihood" if kind == name else "value"), _numbers(frame, name, path)[:, None]
    return None


def _spellings(name: str, number: int) -> list[str]:
    """Names that a class's column may have.

    >>> _spellings("TATA", 1)
    ['probability_tata', 'p_tata', 'ptata', 'probability_1', 'p_1', 'p1']
    """
    return [prefix + str(word).lower() for word in (name, number) for prefix in PREFIXES]


def _one_of(frame: pd.DataFrame, names: Sequence[str]) -> str:
    return next((name for name in names if name in frame.columns), "")


def _listed(names: Sequence[str]) -> str:
    return " or ".join(f"`{name}`" for name in names)


def _numbers(frame: pd.DataFrame, column: str, path: Path) -> Array:
    """A column as float64; NaN stays and is refused with its row later."""
    values = frame[column]
    try:
        return np.asarray(values.to_numpy(), np.float64)
    except (TypeError, ValueError):
        row = next(i for i, value in enumerate(values) if not _is_number(value))
        said = str(values.iloc[row])[:40]
        raise DataError(f"{path}: row {row + 1:,} of column `{column}` is {said!r}, not a number.") from None


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _keys(frame: pd.DataFrame, met: Met, path: Path) -> Array | None:
    if "key" in frame:
        try:
            return np.array([int(key) for key in frame["key"]], np.uint64)
        except (TypeError, ValueError, OverflowError):
            raise DataError(f"{path}: the column `key` must hold whole numbers from 0 to 2**64 - 1.") from None
    first, second = _one_of(frame, ("sequence", "sequence1")), _one_of(frame, ("sequence2",))
    if not first:
        return None
    if bool(second) != bool(len(met.splits.test.inputs.seconds)):
        raise DataError(f"{path}: {met.task.name} is of {'pairs' if not second else 'single sequences'}.")
    columns = {name: [str(text).strip().upper() for text in frame[name]] for name in (first, second) if name}
    return content_keys(Inputs(columns[first], columns[second] if second else ()))


def _labels(frame: pd.DataFrame, target: Target, path: Path) -> Array | None:
    """The column `label` or `truth` as our labels are written; a multilabel truth is not read."""
    column = _one_of(frame, ("label", "truth"))
    if not column or target.kind == "multilabel":
        return None
    return _numbers(frame, column, path) if target.kind == "value" else _classes(frame[column], target, path)


def _classes(values: Any, target: Target, path: Path) -> Array:
    """Class names or numbers as class numbers."""
    known: Mapping[str, int] = {str(i): i for i in range(len(target.classes))} | {
        name: i for i, name in enumerate(target.classes)
    }
    words = [str(value).strip() for value in values]
    odd = next((i for i, word in enumerate(words) if word not in known), None)
    if odd is not None:
        classes = ", ".join(target.classes)
        raise DataError(f"{path}: row {odd + 1:,} of column `{values.name}` is {words[odd]!r}, no class of {classes}.")
    return np.array([known[word] for word in words], np.int64)
