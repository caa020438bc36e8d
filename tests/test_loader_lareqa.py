"""XQuAD-R against the raw files and the counts that are published with them, and through a run on parts of them."""

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
from numpy.typing import NDArray
from originals import block_network

import bench
from bench.cards import parse_card
from bench.census import CountedCorpus, census_differences
from bench.errors import InputError, MissingError
from bench.formats.trec import read_run
from bench.loaders import open_source
from bench.loaders.lareqa import Lareqa
from bench.perquery import read_rows
from bench.places import Places
from bench.registry import Registry
from bench.task import Task

# The README beside the files: candidate sentences, answers that run past the end of their sentence, and sentences that
# are there already.
SENTENCES = {
    **{"ar": 1222, "de": 1276, "el": 1234, "en": 1180, "es": 1215, "hi": 1244},
    **{"ru": 1219, "th": 852, "tr": 1167, "vi": 1209, "zh": 1196},
}
PAST_THE_END = {
    "ar": 10,
    "de": 8,
    "el": 13,
    "en": 3,
    "es": 12,
    "hi": 11,
    "ru": 2,
    "th": 9,
    "tr": 20,
    "vi": 13,
    "zh": 11,
}
AGAIN = {"ar": 2, "hi": 1, "ru": 1, "tr": 1, "zh": 4}


def opened(data: Path, language: str, task: str | Task = "xquad-r") -> Lareqa:
    card = task if isinstance(task, Task) else Registry().task(task)
    source = open_source(card, language, "validation", Places(data, Path("nowhere"), offline=True))
    assert isinstance(source, Lareqa)
    return source


def raw(data: Path, language: str) -> list[dict[str, Any]]:
    """The paragraphs of a published file."""
    with gzip.open(data / "lareqa" / f"{language}.json.gz", "rt", encoding="utf-8") as file:
        return [paragraph for article in json.load(file)["data"] for paragraph in article["paragraphs"]]


# --- the real files


@pytest.mark.parametrize("task", ["xquad-r", "xquad-r-context"])
def test_the_pool_has_every_sentence_of_every_language(test_data: Path, task: str) -> None:
    passages = list(opened(test_data, "en", task).passages())
    assert len(passages) == len({passage.id for passage in passages}) == sum(SENTENCES.values()) == 13_014
    assert Counter(passage.id.partition("-")[0] for passage in passages) == SENTENCES
    assert list(dict.fromkeys(passage.id.partition("-")[0] for passage in passages)) == list(SENTENCES)
    expected = [
        (sentence, paragraph["context"])
        for language in SENTENCES
        for paragraph in raw(test_data, language)
        for sentence in paragraph["sentences"]
    ]
    if task == "xquad-r":
        assert [(passage.title, passage.text) for passage in passages] == [("", sentence) for sentence, _ in expected]
        distinct = Counter(language for language, _ in {(p.id.partition("-")[0], p.text) for p in passages})
        assert {code: n - distinct[code] for code, n in SENTENCES.items() if n != distinct[code]} == AGAIN
    else:
        assert [(passage.title, passage.text) for passage in passages] == expected


@pytest.mark.parametrize("language", SENTENCES)
def test_questions_and_judgments_of_a_language(test_data: Path, language: str) -> None:
    source = opened(test_data, language)
    queries, qrels = source.queries(), source.qrels()
    asked = [(qa["id"], qa["question"]) for paragraph in raw(test_data, language) for qa in paragraph["qas"]]
    assert [tuple(query) for query in queries] == asked
    assert len(queries) == len(set(qrels)) == 1190
    for labels in qrels.values():
        assert [doc.partition("-")[0] for doc in labels] == list(SENTENCES)  # one in each language
        assert set(labels.values()) == {1}
        # A translation has the article and the paragraph of its original, if not the sentence.
        assert len({doc.split("-", 1)[1].rpartition("-")[0] for doc in labels}) == 1


def test_the_relevant_sentence_is_the_one_that_the_answer_begins_in(test_data: Path) -> None:
    source = opened(test_data, "en")
    texts, qrels = {passage.id: passage.text for passage in source.passages()}, source.qrels()
    relevant = {(query, doc.partition("-")[0]): texts[doc] for query, labels in qrels.items() for doc in labels}
    past = Counter[str]()
    for language in SENTENCES:
        for paragraph in raw(test_data, language):
            for qa in paragraph["qas"]:
                answer = qa["answers"][0]
                end = max(first for first, _ in paragraph["sentence_breaks"] if first <= answer["answer_start"])
                place = [first for first, _ in paragraph["sentence_breaks"]].index(end)
                sentence = paragraph["sentences"][place]
                assert relevant[qa["id"], language] == sentence
                past[language] += answer["answer_start"] + len(answer["text"]) > paragraph["sentence_breaks"][place][1]
    assert past == PAST_THE_END
    assert source.slices() == {doc: doc.partition("-")[0] for labels in qrels.values() for doc in labels}


