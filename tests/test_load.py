"""Loading: where files are found, what they are proved to be, how they are cut."""

import gzip
import hashlib
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dnabench.harness.data.fingerprint import git_sha1
from dnabench.harness.data.load import DataOptions, load_splits
from dnabench.harness.errors import ChecksumError, DataError, RequestError, Unavailable
from dnabench.harness.types import Dependence, FileFacts, Source, SplitRule, Target, Task

SPLITS = ("train", "dev", "test")
OFFLINE = DataOptions(offline=True)


def table(n: int, seed: int, extra: Callable[[int], str] | None = None, head: str = "") -> bytes:
    draw = random.Random(seed)
    rows = ("".join(draw.choices("ACGT", k=30)) + f",{i % 2}" + (f",{extra(i)}" if extra else "") for i in range(n))
    return "\n".join((f"sequence,label{head}", *rows, "")).encode()


DATA = {"train": table(60, 1), "dev": table(20, 2), "test": table(20, 3)}


def toy(**facts: object) -> Task:
    """A task of three files whose facts, for train, are given."""
    files = {name: FileFacts(f"toy/{name}.csv", f"GUE/toy/{name}.csv") for name in SPLITS}
    files["train"] = replace(files["train"], **facts)  # type: ignore[arg-type]
    source = Source("files", files, folders=("gue", "GUE", "."))
    return Task("gue/toy", 1, "Toy", "sequence", Target("class", ("0", "1")), "mcc", (), source)


def one_file(path: Path, data: bytes, rule: SplitRule, **facts: object) -> Task:
    """A task of one embedded file that `rule` cuts."""
    path.write_bytes(data)
    source = Source("files", {"all": FileFacts(path.name, **facts)}, embedded=True)  # type: ignore[arg-type]
    return replace(toy(), source=source, split_rule=rule, folder=str(path.parent))


def lay(folder: Path, pattern: str = "toy/{}.csv", data: dict[str, bytes] = DATA) -> DataOptions:
    """Files under `folder`, and the options that look there and into an empty cache."""
    for name, rows in data.items():
        path = folder / pattern.format(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rows)
    return DataOptions(folder, offline=True, cache=folder / "no-cache")


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DNABENCH_DATA", raising=False)
    monkeypatch.setenv("DNABENCH_CACHE", str(tmp_path / "cache-of-nobody"))


@pytest.mark.parametrize("pattern", ["toy/{}.csv", "gue/toy/{}.csv", "GUE/toy/{}.csv", "gue/GUE/toy/{}.csv"])
def test_official_and_hub_layouts_are_found_in_each_folder(tmp_path: Path, pattern: str) -> None:
    splits = load_splits(toy(), lay(tmp_path, pattern))
    assert [len(getattr(splits, name)) for name in SPLITS] == [60, 20, 20]
    assert splits.facts["train"].file == "toy/train.csv"
    assert splits.facts["train"].origin == "data folder"
    assert splits.facts["train"].class_counts == (30, 30)
    assert splits.facts["train"].lengths == (30, 30, 30)


