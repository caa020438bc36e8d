"""A run: for each query the documents that a system returned, best first, in one fixed order.

The order is trec_eval 9's: score descending, compared as 32-bit floats, then document id descending by its UTF-8
bytes (usnistgov/trec_eval, form_res_rels.c). It is applied here, before any cut, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.errors import StoppedError


class Ranking(NamedTuple):
    """The documents of one query, best first: distinct ids and their scores (float32, not ascending)."""

    docs: list[str]
    scores: NDArray[np.float32]

    def cut(self, k: int | None) -> Ranking:
        """The first `k` documents; all of them for None."""
        return self if k is None or k >= len(self.docs) else Ranking(self.docs[:k], self.scores[:k])

    def without(self, doc: str) -> Ranking:
        """The ranking without one document."""
        if doc not in self.docs:
            return self
        place = self.docs.index(doc)
        return Ranking(self.docs[:place] + self.docs[place + 1 :], np.delete(self.scores, place))


Run = dict[str, Ranking]
"""Query id -> ranking. A query without any result may be absent or have an empty ranking; both mean the same."""


def rank(docs: Sequence[str], scores: Sequence[float] | NDArray[np.floating], k: int | None = None) -> Ranking:
    """Documents in the one order, cut at `k` (None keeps all). Ids must be distinct; scores are rounded to float32.

    Raises StoppedError on a NaN or infinite score: no order with one is right.
    """
    values = np.asarray(scores, dtype=np.float32)
    if not np.isfinite(values).all():
        bad = int(np.flatnonzero(~np.isfinite(values))[0])
        raise StoppedError(f"document {docs[bad]!r} has the score {values[bad]}: scores must be finite numbers")
    order = np.argsort(-values, kind="stable")
    best = values[order]
    if (best[1:] == best[:-1]).any():  # ids matter, and are worth encoding, only where scores tie
        keys = list(zip(values.tolist(), (doc.encode() for doc in docs), strict=True))
        order = np.array(sorted(range(len(keys)), key=keys.__getitem__, reverse=True))
    order = order[:k]
    return Ranking([docs[i] for i in order.tolist()], values[order])


def in_order(ranking: Ranking) -> bool:
    """Whether a ranking is finite and in the one order already."""
    scores, docs = ranking.scores, ranking.docs
    if not np.isfinite(scores).all() or (scores[1:] > scores[:-1]).any():
        return False
    ties = np.flatnonzero(scores[1:] == scores[:-1])
    return all(docs[i].encode() > docs[i + 1].encode() for i in ties.tolist())
