"""Records become tables: nothing printed bare, no hole filled, the same facts in every format."""

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnabench.harness.errors import RequestError
from dnabench.harness.report.cells import cells, pattern, rarest_class, rarest_share
from dnabench.harness.report.render import FORMATS, Table, columns_that_fit, render
from dnabench.harness.report.tables import number, score_table, value_text
from dnabench.harness.types import RunRecord, Score


def record(task: str, model: str, value: float | None = 0.5, **changes: Any) -> RunRecord:
    """A record with one score, as `run/record.py` makes it."""
    metric = changes.pop("metric", "mcc")
    status = changes.pop("status", "ok" if value is not None else "unavailable")
    score = Score(
        metric, value, None if value is None else value - 0.1, None if value is None else value + 0.1, (value,)
    )
    return RunRecord(
        status=status,
        key={},
        model={"name": model, "id": changes.pop("id7", model[:2]), "options": changes.pop("options", {})},
        task={"name": task, "metric": metric, "rows": {"test": 100}},
        protocol={"name": changes.pop("protocol", "probe"), "recipe": "default", "id": changes.pop("config7", "c1")},
        scores={metric: score} if status in ("ok", "partial") else {},
        replicates=tuple({"name": f"seed {i}", "seed": i, "chosen": {}} for i in range(changes.pop("seeds", 1))),
        **changes,
    )


def row(table: Table, name: str) -> tuple[str, ...]:
    return next(row for row in table.rows if row[0].startswith(name))


def test_every_number_stands_with_its_interval_under_the_full_name_of_its_metric() -> None:
    table = score_table([record("toy/a", "kmer"), record("toy/b", "kmer", 0.7)])
    assert table.head == ("Matthews correlation (MCC) [95% interval]", "kmer")
    assert row(table, "toy/a")[1] == "0.500 [0.400, 0.600]"


def test_metrics_that_differ_between_tasks_stand_in_a_column_of_their_own() -> None:
    table = score_table([record("toy/a", "kmer"), record("toy/b", "kmer", metric="f1_macro")])
    assert table.head[:2] == ("task", "metric [95% interval]")
    assert [r[1] for r in table.rows[:2]] == ["Matthews correlation (MCC)", "F1 (macro)"]


def test_a_hole_is_a_dash_with_a_footnote_and_the_mean_is_not_taken_over_it() -> None:
    missing = record("toy/b", "kmer", None, error="toy/b: b.csv is missing")
    table = score_table([record("toy/a", "kmer"), missing, record("toy/a", "gc"), record("toy/b", "gc", 0.7)])
    assert row(table, "toy/b") == ("toy/b", "— (a)", "0.700 [0.600, 0.800]")
    assert row(table, "mean")[1:] == ("—", "0.600 [—, —]")
    assert row(table, "scored")[1:] == ("1/2", "2/2")
    assert table.notes[-1] == "(a) unavailable: toy/b: b.csv is missing"


def test_a_task_that_was_never_run_is_a_hole_of_its_own_kind() -> None:
    table = score_table([record("toy/a", "kmer")], ["toy/a", "toy/b"])
    assert row(table, "toy/b")[1] == "— (a)"
    assert table.notes == ("(a) not run",)
    assert row(table, "scored")[1] == "1/2"


def test_reasons_that_differ_only_in_file_names_share_one_footnote() -> None:
    holes = [record(f"toy/{x}", "kmer", None, error=f"toy/{x}: GUE/{x}/train.csv is missing") for x in "abc"]
    table = score_table(holes)
    (note,) = table.notes
    assert note.startswith("(a) unavailable: toy/a: GUE/a/train.csv is missing (3 cells alike")
    assert note.endswith("the same of GUE/b/train.csv, GUE/c/train.csv)")
    assert pattern("toy/a: it broke") != pattern("toy/a: it is missing")


def test_a_task_whose_data_nobody_has_is_no_part_of_the_mean() -> None:
    lost = [record("toy/c", model, None, error="toy/c: c.csv is missing") for model in ("kmer", "gc")]
    full = [record(task, model) for task in ("toy/a", "toy/b") for model in ("kmer", "gc")]
    table = score_table([*full, *lost])
    assert row(table, "mean")[:3] == ("mean of 2 tasks", "0.500 [—, —]", "0.500 [—, —]")
    assert row(table, "scored")[1:] == ("2/3", "2/3")


def test_a_score_that_stands_in_a_failed_record_is_not_shown() -> None:
    failed = replace(record("toy/a", "kmer"), status="failed", error="out of memory")
    table = score_table([failed, record("toy/a", "gc")])
    assert row(table, "toy/a")[1:] == ("— (a)", "0.500 [0.400, 0.600]")
    assert table.data[0]["value"] is None


