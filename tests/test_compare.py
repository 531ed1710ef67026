"""`dnabench compare`: verdicts on synthetic records, the mean over tasks that share rows, and the command itself."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, matthews_corrcoef

from dnabench.harness.cli import run_words
from dnabench.harness.errors import RequestError
from dnabench.harness.report.compare import Comparison, compare
from dnabench.harness.report.compare_table import compare_table
from dnabench.harness.report.operands import Operand, operands
from dnabench.harness.run import store
from dnabench.harness.stats.design import design_of
from dnabench.harness.stats.multiple import holm
from dnabench.harness.stats.paired import Difference, paired_difference
from dnabench.harness.stats.suite import mean_difference, part_of
from dnabench.harness.stats.verdict import Rules, equivalent, verdict
from dnabench.harness.types import Dependence, Predictions, RunRecord, Score, Target

BINARY = Target("class", ("0", "1"))


def rows(  # noqa: PLR0913
    task: str, correct: float, *, n: int = 600, model: int = 0, seeds: int = 1, start: int = 0
) -> Predictions:
    """Predictions right on about a share `correct` of the rows; the rows of a task are the same for all models."""
    truth = np.random.default_rng(start + 1).integers(0, 2, n)
    rng = np.random.default_rng([model, start])
    right = rng.random((seeds, n)) < correct
    p = np.where(right == (truth == 1), 0.8, 0.2) + rng.uniform(-0.1, 0.1, (seeds, n))
    keys = np.arange(start, start + n, dtype=np.uint64)
    outputs = np.stack([1 - p, p], -1).astype(np.float32)
    return Predictions(task, "probability", keys, truth, outputs, tuple(f"seed {i}" for i in range(seeds)))


def record(model: str, said: Predictions | None, task: str = "", /, **other: Any) -> RunRecord:
    """A record of these predictions; `other` changes its fields."""
    name = said.task if said else task
    made = RunRecord(
        status="ok" if said else "failed",
        key={"data": {"train": "a", "dev": "b", "test": f"rows of {name}"}, "model": model},
        model={"name": model, "id": f"{len(model):07x}", "options": {}},
        task={
            "name": name, "version": 1, "metric": "accuracy", "metrics": ["accuracy", "mcc"],
            "target": {"kind": "class", "classes": ["0", "1"]}, "rows": {"test": 600},
            "dependence": {"groups": None, "reason": "", "shares_test_rows_with": [], "stratified": False},
        },
        protocol={"name": "probe", "recipe": "default", "id": "1234567"},
        replicates=tuple({"name": name, "seed": i} for i, name in enumerate(said.replicates)) if said else (),
        error="" if said else "out of memory",
        outputs=(lambda: said) if said else None,
    )  # fmt: skip
    return replace(made, **other)


def operand(label: str, *records: RunRecord) -> Operand:
    return Operand(label, {str(r.task["name"]): r for r in records}, label)


def compared(a: Operand, *others: Operand, rules: Rules | None = None, metric: str = "accuracy") -> list[Comparison]:
    names = list(dict.fromkeys(task for one in (a, *others) for task in one.records))
    return compare([a, *others], dict.fromkeys(names, metric), rules or Rules())


def saved(root: Path, made: RunRecord, config: str = "1234567") -> Path:
    suite, _, task = str(made.task["name"]).partition("/")
    path = (
        root / "runs" / suite / f"{made.model['name']}@{made.model['id']}" / f"probe.default@{config}" / f"{task}.json"
    )
    said = made.outputs() if made.outputs else None
    store.update(path, lambda _: (replace(made, outputs=None), said))
    return path


def test_a_clear_difference_is_said_with_its_interval_and_in_the_right_direction() -> None:
    a, b = rows("toy/x", 0.6, model=1), rows("toy/x", 0.9, model=2)
    one = compared(operand("a", record("a", a)), operand("b", record("b", b)))[0]
    values = [accuracy_score(p.truth, p.outputs[0].argmax(axis=1)) for p in (a, b)]
    assert one.scores == pytest.approx(values)
    assert one.difference is not None
    assert one.difference.value == pytest.approx(values[1] - values[0])
    assert one.verdict == "better"
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
    assert verdict(lower, 0.001, Rules(), best=0.0, units=100)[0] == "better"
    assert verdict(lower, 0.001, Rules(), best=1.0, units=100)[0] == "worse"
    assert verdict(lower, None, Rules(), best=0.0, units=100)[0] == "undecided"


def test_equivalence_is_two_one_sided_tests() -> None:
    for value, se in ((0.001, 0.004), (0.001, 0.006), (-0.004, 0.0036), (-0.004, 0.0037)):
        made = Difference("mcc", value, value - 1.959964 * se, value + 1.959964 * se, 0.5, se)
        inside = max(abs(value - 1.644854 * se), abs(value + 1.644854 * se)) < 0.01
        assert equivalent(made, Rules(), 1000) == inside


def test_two_models_that_agree_on_few_rows_are_not_called_equivalent() -> None:
    few, many = rows("toy/x", 0.8, n=100), rows("toy/y", 0.8, n=2000)
    a = operand("a", record("a", few), record("a", many))
    b = operand("b", record("b", few), record("b", many))
    assert [one.verdict for one in compared(a, b) if not one.tasks] == ["undecided", "equivalent"]


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


@pytest.mark.parametrize("grouped", [False, True])
def test_the_mean_over_tasks_with_shared_rows_is_that_of_a_joint_bootstrap(grouped: bool) -> None:
    n, cut, rng = 1200, 500, np.random.default_rng(5)
    group = np.repeat(np.arange(n // 4), 4) if grouped else np.arange(n)
    whole = [rows("toy/all", share, n=n, model=k) for k, share in ((1, 0.7), (2, 0.8))]
    cuts = {"toy/all": slice(None), "toy/tata": slice(0, cut), "toy/notata": slice(cut, None)}

    def part(task: str, said: Predictions) -> Predictions:
        at = cuts[task]
        return replace(said, task=task, keys=said.keys[at], truth=said.truth[at], outputs=said.outputs[:, at],
                       columns={"family": group[at]})  # fmt: skip

    dependence = Dependence(groups="family" if grouped else None)
    parts = []
    for task in cuts:
        pair = (part(task, whole[1]), part(task, whole[0]))
        made = paired_difference(*pair, "mcc", BINARY, dependence, task)
        design = design_of(pair[0].truth, pair[0].columns, BINARY, dependence, task)
        parts.append(part_of(made, pair, BINARY, design))
    called = [p.outputs[0].argmax(axis=1) for p in whole]
    truth = whole[0].truth

    def mcc(at: Any, said: Any) -> float:
        # Of 0 and 1 it is their correlation; scikit-learn's takes a millisecond, and here it is called 9,000 times.
        return float(np.corrcoef(truth[at], said[at])[0, 1])

    assert mcc(slice(None), called[0]) == pytest.approx(matthews_corrcoef(truth, called[0]))
    units, means = [np.flatnonzero(group == g) for g in np.unique(group)], []
    for _ in range(1500):
        drawn = np.concatenate([units[g] for g in rng.integers(0, len(units), len(units))])
        inside = (drawn, drawn[drawn < cut], drawn[drawn >= cut])
        means.append(np.mean([mcc(r, called[1]) - mcc(r, called[0]) for r in inside]))
    mean = mean_difference(parts)
    assert mean.se == pytest.approx(np.std(means), rel=0.08)
    assert mean.se > 1.2 * np.sqrt(sum(p.difference.se**2 for p in parts)) / 3  # type: ignore[operator,misc]
    assert "3 of 3 tasks share test rows" in mean.note


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


def test_a_name_that_stands_for_two_models_or_runs_is_refused_and_its_parts_are_taken(tmp_path: Path) -> None:
    said = rows("toy/x", 0.7)
    paths = [
        saved(tmp_path, record("kmer", said, model={"name": "kmer", "id": i, "options": {"k": i}})) for i in ("1", "2")
    ]
    saved(tmp_path, record("gc", rows("toy/x", 0.6, model=3)))
    with pytest.raises(RequestError, match="kmer stands for 2 models: name one of kmer@1, kmer@2"):
        operands(["kmer", "gc"], tmp_path)
    found = operands(["kmer@1", str(paths[1].parent), "gc"], tmp_path)
    assert [one.label for one in found] == ["kmer@1", "kmer@2", "gc@0000002"]
    with pytest.raises(RequestError, match=r"kmer@1 and .* are the same run"):
        operands(["kmer@1", str(paths[0].parent)], tmp_path)
    with pytest.raises(RequestError, match=r"no record of a model 'kmre'\. Did you mean 'kmer'"):
        operands(["kmre", "gc"], tmp_path)
    saved(tmp_path, record("gc", said), config="7654321")
    with pytest.raises(RequestError, match="gc has 2 records of toy/x: name one run folder"):
        operands(["gc", "kmer@1"], tmp_path)


def command(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = run_words(["compare", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture(scope="module")
def real_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """gc, kmer and length on a user's own file: class 0 is rich in GC, so that gc wins; the results folder."""
    folder, rng, lines = tmp_path_factory.mktemp("real"), np.random.default_rng(0), ["sequence,label,split"]
    for i in range(600):
        at = 0.3 if i % 2 else 0.2
        split = ("train", "dev", "test")[i // 200]
        lines.append(f"{''.join(rng.choice(list('ACGT'), 80, p=[at, 0.5 - at, 0.5 - at, at]))},{i % 2},{split}")
    (folder / "rich.csv").write_text("\n".join(lines) + "\n")
    results = folder / "results"
    assert run_words(["run", "-m", "gc,kmer,length", "-t", str(folder / "rich.csv"), "-o", str(results)]) == 0
    return results


def test_the_command_compares_a_real_run_in_every_format(real_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    where = ("--suite", "local", "--results", str(real_run))
    code, text, err = command(capsys, "gc", "kmer", "length", *where, "--format", "json")
    assert (code, err) == (0, "")
    data = json.loads(text)
    assert [one["model"] for one in data] == ["kmer", "length"]
    assert data[0]["difference"] == pytest.approx(data[0]["value"] - data[0]["reference_value"])
    assert data[1]["verdict"] == "worse"
    assert command(capsys, "gc", "kmer", "length", *where, "--format", "json")[1] == text
    table = list(csv.DictReader(io.StringIO(command(capsys, "gc", "kmer", *where, "--format", "csv")[1])))
    assert float(table[0]["p_holm"]) == pytest.approx(float(table[0]["p"]))
    assert r"\toprule" in command(capsys, "gc", "kmer", *where, "--format", "tex")[1]
    for face in ("md", "console"):
        assert "local/rich" in command(capsys, "gc", "kmer", *where, "--format", face)[1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["gc"], "at least two"),
        (["gc", "nobody"], "no record of a model 'nobody'"),
        (["gc", "kmer", "--suite", "gue"], "no record of the suite 'gue'"),
        (["gc", "kmer", "--metric", "mc"], "Did you mean 'mcc'"),
        (["gc", "kmer", "--margin", "0"], "the margin above 0"),
        (["gc", "kmer", "--alpha", "0.7"], "alpha lies between 0 and 0.5"),
        (["gc", "kmer", "--protocol", "fit"], "kmer has no record under the protocol 'fit'"),
        (["gc", "kmer", "--results", "nowhere"], "There are no records"),
    ],
)
def test_a_wrong_request_is_one_sentence_and_exit_2(
    real_run: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    capsys.readouterr()
    code, out, err = command(capsys, "--results", str(real_run), *words)
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1
