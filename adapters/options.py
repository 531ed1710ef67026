"""Options of a model as the user gave them, checked: numbers may come as text from the command line."""

from collections.abc import Mapping
from typing import Any

from dnabench.harness.errors import RequestError, nearest


def read_options(model: str, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """All options of a model with the given ones put in, each in the type of its default (None: an integer).

    Raises RequestError for an option that the model does not have or a value of another type.

    >>> read_options("kmer", {"k": "4"}, {"k": 6})
    {'k': 4}
    """
    options = dict(defaults)
    for name, value in given.items():
        if name not in defaults:
            known = ", ".join(defaults) or "none"
            raise RequestError(f"{model} has no option {name!r}.{nearest(name, list(defaults))} Its options: {known}.")
        options[name] = _convert(f"{model}: option {name}", value, defaults[name])
    return options


def require(model: str, true: bool, sentence: str) -> None:
    """RequestError with the model's name in front where an option's value makes no sense."""
    if not true:
        raise RequestError(f"{model}: {sentence}")


def _convert(where: str, value: Any, default: Any) -> Any:
    kind = int if default is None else type(default)
    if isinstance(value, kind) or (value is None and default is None):
        return value
    words = {"true": True, "1": True, "false": False, "0": False}
    try:
        return words[str(value).lower()] if kind is bool else kind(value)
    except (KeyError, ValueError, TypeError):
        wanted = {int: "a whole number", float: "a number", bool: "true or false"}.get(kind, kind.__name__)
        raise RequestError(f"{where} is {value!r}; expected {wanted}.") from None
