"""Fusion of rankings: by reciprocal ranks, or by a weighted sum of scores.

Reciprocal rank fusion: Cormack, Clarke and Buettcher, SIGIR 2009.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.collection import Corpus, Query
from bench.ranking import Ranking, Run, rank
from bench.retriever import Retriever, search_batches

Rule = Callable[[Sequence[Ranking]], dict[str, float]]
"""From one query's rankings, one a system in their order, to the score of every document in them."""


@dataclass(frozen=True)
class Fusion:
    """Several systems as one: a query's documents are scored by a rule that looks at the first `depth` of each.

    A document that a system does not return gets nothing from it.
    """

    members: tuple[Retriever, ...]
    rule: Rule
    depth: int = 1000

    def index(self, corpus: Corpus, workdir: Path) -> None:
        """Index the corpus in every member, each in a folder of its own."""
        for number, member in enumerate(self.members, start=1):
            folder = workdir / str(number)
            folder.mkdir(parents=True, exist_ok=True)
            member.index(corpus, folder)

    def search(self, queries: Sequence[Query], k: int) -> Run:
        """The fused top k of every query that some member has an answer for."""
        return next(self.search_batches([queries] if queries else [], k), {})

    def search_batches(self, batches: Sequence[Sequence[Query]], k: int) -> Iterator[Run]:
        """The same, one batch of queries after the other."""
        searches = [search_batches(member, batches, max(k, self.depth)) for member in self.members]
        for batch, *runs in zip(batches, *searches, strict=True):
            yield {query.id: self._fuse(query, runs, k) for query in batch if any(query.id in run for run in runs)}

    def _fuse(self, query: Query, runs: Sequence[Run], k: int) -> Ranking:
        scores = self.rule([run[query.id].cut(self.depth) if query.id in run else rank([], []) for run in runs])
        return rank(list(scores), list(scores.values()), k)


def reciprocal_ranks(k: int = 60) -> Rule:
    """A document's score is the sum of 1 / (k + rank) over the systems; ranks count from 1."""

    def rule(rankings: Sequence[Ranking]) -> dict[str, float]:
        scores: dict[str, float] = {}
        for ranking in rankings:
            for place, doc in enumerate(ranking.docs, start=1):
                scores[doc] = scores.get(doc, 0.0) + 1.0 / (k + place)
        return scores

    return rule


Norm = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""The scores of one query's list, best first, made comparable with those of another system."""


def minmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 0 for the last to 1 for the first; 1 for all where all are equal, since a missing document counts 0."""
    span = scores.max() - scores.min()
    return (scores - scores.min()) / span if span else np.ones_like(scores)


def zscore(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance from the list's mean in standard deviations; 0 where all are equal."""
    deviation = scores.std()
    return (scores - scores.mean()) / deviation if deviation else np.zeros_like(scores)


def unchanged(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scores as they are."""
    return scores


NORMS: dict[str, Norm] = {"minmax": minmax, "zscore": zscore, "none": unchanged}


def weighted_sum(weights: Sequence[float], norm: str = "minmax") -> Rule:
    """A document's score is the sum of weight times normalised score over the systems; a missing one counts 0."""
    normalise = NORMS[norm]

    def rule(rankings: Sequence[Ranking]) -> dict[str, float]:
        scores: dict[str, float] = {}
        for weight, ranking in zip(weights, rankings, strict=True):
            values = normalise(ranking.scores.astype(np.float64)) if ranking.docs else ranking.scores
            for doc, value in zip(ranking.docs, values.tolist(), strict=True):
                scores[doc] = scores.get(doc, 0.0) + weight * value
        return scores

    return rule
