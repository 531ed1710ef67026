"""What the ports must do whatever their sizes: recurrences, symmetries, causality, flags, shared tensors."""

from importlib.util import find_spec
from typing import Any

import pytest

if find_spec("torch") is None:
    pytest.skip("needs torch: pip install 'dnabench[torch]'", allow_module_level=True)

import torch

from dnabench.adapters.ports.registry import build, family_of
from dnabench.harness.errors import AdapterError

CADUCEUS = {"model_type": "caduceus", "d_model": 12, "n_layer": 3, "vocab_size": 12}
STRANDED = {**CADUCEUS, "rcps": True, "complement_map": {"10": 7, "7": 10, "8": 9, "9": 8}}
HYENADNA = {"model_type": "hyenadna", "d_model": 8, "n_layer": 2, "max_seq_len": 40, "emb_dim": 5}
BERT = {"vocab_size": 30, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24}
GENA = {**BERT, "model_type": "bert", "pre_layer_norm": True}
ESM = {**BERT, "model_type": "esm", "max_position_embeddings": 64}
GPN = {"model_type": "GPN", "hidden_size": 16, "num_hidden_layers": 3, "intermediate_size": 24}
CONVNOVA = {"model_type": "convnova", "hidden_dim": 8, "num_conv1d": 3, "pretrain": True}

VARIANTS: dict[str, dict[str, Any]] = {
    "caduceus one way": {**CADUCEUS, "bidirectional": False},
    "caduceus multiplied": {**CADUCEUS, "bidirectional_strategy": "ew_multiply"},
    "caduceus untied": {**CADUCEUS, "bidirectional_weight_tie": False, "tie_word_embeddings": False},
    "caduceus layer norm": {**CADUCEUS, "rms_norm": False, "fused_add_norm": False},
    "caduceus biases": {**CADUCEUS, "ssm_cfg": {"bias": True, "conv_bias": False, "dt_rank": 3, "d_conv": 2}},
    "caduceus padded vocabulary": {**STRANDED, "pad_vocab_size_multiple": 16},
    "caduceus stranded": STRANDED,
    "caduceus stranded, not fused": {**STRANDED, "fused_add_norm": False},
    "hyenadna": HYENADNA,
    "hyenadna tied": {**HYENADNA, "tie_word_embeddings": True},
    "hyenadna fixed frequencies": {**HYENADNA, "train_freq": False, "activation_freq": 3},
    "hyenadna order 3": {**HYENADNA, "hyena_order": 3, "num_inner_mlps": 1, "emb_dim": 3},
    "dnabert": {**BERT, "model_type": "bert"},
    "dnabert2": {**BERT, "alibi_starting_size": 4},
    "dnabert2 six heads": {**BERT, "alibi_starting_size": 4, "hidden_size": 24, "num_attention_heads": 6},
    "dnabert-s": {**BERT, "alibi_starting_size": 4, "architectures": ["BertModel"]},
    "gena": GENA,
    "gena without last norm": {**GENA, "last_layer_norm": False, "architectures": ["BertForPreTraining"]},
    "gena rotary": {**GENA, "position_embedding_type": "rotary", "rotary_dim": 2},
    "gena post-norm": {**GENA, "pre_layer_norm": False},
    "nt v1": {**ESM, "token_dropout": True},
    "nt v1 normed first": {**ESM, "emb_layer_norm_before": True},
    "nt v2": {**ESM, "add_bias_fnn": False, "position_embedding_type": "rotary"},
    "nt v2 biases, absolute": {**ESM, "add_bias_fnn": True},
    "gpn": GPN,
    "gpn biases": {**GPN, "bias": True, "mlm_head_transform": False, "depthwise": True},
    "gpn embedded and tied": {**GPN, "embedding": "embedding", "tie_word_embeddings": True},
    "gpn bytenet": {**GPN, "encoder": "bytenet", "slim": True, "dilation_double_every": 2},
    "gpn convnet": {"model_type": "ConvNet", "hidden_size": 16, "n_layers": 3, "kernel_size": 5},
    "convnova": CONVNOVA,
    "convnova stacked": {**CONVNOVA, "num_cnn_stacks": 2, "ffn": False, "final_conv": True},
    "convnova classes": {**CONVNOVA, "pretrain": False, "d_output": 3},
}

