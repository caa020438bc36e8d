"""Samples of a corpus: which documents they hold, what they say of themselves, and that they mix with nothing."""

from __future__ import annotations

import hashlib
import json
import random
import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from originals import Known, write, write_lines
from toy import write_beir

import bench
from bench.answer_passages import AnswerPassages
from bench.api import planned
from bench.collection import Passage, Qrels, Query
from bench.entry import Entry
from bench.errors import InputError, MissingError
from bench.leaderboard import EntryFiles, read_entry
from bench.report import identity_of
from bench.sample import Judged, Sample, Sampled, sampled
from bench.words import word_tokenizer


class Made:
    """A source in memory that counts how often, and how far, it is read."""

    files: tuple[tuple[str, Path], ...] = ()

    def __init__(self, rows: Iterable[Passage]) -> None:
        self.rows, self.readings = list(rows), list[int]()

    def passages(self) -> Iterator[Passage]:
        self.readings.append(0)
        for row in self.rows:
            self.readings[-1] += 1
            yield row

    def queries(self) -> list[Query]:
        return [Query("q", "text")]

    def qrels(self) -> Qrels | None:
        return None


def corpus(count: int) -> list[Passage]:
    """Passages whose ids have nothing to do with their places."""
    numbers = list(range(count))
    random.Random(1).shuffle(numbers)
    return [Passage(f"{n * 7919 % 1_000_003}#é", "", f"text {n}") for n in numbers]


def keyed(name: str, seed: int = 0) -> int:
    digest = hashlib.blake2b(name.encode(), digest_size=8, key=str(seed).encode()).digest()
    return int.from_bytes(digest, "little")


def ids(source: Any, size: int, seed: int = 0, judged: Iterable[str] = ()) -> list[str]:
    return [passage.id for passage in Sampled(source, Sample(size, seed), Judged(set(judged))).passages()]


# --- which documents


@pytest.mark.parametrize("size", [1, 2, 777, 8192, 20_000])
@pytest.mark.parametrize("seed", [0, 41])
def test_the_documents_with_the_smallest_keyed_hashes(size: int, seed: int) -> None:
    rows = corpus(20_000)
    wanted = set(sorted((row.id for row in rows), key=lambda name: keyed(name, seed))[:size])
    assert ids(Made(rows), size, seed) == [row.id for row in rows if row.id in wanted]


def test_the_hash_is_that_of_every_release() -> None:
    """Written down once: another hash would draw other samples under the same identity."""
    assert Sample(1).hashes(["d1", "é"]).tolist() == [keyed("d1"), keyed("é")]
    assert Sample(1).hashes(["d1"]).tolist() == [HASH_OF_D1]


HASH_OF_D1 = 1109206924632676769


def test_a_larger_sample_contains_the_smaller() -> None:
    rows = corpus(30_000)
    judged = [row.id for row in rows[::101]]
    samples = [set(ids(Made(rows), size, judged=judged)) for size in (100, 500, 5_000, 10_000, 30_000)]
    assert [len(sample) for sample in samples] == [len(judged), 500, 5_000, 10_000, 30_000]
    for smaller, larger in pairwise(samples):
        assert smaller < larger
    assert all(sample >= set(judged) for sample in samples)


def test_judged_documents_count_into_the_sample_and_are_kept_beyond_it() -> None:
    rows = corpus(1_000)
    by_hash = sorted((row.id for row in rows), key=keyed)
    judged = by_hash[-30:]  # None of them would be drawn.
    assert set(ids(Made(rows), 50, judged=judged)) == {*judged, *by_hash[:20]}
    assert set(ids(Made(rows), 30, judged=judged)) == set(judged)
    assert set(ids(Made(rows), 10, judged=judged)) == set(judged)
    assert set(ids(Made(rows), 50, judged=by_hash[:10])) == set(by_hash[:50])


