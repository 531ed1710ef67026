"""How often the intervals of dnabench hold the truth, and its tests cry wolf, beside what other harnesses print.

    python tests/coverage/measure.py [SETS]

Prints the table of `docs/statistics.md`; SETS is the number of simulated test sets for each line (default 1,000).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from populations import CHROMOSOMES, Population, clustered, models, seeded

from dnabench.harness.metrics import label_counts, mcc
from dnabench.harness.stats.bootstrap import compiles
from dnabench.harness.stats.intervals import score_predictions
from dnabench.harness.stats.joint import joint
from dnabench.harness.stats.paired import paired_difference
from dnabench.harness.stats.permutation import mcnemar_p, swap_p
from dnabench.harness.stats.ranking import pairs, standings, step_down, suite_mean
from dnabench.harness.types import Dependence, Score, Target, TestSet

BINARY = Target("class", ("0", "1"))
FREE = Dependence()
METRICS = ("mcc", "f1_macro", "accuracy", "auroc", "auprc")
SPEED: dict[str, Any] = {"backend": "numba" if compiles() else "numpy", "resamples": 1024}
Row = tuple[str, str, float, int]
"""What was drawn, what was measured, the share, and of how many."""

STRONG = [Population(f"AUROC 0.95, n = {n:,}", n) for n in (239, 1000)]
CEILING = Population("AUROC 0.995, n = 613", 613, 3.64)
RARE = [
    Population("AUROC 0.95, 10% positives, n = 613", 613, positive=0.1),
    Population("AUROC 0.80, 3% positives, n = 1,000", 1000, 1.19, positive=0.03),
    Population("AUROC 0.95, 3% positives, n = 1,000", 1000, positive=0.03),
]
MIDDLE = Population("AUROC 0.95, n = 613", 613)


def single(population: Population, sets: int, *, interval: Any = "default") -> list[Row]:
    """Coverage of one model's intervals."""
    inside: dict[str, list[bool]] = {}
    for rng, number in _sets(sets, 1):
        (one,) = models(population, 1, rng).values()
        made = score_predictions(one, METRICS, _independent(number), interval=interval, **SPEED)
        for metric, score in made.items():
            if score.low is not None:
                inside.setdefault(metric, []).append(_holds(score, population.value(metric)))
    kept = ("auroc", "auprc") if interval == "logit" else METRICS
    what = "on the logit" if interval == "logit" else "BCa"
    return [_row(population.name, f"{metric}, {what}: covers", inside[metric]) for metric in kept]


def peers(population: Population, sets: int) -> list[Row]:
    """What other tools do with the same predictions: MCC by scipy's default, and unpaired differences as in lm-eval."""
    default, unpaired, paired = [], [], []
    for rng, number in _sets(sets, 1):
        both = models(population, 2, rng)
        truth, called = both["m0"].truth, both["m0"].outputs[0].argmax(axis=1)
        apart = [_mcc(rng.choice(truth, len(truth)), rng.choice(called, len(called))) for _ in range(200)]
        low, high = np.quantile(apart, [0.025, 0.975])
        default.append(bool(low <= population.value("mcc") <= high))
        made = joint(both, ["mcc"], _independent(number), **SPEED)["mcc"]
        gap, separate = made.values[0] - made.values[1], np.sqrt(np.trace(made.covariance))
        unpaired.append(bool(abs(gap) < 1.96 * separate))
        paired.append(bool(abs(gap) < 1.96 * made.noise(0, 1).error))
    return [
        _row(population.name, "mcc, scipy.stats.bootstrap as it comes (pairs broken): covers", default),
        _row(population.name, "mcc difference, unpaired z (lm-eval): covers", unpaired),
        _row(population.name, "mcc difference, paired bootstrap: covers", paired),
    ]


def pairs_counted_twice(pairs: int, accuracy: float, sets: int) -> list[Row]:
    """Wald intervals of a paired accuracy: over both rows of each pair as DART-Eval does, and over the pairs."""
    twice, once = [], []
    for rng, _ in _sets(sets, 5):
        share = rng.binomial(pairs, accuracy) / pairs
        error = np.sqrt(share * (1 - share) / pairs)
        twice.append(bool(abs(share - accuracy) <= 1.96 * error / np.sqrt(2)))
        once.append(bool(abs(share - accuracy) <= 1.96 * error))
    name = f"{pairs} pairs, accuracy {accuracy:g}"
    return [
        _row(name, "paired accuracy, Wald over two rows per pair (DART-Eval): covers", twice),
        _row(name, "paired accuracy, Wald over pairs: covers", once),
    ]


def null_tests(population: Population, sets: int) -> list[Row]:
    """How often two models of one quality are told apart at 5%."""
    wrong: dict[str, list[bool]] = {}
    for rng, number in _sets(sets, 2):
        a, b = models(population, 2, rng).values()
        joined = joint({"a": a, "b": b}, METRICS, _independent(number), **SPEED)
        found = {f"{metric}, paired bootstrap": one.difference().p for metric, one in joined.items()}
        found["mcc, swap permutation"] = swap_p(a, b, "mcc", _independent(number), swaps=1000)
        found["auroc, ranks swapped"] = swap_p(a, b, "auroc", _independent(number), swaps=512, backend=SPEED["backend"])
        found["accuracy, McNemar mid-p"] = mcnemar_p(a, b)
        for name, p in found.items():
            wrong.setdefault(name, []).append(p is not None and p < 0.05)
    return [_row(population.name, f"{name}: false alarms", found) for name, found in wrong.items()]


