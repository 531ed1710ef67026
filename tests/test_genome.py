"""Windows of a genome are right, quick and read-only, whatever dates an install gave the index."""

import gzip
import lzma
import os
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnabench.harness.data.genome import Window, chromosome_lengths, find_chromosome, packed_genome, read_windows
from dnabench.harness.errors import DataError, DnabenchError
from dnabench.harness.sequence import reverse_complement

YEAST = Path(__file__).resolve().parents[1] / "benchmarks" / "yeast" / "genome.fa.gz"
TINY = {"chr1": "ACGTTGCAAC" * 30 + "acgtn", "chr2": "GATTACA" * 50, "chrM": "TTTTTCCCCC"}


def write_fasta(path: Path, chromosomes: dict[str, str], width: int = 60) -> Path:
    path.parent.mkdir(exist_ok=True)
    lines = []
    for name, bases in chromosomes.items():
        lines += [f">{name} made for a test", *(bases[i : i + width] for i in range(0, len(bases), width))]
    data = ("\n".join(lines) + "\n").encode()
    if path.suffix == ".gz":
        from Bio.bgzf import BgzfWriter

        with BgzfWriter(str(path), "wb") as file:  # type: ignore[no-untyped-call]
            file.write(data)
    else:
        path.write_bytes(data)
    return path


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def yeast() -> dict[str, str]:
    """The whole genome, read without any index."""
    text = gzip.decompress(YEAST.read_bytes()).decode()
    records = (record.partition("\n") for record in text[1:].split("\n>"))
    return {name: body.replace("\n", "") for name, _, body in records}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DNABENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("name", ["g.fa", "g.fa.gz"])
def test_windows_equal_slices_of_the_text_on_both_strands(tmp_path: Path, name: str) -> None:
    genome = write_fasta(tmp_path / name, TINY)
    places = [("chr1", 0, 10), ("chr1", 55, 65), ("chr1", 0, 305), ("chr2", 349, 350), ("chrM", 3, 8)]
    for chromosome, start, end in places:
        plus, minus = read_windows(genome, [Window(chromosome, start, end, s) for s in "+-"])
        assert plus == TINY[chromosome][start:end]
        assert minus == reverse_complement(plus)


@settings(max_examples=30)
@given(st.integers(0, 2**32))
def test_any_windows_of_yeast_equal_slices_of_the_text(yeast: dict[str, str], seed: int) -> None:
    draw = random.Random(seed)
    windows = []
    for _ in range(draw.choice([1, 5, 400])):
        name = draw.choice(list(yeast))
        start = draw.randrange(len(yeast[name]))
        end = min(start + draw.choice([1, 79, 80, 81, 1000]), len(yeast[name]))
        windows.append(Window(name, start, end, draw.choice("+-")))
    found = read_windows(YEAST, windows)
    for window, bases in zip(windows, found, strict=True):
        plus = yeast[window.chromosome][window.start : window.end]
        assert bases == (plus if window.strand == "+" else reverse_complement(plus))


def test_chromosomes_are_found_with_and_without_chr(tmp_path: Path) -> None:
    genome = write_fasta(tmp_path / "g.fa", TINY)
    assert read_windows(genome, [Window("1", 0, 4), Window("MT", 0, 4)]) == ["ACGT", "TTTT"]
    bare = write_fasta(tmp_path / "bare.fa", {"1": "CCCC", "MT": "GGGG"})
    assert read_windows(bare, [Window("chr1", 0, 4), Window("chrM", 0, 4)]) == ["CCCC", "GGGG"]
    assert find_chromosome("chr7", {"chr1": 0}) is None


