"""The nouns. Everything else in dnabench is a function from nouns to nouns.

    Task ──load──► Splits (train, dev, test) ──protocol × Adapter──► Predictions ──score──► RunRecord

All are frozen. numpy is only named in annotations here, so that `dnabench list` starts without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]
    Labels = NDArray[Any]

InputKind = Literal["sequence", "pair", "variant", "track", "insert", "genome"]
TargetKind = Literal["class", "multilabel", "value"]
OutputKind = Literal["probability", "value", "log_likelihood", "label"]
Status = Literal["ok", "partial", "unavailable", "not_applicable", "failed"]
Identity = Literal["verified", "counts only", "unknown"]
Capability = Literal["embed", "embed_bases", "log_likelihood", "base_log_probs", "predict", "fit", "module"]


@dataclass(frozen=True)
class Target:
    """What is predicted: one of `classes`, several of them at once, or a value."""

    kind: TargetKind
    classes: tuple[str, ...] = ()

    @property
    def outputs(self) -> int:
        """Columns of a prediction: classes, labels, or 1 for a value."""
        return len(self.classes) if self.kind != "value" else 1


@dataclass(frozen=True)
class FileFacts:
    """What is known of one split's file, whatever mirror it comes from; unknown facts are None."""

    path: str
    """Relative path in the official layout, always with forward slashes."""
    hub_path: str | None = None
    sha256: str | None = None
    git_sha1: str | None = None
    """git's blob id of the official file."""
    rows: int | None = None
    class_counts: tuple[int, ...] | None = None
    fingerprint: str | None = None
    """`data.fingerprint.fingerprint_rows` of the parsed rows: independent of the file format."""
    labels: str | None = None
    """`data.fingerprint.fingerprint_labels` of the rows: what predictions are held against without the data."""


@dataclass(frozen=True)
class Source:
    """Where the rows of a task come from. `kind` names a reader (`harness/data/load.py`)."""

    kind: Literal["files", "intervals", "classes", "windows", "peaks", "matlab"]
    files: Mapping[str, FileFacts]
    """Split name → facts; the one key `all` for the split rules `column` and `kfold`."""
    folders: tuple[str, ...] = (".",)
    """Tried in order under `--data DIR`, the environment variable's folder and the cache."""
    hub_repo: str | None = None
    hub_revision: str | None = None
    """A pinned commit; None resolves the newest at the first download and records it."""
    sequence_columns: tuple[str, ...] = ("sequence",)
    label_column: str = "label"
    embedded: bool = False
    """The files lie beside suite.yaml."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """For `intervals`: genome file, window length and the like."""


@dataclass(frozen=True)
class SplitRule:
    """How rows become train, dev and test: `fixed` files, a `column`, or `kfold` with out-of-fold predictions."""

    kind: Literal["fixed", "column", "kfold"] = "fixed"
    column: str = "split"
    folds: int = 5
    groups: str | None = None
    """Column whose values are never divided between folds."""
    seed: int = 0
    made: bool = False
    """True where the user's file named no splits and dnabench drew them."""


@dataclass(frozen=True)
class Dependence:
    """Which test rows are not independent: groups inside the task, rows shared with other tasks."""

    groups: str | None = None
    """Column of the test split: homology family, chromosome, gene, pair."""
    reason: str = ""
    shares_test_rows_with: tuple[str, ...] = ()
    stratified: bool = False
    """Class totals of the test set were fixed by design: resample within classes."""


@dataclass(frozen=True)
class TestSet:
    """What a task's test set is to the statistics: kind of target, rows that hang together, key of its resamples."""

    __test__ = False  # or pytest takes it for a class of tests

    target: Target
    dependence: Dependence
    stream: str
    """Key of its stream of row weights, the fingerprint of the rows: all models are resampled with the same draws."""


