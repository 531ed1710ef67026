"""Batches hold every row once, seeds repeat, a full memory halves the budget, nothing global stays changed."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

if find_spec("torch") is None:
    pytest.skip("needs torch: pip install 'dnabench[torch]'", allow_module_level=True)

import torch
from hypothesis import given
from hypothesis import strategies as st

from dnabench.harness.engine.batches import over_batches, shuffled_batches, token_batches
from dnabench.harness.engine.devices import choose_device, reproducible
from dnabench.harness.engine.recipe import Recipe, read_recipe
from dnabench.harness.engine.targets import collapsed, objective_of
from dnabench.harness.engine.training import Exam, Lesson, Network, Trained, train
from dnabench.harness.errors import AdapterError, RequestError, Unavailable
from dnabench.harness.types import Target

CPU = torch.device("cpu")
TWO = Target("class", ("0", "1"))
LENGTHS = st.lists(st.integers(1, 50), max_size=60)


@given(lengths=LENGTHS, budget=st.integers(1, 300))
def test_token_batches_hold_every_row_once_and_keep_the_budget(lengths: list[int], budget: int) -> None:
    batches = token_batches(lengths, budget)
    assert sorted(int(i) for batch in batches for i in batch) == list(range(len(lengths)))
    padded = [max(lengths[i] for i in batch) * len(batch) for batch in batches]
    assert all(size <= budget or len(batch) == 1 for size, batch in zip(padded, batches, strict=True))
    longest = [max(lengths[i] for i in batch) for batch in batches]
    assert longest == sorted(longest, reverse=True)


@given(lengths=LENGTHS, rows=st.integers(1, 9), seed=st.integers(0, 5))
def test_training_batches_hold_every_row_once_and_repeat(lengths: list[int], rows: int, seed: int) -> None:
    sizes = np.array(lengths, np.int64)
    batches, again = (shuffled_batches(sizes, rows, np.random.default_rng(seed)) for _ in range(2))
    assert sorted(int(i) for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(len(batch) <= rows for batch in batches)
    assert all((a == b).all() for a, b in zip(batches, again, strict=True))


def test_training_batches_of_like_rows_come_in_random_order() -> None:
    sizes = np.arange(64, dtype=np.int64) % 16
    batches = [sizes[batch] for batch in shuffled_batches(sizes, 8, np.random.default_rng(0))]
    assert max(int(np.ptp(batch)) for batch in batches) <= 2, "little of a batch is padding"
    first = [int(batch[0]) for batch in batches]
    assert first not in (sorted(first), sorted(first, reverse=True))


def worked(function: Callable[[list[int]], Any], lengths: list[int], budget: int) -> list[Any]:
    """What one worker makes of the rows' lengths in batches, each entry put back where its row stood."""

    def start(rows: Any) -> Callable[[], Any]:
        part = function([lengths[row] for row in rows])
        return lambda: part

    table: list[Any] = [None] * len(lengths)
    for rows, part in over_batches([start], np.array(lengths, np.int64), budget):
        for row, entry in zip(rows.tolist(), part, strict=True):
            assert table[row] is None, "every row once"
            table[row] = entry
    return table


@given(lengths=LENGTHS, budget=st.integers(1, 300))
def test_what_comes_of_a_batch_stands_beside_its_own_rows(lengths: list[int], budget: int) -> None:
    assert worked(list, lengths, budget) == lengths


def test_a_full_memory_halves_the_budget_and_loses_no_row() -> None:
    lengths = [5, 9, 3, 8, 2, 7, 9, 1]
    sizes: list[int] = []

    def greedy(batch: list[int]) -> list[int]:
        sizes.append(len(batch) * max(batch))
        if sizes[-1] > 20:
            raise torch.cuda.OutOfMemoryError
        return batch

    assert worked(greedy, lengths, 1000) == lengths
    assert [size for size in sizes if size > 20] == [72, 36], "each failure halves what the batch took"


