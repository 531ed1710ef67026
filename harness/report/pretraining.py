"""What a model read before: whether a task's genome was in it, and what else of a model belongs beside its scores.

Authors declare assemblies (GRCh38), or collections without a list (850 genomes), of which nothing is concluded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from ..types import RunRecord

Verdict = Literal["yes", "same species", "perhaps", "no", "not declared", ""]
NOT_DECLARED = "not declared"
"""What cards say where authors do not name what a checkpoint was trained on."""
BUILDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "Homo sapiens": (("GRCh38", "hg38"), ("GRCh37", "hg19"), ("T2T-CHM13v2.0", "CHM13", "hs1"), ("1000 Genomes",)),
    "Mus musculus": (("GRCm38", "mm10"), ("GRCm39", "mm39"), ("NCBIM37", "mm9")),
    "Saccharomyces cerevisiae": (("R64-2-1", "R64-1-1", "sacCer3"),),
    "Drosophila melanogaster": (("BDGP6", "dm6"), ("BDGP5", "dm3")),
    "Caenorhabditis elegans": (("WBcel235", "ce11"), ("WBcel215", "ce10"), ("ce2",)),
    "Arabidopsis thaliana": (("TAIR10",),),
}
"""Species → names of its assemblies; those in one tuple are the same sequence."""


def verdict(declared: Sequence[str], assembly: str, species: str) -> Verdict:
    """Whether a task's genome is among the declared ones; empty where nothing was pretrained or the task names none.

    `same species`: another assembly of it, or the task does not say which. `perhaps`: a collection is declared.

    >>> verdict(["GRCh38"], "hg38", "Homo sapiens"), verdict(["GRCh38"], "", "Homo sapiens")
    ('yes', 'same species')
    >>> verdict(["GRCh38"], "mm10", "Mus musculus"), verdict(["850 genomes"], "mm10", ""), verdict([], "mm10", "")
    ('no', 'perhaps', '')
    """
    if not declared:
        return ""
    if list(declared) == [NOT_DECLARED]:
        return "not declared"
    asked, wanted = _builds(assembly), {name for name in BUILDS if name in species}
    wanted |= {name for name, _ in asked}
    held = {build for text in declared for build in _builds(text)}
    if asked & held:
        return "yes"
    if wanted & ({name for name, _ in held} | {name for text in declared for name in _species(text)}):
        return "same species"
    if not (assembly or species):
        return ""
    open_ended = not wanted or any(
        not (_builds(text) or _species(text)) or text.strip()[0].isdigit() for text in declared
    )
    return "perhaps" if open_ended else "no"


def verdict_of(record: RunRecord) -> Verdict:
    """The verdict for a record's model and task."""
    task = record.task
    return verdict(_declared(record), str(task.get("assembly") or ""), str(task.get("species") or ""))


def pretraining_notes(record: RunRecord) -> Iterator[str]:
    """The footnote of a cell whose genome the model saw or may have seen; what is not declared its line below says."""
    words = {
        "yes": "pretrained on the task's genome: {}",
        "same species": "pretrained on a genome of the task's species: {}",
        "perhaps": "the task's genome may be among those it was pretrained on: {}",
    }
    found = verdict_of(record)
    if found in words:
        yield words[found].format(", ".join(_declared(record)))


def model_notes(records: Iterable[RunRecord]) -> tuple[str, ...]:
    """A line for each network in a table: parameters, context, what it was pretrained on."""
    return tuple(dict.fromkeys(_line(record.model) for record in records if record.model.get("objective")))


def _line(model: Mapping[str, Any]) -> str:
    size = model.get("parameters")
    limits = [f"{model[key]:,} {unit}" for key, unit in _LIMITS if model.get(key) is not None]
    declared = ", ".join(map(str, model.get("pretraining") or ())) or "none (random weights)"
    parts = [f"{size:,} parameters"] if size is not None else []
    parts += [f"reads {' or '.join(limits)} at a time" if limits else "reads any length"]
    return f"{model['name']}: {'; '.join([*parts, f'pretraining: {declared}'])}"


_LIMITS = (("context_tokens", "tokens"), ("context_bases", "bases"))


def _declared(record: RunRecord) -> list[str]:
    return [str(one) for one in record.model.get("pretraining") or ()]


def _species(text: str) -> set[str]:
    """Species that a text names where its authors name no assembly."""
    return {name for name in BUILDS if name in text}


def _builds(text: str) -> set[tuple[str, tuple[str, ...]]]:
    """(species, names of one sequence) of every assembly that a text names."""
    return {
        (species, names)
        for species, builds in BUILDS.items()
        for names in builds
        if any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text, re.IGNORECASE) for name in names)
    }
