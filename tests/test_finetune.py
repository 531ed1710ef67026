"""Fine-tuning repeats to the byte, selects on dev without leaked rows, and says when a network collapsed."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import log_loss, matthews_corrcoef, mean_squared_error

from dnabench.adapters.cnn import CNN
from dnabench.harness.errors import AdapterError, RequestError, Unavailable
from dnabench.harness.protocols.finetune import CONFIG, _exam, check_config, finetune
from dnabench.harness.protocols.fit import TrainRows
from dnabench.harness.sequence import reverse_complement
from dnabench.harness.types import Fit, Inputs, Split, Target

torch = pytest.importorskip("torch", reason="needs torch: pip install 'dnabench[torch]'")

TWO = Target("class", ("0", "1"))
MOTIF = "TATAAAAG"
QUICK = {**CONFIG, "metric": "mcc", "epochs": 10, "batch_size": 32, "warmup_steps": 5, "device": "cpu"}
BRIEF = {**QUICK, "epochs": 3}


def planted(rows: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Random rows of 60 bp, half of them with a motif somewhere: 1."""
    draw = np.random.default_rng(seed)
    sequences = ["".join(row) for row in draw.choice(list("ACGT"), (rows, 60))]
    labels = draw.integers(0, 2, rows)
    places = draw.integers(0, 52, rows)
    cut = zip(sequences, labels, places, strict=True)
    return [s[:at] + MOTIF + s[at + 8 :] if one else s for s, one, at in cut], labels


def split(name: str, rows: int, seed: int, target: Target = TWO) -> Split:
    sequences, labels = planted(rows, seed)
    if target.kind == "value":
        return Split(name, Inputs(sequences), 50.0 + 20.0 * labels, target)
    if target.kind == "multilabel":
        return Split(name, Inputs(sequences), np.stack([labels, 1 - labels], 1).astype(np.int8), target)
    return Split(name, Inputs(sequences), labels.astype(np.int64), target)


ROWS = TrainRows(split("train", 1500, 1), split("dev", 200, 2))
TEST = split("test", 200, 3)


@pytest.fixture(scope="module")
def learnt() -> Fit:
    return finetune(CNN(), ROWS, TEST.inputs, QUICK, 0)


@pytest.fixture(scope="module")
def briefly() -> Fit:
    """Trained for three epochs: enough where it only matters whether two trainings are the same."""
    return finetune(CNN(), ROWS, TEST.inputs, BRIEF, 0)


def accuracy(fit: Fit) -> float:
    return float((fit.outputs.argmax(1) == TEST.labels).mean())


def test_a_planted_motif_is_learnt(learnt: Fit) -> None:
    assert accuracy(learnt) > 0.8
    assert learnt.outputs.shape == (200, 2)
    assert learnt.outputs.dtype == np.float32
    assert np.allclose(learnt.outputs.sum(1), 1, atol=1e-6)
    assert learnt.kind == "probability"
    assert learnt.chosen["collapsed"] is False
    assert learnt.bases == 200 * 60


def test_the_same_seed_gives_the_same_bytes_whatever_the_process_did_before(briefly: Fit) -> None:
    threads = torch.get_num_threads()
    torch.manual_seed(99)
    torch.set_num_threads(2)
    again = finetune(CNN(), ROWS, TEST.inputs, BRIEF, 0)
    torch.set_num_threads(threads)
    assert again.outputs.tobytes() == briefly.outputs.tobytes()
    assert again.chosen == briefly.chosen
    other = finetune(CNN(), ROWS, TEST.inputs, BRIEF, 1)
    assert other.outputs.tobytes() != briefly.outputs.tobytes()


