"""Compact vectors: what is stored of a vector and what it stands for, against numpy restatements, faiss and others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from searching import Names, oracle, readable, save, shuffled_names
from toy import Toy, logged, write_beir

import bench
from bench.cli import _code
from bench.cli.board.size import rows_of
from bench.compact import Compact, pack, unpack, width
from bench.errors import InputError, StoppedError
from bench.expression import Call, Name, Stored, leaves
from bench.grammar import parse_expression
from bench.leaderboard.standings import standings
from bench.search import search
from bench.search.blocks import Shards

RNG = np.random.default_rng(8)
VECTORS = (RNG.standard_normal((400, 48)) * RNG.uniform(0.01, 30, (400, 1))).astype(np.float32)
QUERIES = RNG.standard_normal((9, 48)).astype(np.float32)


def restated(vectors: np.ndarray, precision: str) -> np.ndarray:
    """What the stored bytes stand for, value by value and without a look at the code."""
    if precision == "float16":
        return vectors.astype("<f2").astype(np.float32)
    if precision == "binary":
        return np.where(vectors > 0, 1.0, -1.0).astype(np.float32) * np.float32(vectors.shape[1] ** -0.5)
    rows = []
    for vector in vectors:
        scale = np.float32(max(abs(value) for value in vector)) / np.float32(127)
        rows.append([np.float32(round(float(value / scale))) * scale if scale else 0.0 for value in vector])
    return np.array(rows, np.float32)


@pytest.mark.parametrize("precision", ["float16", "int8", "binary"])
def test_what_is_stored_stands_for(precision: str) -> None:
    assert np.array_equal(unpack(pack(VECTORS, precision)), restated(VECTORS, precision))


@pytest.mark.parametrize("precision", ["float16", "int8", "binary"])
def test_a_vector_is_stored_alike_whatever_lies_beside_it(precision: str) -> None:
    alone = b"".join(pack(VECTORS[i : i + 1], precision).tobytes() for i in range(40))
    assert pack(VECTORS[:40], precision).tobytes() == alone


def test_int8_is_off_by_half_a_step_and_a_zero_vector_stays_one() -> None:
    packed = pack(np.vstack([VECTORS, np.zeros((1, 48), np.float32)]), "int8")
    away = np.abs(unpack(packed)[:-1].astype(np.float64) - VECTORS).max(axis=1)
    assert (away <= packed["scale"][:-1] * 0.500001).all()
    assert not unpack(packed)[-1].any()


def test_int8_is_what_sentence_transformers_makes_of_a_vector_with_its_own_range() -> None:
    from sentence_transformers.util.quantization import quantize_embeddings

    for vector in VECTORS[:50]:
        packed = pack(vector[None], "int8")
        # Its 255 steps begin at the lower end, so a range of 127.5 steps to both sides has 0 in the middle of one.
        ends = np.float64(packed["scale"][0]) * 127.5
        theirs = quantize_embeddings(vector[None], "int8", ranges=np.array([[-ends] * 48, [ends] * 48]))
        assert np.abs(theirs.astype(int) + 1 - packed["codes"].astype(int)).max() == 0


def test_binary_and_float16_are_those_of_others() -> None:
    import torch
    from sentence_transformers.util.quantization import quantize_embeddings

    assert np.array_equal(pack(VECTORS, "binary")["signs"], quantize_embeddings(VECTORS, "ubinary"))
    assert torch.from_numpy(VECTORS).half().numpy().tobytes() == pack(VECTORS, "float16").tobytes()


def test_scores_of_signs_are_hamming_distances_of_faiss() -> None:
    index = faiss.IndexBinaryFlat(48)
    index.add(pack(VECTORS, "binary")["signs"])
    distances, rows = index.search(np.ascontiguousarray(pack(QUERIES, "binary")["signs"]), len(VECTORS))
    expected = np.empty(distances.shape)
    np.put_along_axis(expected, rows, (48 - 2 * distances) / 48, axis=1)
    signs = unpack(pack(QUERIES, "binary"))
    found = search(signs, [pack(VECTORS, "binary")], Names(shuffled_names(400)), 400)
    for i, (where, scores) in enumerate(found):
        assert scores == pytest.approx(expected[i][where], abs=1e-6)


def test_float_queries_rank_signs_as_sentence_transformers_re_scores_all_of_them() -> None:
    from sentence_transformers.util.quantization import quantize_embeddings, semantic_search_faiss

    bits = quantize_embeddings(VECTORS, "ubinary")
    theirs, _ = semantic_search_faiss(
        QUERIES, corpus_embeddings=bits, corpus_precision="ubinary", top_k=20, rescore=True, rescore_multiplier=20
    )
    found = search(QUERIES, [pack(VECTORS, "binary")], Names(shuffled_names(400)), 20)
    assert [[hit["corpus_id"] for hit in hits] for hits in theirs] == [rows.tolist() for rows, _ in found]


@pytest.mark.parametrize("shard", [37, 400])
@pytest.mark.parametrize("precision", ["float16", "int8", "binary"])
def test_search_is_exact_over_what_is_stored(precision: str, shard: int, tmp_path: Path) -> None:
    names = shuffled_names(400)
    paths = save(tmp_path, pack(VECTORS, precision), shard)
    assert readable(search(QUERIES, paths, Names(names), 30), names) == oracle(
        QUERIES, restated(VECTORS, precision), names, 30
    )
    rows = np.array([0, 3, 36, 37, 38, 399])
    ((_, gathered),) = Shards(paths).gather(rows, 6)
    assert np.array_equal(gathered, restated(VECTORS, precision)[rows])


def test_shortened_vectors_are_those_of_sentence_transformers() -> None:
    import torch
    from sentence_transformers.util import normalize_embeddings, truncate_embeddings

    theirs = normalize_embeddings(truncate_embeddings(torch.from_numpy(VECTORS), 16)).numpy()
    assert np.abs(Compact(16).shortened(VECTORS) - theirs).max() < 1e-7
    with pytest.raises(InputError, match="dims=48: the vectors have 48 dimensions: give fewer than that"):
        Compact(48).shortened(VECTORS)


def test_what_cannot_be_stored_is_refused() -> None:
    with pytest.raises(StoppedError, match="float16 holds values up to 65504"):
        pack(np.full((1, 8), 70_000, np.float32), "float16")
    with pytest.raises(InputError, match="binary: 12 dimensions are no multiple of 8; shorten them with dims=N"):
        pack(np.ones((1, 12), np.float32), "binary")
    assert width(np.dtype([("scale", "<f4"), ("codes", "i2", (4,))])) is None


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("int8", "int8"),
        ("int8,dims=128", "dims=128,int8"),
        ("dims=64", "dims=64"),
        ("float32,dims=64", "dims=64"),
        ("float32", "float32"),
    ],
)
def test_a_variant_prints_in_one_way(typed: str, printed: str) -> None:
    assert str(Compact.parse(typed)) == printed
    assert Compact.parse(printed) == Compact.parse(typed)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (
            "int4",
            "--vectors int4: 'int4' is no form of vectors: expected float16, int8, binary, dims=N, or dims=N with",
        ),
        (
            "dims=8,x",
            "--vectors dims=8,x: 'x' is no form of vectors: expected float16, int8, binary, dims=N, or dims=N",
        ),
        ("int8,binary", "--vectors int8,binary: binary is one too many"),
        ("dims=0", "--vectors dims=0: dims=0: expected a number of dimensions, such as dims=128"),
        ("", "--vectors : '' is no form of vectors: expected float16"),
    ],
)
def test_what_is_no_variant_is_told(typed: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        Compact.parse(typed)
    assert str(error.value).startswith(message)


def test_a_name_reads_as_the_expression_that_it_is() -> None:
    text = "rrf(bm25, me5-small-q4 [dims=64,int8]) >> cross:x[50]"
    tree = parse_expression(text)
    assert str(tree) == text
    assert isinstance(tree.first, Call)  # type: ignore[union-attr]
    assert tree.first.arguments[1] == Stored(Name("me5-small-q4"), "dims=64,int8")  # type: ignore[union-attr]
    assert [str(leaf) for leaf in leaves(tree)] == ["bm25", "me5-small-q4"]
    with pytest.raises(InputError, match="expected the end here"):
        parse_expression("bm25[50]")


# --- runs


class Model(Toy):
    """The toy, its vectors of length 1."""

    def _encode(self, side: str, texts: Any) -> np.ndarray:
        vectors = super()._encode(side, texts) + np.float32(0.125)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def run(model: Any, folder: Path, **options: Any) -> dict[str, Any]:
    return bench.run(
        model=model,
        task="mini",
        languages=["en"],
        cache=folder / "cache",
        board=folder / "board",
        shard_size=10,
        **options,
    )


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in folder.rglob("*.npy")
        if json.loads(path.with_suffix(".json").read_text())["recipe"].get("compact")
    }


@pytest.mark.parametrize("vectors", ["float16", "int8", "binary", "dims=16", "dims=16,int8"])
def test_derived_or_encoded_afresh_the_bytes_are_the_same(vectors: str, tmp_path: Path) -> None:
    run(Model(tmp_path / "log"), tmp_path / "derived")
    before = len(logged(tmp_path / "log"))
    derived = run(Model(tmp_path / "log"), tmp_path / "derived", vectors=vectors)
    assert len(logged(tmp_path / "log")) == before, "nothing is encoded again"
    assert derived["vectors"]["encoded"] == 0
    afresh = run(Model(), tmp_path / "afresh", vectors=vectors)
    assert afresh["vectors"]["encoded"] > 0
    assert files(tmp_path / "derived") == files(tmp_path / "afresh") != {}
    assert derived["languages"] == afresh["languages"]
    assert derived["identity"] == afresh["identity"]


def test_each_variant_is_an_entry_with_a_name_and_its_bytes(tmp_path: Path) -> None:
    sizes = {"float32": 24 * 96, "float16": 24 * 48, "int8": 24 * 28, "binary": 24 * 3, "dims=16,int8": 24 * 20}
    for vectors in sizes:
        run(Model(), tmp_path, vectors=vectors)
    board = standings(tmp_path / "board")
    name = board[0]["model"].partition(" ")[0]
    assert {r["model"] for r in board} == {name, *(f"{name} [{v}]" for v in sizes if v != "float32")}
    assert len({r["identity"] for r in board}) == len(sizes)
    headers = 3 * 256  # Shards of 10, 10 and 4 documents; numpy pads a header to a multiple of 64 bytes.
    for result in board:
        kind = result["model"].partition("[")[2].rstrip("]") or "float32"
        assert sizes[kind] < result["index_bytes"] <= sizes[kind] + headers, kind
    noted = [result["notes"][0] for result in board if "dims" in result["model"]]
    assert noted == ["vectors dims=16,int8: no card says whether it was trained for it"]


def test_quality_against_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def result(name: str, mean: float, size: int, index: str = "exact") -> dict[str, Any]:
        shown = {"model": name, "mean": {"nDCG@10": mean}, "index_bytes": size, "index": index}
        return shown | {"languages": {"en": {"documents": 10}, "de": {"documents": 10}}}

    some = [
        result("large", 0.5, 400),
        result("small", 0.4, 100),
        result("worse", 0.4, 200),
        result("part", 0.9, 1) | {"languages": {"en": {"documents": 10}}},
        result("quick", 0.6, 50, "IVF4,Flat"),
    ]
    assert [(row.name, row.each, row.best) for row in rows_of(some, "nDCG@10")] == [
        ("quick ~ IVF4,Flat", 2.5, False),
        ("large", 20.0, True),
        ("small", 5.0, True),
        ("worse", 10.0, False),
    ]


def test_an_option_that_nothing_heeds_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_beir(tmp_path / "data", [("1", "one")], [("q", "one")], {"q": ["1"]})
    shared = ["--task", f"path:{tmp_path / 'data'}", "--cache", str(tmp_path / "cache"), "--no-board"]
    for model, option, message in (
        ("bm25", "int8", "bm25: --vectors int8: no model in it has one vector a text"),
        ("bm25 [int8]", "float32", "bm25 [int8]: it has no single vectors that could be stored so"),
        ("me5-small-q4", "dims=384", "me5-small-q4 [dims=384]: its vectors have 384 dimensions: give fewer than that"),
        ("me5-small-q4", "tiny", "'tiny' is no form of vectors"),
    ):
        assert _code(["run", "--model", model, *shared, "--vectors", option]) == 2
        assert message in capsys.readouterr().err
