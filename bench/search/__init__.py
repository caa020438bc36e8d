"""Exact search: for each query the k documents with the highest inner products, from vectors on disk.

One pass over the blocks in float32 finds all documents that can be among the top k (`scan` has the proof), their rows
are read again and scored exactly, and these scores alone decide order and cut (`exact`); where all documents are
wanted they are scored at once (`whole`). So the result is the same to the bit for any shard size, block size, number of
queries at once, thread count and order of documents.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.errors import InputError, StoppedError
from bench.idtable import Ids
from bench.retriever import Progress
from bench.search.blocks import Block, Shards, Source
from bench.search.exact import Pairs, best, joined, score_pairs, stable_order
from bench.search.relay import Relay
from bench.search.scan import MOST_ROWS, TILE, Scan, Tiles, room
from bench.search.ties import Ties
from bench.search.whole import Whole

MEMORY = 1 << 30
"""Bytes that a search may use beside what the process already holds: up to a quarter for blocks, half for queries."""

_BLOCK = 12 << 20  # Larger blocks are not searched faster.
_SLOTS = 4  # Blocks in memory at once.
_GATHERED = 8 << 20  # Bytes of candidates' vectors at once.
_LARGEST = 1e38  # A third of the largest float32, so that no partial sum of a product overflows.
_PIECES = 4  # Of the rows, a thread, for scoring candidates: they hold unequal numbers.
_QUERIES = 512  # Queries a matrix product at most, see `bench.search.scan.TILE`.
_FEWEST = 192  # With fewer the processor idles.


class Found(NamedTuple):
    """The documents of one query, best first: row numbers and exact scores; ties are in descending order of the id."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


