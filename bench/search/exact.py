"""Exact scores of single (query, document) pairs, and the one order over them.

The score of a pair is its inner product in float64, summed along a fixed tree, rounded to float32. Products of float32
values are exact in float64, and each level of the tree is an elementwise sum: the result depends on the two vectors
alone, never on the block, the batch, the thread count or the instruction set.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.idtable import Ids

_VALUES = 1 << 17  # float64 values in hand at once (1 MiB), so that a batch stays in the processor's cache.


class Pairs(NamedTuple):
    """Scored pairs, as three arrays of one length: query number, document row, score."""

    queries: NDArray[np.int64]
    rows: NDArray[np.int64]
    scores: NDArray[np.float32]

    def at(self, places: NDArray[np.intp] | NDArray[np.bool_]) -> Pairs:
        """The pairs at these places."""
        return Pairs(self.queries[places], self.rows[places], self.scores[places])


def joined(pairs: Iterable[Pairs]) -> Pairs:
    """All these pairs, one after the other."""
    return Pairs(*(np.concatenate(arrays) for arrays in zip(*pairs, strict=True)))


def score_pairs(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], q: NDArray[np.int64], v: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The exact scores of the pairs (`queries[q[i]]`, `vectors[v[i]]`)."""
    out = np.empty(len(q), np.float32)
    step = max(1, min(len(q), _VALUES // queries.shape[1]))
    left, right = np.empty((2, step, queries.shape[1]), np.float32)
    products = np.empty((step, queries.shape[1]))
    for a in range(0, len(q), step):
        of = slice(min(step, len(q) - a))
        np.take(vectors, v[a : a + step], axis=0, out=left[of], mode="clip")
        np.take(queries, q[a : a + step], axis=0, out=right[of], mode="clip")
        np.multiply(left[of], right[of], out=products[of], dtype=np.float64)
        out[a : a + step] = _sum_rows(products[of])
    out += np.float32(0)  # -0.0 and 0.0 are one score, and shall be stored as one.
    return out


def _sum_rows(products: NDArray[np.float64]) -> NDArray[np.float64]:
    """Row sums: the last half of the columns is added to the first until one is left. Overwrites its input."""
    width = products.shape[1]
    while width > 16:
        width = _fold(products.T, width)
    columns = np.ascontiguousarray(products[:, :width].T)
    while width > 1:
        width = _fold(columns, width)
    total: NDArray[np.float64] = columns[0]
    return total


def _fold(columns: NDArray[np.float64], width: int) -> int:
    half = width // 2
    columns[:half] += columns[width - half : width]
    return width - half


def best(pairs: Pairs, k: int, ids: Ids) -> Pairs:
    """The `k` best pairs of each query: query ascending, score descending, document id descending by bytes.

    Ids are looked up for documents with equal scores only.
    """
    bits = pairs.scores.view(np.int32).astype(np.int64)
    ascending = np.where(bits < 0, bits ^ 0x7FFFFFFF, bits)  # float32 order as integer order
    key = (pairs.queries << 32) + (0x7FFFFFFF - ascending)
    order = np.argsort(key)
    key = key[order]
    tied = np.zeros(len(key) + 1, np.bool_)
    tied[1:-1] = key[1:] == key[:-1]
    places = np.flatnonzero(tied[1:] | tied[:-1])
    if len(places):
        rank = rank_ids(pairs.rows[order[places]], ids)
        group = np.cumsum(np.append(False, key[places][1:] != key[places][:-1]))
        order[places] = order[places][np.argsort((group << 32) - rank)]  # One key: several times faster than lexsort.
    queries = pairs.queries[order]
    return pairs.at(order[_position(queries) < k])


def rank_ids(rows: NDArray[np.int64], ids: Ids) -> NDArray[np.intp]:
    """For each row the place of its document's id among the ids of all these rows, ascending by bytes."""
    distinct, inverse = _distinct(rows)
    names = ids.take(distinct)
    rank = np.empty(len(names), np.intp)
    rank[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return rank[inverse]


def _distinct(rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """The distinct rows, ascending, and where among them each row is; rows that lie close are counted, not sorted."""
    first = int(rows.min())
    if int(rows.max()) - first > 4 * len(rows):
        return np.unique(rows, return_inverse=True)
    seen = np.bincount(rows - first) > 0
    return np.flatnonzero(seen) + first, (np.cumsum(seen) - 1)[rows - first]


def _position(groups: NDArray[np.int64]) -> NDArray[np.intp]:
    """The place of each element inside its group; equal elements lie together."""
    return np.arange(len(groups)) - np.searchsorted(groups, groups)
