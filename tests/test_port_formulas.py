"""Ports of random sizes and flags equal their families' equations, computed in float64 without a module."""

import random
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if find_spec("torch") is None:
    pytest.skip("needs torch: pip install 'dnabench[torch]'", allow_module_level=True)

import torch

sys.path.insert(0, str(Path(__file__).parent))
import port_formulas
from test_port_properties import lively

from dnabench.adapters.ports import convnova as convnova_port
from dnabench.adapters.ports import gpn as gpn_port

pytestmark = pytest.mark.usefixtures("one_thread")

Config = dict[str, Any]


def hyenadna(draw: random.Random) -> Config:
    return {
        "model_type": "hyenadna",
        "d_model": draw.choice([6, 8, 12]),
        "n_layer": draw.randint(1, 3),
        "max_seq_len": draw.choice([33, 40, 66]),
        "emb_dim": draw.choice([3, 5, 7]),
        "filter_order": draw.choice([8, 16]),
        "num_inner_mlps": draw.randint(0, 3),
        "short_filter_order": draw.choice([2, 3, 3, 4]),
        "activation_freq": draw.choice([1, 10]),
        "train_freq": draw.random() < 0.6,
        "d_inner": draw.choice([None, 20]),
        "layer_norm_epsilon": draw.choice([1e-5, 1e-3]),
        "tie_word_embeddings": draw.random() < 0.5,
        "vocab_size": draw.choice([12, 16]),
        "pad_vocab_size_multiple": draw.choice([1, 8]),
        "use_bias": draw.random() < 0.5,
        "hyena_order": draw.choice([2, 2, 3, 4]),
    }


def caduceus(draw: random.Random) -> Config:
    stranded = draw.random() < 0.6
    pairs = {str(token): token for token in range(16)} | {"7": 10, "8": 9, "9": 8, "10": 7}
    return {
        "model_type": "caduceus",
        "d_model": draw.choice([6, 8, 20]),
        "n_layer": draw.randint(1, 4),
        "vocab_size": draw.choice([12, 16]),
        "pad_vocab_size_multiple": draw.choice([1, 8]),
        "rms_norm": draw.random() < 0.6,
        "fused_add_norm": draw.random() < 0.5,
        "residual_in_fp32": draw.random() < 0.5,
        "bidirectional": draw.random() < 0.8,
        "bidirectional_strategy": draw.choice([None, "add", "ew_multiply"]),
        "bidirectional_weight_tie": draw.random() < 0.5,
        "tie_word_embeddings": draw.random() < 0.5,
        "rcps": stranded,
        "complement_map": dict(draw.sample(list(pairs.items()), 16)) if stranded else None,
        "ssm_cfg": {
            "d_state": draw.choice([4, 16]),
            "d_conv": draw.choice([2, 4]),
            "expand": draw.choice([1, 2]),
            "dt_rank": draw.choice(["auto", 3]),
            "bias": draw.random() < 0.5,
            "conv_bias": draw.random() < 0.5,
        },
    }


def dnabert2(draw: random.Random) -> Config:
    heads = draw.choice([1, 2, 3, 5, 6, 12])
    return {
        "alibi_starting_size": draw.choice([4, 512]),
        "vocab_size": 40,
        "hidden_size": 4 * heads,
        "num_hidden_layers": draw.randint(1, 3),
        "num_attention_heads": heads,
        "intermediate_size": draw.choice([10, 24]),
        "layer_norm_eps": draw.choice([1e-12, 1e-4]),
        "hidden_act": draw.choice(["gelu", "relu"]),
        "architectures": draw.choice([["BertModel"], ["BertForMaskedLM"], None]),
    }


def gpn(draw: random.Random) -> Config:
    return {
        "model_type": "GPN",
        "hidden_size": draw.choice([10, 16]),
        "num_hidden_layers": draw.randint(1, 6),
        "intermediate_size": draw.choice([8, 24]),
        "embedding": draw.choice(["one_hot", "embedding"]),
        "encoder": draw.choice(["convnet", "convnet", "bytenet"]),
        "bias": draw.random() < 0.5,
        "depthwise": draw.random() < 0.5,
        "slim": draw.random() < 0.5,
        "first_kernel_size": draw.choice([3, 9]),
        "rest_kernel_size": draw.choice([2, 5]),
        "tie_word_embeddings": draw.random() < 0.5,
        "mlm_head_transform": draw.random() < 0.5,
        **dilations(draw),
    }


