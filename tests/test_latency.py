"""Latency of single queries and the bytes of an index: what is timed, what is not and why, and that nothing else moves."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy
from conforming import DOCS, QUERIES, ToyCorpus
from stub import Stub

import bench
from bench import latency
from bench.collection import Query
from bench.errors import StoppedError
from bench.latency import query_latency
from bench.ranking import Run, rank
from bench.registry import Registry
from bench.retriever import index_bytes
from bench.store import VectorStore
from bench.system import Options, Setting, resolve
from bench.watch import Watch

MANY = [Query(f"q{i:03}", f"text {i}") for i in range(60)]


class Slow:
    """A retriever that takes a while in a phase of its own."""

    def __init__(self, watch: Watch, pause: float = 0.002) -> None:
        self.watch, self.pause = watch, pause
        self.asked: list[tuple[list[str], int]] = []

    def search(self, queries: Sequence[Query], k: int) -> Run:
        self.asked.append(([query.id for query in queries], k))
        with self.watch.phase("search"):
            time.sleep(self.pause)
        return {query.id: rank(["d"], [1.0]) for query in queries}


def timed(retriever: Any, watch: Watch, queries: Sequence[Query] = MANY, seed: int = 0, **options: Any) -> Any:
    return query_latency(retriever, queries, 7, watch, seed=seed, **options)


def test_some_queries_are_timed_one_by_one_after_one_to_warm_up() -> None:
    watch = Watch()
    slow = Slow(watch)
    with watch.phase("search"):
        pass
    before = dict(watch.seconds)
    found = timed(slow, watch)
    assert found["queries"] == 20
    assert 2.0 <= found["p50"] <= found["p95"]
    ids = [query for (query,), k in slow.asked if k == 7]
    assert len(ids) == 21
    assert ids[0] == ids[1]
    assert len(set(ids[1:])) == 20
    # In no other phase than its own.
    assert {name: seconds for name, seconds in watch.seconds.items() if name != "latency"} == before
    assert watch.seconds["latency"] > 21 * 0.002
    other, same = Slow(Watch()), Slow(Watch())
    timed(other, Watch(), seed=1)
    timed(same, Watch())
    assert same.asked == slow.asked
    assert other.asked != slow.asked


def test_no_query_is_begun_after_the_budget_and_one_is_timed_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "BUDGET_S", 0.2)
    slow = Slow(Watch(), 0.05)
    found = timed(slow, Watch())
    assert 1 <= found["queries"] == len(slow.asked) - 1 <= 4
    monkeypatch.setattr(latency, "BUDGET_S", 0.0)
    assert timed(Slow(Watch(), 0.01), Watch())["queries"] == 1
    assert timed(Slow(Watch()), Watch(), MANY[:3])["queries"] == 1


def test_the_percentiles_of_a_known_row(monkeypatch: pytest.MonkeyPatch) -> None:
    times = [i / 1000 for i in range(1, 21)]  # 1 to 20 ms: linear between ranks, as in Hyndman and Fan's type 7.
    monkeypatch.setattr(latency, "_times", lambda *arguments: iter(times))
    assert timed(Slow(Watch()), Watch()) == {"p50": 10.5, "p95": 19.05, "queries": 20}


def test_why_nothing_is_timed() -> None:
    watch = Watch()
    slow = Slow(watch)

    def why(**options: Any) -> str:
        found = timed(slow, watch, **options)
        assert (found["p50"], found["p95"], found["queries"]) == (None, None, 0)
        return str(found["why"])

    assert why(asked=False) == "it was switched off"
    assert why(queries=[]) == "there are no queries"
    assert why(unresolved=True).startswith("nobody can say which weights were timed")
    watch.seconds["rerank"] = 60 * 2.5
    assert why() == "in the run one query took 2.5 s; --latency times one all the same"
    slow.index_bytes = lambda: 97 * 10**9  # type: ignore[attr-defined]
    assert why().startswith("each query reads an index of 97.0 GB")
    assert slow.asked == []
    assert timed(slow, watch, asked=True, unresolved=True)["queries"] == 20


def test_a_system_that_fails_on_one_query_alone_does_not_stop_the_run() -> None:
    class Picky(Slow):
        def search(self, queries: Sequence[Query], k: int) -> Run:
            raise StoppedError("two queries at least\nand more")

    assert timed(Picky(Watch()), Watch())["why"] == "two queries at least"


class Counted(toy.Toy):
    """Counts what it encodes."""

    def __init__(self) -> None:
        super().__init__()
        self.queries: list[int] = []

    def encode_queries(self, texts: Sequence[str], language: str) -> Any:
        self.queries.append(len(texts))
        return super().encode_queries(texts, language)


def recipe(result: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(result["entry"]).read_text())["languages"]["en"]["recipe"]
    return found


def test_a_run_states_both_and_they_change_nothing_else(tmp_path: Path) -> None:
    model = Counted()

    def run(board: str, **options: Any) -> dict[str, Any]:
        where = {"cache": tmp_path / "cache", "board": tmp_path / board, "output": tmp_path / "o" / board}
        return bench.run(model, "mini", ["en"], offline=True, **where, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Counted, "fingerprint", "counted 1")
        patch.setattr(latency, "BUDGET_S", 60.0)  # However busy the machine is.
        off = run("off", latency=False)
        vectors = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache" / "vectors").rglob("*.npy")}
        assert recipe(off)["latency_ms"] == {"p50": None, "p95": None, "queries": 0, "why": "it was switched off"}
        assert model.queries == [64, 8]
        stored = run("stored")
        assert recipe(stored)["latency_ms"]["why"].startswith("the queries' vectors were in the store")
        assert model.queries == [64, 8]
        asked = run("asked", latency=True)
    assert model.queries == [64, 8] + [1] * 21
    assert recipe(asked)["latency_ms"]["queries"] == 20
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache" / "vectors").rglob("*.npy")} == vectors
    assert off["languages"] == stored["languages"] == asked["languages"]
    assert asked["vectors"] == {"encoded": 0, "reused": 24 + 72}
    assert "latency" not in asked["seconds"]
    assert recipe(asked)["seconds"]["latency"] > 0
    documents = [path for path in vectors if np.load(path).shape[0] == 24]
    assert recipe(asked)["index_bytes"] == documents[0].stat().st_size == 24 * toy.DIMENSIONS * 4 + 128


def test_what_is_encoded_for_the_first_time_is_timed_unasked(tmp_path: Path) -> None:
    where = {"cache": tmp_path / "cache", "board": tmp_path / "board", "output": tmp_path / "o"}
    found = recipe(bench.run("rrf(bm25, muse-small)", "mini", ["en"], offline=True, **where))
    assert 1 <= found["latency_ms"]["queries"] <= 20  # A busy machine spends the budget on fewer.
    assert found["latency_ms"]["p95"] >= found["latency_ms"]["p50"] > 0
    words = bench.run("bm25", "mini", ["en"], offline=True, **where | {"board": tmp_path / "other"})
    assert found["index_bytes"] == recipe(words)["index_bytes"] + 24 * 512 * 4 + 128


@pytest.mark.parametrize("expression", ["openai:{}#m@1", "hyde(bm25, llm={}#m@1)", "rrf(bm25, bm25 >> llm:{}#m@1[2])"])
def test_an_endpoint_is_not_timed(expression: str, stub: Stub, tmp_path: Path) -> None:
    vectors = stub.good
    stub.saying(lambda question: "[1]")
    answers = stub.behaviour
    stub.behaviour = lambda number, body: (vectors if "input" in body else answers)(number, body)
    where = {"cache": tmp_path / "cache", "board": tmp_path / "board", "output": tmp_path / "o"}
    result = bench.run(expression.format(stub.url), "mini", ["en"], offline=True, latency=True, **where)
    assert recipe(result)["latency_ms"]["why"] == "its replies come from http://localhost/v1 or from disk"


class Own:
    """A retriever of one's own, which may say how large it is."""

    def index(self, corpus: Any, workdir: Path) -> None:
        self.docs = [doc.id for doc in corpus.docs()]

    def search(self, queries: Sequence[Query], k: int) -> Run:
        return {query.id: rank(self.docs[:k], np.arange(len(self.docs[:k]))) for query in queries}


