"""`dnabench check` on language models: honest ones pass, and each fault that such adapters have is found."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

if find_spec("torch") is None:
    pytest.skip("needs torch: pip install 'dnabench[torch]'", allow_module_level=True)

import torch
from small_readers import reader
from torch import nn

from dnabench.harness.engine import reading as engine
from dnabench.harness.engine.heads import classifier, collated
from dnabench.harness.engine.reading import Reading
from dnabench.harness.report.check.findings import Finding
from dnabench.harness.report.check.model import check_model
from dnabench.harness.types import ModelInfo


class Honest:
    """A language model that says what its network says."""

    family = "convnova"
    capabilities = frozenset({"embed", "embed_bases", "log_likelihood", "base_log_probs", "module"})
    reading = Reading()

    @cached_property
    def reader(self) -> Any:
        return reader(self.family)

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(self.family, "small", 1, objective=self.reader.objective, strands="one strand")

    def embed(self, sequences: Sequence[str]) -> Any:
        return engine.embed(self.reader, sequences, self.reading)

    def embed_bases(self, sequences: Sequence[str]) -> Any:
        return engine.embed_bases(self.reader, sequences, self.reading)

    def bases_read(self, sequences: Sequence[str]) -> Any:
        return engine.bases_read(self.reader, sequences, self.reading)

    def log_likelihood(self, sequences: Sequence[str]) -> Any:
        return engine.log_likelihood(self.reader, sequences, self.reading)

    def base_log_probs(self, sequences: Sequence[str], positions: Any = None, mask: Any = None) -> Any:
        return engine.base_log_probs(self.reader, sequences, positions, mask, self.reading)

    def module(self, outputs: int, length: int) -> nn.Module:
        return classifier(self.reader, outputs, "mean")

    def collate(self, sequences: Sequence[str]) -> Any:
        return collated(self.reader, sequences)


class Only(Honest):
    """One capability of it."""

    def __init__(self, *capabilities: Any) -> None:
        self.capabilities = frozenset(capabilities)


def findings(model: Any) -> list[Finding]:
    return list(check_model(model))


def faults(model: Any) -> set[str]:
    return {finding.promise for finding in findings(model) if finding.verdict == "fault"}


@pytest.mark.parametrize("family", ["convnova", "hyenadna", "dnabert", "nucleotide-transformer"])
def test_our_networks_keep_their_promises(family: str) -> None:
    model = Honest()
    model.family = family
    found = findings(model)
    assert [finding for finding in found if finding.verdict == "fault"] == []
    promised = {finding.promise for finding in found}
    assert {"sums to one", "at most 0", "gradient", "bfloat16", "float16", "batch and padding", "strands"} <= promised
    assert ("reads forward only" in promised) == (family == "hyenadna")
    assert ("hidden base" in promised) == (family == "convnova")


class Leaky(Only):
    """Forgets to hide the base."""

    def base_log_probs(self, sequences: Sequence[str], positions: Any = None, mask: Any = None) -> Any:
        return super().base_log_probs(sequences, positions, "none")


class Prophet(Only):
    """Says that it is causal, and looks ahead."""

    @property
    def info(self) -> ModelInfo:
        return replace(super().info, objective="causal")


class Peeker(Only):
    """Says that it is causal, and sees the very base that it is asked about."""

    family = "hyenadna"

    def base_log_probs(self, sequences: Sequence[str], positions: Any = None, mask: Any = None) -> Any:
        whole = [np.concatenate([rows[1:], rows[-1:]]) for rows in super().base_log_probs(sequences, None, mask)]
        return whole if positions is None else [rows[list(at)] for rows, at in zip(whole, positions, strict=True)]


class Heavy(Only):
    """Probabilities of a vocabulary, of which the four bases are a part only."""

    def base_log_probs(self, sequences: Sequence[str], positions: Any = None, mask: Any = None) -> Any:
        return [rows - 0.3 for rows in super().base_log_probs(sequences, positions, mask)]


class Forgetful(Only):
    """Gives the first bases, whichever are asked for."""

    def base_log_probs(self, sequences: Sequence[str], positions: Any = None, mask: Any = None) -> Any:
        rows = super().base_log_probs(sequences, None, mask)
        return rows if positions is None else [row[: len(at)] for row, at in zip(rows, positions, strict=True)]


class Surprisal(Only):
    """Gives minus the log-likelihood."""

    def log_likelihood(self, sequences: Sequence[str]) -> Any:
        return -super().log_likelihood(sequences)


class Fragile(Only):
    """Loses its digits in 16 bits."""

    @cached_property
    def reader(self) -> Any:
        honest = reader("convnova")

        class Cancelling(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = honest.network

            def forward(self, ids: Any) -> Any:
                output = self.inner(ids)
                large = nn.functional.linear(output.last_hidden_state + 3000.0, torch.eye(16))
                return replace(output, last_hidden_state=large - 3000.0)

        return replace(honest, network=Cancelling())


class Unmasked(Only):
    """Claims to take a padding mask, and does not look at it."""

    @cached_property
    def reader(self) -> Any:
        honest = reader("convnova")

        class Deaf(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = honest.network

            def forward(self, ids: Any, mask: Any) -> Any:
                return self.inner(ids)

        return replace(honest, network=Deaf(), attends=True)


class Detached(Only):
    """Cuts the gradient between network and head."""

    def module(self, outputs: int, length: int) -> nn.Module:
        whole: Any = super().module(outputs, length)
        whole._pooled = lambda *inputs, pooled=whole._pooled: pooled(*inputs).detach()
        return whole


class Idle(Only):
    """Carries a layer that nothing reads."""

    def module(self, outputs: int, length: int) -> nn.Module:
        whole = super().module(outputs, length)
        whole.spare = nn.Linear(3, 3)
        return whole


class Blank(Only):
    """Has no vector for the last base."""

    def embed_bases(self, sequences: Sequence[str]) -> Any:
        rows = super().embed_bases(sequences)
        for row in rows:
            row[-1] = np.nan
        return rows


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Leaky("base_log_probs"), {"hidden base"}),
        (Prophet("base_log_probs"), {"reads forward only"}),
        (Peeker("base_log_probs"), {"reads forward only"}),
        (Heavy("base_log_probs"), {"sums to one"}),
        (Forgetful("base_log_probs"), {"positions", "hidden base"}),
        (Surprisal("log_likelihood"), {"at most 0"}),
        (Fragile("embed"), {"bfloat16"}),
        (Unmasked("embed"), {"batch and padding"}),
        (Detached("module"), {"gradient"}),
        (Idle("module"), {"gradient"}),
        (Blank("embed_bases"), {"finite"}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Only) else "",
)
def test_each_broken_promise_of_a_network_is_found(model: Any, expected: set[str]) -> None:
    found = faults(model)
    assert expected & found
    assert found <= expected | {"hidden base", "float16", "order of rows", "equal rows"}


def test_heads_that_a_classifier_does_not_read_are_counted_and_no_fault() -> None:
    (said,) = [one.text for one in findings(Only("module")) if one.promise == "gradient"]
    assert "2 belong to other heads" in said, "ConvNova's letters: a weight and a bias"
