"""A sample of a corpus: all that is judged, and of the rest the documents with the smallest keyed hash of their id.

The hash is BLAKE2b (8 bytes) of the id, keyed with the digits of the seed. So a sample depends on ids alone, not on
the order or the number of files, and one of 10,000 documents contains that of 5,000 with the same seed.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.answer_passages import AnswerPassages
from bench.collection import Answers, Passage, Qrels, Query, Source
from bench.errors import MissingError
from bench.words import word_tokenizer

Hashes = NDArray[np.uint64]
Rows = NDArray[np.int64]

_BATCH = 8192
_HIGHEST = np.uint64(np.iinfo(np.uint64).max)


@dataclass(frozen=True)
class Sample:
    """So many documents of every language, drawn with a seed; more where more are judged."""

    documents: int
    seed: int = 0

    def as_dict(self) -> dict[str, int]:
        """The sample as an identity has it."""
        return {"documents": self.documents, "seed": self.seed}

    def hashes(self, ids: Sequence[str]) -> Hashes:
        """The keyed hash of every id: whole numbers from 0 to 2^64 - 1."""
        key = str(self.seed).encode()
        whole = b"".join(blake2b(i.encode("utf-8", "surrogatepass"), digest_size=8, key=key).digest() for i in ids)
        return np.frombuffer(whole, "<u8").astype(np.uint64)


class Kept(Protocol):
    """What a sample keeps in any case, found while the corpus streams by."""

    def look(self, passages: Sequence[Passage], hashes: Hashes, start: int) -> None:
        """Take in the next passages, the first of which is row `start`."""
        ...

    def rows(self) -> Rows:
        """The rows to keep, ascending and distinct."""
        ...


class Judged:
    """The documents with these ids."""

    def __init__(self, ids: Container[str]) -> None:
        self._ids, self._rows = ids, list[int]()

    def look(self, passages: Sequence[Passage], hashes: Hashes, start: int) -> None:
        self._rows += [row for row, passage in enumerate(passages, start) if passage.id in self._ids]

    def rows(self) -> Rows:
        return np.array(self._rows, np.int64)


class _Chosen(NamedTuple):
    rows: Rows
    kept: int
    of: int


class Sampled:
    """A source whose corpus is the sample, in the order of the source; all else is as it was.

    The first reading chooses: it holds twice as many hashes as the sample has documents, 16 bytes each, and what is
    kept. Every reading after it ends with the last document of the sample.
    """

    def __init__(self, source: Source, sample: Sample, kept: Kept) -> None:
        self._source, self._sample, self._kept = source, sample, kept

    @property
    def files(self) -> tuple[tuple[str, Path], ...]:
        return self._source.files

    @property
    def of(self) -> int:
        """The documents of the whole corpus."""
        return self._chosen.of

    @property
    def kept(self) -> int:
        """How many of the sample's documents are there because they are judged, or hold an answer."""
        return self._chosen.kept

    def passages(self) -> Iterator[Passage]:
        """The documents of the sample, in the order of the source."""
        wanted = iter(self._chosen.rows)
        row = next(wanted, None)
        if row is None:
            return
        for number, passage in enumerate(self._source.passages()):
            if number == row:
                yield passage
                row = next(wanted, None)
                if row is None:
                    return
        raise MissingError(f"document {row + 1} of the corpus is gone: its files changed while a sample was drawn")

    def queries(self) -> list[Query]:
        return self._source.queries()

    def qrels(self) -> Qrels | None:
        return self._source.qrels()

    @cached_property
    def _chosen(self) -> _Chosen:
        smallest, of = _Smallest(self._sample.documents), 0
        passages = self._source.passages()
        while batch := list(islice(passages, _BATCH)):
            hashes = self._sample.hashes([passage.id for passage in batch])
            smallest.add(hashes, of)
            self._kept.look(batch, hashes, of)
            of += len(batch)
        kept = self._kept.rows()
        others = smallest.rows()
        others = others[~np.isin(others, kept)][: max(0, self._sample.documents - len(kept))]
        return _Chosen(np.sort(np.concatenate([kept, others])), len(kept), of)


class _Smallest:
    """The rows with the `size` smallest hashes; of equal hashes the first row's."""

    def __init__(self, size: int) -> None:
        self._size, self._limit = size, _HIGHEST
        self._hashes, self._rows = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
        self._held = 0

    def add(self, hashes: Hashes, start: int) -> None:
        """Take in the hashes of the next rows, the first of which is `start`."""
        low = np.flatnonzero(hashes <= self._limit)
        self._hashes.append(hashes[low])
        self._rows.append(low + start)
        self._held += len(low)
        if self._held > 2 * self._size:
            self._cut()

    def rows(self) -> Rows:
        """The rows, by ascending hash."""
        self._cut()
        return self._rows[0]

    def _cut(self) -> None:
        hashes, rows = np.concatenate(self._hashes), np.concatenate(self._rows)
        order = np.lexsort((rows, hashes))[: self._size]
        self._hashes, self._rows, self._held = [hashes[order]], [rows[order]], len(order)
        if len(order) == self._size:
            self._limit = hashes[order[-1]]


def sampled(source: Source, sample: Sample, qrels: Qrels | None, answers: Answers | None) -> Sampled:
    """The source with a sample of its corpus: what the qrels name is kept, or what holds one of the answers."""
    if answers is not None:
        return Sampled(source, sample, AnswerPassages(answers, word_tokenizer()))
    return Sampled(source, sample, Judged({doc for labels in (qrels or {}).values() for doc in labels}))
