"""The protocol `fit`: a model that learns from a task's own rows, with whatever it selects on dev.

Also the two things that every protocol starts with: the rows that it may learn from, and the dev rows on
which it may select.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..audit.duplicates import rows_in
from ..errors import AdapterError, RequestError
from ..types import Fit, Inputs, OutputKind, Split, Target

CONFIG: Mapping[str, Any] = {"selected_on": "dev rows whose sequence, on either strand, is not in train"}


@dataclass(frozen=True)
class TrainRows:
    """What a protocol may learn from. The test split has no place here: its labels reach only the scorer."""

    train: Split
    dev: Split


def fit(adapter: Any, rows: TrainRows, test: Inputs, config: Mapping[str, Any], seed: int) -> Fit:
    """Let the model learn from train, select on the usable dev rows, and predict the test rows."""
    dev = usable_dev(rows)
    start = perf_counter()
    fitted = adapter.fit(rows.train, dev, seed)
    lacks = [part for part in ("predict", "chosen") if not hasattr(fitted, part)]
    if lacks:
        what = f"fit returned {type(fitted).__name__}, which lacks {' and '.join(lacks)}"
        raise AdapterError(f"{model_name(adapter)}: {what}: see adapters/README.md")
    middle = perf_counter()
    outputs = np.asarray(fitted.predict(test))
    end = perf_counter()
    chosen = dict(fitted.chosen)
    if chosen:
        chosen |= dev_counts(rows, dev)
    return Fit(
        outputs=outputs,
        kind=output_kind(rows.train.target),
        chosen=chosen,
        seconds={"fit": middle - start, "predict": end - middle},
        bases_seen=bases_seen(adapter, test),
        bases=count_bases(test),
    )


def check_config(config: Mapping[str, Any]) -> None:
    """The protocol `fit` has no settings: what a model does is among the model's own options."""
    if config.get("selected_on") != CONFIG["selected_on"]:
        raise RequestError("protocol fit has no settings to change: give the model options.")


def usable_dev(rows: TrainRows) -> Split:
    """The dev rows whose sequence, on either strand, is not in train: only these may select anything.

    Of GUE's human_tf_4, 358 of 1,000 dev rows are copies of train rows; with them a probe selects memorising.
    """
    if not len(rows.dev):
        return rows.dev
    return take(rows.dev, ~rows_in(rows.dev.inputs, rows.train.inputs))


def dev_counts(rows: TrainRows, used: Split) -> dict[str, int]:
    """How many dev rows selected, and how many were left out because train holds them, for the record."""
    return {"dev_rows_used": len(used), "dev_rows_left_out": len(rows.dev) - len(used)}


def take(split: Split, mask: NDArray[np.bool_]) -> Split:
    """The rows of a split where `mask` is true, in the same order."""
    keep = np.flatnonzero(mask)
    inputs = Inputs(_pick(split.inputs.sequences, keep), _pick(split.inputs.seconds, keep))
    columns = {name: column[keep] for name, column in split.columns.items()}
    return replace(split, inputs=inputs, labels=split.labels[keep], columns=columns)


def output_kind(target: Target) -> OutputKind:
    """`value` for value targets, else `probability`."""
    return "value" if target.kind == "value" else "probability"


def model_name(adapter: Any) -> str:
    """What an error calls a model: its `info.name`, or its class where it has no info."""
    return str(getattr(getattr(adapter, "info", None), "name", type(adapter).__name__))


def bases_seen(model: Any, inputs: Inputs) -> float:
    """Share of the bases that reach a model: what its `bases_read` says, else what `info.context_bases` leaves."""
    total = count_bases(inputs)
    if not total:
        return 1.0
    rows = [*inputs.sequences, *inputs.seconds]
    if callable(getattr(model, "bases_read", None)):
        return float(np.sum(model.bases_read(rows))) / total
    limit = getattr(getattr(model, "info", None), "context_bases", None)
    return 1.0 if limit is None else sum(min(len(s), int(limit)) for s in rows) / total


def count_bases(*inputs: Inputs) -> int:
    """Bases of all rows.

    >>> count_bases(Inputs(["ACG", "T"]), Inputs(["NN"]))
    6
    """
    return sum(len(s) for rows in inputs for s in (*rows.sequences, *rows.seconds))


def _pick(sequences: Any, keep: NDArray[np.intp]) -> list[str]:
    return [sequences[i] for i in keep] if len(sequences) else []
