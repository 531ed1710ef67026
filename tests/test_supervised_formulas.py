"""Supervised networks of random sizes equal their equations, computed in float64 without a module."""

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
import supervised_formulas

from dnabench.adapters.ports.registry import build

Config = dict[str, Any]


def drawn(family: str, draw: random.Random) -> Config:
    """Sizes that leave positions to the last layer."""

    def few() -> int:
        return draw.randint(2, 7)

    kernels = [draw.randint(1, 9) for _ in range(3)]
    pools = [draw.randint(1, 4) for _ in range(3)]
    length = draw.randint(130, 190)
    task = {"num_labels": draw.randint(1, 5), "sequence_length": length}
    probe = {"hidden_channels": few(), "kernel_size": draw.randint(1, 9), "out_channels": few()}
    front = {"seq_len": length, "emb_channels": few(), "init_kernel_size": draw.randint(1, 41), "pos_channels": few()}
    return {
        "basset": {
            **task,
            "conv_channels": [few(), few(), few()],
            "conv_kernel_sizes": kernels,
            "conv_pool_sizes": pools,
            "fc_sizes": [few() for _ in range(draw.randint(1, 3))],
        },
        "basset-bend": {**task, "conv": [[few(), k, p] for k, p in zip(kernels, pools, strict=True)], "fc": few()},
        "bend-cnn": {
            "input_size": few(),
            "hidden_size": few(),
            "output_size": draw.randint(1, 3),
            "kernel_size": draw.choice([1, 2, 3]),
            "upsample_factor": draw.choice([False, 2, 6]),
            "output_downsample_window": draw.choice([None, 1, 5]),
        },
        "danq": {**task, "conv_channels": few(), "kernel_size": draw.randint(2, 30), "pool": 13, "lstm_hidden": few()},
        "dart-abinitio": {**front, **probe},
        "dart-chrombpnet-like": {**front, "n_filters": few(), "n_residual": draw.randint(1, 5)},
        "dart-probe": {**probe, "input_channels": few()},
        "deepsea": {
            **task,
            "conv_channels": [few(), few(), few()],
            "fc": few(),
            "kernel_size": draw.randint(1, 9),
            "pool": draw.randint(1, 4),
        },
        "gb-cnn": {
            "number_of_classes": draw.choice([2, 3]),
            "input_len": length,
            "vocab_size": few(),
            "embedding_dim": few(),
        },
    }[family] | {"model_type": family}


FAMILIES: dict[str, Callable[..., Any]] = {
    name.replace("_", "-"): getattr(supervised_formulas, name)
    for name in ("basset", "basset_bend", "bend_cnn", "danq", "dart_abinitio", "dart_probe", "deepsea", "gb_cnn")
} | {"dart-chrombpnet-like": supervised_formulas.dart_chrombpnet_like}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("family", list(FAMILIES))
def test_a_network_equals_its_equations(family: str, seed: int) -> None:
    torch.manual_seed(seed)
    config = drawn(family, random.Random(f"{family} {seed}"))
    network, given = random_network(config), rows(config)
    with torch.inference_mode():
        found = network(given)
    weights = {name: tensor.double() for name, tensor in network.state_dict().items()}
    expected = FAMILIES[family](config, weights, given if family == "gb-cnn" else given.double())
    assert found.shape == expected.shape, config
    scale = max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(found.double(), expected, atol=2e-5 * scale, rtol=1e-4, msg=lambda m: f"{config} {m}")


def random_network(config: Config) -> Any:
    """All parameters random, and the statistics of batch norms."""
    network = build(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        for name, buffer in network.named_buffers():
            if buffer.is_floating_point():
                buffer.copy_(torch.rand_like(buffer) + 0.5 if name.endswith("var") else torch.randn_like(buffer))
    return network


def rows(config: Config) -> Any:
    """Three rows of what the network reads."""
    length = config.get("sequence_length") or config.get("seq_len") or config.get("input_len") or 37
    if config["model_type"] == "gb-cnn":
        return torch.randint(0, config["vocab_size"], (3, length))
    if config["model_type"] in ("bend-cnn", "dart-probe"):
        return torch.randn(3, length, config.get("input_size") or config["input_channels"])
    return torch.nn.functional.one_hot(torch.randint(0, 5, (3, length)), 5)[..., :4].transpose(1, 2).float()
