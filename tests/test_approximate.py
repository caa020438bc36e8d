"""Approximate indexes: what they find, that a run repeats, the receipt of what they lose, and that none is ranked."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from searching import Names, oracle, readable, save, shuffled_names
from toy import Toy

import bench
from bench.cli import _code
from bench.errors import InputError
from bench.formats.trec import read_run
from bench.leaderboard import entries
from bench.leaderboard.standings import standings
from bench.leaderboard.verify.stored import findings
from bench.search.approximate import Approximate, Factory
from bench.site.command import commands_of

RNG = np.random.default_rng(4)
VECTORS = RNG.standard_normal((1200, 16)).astype(np.float32)
QUERIES = RNG.standard_normal((12, 16)).astype(np.float32)
NAMES = shuffled_names(1200)


def built(text: str, shards: list[Any]) -> Approximate:
    return Approximate.build(Factory.parse(text), shards, memory=1 << 16)  # Blocks of 64 rows.


@pytest.mark.parametrize("shard", [100, 1200])
def test_an_index_that_looks_everywhere_is_exact_search(shard: int, tmp_path: Path) -> None:
    index = built("IVF8,Flat?nprobe=8", save(tmp_path, VECTORS, shard))
    assert readable(index.search(QUERIES, Names(NAMES), 20), NAMES) == oracle(QUERIES, VECTORS, NAMES, 20)


def test_equal_scores_are_in_the_one_order(tmp_path: Path) -> None:
    whole = RNG.integers(-1, 2, (1200, 16)).astype(np.float32)
    index = built("IVF8,Flat?nprobe=8", save(tmp_path, whole, 300))
    assert readable(index.search(QUERIES, Names(NAMES), 1200), NAMES) == oracle(QUERIES, whole, NAMES, 1200)


@pytest.mark.parametrize("text", ["IVF8,Flat?nprobe=2", "HNSW16?efSearch=8", "IVF4,PQ4x4?nprobe=2"])
def test_the_scores_are_exact_and_the_same_at_every_run(text: str, tmp_path: Path) -> None:
    once, again = (built(text, save(tmp_path, VECTORS, size)) for size in (100, 700))
    found = readable(once.search(QUERIES, Names(NAMES), 10), NAMES)
    assert found == readable(again.search(QUERIES, Names(NAMES), 10), NAMES)
    exact = [dict(line) for line in oracle(QUERIES, VECTORS, NAMES, 1200)]
    for line, scores in zip(found, exact, strict=True):
        assert [(name, scores[name]) for name, _ in line] == line
        assert [score for _, score in line] == sorted((score for _, score in line), reverse=True)
    assert found != oracle(QUERIES, VECTORS, NAMES, 10), "and it does lose something"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("IVF", "--index IVF: FAISS makes no such index of"),
        ("IVF8,Flat?nprobes=2", "--index IVF8,Flat?nprobes=2: FAISS makes no such index of"),
        ("IVF8,Flat?nprobe", "--index IVF8,Flat?nprobe: 'nprobe': expected NAME=NUMBER after the '?', as in 'IVF256"),
        ("Flat", "--index Flat: that is exact search: leave --index away, or give one such as 'IVF256,Flat?nprobe=16'"),
    ],
)
def test_a_wrong_factory_is_told_with_examples(text: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _code(["run", "--model", "me5-small-q4", "--task", "mini", "--no-board", "--index", text]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "IVF256,Flat?nprobe=16" in error


def test_a_length_that_is_not_known_yet_is_tried_later() -> None:
    assert str(Factory.parse("IVF4,PQ7x4?nprobe=2")) == "IVF4,PQ7x4?nprobe=2"
    with pytest.raises(InputError, match=r"of 16 dimensions .*multiple of the number of subquantizers"):
        built("IVF4,PQ7x4?nprobe=2", [VECTORS])


def test_too_few_vectors_to_train() -> None:
    with pytest.raises(InputError, match=r"--index IVF64,Flat: 50 vectors are too few to train it .* take fewer lists"):
        built("IVF64,Flat", [VECTORS[:50]])


# --- runs


def run(folder: Path, **options: Any) -> dict[str, Any]:
    places = {"cache": folder / "cache", "board": folder / "board", "output": folder / "out"}
    return bench.run(
        model=Toy(), task="mini", languages=["en", "sw"], measures=["nDCG@10", "R@5"], k=10, **places, **options
    )


def test_an_index_that_loses_nothing_has_a_receipt_that_says_so(tmp_path: Path) -> None:
    exact, found = run(tmp_path), run(tmp_path, index="IVF2,Flat?nprobe=2")
    assert [row["nDCG@10"] for row in found["languages"].values()] == [
        row["nDCG@10"] for row in exact["languages"].values()
    ]
    (entry,) = (entry for _, entry in entries(tmp_path / "board") if entry.identity["index"] != "exact")
    for subset, block in entry.languages.items():
        receipt = block["recipe"]["approximate"]
        assert receipt["overlap"] == 1.0
        assert (receipt["queries"], receipt["of"], receipt["k"]) == (block["queries"], block["queries"], 10)
        for measure in ("nDCG@10", "R@5"):
            assert receipt["measures"][measure] == {
                "exact": block[measure],
                "approximate": block[measure],
                "difference": 0.0,
            }
        assert f"{subset}: approximate, IVF2,Flat?nprobe=2: overlap@10 1.0000 with exact search" in " ".join(
            found["notes"]
        )


def test_the_receipt_tells_what_was_lost_and_nothing_is_ranked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exact, found = run(tmp_path), run(tmp_path, index="IVF6,Flat?nprobe=1")
    on_board = {entry.identity["index"]: entry for _, entry in entries(tmp_path / "board")}
    assert set(on_board) == {"exact", "IVF6,Flat?nprobe=1"}, "neither replaces the other"
    runs = {
        index: read_run(next((tmp_path / "out" / "mini").glob(f"*--{entry.hex}/en.trec.gz")))
        for index, entry in on_board.items()
    }
    whole, part = runs["exact"], runs["IVF6,Flat?nprobe=1"]
    shares = [len(set(whole[q].docs) & set(part[q].docs if q in part else ())) / 10 for q in whole]
    receipt = on_board["IVF6,Flat?nprobe=1"].languages["en"]["recipe"]["approximate"]
    assert receipt["overlap"] == pytest.approx(math.fsum(shares) / len(shares), abs=1e-12)
    assert 0 < receipt["overlap"] < 1
    for measure, row in receipt["measures"].items():
        a, b = exact["languages"]["en"][measure], found["languages"]["en"][measure]
        assert row == {"exact": a, "approximate": b, "difference": b - a}
    assert found["index"] == "IVF6,Flat?nprobe=1"
    by_index = {result["index"]: result for result in standings(tmp_path / "board")}
    full = by_index["IVF6,Flat?nprobe=1"] | {"complete": True}
    assert full["unranked"] == "approximate search: IVF6,Flat?nprobe=1"
    assert set(full["ranks"].values()) == {None}
    assert _code(["board", "show", "--board", str(tmp_path / "board")]) == 0
    shown = capsys.readouterr()
    assert "~ searched by an approximate index" in shown.out
    entry = on_board["IVF6,Flat?nprobe=1"]
    assert list(findings(entry.as_dict())) == []
    assert commands_of(entry, None, {}).commands[0].text.endswith("--index 'IVF6,Flat?nprobe=1'")


def test_an_index_of_a_system_without_vectors_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert _code(["run", "--model", "bm25", "--task", "mini", "--no-board", "--index", "HNSW16"]) == 2
    assert "bm25: --index HNSW16: no model in it has one vector a text" in capsys.readouterr().err