def test_a_partial_score_is_marked_and_neither_counted_nor_averaged() -> None:
    table = score_table([record("toy/a", "kmer", status="partial"), record("toy/b", "kmer")])
    assert row(table, "toy/a")[1] == "0.500 [0.400, 0.600] (a)"
    assert row(table, "mean")[1] == "—"
    assert row(table, "scored")[1] == "1/2"


def test_an_undefined_score_says_why() -> None:
    one = record("toy/a", "kmer")
    undefined = RunRecord(**{**vars(one), "scores": {"mcc": Score("mcc", None, note="there are no rows")}})
    assert score_table([undefined]).notes == ("(a) undefined: there are no rows",)


def test_rows_in_train_are_counted_and_from_one_percent_on_scored_without_them() -> None:
    def leaky(rows: int) -> RunRecord:
        without = {"mcc": {"value": 0.4, "low": 0.3, "high": 0.5, "per_replicate": [0.4]}}
        checks = {"duplicates": {"test_rows_in_train": rows}, "scores_without_duplicates": without}
        return record("toy/a", "kmer", checks=checks)

    table = score_table([leaky(12)])
    assert table.rows[0][0] == "toy/a (12 in train)"
    assert table.rows[1] == ("  without these 12 rows", "0.400 [0.300, 0.500]")
    one_row = RunRecord(**{**vars(leaky(1)), "task": {"name": "toy/a", "metric": "mcc", "rows": {"test": 101}}})
    assert len(score_table([one_row]).rows) == 1


def test_seeds_are_counted_in_the_head_and_collapsed_ones_are_named() -> None:
    one = record("toy/a", "cnn", seeds=3)
    collapsed = tuple({**r, "chosen": {"collapsed": i == 2}} for i, r in enumerate(one.replicates))
    table = score_table([RunRecord(**{**vars(one), "replicates": collapsed})])
    assert table.head[1] == "cnn (3 seeds)"
    assert table.notes == ("(a) collapsed, the same answer for every row: seed 2",)


def test_columns_are_told_apart_by_as_little_as_is_needed() -> None:
    same = [record("toy/a", "kmer", options={"k": k}, id7=str(k)) for k in (4, 6)]
    assert score_table(same).head[1:] == ("kmer k=4", "kmer k=6")
    protocols = [record("toy/a", "cnn", protocol=p) for p in ("probe", "finetune")]
    assert score_table(protocols).head[1:] == ("cnn probe", "cnn finetune (1 seed)")


def test_columns_of_one_model_under_several_settings_name_the_settings_that_differ() -> None:
    def made(**config: Any) -> RunRecord:
        one = record("toy/a", "net", protocol="finetune", config7=str(config))
        return replace(one, protocol=dict(one.protocol) | {"config": {"epochs": 3, **config}})

    full, lora = made(mode="full", rate=1e-5), made(mode="lora", rate=1e-5, lora_rank=8)
    wide = made(mode="lora", rate=1e-5, lora_rank=16)
    heads = score_table([full, lora]).head[1:]
    assert heads == ("net mode=full (1 seed)", "net mode=lora (1 seed)")
    assert score_table([full, lora, wide]).head[1:] == (
        "net mode=full (1 seed)", "net lora_rank=8 mode=lora (1 seed)", "net lora_rank=16 mode=lora (1 seed)",
    )  # fmt: skip
    nested = [made(search={"most": most}) for most in (3, 5)]
    assert score_table(nested).head[1:] == ("net search.most=3 (1 seed)", "net search.most=5 (1 seed)")
    unlike = [record("toy/a", "net", config7=name) for name in ("c1", "c2")]
    assert score_table(unlike).head[1:] == ("net config c1", "net config c2"), "nothing else tells them apart"


def test_a_configuration_that_follows_the_task_makes_no_column_of_its_own() -> None:
    records = [record("toy/a", "kmer", config7="c1"), record("toy/b", "kmer", metric="f1_macro", config7="c2")]
    assert score_table(records).head[2:] == ("kmer",)
    assert len({cell.column for cell in cells([*records, record("toy/a", "kmer", config7="c3")])}) == 3


def test_a_cell_without_a_protocol_stands_in_its_models_column() -> None:
    none = record(
        "toy/b", "kmer", None, status="not_applicable", protocol="", config7="", error="no protocol serves it"
    )
    assert score_table([record("toy/a", "kmer"), none]).head[1:] == ("kmer",)


