"""LoRA, IA3 and the head alone train what they say and nothing else; heads read rows, pairs and tracks alike."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'dnabench[torch]'")

from small_readers import small_learner  # noqa: E402

from dnabench.adapters.ports import convnova, dnabert2, hyenadna  # noqa: E402
from dnabench.adapters.tokenizers import CONVNOVA, HYENADNA, Overlapping  # noqa: E402
from dnabench.harness.engine.heads import bases_kept, classifier, collated, compared  # noqa: E402
from dnabench.harness.engine.reader import Reader  # noqa: E402
from dnabench.harness.engine.recipe import Recipe  # noqa: E402
from dnabench.harness.engine.training import Exam, Lesson, Network, train  # noqa: E402
from dnabench.harness.engine.tuning import groups, learnt, prepare  # noqa: E402
from dnabench.harness.errors import AdapterError, RequestError, Unavailable  # noqa: E402

ROWS = ["ACGTAACCGGTT", "TTTTAAAACCCC", "ACGTACG", "GGGGCCCCAAAATTTT"]
BERT = {"vocab_size": 69, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def bert(**more: Any) -> Reader:
    """DNABERT-2's network, scaled down, over overlapping 3-mers."""
    torch.manual_seed(0)
    return Reader(dnabert2.from_config({**BERT, **more}), Overlapping(3), attends=True, objective="masked")


def hyena() -> Reader:
    torch.manual_seed(0)
    network = hyenadna.from_config({"d_model": 16, "n_layer": 1, "max_seq_len": 66, "emb_dim": 3})
    return Reader(network, HYENADNA, attends=False, objective="causal", context_tokens=66)


def nova() -> Reader:
    torch.manual_seed(0)
    network = convnova.from_config({"hidden_dim": 8, "kernel_size": 5, "num_conv1d": 3, "ffn": False})
    return Reader(network, CONVNOVA, attends=False, objective="none")


READERS = {"bert": bert, "hyena": hyena, "nova": nova}


def tuned(mode: str, **more: Any) -> tuple[Any, Any]:
    module: Any = classifier(bert(), 2, "mean")
    module.lora_targets = ("Wqkv", "wo")
    module.ia3_targets, module.ia3_feedforward = ("Wqkv",), ("wo",)
    return module, prepare(module, Recipe(mode=mode, **more))


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("pooling", ["mean", "max", "last"])
def test_padding_and_the_rows_beside_it_do_not_change_what_a_row_gives(name: str, pooling: str) -> None:
    reader = READERS[name]()
    module = classifier(reader, 3, pooling).eval()
    together = module(**collated(reader, ROWS))
    alone = torch.cat([module(**collated(reader, [row])) for row in ROWS])
    assert together.shape == (4, 3)
    assert torch.allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("name", READERS)
def test_the_gradient_reaches_the_first_layer_through_rows_of_different_lengths(name: str) -> None:
    reader = READERS[name]()
    module = classifier(reader, 1, "mean").train()
    module(**collated(reader, ROWS)).sum().backward()
    first = next(module.network.parameters())
    assert first.grad is not None
    assert first.grad.abs().sum() > 0


def test_a_pair_is_two_rows_read_by_one_network() -> None:
    reader = bert()
    module = classifier(reader, 2, "mean", kind="pair").eval()
    first, second = ROWS[:2], ROWS[2:]
    inputs = {name: torch.stack(x.chunk(2), 1) for name, x in collated(reader, [*first, *second]).items()}
    found = module(**inputs)
    rows = classifier(reader, 2, "mean").eval()
    rows.head = torch.nn.Identity()
    a, b = (rows(**collated(reader, side)) for side in (first, second))
    expected = module.head(torch.cat([a, b, (a - b).abs(), a * b], 1))
    assert torch.allclose(found, expected, atol=1e-5)
    assert compared(torch.zeros(6, 2)).shape == (3, 8)


