"""The GUE suite says of every task what the official files say; checked on the real files where they are."""

import csv
import hashlib
import os
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from dnabench.harness.data.fingerprint import git_sha1
from dnabench.harness.data.load import load_splits
from dnabench.harness.data.sources import DataOptions
from dnabench.harness.data.suite_file import read_suite
from dnabench.harness.errors import Unavailable
from dnabench.harness.protocols import configure
from dnabench.harness.protocols.finetune import check_config
from dnabench.harness.types import FileFacts, Task

ROOT = Path(__file__).resolve().parents[1]
SUITE = read_suite(ROOT / "benchmarks" / "gue")
TASKS = {task.name: task for task in SUITE.tasks}
MARKS = ("H3", "H3K14ac", "H3K36me3", "H3K4me1", "H3K4me2", "H3K4me3", "H3K79me3", "H3K9ac", "H4", "H4ac")
COMPLETE = (
    *(f"gue/human_tf_{i}" for i in (0, 1, 3, 4)),
    *(f"gue/mouse_{i}" for i in (0, 2, 4)),
    *("gue/prom_300_tata", "gue/prom_core_all", "gue/prom_core_notata", "gue/prom_core_tata"),
)
FILES = [(task.name, split, facts) for task in SUITE.tasks for split, facts in task.source.files.items()]
IDS = [f"{name}-{split}" for name, split, _ in FILES]
each_file = pytest.mark.parametrize(("name", "split", "facts"), FILES, ids=IDS)


def data_folder() -> Path:
    folder = os.environ.get("DNABENCH_TEST_DATA")
    if not folder or not (Path(folder) / "gue").is_dir():
        pytest.skip("DNABENCH_TEST_DATA names no folder that holds gue")
    return Path(folder)


def official(facts: FileFacts) -> bytes:
    path = data_folder() / "gue" / facts.path
    if not path.is_file():
        pytest.skip(f"{facts.path} is not in the copy of GUE here")
    return path.read_bytes()


@cache
def rows_of(path: Path) -> list[tuple[str, str]]:
    with path.open(newline="") as file:
        return [(sequence, label) for sequence, label in csv.reader(file)][1:]


def test_the_suite_has_the_28_tasks_under_the_literature_s_names() -> None:
    assert set(TASKS) == {
        *(f"gue/emp_{mark}" for mark in MARKS),
        *(f"gue/human_tf_{i}" for i in range(5)),
        *(f"gue/mouse_{i}" for i in range(5)),
        *(f"gue/prom_{kind}_{part}" for kind in ("300", "core") for part in ("all", "notata", "tata")),
        *("gue/splice_reconstructed", "gue/virus_covid"),
    }


def test_every_task_is_ranked_by_mcc_and_covid_by_macro_f1() -> None:
    assert {t.metric for t in SUITE.tasks if t.name != "gue/virus_covid"} == {"mcc"}
    assert TASKS["gue/virus_covid"].metric == "f1_macro"


def test_class_names_stand_only_where_they_are_known() -> None:
    names = {t.name: t.target.classes for t in SUITE.tasks if t.target.classes[0] != "0"}
    assert names.pop("gue/splice_reconstructed") == ("acceptor", "donor", "neither")
    assert set(names.values()) == {("no promoter", "promoter")}
    assert len(names) == 6
    assert len(TASKS["gue/virus_covid"].target.classes) == 9
    for name in (*names, "gue/splice_reconstructed"):
        assert any("inferred" in note for note in TASKS[name].notes), name


@pytest.mark.parametrize("task", SUITE.tasks, ids=lambda t: t.name)
def test_every_task_is_described_and_has_both_layouts(task: Task) -> None:
    assert all((task.title, task.group, task.species, task.licence, task.citation, task.length, task.notes))
    assert set(task.source.files) == {"train", "dev", "test"}
    assert task.source.folders == ("gue", "GUE", ".")
    assert task.source.hub_repo == "leannmlindsey/GUE"
    for split, facts in task.source.files.items():
        assert facts.path.endswith(f"/{split}.csv")
        assert facts.hub_path == f"GUE/{task.name.removeprefix('gue/')}/{split}.csv"
        assert facts.git_sha1
        assert facts.rows


def test_no_file_serves_two_tasks() -> None:
    for column in ("path", "hub_path", "sha256", "git_sha1"):
        values = [v for _, _, facts in FILES if (v := getattr(facts, column))]
        assert max(Counter(values).values()) == 1


def test_covid_has_the_sizes_of_the_distributed_files() -> None:
    files = TASKS["gue/virus_covid"].source.files
    assert [files[s].rows for s in ("train", "dev", "test")] == [73335, 9166, 9168]


@pytest.mark.parametrize("task", SUITE.tasks, ids=lambda t: t.name)
def test_the_official_recipe_is_one_that_finetune_can_follow(task: Task) -> None:
    recipe = check_config(configure("finetune", task, "gue-official"))
    assert recipe.learning_rate == 3e-5
    assert recipe.schedule == "linear"
    assert recipe.batch_size == (128 if task.name == "gue/virus_covid" else 32)


def test_shared_test_rows_are_declared_both_ways() -> None:
    declared = {t.name: set(t.dependence.shares_test_rows_with) for t in SUITE.tasks}
    for kind in ("300", "core"):
        stem = f"gue/prom_{kind}_"
        assert declared[f"{stem}all"] == {f"{stem}notata", f"{stem}tata"}
        assert declared[f"{stem}notata"] == declared[f"{stem}tata"] == {f"{stem}all"}
    assert declared["gue/human_tf_0"] == {"gue/human_tf_1"}
    assert all(name in declared[other] for name, others in declared.items() for other in others)
    assert sum(map(bool, declared.values())) == 6 + 9 + 2


