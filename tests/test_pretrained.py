"""Checkpoints as models: every family's card on a small folder of its own, loaded, proved and read."""

import io
import json
import pickle
import shutil
import sys
import tarfile
import warnings
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
from model_folders import CONFIGS, PAIRED, family, known_families, write_model

from dnabench.adapters.families import cards
from dnabench.adapters.ports.common import read_weights
from dnabench.adapters.pretrained import Pretrained
from dnabench.harness.errors import AdapterError, DnabenchError, RequestError, Unavailable
from dnabench.harness.making import check_adapter

pytestmark = pytest.mark.usefixtures("one_thread")

DRAW = np.random.default_rng(7)
ROWS = ["".join(DRAW.choice(list("ACGT"), n)) for n in (48, 31, 48, 60, 20, 7)]
each_kind = pytest.mark.parametrize("kind", list(CONFIGS))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {kind: write_model(root / kind, kind) for kind in CONFIGS}


def test_every_family_is_tried_here() -> None:
    assert known_families() == set(cards()) - {"remote-code"}


@each_kind
def test_a_folder_tells_its_family_by_its_own_keys(folders: dict[str, Path], kind: str) -> None:
    assert Pretrained(str(folders[kind])).card.name == family(kind)


@each_kind
def test_a_model_gives_the_same_for_a_row_alone_and_in_a_batch(folders: dict[str, Path], kind: str) -> None:
    model = check_adapter(Pretrained(str(folders[kind])), kind)
    table = model.embed(ROWS)  # type: ignore[attr-defined]
    assert table.shape == (len(ROWS), table.shape[1])
    assert np.isfinite(table).all()
    assert np.ptp(table, axis=0).max() > 0
    alone = np.concatenate([model.embed([row]) for row in ROWS])  # type: ignore[attr-defined]
    np.testing.assert_allclose(table, alone, atol=2e-5, rtol=1e-4)


@each_kind
def test_a_network_says_what_its_port_or_class_says(folders: dict[str, Path], kind: str) -> None:
    model = Pretrained(str(folders[kind]))
    tokens = model.tokenizer.encode(ROWS[0])
    with torch.inference_mode():
        states = model.network(torch.tensor(tokens.ids)[None], torch.ones(1, len(tokens.ids), dtype=torch.long))
    bases = tokens.spans[:, 1] > tokens.spans[:, 0]
    by_hand = states.last_hidden_state[0].numpy()[bases].mean(0)
    np.testing.assert_allclose(model.embed([ROWS[0]])[0], by_hand, atol=1e-5, rtol=1e-4)


@each_kind
def test_every_base_has_a_vector_and_lower_case_changes_nothing(folders: dict[str, Path], kind: str) -> None:
    model = Pretrained(str(folders[kind]))
    assert [len(rows) for rows in model.embed_bases(ROWS)] == [len(row) for row in ROWS]
    np.testing.assert_array_equal(model.embed(ROWS), model.embed([row.lower() for row in ROWS]))
    np.testing.assert_array_equal(model.embed(["ACGNTTGACA"]), model.embed(["ACGRTTGACA"]))


@each_kind
def test_likelihoods_sum_to_one_over_the_bases(folders: dict[str, Path], kind: str) -> None:
    model = Pretrained(str(folders[kind]), likelihood="one-pass")
    if "log_likelihood" not in model.capabilities:
        assert kind == "dnabert-s"
        return
    (found,) = model.base_log_probs([ROWS[1]])
    known = ~np.isnan(found).any(1)
    assert known.sum() >= len(ROWS[1]) - 12
    np.testing.assert_allclose(np.exp(found[known]).sum(1), 1, atol=1e-4)
    assert np.isfinite(model.log_likelihood(ROWS[:3])).all()


def test_a_mask_that_is_asked_for_in_a_call_goes_before_what_the_options_say(folders: dict[str, Path]) -> None:
    model, plain = (Pretrained(str(folders["caduceus"]), likelihood=how) for how in ("exact", "one-pass"))
    seen, hidden = (model.base_log_probs([ROWS[1]], mask=mask)[0] for mask in ("none", "one"))
    np.testing.assert_array_equal(seen, plain.base_log_probs([ROWS[1]])[0])
    np.testing.assert_array_equal(hidden, model.base_log_probs([ROWS[1]])[0])
    assert not np.allclose(seen, hidden)


