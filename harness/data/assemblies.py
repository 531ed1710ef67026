"""Genome builds and how to tell them apart: a build is known by the lengths of its chromosomes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dnabench.harness.errors import DataError

from .genome import chromosome_lengths, find_chromosome

_HUMAN = (*(str(i) for i in range(1, 23)), "X", "Y")


def _lengths(names: tuple[str, ...], words: str) -> dict[str, int]:
    return dict(zip(names, map(int, words.split()), strict=True))


ASSEMBLIES: Mapping[str, Mapping[str, int]] = {
    "GRCh37": _lengths(
        _HUMAN,
        "249250621 243199373 198022430 191154276 180915260 171115067 159138663 146364022 141213431 135534747 135006516"
        " 133851895 115169878 107349540 102531392 90354753 81195210 78077248 59128983 63025520 48129895 51304566"
        " 155270560 59373566",
    ),
    "GRCh38": _lengths(
        _HUMAN,
        "248956422 242193529 198295559 190214555 181538259 170805979 159345973 145138636 138394717 133797422 135086622"
        " 133275309 114364328 107043718 101991189 90338345 83257441 80373285 58617616 64444167 46709983 50818468"
        " 156040895 57227415",
    ),
    "GRCm38": _lengths(("1", "2", "X"), "195471971 182113224 171031299"),
    "WBcel235": _lengths(("I", "II", "III", "IV", "V", "X"), "15072434 15279421 13783801 17493829 20924180 17718942"),
    "BDGP6": _lengths(("2L", "2R", "3L", "3R", "4", "X"), "23513712 25286936 28110227 32079331 1348131 23542271"),
    "sacCer3": _lengths(
        ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV", "XVI"),
        "230218 813184 316620 1531933 576874 270161 1090940 562643 439888 745751 666816 1078177 924431 784333 1091291"
        " 948066",
    ),
}
"""Assembly → chromosome (without `chr`) → bases, from the assemblies' own reports; enough of each to know it."""

_ALIASES = {"hg19": "GRCh37", "hg38": "GRCh38", "mm10": "GRCm38", "ce11": "WBcel235", "dm6": "BDGP6", "R64": "sacCer3"}


def official_name(assembly: str) -> str:
    """One name for each build, whatever its spelling.

    >>> official_name("hg38"), official_name("GRCh38"), official_name("T2T-CHM13")
    ('GRCh38', 'GRCh38', 'T2T-CHM13')
    """
    return _ALIASES.get(assembly, assembly)


def check_assembly(genome: Path, assembly: str) -> None:
    """Refuse a FASTA file whose chromosomes are not as long as the assembly's.

    Only chromosomes that the file has and whose length is known are compared, so that a part of a genome
    passes. Raises DataError with the first that differs, and with the build that it would fit.
    """
    expected = ASSEMBLIES.get(official_name(assembly))
    if expected is None:
        return
    found = chromosome_lengths(genome)
    for chromosome, bases in expected.items():
        name = find_chromosome(chromosome, found)
        if name is not None and found[name] != bases:
            fits = _fitting(chromosome, found[name])
            raise DataError(
                f"{genome.name} is not {assembly}: its {name} has {found[name]:,} bases, that of {assembly} "
                f"{bases:,}{fits}: name a FASTA file of {assembly}"
            )


def _fitting(chromosome: str, bases: int) -> str:
    for other, lengths in ASSEMBLIES.items():
        if lengths.get(chromosome) == bases:
            return f" ({other} has as many)"
    return ""
