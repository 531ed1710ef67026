"""Ports of random sizes and flags equal transformers' own classes with the same tensors, whatever is padded.

BERT for DNABERT, GROVER and GENA-LM's older layout, its pre-norm sibling for GENA-LM, ESM for Nucleotide Transformer
(with a gated inner layer put in for v2), Mamba for Caduceus read one way.
"""

import random
import sys
from dataclasses import MISSING, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

if find_spec("torch") is None or find_spec("transformers") is None:
    pytest.skip("needs torch and transformers: pip install 'dnabench[torch,hf]'", allow_module_level=True)

import torch
import transformers

sys.path.insert(0, str(Path(__file__).parent))
from test_port_properties import lively

from dnabench.adapters.ports import dnabert, dnabert2, gena_lm, nucleotide_transformer
from dnabench.adapters.ports.registry import build

pytestmark = pytest.mark.usefixtures("one_thread", "without_gradients")

SEEDS = pytest.mark.parametrize("seed", range(10))
ROWS, LENGTH, VOCABULARY = 3, 23, 40


@SEEDS
def test_dnabert_is_transformers_bert(seed: int) -> None:
    draw, config = sizes(seed)
    tied = draw.random() < 0.6
    config |= {
        "model_type": "bert",
        "hidden_act": draw.choice(["gelu", "relu", "gelu_new"]),
        "tie_word_embeddings": tied,
    }
    theirs = random_weights(transformers.BertForMaskedLM(transformers.BertConfig(**plain(config))))
    # One tensor in the files of its time; today's class has two of an untied head and reads the decoder's.
    theirs.cls.predictions.bias.copy_(theirs.cls.predictions.decoder.bias)
    agree(build(config, file_of(theirs)), theirs, batch(seed), token_type_ids=types(seed))


@SEEDS
def test_gena_lm_without_pre_norm_is_transformers_bert_with_its_pooler(seed: int) -> None:
    _, config = sizes(seed)
    config |= {"model_type": "bert", "pre_layer_norm": False, "architectures": ["BertForPreTraining"]}
    theirs = random_weights(transformers.BertForPreTraining(transformers.BertConfig(**plain(config))))
    ids, mask = batch(seed)
    ours = build(config, file_of(theirs))(ids, mask)
    expected = theirs(input_ids=ids, attention_mask=mask)
    keep = mask.bool()
    close(ours.logits[keep], expected.prediction_logits[keep])
    close(ours.extras["seq_relationship_logits"][mask[:, 0] == 1], expected.seq_relationship_logits[mask[:, 0] == 1])


@SEEDS
def test_gena_lm_is_the_pre_norm_bert_of_transformers(seed: int) -> None:
    draw, config = sizes(seed)
    config["hidden_act"] = draw.choice(["gelu", "relu"])
    kind = transformers.RobertaPreLayerNormForMaskedLM
    theirs = random_weights(kind(transformers.RobertaPreLayerNormConfig(**plain(config))))
    renames = {
        "roberta_prelayernorm.LayerNorm": "bert.encoder.last_layer_ln",
        "roberta_prelayernorm.": "bert.",
        ".attention.LayerNorm": ".pre_attention_ln",
        ".intermediate.LayerNorm": ".post_attention_ln",
        "lm_head.dense": "cls.predictions.transform.dense",
        "lm_head.layer_norm": "cls.predictions.transform.LayerNorm",
        "lm_head.decoder": "cls.predictions.decoder",
        "lm_head.bias": "cls.predictions.bias",
    }
    weights = file_of(theirs)
    for old, new in renames.items():
        weights = {name.replace(old, new): tensor for name, tensor in weights.items()}
    ours = build({**config, "model_type": "bert", "pre_layer_norm": True}, weights)
    places = torch.arange(LENGTH).expand(ROWS, -1)
    # Its head always has an exact GELU.
    agree(
        ours, theirs, batch(seed), heads=config["hidden_act"] == "gelu", position_ids=places, token_type_ids=types(seed)
    )


