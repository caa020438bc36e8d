"""Pseudo-relevance feedback on vectors: the query moves towards the first documents it finds, and searches again.

Li, Mourad, Zhuang, Koopman and Zuccon, "Pseudo Relevance Feedback with Deep Language Models and Dense Retrievers:
Successes and Pitfalls", TOIS 2023: the average of query and documents, or Rocchio's alpha * query + beta * their mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.adapters.dense import DenseRetriever
from bench.collection import Corpus, Query
from bench.ranking import Run
from bench.retriever import Retriever, Vectors


@dataclass(frozen=True)
class VectorFeedback:
    """Dense retrieval with one round of feedback from the first `depth` documents.

    `alpha` and `beta` weigh the query and the mean of the documents; both None average query and documents alike,
    which is alpha = 1 / (depth + 1) and beta = depth / (depth + 1).
    """

    first: DenseRetriever
    depth: int = 3
    alpha: float | None = None
    beta: float | None = None

    @property
    def members(self) -> tuple[Retriever, ...]:
        """The dense retriever."""
        return (self.first,)

    def stage(self) -> dict[str, Any]:
        """The weights in use."""
        alpha, beta = self.weights(self.depth)
        return {"feedback": {"depth": self.depth, "alpha": alpha, "beta": beta, "version": 1}}

    def weights(self, found: int) -> tuple[float, float]:
        """Alpha and beta for a query with so many documents of feedback."""
        even = 1.0 / (found + 1)
        return (even if self.alpha is None else self.alpha, 1 - even if self.beta is None else self.beta)

    def index(self, corpus: Corpus, workdir: Path) -> None:
        """Index the corpus in the dense retriever."""
        self.first.index(corpus, workdir)

    def search(self, queries: Sequence[Query], k: int) -> Run:
        """The top k of every query after the feedback."""
        return next(self.search_batches([queries] if queries else [], k), {})

    def search_batches(self, batches: Sequence[Sequence[Query]], k: int) -> Iterator[Run]:
        """The same, one batch of queries after the other."""
        if not batches:
            return
        vectors = self.first.encode_queries([query.text for batch in batches for query in batch])
        start = 0
        for batch in batches:
            part = vectors[start : start + len(batch)]
            start += len(batch)
            hits = self.first.nearest(part, self.depth)
            yield self.first.run(batch, self._moved(part, [hit.rows for hit in hits]), k)

    def _moved(self, queries: Vectors, rows: Sequence[np.ndarray[Any, Any]]) -> Vectors:
        documents = self.first.rows(np.concatenate(rows) if len(rows) else np.empty(0, np.int64))
        moved, start = np.empty_like(queries), 0
        for i, found in enumerate(rows):
            own = documents[start : start + len(found)].astype(np.float64)
            start += len(found)
            alpha, beta = self.weights(len(found))
            moved[i] = alpha * queries[i].astype(np.float64) + (beta * own.mean(axis=0) if len(own) else 0.0)
        return moved
