"""How often the gate raises an alarm: reruns of trained models simulated, judged by the gate's own function.

    python tests/gate_simulation.py [GATES [WORLDS [RESAMPLES]]]     500 gates, all worlds, 512 resamples

A model separates two classes by `d` standard deviations; every seed has its own `d`. Rows are as hard for one seed as
for another (correlation .7), so that both sides make much the same errors, as real reruns do.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace

import numpy as np
from compare_records import record
from scipy.special import ndtr, ndtri

from dnabench.harness.report.gate.gate import Gate, GateRules, gate
from dnabench.harness.report.gate.pairs import Pair
from dnabench.harness.types import Predictions, RunRecord

SIZES = (5920, 5920, 5306, 5306, 1000, 1000, 1000, 1000, 1000, 613, 613)
"""Test rows of GUE's promoter and human transcription factor tasks."""
HARDNESS = 0.7
"""Share of the score's variance that belongs to the row."""


@dataclass(frozen=True)
class World:
    """What is simulated."""

    mcc: float = 0.68
    drop: float = 0.0
    """True drop of the first task's MCC."""
    seeds: int = 3
    between: float = 0.01
    """Standard deviation of the MCC between seeds."""
    wilder: float = 1.0
    """How many times that it is in every third task."""
    lower: float = 0.0
    """True drop of all tasks but the first: at the margin is the hardest place for the false alarms."""
    sizes: tuple[int, ...] = SIZES


def rerun(world: World, number: int, rules: GateRules) -> Gate:
    """One gate between two independent trainings of one recipe."""
    return gate([_pair(world, number, at) for at in range(len(world.sizes))], rules)


def alarms(world: World, count: int, rules: GateRules) -> float:
    """Share of reruns that do not pass."""
    return float(np.mean([not rerun(world, number, rules).passed for number in range(count)]))


def caught(world: World, count: int, rules: GateRules) -> float:
    """Share of reruns in which the first task fails."""
    gates = (rerun(world, number, rules) for number in range(count))
    return float(np.mean([any(c.task == "toy/0" and c.verdict == "fail" for c in one.cells) for one in gates]))


def separation(mcc: float) -> float:
    """Distance between two balanced classes, in standard deviations, at which the best cut has this MCC."""
    return float(2 * ndtri((1 + mcc) / 2))


def _pair(world: World, number: int, at: int) -> Pair:
    rng = np.random.default_rng([number, at])
    n = world.sizes[at]
    truth = rng.integers(0, 2, n)
    hardness = rng.standard_normal(n) * np.sqrt(HARDNESS)
    drops = (0.0, world.lower if at else world.drop)
    base, new = (_record(_said(world, (truth, hardness), drop, (rng, at))) for drop in drops)
    return Pair(f"toy/{at}", "net", base, new)


def _said(
    world: World,
    rows: tuple[np.ndarray, np.ndarray],
    drop: float,
    chance: tuple[np.random.Generator, int],
) -> Predictions:
    truth, hardness = rows
    rng, at = chance
    outputs = []
    between = world.between * (world.wilder if at % 3 == 1 else 1.0)
    for mcc in rng.normal(world.mcc - drop, between, world.seeds):
        noise = hardness + rng.standard_normal(len(truth)) * np.sqrt(1 - HARDNESS)
        p = ndtr((truth - 0.5) * separation(mcc) + noise)
        outputs.append(np.stack([1 - p, p], -1).astype(np.float32))
    names = tuple(f"seed {i}" for i in range(world.seeds))
    keys = np.arange(len(truth), dtype=np.uint64)
    return Predictions(f"toy/{at}", "probability", keys, truth, np.array(outputs), names)


def _record(said: Predictions) -> RunRecord:
    made = record("net", said, protocol={"name": "finetune", "recipe": "default", "id": "1234567"})
    return record("net", said, protocol=made.protocol, task=dict(made.task) | {"metric": "mcc"})


WORLDS = (
    World(seeds=3, between=0.01),
    World(seeds=5, between=0.01),
    World(seeds=3, between=0.005),
    World(seeds=5, between=0.02),
    World(seeds=3, between=0.005, wilder=4.0),
    World(seeds=1, between=0.0),
)


def main(count: int, worlds: int, resamples: int) -> None:
    """Print the table: `count` gates each, at the margin a fifth of it."""
    rules = GateRules(resamples=resamples)
    print(f"{len(SIZES)} tasks, {resamples:,} resamples, margin {rules.margin:g}")
    print("gates  seeds          sd between seeds   alarms, equal   drop of 0.05 caught   alarms, all at the margin")
    for world in WORLDS[:worlds]:
        false = alarms(world, count, rules)
        found = caught(replace(world, drop=0.05), count, rules)
        edge = alarms(replace(world, drop=rules.margin, lower=rules.margin), max(count // 5, 1), rules)
        sd = f"{world.between:g}" + (f", {world.wilder:g} x in every third" if world.wilder > 1 else "")
        print(f"{count:5}  {world.seeds:5}  {sd:>24}  {false:14.1%}  {found:20.1%}  {edge:26.1%}", flush=True)


if __name__ == "__main__":
    asked = [int(word) for word in sys.argv[1:]]
    main(*asked, *(500, len(WORLDS), 512)[len(asked) :])
