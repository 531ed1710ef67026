"""A short version of `measure.py` with wide bands: what is printed as 95% holds the truth about 95% of the time.

With 300 test sets the Monte-Carlo standard error is 1.3% at 95%; the bands leave three of them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

import measure

pytestmark = pytest.mark.slow
SETS = 300


def shares(rows: list[measure.Row]) -> dict[str, float]:
    return {what: share for _, what, share, _ in rows}


def test_intervals_of_one_model_cover() -> None:
    for what, share in shares(measure.single(measure.STRONG[0], SETS)).items():
        assert 0.91 <= share <= 0.985, what


def test_intervals_on_the_logit_cover_at_the_ceiling() -> None:
    for what, share in shares(measure.single(measure.CEILING, SETS, interval="logit")).items():
        assert 0.89 <= share <= 0.985, what


def test_tests_of_equal_models_keep_their_level() -> None:
    for what, share in shares(measure.null_tests(measure.STRONG[0], SETS)).items():
        assert 0.01 <= share <= 0.09, what


def test_peers_break_pairs_or_waste_them() -> None:
    default, unpaired, paired = shares(measure.peers(measure.MIDDLE, 200)).values()
    assert default < 0.1
    assert unpaired > 0.97
    assert 0.90 <= paired <= 0.99


def test_rows_of_a_pair_counted_apart_promise_too_much() -> None:
    twice, once = shares(measure.pairs_counted_twice(613, 0.9, 2000)).values()
    assert twice < 0.9
    assert once > 0.92


def test_groups_are_honest_where_rows_are_not_independent() -> None:
    declared, ignored = shares(measure.groups("22 chromosomes", measure.CHROMOSOMES, 0.2, SETS)).values()
    assert declared >= 0.91
    assert ignored < declared


def test_seeds_and_rows_together_cover() -> None:
    both, plain, wrong = shares(measure.training(3, 0.25, SETS)).values()
    assert both >= 0.89
    assert plain < 0.85
    assert wrong <= 0.09


def test_claims_about_all_pairs_keep_the_error_of_the_family() -> None:
    found = shares(measure.ranks(200))
    assert found["max-T over all pairs: any false claim"] <= 0.11
    assert found["pairs without correction: any false claim"] > 0.2
    assert found["step-down against a reference: any false claim"] <= 0.11
    assert found["rank intervals: all hold"] >= 0.89
