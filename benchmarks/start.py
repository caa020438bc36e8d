"""How long a command takes before it does anything, beside an empty Python and the libraries: fresh processes.

python benchmarks/start.py [--rounds 7]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

from record import CHECKOUT, keep

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import bench": [sys.executable, "-c", "import bench"],
    "bench --version": [sys.executable, "-m", "bench", "--version"],
    "bench run --help": [sys.executable, "-m", "bench", "run", "--help"],
    "bench tasks list": [sys.executable, "-m", "bench", "tasks", "list"],
    "bench models list": [sys.executable, "-m", "bench", "models", "list"],
    "import torch": [sys.executable, "-c", "import torch"],
    "import sentence_transformers": [sys.executable, "-c", "import sentence_transformers"],
    "import mteb": [sys.executable, "-c", "import mteb"],
}


def once(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    took: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(args.rounds + 1):  # Before the first round that counts, files come into the page cache.
        for name, command in COMMANDS.items():
            seconds = once(command)
            if turn:
                took[name].append(seconds)
    rows = [
        {"command": name, "median": statistics.median(each), "least": min(each), "most": max(each)}
        for name, each in took.items()
    ]
    for row in rows:
        print("{command:30} {median:6.2f} s ({least:.2f} to {most:.2f})".format(**row))
    keep("start", rows, rounds=args.rounds)


if __name__ == "__main__":
    main()
