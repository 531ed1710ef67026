"""Several texts into one folder: whole or not at all, and none before there is room for all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def write_together(folder: Path, texts: Mapping[str, str]) -> None:
    """Write the texts under their names; a kill leaves the old files, or hidden temporary ones beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    staged = {name: folder / f".{name}.{os.getpid()}.tmp" for name in texts}
    try:
        for name, text in texts.items():
            staged[name].write_bytes(text.encode())
        for name, path in staged.items():
            os.replace(path, folder / name)
    finally:
        for path in staged.values():
            path.unlink(missing_ok=True)
