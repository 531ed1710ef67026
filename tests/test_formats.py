"""Readers: every format gives the same rows, every bad file one clear sentence."""

import csv
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnabench.harness.data.formats import Columns, Rows, parse_rows
from dnabench.harness.data.opening import read_plain
from dnabench.harness.data.rows import check_rows
from dnabench.harness.errors import DataError
from dnabench.harness.types import Target

TWO = Target("class", ("0", "1"))
CSV = b"id,sequence,label\na,ACGT,1\nb,GGN,0\n"


def content(rows: Rows) -> tuple[list[str], list[str], dict[str, list[str]]]:
    return rows.sequences, rows.labels, rows.columns


def read(data: bytes, name: str = "a.csv", columns: Columns = Columns()) -> Rows:  # noqa: B008
    return parse_rows(data, columns, name)


def read_file(path: Path) -> Rows:
    return read(read_plain(path, path.name), path.name)


def refusal(data: bytes, name: str = "a.csv", target: Target = TWO) -> str:
    """The sentence with which reading or checking refuses the bytes."""
    with pytest.raises(DataError) as caught:
        check_rows(parse_rows(data, Columns(), name), target, "train", name)
    text = str(caught.value)
    assert text.startswith(name)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", CSV),
        ("a.csv", b"\xef\xbb\xbf" + CSV),
        ("a.csv", CSV.replace(b"\n", b"\r\n")),
        ("a.csv", CSV.replace(b"\n", b"\r")),
        ("a.csv", CSV.rstrip(b"\n")),
        ("a.csv", CSV + b"\n\n"),
        ("a.csv", b'"id","sequence","label"\n"a","ACGT","1"\n"b","GGN","0"\n'),
        ("a.tsv", CSV.replace(b",", b"\t")),
        ("a.txt", CSV.replace(b",", b"\t")),
        ("a.fa", b">a 1\nAC\nGT\n>b x 0\nGGN\n"),
        ("a.fasta", b">a|1\r\nACGT\r\n>b|0\r\nGGN"),
        ("a.fna", b"\xef\xbb\xbf>a label=1\nACGT\n\n>b label=0\nGGN\n"),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_every_spelling_of_a_file_gives_the_same_rows(tmp_path: Path, name: str, data: bytes, zipped: bool) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if zipped else data)
    assert content(read_file(path)) == (["ACGT", "GGN"], ["1", "0"], {"id": ["a", "b"]})


def test_gzip_is_told_by_content_and_not_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(CSV)
    assert len(read_file(path)) == 2


