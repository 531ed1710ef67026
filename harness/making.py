"""A class becomes a model, and is checked: one in a file of the user's own, or the one that reads checkpoints."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import util
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from typing import Any, get_args

from .errors import AdapterError, DnabenchError, RequestError, nearest
from .types import Adapter, Capability, ModelInfo

_HUB = re.compile(r"(?P<name>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
OWN_CODE = "remote-code"
"""The family whose networks are a repository's own code."""
_SAID = ("folder", "name", "origin")
"""What the word for a model says of its files: an option that said it again could name code or weights of another."""


@dataclass(frozen=True)
class Loading:
    """How checkpoints are found; none of it belongs to models that are classes."""

    adapter: str = ""
    """The family, where config.json does not tell it."""
    init: str = ""
    """`random` for the same networks without their weights."""
    trusted: tuple[str, ...] = ()
    """`org/name@commit` of models whose own code may run."""
    offline: bool = False
    device: str = ""
    """Where networks are read; no part of a model's identity."""

    @property
    def options(self) -> dict[str, str]:
        """What of it is an option of the model.

        >>> Loading("hyenadna", "random", device="cpu").options
        {'init': 'random', 'device': 'cpu'}
        """
        return {name: value for name, value in (("init", self.init), ("device", self.device)) if value}


@dataclass(frozen=True)
class Absent:
    """A model that was asked for and cannot be had here: its cells say why, and those of the others are run."""

    info: ModelInfo
    absent: str
    """Why, in one sentence."""
    capabilities: frozenset[Capability] = frozenset()


def is_checkpoint(spec: str) -> bool:
    """Whether a word names a folder with a config.json or a repository of the hub.

    >>> is_checkpoint("LongSafari/hyenadna-tiny-1k-seqlen-hf@main"), is_checkpoint("kmer")
    (True, False)
    """
    return (Path(spec) / "config.json").is_file() or bool(_HUB.fullmatch(spec))


def lm_eval_spelling(args: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """`org/name@revision` and the other options of `--model hf --model-args pretrained=org/name,revision=…`.

    >>> lm_eval_spelling({"pretrained": "a/b", "revision": "main", "pooling": "cls"})
    ('a/b@main', {'pooling': 'cls'})
    """
    rest = dict(args)
    name, revision = rest.pop("pretrained", ""), rest.pop("revision", "")
    if not name:
        raise RequestError("--model hf needs --model-args pretrained=org/name (or a folder)")
    if rest.pop("trust_remote_code", "false").lower() not in ("false", "0", "no"):
        raise RequestError("trust_remote_code names nothing: say --trust-remote-code NAME@COMMIT")
    return f"{name}@{revision}" if revision else name, rest


def checkpoint(kind: Any, spec: str, args: Mapping[str, str], how: Loading) -> Any:
    """The model of a folder or a repository: what it takes is downloaded, nothing of it is run unless trusted.

    Raises RequestError for options that do not fit, Unavailable where files cannot be had, AdapterError for files
    that are not a model's.
    """
    given: dict[str, Any] = {"adapter": how.adapter, **_options(spec, args, how)}
    folder = Path(spec)
    if folder.is_dir():
        if given["adapter"] == OWN_CODE:
            raise RequestError(f"code in the folder {spec} is not run: name a model of the hub, or a class in a file")
        return made(kind, {**given, "folder": str(folder.resolve())}, spec)
    from .data.checkpoints import fetch_checkpoint

    found = _HUB.fullmatch(spec)
    if spec.startswith((".", "/", "~")):
        raise RequestError(f"the folder {spec} does not exist")
    if not found:
        raise RequestError(f"{spec} is no folder with a config.json and no org/name@revision of the hub")
    name, revision = found["name"], found["revision"]
    trusted = _trusted(name, how.trusted)
    if trusted and revision not in (None, trusted):
        raise RequestError(f"{spec} is asked for and {name}@{trusted} is trusted: name the same commit in both")
    got = fetch_checkpoint(
        name, trusted or revision, weights=given.get("init") != "random", code=bool(trusted), offline=how.offline
    )
    if trusted:
        given["adapter"] = OWN_CODE
    elif given["adapter"] == OWN_CODE:
        raise RequestError(f"code of {name} runs only when it is named: --trust-remote-code {name}@{got.commit}")
    return made(kind, {**given, "folder": str(got.folder), "name": name, "origin": got.origin}, spec)


def from_scratch(kind: Any, family: str, args: Mapping[str, str], how: Loading) -> Any:
    """The model of a family without a folder; RequestError for options that name another family or files."""
    if args.get("adapter", family) != family:
        raise RequestError(f"{family} is a family, and adapter={args['adapter']} another: name one of them")
    return made(kind, {"adapter": family, **_options(family, args, how)}, family)


def _options(spec: str, args: Mapping[str, str], how: Loading) -> dict[str, str]:
    for name in _SAID:
        if name in args:
            raise RequestError(f"{spec}: {name} is no option, -m says it: -m FOLDER, -m org/name@revision; --as NAME")
    return {**how.options, **args}


def _trusted(name: str, trusted: tuple[str, ...]) -> str | None:
    """The commit of this model that may run its own code; None where none may."""
    for word in trusted:
        known, _, commit = word.partition("@")
        if not known or not _COMMIT.fullmatch(commit):
            raise RequestError(
                f"--trust-remote-code {word}: name one model at one commit, as in org/name@0123…, all 40 digits"
            )
        if known == name:
            return commit
    return None


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


def check_adapter(found: Any, where: str) -> Adapter:
    """The object itself if it is an adapter; else AdapterError with what it lacks."""
    if not isinstance(info_of(found, where), ModelInfo):
        raise AdapterError(f"{where} has no `info`: make it a property that returns dnabench's ModelInfo")
    declared = getattr(found, "capabilities", None)
    if not declared or not set(declared) <= set(get_args(Capability)):
        raise AdapterError(
            f"{where}: `capabilities` is {declared!r}: make it a frozenset of {', '.join(get_args(Capability))}"
        )
    for name in sorted(declared):
        missing = [m for m in (name, "collate")[: 1 + (name == "module")] if not callable(getattr(found, m, None))]
        if missing:
            raise AdapterError(f"{where} declares {name!r} but has no method `{missing[0]}`")
    adapter: Adapter = found
    return adapter


@dataclass(frozen=True)
class Renamed:
    """An adapter that says something else of itself (`--as NAME`, the sha256 of its file) and is the same else."""

    adapter: Adapter
    info: ModelInfo

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self.adapter.capabilities

    def __getattr__(self, name: str) -> Any:
        if name == "adapter":  # a copy in the making has none yet
            raise AttributeError(name)
        return getattr(self.adapter, name)


def info_of(found: Any, where: str) -> Any:
    """A model's `info`; what goes wrong in it is the model's fault."""
    try:
        return getattr(found, "info", None)
    except DnabenchError:
        raise
    except Exception as problem:
        raise AdapterError(f"{where}: its `info` fails ({type(problem).__name__}: {problem})") from problem


def _typed(value: Any, default: Any) -> Any:
    """Text as the type of a default.

    >>> _typed("4", 6), _typed("false", True), _typed("x", "y")
    (4, False, 'x')
    """
    if not isinstance(value, str) or not isinstance(default, (bool, int, float)):
        return value
    return value.lower() in ("true", "1", "yes") if isinstance(default, bool) else type(default)(value)
