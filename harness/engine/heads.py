"""A head on a language model: what fine-tuning trains, and the tensors that it reads.

row      pooled states ─ head ─ (n, outputs)
pair     two rows through one network: [a, b, |a - b|, a · b] ─ head ─ (n, outputs)
track    the state of each base's token ─ mean over each bin ─ head ─ (n, bins, outputs)
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Literal, cast, get_args

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import AdapterError, RequestError
from .pooling import pool, require_first
from .reader import Ints, Pooling, Reader

Kind = Literal["row", "track", "pair"]

_PROBE = "ACGT" * 16
"""Read once to learn how wide a network's states are."""


def classifier(reader: Reader, outputs: int, pooling: str, kind: Kind = "row") -> nn.Module:
    """The reader's network with a new linear head, both to be trained; the network is used, not copied.

    `forward(**collated(reader, sequences))` gives raw outputs (n, outputs), for tracks (n, bins, outputs). A card sets
    what `lora` and `ia3` adapt: `lora_targets`, `ia3_targets`, `ia3_feedforward`, suffixes of module names.
    Raises RequestError for a pooling that does not exist.
    """
    return Classifier(reader, outputs, pooling, kind)


def collated(reader: Reader, sequences: Sequence[str], max_tokens: int = 0, kind: Kind = "row") -> dict[str, Tensor]:
    """Sequences as the tensors of a classifier: input_ids, attention_mask and pool_mask, each (n, longest row).

    `pool_mask` is 1 where a token stands for bases. Rows are cut on the right at the model's context and at
    `max_tokens` (0: no limit), specials included, as tokenizers do. Tracks have `base_tokens` (n, bases) too: the token
    of each base, -1 where it has none. Raises AdapterError where a limit leaves no room beside the specials.
    """
    rows = [_encoded(reader, sequence, max_tokens) for sequence in sequences]
    longest = max((len(ids) for ids, _ in rows), default=1) or 1
    # A causal network never sees what stands behind a row; others without a mask get rows of one length: see _states.
    left = reader.tokenizer.left and reader.objective != "causal"
    ids = np.full((len(rows), longest), reader.tokenizer.pad, np.int64)
    real, bases = np.zeros_like(ids), np.zeros_like(ids)
    starts = [longest - len(row) if left else 0 for row, _ in rows]
    for i, ((row, spans), start) in enumerate(zip(rows, starts, strict=True)):
        where = slice(start, start + len(row))
        ids[i, where], real[i, where], bases[i, where] = row, 1, spans[:, 1] > spans[:, 0]
    found = {"input_ids": ids, "attention_mask": real, "pool_mask": bases}
    if kind == "track":
        found["base_tokens"] = _base_tokens([spans for _, spans in rows], starts, max(map(len, sequences), default=0))
    return {name: torch.from_numpy(table) for name, table in found.items()}


def bases_kept(reader: Reader, sequences: Sequence[str], max_tokens: int = 0) -> Ints:
    """How many bases of each row `collated` leaves to the network, from its first token's to its last one's: (n,)."""
    rows = [_encoded(reader, sequence, max_tokens)[1] for sequence in sequences]
    real = [spans[spans[:, 1] > spans[:, 0]] for spans in rows]
    return np.array([spans[:, 1].max() - spans[:, 0].min() if len(spans) else 0 for spans in real], np.int64)


