"""`bench inspect` on a task of one's own: labels, texts that obey a terminal or may not be shown, data that have changed."""

from __future__ import annotations

import json
import math
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from console import call, on_terminal
from owntask import QRELS, write_own


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    return partial(call, capsys)


def test_labels_and_texts_of_an_own_task(bench: Any, tmp_path: Path) -> None:
    arguments = write_own(tmp_path, texts_may_be_shown=True)
    assert bench("run", *arguments, "--no-board", "--quiet").code == 0
    out = bench("inspect", *arguments, "--worst", "3", "--json").out
    assert not re.search("[\x1b\x07\x9b\u202e]", out)
    q3, q1, q2 = json.loads(out)["queries"]
    assert [q3["query"], q1["query"], q2["query"]] == ["q3", "q1", "q2"]
    # q1: d2 (label 0) has both words, then "a b" (label 2); d4 (label 1) shares none. Linear gain, cut at 3.
    assert q1["values"] == {"nDCG@3": pytest.approx((2 / math.log2(3)) / (2 + 1 / math.log2(3))), "P@1": 0.0}
    assert q1["judgments"] == [
        {"document": "a b", "label": 2, "rank": 2},
        {"document": "d4", "label": 1, "rank": None},
        {"document": "d2", "label": 0, "rank": 1},
    ]
    assert [(d["rank"], d["document"], d["label"], d["text"]) for d in q1["documents"]] == [
        (1, "d2", 0, "White rose \u202e here\n\tand there"),
        (2, "a b", 2, "red \x1b[31m rose\x9b2J"),
    ]
    assert q3["documents"] == []
    assert q3["judgments"] == [{"document": "d3", "label": 1, "rank": None}]


def test_escape_sequences_in_texts_do_not_reach_the_terminal(bench: Any, tmp_path: Path) -> None:
    arguments = write_own(tmp_path, texts_may_be_shown=True)
    assert bench("run", *arguments, "--no-board", "--quiet").code == 0
    outcome = bench("inspect", *arguments)
    assert (outcome.code, outcome.err) == (0, "")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", outcome.out)
    shown = " ".join(outcome.out.split())
    assert "rose \\x1b]0;title\\x07 white" in shown
    assert "red \\x1b[31m rose\\x9b2J" in shown
    assert "White rose \\u202e here and there" in shown
    assert "the run has no document for this query" in shown
    screen = on_terminal(60, "inspect", *arguments)
    assert set(re.findall("\x1b.{0,3}", screen)) <= {"\x1b[0m", "\x1b[1m"}  # bold and its end


def test_texts_that_may_not_be_shown(bench: Any, tmp_path: Path) -> None:
    arguments = write_own(tmp_path, texts_may_be_shown=False)
    assert bench("run", *arguments, "--no-board", "--quiet").code == 0
    why = "mine: no texts of documents: its card does not say that they may be shown (the licence of the texts is unknown)"
    outcome = bench("inspect", *arguments)
    assert (outcome.code, outcome.err) == (0, f"{why}\n")
    assert not re.search("White|there|red|tulip", outcome.out)
    assert "1. d2 (" in outcome.out
    result = json.loads(bench("inspect", *arguments, "--json").out)
    assert (result["texts_shown"], result["notes"]) == (False, [why])
    assert {d["text"] for query in result["queries"] for d in query["documents"]} == {None}


def test_data_that_have_changed_since(bench: Any, tmp_path: Path) -> None:
    arguments = write_own(tmp_path, texts_may_be_shown=True)
    assert bench("run", *arguments, "--no-board", "--quiet").code == 0
    write_own(tmp_path, texts_may_be_shown=True, labels=QRELS[:4])
    outcome = bench("inspect", *arguments)
    assert outcome.code == 0
    command = " ".join(map(str, ["bench run", *arguments]))
    assert outcome.err == (
        f"warning: the data have changed since this run, labels and values may not fit: run again\n  {command}\n"
    )
    assert "query q3" not in outcome.out


def test_runs_without_judgments(bench: Any, tmp_path: Path) -> None:
    arguments = write_own(tmp_path, texts_may_be_shown=True)
    assert bench("run", *arguments, "--no-board", "--quiet").code == 0
    for name in ("entry.json", "scores.parquet"):
        (tmp_path / "out" / "mine" / "bm25" / name).unlink()
    outcome = bench("inspect", *arguments)
    assert outcome == (2, "", "bench: nothing is judged here, so no query is the worst: name one with --query\n")
    result = json.loads(bench("inspect", *arguments, "--query", "q2", "--json").out)
    assert (result["main_measure"], result["k"], result["identity"]) == (None, None, None)
    assert [d["document"] for d in result["queries"][0]["documents"]] == ["d3"]
