"""Families by transformers' own classes: loaded by us they say what transformers says, whatever was read before."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if find_spec("torch") is None or find_spec("transformers") is None or find_spec("tokenizers") is None:
    pytest.skip("needs torch and transformers: pip install 'dnabench[torch,hf]'", allow_module_level=True)

import torch
import transformers

sys.path.insert(0, str(Path(__file__).parent))
from model_folders import CONFIGS, STOCK, write_model

from dnabench.adapters.ports import stock
from dnabench.adapters.ports.common import fill, parameters, read_weights
from dnabench.adapters.pretrained import Pretrained
from dnabench.harness.engine.reading import Reading, embed, log_likelihood
from dnabench.harness.errors import AdapterError, RequestError
from dnabench.harness.report.check.model import check_model

pytestmark = pytest.mark.usefixtures("one_thread", "without_gradients")

CAUSAL = ("generator", "mistral-dna", "mistral")
MODERN_GENA = {
    "model_type": "modernbert",
    "vocab_size": 32_768,
    "hidden_size": 768,
    "intermediate_size": 1152,
    "num_hidden_layers": 22,
    "num_attention_heads": 12,
    "pad_token_id": 3,
}


@pytest.mark.parametrize("kind", STOCK)
def test_what_we_load_is_what_transformers_loads(kind: str, tmp_path: Path) -> None:
    ours = Pretrained(str(write_model(tmp_path, kind))).network
    auto: Any = transformers.AutoModelForCausalLM if kind in CAUSAL else transformers.AutoModelForMaskedLM
    theirs = auto.from_pretrained(tmp_path, attn_implementation="eager").eval()
    # All short: transformers would read short rows of a long batch with sparse attention.
    lengths = (26, 17, 20) if kind == "bigbird" else (40, 17, 33)
    ids, mask = batch(CONFIGS[kind]["vocab_size"], lengths)
    expected = theirs(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    found = ours(ids, mask, all_layers=True)
    keep = mask.bool()
    torch.testing.assert_close(found.logits[keep], expected.logits[keep], atol=1e-4, rtol=1e-4)
    assert len(found.hidden_states) == len(expected.hidden_states)
    torch.testing.assert_close(found.last_hidden_state, found.hidden_states[-1])


def test_modern_gena_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        assert parameters(stock.build(MODERN_GENA)) == 136_120_832


def test_bigbird_does_not_remember_what_it_read_before(tmp_path: Path) -> None:
    network = Pretrained(str(write_model(tmp_path, "bigbird"))).network
    port: Any = network.port
    long, _ = batch(80, lengths=(100,))
    short, _ = batch(80, lengths=(port.full_up_to,))
    first = network(long).last_hidden_state
    network(short)
    torch.testing.assert_close(network(long).last_hidden_state, first, atol=0, rtol=0)


def test_bigbirds_kind_of_attention_is_each_rows_own(tmp_path: Path) -> None:
    network = Pretrained(str(write_model(tmp_path, "bigbird"))).network
    port: Any = network.port
    lengths = (100, port.full_up_to, port.full_up_to + 1, 97, 9)
    ids, mask = batch(80, lengths=lengths)
    together = network(ids, mask, all_layers=True)
    for row, length in enumerate(lengths):
        alone = network(ids[row : row + 1, :length])
        torch.testing.assert_close(alone.logits[0], together.logits[row, :length], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(alone.last_hidden_state[0], together.hidden_states[-1][row, :length])
    model = port.model
    model.bert.set_attention_type("block_sparse")
    sparse = model(input_ids=ids[:1, :100]).logits
    torch.testing.assert_close(together.logits[0, :100], sparse[0], atol=1e-5, rtol=1e-4)
    model.bert.set_attention_type("original_full")
    full = model(input_ids=ids[1:2, : lengths[1]]).logits
    torch.testing.assert_close(together.logits[1, : lengths[1]], full[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_bigbird_in_16_bits_is_refused_for_it_computes_in_float32(dtype: Any, tmp_path: Path) -> None:
    write_model(tmp_path, "bigbird")
    with pytest.raises(RequestError, match=f"dtype is '{dtype}', and its network computes in float32 only: leave"):
        Pretrained(str(tmp_path), dtype=dtype)
    model = Pretrained(str(tmp_path))
    for read in (embed, log_likelihood):
        with pytest.raises(RequestError, match="this network computes in float32 only"):
            read(model.reader, ["ACGT" * 9], Reading(dtype=dtype))
    found = {one.promise: one for one in check_model(model) if one.promise in ("bfloat16", "float16")}
    assert {one.text for one in found.values()} == {"the network computes in float32 only, and refuses dtype"}
    assert len(found) == 2


def test_other_networks_keep_the_16_bits_that_they_are_asked_for(tmp_path: Path) -> None:
    write_model(tmp_path, "modern-gena")
    model = Pretrained(str(tmp_path), dtype="bfloat16")
    assert model.info.options["dtype"] == "bfloat16"
    found, exact = (one.embed(["ACGT" * 9]) for one in (model, Pretrained(str(tmp_path))))
    assert 0 < abs(found - exact).max() < 0.1 * abs(exact).max()


def test_experts_that_are_not_all_there_are_named(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "mistral-dna")
    weights = read_weights([folder / "model.safetensors"])
    del weights["model.layers.1.block_sparse_moe.experts.2.w3.weight"]
    with pytest.raises(AdapterError, match=r"layers\.1\.block_sparse_moe\.experts\.\* are not all there"):
        fill(stock.build(CONFIGS["mistral-dna"]), weights)


def test_another_class_is_refused_by_name() -> None:
    with pytest.raises(AdapterError, match="model_type 't5' is none of big_bird, llama"):
        stock.build({"model_type": "t5"})


@pytest.mark.parametrize(("kind", "keys"), [("modern-gena", {"hidden_size": 0}), ("mistral", {"vocab_size": "many"})])
def test_a_configuration_that_transformers_refuses_is_one_sentence(kind: str, keys: dict[str, Any]) -> None:
    with pytest.raises(AdapterError, match=r"describes no m[a-z]+ that transformers builds") as refusal:
        stock.build({**CONFIGS[kind], **keys})
    assert "\n" not in str(refusal.value)


def batch(vocabulary: int, lengths: tuple[int, ...] = (40, 17, 33)) -> tuple[torch.Tensor, torch.Tensor]:
    """Random ids, padded on the right, and their mask."""
    draw = torch.Generator().manual_seed(3)
    ids = torch.randint(5, vocabulary, (len(lengths), max(lengths)), generator=draw)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    return torch.where(mask.bool(), ids, torch.tensor(3)), mask
