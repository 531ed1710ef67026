"""The batch is what the recipe says, whatever the passes, devices and memory; losses are those of the Trainer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'dnabench[torch]'")

from small_readers import small_learner  # noqa: E402
from torch.nn import functional  # noqa: E402

from dnabench.harness.engine import gradient  # noqa: E402
from dnabench.harness.engine.devices import choose_devices, possible_precision  # noqa: E402
from dnabench.harness.engine.gradient import Learner, Network, Rows  # noqa: E402
from dnabench.harness.engine.recipe import Recipe  # noqa: E402
from dnabench.harness.engine.targets import objective_of  # noqa: E402
from dnabench.harness.engine.training import Lesson, train  # noqa: E402
from dnabench.harness.types import Target  # noqa: E402

CPU = torch.device("cpu")
DRAW = np.random.default_rng(0)
SEQUENCES = ["".join(DRAW.choice(list("ACGT"), 8 + n % 9)) for n in range(24)]
LABELS = torch.from_numpy(DRAW.integers(0, 2, 24))


def gradients(monkeypatch: pytest.MonkeyPatch, devices: int = 1, **settings: Any) -> list[Any]:
    """The gradient of one batch of 24 rows, in the order of the parameters."""
    monkeypatch.setattr(gradient, "choose_devices", lambda *names: (CPU,) * devices)
    made = small_learner()
    learner = Learner(made, Lesson(SEQUENCES, LABELS, functional.cross_entropy), Recipe(device="cpu", **settings))
    learner.step(np.arange(24), Rows(SEQUENCES), 0.0)
    return [p.grad for p in made.module.parameters() if p.grad is not None]


@pytest.mark.parametrize("devices", [1, 2, 3])
@pytest.mark.parametrize("budget", [1, 40, 100, 10**6])
def test_the_gradient_of_a_batch_is_the_same_in_any_number_of_passes_on_any_number_of_devices(
    devices: int, budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = small_learner()
    made.module.train()
    functional.cross_entropy(made.module(**made.collate(SEQUENCES)), LABELS).backward()
    expected = [p.grad for p in made.module.parameters() if p.grad is not None]
    found = gradients(monkeypatch, devices, tokens_per_pass=budget, clip=0.0)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_a_training_on_two_devices_ends_where_one_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    lesson = Lesson(SEQUENCES, LABELS, functional.cross_entropy)
    recipe = Recipe(device="cpu", epochs=3, batch_size=8, warmup_steps=0, learning_rate=1e-3)
    found = []
    for devices in (1, 2):
        monkeypatch.setattr(gradient, "choose_devices", lambda *names, many=devices: (CPU,) * many)
        found.append(train(small_learner(), lesson, None, recipe, 0))
    assert found[0].losses == pytest.approx(found[1].losses, abs=1e-5)
    assert np.allclose(found[0].raw(SEQUENCES), found[1].raw(SEQUENCES), atol=1e-4)


def test_a_full_memory_on_one_of_two_devices_keeps_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gradients(monkeypatch, 2, clip=0.0)
    real, sizes = Learner._pass, []

    def tight(self: Any, batch: Any, module: Any, device: Any, part: Any) -> Any:
        sizes.append(len(part))
        if len(part) > 4:
            raise torch.cuda.OutOfMemoryError
        return real(self, batch, module, device, part)

    monkeypatch.setattr(Learner, "_pass", tight)
    found = gradients(monkeypatch, 2, clip=0.0)
    assert max(sizes) > 4 >= sizes[-1]
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(found, whole, strict=True))


def test_labels_of_tracks_weigh_by_bins_that_have_one() -> None:
    objective = objective_of(Target("class", ("a", "b")), np.zeros((2, 3)))
    raw = torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[0, 1, -100], [-100, -100, 1]])
    expected = functional.cross_entropy(raw.flatten(0, 1), labels.flatten(), ignore_index=-100)
    assert objective.loss(raw, labels) == pytest.approx(float(expected))
    assert objective.weight(labels) == 3
    parts = [objective.loss(raw[i : i + 1], labels[i : i + 1]) * objective.weight(labels[i : i + 1]) for i in (0, 1)]
    assert float(sum(parts)) / 3 == pytest.approx(float(expected))
    nothing = torch.full((2, 3), -100)
    assert torch.isfinite(objective.loss(raw, nothing))
    values = objective_of(Target("value"), np.array([[1.0, np.nan], [3.0, 2.0]]))
    labels = values.labels(np.array([[1.0, np.nan], [3.0, 2.0]]))
    assert values.loss(torch.zeros(2, 2, 1), labels) == pytest.approx(1.0), "standardised: the variance is 1"


@pytest.mark.parametrize("budget", [3, 100])
def test_a_batch_of_tracks_in_passes_has_the_mean_loss_of_its_labelled_bins(budget: int) -> None:
    class Bins(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 2)

        def forward(self, x: Any) -> Any:
            return self.layer(x[..., None])

    def collate(sequences: Sequence[str]) -> Any:
        return {"x": torch.tensor([[float("ACGT".index(base)) for base in row] for row in sequences])}

    torch.manual_seed(0)
    module, rows = Bins(), ["ACG", "TTA", "GCA"]
    labels = torch.tensor([[0, 1, -100], [-100, -100, 1], [1, 0, 1]])
    objective = objective_of(Target("class", ("a", "b")), labels.numpy())
    expected = functional.cross_entropy(
        module(**collate(rows)).detach().flatten(0, 1), labels.flatten(), ignore_index=-100
    )
    lesson = Lesson(rows, labels, objective.loss, weight=objective.weight)
    learner = Learner(Network(module, collate), lesson, Recipe(device="cpu", tokens_per_pass=budget))
    assert float(learner.step(np.arange(3), Rows(rows), 0.0)) == pytest.approx(float(expected))


def test_a_scaled_gradient_is_clipped_as_it_is_and_an_infinite_one_is_a_step_skipped() -> None:
    recipe = Recipe(device="cpu", clip=1e-3, epsilon=1e-2, batch_size=8)
    ends = []
    for scaled in (False, True):
        network = small_learner()
        learner = Learner(network, Lesson(SEQUENCES, LABELS, functional.cross_entropy), recipe)
        if scaled:
            learner.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        learner.step(np.arange(8), Rows(SEQUENCES[:8]), 1e-2)
        ends.append(torch.cat([p.detach().flatten() for p in network.module.parameters()]))
    assert learner.skipped == 0
    assert float((ends[0] - ends[1]).abs().max()) < 1e-6
    learner.lesson = Lesson(SEQUENCES, LABELS, lambda raw, labels: raw.sum() * float("inf"))
    learner.step(np.arange(8), Rows(SEQUENCES[:8]), 1e-2)
    assert learner.skipped == 1
    assert torch.equal(ends[1], torch.cat([p.detach().flatten() for p in network.module.parameters()]))


def test_half_precision_runs_where_it_can() -> None:
    assert possible_precision(CPU, "float16") == "float32"
    assert choose_devices("cpu", "all") == (CPU,)
    lesson = Lesson(SEQUENCES, LABELS, functional.cross_entropy)
    losses = {}
    for precision in ("float32", "float16", "bfloat16"):
        recipe = Recipe(device="cpu", epochs=2, batch_size=8, warmup_steps=0, precision=precision)
        done = train(small_learner(), lesson, None, recipe, 0)
        losses[done.recipe.precision, precision] = done.losses
    assert losses["float32", "float16"] == losses["float32", "float32"]
    assert losses["bfloat16", "bfloat16"] == pytest.approx(losses["float32", "float32"], abs=0.02)
    assert losses["bfloat16", "bfloat16"] != losses["float32", "float32"]


def test_every_loss_is_that_of_transformers_trainer(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="the oracle is transformers")
    pytest.importorskip("accelerate", reason="the Trainer needs accelerate")
    steps, recipe = 9, Recipe(
        device="cpu", batch_size=8, max_steps=9, evaluate_every=1, warmup_steps=3, schedule="linear", clip=0.1,
        learning_rate=5e-3, weight_decay=0.3,
    )  # fmt: skip
    rows = [row[:8] for row in SEQUENCES]
    ours = train(small_learner(), Lesson(rows, LABELS, functional.cross_entropy), None, recipe, 0)
    order = np.random.default_rng(0)
    batches = [part for _ in range(3) for part in np.split(order.permutation(24), 3)]
    made = small_learner()

    class Wrapped(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = made.module

        def forward(self, labels: Any, num_items_in_batch: Any = None, **inputs: Any) -> Any:
            return {"loss": functional.cross_entropy(self.inner(**inputs), labels)}

    def collate(items: Sequence[int]) -> Any:
        return {**made.collate([rows[i] for i in items]), "labels": LABELS[list(items)]}

    args = transformers.TrainingArguments(
        output_dir=str(tmp_path), per_device_train_batch_size=8, max_steps=steps, learning_rate=5e-3, weight_decay=0.3,
        warmup_steps=3, lr_scheduler_type="linear", max_grad_norm=0.1, logging_steps=1, save_strategy="no",
        report_to=[], use_cpu=True, remove_unused_columns=False, disable_tqdm=True, dataloader_pin_memory=False,
    )  # fmt: skip

    class InOrder(transformers.Trainer):
        def _get_train_sampler(self, *_: Any) -> Any:
            return torch.utils.data.SequentialSampler(self.train_dataset)

    shown = [int(i) for batch in batches for i in batch]
    trainer = InOrder(Wrapped(), args, data_collator=collate, train_dataset=shown)
    trainer.train()
    theirs = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(theirs) == len(ours.losses) == steps
    assert ours.losses == pytest.approx(theirs, abs=2e-4), "the Trainer rounds what it logs to four digits"