def test_another_metric_takes_the_place_of_the_tasks_own() -> None:
    one = record("toy/a", "kmer")
    both = RunRecord(**{**vars(one), "scores": {**one.scores, "auroc": Score("auroc", 0.9, 0.8, 0.95)}})
    table = score_table([both], metric="auroc")
    assert row(table, "toy/a")[1] == "0.900 [0.800, 0.950]"
    assert "AUROC" in table.head[0]


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_number_is_never_printed_as_minus_zero(value: float) -> None:
    assert not number(value).startswith("-0.000")
    assert float(number(value)) == pytest.approx(value, abs=5.1e-4, rel=1e-3)


def test_every_format_prints_the_same_scores() -> None:
    table = score_table([record("toy/a_b", "kmer"), record("toy/a_b", "gc", 0.25)])
    for form in ("console", "md", "tex"):
        text = render(table, form)
        assert "0.500 [0.400, 0.600]" in text
        assert "0.250 [0.150, 0.350]" in text
    assert r"toy/a\_b" in render(table, "tex")
    data = json.loads(render(table, "json"))
    lines = list(csv.DictReader(io.StringIO(render(table, "csv"))))
    assert [d["value"] for d in data] == [float(line["value"]) for line in lines] == [0.5, 0.25]
    assert {d["model"] for d in data} == {"kmer", "gc"}


def test_only_the_console_looks_at_the_width() -> None:
    table = score_table([record("toy/a", f"model{i}") for i in range(9)])
    for form in set(FORMATS) - {"console"}:
        assert render(table, form, 40) == render(table, form, 400)
    narrow = render(table, "console", 60)
    assert max(map(len, narrow.splitlines())) <= 60
    assert all(f"model{i}" in narrow for i in range(9))


@given(st.integers(20, 200), st.lists(st.integers(3, 30), min_size=2, max_size=9))
def test_a_wide_table_in_blocks_keeps_every_column_once(width: int, sizes: list[int]) -> None:
    table = Table("", tuple(f"{i}".ljust(n, "x") for i, n in enumerate(sizes)), (tuple("-" * len(sizes)),))
    blocks = columns_that_fit(table, width)
    assert tuple(name for block in blocks for name in block.head[1:]) == table.head[1:]
    assert all(block.head[0] == table.head[0] for block in blocks)


def test_a_table_of_nothing_is_still_a_table() -> None:
    for form in FORMATS:
        assert render(Table("", ("task", "score"), ()), form)


def test_an_unknown_format_names_the_nearest() -> None:
    with pytest.raises(RequestError, match="Did you mean 'json'"):
        render(Table("", ("a",), ()), "jsn")


def test_a_missing_score_is_a_dash() -> None:
    assert value_text(None) == value_text(Score("mcc", None)) == "—"


def test_a_single_seed_of_a_trained_model_is_said_in_the_head_of_its_column() -> None:
    assert score_table([record("toy/a", "cnn", protocol="finetune")]).head[-1] == "cnn (1 seed)"
    assert score_table([record("toy/a", "cnn", protocol="finetune", seeds=3)]).head[-1] == "cnn (3 seeds)"


def test_an_interval_without_width_says_why() -> None:
    flat = Score("mcc", 0.0, 0.0, 0.0, (0.0,), note="0 by convention: truth or prediction has one class only")
    one = record("toy/a", "majority")
    table = score_table([replace(one, scores={"mcc": flat})])
    assert row(table, "toy/a")[1] == "0.000 [0.000, 0.000] (a)"
    assert table.notes == ("(a) 0 by convention: truth or prediction has one class only",)


def test_a_hostile_name_can_neither_break_a_table_nor_reach_the_terminal() -> None:
    table = score_table([record("toy/a", "x|y<img src=x>\x1b[31m\nz")])
    text = render(table, "md")
    head = text.splitlines()[0]
    assert head.startswith("| Matthews")
    assert "x\\|y&lt;img" in head
    assert len({line.count("|") - line.count("\\|") for line in text.splitlines()[:3]}) == 1
    for form in ("md", "console", "tex"):
        assert "\x1b" not in render(table, form)


@pytest.mark.parametrize(
    ("kind", "counts", "share"),
    [("class", [30, 70], 0.3), ("multilabel", [10, 95, 0, 100], 2 / (1 / 0.1 + 1 / 0.05)), ("value", None, None)],
)
def test_the_rarest_class_of_several_labels_is_the_harmonic_mean_of_their_rarer_sides(
    kind: str, counts: list[int] | None, share: float | None
) -> None:
    one = record("t/a", "m")
    task = {**one.task, "target": {"kind": kind}, "splits": {"test": {"class_counts": counts}}}
    assert rarest_class(replace(one, task=task)) == (30 if kind == "class" else None)
    assert rarest_share(replace(one, task=task)) == (None if share is None else pytest.approx(share))
