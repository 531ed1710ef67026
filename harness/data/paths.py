"""Paths that came from outside stay inside the folder that they are joined to."""

import re
from pathlib import PurePosixPath


def relative_path(path: str) -> str:
    """The path itself, if it stays inside the folder it is joined to; else ValueError.

    >>> relative_path("EMP/H3/train.csv")
    'EMP/H3/train.csv'
    >>> relative_path("../secret")
    Traceback (most recent call last):
    ValueError: '../secret' must be a relative path with forward slashes that stays inside its folder
    """
    parts = PurePosixPath(path).parts
    if not path or path.startswith("/") or ".." in parts or re.search(r"^[A-Za-z]:|\\|[\x00-\x1f\x7f]", path):
        raise ValueError(f"{path!r} must be a relative path with forward slashes that stays inside its folder")
    return path
