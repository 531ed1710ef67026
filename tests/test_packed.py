"""A packed genome is whole or is not there: full disks, killed processes, damaged files, caches that are none."""

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from dnabench.harness.data import packed as module
from dnabench.harness.data.packed import Packed, packed
from dnabench.harness.errors import DataError

BASES = {"chr1": b"ACGTACGTAA", "chr2": b"TTTTG"}


def read() -> Iterator[tuple[str, bytes]]:
    yield "chr1", BASES["chr1"][:4]
    yield "chr1", BASES["chr1"][4:]
    yield "chr2", BASES["chr2"]


def refused() -> Iterator[tuple[str, bytes]]:
    raise AssertionError("the genome was read again")


def text(genome: Packed) -> dict[str, bytes]:
    return {name: genome.strings(name, [0], [n])[0].encode() for name, n in genome.lengths.items()}


def test_it_is_made_once_and_then_only_mapped(tmp_path: Path) -> None:
    assert text(packed(read, tmp_path)) == BASES
    assert text(packed(refused, tmp_path)) == BASES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bases.json", "bases.u8"]


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_cache_that_cannot_be_written_costs_time_and_nothing_else(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("no folder")
    assert text(packed(read, tmp_path / place)) == BASES


def test_a_disk_that_fills_up_in_the_middle_loses_no_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written, calls = module._written, []

    def full_once(chromosomes: object, file: object) -> dict[str, int]:
        calls.append(file)
        if len(calls) == 1:
            next(iter(chromosomes))  # type: ignore[call-overload]
            with module._writing():
                raise OSError(errno.ENOSPC, "No space left on device")
        return written(chromosomes, file)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_written", full_once)
    assert text(packed(read, tmp_path)) == BASES
    assert len(calls) == 2
    assert not list(tmp_path.iterdir())


def test_where_no_disk_has_room_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.mkdtemp", full)
    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(DataError, match=r"cannot be unpacked: .*No space left.* set DNABENCH_CACHE"):
        packed(read, tmp_path)


@pytest.mark.parametrize(("file", "content"), [("bases.json", "{"), ("bases.json", "[1]"), ("bases.u8", "ACGT")])
def test_what_was_damaged_is_made_again(tmp_path: Path, file: str, content: str) -> None:
    packed(read, tmp_path)
    (tmp_path / file).write_text(content)
    assert text(packed(read, tmp_path)) == BASES
    assert json.loads((tmp_path / "bases.json").read_text()) == {"chr1": 10, "chr2": 5}


def test_a_damaged_genome_is_no_fault_of_the_cache(tmp_path: Path) -> None:
    def broken() -> Iterator[tuple[str, bytes]]:
        yield "chr1", b"ACGT"
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        packed(broken, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_process_killed_while_packing_leaves_nothing_that_counts(tmp_path: Path) -> None:
    code = """
        import os, signal, sys
        from pathlib import Path
        from dnabench.harness.data.packed import packed

        def read():
            yield "chr1", b"ACGT"
            os.kill(os.getpid(), signal.SIGKILL)

        packed(read, Path(sys.argv[1]))
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert text(packed(read, tmp_path)) == BASES
    assert left.exists()
    for file in ("bases.u8", "bases.json"):
        (tmp_path / file).unlink()
    os.utime(left, (0, 0))
    packed(read, tmp_path)
    assert not left.exists()