each_variant = pytest.mark.parametrize("config", list(VARIANTS.values()), ids=list(VARIANTS))


@pytest.fixture(autouse=True)
def _seeded() -> Any:
    torch.manual_seed(0)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@each_variant
def test_a_batch_says_what_its_rows_say_alone(config: dict[str, Any]) -> None:
    network, ids = lively(config), tokens(config, 3, 21)
    with torch.inference_mode():
        together = network(ids).last_hidden_state
        alone = torch.cat([network(row[None]).last_hidden_state for row in ids])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
    assert together.isfinite().all()
    assert together.std() > 0


@each_variant
def test_the_last_state_is_the_same_with_and_without_the_others(config: dict[str, Any]) -> None:
    network, ids = lively(config), tokens(config, 2, 14)
    with torch.inference_mode():
        every, last = network(ids, all_layers=True), network(ids, with_logits=False)
    assert torch.equal(every.last_hidden_state, last.last_hidden_state)
    assert len(every.hidden_states) >= 3
    assert last.hidden_states == ()
    assert last.logits is None


@each_variant
def test_a_file_of_its_own_tensors_loads_into_another_network(config: dict[str, Any]) -> None:
    network, ids = lively(config), tokens(config, 2, 17)
    other = build(config, {name: tensor.clone() for name, tensor in network.state_dict().items()})
    with torch.inference_mode():
        assert torch.equal(network(ids).last_hidden_state, other(ids).last_hidden_state)


@each_variant
def test_the_gradient_reaches_every_parameter(config: dict[str, Any]) -> None:
    network = lively(config)
    output = network(tokens(config, 2, 19))
    answers = [output.last_hidden_state, output.logits, *output.extras.values()]
    sum((answer**2).sum() for answer in answers if isinstance(answer, torch.Tensor)).backward()
    still = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert not still


@pytest.mark.parametrize("kind", ["dnabert", "dnabert2", "gena", "nt v1", "nt v2"])
def test_attention_drops_what_the_configuration_says_in_training_and_nothing_else_does(kind: str) -> None:
    keys = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.5}
    dropping = lively({**VARIANTS[kind], **keys}).train()
    whole = lively({**VARIANTS[kind], **keys, "attention_probs_dropout_prob": 0.0}).train()
    ids = torch.randint(5, 12, (2, 9))
    assert not torch.allclose(dropping(ids).last_hidden_state, dropping(ids).last_hidden_state)
    for steady in (whole, dropping.eval()):
        torch.testing.assert_close(steady(ids).last_hidden_state, steady(ids).last_hidden_state)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("strategy", ["add", "ew_multiply"])
def test_caduceus_ps_says_the_same_of_both_strands(fused: bool, strategy: str) -> None:
    config = {**STRANDED, "fused_add_norm": fused, "bidirectional_strategy": strategy}
    network = lively(config)
    complement = network.lm_head.complement_map
    ids = torch.randint(7, 11, (2, 30))
    with torch.inference_mode():
        read, other = network(ids).logits, network(complement[ids.flip(1)]).logits
    torch.testing.assert_close(other.flip(1)[..., complement], read, atol=1e-5, rtol=1e-4)


def test_the_fused_add_norm_of_caduceus_ps_is_another_model_with_the_same_tensors() -> None:
    fused = lively(STRANDED)
    weights = {
        name.replace("norm.weight", "norm.submodule.weight").replace("norm_f.", "norm_f.submodule."): tensor
        for name, tensor in fused.state_dict().items()
    }
    plain = build({**STRANDED, "fused_add_norm": False}, weights)
    ids = torch.randint(7, 11, (1, 30))
    with torch.inference_mode():
        assert (fused(ids).logits - plain(ids).logits).abs().max() > 0.01
        # The hub's code adds the normed state to its list where it fuses add and norm, and nowhere else.
        said, bare = fused(ids, all_layers=True), plain(ids, all_layers=True)
    assert torch.equal(said.hidden_states[-1], said.last_hidden_state)
    assert len(bare.hidden_states) == len(said.hidden_states) - 1 == STRANDED["n_layer"]


