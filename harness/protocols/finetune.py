"""The protocol `finetune`: train a network on train, keep the epoch that is best on dev, predict the test
rows.

The network is the adapter's `module(outputs, length)`, which returns raw outputs (n, outputs) for the
tensors of `collate(sequences)`; losses and probabilities belong to the harness, so that no model can apply
its own twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.recipe import Recipe, read_recipe
from ..errors import RequestError, needs_extra
from ..metrics import METRICS, evaluate
from ..types import Fit, Inputs, Split
from .fit import TrainRows, bases_seen, count_bases, dev_counts, output_kind, usable_dev

if TYPE_CHECKING:
    from ..engine.targets import Objective
    from ..engine.training import Exam, Trained

CONFIG: Mapping[str, Any] = {
    **Recipe().as_config(),
    "least_dev_rows": 20,
    "fitted_on": "train",
    "selected_on": "dev rows whose sequence, on either strand, is not in train",
}
"""The defaults of `engine.recipe.Recipe`, spelled out; `metric` is the task's. With fewer than
`least_dev_rows` usable dev rows nothing is selected: all epochs are trained and the last one is kept."""

_FIXED = ("fitted_on", "selected_on")


def check_config(config: Mapping[str, Any]) -> Recipe:
    """The recipe in a configuration; RequestError for a setting that is unknown or makes no sense."""
    for name in _FIXED:
        if config.get(name, CONFIG[name]) != CONFIG[name]:
            raise RequestError(f"finetune: {name} is always {CONFIG[name]!r}.")
    least = config.get("least_dev_rows", 1)
    if isinstance(least, bool) or not isinstance(least, int) or least < 1:
        raise RequestError(f"finetune: least_dev_rows is {least!r}; it must be a whole number of at least 1.")
    other = {"metric", "least_dev_rows", *_FIXED}
    return read_recipe({name: value for name, value in config.items() if name not in other})


def finetune(adapter: Any, rows: TrainRows, test: Inputs, config: Mapping[str, Any], seed: int = 0) -> Fit:
    """Train the adapter's network from the given seed and give its outputs for the test rows.

    On the CPU the same seed gives the same bytes; on cuda nearly so. `chosen` tells the epoch, the dev score
    and training loss of every epoch, and whether the network `collapsed`: it then says the same of every
    test row.
    """
    recipe = check_config(config)
    if find_spec("torch") is None:
        raise needs_extra("torch", "torch")
    if len(test.seconds):
        raise RequestError("finetune reads one sequence per row; pairs are not served yet: use probe.")
    from ..engine.devices import choose_device, reproducible
    from ..engine.targets import objective_of
    from ..engine.training import Lesson, Network, train

    start = perf_counter()
    dev = usable_dev(rows)
    objective = objective_of(rows.train.target, rows.train.labels)
    with reproducible(seed, choose_device(recipe.device), recipe.threads):
        network = Network(adapter.module(rows.train.target.outputs, _longest(rows, test)), adapter.collate)
        lesson = Lesson(rows.train.sequences, objective.labels(rows.train.labels), objective.loss)
        trained = train(network, lesson, _exam(dev, objective, config), recipe, seed)
        middle = perf_counter()
        outputs = objective.outputs(trained.raw(test.sequences))
    end = perf_counter()
    return Fit(
        outputs=outputs,
        kind=output_kind(rows.train.target),
        chosen=_account(trained, outputs, rows.train, config) | dev_counts(rows, dev),
        seconds={"fit": middle - start, "predict": end - middle},
        bases_seen=bases_seen(adapter, test),
        bases=count_bases(test),
    )


def _exam(dev: Split, objective: Objective, config: Mapping[str, Any]) -> Exam | None:
    """Ranks an epoch by the task's metric on the dev rows, and among equals by the smaller loss."""
    import torch

    from ..engine.training import Exam

    if len(dev) < config.get("least_dev_rows", CONFIG["least_dev_rows"]):
        return None
    labels, kind = objective.labels(dev.labels), output_kind(dev.target)

    def judge(raw: Any) -> tuple[float, ...]:
        if not np.isfinite(raw).all():
            return (-np.inf, -np.inf)
        score = evaluate(config["metric"], dev.labels, objective.outputs(raw), kind, dev.target).value
        merit = -np.inf if score is None else -abs(METRICS[config["metric"]].best - score)
        return (merit, -float(objective.loss(torch.from_numpy(raw).float(), labels)))

    return Exam(dev.sequences, judge)


def _account(trained: Trained, outputs: Any, train: Split, config: Mapping[str, Any]) -> dict[str, Any]:
    from ..engine.targets import collapsed

    metric, best = config["metric"], METRICS[config["metric"]].best
    scores = [
        None if merit == -np.inf else round(best - abs(merit) if best else -merit, 6) for merit, _ in trained.curve
    ]
    return {
        "epoch": trained.epoch,
        "rule": _rule(metric, scores),
        "dev_metric": metric,
        "dev_scores": scores,
        "dev_losses": [round(-minus, 6) if np.isfinite(minus) else None for _, minus in trained.curve],
        "train_losses": [round(loss, 6) for loss in trained.losses],
        "collapsed": collapsed(outputs, train.target),
        "diverged": trained.diverged,
        "parameters": sum(p.numel() for p in trained.network.module.parameters()),
        "device": next(trained.network.module.parameters()).device.type,
        "tokens_per_pass": trained.recipe.tokens_per_pass,
    }


def _rule(metric: str, scores: list[float | None]) -> str:
    if not scores:
        return "last epoch: too few usable dev rows"
    defined = any(score is not None for score in scores)
    return f"best {metric} on dev" if defined else f"smallest loss on dev: {metric} is undefined there"


def _longest(rows: TrainRows, test: Inputs) -> int:
    """Bases of the longest row of the task; labels play no part in it."""
    return max((len(s) for part in (rows.train.inputs, rows.dev.inputs, test) for s in part.sequences), default=0)
