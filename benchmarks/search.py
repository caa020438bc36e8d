"""Speed and memory of exact search over vectors on disk, beside `faiss.IndexFlatIP` over the same vectors in memory.

    python benchmarks/search.py [--rows 50000 200000 1000000] [--queries 1000] [--k 100] [--rounds 5] [--dir DIR]
                                [--json] [--no-keep]

For each number of vectors the throughput (flat seconds / search seconds, medians of alternated rounds, both in one
process), and for the largest the peak resident set at twice the rows beside that at the rows (fresh processes that
only search). Vectors are generated, normalised float32, and removed afterwards; the figures are left in
`results/search.json`.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from record import Seconds, alternated, keep, report, workplace
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


def throughput(folder: Path, rows: int, args: argparse.Namespace) -> dict[str, Any]:
    """Search beside flat, one after the other, taking turns in going first."""
    index, queries = flat_index(folder, args.dim), np.load(folder / "queries.npy")
    took = alternated(
        {"search": lambda: ours(folder, args.k), "flat": lambda: index.search(queries, args.k)}, args.rounds
    )
    search, flat = (
        {clock: statistics.median(getattr(one, clock) for one in took[name]) for clock in Seconds._fields}
        for name in ("search", "flat")
    )
    each = [b.wall / a.wall for a, b in zip(took["search"], took["flat"], strict=True)]
    return {
        "vectors": rows,
        "search_seconds": search["wall"],
        "flat_seconds": flat["wall"],
        "throughput_ratio": flat["wall"] / search["wall"],
        "lowest_round": min(each),
        "highest_round": max(each),
        "cpu_ratio": flat["cpu"] / search["cpu"],
    }


def peaks(folder: Path, args: argparse.Namespace) -> dict[str, float]:
    """The peak resident set of a search of the rows, and of one of twice as many."""
    once, twice = (
        statistics.median(peak_of("--dir", folder, "--k", args.k, "--peak", which) for _ in range(args.peaks))
        for which in ("once", "twice")
    )
    return {"peak_mb": once, "peak_mb_twice_the_rows": twice, "peak_ratio": twice / once}


def measure(args: argparse.Namespace) -> dict[str, Any]:
    result: dict[str, Any] = {"queries": args.queries, "k": args.k, "dim": args.dim, "rounds": args.rounds, "sizes": []}
    for rows in sorted(args.rows):
        with workplace("search", args.dir) as folder:
            generate(folder, rows, args.queries, args.dim)
            if rows == max(args.rows):
                result |= peaks(folder, args)
            result["sizes"].append(throughput(folder, rows, args))
    return result


def show(result: dict[str, Any]) -> None:
    print("vectors x {dim} on disk, {queries} queries, k = {k}, medians of {rounds} rounds".format(**result))
    for size in result["sizes"]:
        print(
            "{vectors:>10,}: search {search_seconds:.2f} s, flat {flat_seconds:.2f} s, throughput / IndexFlatIP "
            "{throughput_ratio:.2f} ({lowest_round:.2f} to {highest_round:.2f}), in processor seconds "
            "{cpu_ratio:.2f}".format(**size)
        )
    where = "{peak_mb:.0f} MB, at twice the rows {peak_mb_twice_the_rows:.0f} MB".format(**result)
    print(f"peak resident set at the most rows: {where}, ratio {result['peak_ratio']:.3f} (goal: no growth)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[50_000, 200_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=1_000)
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
    result = measure(args)
    if not args.no_keep:
        keep("search", result["sizes"], **{key: value for key, value in result.items() if key != "sizes"})
    report(result, show, as_json=args.json)


if __name__ == "__main__":
    main()
