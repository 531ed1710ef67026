"""The convolutional baseline: the published layout, its two faults mended, padding and options."""

import sys
from typing import Any

import numpy as np
import pytest

from dnabench.adapters.cnn import CNN, LETTERS
from dnabench.harness.errors import RequestError, Unavailable


def network(outputs: int = 2, length: int = 70, **options: Any) -> Any:
    pytest.importorskip("torch", reason="needs torch: pip install 'dnabench[torch]'")
    return CNN(**options).module(outputs, length)


def test_the_card_needs_no_torch_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dnabench.adapters.cnn.find_spec", lambda name: None)
    assert CNN().info.weights == "random"
    assert CNN().capabilities == {"module"}
    with pytest.raises(Unavailable, match=r"pip install 'dnabench\[torch\]'"):
        CNN().module(2, 70)


def test_importing_the_card_does_not_import_torch() -> None:
    import subprocess

    code = "import sys, dnabench.adapters.cnn as c; c.CNN().info; print('torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"


def test_options_are_checked() -> None:
    assert CNN(embedding_dim="8").info.options == {"embedding_dim": 8}
    with pytest.raises(RequestError, match="Did you mean 'embedding_dim'"):
        CNN(embeding_dim=8)
    with pytest.raises(RequestError, match="embedding_dim"):
        CNN(embedding_dim=0)


@pytest.mark.parametrize(("length", "parameters"), [(200, 52_853), (251, 67_189), (500, 130_677), (2381, 611_957)])
def test_the_published_network_has_the_published_number_of_parameters(length: int, parameters: int) -> None:
    pytest.importorskip("torch", reason="needs torch: pip install 'dnabench[torch]'")
    from dnabench.adapters.ports.gb_cnn import from_config

    config = {"number_of_classes": 2, "input_len": length, "vocab_size": 8, "embedding_dim": 100}
    assert sum(p.numel() for p in from_config(config).parameters()) == parameters


def test_the_mended_network_has_the_published_names_and_a_relu_after_every_convolution() -> None:
    mended = network()
    import torch

    from dnabench.adapters.ports.gb_cnn import GenomicBenchmarksCNN

    published = GenomicBenchmarksCNN(2, 70, LETTERS, as_published=True)
    assert list(mended.state_dict()) == list(published.state_dict())
    count = {"mended": 0, "published": 0}
    for name, one in (("mended", mended), ("published", published)):
        count[name] = sum(isinstance(module, torch.nn.ReLU) for module in one.modules())
    assert count == {"mended": 3, "published": 1}


def test_outputs_are_raw_so_that_the_loss_applies_its_link_once() -> None:
    one = network(outputs=1).eval()
    import torch

    with torch.inference_mode():
        codes = CNN().collate(["ACGT" * 15])["codes"]
        assert torch.equal(one(codes), one.logits(codes))
        one.dense_model[1].bias.fill_(9.0)
        assert float(one(codes)) > 1.0


def test_the_fused_first_layer_is_the_embedding_followed_by_the_convolution() -> None:
    net = network(embedding_dim=7).eval()
    import torch

    draw = np.random.default_rng(0)
    codes = torch.from_numpy(draw.integers(0, LETTERS, (5, 70)))
    with torch.inference_mode():
        plain = net.dense_model(net.cnn_model(net.embeddings(codes).transpose(1, 2)))
        assert torch.allclose(net(codes), plain, atol=1e-5)


def test_short_rows_are_padded_and_a_row_does_not_depend_on_its_batch() -> None:
    net = network(length=80).eval()
    import torch

    rows = ["ACGTN" * 16, "ACG", "T" * 60]
    with torch.inference_mode():
        together = net(**CNN().collate(rows))
        alone = torch.cat([net(**CNN().collate([row])) for row in rows])
    assert torch.allclose(together, alone, atol=1e-6)
    assert together.shape == (3, 2)


@pytest.mark.parametrize("length", [1, 20, 56, 57, 58])
def test_rows_of_any_length_are_served(length: int) -> None:
    net = network(outputs=3, length=length).eval()
    assert net(**CNN().collate(["A" * length])).shape == (1, 3)


@pytest.mark.parametrize(
    ("model_type", "parameters"), [("deepsea", 52_843_119), ("danq", 46_929_039), ("basset", 4_135_064)]
)
def test_conventional_networks_have_the_published_number_of_parameters(model_type: str, parameters: int) -> None:
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'dnabench[torch]'")
    from dnabench.adapters.ports.registry import build

    with torch.device("meta"):
        network = build({"model_type": model_type})
    assert sum(p.numel() for p in network.parameters()) == parameters


@pytest.mark.parametrize(
    ("sizes", "shape"),
    [
        ({"output_size": 2}, (2, 18, 2)),
        ({"output_size": 1}, (2, 18)),
        ({"output_size": 2, "output_downsample_window": 4}, (2, 8)),
        ({"output_size": 2, "upsample_factor": 3}, (2, 54, 2)),
    ],
)
def test_bends_probe_answers_per_position_or_window(sizes: dict[str, int], shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'dnabench[torch]'")
    from dnabench.adapters.ports.registry import build

    probe = build({"model_type": "bend-cnn", **sizes})
    assert probe(torch.zeros(2, 18, 5)).shape == shape
