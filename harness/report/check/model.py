"""Does an adapter keep its promises? A minute on synthetic sequences, no task and no download.

Outputs must not depend on the batch (lm-eval #879: 0.32 or 0.30 for batch 1 or 32), on the order of the rows, on
padding, or on the call; they must be finite and of the declared shape; `fit` must be the same for the same seed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import AdapterError
from ...protocols import lacking
from ...sequence import reverse_complements
from ...types import Inputs, Split, Target
from .findings import Finding, guarded, raised
from .network import base_looks, gradient, likelihood_looks, precision_looks

Rows = list[NDArray[Any]]
Looks = Iterator[tuple[str, Callable[[], Finding]]]
Ask = Callable[[Sequence[str]], Rows]
"""One array of outputs for each sequence."""

TOLERANCE = 1e-4
"""Largest difference, relative to the largest output, that float32 sums in another order may make."""
LARGE = 20_000_000
"""Parameters from which a check takes shorter sequences, to end within a minute on the CPU."""
METHODS = {
    "embed": ("embed",),
    "embed_bases": ("embed_bases",),
    "log_likelihood": ("log_likelihood",),
    "base_log_probs": ("base_log_probs",),
    "predict": ("predict",),
    "fit": ("fit",),
    "module": ("module", "collate"),
}


def check_model(adapter: Any) -> Iterator[Finding]:
    """Findings about one adapter, promise by promise; Unavailable for a network where torch is not installed."""
    name = getattr(getattr(adapter, "info", None), "name", type(adapter).__name__)
    yield guarded(name, "info", lambda: _info(name, adapter))
    yield guarded(name, "capabilities", lambda: _capabilities(name, adapter))
    for capability in sorted(set(adapter.capabilities) & set(METHODS)):
        if any(not callable(getattr(adapter, m, None)) for m in METHODS[capability]):
            continue
        if capability == "module" and (absent := lacking("finetune", {"mode": "full"})) is not None:
            raise absent
        yield from _check_capability(f"{name} {capability}", adapter, capability)


def probe_sequences(capability: str = "", large: bool = False) -> tuple[str, ...]:
    """Sequences that differ in length, composition and unknown bases; the same on every machine.

    Up to 300 bases; for likelihoods, which take a pass for each base, up to 40; a sixth of that for large models.
    """
    draw = np.random.default_rng([879, 1])
    likelihood = capability in ("log_likelihood", "base_log_probs")
    lengths = (20, 20, 1, 7, 40) if likelihood else (200, 200, 200, 64, 150, 1, 7, 300)
    less = 6 if large else 1
    plain = ["".join(draw.choice(list("ACGT"), max(n // less, min(n, 7)))) for n in lengths]
    half = len(plain[0]) // 2
    unknown = plain[0][: half - half // 10] + "N" * (half // 5) + plain[0][half + half // 10 :]
    return (*plain, unknown, "GC" * half, "A" * (6 * half // 5), plain[1])


def _probes(adapter: Any, capability: str) -> tuple[str, ...]:
    return probe_sequences(capability, (getattr(adapter.info, "parameters", None) or 0) > LARGE)


def _info(name: str, adapter: Any) -> Finding:
    import json

    info, faults = adapter.info, []
    if not re.fullmatch(r"none|random|sha256:[0-9a-f]{64}", info.weights):
        faults.append(f"weights is {info.weights!r}, not none, random or sha256:<64 digits>")
    if not isinstance(info.version, int):
        faults.append(f"version is {info.version!r}, not a whole number")
    try:
        json.dumps(dict(info.options))
    except TypeError as error:
        faults.append(f"options cannot be written as JSON ({error})")
    if not (type(getattr(adapter, "adapter", adapter)).__doc__ or "").strip():
        faults.append("the class has no docstring, whose first line `dnabench list models` shows")
    text = "; ".join(faults) or f"version {info.version}, weights {info.weights[:14]}"
    return Finding(name, "info", "fault" if faults else "ok", text)


def _capabilities(name: str, adapter: Any) -> Finding:
    declared = set(adapter.capabilities)
    faults = [f"{word!r} is no capability" for word in sorted(declared - set(METHODS))]
    missing = {m for c in declared & set(METHODS) for m in METHODS[c] if not callable(getattr(adapter, m, None))}
    faults += [f"the method {m} is missing" for m in sorted(missing)]
    text = "; ".join(faults) or ", ".join(sorted(declared))
    return Finding(name, "capabilities", "fault" if faults or not declared else "ok", text or "none declared")


def _check_capability(subject: str, adapter: Any, capability: str) -> Iterator[Finding]:
    asks = {
        "embed": _embed, "embed_bases": _by_base, "log_likelihood": _by_row, "base_log_probs": _by_base,
        "predict": _by_row, "fit": _fitted, "module": _network,
    }  # fmt: skip
    probes = _probes(adapter, capability)
    try:
        ask = asks[capability](adapter, capability)
        first = ask(probes)
    except Exception as problem:
        yield raised(subject, "answers", problem)
        return
    for promise, look in _looks(subject, adapter, capability, ask, first, probes):
        yield guarded(subject, promise, look)


def _looks(  # noqa: PLR0913, PLR0917 - what is checked, how it is asked, and what it said
    subject: str, adapter: Any, capability: str, ask: Ask, first: Rows, probes: Sequence[str]
) -> Looks:
    backwards = list(range(len(probes)))[::-1]
    yield "finite", lambda: _finite(subject, first, _unread(adapter, capability, probes))
    yield "same again", lambda: _alike(subject, "same again", first, ask(probes))
    yield (
        "order of rows",
        lambda: _alike(subject, "order of rows", [first[i] for i in backwards], ask([probes[i] for i in backwards])),
    )
    yield "batch and padding", lambda: _alike(subject, "batch and padding", first, [ask([s])[0] for s in probes])
    yield "equal rows", lambda: _alike(subject, "equal rows", [first[1]], [first[-1]])
    if capability == "fit":
        again = _fitted(adapter, capability)
        yield "same seed", lambda: _alike(subject, "same seed", first, again(probes))
        yield "probabilities", lambda: _probabilities(subject, first)
    if capability == "embed":
        yield from precision_looks(subject, adapter, first, probes)
    if capability == "log_likelihood":
        yield from likelihood_looks(subject, adapter, first)
    if capability == "base_log_probs":
        yield from base_looks(subject, adapter, first)
    if capability == "module":
        yield "gradient", lambda: gradient(subject, adapter, probes)
    if capability != "predict":
        yield "strands", lambda: _strands(subject, adapter, first, _mirrored(capability, ask, probes))


def _embed(adapter: Any, capability: str) -> Ask:
    from ...protocols.probe import embed, prepared

    model = prepared(adapter, Inputs(_probes(adapter, capability)))

    def ask(sequences: Sequence[str]) -> Rows:
        table = embed(model, Inputs(sequences))
        return list(np.asarray(table.todense() if hasattr(table, "todense") else table))

    return ask


def _by_row(adapter: Any, capability: str) -> Ask:
    method = getattr(adapter, capability)

    def ask(sequences: Sequence[str]) -> Rows:
        table = np.asarray(method(sequences))
        if len(table) != len(sequences):
            raise AdapterError(f"{capability} returned {len(table)} rows for {len(sequences)} sequences")
        return list(table.reshape(len(sequences), -1))

    return ask


def _by_base(adapter: Any, capability: str) -> Ask:
    method = getattr(adapter, capability)

    def ask(sequences: Sequence[str]) -> Rows:
        found = [np.asarray(rows) for rows in method(sequences)]
        for sequence, rows in zip(sequences, found, strict=True):
            if len(rows) != len(sequence):
                raise AdapterError(f"{capability} returned {len(rows)} rows for a sequence of {len(sequence)} bases")
        return found

    return ask


def _fitted(adapter: Any, capability: str) -> Ask:
    train, dev = _lesson("train", 60), _lesson("dev", 24)
    fitted = adapter.fit(train, dev, 0)

    def ask(sequences: Sequence[str]) -> Rows:
        table = np.asarray(fitted.predict(Inputs(sequences)))
        if table.shape != (len(sequences), 2):
            raise AdapterError(f"predict returned shape {table.shape}, expected ({len(sequences)}, 2)")
        return list(table)

    return ask


def _network(adapter: Any, capability: str) -> Ask:
    """The untrained network in evaluation mode, as the protocol `finetune` calls it."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = adapter.module(2, max(map(len, _probes(adapter, capability)))).eval()

    def ask(sequences: Sequence[str]) -> Rows:
        with torch.no_grad():
            table = network(**adapter.collate(sequences)).float().numpy()
        if table.shape != (len(sequences), 2):
            raise AdapterError(f"the network returned shape {table.shape}, expected ({len(sequences)}, 2)")
        return list(table)

    return ask


