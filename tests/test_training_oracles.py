"""A training is the one that torch and transformers would make of its recipe; the best look on dev is what predicts."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'dnabench[torch]'")

from small_readers import small_learner  # noqa: E402
from torch.nn import functional  # noqa: E402

from dnabench.adapters.cnn import CNN  # noqa: E402
from dnabench.harness.data.load import DataOptions, load_splits  # noqa: E402
from dnabench.harness.engine.batches import shuffled_batches  # noqa: E402
from dnabench.harness.engine.devices import reproducible  # noqa: E402
from dnabench.harness.engine.recipe import Recipe  # noqa: E402
from dnabench.harness.engine.training import Lesson, Network, train  # noqa: E402
from dnabench.harness.metrics import evaluate  # noqa: E402
from dnabench.harness.protocols.finetune import CONFIG, finetune  # noqa: E402
from dnabench.harness.protocols.fit import TrainRows, take  # noqa: E402
from dnabench.harness.registry import find_tasks  # noqa: E402
from dnabench.harness.types import Fit, Split  # noqa: E402

(TASK,) = find_tasks(["yeast"], ["yeast/start_codon"])
ROWS, BATCH, EPOCHS = 22, 8, 3
STEPS = EPOCHS * 3
"""The last batch of each epoch has 6 of the 22 rows."""


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with reproducible(0, torch.device("cpu")):
        yield


@pytest.fixture(scope="module")
def course() -> tuple[TrainRows, Split]:
    splits = load_splits(TASK, DataOptions())

    def few(split: Split, rows: int) -> Split:
        return take(split, np.arange(len(split)) % (len(split) // rows) == 0)

    return TrainRows(few(splits.train, 200), few(splits.dev, 60)), few(splits.test, 60)


@pytest.fixture(scope="module")
def lesson(course: tuple[TrainRows, Split]) -> Lesson:
    train_rows = course[0].train
    rows = [sequence[: 20 + 3 * (i % 5)] for i, sequence in enumerate(train_rows.sequences[:ROWS])]
    return Lesson(rows, torch.from_numpy(np.asarray(train_rows.labels[:ROWS])), functional.cross_entropy)


def textbook(lesson: Lesson, recipe: Recipe) -> tuple[dict[str, Any], list[float]]:
    """Weights and learning rates of a plain loop over whole batches, by torch's and transformers' own parts."""
    optimization = pytest.importorskip("transformers.optimization", reason="the oracle is transformers")
    from transformers.trainer_pt_utils import get_parameter_names

    made = small_learner()
    module = made.module.train()
    decaying = set(get_parameter_names(module, [torch.nn.LayerNorm], ["bias", "layernorm"]))
    parts = [[p for name, p in module.named_parameters() if (name in decaying) is decays] for decays in (True, False)]
    groups = [{"params": p, "weight_decay": d} for p, d in zip(parts, (recipe.weight_decay, 0.0), strict=True)]
    betas = (recipe.beta1, recipe.beta2)
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=betas, eps=recipe.epsilon)
    scheduler = optimization.get_scheduler(recipe.schedule, optimizer, recipe.warmup_steps, STEPS)
    draw, lengths, rates = np.random.default_rng(0), np.array([len(s) for s in lesson.sequences]), []
    for batch in (batch for _ in range(EPOCHS) for batch in shuffled_batches(lengths, BATCH, draw)):
        rates.append(scheduler.get_last_lr()[0])
        loss = functional.cross_entropy(
            module(**made.collate([lesson.sequences[i] for i in batch])), lesson.labels[batch]
        )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), recipe.clip)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    return module.state_dict(), rates


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("budget", [40, 10**6])
def test_a_training_in_any_passes_ends_with_the_weights_of_a_plain_loop_over_whole_batches(
    schedule: Any, budget: int, lesson: Lesson
) -> None:
    recipe = Recipe(
        device="cpu", batch_size=BATCH, epochs=EPOCHS, schedule=schedule, warmup_steps=2, weight_decay=0.3,
        clip=0.5, learning_rate=3e-3, beta1=0.8, beta2=0.99, epsilon=1e-6, tokens_per_pass=budget,
    )  # fmt: skip
    expected, rates = textbook(lesson, recipe)
    made = small_learner()
    done = train(made, lesson, None, recipe, 0)
    assert (done.step, done.looks) == (STEPS, [3, 6, 9]), "as many steps as batches, whatever the passes"
    assert [recipe.rate(step, STEPS) for step in range(STEPS)] == pytest.approx(rates)
    found, start = made.module.state_dict(), small_learner().module.state_dict()
    moved = max(float((expected[name] - start[name]).abs().max()) for name in expected)
    apart = max(float((expected[name] - found[name]).abs().max()) for name in expected)
    assert moved > 1e-2
    assert apart < 1e-4


JUMPY: dict[str, Any] = {
    **CONFIG, "metric": "f1_macro", "device": "cpu", "patience": 0, "epochs": 12, "batch_size": 16, "warmup_steps": 0,
    "schedule": "constant", "learning_rate": 2e-2,
}  # fmt: skip
"""A rate at which dev goes up and down."""


def learn(course: tuple[TrainRows, Split], **settings: Any) -> Fit:
    return finetune(CNN(), course[0], course[1].inputs, {**JUMPY, **settings}, 0)


def test_where_the_last_epoch_is_worse_the_best_by_the_named_metric_is_what_predicts(
    course: tuple[TrainRows, Split],
) -> None:
    found = learn(course)
    scores, step = found.chosen["dev_scores"], int(found.chosen["step"])
    assert max(scores) > scores[-1]
    assert found.chosen["epoch"] == 1 + int(np.argmax(scores))
    until = learn(course, max_steps=step)
    assert until.chosen["dev_scores"] == scores[: found.chosen["epoch"]]
    assert until.outputs.tobytes() == found.outputs.tobytes(), "the weights of that step, not of the last"
    last = learn(course, least_dev_rows=10**6)
    assert last.chosen["epoch"] == 12
    assert last.outputs.tobytes() != found.outputs.tobytes()
    rows = course[0].dev
    dev = finetune(CNN(), course[0], rows.inputs, {**JUMPY, "max_steps": step}, 0)
    said = evaluate("f1_macro", rows.labels, dev.outputs, dev.kind, rows.target).value
    assert said == pytest.approx(max(scores), abs=1e-6)


def test_a_last_row_that_stands_alone_is_normed_by_what_came_before() -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 2))
    x, labels = torch.rand(9, 4), torch.tensor([0, 1] * 4 + [0])
    lesson = Lesson([str(i) for i in range(9)], labels, torch.nn.functional.cross_entropy)
    network = Network(module, lambda rows: {"input": x[[int(row) for row in rows]]})
    trained = train(network, lesson, None, Recipe(batch_size=8, epochs=2, warmup_steps=0, device="cpu"), 0)
    assert trained.step == 4
    assert np.isfinite(trained.losses).all()


def test_patience_ends_a_training_after_as_many_looks_without_a_better_one(course: tuple[TrainRows, Split]) -> None:
    whole, short = learn(course), learn(course, patience=2)
    scores = short.chosen["dev_scores"]
    best = int(np.argmax(scores))
    assert len(scores) == best + 1 + 2 < 12
    assert scores == whole.chosen["dev_scores"][: len(scores)]
    assert short.chosen["epoch"] == best + 1
