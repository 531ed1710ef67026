"""suite.yaml → Suite: validated, with file, line, key and the nearest valid key where something is wrong."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import yaml

from dnabench.harness.errors import TaskFileError, nearest
from dnabench.harness.types import Dependence, FileFacts, Source, SplitRule, Suite, Target, Task

from .suite_schema import SourceModel, SuiteModel, TaskModel, keys_at

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Place = tuple[str | int, ...]
_Model = TypeVar("_Model", bound=pydantic.BaseModel)


def read_suite(path: Path) -> Suite:
    """The suite that a YAML file, or the suite.yaml of a folder, describes.

    `defaults` are merged under every task, key by key. Raises TaskFileError: file, line, key, what to do.
    """
    path = path / "suite.yaml" if path.is_dir() else path
    file, data = _load(path)
    head = _validate(SuiteModel, data, (), file)
    tasks = tuple(_read_task(name, _merged(head.defaults, own), head, file) for name, own in head.tasks.items())
    return Suite(head.suite, head.title, tasks, head.description, head.licence, head.citation, head.homepage)


@dataclass(frozen=True)
class _File:
    """A YAML file and its node tree, which knows the line of each key."""

    path: Path
    root: yaml.Node


def _read_task(name: str, data: dict[str, Any], head: SuiteModel, file: _File) -> Task:
    place = ("tasks", name)
    if not name or set(name) & set("/*, \\"):
        raise _error(file, place, "a task id is a word without '/', '*', comma or space")
    model = _validate(TaskModel, data, place, file)
    _check_whole(model, place, file)
    return Task(
        name=f"{head.suite}/{name}",
        version=model.version,
        title=model.title,
        inputs=model.inputs,
        target=Target(model.target, _classes(model.classes)),
        metric=model.metric,
        metrics=tuple(model.metrics),
        source=_source(model.source),
        split_rule=SplitRule(**model.split.model_dump()),
        dependence=Dependence(
            model.dependence.groups,
            model.dependence.reason,
            tuple(model.dependence.shares_test_rows_with),
            model.dependence.stratified,
        ),
        species=model.species,
        assembly=model.assembly,
        length=model.length,
        strand_matters=model.strand_matters,
        group=model.group,
        protocols=tuple(model.protocols),
        recipes=model.recipes,
        licence=model.licence or head.licence,
        citation=model.citation or head.citation,
        notes=tuple(model.notes),
        folder=str(file.path.parent),
    )


def _classes(classes: int | list[str] | None) -> tuple[str, ...]:
    return tuple(map(str, range(classes))) if isinstance(classes, int) else tuple(classes or ())


def _source(model: SourceModel) -> Source:
    files = {}
    for split, facts in model.files.items():
        counts = tuple(facts.class_counts) if facts.class_counts is not None else None
        known = facts.model_dump(exclude={"class_counts"})
        files[str(split)] = FileFacts(class_counts=counts, **known)
    return Source(
        kind=model.kind,
        files=files,
        folders=tuple(model.folders),
        hub_repo=model.hub.repo if model.hub else None,
        hub_revision=model.hub.revision if model.hub else None,
        sequence_columns=tuple(model.columns.sequence),
        label_column=model.columns.label,
        embedded=model.embedded,
        options=model.options.model_dump(exclude_unset=True),
    )


def _check_whole(model: TaskModel, place: _Place, file: _File) -> None:
    """What no single key can say: keys that need or exclude each other."""
    classes = _classes(model.classes)
    if model.target == "value" and classes:
        raise _error(file, (*place, "classes"), "a task with target `value` has no classes: remove the key")
    if model.target == "class" and len(classes) < 2:
        raise _error(file, (*place, "classes"), "a task with target `class` needs `classes`: a count or two names")
    if model.target == "multilabel" and not classes:
        raise _error(file, (*place, "classes"), "a task with target `multilabel` needs `classes`: a count or names")
    if len(set(classes)) < len(classes):
        raise _error(file, (*place, "classes"), "two classes have the same name")
    needed = ("train", "test") if model.split.kind == "fixed" else ("all",)
    missing = [split for split in needed if split not in model.source.files]
    if missing:
        said = f"split kind `{model.split.kind}` needs a file under `{missing[0]}`"
        raise _error(file, (*place, "source", "files"), said)
    if model.inputs == "pair" and len(model.source.columns.sequence) != 2:
        raise _error(file, (*place, "source", "columns"), "a pair task names two sequence columns")
    for split, facts in model.source.files.items():
        if facts.class_counts is not None and len(facts.class_counts) != len(classes):
            where = (*place, "source", "files", str(split), "class_counts")
            raise _error(file, where, f"{len(facts.class_counts)} counts for {len(classes)} classes")


_PYDANTIC = ("constrained-", "list[", "dict[", "function-after[", "[key]")


def _load(path: Path) -> tuple[_File, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as problem:
        raise TaskFileError(f"{path} cannot be read ({problem.strerror}): give a suite.yaml or its folder") from None
    except UnicodeDecodeError:
        raise TaskFileError(f"{path} is not UTF-8 text: a suite file is YAML saved as UTF-8") from None
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            raise TaskFileError(f"{path}, line 1: a suite file is a mapping that starts with `suite: NAME`")
        _refuse_repeated_keys(path, root, set())
        return _File(path, root), loader.construct_document(root)
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        raise TaskFileError(f"{path}, line {line}: not valid YAML: {problem.problem}") from None
    except yaml.YAMLError as problem:
        raise TaskFileError(f"{path} is not valid YAML: {' '.join(str(problem).split())}") from None


def _refuse_repeated_keys(path: Path, node: yaml.Node, above: set[int]) -> None:
    # YAML would keep the last one in silence: a task would be lost. An alias may hold itself: that has no end.
    if id(node) in above:
        raise TaskFileError(f"{path}, line {node.start_mark.line + 1}: an alias here holds itself: write it out")
    if isinstance(node, yaml.MappingNode):
        seen: set[Any] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen and key.value != "<<":
                raise TaskFileError(f"{path}, line {key.start_mark.line + 1}: the key {key.value!r} stands here twice")
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
            _refuse_repeated_keys(path, value, above | {id(node)})


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """
    >>> _merged({"a": {"x": 1, "y": 2}, "b": 1}, {"a": {"y": 3}})
    {'a': {'x': 1, 'y': 3}, 'b': 1}
    """
    merged = dict(under)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def _validate(model: type[_Model], data: Any, place: _Place, file: _File) -> _Model:
    try:
        return model.model_validate(data, strict=True)
    except pydantic.ValidationError as problem:
        problems = problem.errors(include_url=False)
    # A misspelt key is the cause of the missing one: say it first.
    first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    # A union or a literal ends its place with pydantic's own words, which are no keys of the file.
    inner = tuple(step for step in first["loc"] if not str(step).startswith(_PYDANTIC) and step != "str")
    raise _error(file, (*place, *inner), _sentence(model, first, inner))


def _sentence(model: type[pydantic.BaseModel], problem: Any, place: _Place) -> str:
    if problem["type"] == "extra_forbidden" or (problem["loc"][-1:] == ("[key]",)):
        known = keys_at(model, place)
        guess = nearest(str(place[-1]), known) or f" Known keys: {', '.join(known)}."
        return f"unknown key {str(place[-1])!r}.{guess}"
    if problem["type"] == "missing":
        where = "" if model is SuiteModel else " or under `defaults`"
        return f"the key {str(place[-1])!r} is missing: add it here{where}"
    if problem["type"] == "literal_error":
        known = [word.strip().strip("'") for word in problem["ctx"]["expected"].replace(" or ", ", ").split(",")]
        guess = nearest(str(problem["input"]), known) or f" Known: {', '.join(known)}."
        return f"{problem['input']!r} is none of the words allowed here.{guess}"
    words = problem["input"] if isinstance(problem["input"], list) else [problem["input"]]
    if problem["type"] in {"int_type", "string_type"} and any(isinstance(word, bool) for word in words):
        return f"found {problem['input']!r}: YAML reads yes, no, on and off as true and false; put words in quotes"
    said = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{said}, found {problem['input']!r}" if problem["type"] != "value_error" else said


def _error(file: _File, place: _Place, message: str) -> TaskFileError:
    """A key that a task inherits is looked up under `defaults`."""
    line, depth = _line(file.root, place)
    if depth < len(place) and place[0] == "tasks":
        inherited, deep = _line(file.root, ("defaults", *place[2:]))
        line = inherited if deep + 1 == len(place) and len(place) > 2 else line
    return TaskFileError(f"{file.path}, line {line}: {'.'.join(map(str, place)) or 'suite'}: {message}")


def _line(node: yaml.Node, place: _Place) -> tuple[int, int]:
    """Line of the deepest key of `place` that the file holds, and how deep that is."""
    line = node.start_mark.line
    for depth, step in enumerate(place):
        found = _child(node, step)
        if found is None:
            return line + 1, depth
        line, node = found
    return line + 1, len(place)


def _child(node: yaml.Node, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark.line, value) for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark.line, node.value[step]
    return None