@pytest.mark.parametrize(
    ("window", "said"),
    [
        (Window("chr1", 300, 306, "+", 7), "t.tsv, line 7: chr1:300-306 .* has 305 bases"),
        (Window("chr1", -1, 5, "+", 2), r"line 2: chr1:-1-5 .* has 305 bases"),
        (Window("chr1", 5, 5, "+", 3), "it is empty"),
        (Window("chr1", 0, 5, "*", 3), r"strand '\*' is neither"),
        (Window("chr9", 0, 5, "+", 4), "no such chromosome, only chr1, chr2, chrM"),
    ],
)
def test_a_window_that_is_none_is_refused_with_its_row(tmp_path: Path, window: Window, said: str) -> None:
    genome = write_fasta(tmp_path / "g.fa", TINY)
    with pytest.raises(DataError, match=said):
        read_windows(genome, [Window("chr1", 0, 5), window], "t.tsv")


@pytest.mark.parametrize("oldest", ["g.fa", "g.fa.fai"])
def test_an_index_of_any_date_is_used_as_it_is_in_a_folder_that_cannot_be_written(
    tmp_path: Path, cache: Path, oldest: str
) -> None:
    whole = {"chr9": "ACGTTGCAAC" * 1000, **TINY}
    genome = write_fasta(tmp_path / "made" / "g.fa", whole)
    read_windows(genome, [Window("chr1", 0, 4)])
    folder = tmp_path / "site-packages"
    folder.mkdir()
    for part in (genome, next(cache.rglob("g.fa.fai"))):
        shutil.copy(part, folder)
    shutil.rmtree(cache)
    for name, date in ({"g.fa": 3e8, "g.fa.fai": 2e8} | {oldest: 1e8}).items():
        os.utime(folder / name, (date, date))
        (folder / name).chmod(0o444)
    folder.chmod(0o555)
    before = state(folder)
    try:
        assert read_windows(folder / "g.fa", [Window("chr9", 500, 800)]) == [whole["chr9"][500:800]]
        assert state(folder) == before
        assert not cache.exists()
    finally:
        folder.chmod(0o755)