def test_a_caduceus_without_weights_starts_as_mamba_does() -> None:
    torch.manual_seed(0)
    width, layers = STRANDED["d_model"], 4
    for config in ({**STRANDED, "n_layer": layers}, {**STRANDED, "n_layer": layers, "tie_word_embeddings": False}):
        network = build(config)
        tensors = {name: tensor for name, tensor in network.named_parameters() if "mamba_" in name}
        biases = torch.cat([t.detach() for name, t in tensors.items() if name.endswith("dt_proj.bias")])
        steps = torch.nn.functional.softplus(biases)
        assert 0.99e-3 < float(steps.min()) < 3e-3
        assert 0.03 < float(steps.max()) < 0.101, "log-uniform from 0.001 to 0.1"
        out = torch.cat([t.detach().flatten() for name, t in tensors.items() if name.endswith("out_proj.weight")])
        bound = (2 * width * layers) ** -0.5
        assert 0.95 * bound < float(out.abs().max()) <= bound, "the deeper, the smaller: torch's bound / sqrt(layers)"
        assert not any("lm_head" in name for name, _ in network.named_parameters()), "tied whatever is said"


@pytest.mark.parametrize("order", [2, 3])
def test_hyenadna_never_looks_ahead(order: int) -> None:
    network = lively({**HYENADNA, "hyena_order": order})
    ids = torch.randint(7, 11, (1, 30))
    changed = ids.clone()
    changed[0, 20:] = 17 - changed[0, 20:]
    with torch.inference_mode():
        first, second = network(ids).logits, network(changed).logits
    torch.testing.assert_close(first[:, :20], second[:, :20], atol=1e-5, rtol=1e-4)
    assert (first[:, 20:] - second[:, 20:]).abs().max() > 1e-3


@pytest.mark.parametrize("normed_first", [True, False])
def test_bert_layers_equal_those_of_pytorch(normed_first: bool) -> None:
    config = {**GENA, "pre_layer_norm": normed_first, "last_layer_norm": False if normed_first else None}
    network = lively(config)
    ids, mask = tokens(config, 2, 9), torch.tensor([[1] * 9, [1] * 5 + [0] * 4])
    with torch.inference_mode():
        states = network(ids, mask, all_layers=True).hidden_states
        for i, layer in enumerate(network.bert["encoder"].layer):
            expected = as_pytorch(layer, normed_first)(states[i], src_key_padding_mask=mask == 0)
            torch.testing.assert_close(states[i + 1][mask == 1], expected[mask == 1], atol=1e-5, rtol=1e-4)


