"""Speed and memory of exact search over vectors on disk, beside `faiss.IndexFlatIP` over the same vectors in memory.

    python benchmarks/search.py [--rows 1000000] [--queries 2000] [--k 100] [--rounds 5] [--dir DIR] [--json]
                                [--no-keep]

Prints two ratios: throughput (flat seconds / search seconds, medians of alternated rounds, both in one process) and
peak resident set at twice the rows to that at the rows (fresh processes that only search). Vectors are generated,
normalised float32, and removed afterwards; the figures are left in `results/search.json`.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from record import Seconds, alternated, keep, workplace
from rows import peak_mb, peak_of, unit_vectors

from bench.idtable import IdTable, IdWriter
from bench.search import search

SHARD = 50_000
SEED = 20


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


def flat_index(folder: Path, dim: int) -> Any:
    import faiss

    index = faiss.IndexFlatIP(dim)
    for path in shards(folder, twice=False):
        index.add(np.load(path))
    return index


def rounds(folder: Path, k: int, count: int, dim: int) -> list[tuple[Seconds, Seconds]]:
    """(search, flat), one after the other, taking turns in going first."""
    index, queries = flat_index(folder, dim), np.load(folder / "queries.npy")
    took = alternated({"search": lambda: ours(folder, k), "flat": lambda: index.search(queries, k)}, count)
    return list(zip(took["search"], took["flat"], strict=True))


def measure(folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    generate(folder, args.rows, args.queries, args.dim)
    once, twice = (
        statistics.median(peak_of("--dir", folder, "--k", args.k, "--peak", which) for _ in range(args.peaks))
        for which in ("once", "twice")
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
    parser.add_argument("--no-keep", action="store_true", help="leave nothing in results/")
    parser.add_argument("--peak", choices=("once", "twice"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak:
        ours(args.dir, args.k, twice=args.peak == "twice")
        print(peak_mb())
        return
    with workplace("search", args.dir) as folder:
        result = measure(folder, args)
    if not args.no_keep:
        rows = [{"what": f"round {i + 1}", **row} for i, row in enumerate(result["rounds"])]
        facts = {"vectors" if key == "rows" else key: value for key, value in result.items() if key != "rounds"}
        keep("search", rows, **facts)
    if args.json:
        print(json.dumps(result))
    else:
        show(result)


if __name__ == "__main__":
    main()
