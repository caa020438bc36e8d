"""A probe: a few hundred documents and questions through the real system, in a store that goes with it.

It goes in windows, so that their spread tells how sure its figures are. What a corpus costs more than a window, the
search, is measured apart: the vectors of the probe are repeated until there are many.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.adapters.encoded import EncodedCorpus, Encodes
from bench.adapters.reranking import Reranking
from bench.collection import Query
from bench.encoding import BatchLimits, Side, TokenCount
from bench.footprint import Few, Glimpse
from bench.forms import MULTI, Form, Single, form_of
from bench.machine import resident
from bench.plan import Plan
from bench.retriever import Retriever, parts, search_batches
from bench.store import VectorStore
from bench.system import Setting
from bench.system.encoder import retriever_of
from bench.watch import Watch

WINDOWS = 4
_PATIENCE_S = 60.0  # After which no further window is begun, two at least.
_REPLAYED = 32 << 20  # Bytes of vectors that search is measured on.
_MOST_ROWS, _MOST_QUERIES, _FEW_QUERIES, _ROUNDS = 20_000, 512, 16, 3


@dataclass(frozen=True)
class Window:
    """A part of the probe: its texts, and the seconds of each phase."""

    documents: list[str]
    queries: list[str]
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Pace:
    """Seconds of an index for a document, and of a search for a document and a question, one a round."""

    index: list[float]
    search: list[float]


@dataclass(frozen=True)
class Probe:
    """What came of it; `load` are the seconds until everything had answered once, `held` the bytes of memory then.

    `spent` is what endpoints asked for a document and for a question, by unit. `environments` are those of the
    encoders, `depth` is how many documents re-rankers looked at of those that they will.
    """

    load: float
    held: int
    windows: list[Window]
    paces: list[Pace]
    spent: dict[Side, dict[str, float]] = field(default_factory=dict)
    environments: list[dict[str, Any]] = field(default_factory=list)
    depth: float = 1.0


def probe(plan: Plan, glimpses: Mapping[str, Glimpse], documents: int, queries: int, folder: Path) -> Probe:
    """Send so many documents and questions through the system; each language has a part as large as its corpus.

    Vectors lie below `folder` meanwhile.
    """
    languages = sorted(glimpses, key=lambda subset: -glimpses[subset].documents)
    main = glimpses[languages[0]]
    texts = _drawn({s: (g.texts, g.documents) for s, g in glimpses.items()}, documents)
    asked = _drawn({s: (g.asked, g.queries) for s, g in glimpses.items()}, queries)
    rounds = _Rounds(plan, main.language, plan.task.query_language(languages[0]), folder)
    start = time.perf_counter()
    rounds.run(texts[:2], asked[:1])
    load, held = time.perf_counter() - start, resident() or 0
    start, windows = time.perf_counter(), list[Window]()
    for number in range(WINDOWS):
        if len(windows) > 1 and time.perf_counter() - start > _PATIENCE_S:
            break
        part, some = texts[number::WINDOWS], asked[number::WINDOWS] or asked[:1]
        if part:
            windows.append(Window(part, some, rounds.run(part, some)))
    most = max(glimpse.documents for glimpse in glimpses.values())
    questions = max(glimpse.queries for glimpse in glimpses.values())
    paces = [_pace(encoded, plan.depth, most, questions, folder / "replayed") for encoded in rounds.encoded()]
    environments = [encoder.environment() for encoder in plan.system.encoders]
    return Probe(load, held, windows, paces, rounds.spent, environments, rounds.depth(len(windows[-1].documents)))


def _drawn(texts: Mapping[str, tuple[list[str], int]], count: int) -> list[str]:
    """So many texts, or all there are; each list gives as many as its number says, one at least, in turn."""
    total = sum(weight for _, weight in texts.values()) or 1
    shares = {name: max(1, round(count * weight / total)) for name, (_, weight) in texts.items()}
    lists = [own[:: max(1, len(own) // shares[name])][: shares[name]] for name, (own, _) in texts.items()]
    places = [(i / len(own), text) for own in lists for i, text in enumerate(own)]
    return [text for _, text in sorted(places, key=lambda place: place[0])]


class _Rounds:
    """The system built anew for every window, on models that are loaded once."""

    def __init__(self, plan: Plan, language: str, query_language: str, folder: Path) -> None:
        self._plan, self._language, self._query_language, self._folder = plan, language, query_language, folder
        self._number = 0
        self._last: Retriever | None = None
        self.spent: dict[Side, dict[str, float]] = {}

    def run(self, documents: list[str], queries: list[str]) -> dict[str, float]:
        """Index and search; the seconds by phase."""
        self._number += 1
        folder, watch = self._folder / str(self._number), Watch()
        folder.mkdir(parents=True)
        store = VectorStore(folder / "vectors")
        setting = Setting(store, store, watch, self._query_language, self._plan.shard_size, self._plan.memory)
        retriever = self._plan.system.build(setting)
        with watch.rest("index"):
            retriever.index(Few(self._language, documents), folder)
        asked = [Query(str(number), text) for number, text in enumerate(queries)]
        with watch.rest("search"):
            for _ in search_batches(retriever, [asked] if asked else [], self._plan.depth):
                pass
        self._last = retriever
        self._count_spent()
        return dict(watch.seconds)

    def encoded(self) -> list[EncodedCorpus]:
        """What the last window has encoded."""
        found = [part.encoded for part in parts(self._last) if isinstance(part, Encodes)] if self._last else []
        return [encoded for encoded in found if encoded.query_shards]

    def depth(self, documents: int) -> float:
        """How many more documents a re-ranker will look at than it could in a window of so many."""
        stages = [part.depth for part in parts(self._last) if isinstance(part, Reranking)] if self._last else []
        return max([1.0, *(depth / min(depth, documents) for depth in stages)])

    def _count_spent(self) -> None:
        """What the last window cost a text, in place of the window before."""
        for encoded in self.encoded():
            sides: dict[Side, list[Any]] = {"document": encoded.shards, "query": encoded.query_shards}
            for side, shards in sides.items():
                bills = [shard.meta["spent"] for shard in shards if "spent" in shard.meta]
                rows = sum(shard.rows for shard in shards)
                if bills and rows:
                    units = dict.fromkeys(unit for bill in bills for unit in bill)
                    self.spent[side] = {unit: sum(bill.get(unit, 0) for bill in bills) / rows for unit in units}


def _pace(encoded: EncodedCorpus, k: int, documents: int, queries: int, folder: Path) -> Pace:
    """How long index and search take, on the vectors of the probe repeated until they fill 32 MiB."""
    form = form_of(encoded.encoder)
    row = sum(shard.path.stat().st_size for shard in encoded.shards) / sum(shard.rows for shard in encoded.shards)
    rows = max(1, min(documents, _MOST_ROWS, max(512, round(_REPLAYED / row))))
    asked = max(1, min(queries, _MOST_QUERIES if form is not MULTI else _FEW_QUERIES))
    replayed = _Replayed(form, form.load(encoded.shards[0].path), form.load(encoded.query_shards[0].path))
    corpus = Few("und", [str(number) for number in range(rows)])
    questions = [Query(str(number), str(number)) for number in range(asked)]
    pace = Pace([], [])
    for number in range(_ROUNDS):
        watch, place = Watch(), folder / f"{id(encoded)}-{number}"
        place.mkdir(parents=True)
        store = VectorStore(place / "vectors")
        retriever = retriever_of(replayed)(replayed, store, watch, "und", 2048, encoded.memory)
        with watch.rest("index"):
            retriever.index(corpus, place)
        retriever.search(questions, k)
        pace.index.append(watch.seconds["index"] / rows)
        pace.search.append(watch.seconds["search"] / (rows * asked))
    return pace


class _Replayed:
    """An encoder of numbers: the vectors that it was given, again and again, each time a little longer or shorter.

    So no two scores are equal, which search would take more time for than a real corpus asks for.
    """

    uses_language = False
    limits = BatchLimits(tokens=None, texts=4096)

    def __init__(self, form: Form, documents: Any, queries: Any) -> None:
        self.form, self._vectors = form, {"document": documents, "query": queries}

    def recipe(self, side: Side) -> dict[str, Any]:
        return {"replayed": side}

    def encode(self, texts: Sequence[str], side: Side, language: str) -> Any:
        vectors, numbers = self._vectors[side], np.array([int(text) for text in texts])
        count = vectors.shape[0] if hasattr(vectors, "shape") else len(vectors)
        scale = (1 + numbers % 7919 / 79190).astype(np.float32)
        if isinstance(self.form, Single):
            return vectors[numbers % count] * scale[:, None]
        if self.form is MULTI:
            return [vectors.of(int(n % count)) * s for n, s in zip(numbers, scale, strict=True)]
        return vectors[numbers % count, :].multiply(scale[:, None])

    def count_tokens(self, texts: Sequence[str], side: Side) -> TokenCount | None:
        return None

    def rendered(self, text: str, side: Side) -> str:
        return text

    def environment(self) -> dict[str, Any]:
        return {}
