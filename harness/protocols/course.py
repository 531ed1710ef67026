"""What the trainings of one fine-tuning share: network, lesson, exam, checkpoints, and the account of them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..data.load import DataOptions
from ..data.sources import cache_folder
from ..engine.checkpoint import Checkpoint, digest, place
from ..engine.devices import choose_device, choose_devices, float32_only, reproducible
from ..engine.gradient import Collate
from ..engine.heads import Classifier, Paired, bases_kept
from ..engine.recipe import Recipe
from ..engine.search import Tried
from ..engine.targets import Objective
from ..engine.training import Exam, Lesson, Network, Trained, train
from ..engine.tuning import Trainable, prepare
from ..errors import AdapterError, RequestError
from ..metrics import METRICS
from ..types import Inputs, Split
from .fit import bases_seen, count_bases, model_name

if TYPE_CHECKING:
    import torch

PAIR_WIDTH = 128
"""Numbers per row that are compared where a network knows nothing of pairs."""
VERSION = b"2"
"""Of checkpoints: raised when a training that goes on would not be the one that began."""


@dataclass
class Course:
    """A model, the rows that it learns from, and what judges it; trained once, or once per point of a search."""

    adapter: Any
    rows: Split
    test: Inputs
    """Its labels are not here; its longest row may be longer than all that train holds."""
    objective: Objective
    exam: Exam | None
    seed: int
    trainable: dict[int, Trainable] = field(default_factory=dict)
    checkpoints: list[Checkpoint] = field(default_factory=list)

    def train(self, recipe: Recipe, *, lasting: bool = False) -> Trained:
        """One training from a fresh network, all draws from the course's seed."""
        with reproducible(self.seed, choose_device(recipe.device), recipe.threads):
            module = self._module()
            self.trainable[id(module)] = prepare(module, recipe)
            if not self.trainable[id(module)].trainable:
                raise AdapterError(f"{model_name(self.adapter)}: its network has no numbers that can be trained")
            network = Network(module, collate_of(self.adapter, recipe))
            objective = self.objective
            labels = objective.labels(self.rows.labels)
            lesson = Lesson(self.rows.sequences, labels, objective.loss, self.rows.inputs.seconds, objective.weight)
            checkpoint = place(cache_folder(DataOptions()), self._depends_on(module, recipe))
            if checkpoint is not None:
                checkpoint.lasting = lasting
                self.checkpoints.append(checkpoint)
            return train(network, lesson, self.exam, recipe, self.seed, checkpoint)

    def raw(self, trained: Trained) -> NDArray[np.float32]:
        """Raw outputs for the test rows."""
        with reproducible(self.seed, choose_device(trained.recipe.device), trained.recipe.threads):
            return trained.raw(self.test.sequences, self.test.seconds)

    def forget(self) -> None:
        """Removes the checkpoints of a course that is finished."""
        for checkpoint in self.checkpoints:
            checkpoint.remove()

    def _module(self) -> torch.nn.Module:
        outputs, length = self.rows.target.outputs, self._longest()
        if len(self.rows.inputs.seconds):
            if _takes(self.adapter.module, "kind"):
                return _network(self.adapter, outputs, length, kind="pair")
            return Paired(_network(self.adapter, PAIR_WIDTH, length), PAIR_WIDTH, outputs)
        return _network(self.adapter, outputs, length)

    def _longest(self) -> int:
        """Bases of the longest row of the task; labels play no part in it."""
        sides = [self.rows.sequences, self.rows.inputs.seconds, self.test.sequences, self.test.seconds]
        sides += [self.exam.sequences, self.exam.seconds] if self.exam else []
        return max((len(s) for side in sides for s in side), default=0)

    def _depends_on(self, module: torch.nn.Module, recipe: Recipe) -> Iterator[bytes]:
        """All that the numbers of a training depend on: a checkpoint of another one must never be found."""
        yield VERSION + version("torch").encode()
        # Options of the model that leave its first weights as they are change the training all the same: a pooling.
        options = getattr(getattr(self.adapter, "info", None), "options", {})
        known = [recipe.as_config(), self.seed, type(module).__name__, asdict(self.rows.target), options]
        yield json.dumps(known, sort_keys=True, default=str).encode()
        yield digest(module.state_dict()).encode()
        exam = (self.exam.sequences, self.exam.seconds) if self.exam else ((), ())
        for side in (self.rows.sequences, self.rows.inputs.seconds, *exam):
            yield "\n".join(side).encode()
        yield np.ascontiguousarray(self.rows.labels).tobytes()
        yield self.exam.identity if self.exam else b""


def _network(adapter: Any, *size: int, **kind: str) -> torch.nn.Module:
    """What the adapter's `module` returns; AdapterError where that is no torch module."""
    import torch

    made = adapter.module(*size, **kind)
    if not isinstance(made, torch.nn.Module):
        raise AdapterError(f"{model_name(adapter)}: module returned {type(made).__name__}; expected a torch.nn.Module")
    return made


