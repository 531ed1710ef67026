"""Checkpoints from the hub, end to end through the command line: a stand-in for the hub on loopback serves them."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if find_spec("torch") is None or find_spec("transformers") is None or find_spec("tokenizers") is None:
    pytest.skip("needs torch and transformers: pip install 'dnabench[torch,hf]'", allow_module_level=True)

import numpy as np
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parent))
from hub_server import HubServer
from model_folders import write_model

from dnabench.adapters.byte_pairs import byte_pairs
from dnabench.adapters.families import cards
from dnabench.adapters.pretrained import Pretrained
from dnabench.harness.cli import run_words
from dnabench.harness.data.checkpoints import fetch_checkpoint, hub_cache
from dnabench.harness.data.hub import _ask
from dnabench.harness.errors import RequestError, Unavailable
from dnabench.harness.making import Loading
from dnabench.harness.registry import find_model

NAME = "org/hyenadna-tiny"
CONFORMANCE = os.environ.get("DNABENCH_CONFORMANCE")
ROWS = ["ACGTTGCAAC" * 4, "TTGACA"]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A hub with one small HyenaDNA, an empty cache, and nothing of this machine's own settings."""
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "DNABENCH_OFFLINE", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    write_model(tmp_path / "hub" / "models" / NAME, "hyenadna")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    _ask.cache_clear()
    with HubServer(tmp_path / "hub") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server
    _ask.cache_clear()


def commit(hub: HubServer, name: str = NAME) -> str:
    return hub.commit("models", name)


def run(*words: str, out: Path) -> int:
    return run_words(["run", *words, "-s", "yeast", "-t", "yeast/coding", "--limit", "24", "-o", str(out)])


def records(out: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(out.rglob("*.json"))]


def test_a_model_of_the_hub_runs_from_the_command_line(hub: HubServer, tmp_path: Path, capsys) -> None:
    assert run("-m", NAME, out=tmp_path / "r") == 0
    (record,) = records(tmp_path / "r")
    model = record["model"]
    assert model["name"] == NAME
    assert model["adapter"] == "hyenadna"
    assert model["origin"] == f"hub:{NAME}@{commit(hub)}"
    assert model["weights"] == Pretrained(str(hub.root / "models" / NAME)).info.weights
    assert model["parameters"] == Pretrained(str(hub.root / "models" / NAME)).info.parameters
    assert NAME in capsys.readouterr().out


def test_the_spelling_of_lm_eval_names_the_same_model(hub: HubServer, tmp_path: Path) -> None:
    words = ("--model", "hf", "--model_args", f"pretrained={NAME},revision={commit(hub)}")
    assert run(*words, out=tmp_path / "r") == 0
    assert records(tmp_path / "r")[0]["model"]["origin"] == f"hub:{NAME}@{commit(hub)}"
    assert find_model("hf", {"pretrained": NAME}).info == find_model(NAME).info
    assert run("--model", "hf", out=tmp_path / "s") == 2


def test_only_what_is_needed_is_downloaded_and_once(hub: HubServer) -> None:
    folder = hub.root / "models" / NAME
    (folder / "pytorch_model.bin").write_bytes(b"never asked for")
    (folder / "README.md").write_text("hello", encoding="utf-8")
    find_model(NAME)
    assert sorted(set(hub.downloads())) == ["config.json", "model.safetensors"]
    hub.requests.clear()
    find_model(NAME)
    assert hub.downloads() == []


def test_shards_are_downloaded_by_their_index(hub: HubServer) -> None:
    folder = hub.root / "models" / NAME
    weights = load_file(folder / "model.safetensors")
    expected = Pretrained(str(folder)).embed(ROWS)
    files = {name: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, name in enumerate(sorted(weights))}
    for file in set(files.values()):
        save_file({n: t for n, t in weights.items() if files[n] == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}), encoding="utf-8")
    (folder / "model.safetensors").unlink()
    np.testing.assert_array_equal(find_model(NAME).embed(ROWS), expected)  # type: ignore[attr-defined]
    next(hub_cache().rglob("snapshots/*/model-00002-of-00002.safetensors")).unlink()
    with pytest.raises(Unavailable, match="is here without model-00002-of-00002"):
        find_model(NAME, how=Loading(offline=True))


