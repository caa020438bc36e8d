"""A clean board of two entries and a release, damage to its JSON, and what `bench board verify` finds of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import api
from bench.entry import Entry
from bench.judgments import Judgments
from bench.leaderboard.releases import make_release
from bench.leaderboard.verify import Verified, verify
from bench.leaderboard.verify.faults import CHECKS
from bench.places import Places
from bench.registry import Registry

LANGUAGES = ["en", "sw", "th"]
MEASURES = ["nDCG@10", "R@5", "R@100"]
ENTRY = "mini/bm25.json"
SCORES = "mini/bm25.parquet"
RELEASE = "releases/2026.11.json"
EN = ("languages", "en")


def make_board(folder: Path) -> Path:
    """A folder with a board of two entries and a release, and the results they came from."""
    places: dict[str, Any] = {"cache": folder / "cache", "board": folder / "board", "output": folder / "results"}
    api.run("bm25", "mini", LANGUAGES, **places)
    api.run("bm25", "mini-x", ["fr", "ja"], **places)
    make_release(folder / "board", "2026.11")
    return folder


def known(judged: bool = False) -> Judgments:
    return Judgments(Registry(), Places(None, Path("nowhere"), offline=True), judged=judged)


def checked(board: Path, *, runs: bool = False) -> Verified:
    return verify(board, known(judged=runs), board.parent / "results" if runs else None)


def found(board: Path, *, runs: bool = False) -> set[tuple[str, str]]:
    done = checked(board, runs=runs)
    assert {fault.check for fault in done.faults} <= set(CHECKS)
    return {(fault.file, fault.check) for fault in done.faults}


def edit(path: Path, change: Callable[[dict[str, Any]], Any], *, sealed: bool = False) -> None:
    """Change a JSON file; `sealed` writes derived fields and checksum anew: then another check must find it."""
    value = json.loads(path.read_text(encoding="utf-8"))
    change(value)
    if sealed:
        value = Entry.from_dict(value, "").as_dict()
    path.write_text(json.dumps(value), encoding="utf-8")


def put(*keys: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(tree: Any) -> None:
        for key in keys[:-1]:
            tree = tree[key]
        tree[keys[-1]] = value

    return change


def drop(*keys: Any) -> Callable[[dict[str, Any]], None]:
    def change(tree: Any) -> None:
        for key in keys[:-1]:
            tree = tree[key]
        del tree[keys[-1]]

    return change
