"""Learned sparse retrieval: sparse vectors in an inverted index on disk, searched exactly.

The index is cut into segments of bounded size. A segment lists, term by term, the documents that have it; a query reads
the lists of its own terms. Scores are inner products in float64, summed in the order of the terms and rounded to
float32 once, so they depend neither on the segments nor on the order of the documents.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bench.adapters.encoded import EncodedCorpus
from bench.collection import Corpus, Query
from bench.files import writing
from bench.forms import SPARSE
from bench.ranking import Ranking, Run, rank

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_POSTINGS = 1 << 24  # Of a segment at most: 192 MB while it is built.
_DOCUMENTS = 1 << 16  # Of a segment, so that a block of scores stays small whatever the vectors.
_SCORES = 1 << 24  # Of a block of queries on a segment at most: 128 MB.
_BYTES = 64  # Of the memory that a search may use for each of these.


class Segment(NamedTuple):
    """An inverted index of some rows of the corpus, from `start` on: term by term, `(terms, documents)`."""

    folder: Path
    start: int
    shape: tuple[int, int]

    def postings(self) -> csr_array:
        """The lists, mapped from disk."""
        from scipy.sparse import csr_array

        arrays = [np.load(self.folder / f"{name}.npy", mmap_mode="r") for name in ("values", "documents", "ends")]
        return csr_array(tuple(arrays), shape=self.shape)


class SparseRetriever:
    """Encodes a corpus into the store, inverts it below the working folder, and searches it exactly.

    A document that shares no term with the query is not returned. Arguments are those of `EncodedCorpus`.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.encoded = EncodedCorpus(*arguments, **options)
        self._segments: list[Segment] = []

    def index(self, corpus: Corpus, workdir: Path) -> None:
        """Make sure that every shard is in the store, and write the inverted index."""
        self.encoded.encode(corpus)
        self._segments = []
        folder, start = workdir / "postings", 0
        with writing(folder):
            shutil.rmtree(folder, ignore_errors=True)  # Of a corpus that was indexed before.
        for number, rows in enumerate(self._pieces()):
            self._segments.append(_written(rows, folder / str(number), start))
            start += rows.shape[0]

    def index_bytes(self) -> int:
        """The bytes of the postings."""
        return sum(path.stat().st_size for segment in self._segments for path in segment.folder.iterdir())

    def search(self, queries: Sequence[Query], k: int) -> Run:
        """The exact top k of every query."""
        if not queries:
            return {}
        from scipy.sparse import csr_array, vstack

        vectors = csr_array(vstack(self.encoded.encode_queries([query.text for query in queries]), format="csr"))
        best: list[Ranking] = [rank([], []) for _ in queries]
        with self.encoded.watch.phase("search"):
            for segment in self._segments:
                postings = segment.postings()
                step = max(1, min(_SCORES, self.encoded.memory // _BYTES) // segment.shape[1])
                for first in range(0, len(queries), step):
                    scores = vectors[first : first + step, :].astype(np.float64) @ postings
                    self._merge(best, scores, first, segment, k)
                self.encoded.watch.searched(segment.start + segment.shape[1], None)
        return {query.id: ranking for query, ranking in zip(queries, best, strict=True)}

    def _merge(self, best: list[Ranking], scores: csr_array, first: int, segment: Segment, k: int) -> None:
        ids = self.encoded.corpus.ids
        for i, (a, b) in enumerate(zip(scores.indptr[:-1], scores.indptr[1:], strict=True)):
            values, rows = scores.data[a:b].astype(np.float32), scores.indices[a:b]
            old = best[first + i]
            if len(old.docs) == k:  # Equals stay: their ids decide.
                values, rows = values[values >= old.scores[-1]], rows[values >= old.scores[-1]]
            if len(values) > k:
                kept = values >= np.partition(values, -k)[-k]
                values, rows = values[kept], rows[kept]
            names = [name.decode() for name in ids.take(rows.astype(np.int64) + segment.start)]
            best[first + i] = rank(old.docs + names, np.concatenate([old.scores, values]), k)

    def _pieces(self) -> Iterator[csr_array]:
        """The corpus in pieces of a segment's size."""
        from scipy.sparse import csr_array, vstack

        held: list[csr_array] = []
        for shard in self.encoded.shards:
            rows = SPARSE.load(shard.path)
            full = sum(part.nnz for part in held) + rows.nnz > min(_POSTINGS, self.encoded.memory // _BYTES)
            if held and (full or sum(part.shape[0] for part in held) + rows.shape[0] > _DOCUMENTS):
                yield csr_array(vstack(held, format="csr"))
                held = []
            held.append(rows)
        yield csr_array(vstack(held, format="csr"))


def _written(rows: csr_array, folder: Path, start: int) -> Segment:
    by_term = rows.T.tocsr()
    with writing(folder):
        folder.mkdir(parents=True)
        np.save(folder / "values.npy", by_term.data)
        np.save(folder / "documents.npy", by_term.indices)
        np.save(folder / "ends.npy", by_term.indptr)
    return Segment(folder, start, (by_term.shape[0], by_term.shape[1]))
