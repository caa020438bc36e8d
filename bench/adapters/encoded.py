"""A corpus and its queries as shards of vectors in the store: what every retriever with an encoder begins with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol, runtime_checkable

from bench.collection import Corpus
from bench.encoding import TextEncoder, encode_batch
from bench.errors import StoppedError
from bench.forms import form_of
from bench.search import MEMORY
from bench.store import SHARD_SIZE, Shard, VectorStore
from bench.watch import Watch


@dataclass
class EncodedCorpus:
    """Encodes a corpus into the store, shard by shard, and queries when they come.

    `memory` is what a search may use, in bytes beside what is held already.
    `shards` and `query_shards` are what the last index and search used: found in the store or encoded.
    """

    encoder: TextEncoder
    store: VectorStore
    watch: Watch
    query_language: str = "und"
    shard_size: int = SHARD_SIZE
    memory: int = MEMORY
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
        for wait in (False, True):
            for number, texts in enumerate(_windows(corpus, self.shard_size)):
                if number not in found:
                    shard = self._shard(texts, corpus.language, wait)
                    if shard:
                        found[number] = shard
            if len(found) == number + 1:
                break
        self._corpus = corpus
        self.shards = [found[number] for number in sorted(found)]
        _refuse_unequal(self.shards)

    def fill(self, corpus: Corpus, mine: Callable[[int], bool]) -> int:
        """Make sure that those shards of the corpus are in the store whose number, from 0, is `mine`.

        One that another process is encoding is left to it. Returns the number of all shards of the corpus; `shards` are
        those that are there now.
        """
        self.shards, number = [], -1
        for number, texts in enumerate(_windows(corpus, self.shard_size)):
            shard = self._shard(texts, corpus.language, wait=False) if mine(number) else None
            self.shards += [shard] if shard else []
        return number + 1

    def fill_queries(self, texts: Sequence[str], mine: Callable[[int], bool]) -> int:
        """The same for queries; `query_shards` grow by those that are there now."""
        pieces = range(0, len(texts), self.shard_size)
        for number, start in enumerate(pieces):
            if mine(number):
                with self.watch.phase("encode_queries"):
                    part = texts[start : start + self.shard_size]
                    shard = self.store.get(self.encoder, part, "query", self.query_language, wait=False)
                self.query_shards += [shard] if shard else []
        return len(pieces)

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
        self.query_shards = []
        for start in range(0, len(texts), self.shard_size):
            with self.watch.phase("encode_queries"):
                part = texts[start : start + self.shard_size]
                shard = self.store.get(self.encoder, part, "query", self.query_language)
            if shard is None:
                raise RuntimeError("the store gave up waiting for a shard")
            self.query_shards.append(shard)
        _refuse_unequal([*self.shards[:1], *self.query_shards])
        form = form_of(self.encoder)
        return [form.load(shard.path) for shard in self.query_shards]

    def _shard(self, texts: list[str], language: str, wait: bool) -> Shard | None:
        with self.watch.phase("encode_documents"):
            shard = self.store.get(self.encoder, texts, "document", language, self.watch.encoded, wait)
        if shard and shard.reused:
            self.watch.reused(len(texts))
        return shard


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


def _windows(corpus: Corpus, size: int) -> Iterator[list[str]]:
    docs = corpus.docs()
    while window := [doc.text for doc in islice(docs, size)]:
        yield window
