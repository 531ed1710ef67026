"""The protocol `finetune`: train a network on train, keep the step that is best on dev, predict the test rows.

The network is the adapter's `module(outputs, length)`, which returns raw outputs (n, outputs) for the tensors of
`collate(sequences)`; losses and probabilities belong to the harness, so that no model can apply its own twice.
Where `module` takes `kind`, pairs are its own affair; elsewhere two rows are read one after the other and compared.
Where `collate` takes `max_tokens`, a recipe may cut rows in tokens. `recipe` on an adapter is its own defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.recipe import Recipe, read_recipe
from ..errors import RequestError, Unavailable, needs_extra
from ..metrics import METRICS, evaluate
from ..types import Fit, Inputs, Split, Task
from .fit import TrainRows, count_bases, dev_counts, output_kind, usable_dev

if TYPE_CHECKING:
    from ..engine.targets import Objective
    from ..engine.training import Exam

CONFIG: Mapping[str, Any] = {
    **Recipe().as_config(),
    "least_dev_rows": 20,
    "fitted_on": "train",
    "selected_on": "dev rows whose sequence, on either strand, is not in train",
}
"""The defaults of `engine.recipe.Recipe`, spelled out; `metric` is the task's. With fewer than
`least_dev_rows` usable dev rows nothing is selected: all steps are made and the last weights are kept."""

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


def check_task(config: Mapping[str, Any], task: Task) -> None:
    """RequestError for a setting that would teach a task wrong labels."""
    if config["both_strands"] and task.strand_matters:
        raise RequestError(
            f"both_strands: {task.name} is about the strand, the other one has another label: leave it out."
        )


def defaults(task: Task, adapter: Any) -> dict[str, Any]:
    """What a model's card and the task put in place of a recipe's defaults, below a named recipe and the user."""
    return dict(getattr(adapter, "recipe", None) or {})


def implied(changes: Mapping[str, Any]) -> dict[str, Any]:
    """What one layer of settings puts aside in the layers below it: epochs put steps aside, and so on.

    >>> implied({"epochs": 3})
    {'max_steps': 0}
    """
    aside: dict[str, dict[str, Any]] = {"epochs": {"max_steps": 0}, "warmup_steps": {"warmup_ratio": 0.0}}
    return {key: zero for name in changes for key, zero in aside.get(name, {}).items() if key not in changes}


def lacking(config: Mapping[str, Any]) -> Unavailable | None:
    """The package that these settings need and that is not installed; None where all are there."""
    if find_spec("torch") is None:
        return needs_extra("torch", "torch")
    if config["mode"] in ("lora", "ia3") and find_spec("peft") is None:
        return needs_extra("peft", "finetune")
    return None


def finetune(adapter: Any, rows: TrainRows, test: Inputs, config: Mapping[str, Any], seed: int = 0) -> Fit:
    """Train the adapter's network from the given seed and give its outputs for the test rows, read once.

    On the CPU the same seed gives the same bytes; on cuda nearly so. `chosen` tells the step, the dev score and
    training loss at every look, what ran where it is not what was asked for, and whether the network `collapsed`:
    it then says the same of every test row.
    """
    recipe = check_config(config)
    if (absent := lacking(config)) is not None:
        raise absent
    if bool(len(test.seconds)) != bool(len(rows.train.inputs.seconds)):
        raise RequestError("finetune: train and test must both hold pairs, or neither.")
    from ..engine.search import searched
    from ..engine.targets import collapsed, objective_of
    from ..engine.training import DivergedError
    from .course import Course, account, bases_share

    start = perf_counter()
    dev = usable_dev(rows)
    objective = objective_of(rows.train.target, rows.train.labels)
    course = Course(adapter, rows.train, test, objective, _exam(dev, objective, config), seed)
    lasting = partial(course.train, lasting=bool(recipe.search))
    try:
        trained, tried = searched(recipe, lasting, judged=course.exam is not None)
    except DivergedError:
        course.forget()
        raise
    middle = perf_counter()
    outputs = objective.outputs(course.raw(trained))
    end = perf_counter()
    course.forget()
    chosen = account(course, trained, tried, config) | {"collapsed": collapsed(outputs, rows.train.target)}
    return Fit(
        outputs=outputs,
        kind=output_kind(rows.train.target),
        chosen=chosen | dev_counts(rows, dev),
        seconds={"fit": middle - start, "predict": end - middle},
        bases_seen=bases_share(adapter, trained.network.module, test, trained.recipe),
        bases=count_bases(test),
    )


def _exam(dev: Split, objective: Objective, config: Mapping[str, Any]) -> Exam | None:
    """Ranks a look by the task's metric on the dev rows, and among equals by the smaller loss; or the other way."""
    import torch

    from ..engine.training import Exam

    if len(dev) < config.get("least_dev_rows", CONFIG["least_dev_rows"]):
        return None
    labels, kind = objective.labels(dev.labels), output_kind(dev.target)
    by_loss = config.get("select") == "loss"

    def judge(raw: Any) -> tuple[float, ...]:
        if not np.isfinite(raw).all():
            return (-np.inf, -np.inf)
        score = evaluate(config["metric"], dev.labels, objective.outputs(raw), kind, dev.target).value
        merit = -np.inf if score is None else -abs(METRICS[config["metric"]].best - score)
        minus = -float(objective.loss(torch.from_numpy(raw).float(), labels))
        return (minus, merit) if by_loss else (merit, minus)

    identity = f"{config['metric']}\n".encode() + np.ascontiguousarray(dev.labels).tobytes()
    return Exam(dev.sequences, judge, dev.inputs.seconds, identity)
