"""A task finds its genomes by file or by assembly, and refuses another build or other bytes."""

import os
from pathlib import Path
from typing import Any

import pytest

from dnabench.harness.data.assemblies import ASSEMBLIES, check_assembly, official_name
from dnabench.harness.data.genome import Window, chromosome_lengths, file_sha256
from dnabench.harness.data.genomes import genomes_of, read_places
from dnabench.harness.data.sources import DataOptions
from dnabench.harness.errors import ChecksumError, DataError, RequestError, TaskFileError, Unavailable
from dnabench.harness.types import FileFacts, Source, Target, Task

YEAST = Path(__file__).resolve().parents[1] / "benchmarks" / "yeast" / "genome.fa.gz"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DNABENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DNABENCH_DATA", raising=False)
    return tmp_path / "cache"


def task_with(**options: Any) -> Task:
    source = Source("intervals", {"all": FileFacts("t.tsv")}, options=options)
    return Task("s/t", 1, "t", "sequence", Target("class", ("0", "1")), "mcc", (), source)


def fasta(path: Path, **chromosomes: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f">{name}\n{'ACGT' * (bases // 4)}\n" for name, bases in chromosomes.items()))
    return path


@pytest.mark.parametrize("place", ["genomes/toy1.fa", "genomes/toy1.fna.gz", "toy1.fasta"])
def test_an_assembly_is_found_in_the_data_folder_under_its_usual_names(tmp_path: Path, place: str) -> None:
    path = fasta(tmp_path / "data" / place, chr1=8)
    found = genomes_of(task_with(genome="toy1"), DataOptions(data_dir=tmp_path / "data"))
    assert found == {"": (path,)}


def test_a_missing_assembly_says_where_it_was_looked_for_and_what_to_do() -> None:
    with pytest.raises(
        Unavailable, match=r"needs the genome GRCh38: looked for genomes/GRCh38\.fa .* --genome GRCh38="
    ):
        genomes_of(task_with(genome="GRCh38"), DataOptions())


def test_a_genome_named_on_the_command_line_wins_and_must_exist(tmp_path: Path) -> None:
    path = fasta(tmp_path / "mine.fa", chr1=8)
    assert genomes_of(task_with(genome="toy1"), DataOptions(genomes={"toy1": path})) == {"": (path,)}
    with pytest.raises(RequestError, match="there is no such file"):
        genomes_of(task_with(genome="toy1"), DataOptions(genomes={"toy1": tmp_path / "absent.fa"}))


def test_several_genomes_of_several_files_are_read_in_the_order_of_the_rows(tmp_path: Path) -> None:
    (tmp_path / "a.fa").write_text(">chr1\nAAAACC\n")
    (tmp_path / "b.fa").write_text(">chr2\nGGGGTT\n")
    (tmp_path / "c.fa").write_text(">chr1\nTTTTTT\n")
    genomes = {"first": (tmp_path / "a.fa", tmp_path / "b.fa"), "second": (tmp_path / "c.fa",)}
    windows = [Window("chr2", 3, 6), Window("chr1", 0, 2), Window("1", 3, 6, "-"), Window("chr2", 4, 8, "-")]
    windows.append(Window("2", 0, 3))
    names = ["first", "second", "first", "first", "first"]
    assert read_places(genomes, names, windows, "t.tsv", pad=True) == ["GTT", "TT", "GGT", "NNAA", "GGG"]
    with pytest.raises(DataError, match=r"chr2:4-8 is not a window of b\.fa"):
        read_places(genomes, names, windows, "t.tsv", pad=False)
    with pytest.raises(DataError, match=r"chr9:0-1 .* no such chromosome"):
        read_places(genomes, ["first"], [Window("chr9", 0, 1)], "t.tsv", pad=False)
    with pytest.raises(DataError, match=r"t\.tsv, line 7: chr9:0-1"):
        read_places(genomes, ["first"], [Window("chr9", 0, 1, row=7)], "t.tsv", pad=True)


def test_other_bytes_than_the_task_was_made_from_are_refused(tmp_path: Path) -> None:
    path = fasta(tmp_path / "genomes" / "toy1.fa", chr1=8)
    options = DataOptions(data_dir=tmp_path)
    genomes_of(task_with(genome="toy1", genome_sha256=file_sha256(path)), options)
    with pytest.raises(ChecksumError, match="the task was made from 00"):
        genomes_of(task_with(genome="toy1", genome_sha256="0" * 64), options)


@pytest.mark.parametrize("options", [{}, {"genome": 3}, {"genomes": ["a"]}, {"genomes": {"a": [1]}}])
def test_a_task_that_names_its_genome_wrongly_is_told(options: dict[str, Any]) -> None:
    with pytest.raises(TaskFileError, match="genome"):
        genomes_of(task_with(**options), DataOptions())


def test_the_embedded_yeast_genome_is_saccer3_and_no_other_build() -> None:
    check_assembly(YEAST, "sacCer3")
    found = chromosome_lengths(YEAST)
    assert sum(found.get(f"chr{name}") == bases for name, bases in ASSEMBLIES["sacCer3"].items()) == 16


def test_another_build_is_refused_and_the_right_one_named(tmp_path: Path) -> None:
    index = tmp_path / "hg19.fa.fai"
    bases = ASSEMBLIES["GRCh37"]["21"]
    path = tmp_path / "hg19.fa"
    with path.open("wb") as file:
        file.write(b">chr21\n")
        file.seek(7 + bases)
        file.write(b"\n")
    index.write_text(f"chr21\t{bases}\t7\t{bases}\t{bases + 1}\n")
    check_assembly(path, "hg19")
    with pytest.raises(DataError, match=r"not hg38: its chr21 has 48,129,895 .* 46,709,983 \(GRCh37 has as many\)"):
        check_assembly(path, "hg38")


@pytest.mark.parametrize("more", [0, 1])
def test_a_genome_found_under_an_assembly_s_name_has_its_lengths_to_the_base(tmp_path: Path, more: int) -> None:
    path = tmp_path / "genomes" / "sacCer3.fa"
    path.parent.mkdir()
    path.write_text(f">I\n{'A' * (230_218 + more)}\n")
    if not more:
        assert genomes_of(task_with(genome="sacCer3"), DataOptions(data_dir=tmp_path)) == {"": (path,)}
        return
    with pytest.raises(DataError, match="not sacCer3: its I has 230,219 bases, that of sacCer3 230,218"):
        genomes_of(task_with(genome="sacCer3"), DataOptions(data_dir=tmp_path))


def test_the_real_chromosome_20_of_grch37_is_told_from_grch38() -> None:
    folder = os.environ.get("DNABENCH_TEST_DATA")
    path = Path(folder or "", "genome_human_chr20_GRCh37", "20.fa.gz")
    if not folder or not path.is_file():
        pytest.skip("DNABENCH_TEST_DATA names no folder with chromosome 20 of GRCh37")
    check_assembly(path, "GRCh37")
    with pytest.raises(DataError, match="GRCh37 has as many"):
        check_assembly(path, "GRCh38")


def test_two_builds_of_one_species_never_agree_on_a_chromosome() -> None:
    first, second = ASSEMBLIES["GRCh37"], ASSEMBLIES["GRCh38"]
    assert not [name for name in first if first[name] == second[name]]
    assert official_name("hg19") == "GRCh37"
    assert official_name("hg38") == "GRCh38"
