"""The stream of row weights: published vectors, the exact multinomial, the same bits by both routes."""

import hashlib

import numpy as np
import pytest
from scipy.stats import binom, chi2

from dnabench.harness.stats import weights
from dnabench.harness.stats.weights import (
    LANES,
    Draws,
    block,
    blocks,
    effective_groups,
    grouped,
    independent,
    stratified,
    threefry,
)

F = 0xFFFFFFFF
PI = ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3))


@pytest.mark.parametrize(
    ("rounds", "key", "counter", "expected"),
    [
        (13, (0, 0), (0, 0), (0x9D1C5EC6, 0x8BD50731)),
        (13, (F, F), (F, F), (0xFD36D048, 0x2D17272C)),
        (13, *PI, (0xBA3E4725, 0xF27D669E)),
        (20, (0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        (20, *PI, (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_gives_the_published_vectors(
    rounds: int, key: tuple[int, int], counter: tuple[int, int], expected: tuple[int, int]
) -> None:
    """Known answers of the Random123 distribution."""
    words = threefry(key, *(np.array([c], np.uint32) for c in counter), rounds)
    assert tuple(int(w[0]) for w in words) == expected


def test_the_stream_of_a_task_never_changes() -> None:
    digest = hashlib.sha256(block(independent("gue/emp_H3", 1000), 3).tobytes()).hexdigest()
    assert digest == "e8633b74f1fa7f022219f896b80c4ca1031db8d36406544e61a300cd2cadc330"


def examples() -> list[Draws]:
    rng = np.random.default_rng(5)
    return [
        independent("a", 1),
        independent("a", 13),
        independent("task", 3001, seed=7),
        stratified("s", rng.integers(0, 3, 500)),
        stratified("s", np.array(["rare"] * 2 + ["common"] * 40)),
        grouped("g", rng.integers(0, 70, 900)),
        grouped("g", np.array(["chr2", "chr1", "chr2", "chrX"])),
    ]


@pytest.mark.parametrize("draws", examples(), ids=lambda d: f"{d.rows}x{len(d.strata)}")
def test_numpy_and_compiled_draws_are_the_same_bits(draws: Draws) -> None:
    compiled = pytest.importorskip("dnabench.harness.stats.weights_numba")
    for number in (0, 1, 156):
        assert np.array_equal(block(draws, number), compiled.block(draws, number))


def test_blocks_do_not_depend_on_their_order_or_on_how_many_are_worked_on_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draws = independent("x", 200)
    forwards = list(blocks(draws, 4))
    monkeypatch.setattr(weights, "_CHUNK", 1)
    backwards = [block(draws, k) for k in (3, 2, 1, 0)][::-1]
    assert all(np.array_equal(a, b) for a, b in zip(forwards, backwards, strict=True))


def test_streams_and_seeds_differ_and_lanes_are_not_copies() -> None:
    one, other = block(independent("a", 50), 0), block(independent("b", 50), 0)
    reseeded = block(independent("a", 50, 1), 0)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, reseeded)
    assert len(np.unique(one, axis=1).T) == LANES
    assert not np.array_equal(one, block(independent("a", 50), 1))


def test_every_resample_has_as_many_rows_as_the_test_set() -> None:
    for n in (1, 2, 64, 999):
        assert (block(independent("x", n), 2).sum(axis=0) == n).all()


def test_stratified_resamples_keep_the_class_totals() -> None:
    classes = np.random.default_rng(0).choice(4, 300, p=[0.7, 0.2, 0.07, 0.03])
    drawn = block(stratified("x", classes), 0)
    for c in range(4):
        assert (drawn[classes == c].sum(axis=0) == (classes == c).sum()).all()


def test_groups_are_drawn_whole_and_as_often_as_there_are_groups() -> None:
    groups = np.random.default_rng(0).integers(0, 40, 300)
    drawn = block(grouped("x", groups), 0)
    firsts = np.unique(groups, return_index=True)[1]
    assert (drawn == drawn[firsts][np.searchsorted(np.unique(groups), groups)]).all()
    assert (drawn[firsts].sum(axis=0) == len(firsts)).all()


@pytest.mark.parametrize("n", [3, 30, 200])
def test_multiplicities_follow_the_exact_binomial(n: int) -> None:
    """Chi-square of one row over independent resamples: its marginal is Binomial(n, 1/n)."""
    drawn = np.concatenate([block(independent("chi", n), k)[0] for k in range(400)])
    seen = np.bincount(drawn, minlength=n + 1)
    expected = binom.pmf(np.arange(n + 1), n, 1 / n) * len(drawn)
    kept = expected > 10
    statistic = ((seen - expected)[kept] ** 2 / expected[kept]).sum()
    assert chi2.sf(statistic, kept.sum() - 1) > 1e-4


def test_three_rows_are_drawn_as_the_exact_multinomial() -> None:
    """All ten outcomes of Multinomial(3; 1/3, 1/3, 1/3), the joint distribution itself."""
    drawn = np.concatenate([block(independent("joint", 3), k) for k in range(500)], axis=1)
    seen: dict[tuple[int, ...], int] = {}
    for column in drawn.T.tolist():
        seen[tuple(column)] = seen.get(tuple(column), 0) + 1
    ways = {0: 1, 1: 1, 2: 2, 3: 6}
    statistic = 0.0
    for a in range(4):
        for b in range(4 - a):
            c = 3 - a - b
            expected = drawn.shape[1] * 6 / (ways[a] * ways[b] * ways[c]) / 27
            statistic += (seen.get((a, b, c), 0) - expected) ** 2 / expected
    assert chi2.sf(statistic, 9) > 1e-4


def test_two_rows_have_the_multinomial_covariance() -> None:
    n = 25
    drawn = np.concatenate([block(independent("cov", n), k) for k in range(600)], axis=1).astype(float)
    covariance = np.cov(drawn)
    off = covariance[~np.eye(n, dtype=bool)]
    assert np.diag(covariance).mean() == pytest.approx(1 - 1 / n, abs=0.01)
    assert off.mean() == pytest.approx(-1 / n, abs=0.001)
    assert np.abs(off + 1 / n).max() < 6 / np.sqrt(drawn.shape[1])


def test_effective_groups_are_fewer_than_unequal_groups() -> None:
    assert effective_groups(np.repeat(np.arange(10), 5)) == pytest.approx(10)
    assert effective_groups(np.array([0] * 90 + [1] * 10)) == pytest.approx(100**2 / (90**2 + 10**2))
