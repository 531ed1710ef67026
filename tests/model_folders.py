"""Small models of every family, as folders with the files that the hub has: made here, random and non-zero."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from dnabench.adapters.families import card_named
from dnabench.adapters.pretrained import Pretrained

BERT = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24}
ESM = {**BERT, "model_type": "esm", "tie_word_embeddings": False, "pad_token_id": 1, "mask_token_id": 2}
LLAMA = {**BERT, "num_key_value_heads": 2}
PAIRS = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "[PAD]": 3, "[MASK]": 4}
ROWS = 80

CONFIGS: dict[str, dict[str, Any]] = {
    "hyenadna": {"model_type": "hyenadna", "d_model": 8, "n_layer": 2, "max_seq_len": 66, "emb_dim": 5},
    "caduceus": {"model_type": "caduceus", "d_model": 8, "n_layer": 2, "vocab_size": 16},
    "caduceus-ps": {
        "model_type": "caduceus",
        "d_model": 8,
        "n_layer": 2,
        "vocab_size": 16,
        "rcps": True,
        "complement_map": {"7": 10, "8": 9, "9": 8, "10": 7},
    },
    "dnabert2": {**BERT, "vocab_size": ROWS, "alibi_starting_size": 32},
    "dnabert-s": {**BERT, "vocab_size": ROWS, "alibi_starting_size": 32, "architectures": ["BertModel"]},
    "nucleotide-transformer": {**ESM, "vocab_size": 4105, "max_position_embeddings": 40, "token_dropout": True},
    "nucleotide-transformer-v2": {
        **ESM,
        "vocab_size": 75,
        "add_bias_fnn": False,
        "max_position_embeddings": 66,
        "position_embedding_type": "rotary",
    },
    "dnabert": {**BERT, "model_type": "bert", "vocab_size": 69, "max_position_embeddings": 64},
    "grover": {**BERT, "model_type": "bert", "vocab_size": 609, "max_position_embeddings": 64},
    "gena-lm": {**BERT, "model_type": "bert", "pre_layer_norm": True, "last_layer_norm": False, "vocab_size": ROWS},
    "gpn": {"model_type": "GPN", "hidden_size": 16, "num_hidden_layers": 3, "intermediate_size": 24},
    "gpn-convnet": {"model_type": "ConvNet", "hidden_size": 16, "n_layers": 3},
    "convnova": {"model_type": "convnova", "hidden_dim": 8, "num_conv1d": 3, "pretrain": True},
    "bigbird": {
        **BERT,
        "model_type": "big_bird",
        "vocab_size": ROWS,
        "block_size": 4,
        "num_random_blocks": 1,
        "max_position_embeddings": 128,
    },
    "generator": {**LLAMA, "model_type": "llama", "vocab_size": 4128, "max_position_embeddings": 64},
    "mistral-dna": {
        **LLAMA,
        "model_type": "mixtral",
        "vocab_size": ROWS,
        "num_local_experts": 4,
        "num_experts_per_tok": 1,
        "max_position_embeddings": 128,
    },
    "mistral": {**LLAMA, "model_type": "mistral", "vocab_size": ROWS, "max_position_embeddings": 128},
    "modern-gena": {**BERT, "model_type": "modernbert", "vocab_size": ROWS, "pad_token_id": 3, "local_attention": 8},
}
"""One or two small configurations of every family, with the keys by which the hub's are known."""
OF = {"caduceus-ps": "caduceus", "dnabert-s": "dnabert2", "gpn-convnet": "gpn", "mistral": "mistral-dna"}
STOCK = ("bigbird", "generator", "mistral-dna", "mistral", "modern-gena")
PAIRED = ("dnabert2", "dnabert-s", "grover", "gena-lm", "bigbird", "mistral-dna", "mistral", "modern-gena")


def family(kind: str) -> str:
    """The family of a configuration above."""
    return OF.get(kind, kind.removesuffix("-v2"))


def write_model(folder: Path, kind: str, seed: int = 0) -> Path:
    """A folder with config.json, model.safetensors under the hub's names and, for byte pairs, tokenizer.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIGS[kind]), encoding="utf-8")
    if kind in PAIRED:
        write_tokenizer(folder / "tokenizer.json")
    torch.manual_seed(seed)
    network = Pretrained(str(folder), init="random").blueprint.built().port
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    save_file(hub_tensors(network, kind), folder / "model.safetensors")
    return folder


def hub_tensors(network: Any, kind: str) -> dict[str, torch.Tensor]:
    """A network's tensors by the names of hub files: a shared one once, the experts of a Mixtral one by one."""
    found: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name, tensor in network.state_dict(keep_vars=True).items():
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        found[name.removeprefix("model.") if kind in STOCK else name] = tensor.detach().clone()
    return unpacked(found) if kind == "mistral-dna" else found


def unpacked(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Experts as files of transformers 4 name them: w1 and w3 in front of the product, w2 behind."""
    found = {}
    for name, tensor in tensors.items():
        stem = name.partition("mlp.")[0] + "block_sparse_moe."
        if name.endswith("mlp.gate.weight"):
            found[f"{stem}gate.weight"] = tensor
        elif "mlp.experts" not in name:
            found[name] = tensor
        for i, expert in enumerate(tensor if "mlp.experts" in name else ()):
            if name.endswith("gate_up_proj"):
                half = len(expert) // 2
                found |= {f"{stem}experts.{i}.w1.weight": expert[:half].clone()}
                found |= {f"{stem}experts.{i}.w3.weight": expert[half:].clone()}
            else:
                found[f"{stem}experts.{i}.w2.weight"] = expert.clone()
    return found


def write_tokenizer(file: Path, size: int = ROWS) -> None:
    """Byte pairs of random DNA with DNABERT-2's special tokens, by the tokenizers library."""
    import numpy as np
    from tokenizers import Tokenizer, models, processors, trainers

    draw = np.random.default_rng(0)
    rows = ["".join(draw.choice(list("ACGT"), 200)) for _ in range(60)]
    library = Tokenizer(models.BPE(unk_token="[UNK]"))
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=list(PAIRS), show_progress=False)
    library.train_from_iterator(rows, trainer)
    library.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    library.save(str(file))


def known_families() -> set[str]:
    """The families that the configurations above cover."""
    return {card_named(family(kind)).name for kind in CONFIGS}
