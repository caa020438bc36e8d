"""Dense retrieval: an encoder, the vector store and exact search together make a retriever."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.adapters.encoded import EncodedCorpus
from bench.collection import Corpus, Query
from bench.compact import unpack
from bench.ranking import Ranking, Run
from bench.retriever import Vectors
from bench.search import Found
from bench.store import Shard


class DenseRetriever:
    """Encodes a corpus into the store and searches it exactly. Arguments are those of `EncodedCorpus`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.encoded = EncodedCorpus(*arguments, **options)

    @property
    def shards(self) -> list[Shard]:
        """The documents that were indexed last."""
        return self.encoded.shards

    @property
    def query_shards(self) -> list[Shard]:
        """The queries that were searched for last."""
        return self.encoded.query_shards

    def index(self, corpus: Corpus, workdir: Path) -> None:
        """Make sure that every shard of the corpus is in the store."""
        self.encoded.encode(corpus)

    def index_bytes(self) -> int:
        """The bytes of the vectors."""
        return self.encoded.index_bytes()

    def search(self, queries: Sequence[Query], k: int) -> Run:
        """The exact top k of every query."""
        return next(self.search_batches([queries] if queries else [], k), {})

    def search_batches(self, batches: Sequence[Sequence[Query]], k: int) -> Iterator[Run]:
        """The same, one batch of queries after the other; all are encoded before the first search."""
        if not batches:
            return
        vectors = self.encode_queries([query.text for batch in batches for query in batch])
        start = 0
        for batch in batches:
            yield self.run(batch, vectors[start : start + len(batch)], k)
            start += len(batch)

    def encode_queries(self, texts: list[str]) -> Vectors:
        """The vectors of queries, from the store or made."""
        self.encoded.corpus  # noqa: B018 - queries are encoded for a corpus
        return np.concatenate(self.encoded.encode_queries(texts))

    def run(self, queries: Sequence[Query], vectors: Vectors, k: int) -> Run:
        """The exact top k for vectors that stand for the queries."""
        ids = self.encoded.corpus.ids
        return {
            query.id: Ranking([name.decode() for name in ids.take(hits.rows)], hits.scores)
            for query, hits in zip(queries, self.nearest(vectors, k), strict=True)
        }

    def nearest(self, vectors: Vectors, k: int) -> list[Found]:
        """The rows of the corpus that are nearest to each vector, with their scores."""
        watch, engine = self.encoded.watch, self.encoded.engine
        with watch.phase("search"):
            ids, memory = self.encoded.corpus.ids, self.encoded.memory
            return engine.search(vectors, self.shards, ids, k, memory, watch.searched)

    def rows(self, rows: NDArray[np.int64]) -> Vectors:
        """The vectors of some rows of the corpus, in the order given."""
        starts = np.cumsum([0, *(shard.rows for shard in self.shards)])
        found = np.empty((len(rows), self.shards[0].meta["dimension"]), dtype=np.float32)
        numbers = np.searchsorted(starts, rows, side="right") - 1
        for number in np.unique(numbers):
            here = np.flatnonzero(numbers == number)
            stored = np.load(self.shards[number].path, mmap_mode="r", allow_pickle=False)
            found[here] = unpack(stored[rows[here] - starts[number]])
        return found
