"""Records in, one table out: tasks down, models across, every number with its interval.

A hole is `—` with a footnote that says why. A mean stands only under a column without holes; the line `scored`
counts what is there (`27/28`). Test rows that stand in train are counted beside the task's name, and where they
are at least 1% of the test set the score without them has its own line.
"""

from __future__ import annotations

import math
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..types import RunRecord, Score
from .cells import Cell, cells, column_names
from .render import MISSING, Table

INTERVAL = "[95% interval]"
LEAK_SHARE = 0.01
"""Share of a test set's rows standing in train from which the score without them is printed too."""


def score_table(
    records: Sequence[RunRecord],
    tasks: Sequence[str] = (),
    *,
    metric: str | None = None,
    related: Mapping[str, Sequence[str]] | None = None,
) -> Table:
    """The table of scores, models in the order of the records.

    `tasks` are the rows (those of the records where empty) and the denominator of the coverage; `metric` takes the
    place of the tasks' own; `related` names for a task those that share its test rows.
    """
    grid = _Grid.of(cells(records, metric), tasks)
    lines = [line for task in grid.tasks for line in _task_lines(grid, task)]
    if len(grid.tasks) > 1:
        lines += [*_mean_lines(grid, related or {}), _coverage_line(grid)]
    one = len(grid.titles) == 1
    first = (f"{next(iter(grid.titles))} {INTERVAL}",) if one else ("task", f"metric {INTERVAL}")
    head = (*first, *grid.names.values())
    rows = tuple((line.name, *([] if one else [line.metric]), *line.values) for line in lines)
    return Table("", head, rows, grid.marks.notes(), tuple(_datum(cell) for cell in grid.cells))


def value_text(score: Score | None) -> str:
    """A score as it is printed everywhere.

    >>> value_text(Score("mcc", 0.7412, 0.7064, 0.7747))
    '0.741 [0.706, 0.775]'
    >>> value_text(Score("mcc", -0.0001, None, None)), value_text(None)
    ('0.000 [—, —]', '—')
    """
    if score is None or score.value is None:
        return MISSING
    return f"{number(score.value)} [{number(score.low)}, {number(score.high)}]"


def number(value: float | None) -> str:
    """Three decimals, four significant digits from 10 on, `—` for nothing.

    >>> number(0.5), number(-1e-5), number(1234.56), number(None)
    ('0.500', '0.000', '1235', '—')
    """
    if value is None or math.isnan(value):
        return MISSING
    text = f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"
    return text.removeprefix("-") if float(text) == 0 else text


def mean_score(scores: Mapping[str, Score], related: Mapping[str, Sequence[str]]) -> Score:
    """The mean over tasks with its interval: half-widths in quadrature, added up among tasks that share test rows.

    Exact for a bootstrap of independent tasks in the normal case, and careful (never too narrow) for shared rows.

    >>> mean_score({"a": Score("mcc", 0.4, 0.3, 0.5), "b": Score("mcc", 0.6, 0.5, 0.7)}, {"a": ["b"]})
    Score(metric='mcc', value=0.5, low=0.4, high=0.6, per_replicate=(), method='mean of 2 tasks', note='')
    """
    values = {task: score.value or 0.0 for task, score in scores.items()}
    mean, n = sum(values.values()) / len(values), len(values)
    metric = next(iter(scores.values())).metric
    if any(s.low is None or s.high is None for s in scores.values()):
        return Score(metric, mean, method=f"mean of {n} tasks")
    down, up = 0.0, 0.0
    for family in families(list(scores), related):
        down += sum(values[t] - (scores[t].low or 0.0) for t in family) ** 2
        up += sum((scores[t].high or 0.0) - values[t] for t in family) ** 2
    low, high = round(mean - math.sqrt(down) / n, 12), round(mean + math.sqrt(up) / n, 12)
    return Score(metric, mean, low, high, method=f"mean of {n} tasks")


