"""Parquet files as columns of text (extra `parquet`)."""

from typing import Any

from dnabench.harness.errors import DataError, needs_extra

MAGIC = b"PAR1"


def parquet_columns(data: bytes, name: str) -> dict[str, list[str]]:
    """All columns as text: whole numbers without a point, lists of 0/1 joined, nulls as empty text.

    Raises Unavailable without pyarrow and DataError for a damaged file.
    """
    table = _read(data, name, "read_table")
    return {column: _as_text(table.column(column)) for column in table.column_names}


def parquet_names(data: bytes, name: str) -> list[str]:
    """The names of the columns; raises as `parquet_columns` does."""
    return list(_read(data, name, "read_schema").names)


def _read(data: bytes, name: str, how: str) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise needs_extra("pyarrow", "parquet") from None
    try:
        return getattr(pyarrow.parquet, how)(pyarrow.BufferReader(data))
    except (pyarrow.ArrowException, OSError) as problem:
        first = str(problem).splitlines()[0]
        raise DataError(f"{name} is a damaged parquet file ({first}): fetch or copy it again") from None


def _as_text(column: Any) -> list[str]:
    import pyarrow.types as kinds

    values = column.to_pylist()
    if kinds.is_string(column.type) or kinds.is_large_string(column.type):
        return values if column.null_count == 0 else ["" if value is None else value for value in values]
    return [_word(value) for value in values]


def _word(value: Any) -> str:
    """
    >>> [_word(v) for v in (1.0, True, None, [0, 1], 0.5, b"AC")]
    ['1', '1', '', '01', '0.5', 'AC']
    """
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list):
        return "".join(map(_word, value))
    if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    return repr(value) if isinstance(value, float) else str(value)
