"""Re-ranking: a first stage finds documents, a second one that reads query and document together orders the best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.collection import Corpus, Doc, Query
from bench.errors import StoppedError
from bench.ranking import Ranking, Run, rank
from bench.retriever import Counts, Placed, Remarks, Reranker, Retriever, search_batches
from bench.watch import Watch

# Texts held at once: the corpus is read once for so many, whatever the number of queries.
_TEXTS = 50_000


@dataclass
class Reranking:
    """The first `depth` documents of a query in the order of the re-ranker, then the rest as the first stage has them.

    The scores of the rest go on below the re-ranker's lowest in steps of 1: they say the order and nothing else.
    """

    first: Retriever
    reranker: Reranker
    depth: int
    watch: Watch
    _corpus: Corpus | None = field(default=None, init=False)
    _said: list[str] = field(default_factory=list, init=False)

    @property
    def members(self) -> tuple[Retriever, ...]:
        """The first stage."""
        return (self.first,)

    def stage(self) -> dict[str, Any]:
        """What the re-ranker is, where it works, and what it asked of an endpoint."""
        placed = {"environment": self.reranker.environment()} if isinstance(self.reranker, Placed) else {}
        spent = {"spent": dict(self.reranker.spent)} if isinstance(self.reranker, Counts) else {}
        return {"reranker": self.reranker.recipe(), "depth": self.depth} | placed | spent

    def index(self, corpus: Corpus, workdir: Path) -> None:
        """Index the corpus in the first stage."""
        self._corpus = corpus
        self.first.index(corpus, workdir)

    def search(self, queries: Sequence[Query], k: int) -> Run:
        """The re-ranked top k of every query."""
        return next(self.search_batches([queries] if queries else [], k), {})

    def search_batches(self, batches: Sequence[Sequence[Query]], k: int) -> Iterator[Run]:
        """The same, one batch of queries after the other."""
        for batch, run in zip(batches, search_batches(self.first, batches, max(k, self.depth)), strict=True):
            result: Run = {}
            for group in self._groups([query for query in batch if query.id in run]):
                with self.watch.phase("rerank"):
                    result |= self._reranked(group, run, k)
            yield result

    def _say(self) -> None:
        """What the re-ranker has to tell, each remark once."""
        for text in self.reranker.remarks if isinstance(self.reranker, Remarks) else ():
            if text not in self._said:
                self._said.append(text)
                self.watch.say(text)

    def _groups(self, queries: Sequence[Query]) -> Iterator[Sequence[Query]]:
        size = max(1, _TEXTS // self.depth)
        return (queries[start : start + size] for start in range(0, len(queries), size))

    def _reranked(self, queries: Sequence[Query], run: Run, k: int) -> Run:
        assert self._corpus is not None
        heads = {query.id: run[query.id].docs[: self.depth] for query in queries}
        wanted = sorted({doc for docs in heads.values() for doc in docs})
        texts = dict(zip(wanted, self._corpus.texts(wanted), strict=True))
        pairs = [(query, [Doc(doc, texts[doc]) for doc in heads[query.id]]) for query in queries]
        scored = self.reranker.score_all(pairs)
        self._say()
        return {
            query.id: _joined(docs, scores, run[query.id], k, query.id)
            for (query, docs), scores in zip(pairs, scored, strict=True)
        }


def _joined(docs: Sequence[Doc], scores: Sequence[float], first: Ranking, k: int, query: str) -> Ranking:
    if len(scores) != len(docs):
        raise StoppedError(f"query {query!r}: the re-ranker gave {len(scores)} scores for {len(docs)} documents")
    head = rank([doc.id for doc in docs], scores)
    rest = first.docs[len(docs) :]
    lowest = float(head.scores[-1]) if len(docs) else 0.0
    below = np.array([lowest - place for place in range(1, len(rest) + 1)], dtype=np.float32)
    # Above 2^24 a step of 1 is lost in float32: then the next number below is as good.
    for i in range(len(below)):
        above = below[i - 1] if i else np.float32(lowest)
        below[i] = min(below[i], np.nextafter(above, np.float32(-np.inf)))
    return Ranking(head.docs + rest, np.concatenate([head.scores, below])).cut(k)