@dataclass(frozen=True)
class Task:
    """One data set and the one metric that ranks models on it."""

    name: str
    """`suite/task`, as in the literature's tables: `gue/emp_H3`."""
    version: int
    """Raised when any number may change."""
    title: str
    inputs: InputKind
    target: Target
    metric: str
    metrics: tuple[str, ...]
    """Further metrics, computed and stored, never ranked by."""
    source: Source
    split_rule: SplitRule = SplitRule()
    dependence: Dependence = Dependence()
    species: str = ""
    assembly: str = ""
    length: int | None = None
    """Bases of a row, where all (but few) rows have one length."""
    strand_matters: bool = False
    """True where the label depends on the strand given: strand averaging destroys it."""
    group: str = ""
    """The suite's own category, for example `promoter_detection`."""
    protocols: tuple[str, ...] = ("probe", "fit", "finetune", "zero_shot")
    recipes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    licence: str = ""
    citation: str = ""
    notes: tuple[str, ...] = ()
    folder: str = ""
    """Folder of suite.yaml on this machine; not part of the identity."""

    @property
    def suite(self) -> str:
        return self.name.split("/", 1)[0]

    @property
    def all_metrics(self) -> tuple[str, ...]:
        return (self.metric, *(m for m in self.metrics if m != self.metric))


@dataclass(frozen=True)
class Suite:
    """A named list of tasks with what is said of all of them."""

    name: str
    title: str
    tasks: tuple[Task, ...]
    description: str = ""
    licence: str = ""
    citation: str = ""
    homepage: str = ""


@dataclass(frozen=True)
class Inputs:
    """Rows without labels: all that a protocol ever sees of a test set.

    `sequences[i]` is upper case and made of IUPAC letters; a pair task has `seconds[i]` too.
    """

    sequences: Sequence[str]
    seconds: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.sequences)


@dataclass(frozen=True)
class Split:
    """The labelled rows of one split, in file order.

    `labels`: int64 (n,) class indices; int8 (n, labels) for multilabel; float64 (n,) for values.
    `columns`: arrays of n entries: group, chromosome, fold, pair, stratum, weight, id where they exist.
    """

    name: str
    inputs: Inputs
    labels: Labels
    target: Target
    columns: Mapping[str, Labels] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def sequences(self) -> Sequence[str]:
        return self.inputs.sequences


@dataclass(frozen=True)
class SplitFacts:
    """Identity and make-up of one split as it was read."""

    file: str
    """Official path or the user's file name; never a machine's folder."""
    rows: int
    identity: Identity
    fingerprint: str
    sha256: str | None
    origin: str
    """`data folder`, `cache`, `embedded`, or `hub:org/name@revision`."""
    class_counts: tuple[int, ...] | None
    lengths: tuple[int, int, int]
    """Shortest, median, longest row in bases."""
    lower_case: int
    """Rows with lower-case letters (kept as upper case for models)."""
    non_acgt: int
    """Bases that are not A, C, G or T."""


@dataclass(frozen=True)
class Splits:
    """What `data.load.load_splits` returns. For `kfold`, `train` and `dev` are empty and `test` holds all rows
    with a column `fold`; `harness.data.folds.fold_splits` makes each fold's train, dev and test from it."""

    train: Split
    dev: Split
    test: Split
    facts: Mapping[str, SplitFacts]


@dataclass(frozen=True)
class ModelInfo:
    """What a model says of itself; the part that changes its outputs is its identity (`id7`)."""

    name: str
    """`kmer`, `zhihan1996/DNABERT-2-117M`, or what `--as` says."""
    adapter: str
    """Name of the adapter, for example `kmer`."""
    version: int
    """Of the adapter; raised when any output may change."""
    weights: str = "none"
    """`sha256:…`, `none` (learns only from the task) or `random` (from-scratch training, random twins)."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options that change what the model says, defaults included."""
    parameters: int | None = None
    context_tokens: int | None = None
    context_bases: int | None = None
    """Longest input in bases; None for no limit."""
    tokenizer: str = ""
    objective: str = ""
    strands: str = ""
    """`one strand`, `averaged`, `equivariant`, `both (canonical k-mers)`."""
    licence: str = ""
    pretraining: tuple[str, ...] = ()
    """Declared pretraining assemblies."""
    origin: str = ""
    """`hub:org/name@commit` or `folder name`: where the weights came from; no part of the identity."""


