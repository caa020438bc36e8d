"""The cache as a user sees it: what lies in it, what may go, and what is never touched."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from console import Outcome, call, rows
from filelock import FileLock
from toy import Toy

import bench
from bench.errors import InputError
from bench.pruning import parse_age

DAY = 86400


class Second(Toy):
    fingerprint = "second 1"


NAMES = ["python:toy:Toy", "python:test_cache:Second"]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache after runs of two models, with a download, replies, and what killed processes leave."""
    cache = tmp_path / "cache"
    for model in (Toy(), Second()):
        bench.run(model, "mini", ["en"], cache=cache)
    put(cache / "downloads" / "miracl" / "0123456789ab" / "miracl" / "docs.jsonl.gz", 5000)
    put(cache / "replies" / "probes.sqlite", 700)
    put(cache / "work" / "tmpabcdefgh" / "ids.bin", 300)
    put(cache / "work" / "tmpabcdefgh" / "lock", 0)
    vectors = next(path for path in (cache / "vectors").iterdir() if path.name != ".locks")
    for stale in (vectors / f".{'1' * 64}.npy.x8y7z6w5.part", vectors / f"{'2' * 64}.npy"):
        put(stale, 40)
        aged(stale, 2 * DAY)
    put(vectors / f".{'3' * 64}.npy.a8b7c6d5.part", 40)  # Somebody writes this one now.
    put(cache / "downloads" / "miracl" / "0123456789ab" / "topics.tsv.part", 60)  # This one can go on.
    return cache


def put(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)


def aged(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    for inner in [path, *path.rglob("*")] if path.is_dir() else [path]:
        os.utime(inner, (then, then))


def files(folder: Path) -> dict[str, int]:
    """Every file with its size, without locks."""
    there = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".lock"))
    return {str(path.relative_to(folder)): path.stat().st_size for path in there}


@pytest.fixture
def verb(capsys: pytest.CaptureFixture[str], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)  # No board there.

    def call_verb(name: str, *arguments: object) -> Outcome:
        return call(capsys, "cache", name, "--cache", cache, *arguments)

    return call_verb


def listed(outcome: Outcome) -> dict[str, Any]:
    assert outcome.code == 0, outcome.err
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def test_the_list_counts_every_byte_once(verb: Any, cache: Path) -> None:
    found = listed(verb("list", "--json"))
    kinds = [row["kind"] for row in found["holdings"]]
    wanted = {"vectors": 4, "downloads": 1, "results": 1, "replies": 1, "unfinished": 1, "temporary": 2}
    assert {kind: kinds.count(kind) for kind in set(kinds)} == wanted
    own = files(cache)
    living = sum(n for name, n in own.items() if name.endswith(".part") and "3333" in name)
    assert found["bytes"] == sum(row["bytes"] for row in found["holdings"]) == sum(own.values()) - living
    vectors = [row for row in found["holdings"] if row["kind"] == "vectors"]
    assert sorted((row["models"], row["side"], row["count"]) for row in vectors) == sorted(
        ([name], side, 1) for name in NAMES for side in ("query", "document")
    )
    for row in vectors:
        assert row["bytes"] == sum(
            n for name, n in own.items() if name.startswith(row["name"]) and "/." not in name and "2222" not in name
        )
    (results,) = (row for row in found["holdings"] if row["kind"] == "results")
    assert (results["name"], results["count"]) == ("results/mini", 2)
    (unfinished,) = (row for row in found["holdings"] if row["kind"] == "unfinished")
    assert (unfinished["name"], unfinished["alive"], unfinished["bytes"]) == ("work/tmpabcdefgh", False, 300)


def test_the_list_as_a_table(verb: Any, cache: Path) -> None:
    outcome = verb("list")
    table = rows(outcome.out)
    assert table[0] == ["kind", "size", "count", "last used", "what"]
    assert any(
        line[0] == "vectors" and line[4].startswith("documents by python:toy:Toy (en): vectors/")
        for line in table[1:-1]
    )
    assert outcome.out.splitlines()[-1].endswith(f" in {cache}")


