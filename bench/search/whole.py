"""Queries for which every document is ranked: there is nothing to search, only scores to be had, and fast.

A matrix product in float64 sums the products in another order than the tree of `exact`; where that may matter to the
score, the pair is scored by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.search.blocks import Block
from bench.search.exact import Pairs, rounded, score_pairs
from bench.search.scan import TILE


class Whole:
    """Some queries on their way through all blocks: `scan` each, then read `pairs`."""

    def __init__(self, queries: NDArray[np.float32], rows: int) -> None:
        self._queries = queries
        self._doubles = queries.astype(np.float64)
        self._norms = np.sqrt(np.square(self._doubles).sum(axis=1))
        self._scores = np.empty((len(queries), rows), np.float32)

    def scan(self, block: Block) -> None:
        """Score the documents of a block."""
        for start in range(0, len(block.vectors), TILE):
            vectors = block.vectors[start : start + TILE]
            first = block.first + start
            self._scores[:, first : first + len(vectors)] = self._exact(vectors)

    @property
    def pairs(self) -> Pairs:
        """Every query with every document, queries ascending."""
        count, rows = self._scores.shape
        return Pairs(np.repeat(np.arange(count), rows), np.tile(np.arange(rows), count), self._scores.reshape(-1))

    def _exact(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        doubles = vectors.astype(np.float64)
        sums = self._doubles @ doubles.T
        norms = np.sqrt(np.square(doubles).sum(axis=1))
        scores, unsure = rounded(sums, vectors.shape[1], np.multiply.outer(self._norms, norms))
        query, document = np.divmod(unsure, len(vectors))
        scores.reshape(-1)[unsure] = score_pairs(self._queries, vectors, query, document)
        return scores
