"""The scan: a float32 pass over the blocks that keeps every document that can be among a query's exact top k.

The proof. Let s be the exact score of a pair (`exact`) and a its float32 score from a matrix product, whose
order of summation is unknown. Then |a - s| <= E with the E of `error_bound`. If k documents have a >= t, their s is at
least t - E =: floor. A document with a + E < floor is below those k, whatever its id: it is dropped, and no other is.
Where more documents stay than there is room for (thousands within E of each other, in practice copies of one vector)
the query is `crowded` and is answered by `Ties`, which scores exactly as it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import local
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.search.blocks import Block

TILE = 2048  # Documents a matrix product: with 512 queries the result is 4 MiB and stays in the processor's cache.
_GROUP = 128  # Scores whose maximum is compared first: mostly none of them is a candidate.
_HEAD = 1024  # Documents that give a query its first bar.
_ROOM = 1024  # Candidates beyond k that a query may hold.
_LOWEST = np.finfo(np.float32).min

Candidates = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]
"""Queries, ascending, documents, and their float32 scores, as three arrays of one length."""


def error_bound(dim: int, query_norms: NDArray[np.float64], norm: float) -> NDArray[np.float64]:
    """How far the float32 score of a query and a document of norm up to `norm` can lie from the exact score.

    Higham, Accuracy and Stability of Numerical Algorithms, 3.1: in any order of summation, fused or not, the error is
    at most g * sum |q_i x_i| <= g |q| |x|, g = d u / (1 - d u), u = 2^-24. Rounding the exact score to float32 adds
    u |q| |x|, its float64 sum far less than another. The last term is what numbers below 2^-126 lose where they are
    taken for zero, as an input or as a result.
    """
    unit = 2.0**-24
    growth = dim * unit / (1 - dim * unit)
    return (growth + 2 * unit) * norm * query_norms * 1.0001 + dim * 2.0**-125 * (1 + norm + query_norms)


def room(k: int) -> int:
    """How many candidates a query needs space for."""
    return 2 * k + _ROOM + 64 + TILE


class Scan:
    """Some queries on their way through all blocks: `scan` each, then `finish`, then read `pairs` and `crowded`."""

    def __init__(self, queries: NDArray[np.float32], k: int, tiles: Tiles | None = None) -> None:
        count = len(queries)
        self.crowded = np.zeros(count, np.bool_)
        self.floor = np.full(count, -np.inf)  # k documents are known to have at least this exact score
        self._tiles = tiles or Tiles(queries)
        self._k = k
        self._begun = False
        self._held = np.zeros(count, np.intp)
        self._sift_at = np.full(count, k + 64)
        self._approx = np.empty((count, room(k)), np.float32)
        self._rows = np.empty((count, room(k)), np.int64)

    def scan(self, block: Block) -> None:
        """Keep what may be among the top k of the blocks so far."""
        error = self._tiles.error(block)
        if not self._begun:
            self._begin(block, error)
        for queries, rows, approx in self._tiles.reaching(block, lambda: self._bar(error)):
            if len(queries):
                self._add(queries, rows, approx, error)

    def _begin(self, block: Block, error: NDArray[np.float64]) -> None:
        """Set the floors by the first documents alone, or all of the first tile would be candidates."""
        self._begun = True
        head = block.vectors[: min(TILE, max(_HEAD, 2 * self._k))]
        if len(head) > self._k:
            scores = np.partition(self._tiles.queries @ head.T, len(head) - self._k, axis=1)
            self.floor[:] = scores[:, len(head) - self._k] - error

    def finish(self) -> None:
        """Drop what later documents have ruled out."""
        self._sift(np.flatnonzero(self._held > self._k), self._tiles.last_error)

    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The candidates of all queries that are not crowded: query numbers, ascending, and document rows."""
        places = _count_up(self._held, np.arange(len(self._held)) * self._rows.shape[1])
        return np.repeat(np.arange(len(self._held)), self._held), self._rows.reshape(-1)[places]

    def _bar(self, error: NDArray[np.float64]) -> NDArray[np.float32]:
        """The float32 score that a document must reach to be a candidate; no more are held of the crowded queries."""
        bar = round_down(self.floor - error)
        bar[self.crowded] = np.inf
        return bar

    def _add(
        self,
        queries: NDArray[np.int64],
        rows: NDArray[np.int64],
        approx: NDArray[np.float32],
        error: NDArray[np.float64],
    ) -> None:
        added = np.bincount(queries, minlength=len(self._held))
        places = _count_up(added, np.arange(len(added)) * self._rows.shape[1] + self._held)
        self._rows.reshape(-1)[places] = rows
        self._approx.reshape(-1)[places] = approx
        self._held += added
        full = np.flatnonzero(self._held > self._sift_at)
        if len(full):
            self._sift(full, error)

    def _sift(self, full: NDArray[np.intp], error: NDArray[np.float64]) -> None:
        """Raise the floor of these queries, each holding at least k documents, and drop what lies below it."""
        if not len(full):
            return
        held = self._held[full]
        width = int(held.max())
        approx = np.where(np.arange(width) < held[:, None], self._approx[full, :width], -np.inf)
        kth = np.partition(approx, width - self._k, axis=1)[:, width - self._k].astype(np.float64)
        self.floor[full] = np.maximum(self.floor[full], kth - error[full])
        keep = approx >= round_down(self.floor[full] - error[full])[:, None]
        kept = keep.sum(axis=1)
        line, column = np.divmod(np.flatnonzero(keep), width)
        starts = full * self._rows.shape[1]
        places = _count_up(kept, starts)
        self._rows.reshape(-1)[places] = self._rows.reshape(-1)[starts[line] + column]
        self._approx.reshape(-1)[places] = approx[line, column]
        self._held[full] = kept
        self._sift_at[full] = kept + self._k + 64
        crowded = full[kept > self._k + _ROOM]
        self.crowded[crowded] = True
        self._held[crowded] = 0


