"""Rows that are made and not read: windows by seed, bins under peaks, DeepSEA's matrices, shaped tables."""

import os
import random
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dnabench.harness.data.formats import Columns, parse_rows
from dnabench.harness.data.load import load_splits
from dnabench.harness.data.matlab import CHANNELS, read_matlab
from dnabench.harness.data.peaks import _covered
from dnabench.harness.data.sources import DataOptions
from dnabench.harness.data.state import task_state
from dnabench.harness.data.suite_file import read_suite
from dnabench.harness.errors import DataError, DnabenchError, TaskFileError
from dnabench.harness.sequence import reverse_complement
from dnabench.harness.types import FileFacts, Source, Target, Task

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("classics", "grna", "species", "chromatin_profile")
TASKS = {task.name: task for name in NAMES for task in read_suite(ROOT / "benchmarks" / name).tasks}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DNABENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DNABENCH_DATA", raising=False)


def shared() -> Path:
    folder = os.environ.get("DNABENCH_TEST_DATA")
    if not folder:
        pytest.skip("DNABENCH_TEST_DATA is not set")
    return Path(folder)


def made(kind: Any, classes: tuple[str, ...], options: Mapping[str, Any], target: Any = "class") -> Task:
    files = {name: FileFacts(name) for name in ("train", "test")}
    source = Source(kind, files, options=options)
    return Task("s/t", 1, "t", "sequence", Target(target, classes), "accuracy", (), source)


# windows


def genome(path: Path, seed: int, chromosomes: Mapping[str, int]) -> dict[str, str]:
    draw = random.Random(seed)
    bases = {name: "".join(draw.choices("ACGT", k=length)) for name, length in chromosomes.items()}
    path.write_text("".join(f">{name}\n{text}\n" for name, text in bases.items()))
    return bases


@pytest.fixture
def two(tmp_path: Path) -> dict[str, dict[str, str]]:
    return {
        "a": genome(tmp_path / "a.fa", 1, {"1": 30_000, "2": 5_000}),
        "b": genome(tmp_path / "b.fa", 2, {"1": 20_000, "2": 20_000}),
    }


def drawn(**draw: Any) -> Task:
    draw = {"length": 100, "rows": {"train": 300, "test": 50}, "seed": 1} | draw
    return made("windows", ("a", "b"), {"genomes": {"a": "a.fa", "b": "b.fa"}, "draw": draw})


def test_windows_are_stretches_of_their_genome_on_either_strand(tmp_path: Path, two: Any) -> None:
    splits = load_splits(drawn(), DataOptions(data_dir=tmp_path))
    forward = 0
    for bases, label in zip(splits.test.sequences, splits.test.labels.tolist(), strict=True):
        whole = two["ab"[label]]
        plus = any(bases in chromosome for chromosome in whole.values())
        minus = any(reverse_complement(bases) in chromosome for chromosome in whole.values())
        assert plus or minus
        forward += plus
    assert 25 < forward < 75
    assert np.bincount(splits.test.labels).tolist() == [50, 50]


def test_the_same_seed_gives_the_same_windows_and_another_seed_others(tmp_path: Path, two: Any) -> None:
    def fingerprint(**draw: Any) -> str:
        return load_splits(drawn(**draw), DataOptions(data_dir=tmp_path)).facts["test"].fingerprint

    assert fingerprint() == fingerprint() != fingerprint(seed=2)


def test_blocks_and_named_chromosomes_keep_splits_apart(tmp_path: Path, two: Any) -> None:
    blocks = load_splits(drawn(blocks=1000, rows={"train": 60, "test": 20}), DataOptions(data_dir=tmp_path))
    assert not {*blocks.train.columns["block"]} & {*blocks.test.columns["block"]}
    named = load_splits(drawn(chromosomes={"test": ["2"]}), DataOptions(data_dir=tmp_path))
    assert {*named.test.columns["chromosome"]} == {"a:2", "b:2"}
    assert {*named.train.columns["chromosome"]} == {"a:1", "b:1"}


