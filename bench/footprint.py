"""What a run takes of disk and memory, in bytes: reckoned from the number of documents and from a look at a few."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.adapters.bm25 import BM25
from bench.collection import Doc, Source
from bench.encoding import Sized, TextEncoder, encode_window
from bench.errors import BenchError
from bench.files import read_json
from bench.forms import MULTI, SINGLE, SPARSE, form_of
from bench.opening import expected, setting_of
from bench.plan import Plan
from bench.retriever import parts
from bench.store import VectorStore
from bench.task import document_text
from bench.watch import Watch

FEW = 256
"""Documents of a language that are looked at."""
SEARCH = 32 << 20
"""The least that a search works in."""

_RANKED = 110  # A document in a run: its id, its score, and what is held of it while it is found and written.
_ID = 16  # A document's id where nothing is known of it, with its place in the table of ids.
_ID_HASHES, _ID_HASH = 1 << 22, 31  # Ids in hand while they are compared, and what each takes.
_POSTING, _WORD, _GROWTH = 24, 200, 0.6  # Of an index of words while it is built; the vocabulary grows as n^0.6.


@dataclass(frozen=True)
class Numbers:
    """The ids of documents that are known by their row alone."""

    count: int

    def __len__(self) -> int:
        return self.count

    def take(self, rows: NDArray[np.int64]) -> list[bytes]:
        """The row numbers as ids."""
        return [str(row).encode() for row in rows.tolist()]


@dataclass(frozen=True)
class Few:
    """A corpus of a few texts, whose ids are their numbers."""

    language: str
    passages: list[str]

    @property
    def ids(self) -> Numbers:
        """Numbers stand for the ids."""
        return Numbers(len(self.passages))

    def docs(self) -> Iterator[Doc]:
        """The documents, in their order."""
        return (Doc(str(number), text) for number, text in enumerate(self.passages))

    def texts(self, ids: Sequence[str]) -> list[str]:
        """The texts of some of them."""
        return [self.passages[int(i)] for i in ids]


@dataclass(frozen=True)
class Glimpse:
    """A language's extent and the texts of its first documents; `counted` where no card says how many there are."""

    language: str
    documents: int
    queries: int
    counted: bool
    texts: list[str]

    @property
    def text(self) -> float:
        """The mean length of a document's text in bytes."""
        return sum(len(text.encode("utf-8", "surrogatepass")) for text in self.texts) / max(1, len(self.texts))


def glimpse(plan: Plan, subset: str, source: Source, few: int = FEW) -> Glimpse:
    """A look at one language: its first documents; the corpus is counted, by reading it, where no card has its size."""
    passages = iter(source.passages())
    texts = [document_text(plan.task.document_text, passage) for passage in islice(passages, few)]
    known = expected(plan, subset)
    documents = len(texts) + sum(1 for _ in passages) if known is None else known
    if plan.limit_docs:
        documents = min(documents, plan.limit_docs)
    language = plan.task.document_language(subset)
    return Glimpse(language, documents, len(source.queries()), known is None, texts)


def row_bytes(encoder: TextEncoder, store: VectorStore, language: str, texts: Sequence[str] = ()) -> float | None:
    """What a document's vector takes in the store: as stated, as stored before, or as the encoder makes of `texts`.

    None where neither tells and there are no texts.
    """
    form = form_of(encoder)
    stated = encoder.dimension if isinstance(encoder, Sized) else None
    if form is SINGLE and stated:
        return 4.0 * stated
    for meta in store.folder(document_recipe(encoder, language)).glob("*.json"):
        try:
            return meta.with_suffix(form.suffix).stat().st_size / max(1, int(read_json(meta)["rows"]))
        except (OSError, BenchError, KeyError, TypeError, ValueError):
            continue  # A damaged shard is the run's to mend.
    if not texts:
        return None
    return len(form.dump(encode_window(encoder, texts, "document", language).vectors)) / len(texts)


def document_recipe(encoder: TextEncoder, language: str) -> dict[str, Any]:
    """The recipe of the shards of documents in a language."""
    return encoder.recipe("document") | ({"language": language} if encoder.uses_language else {})


@dataclass(frozen=True)
class Disk:
    """`vectors` of the whole run, of which `there` may lie in the store already; `work` is given back at its end."""

    vectors: int
    there: int
    work: int

    @property
    def new(self) -> int:
        """What has to be free: the vectors that are not there, and what the run needs meanwhile."""
        return max(0, self.vectors - self.there) + self.work


