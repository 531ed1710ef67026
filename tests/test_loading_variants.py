"""The same model in other clothes: pickled, in shards, in 16 bits, wrapped, with keys more or fewer, says the same."""

import json
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
from model_folders import CONFIGS, PAIRED, STOCK, hub_tensors, write_model
from test_port_properties import BERT, ESM, GENA, HYENADNA, STRANDED, lively

from dnabench.adapters.ports.registry import build
from dnabench.adapters.pretrained import Pretrained
from dnabench.adapters.tokenizers import DNABERT_SPECIALS, BytePairs, kmers, nt_vocabulary
from dnabench.harness.errors import AdapterError

KINDS = pytest.mark.parametrize("kind", list(CONFIGS))
OURS = pytest.mark.parametrize("kind", [kind for kind in CONFIGS if kind not in STOCK])
ROWS = ["ACGTTGCAACTTAGGCATTT", "TTGACAGGA", "GGCATTACGATACCANACGT"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("variants")
    return {kind: write_model(root / kind, kind) for kind in CONFIGS}


def dressed(folder: Path, into: Path, config: dict[str, Any] | None = None) -> Path:
    """A copy of a folder without weights, perhaps with another configuration."""
    into.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        if file.suffix == ".json":
            (into / file.name).write_bytes(file.read_bytes())
    if config is not None:
        (into / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return into


@KINDS
def test_a_pickle_and_shards_say_what_one_file_says(kind: str, folders: dict[str, Path], tmp_path: Path) -> None:
    weights = load_file(folders[kind] / "model.safetensors")
    expected = Pretrained(str(folders[kind])).embed(ROWS)
    pickled = dressed(folders[kind], tmp_path / "pickled")
    torch.save(weights, pickled / "pytorch_model.bin")
    np.testing.assert_array_equal(Pretrained(str(pickled)).embed(ROWS), expected)
    shards = dressed(folders[kind], tmp_path / "shards")
    parts = [dict(list(weights.items())[::2]), dict(list(weights.items())[1::2])]
    names = [f"model-0000{i + 1}-of-00002.safetensors" for i in range(2)]
    for part, name in zip(parts, names, strict=True):
        save_file(part, shards / name)
    table = {key: name for part, name in zip(parts, names, strict=True) for key in part}
    (shards / "model.safetensors.index.json").write_text(json.dumps({"weight_map": table}), encoding="utf-8")
    np.testing.assert_array_equal(Pretrained(str(shards)).embed(ROWS), expected)


@OURS
def test_a_pickle_with_every_name_of_a_shared_tensor_loads(kind: str, folders: dict[str, Path], tmp_path: Path) -> None:
    model = Pretrained(str(folders[kind]))
    folder = dressed(folders[kind], tmp_path)
    torch.save(dict(model.network.port.state_dict()), folder / "pytorch_model.bin")
    np.testing.assert_array_equal(Pretrained(str(folder)).embed(ROWS), model.embed(ROWS))


@KINDS
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_weights_of_another_width_are_read_in_float32(
    kind: str, dtype: Any, folders: dict[str, Path], tmp_path: Path
) -> None:
    weights = load_file(folders[kind] / "model.safetensors")
    stored = {name: t.to(dtype) if t.is_floating_point() else t for name, t in weights.items()}
    plain = {name: t.float() if t.is_floating_point() else t for name, t in stored.items()}
    found = []
    for name, tensors in (("stored", stored), ("plain", plain)):
        folder = dressed(folders[kind], tmp_path / name)
        save_file(tensors, folder / "model.safetensors")
        found.append(Pretrained(str(folder)).embed(ROWS))
    np.testing.assert_array_equal(*found)


@OURS
@pytest.mark.parametrize("front", ["module.", "_orig_mod.", "model.", "module.model."])
def test_what_a_wrapper_writes_in_front_of_names_is_taken_off(
    kind: str, front: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    weights = load_file(folders[kind] / "model.safetensors")
    folder = dressed(folders[kind], tmp_path)
    torch.save({"state_dict": {front + name: tensor for name, tensor in weights.items()}}, folder / "pytorch_model.bin")
    np.testing.assert_array_equal(Pretrained(str(folder)).embed(ROWS), Pretrained(str(folders[kind])).embed(ROWS))


@pytest.mark.parametrize("kind", STOCK)
def test_wrappers_of_transformers_own_classes_are_taken_off_as_well(
    kind: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    weights = load_file(folders[kind] / "model.safetensors")
    folder = dressed(folders[kind], tmp_path)
    save_file({f"module._orig_mod.{name}": t for name, t in weights.items()}, folder / "model.safetensors")
    np.testing.assert_array_equal(Pretrained(str(folder)).embed(ROWS), Pretrained(str(folders[kind])).embed(ROWS))


def test_the_authors_own_names_of_hyenadna_are_understood(folders: dict[str, Path], tmp_path: Path) -> None:
    weights = load_file(folders["hyenadna"] / "model.safetensors")
    folder = dressed(folders["hyenadna"], tmp_path)
    torch.save({f"model.{n.removeprefix('hyena.')}": t for n, t in weights.items()}, folder / "pytorch_model.bin")
    np.testing.assert_array_equal(Pretrained(str(folder)).embed(ROWS), Pretrained(str(folders["hyenadna"])).embed(ROWS))


@pytest.mark.parametrize(
    ("kind", "body"), [("dnabert", "bert."), ("nucleotide-transformer", "esm."), ("gpn", "model.")]
)
def test_a_file_of_a_bare_network_is_refused_by_the_head_that_it_lacks(
    kind: str, body: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    weights = load_file(folders[kind] / "model.safetensors")
    folder = dressed(folders[kind], tmp_path)
    save_file({n.removeprefix(body): t for n, t in weights.items() if n.startswith(body)}, folder / "model.safetensors")
    with pytest.raises(AdapterError) as refusal:
        Pretrained(str(folder)).embed(ROWS)
    assert "head" in str(refusal.value) or "cls." in str(refusal.value)
    assert body not in str(refusal.value)
    assert "(missing)" in str(refusal.value)
    assert "(unknown)" not in str(refusal.value)


def test_caduceus_whose_head_is_its_embedding_loads_without_prefix_and_without_maps(tmp_path: Path) -> None:
    source = write_model(tmp_path / "full", "caduceus-ps")
    weights = load_file(source / "model.safetensors")
    folder = dressed(source, tmp_path / "bare")
    bare = {name.removeprefix("caduceus."): t for name, t in weights.items() if not name.endswith("complement_map")}
    save_file(bare, folder / "model.safetensors")
    np.testing.assert_array_equal(Pretrained(str(folder)).embed(ROWS), Pretrained(str(source)).embed(ROWS))


def test_two_names_of_one_tensor_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    weights = load_file(folders["gpn"] / "model.safetensors")
    folder = dressed(folders["gpn"], tmp_path)
    save_file(weights | {"module.cls.decoder.weight": weights["cls.decoder.weight"] + 1}, folder / "model.safetensors")
    with pytest.raises(AdapterError, match=r"are both cls\.decoder\.weight"):
        Pretrained(str(folder)).embed(ROWS)


@KINDS
def test_keys_that_no_family_knows_change_nothing(kind: str, folders: dict[str, Path], tmp_path: Path) -> None:
    strange = {
        "torch_dtype": "float16",
        "use_cache": True,
        "is_decoder": False,
        "problem_type": None,
        "my_own_key": [1],
    }
    folder = dressed(folders[kind], tmp_path, {**CONFIGS[kind], **strange})
    (folder / "model.safetensors").write_bytes((folders[kind] / "model.safetensors").read_bytes())
    (folder / "README.md").write_text("read me", encoding="utf-8")
    np.testing.assert_array_equal(Pretrained(str(folder)).embed(ROWS), Pretrained(str(folders[kind])).embed(ROWS))


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({**BERT, "model_type": "bert", "is_decoder": True}, "is_decoder is True: .* attention to earlier tokens"),
        ({**BERT, "model_type": "bert", "pruned_heads": {"0": [1]}}, "pruned_heads"),
        ({**BERT, "model_type": "bert", "rope_theta": 10_000.0}, "rotary positions"),
        ({**STRANDED, "ssm_cfg": {"layer": "Mamba2"}}, "'layer': 'Mamba2'"),
        ({**STRANDED, "ssm_cfg": {"headdim": 64, "use_fast_path": True}}, "ssm_cfg has .'headdim': 64"),
        ({**GENA, "is_decoder": True}, "is_decoder"),
        ({**ESM, "is_folding_model": True}, "is_folding_model"),
        ({**ESM, "num_attention_heads": 3}, "hidden_size 16 is no multiple of num_attention_heads 3"),
        ({**BERT, "model_type": "bert", "num_attention_heads": 5}, "no multiple"),
        ({**BERT, "alibi_starting_size": 4, "num_attention_heads": 5}, "no multiple"),
        ({**HYENADNA, "short_filter_order": 7}, "short_filter_order is 7"),
        ({"model_type": "convnova", "hidden_dim": 8, "alphabet_size": 4}, "alphabet_size is 4"),
        ({"model_type": "convnova", "hidden_dim": 8, "pretrain": True, "d_output": 2}, "two heads"),
        ({"model_type": "bend-cnn", "output_size": [2, 3]}, r"output_size is \[2, 3\]"),
        ({**ESM, "pad_token_id": "x"}, "pad_token_id is 'x', and the network's is of the kind int"),
        ({**BERT, "model_type": "bert", "hidden_act": ["gelu"]}, "hidden_act is"),
        ({"model_type": "gb-cnn", "input_len": 99}, "has no number_of_classes, vocab_size"),
    ],
)
def test_a_key_that_a_port_does_not_serve_is_refused_by_name(config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(AdapterError, match=complaint):
        build(config)


def test_an_equivariant_caduceus_ties_its_head_whatever_the_configuration_says() -> None:
    tied, said = lively(STRANDED), {**STRANDED, "tie_word_embeddings": False}
    weights = hub_tensors(tied, "caduceus-ps")
    assert not any(name.startswith("lm_head.lm_head") for name in weights)
    ids = torch.randint(7, 11, (2, 12))
    assert torch.equal(build(said, weights)(ids).logits, tied(ids).logits)


def test_null_is_not_absent_for_the_last_norm_of_gena_lm() -> None:
    assert build(GENA).bert["encoder"].normed
    assert not build({**GENA, "last_layer_norm": None}).bert["encoder"].normed


def test_gena_lm_has_rotary_positions_before_and_behind_its_norms() -> None:
    network = lively({**GENA, "pre_layer_norm": False, "position_embedding_type": "rotary"})
    ids = torch.randint(5, 30, (1, 9))
    with torch.inference_mode():
        there, back = network(ids).last_hidden_state, network(ids.flip(1)).last_hidden_state.flip(1)
    assert not torch.allclose(there, back, atol=1e-4), "order of the tokens makes no difference"
    assert not any("position_embeddings" in name for name in network.state_dict())


@pytest.mark.parametrize(("keys", "base", "turned"), [({}, 1e4, 8), ({"rotary_base": 50, "rotary_dim": 4}, 50.0, 4)])
def test_gena_lm_turns_as_many_channels_as_its_configuration_says_and_as_slowly(
    keys: dict[str, Any], base: float, turned: int
) -> None:
    network = lively({**GENA, "hidden_size": 16, "num_attention_heads": 2, "position_embedding_type": "rotary", **keys})
    x = torch.randn(1, 2, 7, 8)
    found = network.bert["encoder"].layer[0].attention["self"].turn(x)
    pairs = torch.complex(x[..., : turned // 2].double(), x[..., turned // 2 : turned].double())
    angles = torch.arange(7)[:, None] * base ** (-torch.arange(turned // 2, dtype=torch.float64) * 2 / turned)
    expected = pairs * torch.polar(torch.ones_like(angles), angles)
    torch.testing.assert_close(found[..., : turned // 2].double(), expected.real, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found[..., turned // 2 : turned].double(), expected.imag, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found[..., turned:], x[..., turned:])


def test_padding_takes_no_position_of_nucleotide_transformer_v1() -> None:
    network = lively({**ESM, "max_position_embeddings": 14})
    ids, mask = torch.randint(5, 30, (1, 12)), torch.ones(1, 12, dtype=torch.long)
    wide, seen = torch.nn.functional.pad(ids, (0, 6), value=1), torch.nn.functional.pad(mask, (0, 6))
    with torch.inference_mode():
        expected, found = network(ids, mask).last_hidden_state, network(wide, seen).last_hidden_state[:, :12]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("hyenadna", {"max_seq_len": 12}),
        ("dnabert", {"max_position_embeddings": 9}),
        ("nucleotide-transformer", {"max_position_embeddings": 7}),
        ("gena-lm", {"max_position_embeddings": 6}),
    ],
)
def test_a_model_of_a_short_context_is_proved_on_what_it_can_read(
    kind: str, keys: dict[str, int], tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "one", kind)
    config = {**CONFIGS[kind], **keys}
    other = dressed(folder, tmp_path / "other", config)
    save_file(hub_tensors(lively(config), kind), other / "model.safetensors")
    assert np.isfinite(Pretrained(str(other)).embed(["ACGTA"])).all()


def test_full_attention_of_bigbird_is_full_at_every_length(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = dressed(folders["bigbird"], tmp_path, {**CONFIGS["bigbird"], "attention_type": "original_full"})
    (folder / "model.safetensors").write_bytes((folders["bigbird"] / "model.safetensors").read_bytes())
    network: Any = Pretrained(str(folder)).network
    ids = torch.randint(5, 80, (1, 100))
    with torch.inference_mode():
        found = network(ids).logits
        network.port.model.bert.set_attention_type("original_full")
        expected = network.port.model(input_ids=ids).logits
        sparse = Pretrained(str(folders["bigbird"])).network(ids).logits
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(found, sparse, atol=1e-3)
    with pytest.raises(AdapterError, match="padded on the right only"):
        network(ids, torch.tensor([[0] * 3 + [1] * 97]))


@pytest.mark.parametrize("kind", PAIRED)
def test_a_tokenizer_that_was_saved_while_it_cut_rows_cuts_none(
    kind: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    saved = json.loads((folders[kind] / "tokenizer.json").read_text(encoding="utf-8"))
    saved["truncation"] = {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0}
    saved["padding"] = {
        "strategy": {"Fixed": 64},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 3,
        "pad_type_id": 0,
        "pad_token": "[PAD]",
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(saved), encoding="utf-8")
    for row in ROWS:
        found, expected = BytePairs(tmp_path / "tokenizer.json"), BytePairs(folders[kind] / "tokenizer.json")
        assert found.encode(row).ids.tolist() == expected.encode(row).ids.tolist()


def test_a_vocab_txt_of_dnabert_says_which_id_a_kmer_has(folders: dict[str, Path], tmp_path: Path) -> None:
    weights = load_file(folders["dnabert"] / "model.safetensors")
    folder = dressed(folders["dnabert"], tmp_path)
    names, draw = [*DNABERT_SPECIALS, *kmers(3)], np.random.default_rng(0).permutation(69)
    (folder / "vocab.txt").write_text("\r\n".join(names[i] for i in draw) + "\r\n", encoding="utf-8", newline="")
    moved = {n: t[torch.from_numpy(draw)] if len(t) == len(names) else t for n, t in weights.items()}
    save_file(moved, folder / "model.safetensors")
    found, expected = Pretrained(str(folder)), Pretrained(str(folders["dnabert"]))
    np.testing.assert_allclose(found.embed(ROWS), expected.embed(ROWS), atol=1e-6)
    np.testing.assert_allclose(found.log_likelihood(ROWS), expected.log_likelihood(ROWS), atol=1e-3)
    (folder / "vocab.txt").write_text("\n".join(names[:-1]), encoding="utf-8")
    with pytest.raises(AdapterError, match="lacks GGG"):
        Pretrained(str(folder)).embed(ROWS)


def test_rows_of_padding_behind_a_vocab_txt_and_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    config = {**CONFIGS["nucleotide-transformer-v2"], "vocab_size": 80}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    names = nt_vocabulary("v2", 3)
    (tmp_path / "vocab.txt").write_text("\r\n".join(names), encoding="utf-8", newline="")
    model = Pretrained(str(tmp_path), init="random")
    assert model.tokenizer.vocabulary == names
    assert (model.info.context_tokens, model.info.context_bases) == (64, None)
    assert np.isfinite(model.embed(ROWS)).all()


@pytest.mark.parametrize("kind", STOCK)
def test_what_a_configuration_says_of_reporting_changes_nothing(
    kind: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = dressed(folders[kind], tmp_path, {**CONFIGS[kind], "return_dict": False, "output_attentions": True})
    (folder / "model.safetensors").write_bytes((folders[kind] / "model.safetensors").read_bytes())
    np.testing.assert_array_equal(Pretrained(str(folder)).embed(ROWS), Pretrained(str(folders[kind])).embed(ROWS))


def test_features_beside_the_bases_of_gpn_are_letters_or_numbers_as_null_says() -> None:
    config = {"model_type": "GPN", "hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 24}
    config |= {"n_aux_features": 3, "aux_features_vocab_size": None}
    network: Any = lively(config)
    ids, features = torch.randint(3, 7, (2, 9)), torch.rand(2, 9, 3)
    assert network.config.aux_features_vocab_size == 0
    with torch.no_grad():
        states = network(ids, aux=features, all_layers=True).hidden_states
    torch.testing.assert_close(states[0][..., 7:10], features)


def test_a_gpn_that_reads_an_alignment_is_refused(tmp_path: Path) -> None:
    config = {**CONFIGS["gpn"], "n_aux_features": 5}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(AdapterError, match="n_aux_features is 5"):
        Pretrained(str(tmp_path), init="random").embed(ROWS)


def test_rotary_positions_of_esm_turn_as_slowly_as_the_configuration_says() -> None:
    ids = torch.tensor([[3, 5, 6, 7, 8, 9, 10]])
    fast, slow = (lively({**ESM, "position_embedding_type": "rotary", "rope_theta": base}) for base in (1e2, 1e4))
    slow.load_state_dict(fast.state_dict())
    same: Any = lively({**ESM, "position_embedding_type": "rotary"})
    same.load_state_dict(fast.state_dict())
    with torch.no_grad():
        states = [one(ids).last_hidden_state for one in (fast, slow, same)]
    torch.testing.assert_close(states[1], states[2])
    assert (states[0] - states[1]).abs().max() > 1e-4
