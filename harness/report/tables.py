"""Records in, one table out: tasks down, models across, every number with its interval.

A hole is `—` with a footnote that says why. A mean stands only under a column without holes; the line `scored`
counts what is there (`27/28`). Test rows that stand in train are counted beside the task's name, and where they
are at least 1% of the test set the score without them has its own line. With `marks`, what nobody beats is bold, and
a last column says which difference the test rows could show.
"""

from __future__ import annotations

import math
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..types import RunRecord, Score
from .audit.marks import LEAK_NOTES, TRIVIAL_NOTE, leak_marks, trivial_marks
from .cells import Cell, cells, column_names, rarest_class
from .evidence import rare_notes
from .means import mean_score
from .pretraining import model_notes, verdict_of
from .render import MISSING, Table

if TYPE_CHECKING:
    from .marks import Marks

INTERVAL = "[95% interval]"
LEAK_SHARE = 0.01
"""Share of a test set's rows standing in train from which the score without them is printed too."""


def score_table(
    records: Sequence[RunRecord],
    tasks: Sequence[str] = (),
    *,
    metric: str | None = None,
    marks: Marks | None = None,
) -> Table:
    """The table of scores, models in the order of the records.

    `tasks` are the rows (those of the records where empty) and the denominator of the coverage; `metric` takes the
    place of the tasks' own; `marks` are `marks_of` these records.
    """
    grid = _Grid.of(cells(records, metric), tasks, marks if marks and marks.compares else None)
    lines = [line for task in grid.tasks for line in _task_lines(grid, task)]
    if len(grid.tasks) > 1:
        lines += [*_mean_lines(grid), _coverage_line(grid)]
    one = len(grid.titles) == 1
    first = (f"{next(iter(grid.titles))} {INTERVAL}",) if one else ("task", f"metric {INTERVAL}")
    head = (*first, *grid.names.values(), *(["could show"] if grid.marks else []))
    rows = tuple((line.name, *([] if one else [line.metric]), *line.values) for line in lines)
    places = {column: len(first) + i for i, column in enumerate(grid.names)}
    bold = frozenset((i, places[column]) for i, line in enumerate(lines) for column in line.best)
    rare = rare_notes((c.task, c.metric, rarest_class(c.record)) for c in grid.cells if c.record and c.counts)
    models = model_notes(c.record for c in grid.cells if c.record)
    notes = (*(marks.notes() if marks else ()), *rare, *grid.notes.texts_below(), *models)
    return Table("", head, rows, notes, tuple(_datum(cell, marks) for cell in grid.cells), bold)


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


@dataclass
class _Notes:
    """Footnotes by letter; reasons that differ only in names share one."""

    letters: dict[tuple[str, str], str] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)

    def mark(self, kind: tuple[str, str], text: str) -> str:
        """The letter of a footnote, made if it is new."""
        letter = self.letters.setdefault(kind, _letter(len(self.letters)))
        self.texts.setdefault(letter, []).append(text)
        return letter

    def texts_below(self) -> tuple[str, ...]:
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
    best: frozenset[str] = frozenset()
    """Columns that no other is shown to beat."""


@dataclass(frozen=True)
class _Grid:
    """Cells by task and column, with what is said below."""

    cells: Sequence[Cell]
    at: Mapping[tuple[str, str], Cell]
    tasks: tuple[str, ...]
    names: Mapping[str, str]
    """Column key → head."""
    notes: _Notes
    marks: Marks | None

    @classmethod
    def of(cls, found: Sequence[Cell], tasks: Sequence[str], marks: Marks | None) -> _Grid:
        rows = tuple(tasks) or tuple(dict.fromkeys(cell.task for cell in found))
        kept = [cell for cell in found if cell.task in rows]
        at = {(cell.task, cell.column): cell for cell in kept}
        return cls(kept, at, rows, column_names(kept), _Notes(), marks)

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
    name = " ".join([task, *_task_marks(grid, task, [cell for cell in row if cell and cell.record])])
    lines = [_line(grid, name, title, [_cell_text(grid, cell) for cell in row], [task])]
    if leaky is not None and leaky.duplicates >= LEAK_SHARE * leaky.rows:
        values = [value_text(cell.without_duplicates if cell else None) for cell in row]
        lines.append(_line(grid, f"  without these {leaky.duplicates:,} rows", title, values))
    return lines


