"""The published sizes have the published numbers of parameters, counted without making a single one (meta device).

Counts: the studies' table, reproduced there from the authors' code or from the sizes of the hub's files; where that
count has tensors that no output reads (contact head, positions of rotary models), they are added by name.
"""

from importlib.util import find_spec
from typing import Any

import pytest

if find_spec("torch") is None:
    pytest.skip("needs torch: pip install 'dnabench[torch]'", allow_module_level=True)

import torch

from dnabench.adapters.ports.registry import PORTS, build

CONVNOVA: list[tuple[dict[str, Any], int]] = [
    ({"hidden_dim": 128, "kernel_size": 9, "d_inner": 2, "ffn": True, "pretrain": True}, 1_772_933),
    ({"hidden_dim": 128, "kernel_size": 9, "d_inner": 2, "ffn": False}, 1_688_448),
    ({"hidden_dim": 64, "kernel_size": 5, "d_inner": 4, "ffn": False}, 377_920),
    ({"hidden_dim": 64, "kernel_size": 5, "d_inner": 4, "ffn": True, "pretrain": True}, 399_685),
    ({"hidden_dim": 64, "kernel_size": 5, "d_inner": 4, "ffn": False, "final_conv": True}, 386_240),
    ({"hidden_dim": 196, "kernel_size": 9, "d_inner": 2, "ffn": True, "pretrain": True}, 4_140_897),
    ({"hidden_dim": 256, "kernel_size": 9, "d_inner": 2, "ffn": True, "pretrain": True}, 7_052_037),
    ({"hidden_dim": 256, "kernel_size": 9, "d_inner": 2, "ffn": False}, 6_719_232),
]
HYENADNA = [  # width, layers, longest input, parameters without the head, megabytes of the hub's file
    (128, 2, 1_026, 436_096, 1.80),
    (256, 2, 1_026, 1_641_088, 6.63),
    (256, 4, 32_770, 3_277_568, 16.28),
    (256, 8, 160_002, 6_550_528, 56.95),
    (256, 8, 450_002, 6_550_528, 112.6),
    (256, 8, 1_000_002, 6_550_528, 218.2),
]
CADUCEUS = [  # width, layers, parameters, or millions where only those are published
    (118, 4, 470_702),
    (256, 4, 1_934_592),
    (256, 16, 7_725_312),
    (384, 20, 20e6),
    (512, 24, 40e6),
    (768, 28, 112e6),
    (1024, 32, 225e6),
]
NUCLEOTIDE_TRANSFORMER = [  # version, (width, layers, heads, inner), parameters with the contact head
    ("v1", (1280, 24, 20, 5120), 485_699_306),
    ("v1", (2560, 32, 20, 10_240), 2_547_800_585 + 641),
    ("v2", (512, 12, 16, 2048), 55_904_972),
    ("v2", (512, 22, 16, 2048), 97_889_132),
    ("v2", (1024, 29, 16, 4096), 498_345_436),
]


@pytest.mark.parametrize(("config", "published"), CONVNOVA)
def test_convnova(config: dict[str, Any], published: int) -> None:
    assert count({"model_type": "convnova", "dilation": 4, **config}) == published


@pytest.mark.parametrize(("width", "layers", "longest", "published", "megabytes"), HYENADNA)
def test_hyenadna(width: int, layers: int, longest: int, published: int, megabytes: float) -> None:
    network = on_meta(
        {
            "model_type": "hyenadna",
            "d_model": width,
            "n_layer": layers,
            "max_seq_len": longest,
            "emb_dim": 5,
            "tie_word_embeddings": False,
        }
    )
    assert parameters(network) - network.lm_head.weight.numel() == published
    stored = sum(tensor.numel() for tensor in network.state_dict().values())
    assert stored * 4 / 1e6 == pytest.approx(megabytes, abs=0.06)


@pytest.mark.parametrize("stranded", [False, True])
@pytest.mark.parametrize(("width", "layers", "published"), CADUCEUS)
def test_caduceus(width: int, layers: int, published: float, stranded: bool) -> None:
    strands = {"rcps": stranded, "complement_map": {"7": 10, "8": 9, "9": 8, "10": 7}}
    found = count({"model_type": "caduceus", "d_model": width, "n_layer": layers, "vocab_size": 16, **strands})
    exact = isinstance(published, int)
    assert found == published if exact else found == pytest.approx(published, rel=0.1)


@pytest.mark.parametrize(("version", "sizes", "published"), NUCLEOTIDE_TRANSFORMER)
def test_nucleotide_transformer(version: str, sizes: tuple[int, int, int, int], published: int) -> None:
    width, layers, heads, inner = sizes
    second = version == "v2"
    positions = 2050 if second else 1002
    config = {
        "model_type": "esm",
        "vocab_size": 4107 if second else 4105,
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": inner,
        "max_position_embeddings": positions,
        "position_embedding_type": "rotary" if second else "absolute",
        "tie_word_embeddings": False,
    }
    contact_head = layers * heads + 1
    unread_positions = positions * width if second else 0
    found = count(config | ({"add_bias_fnn": False} if second else {}))
    assert found + contact_head + unread_positions == published


def test_dnabert2() -> None:
    assert count({"auto_map": {"AutoModel": "bert_layers.BertModel"}, "vocab_size": 4096}) == 117_074_176


@pytest.mark.parametrize(("k", "millions"), [(3, 86.10), (4, 86.24), (5, 86.83), (6, 89.19)])
def test_dnabert(k: int, millions: float) -> None:
    found = count({"model_type": "bert", "vocab_size": 4**k + 5})
    assert found / 1e6 == pytest.approx(millions, abs=0.01)


@pytest.mark.parametrize(("width", "layers", "millions"), [(768, 12, 110), (1024, 24, 336)])
def test_gena_lm(width: int, layers: int, millions: int) -> None:
    sizes = {"num_attention_heads": width // 64, "intermediate_size": 4 * width, "vocab_size": 32_000}
    found = count({"pre_layer_norm": True, "hidden_size": width, "num_hidden_layers": layers, **sizes})
    assert found / 1e6 == pytest.approx(millions, rel=0.012)


def test_gpn_brassicales() -> None:
    assert count({"model_type": "ConvNet"}) / 1e6 == pytest.approx(65.8, abs=0.1)


def test_a_tied_tensor_is_counted_once() -> None:
    config = {"model_type": "bert", "vocab_size": 69}
    untied = count({**config, "tie_word_embeddings": False})
    assert untied - count(config) == 69 * 768


def test_every_language_model_has_a_published_size_here() -> None:
    counted = {name.removeprefix("test_").replace("_", "-") for name in globals() if name.startswith("test_")}
    families = {"caduceus", "convnova", "dnabert", "dnabert2", "gena-lm", "hyenadna", "nucleotide-transformer"}
    assert families <= counted
    assert families <= set(PORTS)


def on_meta(config: dict[str, Any]) -> Any:
    """A network without any values."""
    with torch.device("meta"):
        return build(config)


def count(config: dict[str, Any]) -> int:
    """Its number of parameters."""
    return parameters(on_meta(config))


def parameters(network: Any) -> int:
    """Shared ones counted once."""
    return sum(parameter.numel() for parameter in network.parameters())
