"""XQuAD-R through a run: rankings of a pool of all languages and their slices, against brute force."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy
from lareqa_source import SENTENCES, opened
from numpy.typing import NDArray
from originals import block_network

import bench
from bench.census import CountedCorpus
from bench.formats.trec import read_run
from bench.loaders.lareqa import Lareqa
from bench.perquery import read_rows
from bench.registry import Registry

ARTICLES = 2


@pytest.fixture(scope="module")
def part(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first articles of every file."""
    data = tmp_path_factory.mktemp("part")
    (data / "lareqa").mkdir()
    for language in SENTENCES:
        with gzip.open(test_data / "lareqa" / f"{language}.json.gz", "rt", encoding="utf-8") as file:
            articles = json.load(file)["data"][:ARTICLES]
        (data / "lareqa" / f"{language}.json").write_text(json.dumps({"data": articles}), encoding="utf-8")
    return data


@pytest.fixture
def run(part: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    block_network(monkeypatch)

    def measured(model: Any, *languages: str, **options: Any) -> dict[str, Any]:
        folders: dict[str, Any] = {name: tmp_path / name for name in ("cache", "output", "board")}
        given: dict[str, Any] = (
            {"data": part, "offline": True, "allow_unpinned": True, "latency": False} | folders | options
        )
        return bench.run(model, given.pop("task", "xquad-r"), list(languages), **given)

    return measured


def orders(source: Lareqa) -> dict[str, list[str]]:
    """All documents for each question, best first: the scores are whole numbers, exact in any type, and often equal."""
    pool = {passage.id: toy.vector(passage.text) for passage in source.passages()}
    found = {}
    for query in source.queries():
        wanted = toy.vector(query.text)
        scores = {doc: float(wanted @ vector) for doc, vector in pool.items()}
        found[query.id] = sorted(scores, key=lambda doc: (scores[doc], doc.encode()), reverse=True)
    return found


def precision(found: list[str], relevant: set[str]) -> float:
    ranks = [rank for rank, doc in enumerate(found, start=1) if doc in relevant]
    return sum(i / rank for i, rank in enumerate(ranks, start=1)) / len(relevant)


def test_ap_and_its_slices_over_the_whole_pool(
    part: Path, run: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("bench.scoring._AT_ONCE", 30_000)  # Several batches, the last one smaller.
    log = tmp_path / "log"
    result = run(toy.Toy(log), "de", "en")
    source = opened(part, "en")
    queries, qrels = source.queries(), source.qrels()
    assert 30_000 // result["k"] == 2 and len(queries) % 2 == 1 and len(queries) > 40
    ranked = orders(source)
    expected = {query: precision(found, set(qrels[query])) for query, found in ranked.items()}
    rows = read_rows(next((tmp_path / "output").rglob("scores.parquet")))
    mine = [row for row in rows if (row.language, row.measure) == ("en", "AP")]
    assert {row.query: row.value for row in mine if not row.slice} == pytest.approx(expected, rel=1e-12)
    assert result["languages"]["en"]["AP"] == pytest.approx(np.mean(list(expected.values())), rel=1e-12)
    for language in SENTENCES:
        values = {}
        for query, found in ranked.items():
            others = {doc for doc in qrels[query] if not doc.startswith(f"{language}-")}
            left = [doc for doc in found if doc not in others]
            values[query] = precision(left, set(qrels[query]) - others)
        assert {row.query: row.value for row in mine if row.slice == language} == pytest.approx(values, rel=1e-12)
        table = result["slices"]["AP"]["en"]
        assert table[language] == pytest.approx(np.mean(list(values.values())), rel=1e-12)
    assert list(result["slices"]["AP"]) == ["de", "en"]
    # The pool was encoded once for both languages.
    sizes = Counter(side for side, texts in toy.logged(log) for _ in texts)
    pool = result["languages"]["en"]["documents"]
    assert sizes["document"] == pool == len(list(source.passages()))
    assert result["vectors"] == {"encoded": pool + sizes["query"], "reused": pool}


def test_run_files_hold_what_the_deepest_cut_looks_at(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    result = run(toy.Toy(), "en")
    stored = read_run(next((tmp_path / "output").rglob("en.trec.gz")), decode=True)
    assert {len(ranking.docs) for ranking in stored.values()} == {100}
    assert result["k"] == 13_014
    assert any("first 100 of 13,014" in note and "AP" in note for note in result["notes"])
    entry = json.loads(next((tmp_path / "output").rglob("entry.json")).read_text())
    assert (entry["languages"]["en"]["recipe"]["k"], entry["languages"]["en"]["recipe"]["kept"]) == (13_014, 100)


def test_bm25_reads_a_pool_of_many_languages_by_its_default(run: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    result = run("bm25", "en", "th", board=None)
    entry = json.loads(next((tmp_path / "output").rglob("entry.json")).read_text())
    lexical = {code: block["recipe"]["lexical"][0]["analysis"] for code, block in entry["languages"].items()}
    default = Registry().model("bm25").settings["default"]
    assert lexical == {"en": {"stem": None, "fold": []} | default, "th": {"stem": None, "fold": []} | default}
    assert result["subsets"]["th"] == {"query": "th", "document": "mul"}
    # Words are found in their own language first of all, in Thai by its bigrams.
    for code, row in result["slices"]["AP"].items():
        assert max(row, key=row.__getitem__) == code
        assert row[code] > 0.3


def test_a_sentence_with_its_paragraph(part: Path, tmp_path: Path) -> None:
    task = Registry().task("xquad-r-context")
    source = opened(part, "en", task)
    corpus = CountedCorpus(task, "en", source, tmp_path)
    first, second = list(corpus.docs())[:2]
    paragraph = json.loads((part / "lareqa" / "ar.json").read_text())["data"][0]["paragraphs"][0]
    assert first.text == f"{paragraph['sentences'][0]} {paragraph['context']}".strip()
    assert second.text == f"{paragraph['sentences'][1]} {paragraph['context']}".strip()
    assert (first.id, second.id) == ("ar-1-1-1", "ar-1-1-2")


class Hashed:
    """Hashed trigrams with a fraction each, so that hardly any two scores are equal."""

    fingerprint = "hashed 1"

    def encode_queries(self, texts: list[str], language: str) -> NDArray[np.float32]:
        return np.stack([hashed(text) for text in texts])

    encode_docs = encode_queries


def hashed(text: str) -> NDArray[np.float32]:
    import zlib

    codes = np.array([zlib.crc32(text[i : i + 3].lower().encode()) for i in range(max(1, len(text) - 2))])
    counts = np.bincount(codes % 32, weights=1 + codes / 2**33, minlength=32)
    return (counts / np.linalg.norm(counts)).astype(np.float32)


@pytest.mark.slow
def test_the_whole_pool_once_for_two_languages(test_data: Path, run: Callable[..., dict[str, Any]]) -> None:
    result = run(Hashed(), "es", "de", data=test_data, allow_unpinned=False)
    assert (result["pins"], result["vectors"]) == ("match", {"encoded": 13_014 + 2 * 1190, "reused": 13_014})
    source = opened(test_data, "es")
    ids, pool = zip(*((p.id, hashed(p.text)) for p in source.passages()), strict=True)
    qrels = source.qrels()
    values, matrix = [], np.stack(pool).astype(np.float64)
    for query in source.queries()[:50]:
        scores = (matrix @ hashed(query.text).astype(np.float64)).astype(np.float32)
        found = sorted(range(len(ids)), key=lambda i: (scores[i], ids[i].encode()), reverse=True)
        values.append((query.id, precision([ids[i] for i in found], set(qrels[query.id]))))
    stored = read_rows(Path(result["entry"]).with_suffix(".parquet"))
    rows = {row.query: row.value for row in stored if (row.language, row.measure, row.slice) == ("es", "AP", "")}
    assert {query: rows[query] for query, _ in values} == pytest.approx(dict(values), rel=1e-6)