@each_kind
def test_the_random_twin_is_the_same_network_without_its_weights(folders: dict[str, Path], kind: str) -> None:
    model, twin = Pretrained(str(folders[kind])), Pretrained(str(folders[kind]), init="random")
    assert twin.info.weights == "random"
    assert twin.info.parameters == model.info.parameters == sum(p.numel() for p in set(model.network.parameters()))
    assert twin.info.name.endswith("-random")
    assert twin.info.pretraining == ()
    np.testing.assert_array_equal(twin.embed(ROWS[:2]), Pretrained(str(folders[kind]), init="random").embed(ROWS[:2]))
    assert not np.allclose(twin.embed(ROWS[:2]), model.embed(ROWS[:2]))


@pytest.mark.parametrize(
    "option", ["strands=averaged", "layer=1", "long=windows", "long=crop-left", "max_bases=20", "dtype=bfloat16"]
)
def test_a_reading_that_fine_tuning_would_not_follow_is_refused(folders: dict[str, Path], option: str) -> None:
    name, _, value = option.partition("=")
    with pytest.raises(RequestError, match=f"leave out {option}$"):
        Pretrained(str(folders["nucleotide-transformer"]), **{name: value}).recipe  # noqa: B018


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_fine_tuning_reads_rows_as_the_probe_does_whatever_their_case_and_pooling(
    folders: dict[str, Path], pooling: str
) -> None:
    model = Pretrained(str(folders["nucleotide-transformer"]), pooling=pooling)
    module: Any = model.module(2, 60).eval()
    expected = module.head(torch.as_tensor(model.embed(ROWS))).detach().numpy()
    for rows in (ROWS, [row.lower() for row in ROWS]):
        found = module(**model.collate(rows)).detach().numpy()
        np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-4)


def test_a_random_twin_starts_every_seed_from_another_network_and_a_checkpoint_from_its_own(
    folders: dict[str, Path],
) -> None:
    def body(init: str, seed: int) -> np.ndarray:
        torch.manual_seed(seed)
        module: Any = Pretrained(str(folders["hyenadna"]), init=init).module(2, 60)
        return torch.cat([p.flatten() for p in module.network.parameters()]).detach().numpy()

    assert (body("random", 1) == body("random", 1)).all()
    assert (body("random", 1) != body("random", 2)).any()
    assert (body("pretrained", 1) == body("pretrained", 2)).all()


def test_a_checkpoint_reads_as_many_bases_as_it_was_trained_on_where_its_config_does_not_say(
    folders: dict[str, Path],
) -> None:
    name = "kuleshov-group/caduceus-ps_seqlen-131k_d_model-256_n_layer-16"
    model = Pretrained(str(folders["caduceus"]), origin=f"hub:{name}@{'0' * 40}", init="random")
    assert (model.info.context_bases, model.reader.context_bases) == (131_072, 131_072)
    assert Pretrained(str(folders["caduceus"])).info.context_bases is None


@each_kind
def test_a_module_is_a_fresh_copy_whose_targets_exist(folders: dict[str, Path], kind: str) -> None:
    model = Pretrained(str(folders[kind]))
    before = model.embed(ROWS[:2])
    module: Any = model.module(3, 60)
    raw = module(**model.collate(ROWS))
    assert raw.shape == (len(ROWS), 3)
    raw.sum().backward()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    np.testing.assert_array_equal(model.embed(ROWS[:2]), before)


@pytest.mark.skipif(find_spec("peft") is None, reason="needs peft: pip install 'dnabench[finetune]'")
@each_kind
def test_lora_and_ia3_find_their_layers_and_learn(folders: dict[str, Path], kind: str) -> None:
    import peft

    model = Pretrained(str(folders[kind]))
    for name in ("lora", "ia3"):
        module: Any = model.module(2, 60)
        targets = list(getattr(module, f"{name}_targets"))
        assert targets
        settings = peft.LoraConfig(r=2, target_modules=targets)
        if name == "ia3":
            settings = peft.IA3Config(target_modules=targets, feedforward_modules=list(module.ia3_feedforward))
        peft.inject_adapter_in_model(settings, module.network)
        module(**model.collate(ROWS)).sum().backward()
        added = [p for n, p in module.named_parameters() if name in n]
        assert added
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in added)


