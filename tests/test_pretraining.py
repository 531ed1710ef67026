"""What a table says of a network: whether it saw the task's genome before, and which model could not be had."""

from pathlib import Path

import pytest

from dnabench.harness.cli import run_words
from dnabench.harness.report.pretraining import model_notes, pretraining_notes, verdict, verdict_of
from dnabench.harness.types import RunRecord


def record(pretraining: list[str], assembly: str, species: str) -> RunRecord:
    model = {"name": "m", "objective": "masked", "parameters": 1234, "context_tokens": 66, "pretraining": pretraining}
    return RunRecord("ok", {}, model, {"name": "t/x", "assembly": assembly, "species": species}, {})


@pytest.mark.parametrize(
    ("declared", "assembly", "species", "expected"),
    [
        (["GRCh37"], "hg19", "", "yes"),
        (["T2T-CHM13v2.0", "1000 Genomes"], "GRCh38", "Homo sapiens", "same species"),
        (["Homo sapiens (build not stated)"], "GRCh38", "Homo sapiens", "same species"),
        (["Homo sapiens (build not stated)"], "sacCer3", "Saccharomyces cerevisiae", "no"),
        (["GRCh38"], "R64-2-1 (sacCer3)", "Saccharomyces cerevisiae", "no"),
        (["GRCh38", "135 species (DNABERT-2)"], "mm10", "Mus musculus", "perhaps"),
        (["8 Brassicales, TAIR10 among them (GPN)"], "TAIR10", "", "yes"),
        (["GRCh38"], "GRCh380", "", "perhaps"),
        (["GRCh38"], "", "", ""),
        (["not declared"], "GRCh38", "", "not declared"),
        ([], "GRCh38", "", ""),
    ],
)
def test_a_genome_is_told_by_its_build_and_its_species(
    declared: list[str], assembly: str, species: str, expected: str
) -> None:
    assert verdict(declared, assembly, species) == expected


def test_a_table_says_what_a_network_read_before() -> None:
    one = record(["GRCh38"], "hg38", "Homo sapiens")
    assert verdict_of(one) == "yes"
    assert list(pretraining_notes(one)) == ["pretrained on the task's genome: GRCh38"]
    assert model_notes([one, one]) == ("m: 1,234 parameters; reads 66 tokens at a time; pretraining: GRCh38",)


def test_of_several_models_one_that_cannot_be_had_is_a_cell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", "-m", "org/none,gc", "-t", "yeast/promoter", "--limit", "40", "--offline", "-o", str(tmp_path)]
    assert run_words(words) == 1
    shown = capsys.readouterr().out
    assert "unavailable: model org/none is not on this machine" in shown
    assert len(list(tmp_path.rglob("*.json"))) == 1


def test_cards_declare_what_the_authors_say_they_read() -> None:
    """README of AIRI-Institute/GENA_LM, cards of the hub; GROVER's card names no build."""
    from dnabench.adapters.families import cards

    known = {name: point.pretraining for card in cards().values() for name, point in card.checkpoints.items()}
    assert known["AIRI-Institute/gena-lm-bert-base"] == ("T2T-CHM13v2.0",)
    assert known["AIRI-Institute/gena-lm-bert-base-t2t"] == ("T2T-CHM13v2.0", "1000 Genomes")
    assert known["PoetschLab/GROVER"] == ("Homo sapiens (build not stated)",)
    assert known["kuleshov-group/PlantCaduceus_l32"] == ("16 flowering plants (PlantCaduceus)",)
    assert known["InstaDeepAI/agro-nucleotide-transformer-1b"] == ("48 plants (AgroNT)",)
