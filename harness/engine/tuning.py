"""Which numbers of a network are trained: all, low-rank updates (LoRA), scales (IA3), or the head alone.

The head is trained in every mode. A module says what can be adapted by attributes: `network` (what LoRA and IA3 work
on) and `head`; `lora_targets`, `ia3_targets`, `ia3_feedforward` (suffixes of module names below `network`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, cast

from torch import Tensor, nn

from ..errors import RequestError, needs_extra
from .heads import Classifier, dense_head
from .recipe import Recipe

_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


@dataclass(frozen=True)
class Trainable:
    """What of a network is trained, for the record."""

    trainable: int
    total: int
    targets: tuple[str, ...] = ()
    """What LoRA or IA3 was put on."""
    missed: tuple[str, ...] = ()
    """What the recipe wanted it on and this network does not have."""


def prepare(module: nn.Module, recipe: Recipe) -> Trainable:
    """Gives the module the recipe's head and pooling and freezes what its mode does not train, in place.

    New numbers are drawn from torch's generator. Raises RequestError where the module lacks what the recipe
    asks for, Unavailable where peft is not installed.
    """
    shape_head(module, recipe)
    targets: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    if recipe.mode != "full":
        network, head = _parts(module, recipe.mode)
        if recipe.mode == "head":
            network.requires_grad_(False)
        else:
            targets = _adapt(module, network, recipe)
            missed = tuple(name for name in recipe.lora_targets if recipe.mode == "lora" and name not in targets)
        head.requires_grad_(True)
    sizes = [(p.numel(), p.requires_grad) for p in module.parameters()]
    return Trainable(sum(n for n, trained in sizes if trained), sum(n for n, _ in sizes), targets, missed)


def shape_head(module: nn.Module, recipe: Recipe) -> None:
    """Pooling and head of the recipe where it asks for others than the model's card; RequestError where it cannot."""
    if recipe.pooling == "card" and recipe.head == "linear":
        return
    if not isinstance(module, Classifier):
        said = f"pooling {recipe.pooling}" if recipe.pooling != "card" else f"head {recipe.head}"
        raise RequestError(
            f"the recipe asks for {said}, and this network has a head of its own: "
            "--set pooling=card --set head=linear leaves it"
        )
    if recipe.pooling != "card":
        module.pool_by(recipe.pooling)
    if recipe.head == "dense":
        last = cast(nn.Linear, module.head)
        module.head = dense_head(module.width, last.out_features, recipe.head_dropout).to(last.weight.device)


def set_training(module: nn.Module, mode: bool) -> None:
    """Training or evaluation mode; batch norms whose own numbers are frozen keep their statistics as they are."""
    module.train(mode)
    for part in module.modules():
        own = list(part.parameters(recurse=False)) if isinstance(part, _BATCH_NORMS) else []
        if own and not any(p.requires_grad for p in own):
            part.eval()


@contextmanager
def running_statistics(module: nn.Module) -> Iterator[None]:
    """Inside, batch norms go by the statistics that they have gathered, and gather none."""
    norms = [part for part in module.modules() if isinstance(part, _BATCH_NORMS) and part.training]
    for norm in norms:
        norm.eval()
    try:
        yield
    finally:
        for norm in norms:
            norm.train()


def learnt(module: nn.Module) -> dict[str, Tensor]:
    """Name → tensor of all that training changes: parameters that learn, and buffers that are stored."""
    stored = module.state_dict(keep_vars=True)
    found: dict[str, Tensor] = {name: p for name, p in module.named_parameters() if p.requires_grad}
    return found | {name: buffer for name, buffer in module.named_buffers() if name in stored}


def groups(module: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Parameter groups of the optimizer: with and without weight decay, the head at its own rate.

    `scale` is what the schedule's learning rate is multiplied by.
    """
    apart = recipe.head_learning_rate and recipe.learning_rate
    scale = recipe.head_learning_rate / recipe.learning_rate if apart else 1.0
    found: dict[tuple[bool, bool], list[Tensor]] = {}
    for name, p in module.named_parameters():
        if p.requires_grad:
            key = (recipe.decay_vectors or p.ndim >= 2, name.startswith("head."))
            found.setdefault(key, []).append(p)
    return [
        {"params": params, "weight_decay": recipe.weight_decay if decays else 0.0, "scale": scale if head else 1.0}
        for (decays, head), params in found.items()
    ]


def _parts(module: nn.Module, mode: str) -> tuple[nn.Module, nn.Module]:
    network, head = getattr(module, "network", None), getattr(module, "head", None)
    if not isinstance(network, nn.Module) or not isinstance(head, nn.Module):
        raise RequestError(
            f"mode {mode} needs a network with the parts `network` and `head`; {type(module).__name__} has not both: "
            "use mode=full"
        )
    return network, head


def _adapt(module: nn.Module, network: nn.Module, recipe: Recipe) -> tuple[str, ...]:
    """Puts LoRA or IA3 into the network, whose own numbers are frozen by that; the names that it was put on."""
    if find_spec("peft") is None:
        raise needs_extra("peft", "finetune")
    from peft import inject_adapter_in_model

    config, targets = _lora(module, network, recipe) if recipe.mode == "lora" else _ia3(module)
    # peft passes over a name that nothing has, unless nothing has any of them.
    names = [f".{name}" for name, _ in network.named_modules()]
    there = tuple(target for target in targets if any(name.endswith(f".{target}") for name in names))
    try:
        inject_adapter_in_model(config, network)
    except ValueError as problem:
        raise RequestError(f"{recipe.mode} cannot be put on {', '.join(targets)}: {problem}") from problem
    return there


def _lora(module: nn.Module, network: nn.Module, recipe: Recipe) -> tuple[Any, tuple[str, ...]]:
    from peft import LoraConfig

    targets = recipe.lora_targets or tuple(getattr(module, "lora_targets", ())) or _linear_layers(network)
    config = LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=cast(int, recipe.lora_alpha),
        lora_dropout=recipe.lora_dropout,
        target_modules=list(targets),
    )
    return config, targets


def _ia3(module: nn.Module) -> tuple[Any, tuple[str, ...]]:
    from peft import IA3Config

    targets = tuple(getattr(module, "ia3_targets", ()))
    inner = tuple(getattr(module, "ia3_feedforward", ()))
    if not targets:
        raise RequestError("mode ia3 needs a model whose card names ia3_targets; this one does not: use mode=lora")
    targets = tuple(dict.fromkeys((*targets, *inner)))
    return IA3Config(target_modules=list(targets), feedforward_modules=list(inner)), targets


def _linear_layers(network: nn.Module) -> tuple[str, ...]:
    """Last parts of the names of all linear layers: what LoRA is put on where nobody names its targets."""
    names = (name.rsplit(".", 1)[-1] for name, part in network.named_modules() if isinstance(part, nn.Linear))
    found = tuple(dict.fromkeys(names))
    if not found:
        raise RequestError("mode lora needs a model whose card names lora_targets: this one has no linear layers")
    return found
