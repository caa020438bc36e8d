"""Approximate search: an index that FAISS builds from a factory string, and what keeps it honest and repeatable.

The index chooses the documents, in memory; their scores are then computed exactly from the stored vectors, and these
decide order and ties as in exact search. What differs from exact search is which documents are among them. Training
takes a seeded sample, vectors are added in their order, and all of it runs in one thread: several would make another
index of some kinds (HNSW) at every run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.errors import InputError
from bench.idtable import Ids
from bench.retriever import Vectors
from bench.search import MEMORY, Found, by_query
from bench.search.blocks import Shards, Source, ahead
from bench.search.exact import Pairs, best, score_pairs

SEED = 20
"""Of the sample that an index is trained on."""
EXAMPLES = "'IVF256,Flat?nprobe=16', 'HNSW32?efSearch=64', 'IVF64,PQ16x8?nprobe=8'"
MARGIN = 64
"""Documents that an index is asked for beyond k: exact scores decide which of them stay."""
_LEAST, _PER_LIST = 65_536, 64  # Vectors of a training sample: so many, and more for more lists.
_BLOCK = 32 << 20
_ANY = 3840  # A length that most numbers of subquantisers divide, where that of the vectors is not known yet.


@dataclass(frozen=True)
class Factory:
    """A FAISS factory string with parameters of the search: `IVF256,Flat?nprobe=16`. Prints as it is typed."""

    factory: str
    parameters: tuple[tuple[str, float], ...] = ()

    @classmethod
    def parse(cls, text: str, dim: int | None = None) -> Factory:
        """The index that a text spells, tried on an empty one of `dim` dimensions; InputError with examples."""
        factory, mark, rest = text.strip().partition("?")
        parameters = []
        for part in rest.split(",") if mark else ():
            found = re.fullmatch(r"\s*([A-Za-z_]+)=([0-9]+(?:\.[0-9]+)?)\s*", part)
            if not found:
                raise InputError(f"--index {text}: {part!r}: expected NAME=NUMBER after the '?', as in {EXAMPLES}")
            parameters.append((found[1], float(found[2])))
        spelled = cls(factory, tuple(parameters))
        if factory.lower() in ("flat", "exact", ""):
            raise InputError(
                f"--index {text}: that is exact search: leave --index away, or give one such as {EXAMPLES}"
            )
        try:
            spelled.empty(dim or _ANY)
        except InputError as error:
            if dim is not None or "multiple of" not in str(error):  # It may fit the vectors' own length.
                raise
        return spelled

    def __str__(self) -> str:
        given = ",".join(f"{name}={value:g}" for name, value in self.parameters)
        return f"{self.factory}?{given}" if given else self.factory

    def empty(self, dim: int) -> Any:
        """An index without vectors; InputError where FAISS knows no such index or parameter."""
        import faiss

        try:
            index = faiss.index_factory(dim, self.factory, faiss.METRIC_INNER_PRODUCT)
            self.set(index)
        except RuntimeError as error:
            raise InputError(
                f"--index {self}: FAISS makes no such index of {dim} dimensions ({_reason(error)}); such as {EXAMPLES}"
            ) from None
        return index

    def set(self, index: Any) -> None:
        """Give the index the parameters of the search."""
        import faiss

        for name, value in self.parameters:
            faiss.ParameterSpace().set_index_parameter(index, name, value)


@dataclass(frozen=True)
class Approximate:
    """A built index over the rows of some shards: `trained` is how many vectors it was trained on, `bytes` its size."""

    factory: Factory
    index: Any
    vectors: Shards
    trained: int
    bytes: int = field(default=0)

    @classmethod
    def build(cls, factory: Factory, shards: Sequence[Source], memory: int = MEMORY) -> Approximate:
        """Train and fill the index, block by block. InputError where there are too few vectors to train it."""
        vectors = Shards(shards)
        index, sample = factory.empty(vectors.dim), 0
        with _one_thread():
            if not index.is_trained:
                sample = _train(factory, index, vectors, memory)
            for block in ahead(vectors.blocks(max(64, min(_BLOCK, memory // 8) // (4 * vectors.dim)))):
                index.add(block.vectors)
            factory.set(index)
        return cls(factory, index, vectors, sample, _size(index))

    def search(self, queries: Vectors, ids: Ids, k: int) -> list[Found]:
        """For each query the best `k`, by their exact scores, of `k + MARGIN` from the index, in the one order."""
        with _one_thread():
            _, rows = self.index.search(np.ascontiguousarray(queries), min(k + MARGIN, self.vectors.rows))
        numbers, columns = np.nonzero(rows >= 0)
        pairs = Pairs(numbers, rows[numbers, columns].astype(np.int64), np.empty(len(numbers), np.float32))
        self._score(pairs, queries)
        return by_query(best(pairs, k, ids), len(queries))

    def _score(self, pairs: Pairs, queries: Vectors) -> None:
        distinct, document = np.unique(pairs.rows, return_inverse=True)
        order = np.argsort(document, kind="stable")
        starts = np.searchsorted(document[order], np.arange(len(distinct) + 1))
        for first, vectors in ahead(self.vectors.gather(distinct, max(64, _BLOCK // 4 // (4 * self.vectors.dim)))):
            places = order[starts[first] : starts[first + len(vectors)]]
            pairs.scores[places] = score_pairs(queries, vectors, pairs.queries[places], document[places] - first)


def _train(factory: Factory, index: Any, vectors: Shards, memory: int) -> int:
    import faiss

    lists = getattr(faiss.try_extract_index_ivf(index), "nlist", 0)
    most = max(256, memory // 4 // (4 * vectors.dim))
    count = min(vectors.rows, most, max(_LEAST, _PER_LIST * lists))
    rows = np.sort(np.random.default_rng(SEED).choice(vectors.rows, count, replace=False))
    sample = np.empty((count, vectors.dim), np.float32)
    for first, part in vectors.gather(rows, max(64, _BLOCK // 4 // (4 * vectors.dim))):
        sample[first : first + len(part)] = part
    try:
        index.train(sample)
    except RuntimeError as error:
        raise InputError(
            f"--index {factory}: {vectors.rows:,} vectors are too few to train it ({_reason(error)}); "
            "take fewer lists or bits, HNSW32, which is not trained, or exact search"
        ) from None
    return count


def _size(index: Any) -> int:
    """The bytes of the index if it were written; nothing is."""
    import faiss

    total = 0

    def count(data: bytes) -> None:
        nonlocal total
        total += len(data)

    writer: Any = vars(faiss)["PyCallbackIOWriter"]
    faiss.write_index(index, writer(count))
    return total


def _reason(error: RuntimeError) -> str:
    """FAISS's own words, without the place in its source."""
    line = str(error).strip().splitlines()[0]
    return re.sub(r"^Error in .*? at .*?:[0-9]+: ", "", line).removeprefix("Error: ")


@contextmanager
def _one_thread() -> Iterator[None]:
    import faiss
    from threadpoolctl import threadpool_limits

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        faiss.omp_set_num_threads(before)
