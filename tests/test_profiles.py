"""DeepSEA's windows as places in a genome, in place of its MATLAB files."""

import gzip
import random
from dataclasses import replace
from pathlib import Path

import pytest

from dnabench.harness.data.load import load_splits
from dnabench.harness.data.sources import DataOptions
from dnabench.harness.data.state import task_state
from dnabench.harness.data.suite_file import read_suite
from dnabench.harness.errors import DataError
from dnabench.harness.types import Task

HEAD = "Chr_No,Start,End,y_a,y_b,y_c"
ROWS = ("0,100,110,1,0,1", "22,3,5,0,1.0,0", "0,40,60,1,1,0", "0,70,90,0,0,0")
DRAW = random.Random(1)
BASES = {name: "".join(DRAW.choices("ACGT", k=200)) for name in ("chr1", "chrX")}


def made(folder: Path, rows: tuple[str, ...] = ROWS, head: str = HEAD) -> tuple[Task, DataOptions]:
    (folder / "g.fa").write_text("".join(f">{name}\n{bases}\n" for name, bases in BASES.items()))
    for name in ("train", "val", "test"):
        (folder / f"{name}_hg19_coords_targets.csv").write_text("\n".join((head, *rows, "")))
    (folder / "suite.yaml").write_text(
        "suite: mine\ntitle: mine\ntasks:\n  b_c:\n    title: two of three labels\n    target: multilabel\n"
        "    classes: 2\n    length: 20\n    metric: auroc_median\n    source:\n      kind: matlab\n"
        "      options: {labels: [1, 3, 3], forward_only: true, genome: g.fa}\n      files:\n"
        "        train: {path: train.mat, hub_path: train_hg19_coords_targets.csv}\n"
        "        dev: {path: valid.mat, hub_path: val_hg19_coords_targets.csv}\n"
        "        test: {path: test.mat, hub_path: test_hg19_coords_targets.csv}\n"
    )
    return read_suite(folder).tasks[0], DataOptions(data_dir=folder, offline=True)


def test_places_and_a_genome_give_windows_and_the_asked_labels(tmp_path: Path) -> None:
    task, options = made(tmp_path)
    assert task_state(task, options) == "ready"
    split = load_splits(task, options).test
    x, one = BASES["chrX"], BASES["chr1"]
    assert list(split.sequences) == [one[95:115], "N" * 6 + x[:14], one[40:60], one[70:90]]
    assert split.labels.tolist() == [[0, 1], [1, 0], [1, 0], [0, 0]]
    assert split.columns["chromosome"].tolist() == ["1", "X", "1", "1"]


def test_a_task_without_a_length_reads_the_places_themselves(tmp_path: Path) -> None:
    task, options = made(tmp_path)
    split = load_splits(replace(task, length=None), options).test
    assert list(split.sequences) == [
        BASES["chr1"][100:110],
        BASES["chrX"][3:5],
        BASES["chr1"][40:60],
        BASES["chr1"][70:90],
    ]


def test_without_the_genome_the_state_says_so(tmp_path: Path) -> None:
    task, options = made(tmp_path)
    (tmp_path / "g.fa").unlink()
    assert task_state(task, options) == "needs genome"


@pytest.mark.parametrize(
    ("rows", "head", "message"),
    [
        (ROWS, "Chr,Start,End,y_a,y_b,y_c", "no column 'Chr_No'"),
        (ROWS, "Chr_No,Start,End,y_a,y_b,c", "2 columns y_…; expected 3"),
        ((*ROWS, "0,1,2,1,0"), HEAD, "line 6: 5 cells where the header has 6"),
        ((*ROWS, "24,1,2,1,0,1"), HEAD, "line 6: 24, 1, 2 is no place"),
        ((*ROWS, "0,9,2,1,0,1"), HEAD, "line 6: 0, 9, 2 is no place"),
        ((*ROWS, "0,-9,2,1,0,1"), HEAD, "line 6: '-9' is not a whole number"),
        ((*ROWS, "0,1,2,1,0,2"), HEAD, "line 6: a label is neither 0 nor 1"),
        ((*ROWS, "1,1,2,1,0,1"), HEAD, "there is no such chromosome"),
    ],
)
def test_rows_that_are_no_places_are_refused_with_their_line(
    tmp_path: Path, rows: tuple[str, ...], head: str, message: str
) -> None:
    task, options = made(tmp_path, rows, head)
    with pytest.raises(DataError, match=message):
        load_splits(task, options)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzip.compress(("\n".join((HEAD, *ROWS)) + "\n").encode(), mtime=0)[:-9], "truncated gzip"),
        (gzip.compress(HEAD.encode(), mtime=0)[:-5] + b"xxxxx", "damaged gzip"),
        (HEAD.encode() + b"\n0,1,2,\xff,0,1\n", "byte 0xff is not UTF-8"),
        (b"PK\x03\x04", "zip archive"),
        (b"", "no column 'Chr_No'"),
    ],
    ids=("cut short", "damaged", "not UTF-8", "zip", "empty"),
)
def test_a_file_that_is_no_table_is_refused_in_a_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    task, options = made(tmp_path)
    (tmp_path / "test_hg19_coords_targets.csv").write_bytes(content)
    with pytest.raises(DataError, match=said):
        load_splits(task, options)


def test_gzip_a_mark_and_other_line_ends_change_nothing(tmp_path: Path) -> None:
    task, options = made(tmp_path)
    usual = load_splits(task, options).test
    text = "\ufeff" + "\r\n".join((HEAD, *ROWS, ""))
    (tmp_path / "test_hg19_coords_targets.csv").write_bytes(gzip.compress(text.encode()))
    found = load_splits(task, options).test
    assert list(found.sequences) == list(usual.sequences)
    assert found.labels.tolist() == usual.labels.tolist()