class Classifier(nn.Module):
    """A network, a pooling and a head; see `classifier`."""

    def __init__(self, reader: Reader, outputs: int, pooling: str, kind: Kind) -> None:
        super().__init__()
        self.reader, self.kind = reader, kind
        self.pool_by(pooling)
        self.bin = 1
        """Bases per entry of a track."""
        self.network: nn.Module = reader.network
        # The vocabulary's logits are of no use here, and with 4,096 words they cost as much as a layer.
        known = inspect.signature(self.network.forward).parameters
        self.quiet: dict[str, Any] = {"with_logits": False} if "with_logits" in known else {}
        self.lora_targets: tuple[str, ...] = tuple(getattr(reader, "lora_targets", ()))
        self.ia3_targets: tuple[str, ...] = tuple(getattr(reader, "ia3_targets", ()))
        self.ia3_feedforward: tuple[str, ...] = tuple(getattr(reader, "ia3_feedforward", ()))
        self.width = self._width() * (4 if kind == "pair" else 1)
        self.head: nn.Module = linear_head(self.width, outputs)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, pool_mask: Tensor, base_tokens: Tensor | None = None
    ) -> Tensor:
        """Raw outputs; a pair's tensors are (n, 2, tokens)."""
        if self.kind == "pair":
            pair = [x.flatten(0, 1) for x in (input_ids, attention_mask, pool_mask)]
            return self._headed(compared(self._pooled(*pair)))
        if self.kind == "track":
            assert base_tokens is not None, "collated(kind='track') gives base_tokens"
            states = self._states(input_ids, attention_mask)
            return self._headed(binned(states, base_tokens, self.bin))
        return self._headed(self._pooled(input_ids, attention_mask, pool_mask))

    def pool_by(self, pooling: str) -> None:
        """Another pooling from now on; RequestError for one that is unknown or that the tokenizer cannot serve."""
        if pooling not in get_args(Pooling):
            raise RequestError(f"pooling is {pooling!r}; it must be one of {', '.join(get_args(Pooling))}.")
        self.pooling = cast(Pooling, pooling)
        require_first(self.reader.tokenizer.encode(_PROBE).spans, self.pooling)

    def _headed(self, states: Tensor) -> Tensor:
        raw: Tensor = self.head(states)
        return raw

    def _pooled(self, ids: Tensor, mask: Tensor, bases: Tensor) -> Tensor:
        return pool(self._states(ids, mask), bases.bool(), mask.bool(), self.pooling)

    def _states(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(n, tokens, width); without a mask, rows of one length go together, so that no padding is read."""
        if self.reader.attends or self.reader.objective == "causal":
            return self._run(ids, mask)
        lengths = mask.sum(1)
        sizes = sorted(set(lengths.tolist()))
        if len(sizes) == 1 and sizes[0] == ids.shape[1]:
            return self._run(ids, mask)
        states: Tensor | None = None
        for size in sizes:
            at = _rows_of(lengths, mask, size)
            part = self._run(ids[at].view(-1, size), mask[at].view(-1, size))
            states = part.new_zeros(*ids.shape, part.shape[-1]) if states is None else states
            states[at] = part.flatten(0, 1)
        assert states is not None, "a batch holds at least one row"
        return states

    def _run(self, ids: Tensor, mask: Tensor) -> Tensor:
        masks = (mask,) if self.reader.attends else ()
        states: Tensor = self.network(ids, *masks, **self.quiet).last_hidden_state
        return states

    def _width(self) -> int:
        device = next(self.network.parameters()).device
        inputs = collated(self.reader, [_PROBE])
        training = self.network.training
        self.network.eval()
        with torch.no_grad():
            states = self._run(inputs["input_ids"].to(device), inputs["attention_mask"].to(device))
        self.network.train(training)
        return states.shape[-1]


class Paired(nn.Module):
    """Any network that turns a row into `width` numbers, with a head over two rows read by it one after the other."""

    def __init__(self, network: nn.Module, width: int, outputs: int) -> None:
        super().__init__()
        self.network = network
        self.head: nn.Module = linear_head(4 * width, outputs)

    def forward(self, **inputs: Tensor) -> Tensor:
        """(n, outputs) for tensors (n, 2, …)."""
        raw: Tensor = self.head(compared(self.network(**{name: x.flatten(0, 1) for name, x in inputs.items()})))
        return raw


def linear_head(width: int, outputs: int) -> nn.Linear:
    """Weights from N(0, 0.02), no bias at the start, as BERT's heads begin."""
    head = nn.Linear(width, outputs)
    nn.init.normal_(head.weight, std=0.02)
    nn.init.zeros_(head.bias)
    return head


def dense_head(width: int, outputs: int, dropout: float) -> nn.Sequential:
    """Linear, tanh, dropout, linear: BERT's pooler and classifier, with which DNABERT-2 and others were fine-tuned."""
    return nn.Sequential(linear_head(width, width), nn.Tanh(), nn.Dropout(dropout), linear_head(width, outputs))


def compared(states: Tensor) -> Tensor:
    """Vectors of first and second rows in turn, (2 n, width), as [a, b, |a - b|, a · b]: (n, 4 width).

    >>> compared(torch.tensor([[1.0], [3.0]]))
    tensor([[1., 3., 2., 3.]])
    """
    first, second = states[0::2], states[1::2]
    return torch.cat([first, second, (first - second).abs(), first * second], -1)


def binned(states: Tensor, base_tokens: Tensor, size: int) -> Tensor:
    """States of tokens (n, tokens, width) as means over bins of `size` bases: (n, bins, width).

    Bases without a token count for nothing; a bin without any is 0.

    >>> binned(torch.tensor([[[2.0], [4.0]]]), torch.tensor([[0, 0, 1, -1]]), 2).tolist()
    [[[2.0], [4.0]]]
    """
    there = (base_tokens >= 0)[..., None].to(states.dtype)
    at = base_tokens.clamp(min=0)[..., None].expand(-1, -1, states.shape[-1])
    bases = states.gather(1, at) * there
    if size == 1:
        return bases
    spare = -bases.shape[1] % size
    total, count = (_summed(nn.functional.pad(x, (0, 0, 0, spare)), size) for x in (bases, there))
    return total / count.clamp(min=1)


def _summed(x: Tensor, size: int) -> Tensor:
    return x.reshape(len(x), -1, size, x.shape[-1]).sum(2)


def _rows_of(lengths: Tensor, mask: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Row and column of every token of the rows with `size` tokens, row by row."""
    rows = (lengths == size).nonzero()[:, 0]
    local, columns = mask[rows].nonzero(as_tuple=True)
    return rows[local], columns


def _encoded(reader: Reader, sequence: str, max_tokens: int) -> tuple[Ints, Ints]:
    """Ids (t,) and spans (t, 2) of one row, cut on the right; special tokens at its ends stay."""
    tokens = reader.tokenizer.encode(sequence[: reader.context_bases])
    ids, spans = np.asarray(tokens.ids), np.asarray(tokens.spans)
    limits = [limit for limit in (max_tokens, reader.context_tokens) if limit]
    if not limits or len(ids) <= min(limits):
        return ids, spans
    inner = np.flatnonzero(spans[:, 1] > spans[:, 0])
    front, behind = (int(inner[0]), len(ids) - 1 - int(inner[-1])) if len(inner) else (0, 0)
    room = min(limits) - behind
    if room <= front:
        raise AdapterError(f"{min(limits)} tokens leave no room beside {front + behind} special tokens")
    keep = np.r_[0:room, len(ids) - behind : len(ids)]
    return ids[keep], spans[keep]


def _base_tokens(spans: Sequence[Ints], starts: Sequence[int], bases: int) -> Ints:
    """(n, bases): where overlapping tokens share a base, the first of them has it."""
    table = np.full((len(spans), bases), -1, np.int64)
    for row, span, start in zip(table, spans, starts, strict=True):
        for token in range(len(span) - 1, -1, -1):
            row[span[token, 0] : span[token, 1]] = start + token
    return table
