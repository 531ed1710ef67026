"""Networks of transformers' own classes, built from a configuration on the CPU; no code of a repository is run.

Their tensors are put in by name as those of the ports are: transformers' own loader would make what is missing up.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from dnabench.harness.errors import AdapterError, needs_extra

from .network import Output, load_tied, require

CLASSES = {
    "big_bird": ("BigBirdConfig", "BigBirdForMaskedLM"),
    "llama": ("LlamaConfig", "LlamaForCausalLM"),
    "mistral": ("MistralConfig", "MistralForCausalLM"),
    "mixtral": ("MixtralConfig", "MixtralForCausalLM"),
    "modernbert": ("ModernBertConfig", "ModernBertForMaskedLM"),
}
"""`model_type` to the classes of its configuration and network."""

UNUSED = (
    "*.position_ids",
    "*.rotary_emb.inv_freq",
    "bert.pooler.*",
    "cls.seq_relationship.*",
)
"""Carried by hub files and read by no state or logit."""


class Stock(nn.Module):
    """A network of transformers, called as the ports are."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, ids: Tensor, mask: Tensor | None = None, *, all_layers: bool = False, with_logits: bool = True
    ) -> Output:
        """States (all of them if wanted) and logits for ids (batch, tokens); mask: 1 = a token."""
        body, head = self._parts()
        said = body(input_ids=ids, attention_mask=mask, output_hidden_states=all_layers, return_dict=True)
        states = said.last_hidden_state
        return Output(states, tuple(said.hidden_states or ()), head(states) if with_logits else None)

    def _parts(self) -> tuple[nn.Module, Any]:
        model = cast(Any, self.model)
        if hasattr(model, "cls"):
            return model.bert, model.cls
        if hasattr(model, "decoder"):
            return model.model, lambda states: model.decoder(model.head(states))
        return model.model, model.lm_head

    def load_hub_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Puts the tensors of a hub file in by their names, packed as this version of transformers packs them."""
        for front in ("module.", "_orig_mod."):
            if all(name.startswith(front) for name in weights):
                weights = {name.removeprefix(front): tensor for name, tensor in weights.items()}
        named = {f"model.{name}": tensor for name, tensor in packed(weights, self.model.state_dict()).items()}
        load_tied(self, named, tuple(f"model.{pattern}" for pattern in UNUSED))


class BigBird(Stock):
    """BigBird whose kind of attention follows from each row's own length, never from what was read before.

    transformers turns a model to full attention for good when a short input comes. Here rows of a length go together:
    full attention where block-sparse attention is not defined or `attention_type` is original_full, block-sparse above.
    It computes in float32 always:
    transformers' block-sparse code mixes its dtypes under autocast and fails.
    """

    float32_only = True
    """For the record of a fine-tuning: what really ran."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        config = cast(Any, model).config
        cast(Any, model).bert.pooler = None  # nothing here reads it
        self.block = int(config.block_size)
        self.sparse = config.attention_type == "block_sparse"
        self.full_up_to = (5 + 2 * int(config.num_random_blocks)) * self.block

    def forward(
        self, ids: Tensor, mask: Tensor | None = None, *, all_layers: bool = False, with_logits: bool = True
    ) -> Output:
        """As Stock's; the sparse rows of a batch are read by the number of blocks that they fill."""
        mask = torch.ones_like(ids) if mask is None else mask
        require(not (mask[:, 1:] > mask[:, :-1]).any(), "BigBird reads rows that are padded on the right only.")
        lengths = mask.sum(1)
        blocks = torch.where(lengths > self.full_up_to, -(-lengths // self.block), 0) * self.sparse
        kinds = sorted(set(blocks.tolist()))
        parts = [
            (blocks == kind, self._one(ids, mask, blocks == kind, kind, all_layers, with_logits)) for kind in kinds
        ]
        return parts[0][1] if len(parts) == 1 else _joined(parts, tuple(ids.shape))

    def _one(self, ids: Tensor, mask: Tensor, rows: Tensor, blocks: int, *what: bool) -> Output:
        longest = int(mask[rows].sum(1).max())
        cast(Any, self.model).bert.set_attention_type("block_sparse" if blocks else "original_full")
        with torch.autocast(ids.device.type, enabled=False):
            output = super().forward(ids[rows, :longest], mask[rows, :longest], all_layers=what[0], with_logits=what[1])
        return _widened(output, ids.shape[1])


def build(config: Mapping[str, Any]) -> nn.Module:
    """The network of a configuration, without weights, in evaluation mode.

    Raises Unavailable where transformers is not installed, AdapterError for a `model_type` that is not served or a
    configuration that transformers refuses.
    """
    kind = str(config.get("model_type"))
    if kind not in CLASSES:
        raise AdapterError(f"model_type {kind!r} is none of {', '.join(CLASSES)}")
    try:
        library = importlib.import_module("transformers")
    except ImportError:
        raise needs_extra("transformers", "hf") from None
    library.logging.set_verbosity_error()  # what it says of padding and token ids is settled by the cards
    settings, network = (getattr(library, name) for name in CLASSES[kind])
    known = {name: value for name, value in config.items() if name not in ("architectures", "auto_map", "model_type")}
    try:
        read = settings(**known)
        read._attn_implementation = "eager" if kind == "big_bird" else "sdpa"
        model = network(read).eval()
    except Exception as problem:
        # transformers checks configurations in ways of its own.
        said = " ".join(str(problem).split())[:200]
        raise AdapterError(f"config.json describes no {kind} that transformers builds ({said})") from None
    return (BigBird if kind == "big_bird" else Stock)(model).eval()


def packed(weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Experts of a Mixtral stacked in one tensor as transformers 5 holds them; hub files name each of them."""
    found = dict(weights)
    for name in [name for name in own if name.endswith("mlp.experts.gate_up_proj") and name not in weights]:
        stem = name.removesuffix("mlp.experts.gate_up_proj")
        old = f"{stem}block_sparse_moe."
        count = own[name].shape[0]
        parts = {w: [found.pop(f"{old}experts.{i}.{w}.weight", None) for i in range(count)] for w in ("w1", "w2", "w3")}
        if any(part is None for several in parts.values() for part in several):
            raise RuntimeError(f"{old}experts.* are not all there")
        w1, w2, w3 = (cast(list[Tensor], parts[w]) for w in ("w1", "w2", "w3"))
        found[name] = torch.stack([torch.cat(pair) for pair in zip(w1, w3, strict=True)])
        found[f"{stem}mlp.experts.down_proj"] = torch.stack(w2)
        if f"{old}gate.weight" in found:
            found[f"{stem}mlp.gate.weight"] = found.pop(f"{old}gate.weight")
    return found


def _widened(output: Output, tokens: int) -> Output:
    def wide(x: Tensor) -> Tensor:
        return nn.functional.pad(x, (0, 0, 0, tokens - x.shape[1]))

    logits = None if output.logits is None else wide(output.logits)
    return Output(wide(output.last_hidden_state), tuple(wide(x) for x in output.hidden_states), logits)


def _joined(parts: list[tuple[Tensor, Output]], shape: tuple[int, ...]) -> Output:
    def whole(pieces: list[Tensor]) -> Tensor:
        table = pieces[0].new_zeros((*shape, pieces[0].shape[-1]))
        for (rows, _), piece in zip(parts, pieces, strict=True):
            table[rows] = piece
        return table

    outputs = [output for _, output in parts]
    layers = zip(*(output.hidden_states for output in outputs), strict=True)
    logits = [output.logits for output in outputs if output.logits is not None]
    return Output(
        whole([output.last_hidden_state for output in outputs]),
        tuple(whole(list(layer)) for layer in layers),
        whole(logits) if logits else None,
    )