def test_parquet_gives_the_same_rows(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.table({"id": ["a", "b"], "sequence": ["ACGT", "GGN"], "label": [1, 0]})
    pq.write_table(table, tmp_path / "a.parquet")
    rows = read_file(tmp_path / "a.parquet")
    assert content(rows) == (["ACGT", "GGN"], ["1", "0"], {"id": ["a", "b"]})
    assert rows.place(1) == "row 2"


def test_parquet_labels_may_be_floats_booleans_lists_and_null(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    for labels, words in (
        ([1.0, 0.5], ["1", "0.5"]),
        ([True, False], ["1", "0"]),
        ([[0, 1], [1, 1]], ["01", "11"]),
        ([1, None], ["1", ""]),
    ):
        pq.write_table(pa.table({"sequence": ["A", "C"], "label": labels}), tmp_path / "a.parquet")
        assert read_file(tmp_path / "a.parquet").labels == words


def test_damaged_parquet_is_one_sentence() -> None:
    pytest.importorskip("pyarrow")
    assert "damaged parquet" in refusal(b"PAR1" + b"\0" * 50, "a.parquet")


def test_pairs_have_two_sequence_columns() -> None:
    rows = read(b"one,two,label\nAC,GT,1\n", columns=Columns(("one", "two")))
    assert (rows.sequences, rows.seconds) == (["AC"], ["GT"])


def test_fasta_fields_with_a_key_that_all_records_have_become_columns() -> None:
    rows = read(b">a group=x split=train 1\nAC\n>b group=y 0\nGT\n", "a.fa")
    assert rows.columns == {"id": ["a", "b"], "group": ["x", "y"]}


def test_lines_are_counted_as_an_editor_does() -> None:
    quoted = b'sequence,label,note\nAC,0,"two\nlines"\n\nGT,1,x\n'
    assert list(read(quoted).lines) == [2, 5]
    assert list(read(b"sequence,label\n\nAC,0\n\n\nGT,1\n").lines) == [3, 6]
    assert list(read(b">a 1\nAC\nGT\n\n>b 0\nA\n", "a.fa").lines) == [1, 5]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", ("empty", "sequence, label")),
        (b"sequence,label\n", ("no rows",)),
        (b"seq,label\nA,1\n", ("line 1", "no column 'sequence'", "'seq'")),
        (b"sequence,labels\nA,1\n", ("line 1", "no column 'label'", "'labels'")),
        (b"sequence,label,label\nA,1,1\n", ("line 1", "twice")),
        (b"sequence\tlabel\nA\t1\n", ("line 1", "tabs", "commas")),
        (b"sequence;label\nA;1\n", ("line 1", "semicolons", "commas")),
        (b"sequence,label\nA,1\nC\n", ("line 3", "1 columns", "2")),
        (b"sequence,label\nA,1\nC,0,x\n", ("line 3", "3 columns", "2")),
        (b'sequence,label\nA,1\n"C,0\n', ("line 3", "quot")),
        (b"sequence,label\nA,1\n,0\n", ("line 3", "sequence is empty")),
        (b"sequence,label\nA,1\n\nC,2\n", ("line 4", "'2'", "classes")),
        (b"sequence,label\nA,1\nC,\n", ("line 3", "label is empty")),
        (b"sequence,label\nA,1\nC,NaN\n", ("line 3", "'NaN'")),
        (b"sequence,label\nA,1\nACXG,0\n", ("line 3", "'X'", "base 3")),
        (b"sequence,label\nA,1\nACUG,0\n", ("line 3", "'U'", "RNA")),
        (b"sequence,label\nA,1\nAC-G,0\n", ("line 3", "'-'", "gap")),
        (b"sequence,label\nA,1\nACG ,0\n", ("line 3", "' '", "base 4", "blank")),
        ("sequence,label\nA,1\nACÅ,0\n".encode(), ("line 3", "'Å'", "base 3")),
        (b"id,sequence,label\nq,A,1\nr,C,0\nq,G,1\n", ("line 4", "'q'", "line 2")),
        (b"sequence,label\nA,1\n\xffC,0\n", ("line 3", "0xff", "UTF-8")),
        (b"sequence,label\nA,1\0\n", ("zero byte",)),
        ("sequence,label\nA,1\n".encode("utf-16"), ("UTF-16",)),
        (b"PK\x03\x04junk", ("zip",)),
        (b"<!DOCTYPE html><html>", ("web page",)),
        (b"version https://git-lfs.github.com/spec/v1\n", ("LFS",)),
        (bytes(range(1, 256)), ("UTF-8",)),
        (gzip.compress(CSV, mtime=0), ("not a text file",)),
    ],
)
def test_bad_input_is_one_sentence_with_file_and_line(data: bytes, said: tuple[str, ...]) -> None:
    text = refusal(data)
    assert all(part in text for part in said), text


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b">a\nAC\n", ("line 1", "no label")),
        (b">a 1\nAC\n>b 0\n", ("line 3", "sequence is empty")),
        (b">a 1\nAC\n>b 0\nA*\n", ("line 3", "'*'", "base 2")),
        (b"AC\n", ("line 1", "starts with '>'")),
        (b"", ("starts with '>'",)),
    ],
)
def test_bad_fasta_is_one_sentence_with_file_and_line(data: bytes, said: tuple[str, ...]) -> None:
    text = refusal(data, "a.fa")
    assert all(part in text for part in said), text


@pytest.mark.parametrize("cut", [1, 5, 12, 20, -1, -8])
def test_a_gzip_file_cut_anywhere_is_never_taken_for_whole(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(CSV)[:cut])
    with pytest.raises(DataError, match=r"a\.csv\.gz"):
        read_file(path)


def test_a_damaged_gzip_file_is_one_sentence(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(CSV * 50))
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "a.csv.gz").write_bytes(bytes(data))
    with pytest.raises(DataError, match=r"damaged gzip|truncated gzip"):
        read_file(tmp_path / "a.csv.gz")


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_file(tmp_path / "none.csv")