def search(
    queries: NDArray[np.float32],
    shards: Sequence[Source],
    ids: Ids,
    k: int,
    *,
    memory: int = MEMORY,
    query_block: int | None = None,
    progress: Progress | None = None,
    tiles: Callable[[NDArray[np.float32]], Tiles] | None = None,
) -> list[Found]:
    """The exact top k of each query, in the one order: score descending as float32, then document id descending.

    `queries` is (q, d); `shards` hold the documents' vectors in the order of `ids`. `query_block` queries go through
    the corpus together (default: as many as `memory` allows). `tiles` makes the float32 products of the first pass, of
    all of these queries at once (default: the processor, in threads; `bench.adapters.device_search`). `progress` counts
    documents over all passes, except those that thousands of ties at rank k make necessary. All documents are returned
    where there are no more than k. Raises InputError (k, shapes, nothing to search), MissingError (files), StoppedError
    (NaN, infinity, beyond float32).
    """
    vectors = Shards(shards)
    _check(queries, vectors, ids, k, query_block)
    k = min(k, vectors.rows)
    at_once = query_block or max(1, memory // 2 // _bytes_per_query(k, vectors.dim))
    starts = range(0, len(queries), at_once)
    found: list[Found] = []
    with _threads() as (pool, workers):
        corpus = _Corpus(vectors, ids, k, memory, pool, workers, tiles)
        for turn, start in enumerate(starts):

            def report(done: int, before: int = turn * vectors.rows) -> None:
                if progress:
                    progress(before + done, len(starts) * vectors.rows)

            found += corpus.answer(np.ascontiguousarray(queries[start : start + at_once]), report)
    return found


def by_query(pairs: Pairs, count: int) -> list[Found]:
    """The pairs of queries 0 to `count`, in the one order, as one list a query."""
    ends = np.searchsorted(pairs.queries, np.arange(count + 1)).tolist()
    return [Found(pairs.rows[a:b], pairs.scores[a:b]) for a, b in pairwise(ends)]


@dataclass(frozen=True)
class _Corpus:
    """What is searched, and with what means."""

    vectors: Shards
    ids: Ids
    k: int
    memory: int
    pool: ThreadPoolExecutor
    workers: int
    tiles: Callable[[NDArray[np.float32]], Tiles] | None = None

    def answer(self, queries: NDArray[np.float32], report: Callable[[int], None]) -> list[Found]:
        """The top k of each of these queries."""
        pairs = (self._all if self.k == self.vectors.rows else self._top)(queries, report)
        return by_query(pairs, len(queries))

    def _all(self, queries: NDArray[np.float32], report: Callable[[int], None]) -> Pairs:
        """All documents for each query."""
        cuts = self._cuts(len(queries))
        parts = [Whole(queries[cut], self.k) for cut in cuts]
        self._sweep(parts, queries, report)
        return joined(
            best(part.pairs._replace(queries=part.pairs.queries + cut.start), self.k, self.ids)
            for part, cut in zip(parts, cuts, strict=True)
        )

    def _top(self, queries: NDArray[np.float32], report: Callable[[int], None]) -> Pairs:
        """The top k, all in one pass, and a second one for the queries with too many ties."""
        cuts, sharing = self._layout(len(queries))
        teams = [
            [Scan(queries[cut], self.k, self.tiles and self.tiles(queries[cut])) for _ in range(sharing)]
            for cut in cuts
        ]
        self._sweep([scan for team in teams for scan in team], queries, report, sharing)
        scans = [first.finish(*others) for first, *others in teams]
        pairs = self._ranked(self._finalists(scans, queries, cuts), cuts)
        crowded = np.flatnonzero(np.concatenate([scan.crowded for scan in scans]))
        if len(crowded):
            floor = np.concatenate([scan.floor for scan in scans])[crowded]
            del teams, scans  # Their candidates take as much memory as what comes now.
            pairs = joined([pairs, self._tied(queries[crowded], floor, crowded)])
            pairs = pairs.at(np.argsort(pairs.queries, kind="stable"))
        return pairs

    def _sweep(
        self,
        parts: Sequence[Scan | Ties | Whole],
        queries: NDArray[np.float32],
        report: Callable[[int], None],
        sharing: int = 1,
    ) -> None:
        """Show every block to every part, or to one of each `sharing` parts in turn; the parts share the threads."""
        longest = float(np.sqrt(np.square(queries, dtype=np.float64).sum(axis=1).max()))
        slots = _SLOTS + sharing - 1
        size = min(self._rows_within(_BLOCK, slots), max(TILE, -(-self.vectors.rows // (2 * sharing))))
        turns = [range(worker, len(parts), self.workers) for worker in range(min(self.workers, len(parts)))]
        with Relay(self._safe(self.vectors.blocks(size, slots), longest), len(turns), slots) as relay:

            def work(turn: int) -> None:
                try:
                    for number, block in enumerate(relay.read(turn)):
                        for part in turns[turn]:
                            if part % sharing == number % sharing:
                                parts[part].scan(block)
                except BaseException:
                    relay.stop()
                    raise

            working = [self.pool.submit(work, turn) for turn in range(len(turns))]
            for passed in relay.passed():
                report(min(passed * size, self.vectors.rows))
            for one in working:
                one.result()

    def _safe(self, blocks: Iterator[Block], longest: float) -> Iterator[Block]:
        """The same blocks. StoppedError where a product with a query of norm `longest` may be too large."""
        for block in blocks:
            if longest * block.norm > _LARGEST:
                raise StoppedError(
                    f"{self.vectors.place(block.first)} and after: norms up to {block.norm:.3g}, queries up to "
                    f"{longest:.3g}: scores may exceed float32; scale the vectors down"
                )
            yield block

    def _finalists(self, scans: list[Scan], queries: NDArray[np.float32], cuts: list[slice]) -> Pairs:
        """All candidates of the scans with their exact scores; each document is read once, in the order of the rows."""
        held = [scan.pairs() for scan in scans]
        numbers = np.concatenate([q + cut.start for (q, _), cut in zip(held, cuts, strict=True)])
        rows = np.concatenate([rows for _, rows in held])
        pairs = Pairs(numbers, rows, np.empty(len(rows), np.float32))
        size = self._rows_within(_GATHERED)

        def fill(stretch: slice) -> None:
            places = np.flatnonzero((rows >= stretch.start) & (rows < stretch.stop))
            places = places[stable_order(rows[places] - stretch.start)]
            if not len(places):
                return
            starts = np.flatnonzero(np.append(True, np.diff(rows[places])))
            distinct = rows[places[starts]]
            starts = np.append(starts, len(places))
            for at, vectors in self.vectors.gather(distinct, size):
                ends = starts[at : at + len(vectors) + 1]
                some = places[ends[0] : ends[-1]]
                document = np.repeat(np.arange(len(vectors)), np.diff(ends))
                pairs.scores[some] = score_pairs(queries, vectors, numbers[some], document)

        for _ in self.pool.map(fill, _slices(0, self.vectors.rows, _PIECES * self.workers)):
            pass
        return pairs

    def _ranked(self, pairs: Pairs, cuts: list[slice]) -> Pairs:
        """The best k of each query; `pairs` has the queries in ascending order."""
        ends = np.searchsorted(pairs.queries, [0, *(cut.stop for cut in cuts)]).tolist()
        parts = [pairs.at(slice(a, b)) for a, b in pairwise(ends)]
        return joined(self.pool.map(lambda part: best(part, self.k, self.ids), parts))

    def _tied(self, queries: NDArray[np.float32], floor: NDArray[np.float64], numbers: NDArray[np.intp]) -> Pairs:
        """The top k of the crowded queries."""
        cuts = self._cuts(len(queries))
        parts = [Ties(queries[cut], self.k, floor[cut], self.ids) for cut in cuts]
        self._sweep(parts, queries, lambda done: None)
        return joined(
            part.pairs._replace(queries=numbers[part.pairs.queries + cut.start])
            for part, cut in zip(parts, cuts, strict=True)
        )

    def _layout(self, queries: int) -> tuple[list[slice], int]:
        """The queries in parts, and how many threads share the blocks of each part.

        Few queries a matrix product leave the processor idle, so threads beyond that take other documents instead.
        """
        if self.tiles:
            return [slice(0, queries)], 1
        least = -(-queries // _QUERIES)
        if least >= self.workers:
            return self._cuts(queries), 1
        parts = max(least, min(self.workers, queries // _FEWEST), 1)
        most = self.memory // 2 // (queries * _bytes_per_query(self.k, self.vectors.dim))
        return _slices(0, queries, parts), max(1, min(self.workers // parts, most))

    def _cuts(self, queries: int) -> list[slice]:
        """The queries in parts: one a thread, or several where a matrix product would be too large."""
        parts = -(-queries // _QUERIES)
        return _slices(0, queries, -(-parts // self.workers) * self.workers)

    def _rows_within(self, most: int, slots: int = _SLOTS) -> int:
        return max(64, min(most, self.memory // (4 * slots)) // (4 * self.vectors.dim))


def _check(queries: NDArray[np.float32], vectors: Shards, ids: Ids, k: int, query_block: int | None) -> None:
    if k <= 0:
        raise InputError(f"k is {k}: ask for at least 1 document")
    if query_block is not None and query_block <= 0:
        raise InputError(f"query_block is {query_block}: search at least 1 query at once")
    if not vectors.rows:
        raise InputError("the corpus is empty: there is nothing to search")
    if vectors.rows > MOST_ROWS:
        raise InputError(f"{vectors.rows} vectors are more than the {MOST_ROWS} that can be searched at once")
    if len(ids) != vectors.rows:
        raise InputError(f"{len(ids)} document ids for {vectors.rows} vectors: each vector needs one id")
    if queries.ndim != 2 or queries.dtype != np.float32 or queries.shape[1] != vectors.dim:
        raise InputError(
            f"queries have the shape {queries.shape} and the type {queries.dtype}: "
            f"expected (queries, {vectors.dim}) and float32"
        )
    bad = np.flatnonzero(~np.isfinite(queries).all(axis=1))
    if len(bad):
        raise StoppedError(f"query {bad[0]} (counted from 0): the vector holds NaN or infinity")


def _bytes_per_query(k: int, dim: int) -> int:
    """Candidates of the scan, then scored pairs while they are sorted, and copies of the vector."""
    return room(k) * 8 + k * 80 + dim * 16


def _slices(start: int, stop: int, parts: int) -> list[slice]:
    """At most `parts` slices of nearly one length that cover start .. stop; none is empty."""
    edges = np.linspace(start, stop, min(parts, stop - start) + 1).astype(int).tolist()
    return [slice(a, b) for a, b in pairwise(edges)]


@contextmanager
def _threads() -> Iterator[tuple[ThreadPoolExecutor, int]]:
    """As many threads as the matrix library was given; each calls it by itself, so it must not start its own."""
    from threadpoolctl import ThreadpoolController

    libraries = ThreadpoolController().select(user_api="blas")
    workers = max((library["num_threads"] for library in libraries.info()), default=os.cpu_count() or 1)
    with libraries.limit(limits=1), ThreadPoolExecutor(workers) as pool:
        yield pool, workers