@pytest.mark.parametrize(("size", "bins"), [(1, 16), (4, 4), (5, 4)])
def test_a_track_has_an_answer_for_every_bin_of_its_bases(size: int, bins: int) -> None:
    reader = nova()
    module: Any = classifier(reader, 2, "mean", kind="track").eval()
    module.bin = size
    found = module(**collated(reader, ROWS, kind="track"))
    assert found.shape == (4, bins, 2)
    states = reader.network(collated(reader, [ROWS[3]])["input_ids"]).last_hidden_state[0]
    means = torch.stack([part.mean(0) for part in states.split(size)])
    assert torch.allclose(found[3], module.head(means), atol=1e-5)


def test_the_mean_is_over_the_tokens_that_stand_for_bases() -> None:
    reader = bert()
    module: Any = classifier(reader, 2, "mean").eval()
    module.head = torch.nn.Identity()
    with torch.no_grad():
        found = module(**collated(reader, ROWS))
        for row, sequence in zip(found, ROWS, strict=True):
            ids = torch.from_numpy(reader.tokenizer.encode(sequence).ids)[None]
            states = reader.network(ids).last_hidden_state[0, 1:-1]
            torch.testing.assert_close(row, states.mean(0), atol=1e-5, rtol=1e-4)


def test_rows_are_cut_in_tokens_on_the_right_and_keep_their_special_tokens() -> None:
    reader = bert()
    whole = collated(reader, [ROWS[3]])["input_ids"][0].tolist()
    cut = collated(reader, [ROWS[3]], max_tokens=8)["input_ids"][0].tolist()
    assert cut == [*whole[:7], whole[-1]], "[CLS], six 3-mers, [SEP]"
    assert bases_kept(reader, ROWS, 8).tolist() == [8, 8, 7, 8]
    assert bases_kept(reader, ROWS).tolist() == [len(row) for row in ROWS]
    with pytest.raises(AdapterError, match="2 tokens leave no room"):
        collated(reader, ROWS, max_tokens=2)


def test_lora_has_the_rank_the_weight_and_the_dropout_of_its_recipe() -> None:
    pytest.importorskip("peft", reason="needs peft: pip install 'dnabench[finetune]'")
    module, _ = tuned("lora", lora_rank=4, lora_alpha=24.0, lora_dropout=0.25)
    layers = [part for part in module.modules() if hasattr(part, "lora_A") and part.lora_A]
    assert layers
    for layer in layers:
        assert layer.lora_A["default"].weight.shape[0] == 4
        assert layer.scaling["default"] == 24 / 4
        assert layer.lora_dropout["default"].p == 0.25


def test_the_context_cuts_too_and_an_empty_row_is_served() -> None:
    reader = hyena()
    assert collated(reader, ["ACGT" * 50])["input_ids"].shape == (1, 66)
    short = collated(replace(reader, context_bases=10), ["ACGT" * 5])["input_ids"]
    assert short.tolist() == collated(reader, ["ACGTACGTAC"])["input_ids"].tolist()
    module = classifier(reader, 2, "mean").eval()
    assert torch.isfinite(module(**collated(reader, ["", "NNNN"]))).all()


def test_cls_needs_a_token_in_front() -> None:
    with pytest.raises(RequestError, match="special token in front"):
        classifier(nova(), 2, "cls")
    with pytest.raises(RequestError, match="mean, cls, last, max"):
        classifier(bert(), 2, "middle")


