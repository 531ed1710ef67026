"""A likelihood as the score: ranked and stored as it is, with the metrics that need no threshold and no others."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from dnabench.harness.cli import run_words
from dnabench.harness.errors import AdapterError
from dnabench.harness.protocols import TrainRows, configure, run_protocol
from dnabench.harness.protocols.fit import bases_seen
from dnabench.harness.types import Inputs, ModelInfo, Source, Split, Target, Task

TWO = Target("class", ("0", "1"))
TASK = Task("toy/one", 1, "", "sequence", TWO, "auroc", (), Source("files", {}))
MODEL = '''
"""A model of one base after the other."""
from dnabench.harness.types import ModelInfo


class Tata:
    """Finds T and A likely."""

    capabilities = frozenset({"log_likelihood"})
    info = ModelInfo("tata", "tata", 1)

    def log_likelihood(self, sequences):
        return [sum(-0.9 if base in "TA" else -2.3 for base in s) - 0.9 * ("TATAAA" in s) for s in sequences]
'''


class Model:
    """Answers from a table; reads at most ten bases."""

    capabilities = frozenset({"log_likelihood"})
    info = ModelInfo("toy", "toy", 1)

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def log_likelihood(self, sequences: Sequence[str]) -> Any:
        return self.answer[: len(sequences)]

    def bases_read(self, sequences: Sequence[str]) -> Any:
        return np.array([min(len(s), 10) for s in sequences])

    def convention(self) -> str:
        return "sum over bases"


ROWS = ["A" * n for n in (5, 10, 20, 40)]
TRAIN = TrainRows(*[Split("train", Inputs(ROWS), np.array([0, 1, 0, 1]), TWO)] * 2)


def test_scores_are_log_likelihoods_per_base_that_was_read() -> None:
    model = Model([-5.0, -20.0, -20.0, -1.0])
    found = run_protocol("zero_shot", model, TRAIN, Inputs(ROWS), configure("zero_shot", TASK))
    assert found.outputs.ravel().tolist() == [-1.0, -2.0, -2.0, -0.1]
    assert (found.kind, found.outputs.shape, found.chosen) == (
        "log_likelihood",
        (4, 1),
        {"convention": "sum over bases"},
    )
    assert found.bases_seen == pytest.approx(35 / 75)
    whole = run_protocol("zero_shot", model, TRAIN, Inputs(ROWS), configure("zero_shot", TASK, None, {"per": "row"}))
    assert whole.outputs.ravel().tolist() == model.answer


def test_bases_seen_is_what_the_model_says_it_read_and_else_its_context() -> None:
    rows = Inputs(ROWS)
    assert bases_seen(Model([]), rows) == pytest.approx(35 / 75)
    short = type("Short", (), {"info": dataclasses.replace(Model.info, context_bases=20)})()
    assert bases_seen(short, rows) == pytest.approx(55 / 75)
    assert bases_seen(object(), rows) == 1.0


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([-1.0, -2.0], r"returned shape \(2,\); expected \(4,\)"),
        ([[-1.0]] * 4, r"returned shape \(4, 1\)"),
        ([-1.0, np.nan, -1.0, -2.0], "the log-likelihood of row 1 is nan"),
    ],
)
def test_an_answer_that_is_no_likelihood_is_said(answer: Any, message: str) -> None:
    with pytest.raises(AdapterError, match=message):
        run_protocol("zero_shot", Model(answer), TRAIN, Inputs(ROWS), configure("zero_shot", TASK))


@pytest.fixture
def record(write_suite: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Any:
    monkeypatch.chdir(tmp_path)
    folder = write_suite(("a",), extra="protocols: [zero_shot]")
    suite = (folder / "suite.yaml").read_text().replace("metric: mcc", "metric: auroc").replace("auroc]", "auprc, mcc]")
    (folder / "suite.yaml").write_text(suite)
    Path("tata.py").write_text(MODEL)
    assert run_words(["run", "-m", "tata.py:Tata", "-s", "mine", "--as", "tata"]) == 0
    printed = capsys.readouterr()
    (path,) = Path("results/runs/mine").rglob("a.json")
    return json.loads(path.read_text()), np.load(path.with_suffix(".npz")), printed.out + printed.err, folder


def test_a_whole_run_ends_in_a_record_with_the_metrics_that_need_no_threshold(record: Any) -> None:
    said, arrays, _, folder = record
    lines = [line.rsplit(",", 1) for line in (folder / "a_test.csv").read_text().splitlines()[1:]]
    truth = np.array([int(label) for _, label in lines])
    space: dict[str, Any] = {}
    exec(MODEL, space)
    scores = np.float32(np.array(space["Tata"]().log_likelihood([s for s, _ in lines])) / 40)
    np.testing.assert_allclose(arrays["outputs"].ravel(), scores, rtol=1e-6)
    assert said["status"] == "ok"
    assert said["scores"]["auroc"]["value"] == pytest.approx(roc_auc_score(truth, scores), abs=1e-9)
    assert said["scores"]["auprc"]["value"] == pytest.approx(average_precision_score(truth, scores), abs=1e-9)
    assert said["scores"]["auroc"]["low"] < said["scores"]["auroc"]["value"] < said["scores"]["auroc"]["high"]
    assert said["scores"]["mcc"]["value"] is None
    assert "no threshold" in said["scores"]["mcc"]["note"]
    assert said["protocol"]["name"] == "zero_shot"
    assert len(said["replicates"]) == 1


def test_a_table_and_a_comparison_take_likelihoods_as_they_take_probabilities(record: Any, capsys: Any) -> None:
    said, *_ = record
    assert f"{said['scores']['auroc']['value']:.3f}" in record[2]
    assert run_words(["run", "-m", "tata.py:Tata", "-s", "mine", "--as", "twin"]) == 0
    assert run_words(["check", "--results", "results", "--intervals"]) == 0
    capsys.readouterr()
    assert run_words(["compare", "tata", "twin", "--suite", "mine", "--json"]) == 0
    assert "auroc" in capsys.readouterr().out


def test_a_row_without_an_opinion_is_not_the_likeliest() -> None:
    model: Any = Model([-5.0, 0.0, -20.0])
    model.mean_log_likelihood = lambda sequences: np.array([-1.0, np.nan, -1.5])
    found = run_protocol("zero_shot", model, TRAIN, Inputs(["ACGTA", "NNNN", "ACGT" * 5]), configure("zero_shot", TASK))
    np.testing.assert_allclose(found.outputs[:, 0], [-1.0, np.log(0.25), -1.5])
    assert found.chosen["notes"] == ["of 1 rows the model has no opinion: they count as ln 1/4 per base"]