@each_file
def test_checksums_and_counts_are_those_of_the_official_file(name: str, split: str, facts: FileFacts) -> None:
    data = official(facts)
    assert hashlib.sha256(data).hexdigest() == facts.sha256
    assert git_sha1(data) == facts.git_sha1
    lines = data.decode().splitlines()[1:]
    counts = Counter(int(line.rsplit(",", 1)[1]) for line in lines)
    classes = TASKS[name].target.classes
    assert len(lines) == facts.rows
    assert tuple(counts[i] for i in range(len(classes))) == facts.class_counts
    assert Counter(len(line.rsplit(",", 1)[0]) for line in lines).most_common(1)[0][0] == TASKS[name].length


def test_git_ids_and_checksums_are_those_of_the_lists_beside_the_data() -> None:
    folder = data_folder() / "gue"
    listed: dict[str, tuple[str, str | None]] = {}
    for line in (folder / "SOURCE.md").read_text().splitlines():
        cells = [cell.strip(" `") for cell in line.split("|")]
        if len(cells) > 5 and cells[1].startswith("GUE/"):
            listed[cells[1].removeprefix("GUE/").removesuffix(".gz")] = (cells[2], cells[4])
    for line in (folder / "MISSING.tsv").read_text().splitlines()[1:]:
        path, sha1 = line.split("\t")
        listed[path.removeprefix("data/GUE/")] = (sha1, None)
    assert {facts.path: (facts.git_sha1, facts.sha256) for _, _, facts in FILES} == listed


@pytest.mark.parametrize("kind", ["300", "core"])
def test_the_test_set_of_all_promoters_is_the_union_of_the_other_two(kind: str) -> None:
    folder = data_folder() / "gue" / "prom"
    whole, *parts = (
        Counter(rows_of(folder / f"prom_{kind}_{part}" / "test.csv")) for part in ("all", "notata", "tata")
    )
    assert whole == sum(parts, Counter())


def test_splice_classes_are_acceptor_and_donor_by_their_dinucleotides() -> None:
    rows = rows_of(data_folder() / "gue" / "splice" / "reconstructed" / "test.csv")
    ends = Counter((label, bases[198:200] == "AG") for bases, label in rows)
    starts = Counter((label, bases[200:202] == "GT") for bases, label in rows)
    assert (ends["0", True], ends["0", False]) == (951, 5)
    assert (starts["1", True], starts["1", False]) == (1010, 15)
    assert ends["2", True] / 2581 < 0.4


def test_leaks_that_the_notes_state_are_in_the_files() -> None:
    folder = data_folder() / "gue"

    def leaked(task: str, split: str) -> int:
        train = {bases for bases, _ in rows_of(folder / task / "train.csv")}
        return sum(bases in train for bases, _ in rows_of(folder / task / f"{split}.csv"))

    assert leaked("tf/4", "dev") == 358
    assert leaked("tf/4", "test") == 0
    assert leaked("prom/prom_core_all", "test") == 43
    assert leaked("prom/prom_300_tata", "test") == 6
    assert leaked("prom/prom_300_tata", "dev") == 14
    dev = {bases for bases, _ in rows_of(folder / "splice" / "reconstructed" / "dev.csv")}
    splice = rows_of(folder / "splice" / "reconstructed" / "test.csv")
    assert sum(bases in dev for bases, _ in splice) == 32


@pytest.mark.parametrize("name", ["gue/human_tf_4", "gue/prom_core_tata", "gue/mouse_2"])
def test_a_task_that_is_complete_here_loads_as_verified(name: str) -> None:
    splits = load_splits(TASKS[name], DataOptions(data_dir=data_folder(), offline=True))
    assert [splits.facts[s].identity for s in ("train", "dev", "test")] == ["verified"] * 3
    assert splits.facts["test"].sha256 == splits.facts["test"].fingerprint == TASKS[name].source.files["test"].sha256


def test_eleven_tasks_are_complete_here_and_the_others_say_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = data_folder()
    monkeypatch.setenv("DNABENCH_CACHE", str(tmp_path))
    monkeypatch.delenv("DNABENCH_DATA", raising=False)
    for task in SUITE.tasks:
        present = all((folder / "gue" / f.path).is_file() for f in task.source.files.values())
        assert present == (task.name in COMPLETE)
        if not present:
            with pytest.raises(Unavailable, match=r"(train|dev|test)\.csv"):
                load_splits(task, DataOptions(data_dir=folder, offline=True))


def test_published_scores_join_on_task_names_and_are_fractions() -> None:
    with (ROOT / "results" / "published" / "gue.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["task"] for row in rows} == set(TASKS)
    assert all(-1 <= float(row["value"]) <= 1 and row["source"] for row in rows)
    assert {row["metric"] for row in rows} == {
        "mcc",
        "f1_macro",
        "accuracy",
        "auroc",
        "f1_unstated",
        "unstated",
    }
    marked = ("f1_unstated", "unstated")
    assert all("not a target" in row["note"] for row in rows if row["metric"] in marked)
    wanted = ("gue/prom_core_tata", "DNABERT-2", "mcc")
    found = [r["value"] for r in rows if (r["task"], r["model"], r["metric"]) == wanted]
    assert found == ["0.7417"]


def test_a_fraction_is_the_printed_percentage_over_a_hundred() -> None:
    with (ROOT / "results" / "published" / "gue.csv").open(newline="", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["model"] == "DNABERT-2" and "Performance.png" in r["source"]]
    assert len(rows) == 28
    mean = sum(float(r["value"]) for r in rows) / 28
    assert 0.66 < mean < 0.68