class Telling(Own):
    def index_bytes(self) -> int:
        return 1234


def test_the_bytes_of_an_index(tmp_path: Path) -> None:
    def built(model: Any) -> Any:
        store = VectorStore(tmp_path / "store")
        retriever = resolve(model, Registry(), Options(offline=True)).build(Setting(store, store, Watch(), "hi"))
        (tmp_path / "work").mkdir(exist_ok=True)
        retriever.index(ToyCorpus(DOCS), tmp_path / "work")
        return retriever

    words = built("bm25")
    terms = {term for doc in DOCS for term in words.terms(doc.text)}
    pairs = sum(len(set(words.terms(doc.text))) for doc in DOCS)
    # A float32 and an int32 for each document of a term, an int32 where each term begins, the terms themselves.
    expected = 8 * pairs + 4 * (len(terms) + 1) + sum(len(term.encode()) for term in terms)
    assert index_bytes(words) == expected
    assert index_bytes(built("bm25 >> rm3(3)")) == expected
    assert index_bytes(built(Own())) is None
    assert index_bytes(built(Telling())) == 1234
    assert index_bytes(built(toy.Toy())) == 12 * toy.DIMENSIONS * 4 + 128
    retriever = built(Own())
    assert set(retriever.search(QUERIES, 3)) == {query.id for query in QUERIES}


def test_the_command_line_takes_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from console import call

    shared = ("--model", "bm25", "--task", "mini", "--lang", "en", "--cache", tmp_path / "c", "--offline", "--json")
    for option, timed in (("--latency", True), ("--no-latency", False)):
        outcome = call(capsys, "run", *shared, option, "--board", tmp_path / option, "--output", tmp_path / "o")
        assert outcome.code == 0
        assert (recipe(json.loads(outcome.out)[0])["latency_ms"]["queries"] > 0) is timed
