"""What a run takes of disk and memory, in bytes: reckoned from the number of documents and from a look at a few."""

from __future__ import annotations

import time
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
from bench.files import digest, read_json
from bench.forms import MULTI, SPARSE, Single, form_of
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
    """A language's extent and some of its texts; `counted` where no card says how many documents there are.

    `asked` are texts of some questions, `reading` the seconds that a document takes to be read.
    """

    language: str
    documents: int
    queries: int
    counted: bool
    texts: list[str]
    asked: list[str] = field(default_factory=list)
    reading: float = 0.0

    @property
    def text(self) -> float:
        """The mean length of a document's text in bytes."""
        return sum(len(text.encode("utf-8", "surrogatepass")) for text in self.texts) / max(1, len(self.texts))


def glimpse(plan: Plan, subset: str, source: Source, few: int = FEW, among: int = FEW) -> Glimpse:
    """A look at one language: `few` of its first documents and of its questions, evenly spaced, those `among` so many.

    The corpus is counted, by reading it to its end, where no card has its size.
    """
    start = time.perf_counter()
    passages = iter(source.passages())
    first = [document_text(plan.task.document_text, passage) for passage in islice(passages, among)]
    reading = (time.perf_counter() - start) / max(1, len(first))
    known = expected(plan, subset)
    documents = len(first) + sum(1 for _ in passages) if known is None else known
    if plan.limit_docs:
        documents = min(documents, plan.limit_docs)
    queries = [query.text for query in source.queries()]
    language = plan.task.document_language(subset)
    asked = spaced(queries, few)
    return Glimpse(language, documents, len(queries), known is None, spaced(first, few), asked, reading)


def spaced(texts: list[str], few: int) -> list[str]:
    """At most so many of them, evenly spaced."""
    return texts if len(texts) <= few else [texts[i * len(texts) // few] for i in range(few)]


class Rows:
    """What a document's vector takes in a plan's store, by encoder: as stated, as stored before, or as it is made."""

    def __init__(self, plan: Plan) -> None:
        self._store = VectorStore(plan.places.cache / "vectors")
        self._known: dict[str, float] = {}

    def of(self, encoder: TextEncoder, language: str, texts: Sequence[str] = ()) -> float | None:
        """The bytes of a vector; some `texts` are encoded where nothing else tells, None where there are none.

        What was found for one language holds for all.
        """
        key = digest(encoder.recipe("document"))
        if key not in self._known:
            found = self._stated(encoder, language)
            if found is None and not texts:
                return None
            self._known[key] = _made(encoder, language, texts) if found is None else found
        return self._known[key]

    def _stated(self, encoder: TextEncoder, language: str) -> float | None:
        form = form_of(encoder)
        stated = encoder.dimension if isinstance(encoder, Sized) else None
        if isinstance(form, Single) and stated:
            return form.row_bytes(stated)
        for meta in self._store.folder(document_recipe(encoder, language)).glob("*.json"):
            try:
                return meta.with_suffix(form.suffix).stat().st_size / max(1, int(read_json(meta)["rows"]))
            except (OSError, BenchError, KeyError, TypeError, ValueError):
                continue  # A damaged shard is the run's to mend.
        return None


def _made(encoder: TextEncoder, language: str, texts: Sequence[str]) -> float:
    form = form_of(encoder)
    vectors = encode_window(encoder, texts, "document", language).vectors
    if isinstance(form, Single):
        return form.row_bytes(form.dimension(vectors))
    return len(form.dump(vectors)) / len(texts)


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


def disk(
    plan: Plan, extents: Mapping[str, tuple[int, int]], texts: Mapping[str, Sequence[str]], rows: Rows
) -> Disk | None:
    """What a run takes of the disk; `extents` are documents and queries by subset.

    `texts` may be encoded where nothing else tells the size of a vector; None where that is not known without them.
    """
    store = VectorStore(plan.places.cache / "vectors")
    vectors, there, work = 0.0, 0, 0.0
    for subset, (documents, queries) in extents.items():
        language, largest = plan.task.document_language(subset), float(_ID * documents)
        for encoder in _distinct(plan.system.encoders):
            row = rows.of(encoder, language, texts.get(subset, ()))
            if row is None:
                return None
            vectors += row * (documents + queries)
            # The inverted index of sparse vectors is about as large as they are.
            largest += row * documents if form_of(encoder) is SPARSE else 0
            largest += row * documents if plan.system.unresolved else 0
        work = max(work, largest)
    for folder in {folder for subset in extents for folder in _folders(plan, store, subset)}:
        there += sum(path.stat().st_size for path in folder.glob("*") if path.suffix != ".json")
    return Disk(round(vectors), there, round(work))


def bytes_of(plan: Plan, extents: Mapping[str, tuple[float, float]], rows: Rows) -> float:
    """The bytes of the vectors of so many documents and queries by subset, of all encoders, as far as `rows` knows."""
    encoders = _distinct(plan.system.encoders)
    languages = {subset: plan.task.document_language(subset) for subset in extents}
    return sum((rows.of(e, languages[s]) or 0.0) * sum(extents[s]) for s in extents for e in encoders)


def _folders(plan: Plan, store: VectorStore, subset: str) -> Iterator[Path]:
    """Where the vectors of a language lie, those of its questions too."""
    for encoder in plan.system.encoders:
        language = {"language": plan.task.query_language(subset)} if encoder.uses_language else {}
        yield store.folder(document_recipe(encoder, plan.task.document_language(subset)))
        yield store.folder(encoder.recipe("query") | language)


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


def memory(plan: Plan, subset: str, seen: Glimpse, held: int, rows: Rows) -> Memory:
    """What one language takes beside what is `held` by the process with its models."""
    depth = min(plan.depth, seen.documents)
    searching = {"rankings": _RANKED * seen.queries * depth}
    if any(measure.tokens is not None for measure in plan.measures):
        searching["texts of the rankings"] = round(seen.text * min(seen.documents, seen.queries * depth))
    encoding = {"ids": _ID_HASH * min(seen.documents, _ID_HASHES)}
    shard = min(plan.shard_size, seen.documents)
    for encoder in plan.system.encoders:
        row = rows.of(encoder, seen.language, seen.texts[:32]) or 0.0
        # The texts of two shards, as they are and as tokens, those of one with the prompt; the vectors by batch and
        # gathered, and those of the shard before, gathered and as the bytes of a file.
        own = round(shard * (5 * seen.text + 5 * row))
        encoding["a shard of vectors"] = max(own, encoding.get("a shard of vectors", 0))
        if not isinstance(form_of(encoder), Single):
            searching["a shard of vectors"] = max(
                round(shard * row * (1 if form_of(encoder) is MULTI else 3)), searching.get("a shard of vectors", 0)
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
    vocabulary: float = len({word for row in words for word in row}) * share**_GROWTH
    postings: float = share * sum(map(len, words))
    return round(_POSTING * postings + _WORD * vocabulary + 2 * _ID * seen.documents)


def _distinct(encoders: Sequence[TextEncoder]) -> list[TextEncoder]:
    """Encoders whose vectors are not those of another one before."""
    recipes = [encoder.recipe("document") for encoder in encoders]
    return [encoder for i, encoder in enumerate(encoders) if recipes[i] not in recipes[:i]]
