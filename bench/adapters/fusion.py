"""Fusion of rankings: reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.collection import Corpus, Query
from bench.ranking import Ranking, Run, rank
from bench.retriever import Retriever


@dataclass(frozen=True)
class ReciprocalRankFusion:
    """The score of a document is the sum of 1 / (k + rank) over the systems that return it among their first `depth`.

    Ranks count from 1. A document that a system does not return gets nothing from it.
    """

    members: tuple[Retriever, ...]
    k: int = 60
    depth: int = 1000

    def index(self, corpus: Corpus, workdir: Path) -> None:
        """Index the corpus in every member, each in a folder of its own."""
        for number, member in enumerate(self.members, start=1):
            folder = workdir / str(number)
            folder.mkdir(parents=True, exist_ok=True)
            member.index(corpus, folder)

    def search(self, queries: Sequence[Query], k: int) -> Run:
        """The fused top k of every query that some member has an answer for."""
        runs = [member.search(queries, max(k, self.depth)) for member in self.members]
        return {query.id: self._fuse([run[query.id] for run in runs if query.id in run], k) for query in queries}

    def _fuse(self, rankings: Sequence[Ranking], k: int) -> Ranking:
        scores: dict[str, float] = {}
        for ranking in rankings:
            for place, doc in enumerate(ranking.docs[: self.depth], start=1):
                scores[doc] = scores.get(doc, 0.0) + 1.0 / (self.k + place)
        return rank(list(scores), list(scores.values()), k)
