"""Which protocol serves which model, what a configuration holds, and what a protocol may never see."""

import dataclasses
import inspect
import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from dnabench.adapters.kmer import Kmer
from dnabench.adapters.majority import Majority
from dnabench.harness.errors import AdapterError, RequestError
from dnabench.harness.protocols import PROTOCOLS, TrainRows, choose, configure, run_protocol
from dnabench.harness.protocols.fit import bases_seen, usable_dev
from dnabench.harness.protocols.probe import embed
from dnabench.harness.sequence import reverse_complement
from dnabench.harness.types import Inputs, ModelInfo, Source, Split, Target, Task

TWO = Target("class", ("0", "1"))
TASK = Task(
    name="toy/one",
    version=1,
    title="",
    inputs="sequence",
    target=TWO,
    metric="mcc",
    metrics=(),
    source=Source("files", {}),
    recipes={"weak": {"strengths": [1.0]}, "official": {"learning_rate": 3e-5}},
)


class Model:
    """Any capabilities and any answer, right or wrong."""

    def __init__(self, *capabilities: Any, answer: Any = None) -> None:
        self.capabilities = frozenset(capabilities)
        self.info = ModelInfo("toy", "toy", 1)
        self.answer = answer
        self.chosen: dict[str, Any] = {}

    def embed(self, sequences: Sequence[str]) -> Any:
        return self.answer(len(sequences))

    def fit(self, train: Split, dev: Split, seed: int) -> Any:
        return self

    def predict(self, inputs: Inputs) -> Any:
        return self.answer(len(inputs))


