"""What is left to do for a cell depends on what was measured, not on which path exists."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dnabench.harness import protocols
from dnabench.harness.data.load import DataOptions
from dnabench.harness.errors import RequestError
from dnabench.harness.registry import find_model, find_tasks
from dnabench.harness.report.plans import plan_table
from dnabench.harness.run.plan import Planned, Request, cell_path, id7, make_plan
from dnabench.harness.run.run import RunOptions, run_plan
from dnabench.harness.types import Capability, Inputs, ModelInfo, Split, Task

DATA = DataOptions(offline=True)


@dataclass(frozen=True)
class Counter:
    """Counts T; an adapter of the capability `fit`."""

    info: ModelInfo = field(default_factory=lambda: ModelInfo("counter", "counter", 1))
    capabilities: frozenset[Capability] = frozenset({"fit"})
    chosen: dict[str, Any] = field(default_factory=dict)

    def fit(self, train: Split, dev: Split, seed: int = 0) -> "Counter":
        return self

    def predict(self, inputs: Inputs) -> Any:
        p = np.array([s.count("T") for s in inputs.sequences]) / 40
        return np.stack([1 - p, p], 1)


@pytest.fixture
def task(write_suite: Callable[..., Path]) -> Task:
    return find_tasks([write_suite(("a",), extra="recipes: {strict: {}}")])[0]


@pytest.fixture
def seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    known = dict(protocols.PROTOCOLS)
    known["fit"] = replace(known["fit"], uses_seed=True)
    monkeypatch.setattr(protocols, "PROTOCOLS", known)


def plan(root: Path | None, *tasks: Task, model: Any = Counter(), **how: Any) -> Planned:
    (one,) = make_plan(Request((model,), tasks, **how), root, DATA)
    return one


def work(planned: Iterable[Planned]) -> None:
    for outcome in run_plan(list(planned), RunOptions(DATA)):
        assert outcome.record.status in ("ok", "partial"), outcome.record.error


def test_a_cell_without_a_record_is_run_and_then_done(tmp_path: Path, task: Task) -> None:
    one = plan(tmp_path, task)
    assert (one.state, one.missing) == ("to run", (0,))
    work([one])
    assert (plan(tmp_path, task).state, plan(tmp_path, task).missing) == ("done", ())


def test_the_path_says_what_was_measured(tmp_path: Path, task: Task) -> None:
    named = Counter(ModelInfo("org/name", "counter", 1))
    one = plan(tmp_path, task, model=named)
    cell = one.cell
    expected = f"runs/mine/org--name@{cell.id7}/fit.default@{cell.config7}/a.json"
    assert cell_path(tmp_path, cell) == tmp_path / expected


def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, task: Task) -> None:
    with pytest.raises(RequestError, match="cannot be part of a path"):
        plan(tmp_path, task, model=Counter(ModelInfo("..", "counter", 1)))


@pytest.mark.parametrize("change", [{"version": 2}, {"options": {"k": 4}}, {"weights": "sha256:00"}, {"adapter": "x"}])
def test_what_changes_the_outputs_of_a_model_changes_its_id(change: dict[str, Any]) -> None:
    one = ModelInfo("kmer", "kmer", 1, "none", {"k": 6})
    assert id7(replace(one, **change)) != id7(one)
    assert id7(replace(one, name="other", licence="MIT", parameters=3)) == id7(one)


def test_a_new_version_of_the_task_makes_the_record_stale(tmp_path: Path, task: Task) -> None:
    work([plan(tmp_path, task)])
    one = plan(tmp_path, replace(task, version=2))
    assert (one.state, one.missing, one.reason) == ("stale", (0,), "made from another task")


def test_other_data_make_the_record_stale(tmp_path: Path, task: Task) -> None:
    work([plan(tmp_path, task)])
    test = Path(task.folder) / "a_test.csv"
    test.write_text(test.read_text(encoding="utf-8") + "ACGTACGTAA,1\n", encoding="utf-8")
    one = plan(tmp_path, task)
    assert (one.state, one.reason) == ("stale", "made from another data")
    work([one])
    assert plan(tmp_path, task).state == "done"


def test_a_new_harness_makes_every_record_stale(tmp_path: Path, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    work([plan(tmp_path, task)])
    monkeypatch.setattr("dnabench.harness.run.plan.HARNESS", 99)
    assert plan(tmp_path, task).state == "stale"


def test_more_seeds_extend_a_record(tmp_path: Path, task: Task, seeded: None) -> None:
    work([plan(tmp_path, task, seeds=(0, 1, 2))])
    one = plan(tmp_path, task, seeds=range(5))
    assert (one.state, one.missing) == ("to extend", (3, 4))
    assert plan(tmp_path, task, seeds=(1,)).state == "done"
    work([plan(tmp_path / "gap", task, seeds=(1, 3))])
    assert plan(tmp_path / "gap", task, seeds=range(5)).missing == (0, 2, 4)


def test_a_protocol_without_chance_has_one_replicate(tmp_path: Path, task: Task) -> None:
    assert plan(tmp_path, task, seeds=(3, 4)).missing == (0,)


def test_fresh_runs_what_is_done(tmp_path: Path, task: Task) -> None:
    work([plan(tmp_path, task)])
    one = plan(tmp_path, task, fresh=True)
    assert (one.state, one.missing, one.afresh) == ("to run", (0,), True)


def test_a_limit_has_a_path_of_its_own_and_leaves_the_full_record_alone(tmp_path: Path, task: Task) -> None:
    work([plan(tmp_path, task)])
    full = plan(tmp_path, task)
    assert full.path is not None
    before = full.path.read_bytes()
    limited = plan(tmp_path, task, limit=20)
    assert limited.path != full.path
    work([limited])
    again = plan(tmp_path, task, limit=20)
    assert again.state == "done"
    assert again.record is not None
    assert again.record.status == "partial"
    assert full.path.read_bytes() == before
    assert plan(tmp_path, task).state == "done"


def test_lost_or_foreign_predictions_are_computed_again(tmp_path: Path, task: Task) -> None:
    one = plan(tmp_path, task)
    work([one])
    assert one.path is not None
    one.path.with_suffix(".npz").write_bytes(b"something else")
    again = plan(tmp_path, task)
    assert (again.state, again.reason) == ("to run", "its predictions are missing or not its own")
    work([again])
    assert plan(tmp_path, task).state == "done"


def test_a_broken_record_is_run_again_and_a_newer_one_left_alone(tmp_path: Path, task: Task) -> None:
    one = plan(tmp_path, task)
    work([one])
    assert one.path is not None
    text = one.path.read_text(encoding="utf-8")
    one.path.write_text(text[:100], encoding="utf-8")
    assert "broken JSON" in plan(tmp_path, task).reason
    newer = text.replace('"schema": 1', '"schema": 7')
    one.path.write_text(newer, encoding="utf-8")
    again = plan(tmp_path, task)
    assert again.state == "newer"
    assert "upgrade dnabench" in again.reason
    (outcome,) = run_plan([again], RunOptions(DATA))
    assert (outcome.record.status, outcome.record.error) == ("unavailable", again.reason)
    assert one.path.read_text(encoding="utf-8") == newer


def test_what_does_not_fit_is_said_in_a_sentence_and_stored_nowhere(tmp_path: Path, task: Task) -> None:
    one = plan(tmp_path, task, protocol="probe")
    assert one.state == "not_applicable"
    assert one.reason == "probe needs a model that offers embed, which counter does not"
    (outcome,) = run_plan([one], RunOptions(DATA))
    assert (outcome.record.status, outcome.record.error) == ("not_applicable", one.reason)
    assert not (tmp_path / "runs").exists()


def test_a_protocol_that_does_not_fit_is_told_before_its_options(tmp_path: Path, task: Task) -> None:
    one = plan(tmp_path, task, protocol="probe", overrides={"patience": 7})
    assert one.reason == "probe needs a model that offers embed, which counter does not"


def test_options_go_to_the_protocols_that_have_them(tmp_path: Path, task: Task) -> None:
    both = Request((Counter(), find_model("kmer")), (task,), overrides={"patience": 7})
    fit, probe = make_plan(both, tmp_path, DATA)
    assert probe.cell.config["patience"] == 7
    assert "patience" not in fit.cell.config
    with pytest.raises(RequestError, match=r"'patienc'.*Did you mean 'patience'"):
        make_plan(replace(both, overrides={"patienc": 7}), tmp_path, DATA)


def test_a_recipe_is_part_of_the_path(tmp_path: Path, task: Task) -> None:
    one = plan(tmp_path, task, recipe="strict")
    assert one.path is not None
    assert "/fit.strict@" in one.path.as_posix()
    with pytest.raises(RequestError, match="no recipe 'strikt'"):
        plan(tmp_path, task, recipe="strikt")


def test_the_same_cell_asked_for_twice_is_one_cell(tmp_path: Path, task: Task) -> None:
    assert len(make_plan(Request((Counter(), Counter()), (task, task)), tmp_path, DATA)) == 1


def test_a_dry_run_is_a_line_per_cell_and_their_sum(tmp_path: Path, task: Task) -> None:
    table = plan_table(make_plan(Request((Counter(), find_model("gc")), (task,)), tmp_path, DATA))
    shown = [dict(zip(table.head, row, strict=True)) for row in table.rows]
    assert [(row["task"], row["state"]) for row in shown] == [("mine/a", "to run")] * 2
    assert table.notes == ("2 cells: 2 to run",)


def test_planning_reads_no_data_where_the_task_file_tells_the_fingerprints(
    tmp_path: Path, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    work([plan(tmp_path, task)])
    record = plan(tmp_path, task).record
    assert record is not None
    files = {n: replace(f, fingerprint=record.key["data"][n]) for n, f in task.source.files.items()}
    known = replace(task, source=replace(task.source, files=files))
    monkeypatch.setattr("dnabench.harness.run.plan.load_splits", lambda *_: pytest.fail("data were read"))
    assert plan(tmp_path, known).state == "done"