def families(tasks: Sequence[str], related: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Tasks joined by shared test rows, directly or through another.

    >>> families(["a", "b", "c"], {"a": ["c"]})
    [['a', 'c'], ['b']]
    """
    found: list[list[str]] = []
    for task in tasks:
        near = {task, *related.get(task, ())}
        joined = [f for f in found if any(t in near or task in related.get(t, ()) for t in f)]
        found = [f for f in found if f not in joined] + [[*(t for f in joined for t in f), task]]
    return sorted(found, key=lambda family: tasks.index(family[0]))


@dataclass
class _Marks:
    """Footnotes by letter; reasons that differ only in names share one."""

    letters: dict[tuple[str, str], str] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)

    def mark(self, kind: tuple[str, str], text: str) -> str:
        """The letter of a footnote, made if it is new."""
        letter = self.letters.setdefault(kind, _letter(len(self.letters)))
        self.texts.setdefault(letter, []).append(text)
        return letter

    def notes(self) -> tuple[str, ...]:
        return tuple(f"({mark}) {texts[0]}{alike(texts)}" for mark, texts in self.texts.items())


def alike(texts: Sequence[str]) -> str:
    """What is said behind the first of sentences that differ in names only: those names, each once.

    >>> alike(["a.csv is missing", "b.csv is missing", "b.csv is missing"]), alike(["a.csv is missing"])
    (' (3 cells alike; the same of b.csv)', '')
    """
    first = set(texts[0].split())
    # A word with a colon is the task, which the table names already.
    others = dict.fromkeys(w for text in texts for w in text.split() if w not in first and not w.endswith(":"))
    named = f"; the same of {', '.join(others)}" if others else ""
    return f" ({len(texts)} cells alike{named})" if len(texts) > 1 else ""


def _letter(i: int) -> str:
    """a to z, then aa, ab, …

    >>> _letter(0), _letter(25), _letter(26)
    ('a', 'z', 'aa')
    """
    letters = string.ascii_lowercase
    return (letters[i // 26 - 1] if i >= 26 else "") + letters[i % 26]


@dataclass(frozen=True)
class _Line:
    name: str
    metric: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class _Grid:
    """Cells by task and column, with what is said below."""

    cells: Sequence[Cell]
    at: Mapping[tuple[str, str], Cell]
    tasks: tuple[str, ...]
    names: Mapping[str, str]
    """Column key → head."""
    marks: _Marks

    @classmethod
    def of(cls, found: Sequence[Cell], tasks: Sequence[str]) -> _Grid:
        rows = tuple(tasks) or tuple(dict.fromkeys(cell.task for cell in found))
        kept = [cell for cell in found if cell.task in rows]
        at = {(cell.task, cell.column): cell for cell in kept}
        return cls(kept, at, rows, column_names(kept), _Marks())

    @property
    def titles(self) -> dict[str, None]:
        return dict.fromkeys(cell.metric_title for cell in self.cells)

    def row(self, task: str) -> list[Cell | None]:
        return [self.at.get((task, column)) for column in self.names]


def _task_lines(grid: _Grid, task: str) -> list[_Line]:
    row = grid.row(task)
    first = next((cell for cell in row if cell), None)
    title = first.metric_title if first else MISSING
    leaky = next((cell for cell in row if cell and cell.duplicates), None)
    name = task if leaky is None else f"{task} {_leak_mark(grid, leaky)}"
    lines = [_Line(name, title, tuple(_cell_text(grid, cell) for cell in row))]
    if leaky is not None and leaky.duplicates >= LEAK_SHARE * leaky.rows:
        values = tuple(value_text(cell.without_duplicates if cell else None) for cell in row)
        lines.append(_Line(f"  without these {leaky.duplicates:,} rows", title, values))
    return lines


def _leak_mark(grid: _Grid, cell: Cell) -> str:
    """`(12 in train)`: a count says more than a letter."""
    grid.marks.texts["N in train"] = ["test rows whose sequence, on either strand, is also in train"]
    return f"({cell.duplicates:,} in train)"


def _cell_text(grid: _Grid, cell: Cell | None) -> str:
    if cell is None:
        return f"{MISSING} ({grid.marks.mark(('not run', ''), 'not run')})"
    if cell.score is None or cell.score.value is None:
        kind, text = cell.missing()
        return f"{MISSING} ({grid.marks.mark(kind, text)})"
    marks = [grid.marks.mark(kind, text) for kind, text in cell.warnings()]
    return " ".join([value_text(cell.score), *(f"({letter})" for letter in marks)])


def _mean_lines(grid: _Grid, related: Mapping[str, Sequence[str]]) -> list[_Line]:
    """A mean for each suite and metric with at least two tasks."""
    groups: dict[tuple[str, str], list[str]] = {}
    for task in grid.tasks:
        first = next((cell for cell in grid.row(task) if cell), None)
        if first is not None:
            groups.setdefault((task.split("/")[0], first.metric_title), []).append(task)
    suites = {suite for suite, _ in groups}
    return [
        _Line(_mean_name(suite if len(suites) > 1 else "", tasks), title, _means(grid, tasks, related))
        for (suite, title), tasks in groups.items()
        if len(tasks) > 1
    ]


def _mean_name(suite: str, tasks: Sequence[str]) -> str:
    return f"mean of {len(tasks)} tasks" + (f" of {suite}" if suite else "")


def _means(grid: _Grid, tasks: Sequence[str], related: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    values = []
    for column in grid.names:
        found = {task: grid.at.get((task, column)) for task in tasks}
        scores = {
            t: c.score for t, c in found.items() if c and c.status == "ok" and c.score and c.score.value is not None
        }
        values.append(value_text(mean_score(scores, related)) if len(scores) == len(tasks) else MISSING)
    return tuple(values)


def _coverage_line(grid: _Grid) -> _Line:
    counts = [sum(grid.at[t, c].counts for t in grid.tasks if (t, c) in grid.at) for c in grid.names]
    return _Line("scored", "", tuple(f"{n}/{len(grid.tasks)}" for n in counts))


def _datum(cell: Cell) -> dict[str, Any]:
    """One line of csv and json."""
    score, without = cell.score or Score(cell.metric, None), cell.without_duplicates
    return {
        "task": cell.task, "model": cell.model, "model_id": cell.id7,
        "protocol": cell.protocol, "recipe": cell.recipe, "config_id": cell.config7,
        "metric": cell.metric, "value": score.value, "low": score.low, "high": score.high,
        "replicates": cell.replicates, "rows": cell.rows, "rows_in_train": cell.duplicates,
        "value_without": without.value if without else None,
        "low_without": without.low if without else None,
        "high_without": without.high if without else None,
        "status": cell.status, "reason": cell.reason,
    }  # fmt: skip
