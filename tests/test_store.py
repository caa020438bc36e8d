"""The vector store: what is keyed, and what is found again."""

from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shards import RECIPE, changed, get, leaves, toy
from toy import Toy, logged, vector, write_beir

import bench
import bench.store
from bench.adapters.own import OwnEncoder
from bench.store import VectorStore


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
