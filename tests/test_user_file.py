"""A user's own table: what is inferred of it, and how it is split."""

import gzip
import random
from pathlib import Path

import pytest

from dnabench.harness.data.load import DataOptions, load_splits
from dnabench.harness.data.user_file import user_task
from dnabench.harness.errors import DataError, RequestError
from dnabench.harness.sequence import reverse_complement

OFFLINE = DataOptions(offline=True)


def write(path: Path, labels: list[str], head: str = "sequence,label", extra: str = "") -> Path:
    draw = random.Random(7)
    rows = ["".join(draw.choices("ACGT", k=25)) + f",{label}{extra.format(i // 10)}" for i, label in enumerate(labels)]
    path.write_text("\n".join((head, *rows, "")), encoding="utf-8")
    return path


def test_a_bare_table_becomes_a_task_with_drawn_splits_and_says_so(tmp_path: Path) -> None:
    task = user_task(write(tmp_path / "my peaks.csv", ["0", "1"] * 50))
    assert task.name == "local/my-peaks"
    assert task.target.classes == ("0", "1")
    assert (task.metric, task.length, task.split_rule.made) == ("mcc", 25, True)
    assert any("inferred" in note for note in task.notes)
    assert any("70/15/15" in note for note in task.notes)
    splits = load_splits(task, OFFLINE)
    assert [len(s) for s in (splits.train, splits.dev, splits.test)] == [70, 15, 15]
    assert all("drawn by content" in fact.file for fact in splits.facts.values())


def test_drawn_splits_keep_twins_on_both_strands_together(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ["0", "1"] * 40)
    rows = path.read_text().split()[1:]
    twins = [f"{reverse_complement(row.split(',')[0])},{row.split(',')[1]}" for row in rows]
    path.write_text("\n".join(("sequence,label", *rows, *twins, "")))
    splits = load_splits(user_task(path), OFFLINE)
    train = set(splits.train.sequences) | set(map(reverse_complement, splits.train.sequences))
    assert not train & (set(splits.test.sequences) | set(splits.dev.sequences))
    assert len(splits.train) == 112


def test_a_group_column_is_never_divided_and_becomes_the_dependence(tmp_path: Path) -> None:
    task = user_task(write(tmp_path / "a.csv", ["0", "1"] * 100, "sequence,label,group", ",g{}"))
    assert task.dependence.groups == task.split_rule.groups == "group"
    splits = load_splits(task, OFFLINE)
    groups = [set(s.columns["group"].tolist()) for s in (splits.train, splits.dev, splits.test)]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 20


def test_the_files_own_splits_are_used(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    rows = [
        f"{'ACGT' * 3}{'ACGT'[i % 4]}{'ACGT'[i // 4]}\t{i % 2}\t{['train', 'val', 'test'][i % 3]}" for i in range(12)
    ]
    path.write_text("\n".join(("sequence\tlabel\tsplit", *rows)))
    task = user_task(path)
    assert not task.split_rule.made
    splits = load_splits(task, OFFLINE)
    assert [len(s) for s in (splits.train, splits.dev, splits.test)] == [4, 4, 4]


@pytest.mark.parametrize(
    ("labels", "kind", "classes"),
    [
        (["0", "1"], "class", ("0", "1")),
        (["10", "9", "2"], "class", ("2", "9", "10")),
        (["yes", "no"], "class", ("no", "yes")),
        (["none", "donor", "acceptor"], "class", ("acceptor", "donor", "none")),
        (["0.0", "1.0"], "class", ("0.0", "1.0")),
        (["0.5", "1.0"], "value", ()),
        (["-1e-3", "2"], "value", ()),
        ([str(i) for i in range(101)], "value", ()),
    ],
)
def test_the_target_is_inferred(tmp_path: Path, labels: list[str], kind: str, classes: tuple[str, ...]) -> None:
    task = user_task(write(tmp_path / "a.csv", labels * 20))
    assert (task.target.kind, task.target.classes) == (kind, classes)
    assert task.metric == ("spearman" if kind == "value" else "mcc")
    assert len(load_splits(task, OFFLINE).train)


def test_fasta_gzip_and_parquet_work_too(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    draw = random.Random(1)
    rows = [("".join(draw.choices("ACGT", k=9)), i % 2) for i in range(40)]
    fasta = "".join(f">r{i} {label}\n{sequence}\n" for i, (sequence, label) in enumerate(rows))
    (tmp_path / "a.fa.gz").write_bytes(gzip.compress(fasta.encode()))
    pq.write_table(pa.table({"sequence": [s for s, _ in rows], "label": [x for _, x in rows]}), tmp_path / "a.parquet")
    found = []
    for name in ("a.fa.gz", "a.parquet"):
        task = user_task(tmp_path / name)
        assert task.name == "local/a"
        found.append(load_splits(task, OFFLINE).facts["test"].fingerprint)
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sequence,label\n", "no rows"),
        ("sequence,label\nA,1\nC,1\n", "all labels are '1'"),
        ("sequence,label\n" + "".join(f"A,word{i}\n" for i in range(101)), "101 different words"),
        ("dna,label\nA,1\n", "no column 'sequence'"),
        ("sequence,label\nA,1\nC,1.0\nG,0\n", "'1' and '1.0' are one in two spellings"),
        ("sequence,label\nA,yes\nC,yes \nG,no\n", "'yes' and 'yes ' are one in two spellings"),
        ("sequence,label,Split\nA,1,train\nC,0,test\n", "'Split' looks like 'split': rename it"),
        ("sequence,label,splt\nA,1,train\nC,0,test\n", "'splt' looks like 'split'"),
        ("sequence,label,groups\nA,1,a\nC,0,b\n", "'groups' looks like 'group'"),
        ("sequence,label,group\nA,1,a\nC,0,\n", "line 3: the group is empty"),
        ("sequence,label\nA,0.5\nC,inf\n", "line 3: the label 'inf' is not a finite number"),
    ],
)
def test_a_table_that_cannot_be_a_task_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataError, match=said):
        user_task(tmp_path / "a.csv")


