"""The search of a corpus in parts, each by whoever has its vectors, and the one list that is made of theirs.

The exact score of a pair depends on its two vectors alone and the order on score and id alone (`exact`), so the best k
of the parts' best k are those of the whole, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.idtable import Ids
from bench.search import Found, by_query, search
from bench.search.blocks import Source
from bench.search.exact import Pairs, best, joined

_PAIRS = 1 << 21  # That are sorted at once: some 100 MB.


class Part(NamedTuple):
    """What the search of some consecutive rows has found: `counts` by query, then rows of the whole corpus, scores."""

    counts: NDArray[np.int64]
    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


class Stretch:
    """The ids of `count` rows from row `first` on, numbered from 0."""

    def __init__(self, ids: Ids, first: int, count: int) -> None:
        self._ids, self._first, self._count = ids, first, count

    def __len__(self) -> int:
        return self._count

    def take(self, rows: NDArray[np.int64]) -> list[bytes]:
        """The ids of these rows, in the order of `rows`, as UTF-8."""
        return self._ids.take(rows + self._first)


def search_part(
    queries: NDArray[np.float32], sources: Sequence[Source], ids: Ids, first: int, count: int, k: int, memory: int
) -> Part:
    """The exact top k of each query among the rows `first` to `first + count`, which the sources hold.

    `ids` are those of the whole corpus. Raises what `search` raises.
    """
    found = search(np.array(queries), sources, Stretch(ids, first, count), k, memory=memory)
    return Part(
        np.array([len(hits.rows) for hits in found], dtype=np.int64),
        np.concatenate([hits.rows for hits in found]) + first,
        np.concatenate([hits.scores for hits in found]),
    )


def merged(parts: Sequence[Part], k: int, ids: Ids) -> list[Found]:
    """The top k of each query among what the parts have found, in the one order."""
    ends = [np.concatenate([[0], np.cumsum(part.counts)]) for part in parts]
    count, width = len(parts[0].counts), max(1, k * len(parts))
    step = max(1, _PAIRS // width)
    found: list[Found] = []
    for start in range(0, count, step):
        stop = min(count, start + step)
        pairs = best(joined(_pairs(part, at, start, stop) for part, at in zip(parts, ends, strict=True)), k, ids)
        found += by_query(pairs, stop - start)
    return found


def _pairs(part: Part, ends: NDArray[np.int64], start: int, stop: int) -> Pairs:
    """What a part has for the queries from `start` to `stop`, which are numbered from 0."""
    here = slice(int(ends[start]), int(ends[stop]))
    queries = np.repeat(np.arange(stop - start), part.counts[start:stop])
    return Pairs(queries, part.rows[here], part.scores[here])
