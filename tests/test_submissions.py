"""Submission files, from the run to the file that the organisers' scripts take, on small files in original layouts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from console import call
from originals import Known, write, write_lines, write_miracl, write_rows

import bench
from bench.formats.trec import read_run, write_run
from bench.ranking import rank

pytestmark = pytest.mark.usefixtures("offline")

XOR_LANGUAGES = ("ar", "bn", "fi", "ja", "ko", "ru", "te")
TEXTS = {"1": 'Aaron ( or ; "Ahärôn") is a prophet.', "2": "It fell by 50% that year.", "3": "In Paris,\tthey say."}
CORPUS = (
    'id\ttext\ttitle\n1\t"Aaron ( or ; ""Ahärôn"") is a prophet."\tAaron\n2\tIt fell by 50% that year.\tPercent\n'
    '3\t"In Paris,\tthey say."\tTower\n'
)


def write_xor(data: Path, split: str) -> None:
    """Two questions a language, mixed, and three passages; the test split has no answers."""
    names = {"dev": "xor_dev_retrieve_eng_span_v1_1", "test": "xor_test_retrieve_eng_span_q_only_v1_1"}
    rows: list[Any] = [
        {"id": f"{code}{n}", "question": f"Aaron {code} {n}?", "lang": code} for n in (2, 1) for code in XOR_LANGUAGES
    ]
    answered = [row | {"answers": ["a prophet"]} for row in rows] if split == "dev" else rows
    write_lines(data / f"xor-retrieve/{names[split]}.jsonl", answered)
    write(data / "xor-retrieve/enwiki_20190201_w100.tsv", CORPUS)


def ran(tmp_path: Path, model: Any, task: str, **options: Any) -> dict[str, Any]:
    settings = {"allow_unpinned": True, "offline": True, "cache": tmp_path / "cache", "output": tmp_path / "out"}
    return bench.run(model, task, **{"data": tmp_path / "data", **settings, **options})


def exported(capsys: pytest.CaptureFixture[str], tmp_path: Path, *more: object, form: str = "submission") -> Any:
    at = ("board", "export", tmp_path / "out", "--format", form, "--data", tmp_path / "data", "--offline")
    return call(capsys, *at, "--cache", tmp_path / "cache", "--out", tmp_path / "sub", *more)


def files(tmp_path: Path) -> list[str]:
    return sorted(str(path.relative_to(tmp_path / "sub")) for path in (tmp_path / "sub").rglob("*") if path.is_file())


def ranked(found: Mapping[str, list[str]]) -> Known:
    return Known(found)


ORDERS = {"1": ["3", "1"], "2": ["2", "3", "1"]}
"""What the system finds, by the number of the question."""


@pytest.mark.parametrize("split", ["dev", "test"])
def test_xor_is_one_array_with_the_texts_of_every_question(
    split: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_xor(tmp_path / "data", split)
    known = ranked({f"{code}{n}": ORDERS[n] for code in XOR_LANGUAGES for n in ORDERS})
    result = ran(tmp_path, known, "xor-retrieve", split=split)
    if split == "test":
        assert any("the runs were written, nothing is scored" in note for note in result["notes"])
        assert not list((tmp_path / "out").rglob("entry.json"))
    assert exported(capsys, tmp_path, "--allow-unpinned").code == 0
    (name,) = files(tmp_path)
    assert re.fullmatch(rf"xor-retrieve(@test)?/[^/]+/xor-retrieve\.{split}\.json", name)
    assert name.startswith("xor-retrieve@test/") == (split == "test")
    rows = json.loads((tmp_path / "sub" / name).read_text(encoding="utf-8"))
    assert [set(row) for row in rows] == [{"id", "lang", "ctxs"}] * 14
    told = {row["id"]: (row["lang"], row["ctxs"]) for row in rows}
    assert told == {
        f"{code}{n}": (code, [TEXTS[doc] for doc in order]) for code in XOR_LANGUAGES for n, order in ORDERS.items()
    }


def test_xor_lacks_no_language(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_xor(tmp_path / "data", "test")
    known = ranked({f"{code}{n}": ["1"] for code in XOR_LANGUAGES for n in "12"})
    ran(tmp_path, known, "xor-retrieve", split="test", languages=["ko", "ja"])
    done = exported(capsys, tmp_path, "--allow-unpinned")
    assert done.code == 2
    assert "no run of ar, bn, fi, ru, te: a submission has every language of the split" in done.err
    assert not (tmp_path / "sub").exists(), "whole or not at all"


def test_other_passages_than_those_that_were_searched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_xor(tmp_path / "data", "test")
    ran(
        tmp_path,
        ranked({f"{code}{n}": ["1", "3"] for code in XOR_LANGUAGES for n in "12"}),
        "xor-retrieve",
        split="test",
    )
    write(tmp_path / "data/xor-retrieve/enwiki_20190201_w100.tsv", "id\ttext\ttitle\n1\ta\tb\n")
    done = exported(capsys, tmp_path, "--allow-unpinned")
    assert done.code == 3
    assert "1 documents of its runs are not in the passages of xor-retrieve, the first '3'" in done.err
    assert not (tmp_path / "sub").exists()


def test_fewer_questions_than_the_card_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_xor(tmp_path / "data", "dev")
    ran(tmp_path, ranked({f"{code}{n}": ["1"] for code in XOR_LANGUAGES for n in "12"}), "xor-retrieve")
    done = exported(capsys, tmp_path)
    assert done.code == 3
    assert "xor-retrieve, ar: 2 questions, the card counts 350" in done.err


def test_a_question_of_another_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_xor(tmp_path / "data", "test")
    ran(tmp_path, ranked({f"{code}{n}": ["1"] for code in XOR_LANGUAGES for n in "12"}), "xor-retrieve", split="test")
    (path,) = (tmp_path / "out").rglob("ko.trec.gz")
    write_run(path, read_run(path) | {"strange": rank(["1"], [1.0])}, "x")
    done = exported(capsys, tmp_path, "--allow-unpinned")
    assert done.code == 2
    assert "ko: the run has 1 questions that are not of xor-retrieve@test, the first 'strange'" in done.err


def test_xtreme_up_is_a_file_a_language_with_a_line_a_question(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "data/xtreme-up/retrieval_cross_lang"
    pool = [{"id": f"p{i}", "title": f"Title {i}", "context": f"context number{i}"} for i in range(1, 15)]
    write_lines(folder / "index.jsonl", pool)
    question = {"title": "t", "context": "c"}
    write_lines(folder / "test/bho.jsonl", [question | {"id": g, "question": f"q {g}"} for g in ("p3", "p3", "p11")])
    write_lines(folder / "test/or.jsonl", [question | {"id": "p12", "question": "q"}])
    best = {"bho:1": "p3", "bho:2": "p4", "bho:3": "p11", "or:1": "p1"}
    orders = {q: [first, *(f"p{i}" for i in range(1, 15) if f"p{i}" != first)] for q, first in best.items()}
    result = ran(tmp_path, ranked(orders), "xtreme-up", languages=["bho", "or"])
    done = exported(capsys, tmp_path)
    assert done.code == 0, done.err
    assert "languages that were not run: as, brx" in done.err
    names = files(tmp_path)
    assert [Path(name).name for name in names] == ["bho.jsonl", "or.jsonl"]
    told = [json.loads(line) for line in (tmp_path / "sub" / names[0]).read_text().splitlines()]
    assert told == [{"prediction": orders[f"bho:{n}"][:10]} for n in (1, 2, 3)]
    # The organisers' measure, restated: the mean over the lines of 1 / rank of the gold passage among the ten.
    gold = ["p3", "p3", "p11"]
    ranks = [row["prediction"].index(g) + 1 if g in row["prediction"] else 0 for row, g in zip(told, gold, strict=True)]
    assert sum(1 / r if r else 0 for r in ranks) / 3 == pytest.approx(result["languages"]["bho"]["MRR@10"], abs=1e-15)


def test_every_other_task_gives_trec_runs_also_without_public_judgments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_miracl(tmp_path / "data", "sw")
    write_rows(tmp_path / "data/miracl/v1.0/sw/test-a/topics.tsv", [("9", "Ibadan"), ("10", "Eko")])
    ran(tmp_path, ranked({"9": ["10#10", "7#0"], "10": ["7#0"]}), "miracl", languages=["sw"], split="test-a")
    done = exported(capsys, tmp_path)
    assert done.code == 0, done.err
    (name,) = files(tmp_path)
    assert re.fullmatch(r"miracl@test-a/[^/]+/sw\.trec", name)
    lines = [line.split() for line in (tmp_path / "sub" / name).read_text().splitlines()]
    assert [line[:4] for line in lines] == [
        ["10", "Q0", "7#0", "1"],
        ["9", "Q0", "10#10", "1"],
        ["9", "Q0", "7#0", "2"],
    ]
    assert exported(capsys, tmp_path, form="trec").code == 0
    assert files(tmp_path) == [name]
    (packed,) = (tmp_path / "out").rglob("sw.trec.gz")
    mine, theirs = read_run(tmp_path / "sub" / name), read_run(packed)
    assert {q: r.docs for q, r in mine.items()} == {q: r.docs for q, r in theirs.items()}


def test_only_some_tasks_and_what_is_no_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = exported(capsys, tmp_path)
    assert (done.code, "bench run --output DIR leaves them" in done.err) == (3, True)
    places = {"cache": tmp_path / "cache", "output": tmp_path / "out"}
    bench.run("bm25", "mini", languages=["en", "th"], **places)
    bench.run("bm25", "mini-x", languages=["th"], **places)
    assert exported(capsys, tmp_path, "--task", "mini").code == 0
    assert files(tmp_path) == ["mini/bm25/en.trec", "mini/bm25/th.trec"]
    assert exported(capsys, tmp_path, "--task", "minii").code == 2
    (tmp_path / "out/mini").rename(tmp_path / "out/strange")
    (tmp_path / "out/strange/bm25/entry.json").unlink()
    done = exported(capsys, tmp_path)
    assert (done.code, "'strange' is no <task> or <task>@<split> that has a card" in done.err) == (2, True)


def test_a_sample_is_not_submitted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench.run("bm25", "mini", languages=["en"], cache=tmp_path / "cache", output=tmp_path / "out", limit_docs=24)
    done = exported(capsys, tmp_path)
    assert (done.code, "a sample of the documents was searched" in done.err) == (2, True)
