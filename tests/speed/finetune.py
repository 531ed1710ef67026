"""Steps per second of `finetune`'s training loop against transformers' Trainer: same module, data, batches, settings.

Both learn a real task (yeast/start_codon, embedded) in turn, several times; what is printed is the median of each, the
ratio, and the largest memory of the accelerator. The mean loss over the same steps shows that both did the same work.
The ratio of processor seconds is for machines that others use too.

    python tests/speed/finetune.py                                  # ConvNova of 386 thousand parameters, CPU
    python tests/speed/finetune.py --model dnabert2 --device cuda --dtype bfloat16 --steps 200
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Any

import torch
from torch.nn import functional

from dnabench.adapters.ports import convnova, dnabert2, hyenadna
from dnabench.adapters.tokenizers import CONVNOVA, HYENADNA, Overlapping
from dnabench.harness.data.load import DataOptions, load_splits
from dnabench.harness.engine.batches import Index
from dnabench.harness.engine.devices import choose_device
from dnabench.harness.engine.heads import classifier, collated
from dnabench.harness.engine.reader import Reader
from dnabench.harness.engine.recipe import Recipe
from dnabench.harness.engine.training import Lesson, Network, train
from dnabench.harness.registry import find_tasks

SMALL_NOVA = {"hidden_dim": 64, "kernel_size": 5, "d_inner": 4, "dilation": 4, "ffn": False, "final_conv": True}
TINY_HYENA = {"d_model": 128, "n_layer": 2, "max_seq_len": 1026, "emb_dim": 5, "activation_freq": 10}
SMALL_BERT = {"hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 512}
BERT = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}


@dataclass(frozen=True)
class Race:
    """What both run."""

    model: str
    rows: Sequence[str]
    labels: torch.Tensor
    batch: int
    steps: int
    device: str
    dtype: str

    def network(self) -> Network:
        """The same numbers every time; dropout is left out, because both draw it in another order."""
        torch.manual_seed(0)
        reader = reader_of(self.model)
        cached: dict[str, Any] = {}

        def collate(rows: Sequence[str]) -> Mapping[str, torch.Tensor]:
            key = rows[0] + rows[-1]
            if key not in cached:
                cached[key] = collated(reader, rows)
            return dict(cached[key])

        return Network(classifier(reader, 2, "mean"), collate)


def reader_of(model: str) -> Reader:
    """A network from scratch."""
    quiet = {"hidden_dropout_prob": 0.0, "embed_dropout": 0.0, "vocab_size": 4101}
    if model == "convnova":
        return Reader(convnova.from_config(SMALL_NOVA), CONVNOVA, attends=False)
    if model == "hyenadna":
        network = hyenadna.from_config({**TINY_HYENA, "embed_dropout": 0.0})
        return Reader(network, HYENADNA, attends=False, objective="causal", context_tokens=1026)
    sizes = BERT if model == "dnabert2" else SMALL_BERT
    return Reader(dnabert2.from_config({**quiet, **sizes}), Overlapping(6), attends=True, objective="masked")


@dataclass(frozen=True)
class Lap:
    """One run: seconds by the clock and of the processor, and the mean loss of its steps."""

    seconds: float
    processor: float
    loss: float


def ours(race: Race) -> Lap:
    """Our loop."""
    recipe = Recipe(
        learning_rate=1e-3, batch_size=race.batch, max_steps=race.steps, warmup_steps=0, schedule="linear", clip=1.0,
        device=race.device, evaluate_every=race.steps, precision=race.dtype, threads=torch.get_num_threads(),  # type: ignore[arg-type]
    )  # fmt: skip
    lesson = Lesson(race.rows, race.labels, functional.cross_entropy)
    network = race.network()
    start = perf_counter(), process_time()
    done = train(network, lesson, None, recipe, 0)
    synchronise(race)
    return Lap(perf_counter() - start[0], process_time() - start[1], done.losses[-1])


def theirs(race: Race) -> Lap:
    """transformers' Trainer, shown the rows in the order in which our loop shows them."""
    import numpy as np
    import transformers

    network = race.network()
    order = batches(race, np.random.default_rng(0))

    class Wrapped(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network.module

        def forward(self, labels: Any, num_items_in_batch: Any = None, **inputs: Any) -> Any:
            return {"loss": functional.cross_entropy(self.inner(**inputs).float(), labels)}

    class InOrder(transformers.Trainer):
        def _get_train_sampler(self, *_: Any) -> Any:
            return torch.utils.data.SequentialSampler(self.train_dataset)

    def collate(items: Sequence[int]) -> Any:
        return {**network.collate([race.rows[i] for i in items]), "labels": race.labels[list(items)]}

    with tempfile.TemporaryDirectory() as folder:
        args = transformers.TrainingArguments(
            output_dir=folder, per_device_train_batch_size=race.batch, max_steps=race.steps, learning_rate=1e-3,
            weight_decay=0.1, lr_scheduler_type="linear", max_grad_norm=1.0, logging_steps=race.steps,
            save_strategy="no", report_to=[], use_cpu=race.device == "cpu", bf16=race.dtype == "bfloat16",
            remove_unused_columns=False, disable_tqdm=True, dataloader_pin_memory=race.device != "cpu",
        )  # fmt: skip
        trainer = InOrder(Wrapped(), args, data_collator=collate, train_dataset=order)
        start = perf_counter(), process_time()
        result = trainer.train()
        synchronise(race)
        return Lap(perf_counter() - start[0], process_time() - start[1], float(result.training_loss))


def batches(race: Race, draw: Any) -> list[int]:
    """Row numbers in the order of our loop: rows of one length, so a permutation per epoch."""
    shown: list[Index] = []
    while sum(map(len, shown)) < race.steps * race.batch:
        shown.append(draw.permutation(len(race.rows)))
    return [int(i) for part in shown for i in part][: race.steps * race.batch]


def synchronise(race: Race) -> None:
    """Waits for the accelerator."""
    if race.device == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    """Runs both in turn and prints the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="convnova", choices=["convnova", "hyenadna", "dnabert2-small", "dnabert2"])
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bases", type=int, default=300)
    chosen = parser.parse_args()
    (task,) = find_tasks(["yeast"], ["yeast/start_codon"])
    split = load_splits(task, DataOptions()).train
    size = len(split) // chosen.batch * chosen.batch
    rows = [sequence[: chosen.bases] for sequence in split.sequences[:size]]
    device = choose_device(chosen.device).type
    race = Race(
        chosen.model, rows, torch.from_numpy(split.labels[:size]), chosen.batch, chosen.steps, device, chosen.dtype
    )
    report(race, chosen.rounds)


def report(race: Race, rounds: int) -> None:
    """Both in turn, round by round, and what came of it."""
    found: dict[str, list[Lap]] = {"dnabench": [], "Trainer": []}
    peaks = dict.fromkeys(found, 0)
    for _ in range(rounds):
        for name, run in (("dnabench", ours), ("Trainer", theirs)):
            if race.device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            found[name].append(run(race))
            peaks[name] = max(peaks[name], torch.cuda.max_memory_allocated() if race.device == "cuda" else 0)
    print(
        f"{race.model} {race.device} {race.dtype}, {race.batch} rows of {len(race.rows[0])} bases, {race.steps} steps:"
    )
    clock, processor = (
        {name: statistics.median(getattr(lap, what) for lap in laps) for name, laps in found.items()}
        for what in ("seconds", "processor")
    )
    for name, laps in found.items():
        peak = f", {peaks[name] / 1e6:,.0f} MB" if race.device == "cuda" else ""
        print(f"  {name:<9} {race.steps / clock[name]:7.2f} steps/s, mean loss {laps[-1].loss:.4f}{peak}")
    print(f"  ratio {clock['Trainer'] / clock['dnabench']:.2f} (above 1: dnabench is faster), ", end="")
    print(f"of processor seconds {processor['Trainer'] / processor['dnabench']:.2f}")


if __name__ == "__main__":
    main()
