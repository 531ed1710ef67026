"""Suites, tasks and models by name: entry points of installed packages, and files and folders of the user's own.

gue              a suite of the entry-point group `dnabench.suites` (a package that holds suite.yaml)
my/suite.yaml    a suite of the user's own, or the folder that holds it
gue/emp_*        tasks by glob          my_data.csv      a task without a suite
kmer             a model of the entry-point group `dnabench.models`
my_model.py:Net  a class in a file               org/name@rev   a checkpoint of the hub, or a folder with one
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module, util
from pathlib import Path
from typing import Any

from .data.suite_kept import read_kept
from .errors import DnabenchError, RequestError, nearest
from .making import (
    OWN_CODE,
    Loading,
    Renamed,
    check_adapter,
    checkpoint,
    class_in_file,
    from_scratch,
    is_checkpoint,
    lm_eval_spelling,
    made,
)
from .types import Adapter, Suite, Task

MODELS = "dnabench.models"
SUITES = "dnabench.suites"
FAMILIES = "dnabench.families"
CHECKPOINTS = "hf"
"""The registered model that reads checkpoints, by the cards of the families."""
_TABLES = (".csv", ".tsv", ".fa", ".fasta", ".fna", ".parquet")
_YAML = (".yaml", ".yml")


def suites() -> tuple[str, ...]:
    """Names of the suites of all installed packages, in alphabetical order."""
    return tuple(sorted(_points(SUITES)))


def usable_suites() -> list[Suite]:
    """All registered suites that can be read, with a warning line for each that cannot."""
    found = []
    for name in suites():
        try:
            found.append(load_suite(name))
        except DnabenchError as problem:
            warn(str(problem))
    return found


def load_suite(name_or_path: str | Path) -> Suite:
    """A suite by its name, its folder or its suite.yaml.

    Raises RequestError for an unknown name (with the nearest one), TaskFileError for a file that is wrong.
    """
    path = Path(name_or_path)
    if path.suffix in _YAML or (path / "suite.yaml").is_file():
        file = path if path.suffix in _YAML else path / "suite.yaml"
        if not file.is_file():
            raise RequestError(f"{file} does not exist: give a suite.yaml or the folder that holds one")
        from .data.suite_file import read_suite

        return read_suite(file)
    return _registered_suite(str(name_or_path))


def find_tasks(suites: Sequence[str | Path] = (), tasks: Sequence[str | Path] = ()) -> tuple[Task, ...]:
    """The tasks of `suites`, or those that `tasks` name: ids, globs, suites, data files; commas or blanks between.

    Where both are given, `tasks` chooses among the suites (`-s gue -t 'emp_*'`). Order is kept, repeats are not.
    Raises RequestError where a name fits nothing.
    """
    chosen = [load_suite(word) for word in _words(suites)]
    words = _words(tasks)
    found = [t for word in words for t in _tasks_of(word, chosen)] if words else _all_tasks(chosen)
    by_name: dict[str, Task] = {}
    for task in found:
        if by_name.setdefault(task.name, task) != task:
            raise RequestError(f"two different tasks are called {task.name}: rename one of the suites")
    if not by_name:
        raise RequestError("no task was named: give a suite or a task, as in -s yeast or -t gue/emp_H3")
    return tuple(by_name.values())


def models() -> dict[str, str]:
    """Name of every registered model → the first line of its class's docstring; no model is imported for it."""
    return {name: _first_line(value) for name, value in sorted(_points(MODELS).items())}


def families() -> dict[str, Any]:
    """Name of every registered family of pretrained models → its card; a broken one is a warning."""
    found = {}
    for name, value in sorted(_points(FAMILIES).items()):
        module, _, attribute = value.partition(":")
        try:
            found[name] = getattr(import_module(module), attribute)
        except Exception as problem:
            warn(f"the family {name!r} ({value}) cannot be imported: {type(problem).__name__}: {problem}")
    return found


def family_lines() -> dict[str, str]:
    """Name of every family → what it is and a checkpoint to name, or that it is trained from scratch."""
    lines = {}
    for name, card in families().items():
        example = next(iter(card.checkpoints), "")
        scratch = f"; -m {name} --init random" if card.sizes else ""
        lines[name] = card.title + (f"; -m {example}" if example else scratch)
    return lines


def names_model(word: str) -> bool:
    """Whether a word that could be a task, too, is a model: registered, a family, a file, a folder, or on the hub."""
    if word in _points(MODELS) or word in _points(FAMILIES) or ".py" in word:
        return True
    path = Path(word)
    if path.exists() or path.name.removesuffix(".gz").endswith((*_TABLES, *_YAML)):
        return (path / "config.json").is_file()
    if not is_checkpoint(word) or word.partition("/")[0] in suites():
        return False
    # What is nearly a task's name is a misspelt task: the hub need not be asked for it.
    return not nearest(word, [task.name for task in _all_tasks(usable_suites())], 0.85)


def find_model(
    spec: str, args: Mapping[str, str] | None = None, as_name: str | None = None, how: Loading | None = None
) -> Adapter:
    """The model that a registered name, `file.py:Class`, `org/name@revision` or a folder names, with its options.

    A file's sha256 and a checkpoint's are part of their model's identity. Raises RequestError for an unknown name
    (with the nearest one) or option, Unavailable for a checkpoint that cannot be had, AdapterError for a class that
    is no adapter or files that are no model: the text says what is lacking.
    """
    file, _, name = spec.rpartition(":") if not spec.endswith(".py") else (spec, "", "")
    if file.endswith(".py"):
        kind, source = class_in_file(Path(file), name)
        adapter = check_adapter(made(kind, args or {}, spec), spec)
        info = replace(adapter.info, options={**adapter.info.options, "source": source})
    else:
        adapter = check_adapter(_named(spec, args or {}, how or Loading()), spec)
        info = adapter.info
    info = replace(info, name=as_name or info.name)
    return adapter if info == adapter.info else Renamed(adapter, info)


