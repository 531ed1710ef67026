"""Places against brute force, faults of their tables, and the measured flaws of Genomic Benchmarks."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dnabench.harness.audit.coordinates import (
    Coordinates,
    coordinate_facts,
    coordinate_scores,
    is_coordinates,
    read_coordinates,
)
from dnabench.harness.audit.lengths import length_facts, length_rule
from dnabench.harness.audit.places import Places, exact_places, lookup_rule, overlapping, places_of
from dnabench.harness.errors import DataError

stretch = st.tuples(st.sampled_from("12X"), st.integers(0, 50), st.integers(1, 9))
stretches = st.lists(stretch, max_size=20)


def places(rows: list[tuple[str, int, int]]) -> Places:
    starts = np.array([start for _, start, _ in rows], np.int64)
    return Places(
        np.array([name for name, _, _ in rows], dtype=np.str_),
        starts,
        starts + np.array([n for *_, n in rows], np.int64),
    )


@given(stretches, stretches)
def test_overlaps_agree_with_comparing_all_places(
    test: list[tuple[str, int, int]], train: list[tuple[str, int, int]]
) -> None:
    expected = [any(a == b and s < t + m and t < s + n for b, t, m in train) for a, s, n in test]
    assert overlapping(places(test), places(train)).tolist() == expected
    assert exact_places(places(test), places(train)).tolist() == [row in train for row in test]


def test_the_table_of_intervals_gives_unseen_places_what_places_met_once_are() -> None:
    train = places([("1", 0, 5), ("1", 0, 5), ("1", 9, 5), ("2", 0, 5), ("2", 9, 5)])
    labels = np.array([1, 1, 0, 0, 1])
    assert lookup_rule(places([("1", 0, 5), ("9", 0, 5)]), train, labels).tolist() == [1, 0]


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 2)), min_size=1, max_size=30),
    st.lists(st.integers(1, 12), min_size=1),
)
def test_the_length_rule_is_the_majority_at_the_nearest_length(train: list[tuple[int, int]], test: list[int]) -> None:
    def by_hand(length: int) -> int:
        nearest = min({n for n, _ in train}, key=lambda n: (abs(n - length), n))
        counts = [sum(1 for n, label in train if n == nearest and label == k) for k in range(3)]
        return counts.index(max(counts))

    long, labels = (np.array(column, np.int64) for column in zip(*train, strict=True))
    assert length_rule(long, labels, np.array(test, np.int64)).tolist() == [by_hand(n) for n in test]


def test_a_context_cuts_what_is_longer() -> None:
    test = np.array([100, 600, 2000])
    facts = length_facts(np.array([50]), test, None, ())
    cut = {one["context"]: one for one in facts["cut"]}
    assert cut[512]["rows"] == 2
    assert cut[512]["share_of_bases"] == pytest.approx((88 + 1488) / 2700, abs=1e-6)
    assert 2048 not in cut


def write_set(folder: Path, rows: dict[str, str]) -> Path:
    for name, body in rows.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(f"id,region,start,end,strand\n{body}".encode()))
    return folder


GOOD = {
    "train/b.csv.gz": "0,chr1,5,9,+\n1,chr1,5,9,+\n",
    "train/a.csv.gz": "0,chr1,50,90,\n",
    "test/a.csv.gz": "0,chr2,1,8,-\n",
    "test/b.csv.gz": "0,chr1,5,9,+\n",
}


def test_classes_are_in_alphabetical_order_and_strands_may_be_missing(tmp_path: Path) -> None:
    found = read_coordinates(write_set(tmp_path / "mine", GOOD))
    assert (found.name, found.classes, found.test.labels.tolist()) == ("mine", ("a", "b"), [0, 1])
    facts = coordinate_facts(found)
    assert facts["places"]["exact"] == 1
    assert facts["places"]["repeats_in_train"] == 1


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("test/a.csv.gz", "0,chr2,8,8,-\n", r"test/a.csv.gz, line 2: the interval is empty"),
        ("test/a.csv.gz", "0,chr2,x,8,-\n", r"test/a.csv.gz, line 2: 'x' is no place"),
        ("test/c.csv.gz", "0,chr2,1,8,-\n", "same classes"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(tmp_path: Path, name: str, body: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_coordinates(write_set(tmp_path, GOOD | {name: body}))


def test_a_table_without_chromosomes_is_refused(tmp_path: Path) -> None:
    folder = write_set(tmp_path, GOOD)
    (folder / "test" / "a.csv.gz").unlink()
    (folder / "test" / "a.csv").write_text("start,end\n1,2\n")
    with pytest.raises(DataError, match="no column for the chromosome"):
        read_coordinates(folder)


def test_a_folder_of_something_else_holds_no_places(tmp_path: Path) -> None:
    assert not is_coordinates(tmp_path)


def test_columns_that_are_no_numbers_name_no_places() -> None:
    columns = {"chromosome": np.array(["1"]), "start": np.array(["x"]), "end": np.array(["5"])}
    assert places_of(columns) is None
    assert places_of({"chromosome": np.array(["1"])}) is None
    found = places_of(columns | {"start": np.array(["2"])})
    assert found is not None
    assert found.words() == ["1:2-5"]


@pytest.fixture(scope="module")
def benchmarks() -> Path:
    if "DNABENCH_TEST_DATA" not in os.environ:
        pytest.skip("DNABENCH_TEST_DATA does not name the folder of real data")
    return Path(os.environ["DNABENCH_TEST_DATA"]) / "genomic_benchmarks_coords"


def test_a_lookup_table_of_intervals_solves_human_enhancers_ensembl(benchmarks: Path) -> None:
    data = read_coordinates(benchmarks / "human_enhancers_ensembl")
    facts = coordinate_facts(data)["places"]
    assert (facts["exact"], facts["test_rows"]) == (11_694, 30_970)  # rows
    assert coordinate_scores(data)["table of train intervals"].value == pytest.approx(0.8776, abs=5e-5)
    positives = coordinate_facts(data)["by_class"]["positive"]
    assert (positives["train_rows"], positives["distinct_train_places"]) == (61_936, 38_595)


def test_length_alone_solves_human_ensembl_regulatory_unless_rows_are_cut(benchmarks: Path) -> None:
    data = read_coordinates(benchmarks / "human_ensembl_regulatory")
    scores = coordinate_scores(data)
    found = {name: round(100 * (score.value or 0), 2) for name, score in scores.items()}
    assert found["length"] == 91.52
    assert (found["length, cut at 512"], found["length, cut at 500"], found["length, cut at 256"]) == (
        82.7,
        82.34,
        55.08,
    )
    assert found["majority"] == 37.04


@pytest.mark.parametrize(
    ("name", "share"),
    [("human_nontata_promoters", 0.49), ("drosophila_enhancers_stark", 0.27), ("demo_human_or_worm", 0.075)],
)
def test_test_rows_overlap_training_intervals(benchmarks: Path, name: str, share: float) -> None:
    data: Coordinates = read_coordinates(benchmarks / name)
    found = overlapping(data.test.places, data.train.places).mean()
    assert found == pytest.approx(share, abs=0.005)


def test_chromosomes_of_one_name_in_two_genomes_are_not_one() -> None:
    columns = {"chromosome": np.array(["I", "I"]), "start": np.array(["0", "5"]), "end": np.array(["9", "14"])}
    both = places_of(columns)
    apart = places_of(columns | {"genome": np.array(["yeast", "worm"])})
    assert both is not None
    assert apart is not None
    for found, touching in ((both, True), (apart, False)):
        assert overlapping(found.take(np.array([0])), found.take(np.array([1]))).tolist() == [touching]
