"""`bench board verify` is silent on a clean board and finds each kind of damage to an entry's JSON, one test a kind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from verifying import EN, ENTRY, LANGUAGES, RELEASE, checked, drop, edit, found, put

from bench.cli import _code


def test_a_clean_board_has_no_faults(board: Path) -> None:
    done = checked(board, runs=True)
    assert (done.faults, done.unread) == ([], [])
    assert (done.entries, done.releases, done.runs) == (2, 1, 5)


EDITS: dict[str, tuple[Callable[[dict[str, Any]], Any], set[str]]] = {
    "a newer format": (put("format", value=2), {"format"}),
    "no format": (drop("format"), {"format"}),
    "an unknown field": (put("score", value=1), {"unknown field"}),
    "a field that is gone": (drop("main_measure"), {"shape"}),
    "languages that are no object": (put("languages", value=[]), {"shape"}),
    "another id": (put("id", value="00000000"), {"identity"}),
    "a better mean": (put("mean", "nDCG@10", value=0.9), {"derived"}),
    "told complete": (put("complete", value=True), {"derived"}),
    "a language that is told measured": (put("missing", value=[]), {"derived"}),
    "another main measure": (put("main_measure", value="R@5"), {"derived"}),
    "a flag taken away or a recipe edited": (put(*EN, "recipe", "seed", value=7), {"checksum"}),
}


@pytest.mark.parametrize("name", EDITS)
def test_edits_of_an_entry(board: Path, name: str) -> None:
    change, checks = EDITS[name]
    edit(board / ENTRY, change)
    assert {check for file, check in found(board) if file == ENTRY} == checks


SEALED: dict[str, tuple[Callable[[dict[str, Any]], Any], set[str]]] = {
    "a value that is not the mean": (put(*EN, "nDCG@10", value=0.99), {"mean"}),
    "a value off by 1e-11": (
        lambda v: v["languages"]["en"].update({"R@5": v["languages"]["en"]["R@5"] + 1e-11}),
        {"mean"},
    ),
    "a value above 1": (put(*EN, "nDCG@10", value=1.5), {"range", "mean"}),
    "a value below 0": (put(*EN, "R@5", value=-0.1), {"range", "mean"}),
    "a value that is a text": (put(*EN, "R@5", value=True), {"range", "mean"}),
    "a value taken away": (put(*EN, "R@5", value=None), {"surplus"}),
    "a negative count": (put(*EN, "judged", value=-1), {"range"}),
    "no queries": (put(*EN, "queries", value=0), {"range", "card"}),
    "more scored than asked": (put(*EN, "unanswered", value=1000), {"range"}),
    "fewer queries scored": (put(*EN, "scored", value=47), {"gap"}),
    "a fingerprint that is none": (put(*EN, "fingerprint", value="abc"), {"range", "card"}),
    "another fingerprint": (put(*EN, "fingerprint", value="0" * 64), {"card"}),
    "other counts than the card's": (put(*EN, "documents", value=25), {"card"}),
    "a field of a language that nobody knows": (put(*EN, "rank", value=1), {"unknown field"}),
    "a measure that the entry does not have": (put(*EN, "AP", value=0.5), {"measure"}),
    "a measure that is none": (lambda v: v["measures"].append("Fame@10"), {"measure"}),
    "a saturated measure not told so": (put(*EN, "saturated", value=[]), {"saturated"}),
    "a flag that is none": (put(*EN, "flags", value=[{"check": "nice"}]), {"flag"}),
    "a flag declared expected": (
        put(
            *EN,
            "flags",
            value=[{"check": "equal vectors", "language": "en", "seen": 0.5, "limit": 0.1, "expected": True}],
        ),
        {"flag"},
    ),
    "flags declared expected that no card expects": (
        put(*EN, "recipe", "expected_flags", value=["equal vectors"]),
        {"flag"},
    ),
    "the name of a machine": (put(*EN, "recipe", "hardware", "host", value="box"), {"unknown field"}),
    "a note with a control character": (put(*EN, "note", value="fine\x1b[2J"), {"note"}),
    "a language of another task": (
        lambda v: (v["subsets"].append("xx"), v["languages"].update(xx=v["languages"]["en"])),
        {"card", "gap"},
    ),
    "a language the task does not list": (
        lambda v: v["languages"].update(xx=v["languages"]["en"]),
        {"language", "gap"},
    ),
    "subsets cut to look complete": (put("subsets", value=LANGUAGES), {"card"}),
    "the weights of a branch": (
        put("identity", "system", value={"query": {"weights": {"hub": "a/b", "revision": "main"}}}),
        {"revision", "place"},
    ),
    "weights without a revision": (
        put("identity", "system", value={"query": {"weights": {"hub": "a/b", "revision": None}}}),
        {"revision", "place"},
    ),
    "a tag in the place of a commit": (
        put("identity", "system", value={"query": {"weights": {"hub": "a/b", "revision": "v1.0"}}}),
        {"revision", "place"},
    ),
    "data without a revision": (put(*EN, "recipe", "data", "revision", value="main"), {"revision"}),
    "a system that does not say what it is": (
        put("identity", "system", value={"own": "python:a:b", "fingerprint": None}),
        {"revision", "place"},
    ),
    "a path of somebody's machine": (put(*EN, "recipe", "index", value="/home/ada/index"), {"private"}),
    "an address with a password": (put(*EN, "recipe", "index", value="https://ada:secret@host/x"), {"private"}),
    "a sample": (put(*EN, "recipe", "options", "limit_docs", value=10), {"not for boards"}),
    "data that differ from the pins": (put(*EN, "pins", value="differ"), {"not for boards"}),
    "too few documents retrieved": (put(*EN, "recipe", "k", value=5), {"not for boards"}),
    "another task inside": (put("identity", "task", value="mini-x"), {"place", "card"}),
    "another model inside": (put("identity", "model", value="bm26"), {"place"}),
    "a split that the task lacks": (put("identity", "split", value="train"), {"card"}),
    "a field of a recipe that nobody knows": (put(*EN, "recipe", "host", value="x"), {"unknown field"}),
    "a date that is none": (put(*EN, "recipe", "date", value="yesterday"), {"range"}),
    "a date that has not been yet": (put(*EN, "recipe", "date", value="3026-01-01T00:00:00Z"), {"range"}),
    "a time below zero": (put(*EN, "recipe", "seconds", "search", value=-1.0), {"range"}),
}


@pytest.mark.parametrize("name", SEALED)
def test_edits_that_are_sealed_again(board: Path, name: str) -> None:
    change, checks = SEALED[name]
    edit(board / ENTRY, change, sealed=True)
    # A bare card's file has no hex: another system inside only shows by what it says of itself.
    assert {check for file, check in found(board) if file == ENTRY} == checks - (
        {"place"} if "revision" in checks else set()
    )


def test_a_file_that_is_no_strict_json(board: Path) -> None:
    text = (board / ENTRY).read_text(encoding="utf-8")
    for broken in (
        text[:-10],
        text.replace('"k": 100', '"k": NaN'),
        text.replace('"bare": true', '"bare": 1, "bare": true'),
        text.replace('"k": 100', '"k": 1e999'),
        text.replace('"split": "test"', '"split": "\\ud800"'),
        "[" * 100_000,
    ):
        assert broken != text
        (board / ENTRY).write_text(broken, encoding="utf-8")
        assert (ENTRY, "json") in found(board)


def test_an_entry_in_the_folder_of_another_task(board: Path) -> None:
    for end in (".json", ".parquet"):
        shutil.move(board / f"mini/bm25{end}", board / f"mini-x/copy{end}")
    assert ("mini-x/copy.json", "place") in found(board)


def test_an_entry_that_stands_there_twice(board: Path) -> None:
    for end in (".json", ".parquet"):
        shutil.copy(board / f"mini/bm25{end}", board / f"mini/again{end}")
    assert {("mini/again.json", "place"), ("mini/bm25.json", "duplicate")} <= found(board)


def test_the_command_says_what_and_where(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _code(["board", "verify", "--board", str(board)]) == 0
    assert capsys.readouterr().out == ""
    edit(board / ENTRY, put(*EN, "nDCG@10", value=0.75), sealed=True)
    assert _code(["board", "verify", "--board", str(board)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("mini/bm25.json: mean: en: nDCG@10: the entry says 0.75, its per-query scores give 0.")
    assert _code(["board", "verify", "--board", str(board), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["entries"], told["releases"]) == (2, 1)
    assert {(fault["file"], fault["check"]) for fault in told["faults"]} == {(ENTRY, "mean"), (RELEASE, "release")}
    assert _code(["board", "verify", "--board", str(board / "nowhere")]) == 3
