"""An encoder as a second stage: what another system found is scored again, by inner product or by MaxSim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.collection import Doc, Query
from bench.encoding import HALVED, Side, TextEncoder, encode_window
from bench.forms import Tokens, maxsim
from bench.retriever import Vectors

# Documents whose vectors are held at once: of token vectors about half a gigabyte.
_DOCUMENTS = 8192


@dataclass(frozen=True)
class EncoderReranker:
    """A `bench.retriever.Reranker` over an encoder of one vector a text or one a token.

    Each document is encoded once a call; scores are sums of float64 products, the same that a first stage gives.
    """

    encoder: TextEncoder
    remarks: list[str] = field(default_factory=list, compare=False)

    def recipe(self) -> dict[str, Any]:
        """All that makes the scores."""
        return {side: self.encoder.recipe(side) for side in ("query", "document")}

    def environment(self) -> dict[str, Any]:
        """Versions and device that the scores were made with."""
        return self.encoder.environment()

    def score_all(self, pairs: Sequence[tuple[Query, Sequence[Doc]]]) -> list[list[float]]:
        """The exact score of every pair, query by query."""
        queries = self._encoded([query.text for query, _ in pairs], "query")
        scores = [[0.0] * len(docs) for _, docs in pairs]
        wanted: dict[str, list[tuple[int, int]]] = {}
        for i, (_, docs) in enumerate(pairs):
            for j, doc in enumerate(docs):
                wanted.setdefault(doc.text, []).append((i, j))
        texts = list(wanted)
        for start in range(0, len(texts), _DOCUMENTS):
            part = texts[start : start + _DOCUMENTS]
            documents = self._encoded(part, "document")
            for row, text in enumerate(part):
                for i, j in wanted[text]:
                    scores[i][j] = self._score(queries, i, documents, row)
        return scores

    def _score(self, queries: Tokens | Vectors, i: int, documents: Tokens | Vectors, row: int) -> float:
        if isinstance(queries, Tokens) and isinstance(documents, Tokens):
            mean = bool(getattr(self.encoder, "mean_of_queries", False))
            return maxsim(queries.of(i), documents.of(row), mean=mean)
        return float(queries[i].astype(np.float64) @ documents[row].astype(np.float64))

    def _encoded(self, texts: Sequence[str], side: Side) -> Tokens | Vectors:
        encoded = encode_window(self.encoder, texts, side, "und")
        if encoded.halved:
            self.remarks.append(HALVED)
        found: Tokens | Vectors = encoded.vectors
        return found
