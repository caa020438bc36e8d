"""The vector store: what is keyed, what is found again, what is damaged, and two processes on one store."""

from __future__ import annotations

import copy
import json
import multiprocessing
import multiprocessing.synchronize
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy import Toy, logged, text_id, vector, write_beir

import bench
import bench.store
from bench.adapters.dense import DenseRetriever
from bench.adapters.own import OwnEncoder
from bench.collection import Doc
from bench.encoding import TextEncoder
from bench.errors import StoppedError
from bench.store import Shard, VectorStore
from bench.watch import Watch

RECIPE: dict[str, Any] = {
    "adapter": "dense",
    "version": 1,
    "weights": {"hub": "org/name", "revision": "0" * 40, "files": ["a", "b"]},
    "side": "query",
    "prompt": "query: ",
    "language": "en",
    "max_length": 256,
    "pooling": "mean",
    "normalised": True,
    "dtype": {"compute": "float32", "stored": "float32"},
    "dimension": None,
    "attention": "eager",
}


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(part, (*path, key))
    else:
        yield path


def changed(recipe: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    other = copy.deepcopy(recipe)
    place: Any = other
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = f"{place[path[-1]]} "
    return other


class Texts:
    """A corpus of texts alone."""

    language = "en"

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts

    @property
    def ids(self) -> Any:
        raise NotImplementedError

    def docs(self) -> Iterator[Doc]:
        return (Doc(str(i), text) for i, text in enumerate(self._texts))

    def texts(self, ids: Sequence[str]) -> list[str]:
        return [self._texts[int(i)] for i in ids]


def toy(log: Path | None = None, pause: float = 0.0) -> TextEncoder:
    return OwnEncoder(Toy(log, pause), "toy:Toy")


def get(store: VectorStore, texts: Sequence[str], log: Path | None = None, encoder: TextEncoder | None = None) -> Shard:
    shard = store.get(encoder or toy(log), texts, "document", "en")
    assert shard is not None
    return shard


# ---- Keys


@pytest.mark.parametrize("path", list(leaves(RECIPE)), ids=lambda path: ".".join(map(str, path)))
def test_every_field_of_the_recipe_changes_the_key(path: tuple[Any, ...], tmp_path: Path) -> None:
    store = VectorStore(tmp_path)
    other = changed(RECIPE, path)
    assert store.key(RECIPE, ["a", "b"]) == store.key(copy.deepcopy(RECIPE), ["a", "b"])
    assert store.key(RECIPE, ["a", "b"]) != store.key(other, ["a", "b"])


def test_a_field_more_or_less_changes_the_key_and_the_order_of_fields_does_not(tmp_path: Path) -> None:
    store = VectorStore(tmp_path)
    key = store.key(RECIPE, ["a"])
    assert store.key(RECIPE | {"more": None}, ["a"]) != key
    assert store.key({k: v for k, v in RECIPE.items() if k != "dimension"}, ["a"]) != key
    assert store.key(dict(reversed(RECIPE.items())), ["a"]) == key


def test_texts_their_order_and_their_bounds_make_the_key(tmp_path: Path) -> None:
    store = VectorStore(tmp_path)
    windows = [
        ["a", "bc"],
        ["bc", "a"],
        ["ab", "c"],
        ["abc"],
        ["a", "bc", ""],
        ["a", "b", "c"],
        ["a", "bC"],
        ["á", "bc"],
    ]
    assert len({store.key(RECIPE, window) for window in windows}) == len(windows)
    assert store.key(RECIPE, ["\ud800"]) != store.key(RECIPE, ["\ud801"])  # lone surrogates are texts too


def test_side_language_name_and_fingerprint_of_an_own_model_are_keyed(tmp_path: Path) -> None:
    store, log = VectorStore(tmp_path / "store"), tmp_path / "log"
    other_weights = Toy(log)
    other_weights.fingerprint = "toy 2"
    askers = [
        (OwnEncoder(Toy(log), "toy:Toy"), "document", "en"),
        (OwnEncoder(Toy(log), "toy:Toy"), "query", "en"),
        (OwnEncoder(Toy(log), "toy:Toy"), "document", "sw"),
        (OwnEncoder(Toy(log), "toy:Other"), "document", "en"),
        (OwnEncoder(other_weights, "toy:Toy"), "document", "en"),
    ]
    for turn in range(2):
        shards = [store.get(encoder, ["a b", "c"], side, language) for encoder, side, language in askers]  # type: ignore[arg-type]
        assert [shard and shard.reused for shard in shards] == [turn == 1] * 5
    assert len(logged(log)) == 5


# ---- What is found again


def test_a_shard_holds_its_rows_in_order_and_all_that_made_them(tmp_path: Path) -> None:
    store = VectorStore(tmp_path)
    texts = ["one two", "three", "two one", "three three"]
    shard = get(store, texts)
    rows = np.load(shard.path, allow_pickle=False)
    assert rows.dtype == np.float32
    assert np.array_equal(rows, np.stack([vector(text) for text in texts]))
    assert (shard.rows, shard.reused) == (4, False)
    meta = json.loads(shard.path.with_suffix(".json").read_text())
    assert meta == shard.meta
    assert meta["recipe"] == toy().recipe("document") | {"language": "en"}
    assert (meta["format"], meta["rows"], meta["dimension"], meta["equal"]) == (1, 4, 24, 2)
    assert meta["environment"]["numpy"] == np.__version__
    assert set(meta) == bench.store._META
    again = get(store, texts)
    assert (again.reused, again.meta, again.path) == (True, meta, shard.path)


def test_another_task_k_or_measure_encodes_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    where: dict[str, Any] = {"cache": tmp_path / "cache", "offline": True, "latency": False}
    first = bench.run(Toy(log), "mini", ["en", "sw"], **where)
    assert first["vectors"] == {"encoded": 2 * (24 + 72), "reused": 0}
    batches = logged(log)
    assert Counter(side for side, texts in batches for _ in texts) == {"document": 48, "query": 144}
    again = bench.run(Toy(log), "mini", ["en", "sw"], **where)
    shallow = bench.run(Toy(log), "mini", ["sw"], k=3, measures=["RR", "P@2"], **where)
    across = bench.run(Toy(log), "mini-x", ["sw"], **where)
    assert again["vectors"] == {"encoded": 0, "reused": 192}
    assert shallow["vectors"] == across["vectors"] == {"encoded": 0, "reused": 96}
    assert across["subsets"] == {"sw": {"query": "sw", "document": "en"}}
    assert logged(log) == batches
    assert [again["languages"][code]["nDCG@10"] for code in ("en", "sw")] == [
        first["languages"][code]["nDCG@10"] for code in ("en", "sw")
    ]


def test_ids_do_not_matter(tmp_path: Path) -> None:
    texts, log = [f"word{n} word{n + 1}" for n in range(30)], tmp_path / "log"
    results = []
    for prefix in "ab":
        folder = tmp_path / prefix / "docs"
        docs = [(f"{prefix}{n}", text) for n, text in enumerate(texts)]
        write_beir(folder, docs, [(f"q{prefix}", "word7 word8")], {f"q{prefix}": [f"{prefix}7"]})
        results.append(bench.run(Toy(log), f"path:{folder}", cache=tmp_path / "cache"))
    assert [result["vectors"] for result in results] == [{"encoded": 31, "reused": 0}, {"encoded": 0, "reused": 31}]
    assert [result["mean"]["nDCG@10"] for result in results] == [1.0, 1.0]


def test_a_model_that_does_not_say_what_it_is_is_never_found_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    model = Toy(log)
    model.fingerprint = None
    for turn in (1, 2):
        result = bench.run(model, "mini", ["en"], cache=tmp_path / "cache", board=tmp_path / "board")
        assert result["vectors"] == {"encoded": 96, "reused": 0}
        assert sum(len(texts) for _, texts in logged(log)) == 96 * turn
    assert result["entry"] is None
    assert "fingerprint" in " ".join(result["notes"])
    assert not (tmp_path / "cache" / "vectors").exists() or not list((tmp_path / "cache" / "vectors").glob("*/*.npy"))


# ---- What is damaged


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


# ---- Several processes

SPAWN = multiprocessing.get_context("spawn")
CORPUS = [f"document {n} {'word ' * (n % 7)}" for n in range(120)]


def index(root: Path, log: Path, start: multiprocessing.synchronize.Barrier) -> None:
    retriever = DenseRetriever(toy(log, pause=0.05), VectorStore(root), Watch(), shard_size=10)
    start.wait()
    retriever.index(Texts(CORPUS), root)
    assert len(retriever.shards) == 12


def encode_for_ever(root: Path, log: Path) -> None:
    VectorStore(root).get(toy(log, pause=3600), CORPUS[:10], "document", "en")


def test_two_processes_encode_each_shard_once(tmp_path: Path) -> None:
    start = SPAWN.Barrier(2)
    logs = [tmp_path / "log 1", tmp_path / "log 2"]
    processes = [SPAWN.Process(target=index, args=(tmp_path / "both", log, start)) for log in logs]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    encoded = Counter(text for log in logs for _, texts in logged(log) for text in texts)
    assert encoded == {text_id(text): 1 for text in CORPUS}
    alone = VectorStore(tmp_path / "alone")
    DenseRetriever(toy(), alone, Watch(), shard_size=10).index(Texts(CORPUS), tmp_path)
    files = [{p.name: p.read_bytes() for p in (tmp_path / n).glob("*/*.npy")} for n in ("both", "alone")]
    assert len(files[0]) == 12
    assert files[0] == files[1]


def test_a_shard_in_the_hands_of_another_process_is_left_to_it_until_that_dies(tmp_path: Path) -> None:
    store, log = VectorStore(tmp_path / "store"), tmp_path / "log"
    process = SPAWN.Process(target=encode_for_ever, args=(store.root, log), daemon=True)
    process.start()
    while not logged(log):
        assert process.is_alive()
        time.sleep(0.01)
    assert store.get(toy(log), CORPUS[:10], "document", "en", wait=False) is None
    assert store.get(toy(log), CORPUS[10:20], "document", "en", wait=False) is not None
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    shard = store.get(toy(log), CORPUS[:10], "document", "en", wait=False)
    assert shard is not None
    assert not shard.reused
    assert [len(texts) for _, texts in logged(log)] == [10, 10, 10]
