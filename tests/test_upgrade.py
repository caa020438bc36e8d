"""Older formats are brought to the present one step by step, in memory and on disk, and no digest changes on the way."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from bench import api
from bench.cli import _code
from bench.errors import InputError
from bench.leaderboard import read_entry, upgrade_files
from bench.leaderboard.releases import entry_of, make_release, read_release
from bench.leaderboard.upgrade import STEPS, outdated, upgraded
from bench.leaderboard.verify import verify


def older(value: dict[str, Any]) -> dict[str, Any]:
    """An entry as a format 0 might have had it: languages as a list, `system` called `method`, no checksum."""
    old = copy.deepcopy(value)
    old["format"] = 0
    old["identity"]["method"] = old["identity"].pop("system")
    old["results"] = [{"language": code} | block for code, block in old.pop("languages").items()]
    del old["checksum"]
    return old


def from_0(value: dict[str, Any]) -> dict[str, Any]:
    new = {key: item for key, item in value.items() if key != "results"}
    identity = {"system" if key == "method" else key: item for key, item in value["identity"].items()}
    blocks = {block["language"]: {k: v for k, v in block.items() if k != "language"} for block in value["results"]}
    return new | {"format": 1, "identity": identity, "languages": blocks}


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STEPS, 0, from_0)


@pytest.fixture
def board(tmp_path: Path) -> Path:
    board = tmp_path / "board"
    api.run("bm25", "mini", ["en", "sw"], cache=tmp_path / "cache", board=board, output=tmp_path / "out")
    return board


def rewrite(path: Path) -> None:
    path.write_text(json.dumps(older(json.loads(path.read_text(encoding="utf-8")))), encoding="utf-8")


def test_an_older_entry_reads_as_the_present_one(board: Path, step: None) -> None:
    path = board / "mini" / "bm25.json"
    before = read_entry(path)
    rewrite(path)
    assert read_entry(path) == before
    assert read_entry(path).digest == before.digest


def test_the_command_writes_the_present_format_and_breaks_no_digest(board: Path, step: None, tmp_path: Path) -> None:
    path = board / "mini" / "bm25.json"
    text = path.read_bytes()
    make_release(board, "2026.11")
    frozen = (board / "releases" / "2026.11.json").read_bytes()
    rewrite(path)
    assert {fault.check for fault in verify(board).faults} == {"shape"}, "the old file has no checksum"
    row = read_release(board, "2026.11").entries[0]
    assert entry_of(board, row)[0] == path
    assert _code(["board", "upgrade", "--board", str(board)]) == 0
    assert json.loads(path.read_bytes()) == json.loads(text)
    assert (board / "releases" / "2026.11.json").read_bytes() == frozen
    assert verify(board).faults == []
    assert upgrade_files(board) == [], "there is nothing left to do"


def test_a_run_goes_on_with_an_older_entry(board: Path, step: None, tmp_path: Path) -> None:
    path = board / "mini" / "bm25.json"
    rewrite(path)
    api.run("bm25", "mini", ["th"], cache=tmp_path / "cache", board=board, output=tmp_path / "out")
    assert list(read_entry(path).languages) == ["en", "sw", "th"]
    assert json.loads(path.read_text(encoding="utf-8"))["format"] == 1


def test_steps_follow_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STEPS, -1, lambda value: {"format": 0, "a": value["b"] + 1})
    monkeypatch.setitem(STEPS, 0, lambda value: {"format": 1, "c": value["a"] * 10})
    assert upgraded({"format": -1, "b": 3}, "here") == {"format": 1, "c": 40}
    assert [outdated({"format": form}) for form in (-1, 0, 1, 2, None)] == [True, True, False, False, False]
    with pytest.raises(InputError, match=r"here: not an object of format -1: KeyError\('b'\)"):
        upgraded({"format": -1}, "here")


def test_newer_formats_are_refused_with_the_version_that_wrote_them() -> None:
    def entry(*versions: str) -> dict[str, Any]:
        blocks = {f"l{i}": {"recipe": {"versions": {"bench": text}}} for i, text in enumerate(versions)}
        return {"format": 7, "languages": blocks}

    told = "here: format: expected 1, found 7: it needs another version of bench"
    for value, message in (
        (entry("0.9.0", "0.10.0"), f"{told} (bench 0.10.0 wrote it)"),
        ({"format": 7, "bench": "2.0"}, f"{told} (bench 2.0 wrote it)"),
        ({"format": 7, "languages": "?"}, told),
        ({"format": "1"}, "here: format: expected 1, found '1': it needs another version of bench"),
        ({"format": True}, "here: format: expected 1, found True: it needs another version of bench"),
        ([], "here: format: expected 1, found None: it needs another version of bench"),
    ):
        with pytest.raises(InputError) as caught:
            upgraded(value, "here")
        assert str(caught.value) == message
