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

import numpy as np
from numpy.typing import NDArray

from bench.search.blocks import Block
from bench.search.exact import ascending, descending

TILE = 2048  # Documents a matrix product, at least.
_CELLS = 512 * TILE  # Scores in hand at once: 4 MiB, which stay in the processor's cache.
_HEAD = 8  # Times k documents give a query its first bar, a tile at least.
_ROOM = 1024  # Candidates beyond k that a query may hold.
MOST_ROWS = 1 << 32
"""Documents that can be searched at once: a candidate is one number, 32 bits for its score and 32 for its row."""

_NONE = np.uint64(0xFFFFFFFFFFFFFFFF)
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)

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


def room(k: int, width: int = TILE) -> int:
    """How many candidates a query needs space for, where the tiles are of this width."""
    return k + _ROOM + _slack(k) + width


def _slack(k: int) -> int:
    """How many candidates a query gathers before those that others have ruled out are dropped."""
    return 32 + k // 4


class Scan:
    """Some queries on their way through the blocks: `scan` each, then `finish`, then read `pairs` and `crowded`."""

    def __init__(self, queries: NDArray[np.float32], k: int, tiles: Tiles | None = None) -> None:
        count = len(queries)
        self.crowded = np.zeros(count, np.bool_)
        self.floor = np.full(count, -np.inf)  # k documents are known to have at least this exact score
        self._tiles = tiles or Tiles(queries)
        self._k = k
        self._begun = False
        self._held = np.zeros(count, np.intp)
        self._sift_at = np.full(count, k + _slack(k))
        self._keys = np.empty((count, room(k, self._tiles.width)), np.uint64)  # `_packed`, in no order

    def scan(self, block: Block) -> None:
        """Keep what may be among the top k of the blocks so far."""
        error = self._tiles.error(block)
        if not self._begun:
            self._begun = True
            block = self._begin(block, error)
        if self.crowded.all():
            return
        for candidates in self._tiles.reaching(block, lambda: self._bar(error)):
            if len(candidates[0]):
                self._add(*candidates)
                self._sift(np.flatnonzero(self._held > self._sift_at), error)

    def _begin(self, block: Block, error: NDArray[np.float64]) -> Block:
        """Give all queries a floor by the first documents, and keep what reaches it; the rest of the block."""
        head = block.vectors[: max(TILE, _HEAD * self._k)]
        at_once = max(1, _CELLS // len(head))
        for start in range(0, len(self._held), at_once):
            some = slice(start, start + at_once)
            scores = self._tiles.products(some, head)
            if len(head) > self._k:
                kth = np.partition(scores, len(head) - self._k, axis=1)[:, len(head) - self._k]
                self.floor[some] = kth - error[some]
            queries, columns, approx = above(scores, round_down(self.floor[some] - error[some]))
            self.crowded[some] = np.bincount(queries, minlength=len(scores)) > self._k + _ROOM
            held = np.flatnonzero(~self.crowded[some][queries])
            self._add(queries[held] + start, block.first + columns[held], approx[held])
        return block._replace(first=block.first + len(head), vectors=block.vectors[len(head) :])

    def finish(self, *others: Scan) -> Scan:
        """Take over what scans of the same queries hold of other blocks, and drop what is ruled out by now."""
        for other in others:
            self._absorb(other)
        self._sift(np.flatnonzero(self._held > self._k), self._tiles.last_error)
        return self

    def _absorb(self, other: Scan) -> None:
        self._tiles.norm = max(self._tiles.norm, other._tiles.norm)
        self.floor = np.maximum(self.floor, other.floor)
        self.crowded |= other.crowded
        self._held[self.crowded] = other._held[self.crowded] = 0
        held = self._held + other._held
        keys = np.empty((len(held), max(1, int(held.max()))), np.uint64)
        starts = np.arange(len(held)) * keys.shape[1]
        for scan, first in ((self, starts), (other, starts + self._held)):
            keys.reshape(-1)[_count_up(scan._held, first)] = scan._candidates()
        self._keys, self._held = keys, held

    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The candidates of all queries that are not crowded: query numbers, ascending, and document rows."""
        rows = (self._candidates() & _LOW).astype(np.int64)
        return np.repeat(np.arange(len(self._held)), self._held), rows

    def _candidates(self) -> NDArray[np.uint64]:
        return self._keys.reshape(-1)[_count_up(self._held, np.arange(len(self._held)) * self._keys.shape[1])]

    def _bar(self, error: NDArray[np.float64]) -> NDArray[np.float32]:
        """The float32 score that a document must reach to be a candidate; no more are held of the crowded queries."""
        bar = round_down(self.floor - error)
        bar[self.crowded] = np.inf
        return bar

    def _add(self, queries: NDArray[np.int64], rows: NDArray[np.int64], approx: NDArray[np.float32]) -> None:
        added = np.bincount(queries, minlength=len(self._held))
        places = _count_up(added, np.arange(len(added)) * self._keys.shape[1] + self._held)
        self._keys.reshape(-1)[places] = _packed(approx, rows)
        self._held += added

    def _sift(self, full: NDArray[np.intp], error: NDArray[np.float64]) -> None:
        """Raise the floor of these queries, each holding more than k documents, and drop what lies below it."""
        if not len(full):
            return
        held = self._held[full]
        width = int(held.max())
        keys = self._keys[full, :width]
        keys[np.arange(width) >= held[:, None]] = _NONE
        keys.partition(self._k - 1, axis=1)
        kth = ascending(keys[:, self._k - 1] >> _HALF).astype(np.float64)
        self.floor[full] = np.maximum(self.floor[full], kth - error[full])
        last = _packed(round_down(self.floor[full] - error[full]), _LOW)
        near = keys[:, self._k :] <= last[:, None]  # Few: within the error of the k-th.
        some = np.flatnonzero(near.any(axis=1))
        keys[some, self._k :] = np.sort(keys[some, self._k :], axis=1)
        kept = self._k + np.count_nonzero(near, axis=1)
        self._keys[full, :width] = keys
        self._held[full] = kept
        self._sift_at[full] = kept + _slack(self._k)
        crowded = full[kept > self._k + _ROOM]
        self.crowded[crowded] = True
        self._held[crowded] = 0


def _packed(scores: NDArray[np.float32], rows: NDArray[np.int64] | np.uint64) -> NDArray[np.uint64]:
    """Score and row as one number, so that a plain sort puts the best first."""
    return (descending(scores) << _HALF) | np.asarray(rows, np.uint64)


class _Scratch(local):
    """Two arrays a thread, used again for every tile: fresh memory takes the system longer than it takes to fill."""

    def __init__(self) -> None:
        self._floats = np.empty(0, np.float32)
        self._flags = np.empty(0, np.bool_)

    def floats(self, size: int) -> NDArray[np.float32]:
        """The first `size` values; what they hold is left over."""
        if len(self._floats) < size:
            self._floats = np.empty(size, np.float32)
        return self._floats[:size]

    def flags(self, size: int) -> NDArray[np.bool_]:
        """The first `size` flags; what they hold is left over."""
        if len(self._flags) < size:
            self._flags = np.empty(size, np.bool_)
        return self._flags[:size]


_SCRATCH = _Scratch()


class Tiles:
    """The float32 scores of some queries and a block, a tile of documents at a time."""

    def __init__(self, queries: NDArray[np.float32]) -> None:
        self.queries = queries
        self.width = max(TILE, _CELLS // max(1, len(queries)) // TILE * TILE)
        self._norms = np.sqrt(np.square(queries, dtype=np.float64).sum(axis=1))
        self.norm = 0.0  # The largest of all blocks so far.

    def error(self, block: Block) -> NDArray[np.float64]:
        """The error bound of each query for this block and all before it."""
        self.norm = max(self.norm, block.norm)
        return self.last_error

    @property
    def last_error(self) -> NDArray[np.float64]:
        """The error bound of each query for all blocks so far."""
        return error_bound(self.queries.shape[1], self._norms, self.norm)

    def products(self, some: slice, documents: NDArray[np.float32]) -> NDArray[np.float32]:
        """The scores of some of the queries, (queries, documents); the next call overwrites them."""
        queries = self.queries[some]
        scores = _SCRATCH.floats(len(queries) * len(documents)).reshape(len(queries), len(documents))
        return np.matmul(queries, documents.T, out=scores)

    def reaching(self, block: Block, bar: Callable[[], NDArray[np.float32]]) -> Iterator[Candidates]:
        """The documents of a block that reach their query's bar, of at most `width` documents at a time.

        The bar is asked for again before each tile: what was yielded may have raised it.
        """
        for start in range(0, len(block.vectors), self.width):
            scores = self.products(slice(None), block.vectors[start : start + self.width])
            queries, columns, approx = above(scores, bar())
            yield queries, block.first + start + columns, approx


def above(scores: NDArray[np.float32], bar: NDArray[np.float32]) -> Candidates:
    """The scores, (queries, documents), that reach their query's bar: queries (ascending), columns, scores."""
    reached = _SCRATCH.flags(scores.size).reshape(scores.shape)
    np.greater_equal(scores, bar[:, None], out=reached)
    # Of a flat array: numpy finds places there many times faster than in a table.
    places = np.flatnonzero(reached)
    queries = places // scores.shape[1]
    return queries, places - queries * scores.shape[1], scores.reshape(-1)[places]


def round_down(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """A float32 below each value."""
    return np.nextafter(values.astype(np.float32), np.float32(-np.inf))


def _count_up(lengths: NDArray[np.intp], starts: NDArray[np.intp]) -> NDArray[np.intp]:
    """As many numbers as each length says, from its start up: [2, 0, 1] and [10, 20, 30] give [10, 11, 30]."""
    offsets = starts - (np.cumsum(lengths) - lengths)
    numbers: NDArray[np.intp] = np.arange(int(lengths.sum())) + np.repeat(offsets, lengths)
    return numbers
