"""Speed and memory of exact search over vectors on disk, beside `faiss.IndexFlatIP` over the same vectors in memory.

    python benchmarks/search.py [--rows 1000000] [--queries 2000] [--k 100] [--rounds 5] [--dir DIR] [--json]

Prints two ratios: throughput (flat seconds / search seconds, medians of alternated rounds, both in one process) and
peak resident set at twice the rows to that at the rows (fresh processes that only search). Vectors are generated,
normalised float32, and removed afterwards.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))  # So that it runs from a checkout that is not installed.

from bench.idtable import IdTable, IdWriter
from bench.search import search

SHARD = 50_000
SEED = 20


def unit_vectors(rng: np.random.Generator, rows: int, dim: int) -> NDArray[np.float32]:
    vectors = rng.standard_normal((rows, dim), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def generate(folder: Path, rows: int, queries: int, dim: int) -> None:
    """Shards, ids and queries for twice the rows; the first half is the smaller corpus."""
    rng = np.random.default_rng(SEED)
    np.save(folder / "queries.npy", unit_vectors(rng, queries, dim))
    for name, first in (("once", 0), ("twice", rows)):
        for start in range(first, first + rows, SHARD):
            shard = unit_vectors(rng, min(SHARD, first + rows - start), dim)
            np.save(folder / f"{name}-{start:010d}.npy", shard)
    for name, count in (("once", rows), ("twice", 2 * rows)):
        with IdWriter(folder / f"ids-{name}") as writer:
            for start in range(0, count, SHARD):
                writer.add([f"doc{row:09d}" for row in range(start, min(start + SHARD, count))])


def shards(folder: Path, *, twice: bool) -> list[Path]:
    found = sorted(folder.glob("once-*.npy"))
    return found + sorted(folder.glob("twice-*.npy")) if twice else found


def ours(folder: Path, k: int, *, twice: bool = False) -> Any:
    ids = IdTable(folder / ("ids-twice" if twice else "ids-once"))
    return search(np.load(folder / "queries.npy"), shards(folder, twice=twice), ids, k)


def peak_mb() -> float:
    """Peak resident set of this process; what it inherited from its parent is left out where the system tells."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def peak_of_search(folder: Path, k: int, *, twice: bool) -> float:
    command = [sys.executable, __file__, "--dir", str(folder), "--k", str(k), "--peak", "twice" if twice else "once"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def flat_index(folder: Path, dim: int) -> Any:
    import faiss

    index = faiss.IndexFlatIP(dim)
    for path in shards(folder, twice=False):
        index.add(np.load(path))
    return index


class Seconds(NamedTuple):
    """What one search took: by the clock, and of all processors together (other work on the machine is not in it)."""

    wall: float
    cpu: float


def timed(work: Callable[[], object]) -> Seconds:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Seconds(time.perf_counter() - wall, time.process_time() - cpu)


def rounds(folder: Path, k: int, count: int, dim: int) -> list[tuple[Seconds, Seconds]]:
    """(search, flat), one after the other, taking turns in going first; the first round is dropped."""
    index, queries = flat_index(folder, dim), np.load(folder / "queries.npy")
    runs = {"search": lambda: ours(folder, k), "flat": lambda: index.search(queries, k)}
    took = [{name: timed(runs[name]) for name in sorted(runs, reverse=turn % 2 == 0)} for turn in range(count + 1)]
    return [(each["search"], each["flat"]) for each in took[1:]]


def measure(folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    generate(folder, args.rows, args.queries, args.dim)
    once, twice = (
        statistics.median(peak_of_search(folder, args.k, twice=twice) for _ in range(args.peaks))
        for twice in (False, True)
    )
    times = rounds(folder, args.k, args.rounds, args.dim)
    found, flat = (statistics.median(one.wall for one in column) for column in zip(*times, strict=True))
    found_cpu, flat_cpu = (statistics.median(one.cpu for one in column) for column in zip(*times, strict=True))
    return {
        "rows": args.rows,
        "queries": args.queries,
        "k": args.k,
        "dim": args.dim,
        "search_seconds": found,
        "flat_seconds": flat,
        "throughput_ratio": flat / found,
        "cpu_ratio": flat_cpu / found_cpu,
        "rounds": [{"search": a.wall, "flat": b.wall, "ratio": b.wall / a.wall} for a, b in times],
        "peak_mb": once,
        "peak_mb_twice_the_rows": twice,
        "peak_ratio": twice / once,
    }


def show(result: dict[str, Any]) -> None:
    print("{rows} x {dim} vectors on disk, {queries} queries, k = {k}".format(**result))
    print("search {search_seconds:.2f} s, flat {flat_seconds:.2f} s (medians)".format(**result))
    each = " ".join(f"{item['ratio']:.2f}" for item in result["rounds"])
    print(f"throughput / IndexFlatIP: {result['throughput_ratio']:.3f} (rounds: {each}; goal: 0.9 or more)")
    print(f"the same in processor seconds: {result['cpu_ratio']:.3f}")
    peaks = "{peak_mb:.0f} MB, at twice the rows {peak_mb_twice_the_rows:.0f} MB".format(**result)
    print(f"peak resident set: {peaks}, ratio {result['peak_ratio']:.3f} (goal: no growth)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=2_000)
    parser.add_argument("--k", type=int, default=100)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--peaks", type=int, default=3, help="processes a peak is the median of; one varies by some 4 %%"
    )
    parser.add_argument("--dir", type=Path, help="where the vectors lie meanwhile (default: the temporary folder)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--peak", choices=("once", "twice"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak:
        ours(args.dir, args.k, twice=args.peak == "twice")
        print(peak_mb())
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # So that the vectors are removed then, too.
    with tempfile.TemporaryDirectory(prefix="bench-search-", dir=args.dir) as folder:
        result = measure(Path(folder), args)
    if args.json:
        print(json.dumps(result))
    else:
        show(result)


if __name__ == "__main__":
    main()