def rows(n: int = 60) -> tuple[TrainRows, Inputs]:
    draw = np.random.default_rng(0)
    names = ["".join(letters) for letters in draw.choice(list("ACGT"), (n, 20))]
    parts = [Split("x", Inputs(names[i::3]), np.arange(n // 3) % 2, TWO) for i in range(3)]
    return TrainRows(parts[0], parts[1]), parts[2].inputs


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        (("fit", "embed", "module"), "fit"),
        (("embed", "module"), "probe"),
        (("module",), "finetune"),
        (("module", "log_likelihood"), "finetune"),
        (("log_likelihood",), "zero_shot"),
        (("predict",), None),
    ],
)
def test_the_default_protocol_follows_from_what_a_model_offers(offered: Any, expected: Any) -> None:
    name, reason = choose(TASK, Model(*offered))
    assert name == expected
    assert reason


def test_a_request_wins_over_the_default_or_says_why_not() -> None:
    both = Model("fit", "embed")
    assert choose(TASK, both, "probe")[0] == "probe"
    assert choose(TASK, both, "finetune") == (
        None,
        "finetune needs a model that offers module, which toy does not",
    )
    pairs = dataclasses.replace(TASK, inputs="pair")
    assert choose(pairs, both, "fit") == (None, "fit does not serve pair inputs")
    assert choose(pairs, both)[0] == "probe"
    assert choose(pairs, Model("fit"))[0] is None
    three = dataclasses.replace(TASK, target=Target("class", ("a", "b", "c")))
    assert choose(three, Model("log_likelihood")) == (
        None,
        "no protocol serves sequence inputs with a model that offers log_likelihood",
    )
    assert choose(three, Model("log_likelihood"), "zero_shot")[1].endswith("serves two classes only")
    only_fit = dataclasses.replace(TASK, protocols=("fit",))
    assert choose(only_fit, Model("embed"), "probe")[0] is None
    with pytest.raises(RequestError, match="Did you mean 'probe'"):
        choose(TASK, both, "prob")


def test_only_finetune_is_repeated_over_seeds() -> None:
    assert {name for name, spec in PROTOCOLS.items() if spec.uses_seed} == {"finetune"}
    assert all(name == spec.name and spec.version >= 1 for name, spec in PROTOCOLS.items())


def test_a_configuration_is_whole_and_survives_json() -> None:
    for name in PROTOCOLS:
        config = configure(name, TASK)
        assert config.get("metric") == ("mcc" if PROTOCOLS[name].selects else None)
        assert json.loads(json.dumps(config)) == config
    assert configure("probe", TASK, "weak")["strengths"] == [1.0]
    assert configure("probe", TASK, "weak", {"strengths": [0.5], "metric": "auroc"})["strengths"] == [0.5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("probe", TASK, "waek"), "Did you mean 'weak'"),
        (
            ("probe", TASK, "official"),
            "recipe official is for finetune, and this would be probe: say --protocol finetune",
        ),
        (("probe", TASK, None, {"strenghts": [1]}), "Did you mean 'strengths'"),
        (("probe", TASK, None, {"strengths": [0]}), "expected a number above 0"),
        (("probe", TASK, None, {"strengths": 1.0}), "expected a list"),
        (("probe", TASK, None, {"patience": 0}), "at least 1"),
        (("probe", TASK, None, {"fitted_on": "test"}), "always 'train'"),
        (("probe", TASK, None, {"metric": "r2"}), "r2 does not score a class target"),
        (("fit", TASK, None, {"selected_on": "test"}), "no settings"),
        (("finetune", TASK, None, {"epochs": -1}), "epochs"),
        (("zero_shot", TASK, None, {"per": "token"}), "must be base or row"),
        (("zero_shot", TASK, None, {"higher": "class 0"}), "would be learning"),
        (("prove", TASK), "Did you mean 'probe'"),
    ],
)
def test_a_wrong_configuration_is_one_clear_sentence(arguments: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        configure(*arguments)


def test_no_protocol_can_see_test_labels() -> None:
    assert [f.name for f in dataclasses.fields(TrainRows)] == ["train", "dev"]
    assert inspect.signature(run_protocol).parameters["test"].annotation == "Inputs"
    assert {f.name for f in dataclasses.fields(Inputs)} == {"sequences", "seconds"}
    known, test = rows()
    with_labels: Any = Split("test", test, np.zeros(len(test), np.int64), TWO)
    with pytest.raises(TypeError, match=r"split\.inputs"):
        run_protocol("fit", Majority(), known, with_labels, configure("fit", TASK))


def test_the_table_runs_fit_and_probe() -> None:
    known, test = rows()
    for name, model in (("fit", Majority()), ("probe", Kmer(k=2))):
        found = run_protocol(name, model, known, test, configure(name, TASK))
        assert found.outputs.shape == (20, 2)
        assert np.allclose(found.outputs.sum(1), 1)
        assert found.kind == "probability"
        assert found.bases_seen == 1.0
        assert found.bases >= 400
        assert set(found.seconds) >= {"fit", "predict"}
        assert json.loads(json.dumps(dict(found.chosen))) == found.chosen


def test_a_model_that_fits_itself_is_given_the_seed_and_the_dev_rows_that_train_lacks() -> None:
    given: list[Any] = []

    class Told(Model):
        def fit(self, train: Split, dev: Split, seed: int) -> Any:
            given.extend((dev, seed))
            self.chosen = {"anything": 1}
            return self

    known, test = rows()
    twin = reverse_complement(known.train.sequences[0])
    inputs, labels = Inputs([twin, *known.dev.sequences]), np.append(1, known.dev.labels)
    leaky = Split("dev", inputs, labels, TWO, {"place": np.arange(21)})
    model = Told("fit", answer=lambda n: np.full((n, 2), 0.5))
    found = run_protocol("fit", model, TrainRows(known.train, leaky), test, configure("fit", TASK), 5)
    dev, seed = given
    assert (dev.sequences, seed) == (known.dev.sequences, 5)
    assert dev.labels.tolist() == known.dev.labels.tolist()
    assert dev.columns["place"].tolist() == list(range(1, 21))
    assert (found.chosen["dev_rows_used"], found.chosen["dev_rows_left_out"]) == (20, 1)


def test_what_a_model_does_to_its_list_stays_with_it() -> None:
    class Greedy:
        def embed(self, sequences: list[str]) -> Any:
            table = np.ones((len(sequences), 2))
            sequences.clear()
            return table

    inputs = Inputs(["A", "C", "G"])
    assert embed(Greedy(), inputs).shape == (3, 2)
    assert list(inputs.sequences) == ["A", "C", "G"]


def test_any_object_with_embed_can_be_probed() -> None:
    class Plain:
        def embed(self, sequences: Sequence[str]) -> list[list[int]]:
            return [[s.count("A"), s.count("C")] for s in sequences]

    known, test = rows()
    assert run_protocol("probe", Plain(), known, test, configure("probe", TASK)).outputs.shape == (20, 2)


def test_a_task_without_dev_rows_is_served() -> None:
    known, test = rows()
    none = Split("dev", Inputs([]), np.zeros(0, np.int64), TWO)
    for name, model in (("fit", Majority()), ("probe", Kmer(k=2))):
        found = run_protocol(name, model, TrainRows(known.train, none), test, configure(name, TASK))
        assert found.outputs.shape == (20, 2)
    with pytest.raises(RequestError, match="no train rows"):
        run_protocol("fit", Majority(), TrainRows(none, none), test, configure("fit", TASK))


def nan_in_row_7(n: int) -> Any:
    table = np.full((n, 2), 0.5)
    table[7, 1] = np.nan
    return table


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (nan_in_row_7, r"toy: the output for test row 7 is NaN or infinite \(1 of 20 rows are\)"),
        (lambda n: np.full((n, 3), 0.5), r"toy: outputs have shape \(20, 3\); expected \(20, 2\)"),
        (lambda n: np.full((n - 1, 2), 0.5), r"toy: outputs have shape \(19, 2\)"),
        (
            lambda n: np.full((n, 2), 2.0),
            r"toy: the output for test row 0 is not a probability: \[2.0, 2.0\]",
        ),
    ],
)
def test_wrong_outputs_name_the_model_and_the_row(answer: Any, message: str) -> None:
    known, test = rows()
    with pytest.raises(AdapterError, match=message):
        run_protocol("fit", Model("fit", answer=answer), known, test, configure("fit", TASK))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (nan_in_row_7, r"toy: the embedding of row 7 \([ACGT]{20}\) holds NaN or infinity"),
        (lambda n: csr_matrix(nan_in_row_7(n)[:, ::-1]), r"toy: the embedding of row 7 \([ACGT]{20}\) holds NaN"),
        (lambda n: np.ones((n + 1, 4)), r"toy: embed returned shape \(21, 4\) for 20 sequences"),
        (np.ones, r"toy: embed returned shape \(20,\)"),
        (lambda n: np.ones((n, 0)), r"toy: embed returned shape \(20, 0\)"),
        (lambda n: np.full((n, 2), "a"), "toy: embed returned numbers of type <U1"),
        (lambda n: np.ones((n, 2)) * 1j, "toy: embed returned numbers of type complex128"),
        (lambda n: np.full((n, 2), 1e300), "row 0 .* holds NaN or infinity as float32"),
    ],
)
def test_a_wrong_embedding_names_the_model_and_the_row(answer: Any, message: str) -> None:
    known, test = rows()
    with pytest.raises(AdapterError, match=message):
        run_protocol("probe", Model("embed", answer=answer), known, test, configure("probe", TASK))


