"""The gate's verdicts as machines of continuous integration read them: JUnit XML, GitHub annotations."""

from __future__ import annotations

import re
from itertools import groupby
from xml.etree import ElementTree

from .gate import Gate, Judged
from .table import headline, sentence

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even escaped."""
_LEVELS = {"fail": "error", "undecided": "warning"}


def junit(gate: Gate) -> str:
    """JUnit XML: a test case per task and model, a test suite per suite; undecided is skipped, or failed if strict."""
    root = ElementTree.Element("testsuites", {"name": "dnabench gate", **_counts(gate.cells, gate)})
    ordered = sorted(gate.cells, key=lambda one: (one.task, one.model))
    for suite, group in groupby(ordered, key=lambda one: one.task.split("/")[0]):
        cells = tuple(group)
        box = ElementTree.SubElement(root, "testsuite", {"name": _clean(suite), **_counts(cells, gate)})
        for one in cells:
            case = ElementTree.SubElement(box, "testcase", classname=_clean(one.task), name=_clean(one.model), time="0")
            _outcome(case, one, gate)
    ElementTree.indent(root, " ")
    return "<?xml version='1.0' encoding='utf-8'?>\n" + ElementTree.tostring(root, encoding="unicode") + "\n"


def github(gate: Gate) -> str:
    """Workflow commands: an error per failure, a warning per undecided cell, and the verdict as a notice."""
    lines = [
        annotation(_level(one, gate), f"{one.task}, {one.model}", sentence(one))
        for one in gate.cells
        if one.verdict in _LEVELS
    ]
    return "\n".join([*lines, annotation("notice", "dnabench gate", headline(gate))]) + "\n"


def annotation(level: str, title: str, message: str) -> str:
    """One workflow command, escaped so that no text can end it or begin another.

    >>> annotation("error", "a: b, c", "50% worse\\nsee ::error")
    '::error title=a%3A b%2C c::50%25 worse%0Asee ::error'
    """
    name = _escaped(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={name}::{_escaped(message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _level(one: Judged, gate: Gate) -> str:
    return "error" if gate.rules.strict else _LEVELS[one.verdict]


def _counts(cells: tuple[Judged, ...], gate: Gate) -> dict[str, str]:
    undecided = sum(one.verdict == "undecided" for one in cells)
    failed = sum(one.verdict == "fail" for one in cells)
    strict = gate.rules.strict
    return {
        "tests": str(len(cells)),
        "failures": str(failed + undecided if strict else failed),
        "errors": "0",
        "skipped": "0" if strict else str(undecided),
    }


def _outcome(case: ElementTree.Element, one: Judged, gate: Gate) -> None:
    text = _clean(sentence(one))
    if one.verdict == "fail" or (gate.rules.strict and one.verdict == "undecided"):
        ElementTree.SubElement(case, "failure", message=text, type=one.verdict).text = text
    elif one.verdict == "undecided":
        ElementTree.SubElement(case, "skipped", message=text)
    else:
        ElementTree.SubElement(case, "system-out").text = text


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