def test_another_order_of_the_corpus_gives_the_same_documents_in_its_own_order() -> None:
    rows = corpus(3_000)
    there, back = ids(Made(rows), 200), ids(Made(rows[::-1]), 200)
    assert there == back[::-1]
    assert ids(Made(rows), 200, seed=1) != there


def test_one_reading_chooses_and_the_next_ends_with_the_sample() -> None:
    rows = corpus(20_000)
    source = Made(rows)
    sample = Sampled(source, Sample(10), Judged({rows[5].id}))
    assert (sample.of, sample.kept) == (20_000, 1)
    assert source.readings == [20_000]
    first = list(sample.passages())
    assert list(sample.passages()) == first
    last = rows.index(first[-1]) + 1
    assert source.readings == [20_000, last, last]


def test_a_sample_as_large_as_the_corpus_is_all_of_it() -> None:
    rows = corpus(50)
    assert ids(Made(rows), 50) == ids(Made(rows), 10**12) == [row.id for row in rows]
    assert ids(Made([]), 5) == []


def test_files_that_change_while_a_sample_is_drawn_are_refused() -> None:
    source = Made(corpus(100))
    sample = Sampled(source, Sample(100), Judged(set()))
    assert sample.of == 100
    del source.rows[60:]
    with pytest.raises(MissingError, match="document 61 of the corpus is gone: its files changed while a sample"):
        list(sample.passages())


def test_what_is_held_depends_on_the_sample_and_not_on_the_corpus() -> None:
    class Endless(Made):
        def __init__(self, count: int) -> None:
            self.count = count

        def passages(self) -> Iterator[Passage]:
            return (Passage(str(n), "", "a text of some length, to be forgotten") for n in range(self.count))

    def peak(count: int) -> int:
        tracemalloc.start()
        sample = Sampled(Endless(count), Sample(500), Judged(set()))
        assert sample.of == count
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(50_000) < 1.1 * peak(17_000)


# --- what holds an answer

WORDS = ["Paris", "5", "1950", "John's", "50%", "(1993)", "the", "tower", "two", "network", "St.", "end."]
ANSWERS = {
    "a": ["Paris"],
    "b": ["5"],
    "c": ["50%"],
    "d": ["yes"],
    "e": ["John 's", "two tower"],
    "f": ["no", "Paris the"],
    "g": ["nowhere"],
    "h": [".*", "a|b"],
}


@pytest.mark.parametrize("held", [1, 10, 5000])
def test_the_passages_that_hold_an_answer(held: int) -> None:
    """Against a look at every passage for every question."""
    drawn = random.Random(3)
    rows = [Passage(str(i), "Paris", " ".join(drawn.choices(WORDS, k=6))) for i in range(400)]
    split = word_tokenizer().split
    tokens = [" ".join(split(row.text)) for row in rows]
    wanted: set[int] = set()
    for answers in ANSWERS.values():
        spans = [answer for answer in answers if answer not in ("yes", "no")]
        holding = [i for i, row in enumerate(rows) if any(span in row.text and span in tokens[i] for span in spans)]
        wanted |= set(sorted(holding, key=lambda i: keyed(rows[i].id, 7))[:held])
    found = AnswerPassages(ANSWERS, word_tokenizer(), held)
    hashes = Sample(1, 7).hashes([row.id for row in rows])
    for start in range(0, len(rows), 70):
        found.look(rows[start : start + 70], hashes[start : start + 70], start)
    assert found.rows().tolist() == sorted(wanted)


def test_an_answer_is_looked_for_in_texts_as_recall_of_answers_does() -> None:
    texts = ["50% of it", "It was 5 of them", "in 1950", "in (1993) and", "in 1993 and", "St. John's"]
    rows = [Passage(str(i), "50%", text) for i, text in enumerate(texts)]

    def kept(*answers: str) -> list[str]:
        sample = sampled(Made(rows), Sample(1), None, {"q": list(answers)})
        return [passage.text for passage in sample.passages()][: sample.kept]

    assert kept("5 of") == ["It was 5 of them"]
    assert set(kept("5")) == {"50% of it", "It was 5 of them", "in 1950"}
    assert kept("50%") == kept("(1993)") == kept("John's") == [], "their tokens are written apart"
    assert kept("John") == ["St. John's"]
    assert kept("yes", "no") == []


