"""Adjusted p-values against hand computation, closed testing and the step-up procedure itself."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnabench.harness.errors import RequestError
from dnabench.harness.stats.multiple import benjamini_hochberg, holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=6)


def test_holm_agrees_with_values_worked_out_by_hand() -> None:
    # Sorted: .001·4, .01·3, .02·2 (raised to .04 from .03 before it), .5·1.
    assert holm([0.02, 0.001, 0.5, 0.01]) == pytest.approx([0.04, 0.004, 0.5, 0.03])
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])


def test_benjamini_hochberg_agrees_with_values_worked_out_by_hand() -> None:
    # Sorted: .001·4/1, .01·4/2, .02·4/3, .5·4/4.
    assert benjamini_hochberg([0.02, 0.001, 0.5, 0.01]) == pytest.approx([0.08 / 3, 0.004, 0.5, 0.02])
    assert benjamini_hochberg([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05] * 5)


@given(P_VALUES)
def test_holm_is_the_closed_test_of_bonferroni(p: list[float]) -> None:
    everything = range(len(p))
    sets = [s for size in everything for s in combinations(everything, size + 1)]
    closed = [min(1.0, max(len(s) * min(p[j] for j in s) for s in sets if i in s)) for i in everything]
    assert holm(p) == pytest.approx(closed)


@given(P_VALUES, st.floats(0.001, 0.999))
def test_benjamini_hochberg_rejects_what_the_step_up_procedure_rejects(p: list[float], level: float) -> None:
    m, ordered = len(p), sorted(p)
    adjusted = benjamini_hochberg(p)
    if any(q is not None and abs(q - level) < 1e-9 for q in adjusted):
        return
    passed = [k for k in range(1, m + 1) if ordered[k - 1] <= level * k / m]
    cut = ordered[max(passed) - 1] if passed else -1.0
    assert [q is not None and q <= level for q in adjusted] == [q <= cut for q in p]


@given(P_VALUES)
def test_adjusted_values_keep_the_order_and_never_shrink(p: list[float]) -> None:
    for adjust in (holm, benjamini_hochberg):
        found = [q for q in adjust(p) if q is not None]
        assert all(raw <= q + 1e-12 and q <= 1 for raw, q in zip(p, found, strict=True))
        pairs = sorted(zip(p, found, strict=True))
        assert all(a[1] <= b[1] + 1e-12 for a, b in pairwise(pairs))


def test_a_comparison_without_test_stays_without_and_costs_nothing() -> None:
    assert holm([None, 0.02, None, 0.03]) == pytest.approx([None, 0.04, None, 0.04])
    assert benjamini_hochberg([None, 0.02, 0.03]) == pytest.approx([None, 0.03, 0.03])
    assert holm([]) == benjamini_hochberg([]) == []
    assert holm([None]) == [None]


@pytest.mark.parametrize("p", [[-0.1], [1.5], [float("nan")]])
def test_what_is_no_p_value_is_refused(p: list[float]) -> None:
    with pytest.raises(RequestError, match="between 0 and 1"):
        holm(p)
