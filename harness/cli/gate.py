"""`dnabench gate`: did a score regress? For continuous integration; exit code 3 says yes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from ..errors import RequestError, nearest
from . import options as o

if TYPE_CHECKING:
    from ..report.gate.gate import Gate

FACES = ("table", "md", "csv", "tex", "json", "junit", "github")
PLACE = "A results folder, one below it, a model's name, or git:REV:path."

Base = Annotated[str, Argument(help=f"What was. {PLACE}", metavar="BASE")]
New = Annotated[str, Argument(help=f"What is. {PLACE}", metavar="NEW")]
Margin = Annotated[float, Option(help="A drop of up to this much is accepted.", metavar="D")]
Alpha = Annotated[float, Option(help="Share of false alarms allowed over the whole gate.", metavar="P")]
Strict = Annotated[bool, Option("--strict", help="Ask for proof that nothing dropped by more than the margin.")]
Renamed = Annotated[list[str], Option("--as", help="A renamed model: its name in BASE and in NEW.", metavar="OLD=NEW")]
Results = Annotated[Path, Option("-r", "--results", help="Where models' names are looked up.", metavar="DIR")]
Face = Annotated[
    str, Option("--format", help="table (default), md, csv, tex, json, junit or github.", metavar="FORMAT")
]


def gate(  # noqa: PLR0913, PLR0917 - a command's signature is its help page
    base: Base,
    new: New,
    suite: o.OnlySuites = [],  # noqa: B006
    task: o.OnlyTasks = [],  # noqa: B006
    model: o.OnlyModels = [],  # noqa: B006
    margin: Margin = 0.01,
    alpha: Alpha = 0.05,
    strict: Strict = False,
    renamed: Renamed = [],  # noqa: B006
    results: Results = Path("results"),
    format_name: Face = "",
    as_json: o.AsJson = False,
) -> int:
    """Fail where a score dropped: exit code 0 passed, 3 failed, 2 the request was wrong."""
    face = _face(format_name, as_json)
    if not 0 < alpha < 0.5 or not 0 <= margin < float("inf"):
        raise RequestError(
            f"--alpha {alpha:g} --margin {margin:g}: alpha lies between 0 and 0.5, the margin from 0 up."
        )
    from ..report.gate.gate import GateRules
    from ..report.gate.gate import gate as judged
    from ..report.gate.operands import Choice, gate_pairs

    choice = Choice(tuple(o.words(suite)), tuple(o.words(task)), tuple(o.words(model)))
    found = gate_pairs((base, new), results, choice, o.words(renamed))
    made = judged(found, GateRules(margin, alpha, strict))
    print(_printed(made, face, (base, new)), end="")
    return 0 if made.passed else 3


def _face(name: str, as_json: bool) -> str:
    if as_json:
        return "json"
    if name and name not in (*FACES, "console"):
        raise RequestError(f"unknown format {name!r}: {', '.join(FACES)}.{nearest(name, FACES)}")
    return name if name and name != "table" else "console"


def _printed(made: Gate, face: str, names: tuple[str, str]) -> str:
    from ..report.gate.ci import github, junit
    from ..report.gate.table import gate_json, gate_table
    from ..report.render import render
    from .out import terminal_width

    if face in ("junit", "github"):
        return junit(made) if face == "junit" else github(made)
    return gate_json(made, names) if face == "json" else render(gate_table(made, names), face, terminal_width())
