"""`bench compare A B` as a user meets it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from boards import store
from console import call, heavy_imports, rows

from bench.leaderboard import entries

BOARD = Path(__file__).parents[1] / "leaderboards"


def two(board: Path) -> None:
    store(board, "old", {"x": [0.0, 0.5, 1.0, 0.25], "y": [0.5] * 4, "z": [1.0, 0.0]})
    store(board, "new", {"x": [1.0, 0.5, 0.5, 0.5], "y": [1.0] * 4}, subsets=("x", "y", "z"))


def test_a_comparison_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two(tmp_path)
    outcome = call(capsys, "compare", "old", "new", "--board", tmp_path, "--moved", 2, "--json")
    assert outcome.code == 0
    (found,) = json.loads(outcome.out)
    assert (found["task"], found["measure"], found["unit"]) == ("t", "nDCG@10", "question")
    assert (found["a"]["model"], found["b"]["model"]) == ("old", "new")
    x, y = found["languages"]["x"], found["languages"]["y"]
    assert (x["a"], x["b"], x["difference"]) == (0.4375, 0.625, 0.1875)
    assert (x["wins"], x["ties"], x["losses"]) == (2, 1, 1)
    assert x["moved"] == [{"query": "q000", "a": 0.0, "b": 1.0}, {"query": "q002", "a": 1.0, "b": 0.5}]
    # 6 of 8 patterns of signs of 1, -.5, .25 are as extreme, 2 of 16 of four equal ones; Holm doubles the smaller.
    assert (x["p"], y["p"], x["p_holm"], y["p_holm"]) == (6 / 8, 2 / 16, 6 / 8, 2 / 8)
    assert (y["interval"], y["wins"]) == ([0.5, 0.5], 4)
    assert found["mean"]["difference"] == pytest.approx((0.1875 + 0.5) / 2)
    assert (found["mean"]["languages"], found["mean"]["of"]) == (2, 3)
    assert (found["only_a"], found["only_b"]) == (["z"], [])
    assert found["notes"] == ["over the 2 of 3 languages that are compared alone, the means too"]


def test_a_comparison_as_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two(tmp_path)
    outcome = call(capsys, "compare", "old", "new", "--board", tmp_path)
    title, *table = rows(outcome.out)
    assert title == ["t, nDCG@10: A old, B new"]
    assert table[0] == ["language", "A", "B", "B - A", "interval", "p", "wins", "ties", "losses", "moved most"]
    assert table[2][:6] == ["y", "0.5000", "1.0000", "+0.5000", "+0.5000 +0.5000", "0.25"]
    assert table[3][0] == "mean of 2"
    assert "only A has z: left out" in outcome.err
    assert "over the 2 of 3 languages" in outcome.err


def test_parallel_tasks_are_compared_by_clusters_of_questions(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = call(capsys, "compare", "bm25", "me5-small-q4", "--task", "mini", "--board", BOARD, "--json")
    (found,) = json.loads(outcome.out)
    assert found["unit"] == "cluster, all languages together"
    stored = {entry.identity["model"]: entry for _, entry in entries(BOARD) if entry.identity["task"] == "mini"}
    for key, model in (("a", "bm25"), ("b", "me5-small-q4")):
        for code, block in stored[model].languages.items():
            assert found["languages"][code][key] == pytest.approx(block["nDCG@10"], abs=1e-12)
    low, high = found["mean"]["interval"]
    assert low < found["mean"]["difference"] < high
    # 24 clusters move together: all swaps that give as much are two of 2 ** 24, less than draws can show.
    assert found["mean"]["p"] <= 2e-4


def test_entries_are_named_by_model_file_or_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = store(tmp_path / "board", "rrf(a, b)", {"x": [0.0, 1.0]}, bare=False)
    store(tmp_path / "board", "a", {"x": [1.0, 1.0]})
    folder = tmp_path / "results" / "t" / path.stem
    folder.mkdir(parents=True)
    shutil.copy(path, folder / "entry.json")
    shutil.copy(path.with_suffix(".parquet"), folder / "scores.parquet")
    for name in ("rrf(a, b)", path.stem, folder):
        outcome = call(capsys, "compare", "a", name, "--board", tmp_path / "board", "--json")
        (found,) = json.loads(outcome.out)
        assert (found["b"]["model"], found["languages"]["x"]["difference"]) == ("rrf(a, b)", -0.5)


def test_an_unknown_name_is_answered_with_near_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two(tmp_path)
    outcome = call(capsys, "compare", "old", "mew", "--board", tmp_path)
    assert outcome.code == 2
    assert outcome.err == f"bench: unknown entry 'mew': did you mean 'new'? (bench board show --board {tmp_path})\n"
    assert call(capsys, "compare", "old", "new", "--board", tmp_path, "--task", "u").code == 2
    outcome = call(capsys, "compare", "old", "new", "--board", tmp_path, "--lang", "z")
    assert (outcome.code, "both have x, y" in outcome.err) == (2, True)


def test_one_model_with_two_entries_has_to_be_named_by_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two(tmp_path)
    other = store(tmp_path, "new", {"x": [0.0] * 4}, bare=False, dtype="float16")
    outcome = call(capsys, "compare", "old", "new", "--board", tmp_path)
    assert outcome.code == 2
    assert f"'new' has 2 entries on t: name one of new--{other.stem[-8:]}, new" in outcome.err
    assert call(capsys, "compare", "old", other.stem, "--board", tmp_path).code == 0


def test_nothing_in_common(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(tmp_path, "a", {"x": [0.0, 1.0]})
    store(tmp_path, "b", {"y": [0.0, 1.0]})
    store(tmp_path, "c", {"x": [0.0, 1.0]}, task="u")
    store(tmp_path, "d", {"x": [0.0, 1.0]}, fingerprint="other")
    store(tmp_path, "e", {"x": {"q000": 1.0, "q999": 0.0}})
    for name, message in (
        ("b", "no language in common"),
        ("c", "a has t and c has u"),
        ("d", "no language"),
        ("e", "other queries"),
    ):
        outcome = call(capsys, "compare", "a", name, "--board", tmp_path)
        assert (outcome.code, message in outcome.err) == (3, True), outcome.err
    assert call(capsys, "compare", "a", "a", "--board", tmp_path, "--measure", "R@5").code == 3
    assert call(capsys, "compare", "a", "a", "--board", tmp_path, "--measure", "R").code == 2


def test_comparing_loads_no_model_library(tmp_path: Path) -> None:
    two(tmp_path)
    assert set(heavy_imports("compare", "old", "new", "--board", tmp_path)) <= {"pyarrow", "scipy", "pandas"}
