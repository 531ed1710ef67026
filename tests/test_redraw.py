"""Another dev set for each replicate, the test rows untouched."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dnabench.harness.cli import run_words
from dnabench.harness.data.load import DataOptions
from dnabench.harness.errors import RequestError
from dnabench.harness.protocols import TrainRows, configure, redrawn, seeds_of
from dnabench.harness.registry import load_suite
from dnabench.harness.report.card import model_card
from dnabench.harness.report.cells import notes, seeded
from dnabench.harness.report.check.truth import _row_faults
from dnabench.harness.run.meet import meet
from dnabench.harness.run.store import read_records
from dnabench.harness.sequence import reverse_complement
from dnabench.harness.types import Dependence, Inputs, Source, Split, Target, Task

TARGET = Target("class", ("0", "1"))


def task(groups: str | None = None) -> Task:
    source = Source("files", {})
    return Task("a/b", 1, "", "sequence", TARGET, "mcc", (), source, dependence=Dependence(groups=groups))


def split(name: str, sequences: list[str], groups: list[str]) -> Split:
    labels = np.arange(len(sequences)) % 2
    return Split(name, Inputs(sequences), labels, TARGET, {"gene": np.array(groups), name: labels})


def rows(n: int = 60) -> TrainRows:
    words = [np.base_repr(4**7 + i, 4).translate(str.maketrans("0123", "ACGT")) for i in range(n)]
    genes = [str(i // 4) for i in range(n)]
    cut = n - n // 6
    return TrainRows(split("train", words[:cut], genes[:cut]), split("dev", words[cut:], genes[cut:]))


def test_ten_replicates_select_on_every_row_once_and_learn_from_the_others() -> None:
    given = rows()
    whole = sorted([*given.train.sequences, *given.dev.sequences])
    drawn = [redrawn(given, 10, seed, task()) for seed in range(10)]
    assert sorted(s for one in drawn for s in one.dev.sequences) == whole
    for one in drawn:
        assert sorted([*one.train.sequences, *one.dev.sequences]) == whole
        assert len(one.dev) == 6
        assert (one.train.name, one.dev.name, list(one.train.columns)) == ("train", "dev", ["gene"])


def test_labels_go_with_their_rows_and_twins_and_groups_stay_together() -> None:
    given = rows()
    label = dict(zip([*given.train.sequences, *given.dev.sequences],
                     [*given.train.labels, *given.dev.labels], strict=True))  # fmt: skip
    twins = TrainRows(
        given.train, split("dev", [reverse_complement(s) for s in given.train.sequences[:10]], ["x"] * 10)
    )
    for seed in range(5):
        one = redrawn(given, 5, seed, task("gene"))
        assert not set(one.train.columns["gene"]) & set(one.dev.columns["gene"])
        assert [label[s] for s in one.dev.sequences] == one.dev.labels.tolist()
        two = redrawn(twins, 5, seed, task())
        assert not {reverse_complement(s) for s in two.dev.sequences} & set(two.train.sequences)


def test_pairs_stay_pairs_and_keep_their_labels() -> None:
    """What stands beside a row is told by the row itself: its second sequence, and a label of its own."""
    words = [np.base_repr(4**7 + i, 4).translate(str.maketrans("0123", "ACGT")) for i in range(30)]
    second = {word: word[::-1] for word in words}
    label = {word: i % 7 % 2 for i, word in enumerate(words)}
    train, dev = (
        Split(name, Inputs(some, [second[w] for w in some]), np.array([label[w] for w in some]), TARGET)
        for name, some in (("train", words[:23]), ("dev", words[23:]))
    )
    one = redrawn(TrainRows(train, dev), 5, 2, task())
    for part in (one.train, one.dev):
        assert list(part.inputs.seconds) == [second[word] for word in part.sequences]
        assert part.labels.tolist() == [label[word] for word in part.sequences]


def test_a_configuration_names_it_only_where_it_is_asked_for() -> None:
    for name in ("fit", "probe", "finetune"):
        assert "dev_folds" not in configure(name, task())
        assert configure(name, task(), None, {"dev_folds": 0}) == configure(name, task())
        assert configure(name, task(), None, {"dev_folds": 10}) == {**configure(name, task()), "dev_folds": 10}
    with pytest.raises(RequestError, match="no option 'dev_folds'"):
        configure("zero_shot", task(), None, {"dev_folds": 10})
    for wrong in (1, -2, True, 2.0, "10", 101):
        with pytest.raises(RequestError, match="from 2 to 100"):
            configure("probe", task(), None, {"dev_folds": wrong})


def test_a_probe_is_repeated_over_the_folds_that_it_is_asked_for(tmp_path: Path) -> None:
    words = ["run", "-m", "kmer", "-t", "yeast/promoter", "--limit", "120", "-o", str(tmp_path), "--seeds", "0-2"]
    assert run_words([*words, "--set", "dev_folds=3"]) == 0
    assert run_words(words) == 0
    plain, folded = sorted((one.record for one in read_records(tmp_path)), key=lambda r: len(r.replicates))
    assert len(plain.replicates) == 1
    assert [one["name"] for one in folded.replicates] == ["seed 0", "seed 1", "seed 2"]
    assert folded.protocol["config"]["dev_folds"] == 3
    assert "--seeds 0,1,2" in model_card([replace(folded, status="ok")]).text
    assert "--seeds" not in model_card([replace(plain, status="ok")]).text


def test_test_rows_that_stand_in_dev_count_as_learnt_where_parts_of_it_are(
    tmp_path: Path, write_suite: Callable[..., Path]
) -> None:
    suite = write_suite(("a",), leaks=2)
    copies = (suite / "a_dev.csv").read_text(encoding="utf-8").splitlines()[1:4]
    test = (suite / "a_test.csv").read_text(encoding="utf-8").splitlines()
    (suite / "a_test.csv").write_text("\n".join([*test[:-3], *copies]) + "\n", encoding="utf-8")
    words = ["run", "-m", "kmer", "-s", str(suite), "-o", str(tmp_path / "out"), "--seeds", "0-1"]
    assert run_words(words) == 0
    assert run_words([*words, "--set", "dev_folds=4"]) == 0
    plain, folded = sorted((one.record for one in read_records(tmp_path / "out")), key=lambda r: len(r.replicates))
    for record, leaked in ((plain, 2), (folded, 5)):
        assert record.checks["duplicates"]["test_rows_in_train"] == leaked
        assert record.checks["rows"]["test_in_dev"] == 3
        assert record.outputs is not None
        assert np.count_nonzero(record.outputs().columns["in_train"]) == leaked
        assert not list(_row_faults(record, record.outputs(), meet(load_suite(str(suite)).tasks[0], DataOptions())))


def test_one_fold_of_several_is_a_seed_among_others_wherever_it_is_shown(tmp_path: Path) -> None:
    words = ["run", "-m", "kmer", "-t", "yeast/promoter", "--limit", "120", "-o", str(tmp_path), "--set", "dev_folds=3"]
    assert run_words(words) == 0
    (record,) = [one.record for one in read_records(tmp_path)]
    assert seeded(record)
    assert "1 of 3 parts of train were dev (--seeds 0-2 takes all)" in notes(record)


def test_a_fold_is_never_counted_twice_by_a_protocol_that_has_no_other_use_for_seeds() -> None:
    folds = configure("probe", task(), None, {"dev_folds": 3})
    assert seeds_of("probe", folds, range(7)) == (0, 1, 2)
    assert seeds_of("probe", folds, (5,)) == (2,)
    trained = configure("finetune", task(), None, {"dev_folds": 3})
    assert seeds_of("finetune", trained, range(5)) == (0, 1, 2, 3, 4)


def test_the_nucleotide_transformer_s_ten_folds_have_a_recipe() -> None:
    for suite in ("nt_original", "nt_revised"):
        for one in load_suite(suite).tasks:
            for name in ("probe", "finetune", "fit"):
                assert configure(name, one, "nt-ten-folds")["dev_folds"] == 10
