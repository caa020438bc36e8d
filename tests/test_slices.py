"""Slices against their definition, spelled out; what is stored of them, and how far a run is kept."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import toy
from console import call

import bench
from bench.cards import parse_card
from bench.collection import Qrels
from bench.entry import Entry
from bench.errors import InputError, MissingError
from bench.formats.trec import read_run
from bench.leaderboard import EntryFiles, keep, read_entry
from bench.measure import Measure, parse_measures
from bench.perquery import Row, read_rows, rows_of, write_rows
from bench.ranking import rank
from bench.registry import Registry
from bench.scores import Scores, evaluate, merged
from bench.slices import sliced
from bench.task import Task

AP = Measure.parse("AP")
Raw = dict[str, dict[str, float]]


def single(value: float) -> float:
    return float(struct.unpack("f", struct.pack("f", value))[0])


def invented(seed: int) -> tuple[Raw, Qrels, dict[str, str]]:
    """Scores that tie often, labels from -1 to 2 and slices; some queries, documents and slices are missing."""
    generator = random.Random(seed)
    docs = [f"d{i}" for i in range(30)] + ["é", "天", "\U00010000"]
    slices = {doc: generator.choice(["ar", "en", "zh"]) for doc in docs if doc not in ("d3", "d4")}
    run: Raw = {}
    qrels: Qrels = {}
    for number in range(25):
        query = f"q{number}"
        if number % 7:
            found = generator.sample(docs, generator.randint(1, len(docs)))
            run[query] = {doc: generator.choice([1.0, 1.0 + 1e-10, 0.5, 0.25, -2.0]) for doc in found}
        qrels[query] = {doc: generator.choice([-1, 0, 1, 1, 2]) for doc in generator.sample(docs, 9)}
    return run, qrels, slices


def definition(measure: str, run: Raw, qrels: Qrels, slices: Mapping[str, str], name: str) -> dict[str, float]:
    """The value of each query with something to find in the slice, from the sentence that defines it."""
    values = {}
    for query, labels in qrels.items():
        relevant = {doc for doc, label in labels.items() if label > 0}
        own = {doc for doc in relevant if slices.get(doc) == name}
        scores = {doc: single(score) for doc, score in run.get(query, {}).items() if doc not in relevant - own}
        found = sorted(scores, key=lambda doc: (scores[doc], doc.encode()), reverse=True)
        ranks = [place for place, doc in enumerate(found, start=1) if doc in own]
        if not own:
            continue
        if measure == "AP":
            values[query] = sum(i / place for i, place in enumerate(ranks, start=1)) / len(own)
        elif measure == "R@5":
            values[query] = sum(place <= 5 for place in ranks) / len(own)
        else:
            assert measure == "MRR@3"
            values[query] = 1 / ranks[0] if ranks and ranks[0] <= 3 else 0.0
    return values


@pytest.mark.parametrize("seed", range(8))
def test_slices_are_what_they_are_defined_to_be(seed: int) -> None:
    raw, qrels, slices = invented(seed)
    run = {query: rank(list(found), list(found.values())) for query, found in raw.items()}
    measures = parse_measures(["AP,R@5,MRR@3"])
    found = sliced(run, qrels, slices, measures)
    assert list(found) == list(measures)
    for measure in measures:
        assert list(found[measure]) == list(dict.fromkeys(slices.values()))
        for name, column in found[measure].items():
            expected = definition(str(measure), raw, qrels, slices, name)
            assert column == pytest.approx(expected, rel=1e-12)
            assert list(column) == sorted(expected)
    assert any(0 < value < 1 for column in found[AP].values() for value in column.values())


@pytest.mark.parametrize("seed", range(4))
def test_ap_is_that_of_trec_eval_bit_by_bit(seed: int) -> None:
    """The ranks that AP is computed from here, and the documents that trec_eval computes it from."""
    import pytrec_eval

    raw, qrels, slices = invented(seed)
    run = {query: rank(list(found), list(found.values())) for query, found in raw.items()}
    for level in (1, 2):
        judge = pytrec_eval.RelevanceEvaluator(qrels, {"map"}, relevance_level=level)
        expected = {query: row["map"] for query, row in judge.evaluate(raw).items()}
        values = evaluate(run, qrels, [AP], rel_level=level).values[AP]
        assert {query: values[query] for query in expected} == expected
        assert {values[query] for query in qrels if query not in expected} == {0.0}
    for name, column in sliced(run, qrels, slices, [AP])[AP].items():
        own = {q: {d: n for d, n in qrels[q].items() if n < 1 or slices.get(d) == name} for q in column}
        left = {q: {d: s for d, s in raw[q].items() if qrels[q].get(d, 0) < 1 or d in own[q]} for q in own if q in raw}
        judge = pytrec_eval.RelevanceEvaluator(own, {"map"})
        assert {q: row["map"] for q, row in judge.evaluate(left).items()} == {q: column[q] for q in left if left[q]}


def test_parts_of_the_queries_add_up() -> None:
    raw, qrels, slices = invented(3)
    run = {query: rank(list(found), list(found.values())) for query, found in raw.items()} | {
        "stray": rank(["d1"], [1.0])
    }
    measures = parse_measures(["AP,nDCG@10"])

    def scored(queries: Sequence[str]) -> Scores:
        part, own = {q: run[q] for q in queries if q in run}, {q: qrels[q] for q in queries if q in qrels}
        found = evaluate(part, own, measures)
        return Scores(found.values, found.missing, found.ignored, slices=sliced(part, own, slices, measures))

    queries = [*qrels, "stray"]
    whole, parts = scored(queries), merged([scored(queries[start : start + 7]) for start in range(0, len(queries), 7)])
    assert parts == whole
    assert (whole.missing, whole.ignored) == (("q0", "q14", "q21", "q7"), ("stray",))
    assert [list(column) for column in parts.values.values()] == [sorted(qrels)] * 2


# --- per-query scores


def test_rows_of_slices_are_stored_and_read(tmp_path: Path) -> None:
    scores = Scores({AP: {"q1": 0.5}}, (), (), slices={AP: {"en": {"q1": 1.0}, "ar": {"q1": 0.25}}})
    rows = rows_of("de", scores)
    write_rows(tmp_path / "scores.parquet", reversed(rows))
    assert read_rows(tmp_path / "scores.parquet") == [
        Row("q1", "de", "AP", 0.5, ""),
        Row("q1", "de", "AP", 0.25, "ar"),
        Row("q1", "de", "AP", 1.0, "en"),
    ]


def test_tables_without_the_column_are_read_and_others_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "scores.parquet"
    columns = {"query": ["q1"], "language": ["de"], "measure": ["AP"], "value": [0.5]}
    pq.write_table(pa.table(columns), path)
    assert read_rows(path) == [Row("q1", "de", "AP", 0.5, "")]
    for wrong in ({"query": ["q1"]}, {k: v for k, v in columns.items() if k != "measure"} | {"slice": [""]}):
        pq.write_table(pa.table(wrong), path)
        with pytest.raises(MissingError, match="not per-query scores: expected the columns query, language, measure"):
            read_rows(path)


def test_an_entry_keeps_its_slices_when_it_grows(tmp_path: Path) -> None:
    files = EntryFiles.on_board(tmp_path, entry := Entry({"task": "t", "model": "m"}, True, ("AP",), ("de",), {}))

    def grow(measure: str, value: float, slices: dict[str, Any]) -> Entry:
        rest = {"queries": 1, "documents": 9, "judged": 2, "saturated": [], "unanswered": 0, "pins": "match"}
        block = {measure: value, "fingerprint": "0f", "flags": [], "recipe": {}} | rest | slices
        rows = [Row("q1", "de", measure, value)]
        rows += [Row("q1", "de", measure, v, name) for table in slices.values() for name, v in table[measure].items()]
        new = Entry(entry.identity, True, (measure,), ("de",), {})
        return keep(files, new, "de", block, rows, ("AP", "R@5"))

    grow("AP", 0.5, {"slices": {"AP": {"en": 1.0, "ar": 0.25}}})
    grow("R@5", 0.75, {"slices": {"R@5": {"en": 0.0}}})
    grown = grow("nDCG@10", 0.125, {})
    assert grown.languages["de"]["slices"] == {"AP": {"en": 1.0, "ar": 0.25}, "R@5": {"en": 0.0}}
    assert read_entry(files.entry) == grown
    assert [(row.measure, row.slice, row.value) for row in read_rows(files.scores)] == [
        *(("AP", "", 0.5), ("AP", "ar", 0.25), ("AP", "en", 1.0)),
        *(("R@5", "", 0.75), ("R@5", "en", 0.0), ("nDCG@10", "", 0.125)),
    ]


# --- cards


def stated(**changes: Any) -> dict[str, Any]:
    return Registry().task("xquad-r").model_dump(mode="json", exclude_unset=True) | changes


def test_a_card_that_ranks_all_says_how_many_there_are() -> None:
    card = Registry().task("xquad-r")
    assert (card.measures, card.ranked, card.sliced, card.depth) == (("AP", "nDCG@10", "R@100"), "all", ("AP",), 13_014)
    assert parse_card(Task, stated(ranked=None), "x").depth == 100
    rows = {code: {k: v for k, v in row.items() if k != "documents"} for code, row in stated()["languages"].items()}
    with pytest.raises(InputError, match="ranked: all: every language needs its number of documents"):
        parse_card(Task, stated(languages=rows), "x")
    with pytest.raises(InputError, match="sliced: 'RR' is not among the measures"):
        parse_card(Task, stated(sliced=["RR"]), "x")


# --- through a run: twelve sentences in two languages

SENTENCES = {
    "en": ["Cats hunt mice.", "Dogs chase cats.", "Mice eat cheese.", "Bees make honey."],
    "de": ["Katzen jagen mice.", "Dogs verfolgen Katzen.", "Mice essen cheese.", "Bienen machen honey."],
}
QUESTIONS = {
    "en": ["Who hunt mice?", "Who chase cats?", "What eat cheese mice", "Who make honey"],
    "de": ["Wer jagen mice?", "Wer verfolgen Katzen?", "Was essen cheese", "Wer machen honey"],
}


@pytest.fixture
def task(tmp_path: Path) -> Task:
    """A task in LAReQA's layout: each sentence holds the answer to one question in each language."""
    folder = tmp_path / "data" / "lareqa"
    folder.mkdir(parents=True)
    for code, sentences in SENTENCES.items():
        starts = [sum(len(s) + 1 for s in sentences[:i]) for i in range(len(sentences))]
        paragraph = {
            "context": " ".join(sentences),
            "sentences": sentences,
            "sentence_breaks": [[start, start + len(s)] for start, s in zip(starts, sentences, strict=True)],
            "qas": [
                {"id": f"q{i}", "question": QUESTIONS[code][i], "answers": [{"text": "", "answer_start": start}]}
                for i, start in enumerate(starts)
            ],
        }
        (folder / f"{code}.json").write_text(json.dumps({"data": [{"paragraphs": [paragraph]}]}))
    rows = {
        c: {"document": "mul", "documents": 8, "files": {f"lareqa/{x}.json": None for x in SENTENCES}}
        for c in SENTENCES
    }
    changes = {"name": "toy-r", "languages": rows, "measures": ["AP", "R@3"], "sliced": ["AP", "R@3"]}
    return parse_card(Task, stated(**changes), "toy-r")


