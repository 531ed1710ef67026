"""Splits that are folders of classes: coordinates with a genome, text files, FASTA; classes told by name."""

import gzip
import os
import shutil
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import pytest

from dnabench.harness.data.classes import place_table
from dnabench.harness.data.genome import Window, chromosome_lengths, read_windows
from dnabench.harness.data.load import load_splits
from dnabench.harness.data.sources import DataOptions
from dnabench.harness.data.suite_file import read_suite
from dnabench.harness.errors import DataError, Unavailable
from dnabench.harness.types import FileFacts, Source, Target, Task

ROOT = Path(__file__).resolve().parents[1]
YEAST = ROOT / "benchmarks" / "yeast" / "genome.fa.gz"
SUITE = read_suite(ROOT / "benchmarks" / "genomic_benchmarks")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DNABENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DNABENCH_DATA", raising=False)


def coordinates() -> Path:
    folder = os.environ.get("DNABENCH_TEST_DATA")
    if not folder or not (Path(folder) / "genomic_benchmarks_coords").is_dir():
        pytest.skip("DNABENCH_TEST_DATA names no folder that holds genomic_benchmarks_coords")
    return Path(folder) / "genomic_benchmarks_coords"


def task(genome: str = "sacCer3") -> Task:
    files = {name: FileFacts(f"toy/{name}") for name in ("train", "test")}
    source = Source("classes", files, options={"genome": genome}, sequence_columns=("seq",))
    return Task("s/toy", 1, "toy", "sequence", Target("class", ("negative", "positive")), "accuracy", (), source)


def windows_of(name: str) -> list[Window]:
    """Fifty places on yeast's chromosomes, negative rows on the - strand."""
    lengths = {c: n for c, n in chromosome_lengths(YEAST).items() if n > 100_000}
    strand, shift = ("-", 500) if name == "negative" else ("+", 0)
    return [
        Window(c, 1000 * i + shift, 1000 * i + shift + 200 + i, strand)
        for i, c in enumerate(islice(cycle(lengths), 50))
    ]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for split in ("train", "test"):
        for name in ("positive", "negative"):
            rows = [f"{i},{w.chromosome},{w.start},{w.end},{w.strand}" for i, w in enumerate(windows_of(name))]
            path = tmp_path / "toy" / split / f"{name}.csv.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress(("id,region,start,end,strand\n" + "\n".join(rows) + "\n").encode()))
    (tmp_path / "genomes").mkdir()
    shutil.copy(YEAST, tmp_path / "genomes" / "sacCer3.fa.gz")
    return tmp_path


def test_coordinates_are_read_from_the_genome_class_by_class(data: Path) -> None:
    splits = load_splits(task(), DataOptions(data_dir=data))
    expected = [bases for name in ("negative", "positive") for bases in read_windows(YEAST, windows_of(name))]
    assert list(splits.test.sequences) == [bases.upper() for bases in expected]
    assert splits.test.labels.tolist() == [0] * 50 + [1] * 50
    assert splits.facts["test"].sha256 is None
    assert splits.facts["test"].class_counts == (50, 50)
    assert len(splits.train) + len(splits.dev) == 100


def test_classes_of_several_genomes_are_read_each_from_its_own(data: Path) -> None:
    """Human against worm: both have a chromosome of that name."""
    asked = task()
    words = {"negative": "a.fa", "positive": "b.fa"}
    for file, base in (("a.fa", "A"), ("b.fa", "C")):
        (data / file).write_text(f">chrI\n{base * 60}\n")
    for split in ("train", "test"):
        for i, name in enumerate(words):
            lines = [f"{row},chrI,{row},{row + 20 + i},+" for row in range(20)]
            path = data / "toy" / split / f"{name}.csv.gz"
            path.write_bytes(gzip.compress(("id,region,start,end,strand\n" + "\n".join(lines) + "\n").encode()))
    both = replace(asked, source=replace(asked.source, options={"genomes": words}))
    files = {**asked.source.files, "dev": FileFacts("toy/test")}
    test = load_splits(replace(both, source=replace(both.source, files=files)), DataOptions(data_dir=data)).test
    assert list(test.sequences) == ["A" * 20] * 20 + ["C" * 21] * 20
    assert set(test.columns["chromosome"]) == {"chrI"}


def test_text_files_and_fasta_give_the_same_rows_as_coordinates(data: Path, tmp_path: Path) -> None:
    whole = load_splits(task(), DataOptions(data_dir=data))
    other = tmp_path / "other"
    for split in ("train", "test"):
        folder = other / "toy" / split
        (folder / "negative").mkdir(parents=True)
        for i, bases in enumerate(read_windows(YEAST, windows_of("negative"))):
            (folder / "negative" / f"{i}.txt").write_text(bases + "\n")
        records = [f">{i}\n{bases}" for i, bases in enumerate(read_windows(YEAST, windows_of("positive")))]
        (folder / "positive.fa.gz").write_bytes(gzip.compress("\n".join(records).encode()))
    again = load_splits(task(), DataOptions(data_dir=other))
    assert {n: f.fingerprint for n, f in again.facts.items()} == {n: f.fingerprint for n, f in whole.facts.items()}