def _named(spec: str, args: Mapping[str, str], how: Loading) -> Any:
    """A model that is no file: a registered class, a checkpoint, or a family from scratch."""
    if spec == CHECKPOINTS:
        spec, args = lm_eval_spelling(args)
    if spec in _points(FAMILIES) and spec not in _points(MODELS) and spec != OWN_CODE:
        return from_scratch(_registered_class(CHECKPOINTS), spec, args, how)
    if spec in _points(MODELS) or not (is_checkpoint(spec) or Path(spec).is_dir()):
        return made(_registered_class(spec), args, spec)
    return checkpoint(_registered_class(CHECKPOINTS), spec, args, how)


def warn(sentence: str) -> None:
    """One line on stderr about a thing that cannot be used; never an end of the run."""
    print(f"dnabench: warning: {sentence}", file=sys.stderr)


@cache
def _points(group: str) -> dict[str, str]:
    """Name → value of an entry-point group; a name that two packages claim goes to dnabench or the first."""
    from importlib.metadata import entry_points

    found: dict[str, str] = {}
    for point in sorted(entry_points(group=group), key=lambda p: (not p.value.startswith("dnabench."), p.value)):
        if found.setdefault(point.name, point.value) != point.value:
            warn(f"{point.value} also calls itself {point.name!r}; {found[point.name]} is used")
    return found


def _known(group: str, what: str, name: str, other: str) -> str:
    """The value of a registered name; else RequestError with the nearest one and what may be given instead."""
    known = _points(group)
    if name in known:
        return known[name]
    names = sorted({*known, *(_points(FAMILIES) if group == MODELS else ())} - {OWN_CODE})
    raise RequestError(f"there is no {what} {name!r}.{nearest(name, names)} Known: {', '.join(names)}; or give {other}")


@cache
def _registered_suite(name: str) -> Suite:
    """A suite of an installed package, whose folder is found without importing it."""
    package = _known(SUITES, "suite", name, "the path of a suite.yaml")
    try:
        spec = util.find_spec(package)
        places = spec.submodule_search_locations if spec else None
        folder = Path(next(iter(places or ["(no package)"])))
    except Exception as problem:
        raise RequestError(f"the suite {name!r} ({package}) cannot be found: {problem}") from problem
    from .data.sources import DataOptions, cache_folder

    return read_kept(folder / "suite.yaml", cache_folder(DataOptions()))


def _words(values: Iterable[str | Path]) -> list[str]:
    """Names between commas and blanks; a path that exists is one name, whatever it holds.

    >>> _words(["gue/emp_*, yeast", "a b"])
    ['gue/emp_*', 'yeast', 'a', 'b']
    """
    words: list[str] = []
    for value in values:
        whole = isinstance(value, Path) or Path(value).exists()
        words += [str(value)] if whole else str(value).replace(",", " ").split()
    return words


def _tasks_of(word: str, chosen: Sequence[Suite]) -> list[Task]:
    """Tasks that one word names: among the chosen suites first, then anywhere."""
    path = Path(word)
    if path.name.removesuffix(".gz").endswith(_TABLES):
        from .data.user_file import user_task

        return [user_task(path)]
    if path.suffix in _YAML or (path / "suite.yaml").is_file():
        return list(load_suite(path).tasks)
    within = [t for t in _all_tasks(chosen) if any(fnmatchcase(n, word) for n in (t.name, *t.name.split("/", 1)))]
    if within:
        return within
    first = word.partition("/")[0]
    known = [load_suite(first)] if first in suites() else usable_suites()
    found = [t for t in _all_tasks(known) if t.suite == word or fnmatchcase(t.name, word)]
    if not found and path.is_file():
        read = ", ".join(_TABLES)
        raise RequestError(f"{word} is a file, but of no kind that is read: {read} (each also .gz), or suite.yaml")
    if not found:
        hint = nearest(word, [t.name for t in _all_tasks([*chosen, *known])])
        raise RequestError(f"there is no task {word!r}.{hint} `dnabench list tasks` prints them all")
    return found


def _all_tasks(chosen: Iterable[Suite]) -> list[Task]:
    return [task for suite in chosen for task in suite.tasks]


def _registered_class(name: str) -> Any:
    value = _known(MODELS, "model", name, "org/name of the hub, a folder, or file.py:Class")
    module, _, attribute = value.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except Exception as problem:
        raise RequestError(
            f"the model {name!r} ({value}) cannot be imported: {type(problem).__name__}: {problem}"
        ) from problem


def _first_line(value: str) -> str:
    """First line of a class's docstring, read from the source; a plugin that is broken says so instead."""
    import ast

    module, _, name = value.partition(":")
    try:
        spec = util.find_spec(module)
        text = Path(spec.origin or "").read_text(encoding="utf-8") if spec else ""
        tree = ast.parse(text)
    except Exception as problem:
        warn(f"{value} cannot be read ({type(problem).__name__}: {problem})")
        return f"cannot be read: {problem}"
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return "" if spec else f"cannot be found: {module}"