def disk(plan: Plan, extents: Mapping[str, tuple[int, int]], texts: Mapping[str, Sequence[str]]) -> Disk | None:
    """What a run takes of the disk; `extents` are documents and queries by subset.

    `texts` may be encoded where nothing else tells the size of a vector; None where that is not known without them.
    """
    store = VectorStore(plan.places.cache / "vectors")
    vectors, there, work = 0.0, 0, 0.0
    for subset, (documents, queries) in extents.items():
        language, largest = plan.task.document_language(subset), _ID * documents
        for encoder in _distinct(plan.system.encoders):
            row = row_bytes(encoder, store, language, texts.get(subset, ()))
            if row is None:
                return None
            vectors += row * (documents + queries)
            # The inverted index of sparse vectors is about as large as they are.
            largest += row * documents if form_of(encoder) is SPARSE else 0
            largest += row * documents if plan.system.unresolved else 0
        work = max(work, largest)
    languages = {plan.task.document_language(subset) for subset in extents}
    for folder in {store.folder(document_recipe(e, code)) for e in plan.system.encoders for code in languages}:
        there += sum(path.stat().st_size for path in folder.glob("*") if path.suffix != ".json")
    return Disk(round(vectors), there, round(work))


@dataclass(frozen=True)
class Memory:
    """What a run holds: `held` before it begins, then what is `encoding` or what is `searching`, named part by part."""

    held: int
    encoding: dict[str, int] = field(default_factory=dict)
    searching: dict[str, int] = field(default_factory=dict)

    @property
    def least(self) -> int:
        """With the smallest blocks."""
        return self.held + max(sum(self.encoding.values()), sum(self.searching.values()) + SEARCH)

    def left(self, limit: int) -> int:
        """What a search may use below a limit."""
        return limit - self.held - sum(self.searching.values())


def memory(plan: Plan, subset: str, seen: Glimpse, held: int) -> Memory:
    """What one language takes beside what is `held` by the process with its models."""
    depth = min(plan.depth, seen.documents)
    searching = {"rankings": _RANKED * seen.queries * depth}
    if any(measure.tokens is not None for measure in plan.measures):
        searching["texts of the rankings"] = round(seen.text * min(seen.documents, seen.queries * depth))
    encoding = {"ids": _ID_HASH * min(seen.documents, _ID_HASHES)}
    rows, store = min(plan.shard_size, seen.documents), VectorStore(plan.places.cache / "vectors")
    for encoder in plan.system.encoders:
        row = row_bytes(encoder, store, seen.language, seen.texts[:32]) or 0.0
        # The texts, as they are and as tokens; the vectors by batch, gathered, and as the bytes of a file.
        own = round(rows * (3 * seen.text + 4 * row))
        encoding["a shard of vectors"] = max(own, encoding.get("a shard of vectors", 0))
        if form_of(encoder) is not SINGLE:
            searching["a shard of vectors"] = max(
                round(rows * row * (1 if form_of(encoder) is MULTI else 3)), searching.get("a shard of vectors", 0)
            )
        searching["vectors of queries"] = round(row * seen.queries) + searching.get("vectors of queries", 0)
    index = sum(_words(part, seen) for part in _lexical(plan, subset))
    if index:
        searching["the index of words"] = encoding["the index of words"] = index
    return Memory(held, encoding, searching)


def _lexical(plan: Plan, subset: str) -> list[BM25]:
    setting = setting_of(plan, subset, plan.places.cache / "work", Watch())
    return [part for part in parts(plan.system.build(setting)) if isinstance(part, BM25)]


def _words(bm25: BM25, seen: Glimpse) -> int:
    """The index of words while it is built, from the words of a few documents."""
    bm25.index(Few(seen.language, seen.texts), Path())
    words = [bm25.terms(text) for text in seen.texts]
    share = seen.documents / max(1, len(seen.texts))
    vocabulary = len({word for row in words for word in row}) * share**_GROWTH
    return round(_POSTING * share * sum(map(len, words)) + _WORD * vocabulary + 2 * _ID * seen.documents)


def _distinct(encoders: Sequence[TextEncoder]) -> list[TextEncoder]:
    """Encoders whose vectors are not those of another one before."""
    recipes = [encoder.recipe("document") for encoder in encoders]
    return [encoder for i, encoder in enumerate(encoders) if recipes[i] not in recipes[:i]]
