"""The mean score of one model over tasks, from its stored predictions; rows that stand in several tasks count once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import DnabenchError
from ..types import Score
from .cells import Cell, as_test_set

if TYPE_CHECKING:
    from ..stats.joint import Joint


def mean_score(found: Sequence[Cell]) -> Score:
    """The mean of the cells' scores, all of one metric, with the interval that their test rows and seeds allow.

    The interval is that of `compare` and `leaderboard`, its variance taken from influence functions. There is none
    where the predictions of a cell are not here, or where a task allows none.
    """
    values = [one.score.value for one in found if one.score and one.score.value is not None]
    metric, mean = found[0].metric, sum(values) / len(values)
    plain = Score(metric, mean, method=f"mean of {len(found)} tasks")
    parts = [_part(one) for one in found]
    known = [one for one in parts if one is not None]
    if len(known) < len(found):
        return plain
    from ..stats.ranking import standings, suite_mean

    whole = suite_mean(known)
    stood = standings(whole)
    return Score(metric, mean, stood.low[0], stood.high[0], method=whole.method, note=whole.note)


def _part(one: Cell) -> Joint | None:
    """A table of this model alone."""
    from ..stats.joint import joint

    record = one.record
    if record is None or record.outputs is None:
        return None
    try:
        said = {"model": record.outputs()}
        made = joint(said, [one.metric], as_test_set(record, one.task), resamples=0)[one.metric]
    except DnabenchError:
        # Predictions that cannot be read are reported by `dnabench check`; the mean stands without an interval.
        return None
    return made if made.models else None