class _Scratch(local):
    """Two arrays a thread, used again for every tile: fresh memory takes the system longer than it takes to fill."""

    def __init__(self) -> None:
        self._arrays = [np.empty(0, np.float32)] * 2

    def take(self, which: int, size: int) -> NDArray[np.float32]:
        """The first `size` values of an array; what they hold is left over."""
        if len(self._arrays[which]) < size:
            self._arrays[which] = np.empty(size, np.float32)
        return self._arrays[which][:size]


_SCRATCH = _Scratch()


class Tile(NamedTuple):
    """Documents from row `first` on, and their float32 scores, (queries, documents); -inf fills up the last columns."""

    first: int
    vectors: NDArray[np.float32]
    scores: NDArray[np.float32]


class Tiles:
    """The float32 scores of some queries and a block, a tile of documents at a time."""

    def __init__(self, queries: NDArray[np.float32]) -> None:
        self.queries = queries
        self._norms = np.sqrt(np.square(queries, dtype=np.float64).sum(axis=1))
        self._norm = 0.0

    def error(self, block: Block) -> NDArray[np.float64]:
        """The error bound of each query for this block and all before it."""
        self._norm = max(self._norm, block.norm)
        return self.last_error

    @property
    def last_error(self) -> NDArray[np.float64]:
        """The error bound of each query for all blocks so far."""
        return error_bound(self.queries.shape[1], self._norms, self._norm)

    def products(self, block: Block) -> Iterator[Tile]:
        """The tiles of a block; the scores are overwritten by the next."""
        width = min(TILE, -(len(block.vectors) // -_GROUP) * _GROUP)
        scores = _SCRATCH.take(0, len(self.queries) * width).reshape(len(self.queries), width)
        for start in range(0, len(block.vectors), TILE):
            documents = block.vectors[start : start + TILE]
            np.matmul(self.queries, documents.T, out=scores[:, : len(documents)])
            scores[:, len(documents) :] = -np.inf
            yield Tile(block.first + start, documents, scores)

    def reaching(self, block: Block, bar: Callable[[], NDArray[np.float32]]) -> Iterator[Candidates]:
        """The documents of a block that reach their query's bar, of at most `TILE` documents at a time.

        The bar is asked for again before each tile: what was yielded may have raised it.
        """
        for tile in self.products(block):
            queries, columns, approx = self.above(tile, bar())
            yield queries, tile.first + columns, approx

    @staticmethod
    def above(tile: Tile, bar: NDArray[np.float32]) -> Candidates:
        """The scores of a tile that reach their query's bar: queries (ascending), columns of the tile, scores."""
        bar = np.maximum(bar, _LOWEST)  # finite, so that what fills the tile never reaches it
        groups = tile.scores.reshape(-1, _GROUP)
        each = tile.scores.shape[1] // _GROUP
        # flatnonzero and divmod: numpy finds the places in a flat array many times faster than in a table.
        found = np.flatnonzero(groups.max(axis=1).reshape(-1, each) >= bar[:, None])
        owners = found // each
        near = _SCRATCH.take(1, len(found) * _GROUP).reshape(-1, _GROUP)
        np.take(groups, found, axis=0, out=near, mode="clip")
        hits = np.flatnonzero(near >= bar[owners, None])
        group, column = np.divmod(hits, _GROUP)
        return owners[group], found[group] % each * _GROUP + column, near.reshape(-1)[hits]


def round_down(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """A float32 below each value."""
    return np.nextafter(values.astype(np.float32), np.float32(-np.inf))


def _count_up(lengths: NDArray[np.intp], starts: NDArray[np.intp]) -> NDArray[np.intp]:
    """As many numbers as each length says, from its start up: [2, 0, 1] and [10, 20, 30] give [10, 11, 30]."""
    offsets = starts - (np.cumsum(lengths) - lengths)
    numbers: NDArray[np.intp] = np.arange(int(lengths.sum())) + np.repeat(offsets, lengths)
    return numbers
