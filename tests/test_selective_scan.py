"""The scan of Mamba in chunks is the recurrence step by step, and so are its gradients."""

from importlib.util import find_spec
from typing import Any

import pytest

if find_spec("torch") is None:
    pytest.skip("needs torch: pip install 'dnabench[torch]'", allow_module_level=True)

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dnabench.adapters.ports.selective_scan import scan, selective_scan


@given(st.integers(1, 70), st.integers(1, 3))
@settings(max_examples=25)
def test_the_scan_in_chunks_equals_the_recurrence_step_by_step(length: int, batch: int) -> None:
    parts = scan_inputs(batch, length)
    expected = step_by_step(*(part.double() for part in parts))
    torch.testing.assert_close(selective_scan(*parts).double(), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("length", "channels"), [(3000, 5), (300, 2048)])
def test_the_scan_of_a_long_or_wide_sequence_stays_exact(length: int, channels: int) -> None:
    parts = scan_inputs(1, length, channels)
    expected = step_by_step(*(part.double() for part in parts))
    assert (selective_scan(*parts) - expected).abs().max() < 2e-5


def test_the_recomputed_scan_has_the_gradients_of_the_recurrence() -> None:
    parts = [part.double().requires_grad_() for part in scan_inputs(2, 11)]
    expected = torch.autograd.grad(step_by_step(*parts).sin().sum(), parts)
    single = [part.detach().float().requires_grad_() for part in parts]
    found = torch.autograd.grad(scan(*single).sin().sum(), single)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours.double(), theirs, atol=1e-5, rtol=1e-4)


def test_a_training_in_sixteen_bits_scans_in_thirty_two() -> None:
    parts = scan_inputs(2, 40)
    with torch.autocast("cpu", torch.bfloat16):
        found = scan(*parts)
    torch.testing.assert_close(found.double(), step_by_step(*(part.double() for part in parts)), atol=1e-5, rtol=1e-5)


def scan_inputs(batch: int, length: int, channels: int = 5, states: int = 4) -> list[Any]:
    """x, delta, a, b, c of sizes as Mamba has them, the same ones every time."""
    torch.manual_seed(length)
    x, b, c = (torch.randn(batch, length, width) for width in (channels, states, states))
    delta = torch.nn.functional.softplus(torch.randn(batch, length, channels))
    return [x, delta, -torch.exp(torch.randn(channels, states)), b, c]


def step_by_step(x: Any, delta: Any, a: Any, b: Any, c: Any) -> Any:
    """The recurrence as it is written."""
    h, y = torch.zeros(x.shape[0], *a.shape, dtype=x.dtype), []
    for t in range(x.shape[1]):
        h = torch.exp(delta[:, t, :, None] * a) * h + delta[:, t, :, None] * x[:, t, :, None] * b[:, t, None]
        y.append((h * c[:, t, None]).sum(-1))
    return torch.stack(y, dim=1)
