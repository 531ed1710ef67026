"""100,000 windows of 500 to 2,000 bases: dnabench's packed genome against a loop over pyfaidx, from one run.

    python tests/speed/windows.py [FASTA]

Without a FASTA file a random genome of 120 million bases is made. Bars: 15 times as fast as views, 5 as strings.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from pyfaidx import Faidx

from dnabench.harness.data.genome import packed_genome

WINDOWS = 100_000
BARS = {"views": 15.0, "strings": 5.0}


def made_genome(folder: Path, bases: int = 120_000_000) -> Path:
    """One chromosome of random bases in lines of 60."""
    letters = np.frombuffer(b"ACGT", np.uint8)[np.random.default_rng(0).integers(0, 4, bases, np.uint8)]
    lines = np.full((bases // 60, 61), ord("\n"), np.uint8)
    lines[:, :60] = letters[: bases // 60 * 60].reshape(-1, 60)
    path = folder / "made.fa"
    path.write_bytes(b">chr1\n" + lines.tobytes())
    return path


def places(lengths: dict[str, int]) -> dict[str, tuple[list[int], list[int]]]:
    """Chromosome → starts and ends, in random order."""
    draw = random.Random(1)
    names = draw.choices(list(lengths), weights=list(lengths.values()), k=WINDOWS)
    found: dict[str, tuple[list[int], list[int]]] = {}
    for name in names:
        size = min(draw.randint(500, 2000), lengths[name])
        start = draw.randrange(lengths[name] - size + 1)
        starts, ends = found.setdefault(name, ([], []))
        starts.append(start)
        ends.append(start + size)
    return found


def seconds(read: Callable[[], Any], rounds: int = 3) -> float:
    """The fastest of some rounds."""
    times = []
    for _ in range(rounds):
        start = perf_counter()
        read()
        times.append(perf_counter() - start)
    return min(times)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fasta", nargs="?", type=Path)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = asked.fasta or made_genome(Path(folder))
        start = perf_counter()
        whole = packed_genome(path)
        made = perf_counter() - start
        wanted = places(whole.lengths)
        fasta = Faidx(str(path), indexname=str(Path(folder, "index.fai")), as_raw=True, sequence_always_upper=True)
        peer = seconds(
            lambda: [fasta.fetch(n, a + 1, b) for n, (s, e) in wanted.items() for a, b in zip(s, e, strict=True)]
        )
        ours = {
            "views": seconds(lambda: [whole.views(n, s, e) for n, (s, e) in wanted.items()]),
            "strings": seconds(lambda: [whole.strings(n, s, e) for n, (s, e) in wanted.items()]),
        }
        name, (starts, ends) = next(iter(wanted.items()))
        assert whole.strings(name, starts[:50], ends[:50]) == [
            fasta.fetch(name, a + 1, b) for a, b in zip(starts[:50], ends[:50], strict=True)
        ]
    print(f"{WINDOWS:,} windows of {sum(whole.lengths.values()):,} bases; packed once in {made:.1f} s")
    print(f"pyfaidx   {1e6 * peer / WINDOWS:6.2f} us per window")
    for what, time in ours.items():
        print(f"{what:8}  {1e6 * time / WINDOWS:6.2f} us per window   {peer / time:6.1f} x (bar {BARS[what]:g} x)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
