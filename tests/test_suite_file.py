"""suite.yaml: what it becomes, and what is said of each mistake."""

import subprocess
import sys
from pathlib import Path

import pytest

from dnabench.harness import metrics
from dnabench.harness.data import suite_schema
from dnabench.harness.data.suite_file import read_suite
from dnabench.harness.errors import TaskFileError

TOY = """\
suite: toy
title: Toy
licence: MIT
defaults:
  metric: mcc
  metrics: [accuracy, auroc]
  classes: 2
  source:
    folders: [gue, GUE, "."]
    hub: {repo: org/toy}
tasks:
  tf_0:
    title: Binding
    licence: CC0
    source:
      hub: {revision: v1}
      files:
        train: {path: tf/0/train.csv, hub_path: GUE/tf_0/train.csv, rows: 10, class_counts: [4, 6]}
        dev: {path: tf/0/dev.csv}
        test: {path: tf/0/test.csv, sha256: SHA}
  scored:
    title: Strength
    target: value
    classes: null
    metric: spearman
    metrics: []
    split: {kind: kfold, folds: 3, groups: gene}
    dependence: {groups: gene, reason: paralogues}
    source:
      files: {all: {path: all.tsv}}
""".replace("SHA", "a" * 64)


def write(folder: Path, text: str = TOY) -> Path:
    path = folder / "suite.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def complaint(folder: Path, before: str, after: str) -> str:
    assert before in TOY
    with pytest.raises(TaskFileError) as caught:
        read_suite(write(folder, TOY.replace(before, after, 1)))
    text = str(caught.value)
    assert "\n" not in text
    assert "suite.yaml" in text
    return text


def test_defaults_reach_every_task_and_the_task_wins(tmp_path: Path) -> None:
    suite = read_suite(write(tmp_path))
    first, second = suite.tasks
    assert (suite.name, first.name, second.name) == ("toy", "toy/tf_0", "toy/scored")
    assert first.target.classes == ("0", "1")
    assert first.metrics == ("accuracy", "auroc")
    assert (first.source.hub_repo, first.source.hub_revision) == ("org/toy", "v1")
    assert first.source.folders == ("gue", "GUE", ".")
    assert first.source.files["train"].class_counts == (4, 6)
    assert first.source.files["test"].sha256 == "a" * 64
    assert (first.licence, second.licence) == ("CC0", "MIT")
    assert second.target.kind == "value"
    assert second.split_rule.kind == "kfold"
    assert second.split_rule.groups == second.dependence.groups == "gene"
    assert first.folder == str(tmp_path)


def test_a_folder_stands_for_its_suite_file(tmp_path: Path) -> None:
    write(tmp_path)
    assert read_suite(tmp_path) == read_suite(tmp_path / "suite.yaml")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("title: Binding", "titel: Binding", ("line 13", "'titel'", "'title'")),
        ("    title: Binding\n", "", ("line 12", "'title'", "missing")),
        ("  source:\n    folders", "  sourcs:\n    folders", ("line 8", "'sourcs'", "'source'")),
        ("repo: org", "rpo: org", ("line 10", "'rpo'", "'repo'")),
        ("test: {path", "tset: {path", ("line 20", "'tset'", "'test'")),
        ("hub_path: GUE", "hubpath: GUE", ("line 18", "'hubpath'", "'hub_path'")),
        ("metric: mcc", "metric: mc", ("line 5", "'mc'", "'mcc'")),
        ("[accuracy,", "[acuracy,", ("line 6", "'acuracy'", "'accuracy'")),
        ("kind: kfold", "kind: kfolds", ("line 27", "'kfolds'", "'kfold'")),
        ("classes: 2", "classes: two", ("line 7", "classes", "'two'")),
        ("classes: 2", "classes: 1", ("line 7", "classes", "1")),
        ("classes: 2", "classes: [no, yes]", ("line 7", "true and false", "quotes")),
        ("classes: 2", "classes: [a, a]", ("line 7", "same name")),
        ("classes: null", "classes: 3", ("line 24", "no classes")),
        ("folds: 3", "folds: three", ("line 27", "folds", "'three'")),
        ("rows: 10", "rows: 1.5", ("line 18", "rows", "1.5")),
        ("[4, 6]", "[4, 6, 1]", ("line 18", "3 counts for 2 classes")),
        ("title: Toy", "title: 12", ("line 2", "title", "12")),
        ("suite: toy", "name: toy", ("line 1", "'name'", "suite")),
        ("a" * 64, "abc", ("line 20", "sha256", "'abc'")),
        ("tf/0/dev.csv", "../dev.csv", ("line 19", "'../dev.csv'", "inside its folder")),
        ("tf/0/dev.csv", "/etc/passwd", ("line 19", "'/etc/passwd'", "inside its folder")),
        ("{all: {path: all.tsv}}", "{train: {path: all.tsv}}", ("line 30", "`all`")),
        ("        test: {path", "        # {path", ("line 17", "`test`")),
        ("  scored:", "  tf_0:", ("line 21", "'tf_0'", "twice")),
        ("  tf_0:", "  a/b:", ("line 12", "task id")),
        ("[gue, GUE", "[gue, GUE]", ("line 9", "not valid YAML")),
    ],
)
def test_a_mistake_is_named_with_file_line_and_key(
    tmp_path: Path, before: str, after: str, said: tuple[str, ...]
) -> None:
    text = complaint(tmp_path, before, after)
    assert all(part in text for part in said), text


def test_a_missing_file_an_empty_file_and_a_list_are_no_suites(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError, match="cannot be read"):
        read_suite(tmp_path / "none.yaml")
    for text in ("", "- a\n", "just words"):
        with pytest.raises(TaskFileError, match="mapping"):
            read_suite(write(tmp_path, text))


def test_yaml_cannot_run_code(tmp_path: Path) -> None:
    text = complaint(tmp_path, "title: Toy", "title: !!python/object/apply:os.system ['true']")
    assert "line 2" in text


def test_an_alias_that_holds_itself_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError, match="line 3: an alias here holds itself"):
        read_suite(write(tmp_path, "suite: mine\ntitle: Mine\ntasks: &t\n  a: *t\n"))


def test_metric_names_are_those_of_the_metrics_module() -> None:
    assert set(suite_schema.METRICS) == set(metrics.METRICS)


def test_reading_a_suite_imports_no_numpy(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from dnabench.harness.data.suite_file import read_suite;"
        f"read_suite(pathlib.Path({str(write(tmp_path))!r}));"
        "sys.exit(bool({'numpy', 'pandas', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
