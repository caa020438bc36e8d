"""Collections that cannot be measured: the message, the exit code, nothing half-written and nothing lost."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from mishaps import CORPUS, QUERIES, Bench, beir, states

DOCUMENT, QUERY = '{"_id": "d1", "text": "river"}\n', '{"_id": "q1", "text": "river"}\n'
CONTENT = [
    ("empty corpus", {"corpus": ""}, "{name}, und: the corpus has no documents"),
    (
        "empty document",
        {"corpus": [*CORPUS, {"_id": "d3", "title": " ", "text": "\n"}]},
        "{name}, und: document 'd3' has no text; mend the source, or say `empty_documents: keep` in the task card",
    ),
    (
        "document twice",
        {"corpus": [*CORPUS, {"_id": "d1", "text": "again"}]},
        "{name}, und: document id 'd1' occurs twice, as documents 1 and 3: ids must be distinct",
    ),
    ("query twice", {"queries": [*QUERIES, QUERIES[0]]}, "{name}, und: the query id 'q1' occurs twice"),
    ("empty query", {"queries": [{"_id": "q1", "text": " "}, QUERIES[1]]}, "{name}, und: the query 'q1' has no text"),
    ("no queries", {"queries": ""}, "{name}, und: there are no queries"),
    ("no judgments", {"qrels": ""}, "{name}, und: there are no queries"),
    (
        "unknown documents",
        {"qrels": "q1\td1\t1\nq2\td9\t1\nq2\td8\t0\n"},
        "{name}, und: the qrels name 2 documents that the corpus lacks, the first 'd8' ({path}/qrels/test.tsv:3); "
        "get the data again, or go on without a leaderboard entry with --allow-unpinned",
    ),
    (
        "unknown query",
        {"qrels": "q1\td1\t1\nq9\td2\t1\n"},
        "{name}, und: the qrels judge 1 queries that are not there, the first 'q9' ({path}/qrels/test.tsv:2)",
    ),
    ("not JSON", {"corpus": DOCUMENT + '{"_id": "d2",\n'}, "{path}/corpus.jsonl:2: not JSON: Expecting property name"),
    ("too deep", {"corpus": DOCUMENT + "[" * 100_000}, "{path}/corpus.jsonl:2: not JSON: maximum recursion depth"),
    ("not an object", {"corpus": DOCUMENT + "[1]\n"}, "{path}/corpus.jsonl:2: expected a JSON object, found list"),
    (
        "no id",
        {"corpus": '{"id": "d1", "text": "a"}\n'},
        "{path}/corpus.jsonl:1: expected a text under '_id', found null",
    ),
    ("no text", {"queries": '{"_id": "q1"}\n'}, "{path}/queries.jsonl:1: expected a text under 'text', found null"),
    (
        "not a text",
        {"corpus": '{"_id": "d1", "text": ["a"]}\n'},
        "{path}/corpus.jsonl:1: expected a text under 'text', found [\"a\"]",
    ),
    (
        "half a character",
        {"corpus": DOCUMENT + '{"_id": "d2", "text": "a \\ud83d b"}\n'},
        "{path}/corpus.jsonl:2: 'text' holds a lone surrogate, which is no character",
    ),
    (
        "half a character in an id",
        {"queries": '{"_id": "q\\udc00", "text": "a"}\n'},
        "{path}/queries.jsonl:1: '_id' holds a lone surrogate, which is no character",
    ),
    (
        "a label that is no number",
        {"qrels": "q1\td1\tone\n"},
        "{path}/qrels/test.tsv:1: expected query, document and a whole number, tab-separated",
    ),
    (
        "TREC's format",
        {"qrels": "query-id\tcorpus-id\tscore\nq1 0 d1 1\n"},
        "{path}/qrels/test.tsv:2: expected query, document and a whole number, tab-separated",
    ),
    (
        "judged twice",
        {"qrels": "q1\td1\t1\nq1\td1\t0\n"},
        "{path}/qrels/test.tsv:2: 'd1' is judged twice for query 'q1'",
    ),
]


@pytest.mark.parametrize(("content", "message"), [row[1:] for row in CONTENT], ids=[row[0] for row in CONTENT])
def test_what_a_collection_may_not_hold(bench: Bench, content: dict[str, Any], message: str) -> None:
    folder = bench.folder / "own"
    assert bench(task=beir(folder)).code == 0
    assert "path-own/bm25.json" in states(bench.board)
    code, err = bench.fails(task=beir(folder, **content))
    assert code == 3
    assert err.startswith("bench: " + message.replace("{name}", "path:own").replace("{path}", str(folder)))
    assert err.count("\n") == 1


def test_a_dense_model_meets_the_same_collections(bench: Bench, own_models: None) -> None:
    """The corpus is refused while it streams into the store: finished shards may stay, results may not."""
    for name, content, message in CONTENT[:3]:
        task = beir(bench.folder / "own", **content)
        code, err = bench.fails(model="python:bad_models:Good", task=task)
        assert (code, err) == (3, f"bench: {message.replace('{name}', 'path:own')}\n"), name


def test_text_that_is_not_utf_8(bench: Bench) -> None:
    folder = bench.folder / "own"
    task = beir(folder, corpus=DOCUMENT.encode() + b'{"_id": "d2", "text": "\xff"}\n')
    code, err = bench.fails(task=task)
    assert (code, err) == (3, f"bench: {folder}/corpus.jsonl:2: not UTF-8 text: invalid start byte\n")


def test_a_label_that_trec_eval_cannot_count(bench: Bench) -> None:
    task = beir(bench.folder / "own", qrels="q1\td1\t2000000000\n")
    message = "query 'q1', document 'd1': the label must lie between -1000000 and 1000000, found 2000000000"
    assert bench.fails(task=task) == (2, f"bench: {message}\n")


def test_folders_that_are_no_collection(bench: Bench) -> None:
    folder = bench.folder / "own"
    assert bench.fails(task=f"path:{folder}") == (3, f"bench: path:{folder}: no such folder\n")
    beir(folder)
    (folder / "queries.jsonl").unlink()
    message = (
        f"bench: {folder}: no queries.jsonl or queries.jsonl.gz there; BEIR's layout is corpus.jsonl, queries.jsonl and "
        "qrels/<split>.tsv\n"
    )
    assert bench.fails(task=f"path:{folder}") == (3, message)
    neither = (
        "neither in BEIR's layout (corpus.jsonl, queries.jsonl and qrels/<split>.tsv) nor in TREC's (documents: "
        "docs.jsonl, corpus.jsonl or collection/*.jsonl; topics: topics.<split>.tsv, queries.<split>.tsv, topics.tsv or "
        "queries.tsv; judgments: qrels.<split>.txt, qrels.<split>.tsv, qrels.txt or qrels.tsv), plain or .gz"
    )
    (folder / "qrels" / "test.tsv").unlink()
    message = f"bench: path:{folder}: no judgments there, so that it is {neither}\n"
    assert bench.fails(task=f"path:{folder}") == (3, message)
    (folder / "corpus.jsonl").unlink()
    message = f"bench: path:{folder}: it is {neither}, and no folder in it is, named by its language\n"
    assert bench.fails(task=f"path:{folder}") == (3, message)


def test_a_truncated_corpus(bench: Bench) -> None:
    folder = bench.folder / "own"
    beir(folder)
    packed = gzip.compress((folder / "corpus.jsonl").read_bytes(), mtime=0)
    (folder / "corpus.jsonl").unlink()
    (folder / "corpus.jsonl.gz").write_bytes(packed[:-9])
    code, err = bench.fails(task=f"path:{folder}")
    assert code == 3
    assert err.startswith(f"bench: {folder}/corpus.jsonl.gz: the gzip file is truncated or damaged: ")