def test_a_strand_that_pandas_wrote_as_nan_and_decimals_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "ocr.csv"
    path.write_text("id,region,start,end,strand\na,1,10.0,20.0,\nb,chr2,5,9,-\nc,X,0,3,nan\n")
    windows, _ = place_table(path)
    assert windows == [Window("1", 10, 20, "+", 2), Window("chr2", 5, 9, "-", 3), Window("X", 0, 3, "+", 4)]


@pytest.mark.parametrize("name", ["../positive", "/etc/passwd", "a/../../b"])
def test_an_entry_that_leaves_its_folder_is_refused(data: Path, name: str) -> None:
    asked = task()
    named = replace(
        asked, source=replace(asked.source, options={**asked.source.options, "entries": {"positive": name}})
    )
    with pytest.raises(Unavailable, match="a path is refused"):
        load_splits(named, DataOptions(data_dir=data))


def test_an_entry_with_a_word_takes_the_records_whose_names_start_with_it(data: Path) -> None:
    asked = task()
    entries = {"positive": "all.fa#pos", "negative": "all.fa#neg"}
    named = replace(asked, source=replace(asked.source, options={**asked.source.options, "entries": entries}))
    for split in ("train", "test"):
        records = [
            f">{word}_{i}\n{'ACGT'[i] * 9}{end}" for word, end in (("pos", "A"), ("neg_pos", "C")) for i in range(4)
        ]
        (data / "toy" / split / "all.fa").write_text("\n".join(records))
    test = load_splits(named, DataOptions(data_dir=data)).test
    assert [bases[-1] for bases in test.sequences] == ["C"] * 4 + ["A"] * 4
    assert test.labels.tolist() == [0] * 4 + [1] * 4


def test_an_empty_class_and_an_empty_file_are_named(data: Path) -> None:
    folder = data / "toy/test/positive"
    (folder.parent / "positive.csv.gz").unlink()
    folder.mkdir()
    with pytest.raises(DataError, match="test/positive holds no rows"):
        load_splits(task(), DataOptions(data_dir=data, genomes={"sacCer3": YEAST}))
    (folder / "7.txt").write_text("\n")
    with pytest.raises(DataError, match=r"positive/7\.txt is empty"):
        load_splits(task(), DataOptions(data_dir=data, genomes={"sacCer3": YEAST}))


def test_a_missing_genome_and_a_missing_class_are_said(data: Path) -> None:
    with pytest.raises(Unavailable, match="s/toy needs the genome dm3"):
        load_splits(task("dm3"), DataOptions(data_dir=data))
    (data / "toy" / "test" / "negative.csv.gz").unlink()
    with pytest.raises(DataError, match=r"test/ has no class 'negative', only positive\.csv\.gz"):
        load_splits(task(), DataOptions(data_dir=data))


@pytest.mark.parametrize("known", SUITE.tasks, ids=lambda t: t.name)
def test_rows_and_classes_are_those_of_the_official_coordinates(known: Task) -> None:
    for facts in known.source.files.values():
        counts = tuple(
            len(place_table(coordinates() / facts.path / f"{name}.csv.gz")[0]) for name in known.target.classes
        )
        assert counts == facts.class_counts
        assert sum(counts) == facts.rows


@pytest.mark.parametrize("end", [63_025_520, 64_444_167], ids=["GRCh37", "GRCh38"])
def test_places_are_read_from_a_real_chromosome_and_those_of_another_build_refused(tmp_path: Path, end: int) -> None:
    """The places are GRCh38's, the chromosome is GRCh37's, which is shorter: some rows leave it."""
    genome = Path(os.environ.get("DNABENCH_TEST_DATA", ""), "genome_human_chr20_GRCh37", "20.fa.gz")
    source = coordinates() / "human_nontata_promoters"
    if not genome.is_file():
        pytest.skip("DNABENCH_TEST_DATA holds no chromosome 20")
    for split in ("train", "test"):
        for name in ("negative", "positive"):
            text = gzip.decompress((source / split / f"{name}.csv.gz").read_bytes()).decode().splitlines()
            places = [line.split(",") for line in text[1:]]
            kept = [",".join(cells) for cells in places if cells[1] == "chr20" and int(cells[3]) <= end]
            path = tmp_path / "toy" / split / f"{name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join([text[0], *kept]) + "\n")
    options = DataOptions(data_dir=tmp_path, genomes={"hg19": genome})
    if end > 63_025_520:
        with pytest.raises(DataError, match=r"positive\.csv, line \d+: chr20:6\d{7}-\d+ is not a window of 20\.fa\.gz"):
            load_splits(task("hg19"), options)
        return
    splits = load_splits(task("hg19"), options)
    assert {len(sequence) for sequence in splits.test.sequences} == {251}
    assert len(splits.test) == 118
