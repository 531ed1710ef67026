"""`dnabench submit`: predictions made elsewhere, checked and scored here; or a run of ours, made ready to send."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from ..errors import RequestError
from . import options as o

if TYPE_CHECKING:
    from ..data.sources import DataOptions

Name = Annotated[str, Option("-m", "--model", "--as", help="The model's name in tables.", metavar="NAME")]
OneTask = Annotated[str, Option("-t", "--task", help="The task whose test rows were predicted.", metavar="TASK")]
By = Annotated[str, Option(help="Who sends it.", metavar="NAME")]
Weights = Annotated[str, Option(help="Which weights: org/name@revision or sha256:….", metavar="ID")]
Made = Annotated[str, Option(help="How it was made: training, selection.", metavar="TEXT")]
Code = Annotated[str, Option(help="Where the code lies.", metavar="URL")]


def submit(  # noqa: PLR0913, PLR0917 - a command's signature is its help page
    predictions: Annotated[
        Path, Argument(help=".npz, .csv, .tsv, .parquet; or a folder of records.", metavar="PREDICTIONS|RUN")
    ],
    task: OneTask = "",
    model: Name = "",
    by: By = "",
    weights: Weights = "",
    made: Made = "",
    code: Code = "",
    parameters: Annotated[int | None, Option(min=1, help="Parameters of the model.", metavar="N")] = None,
    data: o.Data = None,
    genome: o.Genomes = [],  # noqa: B006
    offline: o.Offline = False,
    output: o.Output = Path("results"),
    fresh: Annotated[bool, Option("--fresh", help="Replace other predictions of this model.")] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Check and score, store nothing.")] = False,
    format_name: o.FormatName = "",
    as_json: o.AsJson = False,
) -> int:
    """Check a file of predictions against a task's test rows, score it and store it; what else is said is a claim.

    Columns: key or sequence (else the test file's order); probability_<class> for each, probability (of the second
    of two classes), prediction or score; value for a value; seed for several runs. A folder of records is checked
    and copied to -o with a model card.
    """
    face = o.form(format_name, as_json)
    options = o.where(data, genome, offline=offline)
    if predictions.is_dir():
        return _pack(predictions, output, options, face)
    if not (task and model):
        raise RequestError("submit for which task, under which name? --task TASK --as NAME.")
    from ..registry import find_tasks
    from ..report.submit.record import Claim, Where
    from ..report.submit.record import submit as submitted
    from ..report.tables import score_table
    from .out import say, show_table

    found = find_tasks((), [task])
    if len(found) != 1:
        raise RequestError(f"{task!r} names {len(found)} tasks: a file holds predictions of one.")
    claim = Claim(model, by, weights, made, code, parameters)
    command = " ".join(["dnabench", *sys.argv[1:]])
    where = Where(options, None if dry_run else output, fresh, command)
    done = submitted(predictions, found[0], claim, where)
    show_table(score_table([done.record], [found[0].name]), face)
    say(f"{model} on {found[0].name}: {done.said}")
    return 0


def _pack(run: Path, output: Path, options: DataOptions, face: str) -> int:
    from ..report.merge import merge_table
    from ..report.submit.pack import pack
    from .out import show_table

    show_table(merge_table(pack(run, output, options)), face)
    return 0
