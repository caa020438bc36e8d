"""Exact search where it is unlike the usual: many copies of a vector, and few queries, beside the usual.

    python benchmarks/search_cases.py [--rounds 3]

Copies: 100,000 vectors of 384 dimensions, 1,000 queries. Few queries: 1,000,000 vectors of 128 dimensions, 100 queries,
on all threads, on one, and `faiss.IndexFlatIP` on all. Generated, in memory, k = 100; medians of alternated rounds.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Mapping

import faiss
import numpy as np
from record import alternated
from rows import unit_vectors
from threadpoolctl import threadpool_limits

from bench.footprint import Numbers
from bench.search import search

K = 100


def copies(rng: np.random.Generator, rounds: int) -> None:
    rows, queries = 100_000, unit_vectors(rng, 1_000, 384)
    usual = unit_vectors(rng, rows, 384)
    half = usual.copy()
    half[: rows // 2] = usual[0]
    corpora = {
        "all differ": usual,
        "all are equal": np.repeat(usual[:1], rows, axis=0),
        "the first half are equal": half,
        "copies of 50": usual[rng.integers(0, 50, rows)],
    }
    ids = Numbers(rows)
    show({name: lambda v=vectors: search(queries, [v], ids, K) for name, vectors in corpora.items()}, rounds)  # type: ignore[misc]


def few_queries(rng: np.random.Generator, rounds: int) -> None:
    rows, queries = 1_000_000, unit_vectors(rng, 100, 128)
    vectors, ids = unit_vectors(rng, rows, 128), Numbers(rows)
    flat = faiss.IndexFlatIP(128)
    flat.add(vectors)

    def on_one_thread() -> None:
        with threadpool_limits(1, user_api="blas"):
            search(queries, [vectors], ids, K)

    works = {
        "100 queries": lambda: search(queries, [vectors], ids, K),
        "100 queries, one thread": on_one_thread,
        "100 queries, FAISS flat": lambda: flat.search(queries, K),
    }
    show(works, rounds)


def show(works: Mapping[str, Callable[[], object]], rounds: int) -> None:
    """Each with its seconds, and how many times those of the first that is."""
    took = {name: statistics.median(one.wall for one in all_) for name, all_ in alternated(works, rounds).items()}
    first = next(iter(took.values()))
    for name, seconds in took.items():
        print(f"{name:<26} {seconds:6.2f} s {seconds / first:6.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    rng = np.random.default_rng(20)
    copies(rng, rounds)
    few_queries(rng, rounds)


if __name__ == "__main__":
    main()
