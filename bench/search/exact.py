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

_VALUES = 1 << 17  # Values in hand at once (512 KiB twice), so that a batch stays in the processor's cache.


class Pairs(NamedTuple):
    """Scored pairs, as three arrays of one length: query number, document row, score."""

    queries: NDArray[np.int64]
    rows: NDArray[np.int64]
    scores: NDArray[np.float32]

    def at(self, places: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Pairs:
        """The pairs at these places."""
        return Pairs(self.queries[places], self.rows[places], self.scores[places])


def joined(pairs: Iterable[Pairs]) -> Pairs:
    """All these pairs, one after the other."""
    return Pairs(*(np.concatenate(arrays) for arrays in zip(*pairs, strict=True)))


def score_pairs(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], q: NDArray[np.int64], v: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The exact scores of the pairs (`queries[q[i]]`, `vectors[v[i]]`).

    Summed in whatever order is fastest; where that might round otherwise than the tree does, the tree decides.
    """
    if not len(q):
        return np.empty(0, np.float32)
    sums = np.empty(len(q))
    dim = queries.shape[1]
    step = max(1, min(len(q), _VALUES // dim))
    left, right = np.empty((2, step, dim), np.float32)
    for a in range(0, len(q), step):
        of = slice(min(step, len(q) - a))
        np.take(vectors, v[a : a + step], axis=0, out=left[of], mode="clip")
        np.take(queries, q[a : a + step], axis=0, out=right[of], mode="clip")
        np.einsum("ij,ij->i", left[of], right[of], dtype=np.float64, out=sums[a : a + step])
    scores, unsure = rounded(sums, dim, dim * _largest(queries) * _largest(vectors))
    for a in range(0, len(unsure), step):
        some = unsure[a : a + step]
        scores[some] = by_tree(queries[q[some]], vectors[v[some]])
    return scores


def by_tree(queries: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The exact scores of the pairs (`queries[i]`, `vectors[i]`), as they are defined."""
    sums = _sum_rows(np.multiply(queries, vectors, dtype=np.float64)).astype(np.float32)
    return sums + np.float32(0)  # -0.0 and 0.0 are one score, and shall be stored as one.


def rounded(
    sums: NDArray[np.float64], dim: int, most: float | NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Scores from float64 sums of `dim` exact products in any order, and the flat places where the tree has to decide.

    `most` is no less than the sum of the products' absolute values. Each of the two sums lies within d u times that of
    the true one (u = 2^-53, first order; see `scan.error_bound`), so they lie within twice that of each other: where
    both ends of that span round to the same float32, it is the score.
    """
    # One more for the rounding of the ends, and a little for that of `most`.
    error = most * ((dim + 1) * 2.0**-52 * 1.0001)
    scores = (sums - error).astype(np.float32)
    unsure = np.flatnonzero(scores != (sums + error).astype(np.float32))
    scores += np.float32(0)  # As in `by_tree`.
    return scores, unsure


def _largest(values: NDArray[np.float32]) -> float:
    return max(float(values.max()), -float(values.min()))


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
    order = stable_order(descending(pairs.scores))
    order = order[stable_order(pairs.queries[order])]
    queries, scores = pairs.queries[order], pairs.scores[order]
    tied = np.zeros(len(order) + 1, np.bool_)
    tied[1:-1] = (queries[1:] == queries[:-1]) & (scores[1:] == scores[:-1])
    places = np.flatnonzero(tied[1:] | tied[:-1])
    if len(places):
        rank = rank_ids(pairs.rows[order[places]], ids)
        group = np.cumsum(~tied[places])
        order[places] = order[places][np.argsort((group << 32) - rank)]  # One key: several times faster than lexsort.
    return pairs.at(order[position(queries) < k])


def descending(scores: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Numbers below 2^32, the smaller the higher the score."""
    bits = scores.view(np.int32)
    return np.where(bits < 0, bits, bits ^ 0x7FFFFFFF).view(np.uint32).astype(np.uint64)


def ascending(numbers: NDArray[np.uint64]) -> NDArray[np.float32]:
    """The scores of which `descending` made these numbers."""
    bits = numbers.astype(np.uint32).view(np.int32)
    return np.where(bits < 0, bits, bits ^ 0x7FFFFFFF).view(np.float32)


def stable_order(keys: NDArray[np.uint64] | NDArray[np.int64]) -> NDArray[np.intp]:
    """What a stable `argsort` gives for keys from 0 to below 2^32, and several times faster: key and place in one."""
    packed = (keys.astype(np.uint64) << np.uint64(32)) | np.arange(len(keys), dtype=np.uint64)
    packed.sort()
    return (packed & np.uint64(0xFFFFFFFF)).astype(np.intp)


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


def position(groups: NDArray[np.int64]) -> NDArray[np.intp]:
    """The place of each element inside its group; equal elements lie together."""
    return np.arange(len(groups)) - np.searchsorted(groups, groups)