@SEEDS
@pytest.mark.parametrize("gated", [False, True], ids=["v1", "v2"])
def test_nucleotide_transformer_is_transformers_esm(gated: bool, seed: int) -> None:
    draw, config = sizes(seed)
    config |= {
        "model_type": "esm",
        "position_embedding_type": draw.choice(["absolute", "rotary"]),
        "emb_layer_norm_before": draw.choice([None, False, True]),
        "token_dropout": draw.random() < 0.5,
        "tie_word_embeddings": draw.random() < 0.5,
        "mask_token_id": draw.choice([2, 7]),
        "pad_token_id": 1,
        "rope_theta": draw.choice([100.0, 10_000.0]),
    }
    theirs = transformers.EsmForMaskedLM(transformers.EsmConfig(**plain(config), is_folding_model=False))
    if gated:
        config["add_bias_fnn"] = draw.random() < 0.5
        for layer in theirs.esm.encoder.layer:
            make_gated(layer, config)
    theirs = random_weights(theirs)
    ids, mask = batch(seed)
    ids[0, 5:8] = config["mask_token_id"]
    ids = ids.masked_fill(mask == 0, 1)
    agree(build(config, file_of(theirs)), theirs, (ids, mask))


@SEEDS
def test_caduceus_read_one_way_is_transformers_mamba(seed: int) -> None:
    draw = random.Random(seed)
    scan = {"d_state": draw.choice([4, 16]), "d_conv": draw.choice([2, 4]), "expand": draw.choice([1, 2])}
    flags = {"bias": draw.random() < 0.5, "conv_bias": draw.random() < 0.5}
    config = {
        "model_type": "caduceus",
        "d_model": 16,
        "n_layer": draw.randint(1, 3),
        "vocab_size": 16,
        "bidirectional": False,
        "norm_epsilon": draw.choice([1e-5, 1e-3]),
        "ssm_cfg": {**scan, **flags, "dt_rank": 3},
    }
    settings = transformers.MambaConfig(
        vocab_size=16,
        hidden_size=16,
        num_hidden_layers=config["n_layer"],
        state_size=scan["d_state"],
        conv_kernel=scan["d_conv"],
        expand=scan["expand"],
        time_step_rank=3,
        use_bias=flags["bias"],
        use_conv_bias=flags["conv_bias"],
        layer_norm_epsilon=config["norm_epsilon"],
    )
    theirs = random_weights(transformers.MambaForCausalLM(settings))
    weights = {
        f"caduceus.{name}".replace(".embeddings.", ".embeddings.word_embeddings.").replace(
            ".mixer.", ".mixer.mamba_fwd."
        ): t
        for name, t in file_of(theirs).items()
        if name != "lm_head.weight"
    }
    ids = torch.randint(0, 16, (ROWS, LENGTH))
    expected = theirs(input_ids=ids, output_hidden_states=True)
    found = build(config, weights)(ids)
    close(found.last_hidden_state, expected.hidden_states[-1])
    close(found.logits, expected.logits)


def agree(ours: Any, theirs: Any, given: tuple[Any, Any], heads: bool = True, **more: Any) -> None:
    """All states and the logits, where a token is, and without a mask."""
    for ids, mask in (given, (given[0], None)):
        expected = theirs(input_ids=ids, attention_mask=mask, output_hidden_states=True, **more)
        kinds = {"token_types": more["token_type_ids"]} if "token_type_ids" in more else {}
        found = ours(ids, mask, all_layers=True, **kinds)
        keep = slice(None) if mask is None else mask.bool()
        states = expected.hidden_states
        assert len(states) == len(found.hidden_states)
        for mine, other in zip(found.hidden_states[:-1], states[:-1], strict=True):
            close(mine[keep], other[keep])
        if heads:
            close(found.logits[keep], expected.logits[keep])


def close(found: Any, expected: Any) -> None:
    """Equal but for rounding, by the largest number there is."""
    scale = max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(found, expected, atol=2e-5 * scale, rtol=1e-4)


