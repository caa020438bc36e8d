"""XQuAD-R against the raw files and the counts that are published with them, and files that do not fit together."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from lareqa_source import SENTENCES, opened

from bench.cards import parse_card
from bench.census import CountedCorpus, census_differences
from bench.errors import InputError, MissingError
from bench.registry import Registry
from bench.task import Task

# The README beside the files: answers that run past the end of their sentence, and sentences that are there already.
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
