"""A recipe is what the user says, then what its name says, then the model's card; searches read dev, never test."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dnabench.adapters.cnn import CNN
from dnabench.harness.engine.recipe import Recipe
from dnabench.harness.errors import AdapterError, RequestError
from dnabench.harness.protocols import configure
from dnabench.harness.protocols.finetune import CONFIG, finetune
from dnabench.harness.protocols.fit import TrainRows
from dnabench.harness.registry import find_tasks
from dnabench.harness.types import Adapter, Inputs, ModelInfo, Split, Target, Task

torch = pytest.importorskip("torch", reason="needs torch: pip install 'dnabench[torch]'")

TWO = Target("class", ("0", "1"))
QUICK = {**CONFIG, "metric": "mcc", "epochs": 3, "batch_size": 16, "warmup_steps": 2, "device": "cpu"}


def task(name: str) -> Task:
    (found,) = find_tasks(["gue"], [f"gue/{name}"])
    return found


class Carded:
    """A model whose card has settings of its own."""

    info = ModelInfo("carded", "carded", 1)
    capabilities = frozenset({"module"})
    recipe: Mapping[str, Any] = {"learning_rate": 1e-4, "clip": 0.5, "max_steps": 70, "select": "metric"}


CARDED: Adapter = Carded()  # type: ignore[assignment]  # a protocol's properties are attributes here


def test_the_user_is_heard_before_the_recipe_and_the_recipe_before_the_card() -> None:
    plain = configure("finetune", task("mouse_0"))
    assert (plain["learning_rate"], plain["max_steps"], plain["clip"]) == (2e-3, 0, 1.0)
    card = configure("finetune", task("mouse_0"), None, {}, CARDED)
    assert (card["learning_rate"], card["max_steps"], card["clip"]) == (1e-4, 70, 0.5)
    named = configure("finetune", task("mouse_0"), "gue-official", {}, CARDED)
    assert (named["learning_rate"], named["max_steps"], named["select"]) == (3e-5, 1000, "loss")
    mine = configure("finetune", task("mouse_0"), "gue-official", {"learning_rate": 1e-3}, CARDED)
    assert (mine["learning_rate"], mine["max_steps"]) == (1e-3, 1000)
    assert configure("finetune", task("mouse_0"), "gue-official", {"epochs": 2}, CARDED)["max_steps"] == 0


def test_the_other_strand_is_refused_where_it_has_another_label() -> None:
    (strand,) = find_tasks(["yeast"], ["yeast/coding_strand"])
    with pytest.raises(RequestError, match="both_strands: yeast/coding_strand is about the strand"):
        configure("finetune", strand, None, {"both_strands": True})
    assert configure("finetune", task("mouse_0"), None, {"both_strands": True})["both_strands"] is True


def test_a_card_with_a_wrong_setting_is_named() -> None:
    class Wrong(Carded):
        recipe: Mapping[str, Any] = {"learning_rat": 1}

    with pytest.raises(RequestError, match="recipe of carded: no option 'learning_rat'"):
        configure("finetune", task("mouse_0"), None, {}, Wrong())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "steps"),
    [  # rows of train by 32 (128 for covid), rounded up, times the epochs of the script
        ("emp_H3", 3 * 375), ("human_tf_0", 3 * 1012), ("mouse_1", 1000), ("prom_core_tata", 10 * 154),
        ("virus_covid", 8 * 573),
    ],
)  # fmt: skip
def test_the_official_recipe_makes_the_steps_of_the_authors_script(name: str, steps: int) -> None:
    from dnabench.harness.protocols.finetune import check_config

    one = task(name)
    recipe = check_config(configure("finetune", one, "gue-official"))
    rows = one.source.files["train"].rows
    assert rows is not None
    assert recipe.steps(rows) == steps
    assert (recipe.learning_rate, recipe.weight_decay, recipe.schedule) == (3e-5, 0.01, "linear")
    assert (recipe.precision, recipe.select, recipe.patience) == ("float16", "loss", 0)
    assert (recipe.pooling, recipe.head, recipe.mode) == ("cls", "dense", "full")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("splice_reconstructed", (80, 410, 80)), ("prom_core_all", (20, 80, 20)), ("virus_covid", (256, 1024, 256)),
        ("emp_H4ac", (128, 512, 100)), ("mouse_4", (30, 110, 30)), ("prom_300_tata", (70, 310, 70)),
    ],
)  # fmt: skip
def test_every_script_cuts_rows_at_its_own_length(name: str, expected: tuple[int, ...]) -> None:
    names = ("gue-official", "gue-official-dnabert", "gue-official-nt")
    assert tuple(configure("finetune", task(name), recipe)["max_tokens"] for recipe in names) == expected


def test_every_recipe_of_every_task_can_be_followed() -> None:
    for one in find_tasks(["gue"], []):
        assert set(one.recipes) == {"gue-official", "gue-official-dnabert", "gue-official-nt"}
        for recipe in one.recipes:
            config = configure("finetune", one, recipe)
            assert config["mode"] == ("lora" if recipe.endswith("-nt") else "full")


def rows(n: int, seed: int, name: str = "train") -> Split:
    draw = np.random.default_rng(seed)
    sequences = ["".join(row) for row in draw.choice(list("ACGT"), (n, 60))]
    labels = draw.integers(0, 2, n)
    sequences = [s[:20] + "TATAAAAG" + s[28:] if one else s for s, one in zip(sequences, labels, strict=True)]
    return Split(name, Inputs(sequences), labels.astype(np.int64), TWO)


ROWS = TrainRows(rows(160, 1), rows(60, 2, "dev"))
TEST = rows(40, 3, "test").inputs


def test_a_search_keeps_what_dev_prefers_and_tells_all_that_it_tried() -> None:
    reads: list[Any] = []

    class Watched(CNN):
        def collate(self, sequences: Any) -> Any:
            reads.extend(s for s in sequences if s in set(TEST.sequences))
            return super().collate(sequences)

    config = {**QUICK, "search": {"learning_rate": [1e-5, 3e-3], "batch_size": [16, 32]}}
    found = finetune(Watched(), ROWS, TEST, config, 0)
    assert len(reads) == len(TEST), "the test rows are read once"
    search = found.chosen["search"]
    assert search["runs"] == len(search["tried"]) == 4
    best = max(search["tried"], key=lambda one: (one["dev_score"], -one["dev_loss"]))
    assert {name: best[name] for name in search["chosen"]} == search["chosen"]
    assert search["chosen"]["learning_rate"] == 3e-3
    alone = finetune(CNN(), ROWS, TEST, {**QUICK, **search["chosen"]}, 0)
    assert alone.outputs.tobytes() == found.outputs.tobytes()
    assert alone.chosen["dev_scores"] == found.chosen["dev_scores"]
    assert found.chosen["notes"] == ["settings chosen on dev among 4 runs per seed: batch_size, learning_rate"]


def test_a_run_of_a_search_that_diverges_is_counted_and_not_chosen() -> None:
    config = {**QUICK, "search": {"learning_rate": [1e38, 1e-3]}, "clip": 0.0, "schedule": "constant"}
    search = finetune(CNN(), ROWS, TEST, config, 0).chosen["search"]
    assert search["chosen"] == {"learning_rate": 1e-3}
    assert search["tried"][0] == {"learning_rate": 1e38, "dev_score": None, "dev_loss": None, "diverged": True}


def test_a_network_whose_answers_are_no_numbers_diverged_though_its_loss_was_one() -> None:
    class Overflows(CNN):
        def module(self, outputs: int, length: int) -> Any:
            made = super().module(outputs, length)
            made.register_forward_hook(lambda module, given, raw: raw if module.training else raw * torch.nan)
            return made

    config = {**QUICK, "epochs": 3, "patience": 1}
    with pytest.raises(AdapterError, match=r"outputs for the dev rows became infinite or NaN in epoch 1: lower"):
        finetune(Overflows(), ROWS, TEST, config, 0)


def test_a_network_that_has_only_float32_says_so_in_place_of_the_precision_that_was_asked_for() -> None:
    class Narrow(CNN):
        def module(self, outputs: int, length: int) -> Any:
            made = super().module(outputs, length)
            made.float32_only = True
            return made

    plain = finetune(CNN(), ROWS, TEST, {**QUICK, "epochs": 1}, 0)
    found = finetune(Narrow(), ROWS, TEST, {**QUICK, "epochs": 1, "precision": "bfloat16"}, 0)
    assert found.outputs.tobytes() == plain.outputs.tobytes()
    assert found.chosen["precision"] == "float32"
    assert found.chosen["notes"] == ["bfloat16 cannot run in this network: float32 ran in its place"]


def test_a_searched_precision_is_no_substitute_for_another() -> None:
    config = {**QUICK, "epochs": 1, "search": {"precision": ["bfloat16"]}}
    found = finetune(CNN(), ROWS, TEST, config, 0).chosen
    assert found["precision"] == "bfloat16"
    assert found["notes"] == ["settings chosen on dev among 1 runs per seed: precision"]


def test_a_search_cannot_vary_what_its_runs_are_compared_by() -> None:
    with pytest.raises(RequestError, match="search cannot vary 'select'"):
        finetune(CNN(), ROWS, TEST, {**QUICK, "search": {"select": ["metric", "loss"]}}, 0)


def test_lora_that_finds_only_some_of_its_names_says_so() -> None:
    pytest.importorskip("peft", reason="needs peft: pip install 'dnabench[finetune]'")

    class Parts(CNN):
        def module(self, outputs: int, length: int) -> Any:
            made: Any = torch.nn.Module()
            made.network = torch.nn.Sequential()
            made.network.add_module("dense", torch.nn.Linear(4, 4))
            made.head = torch.nn.Linear(4, outputs)
            made.forward = lambda shares: made.head(made.network(shares))
            return made

        def collate(self, sequences: Any) -> Any:
            return {"shares": torch.tensor([[s.count(base) / len(s) for base in "ACGT"] for s in sequences])}

    config = {**QUICK, "mode": "lora", "epochs": 1, "lora_targets": ["query", "dense"]}
    found = finetune(Parts(), ROWS, TEST, config, 0).chosen
    assert found["adapted"] == ["dense"]
    assert found["notes"] == ["nothing in this network is called query: LoRA was put on the rest"]


def test_a_search_keeps_the_first_of_the_runs_whose_best_look_is_the_best() -> None:
    from dnabench.harness.engine.search import searched

    curves = {1: [(0.9,), (0.2,)], 2: [(0.5,), (0.6,)], 3: [(0.1,), (0.9,)]}
    runs: dict[int, Any] = {epochs: SimpleNamespace(curve=curve) for epochs, curve in curves.items()}
    best, tried = searched(Recipe(search={"epochs": (1, 2, 3)}), lambda one: runs[one.epochs], judged=True)
    assert best is runs[1]
    assert [one.rank for one in tried] == [(0.9,), (0.6,), (0.9,)]


def test_a_search_without_dev_rows_is_refused() -> None:
    config = {**QUICK, "search": {"epochs": [1, 2]}}
    with pytest.raises(RequestError, match="needs dev rows"):
        finetune(CNN(), TrainRows(ROWS.train, ROWS.train), TEST, config, 0)


def test_the_smallest_loss_selects_where_the_recipe_says_so() -> None:
    found = finetune(CNN(), ROWS, TEST, {**QUICK, "select": "loss", "evaluate_every": 7}, 0).chosen
    assert found["rule"] == "smallest loss on dev"
    assert found["dev_steps"] == [7, 14, 21, 28]
    assert found["step"] == found["dev_steps"][int(np.argmin(found["dev_losses"]))]


def test_what_ran_in_place_of_what_was_asked_stands_in_the_record() -> None:
    found = finetune(CNN(), ROWS, TEST, {**QUICK, "precision": "float16", "max_steps": 3}, 0).chosen
    assert found["precision"] == "float32"
    assert found["notes"] == ["float16 cannot run on the CPU: float32 ran in its place"]
    assert found["dev_steps"] == [3]


def test_a_model_that_has_no_tokens_says_so_where_a_recipe_cuts_in_tokens() -> None:
    with pytest.raises(RequestError, match="cuts rows at 20 tokens, and cnn cannot: --set max_tokens=0"):
        finetune(CNN(), ROWS, TEST, {**QUICK, "max_tokens": 20}, 0)


def test_a_limit_in_tokens_reaches_the_model_and_the_share_of_bases_is_of_both_sides_of_a_pair() -> None:
    from small_readers import small_learner

    from dnabench.harness.engine.recipe import Recipe
    from dnabench.harness.protocols.course import bases_share, collate_of

    class Cut:
        def collate(self, sequences: Any, max_tokens: int = 0) -> Any:
            return {"limit": max_tokens}

    assert collate_of(Cut(), Recipe(max_tokens=7))(["ACGT"]) == {"limit": 7}
    # [CLS], six 3-mers, [SEP]: 8 of 16 bases.
    pair, module = Inputs(["ACGTACGTACGTACGT"], ["TTTTAAAACCCCGGGG"]), small_learner().module
    assert bases_share(Cut(), module, pair, Recipe()) == 1.0
    assert bases_share(Cut(), module, pair, Recipe(max_tokens=8)) == 0.5


def test_pairs_are_learnt_by_a_network_that_knows_nothing_of_them() -> None:
    def paired(n: int, seed: int, name: str) -> Split:
        one, other = rows(n, seed, name), rows(n, seed + 50, name)
        labels = (one.labels != other.labels).astype(np.int64)
        return Split(name, Inputs(one.sequences, other.sequences), labels, TWO)

    course = TrainRows(paired(300, 1, "train"), paired(80, 2, "dev"))
    test = paired(200, 3, "test")
    found = finetune(CNN(), course, test.inputs, {**QUICK, "epochs": 8}, 0)
    assert (found.outputs.argmax(1) == test.labels).mean() > 0.9


def test_the_command_line_sets_what_the_recipe_says(tmp_path: Path) -> None:
    from dnabench.harness.cli.options import settings
    from dnabench.harness.data.load import DataOptions
    from dnabench.harness.run.plan import Request, make_plan

    changes = settings(["search.learning_rate=[1e-4, 3e-4]", "epochs=2"])
    request = Request((CNN(),), (task("mouse_0"),), "finetune", "gue-official", changes)
    (planned,) = make_plan(request, tmp_path, DataOptions())
    assert planned.cell.config["search"] == {"learning_rate": [1e-4, 3e-4]}
    assert planned.cell.config["epochs"] == 2
    with pytest.raises(RequestError, match="has an option 'serach"):
        make_plan(
            Request((CNN(),), (task("mouse_0"),), "finetune", None, {"serach.learning_rat": [1]}),
            tmp_path,
            DataOptions(),
        )
    with pytest.raises(RequestError, match="KEY=VALUE"):
        settings(["epochs"])


def test_the_table_says_what_a_reader_must_know_of_a_training() -> None:
    from dnabench.harness.report.cells import cell
    from dnabench.harness.types import RunRecord

    said = ({"chosen": {"notes": ["one"]}, "name": "seed 0"}, {"chosen": {"notes": ["one", "two"]}, "name": "seed 1"})
    folded = {"chosen": {"folds": [{"collapsed": False}, {"collapsed": True, "notes": ["three"]}]}, "name": "seed 2"}
    facts: dict[str, Any] = {"name": "t/x", "metric": "mcc"}
    record = RunRecord("ok", {}, {"name": "m"}, facts, {}, replicates=(*said, folded), checks={"bases_seen": 0.571})
    assert cell(record).noted == ("57.1% of the test set's bases reached the model", "one", "two", "three")
    assert cell(record).collapsed == ("seed 2",)
