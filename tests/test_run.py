"""Cells become records; what goes wrong in one stays in it."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from git_folder import commit, repository
from sklearn.metrics import matthews_corrcoef

from dnabench.harness import protocols
from dnabench.harness.data.load import DataOptions, load_splits
from dnabench.harness.errors import AdapterError, RecordError, Unavailable
from dnabench.harness.registry import find_model, find_tasks
from dnabench.harness.report.cells import notes
from dnabench.harness.run import provenance
from dnabench.harness.run.cost import total_cost
from dnabench.harness.run.meet import meet
from dnabench.harness.run.plan import Request, make_plan
from dnabench.harness.run.record import with_replicate
from dnabench.harness.run.record_json import VOLATILE, steady
from dnabench.harness.run.replicate import Replicate
from dnabench.harness.run.run import Outcome, RunOptions, run_plan
from dnabench.harness.run.store import read_record
from dnabench.harness.sequence import reverse_complement
from dnabench.harness.types import Inputs, ModelInfo, Split, Task

DATA = DataOptions(offline=True)
Writer = Callable[..., Path]


class Model:
    """Counts T, plus a little noise of the seed; does what it is told on the way."""

    capabilities = frozenset({"fit"})

    def __init__(self, name: str = "model", on_fit: Callable[[Split, int], None] = lambda train, seed: None) -> None:
        self.info = ModelInfo(name, name, 1)
        self.on_fit = on_fit
        self.chosen: dict[str, Any] = {}

    def fit(self, train: Split, dev: Split, seed: int = 0) -> "Model":
        self.on_fit(train, seed)
        self.seed = seed
        return self

    def predict(self, inputs: Inputs) -> Any:
        assert not hasattr(inputs, "labels")
        noise = np.random.default_rng(self.seed).normal(scale=0.02, size=len(inputs))
        p = np.clip(np.array([s.count("T") for s in inputs.sequences]) / 40 + 0.2 + noise, 0, 1)
        return np.stack([1 - p, p], 1)


def go(root: Path | None, models: Any, tasks: tuple[Task, ...], **how: Any) -> list[Outcome]:
    models = models if isinstance(models, tuple) else (models,)
    return list(run_plan(make_plan(Request(models, tasks, **how), root, DATA), RunOptions(DATA, "dnabench run -m x")))


@pytest.fixture
def seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    known = dict(protocols.PROTOCOLS)
    known["fit"] = replace(known["fit"], uses_seed=True)
    monkeypatch.setattr(protocols, "PROTOCOLS", known)


def raising(problem: BaseException) -> Callable[[Split, int], None]:
    def raise_it(train: Split, seed: int) -> None:
        raise problem

    return raise_it


def test_a_record_holds_scores_checks_cost_and_provenance(tmp_path: Path, write_suite: Writer) -> None:
    tasks = find_tasks([write_suite(("a",), extra="dependence: {stratified: true}")])
    (one,) = go(tmp_path, find_model("kmer", {"k": "3"}), tasks)
    record = one.record
    assert record.status == "ok"
    assert set(record.scores) == {"mcc", "accuracy", "auroc"}
    assert record.outputs is not None
    kept = record.outputs()
    assert record.scores["mcc"].value == pytest.approx(matthews_corrcoef(kept.truth, kept.outputs[0].argmax(1)))
    assert record.task["rows"] == {"train": 120, "dev": 40, "test": 60}
    assert record.checks["bases_seen"] == 1.0
    assert record.checks["non_acgt"] == {"train": 0, "dev": 0, "test": 0}
    assert {"load", "audit", "embed", "fit", "predict", "score"} <= set(record.cost["stages"])
    assert record.cost["peak_memory_mb"] > 10
    assert record.cost["bases_per_second"] > 0
    assert record.provenance["command"] == "dnabench run -m x"
    assert record.provenance["packages"]["numpy"] == np.__version__
    assert record.provenance["data"]["train"]["origin"] == "embedded"
    # A mirror is another file with the same rows: its records are the same.
    assert not {"origin", "sha256"} & record.task["splits"]["train"].keys()
    assert str(tmp_path) not in json.dumps(steady(record))


def test_without_a_folder_the_record_is_the_same_and_nothing_is_written(
    tmp_path: Path, write_suite: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = find_tasks([write_suite(("a",))])
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    (held,) = go(None, find_model("gc"), tasks)
    assert sorted(tmp_path.rglob("*")) == before
    (stored,) = go(tmp_path / "out", find_model("gc"), tasks)
    assert steady(replace(held.record, predictions=stored.record.predictions)) == steady(stored.record)
    assert held.record.outputs is not None
    assert stored.record.outputs is not None
    np.testing.assert_array_equal(held.record.outputs().outputs, stored.record.outputs().outputs)


def test_one_failing_cell_never_ends_the_run(tmp_path: Path, write_suite: Writer) -> None:
    tasks = find_tasks([write_suite(("a", "b"))])
    models = (Model("broken", raising(ValueError("no such codon"))), Model("sound"))
    found = go(tmp_path, models, tasks)
    assert [o.record.status for o in found] == ["failed", "ok", "failed", "ok"]
    assert found[0].record.error.startswith("ValueError: no such codon (at ")
    assert "fit <" in found[0].record.error
    assert str(Path(__file__).parent) not in found[0].record.error
    again = make_plan(Request(models, tasks), tmp_path, DATA)
    assert [p.state for p in again] == ["to run", "done", "to run", "done"]


def test_a_model_that_exits_or_prints_lines_ends_its_own_cell_only(tmp_path: Path, write_suite: Writer) -> None:
    tasks = find_tasks([write_suite(("a",))])
    models = (Model("exits", raising(SystemExit(3))), Model("lines", raising(ValueError("one\ntwo"))), Model("sound"))
    found = go(tmp_path, models, tasks)
    assert [o.record.status for o in found] == ["failed", "failed", "ok"]
    assert found[0].record.error == "exits called sys.exit(3): it must raise instead"
    assert found[1].record.error.startswith("ValueError: one two (at ")


def test_a_model_that_exits_or_panics_with_one_seed_keeps_the_others(
    tmp_path: Path, write_suite: Writer, seeded: None
) -> None:
    class PanicException(BaseException):
        """As PyO3 raises it."""

    def fit(train: Split, seed: int) -> None:
        if seed < 2:
            raise SystemExit("bye") if seed else PanicException("index out of bounds:\nthe len is 3")

    (found,) = go(tmp_path, Model("model", fit), find_tasks([write_suite(("a",))]), seeds=(0, 1, 2))
    assert found.record.error.startswith("seed 0: model ended in PanicException: index out of bounds: the len is 3; so")
    assert found.path is not None
    kept = read_record(found.path)
    assert [one["seed"] for one in kept.replicates] == [2]
    assert kept.checks["failed_seeds"]["1"] == "model called sys.exit('bye'): it must raise instead"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
def test_a_copy_of_the_process_that_a_model_forks_writes_nothing(tmp_path: Path, write_suite: Writer) -> None:
    here = os.getpid()

    def fit(train: Split, seed: int) -> None:
        if os.getpid() == here and (child := os.fork()):
            os.waitpid(child, 0)
            assert not list(tmp_path.rglob("*.json")), "the copy came back and went on"

    (found,) = go(tmp_path / "out", Model("model", fit), find_tasks([write_suite(("a",))]))
    assert found.record.status == "ok", found.record.error


def test_missing_data_and_extras_are_unavailable(tmp_path: Path, write_suite: Writer) -> None:
    tasks = find_tasks([write_suite(("a", "b"))])
    (Path(tasks[0].folder) / "a_test.csv").unlink()
    found = go(tmp_path, (Model(), Model("heavy", raising(Unavailable("torch is not installed")))), tasks)
    assert [o.record.status for o in found] == ["unavailable", "unavailable", "ok", "unavailable"]
    assert "a_test.csv is missing" in found[0].record.error
    assert found[3].record.error == "torch is not installed"
    assert found[0].path is not None
    before = found[0].path.read_bytes()
    go(tmp_path, Model(), tasks)
    assert found[0].path.read_bytes() == before, "the same sentence is not written again"


def test_the_cost_of_a_cell_sums_times_and_takes_the_highest_peak() -> None:
    facts = {"seconds": 2.0, "stages": {"embed": 1.0}, "bases": 10}
    peaks = {"seed 0": (5.0, None), "seed 1": (9.0, 3.0)}
    each = {name: {**facts, "peak_memory_mb": a, "peak_gpu_mb": b} for name, (a, b) in peaks.items()}
    made = total_cost(each, {"load": 0.5})
    assert (made["seconds"], made["peak_memory_mb"], made["peak_gpu_mb"]) == (4.5, 9.0, 3.0)
    assert (made["stages"], made["bases_per_second"]) == ({"load": 0.5, "embed": 2.0}, 10.0)


def test_outputs_with_nan_or_a_wrong_shape_fail_with_a_sentence(tmp_path: Path, write_suite: Writer) -> None:
    tasks = find_tasks([write_suite(("a",))])
    odd, thin = Model("odd"), Model("thin")
    odd.predict = lambda inputs: np.full((len(inputs), 2), np.nan)  # type: ignore[method-assign]
    thin.predict = lambda inputs: np.ones((len(inputs), 3))  # type: ignore[method-assign]
    found = go(tmp_path, (odd, thin), tasks)
    assert [o.record.status for o in found] == ["failed", "failed"]
    assert "NaN" in found[0].record.error
    assert "(60, 3)" in found[1].record.error


def test_a_failure_never_takes_the_place_of_numbers_that_hold(
    tmp_path: Path, write_suite: Writer, seeded: None
) -> None:
    tasks = find_tasks([write_suite(("a",))])
    (good,) = go(tmp_path, Model(), tasks)
    assert good.path is not None
    before = good.path.read_bytes()
    (bad,) = go(tmp_path, Model("model", raising(ValueError("late"))), tasks, seeds=(0, 1))
    assert bad.record.status == "failed"
    assert good.path.read_bytes() == before
    (Path(tasks[0].folder) / "a_train.csv").unlink()
    (gone,) = go(tmp_path, Model(), tasks, fresh=True)
    assert gone.record.status == "unavailable"
    assert good.path.read_bytes() == before
    (stale,) = go(tmp_path, Model("model", raising(ValueError("x"))), (replace(tasks[0], version=2),))
    assert stale.record.status == "unavailable"


def test_a_stale_record_gives_way_to_a_failure(tmp_path: Path, write_suite: Writer) -> None:
    tasks = find_tasks([write_suite(("a",))])
    (good,) = go(tmp_path, Model(), tasks)
    go(tmp_path, Model("model", raising(ValueError("new"))), (replace(tasks[0], version=2),))
    assert good.path is not None
    assert json.loads(good.path.read_text(encoding="utf-8"))["status"] == "failed"
    assert not good.path.with_suffix(".npz").exists()


def test_added_seeds_give_the_record_of_one_run(tmp_path: Path, write_suite: Writer, seeded: None) -> None:
    tasks = find_tasks([write_suite(("a",))])
    ran: list[int] = []
    model = Model("model", lambda train, seed: ran.append(seed))
    go(tmp_path / "two", model, tasks, seeds=(0, 2))
    (extended,) = go(tmp_path / "two", model, tasks, seeds=range(4))
    assert ran == [0, 2, 1, 3]
    (whole,) = go(tmp_path / "one", Model(), tasks, seeds=range(4))
    assert steady(extended.record) == steady(whole.record)
    assert [one["seed"] for one in whole.record.replicates] == [0, 1, 2, 3]
    assert len(whole.record.scores["mcc"].per_replicate) == 4
    assert set(extended.record.cost["replicates"]) == {f"seed {i}" for i in range(4)}
    assert set(extended.record.provenance["replicates"]) == {f"seed {i}" for i in range(4)}


def diverging(*bad: int) -> Model:
    def fit(train: Split, seed: int) -> None:
        if seed in bad:
            raise AdapterError("the loss became NaN: lower learning_rate")

    return Model("model", fit)


def test_a_seed_that_fails_is_named_and_the_others_are_run_and_kept(
    tmp_path: Path, write_suite: Writer, seeded: None
) -> None:
    tasks = find_tasks([write_suite(("a",))])
    (found,) = go(tmp_path / "one", diverging(1), tasks, seeds=(0, 1, 2))
    named = "seed 1: the loss became NaN: lower learning_rate; the numbers of the other seeds are kept"
    assert (found.record.status, found.record.error, str(found.problem)) == ("failed", named, named)
    assert found.path is not None
    kept = read_record(found.path)
    assert (kept.status, [one["seed"] for one in kept.replicates]) == ("ok", [0, 2])
    assert notes(kept) == ("seed 1 failed: the loss became NaN: lower learning_rate",)
    (again,) = make_plan(Request((diverging(1),), tasks, seeds=(0, 1, 2)), tmp_path / "one", DATA)
    assert (again.state, again.missing) == ("to extend", (1,))
    before = found.path.read_bytes()
    go(tmp_path / "one", diverging(1), tasks, seeds=(0, 1, 2))
    assert found.path.read_bytes() == before, "nothing new is known"
    (more,) = go(tmp_path / "one", diverging(1), tasks, seeds=(0, 3))
    assert more.record.checks["failed_seeds"] == kept.checks["failed_seeds"], "a further seed does not forget"
    (whole,) = go(tmp_path / "one", Model(), tasks, seeds=range(4))
    assert steady(whole.record) == steady(go(tmp_path / "two", Model(), tasks, seeds=range(4))[0].record)


def test_afresh_nothing_of_before_is_left_where_the_first_seed_fails(
    tmp_path: Path, write_suite: Writer, seeded: None
) -> None:
    tasks = find_tasks([write_suite(("a",))])
    (before,) = go(tmp_path, Model(), tasks, seeds=(0, 1, 2))
    go(tmp_path, diverging(0), tasks, seeds=(0, 1, 2), fresh=True)
    assert before.path is not None
    kept = read_record(before.path)
    assert [one["seed"] for one in kept.replicates] == [1, 2]
    assert set(kept.checks["failed_seeds"]) == {"0"}


def test_where_every_seed_fails_the_record_has_failed_and_a_bug_ends_the_cell(
    tmp_path: Path, write_suite: Writer, seeded: None
) -> None:
    tasks = find_tasks([write_suite(("a",))])
    (found,) = go(tmp_path / "one", diverging(0, 1, 2), tasks, seeds=(0, 1, 2))
    assert found.path is not None
    kept = read_record(found.path)
    assert kept.error == "seed 0: the loss became NaN: lower learning_rate; so did seeds 1, 2"
    assert (kept.status, kept.replicates) == ("failed", ())
    ran: list[int] = []

    def fit(train: Split, seed: int) -> None:
        ran.append(seed)
        if seed == 1:
            raise ValueError("a bug")

    (broken,) = go(tmp_path / "two", Model("model", fit), tasks, seeds=(0, 1, 2))
    assert ran == [0, 1]
    assert broken.record.error.startswith("seed 1: ValueError: a bug (at ")
    assert broken.path is not None
    assert [one["seed"] for one in read_record(broken.path).replicates] == [0]


def test_an_interrupt_leaves_what_is_finished(tmp_path: Path, write_suite: Writer, seeded: None) -> None:
    tasks = find_tasks([write_suite(("a", "b"))])

    def stop(train: Split, seed: int) -> None:
        if seed == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, Model("model", stop), tasks, seeds=(0, 1))
    (a, b) = make_plan(Request((Model(),), tasks, seeds=(0, 1)), tmp_path, DATA)
    assert (a.state, a.missing, b.state) == ("to extend", (1,), "to run")


def test_out_of_fold_predictions_are_those_of_each_fold(tmp_path: Path, write_suite: Writer) -> None:
    suite = write_suite(("a",))
    folder = tmp_path / "folds"
    folder.mkdir()
    text = (suite / "a_train.csv").read_text(encoding="utf-8")
    (folder / "all.csv").write_text(text, encoding="utf-8")
    (folder / "suite.yaml").write_text(
        "suite: folds\ntitle: folds\ntasks:\n  a:\n    title: a\n    classes: 2\n    metric: mcc\n"
        "    split: {kind: kfold, folds: 4}\n"
        "    source: {kind: files, embedded: true, files: {all: {path: all.csv}}}\n",
        encoding="utf-8",
    )
    trained: list[int] = []
    (one,) = go(tmp_path, Model("model", lambda train, seed: trained.append(len(train))), find_tasks([folder]))
    assert one.record.status == "ok", one.record.error
    assert len(trained) == 4
    assert one.record.task["rows"]["test"] == 120
    assert one.record.task["folds"] == 4
    assert len(one.record.replicates[0]["chosen"]["folds"]) == 4
    assert one.record.outputs is not None
    kept = one.record.outputs()
    folds = kept.columns["fold"]
    splits = load_splits(find_tasks([folder])[0], DATA)
    for fold in range(4):
        rows = np.flatnonzero(folds == fold)
        alone = Model().fit(splits.train, splits.dev).predict(Inputs([splits.test.sequences[i] for i in rows]))
        np.testing.assert_array_equal(kept.outputs[0, rows], alone.astype(np.float32))


def test_test_rows_that_stand_in_train_are_counted_and_left_out_beside(tmp_path: Path, write_suite: Writer) -> None:
    folder = write_suite(("a",), leaks=12)
    head, *lines = (folder / "a_test.csv").read_text().split()
    turned = [f"{reverse_complement(line[:-2])}{line[-2:]}" for line in lines[:4]]
    (folder / "a_test.csv").write_text("\n".join([head, *turned, *lines[4:], ""]))
    (one,) = go(tmp_path, find_model("nearest"), find_tasks([folder]))
    record = one.record
    found = {"test_rows_in_train": 12, "exact": 8, "reverse_complement": 4, "share": 0.2}
    assert record.checks["duplicates"] == found
    assert record.outputs is not None
    kept = record.outputs()
    clean = kept.columns["in_train"] == 0
    assert kept.columns["in_train"].tolist() == [2] * 4 + [1] * 8 + [0] * 48
    expected = matthews_corrcoef(kept.truth[clean], kept.outputs[0, clean].argmax(1))
    without = record.checks["scores_without_duplicates"]["mcc"]
    assert without["value"] == pytest.approx(expected)
    assert without["low"] < without["value"] < without["high"]


def test_a_task_is_loaded_once_for_all_models(
    tmp_path: Path, write_suite: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = find_tasks([write_suite(("a", "b"))])
    loads: list[str] = []
    from dnabench.harness.run import meet

    def counting(task: Task, options: DataOptions) -> Any:
        loads.append(task.name)
        return load_splits(task, options)

    monkeypatch.setattr(meet, "load_splits", counting)
    go(tmp_path, tuple(Model(f"m{i}") for i in range(3)), tasks)
    assert loads == ["mine/a", "mine/b"]


def test_two_runs_differ_in_cost_and_provenance_only(tmp_path: Path, write_suite: Writer) -> None:
    tasks = find_tasks([write_suite(("a",))])
    first = go(tmp_path / "1", find_model("onehot"), tasks)[0].path
    second = go(tmp_path / "2", find_model("onehot"), tasks)[0].path
    assert first is not None
    assert second is not None
    one, two = (json.loads(p.read_text(encoding="utf-8")) for p in (first, second))
    assert {k for k in one if one[k] != two[k]} <= set(VOLATILE)
    assert first.with_suffix(".npz").read_bytes() == second.with_suffix(".npz").read_bytes()


def test_a_results_folder_that_cannot_be_written_ends_the_run_with_a_sentence(
    tmp_path: Path, write_suite: Writer
) -> None:
    tasks = find_tasks([write_suite(("a",))])
    (tmp_path / "out").write_text("a file", encoding="utf-8")
    ran: list[int] = []
    with pytest.raises(RecordError, match=r"cannot be written there .*: name another folder"):
        go(tmp_path / "out", Model("model", lambda train, seed: ran.append(seed)), tasks)
    assert not ran, "nothing is learnt that could not be kept"


def test_a_checkout_of_something_else_is_not_our_commit(tmp_path: Path) -> None:
    assert provenance.commit_facts(tmp_path) == {"commit": None, "dirty": None}


def test_code_that_was_changed_is_dirty_and_results_are_not_code(tmp_path: Path) -> None:
    checkout = repository(tmp_path.resolve() / "checkout")
    for name in ("harness/a.py", "results/a.json", "setup.cfg"):
        (checkout / name).parent.mkdir(exist_ok=True)
        (checkout / name).write_text("")
    facts = {"commit": commit(checkout, "first"), "dirty": False}
    (checkout / "results" / "b.json").write_text("{}")
    assert provenance.commit_facts(checkout) == facts
    (checkout / "harness" / "a.py").write_text("changed")
    assert provenance.commit_facts(checkout) == facts | {"dirty": True}


def test_the_seed_that_saw_least_says_how_many_bases_were_seen(write_suite: Writer) -> None:
    tasks = find_tasks([write_suite(("a",))])
    (planned,) = make_plan(Request((Model(),), tasks), None, DATA)
    met, pair = meet(tasks[0], DATA), None
    host = {"dnabench": "1", "commit": None, "dirty": None}
    cost = {"peak_gpu_mb": None, "seconds": 0.0, "stages": {}, "bases": 0}
    for seed, seen in enumerate((0.75, 0.5, 1.0)):
        new = Replicate(seed, np.full((60, 2), 0.5, np.float32), "probability", {}, seen, cost)
        pair = with_replicate(pair, planned.cell, met, new, host)
    assert pair is not None
    assert pair[0].checks["bases_seen"] == 0.5
    foreign = (replace(pair[0], key={**pair[0].key, "harness": 99}), pair[1])
    assert [one["name"] for one in with_replicate(pair, planned.cell, met, new, host)[0].replicates][:1] == ["seed 0"]
    assert [one["name"] for one in with_replicate(foreign, planned.cell, met, new, host)[0].replicates] == ["seed 2"]
