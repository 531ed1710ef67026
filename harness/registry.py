"""Suites, tasks and models by name: entry points of installed packages, and files and folders of the user's own.

    gue              a suite of the entry-point group `dnabench.suites` (a package that holds suite.yaml)
    my/suite.yaml    a suite of the user's own, or the folder that holds it
    gue/emp_*        tasks by glob          my_data.csv      a task without a suite
    kmer             a model of the entry-point group `dnabench.models`
    my_model.py:Net  a class in a file

Nothing here imports numpy: listing every task takes a few hundredths of a second.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from importlib import util
from pathlib import Path

from .data.suite_file import read_suite
from .errors import RequestError, TaskFileError, nearest
from .models import describe_class, load_class, load_file, made
from .types import Adapter, Suite, Task

MODELS = "dnabench.models"
SUITES = "dnabench.suites"
_TABLES = (".csv", ".tsv", ".fa", ".fasta", ".fna", ".parquet")
_YAML = (".yaml", ".yml")


def suites() -> tuple[str, ...]:
    """Names of the suites of all installed packages, in alphabetical order."""
    return tuple(sorted(_points(SUITES)))


def load_suite(name_or_path: str | Path) -> Suite:
    """A suite by its name, its folder or its suite.yaml.

    Raises RequestError for an unknown name (with the nearest one), TaskFileError for a file that is wrong.
    """
    path = Path(name_or_path)
    if path.suffix in _YAML or (path / "suite.yaml").is_file():
        file = path if path.suffix in _YAML else path / "suite.yaml"
        if not file.is_file():
            raise RequestError(f"{file} does not exist: give a suite.yaml or the folder that holds one")
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
    return {name: describe_class(value) for name, value in sorted(_points(MODELS).items())}


def find_model(spec: str, args: Mapping[str, str] | None = None, as_name: str | None = None) -> Adapter:
    """The model that a registered name or `file.py:Class` names, with its options, under its own name or yours.

    Raises RequestError for an unknown name (with the nearest one) or option, AdapterError for a class that is
    no adapter: the text says what it lacks.
    """
    if ".py" in spec and spec.partition(":")[0].endswith(".py"):
        kind, source = load_file(spec)
        return made(kind, args or {}, spec, as_name, source)
    known = _points(MODELS)
    if spec not in known:
        raise RequestError(
            f"there is no model {spec!r}.{nearest(spec, list(known))} Known: {', '.join(sorted(known))}; "
            "or a class of yours as file.py:Class"
        )
    return made(load_class(known[spec], spec), args or {}, spec, as_name)


def warn(sentence: str) -> None:
    """One line on stderr about a plugin that cannot be used; never an end of the run."""
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


@cache
def _registered_suite(name: str) -> Suite:
    known = _points(SUITES)
    if name not in known:
        raise RequestError(
            f"there is no suite {name!r}.{nearest(name, list(known))} Known: {', '.join(sorted(known))}; "
            "or the path of a suite.yaml"
        )
    return read_suite(_folder(name, known[name]) / "suite.yaml")


def _folder(name: str, package: str) -> Path:
    """The folder of a suite's package, found without importing the package itself."""
    try:
        spec = util.find_spec(package)
    except Exception as problem:
        raise RequestError(f"the suite {name!r} cannot be found: {package}: {problem}") from problem
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise RequestError(f"the suite {name!r} points to {package}, which is no package: reinstall it")
    return Path(places[0])


def usable_suites() -> list[Suite]:
    """All registered suites that can be read, with a warning line for each that cannot."""
    found = []
    for name in suites():
        try:
            found.append(load_suite(name))
        except (RequestError, TaskFileError) as problem:
            warn(str(problem))
    return found


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
    within = [t for t in _all_tasks(chosen) if _fits(t, word) or fnmatchcase(t.name.partition("/")[2], word)]
    if within:
        return within
    known = _suites_for(word)
    found = [t for t in _all_tasks(known) if _fits(t, word)]
    if not found:
        names = [t.name for t in _all_tasks([*chosen, *known])]
        ids = {t.partition("/")[2]: t for t in names}
        hint = nearest(word, names) or nearest(ids.get(word, ""), names)
        raise RequestError(f"there is no task {word!r}.{hint} `dnabench list tasks` prints them all")
    return found


def _suites_for(word: str) -> Sequence[Suite]:
    """The suite that a word begins with, or all of them where it does not name one."""
    first = word.partition("/")[0]
    return [load_suite(first)] if first in suites() else usable_suites()


def _fits(task: Task, word: str) -> bool:
    return fnmatchcase(task.name, word) or task.suite == word


def _all_tasks(chosen: Iterable[Suite]) -> list[Task]:
    return [task for suite in chosen for task in suite.tasks]
