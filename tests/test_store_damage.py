"""The vector store: what is damaged is found, said and encoded again; other dimensions are refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shards import get
from toy import Toy, logged

import bench
import bench.store
from bench.errors import StoppedError
from bench.store import VectorStore
from bench.watch import Watch


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-7] ^= 1
    path.write_bytes(data)


def remove(path: Path) -> None:
    path.unlink()


def edit(**fields: Any) -> Callable[[Path], None]:
    def edited(path: Path) -> None:
        meta = json.loads(path.read_text()) | fields
        path.write_text(json.dumps({key: value for key, value in meta.items() if value != "gone"}))

    return edited


def text(content: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(content) and None


@pytest.mark.parametrize(
    ("suffix", "damage", "said"),
    [
        (".npy", truncate, "damaged (wrong checksum)"),
        (".npy", empty, "damaged (wrong checksum)"),
        (".npy", flip, "damaged (wrong checksum)"),
        (".npy", remove, "its vectors are missing"),
        (".json", truncate, "not strict JSON"),
        (".json", empty, "not strict JSON"),
        (".json", text('{"format": NaN}'), "not strict JSON: NaN is not allowed"),
        (".json", text("[1]"), "damaged (its JSON is no object)"),
        (".json", lambda path: path.write_bytes(b"\xff\xfe"), "not UTF-8"),
        (".json", edit(sha256="0" * 64), "damaged (wrong checksum)"),
        (".json", edit(format=2), "written in format 2, this program reads 1"),
        (".json", edit(format="gone"), "written in format None, this program reads 1"),
        (".json", edit(recipe={"adapter": "other"}), "made by another recipe"),
        (".json", edit(rows="gone", equal="gone"), "damaged (its JSON lacks equal, rows)"),
    ],
)
def test_a_damaged_shard_is_found_said_and_encoded_again(
    suffix: str, damage: Callable[[Path], None], said: str, tmp_path: Path
) -> None:
    log, messages = tmp_path / "log", list[str]()
    store = VectorStore(tmp_path / "store", messages.append)
    texts = ["one two", "three", "four"]
    shard = get(store, texts, log)
    sound = shard.path.read_bytes()
    assert messages == []
    damage(shard.path.with_suffix(suffix))
    again = get(store, texts, log)
    assert len(logged(log)) == 2
    assert not again.reused
    assert shard.path.read_bytes() == sound
    assert len(messages) == 1
    assert messages[0].startswith(f"vector store: {shard.path.name}: ")
    assert said in messages[0]
    assert messages[0].endswith(": encoding these texts again")
    assert get(store, texts, log).reused
    assert (len(messages), len(logged(log))) == (1, 2)


def test_a_shard_without_its_json_does_not_exist(tmp_path: Path) -> None:
    messages: list[str] = []
    store = VectorStore(tmp_path, messages.append)
    shard = get(store, ["a"])
    shard.path.with_suffix(".json").unlink()
    assert not get(store, ["a"]).reused
    assert messages == []


@pytest.mark.parametrize("suffix", [".npy", ".json"])
def test_an_unreadable_shard_is_encoded_again(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    messages: list[str] = []
    store = VectorStore(tmp_path, messages.append)
    shard = get(store, ["a"])
    original = Path.open

    def refuse(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        if path.suffix == suffix and path.stem == shard.path.stem:
            raise OSError(5, "Input/output error")
        return original(path, mode, *rest, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        assert not get(store, ["a"]).reused
    assert "Input/output error" in messages[0]
    assert get(store, ["a"]).reused


def test_a_damaged_shard_does_not_change_a_result(tmp_path: Path) -> None:
    said: list[str] = []

    class Listening(Watch):
        def say(self, message: str) -> None:
            said.append(message)

    where: dict[str, Any] = {"cache": tmp_path / "cache", "output": tmp_path / "out", "shard_size": 10}
    first = bench.run(Toy(), "mini", ["en"], **where)
    run = next((tmp_path / "out").rglob("en.trec.gz")).read_bytes()
    shards = sorted((tmp_path / "cache" / "vectors").glob("*/*.npy"))
    assert len(shards) == 3 + 8
    flip(shards[0])
    truncate(shards[1])
    again = bench.run(Toy(), "mini", ["en"], watch=Listening(), **where)
    assert again["languages"]["en"]["nDCG@10"] == first["languages"]["en"]["nDCG@10"]
    assert next((tmp_path / "out").rglob("en.trec.gz")).read_bytes() == run
    assert sorted(message.split(": ")[1] for message in said) == [shards[0].name, shards[1].name]
    sizes = {10, 4, 2}  # 24 documents and 72 queries in tens
    assert again["vectors"]["encoded"] in {a + b for a in sizes for b in sizes}


@pytest.mark.parametrize("side", ["encode_queries", "encode_docs"])
def test_queries_and_documents_of_other_dimensions_are_refused(side: str, tmp_path: Path) -> None:
    class Odd(Toy):
        pass

    def narrow(self: Odd, texts: Sequence[str], language: str) -> Any:
        return self._encode("", texts)[:, :7]

    setattr(Odd, side, narrow)
    with pytest.raises(StoppedError) as error:
        bench.run(Odd(), "mini", ["en"], cache=tmp_path)
    dims = ("24", "7") if side == "encode_queries" else ("7", "24")
    assert f"vectors of {dims[0]} dimensions and of {dims[1]}" in str(error.value)


def test_shards_of_other_dimensions_are_refused(tmp_path: Path) -> None:
    class Growing(Toy):
        def encode_docs(self, texts: Sequence[str], language: str) -> Any:
            return np.ones((len(texts), len(texts)))

    with pytest.raises(StoppedError, match="vectors of 10 dimensions and of 4"):
        bench.run(Growing(), "mini", ["en"], cache=tmp_path, shard_size=10)
