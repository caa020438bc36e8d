"""Vectors to search, ids that remember who asked, and the brute force: exactly rounded products and a Python sort."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np

from bench.search import Found

K = 50


class Names:
    """Ids in memory that remember which rows were asked for."""

    def __init__(self, names: list[bytes]) -> None:
        self.names, self.asked = names, 0

    def __len__(self) -> int:
        return len(self.names)

    def take(self, rows: np.ndarray) -> list[bytes]:
        self.asked += len(rows)
        return [self.names[row] for row in rows.tolist()]


def shuffled_names(count: int) -> list[bytes]:
    """Ids whose byte order is neither the order of the rows nor that of numbers, some beyond ASCII."""
    return [f"{'é' if n % 3 else 'd'}{n}".encode() for n in np.random.default_rng(5).permutation(count)]


def oracle(queries: np.ndarray, vectors: np.ndarray, names: list[bytes], k: int) -> list[list[tuple[bytes, float]]]:
    lists = []
    for query in queries.astype(np.float64):
        products = vectors.astype(np.float64) * query
        scored = [
            (float(np.float32(math.fsum(line))), name) for line, name in zip(products.tolist(), names, strict=True)
        ]
        lists.append([(name, score) for score, name in sorted(scored, reverse=True)[:k]])
    return lists


def readable(found: list[Found], names: list[bytes]) -> list[list[tuple[bytes, float]]]:
    return [
        [(names[row], score) for row, score in zip(rows.tolist(), scores.tolist(), strict=True)]
        for rows, scores in found
    ]


def save(folder: Path, vectors: np.ndarray, size: int) -> list[Path]:
    paths = [folder / f"shard-{start:06d}.npy" for start in range(0, len(vectors), size)]
    for path, start in zip(paths, range(0, len(vectors), size), strict=True):
        np.save(path, vectors[start : start + size])
    return paths


@cache
def case(kind: str) -> tuple[np.ndarray, np.ndarray, list[bytes], list[list[tuple[bytes, float]]]]:
    rng = np.random.default_rng(3)
    count, dim = 1300, 13
    queries = rng.standard_normal((11, dim)).astype(np.float32)
    vectors = rng.standard_normal((count, dim)).astype(np.float32)
    if kind == "integer":
        queries, vectors = (rng.integers(-1, 2, array.shape).astype(np.float32) for array in (queries, vectors))
    elif kind == "duplicates":
        vectors = vectors[rng.integers(0, 9, count)]
    elif kind == "constant":
        vectors[:] = vectors[0]
    elif kind == "zero":
        vectors[:] = 0
    names = shuffled_names(count)
    return queries, vectors, names, oracle(queries, vectors, names, K)


def close_calls(scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Documents whose scores lie 1e-8 apart, relatively, while their large parts cancel: float32 sums get them wrong."""
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((3000, 256)).astype(np.float32) * np.float32(scale)
    vectors[:, 128:] = -vectors[:, :128]
    query = np.ones((1, 256), np.float32)
    query[0, 0] = query[0, 128] = 1.0
    vectors[:, 5] += np.float32(scale) * (1 + 1e-8 * rng.permutation(3000)).astype(np.float32)
    return query, vectors
