"""`bench board verify` finds damage to what lies beside entries: releases, noise floors, files that do not belong there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from verifying import ENTRY, MEASURES, RELEASE, SCORES, checked, drop, edit, found, put

from bench.leaderboard import read_entry
from bench.leaderboard.releases import parsed_release


def test_one_half_of_an_entry_alone(board: Path) -> None:
    (board / SCORES).unlink()
    shutil.copy(board / "mini-x/bm25.parquet", board / "mini-x/lost.parquet")
    assert found(board) == {(ENTRY, "scores missing"), ("mini-x/lost.parquet", "scores missing")}


def test_files_that_do_not_belong_there(board: Path) -> None:
    (board / "mini" / ".bm25.json.x.part").write_text("{")
    (board / "mini" / "notes.txt").write_text("")
    (board / "mini" / "noise").mkdir()
    (board / "mini" / "noise" / "gone.json").write_text("{}")
    (board / "x.csv").write_text("")
    shutil.move(board / "mini-x" / "bm25.parquet", board.parent / "bm25.parquet")
    (board / "mini-x" / "bm25.parquet").symlink_to(board.parent / "bm25.parquet")
    strays = {".bm25.json.x.part", "notes.txt", "noise/gone.json"}
    here = {(f"mini/{name}", "stray") for name in strays}
    assert found(board) == {*here, ("x.csv", "stray"), ("mini-x/bm25.parquet", "stray")}


FLOORS: dict[str, tuple[Any, set[str]]] = {
    "as it is stored": ({}, set()),
    "of another identity": ({"id": "00000000"}, {"noise"}),
    "so high that every drop passes": ({"differences": {m: {"en": 1.0} for m in MEASURES}}, {"noise"}),
    "below zero": ({"differences": {m: {"en": -0.1} for m in MEASURES}}, {"noise"}),
    "of another language": ({"differences": {m: {"xx": 0.0} for m in MEASURES}}, {"noise"}),
    "without the main measure": ({"differences": {m: {"en": 0.0} for m in MEASURES[1:]}}, {"noise"}),
    "with a field that nobody knows": ({"score": 1}, {"noise"}),
    "no object": ({"differences": []}, {"noise"}),
    "of a newer format": ({"format": 2}, {"format"}),
}


@pytest.mark.parametrize("name", FLOORS)
def test_noise_floors(board: Path, name: str) -> None:
    change, checks = FLOORS[name]
    floor = {"format": 1, "id": read_entry(board / ENTRY).hex, "differences": {m: {"en": 0.001} for m in MEASURES}}
    (board / "mini" / "noise").mkdir()
    (board / "mini" / "noise" / "bm25.json").write_text(json.dumps(floor | change))
    assert {check for _, check in found(board)} == checks


def test_a_release_that_was_edited(board: Path) -> None:
    edit(board / RELEASE, put("entries", 0, "result", "languages", "en", "nDCG@10", value=0.99))
    assert found(board) == {(RELEASE, "digest"), (RELEASE, "derived"), (RELEASE, "release")}


def test_a_release_whose_date_was_edited_or_that_bears_another_name(board: Path) -> None:
    edit(board / RELEASE, put("date", value="2020-01-01T00:00:00Z"))
    assert found(board) == {(RELEASE, "digest")}
    (board / RELEASE).rename(board / "releases" / "2026.12.json")
    assert ("releases/2026.12.json", "place") in found(board)


def test_a_release_that_names_what_is_not_there(board: Path) -> None:
    shutil.rmtree(board / "mini-x")
    done = checked(board)
    assert [(fault.file, fault.check) for fault in done.faults] == [(RELEASE, "release")]
    assert "no entry has these numbers any more" in done.faults[0].message


def test_a_release_that_is_broken_or_newer(board: Path) -> None:
    edit(board / RELEASE, drop("entries"))
    assert found(board) == {(RELEASE, "release")}
    edit(board / RELEASE, put("format", value=9))
    assert found(board) == {(RELEASE, "format")}


def test_a_release_whose_result_says_other_than_its_identity(board: Path) -> None:
    for key, value in (("model", "another"), ("complete", True), ("partial", "18/18")):
        whole = json.loads((board / RELEASE).read_text())
        for row in whole["entries"]:
            row["result"][key] = value
        (board / RELEASE).write_text(json.dumps(parsed_release(whole, "").as_dict()))
        assert found(board) == {(RELEASE, "derived")}, key
