"""JUnit XML and GitHub annotations: valid whatever the records say."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnabench.harness.report.gate.ci import annotation, github, junit
from dnabench.harness.report.gate.gate import Gate, GateRules, Judged

CELLS = (
    Judged("toy/x", "kmer", verdict="fail", reason="lost: failed: <b>&\"'\x00\x1b]]>\nsecond line"),
    Judged("toy/x", "net", verdict="undecided", reason="neither shown nor ruled out"),
    Judged("other/y", "gc", verdict="pass"),
)


def test_every_task_and_model_is_one_test_case() -> None:
    root = ElementTree.fromstring(junit(Gate(CELLS, GateRules())))
    assert (root.tag, root.get("tests"), root.get("failures"), root.get("skipped")) == ("testsuites", "3", "1", "1")
    assert [(s.get("name"), s.get("tests"), s.get("failures")) for s in root] == [
        ("other", "1", "0"),
        ("toy", "2", "1"),
    ]
    cases = {(c.get("classname"), c.get("name")): [e.tag for e in c] for c in root.iter("testcase")}
    assert cases == {("other/y", "gc"): ["system-out"], ("toy/x", "kmer"): ["failure"], ("toy/x", "net"): ["skipped"]}
    failure = next(root.iter("failure"))
    assert failure.text == "lost: failed: <b>&\"'\ufffd\ufffd]]>\nsecond line"


def test_undecided_is_a_failure_where_proof_was_asked_for() -> None:
    strict = Gate(CELLS, GateRules(strict=True))
    root = ElementTree.fromstring(junit(strict))
    assert (root.get("failures"), root.get("skipped")) == ("2", "0")
    assert github(strict).count("::error ") == 2


def test_failures_are_errors_and_undecided_cells_warnings() -> None:
    lines = github(Gate(CELLS, GateRules())).splitlines()
    assert [line.split(" ")[0] for line in lines] == ["::error", "::warning", "::notice"]
    assert lines[0].startswith("::error title=toy/x%2C kmer::lost: failed")
    assert "%0Asecond line" in lines[0]


@given(st.text(), st.text())
def test_no_text_ends_an_annotation_or_begins_another(title: str, message: str) -> None:
    line = annotation("error", title, message)
    assert "\n" not in line
    assert "\r" not in line
    head, _, said = line.removeprefix("::error title=").partition("::")
    back = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}

    def undone(text: str) -> str:
        for code, letter in back.items():
            text = text.replace(code, letter)
        return text

    assert (undone(head), undone(said)) == (title, message)


@given(st.text(), st.text())
def test_any_text_makes_xml_that_can_be_read(name: str, reason: str) -> None:
    said = ElementTree.fromstring(junit(Gate((Judged(name, reason, verdict="fail", reason=reason),), GateRules())))
    assert len(list(said.iter("failure"))) == 1


def test_a_verdict_without_reason_is_passed_on_with_its_scores() -> None:
    assert "::notice title=dnabench gate::gate passed: 0 fail, 0 undecided, 1 pass" in github(
        Gate(CELLS[2:], GateRules())
    )
    with pytest.raises(StopIteration):
        next(ElementTree.fromstring(junit(Gate(CELLS[2:], GateRules()))).iter("failure"))
