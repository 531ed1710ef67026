"""Which of two models is better on one task, by how much, and how sure that is."""

from __future__ import annotations

from dnabench.harness.stats.bootstrap import Backend
from dnabench.harness.stats.difference import Difference
from dnabench.harness.stats.joint import joint
from dnabench.harness.stats.order import aligned
from dnabench.harness.types import Predictions, TestSet

__all__ = ["Difference", "aligned", "paired_difference"]


def paired_difference(  # noqa: PLR0913 - the options of one public call
    a: Predictions,
    b: Predictions,
    metric: str,
    test_set: TestSet,
    *,
    resamples: int = 10_000,
    level: float = 0.95,
    backend: Backend = "auto",
) -> Difference:
    """The difference of two models' scores from the same resamples: d ± z·SE, and its p-value.

    The rows of `b` may be in another order; DataError where they are not the rows of `a`. Several replicates
    add their between-seed variance (Satterthwaite's t). Groups as in `score_predictions`.
    """
    both = {"first": a, "second": b}
    made = joint(both, [metric], test_set, resamples=resamples, level=level, backend=backend)[metric]
    if made.absent:
        return Difference(metric, None, note=next(iter(made.absent.values())))
    return made.difference()