@each_kind
def test_a_missing_an_unknown_or_a_misshapen_tensor_is_named(
    folders: dict[str, Path], kind: str, tmp_path: Path
) -> None:
    weights = load_file(folders[kind] / "model.safetensors")
    name = next(n for n in sorted(weights) if weights[n].ndim == 2 and "embed" not in n and "positions" not in n)
    for change in ({}, {**weights, "strange.weight": torch.ones(1)}, {**weights, name: weights[name][:, :-1]}):
        tensors = change or {n: t for n, t in weights.items() if n != name}
        folder = tmp_path / f"m{len(list(tmp_path.iterdir()))}"
        shutil.copytree(folders[kind], folder)
        save_file({n: t.contiguous() for n, t in tensors.items()}, folder / "model.safetensors")
        with pytest.raises(AdapterError, match="do not fit"):
            Pretrained(str(folder)).embed(ROWS[:1])


def test_weights_are_part_of_the_identity_and_so_are_settings(folders: dict[str, Path], tmp_path: Path) -> None:
    first = Pretrained(str(folders["hyenadna"])).info
    other = Pretrained(str(write_model(tmp_path / "other", "hyenadna", seed=1))).info
    assert first.weights != other.weights
    assert first.options == other.options
    config = {**CONFIGS["hyenadna"], "activation_freq": 3}
    (tmp_path / "other" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert Pretrained(str(tmp_path / "other")).info.options["config"] != first.options["config"]
    (tmp_path / "other" / "vocab.txt").write_text("A\n", encoding="utf-8")
    before = Pretrained(str(tmp_path / "other")).info
    (tmp_path / "other" / "vocab.txt").write_text("C\n", encoding="utf-8")
    assert Pretrained(str(tmp_path / "other")).info.options["config"] != before.options["config"]
    write_model(tmp_path / "other", "hyenadna", seed=2)
    assert Pretrained(str(tmp_path / "other")).info.weights != before.weights
    fast = Pretrained(str(folders["hyenadna"]), tokens_per_batch="100", device="cpu").info
    assert fast == first


def test_shards_and_pickles_are_read_and_safetensors_are_preferred(folders: dict[str, Path], tmp_path: Path) -> None:
    source = folders["hyenadna"]
    weights, expected = load_file(source / "model.safetensors"), Pretrained(str(source)).embed(ROWS)
    names = sorted(weights)
    sharded, pickled = tmp_path / "sharded", tmp_path / "pickled"
    for folder in (sharded, pickled):
        folder.mkdir()
        shutil.copy(source / "config.json", folder)
    files = {name: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, name in enumerate(names)}
    for file in set(files.values()):
        save_file({n: weights[n] for n in names if files[n] == file}, sharded / file)
    (sharded / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}), encoding="utf-8")
    np.testing.assert_array_equal(Pretrained(str(sharded)).embed(ROWS), expected)
    before, last = Pretrained(str(sharded)).info.weights, sharded / max(files.values())
    save_file({n: tensor + 1 for n, tensor in load_file(last).items()}, last)
    assert Pretrained(str(sharded)).info.weights != before
    torch.save(weights, pickled / "pytorch_model.bin")
    np.testing.assert_array_equal(Pretrained(str(pickled)).embed(ROWS), expected)
    shutil.copy(source / "model.safetensors", pickled)
    (pickled / "pytorch_model.bin").write_bytes(b"never read")
    assert Pretrained(str(pickled)).info.weights == Pretrained(str(source)).info.weights
    (sharded / files[names[0]]).unlink()
    with pytest.raises(Unavailable, match="lacks model-00001-of-00002"):
        _ = Pretrained(str(sharded)).info


class Bomb:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("exploded"),))


