"""The statistics of a board: who takes part, what is read, and `bench board ranks`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from boards import MEASURE, store
from console import call, rows

from bench.errors import MissingError
from bench.leaderboard.panels import Source, read_columns, read_panel
from bench.perquery import Row, write_rows
from bench.significance.panel import Design
from bench.statistics import board_statistics


def scores(level: float, seed: int, count: int = 120) -> list[float]:
    return list(np.clip(np.random.default_rng(seed).normal(level, 0.15, count), 0, 1))


def board(folder: Path) -> Path:
    """Two systems of one quality, a better one, one on other data, and a partial one."""
    for name, level, seed in (("best", 0.8, 1), ("one", 0.5, 2), ("two", 0.5, 3)):
        store(folder, name, {"x": scores(level, seed), "y": scores(level, seed + 10)})
    store(folder, "partial", {"x": scores(0.8, 4)}, subsets=("x", "y"))
    return folder


def systems(found: dict[str, Any]) -> dict[str, Any]:
    return {row["model"]: row for row in found["systems"]}


def test_groups_ranks_and_intervals(tmp_path: Path) -> None:
    found = board_statistics(board(tmp_path), "t", MEASURE)
    assert (found["task"], found["measure"], found["unit"], found["notes"]) == ("t", MEASURE, "question", [])
    by = systems(found)
    assert {name: (row["mean"] or {}).get("ranks") for name, row in by.items()} == {
        "best": [1, 1], "one": [2, 3], "two": [2, 3], "partial": None,
    }  # fmt: skip
    assert by["one"]["mean"]["groups"] == by["two"]["mean"]["groups"] == ["b"]
    assert by["partial"]["unranked"] == "partial 1/2"
    # In the language that it has it takes part.
    assert by["partial"]["languages"]["x"]["ranks"] == by["best"]["languages"]["x"]["ranks"] == [1, 2]
    assert set(by["partial"]["languages"]) == {"x"}
    mean = by["best"]["mean"]
    assert mean["value"] == pytest.approx(np.mean([np.mean(scores(0.8, 1)), np.mean(scores(0.8, 11))]), abs=1e-12)
    low, high = mean["interval"]
    assert high - low == pytest.approx(2 * 1.96 * 0.14 / np.sqrt(240), rel=0.15)
    json.dumps(found, allow_nan=False)


def test_a_flagged_system_stands_outside_with_an_interval(tmp_path: Path) -> None:
    board(tmp_path)
    path = tmp_path / "t" / "best.json"
    stated = json.loads(path.read_text())
    flag = {"check": "equal_vectors", "language": "x", "seen": 0.9, "limit": 0.5, "expected": False}
    stated["languages"]["x"]["flags"] = [flag]
    path.write_text(json.dumps(stated))
    by = systems(board_statistics(tmp_path, "t", MEASURE))
    assert by["best"]["unranked"].startswith("flagged: equal_vectors")
    assert (by["best"]["mean"]["ranks"], by["best"]["mean"]["groups"]) == (None, [])
    assert by["best"]["mean"]["interval"][0] > 0.7
    assert by["best"]["languages"]["y"]["ranks"] is None
    assert by["one"]["mean"]["ranks"] == [1, 2]


def test_other_data_are_left_out_and_said(tmp_path: Path) -> None:
    board(tmp_path)
    store(tmp_path, "elsewhere", {"x": scores(0.9, 7), "y": scores(0.9, 8)}, fingerprint="other")
    store(tmp_path, "fewer", {"x": scores(0.9, 7, 119), "y": scores(0.9, 8)})
    found = board_statistics(tmp_path, "t", MEASURE)
    assert found["notes"] == [
        "elsewhere: measured on other data in x, y: left out there",
        "fewer: x: other queries than the rest: left out there",
    ]
    by = systems(found)
    assert (by["elsewhere"]["mean"], by["elsewhere"]["languages"]) == (None, {})
    assert (by["fewer"]["mean"], list(by["fewer"]["languages"])) == (None, ["y"])
    assert by["best"]["mean"]["ranks"] == [1, 1]


def test_ranks_as_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = call(capsys, "board", "ranks", "--task", "t", "--board", board(tmp_path))
    assert outcome.code == 0
    title, head, *table = rows(outcome.out)
    assert (title, head) == (
        [f"t, {MEASURE}, mean over the languages"],
        ["system", "value", "interval", "ranks", "groups"],
    )
    assert [[row[0], *row[3:]] for row in table] == [["best", "1", "a"], ["one", "2-3", "b"], ["two", "2-3", "b"]] or [
        row[0] for row in table
    ] == ["best", "two", "one"]
    assert "partial: not ranked: partial 1/2" in outcome.err
    outcome = call(capsys, "board", "ranks", "--task", "t", "--lang", "x", "--board", tmp_path, "--json")
    assert json.loads(outcome.out) == board_statistics(tmp_path, "t", MEASURE)
    for option, code in (
        (("--task", "u"), 2),
        (("--task", "t", "--lang", "q"), 2),
        (("--task", "t", "--measure", "P"), 2),
    ):
        assert call(capsys, "board", "ranks", *option, "--board", tmp_path).code == code
    assert call(capsys, "board", "ranks", "--task", "t", "--board", tmp_path / "none").code == 3


# Reading


def test_columns_are_read_in_the_order_of_the_queries_without_slices(tmp_path: Path) -> None:
    path = tmp_path / "s.parquet"
    table = [
        Row("b", "x", MEASURE, 0.5),
        Row("a", "x", MEASURE, 1.0),
        Row("a", "y", MEASURE, 0.0),
        Row("a", "x", "R@5", 0.25),
    ]
    write_rows(path, [*table, Row("a", "x", MEASURE, 0.75, "group")])
    found = read_columns(path, MEASURE)
    assert {code: (c.queries.to_pylist(), c.values.tolist()) for code, c in found.items()} == {
        "x": (["a", "b"], [1.0, 0.5]),
        "y": (["a"], [0.0]),
    }
    shuffled = pq.read_table(path).drop_columns("slice").slice(0, 2).take([1, 0])
    pq.write_table(shuffled, path)
    (column,) = read_columns(path, shuffled["measure"][0].as_py()).values()
    assert column.queries.to_pylist() == sorted(column.queries.to_pylist())
    assert read_columns(path, "RR") == {}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([Row("a", "x", MEASURE, 1.5)], "outside"),
        ([Row("a", "x", MEASURE, float("nan"))], "outside"),
        ([Row("a", "x", MEASURE, 0.5), Row("a", "x", MEASURE, 0.5)], "twice"),
    ],
)
def test_damaged_scores_are_refused(table: list[Row], message: str, tmp_path: Path) -> None:
    write_rows(tmp_path / "s.parquet", table)
    with pytest.raises(MissingError, match=message):
        read_columns(tmp_path / "s.parquet", MEASURE)
    (tmp_path / "s.parquet").write_bytes(b"PAR1")
    with pytest.raises(MissingError, match="cannot read"):
        read_columns(tmp_path / "s.parquet", MEASURE)
    with pytest.raises(MissingError, match="cannot read"):
        read_columns(tmp_path / "none.parquet", MEASURE)


def test_a_panel_has_its_languages_in_the_order_asked_for(tmp_path: Path) -> None:
    paths = [store(tmp_path, name, {"x": [0.1, 0.2], "y": [0.3]}).with_suffix(".parquet") for name in ("a", "b")]
    sources = [Source("a", paths[0], frozenset("xy")), Source("b", paths[1], frozenset("x"))]
    panel, notes = read_panel(sources, MEASURE, ["y", "x", "z"], Design(), np.float64)
    assert ([one.code for one in panel.languages], notes) == (["y", "x"], [])
    assert panel.means == pytest.approx(np.array([[0.3, np.nan], [0.15, 0.15]]), nan_ok=True)
    assert [one.code for one in panel.complete().languages] == ["x"]