def test_a_mirror_in_gzip_or_parquet_is_verified_against_the_official_checksum(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    sha256 = hashlib.sha256(DATA["train"]).hexdigest()
    rows = [line.split(",") for line in DATA["train"].decode().split()[1:]]
    (tmp_path / "p/toy").mkdir(parents=True)
    shuffled = pa.table({"label": [int(label) for _, label in rows], "sequence": [s.lower() for s, _ in rows]})
    rest = {name: DATA[name] for name in ("dev", "test")}
    pq.write_table(shuffled, tmp_path / "p/toy/train.parquet")
    zipped = {name: gzip.compress(data) for name, data in DATA.items()}
    for options in (lay(tmp_path / "p", data=rest), lay(tmp_path / "z", "toy/{}.csv.gz", zipped)):
        facts = load_splits(toy(sha256=sha256), options).facts["train"]
        assert (facts.identity, facts.fingerprint) == ("verified", sha256)
    assert load_splits(toy(), lay(tmp_path / "p", data=rest)).facts["train"].lower_case == 60


@pytest.mark.parametrize(
    ("facts", "identity"),
    [
        ({}, "unknown"),
        ({"rows": 60}, "counts only"),
        ({"class_counts": (30, 30)}, "counts only"),
        ({"sha256": hashlib.sha256(DATA["train"]).hexdigest()}, "verified"),
        ({"git_sha1": git_sha1(DATA["train"])}, "verified"),
        ({"fingerprint": hashlib.sha256(DATA["train"]).hexdigest()}, "verified"),
        ({"git_sha1": git_sha1(DATA["train"]), "sha256": "0" * 64}, "verified"),
    ],
)
def test_identity_says_what_was_proved(tmp_path: Path, facts: dict[str, object], identity: str) -> None:
    # CRLF changes the file's own checksums, not those of its rows.
    crlf = DATA | {"train": DATA["train"].replace(b"\n", b"\r\n")}
    for options in (lay(tmp_path / "lf"), lay(tmp_path / "crlf", data=crlf)):
        assert load_splits(toy(**facts), options).facts["train"].identity == identity


@pytest.mark.parametrize("how", ["parts", "where"])
def test_the_checksum_of_a_file_that_is_not_exactly_the_rows_proves_nothing(tmp_path: Path, how: str) -> None:
    words = ["b", "b", "ab", "ab"]
    whole = table(60, 1, lambda i: words[i % 4], ",kind")
    sums: dict[str, object] = {"sha256": hashlib.sha256(whole).hexdigest(), "git_sha1": git_sha1(whole)}
    options = lay(tmp_path, data=DATA | {"train": whole})
    assert load_splits(toy(**sums), options).facts["train"].identity == "verified"
    if how == "where":
        some = toy(**sums)
        some = replace(some, source=replace(some.source, options={"where": {"kind": "b"}}))
        options = lay(tmp_path, data=dict.fromkeys(SPLITS, whole))
    else:
        (tmp_path / "toy/train-0.csv").write_bytes(whole)
        (tmp_path / "toy/train-1.csv").write_bytes(table(4, 7))
        some = toy(**sums, path="toy/train-*.csv", hub_path=None)
    facts = load_splits(some, options).facts["train"]
    assert (facts.identity, facts.rows) == ("unknown", 30 if how == "where" else 64)


@pytest.mark.parametrize("facts", [{"sha256": "1" * 64}, {"git_sha1": "1" * 40}, {"fingerprint": "1" * 64}])
def test_a_wrong_checksum_is_refused_with_found_expected_and_what_to_do(
    tmp_path: Path, facts: dict[str, object]
) -> None:
    with pytest.raises(ChecksumError) as caught:
        load_splits(toy(**facts), lay(tmp_path))
    text = str(caught.value)
    found = git_sha1(DATA["train"]) if "git_sha1" in facts else hashlib.sha256(DATA["train"]).hexdigest()
    for part in ("toy/train.csv", found[:12], "1" * 12, "dnabench fetch gue"):
        assert part in text


@pytest.mark.parametrize("facts", [{"rows": 61}, {"class_counts": (29, 31)}])
def test_other_counts_are_refused_saying_both(tmp_path: Path, facts: dict[str, object]) -> None:
    with pytest.raises(DataError) as caught:
        load_splits(toy(**facts), lay(tmp_path))
    assert not isinstance(caught.value, ChecksumError)
    assert ("60" in str(caught.value) and "61" in str(caught.value)) or "[29, 31]" in str(caught.value)


def test_sources_are_tried_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = replace(lay(tmp_path / "given"), cache=tmp_path / "cache")
    lay(tmp_path / "variable")
    lay(tmp_path / "cache" / "gue")
    monkeypatch.setenv("DNABENCH_DATA", str(tmp_path / "variable"))
    for folder, origin in (("given", "data folder"), ("variable", "data folder"), ("cache", "cache")):
        assert load_splits(toy(), options).facts["test"].origin == origin
        shutil.rmtree(tmp_path / folder)
        (tmp_path / folder).mkdir()
    with pytest.raises(Unavailable):
        load_splits(toy(), options)


def test_a_missing_file_is_named_with_the_places_and_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lay(tmp_path / "data", data={name: DATA[name] for name in ("dev", "test")})
    with pytest.raises(Unavailable) as caught:
        load_splits(toy(), DataOptions(Path("data"), offline=True))
    text = str(caught.value)
    for part in (
        "gue/toy",
        "toy/train.csv is missing",
        "--data data",
        "gue/",
        "cache",
        "no place to download",
        "--data DIR",
    ):
        assert part in text
    assert str(tmp_path) not in text


def test_a_data_folder_that_does_not_exist_is_a_wrong_request(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="is not a folder"):
        load_splits(toy(), DataOptions(tmp_path / "none", offline=True))


def test_an_embedded_file_is_read_beside_the_suite_and_nowhere_else(tmp_path: Path) -> None:
    rule = SplitRule("column")
    names = ["train", "val", "test", "train"]
    data = table(40, 5, lambda i: names[i // 2 % 4], ",split")
    task = one_file(tmp_path / "rows.csv", data, rule, sha256=hashlib.sha256(data).hexdigest())
    other = lay(tmp_path / "elsewhere", "{}.csv", {"rows": table(3, 9)})
    splits = load_splits(task, other)
    assert [len(getattr(splits, name)) for name in SPLITS] == [20, 10, 10]
    assert {fact.identity for fact in splits.facts.values()} == {"verified"}
    assert {fact.origin for fact in splits.facts.values()} == {"embedded"}
    (tmp_path / "rows.csv").unlink()
    with pytest.raises(Unavailable, match=r"rows\.csv is missing beside the suite file"):
        load_splits(task, other)


def test_the_parts_of_a_file_are_identified_one_by_one(tmp_path: Path) -> None:
    data = table(40, 5, lambda i: ["train", "dev", "test", "train"][i // 2 % 4], ",split")
    task = one_file(tmp_path / "rows.csv", data, SplitRule("column"))
    prints = {name: fact.fingerprint for name, fact in load_splits(task, OFFLINE).facts.items()}

    def known(**facts: FileFacts) -> Task:
        return replace(task, source=replace(task.source, files={**task.source.files, **facts}))

    right = known(test=FileFacts("rows.csv", fingerprint=prints["test"]), dev=FileFacts("rows.csv", rows=10))
    identities = {name: fact.identity for name, fact in load_splits(right, OFFLINE).facts.items()}
    assert identities == {"train": "unknown", "dev": "counts only", "test": "verified"}
    with pytest.raises(ChecksumError, match="test rows"):
        load_splits(known(test=FileFacts("rows.csv", fingerprint=prints["dev"])), OFFLINE)
    with pytest.raises(DataError, match="expected 11"):
        load_splits(known(test=FileFacts("rows.csv", rows=11)), OFFLINE)
    whole = FileFacts("rows.csv", sha256=hashlib.sha256(data).hexdigest())
    proved = load_splits(known(all=whole, dev=FileFacts("rows.csv", rows=10)), OFFLINE)
    assert {fact.identity for fact in proved.facts.values()} == {"verified"}, "counts take no proof away"


def test_split_words_are_understood_and_others_refused(tmp_path: Path) -> None:
    words = ["Train", "valid", "TEST", "training", "validation", "testing"]
    data = table(24, 5, lambda i: words[i // 2 % 6], ",part")
    rule = SplitRule("column", column="part")
    splits = load_splits(one_file(tmp_path / "a.csv", data, rule), OFFLINE)
    assert [len(getattr(splits, name)) for name in SPLITS] == [8, 8, 8]
    for bad, said in ((data.replace(b"valid", b"holdout"), "'holdout'"), (data.replace(b"part", b"prt"), "'prt'")):
        with pytest.raises(DataError, match=said):
            load_splits(one_file(tmp_path / "a.csv", bad, rule), OFFLINE)
    with pytest.raises(DataError, match="no row has 'test'"):
        load_splits(one_file(tmp_path / "a.csv", table(9, 1, lambda _: "train", ",part"), rule), OFFLINE)


@pytest.mark.parametrize("layout", ["fixed", "column"])
def test_a_missing_dev_set_is_drawn_from_train_and_said(tmp_path: Path, layout: str) -> None:
    if layout == "fixed":
        task = toy(rows=60)
        files = {name: facts for name, facts in task.source.files.items() if name != "dev"}
        task = replace(task, source=replace(task.source, files=files))
        options = lay(tmp_path)
    else:
        data = table(80, 5, lambda i: "test" if i < 20 else "train", ",split")
        task, options = one_file(tmp_path / "a.csv", data, SplitRule("column")), OFFLINE
    splits = load_splits(task, options)
    assert [len(getattr(splits, name)) for name in SPLITS] == [51, 9, 20]
    assert splits.dev.name == "dev"
    assert "drawn" in splits.facts["dev"].file
    assert "drawn" in splits.facts["train"].file
    assert splits.facts["dev"].rows == 9
    assert splits.facts["dev"].identity == splits.facts["train"].identity
    assert load_splits(task, options).dev.sequences == splits.dev.sequences
    other = replace(task, split_rule=replace(task.split_rule, seed=1))
    assert set(load_splits(other, options).dev.sequences) != set(splits.dev.sequences)


def test_a_drawn_dev_set_divides_no_group_of_the_dependence(tmp_path: Path) -> None:
    data = {"train": table(60, 1, lambda i: f"f{i // 6}", ",family"), "test": table(20, 3)}
    files = {name: FileFacts(f"toy/{name}.csv") for name in data}
    task = replace(toy(), source=Source("files", files), dependence=Dependence(groups="family"))
    splits = load_splits(task, lay(tmp_path, data=data))
    assert len(splits.dev)
    assert not set(splits.train.columns["family"]) & set(splits.dev.columns["family"])


def test_folds_become_a_column_of_the_test_split(tmp_path: Path) -> None:
    data = table(50, 5, lambda i: f"g{i // 5}", ",gene")
    rule = SplitRule("kfold", folds=5, groups="gene")
    splits = load_splits(one_file(tmp_path / "a.csv", data, rule), OFFLINE)
    assert (len(splits.train), len(splits.dev), len(splits.test)) == (0, 0, 50)
    assert list(splits.facts) == ["test"]
    assert np.bincount(splits.test.columns["fold"]).tolist() == [10] * 5
    for gene in range(10):
        assert len(set(splits.test.columns["fold"][gene * 5 : gene * 5 + 5].tolist())) == 1
    with pytest.raises(DataError, match="no column 'family'"):
        load_splits(one_file(tmp_path / "a.csv", data, replace(rule, groups="family")), OFFLINE)
    task = one_file(tmp_path / "a.csv", data, rule)
    files = {**task.source.files, "test": FileFacts("a.csv", rows=49)}
    with pytest.raises(DataError, match="49"):
        load_splits(replace(task, source=replace(task.source, files=files)), OFFLINE)


@pytest.mark.parametrize("name", ["train", "test"])
def test_a_single_class_in_train_or_test_is_refused(tmp_path: Path, name: str) -> None:
    data = DATA | {name: DATA[name].replace(b",1\n", b",0\n")}
    with pytest.raises(DataError, match=f"toy/{name}.csv: all .* rows are of class '0'"):
        load_splits(toy(), lay(tmp_path, data=data))
    data = DATA | {"dev": DATA["dev"].replace(b",1\n", b",0\n")}
    assert load_splits(toy(), lay(tmp_path / "dev", data=data)).facts["dev"].class_counts == (20, 0)


def test_a_limit_keeps_a_balanced_choice_by_content(tmp_path: Path) -> None:
    # 6 of class 1 among 60: all of them are kept beside 14 of class 0.
    rows = DATA["train"].decode().split()[1:]
    few = [row[:-1] + ("1" if i < 6 else "0") for i, row in enumerate(rows)]
    head = "sequence,label"
    forward = DATA | {"train": "\n".join((head, *few, "")).encode()}
    backward = DATA | {"train": "\n".join((head, *few[::-1], "")).encode()}
    options = replace(lay(tmp_path / "f", data=forward), limit=20)
    splits = load_splits(toy(), options)
    assert np.bincount(splits.train.labels).tolist() == [14, 6]
    assert np.bincount(splits.test.labels).tolist() == [10, 10]
    assert splits.facts["train"].rows == 60
    again = load_splits(toy(), replace(lay(tmp_path / "b", data=backward), limit=20))
    assert set(again.train.sequences) == set(splits.train.sequences)
    places = [forward["train"].decode().index(sequence) for sequence in splits.train.sequences]
    assert places == sorted(places)
    assert load_splits(toy(), replace(options, limit=1000)).facts == splits.facts
    with pytest.raises(RequestError, match="limit of 0"):
        load_splits(toy(), replace(options, limit=0))


def test_a_limit_on_folds_leaves_no_fold_empty(tmp_path: Path) -> None:
    task = one_file(tmp_path / "a.csv", table(200, 5), SplitRule("kfold", folds=5))
    splits = load_splits(task, DataOptions(offline=True, limit=10))
    assert np.bincount(splits.test.columns["fold"]).tolist() == [2] * 5


def test_group_columns_survive_however_wide(tmp_path: Path) -> None:
    data = DATA | {"test": table(20, 3, lambda i: f"{i // 4}" * 300, ",family")}
    task = replace(toy(), dependence=Dependence(groups="family"))
    assert len(set(load_splits(task, lay(tmp_path, data=data)).test.columns["family"].tolist())) == 5


def test_all_of_gue_that_is_here_is_read_checked_and_proved() -> None:
    if "DNABENCH_TEST_DATA" not in os.environ:
        pytest.skip("DNABENCH_TEST_DATA does not name the folder of real data")
    root = Path(os.environ["DNABENCH_TEST_DATA"])
    sums = {
        line.split("`")[1]: line.split("`")[5] for line in (root / "gue/SOURCE.md").open() if line.startswith("| `GUE")
    }
    read = 0
    for folder in ("tf/0", "tf/1", "tf/3", "tf/4", "mouse/0", "mouse/2", "mouse/4", "prom/prom_core_all"):
        files = {}
        for name in SPLITS:
            path = f"{folder}/{name}.csv"
            files[name] = FileFacts(path, sha256=sums[f"GUE/{path}.gz"])
        task = replace(toy(), source=Source("files", files, folders=("gue",)))
        splits = load_splits(task, DataOptions(root, offline=True))
        assert {fact.identity for fact in splits.facts.values()} == {"verified"}
        read += sum(fact.rows for fact in splits.facts.values())
    assert read == 206_744
