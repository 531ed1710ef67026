"""A model's own code runs only where the user names exactly this model at one commit; never by accident."""

import json
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

if find_spec("torch") is None or find_spec("transformers") is None or find_spec("tokenizers") is None:
    pytest.skip("needs torch and transformers: pip install 'dnabench[torch,hf]'", allow_module_level=True)

import numpy as np
import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parent))
from hub_server import HubServer
from model_folders import ROWS as VOCABULARY
from model_folders import write_tokenizer

from dnabench.adapters import files
from dnabench.harness.cli import run_words
from dnabench.harness.data import checkpoints
from dnabench.harness.data.checkpoints import fetch_checkpoint
from dnabench.harness.data.hub import _ask
from dnabench.harness.errors import AdapterError, DnabenchError, RequestError, Unavailable
from dnabench.harness.making import Loading
from dnabench.harness.registry import find_model

NAME = "org/own"
CODE = """
import os
from pathlib import Path

import torch
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

Path(os.environ["RAN"]).touch()


class OwnConfig(PretrainedConfig):
    model_type = "own"

    def __init__(self, width=6, rows=80, **more):
        self.width, self.rows = width, rows
        super().__init__(**more)


class OwnModel(PreTrainedModel):
    config_class = OwnConfig
    base_model_prefix = "body"

    def __init__(self, config):
        super().__init__(config)
        self.words = torch.nn.Embedding(config.rows, config.width)
        self.register_buffer("scale", torch.full((config.width,), 3.0), persistent=False)
        self.post_init()

    def forward(self, input_ids, attention_mask=None):
        x = self.words(input_ids) * self.scale
        total = x if attention_mask is None else x * attention_mask[..., None]
        return BaseModelOutput(last_hidden_state=x + total.sum(1, keepdim=True))
"""
MAP = {"AutoConfig": "modeling_own.OwnConfig", "AutoModel": "modeling_own.OwnModel"}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "DNABENCH_OFFLINE", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("RAN", str(tmp_path / "ran"))
    folder = tmp_path / "hub" / "models" / NAME
    folder.mkdir(parents=True)
    config = {"model_type": "own", "width": 6, "rows": VOCABULARY, "auto_map": MAP}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "modeling_own.py").write_text(CODE, encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "mask_token": "[MASK]"}),
        encoding="utf-8",
    )
    write_tokenizer(folder / "tokenizer.json")
    words = torch.arange(VOCABULARY * 6).reshape(VOCABULARY, 6) / 100
    save_file({"body.words.weight": words, "head.weight": torch.ones(2)}, folder / "model.safetensors")
    _ask.cache_clear()
    with HubServer(tmp_path / "hub") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def trusted(hub: HubServer, name: str = NAME) -> str:
    return f"{name}@{hub.commit('models', NAME)}"


def test_a_model_with_code_of_its_own_is_refused_with_what_to_type(hub: HubServer, tmp_path: Path, capsys) -> None:
    assert run_words(["run", "-m", NAME, "-s", "yeast", "--limit", "20", "-o", str(tmp_path / "r")]) == 2
    err = capsys.readouterr().err
    assert "runs code of its own (modeling_own.py" in err
    assert "--trust-remote-code NAME@COMMIT" in err
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("word", [NAME, f"{NAME}@main", f"{NAME}@abc123", "@" + "0" * 40, "True"])
def test_trust_that_is_no_commit_is_refused(hub: HubServer, tmp_path: Path, word: str) -> None:
    with pytest.raises(RequestError, match="name one model at one commit"):
        find_model(NAME, how=Loading(trusted=(word,)))
    assert not (tmp_path / "ran").exists()


def test_trust_in_another_model_is_no_trust_in_this_one(hub: HubServer, tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="runs code of its own"):
        find_model(NAME, how=Loading(trusted=(trusted(hub, "org/other"),)))
    with pytest.raises(RequestError, match="runs only when it is named: --trust-remote-code org/own@"):
        find_model(NAME, how=Loading(adapter="remote-code"))
    with pytest.raises(RequestError, match="runs only when it is named"):
        find_model(NAME, {"adapter": "remote-code"})
    with pytest.raises(RequestError, match="trust_remote_code names nothing"):
        find_model("hf", {"pretrained": NAME, "trust_remote_code": "True"})
    with pytest.raises(RequestError, match="is not run"):
        find_model(str(hub.root / "models" / NAME), how=Loading(adapter="remote-code"))
    with pytest.raises(RequestError, match="hyenadna is a family, and adapter=remote-code another"):
        find_model("hyenadna", {"adapter": "remote-code", "folder": str(hub.root / "models" / NAME)})
    with pytest.raises(DnabenchError):
        find_model("remote-code")
    assert not (tmp_path / "ran").exists()


