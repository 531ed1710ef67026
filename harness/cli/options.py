"""The options of the commands, each with its spellings and its sentence, and what their words mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from ..errors import RequestError, Unavailable

if TYPE_CHECKING:
    from ..data.sources import DataOptions
    from ..making import Loading
    from ..types import Adapter

_LAST_SEED, _MOST_SEEDS = 2**32 - 1, 10_000
"""The largest seed that every library takes, and more seeds than anybody waits for."""

Models = Annotated[
    list[str],
    Option(
        "-m", "--model", help="Registered name, org/name@revision, a folder, or file.py:Class; several with commas.",
        metavar="MODEL",
    ),
]  # fmt: skip
AdapterName = Annotated[
    str, Option("--adapter", help="The family of a checkpoint whose config.json does not tell it.", metavar="NAME")
]
Init = Annotated[str, Option("--init", help="random: the network without its weights, drawn anew.", metavar="HOW")]
Trusted = Annotated[
    list[str],
    Option("--trust-remote-code", help="The one model whose own code may run, at one commit.", metavar="NAME@COMMIT"),
]
Suites = Annotated[
    list[str], Option("-s", "--suite", help="Registered suite, or a folder or suite.yaml of yours.", metavar="SUITE")
]
Tasks = Annotated[
    list[str],
    Option("-t", "--task", help="Task, glob ('gue/emp_*'), or your csv, tsv, fasta or parquet file.", metavar="TASK"),
]
Includes = Annotated[
    list[str], Option(help="A folder whose subfolders are suites of yours, found by name.", metavar="DIR")
]
ProtocolName = Annotated[
    str,
    Option("-p", "--protocol", help="fit, probe, finetune or zero_shot; else what the model can do.", metavar="NAME"),
]
Recipe = Annotated[str, Option(help="A recipe of the task file, such as gue-official.", metavar="NAME")]
Settings = Annotated[
    list[str],
    Option("--set", help="A setting of the protocol: learning_rate=1e-4, search.epochs=[3,5].", metavar="K=V"),
]
ModelArgs = Annotated[list[str], Option("--model-args", help="Options of the model: k=4,strands=one.", metavar="K=V")]
AsName = Annotated[str, Option("--as", help="A stable name for one model.", metavar="NAME")]
Seeds = Annotated[str, Option(help="Seeds of protocols that use one: 0-4 or 0,1,2.", metavar="SEEDS")]
Limit = Annotated[
    int | None, Option(min=1, help="Only the first N rows of each split; the record is marked partial.", metavar="N")
]
BatchSize = Annotated[str, Option("--batch-size", help="Rows per batch, or auto.", metavar="N")]
Device = Annotated[str, Option(help="cpu, cuda, cuda:1 or auto.", metavar="NAME")]
Data = Annotated[Path | None, Option("--data", help="Folder with the official files.", metavar="DIR")]
Genomes = Annotated[
    list[str], Option("--genome", help="FASTA file of an assembly that tasks ask for.", metavar="NAME=FILE")
]
Offline = Annotated[bool, Option("--offline", help="Never ask the hub.")]
Fresh = Annotated[bool, Option("--fresh", help="Compute again what is already there.")]
DryRun = Annotated[bool, Option("--dry-run", help="Print the plan and compute nothing.")]
Output = Annotated[Path, Option("-o", "--output", help="Folder of the results.", metavar="DIR")]
Results = Annotated[
    Path, Option("-r", "--results", "-o", "--output", help="Results folder to read from.", metavar="DIR")
]
AsJson = Annotated[bool, Option("--json", help="Same as --format json.")]
FormatName = Annotated[
    str,
    Option("--format", help="console, md, csv, tex or json; else console, in a pipe or file md.", metavar="FORMAT"),
]
ListFormat = Annotated[str, Option("--format", help="console (default), md, csv, tex or json.", metavar="FORMAT")]
PageFormat = Annotated[str, Option("--format", help="console (default), md or json.", metavar="FORMAT")]
MetricName = Annotated[str, Option("--metric", help="A stored metric in place of the tasks' own.", metavar="METRIC")]
Verbose = Annotated[bool, Option("-v", "--verbose", help="A line per cell on stderr.")]
Published = Annotated[Path, Option(help="Folder with the literature's scores (csv).", metavar="DIR")]
Pattern = Annotated[str, Argument(help="Only names that hold this, or match this glob.", metavar="PATTERN")]


# The same spellings where records are chosen and nothing is run.
OnlyModels = Annotated[
    list[str], Option("-m", "--model", help="Only these models; several with commas.", metavar="MODEL")
]
OnlySuites = Annotated[list[str], Option("-s", "--suite", help="Only these suites.", metavar="SUITE")]
OnlyTasks = Annotated[
    list[str], Option("-t", "--task", help="Only these tasks, by name or glob ('gue/emp_*').", metavar="TASK")
]
OnlyProtocol = Annotated[str, Option("-p", "--protocol", help="Only records of this protocol.", metavar="NAME")]


def words(values: Sequence[str]) -> list[str]:
    """Values with commas and blanks taken apart, unless they are a file's name.

    >>> words(["kmer, gc", "onehot"])
    ['kmer', 'gc', 'onehot']
    """
    parts = ([v] if _exists(v) else v.replace(",", " ").split() for v in values)
    return [word for part in parts for word in part]


def _exists(word: str) -> bool:
    try:
        return Path(word).exists()
    except OSError:
        # A list of many names is longer than any file's name may be.
        return False


def seeds(text: str) -> tuple[int, ...]:
    """Seeds from `0-4`, `0,1,2` or a mixture.

    >>> seeds("0-2,7")
    (0, 1, 2, 7)
    """
    found: list[int] = []
    for part in words([text]):
        first, dash, last = part.partition("-")
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal()) or int(last) < int(first):
            raise RequestError(f"--seeds {text!r}: write seeds as 0-4 or 0,1,2.")
        if int(last) > _LAST_SEED or int(last) - int(first) >= _MOST_SEEDS:
            raise RequestError(f"--seeds {text!r}: at most {_MOST_SEEDS:,} seeds, none above {_LAST_SEED:,}.")
        found += range(int(first), int(last) + 1)
    return tuple(dict.fromkeys(found))


def model_args(values: Sequence[str]) -> dict[str, str]:
    """Options of a model from `k=4,strands=one` or `k=4 strands=one`.

    >>> model_args(["k=4,strands=one"])
    {'k': '4', 'strands': 'one'}
    """
    found = {}
    for word in words(values):
        name, equals, value = word.partition("=")
        if not (name and equals):
            raise RequestError(f"--model-args {word!r}: write name=value, several with commas.")
        found[name] = value
    return found


def genomes(values: Sequence[str]) -> dict[str, Path]:
    """Assembly → FASTA file from `GRCh38=hg38.fa`.

    >>> genomes(["GRCh38=hg38.fa"])
    {'GRCh38': PosixPath('hg38.fa')}
    """
    found = {}
    for word in values:
        name, equals, file = word.partition("=")
        if not (name and equals and file):
            raise RequestError(f"--genome {word!r}: write ASSEMBLY=FILE, as in GRCh38=hg38.fa.")
        found[name] = Path(file)
    return found


def where(data: Path | None, genome: Sequence[str] = (), *, offline: bool = True) -> DataOptions:
    """Where data are looked for; RequestError for a folder or a genome that is not there."""
    from ..data.sources import DataOptions, require_places

    options = DataOptions(data_dir=data, offline=offline, genomes=genomes(genome))
    require_places(options)
    return options


def suites(names: Sequence[str], folders: Sequence[str]) -> list[str]:
    """Suites by name, or as a folder of that name below one of `--include-path`."""
    return [next((str(Path(f, n)) for f in words(folders) if Path(f, n).exists()), n) for n in words(names)]


def loading(adapter: str, init: str, trusted: Sequence[str], offline: bool, device: str = "") -> Loading:
    """How checkpoints are found and filled, and where they are read."""
    from ..making import Loading

    return Loading(adapter, init, tuple(words(trusted)), offline, device)


def adapters(
    specs: Sequence[str], args: Mapping[str, str], as_name: str, how: Loading | None = None, *, absent: bool = False
) -> tuple[Adapter, ...]:
    """The models asked for; options and a name of one's own are for one model at a time.

    With `absent`, one of several that cannot be had here is a model that says so; else Unavailable.
    """
    from ..registry import models
    from .out import say

    names = words(specs)
    if not names:
        raise RequestError(f"which model? -m NAME, several with commas: {', '.join(models())}.")
    if as_name and len(names) > 1:
        raise RequestError(f"--as {as_name} names one model, and here are {len(names)}: {', '.join(names)}.")
    if args and len(names) > 1:
        raise RequestError(f"--model-args belong to one model, and here are {len(names)}: run them one by one.")
    unused = [
        word
        for word in (how.trusted if how else ())
        if not any(word.startswith(f"{n.partition('@')[0]}@") for n in names)
    ]
    if unused:
        say(f"--trust-remote-code {unused[0]}: no model asked for is this one, so nothing was trusted")
    return tuple(_model(name, (args, as_name or None, how), absent and len(names) > 1) for name in names)


def _model(name: str, how: tuple[Mapping[str, str], str | None, Loading | None], absent: bool) -> Adapter:
    from ..making import Absent
    from ..registry import find_model
    from ..types import ModelInfo

    try:
        return find_model(name, *how)
    except Unavailable as problem:
        if not absent:
            raise
        return Absent(ModelInfo(name, "absent", 0), str(problem))


def overrides(batch_size: str, device: str) -> dict[str, Any]:
    """What the command line changes in a protocol; `auto` leaves it as it is.

    >>> overrides("8", "auto")
    {'batch_size': 8}
    """
    found: dict[str, Any] = {}
    if batch_size not in ("", "auto"):
        if not batch_size.isdecimal() or int(batch_size) < 1:
            raise RequestError(f"--batch-size {batch_size!r}: write a whole number of at least 1, or auto.")
        found["batch_size"] = int(batch_size)
    return found | ({"device": device} if device not in ("", "auto") else {})


def settings(words: Sequence[str]) -> dict[str, Any]:
    """What `--set` changes in a protocol: numbers, true, false and lists as JSON writes them, else text.

    >>> settings(["learning_rate=1e-4", "schedule=linear", "search.epochs=[3, 5]"])
    {'learning_rate': 0.0001, 'schedule': 'linear', 'search.epochs': [3, 5]}
    """
    import json

    found: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key.strip():
            raise RequestError(f"--set {word!r}: write KEY=VALUE, such as learning_rate=1e-4.")
        try:
            found[key.strip()] = json.loads(text)
        except ValueError:
            found[key.strip()] = text.strip()
    return found


def form(name: str, as_json: bool, piped: str = "md") -> str:
    """The format asked for; a terminal gets `console`, a file or pipe what reads best there."""
    import sys

    from ..report.render import check_format

    if as_json:
        return "json"
    return check_format(name) if name else "console" if sys.stdout.isatty() else piped
