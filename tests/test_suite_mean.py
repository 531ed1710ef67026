"""The mean over tasks that share test rows, against a joint bootstrap and in simulated tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from compare_records import BINARY, compared, operand, record, rows
from sklearn.metrics import matthews_corrcoef

from dnabench.harness.report.compare import compare as comparing
from dnabench.harness.report.compare.operands import Operand
from dnabench.harness.stats.joint import joint
from dnabench.harness.stats.suite import suite_mean
from dnabench.harness.types import Dependence, Predictions, TestSet


@pytest.mark.parametrize("grouped", [False, True])
def test_the_mean_over_tasks_with_shared_rows_is_that_of_a_joint_bootstrap(grouped: bool) -> None:
    n, cut, rng = 1200, 500, np.random.default_rng(5)
    group = np.repeat(np.arange(n // 4), 4) if grouped else np.arange(n)
    whole = [rows("toy/all", share, n=n, model=k) for k, share in ((1, 0.7), (2, 0.8))]
    cuts = {"toy/all": slice(None), "toy/tata": slice(0, cut), "toy/notata": slice(cut, None)}

    def part(task: str, said: Predictions) -> Predictions:
        at = cuts[task]
        return replace(said, task=task, keys=said.keys[at], truth=said.truth[at], outputs=said.outputs[:, at],
                       columns={"family": group[at]})  # fmt: skip

    dependence = Dependence(groups="family" if grouped else None)
    parts = []
    for task in cuts:
        pair = {name: part(task, said) for name, said in (("new", whole[1]), ("old", whole[0]))}
        parts.append(joint(pair, ["mcc"], TestSet(BINARY, dependence, task))["mcc"])
    called = [p.outputs[0].argmax(axis=1) for p in whole]
    truth = whole[0].truth

    def mcc(at: Any, said: Any) -> float:
        # Of 0 and 1 it is their correlation; scikit-learn's takes a millisecond, and here it is called 9,000 times.
        return float(np.corrcoef(truth[at], said[at])[0, 1])

    assert mcc(slice(None), called[0]) == pytest.approx(matthews_corrcoef(truth, called[0]))
    units, means = [np.flatnonzero(group == g) for g in np.unique(group)], []
    for _ in range(1500):
        drawn = np.concatenate([units[g] for g in rng.integers(0, len(units), len(units))])
        inside = (drawn, drawn[drawn < cut], drawn[drawn >= cut])
        means.append(np.mean([mcc(r, called[1]) - mcc(r, called[0]) for r in inside]))
    mean = suite_mean(parts).difference()
    assert mean.se == pytest.approx(np.std(means), rel=0.08)
    assert mean.se > 1.2 * np.sqrt(sum(p.noise(0, 1).error ** 2 for p in parts)) / 3  # type: ignore[operator]
    assert "3 of 3 tasks share test rows" in mean.note
    whole_test = n / 4 if grouped else n
    assert suite_mean(parts).effective == pytest.approx(whole_test), "rows of several tasks count once"
    other = replace(parts[0], keys=parts[0].keys + np.uint64(n))
    assert suite_mean([*parts, other]).effective == pytest.approx(2 * whole_test)


@pytest.mark.slow
def test_tables_without_any_difference_rarely_show_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """250 tables of four tasks, three of which share rows: 4.4% with a false claim, 13.6% without Holm."""
    fast = comparing.joint
    monkeypatch.setattr(comparing, "joint", lambda *a, **k: fast(*a, **k, resamples=640))
    rng, claims, uncorrected, means, careless = np.random.default_rng(0), [], [], [], []
    for number in range(250):
        *tasks, mean = compared(*_equal_models(rng, number), metric="mcc")
        claims.append(any(one.verdict in ("better", "worse") for one in tasks))
        uncorrected.append(any(one.p < 0.05 for one in tasks))  # type: ignore[operator]
        means.append(mean.p < 0.05)  # type: ignore[operator]
        as_if = np.sqrt(sum(one.difference.se**2 for one in tasks)) / len(tasks)  # type: ignore[union-attr,operator,misc]
        careless.append(abs(mean.difference.value) > 1.96 * as_if)  # type: ignore[union-attr,arg-type]
    assert 0.01 <= np.mean(claims) <= 0.09
    assert np.mean(uncorrected) > 0.1
    assert 0.02 <= np.mean(means) <= 0.09
    assert np.mean(careless) > np.mean(means)


def _equal_models(rng: np.random.Generator, number: int) -> list[Operand]:
    """Two models of one quality whose errors are correlated (0.7)."""
    rows_of = {
        "toy/all": slice(0, 600),
        "toy/tata": slice(0, 200),
        "toy/notata": slice(200, 600),
        "toy/z": slice(600, None),
    }
    truth, shared = rng.integers(0, 2, 1000), rng.normal(size=1000)
    keys, models = np.arange(1000, dtype=np.uint64), []
    for name in "ab":
        noise = np.sqrt(0.7) * shared + np.sqrt(0.3) * rng.normal(size=1000)
        p = (1 / (1 + np.exp(-(noise + 1.5 * (truth - 0.5))))).astype(np.float32)
        outputs = np.stack([1 - p, p], -1)[None]
        said = [
            Predictions(t, "probability", keys[at], truth[at], outputs[:, at], ("seed 0",)) for t, at in rows_of.items()
        ]
        models.append(operand(name, *(record(name, s, key={"data": {"test": f"{number} {s.task}"}}) for s in said)))
    return models
