"""`path:DIR`: a folder in TREC's layout, in every name that is accepted, and what a folder that is none is told."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import pytrec_eval
from originals import write
from toy import write_beir

import bench
from bench.collection import Located, Passage, Query
from bench.errors import InputError, MissingError
from bench.formats.trec import read_run
from bench.loaders import open_source
from bench.loaders.path import folder_task
from bench.places import Places

DOCS = [
    {"id": "d1", "title": "Nile", "text": "a long river"},
    {"id": 2, "text": "a lake\twith a tab"},
    {"id": "d3", "title": "", "text": "a river and a lake"},
]
TOPICS = "q1\twhich river\nq2\twhich lake\nq3\tunjudged\n"
QRELS = "q1 0 d1 2\nq1 0 d3 1\nq2\tQ0\t2\t1\nq2 0 d1 -1\n"
LABELS = {"q1": {"d1": 2, "d3": 1}, "q2": {"2": 1, "d1": -1}}
PASSAGES = [Passage("d1", "Nile", "a long river"), Passage("2", "", "a lake\twith a tab")]
PASSAGES += [Passage("d3", "", "a river and a lake")]
QUERIES = [Query("q1", "which river"), Query("q2", "which lake")]


def lines(*rows: Mapping[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def trec(folder: Path, files: Mapping[str, str] | None = None) -> Path:
    """A folder in TREC's layout; `files` replaces its default names and contents."""
    for name, text in (files or {"docs.jsonl": lines(*DOCS), "topics.tsv": TOPICS, "qrels.txt": QRELS}).items():
        write(folder / name, text)
    return folder


def read(folder: Path, split: str = "test", subset: str = "und") -> tuple[list[Passage], list[Query], Any]:
    source = open_source(folder_task(folder), subset, split, Places(None, folder, offline=True))
    return list(source.passages()), source.queries(), source.qrels()


# --- names


@pytest.mark.parametrize("documents", ["docs.jsonl", "corpus.jsonl", "collection/a.jsonl"])
@pytest.mark.parametrize("topics", ["topics.tsv", "queries.tsv", "topics.test.tsv", "queries.test.tsv"])
@pytest.mark.parametrize("labels", ["qrels.txt", "qrels.tsv", "qrels.test.txt", "qrels.test.tsv"])
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_every_name_that_is_accepted(tmp_path: Path, documents: str, topics: str, labels: str, packed: str) -> None:
    names = (f"{documents}{packed}", f"{topics}{packed}", f"{labels}{packed}")
    folder = trec(tmp_path / "own", dict(zip(names, (lines(*DOCS), TOPICS, QRELS), strict=True)))
    task = folder_task(folder)
    assert (task.loader, task.split, list(task.languages)) == ("trec", "test", ["und"])
    assert read(folder) == (PASSAGES, QUERIES, LABELS)


@pytest.mark.parametrize("identifier", ["id", "docid", "_id", "docno"])
@pytest.mark.parametrize("text", ["text", "contents", "body"])
def test_every_key_that_is_accepted(tmp_path: Path, identifier: str, text: str) -> None:
    rows = [{identifier: row["id"], text: row["text"]} for row in DOCS]
    folder = trec(tmp_path / "own", {"docs.jsonl": lines(*rows), "topics.tsv": TOPICS, "qrels.txt": QRELS})
    assert [(p.id, p.title, p.text) for p in read(folder)[0]] == [(p.id, "", p.text) for p in PASSAGES]


def test_of_several_keys_the_first_of_the_list_counts(tmp_path: Path) -> None:
    row = {"docno": "x", "_id": "y", "docid": "z", "id": "d1", "body": "not", "contents": "neither", "text": "this"}
    folder = trec(tmp_path / "own", {"docs.jsonl": lines(row), "topics.tsv": TOPICS, "qrels.txt": QRELS})
    assert read(folder)[0] == [Passage("d1", "", "this")]


def test_a_collection_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    names = ("b.jsonl.gz", "a.jsonl", "c.jsonl")
    parts = {f"collection/part-{name}": lines(row) for name, row in zip(names, DOCS, strict=True)}
    parts |= {"collection/part-a.jsonl.gz": lines({"id": "d9", "text": "the plain file goes before it"})}
    parts |= {"collection/readme.txt": "no documents", "topics.tsv": TOPICS, "qrels.txt": QRELS}
    assert [passage.id for passage in read(trec(tmp_path / "own", parts))[0]] == ["2", "d1", "d3"]