def sizes(seed: int) -> tuple[random.Random, dict[str, Any]]:
    """Random sizes of a BERT."""
    draw = random.Random(seed)
    heads = draw.choice([1, 2, 3, 4])
    config = {
        "vocab_size": VOCABULARY,
        "hidden_size": heads * draw.choice([2, 4, 6]),
        "num_hidden_layers": draw.randint(1, 4),
        "num_attention_heads": heads,
        "intermediate_size": draw.choice([6, 20]),
        "max_position_embeddings": draw.choice([30, 64]),
        "type_vocab_size": 2,
        "layer_norm_eps": draw.choice([1e-12, 1e-5, 1e-2]),
        "hidden_dropout_prob": draw.choice([0.0, 0.3]),
        "attention_probs_dropout_prob": draw.choice([0.0, 0.3]),
    }
    return draw, config


def plain(config: dict[str, Any]) -> dict[str, Any]:
    """Without what a class says of itself."""
    return {key: value for key, value in config.items() if key not in ("model_type", "architectures", "pre_layer_norm")}


def batch(seed: int) -> tuple[Any, Any]:
    """Ids without specials and their mask: a whole row, one padded on the right, one on the left."""
    torch.manual_seed(seed)
    ids, mask = torch.randint(8, VOCABULARY, (ROWS, LENGTH)), torch.ones(ROWS, LENGTH, dtype=torch.long)
    mask[1, 14:], mask[2, :6] = 0, 0
    return ids, mask


def types(seed: int) -> Any:
    """Two segments."""
    return torch.randint(0, 2, (ROWS, LENGTH), generator=torch.Generator().manual_seed(seed))


def random_weights(network: Any) -> Any:
    """Every parameter random, so that a part left out shows; evaluation mode, eager attention."""
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            fan = parameter.shape[-1] if parameter.ndim > 1 else 1
            parameter.copy_(torch.randn_like(parameter) * (0.7 / fan**0.5 if fan > 1 else 0.3))
            if "norm" in name.lower() and name.endswith("weight"):
                parameter.add_(1.0)
    return network.eval()


def file_of(network: Any) -> dict[str, Any]:
    """Its tensors as a file has them."""
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def make_gated(layer: Any, config: dict[str, Any]) -> None:
    """Puts v2's inner layer into a block of ESM: SiLU of the first half times the second."""
    width, inner, bias = config["hidden_size"], config["intermediate_size"], config["add_bias_fnn"]

    class Gated(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense = torch.nn.Linear(width, 2 * inner, bias=bias)

        def forward(self, x: Any) -> Any:
            gate, value = self.dense(x).chunk(2, -1)
            return torch.nn.functional.silu(gate) * value

    layer.intermediate = Gated()
    layer.output.dense = torch.nn.Linear(inner, width, bias=bias)


@pytest.mark.parametrize(
    ("ours", "theirs", "own"),
    [
        (dnabert.Config, transformers.BertConfig, set()),
        (gena_lm.Config, transformers.BertConfig, set()),
        (dnabert2.Config, transformers.BertConfig, {"attention_probs_dropout_prob"}),
        (nucleotide_transformer.Config, transformers.EsmConfig, {"mask_token_id", "pad_token_id"}),
    ],
    ids=lambda one: getattr(one, "__module__", ""),
)
def test_what_a_configuration_leaves_out_is_what_transformers_takes(ours: Any, theirs: Any, own: set[str]) -> None:
    """But for `own`: DNABERT-2's code has no dropout in its attention, and ESM's ids are those of its vocabulary."""
    taken = theirs()
    told = {one.name: one.default for one in fields(ours) if one.default is not MISSING and one.name not in own}
    shared = [name for name in told if hasattr(taken, name)]
    assert len(shared) >= 6
    # Their None is our False.
    assert {name: told[name] for name in shared} == {name: _said(getattr(taken, name)) for name in shared}


def _said(value: Any) -> Any:
    return False if value is None else value


def test_every_parameter_of_the_twins_is_random() -> None:
    network = lively({"model_type": "bert", **sizes(0)[1]})
    assert all(float(parameter.detach().abs().max()) > 0 for parameter in network.parameters())
