"""The adapter contract: what a system has to offer to be measured. Structural: an adapter inherits nothing.

An adapter never sees a task name, a split or a benchmark's metadata. Prompts are filled before it is built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from bench.collection import Corpus, Doc, Query
from bench.ranking import Run

Vectors = NDArray[np.float32]
"""One row a text, in the order of the texts: shape (n, d)."""


class Encoder(Protocol):
    """Texts to vectors; relevance is the inner product of a query's and a document's vector.

    `language` is a BCP-47 code; most encoders ignore it. The result has one finite row a text, in order.
    """

    def encode_queries(self, texts: Sequence[str], language: str) -> Vectors: ...
    def encode_docs(self, texts: Sequence[str], language: str) -> Vectors: ...


Progress = Callable[[int, int | None], None]
"""Called with (done, total) in documents or queries while a long step runs; total is None where it is not known yet."""


class Reranker(Protocol):
    """Reads queries and documents together. `recipe` is JSON of all that makes its scores and loads no weights.

    `score_all` gives one list of scores a pair, one finite score a document, higher for the more relevant.
    """

    def recipe(self) -> dict[str, Any]: ...
    def score_all(self, pairs: Sequence[tuple[Query, Sequence[Doc]]]) -> Sequence[Sequence[float]]: ...


class Retriever(Protocol):
    """Anything that ranks a corpus.

    `index` reads the corpus and may write below `workdir`; `search` returns at most `k` documents for each query, in
    the order of `bench.ranking`, distinct, with finite scores.
    """

    def index(self, corpus: Corpus, workdir: Path) -> None: ...
    def search(self, queries: Sequence[Query], k: int) -> Run: ...


@runtime_checkable
class Batched(Protocol):
    """A retriever with work to do for all queries together, such as encoding them, before it searches for some."""

    def search_batches(self, batches: Sequence[Sequence[Query]], k: int) -> Iterator[Run]: ...


@runtime_checkable
class Composite(Protocol):
    """A retriever that is made of others: what they did is part of what it did."""

    @property
    def members(self) -> Sequence[Retriever]: ...


@runtime_checkable
class Staged(Protocol):
    """A retriever that does something before or after another one says what, as JSON for the recipe."""

    def stage(self) -> dict[str, Any]: ...


@runtime_checkable
class Sized(Protocol):
    """A retriever that says how many bytes its index has: vectors, postings, weights of terms; no texts and no ids."""

    def index_bytes(self) -> int | None: ...


@runtime_checkable
class Remarks(Protocol):
    """A re-ranker that notes what a user has to know of its work, such as that the memory was full."""

    @property
    def remarks(self) -> Sequence[str]: ...


class Sent(NamedTuple):
    """What a model gets: the exact string, special tokens where they can be seen, its tokens and their limit.

    None: the model does not tell, or has no limit.
    """

    text: str
    tokens: int | None = None
    limit: int | None = None


@runtime_checkable
class Shows(Protocol):
    """A re-ranker or rewriter that shows what it sends for a query and some documents. Loads the model."""

    def sent(self, query: Query, docs: Sequence[Doc]) -> Sent: ...


@runtime_checkable
class Placed(Protocol):
    """A re-ranker that says with which versions and on what device its scores are made."""

    def environment(self) -> dict[str, Any]: ...


@runtime_checkable
class Counts(Protocol):
    """A re-ranker that asks an endpoint, and how much it has asked so far: numbers by unit."""

    @property
    def spent(self) -> Mapping[str, int]: ...


@runtime_checkable
class Asks(Protocol):
    """An encoder, re-ranker or rewriter that asks an endpoint, and what address."""

    @property
    def asks(self) -> str: ...


def index_bytes(retriever: Retriever) -> int | None:
    """The bytes of an index, those of its members together; None where one of them does not say."""
    found = [
        part.index_bytes() if isinstance(part, Sized) else None
        for part in parts(retriever)
        if isinstance(part, Sized) or not isinstance(part, Composite)
    ]
    return sum(size for size in found if size is not None) if found and None not in found else None


def parts(retriever: Retriever) -> Iterator[Retriever]:
    """A retriever and all that it is made of, outermost first."""
    yield retriever
    for member in retriever.members if isinstance(retriever, Composite) else ():
        yield from parts(member)


def search_batches(retriever: Retriever, batches: Sequence[Sequence[Query]], k: int) -> Iterator[Run]:
    """One run for each batch of queries, as `search` gives it, made when it is asked for."""
    if isinstance(retriever, Batched):
        return retriever.search_batches(batches, k)
    return (retriever.search(batch, k) for batch in batches)
