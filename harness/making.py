"""A class becomes a model: from a Python file of the user's own, with options as the command line spells them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import util
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from typing import Any

from .errors import AdapterError, DnabenchError, RequestError, nearest


def class_in_file(path: Path, name: str) -> tuple[Any, str]:
    """A class in a Python file, and `sha256:…` of the file; RequestError where it cannot be had."""
    import hashlib

    if not path.is_file():
        raise RequestError(f"{path} does not exist: write the model as file.py:Class")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    module = _module_of(path, f"dnabench_model_{path.stem}_{digest[:12]}")
    classes = [k for k, v in vars(module).items() if isinstance(v, type) and v.__module__ == module.__name__]
    if not hasattr(module, name or " "):
        known = ", ".join(classes) or "none"
        lacks = "is a file: name its class, file.py:Class."
        if name:
            lacks = f"has no class {name!r}.{nearest(name, classes)}"
        raise RequestError(f"{path} {lacks} It has: {known}")
    return getattr(module, name), f"sha256:{digest}"


def _module_of(path: Path, name: str) -> Any:
    loader = SourceFileLoader(name, str(path))
    module = util.module_from_spec(ModuleSpec(name, loader, origin=str(path)))
    # Registered before it runs: dataclasses and pickle look their module up by name.
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as problem:
        del sys.modules[name]
        raise RequestError(f"{path} cannot be imported ({type(problem).__name__}: {problem})") from problem
    return module


def made(kind: Any, args: Mapping[str, str], where: str) -> Any:
    """The class called with its options; text takes the type of the parameter's default.

    Raises RequestError for options that the class does not take, AdapterError where it fails to start.
    """
    import inspect

    if not callable(kind):
        raise AdapterError(f"{where} is {type(kind).__name__}, not a class")
    parameters = inspect.signature(kind).parameters
    try:
        typed = {k: _typed(v, parameters[k].default) if k in parameters else v for k, v in args.items()}
        inspect.signature(kind).bind(**typed)
    except (TypeError, ValueError) as problem:
        takes = ", ".join(parameters) or "no options"
        raise RequestError(f"{where}: {problem}; it takes {takes}") from problem
    try:
        return kind(**typed)
    except DnabenchError:
        raise
    except (Exception, SystemExit) as problem:
        raise AdapterError(f"{where} cannot be made ({type(problem).__name__}: {problem})") from problem


def _typed(value: Any, default: Any) -> Any:
    """Text as the type of a default.

    >>> _typed("4", 6), _typed("false", True), _typed("x", "y")
    (4, False, 'x')
    """
    if not isinstance(value, str) or not isinstance(default, (bool, int, float)):
        return value
    return value.lower() in ("true", "1", "yes") if isinstance(default, bool) else type(default)(value)
