"""The Nucleotide Transformer suites, GUE+ and Genomic Benchmarks: what they say, and their layouts on a hub."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import HubServer

from dnabench.harness.data.fetch import fetch_task
from dnabench.harness.data.load import load_splits
from dnabench.harness.data.sources import DataOptions
from dnabench.harness.data.suite_file import read_suite
from dnabench.harness.errors import DataError, Unavailable
from dnabench.harness.types import Task

ROOT = Path(__file__).resolve().parents[1]
SUITES = {
    name: read_suite(ROOT / "benchmarks" / name)
    for name in ("nt_original", "nt_revised", "gue_plus", "genomic_benchmarks")
}
TASKS = {task.name: task for suite in SUITES.values() for task in suite.tasks}
pa = pytest.importorskip("pyarrow", reason="the hub's files are parquet (extra parquet)")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    monkeypatch.setenv("DNABENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DNABENCH_DATA", raising=False)
    with HubServer(tmp_path / "hub") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def real_rows(name: str, rows: int) -> list[tuple[str, str]]:
    """Real rows of GUE that are here: sequence and label, both classes in turn."""
    folder = os.environ.get("DNABENCH_TEST_DATA")
    path = Path(folder or "", "gue", name)
    if not folder or not path.is_file():
        pytest.skip("DNABENCH_TEST_DATA names no folder that holds gue")
    with path.open(newline="") as file:
        found = [(row["sequence"], row["label"]) for row in csv.DictReader(file)]
    by_class = [[row for row in found if row[1] == label] for label in "01"]
    return [row for pair in zip(*by_class, strict=False) for row in pair][:rows]


def write_parquet(path: Path, columns: dict[str, list[object]]) -> None:
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table(columns), path)


def test_every_suite_has_its_tasks_under_the_literature_s_names() -> None:
    assert {name: len(suite.tasks) for name, suite in SUITES.items()} == {
        "nt_original": 18, "nt_revised": 18, "gue_plus": 8, "genomic_benchmarks": 9,
    }  # fmt: skip
    for suite in SUITES:
        with (ROOT / "results" / "published" / f"{suite}.csv").open() as file:
            named = {row["task"] for row in csv.DictReader(file)}
        assert named <= TASKS.keys(), f"published scores of {suite} join on no task: {named - TASKS.keys()}"


def test_a_name_that_stands_in_both_editions_is_another_task() -> None:
    both = {name.split("/")[1] for name in TASKS if name.startswith("nt_original")} & {
        name.split("/")[1] for name in TASKS if name.startswith("nt_revised")
    }
    assert len(both) == 13
    assert all(TASKS[f"nt_original/{t}"].source != TASKS[f"nt_revised/{t}"].source for t in both)


def test_classes_of_genomic_benchmarks_stand_in_alphabetical_order() -> None:
    for task in SUITES["genomic_benchmarks"].tasks:
        assert list(task.target.classes) == sorted(task.target.classes)


def nt_task() -> Task:
    return TASKS["nt_original/promoter_tata"]


def put_nt(hub: HubServer, rows: list[tuple[str, str]]) -> None:
    """Two tasks in one parquet table, the train rows in two shards, as the hub lays them out."""
    repo = hub.root / "datasets" / str(nt_task().source.hub_repo)
    for split, part in (("train", rows[:200]), ("test", rows[200:300])):
        mixed = [(s, label, task) for s, label in part for task in ("promoter_tata", "H3")]
        half = len(mixed) // 2 if split == "train" else len(mixed)
        for number, shard in enumerate((mixed[:half], mixed[half:])):
            if shard:
                write_parquet(
                    repo / "data" / f"{split}-{number:05d}-of-00002.parquet",
                    {
                        "sequence": [row[0] for row in shard],
                        "name": [f"chr1:{i}-{i + 300}|{row[1]}" for i, row in enumerate(shard)],
                        "label": [int(row[1]) for row in shard],
                        "task": [row[2] for row in shard],
                    },
                )


def test_nt_rows_come_from_the_shards_of_one_table_that_holds_all_tasks(hub: HubServer) -> None:
    rows = real_rows("prom/prom_300_tata/test.csv", 300)
    put_nt(hub, rows)
    news: list[str] = []
    got = fetch_task(nt_task(), DataOptions(), news.append)
    assert [(one.identity, one.problem) for one in got] == [("unknown", ""), ("unknown", "")]
    splits = load_splits(nt_task(), DataOptions(offline=True))
    assert list(splits.test.sequences) == [sequence for sequence, _ in rows[200:]]
    assert splits.test.labels.tolist() == [int(label) for _, label in rows[200:]]
    assert len(splits.train) + len(splits.dev) == 200
    assert splits.facts["test"].origin.startswith("hub:InstaDeepAI/")
    asked = [line for line in hub.requests if "/resolve/" in line and line.startswith("GET")]
    assert len(asked) == 3, "two shards of train and one of test, each once"


def test_the_older_layout_of_nt_is_fasta_with_the_label_in_the_header(tmp_path: Path, hub: HubServer) -> None:
    rows = real_rows("prom/prom_300_tata/test.csv", 300)
    put_nt(hub, rows)
    for split, part in (("train", rows[:200]), ("test", rows[200:300])):
        path = tmp_path / "data" / "promoter_tata" / f"{split}.fna"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f">EP{i}|{label}\n{s[:60]}\n{s[60:]}\n" for i, (s, label) in enumerate(part)))
    local = load_splits(nt_task(), DataOptions(data_dir=tmp_path / "data", offline=True))
    remote = load_splits(nt_task(), DataOptions())
    assert local.facts["test"].fingerprint == remote.facts["test"].fingerprint
    assert local.facts["train"].fingerprint == remote.facts["train"].fingerprint


def test_a_table_without_the_task_and_a_repository_without_the_files_are_said(hub: HubServer) -> None:
    rows = real_rows("prom/prom_300_tata/test.csv", 300)
    put_nt(hub, rows)
    with pytest.raises(DataError, match="no row with 'H4' in the column 'task', only H3, promoter_tata"):
        load_splits(TASKS["nt_original/H4"], DataOptions())
    repo = hub.root / "datasets" / str(TASKS["nt_revised/H2AFZ"].source.hub_repo)
    repo.mkdir(parents=True)
    (repo / "README.md").write_text("no data\n")
    with pytest.raises(Unavailable, match=r"has no file \*train\*\.parquet"):
        load_splits(TASKS["nt_revised/H2AFZ"], DataOptions())


def test_another_number_of_rows_than_the_card_s_is_refused(hub: HubServer) -> None:
    rows = real_rows("prom/prom_300_tata/test.csv", 300)
    task = TASKS["nt_revised/promoter_tata"]
    for split in ("train", "test"):
        write_parquet(
            hub.root / "datasets" / str(task.source.hub_repo) / f"{split}.parquet",
            {"sequence": [r[0] for r in rows], "label": [int(r[1]) for r in rows], "task": ["promoter_tata"] * 300},
        )
    with pytest.raises(DataError, match="has 300 train rows, expected 5,062"):
        load_splits(task, DataOptions())


def test_the_hub_s_copy_of_genomic_benchmarks_is_one_table_per_split(hub: HubServer) -> None:
    task = TASKS["genomic_benchmarks/dummy_mouse_enhancers_ensembl"]
    repo = hub.root / "datasets" / str(task.source.hub_repo)
    rows = real_rows("prom/prom_300_tata/train.csv", 2000)
    start = 0
    for split in ("train", "test"):
        counts = task.source.files[split].class_counts or ()
        part = [
            row for label, n in zip("01", counts, strict=True) for row in [r for r in rows if r[1] == label][start:][:n]
        ]
        start += max(counts)
        write_parquet(
            repo / "data" / f"{split}-00000-of-00001.parquet",
            {"seq": [row[0] for row in part], "label": [int(row[1]) for row in part]},
        )
    splits = load_splits(task, DataOptions())
    assert splits.facts["test"].identity == "counts only"
    assert (len(splits.train) + len(splits.dev), len(splits.test)) == (968, 242)


def test_pairs_of_gue_plus_are_read_from_three_columns(hub: HubServer) -> None:
    task = TASKS["gue_plus/EPI_K562"]
    rows = real_rows("prom/prom_300_tata/train.csv", 40)
    for split in ("train", "dev", "test"):
        path = hub.root / "datasets" / "leannmlindsey" / "GUE" / "GUE" / "EPI_K562" / f"{split}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        many = rows * 250 if split == "train" else rows
        path.write_text("sequence1,sequence2,label\n" + "".join(f"{s},{s[::-1]},{label}\n" for s, label in many))
    splits = load_splits(task, DataOptions())
    assert splits.test.inputs.seconds[0] == rows[0][0][::-1]
    assert (len(splits.train), len(splits.dev)) == (10_000, 40)


def test_every_suite_has_a_readme_and_says_what_is_not_known() -> None:
    for name in SUITES:
        text = (ROOT / "benchmarks" / name / "README.md").read_text()
        assert "Protocol as published" in text or name == "gue_plus"
        assert f"results/published/{name}.csv" in text
