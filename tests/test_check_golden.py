"""`dnabench check --golden`: a checkpoint is proved by files, token ids and an embedding, or the fault is named."""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if find_spec("torch") is None or find_spec("transformers") is None or find_spec("tokenizers") is None:
    pytest.skip("needs torch and transformers: pip install 'dnabench[torch,hf]'", allow_module_level=True)

import torch

sys.path.insert(0, str(Path(__file__).parent))
from hub_server import HubServer
from model_folders import write_model

from dnabench.adapters.families import card_of
from dnabench.adapters.ports.registry import build
from dnabench.adapters.pretrained import Pretrained
from dnabench.harness.cli import run_words
from dnabench.harness.data.hub import _ask
from dnabench.harness.report.check.golden import FORMAT, golden_entries

SEQUENCE = "ACGTNACGTNACGTN"
KINDS = {
    "hyenadna": "mean over tokens of the final-norm output, no special tokens (add_special_tokens false)",
    "dnabert2": "mean of the last hidden state over all tokens, special tokens included",
    "dnabert-s": "[CLS] row of the last hidden state",
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "DNABENCH_OFFLINE", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    for kind in KINDS:
        write_model(tmp_path / "hub" / "models" / "org" / kind, kind)
    _ask.cache_clear()
    with HubServer(tmp_path / "hub") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def golden(hub: HubServer, kind: str, **changes: Any) -> Path:
    """A golden file of one entry, its embedding made by the bare port."""
    folder = hub.root / "models" / "org" / kind
    tokens = Pretrained(str(folder)).tokenizer.encode(SEQUENCE)
    ids = [int(i) for i, (a, b) in zip(tokens.ids, tokens.spans, strict=True) if a < b or kind != "hyenadna"]
    from safetensors.torch import load_file

    port = build(
        json.loads((folder / "config.json").read_text(encoding="utf-8")), load_file(folder / "model.safetensors")
    )
    with torch.no_grad():
        states = port(torch.tensor([ids])).last_hidden_state[0]
    sums = {
        file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in ("config.json", "model.safetensors")
    }
    entry = {
        "repo": f"org/{kind}",
        "revision": hub.commit("models", f"org/{kind}"),
        "files": {file: {"sha256": value} for file, value in sums.items()},
        "sequence": SEQUENCE,
        "input_ids": ids,
        "how": KINDS[kind],
        "embedding": (states[0] if kind == "dnabert-s" else states.mean(0)).tolist(),
    }
    file = hub.root / f"{kind}.json"
    file.write_text(json.dumps({"format": FORMAT, "entries": [entry | changes]}), encoding="utf-8")
    return file


def check(kind: str, file: Path) -> int:
    return run_words(["check", "--model", f"org/{kind}", "--golden", "--golden-file", str(file)])


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_checkpoint_that_is_what_it_was_is_proved(hub: HubServer, kind: str, capsys) -> None:
    assert check(kind, golden(hub, kind)) == 0
    out = capsys.readouterr().out
    assert "4 checked, no fault" in out
    assert "cosine 1.000000" in out


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"input_ids": [1, 2, 3]}, "expected [1, 2, 3]"),
        ({"embedding": [0.0] * 8}, "largest difference"),
        ({"embedding": [0.0] * 7}, "8 wide, expected 7"),
        ({"files": {"config.json": {"sha256": "0" * 64}}}, "expected 000000000000"),
        ({"how": "mean of the last hidden state over all tokens"}, "largest difference"),
    ],
)
def test_what_differs_is_a_fault(hub: HubServer, capsys, changes: dict[str, Any], said: str) -> None:
    assert check("hyenadna", golden(hub, "hyenadna", **changes)) == 1
    assert said in " ".join(capsys.readouterr().out.split())


def test_a_model_or_file_that_is_not_there_is_a_sentence(hub: HubServer, tmp_path: Path, capsys, monkeypatch) -> None:
    file = golden(hub, "hyenadna")
    assert check("dnabert2", file) == 2
    assert "no golden embedding of org/dnabert2; there are some of org/hyenadna" in capsys.readouterr().err
    monkeypatch.delenv("DNABENCH_CONFORMANCE", raising=False)
    assert run_words(["check", "--model", "org/hyenadna", "--golden"]) == 2
    assert "--golden-file FILE" in capsys.readouterr().err
    file.write_text("{}", encoding="utf-8")
    assert check("hyenadna", file) == 2
    assert "is no golden file" in capsys.readouterr().err
    assert run_words(["check", "--golden"]) == 2


@pytest.mark.skipif(not os.environ.get("DNABENCH_CONFORMANCE"), reason="DNABENCH_CONFORMANCE is not set")
def test_the_real_golden_file_is_read_and_its_families_have_cards() -> None:
    if not Path(os.environ["DNABENCH_CONFORMANCE"], "hub-golden").is_dir():
        pytest.skip("DNABENCH_CONFORMANCE has no hub-golden")
    entries = golden_entries()
    assert len(entries) >= 10
    known = 0
    for entry in entries:
        values = entry["config_values"]
        if values and "mutbert" not in entry["repo"].lower():
            code = {"auto_map": {"AutoModel": "bert_layers.BertModel"}} if "bert_layers.py" in entry["files"] else {}
            card = card_of(
                {**({"model_type": "esm"} if "nucleotide" in entry["repo"] else {}), **values, **code}, "here"
            )
            assert entry["repo"] in card.checkpoints, entry["repo"]
            tokens, _ = card.context(values)
            assert tokens is None or tokens >= 512
            known += 1
    assert known >= 10
