"""The plain bytes of a file, whatever it was packed in, or one sentence on what it is instead."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from dnabench.harness.errors import DataError

_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_FOREIGN = (
    (b"PK\x03\x04", "a zip archive (or an Excel workbook): unpack it, or save the sheet as csv"),
    (b"\xfd7zXZ\x00", "an xz archive: unpack it, or pack it with gzip"),
    (b"BZh", "a bzip2 archive: unpack it, or pack it with gzip"),
    (b"\x28\xb5\x2f\xfd", "a zstandard archive: unpack it, or pack it with gzip"),
    (b"\xff\xfe", "UTF-16 text: save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text: save it as UTF-8"),
    (b"version https://git-lfs", "a git LFS pointer and not the file itself: run `git lfs pull`"),
    (b"<!DOCTYPE", "a web page, so the download went wrong: fetch it again"),
    (b"<html", "a web page, so the download went wrong: fetch it again"),
)


def read_plain(path: Path, name: str) -> bytes:
    """The bytes of a file, unpacked where they are gzipped (told by the first bytes, not by the name).

    Block gzip counts as gzip. `name` is what an error calls the file. Raises DataError for a truncated or
    damaged gzip file.
    """
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise DataError(f"{name} cannot be read ({problem.strerror}): check the file and its permissions") from None
    return unpack(data, name)


def unpack(data: bytes, name: str) -> bytes:
    """Gunzip where the bytes are gzip, else return them as they are.

    >>> import gzip
    >>> unpack(gzip.compress(b"ACGT"), "a.csv.gz"), unpack(b"ACGT", "a.csv")
    (b'ACGT', b'ACGT')
    """
    if not data.startswith(_GZIP):
        return data
    try:
        return gzip.decompress(data)
    except EOFError:
        raise DataError(f"{name} is a truncated gzip file ({len(data):,} bytes): fetch or copy it again") from None
    except (zlib.error, gzip.BadGzipFile) as problem:
        raise DataError(f"{name} is a damaged gzip file ({problem}): fetch or copy it again") from None


def text_of(data: bytes, name: str) -> str:
    """UTF-8 text with LF line ends: a byte order mark is stripped, CRLF and CR are accepted.

    Raises DataError, saying what the bytes are, for anything that is not text.

    >>> text_of(b"\\xef\\xbb\\xbfa,b\\r\\n", "a.csv")
    'a,b\\n'
    """
    _refuse_foreign(data, name)
    zero = data.find(b"\0")
    if zero >= 0:
        raise DataError(f"{name} is not a text file (a zero byte at offset {zero:,}): is it the right file?")
    try:
        text = data.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise DataError(
            f"{name}, line {line}: byte 0x{data[problem.start]:02x} is not UTF-8 text: save the file as UTF-8"
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def lines_of(path: Path, name: str) -> Iterator[str]:
    """The lines of a text, plain or gzipped, one after the other: for files that are too large for one text.

    Raises DataError as `read_plain` and `text_of` do.
    """
    try:
        with path.open("rb") as file:
            head = file.read(32)
        _refuse_foreign(head, name)
        opener = gzip.open if head.startswith(_GZIP) else open
        with opener(path, "rt", encoding="utf-8-sig") as text:
            yield from text
    except EOFError:
        raise DataError(f"{name} is a truncated gzip file: fetch or copy it again") from None
    except (zlib.error, gzip.BadGzipFile) as problem:
        raise DataError(f"{name} is a damaged gzip file ({problem}): fetch or copy it again") from None
    except UnicodeDecodeError as problem:
        byte = problem.object[problem.start]
        raise DataError(f"{name}: byte 0x{byte:02x} is not UTF-8 text: save the file as UTF-8") from None
    except OSError as problem:
        raise DataError(f"{name} cannot be read ({problem.strerror}): check the file and its permissions") from None


def _refuse_foreign(data: bytes, name: str) -> None:
    for magic, what in _FOREIGN:
        if data.startswith(magic):
            raise DataError(f"{name} is {what}")
