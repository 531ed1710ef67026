"""Fetching from the hub: the real client against a hub on loopback."""

import gzip
import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from dnabench.harness.data import fetch, hub
from dnabench.harness.data.fetch import fetch_task
from dnabench.harness.data.load import DataOptions, load_splits
from dnabench.harness.errors import Unavailable
from dnabench.harness.report.lists import fetched_table
from dnabench.harness.types import FileFacts, Source, Target, Task

sys.path.insert(0, str(Path(__file__).parent))

from hub_server import HubServer

REPO = "org/GUE"
ROWS = {
    "train": "sequence,label\n"
    + "".join(f"{'ACGT' * 20}{'ACGT'[i % 4] * 4}{i % 7 * 'A'}C,{i % 2}\n" for i in range(400)),
    "dev": "sequence,label\nACGT,0\nAAGT,1\n",
    "test": "sequence,label\nCCGT,0\nTAGT,1\n",
}
"""train is large enough to be served as a large file."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    for name, text in ROWS.items():
        path = tmp_path / "root/datasets" / REPO / f"GUE/toy/{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with HubServer(tmp_path / "root") as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
        for name in ("HF_TOKEN", "DNABENCH_DATA", "HF_HUB_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        hub._ask.cache_clear()
        yield running


@pytest.fixture
def options(tmp_path: Path) -> DataOptions:
    return DataOptions(cache=tmp_path / "cache")


def toy(revision: str | None = None, **facts: object) -> Task:
    files = {
        name: FileFacts(f"toy/{name}.csv", f"GUE/toy/{name}.csv", sha256=hashlib.sha256(text.encode()).hexdigest())
        for name, text in ROWS.items()
    }
    files["train"] = replace(files["train"], **facts)  # type: ignore[arg-type]
    source = Source("files", files, folders=("gue", "."), hub_repo=REPO, hub_revision=revision)
    return Task("gue/toy", 1, "Toy", "sequence", Target("class", ("0", "1")), "mcc", (), source)


def quiet(line: str) -> None:
    """Progress that nobody reads."""


def refusal(task: Task, options: DataOptions) -> str:
    hub._ask.cache_clear()
    with pytest.raises(Unavailable) as caught:
        load_splits(task, options)
    text = str(caught.value)
    assert "toy/train.csv" in text
    assert "\n" not in text
    return text


def test_a_run_gets_what_is_missing_and_says_from_which_commit(server: HubServer, options: DataOptions) -> None:
    commit = server.commit("datasets", REPO)
    splits = load_splits(toy(), options)
    assert {fact.origin for fact in splits.facts.values()} == {f"hub:{REPO}@{commit[:7]}"}
    assert {fact.identity for fact in splits.facts.values()} == {"verified"}
    recorded = options.cache / "hub/datasets/org--GUE/revisions.json"  # type: ignore[operator]
    assert json.loads(recorded.read_text()) == {"main": commit}
    assert sorted(server.downloads()) == [f"GUE/toy/{name}.csv" for name in ("dev", "test", "train")]


def test_what_was_fetched_serves_offline_and_is_not_fetched_again(server: HubServer, options: DataOptions) -> None:
    news: list[str] = []
    got = fetch_task(toy(), options, news.append)
    assert [(g.file, g.identity, g.new, g.problem) for g in got] == [
        (f"toy/{name}.csv", "verified", True, "") for name in ("train", "dev", "test")
    ]
    assert len(news) == 3
    asked = len(server.requests)
    again = fetch_task(toy(), options, news.append)
    assert [g.new for g in again] == [False] * 3
    assert load_splits(toy(), replace(options, offline=True)).facts["train"].identity == "verified"
    assert len(server.requests) == asked


def test_the_first_commit_stays_in_force_when_the_branch_moves(server: HubServer, options: DataOptions) -> None:
    load_splits(toy(), options)
    before = server.commit("datasets", REPO)
    (server.root / "datasets" / REPO / "README.md").write_text("new")
    assert server.commit("datasets", REPO) != before
    assert load_splits(toy(), options).facts["test"].origin == f"hub:{REPO}@{before[:7]}"


def test_what_is_written_down_of_one_revision_leaves_the_others(tmp_path: Path) -> None:
    for revision, found in ((None, "a" * 40), ("v2", "b" * 40), ("b" * 40 + " *.csv", ["x.csv"])):
        hub._record(tmp_path, revision, found)
    assert [hub._recorded(tmp_path, revision) for revision in (None, "v2")] == ["a" * 40, "b" * 40]


def test_a_pinned_revision_is_honoured(server: HubServer, options: DataOptions) -> None:
    commit = server.commit("datasets", REPO)
    load_splits(toy(revision=commit), options)
    assert any(f"/resolve/{commit}/" in line for line in server.requests)
    assert "no revision" in refusal(toy(revision="f" * 40), options)
    assert "no revision 'v9'" in refusal(toy(revision="v9"), options)


def test_offline_asks_nobody(server: HubServer, options: DataOptions) -> None:
    text = refusal(toy(), replace(options, offline=True))
    assert "the hub was not asked" in text
    assert "dnabench fetch gue" in text
    assert server.requests == []


def test_a_gated_repository_is_one_sentence_and_a_token_opens_it(
    server: HubServer, options: DataOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.gated.add(REPO)
    server.token = "hf_right"
    assert "gated" in refusal(toy(), options)
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert "gated" in refusal(toy(), options)
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    assert len(load_splits(toy(), options).train) == 400


def test_missing_files_repositories_and_broken_servers_are_one_sentence_each(
    server: HubServer, options: DataOptions
) -> None:
    assert "no file GUE/none.csv" in refusal(toy(hub_path="GUE/none.csv"), options)
    nowhere = replace(toy().source, hub_repo="org/none")
    assert "does not exist or is private" in refusal(replace(toy(), source=nowhere), options)
    server.broken = True
    # Another folder, so that no commit is recorded yet.
    assert "status 500" in refusal(toy(), DataOptions(cache=Path(str(options.cache) + "2")))


def test_a_hub_that_cannot_be_reached_is_asked_once(options: DataOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    with HubServer(Path()) as gone:
        url = gone.url
    monkeypatch.setenv("HF_ENDPOINT", url)
    monkeypatch.delenv("DNABENCH_DATA", raising=False)
    assert "could not be reached" in refusal(toy(), options)
    answers = [g.problem for g in fetch_task(toy(), options, quiet)]
    assert len(answers) == 3
    assert all("could not be reached" in answer for answer in answers)
    assert all(answer.count("fetch") == 1 for answer in answers), "what to do is said once"


def test_a_download_that_breaks_off_is_continued_and_never_taken_for_whole(
    server: HubServer, options: DataOptions
) -> None:
    server.cut_after["GUE/toy/train.csv"] = 1000
    assert load_splits(toy(), options).facts["train"].identity == "verified"
    assert server.downloads().count("GUE/toy/train.csv") == 2


def test_a_download_killed_half_way_leaves_nothing_that_counts(server: HubServer, options: DataOptions) -> None:
    commit = server.commit("datasets", REPO)
    folder = options.cache / "hub/datasets/org--GUE" / commit / ".cache/huggingface/download/GUE/toy"  # type: ignore[operator]
    folder.mkdir(parents=True)
    (folder / "train.csv.0123.incomplete").write_text(ROWS["train"][:500])
    assert load_splits(toy(), options).facts["train"].identity == "verified"


def test_a_cached_file_that_went_bad_is_fetched_again(server: HubServer, options: DataOptions) -> None:
    fetch_task(toy(), options, quiet)
    kept = hub.find_kept(hub.Repository(REPO), "GUE/toy/train.csv", options.cache)  # type: ignore[arg-type]
    assert kept is not None
    kept.path.write_text(ROWS["train"][:500])
    got = fetch_task(toy(), options, quiet)
    assert [(g.new, g.identity) for g in got] == [(True, "verified"), (False, "verified"), (False, "verified")]


def test_a_wrong_file_of_the_users_is_reported_and_left_alone(
    server: HubServer, options: DataOptions, tmp_path: Path
) -> None:
    path = tmp_path / "data/gue/toy/train.csv"
    path.parent.mkdir(parents=True)
    path.write_text(ROWS["dev"])
    got = fetch_task(toy(), replace(options, data_dir=tmp_path / "data"), quiet)
    assert "sha256" in got[0].problem
    assert path.read_text() == ROWS["dev"]


def test_a_hub_that_serves_other_rows_is_refused(server: HubServer, options: DataOptions) -> None:
    (server.root / "datasets" / REPO / "GUE/toy/train.csv").write_text(ROWS["train"].replace("C,0", "C,1", 5))
    got = fetch_task(toy(), options, quiet)
    assert "expected" in got[0].problem


def test_a_mirror_may_be_gzipped(server: HubServer, options: DataOptions) -> None:
    path = server.root / "datasets" / REPO / "GUE/toy/train.csv.gz"
    path.write_bytes(gzip.compress(ROWS["train"].encode()))
    assert load_splits(toy(hub_path="GUE/toy/train.csv.gz"), options).facts["train"].identity == "verified"


@pytest.mark.parametrize("path", ["../../secret", "/etc/passwd", "a\\..\\b", "C:/x"])
def test_a_path_that_leaves_its_folder_is_refused(server: HubServer, options: DataOptions, path: str) -> None:
    with pytest.raises(Unavailable, match="refused"):
        load_splits(toy(hub_path=path), options)
    assert not any("resolve" in line for line in server.requests)


def test_genomes_of_drawn_windows_are_fetched_and_the_windows_proved(server: HubServer, options: DataOptions) -> None:
    genome = server.root / "datasets" / REPO / "g.fa"
    genome.write_text(">chr1\n" + "ACGTTGCAAC" * 300 + "\n")
    asked = {
        "genomes": {"0": "g.fa", "1": "g.fa"},
        "draw": {"length": 40, "rows": {"train": 9, "dev": 3, "test": 3}},
    }
    files = {name: FileFacts(f"{name} windows") for name in ("train", "dev", "test")}
    source = Source("windows", files, options=asked, hub_repo=REPO)
    task = Task("s/drawn", 1, "Drawn", "sequence", Target("class", ("0", "1")), "mcc", (), source)
    got = fetch_task(task, options, quiet)
    assert [(one.file, one.new, one.problem) for one in got] == [
        ("g.fa", True, ""),
        *((f"{name} windows", False, "") for name in files),
    ]
    missing = replace(task, source=replace(source, options={**asked, "genomes": {"0": "GRCh38", "1": "g.fa"}}))
    found = fetch_task(missing, options, quiet)
    assert [(bool(one.problem), one.origin) for one in found][1:] == [(True, "")] * 3
    notes = fetched_table(found).notes
    assert notes[0].startswith("3 files, s/drawn train windows the first of them, are missing: needs the genome GRCh38")


def test_peaks_a_library_and_genomes_come_before_the_rows_that_are_made_of_them(options: DataOptions) -> None:
    asked = {
        "genome": "g.fa",
        "peaks": {"a": "a.narrowPeak", "b": "b.narrowPeak"},
        "join": {"file": "lib.fa", "column": "id"},
        "bins": {"size": 10, "window": 20, "chromosomes": {"train": ["1"]}},
    }
    source = Source("peaks", {"train": FileFacts("train bins")}, options=asked)
    task = Task("s/bins", 1, "Bins", "sequence", Target("multilabel", ("a", "b")), "auroc", (), source)
    got = fetch_task(task, replace(options, offline=True), quiet)
    assert [one.file for one in got] == ["g.fa", "a.narrowPeak", "b.narrowPeak", "lib.fa", "train bins"]


def test_a_file_whose_splits_are_proved_differently_is_as_sure_as_the_least_of_them(
    options: DataOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    for known in (["verified", "counts only"], ["counts only", "verified", "unknown"], ["verified"]):
        facts = {str(i): SimpleNamespace(identity=one) for i, one in enumerate(known)}
        monkeypatch.setattr(fetch, "load_splits", lambda *_, facts=facts: SimpleNamespace(facts=facts))
        said = fetch._identity(toy(), "all", SimpleNamespace(), options)  # type: ignore[arg-type]
        assert said == min(known, key=["unknown", "counts only", "verified"].index)


def test_missing_files_are_told_once_by_cause_and_stay_single_as_data(options: DataOptions) -> None:
    said: list[str] = []
    offline = replace(options, offline=True)
    tasks = [replace(toy(), name=f"s/{letter}") for letter in "abc"]
    done = [got for task in tasks for got in fetch_task(task, offline, said.append)]
    table = fetched_table(done)
    assert (said, table.rows, len(table.data)) == ([], (), len(done))
    assert table.notes[0].startswith(f"{len(done)} files, s/a {done[0].file} the first of them, are missing: looked in")
    assert len(table.notes) == 2


@pytest.mark.parametrize("name", ["../train-x.csv", "/etc/train-x.csv", "train-a/../../x.csv", "train-\x1b[31m.csv"])
def test_a_listing_with_a_name_that_leaves_its_folder_is_refused(
    server: HubServer, options: DataOptions, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(hub, "_listed", lambda _: ["train-0.csv", name])
    with pytest.raises(Unavailable, match="a path is refused"):
        hub.matches(hub.Repository(REPO), "*train-*.csv", options.cache or Path())
    assert not server.downloads()


def test_models_are_served_too(server: HubServer, tmp_path: Path) -> None:
    weights = tmp_path / "root/models/org/model/config.json"
    weights.parent.mkdir(parents=True)
    weights.write_text("{}")
    kept = hub.download(hub.Repository("org/model", kind="model"), "config.json", tmp_path / "cache")
    assert kept.path.read_text() == "{}"
    assert kept.origin == f"hub:org/model@{server.commit('models', 'org/model')[:7]}"