def test_splits_have_their_own_files_or_share_one(tmp_path: Path) -> None:
    files = {"docs.jsonl": lines(*DOCS), "queries.tsv": TOPICS, "topics.dev.tsv": "q7\twhat\nq8\tand this\n"}
    files |= {"qrels.dev.txt": "q7 0 d1 1\n", "qrels.train.tsv.gz": "q3 0 2 1\n", "qrels.tsv": QRELS}
    folder = trec(tmp_path / "own", files)
    task = folder_task(folder)
    assert (task.split, task.all_splits) == ("test", ("test", "dev", "train"))
    assert read(folder)[1:] == (QUERIES, LABELS)
    assert read(folder, "dev")[1:] == ([Query("q7", "what")], {"q7": {"d1": 1}})
    assert read(folder, "train")[1:] == ([Query("q3", "unjudged")], {"q3": {"2": 1}})
    (folder / "qrels.tsv").unlink()
    assert folder_task(folder).split == "dev"


def test_beirs_layout_goes_first_where_both_would_do(tmp_path: Path) -> None:
    folder = write_beir(tmp_path / "own", [("d1", "river")], [("q1", "river")], {"q1": ["d1"]})
    trec(folder, {"topics.tsv": TOPICS, "qrels.txt": QRELS})
    assert folder_task(folder).loader == "beir"
    (folder / "queries.jsonl").unlink()
    assert folder_task(folder).loader == "trec"


def test_the_revision_is_that_of_the_contents(tmp_path: Path) -> None:
    first = folder_task(trec(tmp_path / "a")).source.revision
    assert folder_task(trec(tmp_path / "b")).source.revision == first
    packed = {"docs.jsonl.gz": lines(*DOCS[::-1]), "topics.tsv": TOPICS, "qrels.txt": QRELS}
    assert folder_task(trec(tmp_path / "c", packed)).source.revision == first, "packed, and in another order"
    write(tmp_path / "b" / "README.txt", "notes")
    write(tmp_path / "b" / "topics.unjudged.tsv", "q1\tof no split\n")
    assert folder_task(tmp_path / "b").source.revision == first
    for i, name in enumerate(("docs.jsonl", "topics.tsv", "qrels.txt")):
        changed = trec(tmp_path / str(i))
        (changed / name).write_text((changed / name).read_text().replace("1", "4"))
        assert folder_task(changed).source.revision != first, name


# --- from the files to a result


def test_trec_and_beir_give_the_same_scores_and_trec_eval_agrees(tmp_path: Path) -> None:
    docs = [{"id": f"d{i}", "text": f"word{i % 7} river{i % 3} lake{i % 5}"} for i in range(40)]
    queries = [(f"q{i}", f"river{i % 3} lake{i}") for i in range(5)]
    relevant = {name: [f"d{(i * 7 + j) % 40}" for j in range(3)] for i, (name, _) in enumerate(queries)}
    beir = write_beir(tmp_path / "beir" / "own", [(d["id"], d["text"]) for d in docs], queries, relevant)
    qrels = "".join(f"{query} 0 {doc} 1\n" for query, found in relevant.items() for doc in found)
    topics = "".join(f"{name}\t{text}\n" for name, text in queries)
    files = {"docs.jsonl": lines(*docs), "topics.tsv": topics, "qrels.txt": qrels}
    results = []
    for folder in (beir, trec(tmp_path / "trec" / "own", files)):
        options = {"cache": tmp_path / "cache", "output": folder.parent / "out", "board": folder.parent / "board"}
        results.append(bench.run("bm25", f"path:{folder}", **options))
    assert results[0]["languages"] == results[1]["languages"]
    assert Path(results[1]["entry"]) == tmp_path / "trec/board/path-own/bm25.json"
    run = read_run(tmp_path / "trec/out/path-own/bm25/und.trec.gz")
    found = {query: dict(zip(r.docs, map(float, r.scores), strict=True)) for query, r in run.items()}
    judged = {query: dict.fromkeys(docs, 1) for query, docs in relevant.items()}
    values = pytrec_eval.RelevanceEvaluator(judged, {"ndcg_cut.10"}).evaluate(found)
    ndcg = math.fsum(value["ndcg_cut_10"] for value in values.values()) / len(judged)
    assert results[1]["languages"]["und"]["nDCG@10"] == pytest.approx(ndcg, abs=1e-12)


@pytest.mark.parametrize("languages", [["sw"], ["sw", "yo"]])
def test_languages_as_subfolders(tmp_path: Path, languages: list[str]) -> None:
    for language in languages:
        trec(tmp_path / "own" / language)
    (tmp_path / "own" / "notes").mkdir()
    result = bench.run("bm25", f"path:{tmp_path / 'own'}", cache=tmp_path / "cache")
    assert list(result["languages"]) == languages
    assert {row["documents"] for row in result["languages"].values()} == {3}
    with pytest.raises(InputError, match=rf"^unknown language 'ar'.*\(path:own has {', '.join(languages)}\)$"):
        bench.run("bm25", f"path:{tmp_path / 'own'}", ["ar"], cache=tmp_path / "cache")


