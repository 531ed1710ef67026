"""How long the command line takes to start, against an empty Python: medians of one run, interleaved.

    python tests/speed/startup.py [repeats]

Bars: `dnabench --help` at most 0.12 s more than `python -c pass`, `dnabench list tasks` at most 0.30 s more.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

DNABENCH = [sys.executable, "-m", "dnabench"]
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "dnabench --help": [*DNABENCH, "--help"],
    "dnabench list tasks": [*DNABENCH, "list", "tasks"],
}
BARS = {"dnabench --help": 0.12, "dnabench list tasks": 0.30}


def main(repeats: int = 21) -> int:
    script = Path(sys.executable).with_name("dnabench")
    if script.exists():
        # The installed script is what people type; `python -m` looks at the working folder first.
        for name, words in COMMANDS.items():
            COMMANDS[name] = [str(script), *words[3:]] if words[1:3] == ["-m", "dnabench"] else words
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(repeats + 1):
        for name, words in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
            seconds[name].append(time.perf_counter() - start)
    # The first round fills the file cache.
    medians = {name: statistics.median(times[1:]) for name, times in seconds.items()}
    base = medians["python -c pass"]
    print(f"{'command':<22} {'median':>8} {'more':>8} {'bar':>6}   ({repeats} rounds)")
    for name, median in medians.items():
        bar = f"{BARS[name]:.2f}" if name in BARS else ""
        print(f"{name:<22} {median:7.3f}s {median - base:7.3f}s {bar:>6}")
    return int(any(medians[name] - base > bar for name, bar in BARS.items()))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
