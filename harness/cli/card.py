"""`dnabench card`: a model's scores for its model card on the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from ..errors import RequestError
from . import options as o

Card = Annotated[
    Path | None, Option("-o", "--output", help="The model's README.md, made or updated; else stdout.", metavar="FILE")
]


def card(  # noqa: PLR0913, PLR0917 - a command's signature is its help page
    model: Annotated[str, Argument(help="Name or name@id7 of the records.", metavar="MODEL")],
    root: Annotated[Path, Argument(help="A results folder.", metavar="RESULTS")] = Path("results"),
    output: Card = None,
    suite: o.OnlySuites = [],  # noqa: B006
    task: o.OnlyTasks = [],  # noqa: B006
    protocol: o.OnlyProtocol = "",
) -> int:
    """Write the section of a model card: metadata that the hub reads, scores with intervals, how to repeat them.

    A card that is there keeps all that others wrote; the picture lies beside it.
    """
    from ..report.card import PICTURE, model_card, read_present
    from ..report.choose import chosen
    from ..run.store import read_records
    from .out import say

    if not root.is_dir():
        raise RequestError(f"{root} is no folder: name the one that `dnabench run -o DIR` wrote to.")
    if output is not None and output.is_dir():
        output /= "README.md"
    records = [one.record for one in read_records(root)]
    if not records:
        raise RequestError(f"{root} holds no records: `dnabench run -o {root} …` makes some.")
    named = [r for r in records if model in (r.model["name"], f"{r.model['name']}@{r.model.get('id', '')}")]
    found = chosen(named or records, () if named else [model], o.words(suite), o.words(task), protocol)
    made = model_card(found, read_present(output) if output is not None else "")
    if output is None:
        print(made.text, end="")
        return 0
    for path, text in ((output.with_name(PICTURE), made.picture), (output, made.text)):
        _write(path, text)
        say(f"wrote {path}")
    return 0


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    import os

    staged = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        staged.write_text(text, encoding="utf-8", newline="\n")
        staged.replace(path)
    except OSError as problem:
        raise RequestError(f"{path} cannot be written ({problem}).") from problem