def collate_of(adapter: Any, recipe: Recipe) -> Collate:
    """The adapter's `collate`, with the recipe's limit in tokens; RequestError where the model has no such limit."""
    collate: Collate = adapter.collate
    if not recipe.max_tokens:
        return collate
    if not _takes(adapter.collate, "max_tokens"):
        raise RequestError(
            f"the recipe cuts rows at {recipe.max_tokens} tokens, and {model_name(adapter)} cannot: "
            "--set max_tokens=0 leaves them whole"
        )
    return partial(adapter.collate, max_tokens=recipe.max_tokens)


def bases_share(adapter: Any, module: torch.nn.Module, test: Inputs, recipe: Recipe) -> float:
    """Share of the test set's bases that the network was given."""
    total = count_bases(test)
    if not isinstance(module, Classifier) or not total:
        return bases_seen(adapter, test)
    # Not the adapter's `bases_read`: it tells of embeddings, whose crop and windows are the model's options.
    kept = bases_kept(module.reader, [*test.sequences, *test.seconds], recipe.max_tokens)
    return int(kept.sum()) / total


def account(course: Course, trained: Trained, tried: Sequence[Tried], asked: Mapping[str, Any]) -> dict[str, Any]:
    """What was chosen on dev and what really ran, for the record; `asked` is the configuration."""
    metric, recipe = str(asked["metric"]), trained.recipe
    facts = course.trainable[id(trained.network.module)]
    merits, minus = _curve(trained.curve, recipe)
    found: dict[str, Any] = {
        "step": trained.step,
        "epoch": trained.epoch,
        "rule": _rule(metric, merits, recipe),
        "dev_metric": metric,
        "dev_steps": trained.looks,
        "dev_scores": [_score(metric, merit) for merit in merits],
        "dev_losses": [round(-loss, 6) if np.isfinite(loss) else None for loss in minus],
        "train_losses": [round(loss, 6) for loss in trained.losses],
        "diverged": trained.diverged,
        "parameters": facts.total,
        "trainable": facts.trainable,
        "device": choose_device(recipe.device).type,
        "devices": len(choose_devices(recipe.device, recipe.devices)),
        "precision": recipe.precision,
        "tokens_per_pass": recipe.tokens_per_pass,
    }
    if facts.targets:
        found["adapted"] = list(facts.targets)
    if tried:
        found["search"] = _search(metric, tried, recipe)
    missed = ", ".join(facts.missed)
    partly = [f"nothing in this network is called {missed}: LoRA was put on the rest"] if missed else []
    return found | {"notes": [*notes(trained, tried, asked), *partly]}


def _curve(curve: Sequence[tuple[float, ...]], recipe: Recipe) -> tuple[list[float], list[float]]:
    """Merits and minus the losses of every look, whichever ranks first."""
    at = 1 if recipe.select == "loss" else 0
    return [rank[at] for rank in curve], [rank[1 - at] for rank in curve]


def _score(metric: str, merit: float) -> float | None:
    best = METRICS[metric].best
    return None if merit == -np.inf else round(best - abs(merit) if best else -merit, 6)


def _rule(metric: str, merits: Sequence[float], recipe: Recipe) -> str:
    if not merits:
        return "last step: too few usable dev rows"
    if recipe.select == "loss":
        return "smallest loss on dev"
    defined = any(merit != -np.inf for merit in merits)
    return f"best {metric} on dev" if defined else f"smallest loss on dev: {metric} is undefined there"


def _search(metric: str, tried: Sequence[Tried], recipe: Recipe) -> dict[str, Any]:
    """All runs of a search with their dev scores, and which was kept."""
    runs = []
    for one in tried:
        merits, minus = _curve([one.rank] if one.rank else [], recipe)
        score = _score(metric, merits[0]) if merits else None
        loss = round(-minus[0], 6) if minus and np.isfinite(minus[0]) else None
        runs.append({**one.settings, "dev_score": score, "dev_loss": loss, "diverged": one.rank is None})
    config = recipe.as_config()
    return {"runs": len(runs), "tried": runs, "chosen": {name: config[name] for name in tried[0].settings}}


def notes(trained: Trained, tried: Sequence[Tried], asked: Mapping[str, Any]) -> list[str]:
    """What a reader of the table must know: sentences without a seed's own numbers, so that seeds share them."""
    recipe, notes = trained.recipe, []
    # A search asks for several; the one that was kept is no substitute for the others.
    wanted = asked.get("search", {}).get("precision") or [asked.get("precision", recipe.precision)]
    if recipe.precision not in wanted:
        notes.append(f"{' or '.join(wanted)} cannot run {_place(trained)}: {recipe.precision} ran in its place")
    if tried:
        names = ", ".join(tried[0].settings)
        notes.append(f"settings chosen on dev among {len(tried)} runs per seed: {names}")
    if trained.diverged:
        notes.append("the training diverged, and the best step before that was kept")
    return notes


def _place(trained: Trained) -> str:
    """Where a precision cannot run: in a network that has only float32, or on the device."""
    kind = choose_device(trained.recipe.device).type
    narrow = float32_only(trained.network.module)
    return "in this network" if narrow else f"on the {'CPU' if kind == 'cpu' else kind}"


def _takes(function: Any, name: str) -> bool:
    """Whether a function has a keyword of this name, or takes any."""
    parameters = inspect.signature(function).parameters
    return name in parameters or any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
