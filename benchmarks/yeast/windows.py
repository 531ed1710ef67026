"""Which stretches of the yeast genome become rows: one function per task, from chromosomes to windows.

Nothing is random: a draw is the sha256 of a text, so the rows are the same on every machine and for ever.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LENGTH = 300
AROUND_ATG = 100
NOT_IN_THE_WAY = ("source", "rep_origin", "misc_feature")
"""Feature types that may lie in an intergenic window: whole chromosomes, origins, silenced cassettes."""


@dataclass(frozen=True)
class Feature:
    """One line of the feature table; 0-based, half-open."""

    start: int
    end: int
    strand: str
    type: str
    name: str
    systematic: str


@dataclass(frozen=True)
class Gene:
    """A protein-coding gene: its coding exons in genome order."""

    systematic: str
    strand: str
    exons: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Chromosome:
    """A chromosome with its annotation; `genes` leaves out pseudogenes and genes of transposons."""

    name: str
    sequence: str
    features: tuple[Feature, ...]
    genes: tuple[Gene, ...]


@dataclass(frozen=True)
class Row:
    """A window with its label; `gene` is empty for intergenic rows."""

    chromosome: str
    start: int
    end: int
    strand: str
    label: int
    gene: str = ""
    split: str = ""
    family: str = ""


def draw(key: str, choices: int) -> int:
    """A number below `choices` that depends on the text alone.

    >>> draw("coding YAL001C", 10) == draw("coding YAL001C", 10) < 10
    True
    """
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % choices


def coding(chromosome: Chromosome) -> Iterator[Row]:
    """Label 1: a window inside each gene's longest exon. Label 0: tiles of the regions without any feature.

    The strand is drawn for the rows of both labels, so it says nothing.
    """
    for gene, start in _inside_genes(chromosome, "coding"):
        yield _row(chromosome, start, _strand(f"coding {gene.systematic}"), 1, gene.systematic)
    for first, end in _runs(~_covered(chromosome)):
        lead = draw(f"intergenic {chromosome.name}:{first}", (end - first) % LENGTH + 1)
        for start in range(first + lead, end - LENGTH + 1, LENGTH):
            yield _row(chromosome, start, _strand(f"intergenic {chromosome.name}:{start}"), 0)


def coding_strand(chromosome: Chromosome) -> Iterator[Row]:
    """A window inside each gene's longest exon on a drawn strand; label 1 where it is the gene's."""
    for gene, start in _inside_genes(chromosome, "strand"):
        strand = _strand(f"strand {gene.systematic}")
        yield _row(chromosome, start, strand, int(strand == gene.strand), gene.systematic)


def promoter(chromosome: Chromosome) -> Iterator[Row]:
    """Label 1: the window before a start codon. Label 0: the one after a stop codon. Free of features."""
    covered = _covered(chromosome)
    for gene in chromosome.genes:
        first, last = gene.exons[0][0], gene.exons[-1][1]
        before, after = (first - LENGTH, last) if gene.strand == "+" else (last, first - LENGTH)
        for start, label in ((before, 1), (after, 0)):
            if 0 <= start <= len(covered) - LENGTH and not covered[start : start + LENGTH].any():
                yield _row(chromosome, start, gene.strand, label, gene.systematic)


def start_codon(chromosome: Chromosome) -> Iterator[Row]:
    """Label 1: the start codon of a gene of one exon. Label 0: one in-frame ATG further inside such a gene.

    On the gene's strand, the ATG at base 100 of 200; the bases after it are coding in both.
    """
    for gene in chromosome.genes:
        if len(gene.exons) == 1:
            inner = _inner_atgs(chromosome.sequence, gene)
            offsets = [(0, 1)]
            if inner:
                offsets.append((inner[draw(f"atg {gene.systematic}", len(inner))], 0))
            yield from (row for offset, label in offsets if (row := _around(chromosome, gene, offset, label)))


TASKS: Mapping[str, Callable[[Chromosome], Iterator[Row]]] = {
    "coding": coding,
    "promoter": promoter,
    "start_codon": start_codon,
    "coding_strand": coding_strand,
}


def without_overlaps(rows: Sequence[Row]) -> list[Row]:
    """Rows of one chromosome of which no two share a base: both go where labels differ, else a draw says.

    >>> a, b, c, d = (Row("I", s, s + 300, "+", x) for s, x in ((0, 1), (200, 1), (900, 0), (250, 0)))
    >>> len(without_overlaps([a, b, c])), without_overlaps([a, d])
    (2, [])
    """
    rows = sorted(rows, key=lambda r: (r.start, r.strand))
    pairs = [(a, b) for i, a in enumerate(rows) for b in _meeting(rows, i)]
    ambiguous = {x for a, b in pairs if a.label != b.label for x in (a, b)}
    rivals: dict[Row, set[Row]] = {row: set() for row in rows}
    for a, b in pairs:
        rivals[a].add(b)
        rivals[b].add(a)
    kept: set[Row] = set()
    for row in sorted(rows, key=lambda r: draw(f"overlap {r.chromosome}:{r.start}{r.strand}", 1 << 62)):
        if row not in ambiguous and not rivals[row] & kept:
            kept.add(row)
    return [row for row in rows if row in kept]


def balanced(rows: Sequence[Row]) -> list[Row]:
    """As many rows of each label, those with the lowest draw, in genome order."""
    ranked = sorted(rows, key=lambda r: (draw(f"balance {r.chromosome}:{r.start}", 1 << 62), r.start))
    by_label = [[r for r in ranked if r.label == label] for label in (0, 1)]
    fewest = min(map(len, by_label))
    return sorted((r for group in by_label for r in group[:fewest]), key=lambda r: r.start)


def _row(chromosome: Chromosome, start: int, strand: str, label: int, gene: str = "") -> Row:
    return Row(chromosome.name, start, start + LENGTH, strand, label, gene)


def _strand(key: str) -> str:
    return "+-"[draw(f"strand of {key}", 2)]


def _inside_genes(chromosome: Chromosome, task: str) -> Iterator[tuple[Gene, int]]:
    """A window start inside the longest exon of every gene that has room and no other gene on it."""
    cover = np.zeros(len(chromosome.sequence) + 1, np.int32)
    for feature in chromosome.features:
        if feature.type == "gene":
            cover[feature.start] += 1
            cover[feature.end] -= 1
    genes_at = np.cumsum(cover)
    for gene in chromosome.genes:
        first, last = max(_without_stop(gene), key=lambda exon: exon[1] - exon[0])
        if last - first >= LENGTH:
            start = first + draw(f"{task} {gene.systematic}", last - first - LENGTH + 1)
            if genes_at[start : start + LENGTH].max() == 1:
                yield gene, start


def _without_stop(gene: Gene) -> tuple[tuple[int, int], ...]:
    """The exons of a gene without its stop codon, so that a window inside one is open in the gene's frame."""
    (first, end), (start, last) = gene.exons[0], gene.exons[-1]
    if gene.strand == "+":
        return (*gene.exons[:-1], (start, last - 3))
    return ((first + 3, end), *gene.exons[1:])


