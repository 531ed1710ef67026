"""The gate's verdicts on made-up records: regressions, losses, changes, matching by name, strictness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from compare_records import record, rows
from scipy.stats import t as student
from sklearn.metrics import accuracy_score

from dnabench.harness.errors import RecordError, RequestError
from dnabench.harness.report.gate.gate import Gate, GateRules, Judged, gate
from dnabench.harness.report.gate.pairs import pairs, renames
from dnabench.harness.report.gate.table import gate_table
from dnabench.harness.stats.multiple import holm
from dnabench.harness.stats.verdict import unseen, widened
from dnabench.harness.types import RunRecord

TRAINED = {"name": "finetune", "recipe": "default", "id": "1"}


def judged(base: Sequence[RunRecord], new: Sequence[RunRecord], rules: GateRules | None = None, **renamed: str) -> Gate:
    return gate(pairs(base, new, renamed), rules or GateRules(resamples=640))


def only(made: Gate) -> Judged:
    assert len(made.cells) == 1
    return made.cells[0]


def probe(correct: float, *, model: int = 0, task: str = "toy/x", name: str = "kmer", n: int = 600) -> RunRecord:
    return record(name, rows(task, correct, model=model, n=n))


def trained(correct: float, *, model: int = 0, seeds: int = 3, task: str = "toy/x", n: int = 600) -> RunRecord:
    return record("net", rows(task, correct, model=model, seeds=seeds, n=n), protocol=TRAINED)


def score(one: RunRecord) -> float:
    assert one.outputs is not None
    said = one.outputs()
    return float(np.mean([accuracy_score(said.truth, o.argmax(1)) for o in said.outputs]))


def test_a_rerun_that_says_the_same_passes_exactly() -> None:
    for made in (probe(0.7), trained(0.7)):
        one = only(judged([made], [made]))
        assert (one.verdict, one.exact, one.power) == ("pass", True, 1.0)
        assert one.change is not None
        assert one.change.value == 0


def test_a_deterministic_model_fails_by_its_drop_on_these_rows_alone() -> None:
    base, new = probe(0.75), probe(0.69, model=1)
    drop = score(base) - score(new)
    assert 0.005 < drop < 0.1
    assert only(judged([base], [new], GateRules(margin=drop - 1e-6))).verdict == "fail"
    for margin in (drop, drop + 1e-6):
        one = only(judged([base], [new], GateRules(margin=margin)))
        assert one.verdict == "pass"
        assert one.scores == pytest.approx((score(base), score(new)))
    assert judged([new], [base], GateRules(margin=0.0)).passed


def test_a_stored_score_that_does_not_follow_from_the_predictions_is_not_believed() -> None:
    from dnabench.harness.types import Score

    forged = replace(probe(0.5, model=1), scores={"accuracy": Score("accuracy", 0.99)})
    assert only(judged([probe(0.8)], [forged])).verdict == "fail"


def test_a_trained_model_is_tested_one_sided_against_the_margin_with_the_seeds_of_both_sides() -> None:
    one = only(judged([trained(0.9, n=3000)], [trained(0.8, model=1, n=3000)]))
    made = one.change
    assert made is not None
    assert made.value is not None
    assert made.se is not None
    assert one.verdict == "fail"
    assert made.p == pytest.approx(student.sf((-made.value - 0.01) / made.se, made.freedom), rel=1e-6)
    reach = student.ppf(0.95, made.freedom) * made.se
    assert (made.low, made.high) == pytest.approx((made.value - reach, made.value + reach))
    assert "t(" in made.method or np.isinf(made.freedom)
    assert "change [90%]" in gate_table(judged([trained(0.9)], [trained(0.8, model=1)])).head


def test_noise_is_neither_a_failure_nor_a_pass_where_little_can_be_shown() -> None:
    one = only(judged([trained(0.75)], [trained(0.75, model=1)]))
    assert one.verdict == "undecided"
    assert "neither shown nor ruled out" in one.reason
    assert judged([trained(0.75)], [trained(0.75, model=1)]).passed


def test_strict_asks_for_proof_and_says_how_often_an_unchanged_model_would_give_it() -> None:
    rules = GateRules(strict=True, resamples=640)
    made = judged([trained(0.75)], [trained(0.75, model=1)], rules)
    assert not made.passed
    power = only(made).power
    assert power is not None
    assert 0 < power < 0.5
    assert any(note.startswith("power: how often an unchanged model passes") for note in gate_table(made).notes)
    large = judged([trained(0.75, n=60_000)], [trained(0.752, model=1, n=60_000)], rules)
    assert large.passed
    assert large.cells[0].power is not None
    assert large.cells[0].power > 0.9


def test_the_power_of_a_strict_gate_is_that_of_its_test() -> None:
    one = only(judged([trained(0.75, n=4000)], [trained(0.75, model=1, n=4000)], GateRules(strict=True, resamples=640)))
    assert one.change is not None
    assert one.change.se is not None
    drawn = np.random.default_rng(0).normal(0, one.change.se, 40_000)
    by_rows = student.ppf(0.95, one.change.freedom) * one.change.se
    shown = drawn + widened(by_rows, unseen("accuracy", 4000, None, 0.05)) < 0.01
    assert one.power == pytest.approx(shown.mean(), abs=0.02)


def relabelled(made: RunRecord, wrong: int = 0, **other: Any) -> RunRecord:
    """The same calls as bare labels, `wrong` more of them wrong."""
    assert made.outputs is not None
    said = made.outputs()
    calls = said.outputs.argmax(axis=2)
    right = np.flatnonzero(calls[0] == said.truth)[:wrong]
    calls[0, right] = 1 - calls[0, right]
    calls = np.eye(2, dtype=np.float32)[calls]
    return replace(made, outputs=lambda: replace(said, kind="label", outputs=calls), **other)


@pytest.mark.parametrize(("n", "passes"), [(200, False), (2000, True)])
def test_models_that_agree_on_few_rows_are_not_shown_to_be_as_good(n: int, passes: bool) -> None:
    """Not one of 200 rows tells them apart, and as many as 1.5% of all others may."""
    base = trained(0.8, seeds=1, n=n)
    assert base.outputs is not None
    said = base.outputs()
    bolder = replace(base, outputs=lambda: replace(said, outputs=np.where(said.outputs > 0.5, 0.95, 0.05)))
    other = {"model": dict(base.model) | {"id": "fffffff"}}
    strict = GateRules(strict=True, resamples=640)
    for old, new in ((base, bolder), (relabelled(base), relabelled(base, **other))):
        made = judged([old], [new], strict)
        one = only(made)
        assert one.change is not None
        assert (one.exact, one.change.se, one.change.value, one.power) == (False, 0.0, 0.0, float(passes))
        assert (made.passed, one.inside) == (passes, passes)
        assert judged([old], [new]).passed
    few = only(judged([relabelled(base)], [relabelled(base, 1, **other)], strict))
    assert few.inside == passes


@pytest.mark.parametrize("seedless", [True, False])
def test_a_model_that_is_run_again_and_says_the_same_passes_a_strict_gate_on_any_number_of_rows(seedless: bool) -> None:
    made = probe(0.8, n=60) if seedless else trained(0.8, n=60)
    for one in (made, relabelled(made)):
        again = judged([one], [one], GateRules(strict=True, resamples=640))
        assert again.passed
        assert only(again).exact
    if seedless:
        moved = replace(made, model=dict(made.model) | {"id": "fffffff"})
        assert judged([made], [moved], GateRules(strict=True, resamples=640)).passed


def test_p_values_are_adjusted_over_all_tasks_and_models() -> None:
    base = [trained(0.8, task=f"toy/{t}") for t in "abcd"] + [probe(0.8, task="toy/a")]
    new = [trained(0.75, model=1, task=f"toy/{t}") for t in "abcd"] + [probe(0.8, task="toy/a")]
    cells = [one for one in judged(base, new).cells if not one.exact]
    assert len(cells) == 4
    raw = [one.change.p for one in cells if one.change]
    assert [one.p_holm for one in cells] == pytest.approx(holm(raw))


def test_less_is_better_where_the_metric_says_so() -> None:
    def values(error: float) -> RunRecord:
        said = rows("toy/x", 0.5)
        truth = np.random.default_rng(0).normal(size=600)
        said = replace(said, kind="value", truth=truth, outputs=(truth + error)[None, :, None].astype(np.float32))
        made = record("kmer", said)
        return replace(made, task=dict(made.task) | {"metric": "mse", "target": {"kind": "value", "classes": []}})

    assert only(judged([values(0.1)], [values(0.5)])).verdict == "fail"
    assert only(judged([values(0.5)], [values(0.1)])).verdict == "pass"


def test_one_seed_speaks_of_this_checkpoint_and_borrows_the_noise_of_the_other_side() -> None:
    one = only(judged([trained(0.9, seeds=1)], [trained(0.6, model=1, seeds=1)]))
    assert one.verdict == "fail"
    assert "these checkpoints" in one.notes[0]
    five = only(judged([trained(0.9, seeds=5)], [trained(0.88, model=1, seeds=1)]))
    assert "vary as the 5 of the other" in five.notes[0]
    assert five.change is not None
    assert five.change.se is not None
    alone = only(judged([trained(0.9, seeds=5)], [trained(0.88, model=1, seeds=5)])).change
    assert alone is not None
    assert alone.se is not None
    assert five.change.se > alone.se


def test_every_number_of_a_gate_stands_in_its_own_column_and_unrounded_in_the_data() -> None:
    rules = GateRules(strict=True, resamples=640)
    base = [probe(0.7), trained(0.9, task="toy/y", seeds=3), trained(0.8, task="toy/z", seeds=3)]
    new = [probe(0.695, model=1), *(trained(c, task=f"toy/{t}", seeds=1, model=1) for c, t in ((0.6, "y"), (0.8, "z")))]
    made = judged(base, [*new, probe(0.5, name="gc")], rules)
    table = gate_table(made)
    for one, row, datum in zip(made.cells, table.rows, table.data, strict=True):
        change = one.change
        assert change is not None
        assert (datum["base"], datum["new"], datum["change"]) == (*one.scores, change.value)
        assert datum["change"] == pytest.approx(datum["new"] - datum["base"])
        assert (datum["rows"], datum["power"], datum["exact"]) == (600, one.power, one.task == "toy/x")
        texts = dict(zip(table.head[1:], row[1:], strict=True))
        assert (texts["BASE"], texts["NEW"]) == tuple(f"{score:.3f}" for score in one.scores)
        if one.exact:
            assert (datum["p_drop"], datum["p_holm"], datum["low"]) == (None, None, None)
            continue
        assert (datum["p_drop"], datum["p_holm"]) == (change.p, one.p_holm)
        assert datum["low"] < datum["change"] < datum["high"]
        assert (datum["seeds_base"], datum["seeds_new"]) == (3, 1)
        assert texts["power"] == f"{100 * (one.power or 0):.0f}%"
    powers = [one.power or 0.0 for one in made.cells]
    weak, together = sum(power < 0.8 for power in powers), max(0.0, 1 - sum(1 - power for power in powers))
    notes = "\n".join(table.notes)
    assert f"below 80% in {weak} of 3 cells, all at once in at least {100 * together:.0f}%" in notes
    assert "both sides' seeds (3 and 1); Holm over 2 tests:" in notes
    assert "1 cell of NEW without one in BASE: not judged" in notes
    assert "it is taken to vary as the 3 of the other (net on toy/y, net on toy/z)" in notes
    assert not notes.startswith("BASE:")


def test_lost_and_newly_failed_cells_fail_and_what_had_no_score_is_undecided() -> None:
    failed = record("kmer", None, "toy/y", error="out of memory")
    here = [probe(0.7), probe(0.7, task="toy/y")]
    lost = judged(here, here[:1])
    assert (lost.cells[0].task, lost.cells[0].verdict, lost.cells[0].reason) == ("toy/y", "fail", "lost: not in NEW")
    for other in (failed, replace(failed, status="unavailable"), replace(here[1], status="partial")):
        made = judged(here, [here[0], other])
        assert made.cells[0].verdict == "fail"
        assert made.cells[0].reason.startswith("lost: ")
    assert judged(here[:1], [here[0], failed]).cells[0].reason.startswith("new failure: failed: out of memory")
    both = judged([here[0], failed], [here[0], failed])
    assert both.passed
    assert both.cells[0].verdict == "undecided"
    assert judged([here[0], failed], here).passed
    silent = replace(here[1], outputs=None)
    assert judged(here, [here[0], silent]).cells[0].reason == "lost: the record has no predictions"


def test_cells_that_only_new_has_are_counted_and_not_judged() -> None:
    made = judged([probe(0.7)], [probe(0.7), probe(0.1, task="toy/z"), probe(0.1, name="gc")])
    assert (made.passed, made.extra, len(made.cells)) == (True, 2, 1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"key": {"data": {"train": "z", "dev": "b", "test": "rows of toy/x"}}}, "data changed: train rows"),
        ({"key": {"data": {"train": "a", "test": "rows of toy/x"}}}, "data changed: dev rows"),
        ({"task": {"version": 2}}, "data changed: task version 1 → 2"),
        ({"task": {"metric": "mcc"}}, "data changed: task metric accuracy → mcc"),
        ({"task": {"target": {"kind": "class", "classes": ["1", "0"]}}}, "data changed: classes"),
        ({"key": {"harness": 2}}, "protocol changed: harness None → 2"),
        ({"key": {"protocol": {"config": {"epochs": 5}}}}, "protocol changed: config None → {'epochs': 5}"),
        ({"protocol": {"recipe": "other"}}, "protocol changed: recipe default → other"),
    ],
)
def test_other_data_or_another_protocol_fail_whatever_the_score(change: dict[str, Any], reason: str) -> None:
    base = probe(0.7)
    new = replace(base, **{name: dict(getattr(base, name)) | other for name, other in change.items()})
    one = only(judged([base], [new]))
    assert (one.verdict, one.reason) == ("fail", reason)


def test_a_setting_that_changed_is_named_with_both_values() -> None:
    def made(epochs: int) -> RunRecord:
        one = probe(0.7)
        return replace(
            one, key=dict(one.key) | {"protocol": {"name": "finetune", "config": {"epochs": epochs, "a": 1}}}
        )

    assert only(judged([made(3)], [made(5)])).reason == "protocol changed: config.epochs 3 → 5"


def test_rows_or_labels_that_are_not_the_same_fail() -> None:
    said = rows("toy/x", 0.7)
    shifted = record("kmer", replace(said, keys=said.keys + np.uint64(1)))
    assert "not of the same rows" in only(judged([record("kmer", said)], [shifted])).reason
    flipped = record("kmer", replace(said, truth=1 - said.truth))
    one = only(judged([record("kmer", said)], [flipped]))
    assert one.verdict == "fail"
    assert "disagree on the labels" in one.reason


def test_rows_in_another_order_are_matched() -> None:
    said = rows("toy/x", 0.7)
    order = np.random.default_rng(0).permutation(len(said.keys))
    mixed = replace(said, keys=said.keys[order], truth=said.truth[order], outputs=said.outputs[:, order])
    assert only(judged([record("kmer", said)], [record("kmer", mixed)], GateRules(margin=0))).verdict == "pass"


def test_missing_predictions_fail_in_new_and_let_no_gate_pass_in_base() -> None:
    def gone() -> Any:
        raise RecordError("x.npz is missing")

    broken, other = replace(probe(0.7), outputs=gone), probe(0.7, task="toy/y")
    assert only(judged([probe(0.7)], [broken])).reason == "NEW: x.npz is missing"
    assert only(judged([broken], [broken])).verdict == "fail"
    for base, new in (([broken], [probe(0.7)]), ([broken, other], [probe(0.7), other])):
        with pytest.raises(RecordError, match=r"where BASE cannot be read: toy/x, kmer: BASE: x\.npz is missing"):
            judged(base, new)
    made = judged([broken, other], [probe(0.7), probe(0.5, task="toy/y")])
    assert [(one.verdict, one.unread) for one in made.cells] == [("fail", False), ("undecided", True)]


def test_a_gate_that_compares_nothing_is_refused() -> None:
    partial = replace(probe(0.7), status="partial")
    with pytest.raises(RequestError, match="nothing of BASE can be compared with NEW: toy/x: no full score in BASE"):
        judged([partial], [probe(0.7)])


def test_a_score_that_became_undefined_fails() -> None:
    said = replace(rows("toy/x", 0.7), truth=np.zeros(600, np.int64))
    made = replace(record("kmer", said), task=dict(record("kmer", said).task) | {"metric": "auroc"})
    both = judged([made, probe(0.7, task="toy/y")], [made, probe(0.7, task="toy/y")])
    assert both.cells[0].reason == "auroc is undefined in BASE"


def of(id7: str, correct: float, **model: Any) -> RunRecord:
    made = probe(correct, model=int(id7))
    return replace(made, model={"name": "kmer", "id": id7, "adapter": "kmer", "options": {}} | model)


def test_models_are_matched_by_name_whatever_their_weights() -> None:
    assert only(judged([of("1", 0.9)], [of("2", 0.6)])).verdict == "fail"
    assert only(judged([of("1", 0.9)], [of("2", 0.6, options={"k": 4})])).verdict == "fail"


def test_several_models_of_one_name_are_matched_by_their_ids_first() -> None:
    base = [of("1", 0.9, options={"k": 6}), of("2", 0.6, options={"k": 4})]
    made = judged(base, list(reversed(base)))
    assert [(c.model, c.verdict, c.exact) for c in made.cells] == [("kmer@1", "pass", True), ("kmer@2", "pass", True)]
    new = judged(base, [base[1], of("3", 0.5, options={"k": 6})])
    assert [(c.model, c.verdict) for c in new.cells] == [("kmer@3", "fail"), ("kmer@2", "pass")]
    lost = judged(base, [base[1], of("3", 0.9, options={"k": 8})])
    assert [(c.model, c.verdict) for c in lost.cells] == [("kmer@1", "fail"), ("kmer@2", "pass")]
    assert lost.extra == 1
    # Of one recipe, so that only what the ids leave over can be told by it.
    twins = [of("1", 0.9), of("2", 0.9)]
    made = judged(twins, [of("3", 0.6), twins[0]])
    assert [(c.model, c.verdict) for c in made.cells] == [("kmer@3", "fail"), ("kmer@1", "pass")]


def test_new_weights_beside_the_old_ones_are_judged_too() -> None:
    old = of("1", 0.9)
    made = judged([old], [old, of("2", 0.6)])
    assert [(c.model, c.verdict) for c in made.cells] == [("kmer@2", "fail"), ("kmer@1", "pass")]


def test_an_old_model_and_its_namesake_are_both_judged_against_the_new_one() -> None:
    made = judged([probe(0.7, name="old"), probe(0.8, name="new")], [probe(0.8, name="new")], old="new")
    assert sorted((one.model, one.verdict) for one in made.cells) == [("new", "pass"), ("new (was old)", "pass")]


def test_renamed_models_are_paired_by_as() -> None:
    base, new = [probe(0.9, name="old")], [probe(0.6, name="new")]
    with pytest.raises(RequestError, match="no model of BASE is in NEW: old before, new now; --as OLD=NEW"):
        judged(base, new)
    one = only(judged(base, new, old="new"))
    assert (one.model, one.verdict) == ("new", "fail")
    with pytest.raises(RequestError, match=r"--as: BASE has no model 'odl'\. Did you mean 'old'"):
        judged(base, new, odl="new")
    with pytest.raises(RequestError, match="--as: NEW has no model 'news'"):
        judged(base, new, old="news")
    with pytest.raises(RequestError, match="write OLD=NEW"):
        renames(["old"])
    two = [of("1", 0.9), of("2", 0.7)]
    made = gate(pairs(two, [two[0], of("3", 0.5, options={"k": 1})], {"kmer@2": "kmer@3"}), GateRules())
    assert [(c.model, c.verdict) for c in made.cells] == [("kmer@3", "fail"), ("kmer", "pass")]


def test_the_table_puts_failures_first_and_says_what_decided() -> None:
    base = [probe(0.7), probe(0.9, task="toy/y"), trained(0.75, task="toy/z")]
    new = [probe(0.7), probe(0.6, task="toy/y", model=1), trained(0.75, task="toy/z", model=1)]
    table = gate_table(judged(base, new), ("old", "new"))
    assert table.title == "gate failed: 1 fail, 1 undecided, 1 pass"
    assert [row[-1].split(":")[0] for row in table.rows] == ["fail", "undecided", "pass"]
    notes = " ".join(table.notes)
    assert "BASE: old; NEW: new" in notes
    assert "a fact" in notes
    assert "Holm over 1 test:" in notes