def test_lower_case_is_counted_and_given_to_models_in_upper_case() -> None:
    checked = check_rows(read(b"sequence,label\nacgt,1\nACGn,0\nGG,1\n"), TWO, "train", "a.csv")
    assert checked.split.sequences == ["ACGT", "ACGN", "GG"]
    assert checked.lower_case.tolist() == [True, True, False]


def test_labels_may_be_class_names_or_their_numbers() -> None:
    named = Target("class", ("no", "yes"))
    for data in (b"sequence,label\nA,yes\nC,no\n", b"sequence,label\nA,1\nC,0\n"):
        assert check_rows(read(data), named, "train", "a").split.labels.tolist() == [1, 0]
    swapped = Target("class", ("1", "0"))
    assert check_rows(read(CSV), swapped, "train", "a").split.labels.tolist() == [0, 1]
    missing = Target("class", ("NA", "other"))
    assert check_rows(read(b"sequence,label\nA,other\nC,NA\n"), missing, "train", "a").split.labels.tolist() == [1, 0]


def test_label_sets_are_digits_of_zero_and_one() -> None:
    three = Target("multilabel", ("a", "b", "c"))
    rows = read(b"sequence,label\nA,011\nC,100\n")
    assert check_rows(rows, three, "train", "a").split.labels.tolist() == [[0, 1, 1], [1, 0, 0]]
    assert "3 digits" in refusal(b"sequence,label\nA,011\nC,10\n", target=three)
    assert "line 3" in refusal(b"sequence,label\nA,011\nC,012\n", target=three)


def test_a_quoted_sequence_may_be_longer_than_the_csv_module_allows() -> None:
    long, usual = "ACGT" * 50_000, csv.field_size_limit()
    assert read(f'sequence,label\n"{long}",1\n'.encode()).sequences == [long]
    assert csv.field_size_limit() == usual


def test_values_are_finite_numbers() -> None:
    value = Target("value")
    rows = read(b"sequence,label\nA,-1e3\nC,0.5\n")
    assert check_rows(rows, value, "train", "a").split.labels.tolist() == [-1000.0, 0.5]
    for word in (b"inf", b"x", b"nan"):
        assert "line 3" in refusal(b"sequence,label\nA,1\nC," + word + b"\n", target=value)


def test_wide_columns_are_left_out_unless_a_task_names_them() -> None:
    data = b"sequence,label,note,group\nA,1," + b"x" * 500 + b",g\n"
    assert set(check_rows(read(data), TWO, "train", "a").split.columns) == {"group"}
    assert set(check_rows(read(data), TWO, "train", "a", {"note"}).split.columns) == {"group", "note"}


@given(st.lists(st.tuples(st.text("ACGTRYSWKMBDHVN", min_size=1), st.integers(0, 1)), min_size=1))
def test_what_is_written_as_csv_is_read_back(rows: list[tuple[str, int]]) -> None:
    text = "sequence,label\n" + "".join(f"{sequence},{label}\n" for sequence, label in rows)
    split = check_rows(read(text.encode()), TWO, "train", "a.csv").split
    assert list(zip(split.sequences, split.labels.tolist(), strict=True)) == rows


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_parse_or_be_refused_in_one_sentence(data: bytes) -> None:
    for name in ("a.csv", "a.fa", "a.tsv"):
        assert "\n" not in outcome(data, name)


def outcome(data: bytes, name: str) -> str:
    try:
        check_rows(parse_rows(data, Columns(), name), TWO, "train", name)
    except DataError as problem:
        return str(problem)
    return "read"


@pytest.mark.parametrize(
    "data",
    [
        b",id,sequence,label\n0,a,ACGT,1\n1,b,GGN,0\n",
        b"id,sequence,label,\na,ACGT,1,\nb,GGN,0,\n",
        b",id,,sequence,label, \n0,a,,ACGT,1,x\n1,b,,GGN,0,x\n",
        b'"","id","sequence","label"\n"1","a","ACGT","1"\n"2","b","GGN","0"\n',
    ],
)
def test_a_column_without_a_name_is_no_column(data: bytes) -> None:
    assert content(read(data)) == (["ACGT", "GGN"], ["1", "0"], {"id": ["a", "b"]})
    assert "4 columns where the first line names 5" in refusal(b",,id,sequence,label\n0,a,ACGT,1\n")
