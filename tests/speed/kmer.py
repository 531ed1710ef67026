"""6-mer counts of GUE's prom_core_all against scikit-learn's CountVectorizer, with equal matrices.

    python tests/speed/kmer.py [folder that holds gue/prom/prom_core_all/train.csv]

The folder is $DNABENCH_TEST_DATA where none is given. Aim: 10 times faster. Best of several runs each.
"""

import csv
import os
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

from sklearn.feature_extraction.text import CountVectorizer

from dnabench.harness.sequence import kmer_counts

K = 6


def main() -> int:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("DNABENCH_TEST_DATA", "."))
    path = folder / "gue" / "prom" / "prom_core_all" / "train.csv"
    if not path.is_file():
        print(f"{path} is not there: name the data folder or set DNABENCH_TEST_DATA", file=sys.stderr)
        return 2
    with path.open(newline="") as file:
        sequences = [row["sequence"] for row in csv.DictReader(file)]
    words = ["".join(letters) for letters in product("ACGT", repeat=K)]
    vectorizer = CountVectorizer(analyzer="char", ngram_range=(K, K), lowercase=False, vocabulary=words)
    theirs, slow = best_of(3, lambda: vectorizer.transform(sequences))
    ours, fast = best_of(5, lambda: kmer_counts(sequences, (K,)))
    assert ours.shape == theirs.shape
    assert (ours != theirs).nnz == 0, "the matrices differ"
    bases = sum(map(len, sequences))
    print(f"{len(sequences):,} sequences, {bases:,} bases, {ours.nnz:,} entries: equal matrices")
    print(f"CountVectorizer {slow:.3f} s   dnabench {fast:.3f} s ({bases / fast / 1e6:.0f} Mbp/s)")
    print(f"{slow / fast:.1f} times faster")
    return 0


def best_of(runs: int, work: Callable[[], Any]) -> tuple[Any, float]:
    """The result and the least seconds of several runs."""
    seconds = []
    for _ in range(runs):
        start = perf_counter()
        result = work()
        seconds.append(perf_counter() - start)
    return result, min(seconds)


if __name__ == "__main__":
    sys.exit(main())
