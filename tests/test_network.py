"""Weights of the hub find their places by name, shared and unused ones too."""

from importlib.util import find_spec

import pytest

if find_spec("torch") is None:
    pytest.skip("needs torch: pip install 'dnabench[torch]'", allow_module_level=True)

import torch

from dnabench.adapters.ports.network import HubNetwork, load_tied


def test_shared_tensors_may_be_left_out_or_doubled_but_not_contradict() -> None:
    class Tied(HubNetwork):
        unused = ("old.*",)

        def __init__(self) -> None:
            super().__init__()
            self.words, self.head = torch.nn.Embedding(5, 3), torch.nn.Linear(3, 5, bias=False)
            self.head.weight = self.words.weight

    words, network = torch.randn(5, 3), Tied()
    network.load_hub_weights({"head.weight": words, "old.bias": torch.zeros(1)})
    assert torch.equal(network.words.weight, words)
    network.load_hub_weights({"head.weight": words, "words.weight": words})
    with pytest.raises(RuntimeError, match=r"words.weight \(differs from head.weight"):
        network.load_hub_weights({"head.weight": words, "words.weight": words + 1})
    with pytest.raises(RuntimeError, match=r"head.weight \(missing\), words.weight \(missing\)"):
        load_tied(network, {})
    with pytest.raises(RuntimeError, match=r"new\.bias"):
        network.load_hub_weights({"head.weight": words, "new.bias": words})