def test_memory_that_is_full_at_a_later_batch_loses_no_row() -> None:
    lengths, calls = [2, 9, 3, 8, 2, 7, 9, 1], iter(range(99))

    def full_once(batch: list[int]) -> list[int]:
        if next(calls) == 1:
            raise torch.cuda.OutOfMemoryError
        return batch

    assert worked(full_once, lengths, 20) == lengths


@pytest.mark.parametrize(
    ("error", "expected", "message"),
    [
        (torch.cuda.OutOfMemoryError(), Unavailable, "a single row of 3 tokens does not fit"),
        (ValueError("a bug"), ValueError, "a bug"),
    ],
)
def test_a_row_that_never_fits_is_unavailable_and_a_bug_stays_a_bug(error: Any, expected: Any, message: str) -> None:
    def failing(batch: list[int]) -> Any:
        raise error

    with pytest.raises(expected, match=message):
        worked(failing, [3, 1], 100)


def global_state() -> tuple[Any, ...]:
    return (
        torch.get_rng_state().tolist(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.get_num_threads(),
        torch.backends.cudnn.benchmark,
        torch.get_float32_matmul_precision(),
        np.random.get_state()[1].tolist(),
    )


def test_a_reproducible_stretch_leaves_no_trace_even_when_it_fails() -> None:
    torch.set_num_threads(2)
    torch.set_float32_matmul_precision("high")
    before = global_state()
    draws = []
    for _ in range(2):
        with suppress(KeyError), reproducible(7, CPU):
            draws.append(torch.rand(3).tolist())
            assert torch.are_deterministic_algorithms_enabled()
            assert torch.get_num_threads() == 1
            assert torch.get_float32_matmul_precision() == "highest"
            raise KeyError
    assert draws[0] == draws[1]
    assert global_state() == before
    torch.set_float32_matmul_precision("highest")
    with reproducible(8, CPU):
        assert torch.rand(3).tolist() != draws[0], "another seed, other draws"


def test_a_missing_accelerator_is_said() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one here")
    with pytest.raises(Unavailable, match="device=cpu"):
        choose_device("cuda")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"learning_rat": 1}, "Did you mean 'learning_rate'"),
        ({"learning_rate": "fast"}, "must be a number"),
        ({"learning_rate": float("nan")}, "must be a number"),
        ({"epochs": 0}, "too small"),
        ({"epochs": 1.5}, "whole number"),
        ({"schedule": "stairs"}, "constant, linear, cosine"),
        ({"both_strands": 1}, "true or false"),
        ({"mode": "half"}, "full, lora, ia3, head"),
        ({"device": "cuda:x"}, "auto, cpu, cuda"),
        ({"warmup_ratio": 1.0}, "below 1"),
        ({"lora_targets": "query"}, "list of names"),
        ({"search": [1]}, "search.learning_rate"),
        ({"search": {"learning_rat": [1]}}, "Did you mean 'learning_rate'"),
        ({"search": {"threads": [1, 2]}}, "cannot vary"),
        ({"search": {"epochs": []}}, "list of values"),
        ({"search": {"epochs": [1, 0]}}, "too small"),
    ],
)
def test_a_wrong_setting_is_one_sentence(config: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        read_recipe(config)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("warmup", [{"warmup_steps": 4}, {"warmup_ratio": 4 / 24}])
def test_every_schedule_is_that_of_transformers(schedule: Any, warmup: dict[str, Any]) -> None:
    optimization = pytest.importorskip("transformers.optimization", reason="the oracle is transformers")
    recipe = Recipe(learning_rate=2.0, schedule=schedule, **warmup)
    name = {"constant": "constant_with_warmup"}.get(schedule, schedule)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    oracle = optimization.get_scheduler(name, optimizer, num_warmup_steps=4, num_training_steps=24)
    for step in range(25):
        assert recipe.rate(step, 24) == pytest.approx(oracle.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        oracle.step()


def test_a_share_of_steps_to_warm_up_over_is_rounded_up_as_transformers_does() -> None:
    recipe = Recipe(learning_rate=1.0, warmup_ratio=0.1, schedule="constant")
    assert [recipe.rate(step, 25) for step in range(4)] == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_a_schedule_may_end_above_zero() -> None:
    for schedule in ("linear", "cosine"):
        recipe = Recipe(learning_rate=2.0, warmup_steps=0, schedule=schedule, final_rate=0.1)
        assert recipe.rate(0, 10) == pytest.approx(2.0)
        assert recipe.rate(10, 10) == pytest.approx(0.2)


@pytest.mark.parametrize("kind", ["class", "multilabel", "value"])
def test_losses_and_outputs_are_those_of_the_textbook(kind: Any) -> None:
    draw = np.random.default_rng(0)
    raw = draw.normal(size=(6, 1 if kind == "value" else 3)).astype(np.float32)
    target = Target(kind, () if kind == "value" else ("a", "b", "c"))
    labels = {
        "class": np.array([0, 1, 2, 2, 1, 0]),
        "multilabel": draw.integers(0, 2, (6, 3)).astype(np.int8),
        "value": draw.normal(3.0, 2.0, 6),
    }[kind]
    objective = objective_of(target, labels)
    outputs = objective.outputs(raw).astype(np.float64)
    loss = float(objective.loss(torch.from_numpy(raw), objective.labels(labels)))
    if kind == "class":
        expected = -np.log(outputs[np.arange(6), labels]).mean()
    elif kind == "multilabel":
        expected = -np.where(labels == 1, np.log(outputs), np.log(1 - outputs)).mean()
    else:
        expected = ((outputs[:, 0] - labels) ** 2).mean() / labels.var()
    assert loss == pytest.approx(expected, rel=1e-5)


def test_a_sure_network_keeps_the_order_of_its_rows() -> None:
    raw = np.array([[0.0, 40.0], [0.0, 60.0], [60.0, 0.0]], np.float32)
    outputs = objective_of(TWO, np.array([0, 1])).outputs(raw)
    assert outputs.dtype == np.float32
    assert 0 < outputs[1, 0] < outputs[0, 0] < outputs[2, 0] == 1.0


def test_values_that_are_all_the_same_are_standardised_to_zero() -> None:
    objective = objective_of(Target("value"), np.array([3.0, 3.0]))
    assert objective.labels(np.array([3.0, 3.0])).tolist() == [[0.0], [0.0]]
    assert objective.outputs(np.array([[0.0]])).tolist() == [[3.0]]


def test_a_shape_that_would_broadcast_to_a_wrong_loss_is_refused() -> None:
    objective = objective_of(Target("value"), np.arange(4.0))
    with pytest.raises(AdapterError, match=r"shape \(4,\); expected \(4, 1\)"):
        objective.loss(torch.zeros(4), objective.labels(np.arange(4.0)))


def test_a_collapsed_network_is_recognised() -> None:
    assert collapsed(np.array([[0.6, 0.4], [0.9, 0.1]]), TWO)
    assert not collapsed(np.array([[0.6, 0.4], [0.1, 0.9]]), TWO)
    assert collapsed(np.full((5, 1), 3.0), Target("value"))
    assert not collapsed(np.array([[3.0], [3.1]]), Target("value"))
    assert collapsed(np.full((5, 2), 0.2), Target("multilabel", ("a", "b")))


class Counter(torch.nn.Module):
    """A linear model on the share of each base, with dropout so that torch's own draws matter."""

    def __init__(self, passes: list[int] | None = None, room: int = 10**9) -> None:
        super().__init__()
        self.dense = torch.nn.Linear(4, 2)
        self.dropout = torch.nn.Dropout(0.1)
        self.passes, self.room = passes if passes is not None else [], room

    def forward(self, shares: Any) -> Any:
        self.passes.append(len(shares))
        if len(shares) > self.room:
            raise torch.cuda.OutOfMemoryError
        return self.dense(self.dropout(shares))


def shares(sequences: Sequence[str]) -> dict[str, Any]:
    return {"shares": torch.tensor([[s.count(base) / len(s) for base in "ACGT"] for s in sequences])}


@pytest.fixture
def lesson() -> Lesson:
    draw = np.random.default_rng(1)
    sequences = ["".join(row) for row in draw.choice(list("ACGT"), (64, 12))]
    objective = objective_of(TWO, np.array([0, 1]))
    labels = np.array([s.count("G") > s.count("A") for s in sequences], np.int64)
    return Lesson(sequences, objective.labels(labels), objective.loss)


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with reproducible(0, CPU):
        yield


def learn(lesson: Lesson, module: Any, exam: Exam | None = None, **settings: Any) -> Trained:
    recipe = Recipe(**{"device": "cpu", "batch_size": 16, "epochs": 8, "warmup_steps": 2} | settings)
    return train(Network(module, shares), lesson, exam, recipe, 0)


def test_training_learns_and_its_losses_fall(lesson: Lesson) -> None:
    trained = learn(lesson, Counter(), epochs=60, learning_rate=0.1)
    assert trained.epoch == 60
    assert trained.losses[-1] < 0.45 < trained.losses[0]
    said = trained.raw(lesson.sequences).argmax(1)
    assert (said == lesson.labels.numpy()).mean() > 0.9


def test_the_best_epoch_is_kept_and_patience_ends_the_training(lesson: Lesson) -> None:
    ranks = iter([(0.1,), (0.5,), (0.4,), (0.5,), (0.3,), (0.9,)])
    seen: list[Any] = []

    def judge(raw: Any) -> tuple[float, ...]:
        seen.append(raw)
        return next(ranks)

    trained = learn(lesson, Counter(), Exam(lesson.sequences, judge), patience=3)
    assert trained.epoch == 2, "the first of equals"
    assert trained.curve == [(0.1,), (0.5,), (0.4,), (0.5,), (0.3,)]
    assert np.array_equal(trained.raw(lesson.sequences), seen[1])
    assert not np.array_equal(seen[1], seen[-1])


def test_a_batch_in_several_passes_has_the_same_gradient(lesson: Lesson) -> None:
    results = []
    for budget in (10**6, 12 * 5):
        torch.manual_seed(3)
        module = Counter()
        module.dropout.p = 0.0
        results.append(learn(lesson, module, tokens_per_pass=budget, epochs=3))
    assert max(results[0].network.module.passes) == 16
    assert max(results[1].network.module.passes) == 5
    first, second = (trained.raw(lesson.sequences) for trained in results)
    assert np.allclose(first, second, atol=1e-5)


def test_training_goes_on_in_smaller_passes_when_the_memory_is_full(lesson: Lesson) -> None:
    module = Counter(room=6)
    trained = learn(lesson, module, epochs=2)
    assert module.passes[:2] == [16, 8], "16 rows, then half, until 6 fit"
    assert trained.recipe.tokens_per_pass == 12 * 4
    assert len(trained.losses) == 2
    with pytest.raises(Unavailable, match="single row"):
        learn(lesson, Counter(room=0))


def test_a_loss_that_is_not_a_number_stops_with_the_reason(lesson: Lesson) -> None:
    def judge(raw: Any) -> tuple[float, ...]:
        return (float(np.isfinite(raw).all()),)

    broken = Lesson(lesson.sequences, lesson.labels, lambda raw, labels: lesson.loss(raw, labels) * np.nan)
    with pytest.raises(AdapterError, match=r"in epoch 1: lower learning_rate \(now 0.002\)"):
        learn(broken, Counter())
    calls = iter(range(10**6))
    late = Lesson(
        lesson.sequences,
        lesson.labels,
        lambda raw, labels: lesson.loss(raw, labels) * (np.nan if next(calls) >= 6 else 1.0),
    )
    trained = learn(late, Counter(), Exam(lesson.sequences, judge))
    assert trained.diverged
    assert trained.epoch == 1
    assert np.isfinite(trained.raw(lesson.sequences)).all()


def test_frozen_parameters_stay_as_they_are(lesson: Lesson) -> None:
    module = Counter()
    before = module.dense.weight.requires_grad_(False).clone()
    learn(lesson, module, weight_decay=10.0, epochs=1)
    assert torch.equal(module.dense.weight, before)
