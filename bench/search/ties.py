"""Queries with more near-equal documents around rank k than a scan can hold: scored exactly as the blocks go by.

Nearly always these are copies of one vector: of a document that occurs thousands of times, or of a model that maps
different texts to one point.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.idtable import Ids
from bench.search.blocks import Block
from bench.search.exact import Pairs, best, joined, position, rank_ids, score_pairs
from bench.search.scan import TILE, Tiles, above, round_down


class Ties:
    """Queries with too many candidates to hold: scores them exactly, tile by tile, and holds the best k.

    `floor` holds for each query a score that k documents are known to reach. `pairs` is in the one order.
    """

    def __init__(self, queries: NDArray[np.float32], k: int, floor: NDArray[np.float64], ids: Ids) -> None:
        self.pairs = Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
        self._queries, self._k, self._ids = queries, k, ids
        self._tiles = Tiles(queries)
        self._floor = floor
        self._last_score = np.full(len(queries), -np.inf, np.float32)  # of the k-th best, where there are k
        self._last_row = np.full(len(queries), -1)

    def scan(self, block: Block) -> None:
        """Keep the best k of the blocks so far."""
        error = self._tiles.error(block)
        places = self._eligible(block)
        for start in range(0, len(places), TILE):
            some = places[start : start + TILE]
            vectors = block.vectors[some]
            floor = np.maximum(self._floor, self._last_score)
            queries, columns, _ = above(self._tiles.products(slice(None), vectors), round_down(floor - error))
            if len(queries):
                scores = _score_repeats(self._queries, vectors, queries, columns)
                self._merge(Pairs(queries, block.first + some[columns], scores))

    def _eligible(self, block: Block) -> NDArray[np.intp]:
        """Places in a block, ascending; of more than k equal vectors those of the k highest ids, which come first."""
        _, kind, counts = np.unique(_lines(block.vectors), return_inverse=True, return_counts=True)
        copied = counts[kind] > self._k
        places = np.flatnonzero(copied)
        if not len(places):
            return np.arange(len(block.vectors))
        rank = rank_ids(block.first + places, self._ids)
        by_kind = np.argsort((kind[places] << 32) - rank)
        copied[places[by_kind[position(kind[places][by_kind]) < self._k]]] = False
        return np.flatnonzero(~copied)

    def _merge(self, new: Pairs) -> None:
        new = new.at(self._enters(new))
        if not len(new.queries):
            return
        touched = np.bincount(new.queries, minlength=len(self._queries)) > 0
        old = touched[self.pairs.queries]
        merged = best(joined([self.pairs.at(old), new]), self._k, self._ids)
        both = joined([self.pairs.at(~old), merged])
        self.pairs = both.at(np.argsort(both.queries, kind="stable"))
        counts = np.bincount(self.pairs.queries, minlength=len(self._queries))
        whole = np.flatnonzero(counts == self._k)
        last = np.cumsum(counts)[whole] - 1
        self._last_score[whole], self._last_row[whole] = self.pairs.scores[last], self.pairs.rows[last]

    def _enters(self, new: Pairs) -> NDArray[np.bool_]:
        """Which pairs come before the k-th best of their query so far."""
        last = self._last_score[new.queries]
        enters = new.scores > last
        tied = np.flatnonzero(new.scores == last)
        if len(tied):
            rows = new.rows[tied]
            rank = rank_ids(np.concatenate([rows, self._last_row[new.queries[tied]]]), self._ids)
            enters[tied] = rank[: len(rows)] > rank[len(rows) :]
        return enters


def _score_repeats(
    queries: NDArray[np.float32], vectors: NDArray[np.float32], q: NDArray[np.int64], v: NDArray[np.int64]
) -> NDArray[np.float32]:
    """What `score_pairs` gives; a vector that occurs often is scored once for each query."""
    if len(q) <= len(vectors):
        return score_pairs(queries, vectors, q, v)
    _, first, kind = np.unique(_lines(vectors), return_index=True, return_inverse=True)
    if len(queries) * len(first) >= len(q):
        return score_pairs(queries, vectors, q, v)
    every_query, every_kind = np.divmod(np.arange(len(queries) * len(first)), len(first))
    grid = score_pairs(queries, vectors, every_query, first[every_kind]).reshape(len(queries), len(first))
    return grid[q, kind[v]]


def _lines(vectors: NDArray[np.float32]) -> NDArray[np.void]:
    """Each vector as one value, equal where all bytes are."""
    lines: NDArray[np.void] = np.ascontiguousarray(vectors).view(np.dtype((np.void, vectors.shape[1] * 4)))[:, 0]
    return lines