def test_a_pair_that_train_holds_leaves_dev_with_both_of_its_sides() -> None:
    two = Target("class", ("0", "1"))
    train = Split("train", Inputs(["AAC"], ["GGT"]), np.array([0]), two)
    dev = Split(
        "dev", Inputs(["AAC", "CCA", "TTG"], ["GGT", "CAT", "TAG"]), np.array([0, 1, 0]), two, {"n": np.arange(3)}
    )
    used = usable_dev(TrainRows(train, dev))
    assert (list(used.sequences), list(used.inputs.seconds)) == (["CCA", "TTG"], ["CAT", "TAG"])
    assert (used.labels.tolist(), used.columns["n"].tolist()) == ([1, 0], [1, 2])


def test_the_share_of_bases_that_are_read_counts_both_sides_of_a_pair() -> None:
    class Half:
        def bases_read(self, sequences: list[str]) -> list[int]:
            return [len(one) // 2 for one in sequences]

    pairs = Inputs(["ACGT", "ACGTACGT"], ["AC", "ACGTAC"])
    short = SimpleNamespace(info=ModelInfo("a", "a", 1, context_bases=5))
    assert bases_seen(Half(), pairs) == 10 / 20
    assert bases_seen(short, pairs) == (4 + 5 + 2 + 5) / 20