@pytest.mark.parametrize("mode", ["lora", "ia3", "head"])
def test_a_mode_trains_what_it_says_and_leaves_the_rest(mode: str) -> None:
    pytest.importorskip("peft", reason="needs peft: pip install 'dnabench[finetune]'")
    module, facts = tuned(mode)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    trained = {name for name, p in module.named_parameters() if p.requires_grad}
    assert facts.trainable == sum(p.numel() for p in module.parameters() if p.requires_grad)
    assert facts.total == sum(p.numel() for p in module.parameters())
    assert {"head.weight", "head.bias"} <= trained
    assert facts.trainable < facts.total / 4
    assert all("head." in name or f"{mode}_" in name for name in trained)
    assert set(learnt(module)) == trained
    lesson = Lesson(ROWS, torch.tensor([0, 1, 0, 1]), torch.nn.functional.cross_entropy)
    recipe = Recipe(mode=mode, batch_size=2, epochs=3, warmup_steps=0, device="cpu")
    train(Network(module, lambda rows: collated(module.reader, rows)), lesson, None, recipe, 0)
    changed = {name for name, tensor in module.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed
    assert changed <= trained
    assert mode == "head" or any(f"{mode}_" in name for name in changed)


def test_the_trainable_numbers_of_lora_are_those_of_its_formula() -> None:
    pytest.importorskip("peft", reason="needs peft: pip install 'dnabench[finetune]'")
    _, facts = tuned("lora", lora_rank=4)
    wide, inner = BERT["hidden_size"], BERT["intermediate_size"]
    per_layer = 4 * (wide + 3 * wide) + 4 * (inner + wide)
    assert facts.trainable == 2 * per_layer + (2 * wide + 2)
    assert facts.targets == ("Wqkv", "wo")
    module: Any = classifier(bert(), 2, "mean")
    assert prepare(module, Recipe(mode="lora")).targets == ("Wqkv", "dense", "gated_layers", "wo", "decoder")


def test_names_that_the_network_does_not_have_are_told_and_not_claimed() -> None:
    pytest.importorskip("peft", reason="needs peft: pip install 'dnabench[finetune]'")
    _, facts = tuned("lora", lora_targets=("query", "wo", "value"))
    assert (facts.targets, facts.missed) == (("wo",), ("query", "value"))
    assert tuned("lora")[1].missed == ()


def test_a_frozen_batch_norm_keeps_its_statistics_too() -> None:
    module: Any = torch.nn.Module()
    module.network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.5))
    module.head = torch.nn.Sequential(torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 2))
    module.forward = lambda shares: module.head(module.network(shares))
    prepare(module, Recipe(mode="head"))
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}

    def collate(rows: Sequence[str]) -> dict[str, Any]:
        return {"shares": torch.tensor([[row.count(base) / len(row) for base in "ACGT"] for row in rows])}

    lesson = Lesson(ROWS, torch.tensor([0, 1, 0, 1]), torch.nn.functional.cross_entropy)
    recipe = Recipe(mode="head", batch_size=4, epochs=2, warmup_steps=0, device="cpu", patience=0)
    looks = count(1.0)
    train(Network(module, collate), lesson, Exam(ROWS, lambda raw: (next(looks),)), recipe, 0)
    assert next(looks) == 3.0, "the second look is the better one, and is kept"
    changed = {name for name, tensor in module.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed
    assert all(name.startswith("head.") for name in changed)
    assert "head.0.running_mean" in changed, "the head's own norm learns"


def test_after_a_look_at_dev_a_network_is_trained_on_as_before() -> None:
    network, modes = small_learner(), []
    network.module.register_forward_pre_hook(lambda part, _: modes.append((part.training, torch.is_grad_enabled())))
    lesson = Lesson(ROWS, torch.tensor([0, 1, 0, 1]), torch.nn.functional.cross_entropy)
    train(network, lesson, Exam(ROWS, lambda raw: (0.0,)), Recipe(epochs=2, device="cpu"), 0)
    assert modes == [(True, True), (False, False)] * 2


def test_outputs_for_dev_that_are_never_numbers_are_never_kept() -> None:
    lesson = Lesson(ROWS, torch.tensor([0, 1, 0, 1]), torch.nn.functional.cross_entropy)
    exam = Exam(ROWS, lambda raw: (-np.inf, -np.inf))
    with pytest.raises(AdapterError, match="the outputs for the dev rows became infinite or NaN"):
        train(small_learner(), lesson, exam, Recipe(epochs=2, device="cpu"), 0)


def test_what_cannot_be_adapted_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RequestError, match="mode head needs a network with the parts"):
        prepare(torch.nn.Linear(2, 2), Recipe(mode="head"))
    with pytest.raises(RequestError, match="ia3_targets"):
        prepare(classifier(bert(), 2, "mean"), Recipe(mode="ia3"))
    with pytest.raises(RequestError, match="lora cannot be put on nowhere"):
        tuned("lora", lora_targets=("nowhere",))
    with pytest.raises(RequestError, match="pooling cls"):
        prepare(torch.nn.Linear(2, 2), Recipe(pooling="cls"))
    monkeypatch.setattr("dnabench.harness.engine.tuning.find_spec", lambda name: None)
    with pytest.raises(Unavailable, match=r"dnabench\[finetune\]"):
        tuned("lora")