def convnet(draw: random.Random) -> Config:
    sizes = {
        "hidden_size": draw.choice([10, 16]),
        "n_layers": draw.randint(1, 8),
        "kernel_size": draw.choice([3, 4, 9]),
    }
    return {"model_type": "ConvNet", **sizes, **dilations(draw)}


def dilations(draw: random.Random) -> Config:
    keys = {
        "dilation_base": draw.choice([2, 3]),
        "dilation_cycle": draw.randint(1, 5),
        "dilation_double_every": draw.randint(1, 2),
        "dilation_max": draw.choice([1, 4, 9999]),
    }
    return {key: value for key, value in keys.items() if draw.random() < 0.7}


def convnova(draw: random.Random) -> Config:
    pretrain = draw.random() < 0.5
    return {
        "model_type": "convnova",
        "hidden_dim": draw.choice([6, 8]),
        "num_conv1d": draw.randint(1, 5),
        "num_cnn_stacks": draw.randint(1, 2),
        "kernel_size": draw.choice([1, 3, 9]),
        "dilation": draw.choice([1, 2, 4]),
        "d_inner": draw.randint(1, 3),
        "ffn": draw.random() < 0.5,
        "final_conv": draw.random() < 0.5,
        "pretrain": pretrain,
        "d_output": None if pretrain else draw.choice([None, 3]),
    }


FAMILIES = [
    (hyenadna, port_formulas.hyenadna),
    (caduceus, port_formulas.caduceus),
    (gpn, port_formulas.gpn),
    (convnet, port_formulas.gpn),
    (convnova, port_formulas.convnova),
]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("random_config", "formula"), FAMILIES, ids=lambda one: one.__name__)
def test_a_port_equals_the_equations(
    random_config: Callable[..., Config], formula: Callable[..., Any], seed: int
) -> None:
    network, config = drawn(random_config, seed)
    for length in (1, 7, 33):
        ids = (
            torch.randint(0, 5, (3, length)) if config["model_type"] == "convnova" else torch.randint(0, 7, (3, length))
        )
        with torch.inference_mode():
            found = network(ids).last_hidden_state
        expected = formula(config, doubles(network), ids)
        scale = max(1.0, float(expected.abs().max()))
        torch.testing.assert_close(
            found.double(), expected, atol=5e-5 * scale, rtol=1e-4, msg=lambda m: f"{config} {m}"
        )


def test_layers_are_dilated_in_the_order_of_the_authors() -> None:
    cycle = gpn_port.Config(num_hidden_layers=8, dilation_cycle=5, dilation_double_every=2)
    assert gpn_port.schedule(cycle) == [1, 1, 2, 2, 4, 1, 1, 2]
    assert convnova_port.schedule(4, 2, 4) == [1, 1, 1, 1, 1, 1, 4, 4]
    assert convnova_port.schedule(14, 1, 2) == [1, 1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024]


@pytest.mark.parametrize("seed", range(12))
def test_dnabert2_equals_the_equations_whatever_is_padded(seed: int) -> None:
    network, config = drawn(dnabert2, seed)
    ids, mask = torch.randint(0, 40, (3, 31)), torch.ones(3, 31, dtype=torch.long)
    mask[0, 12:], mask[1, :9] = 0, 0
    with torch.inference_mode():
        found = network(ids, mask).last_hidden_state
    expected = port_formulas.dnabert2(config, doubles(network), ids, mask)
    keep = mask.bool()
    torch.testing.assert_close(
        found.double()[keep], expected[keep], atol=2e-5, rtol=1e-4, msg=lambda m: f"{config} {m}"
    )


def drawn(random_config: Callable[..., Config], seed: int) -> tuple[Any, Config]:
    """A network of random sizes and flags, and its configuration without the keys that are null."""
    torch.manual_seed(seed)
    config = random_config(random.Random(f"{random_config.__name__} {seed}"))
    return lively(config), {key: value for key, value in config.items() if value is not None}


def doubles(network: Any) -> dict[str, Any]:
    """The tensors of a network by name, in float64."""
    return {name: tensor.double() for name, tensor in network.state_dict().items()}
