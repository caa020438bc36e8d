"""The census: the fingerprint of a collection, and how it is held against the pins of a card."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from bench.api import planned
from bench.cards import parse_card
from bench.census import Census, CountedCorpus, census_differences, check_queries, file_differences, pin_state
from bench.collection import Passage, Query
from bench.errors import MissingError
from bench.execute import execute
from bench.task import Task
from bench.watch import Watch

MINI = Path(__file__).parents[1] / "tasks" / "mini.yaml"
MINI_EN = yaml.safe_load(MINI.read_text(encoding="utf-8"))["languages"]["en"]["fingerprint"]
PASSAGES = [Passage("d1", "Nile", "a river"), Passage("d2", "", "a lake"), Passage("d3", "", "a lake")]
QUERIES = [Query("q1", "which river"), Query("q2", "which lake")]
QRELS = {"q1": {"d1": 1, "d2": 0}, "q2": {"d2": 2}}


class Made(NamedTuple):
    """A source in memory."""

    rows: list[Passage]
    files: tuple[tuple[str, Path], ...] = ()

    def passages(self) -> Iterator[Passage]:
        return iter(self.rows)

    def queries(self) -> list[Query]:
        return QUERIES

    def qrels(self) -> dict[str, dict[str, int]]:
        return QRELS


def task(**changes: Any) -> Task:
    card = yaml.safe_load(MINI.read_text(encoding="utf-8")) | {"pins": {}, "languages": {"en": {}}}
    return parse_card(Task, card | changes, "made")


@pytest.fixture
def census(tmp_path: Path) -> Any:
    def make(rows: Any = PASSAGES, queries: Any = QUERIES, qrels: Any = QRELS, **options: Any) -> Census:
        corpus = CountedCorpus(options.pop("task", task()), "en", Made(list(rows)), tmp_path, **options)
        return corpus.census(queries, qrels)

    return make


def test_counts_and_fingerprint_by_hand(census: Any) -> None:
    records = [b"document\0" + b"\0".join(part.encode() for part in row) for row in PASSAGES]
    records += [b"query\0" + b"\0".join(part.encode() for part in row) for row in QUERIES]
    records += [b"judgment\0q1\0d1\x001", b"judgment\0q1\0d2\x000", b"judgment\0q2\0d2\x002"]
    total = sum(int.from_bytes(hashlib.sha256(record).digest(), "big") for record in records) % 2**256
    assert census() == Census(documents=3, queries=2, judgments=3, positives=2, fingerprint=f"{total:064x}")


def test_the_order_of_documents_does_not_matter(census: Any) -> None:
    same = {census(rows).fingerprint for rows in (PASSAGES, PASSAGES[::-1], [PASSAGES[i] for i in (1, 2, 0)])}
    same |= {census(queries=QUERIES[::-1]).fingerprint}
    same |= {census(qrels={"q2": {"d2": 2}, "q1": {"d2": 0, "d1": 1}}).fingerprint}
    assert len(same) == 1


def test_everything_else_does(census: Any) -> None:
    first, *rest = PASSAGES
    others = {
        "as it is": census(),
        "a document less": census(PASSAGES[:2]),
        "another id": census([first._replace(id="d9"), *rest]),
        "another title": census([first._replace(title="Nil"), *rest]),
        "another text": census([first._replace(text="a River"), *rest]),
        "a blank more": census([first._replace(text="a river "), *rest]),
        "the same letters otherwise encoded": census([first._replace(text="a rive\u0301r"), *rest]),
        "and composed": census([first._replace(text="a riv\u00e9r"), *rest]),
        "title and text parted elsewhere": census([Passage("d1", "", "Nile a river"), *rest]),
        "a NUL": census([Passage("d1", "Nile\0a", "river"), *rest]),
        "a NUL elsewhere": census([Passage("d1", "Nile", "a\0river"), *rest]),
        "texts of two documents exchanged": census(
            [Passage("d1", "", "a lake"), Passage("d2", "Nile", "a river"), rest[1]]
        ),
        "a query less": census(queries=QUERIES[:1]),
        "another query text": census(queries=[Query("q1", "which rivers"), QUERIES[1]]),
        "another query id": census(queries=[Query("q7", "which river"), QUERIES[1]]),
        "another label": census(qrels={"q1": {"d1": 2, "d2": 0}, "q2": {"d2": 2}}),
        "a label less": census(qrels={"q1": {"d1": 1}, "q2": {"d2": 2}}),
        "labels of two queries exchanged": census(qrels={"q2": {"d1": 1, "d2": 0}, "q1": {"d2": 2}}),
        "no labels": census(qrels=None),
    }
    found = {name: value.fingerprint for name, value in others.items()}
    assert len(set(found.values())) == len(found), sorted(found.items(), key=lambda item: item[1])


def test_where_the_parts_of_a_record_meet_is_never_in_doubt(census: Any) -> None:
    ways = [("a\0b", "c", "d"), ("a", "b\0c", "d"), ("a", "b", "c\0d"), ("a\1\2b", "c", "d"), ("a\1", "\0b", "c d")]
    assert len({census([Passage(*way)]).fingerprint for way in ways}) == len(ways)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "mini, en: the corpus has no documents"),
        (
            [*PASSAGES, PASSAGES[0]],
            "mini, en: document id 'd1' occurs twice, as documents 1 and 4: ids must be distinct",
        ),
        (
            [*PASSAGES, Passage("d9", "\t", " ")],
            "mini, en: document 'd9' has no text; mend the source, or say `empty_documents: keep` in the task card",
        ),
        (
            [Passage("d\ud800", "", "text")],
            "mini, en: document id 'd\\ud800': not valid Unicode (a lone surrogate)",
        ),
    ],
)
def test_what_a_corpus_may_not_hold(census: Any, rows: list[Passage], message: str) -> None:
    with pytest.raises(MissingError) as caught:
        census(rows)
    assert str(caught.value) == message


def test_empty_documents_where_the_card_keeps_them(census: Any) -> None:
    assert census([*PASSAGES, Passage("d9", "", "")], task=task(empty_documents="keep")).documents == 4


def test_reading_the_corpus_again_gives_the_same_texts_by_row(tmp_path: Path) -> None:
    corpus = CountedCorpus(task(document_text="title and text"), "en", Made(PASSAGES), tmp_path)
    first = list(corpus.docs())
    assert [tuple(doc) for doc in first] == [("d1", "Nile a river"), ("d2", "a lake"), ("d3", "a lake")]
    assert list(corpus.docs()) == first
    assert corpus.texts(["d3", "d1"]) == ["a lake", "Nile a river"]
    assert (len(corpus.ids), corpus.count) == (3, 3)


def test_ids_to_look_for_are_struck_off_while_reading(tmp_path: Path) -> None:
    corpus = CountedCorpus(task(), "en", Made(PASSAGES), tmp_path)
    corpus.unseen = {"d1", "d3", "d9"}
    corpus.census(QUERIES, QRELS)
    assert corpus.unseen == {"d9"}


@pytest.mark.parametrize(
    ("queries", "qrels", "message"),
    [
        ([], {}, "here: there are no queries"),
        ([*QUERIES, QUERIES[1]], {}, "here: the query id 'q2' occurs twice"),
        ([Query("q1", " \n")], {}, "here: the query 'q1' has no text"),
        (QUERIES, {"q0": {}, "q9": {}}, "here: the qrels judge 2 queries that are not there, the first 'q0'"),
    ],
)
def test_queries_that_no_run_could_mend(queries: list[Query], qrels: Any, message: str) -> None:
    with pytest.raises(MissingError) as caught:
        check_queries("here", queries, qrels)
    assert str(caught.value) == message
    check_queries("here", QUERIES, None)


# --- pins

TRUE = {"documents": 3, "queries": 2, "judgments": 3, "positives": 2}


def pinned(strength: str, **pins: Any) -> Task:
    notes = {pin: {"source": "counted", "strength": strength} for pin in pins}
    return task(pins=notes, languages={"en": pins})


@pytest.mark.parametrize("pin", sorted(TRUE))
@pytest.mark.parametrize("strength", ["hard", "soft"])
def test_a_count_against_its_pin(census: Any, pin: str, strength: str) -> None:
    right, wrong = pinned(strength, **{pin: TRUE[pin]}), pinned(strength, **{pin: TRUE[pin] + 1})
    assert census_differences(right, "en", census()) == []
    (difference,) = census_differences(wrong, "en", census())
    assert (difference.pin, difference.expected, difference.found) == (pin, TRUE[pin] + 1, TRUE[pin])
    assert difference.hard == (strength == "hard")
    assert str(difference) == f"{pin}: the card says {TRUE[pin] + 1}, found {TRUE[pin]}"
    assert pin_state(right, "en", []) == ("match" if strength == "hard" else "unchecked")
    assert pin_state(wrong, "en", [difference]) == ("differ" if strength == "hard" else "unchecked")


def test_without_pins_nothing_was_checked(census: Any) -> None:
    assert census_differences(task(), "en", census()) == []
    assert pin_state(task(), "en", []) == "unchecked"


def test_a_file_against_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "en.json"
    path.write_text("{}")
    source = Made(PASSAGES, (("made/en.json", path),))
    sha = hashlib.sha256(b"{}").hexdigest()
    assert file_differences(pinned("hard", files={"made/en.json": sha}), "en", source) == []
    assert file_differences(pinned("hard", files={"made/en.json": None}), "en", source) == []
    path.write_text("{ }")
    (difference,) = file_differences(pinned("hard", files={"made/en.json": sha}), "en", source)
    seen = hashlib.sha256(b"{ }").hexdigest()
    assert str(difference) == f"sha256 of made/en.json: the card says {sha}, found {seen}"
    assert difference.hard
    (difference,) = file_differences(pinned("soft", files={"made/en.json": sha}), "en", source)
    assert not difference.hard


@pytest.fixture
def measured(tmp_path: Path) -> Any:
    """The result of bm25 on English mini with changed pins."""

    def run(pins: dict[str, Any], strength: str, **options: Any) -> dict[str, Any]:
        card = yaml.safe_load(MINI.read_text(encoding="utf-8"))
        notes = {pin: {"source": "made", "strength": strength} for pin in pins}
        made = parse_card(Task, card | {"pins": notes, "languages": {"en": pins}}, "made")
        folders = {name: tmp_path / name for name in ("cache", "board", "output")}
        return execute(planned("bm25", made, **folders, **options), Watch())

    return run


def test_a_hard_difference_stops_the_run_and_leaves_no_entry(measured: Any, tmp_path: Path) -> None:
    with pytest.raises(MissingError) as caught:
        measured({"documents": 25, "fingerprint": "0" * 64}, "hard")
    assert str(caught.value) == (
        "mini, en: the data differ from the card's pins:\n"
        "  documents: the card says 25, found 24\n"
        f"  fingerprint: the card says {'0' * 64}, found {MINI_EN}\n"
        "get the data again, or go on without a leaderboard entry with --allow-unpinned"
    )
    assert not (tmp_path / "board").exists()
    assert not (tmp_path / "output").exists()


def test_questions_that_differ_stop_the_run_before_a_document_is_read(measured: Any, tmp_path: Path) -> None:
    pins = {"documents": 25, "queries": 71, "judgments": 70, "positives": 69}
    with pytest.raises(MissingError) as caught:
        measured(pins, "hard")
    assert str(caught.value) == (
        "mini, en: the data differ from the card's pins:\n"
        "  queries: the card says 71, found 72\n"
        "  judgments: the card says 70, found 72\n"
        "  positives: the card says 69, found 72\n"
        "get the data again, or go on without a leaderboard entry with --allow-unpinned"
    )
    assert not any((tmp_path / name).exists() for name in ("board", "output", "cache"))
    assert measured(pins, "soft")["entry"] is not None


def test_a_hard_difference_that_is_allowed_never_enters_a_board(measured: Any, tmp_path: Path) -> None:
    result = measured({"documents": 25}, "hard", allow_unpinned=True)
    assert (result["pins"], result["entry"]) == ("differ", None)
    assert "no leaderboard entry: the data differ from the card's pins" in result["notes"]
    assert not (tmp_path / "board").exists()
    assert list(tmp_path.glob("output/mini/bm25/en.trec.gz"))


def test_a_soft_difference_goes_on(measured: Any) -> None:
    assert measured({"documents": 25}, "soft")["entry"] is not None


@pytest.mark.parametrize(
    ("pins", "options", "state"),
    [
        ({"documents": 24}, {}, "match"),
        ({"documents": 24}, {"allow_unpinned": True}, "match"),
        ({}, {}, "unchecked"),
        ({"documents": 24}, {"limit_docs": 5}, "unchecked"),
    ],
)
def test_the_state_of_the_pins(measured: Any, pins: dict[str, Any], options: dict[str, Any], state: str) -> None:
    result = measured(pins, "hard", **options)
    assert result["pins"] == result["languages"]["en"]["pins"] == state
