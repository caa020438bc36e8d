"""Two encoders, one for each side: a query's vector is made by other weights than a passage's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.encoding import BatchLimits, Prepared, Preparing, Side, TextEncoder, TokenCount
from bench.retriever import Vectors


@dataclass(frozen=True)
class TwoTowers:
    """The query's encoder and the passage's, as one; both must return vectors of one dimension."""

    query: TextEncoder
    document: TextEncoder

    def _tower(self, side: Side) -> TextEncoder:
        return self.query if side == "query" else self.document

    @property
    def uses_language(self) -> bool:
        return self.query.uses_language or self.document.uses_language

    @property
    def dimension(self) -> int | None:
        return getattr(self.document, "dimension", None)

    @property
    def limits(self) -> BatchLimits:
        return self.document.limits

    def recipe(self, side: Side) -> dict[str, Any]:
        return self._tower(side).recipe(side)

    def encode(self, texts: Sequence[str], side: Side, language: str) -> Vectors:
        return self._tower(side).encode(texts, side, language)

    def prepare(self, texts: Sequence[str], side: Side) -> Prepared | None:
        """By the tower of the side, where it can."""
        tower = self._tower(side)
        return tower.prepare(texts, side) if isinstance(tower, Preparing) else None

    @property
    def lanes(self) -> int:
        """Batches at a time: on as many devices as either tower is."""
        return max(getattr(tower, "lanes", 1) for tower in (self.query, self.document))

    def reference(self) -> TextEncoder | None:
        """Both towers in float32, None where they are already."""
        found = [getattr(tower, "reference", lambda: None)() for tower in (self.query, self.document)]
        return TwoTowers(found[0] or self.query, found[1] or self.document) if any(found) else None

    @property
    def bytes_in_float32(self) -> int:
        """What the weights of both take in float32."""
        return sum(getattr(tower, "bytes_in_float32", 0) for tower in (self.query, self.document))

    def count_tokens(self, texts: Sequence[str], side: Side) -> TokenCount | None:
        return self._tower(side).count_tokens(texts, side)

    def rendered(self, text: str, side: Side) -> str:
        return self._tower(side).rendered(text, side)

    def environment(self) -> dict[str, Any]:
        return self.document.environment()