def _lesson(name: str, rows: int) -> Split:
    """A toy split that every model can learn: rich in GC or poor."""
    draw = np.random.default_rng([879, rows])
    labels = np.arange(rows) % 2
    weights: Mapping[int, list[float]] = {0: [0.35, 0.15, 0.15, 0.35], 1: [0.15, 0.35, 0.35, 0.15]}
    sequences = ["".join(draw.choice(list("ACGT"), 150, p=weights[int(label)])) for label in labels]
    return Split(name, Inputs(sequences), labels.astype(np.int64), Target("class", ("poor", "rich")))


def _unread(adapter: Any, capability: str, probes: Sequence[str]) -> list[int]:
    """How many bases of each probe may be NaN: those that are not read, and any of which there is no opinion."""
    if capability == "base_log_probs":
        return [len(probe) for probe in probes]
    if capability == "embed_bases" and callable(getattr(adapter, "bases_read", None)):
        return [len(probe) - int(n) for probe, n in zip(probes, adapter.bases_read(list(probes)), strict=True)]
    return [0] * len(probes)


def _finite(subject: str, rows: Rows, unread: Sequence[int]) -> Finding:
    bad = []
    for i, (row, spare) in enumerate(zip(rows, unread, strict=True)):
        missing = np.isnan(row).any(1) if row.ndim > 1 else np.isnan(row)
        if np.isinf(row).any() or missing.sum() > spare:
            bad.append(i)
    text = f"rows {bad} of the probes hold NaN or infinity" if bad else f"{len(rows)} rows of {rows[0].shape}"
    return Finding(subject, "finite", "fault" if bad else "ok", text)


