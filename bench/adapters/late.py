"""Late interaction: one vector a token, and exact MaxSim over all tokens of the corpus on disk.

The score of a document is, summed over the vectors of the query, the largest inner product with a vector of the
document (Khattab and Zaharia, "ColBERT", SIGIR 2020). One pass in float32 finds all documents that can be among the
top k, since its error is bounded; these are scored again, pair by pair in float64, and only those scores count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.adapters.encoded import EncodedCorpus
from bench.collection import Corpus, Query
from bench.forms import MULTI, Tokens, maxsim
from bench.ranking import Ranking, Run, rank
from bench.retriever import Vectors

_TILE = 1 << 24  # Products in hand at once: 64 MB at most.
_BYTES = 64  # Of the memory that a search may use for each of them.
_QUERY_TOKENS = 1024
_QUERIES = 2048  # Whose finalists are held at once.


class LateRetriever:
    """Encodes a corpus into the store, token by token, and scores all of it. Arguments are those of `EncodedCorpus`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.encoded = EncodedCorpus(*arguments, **options)

    def index(self, corpus: Corpus, workdir: Path) -> None:
        """Make sure that every shard of the corpus is in the store."""
        self.encoded.encode(corpus)

    def index_bytes(self) -> int:
        """The bytes of the token vectors."""
        return self.encoded.index_bytes()

    def search(self, queries: Sequence[Query], k: int) -> Run:
        """The exact top k of every query."""
        if not queries:
            return {}
        pieces: list[Tokens] = self.encoded.encode_queries([query.text for query in queries])
        vectors = [piece.of(row) for piece in pieces for row in range(len(piece))]
        run: Run = {}
        for start in range(0, len(queries), _QUERIES):
            part = slice(start, start + _QUERIES)
            with self.encoded.watch.phase("search"):
                best = self._best(vectors[part], k)
            run |= {query.id: ranking for query, ranking in zip(queries[part], best, strict=True)}
        return run

    def _best(self, queries: Sequence[Vectors], k: int) -> list[Ranking]:
        finalists = [_Finalists(k) for _ in queries]
        start = 0
        for shard in self.encoded.shards:
            tokens = MULTI.load(shard.path)
            for group in _groups(queries):
                self._scan(queries, group, tokens, start, finalists)
            start += shard.rows
            self.encoded.watch.searched(start, None)
        return self._exact(queries, [finalist.rows() for finalist in finalists], k)

    @property
    def _mean(self) -> bool:
        return bool(getattr(self.encoded.encoder, "mean_of_queries", False))

    def _scan(
        self, queries: Sequence[Vectors], group: range, tokens: Tokens, start: int, finalists: Sequence[_Finalists]
    ) -> None:
        """Offer every document of a shard, by its score in float32, to the queries of a group."""
        asked = [queries[i] for i in group if len(queries[i])]
        if not asked:
            return
        stacked = np.concatenate(asked)
        starts = np.cumsum([0, *map(len, asked)])[:-1]
        longest = float(np.linalg.norm(stacked, axis=1).max(initial=0.0))
        products = min(_TILE, self.encoded.memory // _BYTES)
        for first, last in _documents(tokens, products // len(stacked)):
            ends = tokens.ends[first : last + 1]
            part = tokens.vectors[ends[0] : ends[-1]]
            scores = np.add.reduceat(_maxima(stacked @ part.T, ends - ends[0]), starts, axis=0)
            norm = longest * float(np.linalg.norm(part, axis=1).max(initial=0.0))
            rows = np.arange(start + first, start + last)
            for place, i in enumerate(i for i in group if len(queries[i])):
                length = len(queries[i])
                # d products and `length` sums, each rounded by at most 2^-24 of what it adds up to.
                error = length * (part.shape[1] + length + 2) * 2.0**-23 * norm
                finalists[i].offer(scores[place], rows, error)

    def _exact(self, queries: Sequence[Vectors], rows: Sequence[NDArray[np.int64]], k: int) -> list[Ranking]:
        scores = [np.zeros(len(found), dtype=np.float64) for found in rows]
        start = 0
        for shard in self.encoded.shards:
            tokens = None
            for query, found, out in zip(queries, rows, scores, strict=True):
                for place in np.flatnonzero((found >= start) & (found < start + shard.rows)).tolist():
                    tokens = tokens or MULTI.load(shard.path)
                    out[place] = maxsim(query, tokens.of(int(found[place]) - start), mean=self._mean)
            start += shard.rows
        ids = self.encoded.corpus.ids
        return [
            rank([name.decode() for name in ids.take(found)], values, k)
            for found, values in zip(rows, scores, strict=True)
        ]


class _Finalists:
    """The documents that may be among a query's top k: those whose score in float32 is within its error of the k-th."""

    def __init__(self, k: int) -> None:
        self._k, self._error = k, 0.0
        self._scores: NDArray[np.float32] = np.empty(0, dtype=np.float32)
        self._rows: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def offer(self, scores: NDArray[np.float32], rows: NDArray[np.int64], error: float) -> None:
        self._error = max(self._error, error)
        self._scores, self._rows = np.concatenate([self._scores, scores]), np.concatenate([self._rows, rows])
        if len(self._scores) > self._k:
            limit = np.partition(self._scores, -self._k)[-self._k] - 2 * self._error
            kept = self._scores >= limit
            self._scores, self._rows = self._scores[kept], self._rows[kept]

    def rows(self) -> NDArray[np.int64]:
        return np.sort(self._rows)


def _groups(queries: Sequence[Vectors]) -> Iterator[range]:
    """Neighbouring queries with so many vectors together that a product is worth its call."""
    first, held = 0, 0
    for i, query in enumerate(queries):
        if held and held + len(query) > _QUERY_TOKENS:
            yield range(first, i)
            first, held = i, 0
        held += len(query)
    yield range(first, len(queries))


def _documents(tokens: Tokens, most: int) -> Iterator[tuple[int, int]]:
    """Neighbouring rows with at most so many vectors together, one row at least."""
    first = 0
    while first < len(tokens):
        last = int(np.searchsorted(tokens.ends, tokens.ends[first] + most, side="right")) - 1
        last = min(max(last, first + 1), len(tokens))
        yield first, last
        first = last


def _maxima(products: Vectors, ends: NDArray[np.int64]) -> Vectors:
    """The largest of each row's products per document; 0 for a document without vectors."""
    found = np.zeros((len(products), len(ends) - 1), dtype=np.float32)
    there = [place for place, (a, b) in enumerate(pairwise(ends.tolist())) if a < b]
    if there:
        found[:, there] = np.maximum.reduceat(products, ends[:-1][there], axis=1)
    return found
