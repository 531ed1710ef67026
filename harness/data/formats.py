"""Readers: csv, tsv, FASTA and parquet, plain or gzipped, into rows of text; `rows.py` gives them meaning."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dnabench.harness.errors import DataError, nearest

from .opening import text_of
from .parquet import MAGIC, parquet_columns, parquet_names

FASTA_SUFFIXES = (".fa", ".fasta", ".fna", ".fas")
_DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars", " ": "spaces"}


@dataclass(frozen=True)
class Rows:
    """What every reader returns: one entry per row, still text, in file order.

    `sequences` (and `seconds` of a pair task) have the case of the file until `rows.check_rows` saw them.
    """

    sequences: list[str]
    seconds: list[str]
    labels: list[str]
    columns: dict[str, list[str]] = field(default_factory=dict)
    lines: Sequence[int] = ()
    """1-based line of each row as an editor shows it; empty where a file has no lines (parquet)."""

    def __len__(self) -> int:
        return len(self.sequences)

    def place(self, row: int) -> str:
        """Where row `row` (0-based) stands in its file: `line 7`, or `row 6` where there are no lines."""
        return f"line {self.lines[row]}" if len(self.lines) else f"row {row + 1}"


@dataclass(frozen=True)
class Columns:
    """Which columns hold the sequences and the label."""

    sequences: tuple[str, ...] = ("sequence",)
    label: str = "label"
    header: tuple[str, ...] = ()
    """Names of the columns of a file whose first line is a row already."""


def parse_rows(data: bytes, columns: Columns, name: str) -> Rows:
    """The rows of a file from its plain bytes, by their content: csv, tsv, FASTA or parquet.

    `name` is what errors call the file; its ending tells csv from tsv. Raises DataError with file and line,
    Unavailable for parquet without pyarrow.
    """
    suffix = Path(_plain_name(name)).suffix
    if data.startswith(MAGIC):
        return _pick(parquet_columns(data, name), (), columns, name)
    text = text_of(data, name)
    if suffix in FASTA_SUFFIXES or text.startswith(">"):
        return _fasta_rows(text, columns, name)
    delimiter = _delimiter(text, name)
    if columns.header:
        return _nameless_rows(text, delimiter, columns, name)
    table, lines = read_table(text, delimiter, (*columns.sequences, columns.label), name)
    return _pick(table, lines, columns, name)


def column_names(data: bytes, name: str) -> list[str]:
    """The names of a table's columns from its first line or its schema; empty for FASTA, which has none.

    >>> column_names(b"sequence1\\tsequence2\\tlabel\\nA\\tC\\t1\\n", "a.tsv")
    ['sequence1', 'sequence2', 'label']
    """
    if data.startswith(MAGIC):
        return parquet_names(data, name)
    first = text_of(data, name).lstrip("\r\n").split("\n", 1)[0]
    if first.startswith(">") or Path(_plain_name(name)).suffix in FASTA_SUFFIXES:
        return []
    return [cell.strip() for cell in next(csv.reader([first], delimiter=_delimiter(first, name)), [])]


def fasta_records(text: str) -> Iterator[tuple[str, str, int]]:
    """Header, sequence and line of every record of a FASTA text; `genome.py` reads what is too large for a text.

    >>> list(fasta_records("\\n>a x\\nAC\\nG T\\n>b\\n"))
    [('a x', 'ACGT', 2), ('b', '', 5)]
    """
    body = text.lstrip("\n")
    line = len(text) - len(body) + 1
    for record in body.rstrip("\n").removeprefix(">").split("\n>"):
        header, _, bases = record.partition("\n")
        yield header.strip(), bases.replace("\n", "").replace(" ", ""), line
        line += record.count("\n") + 1


def joined(parts: Sequence[Rows]) -> Rows:
    """The rows of several files of one split, one file after the other; columns that all of them have."""
    if len(parts) == 1:
        return parts[0]
    shared = [key for key in parts[0].columns if all(key in part.columns for part in parts)]
    return Rows(
        [s for part in parts for s in part.sequences],
        [s for part in parts for s in part.seconds],
        [label for part in parts for label in part.labels],
        {key: [cell for part in parts for cell in part.columns[key]] for key in shared},
    )


def only(rows: Rows, where: Mapping[str, str], name: str) -> Rows:
    """The rows whose columns hold these words, for files that hold many tasks; FASTA files hold one.

    Raises DataError for a column that is not there and for a word that no row has.
    """
    for column, word in where.items():
        if column not in rows.columns:
            if name.lower().removesuffix(".gz").endswith(FASTA_SUFFIXES):
                continue
            raise DataError(f"{name} has no column {column!r}, whose rows of {word!r} are the task's")
        chosen = [i for i, cell in enumerate(rows.columns[column]) if cell == str(word)]
        if not chosen:
            seen = ", ".join(sorted(set(rows.columns[column]))[:8])
            raise DataError(f"{name} has no row with {word!r} in the column {column!r}, only {seen}")
        rows = taken(rows, chosen)
    return rows


def taken(rows: Rows, at: Sequence[int]) -> Rows:
    """The rows at these places, in that order."""
    columns = {key: [cells[i] for i in at] for key, cells in rows.columns.items()}
    seconds = [rows.seconds[i] for i in at] if rows.seconds else []
    lines = [rows.lines[i] for i in at] if len(rows.lines) else ()
    return Rows([rows.sequences[i] for i in at], seconds, [rows.labels[i] for i in at], columns, lines)


def read_table(
    text: str, delimiter: str, needed: Sequence[str], name: str
) -> tuple[dict[str, list[str]], Sequence[int]]:
    """Columns of a delimited text by the names in its first line, and each row's line number.

    Blank lines are skipped, and so are columns without a name, such as the row numbers that pandas writes. Raises
    DataError for a ragged row, a missing column or another delimiter.

    >>> read_table(",sequence,label\\n0,ACGT,1\\n", ",", ("sequence", "label"), "a.csv")
    ({'sequence': ['ACGT'], 'label': ['1']}, range(2, 3))
    """
    even = _even_columns(text, delimiter)
    if even:
        _check_header([column[0].strip() for column in even], delimiter, needed, name)
        return {column[0].strip(): column[1:] for column in even if column[0].strip()}, range(2, len(even[0]) + 1)
    cells, lines = _cells(text, delimiter, name)
    if not cells:
        raise DataError(f"{name} is empty: its first line must name the columns {', '.join(needed)}")
    header = [cell.strip() for cell in cells[0]]
    _check_header(header, delimiter, needed, name)
    body, lines = cells[1:], lines[1:]
    if set(map(len, body)) - {len(header)}:
        _refuse_ragged(body, lines, len(header), name)
    columns = zip(header, map(list, zip(*body, strict=True)) if body else ([] for _ in header), strict=True)
    return {column: cells for column, cells in columns if column}, lines


def _even_columns(text: str, delimiter: str) -> list[list[str]] | None:
    """Columns of a text that one split takes apart, four times faster than line by line; None for any other.

    That is a text without quotes and blank lines, whose lines all have as many cells as the first.

    >>> _even_columns("a,b\\nc,d\\n", ","), _even_columns("a,b\\nc\\nd,e,f", ",")
    ([['a', 'c'], ['b', 'd']], None)
    """
    text = text if text.endswith("\n") else text + "\n"
    width = text.count(delimiter, 0, text.index("\n")) + 1
    if width < 2 or '"' in text or "\n\n" in text or text.startswith("\n"):
        return None
    cells = text.replace("\n", "\n" + delimiter).split(delimiter)[:-1]
    columns = [cells[place::width] for place in range(width)]
    ends = "".join(columns[-1])
    # A line break is the end of its cell: where the last cells have them all, each line has as many cells.
    if len(cells) % width or not ends.count("\n") == text.count("\n") == len(columns[-1]):
        return None
    return [*columns[:-1], ends.split("\n")[:-1]]


def _cells(text: str, delimiter: str, name: str) -> tuple[list[list[str]], Sequence[int]]:
    if '"' in text:
        return _quoted_cells(text, delimiter, name)
    # Without quotes a line is a row.
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    numbers: Sequence[int] = range(1, len(lines) + 1)
    if "" in lines:
        numbers = [i for i, line in enumerate(lines, 1) if line]
        lines = [line for line in lines if line]
    return [line.split(delimiter) for line in lines], numbers


def _quoted_cells(text: str, delimiter: str, name: str) -> tuple[list[list[str]], Sequence[int]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    cells: list[list[str]] = []
    numbers: list[int] = []
    line = 1
    # The csv module refuses fields above 128 KiB, which is not long for DNA.
    usual = csv.field_size_limit(max(csv.field_size_limit(), len(text)))
    try:
        for row in reader:
            if row:
                cells.append(row)
                numbers.append(line)
            line = reader.line_num + 1
    except csv.Error as problem:
        raise DataError(f"{name}, line {line}: broken quoting ({problem}): close or remove the quote") from None
    finally:
        csv.field_size_limit(usual)
    return cells, numbers


def _check_header(header: list[str], delimiter: str, needed: Sequence[str], name: str) -> None:
    twice = next((column for column in header if column and header.count(column) > 1), None)
    if twice is not None:
        raise DataError(f"{name}, line 1: the column {twice!r} is named twice: rename one of them")
    missing = [column for column in needed if column not in header]
    if not missing:
        return
    whole = delimiter.join(header)
    for other, word in _DELIMITERS.items():
        if other != delimiter and set(needed) <= {cell.strip() for cell in whole.split(other)}:
            raise DataError(
                f"{name}, line 1: columns are separated by {word}, {_DELIMITERS[delimiter]} were expected: "
                "name the file .csv for commas or .tsv for tabs"
            )
    seen = ", ".join(repr(column[:40]) for column in header[:8])
    raise DataError(
        f"{name}, line 1: there is no column {missing[0]!r}, only {seen}: "
        f"the first line must name the columns {', '.join(needed)}.{nearest(missing[0], header)}"
    )


def _refuse_ragged(body: list[list[str]], lines: Sequence[int], width: int, name: str) -> None:
    row = next(i for i, cells in enumerate(body) if len(cells) != width)
    raise DataError(
        f"{name}, line {lines[row]}: {len(body[row])} columns where the first line names {width}: "
        "the row is cut short or holds a stray delimiter"
    )


def _pick(table: dict[str, list[str]], lines: Sequence[int], columns: Columns, name: str) -> Rows:
    for column in (*columns.sequences, columns.label):
        if column not in table:
            seen = ", ".join(map(repr, table))
            raise DataError(f"{name}: there is no column {column!r}, only {seen}.{nearest(column, list(table))}")
    rest = {key: cells for key, cells in table.items() if key not in (*columns.sequences, columns.label)}
    seconds = table[columns.sequences[1]] if len(columns.sequences) > 1 else []
    return Rows(table[columns.sequences[0]], seconds, table[columns.label], rest, lines=lines)


def _nameless_rows(text: str, delimiter: str, columns: Columns, name: str) -> Rows:
    """Rows of a file without a line of names, its cells freed of the blanks that pad them."""
    cells, lines = _cells(text, delimiter, name)
    if set(map(len, cells)) - {len(columns.header)}:
        _refuse_ragged(cells, lines, len(columns.header), name)
    stripped = [[cell.strip() for cell in column] for column in zip(*cells, strict=True)]
    return _pick(dict(zip(columns.header, stripped, strict=False)), lines, columns, name)


def _plain_name(name: str) -> str:
    return name.lower().removesuffix(".gz").removesuffix(".bgz")


def _delimiter(text: str, name: str) -> str:
    """What the name's ending says, else what the first line holds most of."""
    known = {".csv": ",", ".tsv": "\t", ".bed": "\t"}.get(Path(_plain_name(name)).suffix)
    return known or max(",\t;", key=text.split("\n", 1)[0].count)


def _fasta_rows(text: str, columns: Columns, name: str) -> Rows:
    """Label in the header's last field; earlier `key=value` fields that all records have become columns."""
    if len(columns.sequences) > 1:
        raise DataError(f"{name} is FASTA, which holds no pairs: give a csv with {', '.join(columns.sequences)}")
    if not text.lstrip("\n").startswith(">"):
        raise DataError(f"{name}, line 1: a FASTA file starts with '>', found {text[:20]!r}")
    sequences, labels, extras, lines = [], [], [], []
    for header, bases, line in fasta_records(text):
        fields = header.replace("|", " ").split()
        if len(fields) < 2:
            raise DataError(f"{name}, line {line}: the header {'>' + header!r} has no label as its last field")
        sequences.append(bases)
        labels.append(fields[-1].removeprefix(f"{columns.label}="))
        extras.append({"id": fields[0], **dict(f.split("=", 1) for f in fields[1:-1] if "=" in f)})
        lines.append(line)
    shared = [key for key in extras[0] if all(key in extra for extra in extras)]
    return Rows(sequences, [], labels, {key: [extra[key] for extra in extras] for key in shared}, lines=lines)
