"""Verdicts, adjusted p-values, holes and refusals of `compare` on made-up records."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from compare_records import compared, operand, record, rows
from sklearn.metrics import accuracy_score, matthews_corrcoef

from dnabench.harness.errors import RequestError
from dnabench.harness.report.compare.compare import Comparison, _unseen_in_mean
from dnabench.harness.report.compare.operands import Operand
from dnabench.harness.report.compare.table import compare_table, p_text, verdict_text
from dnabench.harness.report.tables import number
from dnabench.harness.stats.multiple import holm
from dnabench.harness.stats.paired import Difference
from dnabench.harness.stats.verdict import Rules, equivalent, verdict
from dnabench.harness.types import Score


def test_a_clear_difference_is_said_with_its_interval_and_in_the_right_direction() -> None:
    a, b = rows("toy/x", 0.6, model=1), rows("toy/x", 0.9, model=2)
    sides = [operand("a", record("a", a)), operand("b", record("b", b))]
    one = compared(*sides)[0]
    values = [accuracy_score(p.truth, p.outputs[0].argmax(axis=1)) for p in (a, b)]
    assert one.scores == pytest.approx(values)
    assert one.difference is not None
    assert one.difference.value == pytest.approx(values[1] - values[0])
    assert one.verdict == "better"
    assert (one.difference.low, one.difference.high) == pytest.approx(
        tuple(one.difference.value + z * one.difference.se for z in (-1.959964, 1.959964))  # type: ignore[operator]
    )
    table = compare_table([one], sides, Rules())
    assert "difference [95%]" in table.head
    assert any("the 90% interval lies inside ±0.01" in note for note in table.notes)
    back = compared(operand("b", record("b", b)), operand("a", record("a", a)))[0]
    assert back.verdict == "worse"
    assert back.difference is not None
    assert back.difference.low == pytest.approx(-one.difference.high)  # type: ignore[operator]


def test_p_values_are_adjusted_over_all_tasks_and_models_shown() -> None:
    def of(name: str, number: int) -> Operand:
        return operand(name, *(record(name, rows(f"toy/{t}", 0.7 + 0.02 * number, model=number, start=9 * i))
                               for i, t in enumerate("xyz")))  # fmt: skip

    found = [one for one in compared(of("a", 0), of("b", 1), of("c", 2)) if not one.tasks]
    assert len(found) == 6
    assert [one.p_holm for one in found] == pytest.approx(holm([one.p for one in found]))


def test_less_is_better_where_the_metric_says_so() -> None:
    lower = Difference("mse", -0.5, -0.6, -0.4, 0.0, 0.05)
    assert verdict(lower, 0.001, Rules(), best=0.0, unseen=0.0)[0] == "better"
    assert verdict(lower, 0.001, Rules(), best=1.0, unseen=0.0)[0] == "worse"
    assert verdict(lower, None, Rules(), best=0.0, unseen=0.0)[0] == "undecided"


def test_equivalence_is_two_one_sided_tests() -> None:
    for value, se in ((0.001, 0.004), (0.001, 0.006), (-0.004, 0.0036), (-0.004, 0.0037)):
        made = Difference("mcc", value, value - 1.959964 * se, value + 1.959964 * se, 0.5, se)
        inside = max(abs(value - 1.644854 * se), abs(value + 1.644854 * se)) < 0.01
        assert equivalent(made, Rules(), 0.0) == inside


def test_two_models_that_agree_on_few_rows_are_not_called_equivalent() -> None:
    few, many = rows("toy/x", 0.8, n=100), rows("toy/y", 0.8, n=2000)
    a = operand("a", record("a", few), record("a", many))
    b = operand("b", record("b", few), record("b", many))
    assert [one.verdict for one in compared(a, b) if not one.tasks] == ["undecided", "equivalent"]
    # The two tasks share rows, so what is unseen of one is unseen of the other; apart, the small one counts half.
    (mean,) = [one for one in compared(a, b) if one.tasks]
    assert mean.verdict == "undecided"
    assert mean.unseen == pytest.approx((1 - 0.05 ** (1 / 100) + 1 - 0.05 ** (1 / 2000)) / 2)
    assert _unseen_in_mean([0.03, 0.002, 0.001], [[1, 2]]) == pytest.approx(0.01)


def test_what_could_be_shown_is_shown_in_four_of_five_cases() -> None:
    a, b = rows("toy/x", 0.8, model=1), rows("toy/x", 0.8, model=2)
    one = compared(operand("a", record("a", a)), operand("b", record("b", b)))[0]
    assert one.difference is not None
    assert one.detectable == pytest.approx(2.8016 * one.difference.se, rel=1e-4)  # type: ignore[operator]
    shown = np.random.default_rng(0).normal(one.detectable, one.difference.se, 20_000) / one.difference.se  # type: ignore[arg-type,operator]
    assert np.mean(np.abs(shown) > 1.96) == pytest.approx(0.8, abs=0.01)


def test_the_mean_of_separate_tasks_adds_their_variances() -> None:
    tasks = [(f"toy/{t}", 1000 * i) for i, t in enumerate("xyz")]
    a, b = (operand(m, *(record(m, rows(t, c, model=k, start=s)) for t, s in tasks)) for k, (m, c) in
            enumerate((("a", 0.7), ("b", 0.75))))  # fmt: skip
    *found, mean = compared(a, b)
    differences = [one.difference for one in found]
    assert mean.tasks == ("toy/x", "toy/y", "toy/z")
    assert mean.difference is not None
    assert mean.difference.value == pytest.approx(np.mean([d.value for d in differences]))  # type: ignore[union-attr,misc]
    assert mean.difference.se == pytest.approx(np.sqrt(sum(d.se**2 for d in differences)) / 3, abs=1e-9)  # type: ignore[union-attr,operator,misc]
    assert not mean.difference.note


def test_few_groups_make_no_claim_and_the_mean_says_why() -> None:
    def of(name: str, k: int) -> Operand:
        columns = {"chromosome": np.arange(600) // 100}
        said = [rows(f"toy/{t}", 0.5 + 0.4 * k, model=k, start=900 * i) for i, t in enumerate("xy")]
        said = [replace(one, columns=columns) for one in said]
        made = [record(name, one) for one in said]
        facts = {"groups": "chromosome", "reason": "", "shares_test_rows_with": [], "stratified": False}
        return operand(name, *(replace(r, task=r.task | {"dependence": facts}) for r in made))  # type: ignore[operator]

    a, b = of("a", 0), of("b", 1)
    found = compared(a, b)
    assert [(one.p, one.verdict) for one in found] == [(None, "undecided")] * 3
    assert [one.detectable for one in found] == [None] * 3
    assert "600 (G_eff 6.0)" in compare_table(found, [a, b], Rules()).rows[0]
    assert "no claim" in compare_table(found, [a, b], Rules()).rows[0][-1]
    assert "no claim: 2 of 2 tasks" in compare_table(found, [a, b], Rules()).rows[-1][-1]


def test_holes_are_listed_with_their_reason_and_left_out_of_the_mean() -> None:
    tasks = [rows(f"toy/{t}", 0.7, model=1, start=1000 * i) for i, t in enumerate("wxyz")]
    a = operand("a", *(record("a", said) for said in tasks))
    second = [rows(f"toy/{t}", 0.9, model=2, start=1000 * i) for i, t in enumerate("wxyz")]
    partial = record("b", second[2], status="partial")
    b = operand("b", record("b", second[0]), record("b", None, "toy/x"), partial)
    table = compare_table(compared(a, b), [a, b], Rules())
    last = [row[-1] for row in table.rows]
    assert last[1:4] == [
        "— b failed: out of memory",
        "— b partial: not all rows (--limit), never compared",
        "— b not run",
    ]
    assert table.rows[1][1:7] == ("—",) * 6
    assert table.rows[-1][0] == "toy: mean of 1/4 tasks"
    assert table.rows[-1][3] == table.rows[0][3]


def test_every_number_of_a_comparison_stands_in_its_own_column_and_unrounded_in_the_data() -> None:
    first, second = (
        [rows(f"toy/{t}", 0.7 + 0.1 * k, model=k, start=1000 * i) for i, t in enumerate("xy")] for k in (0, 1)
    )
    a = operand("a", *(record("a", said) for said in [*first, rows("toy/z", 0.7, start=5000)]))
    b = operand("b", *(record("b", said) for said in second), record("b", None, "toy/z"))
    found = compared(a, b)
    table = compare_table(found, [a, b], Rules())
    for one, row, datum in zip(found, table.rows, table.data, strict=True):
        made = one.difference
        assert (datum["kind"], datum["tasks"], datum["tasks_missing"]) == (
            ("mean", 2, 1) if one.tasks else ("task", 1, 0)
        )
        assert (datum["reference"], datum["model"]) == ("a", "b")
        if made is None:
            assert (datum["verdict"], datum["value"], datum["note"]) == (None, None, "b failed: out of memory")
            continue
        assert (datum["reference_value"], datum["value"], datum["difference"]) == (*one.scores, made.value)
        assert datum["difference"] == pytest.approx(datum["value"] - datum["reference_value"])
        assert datum["low"] < datum["difference"] < datum["high"]
        assert (datum["se"], datum["p"], datum["p_holm"], datum["p_step_down"]) == (made.se, one.p, one.p_holm, None)
        assert (datum["p_bh_exploratory"], datum["detectable"]) == (one.p_bh, one.detectable)
        assert (datum["rows"], datum["effective_rows"]) == ((None, 1200) if one.tasks else (600, 600))
        texts = dict(zip(table.head, row, strict=True))
        assert (texts["a"], texts["b"]) == (number(one.scores[0]), number(one.scores[1]))
        assert (texts["p"], texts["p (Holm)"]) == (p_text(one.p), p_text(one.p_holm))
        assert texts["could show"] == number(one.detectable)
    assert any("Holm: over 2 comparisons, means among themselves" in note for note in table.notes)
    assert "mean: over the tasks that all models have; nothing is filled in for the others" in table.notes


def test_a_clear_difference_that_is_too_small_to_matter_is_said_to_be_both() -> None:
    small = Difference("accuracy", 0.004, 0.002, 0.006, 0.0001, 0.001)
    one = Comparison("toy/x", "b", "accuracy", "a", (0.7, 0.704), small, p=0.0001, verdict="better", inside=True)
    assert verdict_text(one, Rules()) == "better, but within ±0.01"
    assert verdict_text(replace(one, inside=False), Rules()) == "better"
    noted = replace(small, note="7 of 640 resamples have no answer and were left out")
    assert verdict_text(replace(one, difference=noted, verdict="undecided"), Rules()) == "undecided"
    assert verdict_text(replace(one, difference=noted, verdict="undecided", p=None), Rules()).startswith(
        "undecided: 7 of"
    )


def test_long_reasons_that_are_alike_share_a_footnote() -> None:
    tasks = [rows(f"toy/{t}", 0.7, start=1000 * i) for i, t in enumerate("xyz")]
    gone = [
        record("b", None, said.task, error=f"{said.task}.csv is missing: look for it in the folders named")
        for said in tasks
    ]
    a, b = operand("a", *(record("a", said) for said in tasks)), operand("b", *gone)
    table = compare_table(compared(a, b), [a, b], Rules())
    assert [row[-1] for row in table.rows] == ["— (a)"] * 3
    assert table.notes[-1].startswith("(a) b failed: toy/x.csv is missing")
    assert table.notes[-1].endswith("(3 rows alike)")


def test_other_data_are_refused_with_the_name_of_the_task() -> None:
    said = rows("toy/x", 0.7)
    a = operand("a", record("a", said))
    for other in ({"key": {"data": {"train": "z", "dev": "b", "test": "rows of toy/x"}}},
                  {"task": record("b", said).task | {"version": 2}}):  # type: ignore[operator]  # fmt: skip
        with pytest.raises(RequestError, match=r"toy/x: the records of a and b are of different data"):
            compared(a, operand("b", record("b", said, **other)))


def test_rows_that_do_not_match_one_to_one_are_refused_with_the_name_of_the_task() -> None:
    said = rows("toy/x", 0.7)
    shifted = replace(said, keys=said.keys + np.uint64(1))
    with pytest.raises(RequestError, match=r"toy/x: .*not of the same rows .*1 keys only in the first"):
        compared(operand("a", record("a", said)), operand("b", record("b", shifted)))


def test_rows_in_another_order_give_the_same_comparison() -> None:
    a, b = rows("toy/x", 0.7, model=1), rows("toy/x", 0.8, model=2)
    order = np.random.default_rng(0).permutation(len(b.keys))
    mixed = replace(b, keys=b.keys[order], truth=b.truth[order], outputs=b.outputs[:, order])
    straight, crossed = (
        compared(operand("a", record("a", a)), operand("b", record("b", said)))[0].difference for said in (b, mixed)
    )
    assert straight is not None
    assert crossed is not None
    assert crossed.value == pytest.approx(straight.value)
    assert crossed.se == pytest.approx(straight.se, rel=0.05)


def test_one_seed_of_a_trained_network_speaks_of_this_checkpoint() -> None:
    said = {k: rows("toy/x", 0.7 + 0.1 * k, model=k, seeds=1 + 2 * k) for k in (0, 1)}
    finetune = {"name": "finetune", "recipe": "default", "id": "1"}
    a, b = (operand(name, record(name, said[k], protocol=finetune)) for k, name in enumerate("ab"))
    notes = compare_table(compared(a, b), [a, b], Rules()).notes
    assert [note.split(":")[0] for note in notes if "this checkpoint" in note] == ["a"]


def test_a_metric_that_was_not_stored_is_scored_from_the_predictions() -> None:
    a, b = rows("toy/x", 0.6, model=1), rows("toy/x", 0.9, model=2)
    kept = {"accuracy": Score("accuracy", 0.5)}
    pair = [operand(name, record(name, said, scores=kept)) for name, said in (("a", a), ("b", b))]
    found = compared(*pair, metric="mcc")[0]
    assert found.scores == pytest.approx([matthews_corrcoef(p.truth, p.outputs[0].argmax(axis=1)) for p in (a, b)])
    assert compared(*pair, metric="spearman")[0].reason.startswith("a has no spearman")
