"""Any port is trained from scratch through the same path, in every mode, on real rows of yeast."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'dnabench[torch]'")

from dnabench.adapters.pretrained import Pretrained
from dnabench.harness.data.load import DataOptions, load_splits
from dnabench.harness.protocols import configure, run_protocol
from dnabench.harness.protocols.fit import TrainRows, take
from dnabench.harness.registry import find_tasks
from dnabench.harness.types import Inputs, Split

(TASK,) = find_tasks(["yeast"], ["yeast/start_codon"])
MODES = {"mode": "full", "max_steps": 2, "batch_size": 8, "device": "cpu"}


@pytest.fixture(scope="module")
def course() -> tuple[TrainRows, Inputs]:
    splits = load_splits(TASK, DataOptions())

    def few(split: Split, rows: int) -> Split:
        return take(split, np.arange(len(split)) % (len(split) // rows) == 0)

    return TrainRows(few(splits.train, 24), few(splits.dev, 24)), few(splits.test, 8).inputs


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("convnova", {}),
        ("convnova", {"mode": "lora"}),
        ("hyenadna", {"pooling": "last", "precision": "bfloat16"}),
        ("hyenadna", {"mode": "ia3"}),
        ("hyenadna", {"mode": "head", "both_strands": True, "max_tokens": 100}),
    ],
)
def test_a_family_learns_from_scratch(family: str, settings: dict[str, Any], course: tuple[TrainRows, Inputs]) -> None:
    if settings.get("mode") in ("lora", "ia3"):
        pytest.importorskip("peft", reason="needs peft: pip install 'dnabench[finetune]'")
    rows, test = course
    model = Pretrained(adapter=family, init="random")
    config = configure("finetune", TASK, None, {**MODES, **settings}, model)
    assert config["learning_rate"] == model.recipe["learning_rate"]
    found, again = (run_protocol("finetune", model, rows, test, config, 0) for _ in range(2))
    assert np.asarray(found.outputs).tobytes() == np.asarray(again.outputs).tobytes()
    chosen = found.chosen
    assert chosen["dev_steps"] == [2]
    assert chosen["precision"] == config["precision"]
    assert chosen["parameters"] >= model.info.parameters
    assert (chosen["trainable"] < chosen["parameters"] / 2) is (config["mode"] != "full")
    assert found.bases_seen == pytest.approx(99 / len(test.sequences[0]) if "max_tokens" in settings else 1.0)