@pytest.fixture
def measured(task: Task, tmp_path: Path) -> Any:
    def run(model: Any, **options: Any) -> dict[str, Any]:
        given: dict[str, Any] = {name: tmp_path / name for name in ("data", "cache", "output", "board")}
        return bench.run(model, task, **(given | {"offline": True, "allow_unpinned": True} | options))

    return run


def test_slices_in_the_result_and_a_run_cut_short(measured: Any, tmp_path: Path) -> None:
    result = measured(toy.Toy())
    rows = read_rows(Path(result["entry"]).with_suffix(".parquet"))
    for measure in ("AP", "R@3"):
        for asked in SENTENCES:
            for found in SENTENCES:
                values = [r.value for r in rows if (r.measure, r.language, r.slice) == (measure, asked, found)]
                assert len(values) == 4
                assert result["slices"][measure][asked][found] == pytest.approx(sum(values) / 4, rel=1e-12)
    assert "slices" not in result["languages"]["en"]
    assert result["k"] == 8
    stored = read_run(next((tmp_path / "output").rglob("en.trec.gz")), decode=True)
    assert [len(ranking.docs) for ranking in stored.values()] == [3] * 4


def test_the_batches_of_a_deep_search_do_not_show(
    measured: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for model in ("bm25", "rrf(bm25, bm25, depth=4)", toy.Toy()):
        results = []
        for size in (1 << 20, 8):  # All queries at once, one by one.
            monkeypatch.setattr("bench.scoring._AT_ONCE", size)
            folders = {name: tmp_path / str(size) / name for name in ("output", "board")}
            result = measured(model, **folders)
            entry = Path(result["entry"])
            files = [*folders["output"].rglob("*.trec.gz"), entry.with_suffix(".parquet")]
            results.append((result["languages"], result["slices"], [path.read_bytes() for path in files]))
        assert results[0] == results[1]


def test_a_ranking_that_ends_early_is_not_the_task_s(measured: Any) -> None:
    whole, short = measured(toy.Toy()), measured(toy.Toy(), k=5)
    assert (whole["entry"] is None, short["entry"], short["k"]) == (False, None, 5)
    assert "no leaderboard entry: k = 5 retrieves fewer documents than AP looks at" in short["notes"]
    assert measured(toy.Toy(), k=5, measures=["R@3"])["entry"] is not None


def test_without_a_sliced_measure_there_are_no_slices(measured: Any) -> None:
    assert "slices" not in measured(toy.Toy(), measures=["nDCG@3"])


def test_tables_of_slices_on_the_terminal(
    measured: Any, task: Task, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = measured("bm25")
    title = "toy-r, AP by questions (down) and relevant documents (across): bm25"
    shown = call(capsys, "board", "show", "--board", tmp_path / "board", "--measure", "AP").out
    assert title in shown
    lines = [line.split() for line in shown.partition(title)[2].splitlines() if line.strip()]
    assert lines[0] == ["mean", "en", "de"]
    for line in lines[2:4]:
        cells = dict(zip(["mean", "en", "de"], (cell.rstrip("*") for cell in line[1:]), strict=True))
        table = result["slices"]["AP"][line[0]]
        assert (cells["en"], cells["de"]) == (f"{table['en']:.3f}", f"{table['de']:.3f}")
        assert cells["mean"] == f"{(table['en'] + table['de']) / 2:.3f}"
    assert title not in call(capsys, "board", "show", "--board", tmp_path / "board").out
    (tmp_path / "cards" / "tasks").mkdir(parents=True)
    (tmp_path / "cards" / "tasks" / "toy-r.yaml").write_text(
        json.dumps(task.model_dump(mode="json", exclude_none=True))
    )
    folders = [
        part for name in ("data", "cache", "output", "board", "cards") for part in (f"--{name}", tmp_path / name)
    ]
    again = call(capsys, "run", "--model", "bm25", "--task", "toy-r", "--offline", "--allow-unpinned", *folders)
    assert (again.code, title in again.out) == (0, True)
