"""Exact search against a brute-force oracle: exactly rounded inner products and a Python sort over all documents."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from searching import K, Names, case, close_calls, oracle, readable, save, shuffled_names
from threadpoolctl import threadpool_limits

import bench.search.scan
from bench.errors import InputError, MissingError, StoppedError
from bench.search import search
from bench.search.blocks import Shards
from bench.search.exact import ascending, by_tree, descending, score_pairs, stable_order


@pytest.mark.parametrize("query_block", [1, 10, 200])
@pytest.mark.parametrize("shard", [7, 100, 10_000])
@pytest.mark.parametrize("kind", ["random", "integer", "duplicates", "constant", "zero"])
def test_equals_brute_force(tmp_path: Path, kind: str, shard: int, query_block: int) -> None:
    queries, vectors, names, expected = case(kind)
    paths = save(tmp_path, vectors, shard)
    memory = {7: 1 << 30, 100: 150_000, 10_000: 60_000}[shard]  # One block, blocks of 360 rows, blocks of 144.
    found = search(queries, paths, Names(names), K, memory=memory, query_block=query_block)
    assert readable(found, names) == expected
    assert {(f.rows.dtype, f.scores.dtype) for f in found} == {(np.dtype(np.int64), np.dtype(np.float32))}


@pytest.mark.parametrize("kind", ["random", "integer", "duplicates", "constant"])
def test_order_of_documents_and_threads_change_nothing(kind: str) -> None:
    queries, vectors, names, expected = case(kind)
    order = np.random.default_rng(8).permutation(len(vectors))
    moved = [names[row] for row in order]
    with threadpool_limits(1, user_api="blas"):
        assert readable(search(queries, [vectors[order]], Names(moved), K), moved) == expected
    for threads in (3, 8):  # More than there are parts of the queries: they share the blocks.
        with threadpool_limits(threads, user_api="blas"):
            for memory in (1 << 30, 60_000):
                assert readable(search(queries, [vectors], Names(names), K, memory=memory), names) == expected


@pytest.mark.parametrize("copies", [500, 2500])  # The second is more than a scan holds: it needs the second pass.
def test_identical_vectors_around_the_cut(copies: int) -> None:
    rng = np.random.default_rng(1)
    query = rng.standard_normal((1, 40)).astype(np.float32)
    vectors = rng.standard_normal((4000, 40)).astype(np.float32)
    better = np.argsort(vectors @ query[0])[::-1]
    vectors[better[80 : 80 + copies]] = vectors[better[80]]
    names = shuffled_names(4000)
    expected = oracle(query, vectors, names, 100)
    assert expected[0][80][1] == expected[0][99][1]
    for rows in (np.arange(4000), better, better[::-1]):
        moved = [names[row] for row in rows]
        found = search(query, [vectors[rows]], Names(moved), 100, memory=1 << 16)
        assert readable(found, moved) == expected


def test_some_queries_tied_and_some_not() -> None:
    """A query of zeros ties with every document; the others have their lists all the same, each in its place."""
    queries, vectors, names, expected = case("random")
    queries = queries.copy()
    queries[[0, 7, 10]] = 0
    zero = oracle(queries[:1], vectors, names, K)[0]
    found = readable(search(queries, [vectors], Names(names), K), names)
    assert found == [zero if place in (0, 7, 10) else expected[place] for place in range(11)]
    assert not np.signbit([score for _, score in zero]).any()


def test_float16_and_mixed_shards(tmp_path: Path) -> None:
    queries, vectors, names, _ = case("random")
    half = vectors.astype(np.float16)
    expected = oracle(queries, half, names, K)
    paths = save(tmp_path, half, 499)
    np.save(paths[1], half[499:998].astype(np.float32))
    assert readable(search(queries, paths, Names(names), K, memory=100_000), names) == expected
    assert readable(search(queries, [half[:5], half[5:]], Names(names), K), names) == expected


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e15])
def test_scores_closer_than_float32_sums_can_tell(scale: float, monkeypatch: pytest.MonkeyPatch) -> None:
    query, vectors = close_calls(scale)
    names = shuffled_names(3000)
    expected = oracle(query, vectors, names, 10)
    raw = np.argsort(-(vectors @ query[0]), kind="stable")[:10]
    assert {names[row] for row in raw} != {name for name, _ in expected[0]}
    assert readable(search(query, [vectors], Names(names), 10, memory=1 << 20), names) == expected
    # Without the error bound the scan loses documents: what keeps the result right is the bound, not chance.
    monkeypatch.setattr(bench.search.scan, "error_bound", lambda dim, norms, norm: np.zeros_like(norms))
    assert readable(search(query, [vectors], Names(names), 10, memory=1 << 20), names) != expected


@pytest.mark.parametrize("giant", [0, 1500, 2999])
def test_one_block_of_large_norms(giant: int) -> None:
    """One vector a million times as long widens the error bound of its block and all later ones, and nothing breaks."""
    query, vectors = close_calls(1.0)
    vectors[giant] *= -1e6
    names = shuffled_names(3000)
    assert readable(search(query, [vectors], Names(names), 10, memory=1 << 20), names) == oracle(
        query, vectors, names, 10
    )


@pytest.mark.parametrize("dim", [1, 2, 3, 383, 4096])
@pytest.mark.parametrize("scale", [1e-22, 1e-3, 1e9])
def test_error_bound_holds(dim: int, scale: float) -> None:
    rng = np.random.default_rng(dim)
    for spread in (0.0, 1.0):  # All values alike: rounding errors of one sign add up.
        queries, vectors = ((spread * rng.standard_normal((18, dim)) + 0.7).astype(np.float32) for _ in range(2))
        vectors *= np.float32(scale)
        exact = np.array([[math.fsum((q * v).tolist()) for v in vectors.astype(float)] for q in queries.astype(float)])
        norms, norm = (np.linalg.norm(array.astype(float), axis=1) for array in (queries, vectors))
        bound = bench.search.scan.error_bound(dim, norms, float(norm.max()))[:, None]
        in_sequence = np.cumsum(queries[:, None, :] * vectors, axis=2, dtype=np.float32)[:, :, -1]
        for approx in (queries @ vectors.T, in_sequence):
            assert (np.abs(approx - exact.astype(np.float32)) <= bound).all()
        assert (bound <= 1.1 * (dim + 3) * 2.0**-24 * norms[:, None] * norm.max() + 1e-30).all()


@pytest.mark.parametrize("what", ["thousands of copies", "calls too close for float32"])
def test_threads_that_share_the_blocks_know_of_each_other(what: str) -> None:
    """One query, so each of two threads has every second block; what widens the search lies in a block of one."""
    query, near = close_calls(1.0)
    far = np.random.default_rng(6).standard_normal((2048, 256)).astype(np.float32) * np.float32(1e-6)
    here = (
        np.repeat(near[:1], 2048, axis=0) if what == "thousands of copies" else np.concatenate([near[:900], far[900:]])
    )
    vectors = np.concatenate([far, here, far, far])
    names = shuffled_names(len(vectors))
    with threadpool_limits(2, user_api="blas"):
        found = search(query, [vectors], Names(names), 10)
    assert readable(found, names) == oracle(query, vectors, names, 10)


def test_ids_are_looked_up_for_ties_only() -> None:
    queries, vectors, names, _ = case("random")
    ids = Names(names)
    search(queries, [vectors], ids, K)
    assert ids.asked == 0


def test_k_beyond_the_corpus_returns_all() -> None:
    queries, vectors, names, _ = case("integer")
    found = search(queries, [vectors[:30]], Names(names[:30]), 10**6)
    assert readable(found, names) == oracle(queries, vectors[:30], names[:30], 10**6)
    assert len(found[0].rows) == 30


@pytest.mark.parametrize("kind", ["random", "integer", "duplicates", "constant", "zero"])
def test_all_documents_in_order(tmp_path: Path, kind: str) -> None:
    queries, vectors, names, _ = case(kind)
    found = search(queries, save(tmp_path, vectors, 500), Names(names), len(vectors), query_block=4)
    assert readable(found, names) == oracle(queries, vectors, names, len(vectors))


def test_sums_at_the_edge_of_two_float32_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums that float64 cannot hold, next to the middle between two float32 numbers: the order of summation decides."""
    import bench.search.exact

    asked: list[int] = []

    def counted(queries: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        asked.append(len(queries))
        return by_tree(queries, vectors)

    monkeypatch.setattr(bench.search.exact, "by_tree", counted)
    rng = np.random.default_rng(7)
    parts = np.float32(2.0) ** np.array([0, -24, -24, -25, -52, -53, -54, -60, -130], np.float32)
    vectors = rng.choice(np.concatenate([parts, -parts, [0]]).astype(np.float32), (700, 37))
    queries = rng.choice(np.array([1, 1, -1, 3], np.float32), (9, 37))
    names = shuffled_names(len(vectors))
    rows = np.arange(len(vectors))
    for query, hits in enumerate(search(queries, [vectors], Names(names), len(vectors))):
        exact = by_tree(np.broadcast_to(queries[query], vectors.shape), vectors)
        assert hits.scores[np.argsort(hits.rows)].tobytes() == exact.tobytes()
        assert score_pairs(queries, vectors, np.full(len(rows), query), rows).tobytes() == exact.tobytes()
    # Of the pairs, which were scored twice: the order decides for some of them, and is asked for those alone.
    assert 0 < sum(asked) < queries.shape[0] * len(vectors)


def test_scores_as_numbers_have_the_order_of_scores() -> None:
    edges = np.array([0.0, 1e-45, 1.2e-38, 1.0, 3.4e38, np.inf], np.float32)
    scores = np.concatenate([edges, -edges, np.random.default_rng(3).standard_normal(99, dtype=np.float32)])
    numbers = descending(scores)
    assert (scores[np.argsort(numbers)] == -np.sort(-scores)).all()
    assert ascending(numbers).tobytes() == scores.tobytes()
    assert int(numbers.max()) < 1 << 32
    keys = np.random.default_rng(3).integers(0, 50, 999)
    assert (stable_order(keys) == np.argsort(keys, kind="stable")).all()


@pytest.mark.parametrize("k", [1, 7, 1000, 2049, 3999])
def test_any_k(k: int) -> None:
    """The first documents give the bar: fewer than k of them, as many, and all that there are."""
    rng = np.random.default_rng(2)
    queries, vectors = (rng.standard_normal((rows, 9)).astype(np.float32) for rows in (3, 4000))
    names = shuffled_names(4000)
    for memory in (1 << 30, 1 << 16):
        found = search(queries, [vectors], Names(names), k, memory=memory)
        assert readable(found, names) == oracle(queries, vectors, names, k)


def test_no_queries_no_lists() -> None:
    queries, vectors, names, _ = case("random")
    assert search(queries[:0], [vectors], Names(names), K) == []


def test_progress_counts_documents_over_all_passes() -> None:
    queries, vectors, names, _ = case("random")
    seen: list[tuple[int, int | None]] = []
    search(queries[:10], [vectors], Names(names), K, memory=1, query_block=5, progress=lambda *at: seen.append(at))
    assert seen == [(done + start, 2600) for start in (0, 1300) for done in (*range(64, 1300, 64), 1300)]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_impossible_vectors_are_named(tmp_path: Path, bad: float) -> None:
    queries, vectors, names, _ = case("random")
    vectors = vectors.copy()
    vectors[1234, 5] = bad
    paths = save(tmp_path, vectors, 1000)
    with pytest.raises(StoppedError) as error:
        search(queries, paths, Names(names), K, memory=100_000)
    assert str(error.value) == "shard-001000.npy, row 234: the vector holds NaN or infinity; encode this shard again"
    with pytest.raises(StoppedError, match=r"query 3 \(counted from 0\): the vector holds NaN or infinity"):
        search(np.where(np.arange(11)[:, None] == 3, np.float32(bad), queries), paths, Names(names), K)


def test_scores_beyond_float32_stop_the_search() -> None:
    vectors = np.full((5, 4), 1e25, np.float32)  # Its square is beyond float32 and its norm is not.
    small = np.full((1, 4), 1e-10, np.float32)
    expected = np.float32(4 * float(vectors[0, 0]) * float(small[0, 0]))
    assert search(small, [vectors], Names([b"a", b"b", b"c", b"d", b"e"]), 1)[0].scores.tolist() == [expected]
    with pytest.raises(StoppedError, match=r"shard 0, row 0 and after: norms up to 2e\+25, queries up to 2e\+20"):
        search(np.full((1, 4), 1e20, np.float32), [vectors], Names([b"a", b"b", b"c", b"d", b"e"]), 1)


def test_wrong_use_is_told(tmp_path: Path) -> None:
    queries, vectors, names, _ = case("random")
    for k in (0, -1):
        with pytest.raises(InputError, match=f"k is {k}: ask for at least 1 document"):
            search(queries, [vectors], Names(names), k)
    with pytest.raises(InputError, match="query_block is 0: search at least 1 query at once"):
        search(queries, [vectors], Names(names), K, query_block=0)
    for empty in ([], [vectors[:0]]):
        with pytest.raises(InputError, match="the corpus is empty"):
            search(queries, empty, Names([]), K)
    with pytest.raises(
        InputError, match="4294967297 vectors are more than the 4294967296 that can be searched at once"
    ):
        search(queries[:, :1], [np.broadcast_to(vectors[0, :1], (2**32 + 1, 1))], Names([]), K)
    with pytest.raises(InputError, match="9 document ids for 1300 vectors"):
        search(queries, [vectors], Names(names[:9]), K)
    with pytest.raises(InputError, match=r"queries have the shape \(11, 12\) .*expected \(queries, 13\) and float32"):
        search(queries[:, :12], [vectors], Names(names), K)
    with pytest.raises(InputError, match="an array: 12 dimensions, but 13 in the first shard"):
        search(queries, [vectors, vectors[:, :12]], Names(names), K)
    with pytest.raises(InputError, match="must be float32 or float16, or be packed by bench, found float64"):
        search(queries, [vectors.astype(float)], Names(names), K)
    np.save(tmp_path / "fortran.npy", np.asfortranarray(vectors))
    with pytest.raises(InputError, match="Fortran order"):
        search(queries, [tmp_path / "fortran.npy"], Names(names), K)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    queries, vectors, names, _ = case("random")
    paths = save(tmp_path, vectors, 1100)
    whole = paths[1].read_bytes()
    paths[1].write_bytes(whole[:-1])
    with pytest.raises(MissingError, match=r"shard-001100.npy: the file ends before its last row"):
        search(queries, paths, Names(names), K)
    paths[1].write_bytes(b"no vectors")
    with pytest.raises(MissingError, match=r"shard-001100.npy: not a .npy file"):
        search(queries, paths, Names(names), K)
    paths[1].unlink()
    with pytest.raises(MissingError, match=r"shard-001100.npy: no such file"):
        search(queries, paths, Names(names), K)


@pytest.mark.parametrize("shard", [7, 5000])
def test_gather_reads_the_rows_asked_for(tmp_path: Path, shard: int) -> None:
    vectors = np.random.default_rng(4).standard_normal((5000, 600)).astype(np.float32)
    shards = Shards(save(tmp_path, vectors, shard))
    near, far = np.arange(40, 900), np.array([1000, 1001, 1030, 2500, 4998, 4999])
    rows = np.concatenate([near, far])
    got = [(first, part.copy()) for first, part in shards.gather(rows, 100)]
    assert [first for first, _ in got] == list(range(0, len(rows), 100))
    assert (np.concatenate([part for _, part in got]) == vectors[rows]).all()


PEAK = """
import sys, numpy as np
from pathlib import Path
from bench.search import search
class Names:
    def __len__(self): return int(sys.argv[2])
    def take(self, rows): return [b"%d" % row for row in rows]
search(np.eye(20, 64, dtype=np.float32), sorted(Path(sys.argv[1]).glob("*.npy"))[: int(sys.argv[2]) // 50_000], Names(), 10,
       memory=16 << 20)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak resident set is read from /proc")
def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    save(tmp_path, np.random.default_rng(6).standard_normal((400_000, 64), dtype=np.float32), 50_000)  # 98 MiB

    def peak(rows: int) -> int:
        command = [sys.executable, "-c", PEAK, str(tmp_path), str(rows)]
        return int(
            subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1]).stdout
        )

    assert peak(400_000) - peak(100_000) < 8 << 10  # KiB
