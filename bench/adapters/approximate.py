"""Dense retrieval through an approximate index: the receipt of what it loses is made by switching it off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.adapters.dense import DenseRetriever
from bench.adapters.encoded import EncodedCorpus
from bench.collection import Corpus
from bench.retriever import Vectors
from bench.search import Found
from bench.search.approximate import SEED, Approximate, Factory


class ApproximateRetriever(DenseRetriever):
    """Encodes a corpus into the store and searches it through an index of FAISS, which is held in memory."""

    def __init__(self, encoded: EncodedCorpus, factory: Factory) -> None:
        self.encoded, self.factory = encoded, factory
        self._index: Approximate | None = None
        self._exact = False

    def index(self, corpus: Corpus, workdir: Path) -> None:
        """Make sure that every shard is in the store, and build the index of them."""
        super().index(corpus, workdir)
        paths = [shard.path for shard in self.shards]
        with self.encoded.watch.phase("index"):
            self._index = Approximate.build(self.factory, paths, self.encoded.memory)

    def index_bytes(self) -> int:
        """The bytes of the index, and of the vectors that its candidates are scored by."""
        return self._built.bytes + super().index_bytes()

    def nearest(self, vectors: Vectors, k: int) -> list[Found]:
        """The rows that the index finds for each vector, with their exact scores; exact ones where it is off."""
        if self._exact:
            return super().nearest(vectors, k)
        with self.encoded.watch.phase("search"):
            return self._built.search(vectors, self.encoded.corpus.ids, k)

    @contextmanager
    def exactly(self) -> Iterator[None]:
        """Inside, search is exact."""
        self._exact = True
        try:
            yield
        finally:
            self._exact = False

    def described(self) -> dict[str, Any]:
        """The index, as JSON for the recipe."""
        return {
            "factory": self.factory.factory,
            "parameters": dict(self.factory.parameters),
            "trained_on": self._built.trained,
            "seed": SEED,
            "threads": 1,
            "bytes": self._built.bytes,
        }

    @property
    def _built(self) -> Approximate:
        if self._index is None:
            raise RuntimeError("index a corpus before searching")
        return self._index
