"""One page says everything that is known of a task, a model or a run."""

import json
import shlex
from pathlib import Path

import pytest

from dnabench.harness import registry
from dnabench.harness.cli import run_words
from dnabench.harness.errors import RecordError
from dnabench.harness.report.page import Page, Section, page_json, page_text
from dnabench.harness.report.published import read_published
from dnabench.harness.report.render import Table

PUBLISHED = "task,model,parameters_millions,protocol,metric,value,error,error_kind,replicates,note,source\n"


@pytest.fixture
def toy(write_suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A suite of one task, five test rows of which stand in train, with gc and kmer scored."""
    monkeypatch.chdir(tmp_path)
    write_suite(("a",), leaks=5)
    assert run_words(["run", "-m", "gc,kmer", "-s", "mine", "-p", "probe", "--json"]) == 0
    return tmp_path


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert run_words(["show", *words]) == 0
    return capsys.readouterr().out


def test_a_tasks_page_has_its_data_its_leaks_and_its_scores(toy: Path, capsys) -> None:
    published = toy / "published"
    published.mkdir()
    (published / "mine.csv").write_text(PUBLISHED + "mine/a,BigModel,500,finetune,mcc,0.7415,0.01,sd,3,,Doe 2026\n")
    text = shown(capsys, "mine/suite.yaml", "--published", str(published))
    assert "mine/a: task a" in text
    assert "Matthews correlation (MCC)" in text
    assert "a_test.csv" in text
    assert "0.7415 ± 0.01 (sd)" in text
    assert "results/runs/mine/kmer@" in text
    facts = json.loads(shown(capsys, "mine/suite.yaml", "--json"))
    assert facts["checks"]["test in train"] == 5
    assert [row["rows"] for row in facts["data"]["rows"]] == [120, 40, 60]


def test_the_line_that_a_page_shows_next_names_a_file_by_its_path_and_runs(toy: Path, capsys) -> None:
    (toy / "my rows.csv").write_text((toy / "mine" / "a_train.csv").read_text())
    for name in ("mine/suite.yaml", "my rows.csv"):
        line = shown(capsys, name).splitlines()[-1].strip()
        assert line.startswith("dnabench run -m kmer -t ")
        assert run_words([*shlex.split(line)[1:], "--dry-run"]) == 0


def test_a_suites_page_lists_its_tasks_with_their_state_and_who_was_run(
    write_suite, tmp_path: Path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    write_suite(("a", "b"))
    assert run_words(["run", "-m", "gc", "-t", "mine/suite.yaml", "--json"]) == 0
    page = json.loads(shown(capsys, "mine/suite.yaml", "--json"))
    assert [(row["task"], row["state"]) for row in page["tasks"]["rows"]] == [("mine/a", "ready"), ("mine/b", "ready")]
    assert page["our runs"]["rows"] == [{"model": "gc", "protocol": "fit", "scored": 2, "of": 2}]
    assert "-s mine/suite.yaml" in shown(capsys, "mine/suite.yaml")
    assert shown(capsys, "gue").startswith("gue: Genome Understanding Evaluation (GUE)")


def test_a_tasks_page_without_its_data_says_what_the_task_file_promises(capsys) -> None:
    text = shown(capsys, "gue/emp_H3")
    assert "EMP/H3/train.csv" in text
    assert "is missing" in text
    assert "11,971" in text


def test_a_tasks_page_says_which_genomes_it_needs_and_which_are_here(tmp_path: Path, capsys) -> None:
    facts = json.loads(shown(capsys, "species/species_1k", "--json"))
    assert facts["data"]["state"] == "needs genome"
    assert facts["data"]["genomes"][:2] == ["human (not here)", "lemur (not here)"]
    assert "train 2,000" in shown(capsys, "species/species_1k")
    genome = tmp_path / "t2t.fa"
    genome.write_text(">1\nACGT\n")
    facts = json.loads(shown(capsys, "species/species_1k", "--json", "--genome", f"human={genome}"))
    assert facts["data"]["genomes"][:2] == ["human (here)", "lemur (not here)"]


def test_a_tasks_page_says_how_folds_are_cut_and_what_its_groups_are_worth(capsys) -> None:
    facts = json.loads(shown(capsys, "grna/WT", "--json"))
    assert facts["asks"]["split rule"] == "kfold: 5 folds, seed 0, rows of one guide undivided"
    groups = json.loads(shown(capsys, "yeast/coding", "--json"))["dependence"]["groups of test"]
    assert groups.endswith("of one size (G_eff)")


def test_hundreds_of_labels_do_not_fill_the_page(capsys) -> None:
    facts = json.loads(shown(capsys, "chromatin_profile/deepsea_tf", "--json"))
    assert facts["asks"]["classes"][-1] == "and 678 more"


def test_a_familys_page_has_what_its_card_says_and_how_its_models_are_read(capsys, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = shown(capsys, "hyenadna")
    assert "1,026 tokens, 1,024 bases" in text
    assert "LongSafari/hyenadna-small-32k-seqlen-hf" in text
    assert "crop (or: crop-left, windows" in text
    facts = json.loads(shown(capsys, "hyenadna", "--json"))
    assert facts["is"]["objective"] == "causal"
    assert facts["is"]["licence"] == "BSD-3-Clause"
    small = next(row for row in facts["checkpoints"]["rows"] if "small-32k" in row["model"])
    assert small["parameters"] == 3_281_664
    assert small["pretraining"] == ["GRCh38"]


def test_every_family_has_a_page(capsys, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, card in registry.families().items():
        text = shown(capsys, name)
        assert text.startswith(f"{name}: {card.title}")
        assert all(repository in text for repository in card.checkpoints)
    assert run_words(["show", "hyenadn"]) == 2
    assert "'hyenadna'" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["check", "-t"], ["fetch"], ["show"], ["data", "audit"]])
def test_a_genome_is_named_on_every_command_that_reads_one(words: list[str], capsys) -> None:
    assert run_words([*words, "species/species_1k", "--genome", "human"]) == 2
    assert "write ASSEMBLY=FILE" in capsys.readouterr().err


def test_a_models_page_has_identity_options_and_runs(toy: Path, capsys) -> None:
    facts = json.loads(shown(capsys, "kmer", "--model-args", "k=4", "--json"))
    assert facts["options"]["k"] == 4
    assert facts["is"]["capabilities"] == ["embed"]
    assert list(facts["protocols"]) == ["probe"]
    assert [row["task"] for row in facts["scores here"]["rows"]] == ["mine/a"]


def test_a_runs_page_has_scores_with_and_without_the_rows_in_train(toy: Path, capsys) -> None:
    (path,) = toy.glob("results/runs/mine/kmer@*/*/a.json")
    text = shown(capsys, str(path))
    assert "without rows in train" in text
    for heading in ("scores", "seeds", "checks", "configuration", "cost", "provenance"):
        assert f"\n{heading}\n" in text
    facts = json.loads(shown(capsys, str(path.relative_to(toy / "results" / "runs")), "--json"))
    assert facts["checks"]["duplicates: test rows in train"] == 5
    assert run_words(["list", "runs", "*kmer@*", "--json"]) == 0
    assert {row["model"] for row in json.loads(capsys.readouterr().out)} == {"kmer"}
    run_words(["list", "runs", "*gc@*", "--json"])
    assert json.loads(capsys.readouterr().out) == []
    record = json.loads(path.read_text())
    assert {row["metric"]: row["value"] for row in facts["scores"]["rows"]} == {
        name: score["value"] for name, score in record["scores"].items()
    }


def test_a_page_of_a_cell_that_failed_says_why(toy: Path, capsys) -> None:
    Path("mine/a_dev.csv").unlink()
    assert run_words(["run", "-m", "nearest", "-s", "mine"]) == 1
    (path,) = toy.glob("results/runs/mine/nearest@*/*/a.json")
    text = shown(capsys, str(path))
    assert "unavailable" in text
    assert "a_dev.csv is missing" in text


def test_a_page_in_markdown_has_headings(toy: Path, capsys) -> None:
    text = shown(capsys, "kmer", "--format", "md")
    assert text.startswith("# kmer: ")
    assert "\n## options\n\n- k: 6\n" in text


def test_what_is_not_known_is_not_printed() -> None:
    page = Page("x", "", [Section("empty", {"a": None, "b": ""}), Section("some", {"a": 0}, Table("", ("h",), ()))])
    assert page_text(page, 80) == "x\n\nsome\n  a  0\n"
    assert json.loads(page_json(page)) == {"name": "x", "title": "", "some": {"a": 0}}


def test_a_page_keeps_to_the_width_of_the_terminal() -> None:
    page = Page("x", "", [Section("facts", {"name": "word " * 60}, sentences=["word " * 60])])
    assert max(map(len, page_text(page, 72).splitlines())) <= 72


def test_published_scores_are_read_by_task_and_a_bad_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(PUBLISHED + "gue/a,M,,finetune,mcc,0.5,,,,,S\ngue/b,M,,finetune,mcc,,,,,not given,S\n")
    assert [s.value for s in read_published(tmp_path)] == [0.5, None]
    assert [s.task for s in read_published(tmp_path, ["gue/b"])] == ["gue/b"]
    assert read_published(tmp_path / "nothing") == []
    file.write_text(PUBLISHED + "gue/a,M,,finetune,mcc,high,,,,,S\n")
    with pytest.raises(RecordError, match=r"a\.csv:2: 'high' is not a number"):
        read_published(tmp_path)
    file.write_text("task,model\n")
    with pytest.raises(RecordError, match="has no column 'protocol'"):
        read_published(tmp_path)


def test_the_published_scores_that_ship_can_all_be_read() -> None:
    folder = Path(__file__).parents[1] / "results" / "published"
    scores = read_published(folder)
    assert scores
    assert all(score.value is None or -1 <= score.value <= 1 for score in scores if score.metric == "mcc")
