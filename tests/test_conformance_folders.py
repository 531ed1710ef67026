"""Conformance folders that nobody has seen yet: other files, fields and inputs are tested, or fail with a sentence."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if find_spec("torch") is None:
    pytest.skip("needs torch: pip install 'dnabench[torch]'", allow_module_level=True)

import torch

sys.path.insert(0, str(Path(__file__).parent))
from conformance_folders import VARIABLE, Folder, answers_of, folders, sound
from safetensors.torch import save_file
from test_port_properties import GPN, HYENADNA, lively

BERT = {"model_type": "bert", "vocab_size": 69, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
BERT |= {"intermediate_size": 12, "max_position_embeddings": 20}


def write(folder: Path, config: dict[str, Any], arrays: dict[str, Any], **case: Any) -> Folder:
    """A folder of random weights with one case; what it expects are these arrays."""
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    weights = {name: tensor.clone() for name, tensor in lively(config).state_dict().items()}
    save_file(weights, folder / "weights.safetensors")
    save_file({f"one.{name}": array for name, array in arrays.items()}, folder / "expected.safetensors")
    expected = {name: f"one.{name}" for name in arrays}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    cases = {"tolerance": {"atol": 1e-4, "rtol": 1e-5}, "cases": [{"name": "one", "expected": expected, **case}]}
    (folder / "cases.json").write_text(json.dumps(cases), encoding="utf-8")
    return Folder(folder)


def test_a_folder_that_cannot_be_tested_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    ids = {"input_ids": torch.randint(5, 20, (2, 9))}
    for name in ("whole", "unheard", "without-weights", "cut", "no-case", "lost-array", "unnamed", "other-weights"):
        write(tmp_path / name, BERT, ids)
    (tmp_path / "unheard" / "config.json").write_text('{"model_type": "unheard-of"}', encoding="utf-8")
    (tmp_path / "without-weights" / "weights.safetensors").unlink()
    (tmp_path / "cut" / "cases.json").write_text('{"cases": [', encoding="utf-8")
    (tmp_path / "no-case" / "cases.json").write_text('{"cases": []}', encoding="utf-8")
    (tmp_path / "lost-array" / "cases.json").write_text(
        json.dumps({"cases": [{"name": "a", "expected": {"logits": "a.logits", "hidden_states": ["one.input_ids"]}}]}),
        encoding="utf-8",
    )
    (tmp_path / "unnamed" / "cases.json").write_text('{"cases": [{"expected": {}}]}', encoding="utf-8")
    (tmp_path / "other-weights" / "config.json").write_text(json.dumps({**BERT, "hidden_size": 16}), encoding="utf-8")
    (tmp_path / "some-text").mkdir()
    said = {folder.path.name: folder.complaint for folder in folders()}
    assert said.pop("whole") == ""
    assert said.pop("unheard") == "nothing here serves a model_type of 'unheard-of'"
    assert "has no weights" in said.pop("without-weights")
    assert "JSONDecodeError" in said.pop("cut")
    assert said.pop("no-case") == "it has no case"
    assert said.pop("lost-array") == "expected.safetensors lacks a.logits of the case a"
    assert "KeyError: 'name'" in said.pop("unnamed")
    assert "do not fit DNABERT" in said.pop("other-weights")
    assert said == {}
    assert [folder.path.name for folder in sound()] == ["whole"]


def test_weights_are_read_however_they_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    for name in ("pytorch_model.bin", "model.safetensors"):
        folder = write(tmp_path / name.partition(".")[0], BERT, {"input_ids": torch.randint(5, 20, (1, 4))}).path
        if name.endswith("bin"):
            torch.save(Folder(folder).weights, folder / name)
            (folder / "weights.safetensors").unlink()
        else:
            (folder / "weights.safetensors").rename(folder / name)
    assert [folder.complaint for folder in folders()] == ["", ""]


def test_inputs_that_stand_in_the_text_alone_are_given(tmp_path: Path) -> None:
    ids, mask = torch.randint(5, 20, (2, 9)), torch.ones(2, 9, dtype=torch.long)
    mask[1, 6:] = 0
    given = {"input_ids": ids.tolist(), "attention_mask": mask.tolist()}
    folder = write(tmp_path / "text", BERT, {"logits": torch.zeros(2, 9, 69)}, **given)
    network, case = folder.network(), folder.cases["cases"][0]
    with torch.inference_mode():
        found = answers_of(folder, network, case)["logits"]
        expected = network(ids, mask).logits
        blind = network(ids).logits
    assert torch.equal(found, expected)
    assert not torch.allclose(found[1], blind[1], atol=1e-3)
    with torch.inference_mode():
        unmasked = answers_of(folder, network, {**case, "attention_mask": None})["logits"]
    assert torch.equal(unmasked, blind)


def test_base_probabilities_are_an_input_as_well(tmp_path: Path) -> None:
    probabilities = torch.softmax(torch.randn(2, 11, 7), -1)
    folder = write(tmp_path / "probs", GPN, {"input_probs": probabilities})
    with torch.inference_mode():
        found = answers_of(folder, folder.network(), folder.cases["cases"][0])
    assert found["logits"].shape == (2, 11, 7)
    assert np.isfinite(found["embedding_mean"]).all()


def test_rows_that_are_padded_in_front_are_compared_with_their_padding(tmp_path: Path) -> None:
    mask = torch.ones(2, 9, dtype=torch.long)
    mask[0, :4] = 0
    arrays = {"input_ids": torch.randint(5, 20, (2, 9)), "attention_mask": mask}
    folder = write(tmp_path / "left", BERT, arrays, attention_mask=mask.tolist())
    with torch.inference_mode():
        assert "logits" in answers_of(folder, folder.network(), folder.cases["cases"][0])


@pytest.mark.parametrize(
    ("said", "logits", "states"),
    [
        ({"atol": 3e-4, "rtol": 1e-3, "atol_by_output": {"logits": 1e-5}}, (1e-5, 1e-3), (3e-4, 1e-3)),
        ({"atol_by_output": {"logits": 1e-5, "hidden_states": 2e-4}}, (1e-5, 1e-5), (2e-4, 1e-5)),
        ({"atol": 1e-4}, (1e-4, 1e-5), (1e-4, 1e-5)),
        (None, (1e-5, 1e-5), (1e-5, 1e-5)),
    ],
)
def test_the_tolerance_is_the_outputs_own_where_there_is_one(
    said: Any, logits: Any, states: Any, tmp_path: Path
) -> None:
    (tmp_path / "cases.json").write_text(json.dumps({"tolerance": said} if said else {}), encoding="utf-8")
    folder = Folder(tmp_path)
    assert folder.tolerance("logits") == logits
    assert folder.tolerance("hidden_states.3") == states


def test_a_network_of_transformers_is_tested_as_a_port_is(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from model_folders import CONFIGS, write_model

    from dnabench.adapters.files import weight_files

    source = write_model(tmp_path / "mistral", "mistral")
    ids = torch.randint(5, 60, (2, 9))
    save_file({"one.ids": ids}, source / "expected.safetensors")
    cases = {"cases": [{"name": "one", "expected": {"input_ids": "one.ids"}}]}
    (source / "cases.json").write_text(json.dumps(cases), encoding="utf-8")
    folder = Folder(source)
    assert weight_files(source)[0].name == "model.safetensors"
    assert folder.complaint == ""
    with torch.inference_mode():
        found = answers_of(folder, folder.network(), cases["cases"][0])
    assert found["logits"].shape == (2, 9, CONFIGS["mistral"]["vocab_size"])


def test_a_hyenadna_of_short_context_is_a_folder_like_others(tmp_path: Path) -> None:
    folder = write(tmp_path / "short", {**HYENADNA, "max_seq_len": 10}, {"input_ids": torch.randint(7, 11, (2, 10))})
    assert folder.complaint == ""