def test_another_seed_begins_with_other_weights_and_reads_the_rows_in_another_order() -> None:
    starts, reads = [], []

    class Watched(CNN):
        def module(self, outputs: int, length: int) -> Any:
            made = super().module(outputs, length)
            starts.append(made.embeddings.weight.detach().tolist())
            return made

        def collate(self, sequences: Sequence[str]) -> Any:
            reads.append(list(sequences))
            return super().collate(sequences)

    for seed in (0, 1):
        finetune(Watched(), ROWS, TEST.inputs, {**QUICK, "max_steps": 1}, seed)
    assert starts[0] != starts[1]
    assert len(reads[0]) == len(reads[len(reads) // 2]) == QUICK["batch_size"]
    assert set(reads[0]) != set(reads[len(reads) // 2])


@pytest.mark.parametrize("longest", ["train", "dev", "test"])
@pytest.mark.parametrize("second", [False, True])
def test_a_network_is_built_for_the_longest_row_of_all(longest: str, second: bool) -> None:
    class Told(CNN):
        def module(self, outputs: int, length: int) -> Any:
            raise AdapterError(f"built for {length} bases")

    def side(name: str) -> Split:
        unit = "C" if name == "dev" else "A"
        rows, others = [unit * 60] * 20, [unit * (99 if name == longest else 60)] * 20
        return Split(name, Inputs(rows, others) if second else Inputs(others), np.zeros(20, np.int64), TWO)

    train, dev, test = (side(name) for name in ("train", "dev", "test"))
    with pytest.raises(AdapterError, match="built for 99 bases"):
        finetune(Told(), TrainRows(train, dev), test.inputs, QUICK, 0)


def test_the_record_tells_what_was_chosen(learnt: Fit) -> None:
    chosen = dict(learnt.chosen)
    assert json.loads(json.dumps(chosen)) == chosen
    assert chosen["epoch"] == 1 + int(np.argmax(chosen["dev_scores"]))
    assert chosen["rule"] == "best mcc on dev"
    assert len(chosen["dev_scores"]) == len(chosen["train_losses"]) == len(chosen["dev_losses"])
    assert chosen["dev_rows_used"] == 200
    assert chosen["parameters"] == sum(p.numel() for p in CNN().module(2, 60).parameters())


@pytest.mark.parametrize(("metric", "select"), [("mcc", "metric"), ("mcc", "loss"), ("mse", "metric")])
def test_the_record_s_dev_scores_and_losses_are_those_of_the_network_that_is_kept(metric: str, select: str) -> None:
    target = Target("value", ()) if metric == "mse" else TWO
    rows = TrainRows(split("train", 400, 1, target), split("dev", 200, 2, target))
    found = finetune(CNN(), rows, rows.dev.inputs, {**BRIEF, "metric": metric, "select": select}, 0)
    kept, truth, said = found.chosen["epoch"] - 1, rows.dev.labels, found.outputs
    score, loss = found.chosen["dev_scores"][kept], found.chosen["dev_losses"][kept]
    if metric == "mse":
        assert score == pytest.approx(mean_squared_error(truth, said[:, 0]), rel=1e-4)
        assert loss == pytest.approx(score / np.var(rows.train.labels), rel=1e-5)
    else:
        assert score == pytest.approx(matthews_corrcoef(truth, said.argmax(1)), abs=1e-6)
        assert loss == pytest.approx(log_loss(truth, said), rel=1e-4)


@pytest.mark.parametrize("select", ["metric", "loss"])
def test_outputs_that_are_no_numbers_are_the_worst_of_all(select: str) -> None:
    from dnabench.harness.engine.targets import objective_of

    exam = _exam(ROWS.dev, objective_of(TWO, ROWS.train.labels), {**BRIEF, "select": select})
    assert exam is not None
    right = np.float32(9) * np.stack([1 - 2 * ROWS.dev.labels, 2 * ROWS.dev.labels - 1], 1).astype(np.float32)
    broken = np.where(np.arange(200)[:, None] == 7, np.float32(np.nan), right)
    assert exam.judge(broken) < exam.judge(-right) < exam.judge(right)


def test_test_rows_do_not_influence_the_training(briefly: Fit) -> None:
    few = finetune(CNN(), ROWS, Inputs(TEST.sequences[:7]), BRIEF, 0)
    assert few.chosen == briefly.chosen
    assert np.allclose(few.outputs, briefly.outputs[:7], atol=1e-6)


def test_dev_rows_that_train_holds_do_not_select(briefly: Fit) -> None:
    copies = [reverse_complement(s) for s in ROWS.train.sequences[:50]] + list(ROWS.train.sequences[50:90])
    labels = np.concatenate([ROWS.train.labels[:90], ROWS.dev.labels])
    leaky = Split("dev", Inputs([*copies, *ROWS.dev.sequences]), labels, TWO)
    found = finetune(CNN(), TrainRows(ROWS.train, leaky), TEST.inputs, BRIEF, 0)
    assert found.chosen["dev_rows_left_out"] == 90
    assert found.outputs.tobytes() == briefly.outputs.tobytes()


def test_without_usable_dev_rows_the_last_epoch_is_kept() -> None:
    copied = Split("dev", ROWS.train.inputs, ROWS.train.labels, TWO)
    found = finetune(CNN(), TrainRows(ROWS.train, copied), TEST.inputs, {**QUICK, "epochs": 2}, 0)
    assert found.chosen["epoch"] == 2
    assert found.chosen["rule"] == "last step: too few usable dev rows"
    assert found.chosen["dev_scores"] == []


@pytest.mark.parametrize(("kind", "metric"), [("value", "pearson"), ("value", "mse"), ("multilabel", "auroc")])
def test_values_and_several_labels_are_learnt_in_their_own_units(kind: Any, metric: str) -> None:
    target = Target(kind, () if kind == "value" else ("motif", "none"))
    rows = TrainRows(split("train", 1500, 1, target), split("dev", 200, 2, target))
    found = finetune(CNN(), rows, TEST.inputs, {**QUICK, "metric": metric}, 0)
    assert found.outputs.shape == (200, target.outputs)
    assert found.kind == ("value" if kind == "value" else "probability")
    truth = 50 + 20 * TEST.labels if kind == "value" else TEST.labels
    assert np.corrcoef(found.outputs[:, 0], truth)[0, 1] > 0.8
    if kind == "value":
        assert 45 < found.outputs.mean() < 75
    scores = found.chosen["dev_scores"]
    assert found.chosen["epoch"] == 1 + int(np.argmin(scores) if metric == "mse" else np.argmax(scores))


def test_a_collapsed_training_is_flagged() -> None:
    found = finetune(CNN(), ROWS, TEST.inputs, {**QUICK, "learning_rate": 0.0, "epochs": 1}, 0)
    assert found.chosen["collapsed"] is (len(set(found.outputs.argmax(1))) == 1)
    one = Split("train", ROWS.train.inputs, np.ones(1500, np.int64), TWO)
    found = finetune(CNN(), TrainRows(one, ROWS.dev), TEST.inputs, {**QUICK, "epochs": 2}, 0)
    assert found.chosen["collapsed"] is True


def test_both_strands_teach_the_other_strand() -> None:
    other = Inputs([reverse_complement(s) for s in TEST.sequences])
    shown = finetune(CNN(), ROWS, other, {**QUICK, "both_strands": True}, 0)
    unseen = finetune(CNN(), ROWS, other, QUICK, 0)
    assert accuracy(shown) > accuracy(unseen) + 0.15


def test_rows_of_different_lengths_and_strange_letters_are_served() -> None:
    rows = [s[: 10 + i % 50] + "NRY" for i, s in enumerate(ROWS.train.sequences)]
    train = Split("train", Inputs(rows), ROWS.train.labels, TWO)
    test = Inputs(["A", "N" * 90, *TEST.sequences[:3]])
    found = finetune(CNN(), TrainRows(train, ROWS.dev), test, {**QUICK, "epochs": 1}, 0)
    assert found.outputs.shape == (5, 2)


def test_half_a_pair_and_unknown_settings_are_refused() -> None:
    with pytest.raises(RequestError, match="pairs"):
        finetune(CNN(), ROWS, Inputs(["A"], ["C"]), QUICK, 0)
    with pytest.raises(RequestError, match="Did you mean 'epochs'"):
        check_config({**QUICK, "epoch": 3})
    with pytest.raises(RequestError, match="always 'train'"):
        check_config({**QUICK, "fitted_on": "test"})
    with pytest.raises(RequestError, match="least_dev_rows"):
        check_config({**QUICK, "least_dev_rows": 0})


def test_the_configuration_is_whole_and_survives_json() -> None:
    assert json.loads(json.dumps(CONFIG)) == dict(CONFIG)
    assert check_config(CONFIG).as_config().items() <= CONFIG.items()


def test_without_torch_the_cell_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dnabench.harness.protocols.finetune.find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="dnabench"):
        finetune(CNN(), ROWS, TEST.inputs, QUICK, 0)


class Linear:
    """Any object with `module` and `collate` is a model: base counts and a dense layer."""

    def module(self, outputs: int, length: int) -> Any:
        return torch.nn.Linear(4, outputs)

    def collate(self, sequences: Sequence[str]) -> dict[str, Any]:
        return {"input": torch.tensor([[float(s.count(base)) for base in "ACGT"] for s in sequences])}


@pytest.mark.parametrize(
    ("module", "collated", "says"),
    [
        (3, {}, "module returned int; expected a torch.nn.Module"),
        ("nothing", {}, "no numbers that can be trained"),
        ("linear", [1], "collate returned list; expected a mapping"),
    ],
)
def test_a_model_that_breaks_the_rules_is_told_which(module: Any, collated: Any, says: str) -> None:
    parts = {"nothing": torch.nn.Identity(), "linear": torch.nn.Linear(1, 2)}

    class Wrong:
        def module(self, outputs: int, length: int) -> Any:
            return parts.get(module, module)

        def collate(self, sequences: Any) -> Any:
            return collated

    with pytest.raises(AdapterError, match=says):
        finetune(Wrong(), ROWS, TEST.inputs, QUICK, 0)


def test_any_object_with_a_module_can_be_trained() -> None:
    found = finetune(Linear(), ROWS, TEST.inputs, {**QUICK, "epochs": 2}, 0)
    assert found.outputs.shape == (200, 2)


@pytest.mark.slow
def test_a_real_promoter_task_is_learnt() -> None:
    root = os.environ.get("DNABENCH_TEST_DATA")
    if not root:
        pytest.skip("DNABENCH_TEST_DATA is not set")
    folder = Path(root) / "gue" / "prom" / "prom_core_tata"
    parts = []
    for name in ("train", "dev", "test"):
        lines = (folder / f"{name}.csv").read_text().split()[1:]
        rows = [line.split(",") for line in lines]
        parts.append(Split(name, Inputs([r[0] for r in rows]), np.array([int(r[1]) for r in rows]), TWO))
    found = finetune(CNN(), TrainRows(parts[0], parts[1]), parts[2].inputs, {**CONFIG, "metric": "mcc"}, 0)
    assert (found.outputs.argmax(1) == parts[2].labels).mean() > 0.8