def _inner_atgs(sequence: str, gene: Gene) -> list[int]:
    """Offsets of in-frame ATGs whose window meets neither that of the start codon nor the gene's end."""
    (first, last), size = gene.exons[0], gene.exons[0][1] - gene.exons[0][0]
    wanted = "ATG" if gene.strand == "+" else "CAT"
    places = range(2 * AROUND_ATG + 1, size - AROUND_ATG + 1, 3)
    return [o for o in places if sequence[(at := first + o if gene.strand == "+" else last - o - 3) : at + 3] == wanted]


def _around(chromosome: Chromosome, gene: Gene, offset: int, label: int) -> Row | None:
    """The window whose base 100, on the gene's strand, is `offset` bases into its only exon."""
    first, last = gene.exons[0]
    middle = first + offset if gene.strand == "+" else last - offset
    start, end = middle - AROUND_ATG, middle + AROUND_ATG
    if start < 0 or end > len(chromosome.sequence) or last - first < AROUND_ATG:
        return None
    return Row(chromosome.name, start, end, gene.strand, label, gene.systematic)


def _covered(chromosome: Chromosome) -> NDArray[np.bool_]:
    covered = np.zeros(len(chromosome.sequence), bool)
    for feature in chromosome.features:
        if feature.type not in NOT_IN_THE_WAY:
            covered[feature.start : feature.end] = True
    return covered


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.r_[0, mask.astype(np.int8), 0]))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _meeting(rows: Sequence[Row], i: int) -> Iterator[Row]:
    for other in rows[i + 1 :]:
        if other.start >= rows[i].end:
            return
        yield other
