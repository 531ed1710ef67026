"""The difference of two scores, with how far to trust it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dnabench.harness.stats.sampling import DIGITS, SAME
from dnabench.harness.stats.variance import Noise

SMALL = 1e-4
"""Below it a p-value keeps digits that count in place of decimals."""
LEAST = 1e-300
"""The p-value of a difference without any noise."""


@dataclass(frozen=True)
class Difference:
    """First model minus second on the same rows; None for what has no answer, with `note` saying why."""

    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    """Two-sided, for no difference."""
    se: float | None = None
    method: str = ""
    note: str = ""
    freedom: float = float("inf")
    """Degrees of freedom of its t; infinite for a normal."""


def with_noise(bare: Difference, noise: Noise, level: float) -> Difference:
    """A difference that has a value, with its interval d ± t·SE and the p-value that agrees with it, rounded.

    >>> made = with_noise(Difference("mcc", 0.1, method="bootstrap"), Noise(0.05, float("inf")), 0.95)
    >>> round(made.low, 3), round(made.high, 3), round(made.p, 4), made.method
    (0.002, 0.198, 0.0455, 'bootstrap, normal')
    """
    value = bare.value
    assert value is not None
    low, high = (round(end, DIGITS) + 0.0 for end in noise.interval(value, level))
    p = told(noise.p_value(value if abs(value) > SAME else 0.0))
    error, method = round(noise.error, DIGITS), f"{bare.method}, {noise.reference}"
    return replace(bare, low=low, high=high, p=p, se=error, method=method, freedom=noise.freedom)


def told(p: float) -> float:
    """A p-value as it is kept: rounded, small ones to six digits that count, and never 0, which no test can show.

    >>> told(0.03123456789012), told(3.37304211e-7), told(0.0)
    (0.0312345679, 3.37304e-07, 1e-300)
    """
    return round(p, DIGITS) if p >= SMALL else max(float(f"{p:.6g}"), LEAST)