def test_an_index_that_names_a_file_elsewhere_is_refused(hub: HubServer) -> None:
    folder = hub.root / "models" / NAME
    elsewhere = "../../../../../elsewhere.safetensors"
    index = {"weight_map": dict.fromkeys(load_file(folder / "model.safetensors"), elsewhere)}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    (folder / "model.safetensors").rename(hub.root.parent / "elsewhere.safetensors")
    for offline in (False, True):
        with pytest.raises(Unavailable, match="a path is refused"):
            find_model(NAME, how=Loading(offline=offline))


def test_offline_takes_what_was_downloaded_and_says_where_it_is_not(
    hub: HubServer, tmp_path: Path, monkeypatch
) -> None:
    with pytest.raises(Unavailable, match="not on this machine and the hub may not be asked"):
        find_model(NAME, how=Loading(offline=True))
    assert hub.requests == []
    before = find_model(NAME).info
    assert find_model(NAME, how=Loading(offline=True)).info == before
    hub.requests.clear()
    for name in ("DNABENCH_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, "1")
        assert find_model(NAME).info == before
        monkeypatch.delenv(name)
    assert find_model(f"{NAME}@{commit(hub)}", how=Loading(offline=True)).info == before
    assert hub.requests == []
    assert run("-m", NAME, "--offline", out=tmp_path / "r") == 0


def test_fetch_brings_a_model_before_going_offline(hub: HubServer, capsys) -> None:
    assert run_words(["fetch", NAME]) == 0
    assert f"{NAME}: hub:{NAME}@{commit(hub)}" in capsys.readouterr().err
    assert find_model(NAME, how=Loading(offline=True)).info.name == NAME
    assert run_words(["fetch", "org/nothing"]) == 2


def test_without_network_what_was_downloaded_serves(hub: HubServer, monkeypatch) -> None:
    before = find_model(NAME).info
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert find_model(NAME).info == before
    with pytest.raises(Unavailable) as caught:
        find_model("org/other")
    mend = "fetch it where there is a network, or name a folder"
    assert re.fullmatch(rf"model org/other on the hub could not be reached( \(\w+\))?: {mend}", str(caught.value))


def test_a_moved_branch_is_another_model_and_a_commit_stays(hub: HubServer) -> None:
    first, pinned = find_model(NAME).info, commit(hub)
    write_model(hub.root / "models" / NAME, "hyenadna", seed=5)
    second = find_model(NAME).info
    assert first.weights != second.weights
    assert second.origin.endswith(commit(hub))
    assert find_model(f"{NAME}@{pinned}", how=Loading(offline=True)).info == first


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("org/nothing", "does not exist or is private"),
        (f"{NAME}@v9", "has no revision 'v9': its page lists them"),
        ("org/bare", "has no config.json"),
        ("org/empty", "has no weights that can be read"),
        ("org/closed", "ask for access on its page (https://huggingface.co/org/closed), then `hf auth login`"),
    ],
)
def test_what_cannot_be_had_is_one_sentence(hub: HubServer, tmp_path: Path, capsys, spec: str, said: str) -> None:
    for name in ("bare", "empty", "closed"):
        (hub.root / "models" / "org" / name).mkdir()
    (hub.root / "models" / "org" / "bare" / "README.md").touch()
    (hub.root / "models" / "org" / "empty" / "config.json").write_text("{}", encoding="utf-8")
    write_model(hub.root / "models" / "org" / "closed", "hyenadna")
    hub.gated.add("org/closed")
    assert run("-m", spec, out=tmp_path / "r") == 2
    err = capsys.readouterr().err.strip()
    assert said in err
    assert "\n" not in err


def test_a_random_twin_needs_no_weights_from_the_hub(hub: HubServer, tmp_path: Path) -> None:
    assert run("-m", NAME, "--init", "random", out=tmp_path / "r") == 0
    assert "model.safetensors" not in hub.downloads()
    model = records(tmp_path / "r")[0]["model"]
    assert (model["name"], model["weights"]) == (f"{NAME}-random", "random")


@pytest.mark.parametrize("option", ["folder", "name", "origin"])
@pytest.mark.parametrize("spec", [NAME, "hyenadna", ""])
def test_no_option_says_that_a_model_is_another_than_the_one_that_is_named(
    hub: HubServer, spec: str, option: str
) -> None:
    where = spec or str(hub.root / "models" / NAME)
    with pytest.raises(RequestError, match=f"{option} is no option, -m says it"):
        find_model(where, {option: "hub:org/other@main"}, how=Loading(init="random"))