def _line(grid: _Grid, name: str, metric: str, values: Sequence[str], tasks: Sequence[str] = ()) -> _Line:
    """A line of scores; `tasks` are those that it is the score or the mean of, for its marks."""
    if grid.marks is None:
        return _Line(name, metric, tuple(values))
    could = number(grid.marks.could_show(tasks)) if tasks else ""
    return _Line(name, metric, (*values, could), grid.marks.best(tasks) if tasks else frozenset())


def _task_marks(grid: _Grid, task: str, row: Sequence[Cell]) -> list[str]:
    """Leaked rows, and a trivial rule that is as good as the best model: words say more than a letter."""
    records = [cell.record for cell in row if cell.record is not None and cell.metric == cell.record.task.get("metric")]
    marks = []
    if said := next(filter(None, map(leak_marks, records)), ""):
        grid.notes.texts.update({name: [text] for name, text in LEAK_NOTES.items() if name.split()[-1] in said})
        marks.append(f"({said})")
    if (trivial := trivial_marks(records).get(task)) is not None:
        grid.notes.texts["RULE alone is as good"] = [TRIVIAL_NOTE]
        marks.append(f"({trivial.rule} alone is as good)")
    return marks


def _cell_text(grid: _Grid, cell: Cell | None) -> str:
    if cell is None:
        return f"{MISSING} ({grid.notes.mark(('not run', ''), 'not run')})"
    if cell.score is None or cell.score.value is None:
        kind, text = cell.missing()
        return f"{MISSING} ({grid.notes.mark(kind, text)})"
    marks = [grid.notes.mark(kind, text) for kind, text in cell.warnings()]
    return " ".join([value_text(cell.score), *(f"({letter})" for letter in marks)])


def _mean_lines(grid: _Grid) -> list[_Line]:
    """A mean for each suite and metric with at least two tasks.

    A task without any score (not run, data not here) is no part of it: the line `scored` says that it is missing.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for task in grid.tasks:
        first = next((cell for cell in grid.row(task) if cell and cell.score and cell.score.value is not None), None)
        if first is not None:
            groups.setdefault((task.split("/")[0], first.metric_title), []).append(task)
    suites = {suite for suite, _ in groups}
    return [
        _line(grid, _mean_name(suite if len(suites) > 1 else "", tasks), title, _means(grid, tasks), tasks)
        for (suite, title), tasks in groups.items()
        if len(tasks) > 1
    ]


def _mean_name(suite: str, tasks: Sequence[str]) -> str:
    return f"mean of {len(tasks)} tasks" + (f" of {suite}" if suite else "")


def _means(grid: _Grid, tasks: Sequence[str]) -> tuple[str, ...]:
    values = []
    for column in grid.names:
        found = [grid.at[task, column] for task in tasks if (task, column) in grid.at]
        scored = [cell for cell in found if cell.counts]
        values.append(value_text(mean_score(scored)) if len(scored) == len(tasks) else MISSING)
    return tuple(values)


def _coverage_line(grid: _Grid) -> _Line:
    counts = [sum(grid.at[t, c].counts for t in grid.tasks if (t, c) in grid.at) for c in grid.names]
    return _line(grid, "scored", "", [f"{n}/{len(grid.tasks)}" for n in counts])


def _datum(cell: Cell, marks: Marks | None) -> dict[str, Any]:
    """One line of csv and json; with marks also whether anybody beats the score, and what the task could show."""
    score, without = cell.score or Score(cell.metric, None), cell.without_duplicates
    told = {}
    if marks is not None:
        best = marks.best([cell.task])
        could = marks.could_show([cell.task])
        told = {"best": cell.column in best if best else None, "could_show": None if could is None else round(could, 6)}
    return {
        "task": cell.task, "model": cell.model, "model_id": cell.id7,
        "protocol": cell.protocol, "recipe": cell.recipe, "config_id": cell.config7,
        "metric": cell.metric, "value": score.value, "low": score.low, "high": score.high,
        "replicates": cell.replicates, "rows": cell.rows, "rows_in_train": cell.duplicates,
        "value_without": without.value if without else None,
        "low_without": without.low if without else None,
        "high_without": without.high if without else None,
        "status": cell.status, "reason": cell.reason, **told, **_seen(cell.record),
    }  # fmt: skip


def _seen(record: RunRecord | None) -> dict[str, Any]:
    """What the model is, how much of the rows it read, and whether it saw the task's genome before."""
    model, checks = (record.model, record.checks) if record else ({}, {})
    return {
        "parameters": model.get("parameters"),
        "bases_seen": checks.get("bases_seen"),
        "pretraining": "; ".join(map(str, model.get("pretraining") or ())),
        "genome_in_pretraining": verdict_of(record) if record else "",
    }