def test_nucleotide_transformer_v1_scales_by_the_share_of_masks() -> None:
    network = lively({**ESM, "token_dropout": True, "mask_token_id": 2, "pad_token_id": 1})
    plain = build({**ESM, "token_dropout": False}, network.state_dict())
    ids = torch.randint(5, 30, (1, 10))
    positions = network.esm["embeddings"].position_embeddings.weight[2:12]
    with torch.inference_mode():
        scaled, own = (n(ids, all_layers=True).hidden_states[0] - positions for n in (network, plain))
        torch.testing.assert_close(scaled, own * 0.88, atol=1e-6, rtol=1e-5)
        ids[0, :5] = 2
        masked = network(ids, all_layers=True).hidden_states[0] - positions
    torch.testing.assert_close(masked[:, 5:], own[:, 5:] * 0.88 / 0.5, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(masked[:, :5], torch.zeros_like(masked[:, :5]), atol=1e-6, rtol=0)


def test_gpn_reads_base_probabilities_as_it_reads_ids() -> None:
    network, ids = lively(GPN), torch.randint(0, 7, (2, 15))
    probabilities = torch.nn.functional.one_hot(ids, 7).float()
    with torch.inference_mode():
        torch.testing.assert_close(network(probabilities).logits, network(ids).logits)


def test_more_tokens_than_positions_are_refused_in_words() -> None:
    for config, longest in ((GENA, 512), (ESM, 62), (HYENADNA, 40)):
        network = lively(config)
        with pytest.raises(AdapterError, match=f"{longest + 1} tokens are more than the {longest}"):
            network(torch.full((1, longest + 1), 7))


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({**CADUCEUS, "rcps": True}, "needs a complement_map"),
        ({**CADUCEUS, "bidirectional_strategy": "concat"}, "none of add, ew_multiply"),
        ({"model_type": "caduceus", "d_model": 8}, "has no n_layer, vocab_size"),
        ({**HYENADNA, "emb_dim": 4}, "odd number"),
        ({**GENA, "sparse_config_cls": "deepspeed:Sparse"}, "block-sparse"),
        ({**GENA, "position_embedding_type": "relative_key"}, "none of absolute, rotary"),
        ({**GENA, "pre_layer_norm": False, "last_layer_norm": True}, "needs pre_layer_norm"),
        ({**ESM, "position_embedding_type": "relative_key"}, "none of absolute, rotary"),
        ({**GPN, "encoder": "roformer"}, "none of convnet, bytenet"),
        ({**GPN, "n_aux_features": 400}, "no room"),
        ({**CONVNOVA, "kernel_size": 4}, "needs an odd one"),
        ({**BERT, "model_type": "bert", "hidden_act": "quick_gelu"}, "'quick_gelu' is none of"),
    ],
)
def test_a_configuration_that_a_port_cannot_serve_is_refused_in_words(config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(AdapterError, match=complaint):
        build(config)


@pytest.mark.parametrize(
    ("config", "family"),
    [
        ({"auto_map": {"AutoModel": "zhihan1996/DNABERT-2-117M--bert_layers.BertModel"}}, "dnabert2"),
        ({"model_type": "bert", "auto_map": {"AutoModel": "modeling_mutbert.RoPEBertModel"}}, None),
        ({"model_type": "bert", "pre_layer_norm": True}, "gena-lm"),
        ({"model_type": "bert"}, "dnabert"),
        ({"model_type": "esm"}, "nucleotide-transformer"),
        ({"add_bias_fnn": False}, "nucleotide-transformer"),
        ({}, None),
    ],
)
def test_the_family_is_told_by_what_only_its_configurations_have(config: dict[str, Any], family: str | None) -> None:
    assert family_of(config) == family


def lively(config: dict[str, Any]) -> Any:
    """A network whose parameters are all random, norms and biases too, so that a part left out shows."""
    network = build(config)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            fan = parameter.shape[-1] if parameter.ndim > 1 else 1
            parameter.copy_(torch.randn_like(parameter) * (0.5 / fan**0.5 if fan > 1 else 0.2))
            if "norm" in name.lower() and name.endswith("weight"):
                parameter.add_(1.0)
    return network


def tokens(config: dict[str, Any], rows: int, length: int) -> Any:
    """Ids that every network of these sizes knows."""
    first = 0 if config.get("model_type") == "convnova" else 3
    return torch.randint(first, first + 4, (rows, length))


def as_pytorch(layer: Any, normed_first: bool) -> Any:
    """PyTorch's own encoder layer with the tensors of ours."""
    ours = dict(layer.named_parameters())
    theirs = torch.nn.TransformerEncoderLayer(
        16, 4, 24, activation="gelu", layer_norm_eps=1e-12, batch_first=True, norm_first=normed_first
    )
    before = ("pre_attention_ln", "post_attention_ln")
    first, second = before if normed_first else ("attention.output.LayerNorm", "output.LayerNorm")
    names = {
        "self_attn.out_proj": "attention.output.dense",
        "linear1": "intermediate.dense",
        "linear2": "output.dense",
        "norm1": first,
        "norm2": second,
    }
    weights = {f"{new}.{part}": ours[f"{old}.{part}"] for new, old in names.items() for part in ("weight", "bias")}
    for part in ("weight", "bias"):
        stacked = [ours[f"attention.self.{name}.{part}"] for name in ("query", "key", "value")]
        weights[f"self_attn.in_proj_{part}"] = torch.cat(stacked)
    theirs.load_state_dict(weights)
    return theirs.eval()