def test_chromosomes_under_other_names_are_said_to_be_missing(tmp_path: Path) -> None:
    for i, name in enumerate("ab"):
        genome(tmp_path / f"{name}.fa", i, {f"CP06{n}.1": 2000 for n in range(5)})
    with pytest.raises(DataError, match=r"a\.fa has no chromosome called 2 or 3, only CP060\.1, .*, …: write"):
        load_splits(drawn(chromosomes={"test": ["2", "3"]}), DataOptions(data_dir=tmp_path))
    with pytest.raises(DataError, match=r"a\.fa \(CP060\.1, .*\) falls to this split: give a longer genome"):
        load_splits(drawn(blocks=5000, rows={"train": 9, "dev": 9, "test": 9}, seed=1), DataOptions(data_dir=tmp_path))


def test_alternative_parts_go_where_their_chromosome_goes(tmp_path: Path) -> None:
    for i, name in enumerate("ab"):
        genome(tmp_path / f"{name}.fa", i, {"chr1": 3000, "chr2": 3000, "chr2_KI2_alt": 3000, "chr1_KI1_random": 3000})
    splits = load_splits(drawn(chromosomes={"test": ["2"]}), DataOptions(data_dir=tmp_path))
    seen = {name.partition(":")[2] for name in splits.test.columns["chromosome"]}
    assert seen == {"chr2", "chr2_KI2_alt"}


def test_the_example_of_a_suite_of_ones_own_genomes_draws(tmp_path: Path) -> None:
    text = (ROOT / "benchmarks/species/README.md").read_text(encoding="utf-8")
    (tmp_path / "suite.yaml").write_text(text.partition("```yaml\n")[2].partition("```")[0])
    for i, name in enumerate(("sacCer3.fa", "MG1655.fasta")):
        genome(tmp_path / name, i, {f"chr{n}": 400_000 for n in range(9)})
    splits = load_splits(read_suite(tmp_path).tasks[0], DataOptions(data_dir=tmp_path))
    assert [len(part) for part in (splits.train, splits.dev, splits.test)] == [1000, 200, 400]


def test_unknown_bases_are_avoided_and_a_genome_full_of_them_is_refused(tmp_path: Path, two: Any) -> None:
    half = two["a"]["1"][:15_000] + "N" * 15_000
    (tmp_path / "a.fa").write_text(f">1\n{half}\n")
    splits = load_splits(drawn(), DataOptions(data_dir=tmp_path))
    assert not any("N" in bases for bases in splits.test.sequences)
    (tmp_path / "a.fa").write_text(f">1\n{'N' * 30_000}\n")
    with pytest.raises(DataError, match="a/train: only 0 of 300 windows of 100 known bases"):
        load_splits(drawn(), DataOptions(data_dir=tmp_path))


def test_more_windows_than_there_are_places_are_refused_at_once(tmp_path: Path, two: Any) -> None:
    with pytest.raises(DataError, match="more than there are places for them"):
        load_splits(drawn(rows={"train": 10**12, "test": 1}), DataOptions(data_dir=tmp_path))


def test_a_split_for_which_no_windows_are_asked_is_refused(tmp_path: Path, two: Any) -> None:
    with pytest.raises(TaskFileError, match=r"`source\.options\.draw\.rows` asks for no windows of test"):
        load_splits(drawn(rows={"train": 300}), DataOptions(data_dir=tmp_path))


def test_the_published_windows_of_real_genomes_are_drawn_again(tmp_path: Path) -> None:
    task = TASKS["species/bacteria_strains_1k"]
    options = DataOptions(data_dir=shared(), offline=True)
    if task_state(task, options) != "ready":
        pytest.skip("DNABENCH_TEST_DATA holds no bacterial genomes")
    splits = load_splits(task, options)
    assert {facts.identity for facts in splits.facts.values()} == {"verified"}
    assert np.bincount(splits.test.labels).tolist() == [500] * 5


