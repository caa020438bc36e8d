"""A corpus and its queries as shards of vectors in the store: what every retriever with an encoder begins with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from typing import Any, Protocol, runtime_checkable

from bench.adapters.compact import for_side
from bench.collection import Corpus
from bench.encoding import Side, TextEncoder, encode_batch
from bench.engine import LOCAL, Engine, Work
from bench.errors import StoppedError
from bench.forms import form_of
from bench.search import MEMORY
from bench.store import SHARD_SIZE, Shard, VectorStore
from bench.watch import Watch


@dataclass
class EncodedCorpus:
    """Encodes a corpus into the store, shard by shard, and queries when they come.

    `memory` is what a search may use, in bytes beside what is held already; `engine` is who encodes.
    `shards` and `query_shards` are what the last index and search used: found in the store or encoded.
    """

    encoder: TextEncoder
    store: VectorStore
    watch: Watch
    query_language: str = "und"
    shard_size: int = SHARD_SIZE
    memory: int = MEMORY
    engine: Engine = LOCAL
    shards: list[Shard] = field(default_factory=list)
    query_shards: list[Shard] = field(default_factory=list)
    _corpus: Corpus | None = None
    _afresh: bool = False

    @property
    def corpus(self) -> Corpus:
        """The corpus that was encoded last."""
        if self._corpus is None:
            raise RuntimeError("index a corpus before searching")
        return self._corpus

    def encode(self, corpus: Corpus) -> None:
        """Make sure that every shard of the corpus is in the store.

        Shards that another process is encoding are left to it and waited for at the end.
        """
        found: dict[int, Shard] = {}
        windows = _Windows(corpus, self.shard_size, lambda number: number not in found)
        for wait in (False, True):
            found.update(self.engine.shards(self._work("document", corpus.language), windows, wait))
            if len(found) == windows.count:
                break
        self._corpus = corpus
        self.shards = [found[number] for number in sorted(found)]
        _refuse_unequal(self.shards)

    def fill(self, corpus: Corpus, mine: Callable[[int], bool]) -> int:
        """Make sure that those shards of the corpus are in the store whose number, from 0, is `mine`.

        One that another process is encoding is left to it. Returns the number of all shards of the corpus; `shards` are
        those that are there now.
        """
        windows = _Windows(corpus, self.shard_size, mine)
        there = self.engine.shards(self._work("document", corpus.language), windows, wait=False)
        self.shards = [shard for _, shard in sorted(there, key=itemgetter(0))]
        return windows.count

    def fill_queries(self, texts: Sequence[str], mine: Callable[[int], bool]) -> int:
        """The same for queries; `query_shards` grow by those that are there now."""
        pieces = self._pieces(texts)
        own = [(number, part) for number, part in enumerate(pieces) if mine(number)]
        there = self.engine.shards(self._work("query", self.query_language), own, wait=False)
        self.query_shards += [shard for _, shard in sorted(there, key=itemgetter(0))]
        return len(pieces)

    def stored_queries(self, texts: Sequence[str]) -> int:
        """How many of some queries have vectors that `encode_queries` would find in the store."""
        work = self._work("query", self.query_language)
        pieces = self._pieces(texts)
        requests = (self.store.request(work.encoder, piece, "query", self.query_language) for piece in pieces)
        return sum(len(piece) for piece, request in zip(pieces, requests, strict=True) if self.store.has(request))

    @contextmanager
    def afresh(self) -> Iterator[None]:
        """Inside, queries are encoded whether or not the store has them, and are not stored."""
        self._afresh = True
        try:
            yield
        finally:
            self._afresh = False

    def index_bytes(self) -> int:
        """The bytes of the documents' vectors on disk."""
        return sum(shard.path.stat().st_size for shard in self.shards)

    def encode_queries(self, texts: list[str]) -> list[Any]:
        """The vectors of queries in the encoder's form, in pieces of a shard's size."""
        if self._afresh:
            return [encode_batch(self.encoder, texts, "query", self.query_language)]
        pieces = self._pieces(texts)
        found = dict(self.engine.shards(self._work("query", self.query_language), enumerate(pieces), wait=True))
        if len(found) < len(pieces):
            raise RuntimeError("the store gave up waiting for a shard")
        self.query_shards = [found[number] for number in range(len(pieces))]
        _refuse_unequal([*self.shards[:1], *self.query_shards])
        form = form_of(self.encoder)
        return [form.load(shard.path) for shard in self.query_shards]

    def _work(self, side: Side, language: str) -> Work:
        return Work(for_side(self.encoder, side), self.store, side, language, self.watch)

    def _pieces(self, texts: Sequence[str]) -> list[list[str]]:
        return [list(texts[start : start + self.shard_size]) for start in range(0, len(texts), self.shard_size)]


@runtime_checkable
class Encodes(Protocol):
    """A retriever over encoded texts."""

    @property
    def encoded(self) -> EncodedCorpus: ...


def _refuse_unequal(shards: Sequence[Shard]) -> None:
    dimensions = list(dict.fromkeys(shard.meta["dimension"] for shard in shards))
    if len(dimensions) > 1:
        raise StoppedError(
            f"the model returned vectors of {dimensions[0]} dimensions and of {dimensions[1]}: all its vectors, of "
            "queries and of documents, must have the same"
        )


class _Windows:
    """The windows of a corpus that are wanted, with their numbers; `count` is that of all after they were read."""

    def __init__(self, corpus: Corpus, size: int, wanted: Callable[[int], bool]) -> None:
        self._corpus, self._size, self._wanted = corpus, size, wanted
        self.count = 0

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        docs, self.count = self._corpus.docs(), 0
        while window := [doc.text for doc in islice(docs, self._size)]:
            number, self.count = self.count, self.count + 1
            if self._wanted(number):
                yield number, window
