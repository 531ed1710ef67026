"""How the language models answer the cases of their conformance folders: as stored, row by row, pooled.

The same is asked of every row alone, without its padding where the network takes a mask: it must agree with the batch,
so a port that lets neighbours or padding leak fails.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from dnabench.adapters.ports import dnabert as dnabert_port
from dnabench.adapters.ports.registry import load_weights

Arrays = Mapping[str, Tensor]
Answers = dict[str, Tensor]

SPECIALS: dict[str, tuple[int, ...]] = {
    "Caduceus": (1, 4),
    "DNABERT": (0, 2, 3),
    "DNABERT2": (1, 2, 3),
    "DNABERTS": (1, 2, 3),
    "GENALM": (1, 2, 3),
    "HyenaDNA": (1,),
    "NucleotideTransformer": (1, 3),
}
"""Ids that the means over bases, k-mers or tokens without specials leave out."""


def language_model(network: nn.Module, case: Mapping[str, Any], arrays: Arrays) -> Answers:
    """Everything that a network says in a case, and the poolings of its last state."""
    given = inputs(case, arrays)
    found = said(network, given)
    agree_alone(network, found, given)
    ids, mask = given["ids"], given.get("mask")
    kept = case.get("attention_mask_for_pooling_only", mask)
    everywhere = torch.ones(ids.shape[:2]) if kept is None else torch.as_tensor(kept)
    specials = torch.tensor(SPECIALS.get(type(network).__name__, ()), dtype=ids.dtype)
    marked = torch.isin(ids, specials) if ids.ndim == 2 else torch.zeros(ids.shape[:2]).bool()
    return found | pooled(found["last_hidden_state"], everywhere.bool(), marked)


def inputs(case: Mapping[str, Any], arrays: Arrays) -> Answers:
    """What a network is given, by the ports' names: a mask that the case says is null is none."""
    named = {"mask": "attention_mask", "token_types": "token_type_ids", "aux": "aux_features"}
    found = {name: arrays[theirs] for name, theirs in named.items() if theirs in arrays}
    if case.get("attention_mask", ...) is None:
        found.pop("mask", None)
    return {"ids": arrays["input_ids" if "input_ids" in arrays else "input_probs"], **found}


def dnabert(network: Any, case: Mapping[str, Any], arrays: Arrays) -> Answers:
    """DNABERT's answers and those of the authors' fork of transformers."""
    found = language_model(network, case, arrays)
    fork = dnabert_port.DNABERT(replace(network.config, fork=True)).eval()
    load_weights(fork, network.state_dict())
    output = fork(arrays["input_ids"], arrays.get("attention_mask"))
    return found | {
        "logits_reference_fork": output.logits,
        "last_hidden_reference_fork": output.last_hidden_state,
    }


def said(network: nn.Module, given: Arrays) -> Answers:
    """All outputs of a network by name; those that are several by name and number."""
    takes = inspect.signature(network.forward).parameters
    output = network(**{name: part for name, part in given.items() if name in takes}, all_layers=True)
    found: Answers = {"last_hidden_state": output.last_hidden_state}
    if output.logits is not None:
        found["logits"] = output.logits
    for name, value in {"hidden_states": output.hidden_states, **output.extras}.items():
        if isinstance(value, tuple):
            found |= {f"{name}.{i}": part for i, part in enumerate(value)}
        else:
            found[name] = value
    return found


def pooled(states: Tensor, mask: Tensor, specials: Tensor) -> Answers:
    """The poolings that the cases name; mask and specials are (batch, tokens)."""
    bases = mask & ~specials
    half = states.shape[-1] // 2
    folded = (states[..., :half] + states[..., half : 2 * half].flip(-1)) / 2
    return {
        "embedding_cls": states[:, 0],
        "embedding_mean": states.mean(1),
        "embedding_mean_all_positions": states.mean(1),
        "embedding_mean_all_tokens": masked_mean(states, mask),
        "embedding_mean_bases": masked_mean(states, bases),
        "embedding_mean_folded_strands": masked_mean(folded, mask),
        "embedding_mean_kmers": masked_mean(states, bases),
        "embedding_mean_no_specials": masked_mean(states, bases),
    }


def masked_mean(states: Tensor, keep: Tensor) -> Tensor:
    """Mean over the kept positions."""
    return (states * keep[..., None]).sum(1) / keep.sum(1, keepdim=True)


def agree_alone(network: nn.Module, batch: Answers, given: Arrays) -> None:
    """Every row alone says what it says in the batch, but for rounding; padding in front moves positions and stays."""
    mask = given.get("mask")
    for row in range(len(given["ids"])):
        keep = torch.ones(given["ids"].shape[1]).bool() if mask is None else mask[row].bool()
        if not keep[: int(keep.sum())].all():
            keep = torch.ones_like(keep)
        parts = {name: part[row][None, keep] for name, part in given.items()}
        alone = said(network, parts if mask is not None and not mask[row][keep].all() else without(parts, "mask"))
        for name, value in alone.items():
            together = batch[name][row]
            together = together[keep] if value.ndim > 2 else together
            atol = 1e-5 * max(10.0, float(together.abs().max()))
            torch.testing.assert_close(value[0], together, atol=atol, rtol=1e-4)


def without(parts: Answers, name: str) -> Answers:
    """All but one of them."""
    return {other: part for other, part in parts.items() if other != name}