def test_a_pickle_that_wants_to_run_something_is_refused(folders: dict[str, Path], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "bomb"
    folder.mkdir()
    shutil.copy(folders["hyenadna"] / "config.json", folder)
    torch.save({"w": Bomb()}, folder / "pytorch_model.bin")
    asked = r"pytorch_model\.bin cannot be read as weights: it asks for \S+, and nothing that a pickle"
    with pytest.raises(AdapterError, match=asked):
        Pretrained(str(folder)).embed(ROWS[:1])
    assert not Path("exploded").exists()


@pytest.mark.parametrize("kind", ["pickle", "tar", "script", "pointer", "empty", "cut", "cut zip"])
@pytest.mark.filterwarnings("error")
def test_why_a_file_is_no_weights_is_our_sentence_and_never_advice_to_run_it(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "pytorch_model.bin"
    whole = io.BytesIO()
    torch.save({"w": torch.ones(2000)}, whole)
    if kind == "script":
        with warnings.catch_warnings(action="ignore"):
            torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), file)
    elif kind == "tar":
        (tmp_path / "one").write_bytes(b"1")
        with tarfile.open(file, "w") as archive:
            archive.add(tmp_path / "one", "one")
    else:
        pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
        made = {"pickle": pickle.dumps({"w": Bomb()}), "pointer": pointer, "cut zip": whole.getvalue()[:2000]}
        file.write_bytes(made.get(kind, pickle.dumps([1.5])[:9] if kind == "cut" else b""))
    with pytest.raises(AdapterError, match=r"^pytorch_model\.bin cannot be read as weights: it is ") as refusal:
        read_weights([file])
    said = str(refusal.value)
    assert said.endswith((": fetch it again", ": use a copy that has model.safetensors"))
    assert "weights_only" not in said
    assert len(said) < 160


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ("{}", "no index of weights"),
        ('{"weight_map": {"a": "../../etc/passwd"}}', "outside of its folder"),
        ("[", "no index of weights"),
    ],
)
def test_an_index_that_is_none_or_points_elsewhere_is_refused(tmp_path: Path, index: str, said: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIGS["hyenadna"]), encoding="utf-8")
    (tmp_path / "model.safetensors.index.json").write_text(index, encoding="utf-8")
    with pytest.raises(AdapterError, match=said):
        _ = Pretrained(str(tmp_path)).weights


def test_dead_weights_are_noticed(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "dead"
    shutil.copytree(folders["convnova"], folder)
    weights = load_file(folder / "model.safetensors")
    save_file({n: torch.full_like(t, float("nan")) for n, t in weights.items()}, folder / "model.safetensors")
    with pytest.raises(AdapterError, match="NaN or infinity for a short sequence"):
        Pretrained(str(folder)).embed(ROWS[:1])
    save_file({n: torch.zeros_like(t) for n, t in weights.items()}, folder / "model.safetensors")
    with pytest.raises(AdapterError, match="the same of every token"):
        Pretrained(str(folder)).embed(ROWS[:1])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"pooling": "sum"}, "pooling is 'sum'"),
        ({"init": "maybe"}, "init is not pretrained or random"),
        ({"poling": "cls"}, "Did you mean 'pooling'"),
        ({"size": "tiny-1k"}, "size belongs to a family without a folder"),
        ({"adapter": "hyena"}, "Did you mean 'hyenadna'"),
    ],
)
def test_wrong_options_are_one_sentence(folders: dict[str, Path], given: dict[str, str], said: str) -> None:
    with pytest.raises(RequestError) as caught:
        Pretrained(str(folders["hyenadna"]), **given)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ('{"model_type": "t5"}', "no family here knows its config.json"),
        ('{"model_type": "bert", "vocab_size": 30522}', "say --adapter"),
        ('{"model_type": "x", "auto_map": {"AutoModel": "modeling_x.X"}}', "runs code of its own (modeling_x.py"),
        ("[1]", "no table of settings"),
        ("{", "is no JSON"),
    ],
)
def test_a_configuration_that_does_not_tell_says_what_to_type(tmp_path: Path, config: str, said: str) -> None:
    (tmp_path / "config.json").write_text(config, encoding="utf-8")
    with pytest.raises(DnabenchError) as caught:
        Pretrained(str(tmp_path))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_family_may_be_named_where_the_configuration_is_silent(folders: dict[str, Path], tmp_path: Path) -> None:
    for kind in ("grover", "hyenadna", "dnabert2", "generator"):
        folder = tmp_path / kind
        shutil.copytree(folders[kind], folder)
        keys = {k: v for k, v in CONFIGS[kind].items() if k not in ("model_type", "alibi_starting_size")}
        (folder / "config.json").write_text(json.dumps(keys), encoding="utf-8")
        with pytest.raises(AdapterError, match="--adapter"):
            Pretrained(str(folder))
        named = Pretrained(str(folder), adapter=family(kind))
        np.testing.assert_array_equal(named.embed(ROWS[:2]), Pretrained(str(folders[kind])).embed(ROWS[:2]))


def test_byte_pairs_need_their_file(folders: dict[str, Path], tmp_path: Path) -> None:
    for kind in PAIRED:
        folder = tmp_path / kind
        shutil.copytree(folders[kind], folder)
        (folder / "tokenizer.json").unlink()
        with pytest.raises(Unavailable, match=r"has no tokenizer\.json"):
            Pretrained(str(folder)).embed(ROWS[:1])