def test_a_query_may_be_kept_from_finding_itself(tmp_path: Path) -> None:
    docs = [{"id": "a", "text": "river"}, {"id": "b", "text": "river lake"}]
    files = {"docs.jsonl": lines(*docs), "topics.tsv": "a\triver\n", "qrels.txt": "a 0 b 1\n"}
    folder = trec(tmp_path / "own", files)
    scores = {}
    for drop in (False, True):
        result = bench.run("bm25", f"path:{folder}", cache=tmp_path / "cache", drop_self=drop)
        scores[drop] = result["languages"]["und"]["nDCG@10"], result["identity"]
    assert scores[False][0] == pytest.approx(1 / math.log2(3))
    assert scores[True][0] == 1.0
    assert scores[False][1] != scores[True][1]
    with pytest.raises(InputError, match=r"^--drop-self: mini has a card, .*; the option is for path:DIR alone$"):
        bench.run("bm25", "mini", ["en"], cache=tmp_path / "cache", drop_self=True)


# --- what is wrong with a folder

NEITHER = "neither in BEIR's layout (corpus.jsonl, queries.jsonl and qrels/<split>.tsv) nor in TREC's (documents: "
WRONG: dict[str, tuple[dict[str, str | None], str]] = {
    "no documents": ({"docs.jsonl": None}, f"path:{{folder}}: it is {NEITHER}"),
    "no judgments": ({"qrels.txt": None}, f"path:{{folder}}: no judgments there, so that it is {NEITHER}"),
    "no topics": (
        {"topics.tsv": None},
        "{folder}: no topics of the split 'test' there: topics.<split>.tsv, queries.<split>.tsv, topics.tsv or "
        "queries.tsv, plain or .gz",
    ),
    "another id": (
        {"docs.jsonl": '{"id": "d1", "text": "a"}\n{"key": 1, "text": "a"}\n'},
        '{folder}/docs.jsonl:2: expected one of the keys id, docid, _id, docno, found "key", "text"',
    ),
    "no text": (
        {"docs.jsonl": '{"id": "d1"}\n'},
        '{folder}/docs.jsonl:1: expected one of the keys text, contents, body, found "id"',
    ),
    "three columns of judgments": (
        {"qrels.txt": "q1\td1\t1\n"},
        "{folder}/qrels.txt:1: expected 4 fields (query iteration document label), found 3",
    ),
    "a head": (
        {"qrels.txt": "query iteration document label\nq1 0 d1 1\n"},
        "{folder}/qrels.txt:1: the label must be a whole number, found 'label'",
    ),
    "three columns of topics": (
        {"topics.tsv": "q1\tone\ttwo\n"},
        "{folder}/topics.tsv:1: expected two columns (id, query), found 3",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named(tmp_path: Path, case: str) -> None:
    folder = trec(tmp_path / "own")
    changes, message = WRONG[case]
    for name, text in changes.items():
        if text is None:
            (folder / name).unlink()
        else:
            (folder / name).write_text(text)
    with pytest.raises(MissingError) as caught:
        bench.run("bm25", f"path:{folder}", cache=tmp_path / "cache")
    assert str(caught.value).startswith(message.format(folder=folder))


def test_languages_in_different_layouts_are_refused(tmp_path: Path) -> None:
    trec(tmp_path / "own" / "sw")
    write_beir(tmp_path / "own" / "yo", [("d1", "river")], [("q1", "river")], {"q1": ["d1"]})
    with pytest.raises(
        MissingError, match=r"path:.*own: sw and yo are not in one layout: bring all languages into the"
    ):
        folder_task(tmp_path / "own")


def test_a_language_that_lacks_the_split_is_named(tmp_path: Path) -> None:
    trec(tmp_path / "own" / "sw")
    files = {"docs.jsonl": lines(*DOCS), "topics.tsv": TOPICS, "qrels.dev.txt": QRELS}
    trec(tmp_path / "own" / "yo", files)
    with pytest.raises(MissingError) as caught:
        bench.run("bm25", f"path:{tmp_path / 'own'}", cache=tmp_path / "cache")
    assert str(caught.value) == (
        f"{tmp_path}/own/yo: no judgments of the split 'test' there: qrels.<split>.txt, qrels.<split>.tsv, qrels.txt or "
        "qrels.tsv, plain or .gz"
    )


def test_the_line_of_a_judgment(tmp_path: Path) -> None:
    folder = trec(tmp_path / "own")
    source = open_source(folder_task(folder), "und", "test", Places(None, tmp_path, offline=True))
    assert isinstance(source, Located)
    assert source.line_of("q2", None) == f"{folder}/qrels.txt:3"
    assert source.line_of(None, "d1") == f"{folder}/qrels.txt:1"
    assert source.line_of(None, "2") == f"{folder}/qrels.txt:3"
    assert source.line_of("q9", None) == source.line_of(None, "q1") == f"{folder}/qrels.txt"
