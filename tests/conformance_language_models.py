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
    ids, mask, types = arrays["input_ids"], arrays.get("attention_mask"), arrays.get("token_type_ids")
    given = None if case.get("attention_mask") is None else mask
    found = said(network, ids, given, types)
    agree_alone(network, found, ids, given, types)
    kept = case.get("attention_mask_for_pooling_only", given)
    everywhere = torch.ones_like(ids) if kept is None else torch.as_tensor(kept)
    found |= pooled(found["last_hidden_state"], ids, everywhere.bool(), SPECIALS.get(type(network).__name__, ()))
    return found


def dnabert(network: Any, case: Mapping[str, Any], arrays: Arrays) -> Answers:
    """DNABERT's answers and those of the authors' fork of transformers."""
    found = language_model(network, case, arrays)
    fork = dnabert_port.DNABERT(replace(network.config, fork=True)).eval()
    load_weights(fork, network.state_dict())
    output = fork(arrays["input_ids"], arrays["attention_mask"])
    return found | {
        "logits_reference_fork": output.logits,
        "last_hidden_reference_fork": output.last_hidden_state,
    }


def said(network: nn.Module, ids: Tensor, mask: Tensor | None, types: Tensor | None) -> Answers:
    """All outputs of a network by name; those that are several by name and number."""
    takes = inspect.signature(network.forward).parameters
    given = {name: part for name, part in (("mask", mask), ("token_types", types)) if name in takes}
    output = network(ids, all_layers=True, **given)
    found: Answers = {"last_hidden_state": output.last_hidden_state}
    if output.logits is not None:
        found["logits"] = output.logits
    for name, value in {"hidden_states": output.hidden_states, **output.extras}.items():
        if isinstance(value, tuple):
            found |= {f"{name}.{i}": part for i, part in enumerate(value)}
        else:
            found[name] = value
    return found


def pooled(states: Tensor, ids: Tensor, mask: Tensor, specials: tuple[int, ...]) -> Answers:
    """The poolings that the cases name."""
    bases = mask & ~torch.isin(ids, torch.tensor(specials, dtype=ids.dtype))
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


def agree_alone(network: nn.Module, batch: Answers, ids: Tensor, mask: Tensor | None, types: Tensor | None) -> None:
    """Every row alone says what it says in the batch."""
    for row in range(len(ids)):
        keep = torch.ones_like(ids[row]).bool() if mask is None else mask[row].bool()
        alone = said(network, ids[row][None, keep], None, None if types is None else types[row][None, keep])
        for name, value in alone.items():
            together = batch[name][row]
            together = together[keep] if value.ndim > 2 else together
            torch.testing.assert_close(value[0], together, atol=1e-4, rtol=1e-4)
