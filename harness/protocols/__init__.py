"""How a model meets a task: one table says which protocol serves which inputs with which capability.

fit        the model learns from the task's own rows (majority, gc, length, nearest)
probe      a linear model on the model's embedding (kmer, onehot, embeddings of pretrained models)
finetune   a torch module trained on the task (cnn)
zero_shot  the likelihood that a model gives a sequence, nothing learnt (language models)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import AdapterError, RequestError, Unavailable, nearest
from ..metrics import find_metric
from ..types import Adapter, Capability, Fit, InputKind, Inputs, Split, Task
from .fit import TrainRows, model_name
from .redraw import DEV_FOLDS, check_dev_folds, pooled, redrawn

__all__ = [
    "DEV_FOLDS",
    "PROTOCOLS",
    "ProtocolSpec",
    "TrainRows",
    "choose",
    "configure",
    "lacking",
    "pooled",
    "redrawn",
    "run_protocol",
    "seeds_of",
    "shared_options",
    "takes_seed",
]


@dataclass(frozen=True)
class ProtocolSpec:
    """One protocol: what it needs of a model, which inputs it serves, and its version."""

    name: str
    version: int
    """Part of a cell's identity: raised when any number may change."""
    capability: Capability
    inputs: tuple[InputKind, ...]
    uses_seed: bool
    """False where every seed gives the same outputs, so that one replicate is enough."""
    title: str
    two_classes: bool = False
    """True where only a task of two classes can be served."""
    selects: bool = True
    """False where nothing is chosen by a metric."""


PROTOCOLS: Mapping[str, ProtocolSpec] = {
    spec.name: spec
    for spec in (
        ProtocolSpec("fit", 1, "fit", ("sequence",), False, "learnt from the task's own rows"),
        ProtocolSpec("probe", 1, "embed", ("sequence", "pair"), False, "linear model on the embedding"),
        ProtocolSpec("finetune", 2, "module", ("sequence", "pair"), True, "network trained on the task"),
        ProtocolSpec("zero_shot", 2, "log_likelihood", ("sequence",), False, "likelihood, nothing learnt", True, False),
    )
}
"""In the order of preference: the first that a model can do is its default."""


def choose(task: Task, adapter: Adapter, requested: str | None = None) -> tuple[str | None, str]:
    """The protocol for a model on a task and why; None with the reason where there is none.

    Raises RequestError where the requested protocol does not exist.
    """
    if requested is not None and requested not in PROTOCOLS:
        known = ", ".join(PROTOCOLS)
        raise RequestError(f"there is no protocol {requested!r}.{nearest(requested, list(PROTOCOLS))} Known: {known}.")
    names = [requested] if requested else list(PROTOCOLS)
    obstacles = {name: _obstacle(PROTOCOLS[name], task, adapter) for name in names}
    possible = [name for name, obstacle in obstacles.items() if not obstacle]
    if possible:
        return possible[0], "as requested" if requested else f"first that {adapter.info.name} offers"
    if requested:
        return None, obstacles[requested]
    offered = ", ".join(sorted(adapter.capabilities)) or "nothing"
    return None, f"no protocol serves {task.inputs} inputs with a model that offers {offered}"


def configure(
    name: str,
    task: Task,
    recipe: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    model: Adapter | None = None,
) -> dict[str, Any]:
    """The protocol's full configuration for a task as JSON: what stands later takes the place of what stands before.

    The protocol's defaults, those of the model's card, the recipe, overrides. `search.KEY` among the overrides is the
    entry KEY of `search`. Raises RequestError for a recipe that the task, or an option that the protocol does not have.
    """
    protocol = _module(name)
    # What selects nothing has no use for a metric.
    config: dict[str, Any] = ({"metric": task.metric} if PROTOCOLS[name].selects else {}) | dict(protocol.CONFIG)
    config |= dict.fromkeys(shared_options(name), 0)
    layers: list[tuple[Mapping[str, Any], str]] = []
    if model is not None and hasattr(protocol, "defaults"):
        layers.append((protocol.defaults(task, model), f"recipe of {model.info.name}"))
    if recipe is not None:
        layers.append((_recipe(task, recipe), f"recipe {recipe} of {task.name} for protocol {name}"))
        _refuse_misfit(layers[-1][0], recipe, name, config)
    for changes, where in (*layers, (overrides or {}, f"protocol {name}")):
        aside = protocol.implied(changes) if hasattr(protocol, "implied") else {}
        _put(config, {**aside, **changes}, where)
    if "metric" in config:
        find_metric(config["metric"], task.target)
    # Only where it is asked for, so that cells without it keep their identity.
    folds = check_dev_folds(config.pop(DEV_FOLDS, 0))
    protocol.check_config(config)
    if hasattr(protocol, "check_task"):
        protocol.check_task(config, task)
    config |= {DEV_FOLDS: folds} if folds else {}
    return dict(json.loads(json.dumps(config)))


def lacking(name: str, config: Mapping[str, Any]) -> Unavailable | None:
    """The package that a protocol needs for this configuration and that is not installed; None where all are there."""
    protocol = _module(name)
    found: Unavailable | None = protocol.lacking(config) if hasattr(protocol, "lacking") else None
    return found


def shared_options(name: str | None) -> tuple[str, ...]:
    """Options that a protocol has beside its own: those about dev, where it selects on dev.

    >>> shared_options("probe"), shared_options("zero_shot")
    (('dev_folds',), ())
    """
    return (DEV_FOLDS,) if name and name in PROTOCOLS and PROTOCOLS[name].selects else ()


