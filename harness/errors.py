"""What can go wrong, as a tree.

    DnabenchError                a user's mistake or a missing thing: one line on stderr, exit code 2
    ├── RequestError             the command or call asks for something that does not exist
    ├── TaskFileError            a suite or task file is wrong (file, line, key)
    ├── DataError                rows that cannot be used (file and row)
    │   └── ChecksumError        a file is not the one that the task was made from
    ├── Unavailable              data, weights or an extra are not here: the cell says so, the run goes on
    ├── RecordError              a results file cannot be read or is newer than this dnabench
    └── AdapterError             a model broke its contract (shape, NaN, number of rows)

A message says what was found, where, and what to do. Anything that is not a DnabenchError is our bug and
keeps its traceback.
"""


class DnabenchError(Exception):
    """A mistake that a user can mend; its text is all that is printed."""


class RequestError(DnabenchError):
    """The command or call asks for something that does not exist."""


class TaskFileError(DnabenchError):
    """A suite or task file is wrong: the text names file, line and key."""


class DataError(DnabenchError):
    """Rows that cannot be used: the text names file and row."""


class ChecksumError(DataError):
    """A file is not the one that the task was made from."""


class Unavailable(DnabenchError):
    """Data, weights or an optional package are not here; the cell is recorded as `unavailable`."""


class RecordError(DnabenchError):
    """A results file cannot be read, or was written by a newer dnabench."""


class AdapterError(DnabenchError):
    """A model broke its contract: wrong shape, wrong number of rows, NaN."""


def needs_extra(package: str, extra: str) -> Unavailable:
    """The one sentence for a missing optional package.

    >>> str(needs_extra("torch", "torch"))
    "torch is not installed: pip install 'dnabench[torch]'"
    """
    return Unavailable(f"{package} is not installed: pip install 'dnabench[{extra}]'")


def nearest(word: str, known: "list[str] | tuple[str, ...]", likeness: float = 0.5) -> str:
    """`" Did you mean 'x'?"` for the closest known word, else an empty string; a `likeness` of 1 is the word itself.

    >>> nearest("kmre", ["kmer", "gc"])
    " Did you mean 'kmer'?"
    """
    import difflib

    close = difflib.get_close_matches(word, known, n=1, cutoff=likeness)
    return f" Did you mean {close[0]!r}?" if close else ""