def test_the_recipe_may_ask_for_another_pooling_and_berts_head() -> None:
    module: Any = classifier(bert(), 3, "mean")
    prepare(module, Recipe(pooling="cls", head="dense", head_dropout=0.0))
    module.eval()
    inputs = collated(module.reader, ROWS)
    states = module.reader.network(inputs["input_ids"], inputs["attention_mask"]).last_hidden_state[:, 0]
    first, last = module.head[0], module.head[3]
    expected = last(torch.tanh(first(states)))
    assert torch.allclose(module(**inputs), expected, atol=1e-6)


def test_norms_and_biases_do_not_decay_unless_asked_and_the_head_has_its_rate() -> None:
    module = classifier(bert(), 2, "mean")
    found = groups(module, Recipe(learning_rate=1e-4, head_learning_rate=1e-2, weight_decay=0.5))
    assert sum(len(group["params"]) for group in found) == len(list(module.parameters()))
    for group in found:
        assert all(p.ndim >= 2 for p in group["params"]) is (group["weight_decay"] == 0.5)
    assert sorted(group["scale"] for group in found) == [1.0, 1.0, 100.0, 100.0]
    assert {group["weight_decay"] for group in groups(module, Recipe(decay_vectors=True))} == {0.1}


def test_the_first_step_moves_head_and_body_at_their_own_rates() -> None:
    recipe = Recipe(
        learning_rate=1e-4, head_learning_rate=1e-2, weight_decay=0.0, warmup_steps=0, max_steps=1, device="cpu",
        schedule="constant",
    )  # fmt: skip
    network, start = small_learner(), small_learner().module.state_dict()
    train(network, Lesson(ROWS, torch.arange(len(ROWS)) % 2, torch.nn.functional.cross_entropy), None, recipe, 0)
    moved = {name: float((p.detach() - start[name]).abs().max()) for name, p in network.module.named_parameters()}
    # Adam's first step is as long as its rate, whatever the gradient.
    assert moved["head.weight"] == pytest.approx(1e-2, rel=1e-2)
    assert max(m for name, m in moved.items() if not name.startswith("head.")) == pytest.approx(1e-4, rel=1e-2)


class Sides:
    """Judges nothing."""

    def __call__(self, raw: Any) -> tuple[float, ...]:
        return (0.0,)


def test_an_exam_over_pairs_reads_both_sides() -> None:
    reader = bert(hidden_dropout_prob=0.0)
    module = classifier(reader, 2, "mean", kind="pair")
    seen: list[int] = []

    def collate(rows: Sequence[str]) -> Any:
        seen.append(len(rows))
        return collated(reader, rows)

    lesson = Lesson(ROWS, torch.tensor([0, 1, 0, 1]), torch.nn.functional.cross_entropy, ROWS[::-1])
    recipe = Recipe(batch_size=4, epochs=1, device="cpu", both_strands=True)
    done = train(Network(module, collate), lesson, Exam(ROWS[:2], Sides(), ROWS[2:]), recipe, 0)
    assert seen == [8, 4]
    assert done.raw(ROWS, ROWS[::-1]).shape == (4, 2)
    assert np.allclose(done.raw(ROWS, ROWS)[:1], done.raw(ROWS[:1], ROWS[:1]), atol=1e-5)