def test_a_missing_index_is_built_in_the_cache_and_not_beside_the_file(tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    genome = write_fasta(folder / "g.fa", {"chr1": "ACGT" * 1000, **TINY})
    before = state(folder)
    for _ in range(2):
        assert read_windows(genome, [Window("chr2", 0, 7, "-")]) == ["TGTAATC"]
    assert state(folder) == before
    assert [p.name for p in cache.rglob("g.*")] == ["g.fa.fai"]


def test_an_index_of_another_file_is_refused(tmp_path: Path) -> None:
    genome = write_fasta(tmp_path / "g.fa", TINY)
    other = write_fasta(tmp_path / "h.fa", {"chr1": "ACGT" * 50, "chr2": TINY["chr2"], "chrM": TINY["chrM"]})
    read_windows(genome, [Window("chr1", 0, 4)])
    index = next((tmp_path / "cache").rglob("g.fa.fai"))
    shutil.copy(index, f"{other}.fai")
    with pytest.raises(DataError, match=r"made for another file .* delete it"):
        read_windows(other, [Window("chr2", 0, 7)])


@pytest.mark.parametrize(("name", "pack"), [("g.fa.gz", gzip.compress), ("g.fna.xz", lzma.compress)])
def test_a_compressed_genome_is_unpacked_once_into_the_cache(
    tmp_path: Path, cache: Path, name: str, pack: Callable[[bytes], bytes]
) -> None:
    genome = tmp_path / "data" / name
    genome.parent.mkdir()
    plain = write_fasta(tmp_path / "plain.fa", TINY)
    genome.write_bytes(pack(plain.read_bytes()))
    windows = [Window("chr1", 3, 90, "-"), Window("chr2", 0, 350), Window("chrM", 9, 10)]
    assert read_windows(genome, windows) == read_windows(plain, windows)
    assert [path.name for path in genome.parent.iterdir()] == [name]
    copies = [path for path in cache.rglob("bases.u8") if path.read_bytes() == "".join(TINY.values()).encode()]
    before = [copy.stat().st_mtime_ns for copy in copies]
    read_windows(genome, windows)
    assert before == [copy.stat().st_mtime_ns for copy in copies] != []
    genome.write_bytes(pack(plain.read_bytes())[:60])
    with pytest.raises(DataError, match="damaged archive"):
        read_windows(genome, windows)


@given(st.data())
@settings(max_examples=30)
def test_views_of_a_packed_genome_are_its_windows_and_share_its_memory(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        genome = write_fasta(Path(folder, "g.fa"), TINY)
        whole = packed_genome(genome)
        name = data.draw(st.sampled_from(sorted(TINY)))
        starts = data.draw(st.lists(st.integers(0, len(TINY[name])), max_size=5))
        ends = [data.draw(st.integers(start, len(TINY[name]))) for start in starts]
        expected = [TINY[name][a:b] for a, b in zip(starts, ends, strict=True)]
        assert whole.strings(name, starts, ends) == expected
        views = whole.views(name, starts, ends)
        assert [view.tobytes().decode() for view in views] == expected
        assert all(not view.flags.owndata and not view.flags.writeable for view in views)


def test_a_transcript_is_found_without_its_version(tmp_path: Path) -> None:
    genome = write_fasta(tmp_path / "cdna.fa", {"ENST01.5": "ACGTACGT", "ENST02.1": "TTTT"})
    assert read_windows(genome, [Window("ENST01", 2, 6), Window("ENST02.1", 0, 4)]) == ["GTAC", "TTTT"]


def test_a_missing_file_and_a_text_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no genome"):
        read_windows(tmp_path / "absent.fa", [Window("chr1", 0, 4)])
    text = tmp_path / "text.fa"
    text.write_text("no FASTA at all\n")
    with pytest.raises(DnabenchError):
        read_windows(text, [Window("chr1", 0, 4)])


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    if os.access(locked, os.W_OK):
        pytest.skip("this user can write everywhere")
    monkeypatch.setenv("DNABENCH_CACHE", str(locked))
    with pytest.raises(DataError, match=r"has no index .*samtools faidx"):
        read_windows(write_fasta(tmp_path / "g.fa", TINY), [Window("chr1", 0, 4)])


@pytest.mark.parametrize("damage", ["zeros", "cut"])
def test_a_damaged_genome_is_refused(tmp_path: Path, damage: str) -> None:
    genome = write_fasta(tmp_path / "g.fa.gz", {"chr1": "".join(random.Random(1).choices("ACGT", k=400_000))})
    read_windows(genome, [Window("chr1", 0, 4)])
    data = bytearray(genome.read_bytes())
    data[60_000:] = bytes(40) + data[60_040:] if damage == "zeros" else b""
    genome.write_bytes(data)
    with pytest.raises(DataError, match=r"g\.fa\.gz is a damaged archive"):
        read_windows(genome, [Window("chr1", 300_000, 300_004)])


@pytest.mark.parametrize("text", ["ACGT\n>chr1\nACGT\n", ">chr1\nAC\n>chr1\nGT\n"])
def test_a_text_that_is_no_fasta_is_refused_packed_too(tmp_path: Path, text: str) -> None:
    genome = tmp_path / "g.fa.gz"
    genome.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(DataError, match="not a FASTA file"):
        read_windows(genome, [Window("chr1", 0, 1)])


def test_chromosomes_that_reach_over_pieces_of_the_stream_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dnabench.harness.data.genome._PIECE", 7)
    genome = write_fasta(tmp_path / "g.fa.gz", TINY, width=11)
    assert chromosome_lengths(genome) == {name: len(bases) for name, bases in TINY.items()}
    assert read_windows(genome, [Window(n, 0, len(b)) for n, b in TINY.items()]) == list(TINY.values())


def test_lengths_are_those_of_the_sequences(yeast: dict[str, str]) -> None:
    assert chromosome_lengths(YEAST) == {name: len(bases) for name, bases in yeast.items()}