def test_tasks_that_need_the_user_s_genomes_say_so() -> None:
    assert task_state(TASKS["species/species_1k"], DataOptions()) == "needs genome"
    assert task_state(TASKS["grna/K562"], DataOptions()) == "unavailable"
    assert task_state(TASKS["chromatin_profile/deepsea_tf"], DataOptions()) == "unavailable"


# peaks


def naive_cover(peaks: list[tuple[int, int]], edges: NDArray[np.int64], share: float) -> list[bool]:
    inside = np.zeros(int(edges[-1]), bool)
    for start, end in peaks:
        inside[start:end] = True
    return [bool(inside[a:b].sum() > share * (b - a)) for a, b in pairwise(edges.tolist())]


@pytest.mark.parametrize("seed", range(20))
def test_bins_under_peaks_equal_a_count_base_by_base(seed: int) -> None:
    draw = random.Random(seed)
    edges = np.arange(0, 2001, 50)
    starts = [draw.randrange(2100) for _ in range(draw.choice([0, 1, 5, 40]))]
    peaks = sorted((start, start + draw.choice([1, 26, 80, 400])) for start in starts)
    found = _covered(np.array(peaks, np.int64).reshape(-1, 2), edges, 0.5)
    assert found.tolist() == naive_cover(peaks, edges, 0.5)


def test_a_profile_is_made_of_peaks_and_a_genome(tmp_path: Path) -> None:
    bases = genome(tmp_path / "g.fa", 3, {"chr20": 1010, "chrX": 1000})
    (tmp_path / "one.bed").write_text("track name=x\nchr20\t100\t200\nchrX\t0\t60\nchr20\t990\t2000\n")
    (tmp_path / "two.bed").write_text("chr20\t140\t260\nchrX\t950\t1000\n")
    bins = {"size": 100, "window": 200, "chromosomes": {"train": ["20"], "test": ["X"]}}
    options = {"genome": "g.fa", "peaks": {"one": "one.bed", "two": "two.bed"}, "bins": bins}
    from dnabench.harness.data.peaks import read_peaks

    task = made("peaks", ("one", "two"), options, "multilabel")
    train = read_peaks(task, "train", DataOptions(data_dir=tmp_path))
    assert train.labels == ["11", "01"]
    assert train.sequences == [bases["chr20"][50:250], bases["chr20"][150:350]]
    test = read_peaks(task, "test", DataOptions(data_dir=tmp_path))
    assert test.labels == ["10"]
    assert test.sequences == ["N" * 50 + bases["chrX"][:150]]
    (tmp_path / "two.bed").write_text("chr20\t140\n")
    with pytest.raises(DataError, match=r"two\.bed, line 1: not a peak"):
        read_peaks(task, "train", DataOptions(data_dir=tmp_path))
    (tmp_path / "two.bed").write_text("#chr20\t1\t9\n\nbrowser position chr20:1-9\n20\t140\t260\n")
    assert read_peaks(task, "train", DataOptions(data_dir=tmp_path)).labels == ["11", "01"]
    elsewhere = made(
        "peaks", ("one", "two"), {**options, "bins": {**bins, "chromosomes": {"train": ["9"]}}}, "multilabel"
    )
    with pytest.raises(DataError, match="names 9, the genome has only chr20, chrX"):
        read_peaks(elsewhere, "train", DataOptions(data_dir=tmp_path))
    with pytest.raises(TaskFileError, match="no file for the label 'three'"):
        read_peaks(made("peaks", ("one", "three"), options, "multilabel"), "train", DataOptions(data_dir=tmp_path))


# matlab


def one_hot(sequences: list[str]) -> NDArray[np.uint8]:
    table = np.zeros((len(sequences), 4, len(sequences[0])), np.uint8)
    for row, text in enumerate(sequences):
        for place, base in enumerate(text):
            if base in CHANNELS:
                table[row, CHANNELS.index(base), place] = 1
    return table


