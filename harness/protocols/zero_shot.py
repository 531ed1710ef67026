"""The protocol `zero_shot`: a sequence model's own likelihood as the score, nothing learnt, nothing selected.

For two classes: rows are ranked by how likely the model finds them, and the more likely ones are said to be class 1.
A likelihood has no threshold, so only AUROC and AUPRC are defined.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AdapterError, RequestError
from ..sequence import lengths
from ..types import Fit, Inputs
from .fit import TrainRows, bases_seen, count_bases, model_name

CONFIG: Mapping[str, Any] = {"per": "base", "higher": "class 1"}
"""`per`: `base` divides a row's log-likelihood by the bases that it is of (those that the model read, where it does
not tell), `row` does not."""
NO_OPINION = float(np.log(1 / 4))
"""Per base, of a row of which the model has none (all N): what one says that knows nothing."""


def zero_shot(adapter: Any, rows: TrainRows, test: Inputs, config: Mapping[str, Any], seed: int = 0) -> Fit:
    """The log-likelihood of every test row, per base, as one score (n, 1) that ranks them."""
    start = perf_counter()
    scores = _scores(adapter, test, config["per"])
    chosen: dict[str, Any] = {}
    told = getattr(adapter, "convention", None)
    if callable(told):
        chosen["convention"] = str(told())
    silent = np.isnan(scores)
    if silent.any():
        said = f"of {silent.sum()} rows the model has no opinion: they count as ln 1/4 per base"
        scores, chosen["notes"] = np.where(silent, NO_OPINION, scores), [said]
    return Fit(
        outputs=scores[:, None],
        kind="log_likelihood",
        chosen=chosen,
        seconds={"predict": perf_counter() - start},
        bases_seen=bases_seen(adapter, test),
        bases=count_bases(test),
    )


def check_config(config: Mapping[str, Any]) -> None:
    """RequestError for a setting that zero_shot does not have."""
    if config["per"] not in ("base", "row"):
        raise RequestError(f"zero_shot: per is {config['per']!r}; it must be base or row.")
    if config["higher"] != CONFIG["higher"]:
        raise RequestError("zero_shot: higher is always 'class 1': a sign chosen on labels would be learning.")


def _scores(adapter: Any, test: Inputs, per: str) -> NDArray[np.float64]:
    """(n,); NaN where the model counts the bases that it has an opinion of, and there are none."""
    if per == "row":
        return _checked(adapter, adapter.log_likelihood(list(test.sequences)), len(test))
    if callable(getattr(adapter, "mean_log_likelihood", None)):
        found = np.asarray(adapter.mean_log_likelihood(list(test.sequences)), np.float64)
        _checked(adapter, np.where(np.isnan(found), 0, found), len(test))
        return found
    whole = _checked(adapter, adapter.log_likelihood(list(test.sequences)), len(test))
    return np.asarray(whole / np.maximum(_read(adapter, test), 1), np.float64)


def _checked(adapter: Any, answer: Any, rows: int) -> NDArray[np.float64]:
    """(n,) natural logs."""
    found = np.asarray(answer, np.float64)
    name = model_name(adapter)
    if found.shape != (rows,):
        raise AdapterError(f"{name}: log_likelihood returned shape {found.shape}; expected ({rows},).")
    bad = np.flatnonzero(~np.isfinite(found))
    if len(bad):
        raise AdapterError(f"{name}: the log-likelihood of row {bad[0]} is {found[bad[0]]}.")
    return found


def _read(adapter: Any, test: Inputs) -> NDArray[np.int64]:
    """Bases of each row that the model read."""
    if hasattr(adapter, "bases_read"):
        return np.asarray(adapter.bases_read(list(test.sequences)), np.int64)
    return lengths(test.sequences)