def _mirrored(capability: str, ask: Ask, probes: Sequence[str]) -> Rows:
    """What is said of the other strands, brought back onto these."""
    rows = ask(reverse_complements(probes))
    if capability == "embed_bases":
        return [row[::-1] for row in rows]
    # A, C, G, T read from behind are T, G, C, A: the complement of each.
    return [row[::-1, ::-1] for row in rows] if capability == "base_log_probs" else rows


def _alike(subject: str, promise: str, wanted: Rows, found: Rows) -> Finding:
    if [a.shape for a in wanted] != [b.shape for b in found]:
        return Finding(subject, promise, "fault", "shapes differ between the two calls")
    if any((np.isnan(a) != np.isnan(b)).any() for a, b in zip(wanted, found, strict=True)):
        return Finding(subject, promise, "fault", "NaN stands in other places in the two calls")
    apart = max(_largest(a - b) for a, b in zip(wanted, found, strict=True))
    scale = max(_largest(a) for a in wanted) or 1.0
    text = "exact" if apart == 0 else f"largest difference {apart:.1e} where outputs reach {scale:.3g}"
    return Finding(subject, promise, "fault" if apart > TOLERANCE * scale else "ok", text)


def _largest(array: NDArray[Any]) -> float:
    known = np.abs(array[~np.isnan(array)])
    return float(known.max()) if known.size else 0.0


def _probabilities(subject: str, rows: Rows) -> Finding:
    table = np.stack(rows)
    wrong = (table < 0).any() or (np.abs(table.sum(1) - 1) > 1e-6).any()
    text = "rows are not probabilities that sum to 1" if wrong else "rows sum to 1"
    return Finding(subject, "probabilities", "fault" if wrong else "ok", text)


def _strands(subject: str, adapter: Any, rows: Rows, reverse: Rows) -> Finding:
    """A model that says `averaged`, `equivariant` or `both` of its strands must give the same for both."""
    equal = _alike(subject, "strands", rows, reverse).verdict == "ok"
    says = adapter.info.strands or "nothing"
    text = f"same for both strands: {equal}; the model says {says!r}"
    broken = not equal and bool(re.match(r"averaged|both", says))
    return Finding(subject, "strands", "fault" if broken else "note", text)
