"""What reaches an endpoint and what leaves it: keys, addresses, --offline."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from console import call
from endpoints import encoder, endpoint
from stub import Stub

from bench.endpoint import Address, Endpoint
from bench.errors import InputError, StoppedError
from bench.replies import Replies

SECRET = "sk-very-secret-0123456789"


def test_the_key_is_sent_and_never_shown_or_kept(stub: Stub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BENCH_API_KEY", SECRET)
    kept = Replies(tmp_path / "r.sqlite")
    encoder(stub, replies=kept, probes=Replies(tmp_path / "p.sqlite")).encode(["a"], "query", "en")
    assert stub.headers[0]["Authorization"] == f"Bearer {SECRET}"
    stub.behaviour = lambda number, body: (400, {}, f"bad key {SECRET}".encode())
    with pytest.raises(StoppedError) as caught:
        encoder(stub).encode(["b"], "query", "en")
    assert SECRET not in str(caught.value)
    assert "bad key ***" in str(caught.value)
    assert all(SECRET.encode() not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_the_key_is_in_no_file_and_no_output_of_a_whole_run(
    stub: Stub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Vectors, a rewriter and a re-ranker behind an address, and a server that repeats the key in its refusal."""
    monkeypatch.setenv("BENCH_API_KEY", SECRET)
    model = f"sum('openai:{stub.url}#m@1', hyde(bm25, llm={stub.url}#m@1)) >> llm:{stub.url}#m@1[2]"
    arguments = (
        "run",
        "--task",
        "mini",
        "--lang",
        "en",
        "--offline",
        "--board",
        tmp_path / "b",
        "--cache",
        tmp_path / "c",
    )
    vectors = stub.good
    stub.saying(lambda question: "[2] > [1]")
    says = stub.behaviour
    stub.behaviour = lambda number, body: (vectors if "input" in body else says)(number, body)
    shown = [call(capsys, *arguments, "--model", model, "--output", tmp_path / "o")]
    stub.behaviour = lambda number, body: (400, {}, f"no such key: {SECRET}".encode())
    shown += [call(capsys, *arguments, "--model", f"openai:{stub.url}#other", *json_) for json_ in ([], ["--json"])]
    assert [outcome.code for outcome in shown] == [0, 4, 4]
    assert all("no such key: ***" in outcome.out + outcome.err for outcome in shown[1:])
    assert {headers["Authorization"] for headers in stub.headers} == {f"Bearer {SECRET}"}
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"language.sqlite", "vectors.sqlite", "entry.json", "en.trec.gz"} <= {path.name for path in written}
    for data in (*(contents(path) for path in written), *(o.out.encode() + o.err.encode() for o in shown)):
        assert SECRET.encode() not in data


def contents(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def test_a_refused_key_says_which_variable_to_set(stub: Stub) -> None:
    stub.behaviour = lambda number, body: (401, {}, b"no")
    with pytest.raises(InputError, match=r"refused the key \(401\): set BENCH_API_KEY"):
        encoder(stub).encode(["a"], "query", "en")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://user:pw@host/v1", "no credentials in an address"),
        ("https://host/v1?key=1", "no query string in an address"),
        ("ftp://host", "expected an address such as"),
        ("http://host:port/v1", "port"),
    ],
)
def test_addresses_that_hold_what_must_not_be_stored(url: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        Address.parse(url)
    assert "pw" not in str(caught.value)


def test_a_key_goes_over_https_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_API_KEY", SECRET)
    with pytest.raises(InputError, match="over https alone"):
        Endpoint(Address.parse("http://example.org/v1")).post("embeddings", {})


def test_offline_connects_to_this_machine_alone(stub: Stub) -> None:
    assert endpoint(stub, offline=True).post("embeddings", {"input": ["a"]})["data"]
    with pytest.raises(InputError, match="--offline connects to no other host"):
        Endpoint(Address.parse("https://example.org/v1"), offline=True).post("embeddings", {})
