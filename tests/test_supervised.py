"""Supervised networks from scratch: built for a task's length, and trained through the protocol finetune."""

from importlib.util import find_spec
from typing import Any

import pytest

if find_spec("torch") is None:
    pytest.skip("needs torch: pip install 'dnabench[torch]'", allow_module_level=True)

import torch

from dnabench.adapters.supervised import Supervised
from dnabench.harness import registry
from dnabench.harness.errors import RequestError
from dnabench.harness.registry import find_model

SMALL = {
    "basset": {},
    "basset_bend": {},
    "bend_cnn": {},
    "bend_resnet": {"hidden_size": "8", "n_layers": "3"},
    "chrombpnet_like": {"emb_channels": "8", "n_filters": "8"},
    "danq": {"conv_channels": "8", "lstm_hidden": "8", "fc": "16"},
    "dart_cnn": {},
    "deepsea": {"fc": "16"},
}
PUBLISHED = [
    ("deepsea", 919, 1000, 52_843_119),
    ("danq", 919, 1000, 46_929_039),
    ("basset", 164, 600, 4_135_064),
    ("dart_cnn", 1, 350, 43_102 + 24_705),
]
"""Model, outputs, bases, parameters in the literature or recomputed from the authors' layout."""
ROWS = ["ACGTTGCAACGT" * 4, "ACGTN", "TTTT" * 9]

each = pytest.mark.parametrize("name", list(SMALL))


def network(name: str, outputs: int, length: int) -> tuple[Any, Any]:
    model: Any = find_model(name, SMALL[name])
    torch.manual_seed(0)
    return model, model.module(outputs, length)


@each
@pytest.mark.parametrize("length", [48, 101, 500])
def test_any_length_gives_an_output_per_row_and_task(name: str, length: int) -> None:
    model, net = network(name, 3, length)
    with torch.no_grad():
        assert net(**model.collate(ROWS)).shape == (3, 3)


@each
def test_a_row_does_not_depend_on_the_batch_or_its_padding(name: str) -> None:
    model, net = network(name, 2, 60)
    with torch.no_grad():
        together = net.eval()(**model.collate(ROWS))
        for row, sequence in enumerate(ROWS):
            torch.testing.assert_close(net(**model.collate([sequence]))[0], together[row], atol=1e-5, rtol=1e-4)


@each
def test_every_parameter_learns(name: str) -> None:
    model, net = network(name, 2, 60)
    loss = torch.nn.functional.cross_entropy(net.train()(**model.collate(ROWS)), torch.tensor([0, 1, 0]))
    loss.backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


@pytest.mark.parametrize(("name", "outputs", "length", "parameters"), PUBLISHED)
def test_at_the_published_length_the_network_has_the_published_size(
    name: str, outputs: int, length: int, parameters: int
) -> None:
    model: Any = find_model(name)
    with torch.device("meta"):
        net = model.module(outputs, length)
    assert sum(one.numel() for one in net.parameters()) == parameters


def test_all_of_them_are_registered_with_a_line_of_description() -> None:
    lines = registry.models()
    assert all("from scratch" in lines[name] for name in SMALL)
    assert {kind.__name__ for kind in Supervised.__subclasses__()} == {
        type(find_model(name)).__name__ for name in SMALL
    }


def test_unknown_options_are_refused() -> None:
    with pytest.raises(RequestError, match="deepsea has no option 'layers'"):
        find_model("deepsea", {"layers": "3"})


def test_a_network_trains_from_scratch_on_a_task(tmp_path: Any) -> None:
    from dnabench.harness.cli import run_words

    words = ["run", "-m", "bend_cnn", "-s", "yeast", "-t", "yeast/coding", "--limit", "40", "-p", "finetune"]
    assert run_words([*words, "-o", str(tmp_path)]) == 0
