"""The commands that run stored cells again, from what their records say: model, tasks, protocol, settings, seeds."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .. import registry
from ..errors import DnabenchError
from ..protocols import PROTOCOLS, configure, option_of, takes_seed
from ..types import RunRecord, Task
from .cells import cell

MODEL_WORDS = ("--init", "--adapter", "--as", "--model-args", "--trust-remote-code")
"""Options of a model: they are taken over from the command that made it."""
FLAGS = ("--offline", "--fresh", "--dry-run", "--json", "--verbose", "-v")
SETTINGS = {"--batch-size": "batch_size", "--device": "device"}


def repeat_lines(records: Sequence[RunRecord]) -> list[str]:
    """A line for the tasks that one command runs again, in the order of the records; none for submissions.

    Where the data lie and where the results go are left out: they differ between machines.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for record in records:
        task = known_task(str(record.task["name"]))
        if record.protocol["name"] not in PROTOCOLS:
            continue
        made = str(record.provenance.get("command") or "")
        if task is None and made:
            groups.setdefault((made,), [])
        else:
            groups.setdefault(tuple(_words(record, task, _options(made))), []).append(str(record.task["name"]))
    return [_line(words, tasks) for words, tasks in groups.items()]


def known_task(name: str) -> Task | None:
    """A task of a registered suite by its name."""
    suite = name.partition("/")[0]
    tasks = registry.load_suite(suite).tasks if suite in registry.suites() else ()
    return next((task for task in tasks if task.name == name), None)


def _line(words: Sequence[str], tasks: Sequence[str]) -> str:
    if not tasks:
        return words[0]
    parts = [word if word != "-t" else f"-t {shlex.quote(','.join(tasks))}" for word in words]
    return " ".join(["dnabench run", *parts])


def _words(record: RunRecord, task: Task | None, made: Mapping[str, list[str]]) -> Iterator[str]:
    """The words of the command, `-t` for the tasks."""
    shown, config = cell(record), record.protocol.get("config") or {}
    yield from _model(record.model, made)
    yield "-t"
    yield f"-p {shlex.quote(shown.protocol)}"
    if shown.recipe != "default":
        yield f"--recipe {shlex.quote(shown.recipe)}"
    for name, value in _settings(record, task, made).items():
        yield f"--set {shlex.quote(f'{name}={_value(value)}')}"
    if takes_seed(shown.protocol, config):
        yield f"--seeds {','.join(str(one['seed']) for one in record.replicates)}"


def _model(model: Mapping[str, Any], made: Mapping[str, list[str]]) -> Iterator[str]:
    """The model as the stored command named it; else by its name and options."""
    name, options = str(model["name"]), model.get("options") or {}
    named = [word for words in made.get("--model", []) for word in words.split(",")]
    known = named if len(named) == 1 else [word for word in named if name in (word, f"{word}-random")]
    if known:
        yield f"-m {shlex.quote(known[0])}"
        for option in MODEL_WORDS:
            yield from (f"{option} {shlex.quote(word)}" for word in made.get(option, []))
        return
    yield f"-m {shlex.quote(name)}"
    plain = ",".join(f"{k}={v}" for k, v in options.items() if v is not None and not isinstance(v, (list, Mapping)))
    if plain:
        yield f"--model-args {shlex.quote(plain)}"


def _settings(record: RunRecord, task: Task | None, made: Mapping[str, list[str]]) -> dict[str, Any]:
    """What differs from the protocol and recipe as they are, and what was set by hand all the same.

    A setting by hand may equal the protocol's own and still count: the model's card would say something else.
    """
    config: Mapping[str, Any] = record.protocol.get("config") or {}
    byhand = {option_of(word.partition("=")[0].strip()) for word in made.get("--set", [])}
    byhand |= {name for option, name in SETTINGS.items() if made.get(option)}
    found = {name: value for name, value in config.items() if name in byhand}
    if task is None:
        return found
    recipe = str(record.protocol.get("recipe") or "default")
    try:
        # Twice, since a setting may bring others along.
        for _ in range(2):
            plain = configure(str(record.protocol["name"]), task, None if recipe == "default" else recipe, found)
            found |= {name: v for name, v in config.items() if plain.get(name, 0) != v and _settable(name, plain)}
    except DnabenchError:
        return found  # the recipe or an option is of another version: what was set by hand is all that is known
    return dict(sorted(found.items()))


def _settable(name: str, config: Mapping[str, Any]) -> bool:
    return name in config or name == "dev_folds"


def _value(value: Any) -> str:
    """A value as `--set` reads it: JSON, and words as they are.

    >>> _value([3, 5]), _value("linear"), _value("true"), _value(None)
    ('[3,5]', 'linear', '"true"', 'null')
    """
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if not isinstance(value, str):
        return text
    try:
        json.loads(value)
    except ValueError:
        return value
    return text


def _options(command: str) -> dict[str, list[str]]:
    """The options of a stored command and their words; nothing where it is not `dnabench run`.

    >>> _options("dnabench run -m cnn --set epochs=3 --set patience=2 --offline")
    {'--model': ['cnn'], '--set': ['epochs=3', 'patience=2']}
    """
    words, found = command.split(), dict[str, list[str]]()
    if words[:2] != ["dnabench", "run"]:
        return {}
    rest = iter(words[2:])
    for word in rest:
        name, equals, value = word.partition("=")
        if word.startswith("-") and word not in FLAGS:
            found.setdefault("--model" if name == "-m" else name, []).append(value if equals else next(rest, ""))
    return found