def test_a_named_model_runs_its_code_with_its_own_numbers(hub: HubServer, tmp_path: Path) -> None:
    model: Any = find_model(NAME, how=Loading(trusted=(trusted(hub),)))
    rows = ["ACGTTGCAAC" * 3, "TTGACA"]
    table = model.embed(rows)
    assert (tmp_path / "ran").exists()
    assert model.info.adapter == "remote-code"
    assert model.info.origin == f"hub:{trusted(hub)}"
    assert set(model.capabilities) == {"embed", "embed_bases", "module"}
    words = np.arange(VOCABULARY * 6).reshape(-1, 6) / 100 * 3
    for row, found in zip(rows, table, strict=True):
        ids = model.tokenizer.encode(row).ids
        np.testing.assert_allclose(found, words[ids[1:-1]].mean(0) + words[ids].sum(0), rtol=1e-4)


def test_the_commit_that_is_asked_for_is_the_one_that_is_trusted(hub: HubServer) -> None:
    with pytest.raises(RequestError, match="name the same commit in both"):
        find_model(f"{NAME}@main", how=Loading(trusted=(trusted(hub),)))


def test_code_that_takes_no_mask_never_sees_padding(hub: HubServer) -> None:
    folder = hub.root / "models" / NAME
    blind = CODE.replace("input_ids, attention_mask=None", "input_ids").replace("if attention_mask is None else x", "")
    blind = blind.replace(" * attention_mask[..., None]", "")
    (folder / "modeling_own.py").write_text(blind, encoding="utf-8")
    model: Any = find_model(NAME, how=Loading(trusted=(trusted(hub),)))
    rows = ["ACGTTGCAAC" * 3, "TTGACA"]
    np.testing.assert_allclose(model.embed(rows), np.concatenate([model.embed([row]) for row in rows]), rtol=1e-5)


def test_the_code_that_runs_is_that_of_the_named_commit_wherever_the_branch_has_moved_to(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = trusted(hub)
    first: Any = find_model(NAME, how=Loading(trusted=(named,)))
    before = first.embed(["ACGT"])
    (hub.root / "models" / NAME / "modeling_own.py").write_text(CODE.replace("3.0", "4.0"), encoding="utf-8")
    find_model(NAME, how=Loading(trusted=(trusted(hub),)))
    # The stand-in serves its newest commit only; the named one is in the cache, as where there is no network.
    again: Any = find_model(NAME, how=Loading(trusted=(named,), offline=True))
    assert again.info == first.info
    np.testing.assert_array_equal(again.embed(["ACGT"]), before)


def test_a_branch_that_is_named_like_the_trusted_commit_is_not_that_commit(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, moved = "0" * 40, hub.commit("models", NAME)
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: SimpleNamespace(sha=moved, siblings=[]))
    with pytest.raises(Unavailable, match=f"commit {named} was asked for, and the hub gave {moved}"):
        find_model(NAME, how=Loading(trusted=(f"{NAME}@{named}",)))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_code_of_a_third_repository_is_not_trusted(hub: HubServer, tmp_path: Path, file: str) -> None:
    path = hub.root / "models" / NAME / file
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings["auto_map"] = {"AutoModel": "other/repository--modeling_own.OwnModel"}
    path.write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(AdapterError, match="another repository"):
        find_model(NAME, how=Loading(trusted=(trusted(hub),)))
    assert not (tmp_path / "ran").exists()


def test_the_command_line_takes_the_name_and_the_commit(hub: HubServer, tmp_path: Path) -> None:
    words = ["run", "-m", NAME, "--trust-remote-code", trusted(hub), "-s", "yeast", "-t", "yeast/coding"]
    assert run_words([*words, "--limit", "24", "-o", str(tmp_path / "r")]) == 0


def test_a_named_model_brings_every_file_that_its_tokens_are_read_from(hub: HubServer, tmp_path: Path) -> None:
    folder = hub.root / "models" / NAME
    for name in ("vocab.json", "merges.txt", "special_tokens_map.json", "spiece.model", "weights.bin", "sub/data.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("{}", encoding="utf-8")
    got = fetch_checkpoint(NAME, hub.commit("models", NAME), code=True)
    here = {path.relative_to(got.folder).as_posix() for path in got.folder.rglob("*") if path.is_file()}
    assert here >= {"vocab.json", "merges.txt", "special_tokens_map.json", "spiece.model", "modeling_own.py"}
    assert not here & {"weights.bin", "sub/data.json"}


def test_what_is_fetched_is_what_is_read_and_what_an_identity_is_made_of() -> None:
    assert files.BESIDE_CODE == checkpoints.BESIDE_CODE
    assert [name for name in files.WEIGHTS if name in checkpoints.WEIGHTS] == list(checkpoints.WEIGHTS)
    assert set(files.TOKENIZER) <= set(checkpoints.TOKENIZER)


@pytest.mark.parametrize("file", ["modeling_own.py", "merges.txt", "special_tokens_map.json", "spiece.model"])
def test_code_and_what_it_reads_its_tokens_from_are_part_of_a_models_identity(hub: HubServer, file: str) -> None:
    read = hub.root / "models" / NAME / file
    read.write_text(CODE if file.endswith(".py") else '{"pad_token": "[PAD]"}', encoding="utf-8")
    first = find_model(NAME, how=Loading(trusted=(trusted(hub),))).info.options["config"]
    read.write_text(read.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert find_model(NAME, how=Loading(trusted=(trusted(hub),))).info.options["config"] != first
