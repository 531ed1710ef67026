"""What may stand in suite.yaml: keys, types and what they must be together. `suite_file.py` reads it."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dnabench.harness.types import TargetKind

from .paths import relative_path

METRICS = (
    *("accuracy", "balanced_accuracy", "mcc", "f1_macro", "f1_binary", "auroc", "auroc_median", "auprc"),
    *("spearman", "pearson", "r2", "mse"),
)
"""The names of `harness/metrics.py`, repeated so that reading a suite does not import numpy."""


def _hex(digits: int) -> Any:
    return Annotated[str, Field(pattern=f"^[0-9a-f]{{{digits}}}$")]


RelativePath = Annotated[str, AfterValidator(relative_path)]
RepoName = Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
SuiteName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*$")]
SplitName = Literal["train", "dev", "test", "all"]
# pydantic reads these types when it runs; a type checker wants them spelt out, which would say METRICS twice.
MetricName = Literal[METRICS]  # type: ignore[valid-type]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileModel(_Model):
    path: RelativePath
    hub_path: RelativePath | None = None
    sha256: _hex(64) | None = None  # type: ignore[valid-type]
    git_sha1: _hex(40) | None = None  # type: ignore[valid-type]
    rows: Annotated[int, Field(ge=1)] | None = None
    class_counts: list[Annotated[int, Field(ge=0)]] | None = None
    fingerprint: _hex(64) | None = None  # type: ignore[valid-type]
    labels: _hex(32) | None = None  # type: ignore[valid-type]


class HubModel(_Model):
    repo: RepoName
    revision: str | None = None


class ColumnsModel(_Model):
    sequence: Annotated[list[str], Field(min_length=1, max_length=2)] = ["sequence"]
    label: str = "label"


class JoinModel(_Model):
    file: RelativePath
    column: str


class ColumnModel(_Model):
    of: str
    until: str | None = None
    bases: Annotated[int, Field(ge=1)] | None = None


class DrawModel(_Model):
    length: Annotated[int, Field(ge=1)]
    rows: dict[SplitName, Annotated[int, Field(ge=1)]]
    seed: int = 0
    most_n: Annotated[float, Field(ge=0, lt=1)] = 0.0
    blocks: Annotated[int, Field(ge=0)] = 0
    chromosomes: dict[SplitName, list[str]] | None = None


class BinsModel(_Model):
    size: Annotated[int, Field(ge=1)]
    window: Annotated[int, Field(ge=1)]
    chromosomes: dict[SplitName, list[str]]
    share: Annotated[float, Field(ge=0, lt=1)] = 0.5
    group: Annotated[int, Field(ge=1)] = 1_000_000


Genome = RelativePath | list[RelativePath]


class OptionsModel(_Model):
    """What only some kinds of source have; `data/` says what each does."""

    genome: Genome | None = None
    genomes: dict[str, Genome | dict[SplitName, Genome]] | None = None
    genome_sha256: _hex(64) | None = None  # type: ignore[valid-type]
    flank: Annotated[int, Field(ge=0)] | None = None
    edges: Literal["refuse", "pad"] | None = None
    header: list[str] | None = None
    where: dict[str, str] | None = None
    without_label: Literal["refuse", "drop"] | None = None
    join: JoinModel | None = None
    columns: dict[str, ColumnModel] | None = None
    entries: dict[str, RelativePath | dict[str, RelativePath]] | None = None
    draw: DrawModel | None = None
    peaks: dict[str, RelativePath] | None = None
    bins: BinsModel | None = None
    labels: Annotated[list[int], Field(min_length=3, max_length=3)] | None = None
    forward_only: bool | None = None


class SourceModel(_Model):
    kind: Literal["files", "intervals", "classes", "windows", "peaks", "matlab"] = "files"
    files: dict[SplitName, FileModel]
    folders: list[RelativePath] = ["."]
    embedded: bool = False
    hub: HubModel | None = None
    columns: ColumnsModel = ColumnsModel()
    options: OptionsModel = OptionsModel()


class SplitModel(_Model):
    kind: Literal["fixed", "column", "kfold"] = "fixed"
    column: str = "split"
    folds: Annotated[int, Field(ge=2)] = 5
    groups: str | None = None
    seed: int = 0


class DependenceModel(_Model):
    groups: str | None = None
    reason: str = ""
    shares_test_rows_with: list[str] = []
    stratified: bool = False


class TaskModel(_Model):
    title: str
    version: Annotated[int, Field(ge=1)] = 1
    inputs: Literal["sequence", "pair", "variant", "track", "insert", "genome"] = "sequence"
    target: TargetKind = "class"
    classes: Annotated[int, Field(ge=2)] | Annotated[list[str], Field(min_length=1)] | None = None
    metric: MetricName
    metrics: list[MetricName] = []
    species: str = ""
    assembly: str = ""
    group: str = ""
    licence: str = ""
    citation: str = ""
    length: Annotated[int, Field(ge=1)] | None = None
    strand_matters: bool = False
    notes: list[str] = []
    source: SourceModel
    split: SplitModel = SplitModel()
    dependence: DependenceModel = DependenceModel()
    protocols: list[Literal["probe", "fit", "finetune", "zero_shot"]] = [
        "probe",
        "fit",
        "finetune",
        "zero_shot",
    ]
    recipes: dict[str, dict[str, Any]] = {}


class SuiteModel(_Model):
    suite: SuiteName
    title: str = ""
    description: str = ""
    homepage: str = ""
    licence: str = ""
    citation: str = ""
    defaults: dict[str, Any] = {}
    tasks: Annotated[dict[str, dict[str, Any]], Field(min_length=1)]


_INNER: dict[str, type[_Model]] = {
    "source": SourceModel,
    "hub": HubModel,
    "columns": ColumnsModel,
    "options": OptionsModel,
    "join": JoinModel,
    "draw": DrawModel,
    "bins": BinsModel,
    "split": SplitModel,
    "dependence": DependenceModel,
    "train": FileModel,
    "dev": FileModel,
    "test": FileModel,
    "all": FileModel,
}


def keys_at(model: type[BaseModel], place: tuple[str | int, ...]) -> list[str]:
    """The keys that may stand beside the last one of `place`, which starts at a task or a suite.

    >>> keys_at(TaskModel, ("source", "hub", "rvision"))
    ['repo', 'revision']
    """
    if "files" in place[-2:] or place[-2:-1] in (("rows",), ("chromosomes",)):
        return ["train", "dev", "test", "all"]
    inner = [_INNER[step] for step in place[:-1] if isinstance(step, str) and step in _INNER]
    return list((inner[-1] if inner else model).model_fields)
