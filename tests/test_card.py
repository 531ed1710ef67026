"""A model card that the hub's own reader takes, and that keeps what others wrote."""

from dataclasses import replace
from pathlib import Path

import pytest

import dnabench
from dnabench.harness.cli import run_words
from dnabench.harness.errors import DataError, RequestError
from dnabench.harness.report.card import BEGIN, END, PICTURE, model_card
from dnabench.harness.types import RunRecord

hub = pytest.importorskip("huggingface_hub")


@pytest.fixture(scope="module")
def record() -> RunRecord:
    found = dnabench.run("gc", "yeast/promoter")
    assert isinstance(found, RunRecord)
    return found


def test_the_hub_s_own_loader_reads_every_score_with_its_interval(record: RunRecord, tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(model_card([record]).text, encoding="utf-8")
    card = hub.ModelCard.load(path)
    found = {one.metric_name: one for one in card.data.eval_results}
    assert len(found) == len([s for s in record.scores.values() if s.value is not None])
    mcc = found["Matthews correlation (MCC), fit"]
    assert mcc.metric_type == "matthews_correlation"
    assert mcc.metric_value == pytest.approx(record.scores["mcc"].value, abs=1e-6)
    assert mcc.metric_args["interval_95"][0] == pytest.approx(record.scores["mcc"].low, abs=1e-6)
    assert mcc.dataset_args == {"fingerprint": record.key["data"]["test"], "rows": 620}
    assert (mcc.dataset_name, mcc.dataset_split) == ("yeast/promoter", "test")
    assert "dnabench run -m gc -t yeast/promoter -p fit" in card.text


def test_the_same_records_give_the_same_bytes_and_an_update_changes_nothing(record: RunRecord) -> None:
    first = model_card([record])
    assert first == model_card([record])
    assert model_card([record], first.text).text == first.text


THEIRS = """---
license: apache-2.0
tags:
- genomics
model-index:
- name: Theirs
  results:
  - task:
      type: text-generation
    dataset:
      name: other
      type: other
    metrics:
    - type: accuracy
      value: 0.5
---

# Theirs

Words of theirs.

<!-- dnabench: begin -->
old
<!-- dnabench: end -->

More words.
"""


def test_what_others_wrote_is_kept(record: RunRecord) -> None:
    text = model_card([record], THEIRS).text
    card = hub.ModelCard(text)
    assert card.data.license == "apache-2.0"
    assert card.data.model_name == "Theirs"
    assert [one.metric_value for one in card.data.eval_results if one.dataset_name == "other"] == [0.5]
    assert "Words of theirs." in text
    assert "More words." in text
    assert "old" not in text
    assert text.count(BEGIN) == text.count(END) == 1


@pytest.mark.parametrize("bad", ["---\na: [1\n---\n", "---\nmodel-index: 3\n---\n", "---\n- a\n---\n"])
def test_metadata_that_cannot_be_read_are_refused(record: RunRecord, bad: str) -> None:
    with pytest.raises(DataError, match="metadata that cannot be read"):
        model_card([record], bad)


def test_words_of_a_record_cannot_become_markup(record: RunRecord) -> None:
    name = "x<script>`|\n---\nlicense: mine"
    text = model_card([replace(record, model={**record.model, "name": name})]).text
    card = hub.ModelCard(text)
    assert "<script>" not in card.text
    assert card.data.license is None


def test_records_that_are_no_card_are_refused(record: RunRecord) -> None:
    with pytest.raises(RequestError, match="at least one full record"):
        model_card([replace(record, status="partial")])
    with pytest.raises(RequestError, match="2 models"):
        model_card([record, replace(record, model={**record.model, "name": "other"})])


def test_the_command_writes_the_card_and_its_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dnabench.run("gc", "yeast/promoter", out=tmp_path / "results")
    words = ["card", "gc", str(tmp_path / "results")]
    assert run_words([*words, "-o", str(tmp_path / "README.md")]) == 0
    assert (tmp_path / PICTURE).read_text(encoding="utf-8").startswith("<svg")
    hub.ModelCard.load(tmp_path / "README.md")
    assert run_words(words) == 0
    assert capsys.readouterr().out == (tmp_path / "README.md").read_text(encoding="utf-8")
    assert run_words(["card", "kmer", str(tmp_path / "results")]) == 2
    assert run_words(["card", "gc", str(tmp_path / "nothing")]) == 2