def counted(data: Path, task: str, language: str, folder: Path) -> list[Any]:
    card, source = Registry().task(task), opened(data, language, task)
    corpus = CountedCorpus(card, language, source, folder)
    census = corpus.census(source.queries(), source.qrels())
    assert (census.documents, census.queries, census.judgments, census.positives) == (13_014, 1190, 13_090, 13_090)
    return census_differences(card, language, census)


@pytest.mark.parametrize(("task", "language"), [("xquad-r", "th"), ("xquad-r-context", "ar")])
def test_the_pins_are_met(test_data: Path, tmp_path: Path, task: str, language: str) -> None:
    assert counted(test_data, task, language, tmp_path) == []


@pytest.mark.slow
def test_all_pins_are_met_and_each_language_has_its_own_fingerprint(test_data: Path, tmp_path: Path) -> None:
    for task in ("xquad-r", "xquad-r-context"):
        rows = Registry().task(task).languages
        assert len({row.fingerprint for row in rows.values()}) == len(SENTENCES)
        for language in rows:
            assert counted(test_data, task, language, tmp_path / task / language) == []


# --- a run on the first articles of every language, against brute force

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


# --- faults


def write(data: Path, language: str, **changes: Any) -> None:
    """One paragraph of two sentences with a question, whose answer is in the second."""
    paragraph = {
        "context": "One two. Three four.",
        "sentences": ["One two.", "Three four."],
        "sentence_breaks": [[0, 8], [9, 20]],
        "qas": [{"id": "q1", "question": "What follows two?", "answers": [{"text": "Three", "answer_start": 9}]}],
    }
    folder = data / "lareqa"
    folder.mkdir(parents=True, exist_ok=True)
    content = {"data": [{"title": "Numbers", "paragraphs": [paragraph | changes]}]}
    (folder / f"{language}.json").write_text(json.dumps(content))


def card(**changes: Any) -> Task:
    rows = {
        code: {"document": "mul", "files": {f"lareqa/{c}.json": None for c in ("en", "de")}} for code in ("en", "de")
    }
    stated = Registry().task("xquad-r").model_dump(mode="json") | {"languages": rows, "ranked": None}
    stated["source"] = stated["source"] | {"url": None}
    return parse_card(Task, stated | changes, "tasks/own.yaml")


def test_the_sentence_at_its_place(tmp_path: Path) -> None:
    for language in ("en", "de"):
        write(tmp_path, language)
    source = opened(tmp_path, "de", card())
    assert [p.id for p in source.passages()] == ["en-1-1-1", "en-1-1-2", "de-1-1-1", "de-1-1-2"]
    assert source.qrels() == {"q1": {"en-1-1-2": 1, "de-1-1-2": 1}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sentence_breaks": [[0, 8]]}, "paragraph en-1-1: 2 sentences with 1 sentence_breaks"),
        ({"sentence_breaks": [[0, 8], [10, 20]]}, "question 'q1': its answer begins at 9, which is in 0 sentences"),
        ({"sentence_breaks": [[0, 12], [9, 20]]}, "question 'q1': its answer begins at 9, which is in 2 sentences"),
        ({"sentences": None}, "not in XQuAD-R's layout"),
        ({"sentence_breaks": [[0], [9, 20]]}, "truncated or not JSON|not in XQuAD-R's layout"),
    ],
)
def test_a_file_that_does_not_fit_together(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    write(tmp_path, "en", **changes)
    write(tmp_path, "de")
    with pytest.raises(MissingError, match=message) as caught:
        opened(tmp_path, "de", card()).qrels()
    assert str(tmp_path / "lareqa" / "en.json") in str(caught.value)


def test_a_half_file_and_a_missing_one(tmp_path: Path) -> None:
    write(tmp_path, "en")
    with pytest.raises(MissingError, match=r"no lareqa/de\.json or"):
        opened(tmp_path, "en", card())
    (tmp_path / "lareqa" / "de.json").write_text((tmp_path / "lareqa" / "en.json").read_text()[:100])
    with pytest.raises(MissingError, match=r"de\.json: truncated or not JSON"):
        list(opened(tmp_path, "en", card()).passages())


def test_a_card_names_the_files_of_all_its_languages(tmp_path: Path) -> None:
    rows = {code: {"files": {"lareqa/en.json": None}} for code in ("en", "de")}
    with pytest.raises(
        InputError, match=r"languages\.en\.files: expected one file, <language>\.json, for each of en, de"
    ):
        opened(tmp_path, "en", card(languages=rows))


# --- the whole pool


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
