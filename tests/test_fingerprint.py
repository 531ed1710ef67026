"""Fingerprints: the same rows give the same hash whatever their file, other rows another one."""

import hashlib
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnabench.harness.data.fingerprint import (
    canonical_csv,
    content_keys,
    fingerprint_rows,
    git_sha1,
)
from dnabench.harness.data.formats import Columns, parse_rows
from dnabench.harness.data.rows import check_rows
from dnabench.harness.types import Inputs, Split, Target

TWO = Target("class", ("0", "1"))


def split_of(data: bytes, name: str = "a.csv") -> Split:
    return check_rows(parse_rows(data, Columns(), name), TWO, "train", name).split


def fingerprint(data: bytes, name: str = "a.csv") -> str:
    split = split_of(data, name)
    return fingerprint_rows(split.inputs, split.labels, split.target)


def test_the_fingerprint_does_not_depend_on_the_format() -> None:
    official = b"sequence,label\nACGT,1\nGGN,0\n"
    expected = hashlib.sha256(official).hexdigest()
    for data, name in (
        (official, "a.csv"),
        (b"\xef\xbb\xbflabel\tsequence\r\n1\tacgt\r\n0\tGgN", "a.tsv"),
        (b">x 1\nAC\nGT\n>y 0\nGGN\n", "a.fa"),
    ):
        assert fingerprint(data, name) == expected


@pytest.mark.parametrize(
    "other",
    [
        b"sequence,label\nGGN,0\nACGT,1\n",
        b"sequence,label\nACGT,1\nGGN,1\n",
        b"sequence,label\nACGT,1\nGGA,0\n",
        b"sequence,label\nACGT,1\nGGN,0\nGGN,0\n",
    ],
)
def test_order_labels_bases_and_rows_change_it(other: bytes) -> None:
    assert fingerprint(other) != fingerprint(b"sequence,label\nACGT,1\nGGN,0\n")


def test_pairs_label_sets_and_values_have_one_spelling() -> None:
    pair = canonical_csv(Inputs(["AC"], ["GT"]), np.array([1]), TWO)
    assert pair == b"sequence1,sequence2,label\nAC,GT,1\n"
    several = canonical_csv(Inputs(["AC"]), np.array([[0, 1]], np.int8), Target("multilabel", ("a", "b")))
    assert several == b"sequence,label\nAC,01\n"
    value = canonical_csv(Inputs(["AC", "G"]), np.array([0.1, 1e22]), Target("value"))
    assert value == b"sequence,label\nAC,0.1\nG,1e+22\n"


@given(st.binary(max_size=300))
def test_git_ids_are_those_of_git(data: bytes) -> None:
    assert git_sha1(data) == hashlib.sha1(b"blob " + str(len(data)).encode() + b"\0" + data).hexdigest()


def test_git_agrees(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"sequence,label\n")
    try:
        told = subprocess.run(["git", "hash-object", tmp_path / "a"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("git is not here")
    assert told.stdout.strip() == git_sha1(b"sequence,label\n")


@given(st.lists(st.text("ACGTN", min_size=1), unique=True, min_size=1))
def test_content_keys_tell_sequences_apart_and_nothing_else(sequences: list[str]) -> None:
    keys = content_keys(Inputs(sequences + sequences[::-1]))
    assert keys.dtype == np.uint64
    assert len(set(keys.tolist())) == len(sequences)
    assert keys[: len(sequences)].tolist() == keys[len(sequences) :][::-1].tolist()


def test_content_keys_are_the_first_bytes_of_blake2b() -> None:
    expected = int.from_bytes(hashlib.blake2b(b"ACGT", digest_size=8).digest(), "little")
    assert content_keys(Inputs(["ACGT"])).tolist() == [expected]
    pair = int.from_bytes(hashlib.blake2b(b"AC,GT", digest_size=8).digest(), "little")
    assert content_keys(Inputs(["AC"], ["GT"])).tolist() == [pair]


def test_official_gue_files_are_their_own_canonical_form() -> None:
    if "DNABENCH_TEST_DATA" not in os.environ:
        pytest.skip("DNABENCH_TEST_DATA does not name the folder of real data")
    folder = Path(os.environ["DNABENCH_TEST_DATA"]) / "gue"
    sums = folder.joinpath("SOURCE.md").read_text(encoding="utf-8")
    for name in ("prom/prom_core_tata/train.csv", "mouse/2/test.csv", "tf/4/dev.csv"):
        found = fingerprint((folder / name).read_bytes(), name)
        assert f"`GUE/{name}.gz`" in sums
        assert found in sums
