"""How fast `embed` is: against a bare loop over the same batches, and against loops as other harnesses have them.

    python tests/speed/embedding.py --data DIR [--models hyenadna,convnova,dnabert2] [--rows 600]
                                    [--device cuda --dtype bfloat16 --threads 4 --batch 32]

Two sets: the test rows of GUE's prom_core_all (70 bases each), read from DIR/gue or DIR, or random rows of that
length where there is no DIR; and random rows of 50 to 2,000 bases. Three networks with random weights: HyenaDNA-tiny,
ConvNova (386,000 parameters) and DNABERT-2 at a sixth of its width (its 4,096 words stand for all 6-mers here, so that
no file is needed). Printed per set and network: bases per second of `embed`, and how many times faster it is than

    bare      the same padded batches, tokenised before the clock starts: forward pass, masked mean, result to the host
    single    one row at a time (DART-Eval, BEND)
    longest   32 rows at a time in file order, padded to their longest (a plain data loader)

`longest` is left out for networks that take no padding mask, where it would change results (HyenaDNA is causal and
padded behind). The best of `--repeats` runs counts, all taken in turn in one process; one CPU thread is timed by the
process's own clock.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dnabench.adapters import tokenizers
from dnabench.adapters.ports import convnova, dnabert2, hyenadna
from dnabench.harness.engine.batches import equal_batches, token_batches
from dnabench.harness.engine.passes import ELSEWHERE, ON_CPU, collated
from dnabench.harness.engine.pooling import pool
from dnabench.harness.engine.reading import Reader, Reading, embed

LETTERS = 70


def main() -> None:
    told = _arguments()
    torch.set_num_threads(told.threads)
    print(f"torch {torch.__version__}, {told.device}, {told.dtype}, {told.threads} threads, best of {told.repeats}")
    print(
        f"{'set':<10}{'network':<12}{'rows':>6}{'Mbase/s':>9}{'/bare':>8}{'/single':>9}{'/longest':>10}{'peak MB':>9}"
    )
    for label, rows in (("prom_core", _promoters(told)), ("mixed", _mixed(told.rows))):
        for name in told.models.split(","):
            print(f"{label:<10}{name:<12}{len(rows):>6}" + _line(NETWORKS[name](), rows, told), flush=True)


def _line(reader: Reader, rows: Sequence[str], told: Any) -> str:
    reading = Reading(device=told.device, dtype=told.dtype, tokens_per_batch=told.tokens)
    loops = {"embed": lambda: embed(reader, rows, reading), "bare": _bare(reader, rows, told)}
    loops["single"] = _loop(reader, rows, told, [np.array([i]) for i in range(len(rows))])
    if reader.attends or reader.objective == "causal":
        in_order = [np.arange(a, min(a + told.batch, len(rows))) for a in range(0, len(rows), told.batch)]
        loops["longest"] = _loop(reader, rows, told, in_order)
    if told.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    wanted, best = embed(reader, rows, reading), dict.fromkeys(loops, np.inf)
    peak = torch.cuda.max_memory_allocated() / 1e6 if told.device == "cuda" else float("nan")
    # On one thread of a busy machine the time of the process says more than that of the wall.
    clock = time.process_time if told.device == "cpu" and told.threads == 1 else time.perf_counter
    for _ in range(told.repeats):
        for loop, run in loops.items():
            start = clock()
            found = run()
            best[loop] = min(best[loop], clock() - start)
            apart = float(np.abs(found - wanted).max() / np.abs(wanted).max())
            assert apart < (1e-4 if told.dtype == "float32" else 0.1), f"{loop} gives other numbers: {apart}"
    speed = sum(map(len, rows)) / best["embed"] / 1e6
    ratios = {
        loop: f"{best[loop] / best['embed']:.2f}" if loop in best else "-" for loop in ("bare", "single", "longest")
    }
    return f"{speed:>9.3f}{ratios['bare']:>8}{ratios['single']:>9}{ratios['longest']:>10}{peak:>9.0f}"


def _bare(reader: Reader, rows: Sequence[str], told: Any) -> Callable[[], Any]:
    """The batches that `embed` makes, ready as tensors: what is left is the network."""
    tokens = [reader.tokenizer.encode(row) for row in rows]
    cut = token_batches if reader.attends or reader.objective == "causal" else equal_batches
    return _ready(reader, tokens, cut([len(one.ids) for one in tokens], told.tokens), told)


def _ready(reader: Reader, tokens: Sequence[Any], batches: Sequence[Any], told: Any) -> Callable[[], Any]:
    device = torch.device(told.device)
    ready = [(batch, *_tensors(reader, tokens, batch, device)) for batch in batches]
    return lambda: _read(reader, ready, len(tokens), told)


def _loop(reader: Reader, rows: Sequence[str], told: Any, batches: Sequence[Any]) -> Callable[[], Any]:
    """As a plain loop does it: tokenise a batch, run it, fetch the result."""
    device = torch.device(told.device)

    def run() -> Any:
        parts = []
        for batch in batches:
            tokens = {i: reader.tokenizer.encode(rows[i]) for i in batch}
            parts.append((batch, *_tensors(reader, tokens, batch, device)))
            parts[-1:] = [(batch, _read(reader, parts[-1:], len(rows), told)[batch])]
        table = np.empty((len(rows), parts[0][1].shape[1]), np.float32)
        for batch, part in parts:
            table[batch] = part
        return table

    return run


def _tensors(reader: Reader, tokens: Any, batch: Any, device: torch.device) -> tuple[Any, Any]:
    padded = collated(reader, batch, [tokens[i].ids for i in batch], device)
    bases = np.zeros(tuple(padded.ids.shape), bool)
    for line, row, start in zip(bases, batch, padded.shift, strict=True):
        spans = tokens[row].spans
        line[start : start + len(spans)] = spans[:, 1] > spans[:, 0]
    return padded, torch.from_numpy(bases).to(device)


def _read(reader: Reader, ready: Sequence[Any], rows: int, told: Any) -> Any:
    table, dtype = None, getattr(torch, told.dtype)
    reader.network.to(told.device)
    for batch, padded, bases in ready:
        precision = nullcontext() if told.dtype == "float32" else torch.autocast(told.device, dtype=dtype)
        with torch.inference_mode(), precision:
            mask = (padded.real.long() if padded.padded else None,) if reader.attends else ()
            output = reader.network(padded.ids, *mask, with_logits=False)
            part = pool(output.last_hidden_state, bases, padded.real, "mean").float().cpu().numpy()
        table = np.empty((rows, part.shape[1]), np.float32) if table is None else table
        table[batch] = part
    return table


def _hyenadna() -> Reader:
    config = hyenadna.Config(d_model=128, n_layer=2, max_seq_len=2050, emb_dim=5)
    return Reader(hyenadna.HyenaDNA(config).eval(), tokenizers.HYENADNA, attends=False, objective="causal")


def _convnova() -> Reader:
    config = {"model_type": "convnova", "hidden_dim": 64, "num_conv1d": 5, "pretrain": True}
    return Reader(convnova.from_config(config).eval(), tokenizers.CONVNOVA, attends=False, objective="masked")


def _dnabert2() -> Reader:
    tokenizer = tokenizers.Blocks(tokenizers.nt_vocabulary("v2", 6))
    sizes: dict[str, Any] = {"hidden_size": 128, "num_hidden_layers": 6, "num_attention_heads": 4}
    config = dnabert2.Config(vocab_size=len(tokenizer.vocabulary), intermediate_size=512, **sizes)
    return Reader(dnabert2.DNABERT2(config).eval(), tokenizer, attends=True, objective="masked")


NETWORKS = {"hyenadna": _hyenadna, "convnova": _convnova, "dnabert2": _dnabert2}


def _promoters(told: Any) -> list[str]:
    found = [
        path for folder in ("gue", ".") for path in Path(told.data or ".").glob(f"{folder}/**/prom_core_all/test.csv")
    ]
    if not (told.data and found):
        draw = np.random.default_rng(1)
        return ["".join(draw.choice(list("ACGT"), LETTERS)) for _ in range(told.rows * 10)]
    with found[0].open(encoding="utf-8", newline="") as file:
        return [row["sequence"].upper() for row in csv.DictReader(file)][: told.rows * 10]


def _mixed(rows: int) -> list[str]:
    draw = np.random.default_rng(2)
    return ["".join(draw.choice(list("ACGT"), n)) for n in draw.integers(50, 2001, rows)]


def _arguments() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder with gue/.../prom_core_all/test.csv")
    parser.add_argument("--models", default="hyenadna,convnova,dnabert2")
    parser.add_argument("--rows", type=int, default=600, help="mixed rows; ten times as many promoters at most")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16", "float16"))
    parser.add_argument("--tokens", type=int, help="tokens per batch (default: what embed takes on that device)")
    parser.add_argument("--batch", type=int, default=32, help="rows at a time of the plain loader")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    told = parser.parse_args(sys.argv[1:])
    told.tokens = told.tokens or (ON_CPU if told.device == "cpu" else ELSEWHERE)
    return told


if __name__ == "__main__":
    main()
