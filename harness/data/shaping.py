"""What a task's `source.options` do to a table: sequences from another file, columns made of others, chosen rows.

header: [label, id, sequence]                    names for the columns of a file without a first line of names
where: {task: H3}                                only the rows that hold these words
without_label: drop                              rows without a label are left out instead of refused
join: {file: library.fasta, column: label}       sequences by their names in a FASTA file
columns: {chromosome: {of: label, until: "-"},   the part of a column before a mark
          guide: {of: sequence, bases: 20}}      the first bases of the sequence
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dnabench.harness.errors import DataError, nearest
from dnabench.harness.types import FileFacts, Task

from .formats import Columns, Rows, fasta_records, joined, only, parse_rows, taken
from .opening import read_plain, text_of
from .rows import NO_LABEL
from .sources import DataOptions, Found, locate


def read_table_rows(task: Task, found: Found, data: bytes, file: str, options: DataOptions) -> Rows:
    """The rows of a task's file, or of its parts, as the task's options shape them; DataError with file and line."""
    asked = task.source.options
    join = asked.get("join")
    sequences = (join["column"],) if join else task.source.sequence_columns
    columns = Columns(sequences, task.source.label_column, tuple(asked.get("header", ())))
    parts = [parse_rows(data, columns, file)]
    parts += [parse_rows(read_plain(path, path.name), columns, path.name) for path in found.parts[1:]]
    rows = only(joined(parts), asked.get("where") or {}, file)
    if asked.get("without_label") == "drop":
        rows = taken(rows, [i for i, word in enumerate(rows.labels) if word.strip().lower() not in NO_LABEL])
    if join:
        rows = _joined_sequences(rows, join, _fasta(task, join["file"], options), file)
    return replace(rows, columns=rows.columns | _made(rows, asked.get("columns") or {}, file))


def _fasta(task: Task, file: str, options: DataOptions) -> tuple[str, dict[str, str]]:
    path = locate(task, FileFacts(file), options).path
    records = fasta_records(text_of(read_plain(path, file), file))
    return file, {(header.split() or [""])[0]: bases for header, bases, _ in records}


def _joined_sequences(rows: Rows, join: Mapping[str, str], library: tuple[str, dict[str, str]], file: str) -> Rows:
    """The rows with the sequences that their names stand for; the names stay as a column."""
    name, known = library
    missing = [i for i, key in enumerate(rows.sequences) if key not in known]
    if missing:
        raise DataError(f"{file}, {rows.place(missing[0])}: {name} has no sequence {rows.sequences[missing[0]]!r}")
    columns = rows.columns | {join["column"]: list(rows.sequences)}
    return replace(rows, sequences=[known[key] for key in rows.sequences], columns=columns)


def _made(rows: Rows, wanted: Mapping[str, Mapping[str, Any]], file: str) -> dict[str, list[str]]:
    made = {}
    for name, rule in wanted.items():
        source = rule["of"]
        cells = rows.sequences if source == "sequence" else rows.columns.get(source)
        if cells is None:
            raise DataError(
                f"{file} has no column {source!r} to make {name!r} of.{nearest(source, list(rows.columns))}"
            )
        bases, mark = rule.get("bases"), str(rule.get("until") or "\0")
        made[name] = [cell[:bases].upper() for cell in cells] if bases else [cell.partition(mark)[0] for cell in cells]
    return made