def test_xor_keeps_what_holds_an_answer(tmp_path: Path) -> None:
    folder = tmp_path / "xor-retrieve"
    write_lines(
        folder / "xor_dev_retrieve_eng_span_v1_1.jsonl",
        [
            {"id": "k1", "question": "?", "lang": "ko", "answers": ["Paris"]},  # type: ignore[dict-item]
            {"id": "k2", "question": "?", "lang": "ko", "answers": ["yes"]},  # type: ignore[dict-item]
            {"id": "j1", "question": "?", "lang": "ja", "answers": ["word7"]},  # type: ignore[dict-item]
        ],
    )
    lines = [f"{i}\t{'It is in Paris.' if i in (50, 60) else f'word{i} word'}\tParis\n" for i in range(1, 201)]
    write(folder / "enwiki_20190201_w100.tsv", "id\ttext\ttitle\n" + "".join(lines))
    result = bench.run(
        Known({"k1": ["60"], "k2": []}), "xor-retrieve", ["ko"], data=tmp_path, cache=tmp_path / "c", offline=True,
        allow_unpinned=True, limit_docs=5, measures=["R@5kt"], output=tmp_path / "out",
    )  # fmt: skip
    row = result["languages"]["ko"]
    assert (row["R@5kt"], row["documents"], row["sample"]) == (1.0, 5, {"of": 200, "kept": 2})
    assert result["sample"] == {"documents": 5, "seed": 0, "of": 200}
    assert "a sample: ko 5 of 200 documents, 2 of them holding answers" in result["notes"]


# --- what a run says of its sample


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """300 documents, two of them judged."""
    docs = [(f"d{i}", f"river number{i}") for i in range(300)]
    return write_beir(tmp_path / "own", docs, [("q1", "river number7")], {"q1": ["d7", "d250"]})


def run(folder: Path, **options: Any) -> dict[str, Any]:
    places = {name: folder.parent / name for name in ("cache", "board", "output")}
    return bench.run("bm25", f"path:{folder}", **places, **options)


def states(board: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in board.glob("path-own/*") if path.is_file()}


def test_a_sample_says_so_everywhere(folder: Path) -> None:
    whole = run(folder)
    assert whole["entry"] is not None
    board = states(folder.parent / "board")
    result = run(folder, limit_docs=20)
    assert result["sample"] == {"documents": 20, "seed": 0, "of": 300}
    assert result["languages"]["und"]["documents"] == 20
    assert result["languages"]["und"]["sample"] == {"of": 300, "kept": 2}
    assert (result["entry"], result["pins"]) == (None, "unchecked")
    assert "no leaderboard entry: a sample of each language's documents (--limit-docs 20)" in result["notes"]
    assert "a sample: und 20 of 300 documents, 2 of them judged" in result["notes"]
    assert (whole["sample"], "sample" in whole["languages"]["und"]) == (None, False)
    assert states(folder.parent / "board") == board


def test_the_rankings_hold_documents_of_the_sample_alone(folder: Path) -> None:
    from bench.formats.trec import read_run

    result = run(folder, limit_docs=20)
    names = sorted((f"d{i}" for i in range(300)), key=keyed)
    wanted = set([name for name in names if name not in ("d7", "d250")][:18]) | {"d7", "d250"}
    found = read_run(folder.parent / "output" / "path-own" / f"bm25--{result['identity']}" / "und.trec.gz")
    assert set(found["q1"].docs) == wanted
    assert found["q1"].docs[0] == "d7"