def test_an_empty_cache(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert call(capsys, "cache", "list", "--cache", nowhere) == Outcome(0, f"0 B in {nowhere}\n", "")
    assert call(capsys, "cache", "prune", "--cache", nowhere, "--yes").out == f"0 B removed from {nowhere}\n"
    assert not nowhere.exists()


def test_only_leftovers_go_unasked_and_only_with_yes(verb: Any, cache: Path) -> None:
    before = files(cache)
    dry = verb("prune")
    assert (dry.code, files(cache)) == (0, before)
    assert "nothing was removed: --yes does it\n" in dry.err
    gone = listed(verb("prune", "--json"))
    assert (gone["removed"], gone["bytes"], files(cache)) == (False, 380, before)
    done = listed(verb("prune", "--yes", "--json"))
    assert (done["removed"], done["bytes"]) == (True, 380)
    assert [item["name"] for item in done["items"]] == [item["name"] for item in gone["items"]]
    lost = {name for name in before if name not in files(cache)}
    assert {(Path(name).name[:4], before[name]) for name in lost} == {
        (".111", 40),
        ("2222", 40),
        ("ids.", 300),
        ("lock", 0),
    }
    assert listed(verb("prune", "--yes", "--json"))["items"] == []


def test_what_was_not_used_for_a_month(verb: Any, cache: Path) -> None:
    old = sorted(path for path in cache.glob("vectors/*/*") if "2222" not in path.name and "x8y7" not in path.name)
    shard = old[0].stem
    for path in (path for path in old if path.stem == shard):
        aged(path, 31 * DAY)
    listed(verb("prune", "--yes", "--json"))
    before = files(cache)
    done = listed(verb("prune", "--older-than", "30d", "--yes", "--json"))
    assert set(before) - set(files(cache)) == {name for name in before if shard in name}
    assert [(item["kind"], item["count"], item["reason"]) for item in done["items"]] == [
        ("vectors", 1, "not used for 30 days")
    ]
    aged(cache / "downloads" / "miracl" / "0123456789ab", 31 * DAY)
    aged(cache / "results", 31 * DAY)
    done = listed(verb("prune", "--older-than", "30d", "--yes", "--json"))
    assert [(item["kind"], item["bytes"]) for item in done["items"]] == [("downloads", 5060)]
    assert not (cache / "downloads" / "miracl" / "0123456789ab").exists()
    assert len(list(cache.glob("results/mini/*/entry.json"))) == 2, "results stay"
    assert (cache / "replies" / "probes.sqlite").exists()


def test_the_vectors_of_one_model(verb: Any, cache: Path) -> None:
    listed(verb("prune", "--yes", "--json"))
    done = listed(verb("prune", "--model", "python:toy:Toy", "--yes", "--json"))
    assert [item["models"] for item in done["items"]] == [["python:toy:Toy"]] * 2
    left = [row["models"] for row in listed(verb("list", "--json"))["holdings"] if row["kind"] == "vectors"]
    assert left == [["python:test_cache:Second"]] * 2
    result = bench.run(Second(), "mini", ["en"], cache=cache)
    assert result["vectors"]["encoded"] == 0
    assert bench.run(Toy(), "mini", ["en"], cache=cache)["vectors"]["reused"] == 0


def test_vectors_that_no_entry_was_made_with(verb: Any, cache: Path, tmp_path: Path) -> None:
    listed(verb("prune", "--yes", "--json"))
    assert listed(verb("prune", "--unused", "--json"))["items"] == []
    entry = next(path for path in cache.glob("results/mini/*/entry.json") if "second" in str(path))
    board = tmp_path / "board" / "mini"
    board.mkdir(parents=True)
    entry.rename(board / "second.json")
    assert listed(verb("prune", "--unused", "--board", tmp_path / "board", "--json"))["items"] == []
    alone = listed(verb("prune", "--unused", "--board", tmp_path / "none", "--json"))["items"]
    assert [(item["side"], item["reason"]) for item in sorted(alone, key=lambda item: item["side"])] == [
        ("document", "no entry was made with them"),
        ("query", "no entry was made with them"),
    ]
    # All conditions have to hold.
    assert (
        listed(verb("prune", "--unused", "--older-than", "1d", "--board", tmp_path / "none", "--json"))["items"] == []
    )


@pytest.mark.parametrize(
    "lock",
    ["work/tmpabcdefgh/lock", f"vectors/.locks/{'4' * 64}.lock", "downloads/miracl/0123456789ab/.topics.tsv.lock"],
)
def test_nothing_goes_while_a_process_is_at_work(lock: str, verb: Any, cache: Path) -> None:
    before = files(cache)
    with FileLock(cache / lock):
        outcome = verb("prune", "--older-than", "0d", "--yes")
        assert (outcome.code, outcome.out) == (4, "")
        assert f"a process is at work in this cache ({lock} is locked); nothing was removed" in outcome.err
        assert files(cache) == before
    assert verb("prune", "--yes").code == 0


def test_nothing_outside_is_touched(verb: Any, cache: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    for name in ("0123456789abcdef/" + "5" * 64 + ".json", "0123456789abcdef/" + "5" * 64 + ".npy", "deadbeef0123/x"):
        put(outside / name, 10)
    (cache / "vectors" / "fedcba9876543210").symlink_to(outside / "0123456789abcdef")
    (cache / "downloads" / "linked").symlink_to(outside)
    (cache / "work" / "tmpzzzzzzzz").symlink_to(outside)
    aged(outside, 100 * DAY)
    there = files(outside)
    verb("prune", "--older-than", "0d", "--yes")
    assert files(outside) == there
    assert [path.parent.name for path in cache.glob("vectors/*/*.npy")] == ["fedcba9876543210"]


def test_a_folder_that_is_no_cache_keeps_its_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name in ("downloads/holiday/photos.zip", "vectors/art/logo.npy", "work/thesis/lock", "results/2025/table.csv"):
        put(tmp_path / name, 10)
    aged(tmp_path, 400 * DAY)
    before = files(tmp_path)
    outcome = call(capsys, "cache", "prune", "--cache", tmp_path, "--older-than", "1d", "--unused", "--yes")
    assert outcome.code == 0
    assert call(capsys, "cache", "prune", "--cache", tmp_path, "--older-than", "1d", "--yes").code == 0
    assert files(tmp_path) == before


@pytest.mark.parametrize(("text", "seconds"), [("30d", 30 * DAY), ("12h", DAY / 2), ("2w", 14 * DAY)])
def test_ages(text: str, seconds: float) -> None:
    assert parse_age(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "d", "-3d", "1.5d", "3 months"])
def test_ages_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="expected an age such as 30d, 12h or 2w"):
        parse_age(text)
