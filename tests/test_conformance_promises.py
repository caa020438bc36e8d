"""Every adapter through one suite: the same again, whatever the order, the company and the shards, and nothing to find."""

from __future__ import annotations

from pathlib import Path

import pytest
from agreement import as_rows, assert_close, assert_promises
from conforming import ALL, DENSE, DOCS, LEXICAL, QUERIES, REWRITTEN, Place, ToyCorpus

from bench.adapters.dense import DenseRetriever
from bench.collection import Query
from bench.latency import query_latency
from bench.retriever import index_bytes
from bench.watch import Watch


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
