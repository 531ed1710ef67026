"""A search over a declared grid: every combination is trained from the same start, dev alone says which is best."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from ..errors import RequestError
from .recipe import Recipe
from .training import DivergedError, Trained

Train = Callable[[Recipe], Trained]


@dataclass(frozen=True)
class Tried:
    """One run of a search: its settings, and its best rank on dev; None where it diverged before any."""

    settings: Mapping[str, Any]
    rank: tuple[float, ...] | None


def points(recipe: Recipe) -> list[dict[str, Any]]:
    """Every combination of the values that a recipe's `search` declares, keys in the order of the alphabet.

    >>> points(Recipe(search={"epochs": (1, 2), "clip": (0.5,)}))
    [{'clip': 0.5, 'epochs': 1}, {'clip': 0.5, 'epochs': 2}]
    """
    names = sorted(recipe.search)
    return [dict(zip(names, values, strict=True)) for values in product(*(recipe.search[name] for name in names))]


def searched(recipe: Recipe, train: Train, *, judged: bool) -> tuple[Trained, tuple[Tried, ...]]:
    """The training that is best on dev, the first of equals, and all that were tried; none where nothing is searched.

    Raises RequestError where no dev rows can judge, DivergedError where every run diverged.
    """
    if not recipe.search:
        return train(recipe), ()
    if not judged:
        raise RequestError("a search needs dev rows to judge by, and this task has too few that are not in train")
    best: Trained | None = None
    tried: list[Tried] = []
    for settings in points(recipe):
        try:
            found = train(replace(recipe, search={}, **settings))
        except DivergedError:
            tried.append(Tried(settings, None))
            continue
        rank = max(found.curve)
        if best is None or rank > max(best.curve):
            best = found
        tried.append(Tried(settings, rank))
    if best is None:
        raise DivergedError(f"all {len(tried)} runs of the search diverged: search smaller learning rates")
    return best, tuple(tried)
