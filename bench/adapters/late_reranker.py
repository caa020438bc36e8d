"""Late interaction as a second stage: the documents that another system found are scored again by MaxSim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.collection import Doc, Query
from bench.encoding import HALVED, Side, TextEncoder, encode_window
from bench.forms import Tokens, maxsim

# Documents whose token vectors are held at once: about half a gigabyte.
_DOCUMENTS = 8192


@dataclass(frozen=True)
class LateReranker:
    """A `bench.retriever.Reranker` over an encoder of token vectors; each document is encoded once a call."""

    encoder: TextEncoder
    remarks: list[str] = field(default_factory=list, compare=False)

    def recipe(self) -> dict[str, Any]:
        """All that makes the scores."""
        return {side: self.encoder.recipe(side) for side in ("query", "document")}

    def score_all(self, pairs: Sequence[tuple[Query, Sequence[Doc]]]) -> list[list[float]]:
        """The exact MaxSim of every pair, query by query."""
        mean = bool(getattr(self.encoder, "mean_of_queries", False))
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
                    scores[i][j] = maxsim(queries.of(i), documents.of(row), mean=mean)
        return scores

    def _encoded(self, texts: Sequence[str], side: Side) -> Tokens:
        encoded = encode_window(self.encoder, texts, side, "und")
        if encoded.halved:
            self.remarks.append(HALVED)
        found: Tokens = encoded.vectors
        return found
