"""Promises that only networks and language models make: likelihoods, other precisions, gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .findings import Finding

Rows = list[NDArray[Any]]
Looks = Iterator[tuple[str, Callable[[], Finding]]]

DRIFT = 0.1
"""Largest difference, relative to the largest output, that 16 bits may make before something is broken."""
SUM = 1e-4
PLACE = 20
SHOWN = 4


def likelihood_looks(subject: str, adapter: Any, first: Rows) -> Looks:
    """What `log_likelihood` promises beyond an answer for each row."""
    yield "at most 0", lambda: _negative(subject, first)


def base_looks(subject: str, adapter: Any, first: Rows) -> Looks:
    """What `base_log_probs` promises: probabilities, and no word about a base from the base itself or from behind."""
    yield "sums to one", lambda: _sums(subject, first)
    yield "positions", lambda: _positions(subject, adapter)
    if "causal" in adapter.info.objective:
        yield "reads forward only", lambda: _forward(subject, adapter)
    elif _single_bases(adapter):
        yield "hidden base", lambda: _hidden(subject, adapter)


def precision_looks(subject: str, adapter: Any, first: Rows, probes: Sequence[str]) -> Looks:
    """How far 16 bits are from float32, for adapters that are read by dnabench's own engine."""
    if hasattr(adapter, "reader") and hasattr(adapter, "reading"):
        for dtype in ("bfloat16", "float16"):
            yield dtype, lambda dtype=dtype: _drift(subject, adapter, first, probes, dtype)  # type: ignore[misc]  # bound now, called later


