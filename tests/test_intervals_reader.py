"""Tables of windows become rows; every bad line is one sentence with its file and line."""

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from dnabench.harness.data.intervals import read_intervals
from dnabench.harness.errors import DataError, TaskFileError
from dnabench.harness.types import FileFacts, Source, Target, Task

GENOME = {"chr1": "AAAACCCCGGGGTTTTNNNN", "chr2": "acgtACGTACGT"}
TABLE = """chromosome	start	end	strand	label	split	gene
chr1	0	4	+	1	train	one
1	0	4	-	0	test	
chr2	2	8	.	1	test	two
"""


@pytest.fixture
def genome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DNABENCH_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "genome.fa"
    path.write_text("".join(f">{name}\n{bases}\n" for name, bases in GENOME.items()))
    return path


@pytest.fixture
def task() -> Task:
    source = Source("intervals", {"all": FileFacts("t.tsv")})
    return Task("s/t", 1, "t", "sequence", Target("class", ("0", "1")), "mcc", (), source)


def table(tmp_path: Path, text: str, name: str = "t.tsv") -> Path:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("name", ["t.tsv", "t.tsv.gz"])
def test_rows_are_read_on_their_strand_in_the_genome_s_own_case(
    tmp_path: Path, genome: Path, task: Task, name: str
) -> None:
    rows = read_intervals(table(tmp_path, TABLE, name), {"": (genome,)}, task)
    assert rows.sequences == ["AAAA", "TTTT", "gtACGT"]
    assert rows.labels == ["1", "0", "1"]
    assert list(rows.lines) == [2, 3, 4]


def test_the_chromosome_and_further_columns_are_kept(tmp_path: Path, genome: Path, task: Task) -> None:
    rows = read_intervals(table(tmp_path, TABLE), {"": (genome,)}, task)
    assert rows.columns == {
        "chromosome": ["chr1", "1", "chr2"],
        "start": ["0", "0", "2"],
        "end": ["4", "4", "8"],
        "split": ["train", "test", "test"],
        "gene": ["one", "", "two"],
    }


def test_the_label_column_may_have_another_name(tmp_path: Path, genome: Path, task: Task) -> None:
    named = replace(task, source=replace(task.source, label_column="activity"))
    rows = read_intervals(table(tmp_path, TABLE.replace("label", "activity")), {"": (genome,)}, named)
    assert rows.labels == ["1", "0", "1"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("chr2\t2\t8", "chr2\t2\t80"), r"t\.tsv, line 4: chr2:2-80 .* has 12 bases"),
        (("chr2\t2", "chr3\t2"), r"t\.tsv, line 4: .* no such chromosome"),
        (("chr2\t2\t8", "chr2\t-2\t8"), r"t\.tsv, line 4: '-2' is not a place"),
        (("chr2\t2\t8", "chr2\t2.0\t8"), r"t\.tsv, line 4: '2\.0' is not a place"),
        (("chr2\t2\t8", "chr2\t8\t8"), r"t\.tsv, line 4: .* empty"),
        (("8\t.\t1", "8\tx\t1"), r"line 4: .* strand 'x'"),
        (("\ttwo", ""), r"line 4: 6 columns"),
        (("strand", "Strand"), r"no column 'strand'.* Did you mean 'Strand'"),
        (("\t", ","), r"separated by commas"),
    ],
)
def test_a_bad_line_is_one_sentence(
    tmp_path: Path, genome: Path, task: Task, change: tuple[str, str], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        read_intervals(table(tmp_path, TABLE.replace(*change)), {"": (genome,)}, task)


def with_options(task: Task, **options: object) -> Task:
    return replace(task, source=replace(task.source, options=options))


def test_windows_are_widened_and_filled_with_n_where_they_leave_the_chromosome(
    tmp_path: Path, genome: Path, task: Task
) -> None:
    wide = with_options(task, flank=2, edges="pad")
    rows = read_intervals(table(tmp_path, TABLE), {"": (genome,)}, wide)
    assert rows.sequences == ["NNAAAACC", "GGTTTTNN", "acgtACGTAC"]
    assert rows.columns["start"] == ["-2", "-2", "0"], "what was read: an audit sees overlaps of the flanks"
    assert rows.columns["end"] == ["6", "6", "10"]
    with pytest.raises(DataError, match=r"line 2: chr1:-2-6 .* has 20 bases"):
        read_intervals(table(tmp_path, TABLE), {"": (genome,)}, with_options(task, flank=2))
    for wrong in ({"flank": "2"}, {"flank": -1}, {"edges": "wrap"}):
        with pytest.raises(TaskFileError, match="it must be"):
            read_intervals(table(tmp_path, TABLE), {"": (genome,)}, with_options(task, **wrong))


@pytest.mark.parametrize("column", ["reference", "ref"])
def test_a_table_made_on_another_build_is_told_by_its_reference_bases(
    tmp_path: Path, genome: Path, task: Task, column: str
) -> None:
    lines = TABLE.strip().split("\n")
    bases = [column, "AAA", "AAA", "GTAC"]
    text = "\n".join(f"{line}\t{base}" for line, base in zip(lines, bases, strict=True)) + "\n"
    assert len(read_intervals(table(tmp_path, text), {"": (genome,)}, task)) == 3
    wide = with_options(task, flank=2, edges="pad")
    assert len(read_intervals(table(tmp_path, text), {"": (genome,)}, wide)) == 3
    with pytest.raises(DataError, match=r"line 4: the genome has gtAG at chr2:2|line 4: the genome has gtAC at chr2:2"):
        read_intervals(table(tmp_path, text.replace("GTAC", "GTTC")), {"": (genome,)}, task)


def test_rows_of_several_genomes_name_theirs(tmp_path: Path, genome: Path, task: Task) -> None:
    other = tmp_path / "other.fa"
    other.write_text(">chr1\nTTTTTTTT\n")
    lines = TABLE.strip().split("\n")
    text = "\n".join(f"{line}\t{name}" for line, name in zip(lines, ["genome", "a", "b", "a"], strict=True)) + "\n"
    rows = read_intervals(table(tmp_path, text), {"a": (genome,), "b": (other,)}, task)
    assert rows.sequences == ["AAAA", "AAAA", "gtACGT"]
    with pytest.raises(DataError, match=r"line 3: no genome is called 'b', only a"):
        read_intervals(table(tmp_path, text), {"a": (genome,)}, task)