def test_saturation_goes_by_the_pool_of_the_sample(folder: Path) -> None:
    assert run(folder)["languages"]["und"]["saturated"] == []
    assert run(folder, limit_docs=100)["languages"]["und"]["saturated"] == ["R@100"]
    assert run(folder, limit_docs=101)["languages"]["und"]["saturated"] == []
    assert run(folder, limit_docs=5)["languages"]["und"]["saturated"] == ["nDCG@10", "R@100"]


def test_every_sample_is_a_measurement_of_its_own(folder: Path) -> None:
    plans = [planned("bm25", f"path:{folder}", **options) for options in OPTIONS]
    identities = [identity_of(plan) for plan in plans]
    assert [identity.get("sample") for identity in identities] == [
        None,
        None,
        {"documents": 20, "seed": 0},
        {"documents": 21, "seed": 0},
        {"documents": 20, "seed": 1},
    ]
    assert len({json.dumps(identity, sort_keys=True) for identity in identities}) == 4, "a seed alone draws nothing"
    results = [run(folder, **options) for options in OPTIONS]
    assert len({result["identity"] for result in results}) == 4
    stems = sorted(path.name for path in (folder.parent / "output" / "path-own").iterdir())
    assert stems == sorted({"bm25", *(f"bm25--{result['identity']}" for result in results[2:])})
    for stem in stems:
        entry = read_entry(folder.parent / "output" / "path-own" / stem / "entry.json")
        assert ("sample" in entry.identity) == ("sample" in entry.languages["und"]) == (stem != "bm25")


OPTIONS: list[dict[str, Any]] = [{}, {"seed": 5}, {"limit_docs": 20}, {"limit_docs": 21}, {"limit_docs": 20, "seed": 1}]


def test_no_board_has_a_place_for_a_sample(folder: Path) -> None:
    result = run(folder, limit_docs=20)
    entry = read_entry(folder.parent / "output" / "path-own" / f"bm25--{result['identity']}" / "entry.json")
    assert isinstance(entry, Entry)
    with pytest.raises(InputError, match=r"^bm25 on path:own: a sample may not enter a board$"):
        EntryFiles.on_board(folder.parent / "board", entry)
    assert not (folder.parent / "board").exists()


def test_corpora_of_different_sizes_have_no_common_one(tmp_path: Path) -> None:
    for language, count in (("sw", 40), ("yo", 30), ("zu", 30)):
        docs = [(f"d{i}", f"mto {i}") for i in range(count)]
        write_beir(tmp_path / "own" / language, docs, [("q", "mto")], {"q": ["d3"]})
    result = run(tmp_path / "own", limit_docs=10)
    assert result["sample"] == {"documents": 10, "seed": 0, "of": None}
    assert {code: row["sample"]["of"] for code, row in result["languages"].items()} == {"sw": 40, "yo": 30, "zu": 30}
    assert run(tmp_path / "own", limit_docs=10, languages=["yo", "zu"])["sample"]["of"] == 30


def test_a_judged_document_that_the_corpus_lacks_is_missed_in_a_sample_too(folder: Path) -> None:
    with (folder / "qrels" / "test.tsv").open("a") as file:
        file.write("q1\td900\t1\n")
    with pytest.raises(MissingError, match=r"lacks, the first 'd900' \(.*qrels/test\.tsv:4\)"):
        run(folder, limit_docs=20)


def test_the_size_of_the_whole_corpus_is_held_against_the_card(tmp_path: Path) -> None:
    from bench.registry import Registry
    from bench.task import PinNote, Subset

    def mini(documents: int) -> Any:
        pins = {"documents": PinNote(source="made", strength="hard")}
        rows = {"en": Subset(documents=documents)}
        return Registry().task("mini").model_copy(update={"pins": pins, "languages": rows})

    result = bench.run("bm25", mini(24), ["en"], cache=tmp_path, limit_docs=5)
    assert (result["pins"], result["sample"]["of"]) == ("unchecked", 24)
    with pytest.raises(MissingError, match="documents: the card says 25, found 24"):
        bench.run("bm25", mini(25), ["en"], cache=tmp_path, limit_docs=5)
