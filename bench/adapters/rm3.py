"""RM3: BM25 with pseudo-relevance feedback on words.

Lavrenko and Croft, "Relevance-Based Language Models", SIGIR 2001, mixed with the query as in Abdul-Jaleel et al.,
"UMass at TREC 2004". With documents D weighted by their share of the first round's scores,
    p(t) = sum over D of share(D) * tf(t, D) / |D|,
cut to the most probable terms and scaled to 1, and
    weight(t) = original * tf(t, q) / |q| + (1 - original) * p(t).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.adapters.bm25 import BM25
from bench.collection import Corpus, Query
from bench.ranking import Ranking, Run
from bench.retriever import Retriever
from bench.watch import Watch

# Queries whose documents are read from the corpus at once.
_QUERIES = 2000


@dataclass
class RM3:
    """BM25 that searches twice: `terms` words of the first `depth` documents join the query, which keeps `original`."""

    first: BM25
    depth: int
    terms: int
    original: float
    watch: Watch
    _corpus: Corpus | None = field(default=None, init=False)

    @property
    def members(self) -> tuple[Retriever, ...]:
        """The first round."""
        return (self.first,)

    def stage(self) -> dict[str, Any]:
        """The settings in use."""
        return {"rm3": {"depth": self.depth, "terms": self.terms, "original": self.original, "version": 1}}

    def index(self, corpus: Corpus, workdir: Path) -> None:
        """Index the corpus with BM25."""
        self._corpus = corpus
        self.first.index(corpus, workdir)

    def search(self, queries: Sequence[Query], k: int) -> Run:
        """The top k of every query after the feedback; a query that finds nothing at first finds nothing."""
        run: Run = {}
        for start in range(0, len(queries), _QUERIES):
            run |= self._search(queries[start : start + _QUERIES], k)
        return run

    def _search(self, queries: Sequence[Query], k: int) -> Run:
        assert self._corpus is not None
        found = self.first.search(queries, self.depth)
        wanted = sorted({doc for ranking in found.values() for doc in ranking.docs})
        with self.watch.phase("feedback"):
            texts = self._corpus.texts(wanted)
            terms = {doc: Counter(self.first.terms(text)) for doc, text in zip(wanted, texts, strict=True)}
        return {
            query.id: self.first.search_terms(self._weights(query.text, found[query.id], terms), k) for query in queries
        }

    def _weights(self, query: str, found: Ranking, terms: Mapping[str, Counter[str]]) -> dict[str, float]:
        asked = Counter(self.first.terms(query))
        model = relevance_model(found, terms, self.terms)
        share = self.original if model else 1.0
        weights = {term: share * count / asked.total() for term, count in asked.items()}
        for term, probability in model.items():
            weights[term] = weights.get(term, 0.0) + (1 - share) * probability
        return weights


def relevance_model(found: Ranking, terms: Mapping[str, Counter[str]], size: int) -> dict[str, float]:
    """The most probable terms of the documents with their probabilities, scaled to 1; of equals the first by name."""
    total = float(found.scores.astype(float).sum())
    model: dict[str, float] = {}
    for doc, score in zip(found.docs, found.scores.tolist(), strict=True):
        length = terms[doc].total()
        for term, count in terms[doc].items():
            model[term] = model.get(term, 0.0) + score / total * count / length
    best = sorted(model.items(), key=lambda pair: (-pair[1], pair[0]))[:size]
    mass = sum(probability for _, probability in best)
    return {term: probability / mass for term, probability in best}
