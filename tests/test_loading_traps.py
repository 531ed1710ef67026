"""Checkpoints that load without an error and mean something else: each trap is sprung here once."""

import json
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if find_spec("torch") is None or find_spec("transformers") is None or find_spec("tokenizers") is None:
    pytest.skip("needs torch and transformers: pip install 'dnabench[torch,hf]'", allow_module_level=True)

import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).parent))
from model_folders import CONFIGS, hub_tensors, write_model

from dnabench.adapters.families import card_named
from dnabench.adapters.ports.registry import build
from dnabench.adapters.pretrained import Pretrained
from dnabench.harness.errors import AdapterError

ROWS = ["ACGTTGCAACTTAGGCAT" * 2, "TTGACAGG", "GGCATTACGATACCA"]


def changed(folder: Path, **keys: Any) -> Pretrained:
    """The model of a folder whose config.json says something else; None takes a key away."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8")) | keys
    kept = {key: value for key, value in config.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept), encoding="utf-8")
    return Pretrained(str(folder))


@pytest.mark.parametrize("kind", ["dnabert2", "gena-lm", "grover"])
def test_a_pad_id_of_the_configuration_that_is_wrong_changes_nothing(kind: str, tmp_path: Path) -> None:
    expected = Pretrained(str(write_model(tmp_path, kind))).embed(ROWS)
    model = changed(tmp_path, pad_token_id=0)
    assert model.tokenizer.pad == 3
    np.testing.assert_array_equal(model.embed(ROWS), expected)
    np.testing.assert_allclose(model.embed(ROWS)[1], model.embed(ROWS[1:2])[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", ["dnabert2", "nucleotide-transformer", "caduceus", "hyenadna"])
def test_a_file_with_both_names_of_a_tied_tensor_loads_unless_they_differ(kind: str, tmp_path: Path) -> None:
    config = {**CONFIGS[kind], "tie_word_embeddings": True}
    torch.manual_seed(0)
    network = build(config)
    one, every = hub_tensors(network, kind), {n: t.clone() for n, t in network.state_dict().items()}
    tied = sorted(every.keys() - one.keys())
    assert tied
    folder = write_model(tmp_path, kind)
    found = []
    for tensors in (one, every):
        save_file(tensors, folder / "model.safetensors")
        found.append(changed(folder, tie_word_embeddings=True).embed(ROWS))
    np.testing.assert_array_equal(*found)
    save_file(every | {tied[0]: every[tied[0]] + 1}, folder / "model.safetensors")
    with pytest.raises(AdapterError, match="shares its tensor"):
        Pretrained(str(folder)).embed(ROWS)


def test_a_hyenadna_cannot_be_stretched_by_its_configuration(tmp_path: Path) -> None:
    write_model(tmp_path, "hyenadna")
    with pytest.raises(AdapterError, match=r"pos_emb"):
        changed(tmp_path, max_seq_len=130).embed(ROWS)


def test_a_pre_norm_bert_is_never_read_as_a_plain_one(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "gena-lm")
    with pytest.raises(AdapterError, match="say --adapter"):
        changed(folder, pre_layer_norm=None, last_layer_norm=None)
    with pytest.raises(AdapterError, match="pre_attention_ln"):
        Pretrained(str(folder), adapter="grover").embed(ROWS)


def test_dnabert2_is_never_read_as_a_plain_bert(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "dnabert2")
    with pytest.raises(AdapterError, match="say --adapter"):
        changed(folder, alibi_starting_size=None, model_type="bert")
    with pytest.raises(AdapterError, match="do not fit"):
        Pretrained(str(folder), adapter="dnabert").embed(ROWS)


def test_a_bert_with_code_of_its_own_is_never_read_as_a_plain_one(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "dnabert")
    with pytest.raises(AdapterError, match=r"code of its own \(modeling_mutbert\.py"):
        changed(folder, auto_map={"AutoModel": "modeling_mutbert.RoPEBertModel"})


def test_the_swap_of_the_strands_in_caduceus_ps_is_part_of_the_configuration(tmp_path: Path) -> None:
    expected = Pretrained(str(write_model(tmp_path, "caduceus-ps"))).embed(ROWS)
    assert expected.shape[1] == 2 * CONFIGS["caduceus-ps"]["d_model"]
    with pytest.raises(AdapterError, match="do not fit"):
        changed(tmp_path, fused_add_norm=False).embed(ROWS)


def test_the_order_of_the_complement_map_in_the_file_does_not_matter(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "caduceus-ps")
    expected = Pretrained(str(folder)).embed(ROWS)
    pairs = sorted(CONFIGS["caduceus-ps"]["complement_map"].items())
    np.testing.assert_array_equal(changed(folder, complement_map=dict(pairs[::-1])).embed(ROWS), expected)


def test_names_of_nucleotide_transformer_v1_beyond_its_rows_are_never_given(tmp_path: Path) -> None:
    model = Pretrained(str(write_model(tmp_path, "nucleotide-transformer")))
    assert len(model.tokenizer.vocabulary) == 4107
    assert model.config["vocab_size"] == 4105
    ids = [model.tokenizer.encode(row).ids.max() for row in (*ROWS, "NNN", "TTTTTT", "GGGGGGN")]
    assert max(ids) < 4105
    (tmp_path / "vocab.txt").write_text("\n".join(model.tokenizer.vocabulary), encoding="utf-8")
    np.testing.assert_array_equal(Pretrained(str(tmp_path)).embed(ROWS), model.embed(ROWS))


def test_one_n_moves_the_frame_of_6mers_and_every_base_keeps_its_token(tmp_path: Path) -> None:
    model = Pretrained(str(write_model(tmp_path, "nucleotide-transformer")))
    spans = model.tokenizer.encode("ACGTTGCAACTTANGGCATTACGATA").spans[1:]
    assert [end - start for start, end in spans] == [6, 6, 1, 1, 6, 6]
    assert len(model.embed_bases(["ACGTTGCAACTTANGGCATTACGATA"])[0]) == 26


def test_a_tokenizer_with_more_tokens_than_the_network_has_rows_is_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "dnabert2")
    small = tmp_path / "small"
    shutil.copytree(folder, small, ignore=lambda *_: ["small"])
    weights = load_file(small / "model.safetensors")
    cut = {n: (t[:20].clone() if t.shape[:1] == (80,) else t) for n, t in weights.items()}
    save_file(cut, small / "model.safetensors")
    with pytest.raises(AdapterError, match="no row for"):
        changed(small, vocab_size=20).embed(ROWS)


def test_specials_are_those_of_the_family_and_no_base_is_moved() -> None:
    for family, front, behind in (("hyenadna", 0, 1), ("caduceus", 0, 1), ("gpn", 0, 0), ("dnabert", 1, 1)):
        card = card_named(family)
        config = next(iter(card.sizes.values()))
        spans = card.tokenizer(config, None).encode("ACGTACGTAC").spans
        empty = [start == end for start, end in spans]
        assert sum(empty) == front + behind
        assert empty[0] == bool(front)
        assert spans[front].tolist()[0] == 0


def test_a_mixed_precision_file_is_computed_in_float32(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "caduceus")
    expected = Pretrained(str(folder)).embed(ROWS)
    weights = load_file(folder / "model.safetensors")
    save_file({n: t.bfloat16() for n, t in weights.items()}, folder / "model.safetensors")
    found = Pretrained(str(folder)).embed(ROWS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=0.1, rtol=0.1)


def test_a_checkpoint_of_another_size_than_the_published_one_is_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "hyenadna")
    name = "LongSafari/hyenadna-tiny-1k-seqlen-hf"
    with pytest.raises(AdapterError, match="and the model has 438,144"):
        Pretrained(str(folder), name=name, origin=f"hub:{name}@{'0' * 40}").embed(ROWS)


def test_plant_caduceus_names_its_letters_in_a_file(tmp_path: Path) -> None:
    card, config = card_named("caduceus"), {"vocab_size": 8}
    assert card.tokenizer(config, tmp_path).encode("ACGTN").ids.tolist() == [3, 4, 5, 6, 2]
    named = {"[PAD]": 0, "[UNK]": 1, "[MASK]": 2, "t": 3, "g": 4, "c": 5, "a": 6}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"vocab": named}}), encoding="utf-8")
    read = card.tokenizer(config, tmp_path)
    assert read.encode("ACGTN").ids.tolist() == [6, 5, 4, 3, 1]
    assert (read.pad, read.mask) == (0, 2)