def gradient(subject: str, adapter: Any, probes: Sequence[str]) -> Finding:
    """Whether every trainable parameter of the network to fine-tune moves its outputs.

    Parameters that only the language-model head (or another output that the network itself reports) reads are no
    part of the outputs of a classifier, and are counted.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = adapter.module(2, max(map(len, probes))).eval()
    trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
    inputs = adapter.collate(probes)
    raw = module(**inputs)
    weights = torch.linspace(-1, 1, raw.numel()).view(raw.shape)
    reached = _reached(trained, (raw.float() * weights).sum())
    left = [name for name in trained if name not in reached]
    apart = _heads(module, inputs, trained) if left else set()
    missed = [name for name in left if name not in apart]
    text = f"{len(reached)} of {len(trained)} tensors"
    text += f", {len(set(left) & apart)} belong to other heads" if set(left) & apart else ""
    if missed:
        shown = ", ".join(missed[:3]) + (f" and {len(missed) - 3} more" if len(missed) > 3 else "")
        return Finding(subject, "gradient", "fault", f"{text}; none reaches {shown}")
    return Finding(subject, "gradient", "ok", text)


def _reached(trained: dict[str, Any], loss: Any) -> set[str]:
    """Names of the parameters whose gradient is there, finite, and not zero."""
    import torch

    if not loss.requires_grad:
        return set()
    found = torch.autograd.grad(loss, list(trained.values()), allow_unused=True, retain_graph=True)
    pairs = zip(trained, found, strict=True)
    return {name for name, g in pairs if g is not None and bool(g.isfinite().all()) and bool(g.any())}


def _heads(module: Any, inputs: dict[str, Any], trained: dict[str, Any]) -> set[str]:
    """Parameters that move what the network reports beside its states, and not the states."""
    import torch

    network = getattr(module, "network", None)
    if network is None or "input_ids" not in inputs:
        return set()
    mask = (inputs["attention_mask"],) if getattr(getattr(module, "reader", None), "attends", False) else ()
    output = network(inputs["input_ids"], *mask)
    states = getattr(output, "last_hidden_state", None)
    if states is None:
        return set()
    others = [getattr(output, "logits", None), *getattr(output, "extras", {}).values()]
    tensors = [one for one in others if isinstance(one, torch.Tensor) and one.requires_grad]
    sums = [(one.float() * torch.linspace(-1, 1, one.numel()).view(one.shape)).sum() for one in tensors]
    of_states = _reached(trained, (states.float() * torch.linspace(-1, 1, states.numel()).view(states.shape)).sum())
    return set().union(*(_reached(trained, one) for one in sums)) - of_states


def _negative(subject: str, rows: Rows) -> Finding:
    largest = max(float(row.max()) for row in rows)
    verdict = "fault" if largest > SUM else "ok"
    text = f"the largest is {largest:.3g}" + (": a probability above 1" if verdict == "fault" else "")
    return Finding(subject, "at most 0", verdict, text)  # type: ignore[arg-type]


def _sums(subject: str, rows: Rows) -> Finding:
    known = np.concatenate([row[~np.isnan(row).any(1)] for row in rows]).astype(np.float64)
    if not len(known):
        return Finding(subject, "sums to one", "fault", "no base of the probes has an opinion")
    apart = float(np.abs(np.exp(known).sum(1) - 1).max())
    text = f"{len(known)} bases, at most {apart:.1e} from 1"
    return Finding(subject, "sums to one", "fault" if apart > SUM else "ok", text)


def _positions(subject: str, adapter: Any) -> Finding:
    """Asked about some bases, the model says of them what it says when asked about all."""
    sequence = _sequence()
    whole = np.asarray(adapter.base_log_probs([sequence])[0])
    some = np.asarray(adapter.base_log_probs([sequence], positions=[[PLACE, 3]])[0])
    return _same(subject, "positions", whole[[PLACE, 3]], some, "asked about some bases and about all")


def _hidden(subject: str, adapter: Any) -> Finding:
    """With a base hidden, its own letter does not change what is said of it."""
    pair = [_sequence(), _sequence(PLACE)]
    said = [np.asarray(one)[0] for one in adapter.base_log_probs(pair, positions=[[PLACE]] * 2, mask="one")]
    return _same(subject, "hidden base", said[0], said[1], "for either letter of the hidden base")


def _forward(subject: str, adapter: Any) -> Finding:
    """A base that changes does not change what a causal model said of it and of the bases before."""
    before = [np.asarray(adapter.base_log_probs([one])[0])[: PLACE + 1] for one in (_sequence(), _sequence(PLACE))]
    if not _single_bases(adapter):
        # A longer token may reach across the place: what stands well before it is compared.
        before = [one[: PLACE // 2] for one in before]
    return _same(subject, "reads forward only", before[0], before[1], "whatever comes behind")


def _same(subject: str, promise: str, a: NDArray[Any], b: NDArray[Any], when: str) -> Finding:
    if a.shape != b.shape or (np.isnan(a) != np.isnan(b)).any():
        return Finding(subject, promise, "fault", f"not the same {when}: shapes {a.shape} and {b.shape}, or NaN")
    apart = float(np.nanmax(np.abs(a - b), initial=0.0))
    return Finding(subject, promise, "fault" if apart > 1e-3 else "ok", f"{apart:.1e} apart {when}")


def _drift(subject: str, adapter: Any, first: Rows, probes: Sequence[str], dtype: Any) -> Finding:
    from ...engine.devices import float32_only
    from ...engine.reading import embed

    if float32_only(adapter.reader.network):
        return Finding(subject, dtype, "note", "the network computes in float32 only, and refuses dtype")
    found = embed(adapter.reader, list(probes[:SHOWN]), replace(adapter.reading, dtype=dtype))
    wanted = np.stack(first[:SHOWN])
    apart = float(np.abs(found - wanted).max() / (np.abs(wanted).max() or 1.0))
    cosines = (found * wanted).sum(1) / np.maximum(
        np.linalg.norm(found, axis=1) * np.linalg.norm(wanted, axis=1), 1e-30
    )
    broken = not np.isfinite(apart) or apart > DRIFT
    text = f"{apart:.1e} of the largest output from {adapter.reading.dtype}, least cosine {cosines.min():.5f}"
    return Finding(subject, dtype, "fault" if broken else "note", text)


def _single_bases(adapter: Any) -> bool:
    """Whether every token is one base: a substitution then changes one token and no frame."""
    text = getattr(getattr(adapter, "reader", None), "text", None)
    return text is None or max(map(len, text.values()), default=1) == 1


def _sequence(changed: int | None = None) -> str:
    """40 bases, one of them changed."""
    sequence = "".join(np.random.default_rng([879, 40]).choice(list("ACGT"), 40))
    if changed is None:
        return sequence
    other = "ACGT"[("ACGT".index(sequence[changed]) + 1) % 4]
    return sequence[:changed] + other + sequence[changed + 1 :]
