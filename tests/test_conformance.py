"""Ports load the reference's weights under their own names and say what the reference says."""

import os
import re
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if find_spec("torch") is None:
    pytest.skip("needs torch: pip install 'dnabench[torch]'", allow_module_level=True)

import torch

sys.path.insert(0, str(Path(__file__).parent))
from conformance_folders import (
    ANSWERS,
    INPUTS,
    LEFT_OUT,
    STOCK,
    VARIABLE,
    Folder,
    answers_of,
    compared,
    folders,
    sound,
    unread,
)

from dnabench.adapters.ports.registry import PORTS, build, load_weights
from dnabench.harness.errors import AdapterError

pytestmark = pytest.mark.usefixtures("one_thread", "without_gradients")

FOLDERS = folders()
SERVED = sound()

if not FOLDERS:
    where = os.environ.get(VARIABLE)
    pytest.skip(f"no conformance folders in {where!r}" if where else f"{VARIABLE} is not set", allow_module_level=True)


def each_case() -> list[Any]:
    return [
        pytest.param(folder, case, id=f"{folder.path.name}-{case['name']}")
        for folder in SERVED
        for case in folder.cases["cases"]
    ]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.path.name)
def test_a_folder_with_a_network_can_be_tested(folder: Folder) -> None:
    assert not folder.complaint, f"{folder.path.name}: {folder.complaint}"


@pytest.mark.parametrize(("folder", "case"), each_case())
def test_a_port_says_what_the_reference_says(folder: Folder, case: Mapping[str, Any]) -> None:
    arrays = folder.arrays(case)
    answers = answers_of(folder, folder.network(), case)
    assert answers, "nothing was compared"
    known = INPUTS | set(LEFT_OUT.get(str(folder.family), {})) | set(answers)
    never = sorted(name for name in arrays if not {name, name.partition(".")[0]} & known)
    assert not never, f"nothing here answers {', '.join(never)}"
    for name, found in answers.items():
        if name in arrays:
            atol, rtol = folder.tolerance(name)
            keep = compared(case, arrays, found)
            np.testing.assert_allclose(
                found.numpy()[keep], arrays[name].numpy()[keep], atol=atol, rtol=rtol, err_msg=name
            )


@pytest.mark.parametrize("folder", SERVED, ids=lambda f: f.path.name)
def test_every_stored_tensor_moves_the_answers(folder: Folder) -> None:
    case = folder.cases["cases"][0]
    weights = folder.weights
    learnt = [name for name, tensor in weights.items() if tensor.is_floating_point()]
    network = folder.network()
    before = answers_of(folder, network, case)
    for name in learnt:
        shared = [twin for twin in learnt if torch.equal(weights[twin], weights[name])]
        load_weights(network, {**weights, **{twin: weights[twin] + 0.5 for twin in shared}})
        after = answers_of(folder, network, case)
        moved = any(not torch.equal(after[key], before[key]) for key in before if key in after)
        assert moved or unread(folder, network, name), f"{name} has no effect"


@pytest.mark.parametrize("folder", SERVED, ids=lambda f: f.path.name)
def test_a_missing_or_misshapen_tensor_is_named(folder: Folder) -> None:
    weights, network = folder.weights, folder.network()
    wide = [n for n in sorted(weights) if weights[n].is_floating_point() and weights[n].ndim > 1]
    alone = [n for n in wide if sum(torch.equal(weights[n], weights[twin]) for twin in wide) == 1]
    name = next(n for n in alone if not unread(folder, network, n))
    with pytest.raises(AdapterError, match=re.escape(name)):
        folder.built({n: t for n, t in weights.items() if n != name})
    with pytest.raises(AdapterError, match=re.escape(name)):
        folder.built({**weights, name: weights[name][:, :-1]})


def test_every_port_has_an_answer_for_its_folder() -> None:
    assert {*PORTS, STOCK} == set(ANSWERS)


def test_a_configuration_without_a_port_is_refused_by_name() -> None:
    with pytest.raises(AdapterError, match="no port for model_type 'unheard-of'"):
        build({"model_type": "unheard-of"})
