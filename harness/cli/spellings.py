"""What people type out of habit, put into dnabench's own words before typer reads it.

    dnabench --model kmer --tasks a b --batch_size 8   →   dnabench run --model kmer --task a,b --batch-size 8

lm-eval's spellings are taken where they mean the same; what means nothing for DNA is refused in a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import RequestError

COMMANDS = {"ls": "list", "validate": "check", "eval": "run"}
SAME = {
    "--models": "--model",
    "--tasks": "--task",
    "--suites": "--suite",
    "--output-path": "--output",
    "--output-folder": "--output",
    "--seed": "--seeds",
    "--no-cache": "--fresh",
    "-M": "--model",
    "-a": "--model-args",
    "-b": "--batch-size",
    "-L": "--limit",
}
SEVERAL = {"-m", "--model", "-s", "--suite", "-t", "--task", "-p", "--protocol", "--model-args", "--include-path"}
"""Options of `run` after which several words may stand: `--tasks a b`."""
NOT_DNA = {
    *("--num-fewshot", "-f", "--fewshot-as-multiturn", "--apply-chat-template", "--chat-template-args"),
    *("--system-instruction", "--gen-kwargs", "--confirm-run-unsafe-code"),
}
WITHOUT_VALUE = {
    "--log-samples": "--log-samples changes nothing: every prediction is kept beside its record",
    "--cache-requests": "--cache-requests changes nothing: finished cells are never computed twice",
}
WITH_VALUE = {
    "--use-cache": "--use-cache changes nothing: finished cells are never computed twice (--fresh computes them again)",
    "--verbosity": "--verbosity changes nothing: -v prints a line per cell",
}
TOP = {"--help", "-h", "--version", "--install-completion", "--show-completion"}


def respell(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """dnabench's own spelling of a command line, and notes on what was left out.

    Raises RequestError for options that mean nothing for DNA models.

    >>> respell(["--model", "kmer", "--tasks", "a", "b", "--batch_size=8", "--log_samples"])[0]
    ['run', '--model', 'kmer', '--task', 'a,b', '--batch-size', '8']
    >>> respell(["ls", "tasks"])[0]
    ['list', 'tasks']
    """
    words = list(words)
    if words and words[0].startswith("-") and words[0] not in TOP:
        words = ["run", *words]
    if not words:
        return [], []
    words[0] = COMMANDS.get(words[0], words[0])
    if words[0] == "run":
        rest, notes = _respell_run(_split_equals(words[1:]))
        return ["run", *rest], notes
    return [words[0], *(_own(w) for w in words[1:])], []


def _respell_run(words: list[str]) -> tuple[list[str], list[str]]:
    out: list[str] = []
    notes: list[str] = []
    at = 0
    while at < len(words):
        word = _own(words[at])
        values = _values_after(words, at)
        if word in NOT_DNA:
            raise RequestError(
                f"{words[at]} is not a DNA option: leave it out (dnabench run --help lists what there is)"
            )
        if word == "--trust-remote-code":
            out += [word, _trusted(values)]
            at += 1 + min(len(values), 1)
        elif word in WITHOUT_VALUE or word in WITH_VALUE:
            notes.append(WITHOUT_VALUE.get(word) or WITH_VALUE[word])
            at += 1 + (word in WITH_VALUE and bool(values))
        elif word in SEVERAL and values:
            out += [word, ",".join(values)]
            at += 1 + len(values)
        else:
            out.append(word)
            at += 1
    return out, notes


def _split_equals(words: Sequence[str]) -> list[str]:
    """`--name=value` as two words, so that the rules below see the name.

    >>> _split_equals(["--limit=5", "a=b"])
    ['--limit', '5', 'a=b']
    """
    out: list[str] = []
    for word in words:
        out += word.split("=", 1) if word.startswith("--") and "=" in word else [word]
    return out


def _own(word: str) -> str:
    return SAME.get(_dashed(word), _dashed(word))


def _dashed(word: str) -> str:
    """Dashes for the underscores of an option's name; values stay.

    >>> _dashed("--batch_size"), _dashed("my_file.py:Model"), _dashed("--data=my_folder")
    ('--batch-size', 'my_file.py:Model', '--data=my_folder')
    """
    if not word.startswith("--"):
        return word
    name, equals, value = word.partition("=")
    return name.replace("_", "-") + equals + value


def _values_after(words: Sequence[str], at: int) -> list[str]:
    values: list[str] = []
    for word in words[at + 1 :]:
        if word.startswith("-") and word != "-":
            break
        values.append(word)
    return values


def _trusted(values: Sequence[str]) -> str:
    """What is trusted; True and nothing name nothing."""
    if not values or values[0].lower() in ("true", "1", "yes"):
        raise RequestError(
            "--trust-remote-code must name what it trusts, as in --trust-remote-code org/name@COMMIT; "
            "dnabench runs no code from a hub unasked"
        )
    return values[0]
