"""Exact search over more vectors than memory should hold, beside `faiss.IndexFlatIP` over one block of them in memory.

    python benchmarks/search_large.py [--vectors 10000000] [--queries 1000] [--k 100] [--dim 128] [--block 500000]
                                      [--rounds 3] [--checked 8] [--dir DIR] [--json] [--no-keep]

Vectors are generated, normalised float32, lie on disk meanwhile (5.2 GB for 10 million of 128) and are removed
afterwards. Each round times the flat index on the block, the search over all from disk, re-scoring included, and the
flat index again; the ratio is of vectors a second. The peak resident set is that of a fresh process that only searches.
The result of some queries is checked against all float64 products. The figures are left in `results/search-10m.json`
where there are 10 million vectors, else in `results/search-large.json`.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from record import Seconds, keep, report, timed, workplace
from rows import peak_mb, peak_of, unit_vectors
from search import SEED, SHARD, ours, shards

from bench.idtable import IdWriter


def generate(folder: Path, rows: int, queries: int, dim: int) -> None:
    """Shards, ids and queries."""
    rng = np.random.default_rng(SEED)
    np.save(folder / "queries.npy", unit_vectors(rng, queries, dim))
    with IdWriter(folder / "ids-once") as writer:
        for start in range(0, rows, SHARD):
            count = min(SHARD, rows - start)
            np.save(folder / f"once-{start:010d}.npy", unit_vectors(rng, count, dim))
            writer.add([f"doc{row:09d}" for row in range(start, start + count)])


def brute_force(folder: Path, queries: int, k: int) -> list[np.ndarray]:
    """The rows of the k highest float64 products of the first queries, best first."""
    asked = np.load(folder / "queries.npy")[:queries].astype(np.float64)
    scores, rows, first = np.empty((queries, 0)), np.empty((queries, 0), np.int64), 0
    for path in shards(folder, twice=False):
        part = np.load(path)
        scores = np.concatenate([scores, asked @ part.T.astype(np.float64)], axis=1)
        numbers = np.broadcast_to(np.arange(first, first + len(part)), (queries, len(part)))
        rows = np.concatenate([rows, numbers], axis=1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        scores, rows = np.take_along_axis(scores, best, 1), np.take_along_axis(rows, best, 1)
        first += len(part)
    return list(rows)


def flat_block(folder: Path, dim: int, block: int) -> Any:
    import faiss

    index = faiss.IndexFlatIP(dim)
    for path in shards(folder, twice=False):
        if index.ntotal < block:
            index.add(np.load(path))
    return index


def rate(took: list[Seconds], rows: int, clock: str) -> float:
    """Vectors a second, of the median run."""
    return rows / statistics.median(getattr(one, clock) for one in took)


def measure(folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    generate(folder, args.vectors, args.queries, args.dim)
    peak = peak_of("--dir", folder, "--k", args.k, "--peak")
    found = ours(folder, args.k)
    expected = brute_force(folder, args.checked, args.k)
    same = sum(np.array_equal(mine.rows, rows) for mine, rows in zip(found, expected, strict=False))
    index, queries = flat_block(folder, args.dim, min(args.block, args.vectors)), np.load(folder / "queries.npy")
    mine, flat, each = [], [], []
    for _ in range(args.rounds):
        before = timed(lambda: index.search(queries, args.k))
        mine.append(timed(lambda: ours(folder, args.k)))
        flat += [before, timed(lambda: index.search(queries, args.k))]
        beside = statistics.mean(one.wall for one in flat[-2:])
        each.append(
            {"search": mine[-1].wall, "flat": beside, "ratio": args.vectors / mine[-1].wall * beside / index.ntotal}
        )
    ratios = {clock: rate(mine, args.vectors, clock) / rate(flat, index.ntotal, clock) for clock in ("wall", "cpu")}
    return {
        "vectors": args.vectors,
        "dim": args.dim,
        "queries": args.queries,
        "k": args.k,
        "bytes_on_disk": sum(path.stat().st_size for path in shards(folder, twice=False)),
        "block": index.ntotal,
        "search_seconds": statistics.median(one.wall for one in mine),
        "flat_seconds": statistics.median(one.wall for one in flat),
        "throughput_ratio": ratios["wall"],
        "cpu_ratio": ratios["cpu"],
        "rounds": each,
        "peak_mb": peak,
        "checked": args.checked,
        "equal_to_brute_force": same,
    }


def show(result: dict[str, Any]) -> None:
    print("{vectors:,} x {dim} vectors on disk ({bytes_on_disk:,} B), {queries} queries, k = {k}".format(**result))
    print("search {search_seconds:.2f} s, flat on {block:,} in memory {flat_seconds:.2f} s (medians)".format(**result))
    each = " ".join(f"{item['ratio']:.2f}" for item in result["rounds"])
    print(f"vectors a second / IndexFlatIP: {result['throughput_ratio']:.3f} (rounds: {each}; goal: 0.9 or more)")
    print(f"the same in processor seconds: {result['cpu_ratio']:.3f}")
    print(f"peak resident set: {result['peak_mb']:.0f} MB (goal: below 1000)")
    print("equal to brute force: {equal_to_brute_force} of {checked} queries".format(**result))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, default=10_000_000)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--k", type=int, default=100)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--block", type=int, default=500_000, help="vectors of the flat index, held in memory")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--checked", type=int, default=8, help="queries compared with all float64 products")
    parser.add_argument("--dir", type=Path, help="where the vectors lie meanwhile (default: the temporary folder)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--no-keep", action="store_true", help="leave nothing in results/")
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak:
        ours(args.dir, args.k)
        print(peak_mb())
        return
    with workplace("search", args.dir) as folder:
        result = measure(folder, args)
    if not args.no_keep:
        rows = [{"what": f"round {i + 1}", **row} for i, row in enumerate(result["rounds"])]
        facts = {key: value for key, value in result.items() if key != "rounds"}
        keep("search-10m" if args.vectors == 10_000_000 else "search-large", rows, **facts)
    report(result, show, as_json=args.json)


if __name__ == "__main__":
    main()