def test_whole_numbers_beyond_a_floats_precision_are_classes_in_their_order(tmp_path: Path) -> None:
    big = [str(10**400 + i) for i in (2, 10, 1)]
    task = user_task(write(tmp_path / "a.csv", big * 20))
    assert task.target.classes == (big[2], big[0], big[1])


def test_values_may_be_written_in_two_ways_and_other_columns_called_as_they_like(tmp_path: Path) -> None:
    task = user_task(write(tmp_path / "a.csv", ["0.5", "0.50", "1"] * 20, "sequence,label,group_id", ",g{}"))
    assert (task.target.kind, task.split_rule.groups) == ("value", None)


@pytest.mark.parametrize(
    ("row", "said"),
    [("G,NaN", "line 12.*'NaN'"), ("G,", "line 12.*is empty"), (",1", "line 12.*is empty"), ("AXG,1", "line 12.*'X'")],
)
def test_a_bad_row_is_refused_with_its_line_before_a_run_begins(tmp_path: Path, row: str, said: str) -> None:
    (tmp_path / "a.csv").write_text("sequence,label\n" + "A,1\nC,0\n" * 5 + row + "\n")
    with pytest.raises(DataError, match=said):
        user_task(tmp_path / "a.csv")


def test_a_file_that_is_not_there_is_a_wrong_request(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="does not exist"):
        user_task(tmp_path / "none.csv")


@pytest.mark.parametrize("names", ["sequence,sequence2", "sequence1,sequence2", "seq_a,seq_b", "Seq1,Seq2"])
def test_two_columns_of_sequences_are_a_task_of_pairs_and_said_so(tmp_path: Path, names: str) -> None:
    draw = random.Random(3)
    rows = [f"{''.join(draw.choices('ACGT', k=9))},{''.join(draw.choices('ACGT', k=9))},{i % 2}" for i in range(60)]
    path = tmp_path / "pairs.csv"
    path.write_text("\n".join((f"{names},label", *rows, "")))
    task = user_task(path)
    assert task.inputs == "pair"
    assert task.source.sequence_columns == tuple(names.split(","))
    assert any("pairs" in note for note in task.notes)
    splits = load_splits(task, OFFLINE)
    seen = set(zip(splits.test.inputs.sequences, splits.test.inputs.seconds, strict=True))
    assert seen <= {tuple(row.split(",")[:2]) for row in rows}
    assert len(seen) == len(splits.test)


def test_columns_that_may_all_be_sequences_are_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "three.csv"
    path.write_text("sequence,sequence1,sequence2,label\nA,C,G,1\nC,G,T,0\n")
    with pytest.raises(DataError, match="'sequence', 'sequence1', 'sequence2' all look like sequences: name one"):
        user_task(path)
    path.write_text("seq,label\nA,1\nC,0\n")
    with pytest.raises(DataError, match="no column 'sequence', only 'seq'"):
        user_task(path)


@pytest.mark.parametrize("before", ["\n", "\r\n\n"])
def test_blank_lines_above_the_header_hide_no_second_sequence(tmp_path: Path, before: str) -> None:
    path = tmp_path / "pairs.csv"
    path.write_bytes(f"{before}sequence,sequence2,label\nACGT,ACGA,1\nACGG,ACTA,0\n".encode())
    assert user_task(path).source.sequence_columns == ("sequence", "sequence2")


def test_pairs_are_found_in_parquet_too(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    table = pa.table({"label": [0, 1] * 4, "sequence2": ["ACGT"] * 8, "sequence1": ["AC", "GT"] * 4})
    pyarrow.parquet.write_table(table, tmp_path / "p.parquet")
    assert user_task(tmp_path / "p.parquet").source.sequence_columns == ("sequence1", "sequence2")