def takes_seed(name: str, config: Mapping[str, Any]) -> bool:
    """True where outputs depend on the seed: of the protocol itself, or since the seed says which part of train is dev.

    >>> takes_seed("probe", {}), takes_seed("probe", {"dev_folds": 10}), takes_seed("finetune", {})
    (False, True, True)
    """
    return name in PROTOCOLS and (PROTOCOLS[name].uses_seed or DEV_FOLDS in config)


def seeds_of(name: str, config: Mapping[str, Any], asked: Iterable[int]) -> tuple[int, ...]:
    """The seeds to run, in order, each once: one where all give the same outputs, one for each dev set otherwise.

    >>> seeds_of("probe", {}, (3, 4)), seeds_of("probe", {"dev_folds": 3}, range(6)), seeds_of("finetune", {}, (4, 3))
    ((0,), (0, 1, 2), (3, 4))
    """
    if PROTOCOLS[name].uses_seed:
        return tuple(sorted(set(asked)))
    # Seeds that make the same part dev would be copies of one replicate, and a mean would count it twice.
    return tuple(sorted({seed % max(config.get(DEV_FOLDS, 0), 1) for seed in asked}))


def option_of(key: str) -> str:
    """The option that an override belongs to.

    >>> option_of("search.learning_rate"), option_of("epochs")
    ('search', 'epochs')
    """
    return key.split(".", 1)[0]


def run_protocol(  # noqa: PLR0913, PLR0917 (a cell has these six parts)
    name: str, adapter: Any, rows: TrainRows, test: Inputs, config: Mapping[str, Any], seed: int = 0
) -> Fit:
    """One replicate: learn from train, select on dev, and give outputs for the test rows.

    `adapter` is any object with the protocol's method. Raises AdapterError, naming the model and the first
    bad row, where outputs are not finite or have the wrong shape; TypeError where test rows come with labels.
    """
    if isinstance(test, Split):
        raise TypeError("a protocol gets the test split's inputs only: pass split.inputs")
    if not len(rows.train):
        raise RequestError("there are no train rows to learn from")
    found: Fit = getattr(_module(name), name)(adapter, rows, test, config, seed)
    columns = 1 if found.kind == "log_likelihood" else rows.train.target.outputs
    _check_outputs(found, model_name(adapter), len(test), columns)
    return found


def _module(name: str) -> ModuleType:
    """The protocol's own file: it holds CONFIG, check_config and a function of the protocol's name."""
    if name not in PROTOCOLS:
        raise RequestError(f"there is no protocol {name!r}.{nearest(name, list(PROTOCOLS))}")
    return import_module(f".{name}", __name__)


def _put(config: dict[str, Any], changes: Mapping[str, Any], where: str) -> None:
    for key, value in changes.items():
        option, _, entry = key.partition(".")
        if option not in config or (entry and not isinstance(config[option], Mapping)):
            known = ", ".join(config)
            raise RequestError(f"{where}: no option {key!r}.{nearest(key, list(config))} Known: {known}.")
        config[option] = {**config[option], entry: value} if entry else value


def _refuse_misfit(changes: Mapping[str, Any], recipe: str, name: str, config: Mapping[str, Any]) -> None:
    """RequestError where a recipe was written for another protocol: it names that one."""
    keys = {option_of(key) for key in changes}
    fits = [other for other in PROTOCOLS if keys <= {"metric", *_module(other).CONFIG, *shared_options(other)}]
    if not keys <= config.keys() and fits:
        raise RequestError(f"recipe {recipe} is for {fits[0]}, and this would be {name}: say --protocol {fits[0]}")


def _recipe(task: Task, recipe: str) -> dict[str, Any]:
    if recipe not in task.recipes:
        known = ", ".join(task.recipes) or "none"
        raise RequestError(
            f"{task.name} has no recipe {recipe!r}.{nearest(recipe, list(task.recipes))} Known: {known}."
        )
    return dict(task.recipes[recipe])


def _obstacle(spec: ProtocolSpec, task: Task, adapter: Adapter) -> str:
    """Why this protocol cannot be used here, as a sentence, or an empty string."""
    if spec.capability not in adapter.capabilities:
        return f"{spec.name} needs a model that offers {spec.capability}, which {adapter.info.name} does not"
    if task.inputs not in spec.inputs:
        return f"{spec.name} does not serve {task.inputs} inputs"
    if spec.two_classes and (task.target.kind != "class" or task.target.outputs != 2):
        return f"{spec.name} ranks rows by one score, which serves two classes only"
    if spec.name not in task.protocols:
        return f"{task.name} is not meant for {spec.name}: its protocols are {', '.join(task.protocols)}"
    return ""


def _check_outputs(found: Fit, name: str, rows: int, columns: int) -> None:
    outputs = np.asarray(found.outputs)
    if outputs.shape != (rows, columns):
        raise AdapterError(f"{name}: outputs have shape {outputs.shape}; expected {(rows, columns)}.")
    bad = np.flatnonzero(~np.isfinite(outputs).all(1))
    if len(bad):
        said = f"the output for test row {bad[0]} is NaN or infinite ({len(bad)} of {rows} rows are)"
        raise AdapterError(f"{name}: {said}.")
    bad = np.flatnonzero(((outputs < -1e-6) | (outputs > 1 + 1e-6)).any(1))
    if len(bad) and found.kind == "probability":
        said = f"the output for test row {bad[0]} is not a probability: {outputs[bad[0]].tolist()}"
        raise AdapterError(f"{name}: {said}.")