def test_a_folder_is_named_by_its_path_and_the_family_by_adapter(hub: HubServer, tmp_path: Path, capsys) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(hub.root / "models" / NAME, folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"model_type": ""}), encoding="utf-8")
    assert run("-m", str(folder), out=tmp_path / "r") == 2
    assert "say --adapter" in capsys.readouterr().err
    assert run("-m", str(folder), "--adapter", "hyenadna", "--as", "tiny", out=tmp_path / "r") == 0
    assert records(tmp_path / "r")[0]["model"]["name"] == "tiny"
    assert run("-m", str(tmp_path), out=tmp_path / "s") == 2
    assert "has no config.json" in capsys.readouterr().err


def test_a_family_from_scratch_runs_by_its_name(tmp_path: Path, capsys) -> None:
    assert run("-m", "hyenadna", out=tmp_path / "r") == 2
    assert "name a checkpoint (LongSafari/hyenadna-tiny-1k-seqlen-hf" in capsys.readouterr().err
    assert run("-m", "hyenadna", "--init", "random", out=tmp_path / "r") == 0
    assert records(tmp_path / "r")[0]["model"]["options"]["size"] == "tiny-1k"


@pytest.mark.skipif(not CONFORMANCE, reason="DNABENCH_CONFORMANCE is not set")
def test_the_conformance_folders_load_from_the_hub(hub: HubServer) -> None:
    found = 0
    for file in sorted(Path(str(CONFORMANCE)).glob("*/weights.safetensors")):
        config = json.loads((file.parent / "config.json").read_text(encoding="utf-8"))
        if sum(card.serves(config) for card in cards().values()) != 1:
            continue  # a supervised network, which has no family
        folder = hub.root / "models" / "org" / file.parent.name
        folder.mkdir()
        shutil.copyfile(file, folder / "model.safetensors")
        shutil.copyfile(file.parent / "config.json", folder / "config.json")
        model: Any = find_model(f"org/{file.parent.name}")
        if model.card.tokenizer is byte_pairs:
            with pytest.raises(Unavailable, match=r"has no tokenizer\.json"):
                model.embed(ROWS)
        else:
            assert np.isfinite(model.embed(ROWS)).all(), file
        found += 1
    assert found


@pytest.mark.skipif(not CONFORMANCE, reason="DNABENCH_CONFORMANCE is not set")
def test_dnabert2_comes_as_the_hub_has_it_pickled_and_with_its_own_tokenizer(hub: HubServer, tmp_path: Path) -> None:
    import torch

    name, source = "zhihan/small-dnabert2", Path(str(CONFORMANCE)) / "dnabert2-tokenizer"
    if not source.is_dir():
        pytest.skip(f"{CONFORMANCE} has no {source.name}")
    folder = write_model(hub.root / "models" / name, "dnabert2")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {"vocab_size": 4096, "auto_map": {"AutoModel": f"{name}--bert_layers.BertModel"}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    shutil.copyfile(source / "tokenizer.json", folder / "tokenizer.json")
    (folder / "model.safetensors").unlink()
    torch.save(Pretrained(str(folder), init="random").network.port.state_dict(), folder / "pytorch_model.bin")
    assert run("-m", name, out=tmp_path / "r") == 0
    assert sorted(set(hub.downloads())) == ["config.json", "pytorch_model.bin", "tokenizer.json"]
    model: Any = find_model(name)
    cases = json.loads((source / "cases.json").read_text(encoding="utf-8"))["cases"]
    dna = [case for case in cases if case["sequence"] and set(case["sequence"]) <= set("ACGTN")]
    assert dna
    for case in dna:
        assert model.tokenizer.encode(case["sequence"]).ids.tolist() == case["input_ids"]
        assert model.embed_bases([case["sequence"]])[0].shape == (len(case["sequence"]), 16)


def test_fetching_a_model_twice_at_once_gives_the_same_files(hub: HubServer) -> None:
    code = (
        "import sys; from dnabench.harness.data.checkpoints import fetch_checkpoint as f; print(f(sys.argv[1]).folder)"
    )
    jobs = [subprocess.Popen([sys.executable, "-c", code, NAME], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = {job.communicate(timeout=60)[0] for job in jobs}
    assert [job.returncode for job in jobs] == [0, 0]
    assert said == {f"{fetch_checkpoint(NAME).folder}\n"}