@pytest.mark.parametrize("form", ["older", "hdf5"])
@pytest.mark.parametrize("turned", [False, True])
def test_deepsea_s_matrices_are_read_in_both_versions_and_orders(tmp_path: Path, form: str, turned: bool) -> None:
    sequences = ["AGCTN", "CCCCC", "GATTA", "TTTAA", "ACGTA", "GGGGT"]
    labels = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0], [1, 0, 0], [0, 0, 1]], np.uint8)
    inputs = one_hot(sequences)
    if turned:
        inputs, labels = inputs.T, labels.T
    path = tmp_path / "valid.mat"
    if form == "hdf5":
        h5py = pytest.importorskip("h5py", reason="train.mat is HDF5 (extra mat)")
        with h5py.File(path, "w") as file:
            file["validxdata"], file["validdata"] = inputs, labels
    else:
        from scipy.io import savemat

        savemat(path, {"validxdata": inputs, "validdata": labels})
    rows = read_matlab(path, (1, 3, 3), forward_only=False)
    assert rows.sequences == sequences
    assert rows.labels == ["01", "00", "11", "10", "00", "01"]
    assert read_matlab(path, (0, 3, 3), forward_only=True).sequences == sequences[:3]
    with pytest.raises(DataError, match="expected 4 for each row"):
        read_matlab(path, (0, 4, 4), forward_only=False)


def test_a_file_that_is_no_matrix_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.mat"
    path.write_bytes(b"not a matrix at all" * 100)
    with pytest.raises(DnabenchError, match=r"train\.mat"):
        read_matlab(path, (0, 1, 1), forward_only=False)


# tables


def test_padded_cells_of_a_file_without_a_line_of_names_are_read() -> None:
    text = "+,S10,\t\ttactag\n-,AMPC,\t\ttgctat\n"
    rows = parse_rows(text.encode(), Columns(("sequence",), "label", ("label", "name", "sequence")), "p.data")
    assert (rows.sequences, rows.labels) == (["tactag", "tgctat"], ["+", "-"])
    assert rows.columns == {"name": ["S10", "AMPC"]}
    with pytest.raises(DataError, match="line 2: 2 columns where"):
        parse_rows(b"+,a,ACGT\n-,ACGT\n", Columns(("sequence",), "label", ("label", "name", "sequence")), "p.data")


@pytest.mark.parametrize("name", [n for n in TASKS if n.startswith(("classics", "grna"))])
def test_the_real_files_of_a_small_set_are_proved(name: str) -> None:
    options = DataOptions(data_dir=shared(), offline=True)
    if task_state(TASKS[name], options) != "ready":
        pytest.skip(f"the files of {name} are not in DNABENCH_TEST_DATA")
    splits = load_splits(TASKS[name], options)
    assert {facts.identity for facts in splits.facts.values()} == {"verified"}
    assert "" not in splits.test.columns
    rule = TASKS[name].split_rule
    if rule.kind == "kfold":
        folds = splits.test.columns["fold"]
        assert set(folds.tolist()) == set(range(rule.folds))
    if rule.groups:
        groups = splits.test.columns[rule.groups]
        home = {}
        assert all(home.setdefault(g, f) == f for g, f in zip(groups.tolist(), folds.tolist(), strict=True))


def test_sites_of_the_mpra_hold_a_wild_type_and_its_mutants() -> None:
    options = DataOptions(data_dir=shared(), offline=True)
    task = TASKS["classics/crx_mpra"]
    if task_state(task, options) != "ready":
        pytest.skip("crx_mpra is not in DNABENCH_TEST_DATA")
    test = load_splits(task, options).test
    assert all(site.startswith("chr") for site in test.columns["site"])
    assert 1.5 < len(test) / len(set(test.columns["site"].tolist())) < 3
    assert len({*test.columns["chromosome"].tolist()}) >= 20
