"""Who encodes a corpus and searches it: this process, or workers elsewhere. Shards and results are the same to the bit.

A retriever with an encoder asks its engine for shards and for the top k. `LOCAL` does both here; `bench.cluster` has
the other one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

from bench.encoding import Prepared, Side, TextEncoder
from bench.idtable import Ids
from bench.overlap import Ahead, Behind
from bench.retriever import Progress, Vectors
from bench.search import Found, search
from bench.store import Request, Shard, VectorStore
from bench.watch import Watch

Windows = Iterable[tuple[int, list[str]]]
"""Texts that become one shard each, with a number to tell them by."""


@dataclass(frozen=True)
class Work:
    """How windows of texts become shards: by which encoder, of which side and language, in which store."""

    encoder: TextEncoder
    store: VectorStore
    side: Side
    language: str
    watch: Watch

    @property
    def phase(self) -> str:
        """The phase of a run that this is."""
        return "encode_documents" if self.side == "document" else "encode_queries"

    def make(self, texts: Sequence[str], wait: bool) -> Shard | None:
        """The shard of one window, in this process; None where another one is at it and `wait` is false."""
        with Behind() as behind:
            shard = self.begin(self.store.request(self.encoder, texts, self.side, self.language), behind, wait)
        return shard.result() if isinstance(shard, Future) else shard

    def begin(
        self, request: Request, behind: Behind, wait: bool, prepared: Prepared | None = None
    ) -> Shard | Future[Shard] | None:
        """As `VectorStore.begin`, watched."""
        progress = self.watch.encoded if self.side == "document" else None
        with self.watch.phase(self.phase):
            shard = self.store.begin(request, behind, progress, wait, prepared)
        if isinstance(shard, Shard):
            self.found(shard)
        return shard

    def requests(self, windows: Windows) -> Iterator[tuple[tuple[int, Request], Sequence[str] | None]]:
        """What is asked of the store for each window, and its texts where they will have to be encoded."""
        for number, texts in windows:
            request = self.store.request(self.encoder, texts, self.side, self.language)
            yield (number, request), None if self.store.has(request) else texts

    def found(self, shard: Shard) -> None:
        """Tell the watch of a shard that was there."""
        if shard.reused and self.side == "document":
            self.watch.reused(shard.rows)


class Engine(Protocol):
    """Makes shards of windows, and searches shards."""

    def shards(self, work: Work, windows: Windows, wait: bool) -> Iterator[tuple[int, Shard]]:
        """The shard of each window with its number, in any order; all windows are read.

        One that another process is encoding is left out unless `wait`. Raises what the encoder and the store raise.
        """
        ...

    def search(
        self, queries: Vectors, shards: Sequence[Shard], ids: Ids, k: int, memory: int, progress: Progress
    ) -> list[Found]:
        """The exact top k of each query among the rows of the shards, as `bench.search.search` has it."""
        ...

    def described(self) -> dict[str, Any] | None:
        """What a recipe says of it, None where there is nothing to say."""
        ...


class Local:
    """Does the work in this process."""

    def shards(self, work: Work, windows: Windows, wait: bool) -> Iterator[tuple[int, Shard]]:
        waiting: list[tuple[int, Future[Shard]]] = []
        with Behind() as behind:
            for (number, request), prepared in Ahead(work.encoder, work.side).of(work.requests(windows)):
                shard = work.begin(request, behind, wait, prepared)
                if isinstance(shard, Future):
                    waiting.append((number, shard))
                elif shard:
                    yield number, shard
            with work.watch.phase(work.phase):
                behind.wait()
        yield from ((number, shard.result()) for number, shard in waiting)

    def search(
        self, queries: Vectors, shards: Sequence[Shard], ids: Ids, k: int, memory: int, progress: Progress
    ) -> list[Found]:
        return search(queries, [shard.path for shard in shards], ids, k, memory=memory, progress=progress)

    def described(self) -> dict[str, Any] | None:
        return None


LOCAL: Engine = Local()
"""The engine unless another one is asked for."""