def groups(name: str, sizes: Any, share: float, sets: int) -> list[Row]:
    """Coverage for rows that come in groups, and of the interval that ignores it."""
    population, inside, careless = Population("", 1000), [], []
    for rng, number in _sets(sets, 3):
        one = clustered(population, sizes, share, rng)
        for dependence, found in ((Dependence(groups="group"), inside), (FREE, careless)):
            made = score_predictions(one, ["mcc"], TestSet(BINARY, dependence, f"{number}"), **SPEED)["mcc"]
            found.append(_holds(made, population.value("mcc")))
    where = f"{name}, n = 1,000, {share:.0%} of the variance common to a group"
    return [_row(where, "mcc, groups declared: covers", inside), _row(where, "mcc, groups ignored: covers", careless)]


def training(seeds: int, spread: float, sets: int) -> list[Row]:
    """Coverage of a mean over seeds, and false alarms between two models of one recipe."""
    population = Population("", 613)
    grid = np.random.default_rng(0).normal(size=4000)
    truth = np.mean([population.value("mcc", population.separation + spread * z) for z in grid])
    inside, plain, wrong = [], [], []
    for rng, number in _sets(sets, 4):
        a, b = seeded(population, seeds, spread, rng)
        made = score_predictions(a, ["mcc"], _independent(number), **SPEED)["mcc"]
        inside.append(_holds(made, float(truth)))
        each = np.array(made.per_replicate, float)
        plain.append(bool(abs(each.mean() - truth) < each.std(ddof=1)))
        p = paired_difference(a, b, "mcc", _independent(number), **SPEED).p
        wrong.append(p is not None and p < 0.05)
    where = f"{seeds} seeds, separation varies by {spread:g}, n = 613"
    return [
        _row(where, "mcc, rows and seeds: covers", inside),
        _row(where, "mcc, mean ± sd over seeds: covers", plain),
        _row(where, "mcc difference: false alarms", wrong),
    ]


def ranks(sets: int, *, count: int = 8, tasks: int = 5) -> list[Row]:
    """Equal models on a small suite: does any pair, rank interval or comparison with a reference go wrong?"""
    family, uncorrected, together, beaten, steps = [], [], [], [], []
    for rng, number in _sets(sets, 5):
        made = [
            joint(models(Population("", n), count, rng), ["mcc"], _independent(f"{number} {n}"), **SPEED)["mcc"]
            for n in (239, 300, 400, 613, 800)[:tasks]
        ]
        made = [_renumbered(one, task) for task, one in enumerate(made)]
        mean = suite_mean(made)
        found, stood = pairs(mean), standings(mean)
        family.append(bool((found.p_max < 0.05).any()))
        uncorrected.append(bool((found.p < 0.05).any()))
        together.append(all(rank == (1, count) for rank in stood.rank))
        beaten.append(all(stood.best))
        steps.append(any(p is not None and p < 0.05 for p in step_down(mean, "m0").values()))
    where = f"mean of {tasks} tasks, {count} equal models"
    return [
        _row(where, "max-T over all pairs: any false claim", family),
        _row(where, "pairs without correction: any false claim", uncorrected),
        _row(where, "step-down against a reference: any false claim", steps),
        _row(where, "rank intervals: all hold", together),
        _row(where, "set not beaten holds every best model", beaten),
    ]


def every(sets: int) -> list[tuple[Callable[..., list[Row]], tuple[Any, ...], dict[str, Any]]]:
    """What the table is made of, in its order."""
    families = np.random.default_rng(0).pareto(2.0, 300) + 1
    jobs: list[tuple[Callable[..., list[Row]], tuple[Any, ...], dict[str, Any]]] = []
    jobs += [(single, (p, sets), {}) for p in (*STRONG, CEILING, *RARE)]
    jobs += [(single, (p, sets), {"interval": "logit"}) for p in (STRONG[0], CEILING, *RARE[1:])]
    jobs += [(peers, (MIDDLE, sets // 2), {}), (pairs_counted_twice, (613, 0.9, sets), {})]
    jobs += [(null_tests, (STRONG[0], sets), {}), (null_tests, (MIDDLE, sets), {})]
    jobs += [(groups, ("22 chromosomes", CHROMOSOMES, 0.2, sets), {})]
    jobs += [(groups, ("300 families", families, 0.2, sets), {})]
    jobs += [(training, (s, spread, sets), {}) for s in (3, 5) for spread in (0.0, 0.25)]
    return [*jobs, (ranks, (sets // 2,), {})]


def _sets(count: int, kind: int) -> Any:
    return ((np.random.default_rng([kind, number]), number) for number in range(count))


def _independent(name: object) -> TestSet:
    """Test rows that do not depend on each other, with resamples of their own."""
    return TestSet(BINARY, FREE, f"{name}")


def _holds(score: Score, truth: float) -> bool:
    return score.low is not None and score.high is not None and score.low <= truth <= score.high


def _mcc(truth: Any, called: Any) -> float:
    return float(mcc(*(c[:, None] for c in label_counts(truth, called, 2)))[0])


def _renumbered(one: Any, task: int) -> Any:
    """Rows of different tasks are different rows."""
    return replace(one, keys=one.keys + np.uint64(task * 1_000_000))


def _row(where: str, what: str, found: list[bool]) -> Row:
    return where, what, float(np.mean(found)), len(found)


def main() -> None:
    """Print the table, line by line."""
    sets = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print("| test sets | quantity | measured | Monte-Carlo SE | R |\n|---|---|---|---|---|")
    for job, args, options in every(sets):
        for where, what, share, count in job(*args, **options):
            error = np.sqrt(share * (1 - share) / count)
            print(f"| {where} | {what} | {share:.1%} | {error:.1%} | {count:,} |", flush=True)


if __name__ == "__main__":
    main()