@runtime_checkable
class Adapter(Protocol):
    """A model as dnabench sees it: `info`, the capabilities it declares, and a method for each of them.

    The methods, each needed only where declared (n rows; results in input order):

    embed(sequences) -> (n, d) float array or scipy CSR matrix
    embed_bases(sequences) -> list of n arrays (length, d)
    log_likelihood(sequences) -> (n,) natural log
    base_log_probs(sequences, positions=None, mask=...) -> list of n arrays (positions, 4), NaN for no opinion
    predict(sequences) -> (n, outputs)
    fit(train: Split, dev: Split, seed: int) -> Fitted
    module(outputs: int, length: int) -> torch.nn.Module ; collate(sequences) -> dict of tensors

    Optional beside them: bases_read(sequences) -> (n,) bases of each that reach the network, where rows may be
    cropped; convention() -> str, what its log-likelihood is a sum of; mean_log_likelihood(sequences) -> (n,) the same
    per base that adds to it, NaN where none does.
    """

    @property
    def info(self) -> ModelInfo: ...

    @property
    def capabilities(self) -> frozenset[Capability]: ...


class Fitted(Protocol):
    """A model that has learnt from a task's train and dev rows."""

    chosen: Mapping[str, Any]
    """What was selected on dev, for the record; empty where nothing was."""

    def predict(self, inputs: Inputs) -> Floats:
        """(n, outputs): probabilities for `class` and `multilabel`, (n, 1) for `value`."""
        ...


@dataclass(frozen=True)
class Fit:
    """What a protocol returns for one seed: outputs for the test rows and what was chosen on the way."""

    outputs: Floats
    """(n, outputs) in the order of the test inputs."""
    kind: OutputKind
    chosen: Mapping[str, Any] = field(default_factory=dict)
    """Selected strength, epoch and the like; dev rows used and left out."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """By stage: embed, fit, predict."""
    bases_seen: float = 1.0
    """Share of the test set's bases that reached the model."""
    bases: int = 0
    """Bases processed in the stage `embed` or `predict`, for bases per second."""


@dataclass(frozen=True)
class Predictions:
    """What a model said about every test row. Scores are computed from exactly what is stored here."""

    task: str
    kind: OutputKind
    keys: Labels
    """uint64 (n,): content key of each row (`data.fingerprint.content_keys`)."""
    truth: Labels
    outputs: Floats
    """float32 (replicates, n, outputs)."""
    replicates: tuple[str, ...]
    """Names of the replicates: `seed 0`, …"""
    columns: Mapping[str, Labels] = field(default_factory=dict)

    def take(self, rows: Any) -> Predictions:
        """The predictions of these rows alone: a mask, or row numbers in the order that is wanted."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        kept = (self.keys[rows], self.truth[rows], self.outputs[:, rows])
        return replace(self, keys=kept[0], truth=kept[1], outputs=kept[2], columns=columns)


@dataclass(frozen=True)
class Score:
    """A number and how far to trust it. None stands for undefined, with `note` saying why."""

    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    per_replicate: tuple[float | None, ...] = ()
    method: str = ""
    note: str = ""


@dataclass(frozen=True)
class RunRecord:
    """One cell: one model on one task under one protocol. `run/store.py` reads and writes it as JSON."""

    status: Status
    key: Mapping[str, Any]
    """The full identity: model, task, data, protocol (see `run.plan.cell_key`)."""
    model: Mapping[str, Any]
    task: Mapping[str, Any]
    protocol: Mapping[str, Any]
    scores: Mapping[str, Score] = field(default_factory=dict)
    replicates: tuple[Mapping[str, Any], ...] = ()
    """Per replicate: name, what was chosen."""
    checks: Mapping[str, Any] = field(default_factory=dict)
    cost: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    predictions: str = ""
    """sha256 of the .npz beside the record, empty where there is none."""
    outputs: Callable[[], Predictions] | None = field(default=None, compare=False, repr=False)
    """Brings the predictions from memory or disk; never part of the file."""


Progress = Callable[[str], None]
"""Called with one line of news."""
